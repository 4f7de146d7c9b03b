//! `/api/logs/table`: what a pipeline makes of the lines. To those who ask for an event stream it says how far it has come.

use super::{State, search};
use crate::api::answer::{Failure, json};
use crate::api::ask::Parameters;
use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, StreamExt as _};
use model::port::{Ask, LogTable, Problem, Scanned};
use serde::Serialize;
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// How long a pipeline may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two messages of progress.
const STEP: Duration = Duration::from_millis(200);

#[derive(Serialize)]
struct Result_<'a> {
    #[serde(flatten)]
    table: &'a model::port::Table,
    /// For each row the address of its line, if it is one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<String>,
    scanned: Scanned,
}

impl<'a> Result_<'a> {
    fn of(found: &'a LogTable) -> Result_<'a> {
        let lines = found.lines.iter().map(|at| app::url::LogLine::of(at.time, at.seq).to_string()).collect();
        Result_ { table: &found.table, lines, scanned: found.scanned }
    }
}

/// `GET /api/logs/table`
pub(super) async fn table(at: State, headers: HeaderMap, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let parameters = Parameters::of(raw);
    let search = search(&parameters, &*at.store, 1000, 10_000)?;
    let ask = parameters.ask()?.until(Instant::now() + PATIENCE);
    let streams = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/event-stream"));
    if !streams {
        let _left = ask.cancel_on_drop();
        return Ok(json(&Result_::of(&at.logs.log_table(&ask, &search).await?)));
    }
    let (logs, reading) = (at.logs.clone(), ask.clone());
    let left = ask.cancel_on_drop();
    let read = tokio::spawn(async move { logs.log_table(&reading, &search).await });
    // Whoever leaves drops the stream, and with it the guard.
    let progress = stream::unfold(Some((read, ask, left)), async |state| {
        let (mut read, ask, left) = state?;
        tokio::select! {
            done = &mut read => {
                let done = done.unwrap_or_else(|error| Err(Problem::Unavailable(error.to_string())));
                Some((finished(done, &ask), None))
            }
            () = tokio::time::sleep(STEP) => Some((event("progress", &serde_json::json!({"scanned": ask.scanned()})), Some((read, ask, left)))),
        }
    });
    Ok(Sse::new(progress.map(Ok::<_, Infallible>)).keep_alive(KeepAlive::default()).into_response())
}

fn finished(done: Result<LogTable, Problem>, _: &Ask) -> Event {
    match done {
        Ok(found) => event("result", &Result_::of(&found)),
        Err(problem) => super::tail::problem(&problem),
    }
}

pub(super) fn event(name: &str, value: &impl Serialize) -> Event {
    Event::default().event(name).data(serde_json::to_string(value).unwrap_or_default())
}
