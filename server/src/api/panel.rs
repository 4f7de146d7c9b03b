//! The panel of one span as HTML: the island puts it into the page as the page itself would have drawn it, so that it is
//! written once.

use super::answer::Failure;
use super::recorded::{Of, shown};
use super::trace::span_address;
use super::{Beside, State};
use app::pages::trace::span_panel;
use app::request::{lines, pins};
use axum::Extension;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use model::port::{Ask, Problem, Reader};

/// `GET /api/traces/{id}/spans/{address}/panel`; the parameters are those of the trace page, whose links the panel has.
pub(super) async fn panel(
    store: State,
    Extension(beside): Extension<Beside>,
    Path((id, span)): Path<(String, String)>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Failure> {
    drawn(&**store, &beside, Of::Trace, &id, &span, raw).await
}

/// `GET /api/requests/{id}/spans/{address}/panel`: of a span in any trace of the request.
pub(super) async fn request_panel(
    store: State,
    Extension(beside): Extension<Beside>,
    Path((id, span)): Path<(String, String)>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Failure> {
    drawn(&**store, &beside, Of::Request, &id, &span, raw).await
}

async fn drawn(store: &dyn Reader, beside: &Beside, of: Of, id: &str, span: &str, raw: Option<String>) -> Result<Response, Failure> {
    let ask = Ask::now();
    let _left = ask.cancel_on_drop();
    let address = span_address(span)?;
    let (mut url, recorded) = shown(store, &ask, of, id, raw).await?;
    url.view.span = Some(address);
    let trace_id = recorded.span(address).ok_or(Problem::NotFound("span"))?.trace_id;
    let links = store.links_to(&ask, trace_id).await?;
    let lines = lines(&*beside.logs, &*beside.links, &ask, url.id, &recorded).await;
    let pins = pins(&*beside.errors, &ask, &recorded).await;
    let now = store.now();
    let drawn = tokio::task::spawn_blocking(move || span_panel(recorded, lines, pins, links, url, now));
    let html = drawn.await.map_err(|error| Problem::Unavailable(error.to_string()))?.ok_or(Problem::NotFound("span"))?;
    let html_type = HeaderValue::from_static("text/html; charset=utf-8");
    Ok(([(CONTENT_TYPE, html_type), (CACHE_CONTROL, HeaderValue::from_static("no-store"))], html).into_response())
}
