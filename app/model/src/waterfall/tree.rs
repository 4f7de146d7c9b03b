//! Parents and children, whatever the spans say: every span is in the tree exactly once, cycles are cut, a parent that
//! never arrived has a node of its own, and long runs of like siblings are gathered.

use crate::columns::{Columns, Parent};
use crate::span::Family;
use crate::waterfall::{Folds, order};

/// No node.
pub const NONE: u32 = u32::MAX;

/// So many siblings of the same service and name become a group.
pub const GROUP_AT_LEAST: usize = 5;

/// The tree of a trace. Nodes are numbered: first the spans, as in the columns, then [`Columns::missing`], then `groups`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Tree {
    spans: u32,
    missing: u32,
    /// Groups of like siblings.
    pub groups: Vec<Group>,
    /// Spans whose parent link was cut because it led round in a circle.
    pub cut: Vec<u32>,
    /// Every node, parents before children, siblings by start.
    pub order: Vec<u32>,
    /// By node: its place in `order`.
    pub place: Vec<u32>,
    /// By node: the node it hangs under, or [`NONE`].
    pub parent: Vec<u32>,
    /// By node: how many nodes are above it.
    pub depth: Vec<u32>,
    /// By node: how many nodes its subtree has, itself included: the subtree is `order[place..place + size]`.
    pub size: Vec<u32>,
    /// By node: error spans of its subtree, itself included.
    pub errors: Vec<u32>,
    /// Children without groups, by start: those of span or missing parent `n` are `kids[kids_at[n]..kids_at[n + 1]]`.
    kids: Vec<u32>,
    kids_at: Vec<u32>,
}

/// Siblings of the same service and name.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its spans, by start; at least [`GROUP_AT_LEAST`].
    pub spans: Vec<u32>,
    /// Nanoseconds.
    pub sum: i64,
    pub p50: i64,
    pub max: i64,
    pub errors: u32,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    Span(u32),
    /// An index of [`Columns::missing`].
    Missing(u32),
    /// An index of [`Tree::groups`].
    Group(u32),
}

impl Tree {
    pub fn of(columns: &Columns) -> Tree {
        let spans = columns.len() as u32;
        let missing = columns.missing.len() as u32;
        let mut parent: Vec<u32> = columns
            .parent
            .iter()
            .map(|parent| match *parent {
                Parent::Root => NONE,
                Parent::Span(at) => at,
                Parent::Missing(at) => spans + at,
            })
            .collect();
        let cut = cut_cycles(columns, &mut parent);
        parent.resize((spans + missing) as usize, NONE);
        let (kids, kids_at) = children(columns, &parent);
        let mut tree = Tree { spans, missing, cut, parent, kids, kids_at, ..Tree::default() };
        tree.gather(columns);
        tree.lay_out(columns);
        tree
    }

    /// What node `n` is.
    pub fn node(&self, n: u32) -> Node {
        if n < self.spans {
            Node::Span(n)
        } else if n < self.spans + self.missing {
            Node::Missing(n - self.spans)
        } else {
            Node::Group(n - self.spans - self.missing)
        }
    }

    /// How many nodes.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// How many of the rows are spans.
    pub fn span_rows(&self) -> usize {
        self.order.iter().filter(|&&node| node < self.spans).count()
    }

    /// The spans directly under a span or missing parent, by start, groups or not.
    pub fn children(&self, n: u32) -> &[u32] {
        match (self.kids_at.get(n as usize), self.kids_at.get(n as usize + 1)) {
            (Some(&from), Some(&to)) => &self.kids[from as usize..to as usize],
            _ => match self.node(n) {
                Node::Group(group) => &self.groups[group as usize].spans,
                _ => &[],
            },
        }
    }

    /// The span or missing parent a span hangs under, groups left out; [`NONE`] at the top.
    pub fn parent_of_span(&self, n: u32) -> u32 {
        match self.parent[n as usize] {
            NONE => NONE,
            up if up >= self.spans + self.missing => self.parent[up as usize],
            up => up,
        }
    }

