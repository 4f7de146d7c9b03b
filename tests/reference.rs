//! The second implementation of the port: spans in a `Vec`, every question answered by looking at all of them. Slow and meant to
//! be obviously right; the store is compared with it, and `queries.md` is executed on it.

mod examples;
mod figures;
mod line_matching;
pub mod logs;
mod matching;
mod merging;

use async_trait::async_trait;
use matching::Matcher;
use model::alias::Aliases;
use model::id::{SpanId, TraceId};
use model::port::*;
use model::query::ast::{Key, Query, Stats};
use model::span::{Envelope, Family, Origin, Span, UNKNOWN_SERVICE};
use model::time::{Nanos, Range};
use model::trace::{Summary, Trace};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// All spans that were kept, in the order they came.
#[derive(Default)]
pub struct Memory {
    spans: Vec<Span>,
    /// X-Ray's documents by what they are of, in the order they came; the span made of them is in `spans`.
    documents: HashMap<(TraceId, SpanId), Vec<Span>>,
    again: HashMap<TraceId, Again>,
    now: Nanos,
}

#[derive(Default, Clone, Copy)]
struct Again {
    duplicates: u64,
    conflicts: u64,
}

/// What became of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    Stored,
    /// The same span again.
    Duplicate,
    /// Another span under the same id; the first was kept.
    Conflict,
    /// Another document of an X-Ray record.
    Merged,
}

/// One trace with the spans that match.
struct Found<'a> {
    summary: Summary,
    matching: Vec<&'a Span>,
}

impl Memory {
    /// Nothing yet, at this moment.
    pub fn new(now: Nanos) -> Memory {
        Memory { now, ..Memory::default() }
    }

    /// Takes in what arrives together. After that, subsegments that were sent on their own and whose segment is there are of its
    /// service, as new as the newest span of their trace; those without one stay as they are.
    pub fn accept(&mut self, batch: Vec<Span>) -> Vec<Pushed> {
        let unknown = |span: &&Span| span.is_adrift() && span.service() == UNKNOWN_SERVICE;
        let mut placing: BTreeSet<TraceId> = self.spans.iter().filter(unknown).map(|span| span.trace_id).collect();
        let of_xray = batch.iter().filter(|span| span.family() == Family::Xray);
        let arriving: BTreeMap<TraceId, bool> = of_xray.fold(BTreeMap::new(), |mut traces, span| {
            *traces.entry(span.trace_id).or_default() |= span.is_adrift();
            traces
        });
        placing.retain(|id| arriving.contains_key(id));
        placing.extend(arriving.iter().filter(|(_, adrift)| **adrift).map(|(id, _)| *id));
        let mut pushed = Vec::new();
        let mut newest: BTreeMap<TraceId, u64> = BTreeMap::new();
        for span in batch {
            let (id, seq) = (span.trace_id, span.envelope.seq);
            newest.insert(id, seq);
            pushed.push(self.push(span));
            // A merge that changed the span gave it this seq.
            if pushed.last() == Some(&Pushed::Merged) && self.spans.iter().any(|span| span.trace_id == id && span.envelope.seq == seq) {
                placing.insert(id);
            }
        }
        for id in placing {
            let mut placed: Vec<Span> = self.spans.iter().filter(|span| span.trace_id == id).cloned().collect();
            merging::place(&mut placed);
            let of_trace = self.spans.iter_mut().filter(|span| span.trace_id == id);
            for (span, placed) in of_trace.zip(placed).filter(|(span, placed)| span.is_adrift() && !placed.is_adrift()) {
                if span.service() != placed.service() {
                    span.origin = Arc::new(Origin { service: placed.service().into(), ..Origin::default() });
                    span.envelope.seq = newest[&id];
                }
            }
        }
        pushed
    }

    /// Takes one span in, in `seq` order: the first of an id and family wins, and X-Ray's are merged. What Clew itself notes of the
    /// arrival is not compared.
    pub fn push(&mut self, span: Span) -> Pushed {
        let identity = |span: &Span| (span.trace_id, span.span_id, span.family());
        if span.family() == Family::Xray {
            self.documents.entry((span.trace_id, span.span_id)).or_default().push(span.clone());
        }
        let Some(first) = self.spans.iter_mut().find(|kept| identity(kept) == identity(&span)) else {
            self.spans.push(span);
            return Pushed::Stored;
        };
        // As text: a NaN is equal to itself there.
        // Whose a subsegment is that was sent on its own is not said by it.
        let origin = |span: &Span| if span.is_adrift() { Arc::default() } else { span.origin.clone() };
        let plain = |span: &Span, like: &Span| Span { envelope: like.envelope.clone(), origin: origin(span), ..span.clone() };
        let same = |a: &Span, b: &Span| format!("{:?}", plain(a, b)) == format!("{:?}", plain(b, b));
        if same(&span, first) {
            self.again.entry(span.trace_id).or_default().duplicates += 1;
            Pushed::Duplicate
        } else if span.family() == Family::Xray {
            let merged = merging::merged(&self.documents[&(span.trace_id, span.span_id)]);
            if !same(&merged, first) {
                let received_at = first.envelope.received_at.max(span.envelope.received_at);
                *first = Span { envelope: Envelope { seq: span.envelope.seq, received_at, ..merged.envelope.clone() }, ..merged };
            }
            Pushed::Merged
        } else {
            self.again.entry(span.trace_id).or_default().conflicts += 1;
            Pushed::Conflict
        }
    }

