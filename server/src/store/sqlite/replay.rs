//! At the start: what the intake has and the day files have not, because the end was abrupt, becomes the tail again. Summaries of
//! the traces concerned are made anew from the spans, so a seal that was cut off between two days heals.

use super::Core;
use super::chunk::{self, Chunk};
use super::day::lock;
use super::digest::{Identity, Touched, identity};
use super::view::{summary_of, unavailable};
use super::{intake, supersede};
use crate::store::block::{self, Encoded};
use model::id::TraceId;
use model::port::Problem;
use model::span::Span;
use model::time::day_of;
use model::trace::Summary;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Takes up the rows of the intake. A row that cannot be read is reported and passed over.
pub async fn replay(core: &Arc<Core>, rows: Vec<(u64, Vec<u8>)>) -> Result<(), Problem> {
    let Some(upto) = rows.iter().map(|(seq, _)| *seq).max() else { return Ok(()) };
    let mut spans: Vec<Span> = Vec::new();
    for (seq, blob) in rows {
        let read = Encoded::from_blob(&blob).and_then(|encoded| block::spans(&encoded.meta, &encoded.columns, None));
        match read {
            Ok(read) => spans.extend(read),
            Err(corrupt) => tracing::error!(seq, "an intake row cannot be read: {corrupt}"),
        }
    }
    let floor = core.floor_day();
    let mut cursors: FxHashMap<i64, u64> = FxHashMap::default();
    for span in &spans {
        let number = day_of(span.start);
        if let std::collections::hash_map::Entry::Vacant(vacant) = cursors.entry(number) {
            vacant.insert(core.day(number).file.cursor().await.map_err(unavailable)?);
        }
    }
    let mut touched: Vec<TraceId> = spans.iter().map(|span| span.trace_id).collect();
    touched.sort_unstable();
    touched.dedup();
    let all: Vec<Identity> = spans.iter().map(identity).collect();
    let first = spans.iter().map(|span| span.envelope.seq).min().unwrap_or(upto + 1);
    spans.retain(|span| {
        let number = day_of(span.start);
        number >= floor && span.envelope.seq > cursors.get(&number).copied().unwrap_or(0)
    });
    spans.sort_by_key(|span| span.envelope.seq);

    let view = core.view(None);
    let stored = view.rows_of(&touched, |_| true).await?;
    let superseded = supersede::resume(&view, &stored, &mut spans);
    let dead: FxHashSet<(Identity, u64)> = superseded.iter().map(|old| (old.identity, old.seq)).collect();
    let mut living: FxHashMap<TraceId, Vec<Span>> = FxHashMap::default();
    for (_, _, span) in stored {
        if !dead.contains(&(identity(&span), span.envelope.seq)) {
            living.entry(span.trace_id).or_default().push(span);
        }
    }
    let mut sealed = view.sealed_summaries(&touched, |_| true).await?;
    let mut summaries: FxHashMap<TraceId, Summary> = living.iter().filter_map(|(id, spans)| Some((*id, summary_of(spans)?))).collect();
    let mut again: FxHashMap<TraceId, bool> = FxHashMap::default();
    for span in &spans {
        summaries.entry(span.trace_id).and_modify(|summary| summary.absorb(span)).or_insert_with(|| Summary::new(span));
        again.insert(span.trace_id, true);
    }
    let traces: Vec<Touched> = summaries
        .into_iter()
        .filter_map(|(id, summary)| {
            let sealed = sealed.remove(&id).unwrap_or_default();
            let right = sealed.len() == 1 && *sealed[0].2 == summary;
            let needed = again.contains_key(&id) || !right;
            needed.then(|| Touched { summary: Arc::new(summary), sealed: sealed.into_iter().map(|(at, _, _)| at).collect() })
        })
        .collect();
    tracing::info!(spans = spans.len(), traces = traces.len(), "taking up what the intake had committed before an abrupt end");
    if traces.is_empty() {
        core.sealed.store(upto, Ordering::Release);
        return Ok(());
    }
    {
        let mut known = lock(&core.known);
        *known = super::known::Known::new(first);
        // Those of days that have them already, too: it remembers every span from `first` on.
        for (trace, span, family) in all {
            known.add_span(trace, span, family, false);
        }
    }
    let chunks = match chunk::encode(spans).await? {
        chunks if chunks.is_empty() => vec![Chunk::empty(upto)],
        chunks => chunks,
    };
    intake::publish(core, chunks, traces, &superseded, upto);
    Ok(())
}