    /// Whether the row of a span or group must say its service: it is another than that of the span it hangs under, and the
    /// row of its group has not said it already.
    pub fn enters(&self, columns: &Columns, n: u32) -> bool {
        let span = match self.node(n) {
            Node::Span(_) if self.parent[n as usize] != self.parent_of_span(n) => return false,
            Node::Span(_) => n,
            Node::Group(group) => self.groups[group as usize].spans[0],
            Node::Missing(_) => return false,
        };
        match self.parent_of_span(span) {
            NONE => true,
            up => match self.node(up) {
                Node::Span(up) => columns.service[up as usize] != columns.service[span as usize],
                _ => true,
            },
        }
    }

    /// Of a page with several systems, whose tree begins with the row of a node. `None` of all other rows.
    pub fn begins(&self, columns: &Columns, n: u32) -> Option<Family> {
        let system = |n: u32| match self.node(n) {
            Node::Span(n) => Some(columns.system_of(n as usize)),
            _ => self.children(n).first().map(|&kid| columns.system_of(kid as usize)),
        };
        let own = system(n).filter(|_| columns.systems.len() > 1)?;
        let above = match self.parent[n as usize] {
            NONE => None,
            up => system(up),
        };
        (above != Some(own)).then_some(own.family)
    }

    /// From the top down to the node, itself included.
    pub fn path(&self, n: u32) -> Vec<u32> {
        let mut path = vec![n];
        let mut at = n;
        while self.parent[at as usize] != NONE {
            at = self.parent[at as usize];
            path.push(at);
        }
        path.reverse();
        path
    }

    /// The node the trace is about: the first root, else the first at the top.
    pub fn main(&self) -> Option<u32> {
        self.order.first().copied()
    }

    /// The key under which [`Folds`] knows a node.
    pub fn fold_key(&self, columns: &Columns, n: u32) -> u64 {
        match self.node(n) {
            Node::Span(span) => Folds::key(columns.address(span as usize)),
            Node::Missing(at) => Folds::key(columns.missing[at as usize]),
            Node::Group(group) => Folds::group_key(columns.address(self.groups[group as usize].spans[0] as usize)),
        }
    }

    /// Makes the groups; `parent` of their spans becomes the group.
    fn gather(&mut self, columns: &Columns) {
        let mut like: Vec<u32> = Vec::new();
        for n in 0..self.spans + self.missing {
            let kids = self.children(n);
            if kids.len() < GROUP_AT_LEAST {
                continue;
            }
            like.clear();
            like.extend_from_slice(kids);
            let operation = |kid: u32| (columns.service[kid as usize].into(), columns.name[kid as usize].into());
            order::by_key(&mut like, &operation);
            let runs = like.chunk_by(|&a, &b| operation(a) == operation(b)).filter(|run| run.len() >= GROUP_AT_LEAST);
            let groups: Vec<Vec<u32>> = runs.map(<[u32]>::to_vec).collect();
            for spans in groups {
                let node = self.parent.len() as u32;
                spans.iter().for_each(|&span| self.parent[span as usize] = node);
                self.parent.push(n);
                self.groups.push(Group::of(columns, spans));
            }
        }
    }

    /// Fills everything that follows from `parent` and the children.
    fn lay_out(&mut self, columns: &Columns) {
        let nodes = self.parent.len();
        self.order = Vec::with_capacity(nodes);
        self.place = vec![NONE; nodes];
        self.depth = vec![0; nodes];
        self.size = vec![1; nodes];
        self.errors = columns.flags.iter().map(|flags| u32::from(flags.is_error())).collect();
        self.errors.resize(nodes, 0);

        let first_group = self.spans + self.missing;
        let mut stack = self.top(columns);
        stack.reverse();
        while let Some(n) = stack.pop() {
            self.place[n as usize] = self.order.len() as u32;
            self.order.push(n);
            let up = self.parent[n as usize];
            if up != NONE {
                self.depth[n as usize] = self.depth[up as usize] + 1;
            }
            let pushed = stack.len();
            for &kid in self.children(n) {
                let holder = self.parent[kid as usize];
                if holder == n {
                    stack.push(kid);
                } else if holder >= first_group && self.groups[(holder - first_group) as usize].spans[0] == kid {
                    stack.push(holder);
                }
            }
            stack[pushed..].reverse();
        }
        for &n in self.order.iter().rev() {
            let up = self.parent[n as usize];
            if up != NONE {
                self.size[up as usize] += self.size[n as usize];
                self.errors[up as usize] += self.errors[n as usize];
            }
        }
    }

