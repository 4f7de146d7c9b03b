//! `/api/stats`: a query with a `stats` command, as a table.

use super::State;
use super::answer::{Failure, json};
use super::ask::Parameters;
use axum::extract::RawQuery;
use axum::response::Response;
use model::port::{Cell, SpanSearch};
use model::query::ast::{Command, Query};
use model::time::Rfc3339;

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
    table.arrange(&pipeline);
    if stats.bin.is_some() {
        for cell in table.rows.iter_mut().filter_map(|row| row.first_mut()) {
            if let Cell::Number(at) = cell {
                *cell = Cell::Text(Rfc3339(*at as i64).to_string());
            }
        }
    }
    Ok(json(&table))
}
