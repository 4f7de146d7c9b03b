//! A trace as OTLP JSON (`TracesData` of opentelemetry-proto `trace.proto`, in the JSON mapping of the OTLP specification: ids
//! in hex, 64-bit integers as decimal strings, enums as numbers, lowerCamelCase). What was received goes out again.

use model::attr::Value;
use model::id::{SpanId, TraceId};
use model::span::{Origin, Span};
use model::trace::Trace;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::sync::Arc;

/// Spans by resource, then by scope, in the order they began.
pub(super) struct TracesData(Vec<Resource>);

struct Resource {
    scopes: Vec<Scope>,
}

/// Spans of one origin. Never empty.
struct Scope {
    origin: Arc<Origin>,
    spans: Vec<Span>,
}

impl TracesData {
    pub(super) fn of(trace: Trace) -> TracesData {
        let mut resources: Vec<Resource> = Vec::new();
        for span in trace.spans {
            let same_resource = |resource: &&mut Resource| resource.scopes[0].origin.resource == span.origin.resource;
            match resources.iter_mut().find(same_resource) {
                None => resources.push(Resource { scopes: vec![Scope { origin: span.origin.clone(), spans: vec![span] }] }),
                Some(resource) => {
                    match resource.scopes.iter_mut().find(|scope| Arc::ptr_eq(&scope.origin, &span.origin) || *scope.origin == *span.origin)
                    {
                        None => resource.scopes.push(Scope { origin: span.origin.clone(), spans: vec![span] }),
                        Some(scope) => scope.spans.push(span),
                    }
                }
            }
        }
        TracesData(resources)
    }
}

impl Serialize for TracesData {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(1))?;
        map.serialize_entry("resourceSpans", &self.0)?;
        map.end()
    }
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("resource", &WithAttributes(&self.scopes[0].origin.resource))?;
        map.serialize_entry("scopeSpans", &self.scopes)?;
        map.end()
    }
}

struct WithAttributes<'a>(&'a [(String, Value)]);

impl Serialize for WithAttributes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(1))?;
        map.serialize_entry("attributes", &Attributes(self.0))?;
        map.end()
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        struct Named<'a>(&'a Origin);
        impl Serialize for Named<'_> {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                let mut map = to.serialize_map(Some(3))?;
                map.serialize_entry("name", &self.0.scope_name)?;
                map.serialize_entry("version", &self.0.scope_version)?;
                map.serialize_entry("attributes", &Attributes(&self.0.scope_attributes))?;
                map.end()
            }
        }
        let mut map = to.serialize_map(Some(2))?;
        map.serialize_entry("scope", &Named(&self.origin))?;
        map.serialize_entry("spans", &Spans(&self.spans))?;
        map.end()
    }
}

struct Spans<'a>(&'a [Span]);

impl Serialize for Spans<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(OtlpSpan::of))
    }
}

/// The fields of a span in the order of `trace.proto`.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct OtlpSpan<'a> {
    trace_id: TraceId,
    span_id: SpanId,
    #[serde(skip_serializing_if = "str::is_empty")]
    trace_state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<SpanId>,
    flags: u32,
    name: &'a str,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Attributes<'a>,
    dropped_attributes_count: u32,
    events: Vec<OtlpEvent<'a>>,
    dropped_events_count: u32,
    links: Vec<OtlpLink<'a>>,
    dropped_links_count: u32,
    status: OtlpStatus<'a>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct OtlpEvent<'a> {
    time_unix_nano: String,
    name: &'a str,
    attributes: Attributes<'a>,
    dropped_attributes_count: u32,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct OtlpLink<'a> {
    trace_id: TraceId,
    span_id: SpanId,
    trace_state: &'a str,
    attributes: Attributes<'a>,
    dropped_attributes_count: u32,
    flags: u32,
}

#[derive(serde::Serialize)]
struct OtlpStatus<'a> {
    code: u8,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
}

