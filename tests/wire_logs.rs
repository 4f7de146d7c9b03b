//! CloudWatch Logs as it comes over the wire: requests through the real routers, into a log store in memory.

mod captures;
mod clients;
mod mutations;
mod put;
mod reads;

use crate::wire_otlp::{Answer, Bed, answer, post};
use crate::wire_xray::Capture;
use serde_json::{Value, json};

/// Every recorded request, in the order in which they were sent.
pub fn captures() -> Vec<Capture> {
    Capture::all_in("logs", 54)
}

/// Posts to the port of the pages.
pub async fn call(bed: &Bed, action: &str, body: Value) -> Answer {
    let target = format!("Logs_20140328.{action}");
    let headers = [("host", "127.0.0.1:3000"), ("x-amz-target", &target), ("content-type", "application/x-amz-json-1.1")];
    let answer = answer(bed.pages(), post("/", &headers, body.to_string())).await;
    assert_in_dialect(&answer, action);
    answer
}

/// The same, which must succeed.
pub async fn done(bed: &Bed, action: &str, body: Value) -> Value {
    let answer = call(bed, action, body).await;
    assert_eq!(answer.status, 200, "{action}: {}", String::from_utf8_lossy(&answer.body));
    read(&answer)
}

/// The same, which must fail: the error's name and message.
pub async fn refused(bed: &Bed, action: &str, body: Value) -> (String, String) {
    let answer = call(bed, action, body).await;
    assert_eq!(answer.status, 400, "{action}: {}", String::from_utf8_lossy(&answer.body));
    error_of(&answer)
}

pub fn error_of(answer: &Answer) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let value = read(answer);
    (text(&value["__type"]), text(&value["message"]))
}

/// Null for the actions that answer nothing.
pub fn read(answer: &Answer) -> Value {
    if answer.body.is_empty() { Value::Null } else { serde_json::from_slice(&answer.body).expect("JSON") }
}

pub fn assert_in_dialect(answer: &Answer, what: &str) {
    let id = answer.header("x-amzn-requestid");
    assert!(id.len() == 36 && id.split('-').map(str::len).eq([8, 4, 4, 4, 12]), "{what}: {id}");
    assert_eq!(answer.header("content-type"), "application/x-amz-json-1.1", "{what}");
    if answer.status != 200 {
        let (kind, message) = error_of(answer);
        assert!(kind.ends_with("Exception") && !message.is_empty(), "{what}: {kind} {message}");
        assert_eq!(answer.header("x-amzn-errortype"), kind, "{what}");
    }
}

/// A bed with a group `g` that has a stream `s`.
pub async fn with_stream() -> Bed {
    let bed = Bed::new();
    done(&bed, "CreateLogGroup", json!({"logGroupName": "g"})).await;
    done(&bed, "CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    bed
}

/// Puts lines, of (milliseconds, message), into a stream of `g`.
pub async fn put(bed: &Bed, stream: &str, lines: &[(i64, &str)]) -> Value {
    let events: Vec<Value> = lines.iter().map(|(timestamp, message)| json!({"timestamp": timestamp, "message": message})).collect();
    done(bed, "PutLogEvents", json!({"logGroupName": "g", "logStreamName": stream, "logEvents": events})).await
}
