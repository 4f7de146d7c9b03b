//! What the trace page needs besides the HTML: all spans of a trace in a few bytes each, and which of them a search finds.

use super::answer::{Failure, json};
use super::recorded::{Of, shown};
use super::{Beside, State};
use app::pages::trace::found;
use app::request::{Recorded, lines};
use axum::Extension;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use model::columns::{Columns, MEDIA_TYPE, encode};
use model::port::{Ask, Problem};
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;

/// `GET /api/traces/{id}/columns?system=`: the form of [`model::columns`]. Has an entity tag, so that a page that waits for
/// late spans learns cheaply that there are none.
pub(super) async fn columns(
    store: State,
    Extension(beside): Extension<Beside>,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    columns_of(&store, &beside, Of::Trace, &id, raw, &headers).await
}

/// `GET /api/requests/{id}/columns?system=`: the same of all traces of the request.
pub(super) async fn request_columns(
    store: State,
    Extension(beside): Extension<Beside>,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    columns_of(&store, &beside, Of::Request, &id, raw, &headers).await
}

async fn columns_of(
    store: &State,
    beside: &Beside,
    of: Of,
    id: &str,
    raw: Option<String>,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let ask = Ask::now();
    let _left = ask.cancel_on_drop();
    let (url, recorded) = shown(&***store, &ask, of, id, raw).await?;
    let lines = lines(&*beside.logs, &*beside.links, &ask, url.id, &recorded).await;
    let Recorded { trace, .. } = recorded;
    // A merged document changes a span and may leave their number as it was.
    let newest = trace.spans.iter().map(|span| span.envelope.seq).max().unwrap_or(0);
    let names = FxBuildHasher.hash_one(&*store.aliases());
    let beside = lines.iter().map(|line| line.seq).max().unwrap_or(0) + lines.len() as u64;
    let (spans, last) = (trace.spans.len(), trace.last_received);
    let tag = format!("\"{spans}-{newest}-{last}-{}-{}-{names:x}-{beside}\"", trace.duplicates, trace.conflicts);
    let tag = HeaderValue::from_str(&tag).map_err(|error| Problem::Unavailable(error.to_string()))?;
    let known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes().windows(tag.len()).any(|part| part == tag.as_bytes()));
    if known {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    // Tens of milliseconds for a large trace: not on the thread that answers others.
    let bytes = tokio::task::spawn_blocking(move || encode(&Columns::of(&trace).with_lines(&lines)))
        .await
        .map_err(|error| Problem::Unavailable(error.to_string()))?;
    let media_type = HeaderValue::from_static(MEDIA_TYPE);
    Ok(([(CONTENT_TYPE, media_type), (CACHE_CONTROL, HeaderValue::from_static("no-cache")), (ETAG, tag)], bytes).into_response())
}

/// `GET /api/traces/{id}/matches?q=&system=`: the spans a search inside the trace finds, `{"spans":[0,5,...]}`, as positions
/// in the columns.
pub(super) async fn matches(store: State, Path(id): Path<String>, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    matches_in(&store, Of::Trace, &id, raw).await
}

/// `GET /api/requests/{id}/matches?q=&system=`: the same in all traces of the request.
pub(super) async fn request_matches(store: State, Path(id): Path<String>, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    matches_in(&store, Of::Request, &id, raw).await
}

async fn matches_in(store: &State, of: Of, id: &str, raw: Option<String>) -> Result<Response, Failure> {
    let ask = Ask::now();
    let _left = ask.cancel_on_drop();
    let (url, Recorded { trace, .. }) = shown(&***store, &ask, of, id, raw).await?;
    let find = move || {
        let found = found(&trace, &Columns::of(&trace), &url.view.query);
        found.into_iter().enumerate().filter(|&(_, found)| found).map(|(n, _)| n as u32).collect()
    };
    let spans: Vec<u32> = tokio::task::spawn_blocking(find).await.map_err(|error| Problem::Unavailable(error.to_string()))?;
    Ok(json(&serde_json::json!({ "spans": spans })))
}
