//! `PutLogEvents`: from its body to lines. Pure, and lean: it runs for every line there is.

use super::SOURCE;
use super::envelope::{Failure, read, required};
use super::names::{group_name, stream_name};
use crate::ingest::lines::{self, Facts};
use crate::ingest::{Arrival, scrub};
use model::log::{Line, Origin};
use model::time::Nanos;
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;

/// AWS's limits: of events, and of bytes, each event counted with 26 more than its message has.
const MOST_EVENTS: usize = 10_000;
const MOST_BYTES: usize = 1 << 20;
const EVENT_BYTES: usize = 26;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow)]
    log_group_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    log_stream_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    log_events: Option<Vec<Event<'a>>>,
    entity: Option<Entity>,
}

#[derive(Deserialize)]
struct Event<'a> {
    /// Milliseconds since the epoch.
    timestamp: i64,
    #[serde(borrow)]
    message: Cow<'a, str>,
}

/// Who wrote the lines, as CloudWatch's agent and Fluent Bit say it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entity {
    key_attributes: Option<KeyAttributes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyAttributes {
    name: Option<String>,
    environment: Option<String>,
}

/// The lines of a request, by time: AWS refuses what is not in order; nothing is gained by that.
#[derive(Debug)]
pub struct Lines {
    pub origin: Arc<Origin>,
    pub lines: Vec<Line>,
}

/// Reads a request. As a whole it fails only where AWS's does.
pub fn translate(arrival: &Arrival, body: &[u8]) -> Result<Lines, Failure> {
    match read(body) {
        Ok(request) => lines_of(arrival, request),
        // What is no Unicode in a message costs neither its neighbours nor the message.
        Err(failure) => match mended(body) {
            Some(mended) => lines_of(arrival, read(&mended).map_err(|_| failure)?),
            None => Err(failure),
        },
    }
}

fn lines_of(arrival: &Arrival, request: Request) -> Result<Lines, Failure> {
    let group = group_name(request.log_group_name.as_deref(), "logGroupName")?;
    let stream = stream_name(request.log_stream_name.as_deref(), "logStreamName")?;
    let events = required(request.log_events, "logEvents")?;
    check(&events)?;
    let attributes = request.entity.and_then(|entity| entity.key_attributes);
    let (service, environment) = attributes.map(|of| (of.name, of.environment)).unwrap_or_default();
    let parts = lines::stream_parts(stream);
    let origin = Arc::new(Origin {
        group: group.into(),
        stream: stream.into(),
        service: service.unwrap_or_default().into(),
        environment: environment.unwrap_or_default().into(),
        host: parts.host.into(),
        logger: parts.logger.into(),
        resource: "".into(),
        source: SOURCE.into(),
        key: arrival.key.clone(),
    });
    let line = |event: Event| {
        let mut message = event.message.into_owned();
        let facts = Facts::of(&message);
        let severity_sent = facts.severity();
        let (severity, trace) = (facts.repaired(severity_sent), facts.trace());
        scrub::clean_message(&mut message);
        Line {
            seq: 0,
            time: event.timestamp.saturating_mul(NANOS_PER_MS),
            received_at: arrival.received_at,
            origin: origin.clone(),
            severity,
            severity_sent,
            message,
            attributes: String::new(),
            trace,
        }
    };
    let mut lines: Vec<Line> = events.into_iter().map(line).collect();
    if !lines.is_sorted_by_key(|line| line.time) {
        lines.sort_by_key(|line| line.time);
    }
    Ok(Lines { origin, lines })
}

/// AWS's timestamps are milliseconds.
pub const NANOS_PER_MS: Nanos = 1_000_000;

fn check(events: &[Event]) -> Result<(), Failure> {
    if events.is_empty() {
        return Err(Failure::constraint("'[]'", "logEvents", "have length greater than or equal to 1"));
    }
    if events.len() > MOST_EVENTS {
        let value = format!("'[{} events]'", events.len());
        return Err(Failure::constraint(value, "logEvents", "have length less than or equal to 10000"));
    }
    if let Some(empty) = events.iter().position(|event| event.message.is_empty()) {
        let member = format!("logEvents.{}.member.message", empty + 1);
        return Err(Failure::constraint("''", &member, "have length greater than or equal to 1"));
    }
    let bytes: usize = events.iter().map(|event| event.message.len() + EVENT_BYTES).sum();
    if bytes > MOST_BYTES {
        return Err(Failure::invalid(format!("Upload too large: {bytes} bytes exceeds limit of {MOST_BYTES}")));
    }
    Ok(())
}

