//! The way in: each source owns its transport and a pure translator `bytes -> Batch`. What a batch becomes is decided by
//! the store's intake; nothing here writes.

pub mod attrs;
pub mod body;
pub mod cloudwatch;
mod cors;
pub mod lines;
pub mod otlp;
pub mod own;
pub mod rollbar;
pub mod scrub;
pub mod xray;

use crate::auth::Keys;
use crate::meter::{Count, Meter};
use crate::store::{Accepted, Refused, Store};
use body::Budget;
use model::error::Witness;
use model::log::Line;
use model::span::Span;
use model::time::Nanos;
use own::Own;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use xray::sampling::Sampling;

/// What the transport knows about a request.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub received_at: Nanos,
    /// A row of SOURCES.
    pub source: Arc<str>,
    /// Name of the ingest key, never the key.
    pub key: Arc<str>,
    /// `x-honeycomb-dataset`.
    pub dataset: Arc<str>,
    pub own: Arc<Own>,
}

/// What a translator makes of one request. It cannot fail as a whole: a bad record never costs its neighbours.
#[derive(Debug, Default)]
#[must_use]
pub struct Batch {
    pub spans: Vec<Span>,
    /// In the sender's order. Their origin, trace and severity are final.
    pub logs: Vec<Line>,
    /// Of senders of errors; what spans and log records say of errors is found in them when they are stored.
    pub errors: Vec<Witness>,
    /// Tells a request with logs from any other but its own repetition: equal lines in one millisecond are legitimate, a request that
    /// comes again within [`REPEATED`] is not. Of `amz-sdk-invocation-id` if there is one, else of the body.
    pub identity: Option<u128>,
    /// Records that are not stored because the sender got them wrong.
    pub rejected: Vec<Rejected>,
    /// Records that are fine but that this version does not keep: `("metrics", "not kept yet", 12)` as (signal, reason, count).
    pub dropped: Vec<(Signal, &'static str, u64)>,
}

impl Batch {
    /// Records to be stored.
    pub fn records(&self) -> usize {
        self.spans.len() + self.logs.len() + self.errors.len()
    }

    /// What its records are: a request holds one signal.
    pub fn signal(&self) -> Signal {
        let lines = if self.logs.is_empty() { None } else { Some(Signal::Logs) };
        let errors = if self.errors.is_empty() { None } else { Some(Signal::Errors) };
        lines
            .or(errors)
            .or_else(|| self.rejected.first().filter(|_| self.spans.is_empty()).map(|record| record.signal))
            .unwrap_or(Signal::Traces)
    }
}

/// One record that could not be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub signal: Signal,
    /// A fixed, short reason: it is a metrics label and a row of the ledger.
    pub reason: &'static str,
    /// The record as text, for the Sources page; scrubbed of secrets, at most 2 kB.
    pub sample: String,
}

/// What kind of telemetry a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    Traces,
    Logs,
    Metrics,
    Errors,
}

impl Signal {
    pub fn as_str(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Logs => "logs",
            Signal::Metrics => "metrics",
            Signal::Errors => "errors",
        }
    }
}

/// A way in.
#[derive(Debug)]
pub struct Source {
    /// In `Envelope::source`, the ledger and metrics.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
}

/// Every way in. A new source is a row here and a file in `ingest/`.
pub const SOURCES: [Source; 6] = [
    Source { name: "otlp_http", title: "OpenTelemetry over HTTP" },
    Source { name: "otlp_grpc", title: "OpenTelemetry over gRPC" },
    Source { name: "xray_udp", title: "AWS X-Ray SDKs, as their daemon" },
    Source { name: "xray_api", title: "AWS X-Ray API" },
    Source { name: cloudwatch::SOURCE, title: "CloudWatch Logs API" },
    Source { name: rollbar::SOURCE, title: "Rollbar SDKs" },
];

/// How long a request with logs is remembered.
pub const REPEATED: Duration = Duration::from_secs(120);
/// How long a sender is kept waiting under load before it is refused.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Decoded request bodies that may be in memory at once.
pub const IN_FLIGHT: usize = 128 << 20;

/// What every source needs: the store, and who may send how much.
pub struct Ingest {
    pub store: Arc<dyn Store>,
    pub budget: Budget,
    pub meter: Meter,
    pub keys: Keys,
    pub own: Arc<Own>,
    pub sampling: Arc<Sampling>,
}

impl Ingest {
    pub fn new(store: Arc<dyn Store>, keys: Keys, own: Own) -> Ingest {
        let sampling = Arc::new(Sampling::new(None, now()));
        Ingest { store, budget: Budget::new(IN_FLIGHT), meter: Meter::default(), keys, own: Arc::new(own), sampling }
    }

    /// With sampling rules that are kept in this directory.
    pub fn with_rules_in(self, directory: &Path) -> Ingest {
        Ingest { sampling: Arc::new(Sampling::new(Some(directory), now())), ..self }
    }

    /// Gives a batch to the store and counts what became of it: records that were not stored because of the sender, by
    /// reason.
    pub async fn accept(&self, source: &'static str, batch: Batch, patience: Duration) -> Result<BTreeMap<&'static str, u64>, Refused> {
        let mut rejected = BTreeMap::new();
        for record in &batch.rejected {
            *rejected.entry(record.reason).or_default() += 1;
        }
        let (signal, dropped) = (batch.signal().as_str(), batch.dropped.clone());
        let received = (batch.records() + batch.rejected.len()) as u64;
        if received == 0 && dropped.is_empty() {
            return Ok(rejected);
        }
        let Accepted { stored, lines, errors, rejected: late } = self.store.accept(source, batch, patience).await?;
        for (reason, count) in late {
            *rejected.entry(reason).or_default() += count;
        }
        self.meter.add(Count::Received, source, signal, "", received);
        self.meter.add(Count::Stored, source, signal, "", stored + lines + errors);
        for (reason, count) in &rejected {
            self.meter.add(Count::Rejected, source, signal, reason, *count);
        }
        for (signal, reason, count) in dropped {
            self.meter.add(Count::Received, source, signal.as_str(), "", count);
            self.meter.add(Count::Dropped, source, signal.as_str(), reason, count);
        }
        Ok(rejected)
    }
}

/// The time on the wall.
fn now() -> Nanos {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos().try_into().unwrap_or(Nanos::MAX))
}
