//! A log line as JSON.

use crate::api::answer::moment;
use app::url::LogLine;
use model::attr::Value;
use model::id::{SpanId, TraceId};
use model::json;
use model::log::{How, Level, Line};
use model::port::Possible;
use model::time::Nanos;
use serde::Serialize;

/// A line, as `/api/logs` and everything like it has it.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    seq: u64,
    #[serde(serialize_with = "moment")]
    time: Nanos,
    #[serde(serialize_with = "moment")]
    received_at: Nanos,
    message: &'a str,
    level: Level,
    severity: u8,
    severity_sent: u8,
    group: &'a str,
    stream: &'a str,
    service: &'a str,
    environment: &'a str,
    host: &'a str,
    logger: &'a str,
    source: &'a str,
    attributes: Value,
    resource: Value,
    trace_id: Option<TraceId>,
    span_id: Option<SpanId>,
    how: Option<How>,
    /// If it fits several.
    possible_traces: &'a [TraceId],
    /// Where it is shown.
    at: String,
}

impl<'a> Row<'a> {
    pub(super) fn of(line: &'a Line, possible: &'a Possible) -> Row<'a> {
        let origin = &line.origin;
        let object = |text: &str| json::object(text).unwrap_or(Value::Map(Vec::new()));
        Row {
            seq: line.seq,
            time: line.time,
            received_at: line.received_at,
            message: &line.message,
            level: line.severity.level(),
            severity: line.severity.0,
            severity_sent: line.severity_sent.0,
            group: &origin.group,
            stream: &origin.stream,
            service: &origin.service,
            environment: &origin.environment,
            host: &origin.host,
            logger: &origin.logger,
            source: &origin.source,
            attributes: object(&line.attributes),
            resource: object(&origin.resource),
            trace_id: line.trace.map(|link| link.trace_id),
            span_id: line.trace.and_then(|link| link.span_id),
            how: line.trace.map(|link| link.how),
            possible_traces: possible.of(line),
            at: LogLine::of(line.time, line.seq).to_string(),
        }
    }
}

/// Counts by level, under their names.
#[derive(Serialize)]
pub(super) struct Levels {
    none: u64,
    trace: u64,
    debug: u64,
    info: u64,
    warn: u64,
    error: u64,
    fatal: u64,
}

impl Levels {
    pub(super) fn of([none, trace, debug, info, warn, error, fatal]: [u64; 7]) -> Levels {
        Levels { none, trace, debug, info, warn, error, fatal }
    }
}
