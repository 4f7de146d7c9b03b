//! X-Ray's documents of one record, all at once: later ones are laid over earlier ones.

use model::attr::{Attributes, Value};
use model::span::{Event, Family, Link, Origin, Span, UNKNOWN_SERVICE};
use model::time::Nanos;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is the same for every order of arrival: what has the last word comes last.
fn rank(span: &Span) -> (bool, Nanos, bool, String) {
    let Span { parent_id, trace_state, flags, name, kind, start, duration_ns, status, status_message, dropped, origin, .. } = span;
    let first = format!("{:?}", (parent_id, trace_state, flags, name, kind, start, duration_ns));
    let second = format!("{:?}", (status, status_message, dropped, (!span.is_adrift()).then_some(origin)));
    (!span.in_progress(), span.end(), !span.is_adrift(), first + &second)
}

/// The span that some documents are together; its `envelope` is that of the one with the last word.
pub fn merged(documents: &[Span]) -> Span {
    // Complete ones replace those in progress.
    let complete: Vec<&Span> = documents.iter().filter(|document| !document.in_progress()).collect();
    let mut layers: Vec<&Span> = if complete.is_empty() { documents.iter().collect() } else { complete };
    let latest = layers.iter().map(|layer| rank(layer)).max().expect("at least one");
    let mut merged = (*layers.iter().find(|layer| rank(layer) == latest).expect("the latest")).clone();
    // Those that are the same count once: alone, a document is left as it is.
    let mut seen = BTreeSet::new();
    layers.retain(|layer| seen.insert(format!("{:?} {:?} {:?} {:?}", rank(layer), layer.attributes, layer.events, layer.links)));
    if layers.len() == 1 {
        return merged;
    }
    let mut values: BTreeMap<String, Vec<(Nanos, Value)>> = BTreeMap::new();
    for layer in &layers {
        for (key, value) in &layer.attributes {
            values.entry(key.clone()).or_default().push((layer.end(), value.clone()));
        }
    }
    let mut earlier: Attributes = Vec::new();
    merged.attributes = Vec::new();
    for (key, mut values) in values {
        values.sort_by_key(|(end, value)| (*end, format!("{value:?}")));
        let (end, latest) = values.last().cloned().expect("a value");
        if end < merged.end() {
            earlier.push((key.clone(), Value::Int(end)));
        }
        let value = match &latest {
            _ if values.iter().all(|(_, value)| *value == latest) => latest,
            Value::List(_) if key == "aws.xray.annotations" => joined_keys(&values),
            Value::Str(_) if key.starts_with("aws.xray.metadata.") => joined_metadata(&values).unwrap_or(latest),
            _ => latest,
        };
        merged.attributes.push((key, value));
    }
    if !earlier.is_empty() {
        merged.attributes.push(("aws.xray.earlier".into(), Value::Map(earlier)));
        merged.attributes.sort_by(|a, b| a.0.cmp(&b.0));
    }
    if layers.iter().any(|layer| layer.events != merged.events) {
        merged.events = all_events(&layers);
    }
    if layers.iter().any(|layer| layer.links != merged.links) {
        let links: BTreeMap<String, &Link> = layers.iter().flat_map(|layer| &layer.links).map(|link| (format!("{link:?}"), link)).collect();
        merged.links = links.into_values().cloned().collect();
    }
    merged
}

fn joined_keys(lists: &[(Nanos, Value)]) -> Value {
    let mut keys = BTreeSet::new();
    for (_, list) in lists {
        if let Value::List(items) = list {
            keys.extend(items.iter().map(Value::to_string));
        }
    }
    Value::List(keys.into_iter().map(Value::Str).collect())
}

/// Key by key, the greater text.
fn joined_metadata(texts: &[(Nanos, Value)]) -> Option<Value> {
    let mut all: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    let objects = texts.iter().filter_map(|(_, text)| serde_json::from_str::<BTreeMap<String, serde_json::Value>>(text.as_str()?).ok());
    let mut any = false;
    let text = |value: &serde_json::Value| value.to_string();
    for (key, value) in objects.inspect(|_| any = true).flatten() {
        if all.get(&key).is_none_or(|there| text(&value) > text(there)) {
            all.insert(key, value);
        }
    }
    any.then(|| Value::Str(serde_json::to_string(&all).expect("JSON")))
}

/// By time; of an exception that has an id, the latest account.
fn all_events(layers: &[&Span]) -> Vec<Event> {
    let mut events: Vec<&Event> = layers.iter().flat_map(|layer| &layer.events).collect();
    events.sort_by_key(|event| (event.time, format!("{event:?}")));
    let name = |event: &Event| match model::attr::get_str(&event.attributes, "aws.xray.exception.id") {
        Some(id) => format!("{}:{id}", event.name),
        None => format!("{event:?}"),
    };
    let last = |at: usize| !events[at + 1..].iter().any(|later| name(later) == name(events[at]));
    (0..events.len()).filter(|at| last(*at)).map(|at| events[at].clone()).collect()
}

/// Gives spans that do not say whose they are the origin of their parent, until nothing changes any more; the others are nobody's.
pub fn place(spans: &mut [Span]) {
    for span in spans.iter_mut().filter(|span| span.is_adrift()) {
        span.origin = Arc::new(Origin { service: UNKNOWN_SERVICE.into(), ..Origin::default() });
    }
    loop {
        let known: BTreeMap<_, _> = spans
            .iter()
            .filter(|span| span.family() == Family::Xray && !span.is_adrift())
            .map(|span| (span.span_id, span.origin.clone()))
            .collect();
        let mut changed = false;
        for span in spans.iter_mut().filter(|span| span.is_adrift()) {
            if let Some(origin) = span.parent_id.and_then(|id| known.get(&id)) {
                (span.origin, changed) = (origin.clone(), true);
            }
        }
        if !changed {
            return;
        }
    }
}
