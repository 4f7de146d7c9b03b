//! Trace lists: a page at a time, newest first as a rule, reading no more blocks than the page needs.

use super::lookup;
use super::search::{Found, chunks, steps};
use super::view::{SUMMARY_COLUMNS, View, summaries_in};
use super::world::Block;
use crate::store::block::plan::hits;
use crate::store::block::{Plan, meta::Bounds};
use futures::stream::StreamExt;
use model::id::{SpanId, TraceId};
use model::port::{Ask, Cursor, Order, OrderBy, Page, Problem, TraceRow, TraceSearch};
use model::query::ast::{Expr, Field, Key, Literal, Query, SpanField, Test};
use model::time::{Nanos, Range, day_of};
use model::trace::Summary;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A place in the order: smaller comes first, whatever the direction.
type Place = (i64, TraceId);

/// The best rows so far.
struct Top<'a> {
    order: Order,
    /// Rows wanted.
    room: usize,
    after: Option<Place>,
    rows: BTreeMap<Place, Entry>,
    places: FxHashMap<TraceId, Place>,
    /// Traces that are not to be among them.
    unlisted: &'a FxHashSet<TraceId>,
}

struct Entry {
    summary: Arc<Summary>,
    matched: u32,
    first: Option<(Nanos, SpanId)>,
    /// Spans of the trace in the blocks that were read.
    seen: u64,
}

/// `value` as the first part of a [`Place`].
fn rank(order: Order, value: i64) -> i64 {
    if order.descending { !value } else { value }
}

impl Top<'_> {
    /// Whether a block whose best row could be at `rank` can still change the page.
    fn wants(&self, rank: i64) -> bool {
        self.rows.len() < self.room || self.rows.last_key_value().is_some_and(|((worst, _), _)| rank <= *worst)
    }

    fn add(&mut self, summary: &Arc<Summary>, matched: u32, first: Option<(Nanos, SpanId)>, seen: u64) {
        if let Some(place) = self.places.get(&summary.trace_id) {
            if let Some(entry) = self.rows.get_mut(place) {
                entry.matched += matched;
                entry.first = [entry.first, first].into_iter().flatten().min();
                entry.seen += seen;
            }
            return;
        }
        let place = (rank(self.order, self.order.value(summary)), summary.trace_id);
        if self.unlisted.contains(&summary.trace_id)
            || self.after.is_some_and(|after| place <= after)
            || (self.rows.len() >= self.room && !self.wants(place.0))
        {
            return;
        }
        self.places.insert(summary.trace_id, place);
        self.rows.insert(place, Entry { summary: summary.clone(), matched, first, seen });
        if self.rows.len() > self.room {
            self.rows.pop_last();
        }
    }
}

impl View {
    /// See `Reader::traces`.
    pub async fn page(&self, ask: &Ask, search: &TraceSearch) -> Result<Page<TraceRow>, Problem> {
        let plan = Arc::new(Plan::new(&search.query)?);
        let limit = search.limit.max(1) as usize;
        let mut range = search.range;
        if let (OrderBy::Time, Some(cursor)) = (search.order.by, search.cursor) {
            match search.order.descending {
                true => range.end = range.end.min(cursor.value.saturating_add(1)),
                false => range.start = range.start.max(cursor.value),
            }
        }
        let blocks = self.blocks_since(range.start).await?;
        let joining = if search.once { self.joining(search.range).await? } else { Vec::new() };
        // One more than a page tells whether there is a next one; of joined requests every second row may go again.
        let room = if joining.is_empty() { limit + 1 } else { 2 * limit + 2 };
        // Traces that are not rows: those of which this read sees hidden spans only, which their summaries cannot tell, and those whose
        // request is listed by another one.
        let mut unlisted: FxHashSet<TraceId> = FxHashSet::default();
        let mut others = FxHashMap::default();
        let (rows, more, complete) = loop {
            let mut top = Top {
                order: search.order,
                room,
                after: search.cursor.map(|cursor| (rank(search.order, cursor.value), cursor.trace_id)),
                rows: BTreeMap::new(),
                places: FxHashMap::default(),
                unlisted: &unlisted,
            };
            let complete = if plan.is_unfiltered() {
                self.every(ask, range, blocks.clone(), &mut top).await?
            } else {
                self.matching(ask, range, &plan, blocks.clone(), &mut top).await?
            };
            let mut rows: Vec<Entry> = top.rows.into_values().collect();
            let full = rows.len() == room;
            self.recount(&plan, &mut rows).await?;
            let mut gone: FxHashSet<TraceId> = rows.iter().filter(|row| row.matched == 0).map(|row| row.summary.trace_id).collect();
            rows.retain(|row| row.matched > 0);
            if !joining.is_empty() {
                let summaries: Vec<&Summary> = rows.iter().map(|row| &*row.summary).collect();
                let joined = self.joined(ask, search, &plan, &joining, &summaries).await?;
                gone.extend(joined.repeated);
                others.extend(joined.others);
            }
            rows.retain(|row| !gone.contains(&row.summary.trace_id));
            unlisted.extend(&gone);
            if rows.len() > limit || !full || !complete || gone.is_empty() {
                let more = rows.len() > limit;
                rows.truncate(limit);
                break (rows, more, complete);
            }
        };
        let next = rows.last().filter(|_| more).map(|last| Cursor {
            value: search.order.value(&last.summary),
            trace_id: last.summary.trace_id,
            as_of: self.as_of,
        });
        let mut row = |entry: Entry| TraceRow {
            matched: entry.matched,
            first_match: entry.first.filter(|_| !plan.is_unfiltered()).map(|(_, id)| id),
            others: others.remove(&entry.summary.trace_id).unwrap_or_default(),
            summary: Arc::unwrap_or_clone(entry.summary),
        };
        Ok(Page { rows: rows.into_iter().map(&mut row).collect(), next, as_of: self.as_of, complete })
    }

