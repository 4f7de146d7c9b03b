//! The JSON API (its documentation is the page `/api`), the box that finds any id, and the buttons of the demo and
//! of service aliases. Handlers read
//! through [`Store`]; a read stops when its client leaves.

mod aliases;
mod answer;
mod ask;
pub mod cloudwatch;
mod columns;
mod completion;
mod demo;
mod errors;
mod find;
mod lists;
pub mod logs;
mod otlp;
mod panel;
mod recorded;
pub mod sampling;
mod sources;
mod stats;
mod trace;
pub mod xray;

use crate::store::{ErrorStore, LogStore, Store};
use app::url::{ALIASES_REMOVE, ALIASES_SAVE, DEMO_REMOVE, DEMO_START};
use axum::Router;
use axum::routing::{get, post};
use model::port::LineLinks;
use std::sync::Arc;

/// What handlers need.
type State = axum::extract::State<Arc<dyn Store>>;

/// What is shown beside a trace: its log lines, what ties them to it, and its errors.
#[derive(Clone)]
pub struct Beside {
    pub logs: Arc<dyn LogStore>,
    pub links: Arc<dyn LineLinks>,
    pub errors: Arc<dyn ErrorStore>,
}

pub(crate) use answer::Failure;

/// Every route under `/api/`, `/aliases/` and `/demo/`, and `/find`.
pub fn routes(store: Arc<dyn Store>, beside: Beside) -> Router {
    let errors = errors::routes(beside.errors.clone(), beside.links.clone());
    Router::new()
        .route("/api/traces", get(lists::traces))
        .route("/api/traces/count", get(lists::count))
        .route("/api/traces/facets", get(lists::facets))
        .route("/api/traces/{id}", get(trace::trace))
        .route("/api/traces/{id}/columns", get(columns::columns))
        .route("/api/traces/{id}/matches", get(columns::matches))
        .route("/api/requests/{id}/columns", get(columns::request_columns))
        .route("/api/requests/{id}/matches", get(columns::request_matches))
        .route("/api/requests/{id}/spans/{span_id}/panel", get(panel::request_panel))
        .route("/api/traces/{id}/spans/{span_id}", get(trace::span))
        .route("/api/traces/{id}/spans/{span_id}/panel", get(panel::panel))
        .route("/api/stats", get(stats::stats))
        .route("/api/keys", get(completion::keys))
        .route("/api/values", get(completion::values))
        .route("/api/services", get(lists::services))
        .route("/api/sources", get(sources::sources))
        .route("/api/aliases", get(aliases::get).put(aliases::put))
        .route("/api/{*rest}", get(answer::no_such_call))
        .route("/find", get(find::find))
        .route(ALIASES_SAVE, post(aliases::save))
        .route(ALIASES_REMOVE, post(aliases::remove))
        .route(DEMO_START, post(demo::start))
        .route(DEMO_REMOVE, post(demo::remove))
        .with_state(store)
        .merge(errors)
        // Of a trace its log lines are a part, and its errors.
        .layer(axum::Extension(beside))
}
