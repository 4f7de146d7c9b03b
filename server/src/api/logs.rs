//! `/api/logs` and the calls below it: lines, counts, facets, patterns, pipelines, one line, live tail, export; and the pieces of HTML
//! that the Logs page's islands put into it.

mod complete;
mod export;
mod json;
mod line;
mod page;
mod table;
mod tail;

use super::answer::Failure;
use super::ask::Parameters;
use crate::store::{LogStore, Store};
use app::url::parse_log_order;
use axum::Router;
use axum::routing::get;
use model::port::{LineLinks, LogSearch, Problem, Reader};
use model::query::parse_logs;
use model::time::Range;
use std::sync::Arc;
use tokio::sync::watch;

/// What handlers need.
#[derive(Clone)]
pub struct Logs {
    /// For the time, which tests have their own of.
    pub store: Arc<dyn Store>,
    pub logs: Arc<dyn LogStore>,
    pub links: Arc<dyn LineLinks>,
    /// Says when the server stops: what streams without end stops, too.
    pub stopped: watch::Receiver<bool>,
}

type State = axum::extract::State<Logs>;

pub fn routes(state: Logs) -> Router {
    Router::new()
        .route("/api/logs", get(page::lines))
        .route("/api/logs/rows", get(page::rows))
        .route("/api/logs/histogram", get(page::histogram))
        .route("/api/logs/facets", get(page::facets))
        .route("/api/logs/fields", get(page::fields))
        .route("/api/logs/patterns", get(page::patterns))
        .route("/api/logs/groups", get(page::groups))
        .route("/api/logs/complete", get(complete::complete))
        .route("/api/logs/table", get(table::table))
        .route("/api/logs/tail", get(tail::tail))
        .route("/api/logs/export", get(export::export))
        .route("/api/logs/line/{at}", get(line::line))
        .route("/api/logs/line/{at}/panel", get(line::panel))
        .with_state(state)
}

/// `q`, `group`, the range, `order`, `limit`, `cursor`.
fn search(parameters: &Parameters, store: &dyn Reader, limit: u32, most: u32) -> Result<LogSearch, Failure> {
    search_in(parameters, parameters.range(store)?, limit, most)
}

fn search_in(parameters: &Parameters, range: Range, limit: u32, most: u32) -> Result<LogSearch, Failure> {
    let query = parse_logs(parameters.text("q"))
        .map_err(|error| Failure(Problem::Bad { message: error.message, position: Some(error.position) }))?;
    let order = match parameters.text("order") {
        "" => Default::default(),
        text => parse_log_order(text).ok_or_else(|| Failure::bad("order must be newest or oldest"))?,
    };
    let cursor = match parameters.text("cursor") {
        "" => None,
        text => Some(text.parse()?),
    };
    let groups = parameters.all("group").map(str::to_owned).collect();
    Ok(LogSearch { query, groups, range, order, limit: parameters.number("limit", limit, 1, most)?, cursor })
}
