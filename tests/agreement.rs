//! The store and the plain reference are asked the same; whatever they are asked, they must answer the same.

mod blocks;
mod line_worlds;
mod lines;
mod store;
mod worlds;
mod xray;

use model::port::{Cell, Facet, Table};

/// Figures are sums of floats in another order: equal to a part in a billion.
fn close(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

/// Whether two tables say the same.
fn same_table(a: &Table, b: &Table) -> bool {
    let cell = |a: &Cell, b: &Cell| match (a, b) {
        (Cell::Number(a), Cell::Number(b)) => close(*a, *b),
        (a, b) => a == b,
    };
    let row = |a: &Vec<Cell>, b: &Vec<Cell>| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| cell(a, b));
    a.columns == b.columns && a.exact == b.exact && a.rows.len() == b.rows.len() && a.rows.iter().zip(&b.rows).all(|(a, b)| row(a, b))
}

/// Whether two facets say the same.
fn same_facet(a: &Facet, b: &Facet) -> bool {
    let values = a.values.iter().zip(&b.values).all(|(a, b)| a.value == b.value && close(a.spans, b.spans));
    (&a.key, a.distinct, a.exact, a.values.len()) == (&b.key, b.distinct, b.exact, b.values.len()) && values
}

/// Runs a question to its answer.
fn now<T>(answer: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime").block_on(answer)
}
