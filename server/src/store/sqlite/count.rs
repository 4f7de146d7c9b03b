//! Totals, histograms, facets and aggregates: what has to look at everything that matches, as far as the deadline allows.

use super::day::lock;
use super::search::steps;
use super::view::{SUMMARY_COLUMNS, View, summaries_in};
use super::world::Block;
use crate::store::block::facet::FacetCounts;
use crate::store::block::stats::StatsGroups;
use crate::store::block::{self, Bitmap, Columns, Corrupt, Plan};
use futures::stream::StreamExt;
use model::alias::Aliases;
use model::id::TraceId;
use model::port::{Ask, Bucket, Count, Facet, Problem, SpanSearch, Table, TraceSearch};
use model::query::ast::{Key, Stats};
use model::request::Joins;
use model::span::Span;
use model::time::{Nanos, Range, day_of};
use model::trace::Summary;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::{Arc, Mutex};

/// Counts traces by start.
struct Tally {
    range: Range,
    step: i128,
    count: Count,
}

impl Tally {
    fn new(range: Range, buckets: u32) -> Tally {
        let (start, end) = (i128::from(range.start), i128::from(range.end));
        let step = ((end - start).max(1) + i128::from(buckets.max(1)) - 1) / i128::from(buckets.max(1));
        let bucket = |n: i128| Bucket { start: (start + n * step).min(i128::from(i64::MAX)) as i64, traces: 0, errors: 0 };
        let histogram = (0..i128::from(buckets)).map(bucket).collect();
        Tally { range, step, count: Count { traces: 0, errors: 0, exact: true, histogram } }
    }

    fn add(&mut self, start: Nanos, failed: bool) {
        self.count.traces += 1;
        self.count.errors += u64::from(failed);
        let place = (i128::from(start) - i128::from(self.range.start)) / self.step;
        if let Some(bucket) = usize::try_from(place).ok().and_then(|place| self.count.histogram.get_mut(place)) {
            bucket.traces += 1;
            bucket.errors += u64::from(failed);
        }
    }
}

/// A trace to be counted: its start, whether it has errors, and whether it has to be looked up first.
type Listed = (TraceId, Nanos, bool, bool);

/// Traces that are found, each once: start, and whether there are errors.
type Traces = Vec<(TraceId, Nanos, bool)>;

impl View {
    /// See `Reader::count`.
    pub async fn count(&self, ask: &Ask, search: &TraceSearch, buckets: u32) -> Result<Count, Problem> {
        let plan = Arc::new(Plan::new(&search.query)?);
        let range = search.range;
        let mut tally = Tally::new(range, buckets);
        let blocks = self.blocks_since(range.start).await?;
        // First: were there no time for it afterwards, the count would be too high, rather than a lower bound.
        let joins = match search.once {
            true => self.joins(ask, &self.joining(range).await?, &[range]).await?,
            false => Some(Joins::default()),
        };
        let Some(joins) = joins else {
            tally.count.exact = false;
            return Ok(tally.count);
        };
        let traces = match plan.is_unfiltered() {
            true => self.every_trace(ask, blocks, &mut tally).await?,
            false => self.matching_traces(ask, range, &plan, blocks, &mut tally).await?,
        };
        let joined: FxHashSet<TraceId> = traces.iter().map(|(id, ..)| *id).filter(|id| joins.has(*id)).collect();
        let traces = traces.into_iter().filter(|(id, ..)| joins.stands(*id, |other| joined.contains(&other)));
        traces.for_each(|(_, start, failed)| tally.add(start, failed));
        Ok(tally.count)
    }

