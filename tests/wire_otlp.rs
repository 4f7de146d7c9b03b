//! OTLP as it comes over the wire: through the real routers, into a store that records.

mod captures;
mod leniency;
mod limits;
mod logs;
mod mutations;
mod server_on_sockets;
mod transport;

use crate::errors::memory::ErrorMemory;
use crate::recorder::Recorder;
use crate::reference::logs::LogMemory;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use server::auth::Keys;
use server::guard::Hosts;
use server::http::{AppState, ingest_port, page_port, xray_port};
use server::ingest::Ingest;
use server::ingest::own::Own;
use server::views::Views;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt as _;

/// Clew's routers over a recorder.
pub struct Bed {
    pub store: Arc<Recorder>,
    state: AppState,
}

impl Bed {
    pub fn new() -> Bed {
        Bed::with_keys(Keys::default())
    }

    pub fn with_keys(keys: Keys) -> Bed {
        let store = Recorder::new();
        let mut own = Own::default();
        own.listen("127.0.0.1", "127.0.0.1:4318".parse().unwrap(), true);
        let hosts = Arc::new(Hosts::new("127.0.0.1:3000".parse().unwrap(), "127.0.0.1", &[]));
        let data = TempDir::new().unwrap();
        let state = AppState {
            store: store.clone(),
            logs: Arc::new(LogMemory::over(store.lines.clone())),
            errors: Arc::new(ErrorMemory::default()),
            ingest: Arc::new(Ingest::new(store.clone(), keys, own)),
            hosts,
            queries: Arc::default(),
            views: Arc::new(Views::open(data.path()).unwrap()),
            stopped: watch::channel(false).1,
        };
        Bed { store, state }
    }

    pub fn ingest(&self) -> Router {
        ingest_port(self.state.clone())
    }

    pub fn pages(&self) -> Router {
        page_port(self.state.clone())
    }

    pub fn xray(&self) -> Router {
        xray_port(self.state.clone())
    }

    /// Sends to the ingest port and reads the whole answer.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        answer(self.ingest(), request).await
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        self.send(post(path, headers, body)).await
    }

    pub async fn post_json(&self, body: &str) -> Answer {
        self.post("/v1/traces", &[("content-type", "application/json")], body.to_owned()).await
    }

    pub async fn post_proto(&self, body: Vec<u8>) -> Answer {
        self.post("/v1/traces", &[("content-type", "application/x-protobuf")], body).await
    }
}

pub fn post(path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let request = Request::post(path);
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(body.into()).unwrap()
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// gRPC's status, wherever it stands.
    pub fn grpc_status(&self) -> &str {
        assert_eq!(self.status, 200, "gRPC's errors are not HTTP's");
        assert_eq!(self.header("content-type"), "application/grpc");
        let trailer = self.trailers.as_ref().and_then(|trailers| trailers.get("grpc-status"));
        trailer.or_else(|| self.headers.get("grpc-status")).expect("a grpc-status").to_str().unwrap()
    }
}

pub async fn answer(router: Router, request: Request<Body>) -> Answer {
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let collected = body.collect().await.unwrap();
    let trailers = collected.trailers().cloned();
    Answer { status: parts.status, headers: parts.headers, body: collected.to_bytes(), trailers }
}

/// gRPC's length prefix.
pub fn framed(compressed: bool, message: &[u8]) -> Vec<u8> {
    [&[u8::from(compressed)][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

pub const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// A request of these spans by service `api`.
pub fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let resource = Resource { attributes: vec![text("service.name", "api")], ..Resource::default() };
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }] }
}

/// A valid span whose id ends in `n`.
pub fn span(n: u8) -> Span {
    Span {
        trace_id: [7; 16].into(),
        span_id: vec![1, 0, 0, 0, 0, 0, 0, n],
        name: format!("GET /{n}"),
        kind: 3,
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_000_005_000_000,
        ..Span::default()
    }
}

pub fn value(value: any_value::Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub fn text(key: &str, text: &str) -> KeyValue {
    pair(key, any_value::Value::StringValue(text.into()))
}

pub fn pair(key: &str, of: any_value::Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(value(of)), ..KeyValue::default() }
}
