//! One read: a picture of the store, and the ways to fetch from it. Everything is fetched for many blocks at once, since a
//! statement costs more than the rows it brings; decoding is done on all cores, by threads that let everybody else go first.

use super::day::{DayFile, lock};
use super::lookup;
use super::world::{Block, Place, World};
use crate::store::block::{self, Bitmap, Columns, Corrupt, number};
use model::id::TraceId;
use model::port::Problem;
use model::span::Span;
use model::trace::Summary;
use rayon::{ThreadPool, ThreadPoolBuilder};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// Blocks fetched by one statement where whole spans are wanted.
const FETCH: usize = 16;

/// What reads share: the threads that work for them, and what they found to be broken.
pub struct Shared {
    threads: ThreadPool,
    /// By (day, block).
    corrupt: Mutex<BTreeMap<(i64, i64), String>>,
}

/// How nice the threads of reads are: who sends something is answered as if nobody read, and a read has what is left of all cores.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

impl Default for Shared {
    fn default() -> Shared {
        let threads = ThreadPoolBuilder::new().thread_name(|n| format!("read-{n}")).panic_handler(|_| {
            // Whoever waits is told that there is no result; the panic itself is in the log.
        });
        // Elsewhere it would be of the whole process.
        #[cfg(target_os = "linux")]
        let threads = threads.start_handler(|_| {
            if let Err(error) = rustix::process::nice(NICE) {
                tracing::debug!("a thread of reads is as eager as the others: {error}");
            }
        });
        Shared { threads: threads.build().expect("the system has threads"), corrupt: Mutex::default() }
    }
}

impl Shared {
    /// Reports a block that cannot be read, once.
    pub fn report(&self, block: &Block, corrupt: Corrupt) {
        let Place::Sealed { file, id } = &block.place else {
            return tracing::error!("a block of the intake cannot be read ({corrupt}); it is left out");
        };
        self.report_in(&file.db.path, (file.day, *id), corrupt);
    }

    /// Reports a block of this file, once; (day, block), the block's number negative if it is of lines.
    pub fn report_in(&self, file: &std::path::Path, at: (i64, i64), corrupt: Corrupt) {
        let text = format!("block {} of {} cannot be read ({corrupt}) and is left out of every answer", at.1.abs(), file.display());
        if lock(&self.corrupt).insert(at, text.clone()).is_none() {
            tracing::error!("{text}");
        }
    }

    /// Whether the block was found to be unreadable.
    pub fn reported(&self, block: &Block) -> bool {
        match &block.place {
            Place::Sealed { file, id } => lock(&self.corrupt).contains_key(&(file.day, *id)),
            Place::Tail { .. } => false,
        }
    }

    /// What is broken, for people.
    pub fn broken(&self) -> Vec<String> {
        lock(&self.corrupt).values().cloned().collect()
    }

    /// How many works go on at a time.
    pub fn threads(&self) -> usize {
        self.threads.current_num_threads()
    }

    /// Runs `work` beside the async threads, when one of the reads' is free; not at all if nobody waits for it any more.
    pub async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let (done, result) = oneshot::channel();
        self.threads.spawn_fifo(move || {
            if !done.is_closed() {
                let _ = done.send(work());
            }
        });
        result.await.map_err(unavailable)
    }
}

/// Logs the cause and makes the answer of it.
pub fn unavailable(error: impl std::fmt::Display) -> Problem {
    tracing::error!("the store could not be read: {error}");
    Problem::Unavailable(error.to_string())
}

/// A picture of the store being read.
#[derive(Clone)]
pub struct View {
    pub world: Arc<World>,
    /// Only records with `seq` up to this exist.
    pub as_of: u64,
    pub shared: Arc<Shared>,
}

/// Where a sealed summary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    pub day: i64,
    pub block: i64,
    pub row: usize,
}

impl View {
    pub fn new(world: Arc<World>, as_of: Option<u64>, shared: Arc<Shared>) -> View {
        let as_of = as_of.map_or(world.seq, |seq| seq.min(world.seq));
        View { world, as_of, shared }
    }

    /// For `Rows`: `None` when nothing is newer than this read.
    pub fn row_as_of(&self) -> Option<u64> {
        (self.as_of < self.world.seq).then_some(self.as_of)
    }