    /// Blocks that can have spans of traces that start at or after `start`, and the summaries of those.
    pub async fn blocks_since(&self, start: Nanos) -> Result<Vec<Arc<Block>>, Problem> {
        let first = day_of(start);
        self.blocks(|day| day >= first).await
    }

    /// Traces all of whose spans are to Clew itself, or some: how many. Empty as long as there are none.
    pub async fn hidden(&self, ask: &Ask, blocks: &[Arc<Block>]) -> Result<FxHashMap<TraceId, u32>, Problem> {
        let blocks: Vec<Arc<Block>> = blocks.iter().filter(|block| block.meta.to_self).cloned().collect();
        let mut hidden: FxHashMap<TraceId, u32> = FxHashMap::default();
        if blocks.is_empty() {
            return Ok(hidden);
        }
        let literal = Literal { text: "true".to_owned(), number: None };
        let to_self = Field { key: Key::Span(SpanField::ToSelf), test: Test::Equals(literal) };
        let plan = Arc::new(Plan::new(&Query { filter: Some(Expr::Field(to_self)), pipeline: Vec::new() })?);
        for chunk in chunks(blocks) {
            if ask.stop() {
                break;
            }
            let counts = self.select(
                &plan,
                Range::ALL,
                chunk,
                |_| Plan::hit_columns().to_vec(),
                |block, columns, rows| hits(&block.meta, columns, rows),
            );
            for hit in counts.await?.into_iter().flat_map(|(_, hits)| hits) {
                *hidden.entry(hit.trace_id).or_default() += hit.matched;
            }
        }
        Ok(hidden)
    }

    /// Those of these traces of which this read sees a span that is not hidden.
    pub async fn visible(&self, ids: &[TraceId]) -> Result<FxHashSet<TraceId>, Problem> {
        let mut visible = FxHashSet::default();
        if ids.is_empty() {
            return Ok(visible);
        }
        let plan = Arc::new(Plan::new(&Query::default())?);
        let blocks = self.candidates(ids, lookup::hash, |_| true).await?;
        for chunk in chunks(blocks.into_iter().map(|(block, _)| block).collect()) {
            visible.extend(self.find(&plan, chunk).await?.into_iter().map(|found| found.hit.trace_id));
        }
        Ok(visible)
    }

