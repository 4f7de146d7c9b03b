//! Housekeeping of sealed blocks: small neighbours are folded into one, dead rows are left behind, and full blocks are closed 64 at
//! a time into a run of the look-up.

use super::Core;
use super::day::{Change, NewRun, lock};
use super::lookup::{self, Filter, RUN, Run};
use super::seal::{apply, new_block, sealed_blocks};
use super::view::{View, summaries_in, unavailable};
use super::world::{Block, Day, Loaded};
use crate::store::block::{self, Bitmap, MAX_SPANS, number};
use model::port::Problem;
use model::span::Span;
use model::trace::Summary;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Blocks with fewer spans are folded.
const SMALL: usize = MAX_SPANS / 2;
/// Small blocks of about the same size that are worth folding.
const ENOUGH: usize = 8;

/// What must keep pace with the sealer: runs are closed, and small blocks are folded.
pub async fn after_seal(core: &Arc<Core>, written: &mut BTreeMap<i64, Instant>) {
    let _still = core.still.lock().await;
    let days: Vec<i64> = written.keys().copied().collect();
    for number in days {
        if let Err(problem) = day(core, number).await {
            tracing::error!("folding failed: {problem}");
        }
    }
}

/// Frees the columns that nobody reads any more.
pub async fn tidy(core: &Arc<Core>, written: &BTreeMap<i64, Instant>) {
    for number in written.keys() {
        if let Some(day) = core.world().days.get(number)
            && let Err(error) = day.file.free().await
        {
            tracing::error!(file = %day.file.db.path.display(), "freeing folded blocks: {error}");
        }
    }
}

async fn day(core: &Arc<Core>, number: i64) -> Result<(), Problem> {
    loop {
        let Some(day) = core.world().days.get(&number).cloned() else { return Ok(()) };
        let loaded = day.load().await.map_err(unavailable)?;
        let Some(group) = foldable(core, loaded) else { break };
        fold(core, &day, group).await?;
    }
    let Some(day) = core.world().days.get(&number).cloned() else { return Ok(()) };
    close_run(core, &day).await
}

/// Blocks that should become one: eight of about the same small size, or one that is mostly dead (with what small ones fit).
fn foldable(core: &Core, loaded: &Loaded) -> Option<Vec<Arc<Block>>> {
    let readable = |block: &&Arc<Block>| !core.shared.reported(block);
    if let Some(block) = loaded.blocks.iter().filter(readable).find(|block| mostly_dead(block)) {
        return Some(vec![block.clone()]);
    }
    let mut classes: BTreeMap<u32, Vec<&Arc<Block>>> = BTreeMap::new();
    for block in loaded.blocks.iter().filter(readable).filter(|block| block.hashes.is_some() && block.live() < SMALL) {
        // 0..8, 8..64, 64..512, 512..2048
        classes.entry((block.live().max(1).ilog2() / 3).min(3)).or_default().push(block);
    }
    for blocks in classes.into_values() {
        let mut group: Vec<Arc<Block>> = Vec::new();
        let mut spans = 0;
        for block in &blocks {
            if spans + block.live() > MAX_SPANS {
                break;
            }
            spans += block.live();
            group.push((*block).clone());
        }
        if group.len() >= 2 && (blocks.len() >= ENOUGH || spans >= SMALL) {
            return Some(group);
        }
    }
    None
}

fn mostly_dead(block: &Block) -> bool {
    let dead = block.meta.spans as usize - block.live();
    let nothing = block.live() == 0 && block.live_summaries() == 0;
    nothing || dead * 4 > block.meta.spans as usize
}

