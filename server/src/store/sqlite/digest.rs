//! What a group of spans becomes when it meets those that are here: span identity in `seq` order, and new summaries.
//!
//! Of OpenTelemetry's spans the first of an id wins. Of X-Ray's the documents are merged: the merged span is a new row with the
//! `seq` of the document that changed it, and the row it replaces dies (`supersede`). So is the row of a subsegment that was sent on its
//! own and whose service is known now: the segment around it often comes last.

use super::Core;
use super::day::lock;
use super::journal::Again;
use super::known::KnownTrace;
use super::ledger::Fate;
use super::lookup;
use super::supersede::{Place, Superseded};
use super::view::{At, View, summary_of, unavailable};
use crate::store::merge::{merge, same};
use model::id::{SpanId, TraceId};
use model::port::Problem;
use model::span::{Family, Origin, Span};
use model::time::day_of;
use model::trace::Summary;
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;

/// What a group becomes.
pub struct Digested {
    /// For every span in order: stored, duplicate, conflict or merged.
    pub fates: Vec<Fate>,
    /// Those to store.
    pub spans: Vec<Span>,
    /// Their traces, with the new summaries.
    pub traces: Vec<Touched>,
    pub again: Vec<(TraceId, Again)>,
    /// Rows that some of `spans` replace.
    pub superseded: Vec<Superseded>,
    /// Keeps blocks where they are until `superseded` is published.
    pub still: Option<OwnedMutexGuard<()>>,
}

/// A trace that a commit changed.
pub struct Touched {
    pub summary: Arc<Summary>,
    pub sealed: Vec<At>,
}

/// The identity of a span.
pub type Identity = (TraceId, SpanId, Family);

/// See [`Identity`].
pub fn identity(span: &Span) -> Identity {
    (span.trace_id, span.span_id, span.family())
}

/// Applies span identity in `seq` order and brings the summaries up to date.
pub async fn digest(core: &Arc<Core>, spans: Vec<Span>, first_seq: u64) -> Result<Digested, Problem> {
    let view = core.view(None);
    let mut before: FxHashMap<TraceId, Option<KnownTrace>> = FxHashMap::default();
    let mut unknown: Vec<(TraceId, i64)> = Vec::new();
    {
        let known = lock(&core.known);
        for span in &spans {
            before.entry(span.trace_id).or_insert_with(|| {
                let trace = known.trace(span.trace_id).cloned();
                if trace.is_none() {
                    unknown.push((span.trace_id, day_of(span.start)));
                }
                trace
            });
        }
    }
    for (id, found) in stored_traces(&view, &unknown).await? {
        before.insert(id, Some(found));
    }

    let of_nobodys = with_nobodys(&spans, &before);
    let mut doubtful: FxHashSet<usize> = FxHashSet::default();
    {
        let mut known = lock(&core.known);
        known.begin(first_seq);
        let since = known.since();
        for (at, span) in spans.iter().enumerate() {
            let trace = before.get(&span.trace_id).and_then(Option::as_ref);
            let seen = known.add_span(span.trace_id, span.span_id, span.family(), trace.is_none());
            if of_nobodys.contains(&span.trace_id) || seen || trace.is_some_and(|trace| trace.summary.first_seq < since) {
                doubtful.insert(at);
            }
        }
    }
    let mut digested = Digested {
        fates: vec![Fate::Stored; spans.len()],
        spans: Vec::with_capacity(spans.len()),
        traces: Vec::new(),
        again: Vec::new(),
        superseded: Vec::new(),
        still: None,
    };
    let compared =
        if doubtful.is_empty() { Compared::default() } else { compare(core, &spans, &doubtful, of_nobodys, &mut digested).await? };

    let mut summaries: FxHashMap<TraceId, Summary> = FxHashMap::default();
    let stored = spans.into_iter().zip(&digested.fates).enumerate();
    let stored = stored.filter(|(at, (_, fate))| **fate == Fate::Stored && !compared.replaced.contains(at)).map(|(_, (span, _))| span);
    for span in stored.chain(compared.merged) {
        match summaries.entry(span.trace_id) {
            Entry::Occupied(mut summary) => summary.get_mut().absorb(&span),
            Entry::Vacant(vacant) => {
                let known = before.get(&span.trace_id).and_then(Option::as_ref).map(|known| (*known.summary).clone());
                match compared.without.get(&span.trace_id).cloned().unwrap_or(known) {
                    Some(summary) => vacant.insert(summary).absorb(&span),
                    None => drop(vacant.insert(Summary::new(&span))),
                }
            }
        }
        digested.spans.push(span);
    }
    digested.traces.extend(summaries.into_iter().map(|(id, summary)| {
        let sealed = before.remove(&id).flatten().map(|known| known.sealed).unwrap_or_default();
        Touched { summary: Arc::new(summary), sealed }
    }));
    Ok(digested)
}

