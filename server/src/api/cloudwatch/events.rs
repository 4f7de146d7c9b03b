//! `GetLogEvents` and `FilterLogEvents`: pages of lines.

use super::describe::one_group;
use super::{bad_token, check_group, limit, millis, range};
use crate::ingest::cloudwatch::envelope::{Failure, read, required};
use crate::ingest::cloudwatch::names::stream_name;
use crate::store::LogStore;
use crate::store::logs::filter_pattern::PatternTest;
use model::log::Line;
use model::port::{Ask, LogCursor, LogOrder, LogSearch};
use model::query::LogQuery;
use model::query::ast::{Expr, Field, Key, Literal, Scope, Test};
use model::query::filter_pattern::{FilterPattern, parse};
use model::time::Range;
use serde::Deserialize;
use serde_json::{Value, json};

/// Lines and bytes of messages of one page, as AWS has it.
const MOST_LINES: u32 = 10_000;
const MOST_BYTES: usize = 1 << 20;
/// AWS's limit of a pattern.
const MOST_PATTERN: usize = 1024;

/// A test on the stream of a line.
fn stream(test: Test) -> Expr {
    Expr::Field(Field { key: Key::Attribute { scope: Scope::Any, name: "@logStream".to_owned() }, test })
}

fn is_stream(name: &str) -> Expr {
    // No number: streams `1` and `01` are two.
    stream(Test::Equals(Literal { text: name.to_owned(), number: None }))
}

/// As many lines as fit in an answer: their number, at least one.
fn fitting(lines: &[Line]) -> usize {
    let mut bytes = 0;
    let fits = |line: &&Line| {
        bytes += line.message.len();
        bytes <= MOST_BYTES
    };
    lines.iter().take_while(fits).count().max(1)
}

