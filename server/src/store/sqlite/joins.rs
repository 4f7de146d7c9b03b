//! Requests of which several systems have a trace, listed and counted once.

use super::lookup;
use super::search::{chunks, steps};
use super::view::View;
use super::world::Block;
use crate::store::block::Plan;
use crate::store::block::joins::{may_join, naming_columns, namings};
use futures::stream::StreamExt;
use model::id::TraceId;
use model::port::{Ask, NEAR, Problem, TraceSearch};
use model::request::{Joins, naming_any};
use model::time::Range;
use model::trace::Summary;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the rows of a list are of.
#[derive(Default)]
pub struct Joined {
    /// Rows whose request is listed by another row, of this page or of any.
    pub repeated: Vec<TraceId>,
    /// The other traces of each row's request.
    pub others: FxHashMap<TraceId, Vec<Summary>>,
}

impl View {
    /// Blocks with spans that may name other traces, of which one may start in `range`. Most stores have none, and are not held up by
    /// what follows.
    pub async fn joining(&self, range: Range) -> Result<Vec<Arc<Block>>, Problem> {
        let mut blocks = self.blocks_since(range.start.saturating_sub(NEAR)).await?;
        blocks.retain(|block| block.live() > 0 && may_join(&block.meta));
        Ok(blocks)
    }

    /// What the spans near these times say; `None` if there was no time to read it all.
    pub async fn joins(&self, ask: &Ask, joining: &[Arc<Block>], near: &[Range]) -> Result<Option<Joins>, Problem> {
        let near = |block: &Block| {
            let (first, last) = (block.meta.start.min.saturating_sub(NEAR), block.meta.start.max.saturating_add(NEAR));
            near.iter().any(|range| range.touches(first, last))
        };
        let blocks: Vec<Arc<Block>> = joining.iter().filter(|block| near(block)).cloned().collect();
        let plan = Arc::new(Plan::new(&naming_any())?);
        let plan = &plan;
        let step = |chunk| {
            self.select(
                plan,
                Range::ALL,
                chunk,
                |block| naming_columns(&block.meta),
                |block, columns, rows| namings(&block.meta, columns, rows),
            )
        };
        let mut all = Joins::default();
        let mut results = std::pin::pin!(steps(ask, blocks, step));
        while let Some(found) = results.next().await.transpose()? {
            let Some(found) = found else { return Ok(None) };
            found.into_iter().flat_map(|(_, namings)| namings).for_each(|naming| all.add(naming));
        }
        Ok(Some(all))
    }

    /// Finds out which of these rows of a search repeat a request. That does not depend on the page they are on: whether another trace of
    /// a request is found, too, is looked up if it is not among them.
    pub async fn joined(
        &self,
        ask: &Ask,
        search: &TraceSearch,
        plan: &Arc<Plan>,
        joining: &[Arc<Block>],
        rows: &[&Summary],
    ) -> Result<Joined, Problem> {
        let near: Vec<Range> = rows.iter().map(|row| Range { start: row.start, end: row.end().saturating_add(1) }).collect();
        let Some(joins) = self.joins(ask, joining, &near).await?.filter(|joins| !joins.is_empty()) else { return Ok(Joined::default()) };
        let of_row: Vec<(TraceId, BTreeSet<TraceId>)> = rows.iter().map(|row| (row.trace_id, joins.others(row.trace_id))).collect();
        let wanted: FxHashSet<TraceId> = of_row.iter().flat_map(|(_, others)| others).copied().collect();
        let mut summaries = self.summaries_of(&wanted.into_iter().collect::<Vec<_>>()).await?;
        summaries.retain(|_, summary| summary.first_seq <= self.as_of);

        let mut found: FxHashSet<TraceId> = rows.iter().map(|row| row.trace_id).collect();
        let in_range = summaries.values().filter(|summary| search.range.contains(summary.start)).map(|summary| summary.trace_id);
        let doubtful: FxHashSet<TraceId> = in_range.filter(|id| !found.contains(id)).collect();
        if !doubtful.is_empty() {
            let blocks = self.candidates(&doubtful.iter().copied().collect::<Vec<_>>(), lookup::hash, |_| true).await?;
            for chunk in chunks(blocks.into_iter().map(|(block, _)| block).collect()) {
                let hits = self.find(plan, chunk).await?.into_iter().map(|found| found.hit.trace_id);
                found.extend(hits.filter(|id| doubtful.contains(id)));
            }
        }
        let repeated = rows.iter().map(|row| row.trace_id).filter(|id| !joins.stands(*id, |other| found.contains(&other))).collect();
        let summary = |id: &TraceId| summaries.get(id).map(|summary| (**summary).clone());
        let others = of_row.into_iter().map(|(id, others)| (id, others.iter().filter_map(summary).collect()));
        Ok(Joined { repeated, others: others.collect() })
    }
}
