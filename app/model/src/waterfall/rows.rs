//! Which rows are on the page: the tree without what is folded, what is not in focus, and what the service filter prunes.
//! Nothing disappears without a trace: pruned spans leave a row that counts them.

use crate::columns::Columns;
use crate::waterfall::{FoldBase, NONE, Node, Tree, View, order};
use std::ops::Range;

/// A row of the waterfall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The node; for a row of pruned spans, the node they hang under.
    pub node: u32,
    /// How far it is indented.
    pub depth: u32,
    /// Its place in [`Tree::order`]; for a row of pruned spans, the place of the first.
    pub place: u32,
    /// For a row of pruned spans, an index of [`Rows::pruned`], else [`NONE`].
    pub pruned: u32,
    /// For a log line, an index of [`Columns::lines`], else [`NONE`]; `node` is where it happened.
    pub line: u32,
}

impl Row {
    /// Whether it is the row of its node.
    pub fn is_node(&self) -> bool {
        self.pruned == NONE && self.line == NONE
    }
}

/// What the service filter took out at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Pruned {
    pub spans: u32,
    pub errors: u32,
}

/// The rows that are on the page, top to bottom.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Rows {
    pub rows: Vec<Row>,
    pub pruned: Vec<Pruned>,
    /// By node: whether it is folded.
    folded: Vec<bool>,
    lines: Lines,
}

/// The log lines by the node they happened at.
#[derive(Clone, Debug, PartialEq, Default)]
struct Lines {
    /// By index of [`Columns::lines`]: the node.
    node: Vec<u32>,
    /// The lines by node, then time.
    order: Vec<u32>,
    /// By index of [`Columns::lines`]: whether the line itself says that it is of the trace.
    exact: Vec<bool>,
}

impl Lines {
    fn of(columns: &Columns, tree: &Tree) -> Lines {
        // What names no span that is here happened somewhere in the trace.
        let whole = tree.main().or_else(|| tree.order.first().copied()).unwrap_or(NONE);
        let node: Vec<u32> = columns.lines.iter().map(|line| if line.span == NONE { whole } else { line.span }).collect();
        let mut order: Vec<u32> = (0..node.len() as u32).collect();
        order::by_key(&mut order, &|at| (i64::from(node[at as usize]), i64::from(at)));
        Lines { node, order, exact: columns.lines.iter().map(|line| !line.inferred).collect() }
    }

    /// Those of a node, a range of `order`.
    fn at(&self, node: u32) -> Range<usize> {
        let place = |than: u32| self.order.partition_point(|&at| self.node[at as usize] < than);
        place(node)..place(node.saturating_add(1))
    }
}

/// A node whose lines are not all drawn yet.
struct Open {
    node: u32,
    /// The place after its subtree.
    end: u32,
    depth: u32,
    /// A range of [`Lines::order`].
    lines: Range<usize>,
}

impl Rows {
    /// The rows of a view.
    pub fn of(columns: &Columns, tree: &Tree, view: &View) -> Rows {
        let folded: Vec<bool> = (0..tree.len() as u32).map(|n| is_folded(columns, tree, view, n)).collect();
        let mut rows = Rows { rows: Vec::with_capacity(tree.len()), pruned: Vec::new(), folded, lines: Lines::of(columns, tree) };
        let mut open: Vec<Open> = Vec::new();
        let (from, to) = match view.focus.and_then(|address| columns.find(address)) {
            Some(n) => {
                let place = tree.place[n as usize];
                (place, place + tree.size[n as usize])
            }
            None => (0, tree.len() as u32),
        };
        let base = tree.order.get(from as usize).map_or(0, |&n| tree.depth[n as usize]);
        let kept = kept(columns, tree, view);
        // By node: its row of pruned spans.
        let mut pruned_under = vec![NONE; if kept.is_some() { tree.len() + 1 } else { 0 }];
        let mut place = from;
        while place < to {
            let node = tree.order[place as usize];
            let n = node as usize;
            let depth = tree.depth[n].saturating_sub(base);
            while let Some(ended) = open.pop_if(|open| open.end <= place) {
                rows.draw_lines(ended, place);
            }
            // What is logged before a child begins stands before it.
            if let Some(above) = open.last_mut().filter(|above| above.node == tree.parent[n]) {
                let starts = start(columns, tree, node);
                let lines = above.lines.clone();
                let before = rows.lines.order[lines.clone()].partition_point(|&at| columns.lines[at as usize].time < starts);
                above.lines.start += before;
                let (node, end, depth) = (above.node, above.end, above.depth);
                rows.draw_lines(Open { node, end, depth, lines: lines.start..lines.start + before }, place);
            }
            if kept.as_ref().is_some_and(|kept| !kept[n]) {
                let under = tree.parent[n];
                let slot = &mut pruned_under[if under == NONE { tree.len() } else { under as usize }];
                if *slot == NONE {
                    *slot = rows.pruned.len() as u32;
                    rows.rows.push(Row { node: under, depth, place, pruned: *slot, line: NONE });
                    rows.pruned.push(Pruned::default());
                }
                let pruned = &mut rows.pruned[*slot as usize];
                pruned.spans += tree.spans_under(node);
                pruned.errors += tree.errors[n];
                place += tree.size[n];
                continue;
            }
            rows.rows.push(Row { node, depth, place, pruned: NONE, line: NONE });
            if !rows.folded[n] && !view.without_lines {
                let lines = rows.lines.at(node);
                if !lines.is_empty() {
                    open.push(Open { node, end: place + tree.size[n], depth: depth + 1, lines });
                }
            }
            place += if rows.folded[n] { tree.size[n] } else { 1 };
        }
        while let Some(ended) = open.pop() {
            rows.draw_lines(ended, place);
        }
        rows
    }

