//! When each node begins and ends: as sent, or with evidently wrong clocks put right. Raw is the rule: people distrust times
//! that were corrected behind their back, so correcting is a choice of the reader and the offset is shown.

use crate::columns::Columns;
use crate::span::Kind;
use crate::waterfall::{NONE, Node, Tree};

/// Start and end of every node. A missing parent and a group span what hangs directly under them.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Times {
    pub start: Vec<i64>,
    /// Never before `start`.
    pub end: Vec<i64>,
}

/// How a span contradicts its parent, which runs on another service and so, perhaps, by another clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Skew {
    #[default]
    None,
    /// It begins before the span that called it.
    StartsBefore,
    /// It answers a call that ended before it did.
    EndsAfter,
}

impl Times {
    /// As sent.
    pub fn raw(columns: &Columns, tree: &Tree) -> Times {
        Times::with(columns, tree, |_, _, _| 0)
    }

    /// With each span that contradicts its parent moved into it: into the middle if it fits (the network took as long there
    /// as back), else to the parent's start. What hangs under it in the same service moves along.
    pub fn shifted(columns: &Columns, tree: &Tree) -> Times {
        Times::with(columns, tree, |times, n, up| {
            let (n, up) = (n as usize, up as usize);
            let inherited = times.start[up].saturating_sub(columns.start[up]);
            if columns.service[n] == columns.service[up] {
                return inherited;
            }
            let (start, end) = (columns.start[n], columns.start[n].saturating_add(columns.duration[n]));
            if contradiction(columns, n, up, (start, end), (times.start[up], times.end[up])) == Skew::None {
                return 0;
            }
            let room = times.end[up].saturating_sub(times.start[up]).saturating_sub(columns.duration[n]);
            times.start[up].saturating_add(room.max(0) / 2).saturating_sub(start)
        })
    }

    /// How far a span was moved, nanoseconds; positive is later.
    pub fn offset(&self, columns: &Columns, span: u32) -> i64 {
        self.start[span as usize].saturating_sub(columns.start[span as usize])
    }

    /// The whole of the trace: from the earliest start to the latest end, at least 1 ns long.
    pub fn extent(&self) -> (i64, i64) {
        let from = self.start.iter().copied().min().unwrap_or(0);
        let to = self.end.iter().copied().max().unwrap_or(0);
        (from, to.max(from.saturating_add(1)))
    }

    /// `offset(times so far, span, parent span)` is asked once per span with a parent, parents first.
    fn with(columns: &Columns, tree: &Tree, offset: impl Fn(&Times, u32, u32) -> i64) -> Times {
        let mut times = Times { start: vec![0; tree.len()], end: vec![0; tree.len()] };
        for &n in &tree.order {
            let Node::Span(span) = tree.node(n) else { continue };
            let up = tree.parent_of_span(span);
            let moved = if up == NONE || !matches!(tree.node(up), Node::Span(_)) { 0 } else { offset(&times, span, up) };
            times.start[n as usize] = columns.start[span as usize].saturating_add(moved);
            times.end[n as usize] = times.start[n as usize].saturating_add(columns.duration[span as usize]);
        }
        for n in 0..tree.len() as u32 {
            if matches!(tree.node(n), Node::Span(_)) {
                continue;
            }
            let kids = tree.children(n);
            times.start[n as usize] = kids.iter().map(|&kid| times.start[kid as usize]).min().unwrap_or(0);
            times.end[n as usize] = kids.iter().map(|&kid| times.end[kid as usize]).max().unwrap_or(0);
        }
        times
    }
}

/// Every span that contradicts its parent, as sent.
pub fn skews(columns: &Columns, tree: &Tree) -> Vec<Skew> {
    let end = |n: usize| columns.start[n].saturating_add(columns.duration[n]);
    (0..columns.len())
        .map(|n| match tree.parent_of_span(n as u32) {
            NONE => Skew::None,
            up if matches!(tree.node(up), Node::Span(_)) => {
                let up = up as usize;
                contradiction(columns, n, up, (columns.start[n], end(n)), (columns.start[up], end(up)))
            }
            _ => Skew::None,
        })
        .collect()
}

fn contradiction(columns: &Columns, n: usize, up: usize, child: (i64, i64), parent: (i64, i64)) -> Skew {
    if columns.service[n] == columns.service[up] {
        return Skew::None;
    }
    // Only of a call that waits for its answer can the other side not end later; all else may go on in the background.
    let answered = columns.flags[up].kind() == Kind::Client && columns.flags[n].kind() == Kind::Server;
    if child.0 < parent.0 {
        Skew::StartsBefore
    } else if answered && child.1 > parent.1 {
        Skew::EndsAfter
    } else {
        Skew::None
    }
}
