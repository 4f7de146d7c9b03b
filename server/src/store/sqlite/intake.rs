//! The intake: one task that takes what arrived since its last commit, gives every span its `seq`, drops those that were here
//! before, commits, publishes the new tail and then answers. Waiting for the disk is what makes groups: the busier, the larger.

use super::Core;
use super::chunk::{self, Chunk};
use super::day::lock;
use super::digest::{Touched, digest};
use super::errors;
use super::journal::{Commit, Journal};
use super::known::KnownTrace;
use super::ledger::Fate;
use super::logs;
use super::lookup;
use super::supersede::{Superseded, bury};
use super::world::{Block, Place};
use crate::errors::{from_line, from_span};
use crate::ingest::{Batch, Signal};
use crate::store::block::MAX_SPANS;
use crate::store::{Accepted, Refused};
use model::error::Witness;
use model::port::Problem;
use model::trace::Summary;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// Spans of one group commit; a single larger request is still one.
const GROUP: usize = MAX_SPANS;
/// Unsealed spans in memory at which the intake waits for the sealer.
const TAIL: usize = 16 * MAX_SPANS;

/// Up to which `seq` the intake's rows went, because they are sealed.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
struct Forgotten {
    spans: u64,
    lines: u64,
    errors: u64,
}

impl Forgotten {
    /// What may go now.
    fn new(core: &Core) -> Forgotten {
        Forgotten {
            spans: core.sealed.load(Ordering::Acquire),
            lines: core.logs.sealed.load(Ordering::Acquire),
            errors: core.errors.digested.load(Ordering::Acquire),
        }
    }
}

