//! What the real SDKs sent: every capture is taken, becomes the same spans as `prost` reads, and looks like its snapshot.

use super::{Answer, Bed, framed};
use axum::body::Body;
use axum::http::Request;
use model::attr::{Attributes, Value};
use model::log::{Line, Origin};
use model::span::Span;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use prost::Message as _;
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// One recorded request.
pub struct Capture {
    pub path: PathBuf,
    pub meta: Meta,
    /// As it was on the wire; of gRPC the message without its prefix.
    pub body: Vec<u8>,
}

#[derive(Deserialize)]
pub struct Meta {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
}

impl Capture {
    pub fn all() -> Vec<Capture> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/otlp");
        let mut bodies = Vec::new();
        for folder in ["http_proto", "http_json", "grpc"] {
            bodies.extend(std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()));
        }
        bodies.retain(|path| path.to_string_lossy().ends_with(".body.bin"));
        bodies.sort();
        assert_eq!(bodies.len(), 28, "every capture is found");
        let read = |path: PathBuf| {
            let meta = path.to_string_lossy().replace(".body.bin", ".meta.json");
            Capture { meta: serde_json::from_slice(&std::fs::read(meta).unwrap()).unwrap(), body: std::fs::read(&path).unwrap(), path }
        };
        bodies.into_iter().map(read).collect()
    }

    pub fn is_grpc(&self) -> bool {
        self.meta.method == "GRPC"
    }

    /// The request, with another body if one is given.
    pub fn request(&self, body: &[u8]) -> Request<Body> {
        let mut request = Request::post(&self.meta.path);
        for (name, value) in self.meta.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length")) {
            request = request.header(name, value);
        }
        if self.is_grpc() {
            request.header("content-type", "application/grpc").body(framed(false, body).into()).unwrap()
        } else {
            request.body(body.to_vec().into()).unwrap()
        }
    }

    fn snapshot(&self) -> PathBuf {
        PathBuf::from(self.path.to_string_lossy().replace(".body.bin", ".txt"))
    }
}

#[tokio::test]
async fn every_capture_is_taken_and_looks_like_its_snapshot() {
    for capture in Capture::all() {
        let bed = Bed::new();
        let answer = bed.send(capture.request(&capture.body)).await;
        let name = capture.path.display();
        assert_success(&capture, &answer);
        assert!(bed.store.take_rejected().is_empty(), "{name}");
        let mut text = String::new();
        for span in bed.store.take() {
            describe(&span, &mut text);
        }
        for line in bed.store.take_lines() {
            describe_line(&line, &mut text);
        }
        for (signal, reason, count) in bed.store.dropped.lock().unwrap().iter() {
            writeln!(text, "{} {reason}: {count}", signal.as_str()).unwrap();
        }
        assert!(!text.is_empty(), "{name} has records");
        if std::env::var_os("CLEW_SNAPSHOTS").is_some() {
            std::fs::write(capture.snapshot(), &text).unwrap();
        }
        let expected = std::fs::read_to_string(capture.snapshot()).unwrap_or_default();
        assert_eq!(text, expected, "{name}; CLEW_SNAPSHOTS=1 writes what is");
    }
}

fn assert_success(capture: &Capture, answer: &Answer) {
    let name = capture.path.display();
    if capture.is_grpc() {
        assert_eq!(answer.grpc_status(), "0", "{name}");
        assert_eq!(&answer.body[..], [0; 5], "{name}: an empty message");
        return;
    }
    assert_eq!(answer.status, 200, "{name}");
    let (content_type, body) = match capture.path.to_string_lossy().contains("http_json") {
        true => ("application/json", "{}"),
        false => ("application/x-protobuf", ""),
    };
    assert_eq!(answer.header("content-type"), content_type, "{name}");
    assert_eq!(answer.body, body, "{name}");
}

fn describe(span: &Span, to: &mut String) {
    let parent = span.parent_id.map_or("-".to_owned(), |id| id.to_string());
    let (kind, status) = (span.kind.as_str(), span.status.as_str());
    writeln!(
        to,
        "{}/{} < {parent} {} | {} | {kind} {status} {}",
        span.trace_id,
        span.span_id,
        span.service(),
        span.name,
        span.status_message
    )
    .unwrap();
    let flags = format!("flags {:#x} weight {} self {}", span.flags, span.envelope.weight, span.envelope.to_self);
    writeln!(to, "  {} + {} ns, {flags}, dataset {}", span.start, span.duration_ns, span.envelope.dataset).unwrap();
    writeln!(to, "  {} {} {:?}", span.origin.scope_name, span.origin.scope_version, span.trace_state).unwrap();
    writeln!(to, "  {}", Value::Map(span.attributes.clone())).unwrap();
    for event in &span.events {
        let keys: Vec<&str> = event.attributes.iter().map(|(key, _)| key.as_str()).collect();
        writeln!(to, "  event {} {} {}", event.time, event.name, keys.join(" ")).unwrap();
    }
    for link in &span.links {
        writeln!(to, "  link {}/{} {}", link.trace_id, link.span_id, Value::Map(link.attributes.clone())).unwrap();
    }
}

