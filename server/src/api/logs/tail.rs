//! `/api/logs/tail`: lines as they arrive, as server-sent events. An event's id is the `seq` up to which everything was looked at, so that
//! a browser that lost the connection goes on where it was. What is more than a reader can take is counted, not sent.

use super::json::Row;
use super::page::page;
use super::table::event;
use super::{Logs, State, search_in};
use crate::api::answer::Failure;
use crate::api::ask::Parameters;
use app::pages::logs::rows;
use app::url;
use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, StreamExt as _};
use model::port::{Arrivals, Ask, LogSearch, Possible, Problem};
use model::time::Range;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

/// Lines of an event at most, unless the reader says so; more are counted as skipped.
const LINES: u32 = 200;

/// Between two events at least: what arrives together is sent together.
const PACE: Duration = Duration::from_millis(100);

/// Between two comments that keep the connection open.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// One reader of the tail.
struct Tail {
    at: Logs,
    search: LogSearch,
    /// As what page lines are drawn; `None`: as JSON.
    page: Option<url::Logs>,
    /// Everything up to here was looked at.
    after: u64,
    seq: watch::Receiver<u64>,
}

/// `GET /api/logs/tail`
pub(super) async fn tail(at: State, headers: HeaderMap, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let drawn = page(raw.as_deref().unwrap_or_default())?;
    let parameters = Parameters::of(raw);
    // Whatever time lines say they are from, they arrive now.
    let search = search_in(&parameters, Range::ALL, LINES, 1000)?;
    if search.query.is_pipeline() {
        return Err(Failure::bad("live tail shows lines: a query for it has no commands but filter"));
    }
    let seq = at.logs.log_seq();
    let number = |text: &str| text.parse().map_err(|_| Failure::bad("after must be the id of an event"));
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let after = match (resumed, parameters.text("after")) {
        (Some(id), _) => number(id)?,
        (None, "") => *seq.borrow(),
        (None, after) => number(after)?,
    };
    let page = (parameters.text("as") == "rows").then_some(drawn);
    let tail = Tail { at: at.0, search, page, after, seq };
    let events = stream::unfold(Some(tail), async |tail| tail?.next().await);
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("still here");
    // The first event says that the stream is open, and where it begins.
    let begin = stream::once(std::future::ready(Event::default().id(after.to_string()).retry(Duration::from_secs(2))));
    Ok(Sse::new(begin.chain(events).map(Ok::<_, Infallible>)).keep_alive(heartbeat).into_response())
}

impl Tail {
    /// Waits for lines that match. Nothing is read ahead of a slow reader: what it missed meanwhile is counted in one go.
    async fn next(mut self) -> Option<(Event, Option<Tail>)> {
        loop {
            if *self.seq.borrow_and_update() > self.after {
                let ask = Ask::now();
                let _left = ask.cancel_on_drop();
                match self.at.logs.log_arrivals(&ask, &self.search, self.after).await {
                    Ok(mut arrivals) => {
                        self.after = self.after.max(arrivals.upto);
                        if !arrivals.lines.is_empty() || arrivals.skipped > 0 {
                            let possible = self.at.links.link(&ask, &mut arrivals.lines).await;
                            return Some((self.event(&arrivals, &possible), Some(self)));
                        }
                    }
                    Err(error) => return Some((problem(&error), None)),
                }
            }
            tokio::select! {
                changed = self.seq.changed() => changed.ok()?,
                _ = self.at.stopped.wait_for(|stopped| *stopped) => return None,
            }
            tokio::time::sleep(PACE).await;
        }
    }

    fn event(&self, arrivals: &Arrivals, possible: &Possible) -> Event {
        let Arrivals { lines, skipped, .. } = arrivals;
        let data = match &self.page {
            None => serde_json::json!({"lines": lines.iter().map(|line| Row::of(line, possible)).collect::<Vec<_>>(), "skipped": skipped}),
            Some(page) => {
                // The newest stand first.
                let newest: Vec<_> = lines.iter().rev().cloned().collect();
                serde_json::json!({"rows": rows(page, &newest, possible), "count": lines.len(), "skipped": skipped})
            }
        };
        Event::default().id(self.after.to_string()).data(data.to_string())
    }
}

/// Why a stream ends early.
pub(super) fn problem(problem: &Problem) -> Event {
    event("problem", &serde_json::json!({"message": problem.to_string()}))
}
