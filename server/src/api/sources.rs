//! `/api/sources`: what listens where, and the ledger.

use super::State;
use super::answer::{Failure, json, maybe_moment, moment};
use axum::response::Response;
use model::port::{LedgerRow, Listener};
use model::time::Nanos;
use serde::Serialize;

#[derive(Serialize)]
struct Sources {
    listeners: Vec<Listener>,
    warnings: Vec<String>,
    ledger: Vec<Row>,
    version: String,
    retention_days: u32,
    disk_bytes: u64,
    spans: u64,
    has_demo: bool,
}

#[derive(Serialize)]
struct Row {
    source: String,
    signal: String,
    received: u64,
    stored: u64,
    duplicate: u64,
    conflict: u64,
    merged: u64,
    rejected: Vec<Reason>,
    dropped: Vec<Reason>,
    #[serde(serialize_with = "maybe_moment")]
    last_received: Option<Nanos>,
    samples: Vec<Sample>,
}

#[derive(Serialize)]
struct Reason {
    reason: String,
    records: u64,
}

#[derive(Serialize)]
struct Sample {
    #[serde(serialize_with = "moment")]
    at: Nanos,
    reason: String,
    record: String,
}

impl Row {
    fn of(row: LedgerRow) -> Row {
        let reasons = |reasons: Vec<(String, u64)>| reasons.into_iter().map(|(reason, records)| Reason { reason, records }).collect();
        let samples = row.samples.into_iter().map(|sample| Sample { at: sample.at, reason: sample.reason, record: sample.record });
        Row {
            source: row.source,
            signal: row.signal,
            received: row.received,
            stored: row.stored,
            duplicate: row.duplicate,
            conflict: row.conflict,
            merged: row.merged,
            rejected: reasons(row.rejected),
            dropped: reasons(row.dropped),
            last_received: row.last_received,
            samples: samples.collect(),
        }
    }
}

/// `GET /api/sources`
pub(super) async fn sources(store: State) -> Result<Response, Failure> {
    let instance = store.instance().await?;
    let ledger = store.ledger().await?;
    Ok(json(&Sources {
        listeners: instance.listeners,
        warnings: instance.warnings,
        ledger: ledger.into_iter().map(Row::of).collect(),
        version: instance.version,
        retention_days: instance.retention_days,
        disk_bytes: instance.disk_bytes,
        spans: instance.spans,
        has_demo: instance.has_demo,
    }))
}
