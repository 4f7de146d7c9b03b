//! One log line as it is stored: what CloudWatch Logs calls a log event and OpenTelemetry a log record.

use crate::attr::{Attributes, Value, get_str};
use crate::id::{SpanId, TraceId};
use crate::time::Nanos;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// A log line. Lines are ordered by (`time`, `seq`); `seq` alone is the identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Position in the intake, monotone over all records; 0 until the intake gave it one.
    pub seq: u64,
    /// When it happened, as the sender says (CloudWatch `timestamp`, OTLP `time_unix_nano`, else `observed_time_unix_nano`).
    pub time: Nanos,
    /// When Clew received it (CloudWatch `ingestionTime`).
    pub received_at: Nanos,
    /// Where it comes from; shared by the lines of a request.
    pub origin: Arc<Origin>,
    /// How bad it is, after repair: where everything is logged as one level, the text says better.
    pub severity: Severity,
    /// What the sender called it; differs from `severity` if that was repaired.
    pub severity_sent: Severity,
    /// The text as sent. A body that is not a text (OTLP) is its JSON.
    pub message: String,
    /// OTLP attributes, `event_name` among them as `event.name`, as one JSON object; empty if there are none.
    pub attributes: String,
    /// The trace it belongs to, by what it says itself.
    pub trace: Option<TraceLink>,
}

/// Where lines come from: group and stream, and what is known of who wrote them. The fields are facets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Origin {
    /// CloudWatch log group; of OTLP the service's name.
    pub group: Arc<str>,
    /// CloudWatch log stream; of OTLP `service.instance.id`, else `host.name`, else `default`.
    pub stream: Arc<str>,
    /// Empty if it is not known, as all that follow.
    pub service: Arc<str>,
    /// `deployment.environment.name`
    pub environment: Arc<str>,
    pub host: Arc<str>,
    /// Logger or instrumentation scope.
    pub logger: Arc<str>,
    /// OTLP's resource and scope attributes as one JSON object; empty if there are none.
    pub resource: Arc<str>,
    /// A row of the server's SOURCES table.
    pub source: Arc<str>,
    /// Name of the ingest key, never the key.
    pub key: Arc<str>,
}

/// OpenTelemetry's severity number: 1-4 trace, 5-8 debug, 9-12 info, 13-16 warn, 17-20 error, 21-24 fatal; 0 = not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Severity(pub u8);

impl Severity {
    pub const NONE: Severity = Severity(0);
    pub const TRACE: Severity = Severity(1);
    pub const DEBUG: Severity = Severity(5);
    pub const INFO: Severity = Severity(9);
    pub const WARN: Severity = Severity(13);
    pub const ERROR: Severity = Severity(17);
    pub const FATAL: Severity = Severity(21);

    /// Of OTLP's number; numbers out of range are "not given".
    pub fn from_number(number: i32) -> Severity {
        u8::try_from(number).ok().filter(|number| *number <= 24).map_or(Severity::NONE, Severity)
    }

    pub fn level(self) -> Level {
        match self.0 {
            1..=4 => Level::Trace,
            5..=8 => Level::Debug,
            9..=12 => Level::Info,
            13..=16 => Level::Warn,
            17..=20 => Level::Error,
            21..=24 => Level::Fatal,
            _ => Level::None,
        }
    }
}

/// The six levels of OpenTelemetry's severities, and none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    #[default]
    None,
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Level {
    pub const ALL: [Level; 7] = [Level::None, Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Fatal];

    /// As queries, facets and pages write it.
    pub fn as_str(self) -> &'static str {
        ["none", "trace", "debug", "info", "warn", "error", "fatal"][self as usize]
    }

    /// The lowest severity of the level.
    pub fn severity(self) -> Severity {
        Severity([0, 1, 5, 9, 13, 17, 21][self as usize])
    }

    /// Of what people and libraries call it, in any case: `warning`, `ERR`, `critical`, `notice`, ...
    pub fn from_name(name: &str) -> Option<Level> {
        let name = name.trim().as_bytes();
        let mut lower = [0; 13];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        Some(match &*lower {
            b"none" | b"notset" | b"unset" | b"unspecified" => Level::None,
            b"trace" | b"verbose" | b"silly" | b"finest" | b"finer" => Level::Trace,
            b"debug" | b"dbug" | b"dbg" | b"fine" | b"config" => Level::Debug,
            b"info" | b"information" | b"informational" | b"notice" | b"inf" | b"log" => Level::Info,
            b"warn" | b"warning" | b"wrn" => Level::Warn,
            b"error" | b"err" | b"severe" | b"fail" | b"eror" => Level::Error,
            b"fatal" | b"critical" | b"crit" | b"alert" | b"emerg" | b"emergency" | b"panic" | b"ftl" => Level::Fatal,
            _ => return None,
        })
    }
}

