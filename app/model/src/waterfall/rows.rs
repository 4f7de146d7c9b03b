//! Which rows are on the page: the tree without what is folded, what is not in focus, and what the service filter prunes.
//! Nothing disappears without a trace: pruned spans leave a row that counts them.

use crate::columns::Columns;
use crate::waterfall::{FoldBase, NONE, Node, Tree, View};

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
}

impl Rows {
    /// The rows of a view.
    pub fn of(columns: &Columns, tree: &Tree, view: &View) -> Rows {
        let folded: Vec<bool> = (0..tree.len() as u32).map(|n| is_folded(columns, tree, view, n)).collect();
        let mut rows = Rows { rows: Vec::with_capacity(tree.len()), pruned: Vec::new(), folded };
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
            if kept.as_ref().is_some_and(|kept| !kept[n]) {
                let under = tree.parent[n];
                let slot = &mut pruned_under[if under == NONE { tree.len() } else { under as usize }];
                if *slot == NONE {
                    *slot = rows.pruned.len() as u32;
                    rows.rows.push(Row { node: under, depth, place, pruned: *slot });
                    rows.pruned.push(Pruned::default());
                }
                let pruned = &mut rows.pruned[*slot as usize];
                pruned.spans += tree.spans_under(node);
                pruned.errors += tree.errors[n];
                place += tree.size[n];
                continue;
            }
            rows.rows.push(Row { node, depth, place, pruned: NONE });
            place += if rows.folded[n] { tree.size[n] } else { 1 };
        }
        rows
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
        let at = self.rows.binary_search_by_key(&place, |row| row.place).ok()?;
        (self.rows[at].pruned == NONE).then_some(at)
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
