//! OTLP/JSON, read leniently: integers as numbers or texts, enums as numbers or names, ids as hex in any case or base64,
//! `snake_case` beside `camelCase`, null for absent, unknown fields ignored. What senders really do: Node writes int64 as
//! numbers, Python as texts, browsers write times beyond 2^53 as bare numbers.
//!
//! Nothing inside a span fails the request: what has the wrong shape makes that span `malformed`.

use super::base64;
use super::translate::{Attrs, Draft, RawId, Translator};
use super::wire::Malformed;
use crate::ingest::Signal;
use model::attr::Value;
use model::span::{Dropped, Event, Kind, Status};
use scalar::{List, Scalar};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

mod scalar;

/// `ExportTraceServiceRequest` in JSON into the translator.
pub fn traces(body: &[u8], to: &mut Translator<'_>) -> Result<(), Malformed> {
    let request: Request = scalar::from_slice(body).map_err(|error| Malformed(why(&error)))?;
    if request.wrong() {
        return Err(Malformed("resourceSpans, scopeSpans and spans must be lists of objects"));
    }
    for resource_spans in request.resource_spans.items {
        let resource = attributes(resource_spans.resource.attributes, to)?;
        to.resource(resource);
        for scope_spans in resource_spans.scope_spans.items {
            let scope = scope_spans.scope;
            let attributes = attributes(scope.attributes, to)?;
            to.scope(scope.name.text(), scope.version.text(), attributes);
            for span in scope_spans.spans.items {
                match draft(span, to) {
                    Ok(draft) => to.span(draft)?,
                    Err(Malformed(why)) => to.unreadable(why, 0)?,
                }
            }
        }
    }
    Ok(())
}

