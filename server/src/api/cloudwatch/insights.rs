//! CloudWatch Logs Insights: `StartQuery` and what follows it.

use super::queries::{Asked, Queries, Running};
use super::{check_group, limit};
use crate::ingest::cloudwatch::envelope::{ACCOUNT, Failure, read, required};
use crate::ingest::cloudwatch::names::group_name;
use crate::ingest::xray::api::request_id;
use crate::store::LogStore;
use model::port::{Cell, LogOrder, LogSearch, LogTable};
use model::query::insights::{Command, Expression};
use model::query::{LogQuery, parse_logs};
use model::time::{Nanos, Range, SECOND};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashSet;
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
    let ways = [asked.log_group_name.map(|name| vec![name]), asked.log_group_names, asked.log_group_identifiers];
    let mut ways = ways.into_iter().flatten();
    let (Some(given), None) = (ways.next(), ways.next()) else {
        return Err(Failure::invalid("Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be given."));
    };
    let groups = given.iter().map(|name| group_name(Some(name), "logGroupNames").map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
    for group in &groups {
        check_group(&**logs, group).await.map_err(|failure| missing(failure, group))?;
    }
    let query = parse_logs(&text).map_err(|error| Failure::malformed_query(&error.message, error.position))?;
    let seconds = |seconds: i64| seconds.saturating_mul(SECOND);
    let range = Range { start: seconds(start), end: seconds(end.saturating_add(1)) };
    let sources: Vec<String> = groups.iter().map(|group| format!("\"{group}\"")).collect();
    let text = format!("SOURCE {} START={} END={} | {text}", sources.join(" "), start.saturating_mul(1000), end.saturating_mul(1000));
    let asked = Asked { text, groups: groups.clone(), range, moments: moments(&query), created: now };
    let search = LogSearch { query, groups, range, order: LogOrder::Newest, limit, cursor: None };
    let id = request_id().to_str().unwrap_or_default().to_owned();
    let id = queries
        .start(logs.clone(), search, asked, id)
        .ok_or_else(|| Failure::new("LimitExceededException", "The maximum number of concurrent queries is reached: 100."))?;
    Ok(json!({"queryId": id}))
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

/// The columns whose numbers are moments, which AWS writes as dates.
fn moments(query: &LogQuery) -> HashSet<String> {
    let mut found: HashSet<String> = ["@timestamp", "@ingestionTime"].map(str::to_owned).into();
    let columns = query.commands.iter().flat_map(|command| match command {
        Command::Fields(columns) | Command::Display(columns) => columns.iter().chain(&[]),
        Command::Stats { measures, by } => measures.iter().chain(by),
        _ => [].iter().chain(&[]),
    });
    for column in columns {
        let is_one = match &column.expression {
            Expression::Field(name) => found.contains(name),
            Expression::Call(name, of) => match &name[..] {
                "bin" | "datefloor" | "dateceil" | "frommillis" => true,
                "min" | "max" | "earliest" | "latest" | "sortsfirst" | "sortslast" => {
                    matches!(&of[..], [Expression::Field(name)] if found.contains(name))
                }
                _ => false,
            },
            _ => false,
        };
        if is_one {
            found.insert(column.name.clone());
        }
    }
    found
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
    let results: Vec<Value> =
        query.table().map_or_else(Vec::new, |table| shown.clone().map(|n| row(table, n, &query.asked.moments)).collect());
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
fn row(table: &LogTable, n: usize, moments: &HashSet<String>) -> Value {
    let cells = table.table.columns.iter().zip(&table.table.rows[n]);
    let field = |name: &str, value: String| json!({"field": name, "value": value});
    let mut fields: Vec<Value> = cells.filter_map(|(name, cell)| Some(field(name, text_of(cell, moments.contains(name))?))).collect();
    if let Some(line) = table.lines.get(n) {
        fields.push(field("@ptr", line.to_string()));
    }
    Value::Array(fields)
}

fn text_of(cell: &Cell, is_moment: bool) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Text(text) => Some(text.clone()),
        Cell::Number(number) if is_moment => Some(date(*number)),
        Cell::Number(number) => Some(number.to_string()),
    }
}

/// `2026-11-22 13:06:48.765`, of milliseconds or, told apart by their size, nanoseconds since the epoch.
fn date(number: f64) -> String {
    let nanos = if number.abs() < 1e16 { number * 1e6 } else { number } as Nanos;
    // A double of today's nanoseconds is off by up to 128.
    let in_ms = nanos.saturating_add(128).div_euclid(1_000_000) * 1_000_000;
    let text = model::time::Rfc3339(in_ms).to_string().replace('T', " ");
    let text = text.trim_end_matches('Z');
    if text.contains('.') { text.to_owned() } else { format!("{text}.000") }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for number in [1_795_352_808_765.0, 1_795_352_808_765_000_000.0] {
            assert_eq!(date(number), "2026-11-22 13:06:48.765");
        }
        assert_eq!(date(0.0), "1970-01-01 00:00:00.000");
        assert_eq!(text_of(&Cell::Number(3.0), false).as_deref(), Some("3"));
        assert_eq!(text_of(&Cell::Number(2.5), false).as_deref(), Some("2.5"));
    }
}