fn place(line: &Line, as_of: u64) -> LogCursor {
    LogCursor { time: line.time, seq: line.seq, as_of }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Get {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
}

/// `GetLogEvents`: one stream, forward or backward. Tokens are never absent: at the end one gets the token one came with.
pub async fn get(logs: &dyn LogStore, ask: &Ask, body: &[u8]) -> Result<Value, Failure> {
    let asked: Get = read(body)?;
    let group = one_group(asked.log_group_name, asked.log_group_identifier)?;
    let name = stream_name(asked.log_stream_name.as_deref(), "logStreamName")?;
    let limit = limit(asked.limit, MOST_LINES, MOST_LINES)?;
    logs.log_stream_retention(&group, name).await?;
    let range = range(asked.start_time, asked.end_time);
    let (forward, cursor) = match &asked.next_token {
        None => (asked.start_from_head.unwrap_or(false), None),
        Some(token) => {
            let (direction, place) = token.split_once('/').ok_or_else(bad_token)?;
            let place: LogCursor = place.parse().map_err(|_| bad_token())?;
            match direction {
                "f" => (true, Some(place)),
                "b" => (false, Some(place)),
                _ => return Err(bad_token()),
            }
        }
    };
    let order = if forward { LogOrder::Oldest } else { LogOrder::Newest };
    let query = LogQuery { filter: Some(is_stream(name)), ..LogQuery::default() };
    let search = LogSearch { query, groups: vec![group], range, order, limit, cursor };
    let mut lines = logs.logs(ask, &search).await?.lines;
    lines.truncate(fitting(&lines));
    if !forward {
        lines.reverse();
    }
    let [before, after] = ends(&lines, forward, cursor, range);
    let event = |line: &Line| json!({"timestamp": millis(line.time), "message": line.message, "ingestionTime": millis(line.received_at)});
    Ok(json!({
        "events": lines.iter().map(event).collect::<Vec<_>>(),
        "nextForwardToken": format!("f/{after}"),
        "nextBackwardToken": format!("b/{before}"),
    }))
}

/// The places before the first and after the last of these lines: of the world as it is when one goes on, since lines may come.
fn ends(lines: &[Line], forward: bool, cursor: Option<LogCursor>, range: Range) -> [LogCursor; 2] {
    if let [first, .., last] | [first @ last] = lines {
        return [place(first, 0), place(last, 0)];
    }
    match cursor {
        // A place is that of the line which is left out: from the other side, it is to be there.
        Some(at) if forward => [LogCursor { seq: at.seq.saturating_add(1), ..at }, at],
        Some(at) => [at, LogCursor { seq: at.seq.saturating_sub(1), ..at }],
        None if forward => [range.start; 2].map(|time| LogCursor { time, seq: 0, as_of: 0 }),
        None => [range.end; 2].map(|time| LogCursor { time, seq: 0, as_of: 0 }),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
}

/// `FilterLogEvents`: any streams of one group. Only an answer without a token is the last.
pub async fn filter(logs: &dyn LogStore, ask: &Ask, body: &[u8]) -> Result<Value, Failure> {
    let asked: Filter = read(body)?;
    let group = one_group(asked.log_group_name, asked.log_group_identifier)?;
    let limit = limit(asked.limit, MOST_LINES, MOST_LINES)?;
    let pattern = asked.filter_pattern.as_deref().map(compiled).transpose()?;
    let filter = match (asked.log_stream_names, asked.log_stream_name_prefix) {
        (Some(_), Some(_)) => {
            return Err(Failure::invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters."));
        }
        (Some(names), None) if names.len() > 1 => Some(Expr::Or(names.iter().map(|name| is_stream(name)).collect())),
        (Some(names), None) => names.first().map(|name| is_stream(name)),
        (None, Some(prefix)) => Some(stream(Test::Wildcard(vec![prefix, String::new()]))),
        (None, None) => None,
    };
    check_group(logs, &group).await?;
    let cursor = asked.next_token.as_deref().map(|token| token.parse::<LogCursor>().map_err(|_| bad_token())).transpose()?;
    let ask = ask.clone().as_of(cursor.map(|cursor| cursor.as_of).filter(|as_of| *as_of > 0));
    let query = LogQuery { filter, filter_pattern: pattern.filter(|pattern| *pattern != FilterPattern::All), ..LogQuery::default() };
    // The end takes part.
    let range = range(asked.start_time, asked.end_time.map(|end| end.saturating_add(1)));
    let order = if asked.start_from_head.unwrap_or(true) { LogOrder::Oldest } else { LogOrder::Newest };
    let page = logs.logs(&ask, &LogSearch { query, groups: vec![group], range, order, limit, cursor }).await?;
    let shown = fitting(&page.lines).min(page.lines.len());
    let event = |line: &Line| {
        json!({
            "eventId": format!("{:020}{:036}", line.time.max(0), line.seq),
            "timestamp": millis(line.time),
            "ingestionTime": millis(line.received_at),
            "logStreamName": line.origin.stream,
            "message": line.message,
        })
    };
    let events: Vec<Value> = page.lines[..shown].iter().map(event).collect();
    let mut answer = json!({"events": events, "searchedLogStreams": []});
    let next = if shown < page.lines.len() { page.lines[..shown].last().map(|line| place(line, page.as_of)) } else { page.next };
    if let Some(next) = next {
        answer["nextToken"] = json!(next.to_string());
    }
    Ok(answer)
}

/// A pattern that can be tested.
fn compiled(text: &str) -> Result<FilterPattern, Failure> {
    if text.chars().count() > MOST_PATTERN {
        return Err(Failure::constraint(format!("'{text}'"), "filterPattern", "have length less than or equal to 1024"));
    }
    let pattern = parse(text)
        .map_err(|error| Failure::invalid(format!("Invalid filter pattern, at position {}: {}", error.position, error.message)))?;
    PatternTest::new(&pattern).map_err(|error| Failure::invalid(format!("Invalid filter pattern: {error}")))?;
    Ok(pattern)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TestPattern {
    filter_pattern: Option<String>,
    log_event_messages: Option<Vec<String>>,
}

/// `TestMetricFilter`: which of these messages fit. Extracted values are not made.
pub fn test_pattern(body: &[u8]) -> Result<Value, Failure> {
    let asked: TestPattern = read(body)?;
    let pattern = compiled(&required(asked.filter_pattern, "filterPattern")?)?;
    let test = PatternTest::new(&pattern).map_err(Failure::invalid)?;
    let messages = required(asked.log_event_messages, "logEventMessages")?;
    let fitting = messages.iter().enumerate().filter(|(_, message)| test.fits(message));
    let matches = fitting.map(|(n, message)| json!({"eventNumber": n + 1, "eventMessage": message, "extractedValues": {}}));
    Ok(json!({"matches": matches.collect::<Vec<_>>()}))
}