    /// The nodes at the top: roots by start, then missing parents by their first child.
    fn top(&self, columns: &Columns) -> Vec<u32> {
        let mut roots: Vec<u32> = (0..self.spans).filter(|&n| self.parent[n as usize] == NONE).collect();
        order::by_key(&mut roots, &|n| (columns.start[n as usize], 0));
        let mut missing: Vec<u32> = (self.spans..self.spans + self.missing).collect();
        let first = |n: u32| self.children(n).first().map_or(i64::MIN, |&kid| columns.start[kid as usize]);
        order::by_key(&mut missing, &|n| (first(n), 0));
        roots.extend(missing);
        roots
    }
}

impl Group {
    fn of(columns: &Columns, spans: Vec<u32>) -> Group {
        let mut durations = spans.clone();
        order::by_key(&mut durations, &|span| (columns.duration[span as usize], 0));
        let durations: Vec<i64> = durations.into_iter().map(|span| columns.duration[span as usize]).collect();
        Group {
            sum: durations.iter().fold(0, |sum: i64, &ns| sum.saturating_add(ns)),
            p50: durations[(durations.len() - 1) / 2],
            max: durations[durations.len() - 1],
            errors: spans.iter().filter(|&&span| columns.flags[span as usize].is_error()).count() as u32,
            spans,
        }
    }
}

/// Cuts the parent link of the earliest span of every circle, so that what is left is a forest.
fn cut_cycles(columns: &Columns, parent: &mut [u32]) -> Vec<u32> {
    let spans = parent.len() as u32;
    // 0: not seen yet; else the walk it was seen in.
    let mut seen = vec![0u32; parent.len()];
    let mut cut = Vec::new();
    for start in 0..spans {
        let walk = start + 1;
        let mut at = start;
        while at < spans && seen[at as usize] == 0 {
            seen[at as usize] = walk;
            at = parent[at as usize];
        }
        if at >= spans || seen[at as usize] != walk {
            continue;
        }
        // The walk came back to itself, and `at` is on the circle.
        let mut first = at;
        let mut on = parent[at as usize];
        while on != at {
            if (columns.start[on as usize], on) < (columns.start[first as usize], first) {
                first = on;
            }
            on = parent[on as usize];
        }
        parent[first as usize] = NONE;
        cut.push(first);
    }
    cut
}

/// Every node's children by start, one after the other, and where each node's begin.
fn children(columns: &Columns, parent: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut at = vec![0u32; parent.len() + 1];
    for &up in &parent[..columns.len()] {
        if up != NONE {
            at[up as usize + 1] += 1;
        }
    }
    for n in 1..at.len() {
        at[n] += at[n - 1];
    }
    let mut next = at.clone();
    let mut kids = vec![0; at[parent.len()] as usize];
    for (n, &up) in parent[..columns.len()].iter().enumerate() {
        if up != NONE {
            kids[next[up as usize] as usize] = n as u32;
            next[up as usize] += 1;
        }
    }
    // The store's order is by start already; other columns are not refused.
    if !columns.start.is_sorted() {
        for n in 0..parent.len() {
            order::by_key(&mut kids[at[n] as usize..at[n + 1] as usize], &|kid| (columns.start[kid as usize], 0));
        }
    }
    (kids, at)
}
