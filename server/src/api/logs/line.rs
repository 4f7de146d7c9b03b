//! `/api/logs/line/{at}`: one line as JSON, its message as it was sent, or what opens below it on the page.

use super::State;
use super::json::Row;
use super::page::{html, page};
use crate::api::answer::{Failure, json};
use app::pages::logs::panel_html;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use model::log::Line;
use model::port::{Ask, LogCursor, Possible, Problem};

async fn find(at: &State, text: &str) -> Result<(Line, Possible), Failure> {
    let place: LogCursor = text.parse().map_err(|_| Failure(Problem::NotFound("log line")))?;
    let ask = Ask::now();
    let _left = ask.cancel_on_drop();
    let mut line = at.logs.log_line(&ask, LogCursor { as_of: 0, ..place }).await?;
    let possible = at.links.link(&ask, std::slice::from_mut(&mut line)).await;
    Ok((line, possible))
}

/// `GET /api/logs/line/{at}`; with `format=raw` the message alone.
pub(super) async fn line(at: State, Path(place): Path<String>, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let (line, possible) = find(&at, &place).await?;
    match crate::api::ask::Parameters::of(raw).text("format") {
        "" | "json" => Ok(json(&Row::of(&line, &possible))),
        "raw" => {
            // Whatever it says, it is text: nothing in it runs.
            let headers = [
                (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
                (CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
                (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            Ok((headers, line.message).into_response())
        }
        _ => Err(Failure::bad("format must be json or raw")),
    }
}

/// `GET /api/logs/line/{at}/panel`; the parameters are those of the Logs page, whose links the panel has.
pub(super) async fn panel(at: State, Path(place): Path<String>, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let url = page(raw.as_deref().unwrap_or_default())?;
    let (line, possible) = find(&at, &place).await?;
    Ok(html(panel_html(&url, &line, possible.of(&line))))
}
