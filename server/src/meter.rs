//! What went through ingest since the start, for `/metrics`. The ledger, which survives restarts, is the store's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// Counters by name and labels.
#[derive(Debug, Default)]
pub struct Meter {
    counts: Mutex<BTreeMap<Key, u64>>,
}

type Key = (Count, &'static str, &'static str, &'static str);

/// What is counted. The order is that of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    Received,
    Stored,
    Rejected,
    Dropped,
    Requests,
    Refused,
    Bytes,
}

const HELP: [(Count, &str, &str); 7] = [
    (Count::Received, "clew_ingest_records_received_total", "Records in the requests that could be read."),
    (Count::Stored, "clew_ingest_records_stored_total", "Records that are on disk."),
    (Count::Rejected, "clew_ingest_records_rejected_total", "Records the sender got wrong, by reason."),
    (Count::Dropped, "clew_ingest_records_dropped_total", "Records this version does not keep, by reason."),
    (Count::Requests, "clew_ingest_requests_total", "Requests answered with success."),
    (Count::Refused, "clew_ingest_requests_refused_total", "Requests of which nothing was taken, by reason."),
    (Count::Bytes, "clew_ingest_bytes_total", "Bytes of request bodies after decompression."),
];

impl Meter {
    /// Adds to a counter; labels that do not apply are empty.
    pub fn add(&self, count: Count, source: &'static str, signal: &'static str, reason: &'static str, more: u64) {
        if more > 0 {
            *self.lock().entry((count, source, signal, reason)).or_default() += more;
        }
    }

    /// Prometheus text exposition format 0.0.4.
    pub fn write(&self, to: &mut String) {
        let counts = self.lock();
        for (count, name, help) in HELP {
            let _ = writeln!(to, "# HELP {name} {help}\n# TYPE {name} counter");
            for ((_, source, signal, reason), total) in counts.iter().filter(|((of, ..), _)| *of == count) {
                let labels = [("source", source), ("signal", signal), ("reason", reason)];
                let labels: Vec<String> =
                    labels.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}=\"{value}\"")).collect();
                let _ = writeln!(to, "{name}{{{}}} {total}", labels.join(","));
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Key, u64>> {
        // A counter is whole after every step, so a panic elsewhere leaves nothing half done.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_text() {
        let meter = Meter::default();
        meter.add(Count::Rejected, "otlp_http", "traces", "empty name", 2);
        meter.add(Count::Rejected, "otlp_http", "traces", "empty name", 1);
        meter.add(Count::Stored, "otlp_grpc", "traces", "", 0);
        let mut text = String::new();
        meter.write(&mut text);
        assert!(text.contains("# TYPE clew_ingest_records_rejected_total counter\nclew_ingest_records_rejected_total{source=\"otlp_http\",signal=\"traces\",reason=\"empty name\"} 3\n"));
        assert!(!text.contains("otlp_grpc"));
    }
}
