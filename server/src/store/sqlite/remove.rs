//! Removal of a dataset: its spans are marked dead in every block, the summaries of their traces are made anew, and the fold takes
//! the bytes. The history knows of it before it begins, so that an abrupt end is finished at the next start.

use super::Core;
use super::day::{Change, lock};
use super::seal::{apply, put_blocks, sealed_blocks};
use super::view::{View, unavailable};
use super::world::{Block, Day};
use crate::store::block::plan::Rows;
use crate::store::block::{self, Bitmap, Plan, number};
use model::id::TraceId;
use model::port::Problem;
use model::query::ast::{Expr, Field, Key, Literal, Query, SpanField, Test};
use model::time::{Range, day_of};
use model::trace::Summary;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Finishes removals that an abrupt end cut short.
pub async fn resume(core: &Arc<Core>) {
    let pending = match core.settings.pending().await {
        Ok(pending) => pending,
        Err(error) => return tracing::error!("reading the history: {error}"),
    };
    for (entry, dataset) in pending {
        let _gate = core.gate.lock().await;
        match sweep(core, &dataset, &mut BTreeMap::new()).await {
            Ok(spans) => {
                if let Err(error) = core.settings.done(entry, spans, core.now()).await {
                    tracing::error!("writing the history: {error}");
                }
            }
            Err(problem) => tracing::error!(dataset, "finishing a removal: {problem}"),
        }
    }
}

/// Removes every span of a dataset that was accepted before now; returns how many.
pub async fn remove(core: &Arc<Core>, dataset: &str, written: &mut BTreeMap<i64, Instant>) -> Result<u64, Problem> {
    // No commit until it is done: its summaries would still count what goes.
    let _gate = core.gate.lock().await;
    let entry = core.settings.begin("remove dataset", dataset, core.now()).await.map_err(unavailable)?;
    let spans = sweep(core, dataset, written).await?;
    core.settings.done(entry, spans, core.now()).await.map_err(unavailable)?;
    super::fold::after_seal(core, written).await;
    Ok(spans)
}

async fn sweep(core: &Arc<Core>, dataset: &str, written: &mut BTreeMap<i64, Instant>) -> Result<u64, Problem> {
    super::seal::seal(core, written).await;
    let plan = Arc::new(Plan::new(&of_dataset(dataset))?);
    let mut removed = 0;
    let mut traces: FxHashSet<TraceId> = FxHashSet::default();
    let days: Vec<(i64, Day)> = core.world().days.iter().map(|(number, day)| (*number, day.clone())).collect();
    for (number, day) in &days {
        let blocks = day.load().await.map_err(unavailable)?.blocks.clone();
        let blocks: Vec<Arc<Block>> = blocks.into_iter().filter(|block| block.datasets.iter().any(|name| **name == *dataset)).collect();
        let mut marked = Vec::new();
        for chunk in blocks.chunks(16) {
            for (block, rows, ids) in select(&core.view(None), &plan, chunk).await? {
                removed += rows.count() as u64;
                traces.extend(ids);
                let mut dead = rows;
                if let Some(before) = &block.dead {
                    dead.or(before);
                }
                marked.push(Block { dead: Some(Arc::new(dead)), ..(*block).clone() });
            }
        }
        if !marked.is_empty() {
            let change = Change { marked, ..Change::default() };
            day.file.write(&change).await.map_err(unavailable)?;
            written.insert(*number, Instant::now());
            core.change(|world| apply(world, *number, &day.file, &change, &[]));
        }
    }
    // Also of an earlier attempt that came this far: traces whose summary still counts dead spans.
    for (_, day) in &days {
        let view = core.view(None);
        let Some(loaded) = view.world.days.get(&day.file.day).and_then(|day| day.loaded.get()) else { continue };
        let dead: Vec<Arc<Block>> = loaded.blocks.iter().filter(|block| block.dead.is_some()).cloned().collect();
        for chunk in dead.chunks(16) {
            let columns = view.fetch(chunk, |_| vec![number::TRACES]).await?;
            for (block, columns) in chunk.iter().zip(&columns) {
                let Ok(runs) = block::traces(&block.meta, columns) else { continue };
                let mut at = 0usize;
                for (id, count) in runs {
                    let rows = at..at + count as usize;
                    at = rows.end;
                    if block.dead.as_ref().is_some_and(|dead| rows.into_iter().any(|row| dead.has(row))) {
                        traces.insert(id);
                    }
                }
            }
        }
    }
    let traces: Vec<TraceId> = traces.into_iter().collect();
    for traces in traces.chunks(4096) {
        resummarise(core, traces, written).await?;
    }
    lock(&core.known).forget_traces();
    Ok(removed)
}