    /// Rows for lines, which stand before the node at a place.
    fn draw_lines(&mut self, open: Open, place: u32) {
        let lines = self.lines.order[open.lines].iter();
        self.rows.extend(lines.map(|&line| Row { node: open.node, depth: open.depth, place, pruned: NONE, line }));
    }

    /// How many log lines happened at a node, as they say themselves.
    pub fn lines_at(&self, n: u32) -> usize {
        self.lines.order[self.lines.at(n)].iter().filter(|&&at| self.lines.exact[at as usize]).count()
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether the node hides what is under it. A node with nothing under it is never folded.
    pub fn is_folded(&self, n: u32) -> bool {
        self.folded.get(n as usize).copied().unwrap_or_default()
    }

    /// The row of a node, unless it is hidden.
    pub fn row_of(&self, tree: &Tree, n: u32) -> Option<usize> {
        let place = *tree.place.get(n as usize)?;
        // Log lines stand before the node at their place.
        let first = self.rows.partition_point(|row| row.place < place);
        let lines = self.rows[first..].iter().take_while(|row| row.line != NONE && row.place == place).count();
        self.rows.get(first + lines).filter(|row| row.place == place && row.is_node()).map(|_| first + lines)
    }

    /// The row a node is at or is hidden in: its own, else that of the nearest folded ancestor, else that of the pruned.
    pub fn row_over(&self, tree: &Tree, n: u32) -> Option<usize> {
        let mut at = n;
        while at != NONE {
            if let Some(row) = self.row_of(tree, at) {
                return Some(row);
            }
            at = tree.parent[at as usize];
        }
        None
    }
}

impl Tree {
    /// How many spans the subtree of a node has, the node included if it is one.
    pub fn spans_under(&self, n: u32) -> u32 {
        let place = self.place[n as usize] as usize;
        let subtree = &self.order[place..place + self.size[n as usize] as usize];
        subtree.iter().filter(|&&node| matches!(self.node(node), Node::Span(_))).count() as u32
    }

    /// The node with this fold key.
    pub fn by_fold_key(&self, columns: &Columns, key: u64) -> Option<u32> {
        (0..self.len() as u32).find(|&n| self.fold_key(columns, n) == key)
    }
}

impl View {
    /// Opens whatever hides a node: folded ancestors, a focus elsewhere, the service filter.
    pub fn reveal(&mut self, columns: &Columns, tree: &Tree, n: u32) {
        for &up in tree.path(n).iter().rev().skip(1) {
            if is_folded(columns, tree, self, up) {
                self.folds.toggle(tree.fold_key(columns, up));
            }
        }
        let outside = |focus: u32| {
            !(tree.place[focus as usize]..tree.place[focus as usize] + tree.size[focus as usize]).contains(&tree.place[n as usize])
        };
        if self.focus.and_then(|address| columns.find(address)).is_some_and(outside) {
            self.focus = None;
        }
        if kept(columns, tree, self).is_some_and(|kept| !kept[n as usize]) {
            self.services.clear();
        }
    }
}

/// When a node begins.
fn start(columns: &Columns, tree: &Tree, n: u32) -> i64 {
    match tree.node(n) {
        Node::Span(n) => columns.start[n as usize],
        Node::Group(at) => columns.start[tree.groups[at as usize].spans[0] as usize],
        Node::Missing(_) => tree.children(n).first().and_then(|&first| columns.start.get(first as usize)).copied().unwrap_or(i64::MIN),
    }
}

fn is_folded(columns: &Columns, tree: &Tree, view: &View, n: u32) -> bool {
    if tree.size[n as usize] <= 1 {
        return false;
    }
    let by_rule = match view.folds.base {
        FoldBase::Groups => matches!(tree.node(n), Node::Group(_)),
        FoldBase::Open => false,
        FoldBase::Depth(depth) => tree.depth[n as usize] >= depth,
    };
    // Looking the key up is what costs; most views have no exceptions.
    by_rule != (view.folds.has_exceptions() && view.folds.is_toggled(tree.fold_key(columns, n)))
}

/// By node, whether the service filter keeps it: spans of the chosen services and what leads to them. `None` without a filter,
/// and for a filter that names no service of the trace.
fn kept(columns: &Columns, tree: &Tree, view: &View) -> Option<Vec<bool>> {
    if view.services.is_empty() {
        return None;
    }
    let chosen: Vec<bool> = columns.services.iter().map(|name| view.services.contains(name)).collect();
    if !chosen.contains(&true) {
        return None;
    }
    let mut kept: Vec<bool> = columns.service.iter().map(|&service| chosen[service as usize]).collect();
    kept.resize(tree.len(), false);
    for &n in tree.order.iter().rev() {
        let up = tree.parent[n as usize];
        if up != NONE && kept[n as usize] {
            kept[up as usize] = true;
        }
    }
    Some(kept)
}
