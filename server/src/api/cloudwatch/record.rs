//! `GetLogRecord`: one line with all its fields, and `GetLogGroupFields`: which fields there are.

use super::describe::one_group;
use super::{check_group, millis};
use crate::ingest::cloudwatch::envelope::{ACCOUNT, Failure, read, required};
use crate::store::LogStore;
use model::port::{Ask, LogCursor};
use model::time::{MINUTE, Nanos, Range, SECOND};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    log_record_pointer: Option<String>,
}

/// `GetLogRecord`
pub async fn get(logs: &dyn LogStore, ask: &Ask, body: &[u8]) -> Result<Value, Failure> {
    let asked: Record = read(body)?;
    let pointer = required(asked.log_record_pointer, "logRecordPointer")?;
    let at: LogCursor = pointer.parse().map_err(|_| Failure::invalid("The specified logRecordPointer is invalid."))?;
    let line = logs.log_line(ask, at).await?;
    let mut fields = Map::new();
    for text in [&line.attributes, &line.message] {
        if let Ok(value @ Value::Object(_)) = serde_json::from_str(text) {
            flatten(String::new(), value, &mut fields);
        }
    }
    let own = [
        ("@timestamp", millis(line.time).to_string()),
        ("@ingestionTime", millis(line.received_at).to_string()),
        ("@log", format!("{ACCOUNT}:{}", line.origin.group)),
        ("@logStream", line.origin.stream.to_string()),
        ("@ptr", pointer),
        ("@message", line.message),
    ];
    fields.extend(own.map(|(name, value)| (name.to_owned(), Value::String(value))));
    Ok(json!({"logRecord": fields}))
}

/// As Insights names them: `a.b.0`; a name that begins with `@` has two.
fn flatten(name: String, value: Value, to: &mut Map<String, Value>) {
    let below = |part: String| {
        let part = if name.is_empty() && part.starts_with('@') { format!("@{part}") } else { part };
        if name.is_empty() { part } else { format!("{name}.{part}") }
    };
    match value {
        Value::Object(members) => members.into_iter().for_each(|(key, value)| flatten(below(key), value, to)),
        Value::Array(items) => items.into_iter().enumerate().for_each(|(n, value)| flatten(below(n.to_string()), value, to)),
        Value::Null => (),
        Value::String(text) => drop(to.insert(name, Value::String(text))),
        other => drop(to.insert(name, Value::String(other.to_string()))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    /// Seconds: eight minutes before and after it; without it the last fifteen minutes.
    time: Option<i64>,
}

/// `GetLogGroupFields`
pub async fn fields(logs: &dyn LogStore, ask: &Ask, now: Nanos, body: &[u8]) -> Result<Value, Failure> {
    let asked: Fields = read(body)?;
    let group = one_group(asked.log_group_name, asked.log_group_identifier)?;
    check_group(logs, &group).await?;
    let range = match asked.time.map(|seconds| seconds.saturating_mul(SECOND)) {
        Some(at) => Range { start: at.saturating_sub(8 * MINUTE), end: at.saturating_add(8 * MINUTE) },
        None => Range { start: now.saturating_sub(15 * MINUTE), end: now.saturating_add(1) },
    };
    let fields = logs.log_fields(ask, &[group], range, 1000).await?;
    let fields: Vec<Value> = fields.iter().map(|field| json!({"name": field.name, "percent": field.percent})).collect();
    Ok(json!({"logGroupFields": fields}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_json_have_dotted_names() {
        let mut fields = Map::new();
        flatten(String::new(), json!({"a": {"b": [1, {"c": "x"}]}, "@t": true, "z": null}), &mut fields);
        assert_eq!(Value::Object(fields), json!({"a.b.0": "1", "a.b.1.c": "x", "@@t": "true"}));
    }
}
