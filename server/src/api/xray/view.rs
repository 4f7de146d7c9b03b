//! A trace as X-Ray sees it: segments, the records in each, who called whom, and what was called but sent nothing itself.

use super::record::{self, Flags, Http, ServiceId};
use model::segments::Segments;
use model::span::Span;
use model::trace::Trace;

/// See the module. Records are the spans of the trace, by their index in it.
pub struct View<'a> {
    pub trace: &'a Trace,
    pub records: Vec<Record>,
    /// For each record the one it hangs under, of whichever node.
    pub parents: Vec<Option<usize>>,
    /// Indices of all records, enclosing ones first.
    pub order: Vec<usize>,
    pub nodes: Vec<Node<'a>>,
    /// The node where the request came in: of the segments without a parent the earliest, else the earliest segment.
    pub root: Option<usize>,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its node.
    pub node: usize,
    /// The record of the same node that encloses it.
    pub within: Option<usize>,
}

/// Something that took part in the request.
pub struct Node<'a> {
    pub id: ServiceId,
    pub what: What,
    /// Its segment; of what is inferred, the call.
    pub span: &'a Span,
    /// All its records; of what is inferred, the call.
    pub records: Vec<usize>,
    /// Who called it: the node, and the call, which may be the segment itself if its caller recorded none.
    pub caller: Option<(usize, &'a Span)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Segment,
    /// Subsegments whose segment is not there.
    Orphan,
    /// What was called and sent nothing itself: a database, somebody else's API.
    Inferred,
}

impl Node<'_> {
    pub fn flags(&self) -> Flags {
        record::flags(self.span)
    }

    /// In seconds, once it has ended.
    pub fn response_time(&self) -> Option<f64> {
        response_time(self.span)
    }
}

/// How long a span took, in seconds, once it has ended.
pub fn response_time(span: &Span) -> Option<f64> {
    (!record::in_progress(span)).then(|| seconds(span.duration_ns))
}

/// AWS's times: seconds, since the epoch or from one moment to another.
pub fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

impl<'a> View<'a> {
    pub fn of(trace: &'a Trace) -> View<'a> {
        let segments = Segments::of(&trace.spans);
        let (order, parents) = (segments.order.clone(), segments.parents.clone());
        let mut view = View { trace, records: Vec::new(), parents, order, nodes: Vec::new(), root: None };
        view.records(&segments);
        view.inferred(&segments);
        let segments = view.nodes.iter().enumerate().filter(|(_, node)| node.what == What::Segment);
        let first = segments.min_by_key(|(_, node)| (node.span.parent_id.is_some(), node.span.start, node.span.span_id));
        view.root = first.map(|(at, _)| at);
        view
    }

    /// Gives every record to a node, from the tops down.
    fn records(&mut self, segments: &Segments) {
        self.records = vec![Record { node: usize::MAX, within: None }; self.trace.spans.len()];
        for &at in &self.order.clone() {
            let within = segments.within[at];
            let node = match within {
                Some(parent) => {
                    let node = self.records[parent].node;
                    self.nodes[node].records.push(at);
                    node
                }
                None => self.top(at, segments.parents[at]),
            };
            self.records[at] = Record { node, within };
        }
    }

    /// A new node, of which this record is the top.
    fn top(&mut self, at: usize, parent: Option<usize>) -> usize {
        let span = &self.trace.spans[at];
        let caller = parent.map(|parent| {
            let call = &self.trace.spans[parent];
            (self.records[parent].node, if record::is_call(call) { call } else { span })
        });
        let what = if record::is_segment(span) == Some(false) { What::Orphan } else { What::Segment };
        self.nodes.push(Node { id: record::service(span), what, span, records: vec![at], caller });
        self.nodes.len() - 1
    }

    /// Adds what was called but sent nothing.
    fn inferred(&mut self, segments: &Segments) {
        for at in segments.unanswered(&self.trace.spans) {
            let (span, caller) = (&self.trace.spans[at], self.records[at].node);
            self.nodes.push(Node { id: record::called(span), what: What::Inferred, span, records: vec![at], caller: Some((caller, span)) });
        }
    }

    pub fn root(&self) -> Option<&Node<'a>> {
        self.root.map(|root| &self.nodes[root])
    }

    pub fn is_partial(&self) -> bool {
        self.trace.spans.iter().any(record::in_progress) || self.nodes.iter().any(|node| node.what == What::Orphan)
    }

    /// From the earliest start to the latest end, in seconds.
    pub fn duration(&self) -> f64 {
        let start = self.trace.spans.iter().map(|span| span.start).min().unwrap_or_default();
        let end = self.trace.spans.iter().map(Span::end).max().unwrap_or_default();
        seconds(end.saturating_sub(start))
    }

    /// The request that the trace is about: the root's, else the first that a segment answered.
    pub fn http(&self) -> Option<Http> {
        let segments = self.nodes.iter().filter(|node| node.what == What::Segment).filter_map(|node| record::http(node.span));
        self.root().and_then(|root| record::http(root.span)).or_else(|| segments.into_iter().next())
    }

    /// The client in front of a node: whoever sent a request that begins with it.
    pub fn client_of(&self, node: &Node<'_>) -> Option<ServiceId> {
        let is_entry = node.what == What::Segment && node.caller.is_none() && node.span.parent_id.is_none();
        is_entry.then(|| ServiceId { name: node.id.name.clone(), kind: Some("client".to_owned()), account: None })
    }
}
