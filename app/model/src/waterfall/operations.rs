//! The table of operations: spans of one service and name taken together.

use crate::columns::Columns;
use crate::waterfall::{Critical, Node, Tree, order};

/// One row of the table. Times in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Index of [`Columns::services`].
    pub service: u32,
    /// Index of [`Columns::names`].
    pub name: u32,
    pub count: u32,
    /// Spans with status error.
    pub errors: u32,
    pub total: i64,
    pub self_time: i64,
    pub p50: i64,
    pub max: i64,
    /// Time on the critical path.
    pub critical: i64,
    /// The longest of the spans.
    pub longest: u32,
}

/// What the table is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SortBy {
    #[default]
    SelfTime,
    Name,
    Count,
    Errors,
    Total,
    P50,
    Max,
    Critical,
}

impl SortBy {
    pub const ALL: [SortBy; 8] =
        [SortBy::Name, SortBy::Count, SortBy::Errors, SortBy::Total, SortBy::SelfTime, SortBy::P50, SortBy::Max, SortBy::Critical];

    /// As the URL has it.
    pub fn as_str(self) -> &'static str {
        match self {
            SortBy::SelfTime => "self",
            SortBy::Name => "name",
            SortBy::Count => "count",
            SortBy::Errors => "errors",
            SortBy::Total => "total",
            SortBy::P50 => "p50",
            SortBy::Max => "max",
            SortBy::Critical => "critical",
        }
    }
}

/// The table, in no order; see [`sort_operations`]. Only spans of the subtree of `under` are counted.
pub fn operations(columns: &Columns, tree: &Tree, self_times: &[i64], critical: &Critical, under: Option<u32>) -> Vec<Operation> {
    let subtree = match under {
        Some(n) => &tree.order[tree.place[n as usize] as usize..][..tree.size[n as usize] as usize],
        None => &tree.order[..],
    };
    let mut spans: Vec<u32> = subtree.iter().copied().filter(|&n| matches!(tree.node(n), Node::Span(_))).collect();
    let operation = |n: u32| (columns.service[n as usize], columns.name[n as usize]);
    let duration = |n: u32| columns.duration[n as usize];
    let number = |n: u32| i64::from(columns.service[n as usize]) << 32 | i64::from(columns.name[n as usize]);
    order::by_key(&mut spans, &|n| (number(n), duration(n)));
    let mut on_path = vec![0i64; columns.len()];
    for section in critical.sections() {
        if let Some(ns) = on_path.get_mut(section.node as usize) {
            *ns += section.end - section.start;
        }
    }
    let sum = |spans: &[u32], of: &dyn Fn(u32) -> i64| spans.iter().fold(0i64, |sum, &n| sum.saturating_add(of(n)));
    let row = |spans: &[u32]| {
        let longest = spans[spans.len() - 1];
        Operation {
            service: operation(longest).0,
            name: operation(longest).1,
            count: spans.len() as u32,
            errors: spans.iter().filter(|&&n| columns.flags[n as usize].is_error()).count() as u32,
            total: sum(spans, &duration),
            self_time: sum(spans, &|n| self_times[n as usize]),
            p50: duration(spans[(spans.len() - 1) / 2]),
            max: duration(longest),
            critical: sum(spans, &|n| on_path[n as usize]),
            longest,
        }
    };
    spans.chunk_by(|&a, &b| operation(a) == operation(b)).map(row).collect()
}

/// Sorts the table: names from A, figures from the largest; equal ones by service and name.
pub fn sort_operations(columns: &Columns, table: &mut [Operation], by: SortBy) {
    let figure = |row: &Operation| match by {
        SortBy::Name => 0,
        SortBy::SelfTime => row.self_time,
        SortBy::Count => i64::from(row.count),
        SortBy::Errors => i64::from(row.errors),
        SortBy::Total => row.total,
        SortBy::P50 => row.p50,
        SortBy::Max => row.max,
        SortBy::Critical => row.critical,
    };
    let text = |row: &Operation| (columns.services[row.service as usize].as_str(), columns.names[row.name as usize].as_str());
    table.sort_by(|a, b| figure(b).cmp(&figure(a)).then_with(|| text(a).cmp(&text(b))));
}