    /// Forgets every span of a dataset, and returns how many.
    pub fn remove_dataset(&mut self, dataset: &str) -> u64 {
        let before = self.spans.len();
        for span in self.spans.iter().filter(|span| *span.envelope.dataset == *dataset && span.family() == Family::Xray) {
            self.documents.remove(&(span.trace_id, span.span_id));
        }
        self.spans.retain(|span| *span.envelope.dataset != *dataset);
        (before - self.spans.len()) as u64
    }

    /// What was kept.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    fn latest(&self) -> u64 {
        self.spans.iter().map(|span| span.envelope.seq).max().unwrap_or(0)
    }

    /// Of every trace, with all its spans.
    pub fn summaries(&self) -> HashMap<TraceId, Summary> {
        let mut summaries: HashMap<TraceId, Summary> = HashMap::new();
        for span in &self.spans {
            match summaries.get_mut(&span.trace_id) {
                Some(summary) => summary.absorb(span),
                None => {
                    summaries.insert(span.trace_id, Summary::new(span));
                }
            }
        }
        summaries
    }

    /// Every span that existed at `as_of` and matches.
    fn matching(&self, query: &Query, as_of: Option<u64>) -> Result<Vec<&Span>, Problem> {
        let matcher = Matcher::new(query)?;
        let summaries = self.summaries();
        let exists = |span: &&Span| as_of.is_none_or(|as_of| span.envelope.seq <= as_of);
        let shown = |span: &&Span| query.names_self() || !span.envelope.to_self;
        let matches = |span: &&Span| matcher.matches(span, &summaries[&span.trace_id]);
        Ok(self.spans.iter().filter(exists).filter(shown).filter(matches).collect())
    }

    fn find(&self, search: &TraceSearch, as_of: u64) -> Result<Vec<Found<'_>>, Problem> {
        let mut traces: BTreeMap<TraceId, Vec<&Span>> = BTreeMap::new();
        for span in self.matching(&search.query, Some(as_of))? {
            traces.entry(span.trace_id).or_default().push(span);
        }
        let mut summaries = self.summaries();
        let found = traces.into_iter().filter_map(|(id, matching)| {
            let summary = summaries.remove(&id)?;
            let listed = search.range.contains(summary.start) && summary.first_seq <= as_of;
            listed.then_some(Found { summary, matching })
        });
        Ok(found.collect())
    }

    /// Spans that match, by their own start.
    pub fn in_range(&self, ask: &Ask, search: &SpanSearch) -> Result<Vec<&Span>, Problem> {
        let mut spans = self.matching(&search.query, ask.as_of)?;
        spans.retain(|span| search.range.contains(span.start));
        Ok(spans)
    }
}

#[async_trait]
impl Reader for Memory {
    async fn traces(&self, ask: &Ask, search: &TraceSearch) -> Result<Page<TraceRow>, Problem> {
        let as_of = ask.as_of.or(search.cursor.map(|cursor| cursor.as_of)).unwrap_or_else(|| self.latest());
        let mut found = self.find(search, as_of)?;
        let place = |value: i64, id: TraceId| (if search.order.descending { -i128::from(value) } else { i128::from(value) }, id);
        let place_of = |found: &Found| place(search.order.value(&found.summary), found.summary.trace_id);
        found.sort_by_key(place_of);
        if let Some(cursor) = search.cursor {
            found.retain(|found| place_of(found) > place(cursor.value, cursor.trace_id));
        }
        let more = found.len() > search.limit as usize;
        found.truncate(search.limit as usize);
        let next = found.last().filter(|_| more).map(|last| Cursor {
            value: search.order.value(&last.summary),
            trace_id: last.summary.trace_id,
            as_of,
        });
        let row = |found: Found| TraceRow {
            matched: found.matching.len() as u32,
            first_match: search.query.filter.as_ref().and_then(|_| first(&found.matching)),
            summary: found.summary,
            others: Vec::new(),
        };
        Ok(Page { rows: found.into_iter().map(row).collect(), next, as_of, complete: true })
    }

    async fn count(&self, ask: &Ask, search: &TraceSearch, buckets: u32) -> Result<Count, Problem> {
        let found = self.find(search, ask.as_of.unwrap_or_else(|| self.latest()))?;
        let failed = |found: &&Found| found.summary.errors > 0;
        let (start, end) = (i128::from(search.range.start), i128::from(search.range.end));
        let wanted = i128::from(buckets.max(1));
        let step = ((end - start + wanted - 1) / wanted).max(1);
        let histogram = (0..i128::from(buckets)).map(|n| {
            let (from, to) = (start + n * step, start + (n + 1) * step);
            let inside: Vec<&Found> = found.iter().filter(|found| (from..to).contains(&i128::from(found.summary.start))).collect();
            let errors = inside.iter().copied().filter(failed).count() as u64;
            Bucket { start: from.min(i64::MAX.into()) as i64, traces: inside.len() as u64, errors }
        });
        Ok(Count {
            traces: found.len() as u64,
            errors: found.iter().filter(failed).count() as u64,
            exact: true,
            histogram: histogram.collect(),
        })
    }

