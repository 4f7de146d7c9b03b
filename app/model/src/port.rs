//! All that pages and the JSON API know of the store. The server implements it over SQLite; the tests have a second,
//! plain in-memory implementation, and compare the two on every method.

use crate::alias::Aliases;
use crate::id::TraceId;
use crate::query::ast::{Command, Key, Query, Stats};
use crate::span::Span;
use crate::time::{MINUTE, Nanos, Range};
use crate::trace::{Summary, Trace};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

mod errors;
mod links;
mod logs;

pub use errors::*;
pub use links::*;
pub use logs::*;

/// How long a read may take and whether anybody still waits for it. Checked once per block.
#[derive(Clone)]
pub struct Ask {
    /// When the reader would rather have a partial answer.
    pub deadline: Option<Instant>,
    /// Set by [`Ask::cancel`] or when the last [`CancelOnDrop`] goes: the reader left.
    pub cancelled: Arc<AtomicBool>,
    /// Only records with `seq <= as_of` exist for this read; `None` = all of now.
    pub as_of: Option<u64>,
    /// How far reads of logs with this came.
    scanned: Arc<Mutex<Scanned>>,
}

impl Ask {
    /// No deadline, everything up to now.
    pub fn now() -> Ask {
        Ask { deadline: None, cancelled: Arc::default(), as_of: None, scanned: Arc::default() }
    }

    pub fn until(self, deadline: Instant) -> Ask {
        Ask { deadline: Some(deadline), ..self }
    }

    pub fn as_of(self, seq: Option<u64>) -> Ask {
        Ask { as_of: seq, ..self }
    }

    /// Whether a scan should stop with what it has.
    pub fn stop(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// How far reads with this, or a clone of it, came so far.
    pub fn scanned(&self) -> Scanned {
        *self.scanned.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Notes progress.
    pub fn progress(&self, change: impl FnOnce(&mut Scanned)) {
        change(&mut self.scanned.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    }

    /// A guard that cancels the read when it is dropped: hold it in the future that awaits the answer.
    pub fn cancel_on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.cancelled.clone())
    }
}

/// See [`Ask::cancel_on_drop`].
pub struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Why a read has no answer, as a person should hear it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Nothing by that name: `NotFound("trace")`.
    NotFound(&'static str),
    /// The query or another parameter is wrong; `position` is a byte offset in the query.
    Bad { message: String, position: Option<usize> },
    /// The store could not be read; the cause is in the log.
    Unavailable(String),
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Problem::NotFound(what) => write!(f, "no such {what}"),
            Problem::Bad { message, .. } => f.write_str(message),
            Problem::Unavailable(why) => write!(f, "the store could not be read: {why}"),
        }
    }
}

impl std::error::Error for Problem {}

/// A search for traces: a trace is found if any of its spans matches all of the query, its start is in the range and it was
/// known by `as_of`. Spans that arrived after `as_of` do not match, but the summary shown may count them.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSearch {
    /// The pipeline is ignored. Unless the query names `self`, spans with `self:true` do not match.
    pub query: Query,
    /// Start of the trace (the summary's `start`).
    pub range: Range,
    pub order: Order,
    /// Rows wanted, at least 1.
    pub limit: u32,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
    /// Whether a request of which several systems have a trace ([`crate::request`]) is found once: by the [first](crate::request::Joins::stands) of
    /// its traces that are found. Which traces are of one request, spans say that start at most [`NEAR`] before or after a trace.
    pub once: bool,
}

/// See [`TraceSearch::once`], nanoseconds.
pub const NEAR: Nanos = MINUTE;

/// Sort order of a trace list; ties by trace id, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Order {
    pub by: OrderBy,
    pub descending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderBy {
    /// Start of the trace.
    Time,
    Duration,
    Spans,
    Errors,
}

impl Order {
    pub const NEWEST: Order = Order { by: OrderBy::Time, descending: true };

    /// The value this order sorts a trace by.
    pub fn value(self, summary: &Summary) -> i64 {
        match self.by {
            OrderBy::Time => summary.start,
            OrderBy::Duration => summary.duration_ns,
            OrderBy::Spans => i64::from(summary.spans),
            OrderBy::Errors => i64::from(summary.errors),
        }
    }
}

/// A place in an ordered list: after the row with this value and id, in the world of `as_of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub value: i64,
    pub trace_id: TraceId,
    pub as_of: u64,
}

/// `{value}.{32 hex}.{as_of}`, for URLs.
impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.value, self.trace_id, self.as_of)
    }
}

impl std::str::FromStr for Cursor {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Cursor, Problem> {
        let bad = || Problem::Bad { message: "the cursor is not one of ours".into(), position: None };
        let mut parts = text.split('.');
        let (Some(value), Some(id), Some(as_of), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(bad());
        };
        Ok(Cursor {
            value: value.parse().map_err(|_| bad())?,
            trace_id: id.parse().map_err(|_| bad())?,
            as_of: as_of.parse().map_err(|_| bad())?,
        })
    }
}

