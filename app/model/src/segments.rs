//! Which spans enclose which, where a service begins, and which calls nobody answered: those lead to something that sent nothing itself.

use crate::address::System;
use crate::call::{is_call, is_segment};
use crate::id::SpanId;
use crate::span::{Kind, Span};
use std::collections::HashMap;

/// For each span the one that it names as its parent, if that is there: of the same trace, and of two with that id the one of the same
/// family. A span may name itself.
pub fn parents(spans: &[Span]) -> Vec<Option<usize>> {
    let places: HashMap<(SpanId, System), usize> =
        spans.iter().enumerate().rev().map(|(at, span)| ((span.span_id, System::of(span)), at)).collect();
    let parent = |span: &Span| {
        let (id, system) = (span.parent_id?, System::of(span));
        let other = System { family: system.family.other(), ..system };
        places.get(&(id, system)).or_else(|| places.get(&(id, other))).copied()
    };
    spans.iter().map(parent).collect()
}

/// See the module. Spans are indices of the spans it was made of.
pub struct Segments {
    /// For each span the one it hangs under; a circle is cut where it was entered.
    pub parents: Vec<Option<usize>>,
    /// For each span the one of the same segment that encloses it; none of what starts a segment.
    pub within: Vec<Option<usize>>,
    /// All spans, enclosing ones first.
    pub order: Vec<usize>,
}

impl Segments {
    pub fn of(spans: &[Span]) -> Segments {
        let mut parents = parents(spans);
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
        for (at, parent) in parents.iter_mut().enumerate() {
            *parent = parent.filter(|parent| *parent != at);
            if let Some(parent) = parent {
                children[*parent].push(at);
            }
        }
        let mut segments = Segments { within: vec![None; spans.len()], order: Vec::with_capacity(spans.len()), parents };
        let mut seen = vec![false; spans.len()];
        // Tops first; then what no top reaches, which are spans that are their own ancestors.
        let tops: Vec<usize> = (0..spans.len()).filter(|at| segments.parents[*at].is_none()).collect();
        for top in tops.into_iter().chain(0..spans.len()) {
            if seen[top] {
                continue;
            }
            segments.parents[top] = None;
            let mut waiting = vec![top];
            while let Some(at) = waiting.pop() {
                if std::mem::replace(&mut seen[at], true) {
                    continue;
                }
                segments.within[at] = segments.parents[at].filter(|parent| !starts_segment(&spans[at], &spans[*parent]));
                segments.order.push(at);
                waiting.extend(children[at].iter().rev());
            }
        }
        segments
    }

    /// The calls to what sent nothing, enclosing ones first: a database, somebody else's API. Of calls within calls the outermost counts,
    /// unless a segment answers within it.
    pub fn unanswered(&self, spans: &[Span]) -> Vec<usize> {
        let mut answered = vec![false; spans.len()];
        for (within, caller) in self.within.iter().zip(&self.parents) {
            let mut up = if within.is_some() { None } else { *caller };
            while let Some(parent) = up.filter(|parent| !answered[*parent]) {
                answered[parent] = true;
                up = self.within[parent];
            }
        }
        let mut covered = vec![false; spans.len()];
        let mut calls = Vec::new();
        for &at in &self.order {
            covered[at] = self.within[at].is_some_and(|parent| covered[parent]);
            if !covered[at] && !answered[at] && is_call(&spans[at]) {
                covered[at] = true;
                calls.push(at);
            }
        }
        calls
    }
}

/// X-Ray's records say so. Of OpenTelemetry's, those where a request enters a service.
fn starts_segment(span: &Span, parent: &Span) -> bool {
    is_segment(span).unwrap_or_else(|| {
        let receives = matches!(span.kind, Kind::Server | Kind::Consumer);
        span.service() != parent.service() || receives && is_call(parent)
    })
}
