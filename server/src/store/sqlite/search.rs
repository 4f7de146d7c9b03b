//! The common core of searches: from a plan and candidate blocks to the traces with matching spans, a chunk of blocks at a time.

use super::view::{SUMMARY_COLUMNS, View, summaries_in};
use super::world::Block;
use crate::store::block::plan::{Hit, Rows, hits};
use crate::store::block::{Bitmap, Columns, Corrupt, Plan, number};
use futures::stream::{self, Stream, StreamExt};
use model::id::TraceId;
use model::port::{Ask, Problem};
use model::time::Range;
use model::trace::Summary;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::HashMap;
use std::sync::Arc;

/// Blocks of one statement, once the first few did not suffice.
const CHUNK: usize = 32;

/// A trace with matching spans in one block.
pub struct Found {
    pub hit: Hit,
    pub summary: Arc<Summary>,
}

/// Blocks in chunks, small ones first: the answer is often in the first few.
pub fn chunks(blocks: Vec<Arc<Block>>) -> Vec<Vec<Arc<Block>>> {
    let mut chunks = Vec::new();
    let mut rest = blocks.as_slice();
    let mut size = 2;
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at(size.min(rest.len()));
        chunks.push(chunk.to_vec());
        rest = later;
        size = (size * 2).min(CHUNK);
    }
    chunks
}

/// Does `step` for chunk after chunk, in order, the next being fetched while one is computed, until done or `ask` says stop. Each item
/// is `None` once it was stopped.
pub fn steps<'a, T: Send + 'a, F>(
    ask: &'a Ask,
    blocks: Vec<Arc<Block>>,
    step: impl Fn(Vec<Arc<Block>>) -> F + Send + Sync + 'a,
) -> impl Stream<Item = Result<Option<T>, Problem>> + Send + 'a
where
    F: Future<Output = Result<T, Problem>> + Send + 'a,
{
    let step = Arc::new(step);
    stream::iter(chunks(blocks))
        .map(move |chunk| {
            let (step, stop) = (step(chunk), ask.stop());
            async move { if stop || ask.stop() { Ok(None) } else { step.await.map(Some) } }
        })
        .buffered(2)
}

impl View {
    /// Blocks of a chunk that may have a match, by bloom filter.
    async fn pruned(&self, plan: &Plan, blocks: Vec<Arc<Block>>) -> Result<Vec<Arc<Block>>, Problem> {
        if !plan.uses_bloom() {
            return Ok(blocks);
        }
        let blooms = self.fetch(&blocks, |_| vec![number::BLOOM]).await?;
        let keep = |block: &Block, columns: &Columns| match columns.get(number::BLOOM).map(|framed| plan.may_match_bloom(framed)) {
            Some(Ok(may)) => may,
            Some(Err(corrupt)) => {
                self.shared.report(block, corrupt);
                false
            }
            None => true,
        };
        Ok(blocks.into_iter().zip(&blooms).filter(|(block, columns)| keep(block, columns)).map(|(block, _)| block).collect())
    }

