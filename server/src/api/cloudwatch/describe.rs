//! Groups, streams and tags.

use super::{bad_token, limit, millis};
use crate::ingest::cloudwatch::envelope::{Failure, read, required};
use crate::ingest::cloudwatch::names::{group_arn, group_name, group_of};
use crate::ingest::cloudwatch::put::SEQUENCE_TOKEN;
use crate::store::{LogProblem, LogStore};
use model::log::{Group, Stream};
use model::time::Nanos;
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Groups {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_group_identifiers: Option<Vec<String>>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// `DescribeLogGroups`
pub async fn groups(logs: &dyn LogStore, region: &str, body: &[u8]) -> Result<Value, Failure> {
    page_of_groups(logs, read(body)?, 50, |group| described(group, region)).await
}

/// `ListLogGroups`: the same with less of each. Its pattern is one of regular expressions, of which only plain texts are understood.
pub async fn list_groups(logs: &dyn LogStore, region: &str, body: &[u8]) -> Result<Value, Failure> {
    let list =
        |group: &Group| json!({"logGroupName": group.name, "logGroupArn": group_arn(region, &group.name), "logGroupClass": "STANDARD"});
    page_of_groups(logs, read(body)?, 1000, list).await
}

async fn page_of_groups(logs: &dyn LogStore, asked: Groups, most: u32, show: impl Fn(&Group) -> Value) -> Result<Value, Failure> {
    if asked.log_group_name_prefix.is_some() && asked.log_group_name_pattern.is_some() {
        let message = "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.";
        return Err(Failure::invalid(message));
    }
    let limit = limit(asked.limit, 50, most)?;
    let after = asked.next_token.as_deref().map(|token| token.strip_prefix("after/").ok_or_else(bad_token)).transpose()?;
    let pattern = asked.log_group_name_pattern.map(|pattern| pattern.to_lowercase());
    let named = asked.log_group_identifiers.unwrap_or_default();
    let mut groups = logs.log_groups().await?;
    groups.retain(|group| {
        let name = &group.name;
        asked.log_group_name_prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix))
            && pattern.as_ref().is_none_or(|pattern| name.to_lowercase().contains(pattern))
            && (named.is_empty() || named.iter().any(|identifier| group_of(identifier) == name))
            && after.is_none_or(|after| &**name > after)
    });
    let more = groups.len() > limit as usize;
    groups.truncate(limit as usize);
    let mut answer = json!({"logGroups": groups.iter().map(show).collect::<Vec<_>>()});
    if let Some(last) = groups.last().filter(|_| more) {
        answer["nextToken"] = json!(format!("after/{}", last.name));
    }
    Ok(answer)
}

fn described(group: &Group, region: &str) -> Value {
    let arn = group_arn(region, &group.name);
    let mut value = json!({
        "logGroupName": group.name,
        "arn": format!("{arn}:*"),
        "logGroupArn": arn,
        "creationTime": millis(group.created),
        "metricFilterCount": 0,
        "storedBytes": group.bytes,
        "logGroupClass": "STANDARD",
        "deletionProtectionEnabled": false,
    });
    if let Some(days) = group.retention_days {
        value["retentionInDays"] = json!(days);
    }
    value
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Streams {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: Option<bool>,
    next_token: Option<String>,
    limit: Option<i64>,
}

/// The group of a request that may name it in two ways.
pub fn one_group(name: Option<String>, identifier: Option<String>) -> Result<String, Failure> {
    if name.is_some() && identifier.is_some() {
        let message = "LogGroup name and LogGroup ARN are mutually exclusive parameters.";
        return Err(Failure::new("ValidationException", message));
    }
    let member = if identifier.is_some() { "logGroupIdentifier" } else { "logGroupName" };
    Ok(group_name(name.or(identifier).as_deref(), member)?.to_owned())
}

/// `DescribeLogStreams`
pub async fn streams(logs: &dyn LogStore, region: &str, body: &[u8]) -> Result<Value, Failure> {
    let asked: Streams = read(body)?;
    let group = one_group(asked.log_group_name, asked.log_group_identifier)?;
    let limit = limit(asked.limit, 50, 50)?;
    let by_time = match asked.order_by.as_deref() {
        None | Some("LogStreamName") => false,
        Some("LastEventTime") if asked.log_stream_name_prefix.is_some() => {
            return Err(Failure::invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        Some("LastEventTime") => true,
        Some(other) => {
            return Err(Failure::constraint(format!("'{other}'"), "orderBy", "satisfy enum value set: [LogStreamName, LastEventTime]"));
        }
    };
    let descending = asked.descending.unwrap_or(false);
    let place = |stream: &Stream| (if by_time { stream.last.unwrap_or(Nanos::MIN) } else { 0 }, stream.name.clone());
    let after = asked.next_token.as_deref().map(|token| place_of(token).ok_or_else(bad_token)).transpose()?;
    let mut streams = logs.log_streams(&group).await?;
    streams.retain(|stream| {
        asked.log_stream_name_prefix.as_ref().is_none_or(|prefix| stream.name.starts_with(prefix))
            && after.as_ref().is_none_or(|after| if descending { place(stream) < *after } else { place(stream) > *after })
    });
    streams.sort_by_cached_key(place);
    if descending {
        streams.reverse();
    }
    let more = streams.len() > limit as usize;
    streams.truncate(limit as usize);
    let show = |stream: &Stream| described_stream(stream, &format!("{}:log-stream:{}", group_arn(region, &group), stream.name));
    let mut answer = json!({"logStreams": streams.iter().map(show).collect::<Vec<_>>()});
    if let Some(last) = streams.last().filter(|_| more) {
        let (time, name) = place(last);
        answer["nextToken"] = json!(format!("after/{time}/{name}"));
    }
    Ok(answer)
}

fn place_of(token: &str) -> Option<(Nanos, String)> {
    let (time, name) = token.strip_prefix("after/")?.split_once('/')?;
    Some((time.parse().ok()?, name.to_owned()))
}

fn described_stream(stream: &Stream, arn: &str) -> Value {
    let mut value = json!({
        "logStreamName": stream.name,
        "arn": arn,
        "creationTime": millis(stream.created),
        "storedBytes": 0,
        "uploadSequenceToken": SEQUENCE_TOKEN,
    });
    let times = [("firstEventTimestamp", stream.first), ("lastEventTimestamp", stream.last), ("lastIngestionTime", stream.last_received)];
    for (name, time) in times {
        if let Some(time) = time {
            value[name] = json!(millis(time));
        }
    }
    value
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tags {
    resource_arn: Option<String>,
    log_group_name: Option<String>,
}

/// `ListTagsForResource`, `ListTagsLogGroup`
pub async fn tags(logs: &dyn LogStore, body: &[u8]) -> Result<Value, Failure> {
    let asked: Tags = read(body)?;
    let name = required(asked.resource_arn.or(asked.log_group_name), "resourceArn")?;
    let groups = logs.log_groups().await?;
    let group = groups.into_iter().find(|group| group.name == group_of(&name)).ok_or(LogProblem::NoGroup)?;
    Ok(json!({"tags": group.tags.into_iter().map(|(key, value)| (key, Value::String(value))).collect::<Map<_, _>>()}))
}
