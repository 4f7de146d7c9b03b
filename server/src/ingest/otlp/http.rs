//! OTLP/HTTP. Answers are in the request's content type, errors are `google.rpc.Status`, and nothing is ever redirected
//! (Python takes a redirect for success and loses the data).

use super::{Failure, Format, Outcome, Readable, note_failure, take};
use crate::ingest::body::{self, Encoding, Framing};
use crate::ingest::cors;
use crate::ingest::{Ingest, PATIENCE, Signal};
use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ALLOW, CONTENT_ENCODING, CONTENT_TYPE,
    ORIGIN, RETRY_AFTER, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use prost::Message as _;

const SOURCE: &str = "otlp_http";

/// What browsers send along.
const USUAL_HEADERS: &str =
    "content-type, content-encoding, traceparent, tracestate, authorization, api-key, x-honeycomb-team, x-honeycomb-dataset";

/// `google.rpc.Status` (googleapis `google/rpc/status.proto`), without details.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// Whether a content type is one of OTLP/HTTP's.
pub fn format_of(headers: &HeaderMap) -> Option<Format> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    match content_type.split(';').next()?.trim().to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" => Some(Format::Protobuf),
        "application/json" => Some(Format::Json),
        _ => None,
    }
}

/// Answers a request for a signal; without one the body says what it is.
pub async fn export(ingest: &Ingest, signal: Option<Signal>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut response = match parts.method {
        Method::OPTIONS => cors::preflight(&parts.headers, USUAL_HEADERS),
        Method::POST => {
            // An error about the content type itself is JSON: whoever sent it may be a person.
            let format = format_of(&parts.headers);
            match post(ingest, signal, format, &parts.headers, body).await {
                Ok(outcome) => success(&outcome, format.unwrap_or(Format::Json)),
                Err(failure) => {
                    note_failure(ingest, SOURCE, signal.unwrap_or(Signal::Traces), &failure, &parts.headers).await;
                    error(&failure, format.unwrap_or(Format::Json))
                }
            }
        }
        _ => method_not_allowed(),
    };
    allow_origin(&parts.headers, response.headers_mut());
    response
}

async fn post(
    ingest: &Ingest,
    signal: Option<Signal>,
    format: Option<Format>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Outcome, Failure> {
    let key = ingest.keys.check(headers).map_err(|_| Failure::UnknownKey)?;
    let format = format.ok_or(Failure::Unsupported("the content type must be application/x-protobuf or application/json"))?;
    let encoding = match headers.get(CONTENT_ENCODING) {
        None => Some(Encoding::Identity),
        Some(name) => name.to_str().ok().and_then(Encoding::from_name),
    };
    let encoding = encoding.ok_or(Failure::Unsupported("the content encoding must be gzip, deflate, zstd or identity"))?;
    let mut patience = PATIENCE;
    let held = body::read(body, Framing::Bare(encoding), &ingest.budget, &mut patience).await?;
    take(ingest, Readable { source: SOURCE, headers, key, signal, format }, held, patience).await
}

fn success(outcome: &Outcome, format: Format) -> Response<Body> {
    let body = match format {
        Format::Protobuf => response_message(outcome),
        Format::Json if outcome.rejected.is_empty() => b"{}".to_vec(),
        Format::Json => {
            let rejected = match outcome.signal {
                Signal::Traces => "rejectedSpans",
                Signal::Logs => "rejectedLogRecords",
                // OTLP has no signal of errors.
                Signal::Metrics | Signal::Errors => "rejectedDataPoints",
            };
            // protobuf's JSON has int64 as text.
            let partial = serde_json::json!({rejected: outcome.rejected_count().to_string(), "errorMessage": outcome.message()});
            serde_json::json!({"partialSuccess": partial}).to_string().into_bytes()
        }
    };
    answer(StatusCode::OK, format, body)
}

/// The protobuf answer of the signal's service, for gRPC too.
pub fn response_message(outcome: &Outcome) -> Vec<u8> {
    match outcome.signal {
        Signal::Traces => {
            let partial_success = (!outcome.rejected.is_empty())
                .then(|| ExportTracePartialSuccess { rejected_spans: outcome.rejected_count(), error_message: outcome.message() });
            ExportTraceServiceResponse { partial_success }.encode_to_vec()
        }
        Signal::Logs => {
            let partial_success = (!outcome.rejected.is_empty())
                .then(|| ExportLogsPartialSuccess { rejected_log_records: outcome.rejected_count(), error_message: outcome.message() });
            ExportLogsServiceResponse { partial_success }.encode_to_vec()
        }
        Signal::Metrics | Signal::Errors => ExportMetricsServiceResponse { partial_success: None }.encode_to_vec(),
    }
}

/// Status and `google.rpc.Code` of a failure. Of the 4xx and 5xx only 429, 502, 503 and 504 are retried by SDKs, and 429
/// and 500 are final for some: asking for a retry is always 503.
fn error(failure: &Failure, format: Format) -> Response<Body> {
    let (status, code) = match failure {
        Failure::UnknownKey => (StatusCode::UNAUTHORIZED, 16),
        Failure::Unsupported(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, 3),
        Failure::Malformed(_) => (StatusCode::BAD_REQUEST, 3),
        Failure::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 8),
        Failure::Slow => (StatusCode::REQUEST_TIMEOUT, 4),
        Failure::Busy { .. } | Failure::Closed => (StatusCode::SERVICE_UNAVAILABLE, 14),
    };
    let mut response = status_answer(status, code, failure.message(), format);
    if let Some(after) = failure.retry_after() {
        // Whole seconds, rounded up: 0 would mean at once.
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_millis().div_ceil(1000).max(1) as u64));
    }
    response
}

fn status_answer(status: StatusCode, code: i32, message: String, format: Format) -> Response<Body> {
    let body = match format {
        Format::Protobuf => Status { code, message }.encode_to_vec(),
        Format::Json => serde_json::json!({"code": code, "message": message}).to_string().into_bytes(),
    };
    answer(status, format, body)
}

/// For paths of the ingest ports that are nobody's.
pub fn not_found(headers: &HeaderMap) -> Response<Body> {
    let message = "there is nothing here; OTLP is posted to /v1/traces, /v1/logs and /v1/metrics".to_owned();
    let mut response = status_answer(StatusCode::NOT_FOUND, 5, message, format_of(headers).unwrap_or(Format::Json));
    allow_origin(headers, response.headers_mut());
    response
}

fn method_not_allowed() -> Response<Body> {
    let mut response = status_answer(StatusCode::METHOD_NOT_ALLOWED, 12, "OTLP is sent by POST".into(), Format::Json);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    response
}

fn answer(status: StatusCode, format: Format, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let content_type = match format {
        Format::Protobuf => "application/x-protobuf",
        Format::Json => "application/json",
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn allow_origin(request: &HeaderMap, headers: &mut HeaderMap) {
    headers.insert(VARY, HeaderValue::from_static("origin"));
    match request.get(ORIGIN) {
        // By name and with credentials: `navigator.sendBeacon`, which OpenTelemetry's browser exporters use, insists.
        Some(origin) => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
        }
        None => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
    }
}