impl<'a> OtlpSpan<'a> {
    fn of(span: &'a Span) -> OtlpSpan<'a> {
        let event = |event: &'a model::span::Event| OtlpEvent {
            time_unix_nano: event.time.to_string(),
            name: &event.name,
            attributes: Attributes(&event.attributes),
            dropped_attributes_count: event.dropped_attributes,
        };
        let link = |link: &'a model::span::Link| OtlpLink {
            trace_id: link.trace_id,
            span_id: link.span_id,
            trace_state: &link.trace_state,
            attributes: Attributes(&link.attributes),
            dropped_attributes_count: link.dropped_attributes,
            flags: link.flags,
        };
        OtlpSpan {
            trace_id: span.trace_id,
            span_id: span.span_id,
            trace_state: &span.trace_state,
            parent_span_id: span.parent_id,
            flags: span.flags,
            name: &span.name,
            // Both enums count as OTLP's do.
            kind: span.kind as u8,
            start_time_unix_nano: span.start.to_string(),
            end_time_unix_nano: span.end().to_string(),
            attributes: Attributes(&span.attributes),
            dropped_attributes_count: span.dropped.attributes,
            events: span.events.iter().map(event).collect(),
            dropped_events_count: span.dropped.events,
            links: span.links.iter().map(link).collect(),
            dropped_links_count: span.dropped.links,
            status: OtlpStatus { code: span.status as u8, message: &span.status_message },
        }
    }
}

/// A list of `KeyValue`.
struct Attributes<'a>(&'a [(String, Value)]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct KeyValue<'a> {
            key: &'a str,
            value: AnyValue<'a>,
        }
        to.collect_seq(self.0.iter().map(|(key, value)| KeyValue { key, value: AnyValue(value) }))
    }
}

struct AnyValue<'a>(&'a Value);

impl Serialize for AnyValue<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Values<T> {
            values: T,
        }
        let mut map = to.serialize_map(None)?;
        match self.0 {
            Value::Str(text) => map.serialize_entry("stringValue", text)?,
            Value::Int(int) => map.serialize_entry("intValue", &int.to_string())?,
            Value::Float(float) if float.is_finite() => map.serialize_entry("doubleValue", float)?,
            // Protobuf's JSON mapping has names for these.
            Value::Float(float) if float.is_nan() => map.serialize_entry("doubleValue", "NaN")?,
            Value::Float(float) => map.serialize_entry("doubleValue", if *float > 0.0 { "Infinity" } else { "-Infinity" })?,
            Value::Bool(truth) => map.serialize_entry("boolValue", truth)?,
            Value::Bytes(bytes) => map.serialize_entry("bytesValue", &base64(bytes))?,
            Value::List(items) => map.serialize_entry("arrayValue", &Values { values: Items(items) })?,
            Value::Map(entries) => map.serialize_entry("kvlistValue", &Values { values: Attributes(entries) })?,
            Value::Empty => (),
        }
        map.end()
    }
}

struct Items<'a>(&'a [Value]);

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(AnyValue))
    }
}

/// Standard base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0_u32, |word, (n, byte)| word | u32::from(*byte) << (16 - 8 * n));
        for n in 0..4 {
            match n <= chunk.len() {
                true => text.push(DIGITS[(word >> (18 - 6 * n) & 63) as usize] as char),
                false => text.push('='),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_protobuf_says() {
        let check = |value: Value, json: &str| assert_eq!(serde_json::to_string(&AnyValue(&value)).unwrap(), json);
        check(Value::Str("a\"".into()), r#"{"stringValue":"a\""}"#);
        check(Value::Int(i64::MIN), r#"{"intValue":"-9223372036854775808"}"#);
        check(Value::Float(f64::NEG_INFINITY), r#"{"doubleValue":"-Infinity"}"#);
        check(Value::List(vec![Value::Bool(true), Value::Empty]), r#"{"arrayValue":{"values":[{"boolValue":true},{}]}}"#);
        check(Value::Map(vec![("k".into(), Value::Float(1.5))]), r#"{"kvlistValue":{"values":[{"key":"k","value":{"doubleValue":1.5}}]}}"#);
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
