//! What pages and the JSON API ask of the log store.

use super::{Ask, Problem, Table};
use crate::log::{Group, Level, Line, Stream};
use crate::query::LogQuery;
use crate::time::{Nanos, Range};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A search for lines.
#[derive(Clone, Debug, PartialEq)]
pub struct LogSearch {
    /// What a line must match: the filter and the `filter` commands before any other. Only [`LogReader::log_table`] carries out the
    /// rest of the pipeline.
    pub query: LogQuery,
    /// Log groups to look in; empty = all.
    pub groups: Vec<String>,
    /// Time of the line.
    pub range: Range,
    pub order: LogOrder,
    /// Lines wanted, at least 1.
    pub limit: u32,
    /// The line after which the page begins, in the order.
    pub cursor: Option<LogCursor>,
}

/// By (time, seq).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogOrder {
    #[default]
    Newest,
    Oldest,
}

/// The place of a line in the order, and the world it was read in. Also a line's permanent address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogCursor {
    pub time: Nanos,
    pub seq: u64,
    /// 0: of now.
    pub as_of: u64,
}

/// `{time}.{seq}` or `{time}.{seq}.{as_of}`, for URLs.
impl std::fmt::Display for LogCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.time, self.seq)?;
        if self.as_of > 0 { write!(f, ".{}", self.as_of) } else { Ok(()) }
    }
}

impl FromStr for LogCursor {
    type Err = Problem;

    fn from_str(text: &str) -> Result<LogCursor, Problem> {
        let bad = || Problem::Bad { message: "the cursor is not one of ours".into(), position: None };
        let mut parts = text.split('.');
        let time = parts.next().and_then(|part| part.parse().ok()).ok_or_else(bad)?;
        let seq = parts.next().and_then(|part| part.parse().ok()).ok_or_else(bad)?;
        let as_of = parts.next().map_or(Ok(0), |part| part.parse().map_err(|_| bad()))?;
        if parts.next().is_some() { Err(bad()) } else { Ok(LogCursor { time, seq, as_of }) }
    }
}

/// A page of lines.
#[derive(Clone, Debug, PartialEq)]
pub struct LogPage {
    pub lines: Vec<Line>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<LogCursor>,
    /// The world this page was read in.
    pub as_of: u64,
    /// `false` when the deadline came first: there may be lines between those shown.
    pub complete: bool,
}

/// How many lines a search finds, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogCount {
    pub lines: u64,
    /// By [`Level::ALL`].
    pub levels: [u64; 7],
    /// `false`: at least so many, the deadline came first.
    pub exact: bool,
    /// As [`super::Count::histogram`].
    pub histogram: Vec<LogBucket>,
}

/// A bucket of a histogram: lines by time and [`Level::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogBucket {
    pub start: Nanos,
    pub levels: [u64; 7],
}

impl LogBucket {
    pub fn lines(&self) -> u64 {
        self.levels.iter().sum()
    }

    pub fn of(&self, level: Level) -> u64 {
        self.levels[level as usize]
    }
}

/// The most frequent values of a field among the lines found, as text. Lines without the field are not counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogFacet {
    pub key: String,
    /// Most frequent first, then by value; at most as many as asked for.
    pub values: Vec<ValueCount>,
    pub distinct: u64,
    pub exact: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCount {
    pub value: String,
    pub lines: u64,
}

/// A field that lines of a range have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogField {
    /// As it is written in a query: dotted path.
    pub name: String,
    /// Lines that have it, of the lines looked at, 0 to 100.
    pub percent: u32,
}

/// What a pipeline makes of the lines found.
#[derive(Clone, Debug, PartialEq)]
pub struct LogTable {
    pub table: Table,
    /// For each row the line it is made of; empty if rows are aggregates.
    pub lines: Vec<LogCursor>,
    pub scanned: Scanned,
}

/// How far a read came. Updated while it runs ([`Ask::scanned`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scanned {
    /// Blocks that may have something, and those done with.
    pub blocks: u64,
    pub blocks_done: u64,
    /// Lines looked at, bytes of their messages, and lines found.
    pub lines: u64,
    pub bytes: u64,
    pub matched: u64,
}

/// Lines that look alike: a template with `<*>` where they differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pattern {
    /// Of the template; the query `pattern:<id>` finds its lines.
    pub id: u32,
    pub template: String,
    pub lines: u64,
    pub levels: [u64; 7],
    /// When the first line ever of this pattern happened, whatever the range.
    pub first_seen: Nanos,
    /// When the latest line in the range happened.
    pub last: Nanos,
    /// Lines in equal steps over the range.
    pub trend: Vec<u64>,
}

/// What arrived after a `seq`, whatever its time: live tail.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrivals {
    /// The newest that match, oldest first; at most as many as asked for.
    pub lines: Vec<Line>,
    /// Everything up to here was looked at: ask for what is after it next.
    pub upto: u64,
    /// Lines that matched but were more than asked for.
    pub skipped: u64,
}

/// What pages and the API ask of the log store. Every read sees each line from the moment its sender was answered.
#[async_trait]
pub trait LogReader: Send + Sync {
    /// One page of lines. Never waits for a total.
    async fn logs(&self, ask: &Ask, search: &LogSearch) -> Result<LogPage, Problem>;

    /// The total of a search (its order, limit and cursor are ignored) and its histogram in `buckets` steps (0 = none).
    async fn log_count(&self, ask: &Ask, search: &LogSearch, buckets: u32) -> Result<LogCount, Problem>;

    /// For each field its `limit` most frequent values among the lines found.
    async fn log_facets(&self, ask: &Ask, search: &LogSearch, keys: &[String], limit: u32) -> Result<Vec<LogFacet>, Problem>;

    /// Carries out the whole pipeline.
    async fn log_table(&self, ask: &Ask, search: &LogSearch) -> Result<LogTable, Problem>;

    /// The patterns of the lines found, most frequent first, at most `limit`, with trends of `steps` steps.
    async fn log_patterns(&self, ask: &Ask, search: &LogSearch, steps: u32, limit: u32) -> Result<Vec<Pattern>, Problem>;

    /// Fields of the lines in the range, most common first.
    async fn log_fields(&self, ask: &Ask, groups: &[String], range: Range, limit: u32) -> Result<Vec<LogField>, Problem>;

    /// The line at this address. `NotFound("log line")`
    async fn log_line(&self, ask: &Ask, at: LogCursor) -> Result<Line, Problem>;

    /// Lines that arrived after `after`; order, limit and cursor of the search apply as [`Arrivals`] says.
    async fn log_arrivals(&self, ask: &Ask, search: &LogSearch, after: u64) -> Result<Arrivals, Problem>;

    /// All groups by name.
    async fn log_groups(&self) -> Result<Vec<Group>, Problem>;

    /// The streams of a group by name. `NotFound("log group")`
    async fn log_streams(&self, group: &str) -> Result<Vec<Stream>, Problem>;
}