/// The body with replacement characters for bytes that are no UTF-8 and for halves of surrogate pairs, which Python's `json` writes as
/// `\ud83d`; `None` if there are none.
fn mended(body: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(body);
    let bytes = text.as_bytes();
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let length = match unit(at) {
            Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                out.extend_from_slice(b"\\ufffd");
                at += 6;
                continue;
            }
            // The backslash before another one is none of an escape.
            _ if bytes[at] == b'\\' => 2,
            _ => 1,
        };
        out.extend_from_slice(&bytes[at..(at + length).min(bytes.len())]);
        at += length;
    }
    (out != body).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn arrival() -> Arrival {
        Arrival { received_at: 7, source: SOURCE.into(), key: "team".into(), dataset: "".into(), own: Arc::default() }
    }

    fn of(events: serde_json::Value) -> Result<Vec<(Nanos, String)>, Failure> {
        let body = json!({"logGroupName": "g", "logStreamName": "s", "logEvents": events}).to_string();
        let lines = translate(&arrival(), body.as_bytes())?.lines;
        Ok(lines.into_iter().map(|line| (line.time / NANOS_PER_MS, line.message)).collect())
    }

    #[test]
    fn lines_are_in_order() {
        let events = json!([{"timestamp": 2, "message": "b"}, {"timestamp": 1, "message": "a\n\"x\""}, {"timestamp": 2, "message": "c"}]);
        assert_eq!(of(events).unwrap(), [(1, "a\n\"x\"".into()), (2, "b".into()), (2, "c".into())]);
    }

    #[test]
    fn who_wrote_them() {
        let body = br#"{"logGroupName":"arn:aws:logs:r:1:log-group:g:*","logStreamName":"s","sequenceToken":"x","logEvents":[{"timestamp":1,
            "message":"at http://u:p@h/?token=abc","eventId":"7"}],"entity":{"keyAttributes":{"Type":"Service","Name":"cart","Environment":"prod"}}}"#;
        let Lines { origin, lines } = translate(&arrival(), body).unwrap();
        assert_eq!((&*origin.group, &*origin.stream, &*origin.service, &*origin.environment), ("g", "s", "cart", "prod"));
        assert_eq!((&*origin.source, &*origin.key), ("cloudwatch_logs", "team"));
        assert_eq!(lines[0].message, "at http://REDACTED:REDACTED@h/?token=REDACTED");
        assert_eq!((lines[0].time, lines[0].received_at), (1_000_000, 7));
    }

    #[test]
    fn what_is_no_unicode_costs_no_line() {
        let body = br#"{"logGroupName":"g","logStreamName":"s","logEvents":[{"timestamp":1,"message":"half \ud83d."},
            {"timestamp":2,"message":"\ud83d\ude00 \\ud83d"},{"timestamp":3,"message":"XX"}]}"#;
        let mut body = body.to_vec();
        let at = body.windows(2).position(|pair| pair == b"XX").unwrap();
        body[at] = 0xff;
        let messages: Vec<_> = translate(&arrival(), &body).unwrap().lines.into_iter().map(|line| line.message).collect();
        assert_eq!(messages, ["half \u{fffd}.", "😀 \\ud83d", "\u{fffd}X"]);
    }

    #[test]
    fn limits_are_those_of_aws() {
        let message = |events: serde_json::Value| of(events).unwrap_err().message;
        assert!(message(json!([])).contains("'logEvents' failed to satisfy constraint: Member must have length greater than"));
        assert!(message(json!([{"timestamp": 1, "message": ""}])).contains("'logEvents.1.member.message'"));
        let event = |bytes: usize| json!({"timestamp": 1, "message": "x".repeat(bytes)});
        assert!(message(json!(vec![event(1); 10_001])).contains("less than or equal to 10000"));
        assert!(of(json!([event(MOST_BYTES - EVENT_BYTES)])).is_ok());
        assert_eq!(message(json!([event(MOST_BYTES - EVENT_BYTES + 1)])), "Upload too large: 1048577 bytes exceeds limit of 1048576");
        assert_eq!(of(json!([{"timestamp": "x"}])).unwrap_err().kind, "SerializationException");
        assert!(message(json!(null)).starts_with("1 validation error detected: Value null at 'logEvents'"));
    }
}