/// Which trace a line belongs to, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceLink {
    pub trace_id: TraceId,
    pub span_id: Option<SpanId>,
    pub how: How,
}

/// How a line's trace is known, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A field of the protocol: OTLP's `trace_id`.
    Protocol,
    /// A field of the JSON message.
    Json,
    /// `1-5759e988-bd862e3fe1be46a994272793` in the text.
    Xray,
    /// A `traceparent` in the text.
    Traceparent,
    /// `trace_id=...` in the text.
    KeyValue,
    /// Datadog's decimal id: the low 64 bits.
    Datadog,
    /// Sleuth's `[app,trace,span]` or Google's `projects/p/traces/...`.
    Bracket,
    /// 32 hex digits that stand alone: a link only where such a trace is stored.
    Bare,
    /// Another line of the same request id names the trace.
    Request,
    /// An access-log line that fits one server span. Decided when it is read, never stored or counted.
    Inferred,
}

impl How {
    pub const ALL: [How; 10] = [
        How::Protocol,
        How::Json,
        How::Xray,
        How::Traceparent,
        How::KeyValue,
        How::Datadog,
        How::Bracket,
        How::Bare,
        How::Request,
        How::Inferred,
    ];

    /// Whether the link needs more than the line itself: it is drawn dashed.
    pub fn is_inferred(self) -> bool {
        matches!(self, How::Request | How::Inferred)
    }

    /// For people, after "linked by".
    pub fn title(self) -> &'static str {
        match self {
            How::Protocol => "the protocol's trace id",
            How::Json => "a field of the message",
            How::Xray => "an X-Ray id in the text",
            How::Traceparent => "a traceparent in the text",
            How::KeyValue => "trace_id=… in the text",
            How::Datadog => "a Datadog id in the text (64 of 128 bits)",
            How::Bracket => "an id in brackets in the text",
            How::Bare => "an id in the text that is a stored trace",
            How::Request => "another line of the same request id",
            How::Inferred => "time, method, path and status of one server span",
        }
    }
}

/// A log group, as CloudWatch has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    pub created: Nanos,
    /// Days its lines are kept, if it has a retention of its own.
    pub retention_days: Option<u32>,
    /// `(key, value)`, by key.
    pub tags: Vec<(String, String)>,
    /// Bytes of the messages stored.
    pub bytes: u64,
    pub lines: u64,
}

/// A log stream of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    pub name: String,
    pub created: Nanos,
    /// Times of its earliest and latest line, and when the last one arrived; `None` while it has none.
    pub first: Option<Nanos>,
    pub last: Option<Nanos>,
    pub last_received: Option<Nanos>,
}

/// What a line says, for a row of its own: of a JSON object its message, under the names that loggers give it; else all of it.
pub fn told(message: &str) -> Cow<'_, str> {
    const NAMES: [&str; 4] = ["message", "msg", "@m", "event"];
    let object = if message.len() <= 1 << 16 { crate::json::object(message) } else { None };
    let told = match &object {
        Some(Value::Map(entries)) => NAMES.iter().find_map(|name| get_str(entries, name).filter(|text| !text.trim().is_empty())),
        _ => None,
    };
    told.map_or(Cow::Borrowed(message), |told| Cow::Owned(told.to_owned()))
}

/// Attributes as the JSON object that lines keep; empty for none.
pub fn attributes_json(attributes: &Attributes) -> String {
    if attributes.is_empty() { String::new() } else { crate::attr::Json(attributes).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_tells_its_message() {
        for (message, expected) in [
            (r#"{"level":"info","msg":"loaded"}"#, "loaded"),
            (r#"{"msg":"a","message":"b"}"#, "b"),
            (r#"{"message":7}"#, r#"{"message":7}"#),
            (r#"{"message":" "}"#, r#"{"message":" "}"#),
            ("{not json", "{not json"),
            ("plain", "plain"),
        ] {
            assert_eq!(told(message), expected);
        }
    }

    #[test]
    fn levels_have_their_numbers_and_names() {
        for level in Level::ALL {
            assert_eq!(level.severity().level(), level);
            assert_eq!(Level::from_name(level.as_str()), Some(level));
        }
        for (name, level) in [("WARNING", Level::Warn), ("Err", Level::Error), ("critical", Level::Fatal), ("Notice", Level::Info)] {
            assert_eq!(Level::from_name(name), Some(level));
        }
        for name in ["hello", "", "é", "informationally"] {
            assert_eq!(Level::from_name(name), None);
        }
        assert_eq!(Severity::from_number(25), Severity::NONE);
        assert_eq!(Severity(20).level(), Level::Error);
    }
}