/// One row of a trace list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceRow {
    #[serde(flatten)]
    pub summary: Summary,
    /// Spans of this trace that match the query; without a filter, all that are not hidden (a trace with none is not listed).
    pub matched: u32,
    /// The earliest matching span (by start, then id); the row links to it. `None` when the query has no filter.
    pub first_match: Option<crate::id::SpanId>,
    /// If requests are wanted [once](TraceSearch::once): the other traces of this request, matching or not, by id.
    pub others: Vec<Summary>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
    /// The world this page was read in; totals asked with it fit the page.
    pub as_of: u64,
    /// `false` when the deadline came first: there may be rows between those shown.
    pub complete: bool,
}

/// How many traces a search finds, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// Traces found.
    pub traces: u64,
    /// Of those, traces with at least one error span.
    pub errors: u64,
    /// `false`: at least so many, the deadline came first.
    pub exact: bool,
    /// Over the search's range, oldest first, every bucket the same length: `ceil(range / buckets)` nanoseconds, at least 1; the
    /// last may end after the range. Empty if no buckets were asked for.
    pub histogram: Vec<Bucket>,
}

/// A bucket of a histogram: traces by start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    pub start: Nanos,
    pub traces: u64,
    pub errors: u64,
}

/// A facet: the most frequent values of a key among the spans that match, as text. Spans without the key are not counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facet {
    /// As asked for, e.g. `http.route`.
    pub key: String,
    /// Most frequent first, then by value; at most as many as asked for.
    pub values: Vec<FacetValue>,
    /// How many distinct values there are.
    pub distinct: u64,
    pub exact: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FacetValue {
    pub value: String,
    /// Matching spans with this value, by sample weight.
    pub spans: f64,
}

/// A search for spans, of which figures are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanSearch {
    /// Filter only; as with [`TraceSearch`], spans to Clew itself are left out unless named.
    pub query: Query,
    /// Start of the span.
    pub range: Range,
}

/// One cell of a stats result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    Null,
    Number(f64),
    Text(String),
}

/// The result of [`Stats`]: first the group columns (`bin` first, as epoch nanoseconds, if there is one), then the measures,
/// named by [`crate::query::columns`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    pub columns: Vec<String>,
    /// Ordered by the group columns, nulls first, then numbers, then texts, unless a `sort` says otherwise.
    pub rows: Vec<Vec<Cell>>,
    /// `false`: the deadline came first.
    pub exact: bool,
}

impl Table {
    /// Carries out the `sort` and `limit` commands of a pipeline, in the order written. Nulls sort first, then numbers, then
    /// texts, all the other way round when descending; rows that sort the same stay in their order.
    pub fn arrange(&mut self, pipeline: &[Command]) {
        for command in pipeline {
            match command {
                Command::Stats(_) => (),
                Command::Sort { column, descending } => {
                    if let Some(at) = self.columns.iter().position(|name| name == column) {
                        self.rows.sort_by(|a, b| if *descending { b[at].order(&a[at]) } else { a[at].order(&b[at]) });
                    }
                }
                Command::Limit(rows) => self.rows.truncate(*rows as usize),
            }
        }
    }
}

impl Cell {
    /// Nulls, then numbers, then texts.
    pub fn order(&self, other: &Cell) -> std::cmp::Ordering {
        let rank = |cell: &Cell| match cell {
            Cell::Null => 0,
            Cell::Number(_) => 1,
            Cell::Text(_) => 2,
        };
        match (self, other) {
            (Cell::Number(a), Cell::Number(b)) => a.total_cmp(b),
            (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
            (a, b) => rank(a).cmp(&rank(b)),
        }
    }
}

/// A key that completion offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyHint {
    /// As it is written in a query.
    pub key: String,
    /// `text`, `number`, `duration`, `boolean`, or several joined by `|` if senders disagree.
    pub kind: String,
}

/// One row of the ledger: what one source received and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerRow {
    pub source: String,
    /// `traces`, `logs`, `metrics`.
    pub signal: String,
    /// Records received since the data directory was made.
    pub received: u64,
    pub stored: u64,
    /// The same span again.
    pub duplicate: u64,
    /// Another span under the same id; the first was kept.
    pub conflict: u64,
    /// Another document of an X-Ray record that is here: the two are one span.
    pub merged: u64,
    /// By reason.
    pub rejected: Vec<(String, u64)>,
    /// Accepted by the protocol but not stored, by reason: `("not kept yet", n)`.
    pub dropped: Vec<(String, u64)>,
    pub last_received: Option<Nanos>,
    /// The newest rejected records, scrubbed, at most 10.
    pub samples: Vec<RejectedSample>,
}