    /// Selects in a chunk of blocks and lets `each` take what it needs from those with selected rows. With `trace.*` terms the
    /// summaries of the candidates are looked up and tested. `extra` names the columns that `each` needs.
    pub async fn select<T: Send + 'static>(
        &self,
        plan: &Arc<Plan>,
        range: Range,
        blocks: Vec<Arc<Block>>,
        extra: impl Fn(&Block) -> Vec<u16> + Send,
        each: impl Fn(&Block, &Columns, &Bitmap) -> Result<T, Corrupt> + Send + Sync + 'static,
    ) -> Result<Vec<(Arc<Block>, T)>, Problem> {
        let blocks: Vec<Arc<Block>> = blocks.into_iter().filter(|block| block.meta.spans > 0 && plan.may_match(&block.meta)).collect();
        let blocks = self.pruned(plan, blocks).await?;
        if blocks.is_empty() {
            return Ok(Vec::new());
        }
        let summarised = plan.needs_summaries();
        let columns = self
            .fetch(&blocks, |block| {
                let mut numbers = plan.columns(&block.meta, &self.scope(block, range));
                numbers.extend(extra(block));
                if summarised {
                    numbers.extend(Plan::hit_columns());
                }
                numbers.sort_unstable();
                numbers.dedup();
                numbers
            })
            .await?;
        let mut summaries: Option<HashMap<TraceId, Summary>> = None;
        let fetched = Arc::new((blocks, columns));
        if summarised {
            let (view, plan, both) = (self.clone(), plan.clone(), fetched.clone());
            let candidates = self.shared.compute(move || {
                let mut ids = Vec::new();
                for (block, columns) in both.0.iter().zip(&both.1) {
                    let selected = view.rows(&plan, range, block, columns, None).and_then(|rows| hits(&block.meta, columns, &rows));
                    match selected {
                        Ok(hits) => ids.extend(hits.into_iter().map(|hit| hit.trace_id)),
                        Err(corrupt) => view.shared.report(block, corrupt),
                    }
                }
                ids.sort_unstable();
                ids.dedup();
                ids
            });
            let found = self.summaries_of(&candidates.await?).await?;
            summaries = Some(found.into_iter().map(|(id, summary)| (id, (*summary).clone())).collect());
        }
        let (view, plan) = (self.clone(), plan.clone());
        self.shared
            .compute(move || {
                let mut found = Vec::new();
                for (block, columns) in fetched.0.iter().zip(&fetched.1) {
                    let result = view
                        .rows(&plan, range, block, columns, summaries.as_ref())
                        .and_then(|rows| if rows.is_empty() { Ok(None) } else { each(block, columns, &rows).map(Some) });
                    match result {
                        Ok(Some(value)) => found.push((block.clone(), value)),
                        Ok(None) => {}
                        Err(corrupt) => view.shared.report(block, corrupt),
                    }
                }
                found
            })
            .await
    }

    fn scope<'b>(&self, block: &'b Block, range: Range) -> Rows<'b> {
        Rows { dead: block.dead.as_deref(), as_of: self.row_as_of(), range }
    }

    fn rows(
        &self,
        plan: &Plan,
        range: Range,
        block: &Block,
        columns: &Columns,
        summaries: Option<&HashMap<TraceId, Summary>>,
    ) -> Result<Bitmap, Corrupt> {
        plan.select(&block.meta, columns, &self.scope(block, range), summaries)
    }

    /// The traces with matching spans in a chunk of blocks, one entry per trace and block, with its summary.
    pub async fn find(&self, plan: &Arc<Plan>, blocks: Vec<Arc<Block>>) -> Result<Vec<Found>, Problem> {
        let take = |block: &Block, columns: &Columns, rows: &Bitmap| hits(&block.meta, columns, rows);
        let found = self.select(plan, Range::ALL, blocks, |_| Plan::hit_columns().to_vec(), take).await?;
        let (blocks, hits): (Vec<Arc<Block>>, Vec<Vec<Hit>>) = found.into_iter().unzip();
        let summaries = self.beside(&blocks, &hits).await?;
        let found = hits.into_iter().flatten();
        Ok(found.filter_map(|hit| Some(Found { summary: summaries.get(&hit.trace_id)?.clone(), hit })).collect())
    }

    /// The summaries of hits: mostly in the same block; the others are looked up.
    async fn beside(&self, blocks: &[Arc<Block>], hits: &[Vec<Hit>]) -> Result<FxHashMap<TraceId, Arc<Summary>>, Problem> {
        let newest = self.world.newest();
        let sealed: Vec<Arc<Block>> = blocks.iter().filter(|block| !block.is_tail() && block.live_summaries() > 0).cloned().collect();
        let mut wanted: FxHashMap<TraceId, Option<Arc<Summary>>> = FxHashMap::default();
        wanted.extend(hits.iter().flatten().map(|hit| (hit.trace_id, None)));
        if !sealed.is_empty() {
            let columns = self.fetch(&sealed, |_| SUMMARY_COLUMNS.to_vec()).await?;
            let shared = self.shared.clone();
            let ids: FxHashSet<TraceId> = wanted.keys().copied().collect();
            let summaries = self.shared.compute(move || {
                let of_hit = |one: &Summary| ids.contains(&one.trace_id);
                let each = sealed.iter().zip(&columns).flat_map(|(block, columns)| summaries_in(&shared, block, columns, of_hit));
                each.map(|(_, summary)| summary).collect::<Vec<_>>()
            });
            for summary in summaries.await? {
                if let Some(slot) = wanted.get_mut(&summary.trace_id)
                    && !newest.contains_key(&summary.trace_id)
                {
                    *slot = Some(summary);
                }
            }
        }
        let missing: Vec<TraceId> = wanted.iter().filter(|(_, summary)| summary.is_none()).map(|(id, _)| *id).collect();
        let mut summaries = if missing.is_empty() { FxHashMap::default() } else { self.summaries_of(&missing).await? };
        summaries.extend(wanted.into_iter().filter_map(|(id, summary)| Some((id, summary?))));
        Ok(summaries)
    }
}