/// Traces of which spans of X-Ray arrive while some are there, or arrive, whose service is not known.
fn with_nobodys(spans: &[Span], before: &FxHashMap<TraceId, Option<KnownTrace>>) -> FxHashSet<TraceId> {
    let any_before = |id: TraceId| before.get(&id).and_then(Option::as_ref).is_some_and(|known| known.summary.has_nobodys());
    let of_xray = spans.iter().filter(|span| span.family() == Family::Xray);
    of_xray.filter(|span| span.is_adrift() || any_before(span.trace_id)).map(|span| span.trace_id).collect()
}

/// What the sealed blocks of the day (and its neighbours) know of these traces.
async fn stored_traces(view: &View, unknown: &[(TraceId, i64)]) -> Result<Vec<(TraceId, KnownTrace)>, Problem> {
    let days: FxHashSet<i64> = unknown.iter().flat_map(|(_, day)| day - 1..=day + 1).collect();
    let mut maybe: Vec<TraceId> = Vec::new();
    for (number, day) in view.world.days.iter().filter(|(number, _)| days.contains(number)) {
        let runs = &day.load().await.map_err(unavailable)?.runs;
        let open = lock(&day.file.open_hashes);
        for (id, of) in unknown {
            let hash = lookup::hash(*id);
            if (of - number).abs() <= 1 && (open.contains(&hash) || runs.iter().any(|run| run.filter.may_have(hash))) {
                maybe.push(*id);
            }
        }
    }
    maybe.sort_unstable();
    maybe.dedup();
    let found = view.sealed_summaries(&maybe, |day| days.contains(&day)).await?;
    Ok(found
        .into_iter()
        .filter_map(|(id, sealed)| {
            let (_, seq, summary) = sealed.iter().max_by_key(|(_, seq, summary)| (*seq, summary.spans))?;
            let (summary, seq) = (summary.clone(), *seq);
            Some((id, KnownTrace { summary, seq, sealed: sealed.into_iter().map(|(at, _, _)| at).collect() }))
        })
        .collect())
}

/// What merging changes.
#[derive(Default)]
struct Compared {
    /// Spans made of several documents, by `seq`.
    merged: Vec<Span>,
    /// Spans of the group that are in one of `merged`.
    replaced: FxHashSet<usize>,
    /// Of traces with superseded rows: the summary of what they do not supersede.
    without: FxHashMap<TraceId, Option<Summary>>,
}

/// A span that is here, while the group is compared with it.
struct Present<'a> {
    span: Cow<'a, Span>,
    stored: Option<(u64, Place)>,
    /// Its place in the group.
    at: Option<usize>,
    merged: bool,
}

