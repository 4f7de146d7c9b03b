//! OTLP/gRPC: the unary `Export` of the traces, logs and metrics services. The body is read by our own reader, so that
//! one budget and one limit hold for both transports and the message goes straight into spans; statuses are tonic's.
//!
//! Wire: grpc/doc/PROTOCOL-HTTP2.md. Retries: opentelemetry-proto, docs/specification.md, "OTLP/gRPC Throttling".

use super::http::response_message;
use super::{Failure, Format, Outcome, Readable, note_failure, take};
use crate::ingest::body::{self, Encoding, Framing};
use crate::ingest::{Ingest, PATIENCE, Signal};
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response};
use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use std::time::Duration;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

const SOURCE: &str = "otlp_grpc";
/// The encodings we read, for `grpc-accept-encoding`.
const ENCODINGS: HeaderValue = HeaderValue::from_static("identity,gzip,deflate,zstd");

/// Whether a request is gRPC (and not gRPC-Web, which browsers speak).
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let rest = headers.get(CONTENT_TYPE).and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// Answers a call.
pub async fn export(ingest: &Ingest, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Some(signal) = signal_of_method(parts.uri.path()).filter(|_| parts.method == Method::POST) else {
        return trailers_only(Status::unimplemented("only the Export methods of OTLP's trace, logs and metrics services are here"));
    };
    match call(ingest, signal, &parts.headers, body).await {
        Ok(outcome) => success(&outcome),
        Err(failure) => {
            note_failure(ingest, SOURCE, signal, &failure, &parts.headers).await;
            trailers_only(status(&failure))
        }
    }
}

fn signal_of_method(path: &str) -> Option<Signal> {
    Some(match path.strip_prefix("/opentelemetry.proto.collector.")? {
        "trace.v1.TraceService/Export" => Signal::Traces,
        "logs.v1.LogsService/Export" => Signal::Logs,
        "metrics.v1.MetricsService/Export" => Signal::Metrics,
        _ => return None,
    })
}

async fn call(ingest: &Ingest, signal: Signal, headers: &HeaderMap, body: Body) -> Result<Outcome, Failure> {
    let key = ingest.keys.check(headers).map_err(|_| Failure::UnknownKey)?;
    let encoding = match headers.get("grpc-encoding").map(|name| name.to_str().ok().and_then(Encoding::from_name)) {
        Some(None) => return Err(Failure::Unsupported("the grpc-encoding must be gzip, deflate, zstd or identity")),
        Some(known) => known,
        None => None,
    };
    let mut patience = PATIENCE;
    let held = body::read(body, Framing::Grpc(encoding), &ingest.budget, &mut patience).await?;
    let request = Readable { source: SOURCE, headers, key, signal: Some(signal), format: Format::Protobuf };
    take(ingest, request, held, patience).await
}

fn success(outcome: &Outcome) -> Response<Body> {
    let message = response_message(outcome);
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(&message);
    let trailers = HeaderMap::from_iter([("grpc-status".parse().expect("a header name"), HeaderValue::from_static("0"))]);
    let body = Full::<Bytes>::new(framed.freeze()).with_trailers(async move { Some(Ok(trailers)) });
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response.headers_mut().insert("grpc-accept-encoding", ENCODINGS);
    response
}

/// Retried by SDKs: UNAVAILABLE, and RESOURCE_EXHAUSTED only with a RetryInfo, which too large a message must not have.
fn status(failure: &Failure) -> Status {
    let code = match failure {
        Failure::UnknownKey => Code::Unauthenticated,
        Failure::Unsupported(_) => Code::Unimplemented,
        Failure::Malformed(_) => Code::InvalidArgument,
        Failure::TooLarge => Code::ResourceExhausted,
        Failure::Slow => Code::Cancelled,
        Failure::Busy { .. } | Failure::Closed => Code::Unavailable,
    };
    match failure.retry_after() {
        Some(after) => throttled(code, failure.message(), after),
        None => Status::new(code, failure.message()),
    }
}

/// With a RetryInfo, where gRPC's libraries look for it (`grpc-status-details-bin`) and where Python's exporter does
/// (`google.rpc.retryinfo-bin`).
fn throttled(code: Code, message: String, after: Duration) -> Status {
    let info =
        RetryInfo { retry_delay: Some(Delay { seconds: after.as_secs() as i64, nanos: after.subsec_nanos() as i32 }) }.encode_to_vec();
    let mut metadata = MetadataMap::new();
    metadata.insert_bin("google.rpc.retryinfo-bin", MetadataValue::from_bytes(&info));
    let details = RpcStatus {
        code: code as i32,
        message: message.clone(),
        details: vec![Any { type_url: "type.googleapis.com/google.rpc.RetryInfo".into(), value: info }],
    };
    Status::with_details_and_metadata(code, message, details.encode_to_vec().into(), metadata)
}

fn trailers_only(status: Status) -> Response<Body> {
    let mut response = status.into_http::<Body>();
    response.headers_mut().insert("grpc-accept-encoding", ENCODINGS);
    response
}

/// `google.rpc.RetryInfo` (googleapis `google/rpc/error_details.proto`).
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}
