//! The panel of one span as HTML: the island puts it into the page as the page itself would have drawn it, so that it is
//! written once.

use super::State;
use super::answer::Failure;
use super::trace::trace_id;
use app::pages::trace::span_panel;
use app::request::{alone, request};
use app::url;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use model::id::SpanId;
use model::port::{Ask, Problem, Reader};
use model::trace::Trace;

/// `GET /api/traces/{id}/spans/{span_id}/panel`; the parameters are those of the trace page, whose links the panel has.
pub(super) async fn panel(store: State, Path((id, span)): Path<(String, String)>, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let (url, ask) = (asked(&id, &span, raw)?, Ask::now());
    let _left = ask.cancel_on_drop();
    drawn(&**store, &ask, alone(&**store, &ask, url.id).await?, url).await
}

/// `GET /api/requests/{id}/spans/{span_id}/panel`: of a span in any trace of the request.
pub(super) async fn request_panel(
    store: State,
    Path((id, span)): Path<(String, String)>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Failure> {
    let (url, ask) = (asked(&id, &span, raw)?, Ask::now());
    let _left = ask.cancel_on_drop();
    drawn(&**store, &ask, request(&**store, &ask, url.id).await?, url).await
}

fn asked(id: &str, span: &str, raw: Option<String>) -> Result<url::Trace, Failure> {
    let span: SpanId = span.parse().map_err(|_| Failure::bad("a span id has 16 hex digits"))?;
    let mut url = url::Trace::parse(trace_id(id)?, raw.as_deref().unwrap_or_default());
    url.view.span = Some(span);
    Ok(url)
}

async fn drawn(store: &dyn Reader, ask: &Ask, trace: Trace, url: url::Trace) -> Result<Response, Failure> {
    let links = store.links_to(ask, url.id).await?;
    let now = store.now();
    let drawn = tokio::task::spawn_blocking(move || span_panel(trace, links, url, now));
    let html = drawn.await.map_err(|error| Problem::Unavailable(error.to_string()))?.ok_or(Problem::NotFound("span"))?;
    let html_type = HeaderValue::from_static("text/html; charset=utf-8");
    Ok(([(CONTENT_TYPE, html_type), (CACHE_CONTROL, HeaderValue::from_static("no-store"))], html).into_response())
}
