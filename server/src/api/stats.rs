//! `/api/stats`: a query with a `stats` command, as a table.

use super::State;
use super::answer::{Failure, json};
use super::ask::Parameters;
use axum::extract::RawQuery;
use axum::response::Response;
use model::port::{Cell, SpanSearch, Table};
use model::query::ast::{Command, Query};
use model::time::Rfc3339;
use std::cmp::Ordering;

/// `GET /api/stats`
pub(super) async fn stats(store: State, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let parameters = Parameters::of(raw);
    let Query { filter, pipeline } = parameters.query()?;
    let Some(stats) = pipeline.iter().find_map(|command| match command {
        Command::Stats(stats) => Some(stats.clone()),
        _ => None,
    }) else {
        return Err(Failure::bad("q needs a stats command: `service:a | stats count(), p95(duration) by http.route`"));
    };
    let search = SpanSearch { query: Query { filter, pipeline: vec![] }, range: parameters.range(&**store)? };
    let ask = parameters.brief_ask()?;
    let _left = ask.cancel_on_drop();
    let mut table = store.stats(&ask, &search, &stats).await?;
    for command in &pipeline {
        match command {
            Command::Stats(_) => (),
            Command::Sort { column, descending } => sort(&mut table, column, *descending)?,
            Command::Limit(rows) => table.rows.truncate(*rows as usize),
        }
    }
    if stats.bin.is_some() {
        for cell in table.rows.iter_mut().filter_map(|row| row.first_mut()) {
            if let Cell::Number(at) = cell {
                *cell = Cell::Text(Rfc3339(*at as i64).to_string());
            }
        }
    }
    Ok(json(&table))
}

/// By one column; rows that are equal in it keep their order.
fn sort(table: &mut Table, column: &str, descending: bool) -> Result<(), Failure> {
    let Some(at) = table.columns.iter().position(|name| name == column) else {
        return Err(Failure::bad(format!("there is no column `{column}` to sort by: there are {}", table.columns.join(", "))));
    };
    table.rows.sort_by(|a, b| {
        let order = compare(&a[at], &b[at]);
        if descending { order.reverse() } else { order }
    });
    Ok(())
}

/// Nulls, then numbers, then texts.
fn compare(one: &Cell, other: &Cell) -> Ordering {
    let rank = |cell: &Cell| match cell {
        Cell::Null => 0,
        Cell::Number(_) => 1,
        Cell::Text(_) => 2,
    };
    match (one, other) {
        (Cell::Number(a), Cell::Number(b)) => a.total_cmp(b),
        (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_sort_by_any_column() {
        let row = |name: &str, n: Cell| vec![Cell::Text(name.into()), n];
        let rows = vec![row("a", Cell::Number(2.0)), row("b", Cell::Null), row("c", Cell::Number(10.0)), row("d", Cell::Number(2.0))];
        let mut table = Table { columns: vec!["service".into(), "n".into()], rows, exact: true };
        sort(&mut table, "n", true).unwrap();
        let names: Vec<String> = table.rows.iter().map(|row| app::ui::text(&row[0])).collect();
        assert_eq!(names, ["c", "a", "d", "b"]);
        assert!(sort(&mut table, "p95", true).is_err());
    }
}
