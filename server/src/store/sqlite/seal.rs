//! The sealer: the one task that writes day files. It turns the tail into blocks once there are enough spans or the oldest is a
//! second old, and does in between what also writes: folding, closing runs, removals, retention.
//!
//! A batch is one transaction per day, each with the day's cursor: after a crash in between, the days that have it pass over it
//! and the others seal it again, from the intake.

use super::Core;
use super::chunk::{datasets, hashes};
use super::day::{Change, DayFile, NewBlock, lock};
use super::view::{At, unavailable};
use super::world::{Block, Loaded, Place, World};
use super::{fold, remove, retain, supersede};
use crate::store::block::{self, Bitmap, Encoded, MAX_SPANS};
use model::id::TraceId;
use model::port::Problem;
use model::span::Span;
use model::time::day_of;
use model::trace::Summary;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Spans that are worth sealing at once. Above [`MAX_SPANS`], so that cutting them evenly makes blocks that need no folding.
pub const SEAL_AT: usize = 3 * MAX_SPANS;
/// Otherwise the tail is sealed when it is this old.
const SEAL_AFTER: Duration = Duration::from_secs(1);
/// Days written to this long ago are checkpointed.
const CHECKPOINT_AFTER: Duration = Duration::from_secs(2);
/// Days written to this long ago are closed.
const REST_AFTER: Duration = Duration::from_secs(300);

/// What the sealer is asked to do besides.
pub enum Order {
    /// Seal everything and say so.
    Settle(oneshot::Sender<()>),
    /// Remove a dataset.
    Remove(String, oneshot::Sender<Result<u64, Problem>>),
    /// Apply retention now.
    Retain(oneshot::Sender<()>),
    Close,
}

/// Runs until [`Order::Close`].
pub async fn run(core: Arc<Core>, mut orders: mpsc::Receiver<Order>) {
    let mut written: BTreeMap<i64, Instant> = BTreeMap::new();
    let mut retained: Option<Instant> = None;
    let mut tidied = Instant::now();
    remove::resume(&core).await;
    loop {
        if retained.is_none_or(|at| at.elapsed() >= Duration::from_secs(3600)) {
            retained = Some(Instant::now());
            retain::retain(&core).await;
        }
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Settle(done)) => {
                    seal(&core, &mut written).await;
                    let _ = done.send(());
                }
                Some(Order::Remove(dataset, done)) => {
                    let removed = remove::remove(&core, &dataset, &mut written).await;
                    let _ = done.send(removed);
                }
                Some(Order::Retain(done)) => {
                    retain::retain(&core).await;
                    let _ = done.send(());
                }
                Some(Order::Close) | None => break,
            },
            () = core.seal_now.notified() => seal(&core, &mut written).await,
            () = tokio::time::sleep(SEAL_AFTER) => seal(&core, &mut written).await,
        }
        if tidied.elapsed() >= SEAL_AFTER {
            tidied = Instant::now();
            fold::tidy(&core, &written).await;
        }
        rest(&core, &mut written).await;
    }
    seal(&core, &mut written).await;
    for day in core.world().days.values() {
        day.file.db.close().await;
    }
}

/// Checkpoints days that nothing was written to for a moment, and closes the writers of quiet ones.
async fn rest(core: &Core, written: &mut BTreeMap<i64, Instant>) {
    let world = core.world();
    let mut quiet = Vec::new();
    for (number, at) in written.iter().filter(|(_, at)| at.elapsed() > CHECKPOINT_AFTER) {
        let closes = at.elapsed() > REST_AFTER;
        if closes {
            quiet.push(*number);
        }
        let Some(day) = world.days.get(number) else { continue };
        let done = if closes { day.file.db.rest().await } else { day.file.db.checkpoint().await };
        if let Err(error) = done {
            tracing::warn!(file = %day.file.db.path.display(), "checkpointing: {error}");
        }
    }
    written.retain(|day, _| !quiet.contains(day));
}

/// Seals all of the tail. On failure the spans stay in the tail and in the intake, and it is tried again.
pub async fn seal(core: &Arc<Core>, written: &mut BTreeMap<i64, Instant>) {
    if core.halted.load(Ordering::Relaxed) {
        return;
    }
    let still = core.still.lock().await;
    let began = Instant::now();
    let (batch, world) = core.take_unsealed();
    if batch.is_empty() {
        return;
    }
    let upto = batch.iter().map(|(seq, _)| *seq).max().unwrap_or(0);
    match seal_batch(core, &world, batch, upto, written).await {
        Ok(count) => {
            core.tail_spans.fetch_sub(count, Ordering::Relaxed);
            core.sealed.store(upto, Ordering::Release);
            core.sealed_some.notify_waiters();
            core.figures.seals.fetch_add(1, Ordering::Relaxed);
            core.figures.seal_nanos.fetch_add(began.elapsed().as_nanos() as u64, Ordering::Relaxed);
        }
        Err(problem) => {
            tracing::error!("sealing failed, it is tried again: {problem}");
            let again: Vec<(u64, Vec<Span>)> = world.tail.iter().filter_map(spans_of_tail).collect();
            // The spans went into the blocks that were not written; the tail's own blocks have them too.
            core.change(|_| lock(&core.unsealed).splice(0..0, again).for_each(drop));
        }
    }
    drop(still);
    fold::after_seal(core, written).await;
}