    async fn facets(&self, ask: &Ask, search: &SpanSearch, keys: &[(String, Key)], limit: u32) -> Result<Vec<Facet>, Problem> {
        let spans = self.in_range(ask, search)?;
        Ok(keys.iter().map(|(name, key)| figures::facet(name, key, &spans, limit)).collect())
    }

    async fn stats(&self, ask: &Ask, search: &SpanSearch, stats: &Stats) -> Result<Table, Problem> {
        Ok(figures::stats(stats, &self.in_range(ask, search)?))
    }

    async fn spans(&self, ask: &Ask, search: &SpanSearch, limit: usize) -> Result<Option<Vec<Span>>, Problem> {
        let mut spans: Vec<Span> = self.in_range(ask, search)?.into_iter().cloned().collect();
        spans.sort_by_key(|span| (span.start, span.trace_id, span.span_id, span.family()));
        Ok((spans.len() <= limit).then_some(spans))
    }

    async fn stored(&self, ask: &Ask, ids: &[TraceId]) -> Result<Vec<Summary>, Problem> {
        let as_of = ask.as_of.unwrap_or_else(|| self.latest());
        let mut found: Vec<Summary> = self.summaries().into_values().filter(|summary| ids.contains(&summary.trace_id)).collect();
        found.retain(|summary| summary.first_seq <= as_of);
        found.sort_by_key(|summary| summary.trace_id);
        Ok(found)
    }

    async fn trace(&self, ask: &Ask, id: TraceId) -> Result<Trace, Problem> {
        let exists = |span: &&Span| ask.as_of.is_none_or(|as_of| span.envelope.seq <= as_of);
        let mut spans: Vec<Span> = self.spans.iter().filter(|span| span.trace_id == id).filter(exists).cloned().collect();
        spans.sort_by_key(|span| (span.start, span.span_id, span.family()));
        merging::place(&mut spans);
        let Some(last_received) = spans.iter().map(|span| span.envelope.received_at).max() else {
            return Err(Problem::NotFound("trace"));
        };
        let Again { duplicates, conflicts } = self.again.get(&id).copied().unwrap_or_default();
        Ok(Trace { trace_id: id, spans, duplicates, conflicts, last_received })
    }

    async fn links_to(&self, ask: &Ask, id: TraceId) -> Result<Vec<BackLink>, Problem> {
        let exists = |span: &&Span| ask.as_of.is_none_or(|as_of| span.envelope.seq <= as_of);
        let links = self.spans.iter().filter(exists).flat_map(|span| {
            let to_it = span.links.iter().filter(|link| link.trace_id == id);
            to_it.map(|link| BackLink { trace_id: span.trace_id, span_id: span.span_id, to: link.span_id })
        });
        let links: BTreeSet<_> = links.map(|link| (link.trace_id, link.span_id, link.to)).collect();
        Ok(links.into_iter().map(|(trace_id, span_id, to)| BackLink { trace_id, span_id, to }).collect())
    }

    async fn keys(&self, _: &Ask, range: Range, prefix: &str, limit: u32) -> Result<Vec<KeyHint>, Problem> {
        let spans: Vec<&Span> = self.spans.iter().filter(|span| range.contains(span.start)).collect();
        let mut hints = figures::keys(&spans);
        hints.retain(|hint| hint.key.starts_with(prefix));
        hints.truncate(limit as usize);
        Ok(hints)
    }

    async fn services(&self, _: &Ask, range: Range) -> Result<Vec<String>, Problem> {
        let services: BTreeSet<&str> = self.spans.iter().filter(|span| range.contains(span.start)).map(Span::service).collect();
        Ok(services.into_iter().map(str::to_owned).collect())
    }

    async fn ledger(&self) -> Result<Vec<LedgerRow>, Problem> {
        Ok(Vec::new())
    }

    async fn instance(&self) -> Result<Instance, Problem> {
        Ok(Instance {
            listeners: Vec::new(),
            warnings: Vec::new(),
            version: env!("CARGO_PKG_VERSION").into(),
            retention_days: 30,
            disk_bytes: 0,
            spans: self.spans.len() as u64,
            has_demo: false,
        })
    }

    fn aliases(&self) -> Arc<Aliases> {
        Arc::default()
    }

    fn now(&self) -> Nanos {
        self.now
    }
}

/// The earliest span, by start, then id.
fn first(spans: &[&Span]) -> Option<SpanId> {
    spans.iter().max_by_key(|span| Reverse((span.start, span.span_id))).map(|span| span.span_id)
}
