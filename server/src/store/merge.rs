//! Several documents of one X-Ray record become one span.
//!
//! X-Ray's rules (developer guide, "Sending trace data"): the complete document replaces the one in progress; datagrams overtake
//! each other, so one in progress that comes later changes nothing. Of two complete documents (a Lambda function's, for one) the
//! later has the last word, and annotations, metadata and exceptions of both are kept. "Later" is not who arrived last, which is
//! chance: it is who ended later, so the same documents make the same span in whatever order and however often they come.

use model::attr::{Attributes, Value};
use model::span::{Event, Link, Origin, Span, UNKNOWN_SERVICE};
use model::time::Nanos;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An attribute that merged spans have: for each attribute that comes from another than the latest document, when that one ended.
/// Without it a third document could not tell which of two values is older.
const EARLIER: &str = "aws.xray.earlier";
const ANNOTATIONS: &str = "aws.xray.annotations";
const METADATA: &str = "aws.xray.metadata.";

/// What two documents of one record are together; `a` was here first.
pub fn merge(a: &Span, b: &Span) -> Span {
    let (later, earlier) = if precedence(b) > precedence(a) { (b, a) } else { (a, b) };
    let mut merged = later.clone();
    if later.in_progress() == earlier.in_progress() {
        merged.attributes = attributes(later, earlier);
        merged.events = events(later, earlier);
        merged.links = links(later, earlier);
    }
    if merged.is_adrift() {
        // The trace says whose it is.
        merged.origin = Arc::new(Origin { service: UNKNOWN_SERVICE.to_owned(), ..Origin::default() });
    }
    merged.envelope.seq = a.envelope.seq.max(b.envelope.seq);
    merged.envelope.received_at = a.envelope.received_at.max(b.envelope.received_at);
    merged
}

/// Whether two spans have the same content; how and when they arrived does not matter, nor the order of attributes.
pub fn same(a: &Span, b: &Span) -> bool {
    let plain = |span: &Span| {
        let mut attributes = span.attributes.clone();
        attributes.sort_by(|a, b| a.0.cmp(&b.0));
        // Debug text, so that a NaN equals itself.
        fields(span) + &format!("{:?}", (attributes, &span.events, &span.links))
    };
    plain(a) == plain(b)
}

/// The greater one has the last word: complete, ended later, knows its service; what is still alike is decided by the content.
fn precedence(span: &Span) -> (bool, Nanos, bool, String) {
    (!span.in_progress(), span.end(), !span.is_adrift(), fields(span))
}

/// All that a span has one of, as text.
fn fields(span: &Span) -> String {
    let Span { parent_id, trace_state, flags, name, kind, start, duration_ns, status, status_message, dropped, origin, .. } = span;
    format!("{:?}", (parent_id, trace_state, flags, name, kind, start, duration_ns))
        // Whose a subsegment is that was sent on its own is no document's to say.
        + &format!("{:?}", (status, status_message, dropped, (!span.is_adrift()).then_some(origin)))
}

/// The attributes of both. Of two values the one of the later document stays; annotations and metadata are joined.
fn attributes(later: &Span, earlier: &Span) -> Attributes {
    let mut all: BTreeMap<&str, (Nanos, Value)> = BTreeMap::new();
    for span in [later, earlier] {
        let ends = match model::attr::get(&span.attributes, EARLIER) {
            Some(Value::Map(ends)) => ends.as_slice(),
            _ => &[],
        };
        for (key, value) in span.attributes.iter().filter(|(key, _)| key != EARLIER) {
            let end = match model::attr::get(ends, key) {
                Some(Value::Int(end)) => *end,
                _ => span.end(),
            };
            match all.get_mut(key.as_str()) {
                Some(there) => *there = joined(key, there.clone(), (end, value.clone())),
                None => drop(all.insert(key, (end, value.clone()))),
            }
        }
    }
    let of_earlier = all.iter().filter(|(_, (end, _))| *end < later.end());
    let ends: Attributes = of_earlier.map(|(key, (end, _))| ((*key).to_owned(), Value::Int(*end))).collect();
    if !ends.is_empty() {
        all.insert(EARLIER, (later.end(), Value::Map(ends)));
    }
    all.into_iter().map(|(key, (_, value))| (key.to_owned(), value)).collect()
}

fn joined(key: &str, a: (Nanos, Value), b: (Nanos, Value)) -> (Nanos, Value) {
    let both = match (&a.1, &b.1) {
        (Value::List(a), Value::List(b)) if key == ANNOTATIONS && a != b => {
            let keys: BTreeSet<String> = a.iter().chain(b).map(Value::to_string).collect();
            Some(Value::List(keys.into_iter().map(Value::Str).collect()))
        }
        (Value::Str(a), Value::Str(b)) if key.starts_with(METADATA) && a != b => metadata(a, b).map(Value::Str),
        _ => None,
    };
    match both {
        Some(value) => (a.0.max(b.0), value),
        None if (b.0, format!("{:?}", b.1)) > (a.0, format!("{:?}", a.1)) => b,
        None => a,
    }
}

/// The values of one namespace in two documents, key by key. Which of two values of a key is older is not known, so the greater
/// text stays: any, as long as it is the same one whatever came first. `None` if neither is a list of keys.
fn metadata(a: &str, b: &str) -> Option<String> {
    type Fields = BTreeMap<String, serde_json::Value>;
    let fields = |text: &str| serde_json::from_str::<Fields>(text).ok();
    let (mut all, more) = match (fields(a), fields(b)) {
        (Some(all), Some(more)) => (all, more),
        (Some(_), None) => return Some(a.to_owned()),
        (None, Some(_)) => return Some(b.to_owned()),
        (None, None) => return None,
    };
    let text = |value: &serde_json::Value| value.to_string();
    for (key, value) in more {
        if all.get(&key).is_none_or(|there| text(&value) > text(there)) {
            all.insert(key, value);
        }
    }
    serde_json::to_string(&all).ok()
}

/// The events of both; an exception that both tell of (they have ids) is one.
fn events(a: &Span, b: &Span) -> Vec<Event> {
    if a.events == b.events {
        return a.events.clone();
    }
    let mut all: BTreeMap<String, &Event> = BTreeMap::new();
    for event in a.events.iter().chain(&b.events) {
        let text = |event: &Event| (event.time, format!("{event:?}"));
        let id = model::attr::get_str(&event.attributes, "aws.xray.exception.id").map(|id| format!("{}:{id}", event.name));
        all.entry(id.unwrap_or_else(|| text(event).1))
            .and_modify(|there| *there = std::cmp::max_by_key(*there, event, |one| text(one)))
            .or_insert(event);
    }
    let mut events: Vec<Event> = all.into_values().cloned().collect();
    events.sort_by_cached_key(|event| (event.time, format!("{event:?}")));
    events
}

/// The links of both.
fn links(a: &Span, b: &Span) -> Vec<Link> {
    if a.links == b.links {
        return a.links.clone();
    }
    let all: BTreeMap<String, &Link> = a.links.iter().chain(&b.links).map(|link| (format!("{link:?}"), link)).collect();
    all.into_values().cloned().collect()
}