    /// All sealed blocks of the days that `wanted` names, then the tail.
    pub async fn blocks(&self, wanted: impl Fn(i64) -> bool) -> Result<Vec<Arc<Block>>, Problem> {
        let mut blocks = Vec::new();
        for (_, day) in self.world.days.iter().filter(|(number, _)| wanted(**number)) {
            blocks.extend_from_slice(&day.load().await.map_err(unavailable)?.blocks);
        }
        blocks.extend_from_slice(&self.world.tail);
        Ok(blocks)
    }

    /// For each block the columns that `numbers` names, in one statement per day.
    pub async fn fetch(&self, blocks: &[Arc<Block>], numbers: impl Fn(&Block) -> Vec<u16>) -> Result<Vec<Columns>, Problem> {
        type Wanted<'a> = (&'a Arc<DayFile>, Vec<(i64, Vec<u16>)>);
        let mut wanted: Vec<Wanted<'_>> = Vec::new();
        for block in blocks {
            if let Place::Sealed { file, id } = &block.place {
                let entry = (*id, numbers(block));
                match wanted.iter_mut().find(|(other, _)| other.day == file.day) {
                    Some((_, entries)) => entries.push(entry),
                    None => wanted.push((file, vec![entry])),
                }
            }
        }
        let mut fetched: FxHashMap<i64, FxHashMap<i64, Columns>> = FxHashMap::default();
        for (file, entries) in wanted {
            match file.columns(&entries).await {
                Ok(columns) => drop(fetched.insert(file.day, columns)),
                // Retention took the day while we read it.
                Err(_) if !file.db.path.exists() => {}
                Err(error) => return Err(unavailable(error)),
            }
        }
        let columns = blocks.iter().map(|block| match &block.place {
            Place::Sealed { file, id } => fetched.get_mut(&file.day).and_then(|day| day.remove(id)).unwrap_or_default(),
            Place::Tail { columns, .. } => {
                let mut subset = Columns::default();
                for number in numbers(block) {
                    if let Some(framed) = columns.get(number) {
                        subset.insert(number, framed.to_vec());
                    }
                }
                subset
            }
        });
        Ok(columns.collect())
    }

    /// Blocks that probably have one of these, with those they probably have. `hash` says what to look up: traces or links to them.
    pub async fn candidates(
        &self,
        ids: &[TraceId],
        hash: fn(TraceId) -> u64,
        days: impl Fn(i64) -> bool,
    ) -> Result<Vec<(Arc<Block>, Vec<TraceId>)>, Problem> {
        let hashed: Vec<(TraceId, u64)> = ids.iter().map(|id| (*id, hash(*id))).collect();
        let in_open = |block: &Arc<Block>| -> Option<(Arc<Block>, Vec<TraceId>)> {
            let hashes = block.hashes.as_ref()?;
            let ids: Vec<TraceId> = hashed.iter().filter(|(_, hash)| hashes.binary_search(hash).is_ok()).map(|(id, _)| *id).collect();
            (!ids.is_empty()).then(|| (block.clone(), ids))
        };
        let mut found = Vec::new();
        for (_, day) in self.world.days.iter().filter(|(number, _)| days(**number)) {
            let loaded = day.load().await.map_err(unavailable)?;
            let mut closed: FxHashMap<i64, Vec<TraceId>> = FxHashMap::default();
            for run in &loaded.runs {
                let mut buckets: FxHashMap<u8, Vec<u8>> = FxHashMap::default();
                for (id, hash) in hashed.iter().filter(|(_, hash)| run.filter.may_have(*hash)) {
                    let bucket = (hash >> 56) as u8;
                    if let std::collections::hash_map::Entry::Vacant(vacant) = buckets.entry(bucket) {
                        vacant.insert(day.file.bucket(bucket, run.id).await.map_err(unavailable)?.unwrap_or_default());
                    }
                    match lookup::find(&buckets[&bucket], *hash) {
                        Ok(places) => places
                            .iter()
                            .filter_map(|place| run.blocks.get(*place))
                            .for_each(|block| closed.entry(*block).or_default().push(*id)),
                        Err(corrupt) => tracing::error!(file = %day.file.db.path.display(), run = run.id, "{corrupt}"),
                    }
                }
            }
            let mut closed: Vec<(i64, Vec<TraceId>)> = closed.into_iter().collect();
            closed.sort_unstable_by_key(|(block, _)| *block);
            found.extend(closed.into_iter().filter_map(|(id, ids)| Some((loaded.block(id)?.clone(), ids))));
            found.extend(loaded.blocks.iter().filter_map(in_open));
        }
        found.extend(self.world.tail.iter().filter_map(in_open));
        Ok(found)
    }

    /// All living spans of these traces, as of this read, in no particular order.
    pub async fn spans_of(&self, ids: &[TraceId], days: impl Fn(i64) -> bool) -> Result<FxHashMap<TraceId, Vec<Span>>, Problem> {
        let mut all: FxHashMap<TraceId, Vec<Span>> = FxHashMap::default();
        for (_, _, span) in self.rows_of(ids, days).await? {
            all.entry(span.trace_id).or_default().push(span);
        }
        Ok(all)
    }

    /// The same, with the block and the row that each is in.
    pub async fn rows_of(&self, ids: &[TraceId], days: impl Fn(i64) -> bool) -> Result<Vec<(Arc<Block>, usize, Span)>, Problem> {
        let candidates = self.candidates(ids, lookup::hash, days).await?;
        let mut all = Vec::new();
        for chunk in candidates.chunks(FETCH) {
            let blocks: Vec<Arc<Block>> = chunk.iter().filter(|(block, _)| block.meta.spans > 0).map(|(block, _)| block.clone()).collect();
            let wanted: Vec<Vec<TraceId>> = chunk.iter().filter(|(block, _)| block.meta.spans > 0).map(|(_, ids)| ids.clone()).collect();
            let columns = self.fetch(&blocks, |block| block.meta.span_columns()).await?;
            let view = self.clone();
            let found = self.shared.compute(move || {
                let mut all = Vec::new();
                for ((block, columns), ids) in blocks.iter().zip(&columns).zip(&wanted) {
                    match rows_in(block, columns, ids) {
                        Ok(found) => all.extend(found.into_iter().map(|(row, span)| (block.clone(), row, span))),
                        Err(corrupt) => view.shared.report(block, corrupt),
                    }
                }
                all
            });
            all.extend(found.await?.into_iter().filter(|(_, _, span)| span.envelope.seq <= self.as_of));
        }
        Ok(all)
    }

    /// All living spans of some blocks, as of this read.
    pub async fn whole(&self, blocks: &[Arc<Block>]) -> Result<Vec<Span>, Problem> {
        let columns = self.fetch(blocks, |block| block.meta.span_columns()).await?;
        let (view, blocks) = (self.clone(), blocks.to_vec());
        let work = move || {
            let mut spans = Vec::new();
            for (block, columns) in blocks.iter().zip(&columns) {
                let mut rows = Bitmap::all(block.meta.spans as usize);
                if let Some(dead) = &block.dead {
                    rows.and_not(dead);
                }
                match block::spans(&block.meta, columns, Some(&rows)) {
                    Ok(found) => spans.extend(found.into_iter().filter(|span| span.envelope.seq <= view.as_of)),
                    Err(corrupt) => view.shared.report(block, corrupt),
                }
            }
            spans
        };
        self.shared.compute(work).await
    }

    /// The living sealed summaries of these traces.
    pub async fn sealed_summaries(
        &self,
        ids: &[TraceId],
        days: impl Fn(i64) -> bool,
    ) -> Result<FxHashMap<TraceId, Vec<(At, u64, Arc<Summary>)>>, Problem> {
        let mut found: FxHashMap<TraceId, Vec<(At, u64, Arc<Summary>)>> = FxHashMap::default();
        if ids.is_empty() {
            return Ok(found);
        }
        let mut candidates = self.candidates(ids, lookup::hash, days).await?;
        candidates.retain(|(block, _)| !block.is_tail() && block.live_summaries() > 0);
        for chunk in candidates.chunks(4 * FETCH) {
            let blocks: Vec<Arc<Block>> = chunk.iter().map(|(block, _)| block.clone()).collect();
            let wanted: Vec<FxHashSet<TraceId>> = chunk.iter().map(|(_, ids)| ids.iter().copied().collect()).collect();
            let columns = self.fetch(&blocks, |_| SUMMARY_COLUMNS.to_vec()).await?;
            let shared = self.shared.clone();
            let summaries = self.shared.compute(move || {
                let mut summaries = Vec::new();
                for ((block, columns), ids) in blocks.iter().zip(&columns).zip(&wanted) {
                    let Place::Sealed { file, id } = &block.place else { continue };
                    for (row, summary) in summaries_in(&shared, block, columns, |one| ids.contains(&one.trace_id)) {
                        summaries.push((At { day: file.day, block: *id, row }, block.summary_seq, summary));
                    }
                }
                summaries
            });
            for (at, seq, summary) in summaries.await? {
                found.entry(summary.trace_id).or_default().push((at, seq, summary));
            }
        }
        Ok(found)
    }

    /// The summary of each of these traces, as it is in this picture; a trace without living spans has none.
    pub async fn summaries_of(&self, ids: &[TraceId]) -> Result<FxHashMap<TraceId, Arc<Summary>>, Problem> {
        let mut found: FxHashMap<TraceId, Arc<Summary>> = FxHashMap::default();
        let mut sealed = Vec::new();
        for id in ids {
            match self.world.newest().get(id) {
                Some((summary, _)) => drop(found.insert(*id, summary.clone())),
                None => sealed.push(*id),
            }
        }
        let sealed = self.sealed_summaries(&sealed, |_| true).await?.into_iter();
        found.extend(sealed.filter_map(|(id, found)| Some((id, found.into_iter().max_by_key(|(_, seq, one)| (*seq, one.spans))?.2))));
        Ok(found)
    }

    /// Makes the summaries of these traces anew from their spans as of this read.
    pub async fn summarise(&self, ids: &[TraceId]) -> Result<FxHashMap<TraceId, Arc<Summary>>, Problem> {
        if ids.is_empty() {
            return Ok(FxHashMap::default());
        }
        let spans = self.spans_of(ids, |_| true).await?;
        Ok(spans.into_iter().filter_map(|(id, spans)| Some((id, Arc::new(summary_of(&spans)?)))).collect())
    }
}

