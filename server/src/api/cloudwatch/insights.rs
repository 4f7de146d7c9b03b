//! CloudWatch Logs Insights: `StartQuery` and what follows it.

use super::queries::{Asked, Queries, Running};
use super::{check_group, limit};
use crate::ingest::cloudwatch::envelope::{ACCOUNT, Failure, read, required};
use crate::ingest::cloudwatch::names::group_name;
use crate::ingest::xray::api::request_id;
use crate::store::LogStore;
use model::port::{Cell, LogOrder, LogSearch, LogTable};
use model::query::insights::Command;
use model::query::parse_logs;
use model::time::{Nanos, Range, SECOND};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Rows of a query without a limit of its own, and of one answer.
const ROWS: u32 = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start {
    query_language: Option<String>,
    log_group_name: Option<String>,
    log_group_names: Option<Vec<String>>,
    log_group_identifiers: Option<Vec<String>>,
    /// Seconds, both inclusive.
    start_time: Option<i64>,
    end_time: Option<i64>,
    query_string: Option<String>,
    limit: Option<i64>,
}

/// `StartQuery`
pub async fn start(logs: &Arc<dyn LogStore>, queries: &Queries, now: Nanos, body: &[u8]) -> Result<Value, Failure> {
    let asked: Start = read(body)?;
    if let Some(language) = asked.query_language.filter(|language| language != "CWLI") {
        return Err(Failure::invalid(format!("Queries are understood in CWLI, the language of Logs Insights, not in {language}.")));
    }
    let text = required(asked.query_string, "queryString")?;
    let (start, end) = (required(asked.start_time, "startTime")?, required(asked.end_time, "endTime")?);
    if start > end {
        return Err(Failure::invalid("End time should not be less than start time"));
    }
    let limit = limit(asked.limit, ROWS, 10 * ROWS)?;
    let mut query = parse_logs(&text).map_err(|error| Failure::malformed_query(&error.message, error.position))?;
    // A limit of the query's own comes first.
    if !query.commands.iter().any(|command| matches!(command, Command::Limit(_) | Command::Tail(_))) {
        query.commands.push(Command::Limit(limit));
    }
    let ways = [asked.log_group_name.map(|name| vec![name]), asked.log_group_names, asked.log_group_identifiers];
    let mut ways = ways.into_iter().flatten();
    let groups = match (ways.next(), ways.next()) {
        (Some(given), None) => named(&**logs, &given).await?,
        (None, None) if !query.groups.is_empty() => sources(&**logs, &query.groups).await?,
        _ => return Err(Failure::invalid("Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be given.")),
    };
    let seconds = |seconds: i64| seconds.saturating_mul(SECOND);
    let range = Range { start: seconds(start), end: seconds(end.saturating_add(1)) };
    let quoted: Vec<String> = groups.iter().map(|group| format!("\"{group}\"")).collect();
    let text = format!("SOURCE {} START={} END={} | {text}", quoted.join(" "), start.saturating_mul(1000), end.saturating_mul(1000));
    let asked = Asked { text, groups: groups.clone(), created: now };
    let search = LogSearch { query, groups, range, order: LogOrder::Newest, limit, cursor: None };
    let id = request_id().to_str().unwrap_or_default().to_owned();
    let id = queries
        .start(logs.clone(), search, asked, id)
        .ok_or_else(|| Failure::new("LimitExceededException", "The maximum number of concurrent queries is reached: 100."))?;
    Ok(json!({"queryId": id}))
}

/// The groups a request names, which must all be there.
async fn named(logs: &dyn LogStore, given: &[String]) -> Result<Vec<String>, Failure> {
    let mut groups = Vec::new();
    for name in given {
        let group = group_name(Some(name), "logGroupNames")?;
        check_group(logs, group).await.map_err(|failure| missing(failure, group))?;
        groups.push(group.to_owned());
    }
    Ok(groups)
}

/// The groups of a query's `SOURCE`, where a name may end in a star.
async fn sources(logs: &dyn LogStore, wanted: &[String]) -> Result<Vec<String>, Failure> {
    let fits = |name: &str| wanted.iter().any(|wanted| wanted.strip_suffix('*').map_or(name == wanted, |prefix| name.starts_with(prefix)));
    let groups = logs.log_groups().await?.into_iter().map(|group| group.name);
    let groups: Vec<String> = groups.filter(|name| fits(name)).collect();
    if groups.is_empty() { Err(Failure::not_found("The SOURCE of the query names no log group that exists.")) } else { Ok(groups) }
}

