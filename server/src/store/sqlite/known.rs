//! What the intake remembers of recent spans and traces, so that the common questions cost no read: was this span here before,
//! and what is the summary of its trace so far? Bounded; whatever is not remembered is looked up.

use super::view::At;
use model::id::{SpanId, TraceId};
use model::span::Family;
use model::trace::Summary;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Traces of one generation; two are kept.
const TRACES: usize = 16_384;
/// Spans of one generation (what a hash table of 2^18 places takes before it grows); two are kept.
const SPANS: usize = 229_376;

/// See the module.
#[derive(Default)]
pub struct Known {
    traces: [FxHashMap<TraceId, KnownTrace>; 2],
    spans: [FxHashSet<u64>; 2],
    /// `seq` of the first span of each generation of `spans`.
    since: [u64; 2],
}

/// What is known of a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownTrace {
    /// With everything up to the newest commit.
    pub summary: Arc<Summary>,
    /// The `seq` of the newest commit that touched it.
    pub seq: u64,
    /// Its living sealed summaries: one, but none while it is only in the tail, and two between the transactions of a trace over
    /// midnight.
    pub sealed: Vec<At>,
}

fn span_hash(trace: TraceId, span: SpanId, family: Family) -> u64 {
    let mut all = [family as u8; 25];
    all[..16].copy_from_slice(&trace.0);
    all[16..24].copy_from_slice(&span.0);
    xxh3_64(&all)
}

impl Known {
    /// Nothing is known of spans before `seq`.
    pub fn new(seq: u64) -> Known {
        Known { since: [seq, seq], ..Known::default() }
    }

    pub fn trace(&self, id: TraceId) -> Option<&KnownTrace> {
        self.traces[0].get(&id).or_else(|| self.traces[1].get(&id))
    }

    pub fn trace_mut(&mut self, id: TraceId) -> Option<&mut KnownTrace> {
        let [new, old] = &mut self.traces;
        new.get_mut(&id).or_else(|| old.get_mut(&id))
    }

    /// Remembers a trace. Traces with `seq` past `sealed` are never forgotten.
    pub fn set_trace(&mut self, id: TraceId, trace: KnownTrace, sealed: u64) {
        if self.traces[0].len() >= TRACES && !self.traces[0].contains_key(&id) {
            let old = std::mem::take(&mut self.traces[0]);
            let older = std::mem::replace(&mut self.traces[1], old);
            self.traces[0].extend(older.into_iter().filter(|(_, trace)| trace.seq > sealed));
        }
        self.traces[1].remove(&id);
        self.traces[0].insert(id, trace);
    }

    /// Forgets all traces: what is stored of them changed.
    pub fn forget_traces(&mut self) {
        self.traces = Default::default();
    }

    /// Every span with a `seq` from here on is remembered.
    pub fn since(&self) -> u64 {
        self.since[1]
    }

    /// A commit begins whose first span is `seq`. Generations change only here, so that a commit never forgets its own spans.
    pub fn begin(&mut self, seq: u64) {
        if self.spans[0].len() >= SPANS {
            self.spans[1] = std::mem::take(&mut self.spans[0]);
            self.since = [seq, self.since[0]];
        }
    }

    /// Remembers a span; `true` if it was remembered already (or, once in 2^44, if it looks like another one).
    /// `new_trace` says that no span of its trace was here before this commit.
    pub fn add_span(&mut self, trace: TraceId, span: SpanId, family: Family, new_trace: bool) -> bool {
        let hash = span_hash(trace, span, family);
        (!new_trace && self.spans[1].contains(&hash)) || !self.spans[0].insert(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(n: u64) -> TraceId {
        let mut id = [1; 16];
        id[..8].copy_from_slice(&n.to_le_bytes());
        TraceId(id)
    }

    #[test]
    fn remembers_at_least_a_generation_of_spans() {
        let mut known = Known::new(1);
        let span = SpanId([1; 8]);
        for n in 0..3 * SPANS as u64 {
            known.begin(n + 1);
            assert!(!known.add_span(trace(n), span, Family::Otel, true));
        }
        assert!(known.since() > SPANS as u64 && known.since() <= 2 * SPANS as u64 + 1);
        assert!(!known.add_span(trace(known.since()), span, Family::Xray, false), "another span");
        assert!(known.add_span(trace(known.since()), span, Family::Otel, false));
        assert!(!known.add_span(trace(0), span, Family::Otel, false), "forgotten, and before `since`");
    }

    #[test]
    fn traces_in_the_tail_are_never_forgotten() {
        let mut known = Known::new(1);
        let one = |seq| KnownTrace { summary: Arc::new(some_summary()), seq, sealed: Vec::new() };
        for n in 0..5 * TRACES as u64 {
            known.set_trace(trace(n), one(if n == 7 { 100 } else { 1 }), 50);
        }
        assert!(known.trace(trace(7)).is_some());
        assert!(known.trace(trace(8)).is_none());
    }

    fn some_summary() -> Summary {
        Summary {
            trace_id: trace(0),
            root: Default::default(),
            has_root: false,
            start: 0,
            duration_ns: 0,
            spans: 1,
            errors: 0,
            services: Vec::new(),
            sources: Vec::new(),
            first_seq: 1,
            last_received: 0,
        }
    }
}
