//! The open span as it was sent: X-Ray's document, or what OpenTelemetry's fields are as JSON.

use super::drawing::Drawing;
use super::sections::copy;
use crate::ui::json;
use leptos::prelude::*;
use model::attr::{Attributes, Value, get_str};
use model::columns::Parent;
use model::span::{Event, Family, Link, Span};
use model::time::{Nanos, Rfc3339};

pub(super) fn raw(drawing: &Drawing, n: u32) -> impl IntoView + use<> {
    let span = &drawing.trace.spans[n as usize];
    let (what, text) = match document(drawing, n) {
        Some((holder, text)) if holder == n => (view! { <span>"The document, as X-Ray's SDK sent it"</span> }.into_any(), text),
        Some((holder, text)) => {
            let link = view! { <a href=drawing.with_span(holder) data-span=drawing.address(holder).to_string()>{drawing.name(holder).to_owned()}</a> };
            (view! { <span>"A part of the document of "{link}", as X-Ray's SDK sent it"</span> }.into_any(), text)
        }
        None => (view! { <span>"The span as JSON"</span> }.into_any(), of_span(span).to_string()),
    };
    view! {
        <section class="d-raw">
            <p class="muted">{what}{copy(json::indented(&text), "Copy the JSON".to_owned())}</p>
            {json::json(&text)}
        </section>
    }
}

/// X-Ray's words for a span, and whose document they are from: its own, or that of what encloses it.
fn document(drawing: &Drawing, n: u32) -> Option<(u32, String)> {
    let span = &drawing.trace.spans[n as usize];
    let id = span.span_id.to_string();
    let mut holder = n;
    // As many steps as there are spans: parents may lead round in a circle.
    for _ in 0..drawing.trace.spans.len() {
        let there = &drawing.trace.spans[holder as usize];
        if span.family() != Family::Xray || there.family() != Family::Xray {
            return None;
        }
        if let Some(text) = get_str(&there.attributes, "aws.xray.document") {
            return match holder == n {
                true => Some((holder, text.to_owned())),
                false => Some((holder, json::record(text, &id)?.to_owned())),
            };
        }
        match drawing.columns.parent[holder as usize] {
            Parent::Span(up) => holder = up,
            _ => return None,
        }
    }
    None
}

/// With the names of the API.
fn of_span(span: &Span) -> Value {
    let origin = &span.origin;
    let scope = map([
        ("name", text(&origin.scope_name)),
        ("version", text(&origin.scope_version)),
        ("attributes", Value::Map(origin.scope_attributes.clone())),
    ]);
    let event = |event: &Event| {
        map([("time", moment(event.time)), ("name", text(&event.name)), ("attributes", Value::Map(event.attributes.clone()))])
    };
    let link = |link: &Link| {
        map([
            ("trace_id", text(link.trace_id)),
            ("span_id", text(link.span_id)),
            ("trace_state", text(&link.trace_state)),
            ("attributes", Value::Map(link.attributes.clone())),
        ])
    };
    map([
        ("trace_id", text(span.trace_id)),
        ("span_id", text(span.span_id)),
        ("parent_id", span.parent_id.map_or(Value::Empty, text)),
        ("service", text(span.service())),
        ("name", text(&span.name)),
        ("kind", text(span.kind.as_str())),
        ("start", moment(span.start)),
        ("duration_ns", Value::Int(span.duration_ns)),
        ("status", text(span.status.as_str())),
        ("status_message", text(&span.status_message)),
        ("attributes", Value::Map(span.attributes.clone())),
        ("events", Value::List(span.events.iter().map(event).collect())),
        ("links", Value::List(span.links.iter().map(link).collect())),
        ("resource", Value::Map(origin.resource.clone())),
        ("scope", scope),
        ("trace_state", text(&span.trace_state)),
        ("flags", Value::Int(span.flags.into())),
        ("source", text(&span.envelope.source)),
        ("received_at", moment(span.envelope.received_at)),
    ])
}

fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields: Attributes = fields.map(|(key, value)| (key.to_owned(), value)).into();
    Value::Map(fields)
}

fn text(value: impl ToString) -> Value {
    Value::Str(value.to_string())
}

fn moment(at: Nanos) -> Value {
    text(Rfc3339(at))
}
