//! One span as a segment document, without what it encloses.
//!
//! Sources: X-Ray developer guide, "Segment documents"; opentelemetry-collector-contrib
//! `awsxrayexporter/internal/translator/segment.go` and `cause.go`, with all plain attributes indexed as annotations.

use super::record::{self, ServiceId, http_block, text, without_nulls};
use super::view::{View, seconds};
use model::attr::{Value as Attribute, get, get_str};
use model::id::SpanId;
use model::span::{Span, exception};
use serde_json::{Map, Value, json};
use xxhash_rust::xxh3::xxh3_64;

/// What becomes a field of its own; everything else of a span becomes an annotation or metadata.
const FIELDS: [&str; 12] = [
    "url.full",
    "http.request.method",
    "http.response.status_code",
    "http.response.body.size",
    "user_agent.original",
    "client.address",
    "enduser.id",
    "db.query.text",
    "db.system.name",
    "db.user",
    "aws.xray.annotations",
    "aws.xray.document",
];

/// A span that has no document of its own.
pub fn of_span(view: &View<'_>, at: usize) -> Value {
    let span = &view.trace.spans[at];
    let is_segment = view.records[at].within.is_none() && record::is_segment(span) != Some(false);
    let flags = record::flags(span);
    let set = |flag: bool| flag.then_some(true);
    let mut document = json!({
        "id": span.span_id.to_string(),
        "trace_id": span.trace_id.xray(),
        "parent_id": span.parent_id.map(|id| id.to_string()),
        "name": name(span, is_segment),
        "start_time": seconds(span.start),
        "error": set(flags.error),
        "throttle": set(flags.throttle),
        "fault": set(flags.fault),
        "user": record::user(span),
        "http": record::http(span).map(|http| http_block(&http)),
        "cause": cause(span),
        "links": links(span),
    });
    if record::in_progress(span) {
        document["in_progress"] = json!(true);
    } else {
        document["end_time"] = json!(seconds(span.end()));
    }
    if is_segment {
        document["origin"] = json!(record::origin(span));
        document["service"] = service(span);
        document["aws"] = sdk(span);
        document["resource_arn"] = json!(get_str(&span.origin.resource, "cloud.resource_id"));
    } else {
        document["type"] = json!("subsegment");
        document["namespace"] = json!(record::namespace(span));
        document["sql"] = sql(span);
        document["aws"] = aws(span);
    }
    let (annotations, metadata) = rest(span, is_segment);
    document["annotations"] = annotations;
    document["metadata"] = metadata;
    without_nulls(document)
}

/// A segment's is its service's; a call's is that of what was called, as the exporter has it.
fn name(span: &Span, is_segment: bool) -> String {
    if is_segment {
        return span.service().to_owned();
    }
    if record::is_call(span) { record::called(span).name } else { span.name.clone() }
}

/// The segment of what was called but sent nothing: X-Ray's `inferred`.
pub fn inferred(id: &ServiceId, call: &Span) -> Value {
    let flags = record::flags(call);
    let set = |flag: bool| flag.then_some(true);
    let mut document = json!({
        "id": inferred_id(call).to_string(),
        "trace_id": call.trace_id.xray(),
        "parent_id": call.span_id.to_string(),
        "name": id.name,
        "origin": id.kind,
        "start_time": seconds(call.start),
        "inferred": true,
        "error": set(flags.error),
        "throttle": set(flags.throttle),
        "fault": set(flags.fault),
        "http": record::http(call).map(|http| http_block(&http)),
        "sql": sql(call),
        "aws": aws(call),
    });
    if record::in_progress(call) {
        document["in_progress"] = json!(true);
    } else {
        document["end_time"] = json!(seconds(call.end()));
    }
    without_nulls(document)
}

/// The same each time, and no other's: made of the call's.
pub fn inferred_id(call: &Span) -> SpanId {
    SpanId(xxh3_64(&[&call.trace_id.0[..], &call.span_id.0].concat()).to_be_bytes())
}

fn service(span: &Span) -> Value {
    let of = |name| get_str(&span.origin.resource, name);
    object(json!({
        "version": of("service.version"),
        "runtime": of("process.runtime.name"),
        "runtime_version": of("process.runtime.version"),
    }))
}

fn sdk(span: &Span) -> Value {
    let of = |name| get_str(&span.origin.resource, name);
    let xray = object(json!({"sdk": of("telemetry.sdk.name"), "sdk_version": of("telemetry.sdk.version")}));
    let ec2 = object(
        json!({"instance_id": of("host.id").filter(|_| of("cloud.provider") == Some("aws")), "availability_zone": of("cloud.availability_zone")}),
    );
    object(json!({"account_id": of("cloud.account.id"), "xray": xray, "ec2": ec2}))
}

