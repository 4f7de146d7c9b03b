//! `/find?id=`: the box that takes any id, and where it leads.

use super::{Beside, State};
use crate::store::ErrorStore;
use app::url::{ErrorPage, Find, Found, Trace, Traces, find as meaning};
use axum::Extension;
use axum::extract::RawQuery;
use axum::response::Redirect;
use model::id::SpanId;
use model::port::{Ask, Order, Reader, TraceSearch};
use model::time::Range;
use std::time::{Duration, Instant};

/// How long a span is looked for before the list takes over.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /find`
pub(super) async fn find(store: State, Extension(beside): Extension<Beside>, RawQuery(raw): RawQuery) -> Redirect {
    let text = Find::parse(raw.as_deref().unwrap_or_default()).text;
    // A span's id alone names its trace too, but only the store knows which.
    let found = match text.trim().parse::<SpanId>() {
        Ok(span) => trace_of(&**store, span).await,
        Err(_) => occurrence(&*beside.errors, text.trim()).await,
    };
    Redirect::to(&found.unwrap_or_else(|| meaning(&text)).to_string())
}

/// The occurrence with this uuid, which may be written like the id of a trace.
async fn occurrence(errors: &dyn ErrorStore, text: &str) -> Option<Found> {
    let hex = text.bytes().filter(|byte| *byte != b'-');
    if hex.clone().count() != 32 || !hex.clone().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let ask = Ask::now().until(Instant::now() + PATIENCE);
    let (number, seq) = errors.occurrence_by_uuid(&ask, text).await.ok()?;
    Some(Found::Error(ErrorPage::at(number, seq)))
}

async fn trace_of(reader: &dyn Reader, span: SpanId) -> Option<Found> {
    let Found::Traces(Traces { query, .. }) = meaning(&span.to_string()) else { return None };
    let query = model::query::parse(&query).ok()?;
    let ask = Ask::now().until(Instant::now() + PATIENCE);
    let _left = ask.cancel_on_drop();
    let search = TraceSearch { query, range: Range::ALL, order: Order::NEWEST, limit: 1, cursor: None, once: false };
    let page = reader.traces(&ask, &search).await.ok()?;
    let id = page.rows.first()?.summary.trace_id;
    Some(Found::Trace(Trace::at(id, Some(span), "")))
}
