//! X-Ray's REST API, as far as it writes or configures: what SDKs ask their daemon, what daemons, the AWS CLI and boto3 send.
//! Answers and errors are AWS's (botocore `data/xray/2016-04-12`, protocol rest-json).

use super::API;
use super::account;
use super::sampling::Report;
use super::translate::{Translator, Unprocessed};
use crate::auth::Unsigned;
use crate::auth::sigv4::{Payload, Signature};
use crate::ingest::body::{self, Encoding, Framing, Trouble};
use crate::ingest::{Arrival, Batch, Ingest, PATIENCE, Rejected, Signal, now};
use crate::meter::Count;
use crate::store::Refused;
use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    PutTraceSegments,
    PutTelemetryRecords,
    GetSamplingRules,
    GetSamplingTargets,
    GetSamplingStatisticSummaries,
    Account(account::Operation),
}

/// Where each is posted.
const PATHS: [(&str, Operation); 19] = [
    ("TraceSegments", Operation::PutTraceSegments),
    ("TelemetryRecords", Operation::PutTelemetryRecords),
    ("GetSamplingRules", Operation::GetSamplingRules),
    ("SamplingTargets", Operation::GetSamplingTargets),
    ("SamplingStatisticSummaries", Operation::GetSamplingStatisticSummaries),
    ("EncryptionConfig", Operation::Account(account::Operation::GetEncryptionConfig)),
    ("Groups", Operation::Account(account::Operation::GetGroups)),
    ("GetGroup", Operation::Account(account::Operation::GetGroup)),
    ("CreateGroup", Operation::Account(account::Operation::ChangeGroup)),
    ("UpdateGroup", Operation::Account(account::Operation::ChangeGroup)),
    ("DeleteGroup", Operation::Account(account::Operation::ChangeGroup)),
    ("InsightSummaries", Operation::Account(account::Operation::GetInsightSummaries)),
    ("Insight", Operation::Account(account::Operation::GetInsight)),
    ("InsightEvents", Operation::Account(account::Operation::GetInsight)),
    ("InsightImpactGraph", Operation::Account(account::Operation::GetInsight)),
    ("GetIndexingRules", Operation::Account(account::Operation::GetIndexingRules)),
    ("GetTraceSegmentDestination", Operation::Account(account::Operation::GetTraceSegmentDestination)),
    ("ListResourcePolicies", Operation::Account(account::Operation::ListResourcePolicies)),
    ("ListTagsForResource", Operation::Account(account::Operation::ListTagsForResource)),
];

/// The operation a request asks for. The last part of its path says so (an endpoint may have a path of its own), letter by
/// letter: AWS's `/Traces` is none of our pages.
pub fn operation_of(method: &Method, path: &str) -> Option<Operation> {
    posted_to(&PATHS, method, path)
}

/// What of `paths` a request is posted to.
pub fn posted_to<O: Copy>(paths: &[(&str, O)], method: &Method, path: &str) -> Option<O> {
    let last = path.trim_end_matches('/').rsplit('/').next()?;
    let (_, operation) = paths.iter().find(|(name, _)| *name == last)?;
    (*method == Method::POST).then_some(*operation)
}

/// Whether a request is signed for X-Ray, whatever it asks for.
pub fn is_signed(headers: &HeaderMap) -> bool {
    Signature::read(headers).is_some_and(|signature| signature.service() == "xray")
}

/// Why a request failed, as AWS has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    status: StatusCode,
    /// AWS's name for it, which SDKs turn into an exception.
    kind: &'static str,
    pub message: String,
    retry_after: Option<Duration>,
}

impl Failure {
    pub fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Failure {
        Failure { status, kind, message: message.into(), retry_after: None }
    }

    pub fn invalid(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, "InvalidRequestException", message)
    }

    /// botocore tries 429 again, with a growing pause.
    fn busy(retry_after: Duration) -> Failure {
        let failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, "ThrottledException", "Too much is in flight, send it again.");
        Failure { retry_after: Some(retry_after), ..failure }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        match trouble {
            Trouble::TooLarge => {
                Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", "The request is larger than 64 MiB.")
            }
            Trouble::Busy => Failure::busy(Duration::from_secs(1)),
            Trouble::Broken(why) => Failure::invalid(format!("The body cannot be read: {why}.")),
            Trouble::Slow | Trouble::Gone => {
                Failure::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException", "The body did not arrive in time.")
            }
        }
    }
}

