//! `PutLogEvents`: the answer is sent once the lines are on disk.

use super::SOURCE;
use super::envelope::Failure;
use super::translate::{Lines, translate};
use crate::ingest::body::Held;
use crate::ingest::{Arrival, Batch, Ingest, Rejected, Signal, now};
use crate::meter::Count;
use crate::store::sqlite::{BEFORE_FLOOR, TOO_FAR_AHEAD};
use crate::store::{LogStore, Refused};
use axum::http::HeaderMap;
use model::time::{DAY, Nanos};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_128;

/// Every answer has the same: it is long since AWS looked at it, and WatchTower and winston-cloudwatch only hand it back.
pub const SEQUENCE_TOKEN: &str = "49039859472549999942985954296438490398594725499999429859";
/// Up to so many bytes are translated on the spot.
const INLINE: usize = 256 << 10;
const EXPIRED: &str = "older than its log group keeps";

/// Takes the lines in.
pub async fn put(
    ingest: &Ingest,
    logs: &dyn LogStore,
    key: Arc<str>,
    headers: &HeaderMap,
    held: Held,
    patience: Duration,
) -> Result<Value, Failure> {
    ingest.meter.add(Count::Bytes, SOURCE, "", "", held.bytes.len() as u64);
    let arrival = Arrival { received_at: now(), source: SOURCE.into(), key, dataset: "".into(), own: ingest.own.clone() };
    let bytes = held.bytes.clone();
    let Lines { origin, mut lines } = if bytes.len() <= INLINE {
        translate(&arrival, &bytes)?
    } else {
        let arrival = arrival.clone();
        let task = tokio::task::spawn_blocking(move || translate(&arrival, &bytes));
        task.await.map_err(|_| Failure::from(Refused::Closed))??
    };
    let days = logs.log_stream_retention(&origin.group, &origin.stream).await?;
    let total = lines.len();
    let floor = days.map_or(Nanos::MIN, |days| arrival.received_at.saturating_sub(Nanos::from(days) * DAY));
    let expired: Vec<_> = lines.drain(..lines.partition_point(|line| line.time < floor)).collect();
    let rejected: Vec<_> =
        expired.into_iter().map(|line| Rejected { signal: Signal::Logs, reason: EXPIRED, sample: line.message }).collect();
    let expired = rejected.len();
    let batch = Batch { logs: lines, identity: Some(identity(headers, &held)), rejected, ..Batch::default() };
    let refused = ingest.accept(SOURCE, batch, patience).await?;
    ingest.meter.add(Count::Requests, SOURCE, "", "", 1);
    // Lines are in order, so what is too old begins the request and what is too new ends it.
    let of = |reason| refused.get(reason).copied().unwrap_or(0) as usize;
    let mut info = Map::new();
    if expired > 0 {
        info.insert("expiredLogEventEndIndex".into(), json!(expired));
    }
    if of(BEFORE_FLOOR) > 0 {
        info.insert("tooOldLogEventEndIndex".into(), json!(expired + of(BEFORE_FLOOR)));
    }
    if of(TOO_FAR_AHEAD) > 0 {
        info.insert("tooNewLogEventStartIndex".into(), json!(total - of(TOO_FAR_AHEAD)));
    }
    let mut answer = json!({"nextSequenceToken": SEQUENCE_TOKEN});
    // WatchTower warns if it is there at all.
    if !info.is_empty() {
        answer["rejectedLogEventsInfo"] = Value::Object(info);
    }
    Ok(answer)
}

/// An SDK that tries again says so; of others, the same bytes again are the same request.
fn identity(headers: &HeaderMap, held: &Held) -> u128 {
    xxh3_128(headers.get("amz-sdk-invocation-id").map_or(&held.bytes, |id| id.as_bytes()))
}
