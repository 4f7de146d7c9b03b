//! `GetTraceSummaries`: the traces of a range, newest first, that a filter expression is about.

use super::filter::{self, Expr};
use super::summary::summary;
use super::view::{View, seconds};
use super::{Between, Failure, coarse, matching, token};
use crate::ingest::xray::api::read;
use crate::store::Store;
use model::port::{Ask, Cursor, Order, Problem, TraceSearch};
use model::time::{DAY, Range};
use model::trace::Summary;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Summaries of a page.
const PAGE: usize = 100;
/// Traces the store is asked for at a time.
const STEP: u32 = 200;
/// After so long a page ends, however few it has; its token goes on from there. AWS answers so, too.
const PATIENCE: Duration = Duration::from_secs(4);
/// How much earlier than a range a trace may have begun that was updated or ended in it.
const LONGEST: i64 = DAY;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameters {
    #[serde(flatten)]
    between: Between,
    #[serde(default)]
    time_range_type: Option<TimeRangeType>,
    #[serde(default)]
    filter_expression: Option<String>,
    #[serde(default)]
    next_token: Option<String>,
    // `Sampling` and `SamplingStrategy` may say that some will do: all are better.
}

/// What of a trace is in the range.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
enum TimeRangeType {
    /// Its start.
    #[default]
    TraceId,
    /// When it was last updated.
    Event,
    /// Its end.
    Service,
}

impl TimeRangeType {
    /// Where a trace must begin to be in the range.
    fn starts(self, range: Range) -> Range {
        match self {
            TimeRangeType::TraceId => range,
            TimeRangeType::Service => Range { start: range.start.saturating_sub(LONGEST), ..range },
            // Clocks of senders may be ahead of ours.
            TimeRangeType::Event => Range { start: range.start.saturating_sub(LONGEST), end: range.end.saturating_add(DAY) },
        }
    }

    fn is_in(self, range: Range, summary: &Summary) -> bool {
        range.contains(match self {
            TimeRangeType::TraceId => summary.start,
            TimeRangeType::Event => summary.last_received,
            TimeRangeType::Service => summary.end(),
        })
    }
}

/// Answers the operation.
pub async fn get(store: &dyn Store, ask: &Ask, body: &[u8]) -> Result<Value, Failure> {
    let parameters: Parameters = read(body)?;
    let kind = parameters.time_range_type.unwrap_or_default();
    let range = parameters.between.range()?;
    let text = parameters.filter_expression.unwrap_or_default();
    let filter = filter::parse(&text).map_err(|error| Failure::invalid(error.to_string()))?;
    let asked = format!("{} {} {kind:?} {text}", range.start, range.end);
    let mut search = TraceSearch {
        query: coarse::query(filter.as_ref()),
        range: kind.starts(range),
        order: Order::NEWEST,
        limit: STEP,
        cursor: token::read(parameters.next_token.as_deref(), &asked)?,
        // X-Ray's clients ask for X-Ray's traces.
        once: false,
    };
    let mut page = Page { summaries: Vec::new(), processed: 0, ends: Instant::now() + PATIENCE };
    let next = page.fill(store, ask, &mut search, &|summary| kind.is_in(range, summary), filter.as_ref()).await?;
    Ok(json!({
        "TraceSummaries": page.summaries,
        "TracesProcessedCount": page.processed,
        // How far back this page has come.
        "ApproximateTime": seconds(next.map_or(range.start, |cursor| cursor.value)),
        "NextToken": next.map(|cursor| token::write(&cursor, &asked)),
    }))
}

struct Page {
    summaries: Vec<Value>,
    /// Traces that were looked at.
    processed: u64,
    ends: Instant,
}

impl Page {
    /// Reads on from the search's cursor; returns where the next page begins.
    async fn fill(
        &mut self,
        store: &dyn Store,
        ask: &Ask,
        search: &mut TraceSearch,
        is_in: &(dyn Fn(&Summary) -> bool + Sync),
        filter: Option<&Expr>,
    ) -> Result<Option<Cursor>, Failure> {
        loop {
            let found = store.traces(ask, search).await?;
            let as_of = found.as_of;
            for row in found.rows {
                self.processed += 1;
                let after = Cursor { value: search.order.value(&row.summary), trace_id: row.summary.trace_id, as_of };
                if is_in(&row.summary) {
                    match store.trace(ask, row.summary.trace_id).await {
                        Ok(trace) => {
                            let view = View::of(&trace);
                            if filter.is_none_or(|filter| matching::matches(filter, &view)) {
                                self.summaries.push(summary(&view));
                            }
                        }
                        // Its day went in between.
                        Err(Problem::NotFound(_)) => {}
                        Err(problem) => return Err(problem.into()),
                    }
                }
                if self.summaries.len() == PAGE || Instant::now() > self.ends {
                    return Ok(Some(after));
                }
            }
            search.cursor = found.next;
            if search.cursor.is_none() {
                return Ok(None);
            }
        }
    }
}
