//! Lines in the intake: what of a commit is lines, and how it becomes visible.

use super::LogCore;
use super::picture::Chunk;
use crate::ingest::REPEATED;
use crate::store::logs::block::put_lines;
use crate::store::sqlite::day::lock;
use crate::store::sqlite::log_catalog::Figures;
use crate::store::sqlite::view::unavailable;
use model::log::Line;
use model::port::Problem;
use model::time::Nanos;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Requests with lines of the last two minutes, by their identity.
#[derive(Default)]
pub struct Repeated {
    known: FxHashMap<u128, Nanos>,
    by_time: VecDeque<(Nanos, u128)>,
}

impl Repeated {
    /// Whether this request came before; it is known from now on.
    pub fn again(&mut self, identity: u128, now: Nanos) -> bool {
        while let Some((at, old)) = self.by_time.front().copied()
            && at < now.saturating_sub(REPEATED.as_nanos() as Nanos)
        {
            self.by_time.pop_front();
            self.known.remove(&old);
        }
        let again = self.known.contains_key(&identity);
        if !again {
            self.known.insert(identity, now);
            self.by_time.push_back((now, identity));
        }
        again
    }

    /// Forgets requests that were not committed after all.
    pub fn forget(&mut self, identities: &[(u128, Nanos)]) {
        for (identity, _) in identities {
            self.known.remove(identity);
        }
        self.by_time.retain(|(_, identity)| self.known.contains_key(identity));
    }
}

/// The lines of a commit.
#[derive(Default)]
pub struct Lines {
    pub lines: Vec<Line>,
    /// Identities of their requests, to be remembered with them.
    pub identities: Vec<(u128, Nanos)>,
}

impl Lines {
    /// Makes a row of the intake of them, beside the async threads.
    pub async fn encode(self, upto: u64) -> Result<Option<(Arc<Chunk>, Vec<u8>)>, Problem> {
        if self.lines.is_empty() {
            return Ok(None);
        }
        let chunk = Arc::new(Chunk::new(self.lines, upto));
        let shared = chunk.clone();
        let encode = move || put_lines(&shared.lines.iter().collect::<Vec<_>>());
        let blob = tokio::task::spawn_blocking(encode).await.map_err(unavailable)?;
        Ok(Some((chunk, blob)))
    }
}

impl LogCore {
    /// Makes a commit visible.
    pub fn publish(&self, chunk: Arc<Chunk>) {
        let upto = chunk.upto;
        self.note(&chunk.lines);
        let before = self.tail_lines.fetch_add(chunk.lines.len(), Ordering::Relaxed);
        let lines = before + chunk.lines.len();
        self.change(|picture| {
            picture.tail.push(chunk);
            picture.seq = upto;
        });
        self.seq.send_replace(upto);
        if lines >= super::seal::SEAL_AT {
            self.seal_now.notify_one();
        }
    }

    /// Tells the catalog what its groups and streams have got. Lines of one request share their origin, so runs are told at once.
    /// After a crash they may be of what was deleted since.
    fn note(&self, lines: &[Line]) {
        let hidden = self.catalog.hidden();
        for run in lines.chunk_by(|a, b| Arc::ptr_eq(&a.origin, &b.origin)) {
            let Some(first) = run.first() else { continue };
            if hidden.hides(&first.origin.group, &first.origin.stream, first.seq) {
                continue;
            }
            let times = run.iter().map(|line| line.time);
            let (earliest, latest) = times.fold((Nanos::MAX, Nanos::MIN), |(min, max), time| (min.min(time), max.max(time)));
            let bytes = run.iter().map(|line| line.message.len() as u64).sum();
            let origin = &first.origin;
            let figures = Figures { first: earliest, last: latest, received: first.received_at, lines: run.len() as u64, bytes };
            self.catalog.note(&origin.group, &origin.stream, figures);
        }
    }

    /// Whether the request came before.
    pub fn again(&self, identity: u128, now: Nanos) -> bool {
        lock(&self.repeated).again(identity, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_comes_again_for_two_minutes() {
        let mut repeated = Repeated::default();
        let minute = model::time::MINUTE;
        assert!(!repeated.again(7, 0));
        assert!(repeated.again(7, minute));
        assert!(!repeated.again(8, minute));
        assert!(!repeated.again(7, 2 * minute + 1));
        repeated.forget(&[(7, 0)]);
        assert!(!repeated.again(7, 2 * minute + 2));
        assert!(repeated.again(8, 2 * minute + 3));
    }
}