/// Columns that [`summaries_in`] needs.
pub const SUMMARY_COLUMNS: [u16; 2] = [number::TRACES, number::SUMMARIES];

/// The living summaries of a block that `keep` says yes to, with their row. Of a sealed one `keep` sees no texts.
pub fn summaries_in(
    shared: &Shared,
    block: &Block,
    columns: &Columns,
    mut keep: impl FnMut(&Summary) -> bool,
) -> Vec<(usize, Arc<Summary>)> {
    match &block.place {
        Place::Tail { summaries, .. } => summaries.iter().cloned().enumerate().filter(|(_, one)| keep(one)).collect(),
        Place::Sealed { .. } => {
            let mut row = 0;
            let living = |one: &Summary| {
                row += 1;
                block.summary_lives(row - 1) && keep(one)
            };
            match block::summaries(&block.meta, columns, living) {
                Ok(summaries) => summaries.into_iter().map(|(row, one)| (row, Arc::new(one))).collect(),
                Err(corrupt) => {
                    shared.report(block, corrupt);
                    Vec::new()
                }
            }
        }
    }
}

/// The living spans of some traces in one block, with their rows.
fn rows_in(block: &Block, columns: &Columns, ids: &[TraceId]) -> Result<Vec<(usize, Span)>, Corrupt> {
    let wanted: FxHashSet<TraceId> = ids.iter().copied().collect();
    let mut rows = Bitmap::none(block.meta.spans as usize);
    let mut at = 0usize;
    for (id, count) in block::traces(&block.meta, columns)? {
        if wanted.contains(&id) {
            (at..at + count as usize).for_each(|row| rows.set(row));
        }
        at += count as usize;
    }
    if let Some(dead) = &block.dead {
        rows.and_not(dead);
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    Ok(rows.iter().zip(block::spans(&block.meta, columns, Some(&rows))?).collect())
}

/// The summary of a trace from all its spans; `None` without spans.
pub fn summary_of(spans: &[Span]) -> Option<Summary> {
    let (first, rest) = spans.split_first()?;
    let mut summary = Summary::new(first);
    rest.iter().for_each(|span| summary.absorb(span));
    Some(summary)
}