/// Replaces blocks by one with their living rows, or by none if nothing lives.
async fn fold(core: &Arc<Core>, day: &Day, group: Vec<Arc<Block>>) -> Result<(), Problem> {
    let view = core.view(None);
    let columns = view
        .fetch(&group, |block| {
            let mut numbers = block.meta.span_columns();
            numbers.push(number::SUMMARIES);
            numbers
        })
        .await?;
    let file = day.file.clone();
    let reader: View = view.clone();
    let blocks = group.clone();
    let work = move || {
        let mut spans: Vec<Span> = Vec::new();
        let mut summaries: Vec<Arc<Summary>> = Vec::new();
        for (block, columns) in blocks.iter().zip(&columns) {
            let mut rows = Bitmap::all(block.meta.spans as usize);
            if let Some(dead) = &block.dead {
                rows.and_not(dead);
            }
            if !rows.is_empty() {
                match block::spans(&block.meta, columns, Some(&rows)) {
                    Ok(found) => spans.extend(found),
                    Err(corrupt) => {
                        reader.shared.report(block, corrupt);
                        return None;
                    }
                }
            }
            if block.live_summaries() > 0 {
                let found = summaries_in(&reader.shared, block, columns, |_| true);
                if found.len() != block.live_summaries() {
                    return None;
                }
                summaries.extend(found.into_iter().map(|(_, summary)| summary));
            }
        }
        let summaries: Vec<Summary> = summaries.into_iter().map(Arc::unwrap_or_clone).collect();
        let seq = blocks.iter().map(|block| block.summary_seq).max().unwrap_or(0);
        if spans.is_empty() && summaries.is_empty() {
            return Some(None);
        }
        Some(Some(new_block(&file, block::encode(&spans, &summaries), &spans, &summaries, seq)))
    };
    let Some(put) = tokio::task::spawn_blocking(work).await.map_err(unavailable)? else {
        return Err(Problem::Unavailable("a block to be folded cannot be read".to_owned()));
    };
    let folded: Vec<i64> = group.iter().filter_map(|block| block.id()).collect();
    let change = Change { put: put.into_iter().collect(), folded, ..Change::default() };
    day.file.write(&change).await.map_err(unavailable)?;
    lock(&day.file.open_hashes).extend(change.put.iter().flat_map(|block| block.hashes.iter().copied()));
    let new = sealed_blocks(&day.file, &change.put);
    core.change(|world| apply(world, day.file.day, &day.file, &change, &new));
    lock(&day.file.gone).extend(group.into_iter().filter_map(|block| Some((block.id()?, Some(block)))));
    core.figures.folds.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// Closes the oldest 64 full blocks, if there are so many besides the newest few.
async fn close_run(core: &Arc<Core>, day: &Day) -> Result<(), Problem> {
    let world = core.world();
    let Some(loaded) = world.days.get(&day.file.day).and_then(|day| day.loaded.get()) else { return Ok(()) };
    let full: Vec<&Arc<Block>> = loaded.blocks.iter().filter(|block| block.hashes.is_some() && block.live() >= SMALL).take(RUN).collect();
    if full.len() < RUN {
        return Ok(());
    }
    let hashes: Vec<&[u64]> = full.iter().filter_map(|block| block.hashes.as_deref()).collect();
    let mut all: Vec<u64> = hashes.iter().flat_map(|hashes| hashes.iter().copied()).collect();
    all.sort_unstable();
    all.dedup();
    let run = Run {
        id: loaded.runs.last().map_or(1, |run| run.id + 1),
        min_seq: full.iter().map(|block| block.meta.seq.min.cast_unsigned()).min().unwrap_or(0),
        blocks: full.iter().filter_map(|block| block.id()).collect(),
        filter: Filter::build(&all),
    };
    let change = Change { run: Some(NewRun { buckets: lookup::buckets(&hashes), run }), ..Change::default() };
    day.file.write(&change).await.map_err(unavailable)?;
    let Some(NewRun { run, .. }) = change.run else { return Ok(()) };
    let closed: FxHashSet<i64> = run.blocks.iter().copied().collect();
    let mut loaded = loaded.clone();
    for block in &mut loaded.blocks {
        if block.id().is_some_and(|id| closed.contains(&id)) {
            *block = Arc::new(Block { hashes: None, ..(**block).clone() });
        }
    }
    loaded.runs.push(Arc::new(run));
    let open: FxHashSet<u64> =
        loaded.blocks.iter().filter_map(|block| block.hashes.as_ref()).flat_map(|hashes| hashes.iter().copied()).collect();
    core.change(|world| world.set_day(day.file.day, &day.file, loaded));
    *lock(&day.file.open_hashes) = open;
    Ok(())
}
