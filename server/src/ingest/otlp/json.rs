//! OTLP/JSON, read leniently: integers as numbers or texts, enums as numbers or names, ids as hex in any case or base64,
//! `snake_case` beside `camelCase`, null for absent, unknown fields ignored. What senders really do: Node writes int64 as
//! numbers, Python as texts, browsers write times beyond 2^53 as bare numbers.
//!
//! Nothing inside a record fails the request: what has the wrong shape makes that record `malformed`.

use super::translate::{Draft, RawId, Translator};
use super::wire::Malformed;
use crate::ingest::attrs::Attrs;
use model::span::{Dropped, Event, Kind, Status};
use scalar::{List, Scalar};
use serde::Deserialize;
use value::AnyValue;

mod count;
mod logs;
mod scalar;
mod value;

pub use count::{count_points, signal_of};
pub use logs::logs;

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