/// A record that was not stored, for a person to see why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RejectedSample {
    pub at: Nanos,
    pub reason: String,
    /// The record as text, secrets scrubbed, at most 2 kB.
    pub record: String,
}

/// What listens where, for the Sources page and `GET /api/sources`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// `http`, `otlp_http`, `otlp_grpc`, `xray`.
    pub name: String,
    /// `127.0.0.1:4318`; `None` if it is off or its port was taken.
    pub addr: Option<String>,
    /// Why it does not listen.
    pub warning: Option<String>,
    /// What a person should know of it, e.g. how much the kernel buffers.
    pub note: Option<String>,
}

/// The state of the instance, for every page's frame and for Sources.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    pub listeners: Vec<Listener>,
    /// Shown on every page: e.g. bound to more than loopback without accounts.
    pub warnings: Vec<String>,
    pub version: String,
    pub retention_days: u32,
    /// Bytes of the data directory.
    pub disk_bytes: u64,
    pub spans: u64,
    /// Whether demo data is stored.
    pub has_demo: bool,
}

/// What pages and the API ask of the store. Every read sees each record from the moment its sender was answered.
#[async_trait]
pub trait Reader: Send + Sync {
    /// One page of a trace list. Never waits for a total.
    async fn traces(&self, ask: &Ask, search: &TraceSearch) -> Result<Page<TraceRow>, Problem>;

    /// The total of a search (its order, limit and cursor are ignored) and its histogram in `buckets` steps (0 = none).
    async fn count(&self, ask: &Ask, search: &TraceSearch, buckets: u32) -> Result<Count, Problem>;

    /// For each key its `limit` most frequent values among the matching spans.
    async fn facets(&self, ask: &Ask, search: &SpanSearch, keys: &[(String, Key)], limit: u32) -> Result<Vec<Facet>, Problem>;

    /// Aggregates over the matching spans.
    async fn stats(&self, ask: &Ask, search: &SpanSearch, stats: &Stats) -> Result<Table, Problem>;

    /// The spans that match, by (start, trace id, span id). `None` if there are more than `limit`, or if the deadline came first.
    async fn spans(&self, ask: &Ask, search: &SpanSearch, limit: usize) -> Result<Option<Vec<Span>>, Problem>;

    /// The summaries of those of these traces that are stored, by id.
    async fn stored(&self, ask: &Ask, ids: &[TraceId]) -> Result<Vec<Summary>, Problem>;

    /// Everything stored of one trace. `NotFound("trace")` if there is nothing.
    async fn trace(&self, ask: &Ask, id: TraceId) -> Result<Trace, Problem>;

    /// The spans that link to spans of this trace: (trace id, span id) of the linking span and the linked span id.
    async fn links_to(&self, ask: &Ask, id: TraceId) -> Result<Vec<BackLink>, Problem>;

    /// Keys seen in the range that begin with `prefix`, in the form they are written in a query; at most `limit`.
    async fn keys(&self, ask: &Ask, range: Range, prefix: &str, limit: u32) -> Result<Vec<KeyHint>, Problem>;

    /// Services seen in the range, by name.
    async fn services(&self, ask: &Ask, range: Range) -> Result<Vec<String>, Problem>;

    /// What arrived and what became of it.
    async fn ledger(&self) -> Result<Vec<LedgerRow>, Problem>;

    /// Listeners, warnings and size.
    async fn instance(&self) -> Result<Instance, Problem>;

    /// Other names of services. They apply to all of the above but [`Reader::trace`], which has the names that were sent.
    fn aliases(&self) -> Arc<Aliases>;

    /// Now, for relative ranges and "still arriving": tests have their own clock.
    fn now(&self) -> Nanos;
}

/// A span elsewhere that links to a span of this trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackLink {
    pub trace_id: TraceId,
    pub span_id: crate::id::SpanId,
    /// The span of this trace it points at.
    pub to: crate::id::SpanId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_sort_by_any_column() {
        let row = |name: &str, cell: Cell| vec![Cell::Text(name.into()), cell];
        let rows = vec![row("a", Cell::Number(2.0)), row("b", Cell::Null), row("c", Cell::Number(10.0)), row("d", Cell::Number(2.0))];
        let mut table = Table { columns: vec!["service".into(), "n".into()], rows, exact: true };
        let sort = |column: &str, descending| Command::Sort { column: column.into(), descending };
        table.arrange(&[sort("service", true), sort("n", true), Command::Limit(3)]);
        let names: Vec<&Cell> = table.rows.iter().map(|row| &row[0]).collect();
        assert_eq!(names, ["c", "d", "a"].map(|name| Cell::Text(name.into())).iter().collect::<Vec<_>>());
    }
}
