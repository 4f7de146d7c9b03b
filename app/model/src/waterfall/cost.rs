//! Where the time went: each span's own time, and the critical path.

use crate::columns::Columns;
use crate::span::Kind;
use crate::waterfall::{Node, Times, Tree, order};

/// By span: the time it spent itself, its duration minus the union of its children's, nanoseconds.
pub fn self_times(columns: &Columns, tree: &Tree, times: &Times) -> Vec<i64> {
    (0..columns.len())
        .map(|n| {
            let (start, end) = (times.start[n], times.end[n]);
            let mut covered = 0;
            let mut to = start;
            let mut cover = |kid: u32| {
                let from = times.start[kid as usize].max(to);
                let until = times.end[kid as usize].min(end);
                if until > from {
                    covered += until - from;
                    to = until;
                }
            };
            let kids = tree.children(n as u32);
            if kids.is_sorted_by_key(|&kid| times.start[kid as usize]) {
                kids.iter().for_each(|&kid| cover(kid));
            } else {
                // Moved clocks can change the order.
                let mut kids = kids.to_vec();
                order::by_key(&mut kids, &|kid| (times.start[kid as usize], 0));
                kids.into_iter().for_each(&mut cover);
            }
            end.saturating_sub(start) - covered
        })
        .collect()
}

/// A piece of the critical path: for so long this node was what the trace waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    pub node: u32,
    pub start: i64,
    pub end: i64,
}

/// The critical path, by node.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Critical {
    /// By node, then by start.
    sections: Vec<Section>,
}

impl Critical {
    /// The path that ends when `root` ends. From the end of a span walk back to the child that ended last, through it, and
    /// on from its start; what no child covers is the span's own. (The algorithm of Jaeger UI's `criticalPath`, with a
    /// stack of its own instead of the call stack, and children by end so that no child is looked at twice.)
    pub fn of(columns: &Columns, tree: &Tree, times: &Times, root: u32) -> Critical {
        let mut sections = Vec::new();
        let mut stack = vec![Frame::new(columns, tree, times, root, (times.start[root as usize], times.end[root as usize]))];
        while let Some(frame) = stack.last_mut() {
            let next = loop {
                match frame.kids.pop() {
                    // Ended while, or after, what the path already went through.
                    Some(kid) if times.end[kid as usize].min(frame.end) > frame.cursor => continue,
                    other => break other,
                }
            };
            let piece = |start, end| (start < end).then_some(Section { node: frame.node, start, end });
            match next {
                Some(kid) => {
                    let end = times.end[kid as usize].min(frame.end);
                    let start = times.start[kid as usize].max(frame.start);
                    sections.extend(piece(end, frame.cursor));
                    frame.cursor = start;
                    stack.push(Frame::new(columns, tree, times, kid, (start, end)));
                }
                None => {
                    sections.extend(piece(frame.start, frame.cursor));
                    stack.pop();
                }
            }
        }
        let mut turn: Vec<u32> = (0..sections.len() as u32).collect();
        order::by_key(&mut turn, &|at| (sections[at as usize].node.into(), sections[at as usize].start));
        Critical { sections: turn.into_iter().map(|at| sections[at as usize]).collect() }
    }

    /// The pieces of one node, by start.
    pub fn of_node(&self, n: u32) -> &[Section] {
        let from = self.sections.partition_point(|section| section.node < n);
        let to = self.sections.partition_point(|section| section.node <= n);
        &self.sections[from..to]
    }

    /// All pieces.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }
}

/// A span on the way, and how far back the path has come in it.
struct Frame {
    node: u32,
    start: i64,
    end: i64,
    cursor: i64,
    /// Children that overlap, by end: the last to end is popped first.
    kids: Vec<u32>,
}

impl Frame {
    fn new(columns: &Columns, tree: &Tree, times: &Times, node: u32, (start, end): (i64, i64)) -> Frame {
        let producer = matches!(tree.node(node), Node::Span(span) if columns.flags[span as usize].kind() == Kind::Producer);
        let waits_for = |kid: &u32| {
            let n = *kid as usize;
            // A consumer takes up a message when it likes; its producer does not wait.
            let detached = producer && columns.flags[n].kind() == Kind::Consumer;
            !detached && times.start[n] < end && times.end[n] > start
        };
        let mut kids: Vec<u32> = tree.children(node).iter().copied().filter(waits_for).collect();
        order::by_key(&mut kids, &|kid| (times.end[kid as usize].min(end), times.start[kid as usize]));
        Frame { node, start, end, cursor: end, kids }
    }
}