fn describe_line(line: &Line, to: &mut String) {
    let Origin { group, stream, service, environment, host, logger, .. } = &*line.origin;
    let (level, sent) = (line.severity.level().as_str(), line.severity_sent.0);
    writeln!(to, "{} {level} ({sent}) {:?}", line.time, line.message).unwrap();
    if let Some(link) = line.trace {
        let span = link.span_id.map_or("-".to_owned(), |id| id.to_string());
        writeln!(to, "  {}/{span} by {}", link.trace_id, link.how.title()).unwrap();
    }
    writeln!(to, "  {group} {stream} | {service} {environment} {host} {logger}").unwrap();
    writeln!(to, "  {}", line.attributes).unwrap();
    writeln!(to, "  {}", line.origin.resource).unwrap();
}

/// An independent reading of the same bytes.
#[tokio::test]
async fn our_reader_and_prost_agree() {
    let mut compared = 0;
    for capture in Capture::all() {
        let compressed = capture.meta.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
        if !capture.meta.path.to_lowercase().contains("trace") || compressed || capture.path.to_string_lossy().contains("http_json") {
            continue;
        }
        let bed = Bed::new();
        bed.send(capture.request(&capture.body)).await;
        let mut ours = bed.store.take().into_iter();
        for resource_spans in ExportTraceServiceRequest::decode(&*capture.body).unwrap().resource_spans {
            let resource = attributes(resource_spans.resource.unwrap().attributes);
            for scope_spans in resource_spans.scope_spans {
                let scope = scope_spans.scope.unwrap();
                for theirs in scope_spans.spans {
                    let span = ours.next().expect("as many spans");
                    assert_eq!(span.origin.resource, resource);
                    assert_eq!((&span.origin.scope_name, &span.origin.scope_version), (&scope.name, &scope.version));
                    assert_eq!((&span.trace_id.0[..], &span.span_id.0[..]), (&theirs.trace_id[..], &theirs.span_id[..]));
                    assert_eq!(span.parent_id.map(|id| id.0.to_vec()).unwrap_or_default(), theirs.parent_span_id);
                    assert_eq!((&span.name, span.kind as i32, span.flags), (&theirs.name, theirs.kind, theirs.flags));
                    assert_eq!((span.start as u64, span.end() as u64), (theirs.start_time_unix_nano, theirs.end_time_unix_nano));
                    let status = theirs.status.unwrap_or_default();
                    assert_eq!((span.status as i32, &span.status_message), (status.code, &status.message));
                    assert_eq!(span.attributes, attributes(theirs.attributes));
                    assert_eq!(span.events.len(), theirs.events.len());
                    for (event, theirs) in span.events.iter().zip(theirs.events) {
                        assert_eq!((event.time as u64, &event.name), (theirs.time_unix_nano, &theirs.name));
                        assert_eq!(event.attributes, attributes(theirs.attributes));
                    }
                    assert_eq!(span.links.len(), theirs.links.len());
                    compared += 1;
                }
            }
        }
        assert!(ours.next().is_none(), "no more spans");
    }
    assert!(compared > 100, "only {compared} spans were compared");
}

pub fn attributes(pairs: Vec<KeyValue>) -> Attributes {
    pairs.into_iter().map(|pair| (pair.key, value(pair.value.unwrap_or_default()))).collect()
}

pub fn value(of: AnyValue) -> Value {
    use any_value::Value as Any;
    match of.value {
        Some(Any::StringValue(text)) => Value::Str(text),
        Some(Any::BoolValue(truth)) => Value::Bool(truth),
        Some(Any::IntValue(int)) => Value::Int(int),
        Some(Any::DoubleValue(float)) => Value::Float(float),
        Some(Any::BytesValue(bytes)) => Value::Bytes(bytes),
        Some(Any::ArrayValue(array)) => Value::List(array.values.into_iter().map(value).collect()),
        Some(Any::KvlistValue(list)) => Value::Map(attributes(list.values)),
        _ => Value::Empty,
    }
}
