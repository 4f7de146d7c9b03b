//! `BatchGetTraces`: whole traces as segment documents. Documents of X-Ray's SDKs go out as they came in (scrubbed), with
//! the subsegments that were sent apart back in their places, as AWS compiles them; spans of other sources as documents that
//! are made of them; and a segment for whatever was called but sent nothing.

use super::view::{View, What};
use super::{Failure, check_single_page, document};
use crate::ingest::xray::api::read;
use crate::store::Store;
use model::id::TraceId;
use model::port::{Ask, Problem};
use model::trace::Trace;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Levels of subsegments in one document. What lies deeper is a document of its own: readers of JSON have their limits.
const DEPTH: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameters {
    trace_ids: Vec<String>,
    #[serde(default)]
    next_token: Option<String>,
}

/// What `TraceIds` of a request name, and what of it is no id.
pub struct Asked {
    pub ids: Vec<TraceId>,
    pub wrong: Vec<String>,
}

/// Reads `TraceIds`: X-Ray's form, or any other that Clew knows. AWS takes five a call; here they may be more.
pub fn asked(body: &[u8]) -> Result<Asked, Failure> {
    let parameters: Parameters = read(body)?;
    check_single_page(parameters.next_token.as_deref())?;
    let mut asked = Asked { ids: Vec::new(), wrong: Vec::new() };
    for text in parameters.trace_ids {
        match text.parse() {
            Ok(id) if asked.ids.contains(&id) => {}
            Ok(id) => asked.ids.push(id),
            Err(_) => asked.wrong.push(text),
        }
    }
    Ok(asked)
}

/// Answers the operation.
pub async fn get(store: &dyn Store, ask: &Ask, body: &[u8]) -> Result<Value, Failure> {
    let Asked { ids, wrong: mut unprocessed } = asked(body)?;
    let mut traces = Vec::new();
    for id in ids {
        match store.trace(ask, id).await {
            Ok(trace) => {
                // Large ones take a while.
                let made = tokio::task::spawn_blocking(move || whole(&trace)).await;
                traces.push(made.map_err(|error| Problem::Unavailable(error.to_string()))?);
            }
            Err(Problem::NotFound(_)) => unprocessed.push(id.xray()),
            Err(problem) => return Err(problem.into()),
        }
    }
    Ok(json!({"Traces": traces, "UnprocessedTraceIds": unprocessed, "NextToken": null}))
}

fn whole(trace: &Trace) -> Value {
    let view = View::of(trace);
    let mut segments = compile(&view);
    let inferred = view.nodes.iter().filter(|node| node.what == What::Inferred);
    segments.extend(inferred.map(|node| document::inferred(&node.id, node.span)));
    let segments: Vec<Value> =
        segments.into_iter().map(|document| json!({"Id": document["id"], "Document": document.to_string()})).collect();
    json!({"Id": trace.trace_id.xray(), "Duration": view.duration(), "LimitExceeded": false, "Segments": segments})
}

/// The documents of all spans, each in that which encloses it.
fn compile(view: &View<'_>) -> Vec<Value> {
    let spans = &view.trace.spans;
    let mut kept: HashMap<String, Map<String, Value>> = HashMap::new();
    for span in spans {
        if let Some(Value::Object(document)) = document::kept(span) {
            take_apart(document, &mut kept);
        }
    }
    let mut depths = vec![0_usize; spans.len()];
    for at in &view.order {
        depths[*at] = view.records[*at].within.map_or(0, |within| (depths[within] + 1) % DEPTH);
    }
    let mut enclosed: Vec<Vec<Value>> = vec![Vec::new(); spans.len()];
    let mut tops = Vec::new();
    // What is enclosed comes before what encloses it.
    for at in view.order.iter().rev() {
        let span = &spans[*at];
        let raw = kept.remove(&span.span_id.to_string());
        let is_raw = raw.is_some();
        let mut document = raw.map_or_else(|| document::of_span(view, *at), Value::Object);
        let mut inner = std::mem::take(&mut enclosed[*at]);
        // What was refused when it came in, for want of an id, has stayed in its document.
        inner.extend(document.get_mut("subsegments").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default());
        if !inner.is_empty() {
            inner.sort_by(|a, b| start(a).total_cmp(&start(b)));
            document["subsegments"] = json!(inner);
        }
        match view.records[*at].within.filter(|_| depths[*at] > 0) {
            Some(within) => {
                if let Some(fields) = document.as_object_mut().filter(|_| !is_raw) {
                    // Within another it needs none of what tells whose it is.
                    fields.retain(|field, _| !["trace_id", "parent_id", "type"].contains(&&**field));
                }
                enclosed[within].push(document);
            }
            None => {
                if view.records[*at].within.is_some() {
                    document["type"] = json!("subsegment");
                    document["trace_id"] = json!(span.trace_id.xray());
                    document["parent_id"] = json!(span.parent_id.map(|id| id.to_string()));
                }
                tops.push((span.start, document));
            }
        }
    }
    tops.sort_by_key(|(start, _)| *start);
    tops.into_iter().map(|(_, document)| document).collect()
}

/// Files a document and all it encloses by id. A record that has ended is better than one that has not.
fn take_apart(mut document: Map<String, Value>, to: &mut HashMap<String, Map<String, Value>>) {
    let Some(id) = document.get("id").and_then(Value::as_str).map(str::to_ascii_lowercase) else { return };
    let nested = document.get_mut("subsegments").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
    let (with_id, without): (Vec<Value>, Vec<Value>) = nested.into_iter().partition(|nested| nested["id"].is_string());
    for nested in with_id {
        if let Value::Object(nested) = nested {
            take_apart(nested, to);
        }
    }
    match without.is_empty() {
        true => drop(document.remove("subsegments")),
        false => drop(document.insert("subsegments".to_owned(), Value::Array(without))),
    }
    let has_ended = document.contains_key("end_time");
    match to.get(&id) {
        Some(there) if there.contains_key("end_time") && !has_ended => {}
        _ => drop(to.insert(id, document)),
    }
}

fn start(document: &Value) -> f64 {
    document["start_time"].as_f64().unwrap_or_default()
}

#[cfg(test)]
mod tests;