fn spans_of_tail(block: &Arc<Block>) -> Option<(u64, Vec<Span>)> {
    let Place::Tail { columns, .. } = &block.place else { return None };
    let mut rows = Bitmap::all(block.meta.spans as usize);
    if let Some(dead) = &block.dead {
        rows.and_not(dead);
    }
    let spans = block::spans(&block.meta, columns, Some(&rows)).ok()?;
    Some((block.meta.seq.max.cast_unsigned().max(block.summary_seq), spans))
}

/// What a batch does to one day.
#[derive(Default)]
struct Part {
    spans: Vec<Span>,
    summaries: Vec<Arc<Summary>>,
    superseded: Vec<At>,
}

async fn seal_batch(
    core: &Arc<Core>,
    world: &Arc<World>,
    batch: Vec<(u64, Vec<Span>)>,
    upto: u64,
    written: &mut BTreeMap<i64, Instant>,
) -> Result<usize, Problem> {
    let count = batch.iter().map(|(_, spans)| spans.len()).sum();
    let mut parts: BTreeMap<i64, Part> = BTreeMap::new();
    for span in batch.into_iter().flat_map(|(_, spans)| spans) {
        parts.entry(day_of(span.start)).or_default().spans.push(span);
    }
    let mut stale = Vec::new();
    {
        let known = lock(&core.known);
        for (id, (summary, _)) in world.newest() {
            parts.entry(day_of(summary.root.start)).or_default().summaries.push(summary.clone());
            for at in known.trace(*id).map(|known| known.sealed.as_slice()).unwrap_or_default() {
                let there = core_block(world, *at).is_some_and(|block| block.summary_lives(at.row));
                if there {
                    parts.entry(at.day).or_default().superseded.push(*at);
                } else {
                    stale.push(*id);
                }
            }
        }
    }
    // Folded since it was looked up: look again.
    if !stale.is_empty() {
        let found = core.view(None).sealed_summaries(&stale, |_| true).await?;
        for (at, _, _) in found.into_values().flatten() {
            let superseded = &mut parts.entry(at.day).or_default().superseded;
            if !superseded.contains(&at) {
                superseded.push(at);
            }
        }
    }
    for number in supersede::unmarked_days(core) {
        parts.entry(number).or_default();
    }
    // What arrived just before its day was dropped goes with it.
    let dropped = core.floor.load(Ordering::Relaxed);
    parts.retain(|number, _| *number >= dropped);
    lock(&core.unmarked).retain(|(number, _)| *number >= dropped);
    let mut places: FxHashMap<TraceId, At> = FxHashMap::default();
    let mut done = Vec::new();
    for (number, part) in parts {
        let day = core.day(number);
        let loaded = day.load().await.map_err(unavailable)?;
        let mut marked = mark(loaded, &part.superseded);
        let with_dead = supersede::unmarked(core, number);
        let others = with_dead.iter().filter(|id| marked.iter().all(|block| block.id() != Some(**id)));
        let others: Vec<Block> = others.filter_map(|id| loaded.block(*id)).map(|block| (**block).clone()).collect();
        marked.extend(others);
        let file = day.file.clone();
        let work = move || put_blocks(&file, part.spans, part.summaries, upto);
        let put = tokio::task::spawn_blocking(work).await.map_err(unavailable)?;
        for block in &put {
            for (row, id) in block.1.iter().enumerate() {
                places.insert(*id, At { day: number, block: block.0.id, row });
            }
        }
        let put = put.into_iter().map(|(block, _)| block).collect();
        let change = Change { put, marked, cursor: Some(upto), ..Change::default() };
        if let Err(error) = day.file.write(&change).await {
            // Days already written have these spans: only a start can tell them apart.
            core.halted.store(!done.is_empty(), Ordering::Relaxed);
            return Err(unavailable(error));
        }
        written.insert(number, Instant::now());
        lock(&core.unmarked).retain(|(day, _)| *day != number);
        let new = sealed_blocks(&day.file, &change.put);
        lock(&day.file.open_hashes).extend(change.put.iter().flat_map(|block| block.hashes.iter().copied()));
        done.push((number, day.file.clone(), change, new));
    }
    core.change(|world| {
        for (number, file, change, new) in &done {
            apply(world, *number, file, change, new);
        }
        world.tail.retain(|block| block.summary_seq > upto);
    });
    let mut known = lock(&core.known);
    for id in world.newest().keys() {
        if let Some(known) = known.trace_mut(*id) {
            known.sealed = places.get(id).copied().into_iter().collect();
        }
    }
    Ok(count)
}

fn core_block(world: &World, at: At) -> Option<&Arc<Block>> {
    world.days.get(&at.day)?.loaded.get()?.block(at.block)
}