/// Of a group that is not there Insights has words of its own.
fn missing(failure: Failure, group: &str) -> Failure {
    if failure.kind != "ResourceNotFoundException" {
        return failure;
    }
    let id = request_id();
    Failure::not_found(format!(
        "Log group '{group}' does not exist for account ID '{ACCOUNT}' (Service: AWSLogs; Status Code: 400; Error Code: \
         ResourceNotFoundException; Request ID: {}; Proxy: null)",
        id.to_str().unwrap_or_default()
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OneQuery {
    query_id: Option<String>,
    next_token: Option<String>,
    max_items: Option<i64>,
}

fn find(queries: &Queries, id: Option<String>) -> Result<Arc<Running>, Failure> {
    let id = required(id, "queryId")?;
    queries.get(&id).ok_or_else(|| Failure::not_found(format!("Query {id} does not exist.")))
}

/// `GetQueryResults`: of a query that runs, how far it came.
pub fn results(queries: &Queries, body: &[u8]) -> Result<Value, Failure> {
    let asked: OneQuery = read(body)?;
    let query = find(queries, asked.query_id)?;
    let most = limit(asked.max_items, ROWS, ROWS)? as usize;
    let from = asked.next_token.map_or(Ok(0), |token| token.parse::<usize>().map_err(|_| super::bad_token()))?;
    let scanned = query.scanned();
    let rows = query.table().map_or(0, |table| table.table.rows.len());
    let shown = from.min(rows)..from.saturating_add(most).min(rows);
    let results: Vec<Value> = query.table().map_or_else(Vec::new, |table| shown.clone().map(|n| row(table, n)).collect());
    let mut answer = json!({
        "queryLanguage": "CWLI",
        "status": query.status(),
        "results": results,
        "statistics": {
            "recordsMatched": scanned.matched as f64,
            "recordsScanned": scanned.lines as f64,
            "bytesScanned": scanned.bytes as f64,
            "logGroupsScanned": query.asked.groups.len() as f64,
            "estimatedRecordsSkipped": 0.0,
            "estimatedBytesSkipped": 0.0,
            "resultCount": rows as f64,
        },
    });
    if shown.end < rows {
        answer["nextToken"] = json!(shown.end.to_string());
    }
    Ok(answer)
}

/// A row as AWS has it: fields that are not there are left out, and a row of one line ends with a pointer to it.
fn row(table: &LogTable, n: usize) -> Value {
    let cells = table.table.columns.iter().zip(&table.table.rows[n]);
    let field = |name: &str, value: String| json!({"field": name, "value": value});
    let mut fields: Vec<Value> = cells.filter_map(|(name, cell)| Some(field(name, text_of(cell)?))).collect();
    if let Some(line) = table.lines.get(n) {
        fields.push(field("@ptr", line.to_string()));
    }
    Value::Array(fields)
}

fn text_of(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Text(text) => Some(text.clone()),
        Cell::Number(number) => Some(number.to_string()),
    }
}

/// `StopQuery`
pub fn stop(queries: &Queries, body: &[u8]) -> Result<Value, Failure> {
    let asked: OneQuery = read(body)?;
    let query = find(queries, asked.query_id)?;
    if query.stop() {
        return Ok(json!({"success": true}));
    }
    Err(Failure::invalid(format!("Query with id {} has ended: its status is {}.", query.id, query.status())))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Describe {
    log_group_name: Option<String>,
    status: Option<String>,
    max_results: Option<i64>,
}

/// `DescribeQueries`: newest first, all in one answer.
pub fn describe(queries: &Queries, body: &[u8]) -> Result<Value, Failure> {
    let asked: Describe = read(body)?;
    let most = limit(asked.max_results, 1000, 1000)?;
    let all = queries.all();
    let wanted = all.iter().filter(|query| {
        asked.log_group_name.as_ref().is_none_or(|group| query.asked.groups.contains(group))
            && asked.status.as_ref().is_none_or(|status| status == query.status())
    });
    let described = wanted.take(most as usize).map(|query| {
        json!({
            "queryId": query.id,
            "queryString": query.asked.text,
            "queryLanguage": "CWLI",
            "status": query.status(),
            "createTime": super::millis(query.asked.created),
            "logGroupName": query.asked.groups.first(),
            "queryDuration": query.took().as_millis() as u64,
            "bytesScanned": query.scanned().bytes as f64,
        })
    });
    Ok(json!({"queries": described.collect::<Vec<_>>()}))
}
