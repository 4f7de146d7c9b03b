//! The minimap: the whole trace in a few thousand cells. Every span, however short, marks at least two cells, a long one
//! hides no error, and the work depends on the number of spans, not on their lengths.

use crate::columns::Columns;
use crate::waterfall::{Node, Rows, Times, Tree, order};

/// The least width of a span, in cells.
const LEAST: usize = 2;

/// What a cell of the minimap shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Cell {
    #[default]
    Empty,
    /// The longest span here is of this service (index of [`Columns::services`]).
    Service(u32),
    /// A span that failed is here.
    Error,
}

/// `height` lines of `width` cells, line by line; all rows, evenly spread over the lines.
pub fn minimap(columns: &Columns, tree: &Tree, times: &Times, rows: &Rows, width: usize, height: usize) -> Vec<Cell> {
    let mut cells = vec![Cell::Empty; width * height];
    if width < LEAST || height == 0 || rows.is_empty() {
        return cells;
    }
    let (from, to) = times.extent();
    let scale = width as f64 / (to as f64 - from as f64);
    // Few rows are spread out over lines of their own.
    let lines = height.min(rows.len());
    let mut spans: Vec<(u32, bool)> = Vec::new();
    for line in 0..lines {
        let (first, last) = (line * rows.len() / lines, (line + 1) * rows.len() / lines);
        spans.clear();
        for row in &rows.rows[first..last] {
            if row.is_node() {
                let hidden = if rows.is_folded(row.node) { tree.errors[row.node as usize] } else { 0 };
                match tree.node(row.node) {
                    Node::Span(n) => spans.push((n, hidden > 0 || columns.flags[n as usize].is_error())),
                    Node::Group(_) => spans.push((row.node, hidden > 0)),
                    Node::Missing(_) => {}
                }
            }
        }
        let length = |n: u32| times.end[n as usize].saturating_sub(times.start[n as usize]);
        let mut turn: Vec<u32> = (0..spans.len() as u32).collect();
        order::by_key(&mut turn, &|at| {
            let (n, error) = spans[at as usize];
            (i64::from(!error), -length(n))
        });
        let y = (2 * line + 1) * height / (2 * lines);
        let line = &mut cells[y * width..(y + 1) * width];
        // Errors come first, then long before short, and a cell once filled is stepped over: next[x] leads to a free one.
        let mut next: Vec<u32> = (0..=width as u32).collect();
        for (n, error) in turn.into_iter().map(|at| spans[at as usize]) {
            let x = |time: i64| (((time as f64 - from as f64) * scale) as usize).min(width);
            let start = x(times.start[n as usize]).min(width - LEAST);
            let end = x(times.end[n as usize]).max(start + LEAST);
            let span = match tree.node(n) {
                Node::Group(group) => tree.groups[group as usize].spans[0],
                _ => n,
            };
            let cell = if error { Cell::Error } else { Cell::Service(columns.service[span as usize]) };
            let mut at = free(&mut next, start);
            while at < end {
                line[at] = cell;
                next[at] = at as u32 + 1;
                at = free(&mut next, at);
            }
        }
    }
    cells
}

/// The first free cell from `at` on; shortens the way for the next time.
fn free(next: &mut [u32], at: usize) -> usize {
    let mut found = at;
    while next[found] as usize != found {
        found = next[found] as usize;
    }
    let mut step = at;
    while next[step] as usize != found && step != found {
        let after = next[step] as usize;
        next[step] = found as u32;
        step = after;
    }
    found
}
