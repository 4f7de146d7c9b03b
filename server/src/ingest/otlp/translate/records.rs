//! Log records to lines.

use super::{RawId, Translator};
use crate::ingest::attrs::Attrs;
use crate::ingest::lines::Facts;
use crate::ingest::otlp::wire::Malformed;
use crate::ingest::scrub;
use model::attr::{self, Value};
use model::log::{How, Level, Line, Origin, Severity, TraceLink, attributes_json};
use model::semconv;
use std::sync::Arc;

/// A log record as it was sent.
#[derive(Debug)]
pub struct Record<'a> {
    pub time: u64,
    pub observed: u64,
    pub severity_number: i32,
    pub severity_text: String,
    pub body: Value,
    pub attributes: Attrs,
    pub dropped_attributes: u32,
    pub trace_id: RawId<'a>,
    pub span_id: RawId<'a>,
    pub event_name: String,
}

impl Default for Record<'_> {
    fn default() -> Self {
        Record {
            time: 0,
            observed: 0,
            severity_number: 0,
            severity_text: String::new(),
            body: Value::Empty,
            attributes: Attrs::default(),
            dropped_attributes: 0,
            trace_id: RawId::Missing,
            span_id: RawId::Missing,
            event_name: String::new(),
        }
    }
}

/// CloudWatch's limit of the names of groups and streams, which those of services become.
const NAME_BYTES: usize = 512;

impl Translator<'_> {
    /// Takes a log record. Only its time can be wrong: ids that are invalid are none (OpenTelemetry, "Log Data Model").
    pub fn record(&mut self, record: Record<'_>) -> Result<(), Malformed> {
        self.counted()?;
        let sent = [record.time, record.observed].into_iter().find(|time| *time > 0);
        self.timed |= sent.is_some();
        let Ok(time) = sent.map_or(Ok(self.arrival.received_at), i64::try_from) else {
            self.reject("time out of range", |origin| format!("a log record of {}", origin.service));
            return Ok(());
        };
        let mut message = match record.body {
            Value::Str(text) => text,
            // An event may have a name and attributes alone.
            Value::Empty => record.event_name.clone(),
            other => other.to_string(),
        };
        scrub::clean_message(&mut message);
        let facts = Facts::of(&message);
        let severity_sent =
            [Severity::from_number(record.severity_number), Level::from_name(&record.severity_text).unwrap_or_default().severity()]
                .into_iter()
                .find(|severity| *severity != Severity::NONE)
                .unwrap_or_else(|| facts.severity());
        let severity = facts.repaired(severity_sent);
        let trace = match record.trace_id.trace() {
            Some(trace_id) => Some(TraceLink { trace_id, span_id: record.span_id.span(), how: How::Protocol }),
            None => facts.trace(),
        };
        let mut attributes = record.attributes;
        if !record.event_name.is_empty() {
            attributes.push("event.name".to_owned(), Value::Str(record.event_name));
        }
        if record.dropped_attributes > 0 {
            // The name that OpenTelemetry gives it outside of OTLP.
            attributes.push("otel.dropped_attributes_count".to_owned(), Value::Int(record.dropped_attributes.into()));
        }
        let attributes = attributes.finish();
        self.usual_attributes = attributes.len();
        let line = Line {
            seq: 0,
            time,
            received_at: self.arrival.received_at,
            origin: self.line_origin(),
            severity,
            severity_sent,
            attributes: attributes_json(&attributes),
            message,
            trace,
        };
        self.batch.logs.push(line);
        Ok(())
    }

    /// Where the records of this scope come from.
    fn line_origin(&mut self) -> Arc<Origin> {
        if let Some(origin) = &self.line_origin {
            return origin.clone();
        }
        let found = |name: &str| {
            let value = semconv::names(name).into_iter().find_map(|name| attr::get(&self.resource, name));
            value.map(Value::to_string).unwrap_or_default()
        };
        let [instance, host] = ["service.instance.id", "host.name"].map(found);
        let stream = [instance.as_str(), host.as_str(), "default"].into_iter().find(|name| !name.is_empty()).unwrap_or_default();
        let scope = &self.origin;
        let mut resource = self.resource.clone();
        resource.extend(scope.scope_attributes.iter().filter(|(key, _)| attr::get(&self.resource, key).is_none()).cloned());
        if !scope.scope_version.is_empty() {
            resource.push(("otel.scope.version".to_owned(), Value::Str(scope.scope_version.clone())));
        }
        let origin = Arc::new(Origin {
            group: name(&self.service).into(),
            stream: name(stream).into(),
            service: found("service.name").into(),
            environment: found("deployment.environment.name").into(),
            host: host.as_str().into(),
            logger: scope.scope_name.as_str().into(),
            resource: attributes_json(&resource).into(),
            source: self.arrival.source.clone(),
            key: self.arrival.key.clone(),
        });
        self.line_origin = Some(origin.clone());
        origin
    }
}

fn name(text: &str) -> &str {
    &text[..text.floor_char_boundary(NAME_BYTES)]
}