    /// The traces that a search with a filter finds, as far as there is time.
    async fn matching_traces(
        &self,
        ask: &Ask,
        range: Range,
        plan: &Arc<Plan>,
        blocks: Vec<Arc<Block>>,
        tally: &mut Tally,
    ) -> Result<Traces, Problem> {
        let mut traces: FxHashMap<TraceId, (Nanos, bool)> = FxHashMap::default();
        let blocks = self.searchable(range, plan, blocks);
        let mut results = std::pin::pin!(steps(ask, blocks, |chunk| self.find(plan, chunk)));
        while let Some(found) = results.next().await.transpose()? {
            let Some(found) = found else {
                tally.count.exact = false;
                break;
            };
            for one in found {
                if range.contains(one.summary.start) && one.summary.first_seq <= self.as_of {
                    traces.insert(one.hit.trace_id, (one.summary.start, one.summary.errors > 0));
                }
            }
        }
        Ok(traces.into_iter().map(|(id, (start, failed))| (id, start, failed)).collect())
    }

    /// The same without a filter.
    async fn every_trace(&self, ask: &Ask, blocks: Vec<Arc<Block>>, tally: &mut Tally) -> Result<Traces, Problem> {
        let range = tally.range;
        let hidden = Arc::new(self.hidden(ask, &blocks).await?);
        // Whether a trace is listed; if newer spans of one with hidden spans may be all that is not hidden, that has to be looked up.
        let newer = self.as_of < self.world.seq;
        let shown = {
            let (hidden, as_of) = (hidden.clone(), self.as_of);
            move |one: &Summary| {
                let hidden = hidden.get(&one.trace_id).copied().unwrap_or(0);
                let listed = range.contains(one.start) && one.first_seq <= as_of && hidden < one.spans;
                listed.then_some((one.trace_id, one.start, one.errors > 0, newer && hidden > 0))
            }
        };
        let mut listed: Vec<Listed> = self.world.newest().values().filter_map(|(summary, _)| shown(summary)).collect();
        let mut blocks = blocks;
        blocks.retain(|block| {
            let bounds = block.meta.summary_start;
            !block.is_tail() && block.live_summaries() > 0 && range.touches(bounds.min, bounds.max)
        });
        let shown = &shown;
        let step = |chunk: Vec<Arc<Block>>| async move {
            let columns = self.fetch(&chunk, |_| SUMMARY_COLUMNS.to_vec()).await?;
            let (view, shown) = (self.clone(), shown.clone());
            let read = move || {
                let newest = view.world.newest();
                let mut counted: Vec<Listed> = Vec::new();
                for (block, columns) in chunk.iter().zip(&columns) {
                    let count = |one: &Summary| {
                        counted.extend(shown(one).filter(|_| !newest.contains_key(&one.trace_id)));
                        false
                    };
                    summaries_in(&view.shared, block, columns, count);
                }
                counted
            };
            self.shared.compute(read).await
        };
        let mut results = std::pin::pin!(steps(ask, blocks, step));
        while let Some(counted) = results.next().await.transpose()? {
            match counted {
                Some(counted) => listed.extend(counted),
                None => {
                    tally.count.exact = false;
                    break;
                }
            }
        }
        let doubtful: Vec<TraceId> = listed.iter().filter(|(.., doubtful)| *doubtful).map(|(id, ..)| *id).collect();
        let visible = self.visible(&doubtful).await?;
        let counts = |one: &&Listed| !one.3 || visible.contains(&one.0);
        Ok(listed.iter().filter(counts).map(|(id, start, failed, _)| (*id, *start, *failed)).collect())
    }

    /// Blocks with spans that start in `range`.
    pub async fn blocks_in(&self, range: Range) -> Result<Vec<Arc<Block>>, Problem> {
        let (first, last) = (day_of(range.start), day_of(range.end));
        let mut blocks = self.blocks(|day| first <= day && day <= last).await?;
        blocks.retain(|block| block.meta.touches(range.start, range.end) && block.live() > 0);
        Ok(blocks)
    }