    /// Without a filter the summaries are all there is to read.
    async fn every(&self, ask: &Ask, range: Range, blocks: Vec<Arc<Block>>, top: &mut Top<'_>) -> Result<bool, Problem> {
        let hidden = self.hidden(ask, &blocks).await?;
        let add = |top: &mut Top<'_>, summary: &Arc<Summary>| {
            let hidden = hidden.get(&summary.trace_id).copied().unwrap_or(0);
            let listed = range.contains(summary.start) && summary.first_seq <= self.as_of && hidden < summary.spans;
            if listed {
                top.add(summary, summary.spans - hidden, None, u64::from(summary.spans));
            }
        };
        self.world.newest().values().for_each(|(summary, _)| add(top, summary));
        let order = top.order;
        let bounds = move |block: &Block| match order.by {
            OrderBy::Time => block.meta.summary_start,
            OrderBy::Duration => block.meta.summary_duration,
            OrderBy::Spans => block.meta.summary_spans,
            OrderBy::Errors => block.meta.summary_errors,
        };
        let best = move |block: &Block| {
            let Bounds { min, max } = bounds(block);
            if order.descending { !max } else { min }
        };
        let after = top.after;
        let worst = move |block: &Block| {
            let Bounds { min, max } = bounds(block);
            if order.descending { !min } else { max }
        };
        let mut blocks: Vec<Arc<Block>> = blocks
            .into_iter()
            .filter(|block| !block.is_tail() && block.live_summaries() > 0)
            .filter(|block| range.touches(block.meta.summary_start.min, block.meta.summary_start.max))
            .filter(|block| after.is_none_or(|(rank, _)| worst(block) >= rank))
            .collect();
        blocks.sort_by_key(|block| best(block));
        let bests: Vec<i64> = chunks(blocks.clone()).iter().map(|chunk| best(&chunk[0])).collect();
        let step = |chunk: Vec<Arc<Block>>| async move {
            let columns = self.fetch(&chunk, |_| SUMMARY_COLUMNS.to_vec()).await?;
            let shared = self.shared.clone();
            let read = move || {
                let listed = |one: &Summary| range.contains(one.start);
                let each = chunk.iter().zip(&columns).flat_map(|(block, columns)| summaries_in(&shared, block, columns, listed));
                each.map(|(_, summary)| summary).collect::<Vec<_>>()
            };
            self.shared.compute(read).await
        };
        let newest = self.world.newest();
        let mut results = std::pin::pin!(steps(ask, blocks, step));
        for best in bests {
            if !top.wants(best) {
                break;
            }
            match results.next().await.transpose()?.flatten() {
                None => return Ok(false),
                Some(summaries) => {
                    summaries.iter().filter(|summary| !newest.contains_key(&summary.trace_id)).for_each(|summary| add(top, summary))
                }
            }
        }
        Ok(true)
    }

    /// With a filter the spans are searched, latest first where that is the order.
    async fn matching(
        &self,
        ask: &Ask,
        range: Range,
        plan: &Arc<Plan>,
        blocks: Vec<Arc<Block>>,
        top: &mut Top<'_>,
    ) -> Result<bool, Problem> {
        let newest_first = top.order == Order::NEWEST;
        // A trace starts no later than any of its spans.
        let best = move |block: &Block| if newest_first { !block.meta.start.max } else { i64::MIN };
        let mut blocks = self.searchable(range, plan, blocks);
        blocks.sort_by_key(|block| std::cmp::Reverse(block.meta.start.max));
        let bests: Vec<i64> = chunks(blocks.clone()).iter().map(|chunk| best(&chunk[0])).collect();
        let mut results = std::pin::pin!(steps(ask, blocks, |chunk| self.find(plan, chunk)));
        for best in bests {
            if !top.wants(best) {
                break;
            }
            match results.next().await.transpose()?.flatten() {
                None => return Ok(false),
                Some(found) => {
                    for Found { hit, summary } in found {
                        if range.contains(summary.start) && summary.first_seq <= self.as_of {
                            top.add(&summary, hit.matched, Some(hit.first), u64::from(hit.in_block));
                        }
                    }
                }
            }
        }
        Ok(true)
    }

    /// Blocks that can have a match in a trace that starts in `range`.
    pub fn searchable(&self, range: Range, plan: &Plan, mut blocks: Vec<Arc<Block>>) -> Vec<Arc<Block>> {
        // No trace that starts in the range has a span later than this.
        let sealed = blocks.iter().filter(|block| block.meta.summaries > 0 && block.meta.summary_start.min < range.end);
        let sealed = sealed.map(|block| {
            let latest = block.meta.summary_start.max.min(range.end);
            latest.saturating_add(block.meta.summary_duration.max)
        });
        let tail = self.world.newest().values().filter(|(summary, _)| summary.start < range.end).map(|(summary, _)| summary.end());
        let reach = sealed.chain(tail).max().unwrap_or(i64::MIN);
        blocks.retain(|block| {
            let start = block.meta.start;
            block.meta.spans > 0 && start.max >= range.start && start.min <= reach && block.live() > 0 && plan.may_match(&block.meta)
        });
        blocks
    }

    /// Rows whose trace has spans in blocks that were not read, or spans newer than this read: counts again in all its blocks.
    async fn recount(&self, plan: &Arc<Plan>, rows: &mut [Entry]) -> Result<(), Problem> {
        let newer = self.as_of < self.world.seq;
        let mut again: FxHashMap<TraceId, &mut Entry> = FxHashMap::default();
        for entry in rows.iter_mut() {
            // Without a filter only a newer span makes the count wrong, which the summary cannot tell.
            if entry.seen != u64::from(entry.summary.spans) || (newer && plan.is_unfiltered()) {
                again.insert(entry.summary.trace_id, entry);
            }
        }
        if again.is_empty() {
            return Ok(());
        }
        let ids: Vec<TraceId> = again.keys().copied().collect();
        let blocks = self.candidates(&ids, lookup::hash, |_| true).await?;
        again.values_mut().for_each(|entry| (entry.matched, entry.first) = (0, None));
        for chunk in chunks(blocks.into_iter().map(|(block, _)| block).collect()) {
            for Found { hit, .. } in self.find(plan, chunk).await? {
                if let Some(entry) = again.get_mut(&hit.trace_id) {
                    entry.matched += hit.matched;
                    entry.first = [entry.first, Some(hit.first)].into_iter().flatten().min();
                }
            }
        }
        Ok(())
    }
}
