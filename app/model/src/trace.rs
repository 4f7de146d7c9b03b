//! A trace as lists show it (the summary) and as its page shows it (all spans).

use crate::id::{SpanId, TraceId};
use crate::span::{Family, Origin, Span, Status, UNKNOWN_SERVICE};
use crate::time::{MINUTE, Nanos, SECOND};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

/// A trace is settled when nothing arrived for it for this long.
pub const SETTLED_AFTER: Nanos = 30 * SECOND;

/// What is in progress for so long is not expected to be completed any more.
pub const NEVER_COMPLETED_AFTER: Nanos = 15 * MINUTE;

/// What a list shows of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub trace_id: TraceId,
    /// The root span if it arrived, else the earliest span.
    pub root: Root,
    /// Whether `root` is a real root (a span without a parent).
    pub has_root: bool,
    /// Start of the earliest span.
    pub start: Nanos,
    /// End of the latest-ending span minus `start`, nanoseconds.
    pub duration_ns: i64,
    pub spans: u32,
    /// Spans with status error.
    pub errors: u32,
    /// Every service with its number of spans, most spans first, then by name. Those of which it is not known
    /// whose they are ([`Span::is_nobodys`]) are not among them.
    pub services: Vec<(String, u32)>,
    /// Every source (`otlp_http`, ...), sorted.
    pub sources: Vec<String>,
    /// The `seq` of the span that made the trace known.
    pub first_seq: u64,
    /// When the latest span of it arrived.
    pub last_received: Nanos,
}

/// The span a trace is named after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Root {
    pub span_id: SpanId,
    pub start: Nanos,
    pub service: String,
    pub name: String,
    pub status: Status,
}

impl Summary {
    /// The summary of a trace of which only `span` is known.
    pub fn new(span: &Span) -> Summary {
        let mut summary = Summary {
            trace_id: span.trace_id,
            root: Root::of(span),
            has_root: span.parent_id.is_none(),
            start: span.start,
            duration_ns: 0,
            spans: 0,
            errors: 0,
            services: Vec::new(),
            sources: Vec::new(),
            first_seq: span.envelope.seq,
            last_received: span.envelope.received_at,
        };
        summary.absorb(span);
        summary
    }

    /// Takes one more span of the trace in. The result does not depend on the order of the spans.
    pub fn absorb(&mut self, span: &Span) {
        let end = self.end().max(span.end());
        self.start = self.start.min(span.start);
        self.duration_ns = end.saturating_sub(self.start);
        self.spans += 1;
        self.errors += u32::from(span.is_error());
        let is_root = span.parent_id.is_none();
        let place = (!is_root, span.start, span.span_id).cmp(&(!self.has_root, self.root.start, self.root.span_id));
        // Two spans may have one id, of two families.
        let place = place.then_with(|| (span.service(), span.name.as_str(), span.status).cmp(&self.root.texts()));
        if place == Ordering::Less {
            self.root = Root::of(span);
            self.has_root = is_root;
        }
        if !span.is_nobodys() {
            match self.services.iter_mut().find(|(name, _)| name == span.service()) {
                Some((_, count)) => *count += 1,
                None => self.services.push((span.service().to_owned(), 1)),
            }
        }
        if self.services.len() > 1 {
            self.services.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        }
        if let Err(at) = self.sources.binary_search_by(|source| source.as_str().cmp(&span.envelope.source)) {
            self.sources.insert(at, span.envelope.source.to_string());
        }
        self.first_seq = self.first_seq.min(span.envelope.seq);
        self.last_received = self.last_received.max(span.envelope.received_at);
    }

    /// End of the latest-ending span.
    pub fn end(&self) -> Nanos {
        self.start.saturating_add(self.duration_ns)
    }

    /// Whether there are spans of which it is not known whose they are: see [`Span::is_nobodys`].
    pub fn has_nobodys(&self) -> bool {
        self.services.iter().map(|(_, spans)| spans).sum::<u32>() < self.spans
    }

    pub fn settled(&self, now: Nanos) -> bool {
        now.saturating_sub(self.last_received) >= SETTLED_AFTER
    }
}

impl Root {
    fn of(span: &Span) -> Root {
        Root { span_id: span.span_id, start: span.start, service: span.service().to_owned(), name: span.name.clone(), status: span.status }
    }

    fn texts(&self) -> (&str, &str, Status) {
        (&self.service, &self.name, self.status)
    }
}

/// For X-Ray's subsegments that were sent on their own, by id: the origin of the nearest record of the same trace around them that has
/// one.
pub fn owners<'a>(spans: impl Iterator<Item = &'a Span>) -> HashMap<SpanId, Arc<Origin>> {
    let of_xray: HashMap<SpanId, &Span> = spans.filter(|span| span.family() == Family::Xray).map(|span| (span.span_id, span)).collect();
    let owner = |span: &Span| {
        let mut up = span;
        // As many steps as there are spans: parents may lead round in a circle.
        for _ in 0..of_xray.len() {
            up = of_xray.get(&up.parent_id?)?;
            if !up.is_adrift() {
                return Some((span.span_id, up.origin.clone()));
            }
        }
        None
    };
    of_xray.values().filter(|span| span.is_adrift()).filter_map(|span| owner(span)).collect()
}

/// Gives X-Ray's subsegments that were sent on their own the origin of the nearest record around them that has one.
pub fn adopt(spans: &mut [Span]) {
    if !spans.iter().any(Span::is_adrift) {
        return;
    }
    let owners = owners(spans.iter());
    let nobody = Arc::new(Origin { service: UNKNOWN_SERVICE.to_owned(), ..Origin::default() });
    for span in spans.iter_mut().filter(|span| span.is_adrift()) {
        span.origin = owners.get(&span.span_id).unwrap_or(&nobody).clone();
    }
}

/// All that is stored of one trace id, spans by (start, span id, family).
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    pub trace_id: TraceId,
    pub spans: Vec<Span>,
    /// Spans that arrived again with the same content.
    pub duplicates: u64,
    /// Spans that arrived again with another content under the same id; the first one is kept.
    pub conflicts: u64,
    /// When the latest span of it arrived.
    pub last_received: Nanos,
}