impl From<Unsigned> for Failure {
    fn from(unsigned: Unsigned) -> Failure {
        Failure::new(StatusCode::FORBIDDEN, unsigned.kind(), unsigned.message())
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        match refused {
            Refused::Busy { retry_after } => Failure::busy(retry_after),
            Refused::Closed => {
                let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException", "The server is shutting down.");
                Failure { retry_after: Some(Duration::from_secs(5)), ..failure }
            }
        }
    }
}

/// Answers a request.
pub async fn call(ingest: &Ingest, operation: Operation, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match perform(ingest, operation, &parts, body).await {
        Ok(value) => answer(StatusCode::OK, &value),
        Err(failure) => {
            // Of the others nothing is missing on Sources.
            if !matches!(operation, Operation::Account(_)) {
                note(ingest, &failure, operation, &parts.headers).await;
            }
            error(&failure)
        }
    }
}

/// For what is no operation that is served.
pub fn unknown(method: &Method, path: &str) -> Response<Body> {
    let message = format!("{method} {path} is not an operation of X-Ray that is served here.");
    error(&Failure::new(StatusCode::NOT_FOUND, "UnknownOperationException", message))
}

/// The body of a request; waiting for room comes out of `patience`.
pub async fn body_of<B>(ingest: &Ingest, headers: &HeaderMap, body: B, patience: &mut Duration) -> Result<body::Held, Failure>
where
    B: http_body::Body<Data = Bytes>,
{
    let encoding = match headers.get(CONTENT_ENCODING) {
        None => Some(Encoding::Identity),
        Some(name) => name.to_str().ok().and_then(Encoding::from_name),
    };
    let encoding = encoding.ok_or_else(|| Failure::invalid("The content encoding is not known."))?;
    Ok(body::read(body, Framing::Bare(encoding), &ingest.budget, patience).await?)
}