/// One call of `accept`.
pub struct Request {
    pub source: &'static str,
    pub batch: Batch,
    /// What `accept` itself would not take, already in `batch.rejected`.
    pub refused: Vec<(&'static str, u64)>,
    pub answer: oneshot::Sender<Result<Accepted, Refused>>,
    pub permit: OwnedSemaphorePermit,
}

/// Runs until every sender of `requests` is gone, then closes the journal.
pub async fn run(core: Arc<Core>, mut journal: Journal, mut requests: mpsc::Receiver<Request>) {
    let mut forgotten = Forgotten::default();
    loop {
        let first = match tokio::time::timeout(Duration::from_secs(1), requests.recv()).await {
            Ok(Some(first)) => first,
            Ok(None) => break,
            Err(_idle) => {
                tidy(&core, &mut journal, &mut forgotten).await;
                continue;
            }
        };
        while core.tail_spans.load(Ordering::Relaxed) > TAIL && !requests.is_closed() {
            core.seal_now.notify_one();
            let _ = tokio::time::timeout(Duration::from_millis(20), core.sealed_some.notified()).await;
        }
        while core.logs.tail_lines.load(Ordering::Relaxed) > logs::seal::TAIL && !requests.is_closed() {
            core.logs.seal_now.notify_one();
            let _ = tokio::time::timeout(Duration::from_millis(20), core.logs.sealed_some.notified()).await;
        }
        while core.errors.pending_bytes.load(Ordering::Relaxed) > errors::intake::TAIL && !requests.is_closed() {
            core.errors.digest_now.notify_one();
            let _ = tokio::time::timeout(Duration::from_millis(20), core.errors.digested_some.notified()).await;
        }
        let mut count = first.batch.records();
        let mut group = vec![first];
        while count < GROUP
            && let Ok(request) = requests.try_recv()
        {
            count += request.batch.records();
            group.push(request);
        }
        let _gate = core.gate.lock().await;
        let mut answers = Vec::with_capacity(group.len());
        match commit(&core, &mut journal, &mut forgotten, group, &mut answers).await {
            Ok(accepted) => answers.into_iter().zip(accepted).for_each(|((answer, _permit), accepted)| drop(answer.send(Ok(accepted)))),
            Err(problem) => {
                tracing::error!("the intake could not commit: {problem}");
                answers.into_iter().for_each(|(answer, _permit)| drop(answer.send(Err(Refused::Closed))));
            }
        }
    }
    tidy(&core, &mut journal, &mut forgotten).await;
    if let Err(error) = journal.close().await {
        tracing::warn!("closing the intake: {error}");
    }
}

/// Removes rows that are sealed, when nothing arrives that would do it in passing, and gives the room of the WAL back.
async fn tidy(core: &Core, journal: &mut Journal, forgotten: &mut Forgotten) {
    let sealed = Forgotten::new(core);
    if sealed != *forgotten {
        let seq = core.next_seq.load(Ordering::Relaxed);
        let tidy = Commit { seq, sealed: sealed.spans, lines_sealed: sealed.lines, errors_digested: sealed.errors, ..Commit::default() };
        match journal.commit(&tidy).await {
            Ok(()) => *forgotten = sealed,
            Err(error) => tracing::error!("the intake could not be tidied: {error}"),
        }
        let old = core.now().saturating_sub(crate::ingest::REPEATED.as_nanos() as i64);
        if let Err(error) = journal.forget_requests(old).await {
            tracing::error!("the intake could not be tidied: {error}");
        }
    }
    if let Err(error) = journal.checkpoint().await {
        tracing::warn!("the intake could not be checkpointed: {error}");
    }
    let floor = core.floor_day();
    if core.again_floor.swap(floor, Ordering::Relaxed) < floor
        && let Err(error) = journal.forget_before(floor).await
    {
        tracing::error!("the intake could not be tidied: {error}");
    }
}

type Answer = (oneshot::Sender<Result<Accepted, Refused>>, OwnedSemaphorePermit);

async fn commit(
    core: &Arc<Core>,
    journal: &mut Journal,
    forgotten: &mut Forgotten,
    group: Vec<Request>,
    answers: &mut Vec<Answer>,
) -> Result<Vec<Accepted>, Problem> {
    let began = Instant::now();
    let now = core.now();
    let mut spans = Vec::with_capacity(group.iter().map(|request| request.batch.spans.len()).sum());
    let mut lines = logs::intake::Lines::default();
    let mut witnesses: Vec<Witness> = Vec::new();
    let mut requests = Vec::with_capacity(group.len());
    let mut ledger = lock(&core.ledger).clone();
    let mut seq = core.next_seq.load(Ordering::Relaxed);
    let first_seq = seq + 1;
    for request in group {
        answers.push((request.answer, request.permit));
        let Batch { spans: batch, logs, errors, identity, rejected, dropped } = request.batch;
        ledger.count(request.source, Signal::Traces, Fate::Received, "", batch.len() as u64, now);
        ledger.count(request.source, Signal::Logs, Fate::Received, "", logs.len() as u64, now);
        ledger.count(request.source, Signal::Errors, Fate::Received, "", errors.len() as u64, now);
        for rejected in rejected {
            ledger.count(request.source, rejected.signal, Fate::Received, "", 1, now);
            ledger.count(request.source, rejected.signal, Fate::Rejected, rejected.reason, 1, now);
            ledger.sample(request.source, rejected, now);
        }
        for (signal, reason, count) in dropped {
            ledger.count(request.source, signal, Fate::Received, "", count, now);
            ledger.count(request.source, signal, Fate::Dropped, reason, count, now);
        }
        let repeated = identity.filter(|_| !logs.is_empty()).is_some_and(|identity| core.logs.again(identity, now));
        let fate = if repeated { Fate::Duplicate } else { Fate::Stored };
        ledger.count(request.source, Signal::Logs, fate, "", logs.len() as u64, now);
        requests.push((request.source, batch.len(), logs.len() as u64, errors.len(), request.refused));
        witnesses.extend(errors);
        if !repeated {
            lines.identities.extend(identity.filter(|_| !logs.is_empty()).map(|identity| (identity, now)));
            for mut line in logs {
                seq += 1;
                line.seq = seq;
                lines.lines.push(line);
            }
        }
        for mut span in batch {
            seq += 1;
            span.envelope.seq = seq;
            spans.push(span);
        }
    }
    let digested = digest(core, spans, first_seq).await?;

    let before = core.errors.came_before(&witnesses).await.map_err(super::view::unavailable)?;
    let mut before_of_requests = before.iter();
    let mut accepted = Vec::with_capacity(requests.len());
    let mut fates = digested.fates.iter();
    for (source, count, lines, errors, refused) in requests {
        let mut stored = 0;
        let mut again = [0u64; 3];
        for fate in fates.by_ref().take(count) {
            match fate {
                Fate::Duplicate => again[0] += 1,
                Fate::Conflict => again[1] += 1,
                Fate::Merged => again[2] += 1,
                _ => stored += 1,
            }
        }
        ledger.count(source, Signal::Traces, Fate::Stored, "", stored, now);
        ledger.count(source, Signal::Traces, Fate::Duplicate, "", again[0], now);
        ledger.count(source, Signal::Traces, Fate::Conflict, "", again[1], now);
        ledger.count(source, Signal::Traces, Fate::Merged, "", again[2], now);
        let repeated = before_of_requests.by_ref().take(errors).filter(|before| **before).count();
        ledger.count(source, Signal::Errors, Fate::Stored, "", (errors - repeated) as u64, now);
        ledger.count(source, Signal::Errors, Fate::Duplicate, "", repeated as u64, now);
        accepted.push(Accepted { stored, lines, errors: errors as u64, rejected: refused });
    }

    let mut before = before.iter();
    witnesses.retain(|_| before.next() != Some(&true));
    witnesses.extend(digested.spans.iter().flat_map(from_span));
    witnesses.extend(lines.lines.iter().filter_map(from_line));
    for witness in &mut witnesses {
        seq += 1;
        witness.seq = seq;
    }
    let (witnesses, error_rows) = errors::intake::encode(witnesses).await.map_err(super::view::unavailable)?;
    let mut chunks = chunk::encode(digested.spans).await?;
    let (counts, samples) = ledger.take_changes();
    let identities = std::mem::take(&mut lines.identities);
    let encoded = lines.encode(seq).await?;
    let (chunk, blob) = encoded.map_or((None, None), |(chunk, blob)| (Some(chunk), Some((seq, blob))));
    let sealed = Forgotten::new(core);
    let commit = Commit {
        rows: chunks.iter_mut().map(|chunk| (chunk.last_seq, std::mem::take(&mut chunk.blob))).collect(),
        seq,
        again: digested.again,
        counts: &counts,
        samples: &samples,
        sealed: if sealed.spans > forgotten.spans { sealed.spans } else { 0 },
        lines: blob,
        requests: &identities,
        lines_sealed: if sealed.lines > forgotten.lines { sealed.lines } else { 0 },
        errors: error_rows,
        errors_digested: if sealed.errors > forgotten.errors { sealed.errors } else { 0 },
    };
    let committing = Instant::now();
    if let Err(error) = journal.commit(&commit).await {
        core.logs.forget(&identities);
        return Err(super::view::unavailable(error));
    }
    core.figures.commit(committing.elapsed(), began.elapsed());
    *forgotten = sealed;
    *lock(&core.ledger) = ledger;
    core.next_seq.store(seq, Ordering::Relaxed);
    publish(core, chunks, digested.traces, &digested.superseded, seq);
    if let Some(chunk) = chunk {
        core.logs.publish(chunk);
    }
    core.errors.publish(witnesses);
    Ok(accepted)
}

/// Makes a commit visible: the tail, the known traces, the spans to seal, and what they replace gone.
pub fn publish(core: &Core, chunks: Vec<Chunk>, traces: Vec<Touched>, superseded: &[Superseded], seq: u64) {
    let sealed = core.sealed.load(Ordering::Acquire);
    let summaries: Vec<Arc<Summary>> = traces.iter().map(|touched| touched.summary.clone()).collect();
    {
        let mut known = lock(&core.known);
        for Touched { summary, sealed: at } in traces {
            known.set_trace(summary.trace_id, KnownTrace { summary, seq, sealed: at }, sealed);
        }
    }
    let last = chunks.len().saturating_sub(1);
    let mut summaries = Some(summaries);
    let mut blocks = Vec::with_capacity(chunks.len());
    let mut spans = Vec::with_capacity(chunks.len());
    for (at, mut chunk) in chunks.into_iter().enumerate() {
        // The last block of the commit has all its summaries, so the look-up must find it for all its traces.
        let summaries = if at == last { summaries.take().unwrap_or_default() } else { Vec::new() };
        chunk.hashes.extend(summaries.iter().map(|summary| lookup::hash(summary.trace_id)));
        chunk.hashes.sort_unstable();
        chunk.hashes.dedup();
        core.tail_spans.fetch_add(chunk.spans.len(), Ordering::Relaxed);
        // Up to the commit, not to its last span: a duplicate at its end has a `seq` too, and the tail goes by the commit.
        spans.push((seq, chunk.spans));
        blocks.push(Arc::new(Block {
            place: Place::Tail { columns: chunk.encoded.columns, summaries },
            meta: Arc::new(chunk.encoded.meta),
            dead: None,
            summary_dead: None,
            summary_seq: seq,
            datasets: chunk.datasets,
            hashes: Some(chunk.hashes.into()),
        }));
    }
    let any = !blocks.is_empty();
    core.change(|world| {
        bury(core, world, superseded);
        // Under the same lock: the sealer takes both or neither.
        lock(&core.unsealed).extend(spans);
        world.tail.append(&mut blocks);
        world.seq = world.seq.max(seq);
    });
    if any && core.tail_spans.load(Ordering::Relaxed) >= super::seal::SEAL_AT {
        core.seal_now.notify_one();
    }
}
