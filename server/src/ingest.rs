//! The way in: each source owns its transport and a pure translator `bytes -> Batch`. What a batch becomes is decided by
//! the store's intake; nothing here writes.

use model::span::Span;

/// What a translator makes of one request. It cannot fail as a whole: a bad record never costs its neighbours.
#[derive(Debug, Default)]
#[must_use]
pub struct Batch {
    pub spans: Vec<Span>,
    /// Records that are not stored because the sender got them wrong.
    pub rejected: Vec<Rejected>,
    /// Records that are fine but that this version does not keep: `("logs", "not kept yet", 12)` as (signal, reason, count).
    pub dropped: Vec<(Signal, &'static str, u64)>,
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
}

impl Signal {
    pub fn as_str(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Logs => "logs",
            Signal::Metrics => "metrics",
        }
    }
}