/// Decides for each doubtful span whether it was here before, in this group or in the store, and merges X-Ray's documents.
/// In the traces of `placing`, and those of which it merged some, it finds out whose the subsegments are that were sent on their own.
async fn compare(
    core: &Arc<Core>,
    spans: &[Span],
    doubtful: &FxHashSet<usize>,
    mut placing: FxHashSet<TraceId>,
    digested: &mut Digested,
) -> Result<Compared, Problem> {
    let mut traces: Vec<TraceId> = doubtful.iter().map(|at| spans[*at].trace_id).collect();
    traces.sort_unstable();
    traces.dedup();
    let merges = doubtful.iter().any(|at| spans[*at].family() == Family::Xray);
    if merges {
        digested.still = Some(core.still.clone().lock_owned().await);
    }
    // After that lock: blocks are where this picture has them.
    let view = core.view(None);
    let mut days: FxHashSet<i64> = FxHashSet::default();
    for id in &traces {
        // A conflicting span may claim any time; the first of its id is near the rest of its trace.
        days.extend(spans.iter().filter(|span| span.trace_id == *id).map(|span| day_of(span.start)).flat_map(|day| day - 1..=day + 1));
    }
    // A summary is made anew where a row is superseded, which takes all days.
    let rows = view.rows_of(&traces, |day| merges || days.contains(&day)).await?;
    let mut present: FxHashMap<Identity, Present<'_>> = FxHashMap::default();
    for (block, row, span) in &rows {
        let stored = Some((span.envelope.seq, Place::of(&view, block, *row)));
        present.insert(identity(span), Present { span: Cow::Borrowed(span), stored, at: None, merged: false });
    }
    let mut again: FxHashMap<TraceId, Again> = FxHashMap::default();
    for (at, span) in spans.iter().enumerate() {
        let mut present = match present.entry(identity(span)) {
            Entry::Occupied(present) => present,
            Entry::Vacant(vacant) => {
                vacant.insert(Present { span: Cow::Borrowed(span), stored: None, at: Some(at), merged: false });
                continue;
            }
        };
        let present = present.get_mut();
        let fate = if same(&present.span, span) {
            Fate::Duplicate
        } else if span.family() == Family::Xray {
            let merged = merge(&present.span, span);
            if !same(&merged, &present.span) {
                (present.span, present.merged) = (Cow::Owned(merged), true);
            }
            Fate::Merged
        } else {
            Fate::Conflict
        };
        digested.fates[at] = fate;
        if fate != Fate::Merged {
            let again = again.entry(span.trace_id).or_insert(Again { day: day_of(span.start), ..Again::default() });
            again.duplicates += u64::from(fate == Fate::Duplicate);
            again.conflicts += u64::from(fate == Fate::Conflict);
        }
    }
    digested.again = again.into_iter().collect();
    placing.extend(present.values().filter(|present| present.merged).map(|present| present.span.trace_id));
    place(spans, &placing, &mut present);

    let mut compared = Compared::default();
    for Present { span, stored, at, .. } in present.into_values().filter(|present| present.merged) {
        compared.replaced.extend(at);
        if let Some((seq, place)) = stored {
            compared.without.insert(span.trace_id, None);
            digested.superseded.push(Superseded { identity: identity(&span), seq, place });
        }
        compared.merged.push(span.into_owned());
    }
    compared.merged.sort_by_key(|span| span.envelope.seq);
    let superseded: FxHashSet<Identity> = digested.superseded.iter().map(|old| old.identity).collect();
    for (id, summary) in &mut compared.without {
        let rest: Vec<Span> = rows
            .iter()
            .filter(|(_, _, span)| span.trace_id == *id && !superseded.contains(&identity(span)))
            .map(|(_, _, span)| span.clone())
            .collect();
        *summary = summary_of(&rest);
    }
    Ok(compared)
}

/// Gives subsegments that were sent on their own the service they are of; their rows are as new as the newest document of the trace.
fn place(spans: &[Span], placing: &FxHashSet<TraceId>, present: &mut FxHashMap<Identity, Present<'_>>) {
    let mut newest: FxHashMap<TraceId, u64> = FxHashMap::default();
    for span in spans.iter().filter(|span| placing.contains(&span.trace_id)) {
        newest.insert(span.trace_id, span.envelope.seq);
    }
    let mut traces: FxHashMap<TraceId, Vec<&Span>> = FxHashMap::default();
    for span in present.values().map(|present| &*present.span).filter(|span| newest.contains_key(&span.trace_id)) {
        traces.entry(span.trace_id).or_default().push(span);
    }
    let owners = |(trace, spans): (TraceId, Vec<&Span>)| {
        let owners = model::trace::owners(spans.into_iter()).into_iter();
        owners.map(move |(id, owner)| ((trace, id, Family::Xray), owner))
    };
    let owners: Vec<(Identity, Arc<Origin>)> = traces.into_iter().flat_map(owners).collect();
    for (identity, owner) in owners {
        if let Some(present) = present.get_mut(&identity)
            && present.span.service() != owner.service
        {
            let span = present.span.to_mut();
            span.origin = Arc::new(Origin { service: owner.service.clone(), ..Origin::default() });
            (span.envelope.seq, present.merged) = (newest[&span.trace_id], true);
        }
    }
}
