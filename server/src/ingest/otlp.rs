//! OpenTelemetry's protocol: HTTP with protobuf or JSON, and gRPC. Both transports read the body by the same rules, and
//! differ only in how they say what became of it.
//!
//! Source: opentelemetry-proto, docs/specification.md.

pub mod grpc;
pub mod http;

mod base64;
mod json;
pub mod translate;
mod weight;
mod wire;

use super::body::{Held, Trouble};
use super::{Arrival, Batch, Ingest, Rejected, Signal, now};
use crate::meter::Count;
use crate::store::Refused;
use axum::http::HeaderMap;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use translate::Translator;
pub use wire::Malformed;

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Protobuf,
    Json,
}

/// Why nothing of a request was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    UnknownKey,
    /// Content type, encoding or method; the text names what is understood.
    Unsupported(&'static str),
    Malformed(&'static str),
    TooLarge,
    /// The body stopped coming.
    Slow,
    Busy {
        retry_after: Duration,
    },
    Closed,
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        match trouble {
            Trouble::TooLarge => Failure::TooLarge,
            Trouble::Busy => Failure::Busy { retry_after: Duration::from_secs(1) },
            Trouble::Broken(why) => Failure::Malformed(why),
            Trouble::Slow => Failure::Slow,
            Trouble::Gone => Failure::Malformed("the connection broke off"),
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        match refused {
            Refused::Busy { retry_after } => Failure::Busy { retry_after },
            Refused::Closed => Failure::Closed,
        }
    }
}

impl From<Malformed> for Failure {
    fn from(Malformed(why): Malformed) -> Failure {
        Failure::Malformed(why)
    }
}

impl Failure {
    /// A metrics label.
    fn reason(&self) -> &'static str {
        match self {
            Failure::UnknownKey => "unknown key",
            Failure::Unsupported(_) => "unsupported",
            Failure::Malformed(_) => "malformed request",
            Failure::TooLarge => "too large",
            Failure::Slow => "timed out",
            Failure::Busy { .. } => "busy",
            Failure::Closed => "closed",
        }
    }

    /// A sentence for the sender's log.
    fn message(&self) -> String {
        match self {
            Failure::UnknownKey => "an ingest key is needed, in x-honeycomb-team, api-key or authorization: Bearer".into(),
            Failure::Unsupported(what) => (*what).into(),
            Failure::Malformed(why) => format!("the request cannot be read: {why}"),
            Failure::TooLarge => "the request is larger than 64 MiB after decompression".into(),
            Failure::Slow => "the body did not arrive in time".into(),
            Failure::Busy { .. } => "too much is in flight, send it again".into(),
            Failure::Closed => "the server is shutting down, send it again".into(),
        }
    }

    /// When to try again; `None` if that is of no use.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Failure::Busy { retry_after } => Some(*retry_after),
            Failure::Closed => Some(Duration::from_secs(5)),
            _ => None,
        }
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub signal: Signal,
    /// Records not stored because of the sender, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
}

impl Outcome {
    /// `partial_success.rejected_spans`, `.rejected_log_records`.
    fn rejected_count(&self) -> i64 {
        self.rejected.values().sum::<u64>().try_into().unwrap_or(i64::MAX)
    }

    /// `partial_success.error_message`.
    fn message(&self) -> String {
        let mut message = String::new();
        for (reason, count) in &self.rejected {
            let separator = if message.is_empty() { "" } else { ", " };
            let _ = write!(message, "{separator}{count} with {reason}");
        }
        message
    }
}

/// The path below which a signal is posted, wherever it stands at the end: `/v1/traces/`, `/v1/traces/v1/traces` (the
/// variable for one signal given to a base URL, and the other way round), `/some/prefix/v1/traces`.
pub fn signal_of_path(path: &str) -> Option<Signal> {
    let path = path.trim_end_matches('/');
    [Signal::Traces, Signal::Logs, Signal::Metrics]
        .into_iter()
        .find(|signal| path.strip_suffix(signal.as_str()).is_some_and(|before| before.ends_with("/v1/")))
}

/// What is known of a request before its body is read.
struct Readable<'a> {
    source: &'static str,
    headers: &'a HeaderMap,
    key: Arc<str>,
    signal: Option<Signal>,
    format: Format,
}

