//! `/api/traces/{id}` and one span of it, with everything that is stored.

use super::State;
use super::answer::{Failure, json, large_json, moment};
use super::ask::Parameters;
use super::otlp::TracesData;
use axum::extract::{Path, RawQuery};
use axum::response::Response;
use model::address::{SpanAddress, System};
use model::attr::{Attributes, as_map};
use model::id::{SpanId, TraceId};
use model::port::{Ask, Problem};
use model::span::{Dropped, Event, Family, Kind, Link, Span, Status};
use model::time::Nanos;
use serde::Serialize;

#[derive(Serialize)]
struct Trace {
    trace_id: TraceId,
    spans: Vec<Written>,
    duplicates: u64,
    conflicts: u64,
    #[serde(serialize_with = "moment")]
    last_received: Nanos,
}

/// A span as the API writes it.
struct Written(Span);

#[derive(Serialize)]
struct Fields<'a> {
    trace_id: TraceId,
    span_id: SpanId,
    parent_id: Option<SpanId>,
    service: &'a str,
    name: &'a str,
    kind: Kind,
    #[serde(serialize_with = "moment")]
    start: Nanos,
    duration_ns: i64,
    status: Status,
    status_message: &'a str,
    #[serde(with = "as_map")]
    attributes: &'a Attributes,
    #[serde(with = "as_map")]
    resource: &'a Attributes,
    scope: Scope<'a>,
    events: Vec<EventFields<'a>>,
    links: &'a [Link],
    dropped: Dropped,
    trace_state: &'a str,
    flags: u32,
    source: &'a str,
    dataset: &'a str,
    key: &'a str,
    weight: f64,
    #[serde(rename = "self")]
    to_self: bool,
    #[serde(serialize_with = "moment")]
    received_at: Nanos,
    seq: u64,
}

#[derive(Serialize)]
struct Scope<'a> {
    name: &'a str,
    version: &'a str,
    #[serde(with = "as_map")]
    attributes: &'a Attributes,
}

#[derive(Serialize)]
struct EventFields<'a> {
    #[serde(serialize_with = "moment")]
    time: Nanos,
    name: &'a str,
    #[serde(with = "as_map")]
    attributes: &'a Attributes,
    dropped_attributes: u32,
}

impl<'a> EventFields<'a> {
    fn of(event: &'a Event) -> EventFields<'a> {
        EventFields { time: event.time, name: &event.name, attributes: &event.attributes, dropped_attributes: event.dropped_attributes }
    }
}

impl Serialize for Written {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let span = &self.0;
        let (origin, envelope) = (&span.origin, &span.envelope);
        Fields {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_id: span.parent_id,
            service: &origin.service,
            name: &span.name,
            kind: span.kind,
            start: span.start,
            duration_ns: span.duration_ns,
            status: span.status,
            status_message: &span.status_message,
            attributes: &span.attributes,
            resource: &origin.resource,
            scope: Scope { name: &origin.scope_name, version: &origin.scope_version, attributes: &origin.scope_attributes },
            events: span.events.iter().map(EventFields::of).collect(),
            links: &span.links,
            dropped: span.dropped,
            trace_state: &span.trace_state,
            flags: span.flags,
            source: &envelope.source,
            dataset: &envelope.dataset,
            key: &envelope.key,
            weight: envelope.weight,
            to_self: envelope.to_self,
            received_at: envelope.received_at,
            seq: envelope.seq,
        }
        .serialize(to)
    }
}

/// `GET /api/traces/{id}`
pub(super) async fn trace(store: State, Path(id): Path<String>, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let id = trace_id(&id)?;
    let parameters = Parameters::of(raw);
    let otlp = match parameters.text("format") {
        "" | "json" => false,
        "otlp" => true,
        _ => return Err(Failure::bad("format must be json or otlp")),
    };
    let ask = Ask::now();
    let _left = ask.cancel_on_drop();
    let trace = store.trace(&ask, id).await?;
    Ok(match otlp {
        true => large_json(TracesData::of(trace)).await,
        false => {
            let model::trace::Trace { trace_id, spans, duplicates, conflicts, last_received } = trace;
            let spans = spans.into_iter().map(Written).collect();
            large_json(Trace { trace_id, spans, duplicates, conflicts, last_received }).await
        }
    })
}

/// `GET /api/traces/{id}/spans/{span_id}`
pub(super) async fn span(store: State, Path((id, span_id)): Path<(String, String)>, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let id = trace_id(&id)?;
    let mut address = span_address(&span_id)?;
    match Parameters::of(raw).text("family") {
        "" => {}
        family => address.family = Some(Family::named(family).ok_or_else(|| Failure::bad("family must be otel or xray"))?),
    }
    let ask = Ask::now();
    let _left = ask.cancel_on_drop();
    let trace = store.trace(&ask, id).await?;
    let span = trace.spans.into_iter().find(|span| address.fits(span.span_id, System::of(span)));
    Ok(json(&Written(span.ok_or(Problem::NotFound("span"))?)))
}

pub(super) fn span_address(text: &str) -> Result<SpanAddress, Failure> {
    text.parse().map_err(|_| Failure::bad("a span id has 16 hex digits, .otel or .xray after it where both have it"))
}

pub(super) fn trace_id(text: &str) -> Result<TraceId, Failure> {
    text.parse().map_err(|error: model::id::NotAnId| Failure::bad(error.to_string()))
}