fn aws(span: &Span) -> Value {
    if record::namespace(span) != Some("aws") {
        return Value::Null;
    }
    object(json!({
        "operation": text(span, "aws.operation").or_else(|| text(span, "rpc.method")),
        "region": text(span, "aws.region").or_else(|| text(span, "cloud.region")),
        "request_id": text(span, "aws.request_id"),
        "table_name": text(span, "aws.table_name").or_else(|| text(span, "aws.dynamodb.table_names")),
        "queue_url": text(span, "aws.queue_url"),
    }))
}

fn sql(span: &Span) -> Value {
    if !record::is_sql(span) {
        return Value::Null;
    }
    object(json!({
        "database_type": text(span, "db.system.name"),
        "sanitized_query": text(span, "db.query.text"),
        "user": text(span, "db.user"),
        "url": text(span, "db.connection_string").or_else(|| Some(record::called(span).name)),
    }))
}

fn cause(span: &Span) -> Value {
    let exceptions: Vec<Value> = span
        .events
        .iter()
        .filter_map(|event| Some((event, exception(event)?)))
        .enumerate()
        .map(|(n, (event, thrown))| {
            let id = get_str(&event.attributes, "aws.xray.exception.id").map(str::to_owned);
            let id = id.unwrap_or_else(|| format!("{:016x}", xxh3_64(format!("{}{n}", span.span_id).as_bytes())));
            let stack: Vec<Value> = thrown.stacktrace.lines().filter_map(frame).collect();
            json!({"id": id, "type": thrown.kind, "message": thrown.message, "stack": stack})
        })
        .collect();
    match (exceptions.is_empty(), get_str(&span.attributes, "aws.xray.cause")) {
        (false, _) => json!({"exceptions": exceptions}),
        // The exception is on another record of the trace.
        (true, Some(id)) => json!(id),
        (true, None) if record::flags(span).fault && !span.status_message.is_empty() => json!({"message": span.status_message}),
        (true, None) => Value::Null,
    }
}

/// A line of a stack, as Python (`File "path", line 3, in label`) and most others (`at label (path:3:7)`) write it.
fn frame(line: &str) -> Option<Value> {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix("File \"") {
        let (path, rest) = rest.split_once("\", line ")?;
        let (number, label) = rest.split_once(", in ").unwrap_or((rest, ""));
        return Some(json!({"path": path, "line": number.trim().parse::<u64>().ok()?, "label": label}));
    }
    let rest = line.strip_prefix("at ")?;
    let (label, place) = rest.strip_suffix(')').and_then(|rest| rest.split_once('(')).unwrap_or(("", rest));
    let mut parts: Vec<&str> = place.split(':').map(str::trim).collect();
    let mut number = None;
    // A line, or a line and a column.
    while let Some(last) = parts.last().filter(|_| parts.len() > 1).and_then(|part| part.parse::<u64>().ok()) {
        number = Some(last);
        parts.pop();
    }
    Some(without_nulls(json!({"path": parts.join(":"), "line": number, "label": label.trim()})))
}

fn links(span: &Span) -> Value {
    let link = |link: &model::span::Link| json!({"trace_id": link.trace_id.xray(), "id": link.span_id.to_string()});
    if span.links.is_empty() { Value::Null } else { span.links.iter().map(link).collect() }
}

/// Annotations, and as metadata what is none: lists and maps, the resource, and what the span is called if its document is
/// called after something else.
fn rest(span: &Span, is_segment: bool) -> (Value, Value) {
    let fields: Vec<&str> = FIELDS.iter().flat_map(|name| model::semconv::names(name)).collect();
    let mut annotations = Map::new();
    for (key, value) in record::annotations(span).into_iter().filter(|(key, _)| !fields.contains(key)) {
        annotations.insert(key.to_owned(), plain(value));
    }
    let mut metadata = Map::new();
    for (key, value) in &span.attributes {
        if !annotations.contains_key(key) && !fields.contains(&&**key) {
            metadata.insert(key.clone(), plain(value));
        }
    }
    if name(span, is_segment) != span.name {
        metadata.insert("otel.span.name".to_owned(), json!(span.name));
    }
    if is_segment {
        metadata.extend(span.origin.resource.iter().map(|(key, value)| (format!("otel.resource.{key}"), plain(value))));
    }
    let metadata = object(Value::Object(metadata));
    (object(Value::Object(annotations)), if metadata.is_null() { metadata } else { json!({"default": metadata}) })
}

/// JSON has no number for what is not finite.
fn plain(value: &Attribute) -> Value {
    match value {
        Attribute::Float(float) if !float.is_finite() => json!(value.to_string()),
        value => serde_json::to_value(value).unwrap_or_default(),
    }
}

/// Without fields that are null; null if nothing is left.
fn object(value: Value) -> Value {
    match without_nulls(value) {
        Value::Object(fields) if fields.is_empty() => Value::Null,
        value => value,
    }
}

/// The document that was kept of a segment or subsegment that was sent on its own.
pub fn kept(span: &Span) -> Option<Value> {
    match get(&span.attributes, "aws.xray.document")? {
        Attribute::Str(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}