async fn perform(ingest: &Ingest, operation: Operation, parts: &Parts, body: Body) -> Result<Value, Failure> {
    let mut patience = PATIENCE;
    let mut payload = Payload::new(ingest.keys.are_needed());
    let held = body_of(ingest, &parts.headers, payload.watch(body), &mut patience).await?;
    match operation {
        Operation::PutTraceSegments => put_segments(ingest, ingest.keys.check_signed(parts, &payload)?, held, patience).await,
        // A daemon in front of us tells how it does. It sends this each minute and wants no more than a yes.
        Operation::PutTelemetryRecords => {
            tracing::debug!("an X-Ray daemon says {}", String::from_utf8_lossy(&held.bytes));
            Ok(json!({}))
        }
        Operation::GetSamplingRules => Ok(ingest.sampling.get_rules()),
        Operation::GetSamplingTargets => {
            let targets: Targets = read(&held.bytes)?;
            Ok(ingest.sampling.get_targets(targets.sampling_statistics_documents, now()))
        }
        Operation::GetSamplingStatisticSummaries => Ok(ingest.sampling.get_statistics()),
        Operation::Account(operation) => account::answer(operation, &held.bytes),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Targets {
    sampling_statistics_documents: Vec<Report>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Segments {
    trace_segment_documents: Vec<String>,
}

/// The parameters of an operation.
pub fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::invalid(format!("The body cannot be read: {error}.")))
}

/// Up to so many bytes are translated on the spot.
const INLINE: usize = 256 << 10;

async fn put_segments(ingest: &Ingest, key: Arc<str>, held: body::Held, patience: Duration) -> Result<Value, Failure> {
    ingest.meter.add(Count::Bytes, API, "", "", held.bytes.len() as u64);
    let arrival = Arrival { received_at: now(), source: API.into(), key, dataset: "".into(), own: ingest.own.clone() };
    let bytes = held.bytes.clone();
    let (batch, unprocessed) = if bytes.len() <= INLINE {
        translate(&arrival, &bytes)?
    } else {
        let task = tokio::task::spawn_blocking(move || translate(&arrival, &bytes));
        task.await.map_err(|_| Failure::from(Refused::Closed))??
    };
    let known: BTreeSet<&str> = batch.rejected.iter().map(|rejected| rejected.reason).collect();
    let rejected = ingest.accept(API, batch, patience).await?;
    ingest.meter.add(Count::Requests, API, "", "", 1);
    let mut answers: Vec<Value> = unprocessed.iter().map(unprocessed_segment).collect();
    // What only the store could see: that it is too old, or of tomorrow.
    let by_the_store = rejected.iter().filter(|(reason, _)| !known.contains(**reason));
    answers.extend(
        by_the_store.map(|(reason, count)| json!({"ErrorCode": "InvalidSegment", "Message": format!("{count} not stored: {reason}")})),
    );
    Ok(json!({"UnprocessedTraceSegments": answers}))
}

fn translate(arrival: &Arrival, body: &[u8]) -> Result<(Batch, Vec<Unprocessed>), Failure> {
    let segments: Segments = read(body)?;
    let mut translator = Translator::new(arrival);
    let unprocessed = segments.trace_segment_documents.iter().flat_map(|document| translator.document(document)).collect();
    Ok((translator.finish(), unprocessed))
}

fn unprocessed_segment(unprocessed: &Unprocessed) -> Value {
    let mut value = json!({"ErrorCode": unprocessed.code.as_str(), "Message": unprocessed.message()});
    if let Some(id) = &unprocessed.id {
        value["Id"] = json!(id);
    }
    value
}

/// Notes a request of which nothing was taken, for the metrics and, if somebody can do something about it, for Sources.
async fn note(ingest: &Ingest, failure: &Failure, operation: Operation, headers: &HeaderMap) {
    let reason = match failure.kind {
        "UnrecognizedClientException" | "MissingAuthenticationTokenException" => "unknown key",
        "InvalidSignatureException" | "IncompleteSignatureException" => "wrong signature",
        "RequestEntityTooLargeException" => "too large",
        "RequestTimeoutException" => "timed out",
        "ThrottledException" => "busy",
        "ServiceUnavailableException" => "closed",
        _ => "malformed request",
    };
    ingest.meter.add(Count::Refused, API, Signal::Traces.as_str(), reason, 1);
    tracing::debug!(source = API, reason, "{operation:?}: {}", failure.message);
    if failure.retry_after.is_some() {
        return;
    }
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("-").chars().take(200).collect::<String>();
    let sample = format!("a whole request, {operation:?}: {} From {agent}", failure.message);
    let batch = Batch { rejected: vec![Rejected { signal: Signal::Traces, reason, sample }], ..Batch::default() };
    // The sender has its answer whether or not this note finds room.
    let _ = ingest.store.accept(API, batch, Duration::ZERO).await;
}

/// In the body and in the header: which of them is read depends on the SDK.
pub fn error(failure: &Failure) -> Response<Body> {
    let mut response = answer(failure.status, &json!({"__type": failure.kind, "message": failure.message}));
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(failure.kind));
    if let Some(after) = failure.retry_after {
        // Whole seconds, rounded up: 0 would mean at once.
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_millis().div_ceil(1000).max(1) as u64));
    }
    response
}

/// An answer as AWS gives it: JSON, with an id that SDKs show in their errors.
pub fn answer(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from(value.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-amzn-requestid", request_id());
    response
}

/// A new id, as every answer of AWS has one: a UUID.
pub fn request_id() -> HeaderValue {
    let [a, b, c, d, e] = [8, 4, 4, 4, 12].map(|digits| format!("{:0digits$x}", rand::random::<u64>() & ((1 << (4 * digits)) - 1)));
    HeaderValue::from_str(&format!("{a}-{b}-{c}-{d}-{e}")).unwrap_or(HeaderValue::from_static("0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (path, operation) in [
            ("/TraceSegments", Some(Operation::PutTraceSegments)),
            ("/TraceSegments/", Some(Operation::PutTraceSegments)),
            ("/prefix/of/mine/GetSamplingRules", Some(Operation::GetSamplingRules)),
            // Our own pages are lower case.
            ("/traces", None),
            ("/groups", None),
            ("/Traces", None),
            ("/", None),
        ] {
            assert_eq!(operation_of(&Method::POST, path), operation, "{path}");
            assert_eq!(operation_of(&Method::GET, path), None, "{path}");
        }
    }
}