/// Blocks with these summaries marked as dead.
fn mark(loaded: &Loaded, superseded: &[At]) -> Vec<Block> {
    let mut marked: BTreeMap<i64, (Block, Bitmap)> = BTreeMap::new();
    for at in superseded {
        let Some(block) = loaded.block(at.block) else { continue };
        let (_, dead) = marked.entry(at.block).or_insert_with(|| {
            let dead = block.summary_dead.as_deref().cloned();
            ((**block).clone(), dead.unwrap_or_else(|| Bitmap::none(block.meta.summaries as usize)))
        });
        dead.set(at.row);
    }
    marked.into_values().map(|(block, dead)| Block { summary_dead: Some(Arc::new(dead)), ..block }).collect()
}

/// Cuts spans evenly into blocks, a trace in one block where it fits, and puts each summary beside the last of its spans. With
/// each block the traces of its summaries, in order.
pub fn put_blocks(file: &DayFile, spans: Vec<Span>, summaries: Vec<Arc<Summary>>, seq: u64) -> Vec<(NewBlock, Vec<TraceId>)> {
    let cuts = cut(spans);
    let last = cuts.len().saturating_sub(1);
    let mut home: FxHashMap<TraceId, usize> = FxHashMap::default();
    for (at, spans) in cuts.iter().enumerate() {
        home.extend(spans.iter().map(|span| (span.trace_id, at)));
    }
    let mut cuts: Vec<(Vec<Span>, Vec<Summary>)> = cuts.into_iter().map(|spans| (spans, Vec::new())).collect();
    if cuts.is_empty() && !summaries.is_empty() {
        cuts.push((Vec::new(), Vec::new()));
    }
    for summary in summaries {
        let at = home.get(&summary.trace_id).copied().unwrap_or(last);
        cuts[at].1.push(Arc::unwrap_or_clone(summary));
    }
    cuts.into_iter()
        .map(|(spans, mut summaries)| {
            summaries.sort_unstable_by_key(|summary| (summary.start, summary.trace_id));
            let encoded = block::encode(&spans, &summaries);
            let traces = summaries.iter().map(|summary| summary.trace_id).collect();
            (new_block(file, encoded, &spans, &summaries, seq), traces)
        })
        .collect()
}

/// A block to be written.
pub fn new_block(file: &DayFile, encoded: Encoded, spans: &[Span], summaries: &[Summary], summary_seq: u64) -> NewBlock {
    NewBlock { id: file.next_id(), encoded, summary_seq, datasets: datasets(spans), hashes: hashes(spans, summaries) }
}

/// At most [`MAX_SPANS`] each, about the same size, whole traces where possible, in the order of the traces' first spans.
fn cut(mut spans: Vec<Span>) -> Vec<Vec<Span>> {
    if spans.is_empty() {
        return Vec::new();
    }
    if spans.len() <= MAX_SPANS {
        return vec![spans];
    }
    let mut first: FxHashMap<TraceId, i64> = FxHashMap::default();
    for span in &spans {
        first.entry(span.trace_id).and_modify(|start| *start = span.start.min(*start)).or_insert(span.start);
    }
    spans.sort_by_cached_key(|span| (first[&span.trace_id], span.trace_id));
    let target = spans.len().div_ceil(spans.len().div_ceil(MAX_SPANS));
    let mut cuts: Vec<Vec<Span>> = Vec::new();
    let mut current: Vec<Span> = Vec::with_capacity(MAX_SPANS);
    for span in spans {
        let same_trace = current.last().is_some_and(|last| last.trace_id == span.trace_id);
        if current.len() >= MAX_SPANS || (current.len() >= target && !same_trace) {
            cuts.push(std::mem::replace(&mut current, Vec::with_capacity(MAX_SPANS)));
        }
        current.push(span);
    }
    cuts.push(current);
    cuts
}

/// The pictures of blocks that were written.
pub fn sealed_blocks(file: &Arc<DayFile>, put: &[NewBlock]) -> Vec<Arc<Block>> {
    let block = |new: &NewBlock| {
        Arc::new(Block {
            place: Place::Sealed { file: file.clone(), id: new.id },
            meta: Arc::new(new.encoded.meta.clone()),
            dead: None,
            summary_dead: None,
            summary_seq: new.summary_seq,
            datasets: new.datasets.clone(),
            hashes: Some(new.hashes.as_slice().into()),
        })
    };
    put.iter().map(block).collect()
}

/// Brings a picture of a day up to what was written.
pub fn apply(world: &mut World, number: i64, file: &Arc<DayFile>, change: &Change, new: &[Arc<Block>]) {
    let mut loaded = world.days.get(&number).and_then(|day| day.loaded.get()).cloned().unwrap_or_default();
    for marked in &change.marked {
        if let Ok(at) = loaded.blocks.binary_search_by_key(&marked.id(), |block| block.id()) {
            loaded.blocks[at] = Arc::new(marked.clone());
        }
    }
    loaded.blocks.retain(|block| block.id().is_none_or(|id| !change.folded.contains(&id)));
    loaded.blocks.extend_from_slice(new);
    loaded.blocks.sort_by_key(|block| block.id());
    world.set_day(number, file, loaded);
}