/// `dataset:"..."`, clew's own spans included.
fn of_dataset(dataset: &str) -> Query {
    let is = |field, text: &str| {
        let literal = Literal { text: text.to_owned(), number: None };
        Expr::Field(Field { key: Key::Span(field), test: Test::Equals(literal) })
    };
    let any = Expr::Or(vec![is(SpanField::ToSelf, "true"), is(SpanField::ToSelf, "false")]);
    Query { filter: Some(Expr::And(vec![is(SpanField::Dataset, dataset), any])), pipeline: Vec::new() }
}

/// Matching living rows of some blocks, with their traces.
async fn select(view: &View, plan: &Arc<Plan>, blocks: &[Arc<Block>]) -> Result<Vec<(Arc<Block>, Bitmap, Vec<TraceId>)>, Problem> {
    let wanted = plan.clone();
    let columns = view
        .fetch(blocks, move |block| {
            let scope = Rows { dead: block.dead.as_deref(), as_of: None, range: Range::ALL };
            let mut numbers = wanted.columns(&block.meta, &scope);
            numbers.push(number::TRACES);
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        })
        .await?;
    let (plan, blocks, shared) = (plan.clone(), blocks.to_vec(), view.shared.clone());
    let work = move || {
        let mut found = Vec::new();
        for (block, columns) in blocks.into_iter().zip(&columns) {
            let rows = Rows { dead: block.dead.as_deref(), as_of: None, range: Range::ALL };
            let selected = plan.select(&block.meta, columns, &rows, None).and_then(|rows| Ok((rows, block::traces(&block.meta, columns)?)));
            match selected {
                Ok((rows, traces)) if !rows.is_empty() => {
                    let mut ids = Vec::new();
                    let mut at = 0usize;
                    for (id, count) in traces {
                        if (at..at + count as usize).any(|row| rows.has(row)) {
                            ids.push(id);
                        }
                        at += count as usize;
                    }
                    found.push((block, rows, ids));
                }
                Ok(_) => {}
                Err(corrupt) => shared.report(&block, corrupt),
            }
        }
        found
    };
    view.shared.compute(work).await
}

/// Puts the summaries of some traces right: from what still lives of each, in one block per day.
async fn resummarise(core: &Arc<Core>, traces: &[TraceId], written: &mut BTreeMap<i64, Instant>) -> Result<(), Problem> {
    let view = core.view(None);
    let right = view.summarise(traces).await?;
    let sealed = view.sealed_summaries(traces, |_| true).await?;
    let mut put: BTreeMap<i64, Vec<Arc<Summary>>> = BTreeMap::new();
    let mut superseded: BTreeMap<i64, FxHashMap<i64, Vec<usize>>> = BTreeMap::new();
    for id in traces {
        let sealed = sealed.get(id).map(Vec::as_slice).unwrap_or_default();
        let right = right.get(id);
        if let ([(_, _, only)], Some(right)) = (sealed, right)
            && only == right
        {
            continue;
        }
        if let Some(right) = right {
            put.entry(day_of(right.root.start)).or_default().push(right.clone());
        }
        for (at, _, _) in sealed {
            superseded.entry(at.day).or_default().entry(at.block).or_default().push(at.row);
        }
    }
    let days: FxHashSet<i64> = put.keys().chain(superseded.keys()).copied().collect();
    for number in days {
        let day = core.day(number);
        let loaded = day.load().await.map_err(unavailable)?;
        let mut marked = Vec::new();
        for (id, rows) in superseded.remove(&number).unwrap_or_default() {
            let Some(block) = loaded.block(id) else { continue };
            let dead = block.summary_dead.as_deref().cloned();
            let mut dead = dead.unwrap_or_else(|| Bitmap::none(block.meta.summaries as usize));
            rows.into_iter().for_each(|row| dead.set(row));
            marked.push(Block { summary_dead: Some(Arc::new(dead)), ..(**block).clone() });
        }
        let blocks = put_blocks(&day.file, Vec::new(), put.remove(&number).unwrap_or_default(), view.world.seq);
        let change = Change { put: blocks.into_iter().map(|(block, _)| block).collect(), marked, ..Change::default() };
        day.file.write(&change).await.map_err(unavailable)?;
        written.insert(number, Instant::now());
        lock(&day.file.open_hashes).extend(change.put.iter().flat_map(|block| block.hashes.iter().copied()));
        let new = sealed_blocks(&day.file, &change.put);
        core.change(|world| apply(world, number, &day.file, &change, &new));
    }
    Ok(())
}
