//! CloudWatch Logs, as far as it writes: what WatchTower, boto3, the AWS CLI, Fluent Bit and CloudWatch's agent send. Answers and
//! errors are AWS's (botocore `data/logs/2014-03-28`, protocol AWS JSON 1.1: every action is posted to one path and named in a header).
//! Reading is [`crate::api::cloudwatch`]'s.

mod catalog;
pub mod envelope;
pub mod names;
pub mod put;
pub mod sts;
pub mod translate;

use super::{Batch, Ingest, PATIENCE, Rejected, Signal};
use crate::auth::sigv4::Payload;
use crate::meter::Count;
use crate::store::LogStore;
use axum::body::Body;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, Request, Response};
use envelope::{Failure, answer, body_of, error, nothing};
use std::time::Duration;

/// A row of SOURCES.
pub const SOURCE: &str = "cloudwatch_logs";

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    PutLogEvents,
    CreateLogGroup,
    CreateLogStream,
    DeleteLogGroup,
    DeleteLogStream,
    PutRetentionPolicy,
    DeleteRetentionPolicy,
    TagResource,
    UntagResource,
    TagLogGroup,
    UntagLogGroup,
}

/// By name.
pub const ACTIONS: [(&str, Action); 11] = [
    ("PutLogEvents", Action::PutLogEvents),
    ("CreateLogGroup", Action::CreateLogGroup),
    ("CreateLogStream", Action::CreateLogStream),
    ("DeleteLogGroup", Action::DeleteLogGroup),
    ("DeleteLogStream", Action::DeleteLogStream),
    ("PutRetentionPolicy", Action::PutRetentionPolicy),
    ("DeleteRetentionPolicy", Action::DeleteRetentionPolicy),
    ("TagResource", Action::TagResource),
    ("UntagResource", Action::UntagResource),
    ("TagLogGroup", Action::TagLogGroup),
    ("UntagLogGroup", Action::UntagLogGroup),
];

impl Action {
    /// Whether it only adds: senders do so from wherever they are. What takes something away is guarded as the pages are.
    pub fn only_adds(self) -> bool {
        use Action::{CreateLogGroup, CreateLogStream, PutLogEvents, TagLogGroup, TagResource};
        matches!(self, PutLogEvents | CreateLogGroup | CreateLogStream | TagResource | TagLogGroup)
    }
}

/// Answers a request.
pub async fn call(ingest: &Ingest, logs: &dyn LogStore, action: Action, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut patience = PATIENCE;
    let answered = async {
        let mut payload = Payload::new(ingest.keys.are_needed());
        let held = body_of(ingest, &parts.headers, payload.watch(body), &mut patience).await?;
        // The one place that asks whether the sender may write.
        let key = ingest.keys.check_signed(&parts, &payload).map_err(Failure::unsigned)?;
        match action {
            Action::PutLogEvents => put::put(ingest, logs, key, &parts.headers, held, patience).await.map(|value| answer(&value)),
            _ => catalog::change(logs, action, &held.bytes).await.map(|()| nothing()),
        }
    };
    match answered.await {
        Ok(response) => response,
        Err(failure) => {
            tracing::debug!(source = SOURCE, "{action:?}: {}", failure.message);
            if action == Action::PutLogEvents {
                note(ingest, &failure, &parts.headers).await;
            }
            error(&failure)
        }
    }
}

/// Notes a request of which no line was taken, for the metrics and, if somebody can do something about it, for Sources.
async fn note(ingest: &Ingest, failure: &Failure, headers: &HeaderMap) {
    let reason = match failure.kind {
        // That is how clients learn that they must make it.
        "ResourceNotFoundException" => return,
        "UnrecognizedClientException" => "unknown key",
        "RequestEntityTooLargeException" => "too large",
        "RequestTimeoutException" => "timed out",
        "ThrottlingException" => "busy",
        "ServiceUnavailableException" => "closed",
        _ => "malformed request",
    };
    ingest.meter.add(Count::Refused, SOURCE, Signal::Logs.as_str(), reason, 1);
    if failure.is_temporary() {
        return;
    }
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("-").chars().take(200).collect::<String>();
    let sample = format!("a whole request: {} From {agent}", failure.message);
    let batch = Batch { rejected: vec![Rejected { signal: Signal::Logs, reason, sample }], ..Batch::default() };
    // The sender has its answer whether or not this note finds room.
    let _ = ingest.store.accept(SOURCE, batch, Duration::ZERO).await;
}
