//! The ledger: what each source received and what became of it. Kept in memory, and written in the transaction that commits what
//! it counts, so it is never off by a crash.

use crate::ingest::{Rejected, Signal};
use model::port::{LedgerRow, RejectedSample};
use model::time::Nanos;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Rejected records kept per source.
const SAMPLES: usize = 10;
/// Bytes of one kept record.
const SAMPLE_BYTES: usize = 2048;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Received,
    Stored,
    Duplicate,
    Conflict,
    /// Another document of an X-Ray record that is here.
    Merged,
    Rejected,
    Dropped,
}

impl Fate {
    const ALL: [Fate; 7] = [Fate::Received, Fate::Stored, Fate::Duplicate, Fate::Conflict, Fate::Merged, Fate::Rejected, Fate::Dropped];

    pub fn as_str(self) -> &'static str {
        match self {
            Fate::Received => "received",
            Fate::Stored => "stored",
            Fate::Duplicate => "duplicate",
            Fate::Conflict => "conflict",
            Fate::Merged => "merged",
            Fate::Rejected => "rejected",
            Fate::Dropped => "dropped",
        }
    }

    fn parse(text: &str) -> Option<Fate> {
        Fate::ALL.into_iter().find(|fate| fate.as_str() == text)
    }
}

/// What is counted: (source, signal, fate, reason); the reason is empty but for rejected and dropped ones.
type Counted = (String, String, Fate, String);

#[derive(Debug, Clone, Default)]
pub struct Ledger {
    counts: BTreeMap<Counted, u64>,
    last_received: BTreeMap<(String, String), Nanos>,
    samples: BTreeMap<String, VecDeque<(String, RejectedSample)>>,
    changed: BTreeSet<Counted>,
    changed_samples: BTreeSet<String>,
}

/// A row as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCount {
    pub source: String,
    pub signal: String,
    pub fate: String,
    pub reason: String,
    pub count: i64,
    pub last_received: i64,
}

/// A source, and its samples by signal.
pub type SamplesOfSource = (String, Vec<(String, RejectedSample)>);

impl Ledger {
    /// From what is stored; samples newest last, with their signal.
    pub fn new(counts: Vec<StoredCount>, samples: Vec<(String, String, RejectedSample)>) -> Ledger {
        let mut ledger = Ledger::default();
        for row in counts {
            if let Some(fate) = Fate::parse(&row.fate) {
                let last = ledger.last_received.entry((row.source.clone(), row.signal.clone())).or_insert(row.last_received);
                *last = (*last).max(row.last_received);
                ledger.counts.insert((row.source, row.signal, fate, row.reason), row.count.cast_unsigned());
            }
        }
        for (source, signal, sample) in samples {
            ledger.samples.entry(source).or_default().push_back((signal, sample));
        }
        ledger
    }

    pub fn count(&mut self, source: &str, signal: Signal, fate: Fate, reason: &str, count: u64, at: Nanos) {
        if count == 0 {
            return;
        }
        let key = (source.to_owned(), signal.as_str().to_owned(), fate, reason.to_owned());
        self.last_received.insert((key.0.clone(), key.1.clone()), at);
        self.changed.insert(key.clone());
        *self.counts.entry(key).or_default() += count;
    }

    /// Keeps a rejected record for people to see.
    pub fn sample(&mut self, source: &str, rejected: Rejected, at: Nanos) {
        let mut record = rejected.sample;
        if record.len() > SAMPLE_BYTES {
            record.truncate(record.floor_char_boundary(SAMPLE_BYTES));
        }
        let samples = self.samples.entry(source.to_owned()).or_default();
        samples.push_back((rejected.signal.as_str().to_owned(), RejectedSample { at, reason: rejected.reason.to_owned(), record }));
        if samples.len() > SAMPLES {
            samples.pop_front();
        }
        self.changed_samples.insert(source.to_owned());
    }

    /// What changed since the last call, as it is to be stored: counts, and the samples of whole sources.
    pub fn take_changes(&mut self) -> (Vec<StoredCount>, Vec<SamplesOfSource>) {
        let changed = std::mem::take(&mut self.changed);
        let counts = changed.into_iter().map(|key| {
            let count = self.counts.get(&key).copied().unwrap_or(0).cast_signed();
            let (source, signal, fate, reason) = key;
            let last_received = self.last_received.get(&(source.clone(), signal.clone())).copied().unwrap_or(0);
            StoredCount { source, signal, fate: fate.as_str().to_owned(), reason, count, last_received }
        });
        let counts = counts.collect();
        let samples = std::mem::take(&mut self.changed_samples).into_iter().map(|source| {
            let samples = self.samples.get(&source).map(|samples| samples.iter().cloned().collect()).unwrap_or_default();
            (source, samples)
        });
        (counts, samples.collect())
    }

    /// For the Sources page.
    pub fn rows(&self) -> Vec<LedgerRow> {
        let mut rows: BTreeMap<(&str, &str), LedgerRow> = BTreeMap::new();
        for ((source, signal, fate, reason), count) in &self.counts {
            let row = rows.entry((source, signal)).or_insert_with(|| LedgerRow {
                source: source.clone(),
                signal: signal.clone(),
                received: 0,
                stored: 0,
                duplicate: 0,
                conflict: 0,
                merged: 0,
                rejected: Vec::new(),
                dropped: Vec::new(),
                last_received: self.last_received.get(&(source.clone(), signal.clone())).copied(),
                samples: self.samples_of(source, signal),
            });
            match fate {
                Fate::Received => row.received = *count,
                Fate::Stored => row.stored = *count,
                Fate::Duplicate => row.duplicate = *count,
                Fate::Conflict => row.conflict = *count,
                Fate::Merged => row.merged = *count,
                Fate::Rejected => row.rejected.push((reason.clone(), *count)),
                Fate::Dropped => row.dropped.push((reason.clone(), *count)),
            }
        }
        rows.into_values().collect()
    }

    fn samples_of(&self, source: &str, signal: &str) -> Vec<RejectedSample> {
        let samples = self.samples.get(source).into_iter().flatten();
        samples.filter(|(of, _)| of == signal).rev().map(|(_, sample)| sample.clone()).collect()
    }

    /// Every count, for metrics.
    pub fn counts(&self) -> impl Iterator<Item = (&str, &str, Fate, &str, u64)> {
        self.counts.iter().map(|((source, signal, fate, reason), count)| (source.as_str(), signal.as_str(), *fate, reason.as_str(), *count))
    }
}