/// Bodies up to this size are read on the spot: about 2 ms of work, less than a change of threads is worth.
const INLINE: usize = 512 << 10;

/// Translates a body and gives it to the store. Without a signal the body says what it is.
async fn take(ingest: &Ingest, request: Readable<'_>, held: Held, patience: Duration) -> Result<Outcome, Failure> {
    let Readable { source, headers, key, signal, format } = request;
    let arrival = Arrival {
        received_at: now(),
        source: source.into(),
        key,
        dataset: headers.get("x-honeycomb-dataset").and_then(|value| std::str::from_utf8(value.as_bytes()).ok()).unwrap_or_default().into(),
        own: ingest.own.clone(),
    };
    ingest.meter.add(Count::Bytes, source, "", "", held.bytes.len() as u64);
    let read = if held.bytes.len() <= INLINE {
        (translate(&arrival, signal, format, &held.bytes), held)
    } else {
        let task = tokio::task::spawn_blocking(move || (translate(&arrival, signal, format, &held.bytes), held));
        task.await.map_err(|_| Failure::Closed)?
    };
    // The share of the budget is held until the batch is on disk.
    let (translated, _held) = read;
    let (signal, batch) = translated?;
    let rejected = ingest.accept(source, batch, patience).await?;
    Ok(Outcome { signal, rejected })
}

/// The pure part: a body to a batch.
///
/// # Errors
/// When the body as a whole cannot be read.
pub fn translate(arrival: &Arrival, signal: Option<Signal>, format: Format, body: &[u8]) -> Result<(Signal, Batch), Malformed> {
    let mut translator = Translator::new(arrival);
    let signal = match (signal, format) {
        (Some(signal), _) => signal,
        (None, Format::Protobuf) => wire::signal_of(body),
        (None, Format::Json) => json::signal_of(body)?,
    };
    translator.signal = signal;
    match (signal, format) {
        (Signal::Traces, Format::Protobuf) => wire::traces(body, &mut translator)?,
        (Signal::Traces, Format::Json) => json::traces(body, &mut translator)?,
        (Signal::Logs, Format::Protobuf) => wire::logs(body, &mut translator)?,
        (Signal::Logs, Format::Json) => json::logs(body, &mut translator)?,
        (Signal::Metrics | Signal::Errors, Format::Protobuf) => translator.not_kept(signal, wire::count_points(body)?),
        (Signal::Metrics | Signal::Errors, Format::Json) => translator.not_kept(signal, json::count_points(body)?),
    }
    Ok((signal, translator.finish(body)))
}

/// Notes a request of which nothing could be read, for the metrics and, with what is known of its sender, for Sources.
async fn note_failure(ingest: &Ingest, source: &'static str, signal: Signal, failure: &Failure, headers: &HeaderMap) {
    ingest.meter.add(Count::Refused, source, signal.as_str(), failure.reason(), 1);
    tracing::debug!(source, signal = signal.as_str(), reason = failure.reason(), "{}", failure.message());
    if failure.retry_after().is_some() {
        return;
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").chars().take(200).collect::<String>();
    let sample = format!(
        "a whole request: {}; content-type {}, encoding {}, from {}",
        failure.message(),
        header("content-type"),
        header("content-encoding"),
        header("user-agent")
    );
    let batch = Batch { rejected: vec![Rejected { signal, reason: failure.reason(), sample }], ..Batch::default() };
    // The sender has its answer whether or not this note finds room.
    let _ = ingest.store.accept(source, batch, Duration::ZERO).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (path, signal) in [
            ("/v1/traces", Some(Signal::Traces)),
            ("/v1/traces/", Some(Signal::Traces)),
            ("/v1/traces/v1/traces", Some(Signal::Traces)),
            ("//v1/logs", Some(Signal::Logs)),
            ("/v1/traces/v1/metrics", Some(Signal::Metrics)),
            ("/otlp/v1/metrics", Some(Signal::Metrics)),
            ("/", None),
            ("/v1/traces/x", None),
            ("/v2/traces", None),
            ("/traces", None),
        ] {
            assert_eq!(signal_of_path(path), signal, "{path}");
        }
    }
}