fn why(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "truncated JSON",
        serde_json::error::Category::Syntax => "invalid JSON",
        _ => "not the JSON of an export request",
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Request {
    #[serde(alias = "resourceSpans", alias = "resource_spans")]
    resource_spans: List<ResourceSpans>,
}

impl Request {
    fn wrong(&self) -> bool {
        let scopes =
            |resource: &ResourceSpans| resource.scope_spans.wrong || resource.scope_spans.items.iter().any(|scope| scope.spans.wrong);
        self.resource_spans.wrong || self.resource_spans.items.iter().any(scopes)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ResourceSpans {
    #[serde(deserialize_with = "scalar::or_default")]
    resource: Resource,
    // Before OTLP 0.15 the scope was called instrumentation library.
    #[serde(alias = "scopeSpans", alias = "scope_spans", alias = "instrumentationLibrarySpans")]
    scope_spans: List<ScopeSpans>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Resource {
    attributes: List<Pair>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ScopeSpans {
    #[serde(alias = "instrumentationLibrary", deserialize_with = "scalar::or_default")]
    scope: Scope,
    spans: List<SpanJson>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Scope {
    name: Scalar,
    version: Scalar,
    attributes: List<Pair>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct SpanJson {
    #[serde(alias = "trace_id")]
    trace_id: Scalar,
    #[serde(alias = "span_id")]
    span_id: Scalar,
    #[serde(alias = "parent_span_id")]
    parent_span_id: Scalar,
    #[serde(alias = "trace_state")]
    trace_state: Scalar,
    flags: Scalar,
    name: Scalar,
    kind: Scalar,
    #[serde(alias = "start_time_unix_nano")]
    start_time_unix_nano: Scalar,
    #[serde(alias = "end_time_unix_nano")]
    end_time_unix_nano: Scalar,
    attributes: List<Pair>,
    #[serde(alias = "dropped_attributes_count")]
    dropped_attributes_count: Scalar,
    events: List<EventJson>,
    #[serde(alias = "dropped_events_count")]
    dropped_events_count: Scalar,
    links: List<LinkJson>,
    #[serde(alias = "dropped_links_count")]
    dropped_links_count: Scalar,
    #[serde(deserialize_with = "scalar::or_default")]
    status: StatusJson,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct StatusJson {
    code: Scalar,
    message: Scalar,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct EventJson {
    #[serde(alias = "time_unix_nano")]
    time_unix_nano: Scalar,
    name: Scalar,
    attributes: List<Pair>,
    #[serde(alias = "dropped_attributes_count")]
    dropped_attributes_count: Scalar,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct LinkJson {
    #[serde(alias = "trace_id")]
    trace_id: Scalar,
    #[serde(alias = "span_id")]
    span_id: Scalar,
    #[serde(alias = "trace_state")]
    trace_state: Scalar,
    attributes: List<Pair>,
    #[serde(alias = "dropped_attributes_count")]
    dropped_attributes_count: Scalar,
    flags: Scalar,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pair {
    key: Scalar,
    value: AnyValue,
}

fn draft(span: SpanJson, to: &mut Translator<'_>) -> Result<Draft<'static>, Malformed> {
    let mut draft = Draft {
        trace_id: id(span.trace_id),
        span_id: id(span.span_id),
        parent_id: id(span.parent_span_id),
        trace_state: span.trace_state.text(),
        flags: span.flags.number(),
        name: span.name.text(),
        kind: Kind::from_number(span.kind.enumeration(&[
            "SPAN_KIND_UNSPECIFIED",
            "SPAN_KIND_INTERNAL",
            "SPAN_KIND_SERVER",
            "SPAN_KIND_CLIENT",
            "SPAN_KIND_PRODUCER",
            "SPAN_KIND_CONSUMER",
        ])),
        start: span.start_time_unix_nano.number(),
        end: span.end_time_unix_nano.number(),
        status: Status::from_number(span.status.code.enumeration(&["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"])),
        status_message: span.status.message.text(),
        attributes: attributes(span.attributes, to)?,
        events: Vec::with_capacity(span.events.items.len()),
        links: Vec::new(),
        dropped: Dropped {
            attributes: span.dropped_attributes_count.number(),
            events: span.dropped_events_count.number(),
            links: span.dropped_links_count.number(),
        },
    };
    if span.events.wrong || span.links.wrong {
        return Err(Malformed("events and links must be lists of objects"));
    }
    for event in span.events.items {
        to.room.take()?;
        draft.events.push(Event {
            time: event.time_unix_nano.number::<u64>().min(i64::MAX as u64) as i64,
            name: event.name.text(),
            attributes: attributes(event.attributes, to)?.finish(),
            dropped_attributes: event.dropped_attributes_count.number(),
        });
    }
    for link in span.links.items {
        to.room.take()?;
        let attributes = attributes(link.attributes, to)?;
        let (trace_id, span_id) = (id(link.trace_id), id(link.span_id));
        draft.link(&trace_id, &span_id, link.trace_state.text(), attributes, link.dropped_attributes_count.number(), link.flags.number());
    }
    Ok(draft)
}

fn id(scalar: Scalar) -> RawId<'static> {
    match scalar.text() {
        text if text.is_empty() => RawId::Missing,
        text => RawId::Text(text.into()),
    }
}

fn attributes(pairs: List<Pair>, to: &mut Translator<'_>) -> Result<Attrs, Malformed> {
    if pairs.wrong {
        return Err(Malformed("attributes must be a list of objects"));
    }
    let mut attributes = to.attrs();
    for pair in pairs.items {
        to.room.take()?;
        attributes.push(pair.key.text(), pair.value.0);
    }
    Ok(attributes)
}

/// `AnyValue`: an object with one field that names the type. A bare JSON value, which some home-made senders write, is
/// taken as what it is.
struct AnyValue(Value);

impl Default for AnyValue {
    fn default() -> Self {
        AnyValue(Value::Empty)
    }
}

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyValueVisitor)
    }
}

struct AnyValueVisitor;

impl<'de> Visitor<'de> for AnyValueVisitor {
    type Value = AnyValue;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an AnyValue")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<AnyValue, A::Error> {
        let mut value = Value::Empty;
        while let Some(field) = fields.next_key::<std::borrow::Cow<'de, str>>()? {
            value = match &*field {
                "stringValue" | "string_value" => match fields.next_value()? {
                    Scalar::Missing => continue,
                    text => Value::Str(text.text()),
                },
                "intValue" | "int_value" => match fields.next_value::<Scalar>()? {
                    Scalar::Missing => continue,
                    // An integer that is none stays readable as what was sent.
                    number => number.integer().map(Value::Int).unwrap_or_else(|| Value::Str(number.text())),
                },
                "doubleValue" | "double_value" => match fields.next_value::<Scalar>()? {
                    Scalar::Missing => continue,
                    number => number.float().map(Value::Float).unwrap_or_else(|| Value::Str(number.text())),
                },
                "boolValue" | "bool_value" => match fields.next_value()? {
                    Scalar::Missing => continue,
                    Scalar::Bool(truth) => Value::Bool(truth),
                    other => match other.text() {
                        text if text.eq_ignore_ascii_case("true") => Value::Bool(true),
                        text if text.eq_ignore_ascii_case("false") => Value::Bool(false),
                        text => Value::Str(text),
                    },
                },
                "bytesValue" | "bytes_value" => match fields.next_value()? {
                    Scalar::Missing => continue,
                    text => {
                        let text = text.text();
                        base64::decode(&text).map(Value::Bytes).unwrap_or(Value::Str(text))
                    }
                },
                "arrayValue" | "array_value" => {
                    Value::List(fields.next_value::<Values>()?.values.items.into_iter().map(|item| item.0).collect())
                }
                "kvlistValue" | "kvlist_value" => Value::Map(map(fields.next_value::<Pairs>()?.values.items)),
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
        }
        Ok(AnyValue(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<AnyValue, A::Error> {
        let mut list = Vec::new();
        while let Some(AnyValue(item)) = items.next_element()? {
            scalar::take_room(size_of::<AnyValue>())?;
            list.push(item);
        }
        Ok(AnyValue(Value::List(list)))
    }

    fn visit_str<E>(self, text: &str) -> Result<AnyValue, E> {
        Ok(AnyValue(Value::Str(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<AnyValue, E> {
        Ok(AnyValue(Value::Int(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<AnyValue, E> {
        Ok(AnyValue(i64::try_from(number).map_or(Value::Float(number as f64), Value::Int)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<AnyValue, E> {
        Ok(AnyValue(Value::Float(number)))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<AnyValue, E> {
        Ok(AnyValue(Value::Bool(truth)))
    }

    fn visit_unit<E>(self) -> Result<AnyValue, E> {
        Ok(AnyValue::default())
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Values {
    values: scalar::Items<AnyValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pairs {
    values: List<Pair>,
}

fn map(pairs: Vec<Pair>) -> model::attr::Attributes {
    let mut entries = Attrs::default();
    for pair in pairs {
        entries.push(pair.key.text(), pair.value.0);
    }
    entries.finish()
}

/// How many log records or data points a JSON request holds, and of which signal it is.
pub fn count(body: &[u8]) -> Result<(Signal, u64), Malformed> {
    let counts: Counts = scalar::from_slice(body).map_err(|error| Malformed(why(&error)))?;
    let logs: u64 =
        counts.logs.items.iter().flat_map(|resource| &resource.scopes.items).map(|scope| scope.records.items.len() as u64).sum();
    let points: u64 = counts
        .metrics
        .items
        .iter()
        .flat_map(|resource| &resource.scopes.items)
        .flat_map(|scope| &scope.metrics.items)
        .map(Metric::points)
        .sum();
    Ok(match (counts.logs.items.is_empty(), counts.metrics.items.is_empty()) {
        (false, _) => (Signal::Logs, logs),
        (true, false) => (Signal::Metrics, points),
        (true, true) => (Signal::Traces, 0),
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Counts {
    #[serde(alias = "resourceLogs", alias = "resource_logs")]
    logs: List<ResourceRecords>,
    #[serde(alias = "resourceMetrics", alias = "resource_metrics")]
    metrics: List<ResourceRecords>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ResourceRecords {
    #[serde(alias = "scopeLogs", alias = "scope_logs", alias = "scopeMetrics", alias = "scope_metrics")]
    scopes: List<ScopeRecords>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ScopeRecords {
    #[serde(alias = "logRecords", alias = "log_records")]
    records: scalar::Items<IgnoredAny>,
    metrics: List<Metric>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Metric {
    #[serde(
        alias = "sum",
        alias = "histogram",
        alias = "summary",
        alias = "exponentialHistogram",
        alias = "exponential_histogram",
        deserialize_with = "scalar::or_default"
    )]
    gauge: Points,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Points {
    #[serde(alias = "dataPoints", alias = "data_points")]
    points: scalar::Items<IgnoredAny>,
}

impl Metric {
    fn points(&self) -> u64 {
        self.gauge.points.items.len() as u64
    }
}