    /// See `Reader::facets`.
    pub async fn facets(
        &self,
        ask: &Ask,
        search: &SpanSearch,
        keys: &[(String, Key)],
        limit: u32,
        aliases: &Arc<Aliases>,
    ) -> Result<Vec<Facet>, Problem> {
        let make = {
            let (keys, aliases) = (keys.to_vec(), aliases.clone());
            move || -> Vec<FacetCounts> {
                keys.iter().map(|(label, key)| FacetCounts::new(label.clone(), key.clone(), aliases.clone())).collect()
            }
        };
        let make = Arc::new(make);
        let mut all = make();
        let empty = make();
        let columns = |block: &Block| empty.iter().flat_map(|facet| facet.columns(&block.meta)).collect();
        let (sums, exact) = self
            .fold_spans(ask, search, columns, make, |facets, block, columns, rows| {
                facets.iter_mut().try_for_each(|facet| facet.add(&block.meta, columns, rows))
            })
            .await?;
        for sum in sums {
            all.iter_mut().zip(sum).for_each(|(all, one)| all.merge(one));
        }
        Ok(all.into_iter().map(|facet| facet.finish(limit, exact)).collect())
    }

    /// See `Reader::stats`.
    pub async fn stats(&self, ask: &Ask, search: &SpanSearch, stats: &Stats, aliases: &Arc<Aliases>) -> Result<Table, Problem> {
        let make = {
            let (stats, aliases) = (stats.clone(), aliases.clone());
            move || StatsGroups::new(&stats, aliases.clone())
        };
        let empty = make();
        let make = Arc::new(make);
        let (sums, exact) = self
            .fold_spans(
                ask,
                search,
                |block| empty.columns(&block.meta),
                make,
                |groups, block, columns, rows| groups.add(&block.meta, columns, rows),
            )
            .await?;
        let all = sums.into_iter().reduce(|mut all, more| {
            all.merge(more);
            all
        });
        Ok(all.unwrap_or(empty).finish(exact))
    }

    /// See `Reader::spans`.
    pub async fn spans(&self, ask: &Ask, search: &SpanSearch, limit: usize) -> Result<Option<Vec<Span>>, Problem> {
        let add = move |spans: &mut Vec<Span>, block: &Block, columns: &Columns, rows: &Bitmap| {
            // One too many says that there are; all the others need not be read.
            if spans.len() <= limit {
                spans.extend(block::spans(&block.meta, columns, Some(rows))?);
            }
            Ok(())
        };
        let (parts, exact) = self.fold_spans(ask, search, |block| block.meta.span_columns(), Arc::new(Vec::new), add).await?;
        let mut spans = parts.concat();
        spans.sort_unstable_by_key(|span| (span.start, span.trace_id, span.span_id, span.family()));
        Ok((exact && spans.len() <= limit).then_some(spans))
    }

    /// Accumulates over the matching spans, in as many parts as are worked on at a time; and whether all were seen.
    async fn fold_spans<A: Send + 'static>(
        &self,
        ask: &Ask,
        search: &SpanSearch,
        extra: impl Fn(&Block) -> Vec<u16> + Send + Sync,
        make: Arc<dyn Fn() -> A + Send + Sync>,
        add: impl Fn(&mut A, &Block, &Columns, &Bitmap) -> Result<(), Corrupt> + Send + Sync + Copy + 'static,
    ) -> Result<(Vec<A>, bool), Problem> {
        let plan = Arc::new(Plan::new(&search.query)?);
        let blocks = self.blocks_in(search.range).await?;
        // Those that no chunk is adding to.
        let sums: Arc<Mutex<Vec<A>>> = Arc::default();
        let (plan, extra, make) = (&plan, &extra, &make);
        let step = |chunk: Vec<Arc<Block>>| {
            let (sums, make) = (sums.clone(), make.clone());
            let add = move |block: &Block, columns: &Columns, rows: &Bitmap| {
                let mut sum = lock(&sums).pop().unwrap_or_else(|| make());
                let added = add(&mut sum, block, columns, rows);
                lock(&sums).push(sum);
                added
            };
            async move { self.select(plan, search.range, chunk, extra, add).await.map(drop) }
        };
        let mut exact = true;
        {
            let mut results = std::pin::pin!(steps(ask, blocks, step));
            while let Some(done) = results.next().await.transpose()? {
                if done.is_none() {
                    exact = false;
                    break;
                }
            }
        }
        let sums = std::mem::take(&mut *lock(&sums));
        Ok((sums, exact))
    }
}
