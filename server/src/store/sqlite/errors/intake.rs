//! Errors in the intake: what of a commit is errors, which of them came before, and how they go to the digest.

use super::{ErrorCore, codec, lock, prepare};
use model::error::{Witness, WitnessFamily};
use model::time::{DAY, day_of};
use rustc_hash::FxHashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of one row, before they are compressed.
const ROW: usize = 4 << 20;
/// Bytes of witnesses in memory at which the intake waits for the digest.
pub const TAIL: usize = 64 << 20;

/// Witnesses of a commit as rows: (last `seq`, bytes).
pub async fn encode(witnesses: Vec<Witness>) -> Result<(Vec<Witness>, Vec<(u64, Vec<u8>)>), anyhow::Error> {
    if witnesses.is_empty() {
        return Ok((witnesses, Vec::new()));
    }
    tokio::task::spawn_blocking(move || {
        let mut rows = Vec::new();
        let mut bytes = Vec::new();
        for (at, witness) in witnesses.iter().enumerate() {
            codec::put(witness, &mut bytes);
            if bytes.len() >= ROW || at + 1 == witnesses.len() {
                rows.push((witness.seq, codec::pack(&bytes, 1)?));
                bytes.clear();
            }
        }
        Ok((witnesses, rows))
    })
    .await?
}

impl ErrorCore {
    /// Of witnesses of Rollbar, which came before: they are counted and not stored again. Those of other systems are compared by the digest,
    /// which passes over them.
    pub async fn came_before(&self, witnesses: &[Witness]) -> Result<Vec<bool>, sqlx::Error> {
        let identities: Vec<[u8; 16]> = witnesses.iter().map(prepare::identity).collect();
        let rollbar: Vec<usize> = (0..witnesses.len()).filter(|at| witnesses[*at].family() == WitnessFamily::Rollbar).collect();
        let mut known: FxHashSet<[u8; 16]> = FxHashSet::default();
        let days = self.days();
        for (day, file) in days.iter() {
            let near = |at: &&usize| (day_of(witnesses[**at].time) - day).abs() <= 1;
            let of_day: Vec<[u8; 16]> = rollbar.iter().filter(near).map(|at| identities[*at]).collect();
            known.extend(file.known(&of_day).await?);
        }
        let undigested = lock(&self.undigested);
        let mut before = vec![false; witnesses.len()];
        for at in rollbar {
            let identity = identities[at];
            before[at] = undigested.contains(&identity) || !known.insert(identity);
        }
        Ok(before)
    }

    /// Hands what was committed to the digest.
    pub fn publish(&self, witnesses: Vec<Witness>) {
        if witnesses.is_empty() {
            return;
        }
        let bytes = witnesses.iter().map(|witness| witness.data.len()).sum();
        lock(&self.undigested).extend(witnesses.iter().map(prepare::identity));
        self.pending_bytes.fetch_add(bytes, Ordering::Relaxed);
        lock(&self.pending).extend(witnesses.into_iter().map(Arc::new));
        self.digest_now.notify_one();
    }

    /// Takes up what the intake has and the digest has not. A row that cannot be read is reported and passed over.
    pub fn replay(&self, rows: Vec<(u64, Vec<u8>)>, floor_day: i64) {
        let digested = self.digested.load(Ordering::Relaxed);
        for (seq, row) in rows {
            let Some(witnesses) = codec::unpack(&row).and_then(|bytes| codec::all(&bytes)) else {
                tracing::error!(seq, "errors of the intake cannot be read");
                continue;
            };
            let kept = witnesses.into_iter().filter(|witness| witness.seq > digested && witness.time >= floor_day * DAY);
            self.publish(kept.collect());
        }
    }
}
