//! What pages and the JSON API ask of errors.

use super::{Ask, Problem};
use crate::error::{Deploy, ErrorGroup, ErrorPin, Grouping, HistoryRow, Occurrence, OccurrenceRow};
use crate::id::TraceId;
use crate::query::ast::Query;
use crate::time::{Nanos, Range};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// A search for groups. Keys of the query are Rollbar's search operators and the columns of the inbox: `status`, `is`, `level`, `environment`, `service`,
/// `project`, `assignee` (`none`: nobody), `class`, `host`, `context`, `version` or `code_version`, `file`, `user_id`, `username`, `email`, `ip`,
/// `browser`, `fingerprint`, `has:comments`, `count`, `people`, `first_seen`, `last_seen`; a bare `#12` is a number, other words are of the title.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorSearch {
    /// Filter only.
    pub query: Query,
    pub sort: ErrorSort,
    /// Rows wanted, at least 1.
    pub limit: u32,
    pub cursor: Option<ErrorCursor>,
}

/// Order of the inbox, ties by number, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorSort {
    /// Regressed, new and escalating groups first, then by failed requests of the last 24 h, then by occurrences of the last 24 h.
    #[default]
    Priority,
    LastSeen,
    FirstSeen,
    Count,
    People,
}

/// A place in the inbox: after the row with this value and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCursor {
    pub value: i64,
    pub number: u64,
}

/// A page of the inbox.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorPage {
    pub rows: Vec<ErrorGroup>,
    pub next: Option<ErrorCursor>,
}

/// How many groups a search finds, by status, whatever status it asks for: the inbox's tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ErrorCounts {
    pub active: u64,
    pub resolved: u64,
    pub muted: u64,
    pub snoozed: u64,
}

/// All that the page of a group shows besides its occurrences.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorDetail {
    pub group: ErrorGroup,
    pub grouping: Grouping,
    /// Newest first.
    pub history: Vec<HistoryRow>,
    /// By kind (`context`, `version`, `host`, `browser`, `person`, `environment`, `ip`, `path`): the most frequent values with their counts.
    pub breakdowns: Vec<Breakdown>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    pub kind: String,
    /// (value, occurrences), most frequent first, at most 100.
    pub values: Vec<(String, u64)>,
}

/// A group that occurs in the same traces as another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorNeighbour {
    pub number: u64,
    pub title: String,
    /// Of the traces looked at, those with both.
    pub traces: u64,
}

/// What rules for grouping would do to stored occurrences.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct RuleTrial {
    /// Occurrences looked at, the newest of all groups.
    pub tried: u64,
    /// By the fingerprint that they would have, most occurrences first.
    pub groups: Vec<TriedGroup>,
}

/// Occurrences that rules apply to and that would be one group.
#[derive(Clone, Debug, PartialEq)]
pub struct TriedGroup {
    pub fingerprint: String,
    pub title: String,
    pub occurrences: u64,
    /// The groups they are in now.
    pub from: Vec<u64>,
}

#[async_trait]
pub trait ErrorReader: Send + Sync {
    /// One page of groups.
    async fn errors(&self, ask: &Ask, search: &ErrorSearch) -> Result<ErrorPage, Problem>;

    /// How many groups of each status match the query; terms about the status are left out of it.
    async fn error_counts(&self, ask: &Ask, query: &Query) -> Result<ErrorCounts, Problem>;

    /// A group by its number; a number that was merged into another leads to that one. `NotFound("error")`
    async fn error(&self, ask: &Ask, number: u64) -> Result<ErrorDetail, Problem>;

    /// Occurrences of a group in the range by time, in `steps` steps of the same length.
    async fn error_trend(&self, ask: &Ask, number: u64, range: Range, steps: u32) -> Result<Vec<(Nanos, u64)>, Problem>;

    /// Occurrences of a group, newest first, that are older than the one with the `seq` `before`.
    async fn occurrences(&self, ask: &Ask, number: u64, before: Option<u64>, limit: u32) -> Result<Vec<OccurrenceRow>, Problem>;

    /// One occurrence of a group, `None`: the newest. `NotFound("occurrence")`, also where retention took it.
    async fn occurrence(&self, ask: &Ask, number: u64, seq: Option<u64>) -> Result<Occurrence, Problem>;

    /// The occurrence with this uuid of Rollbar: number of its group, `seq`. `NotFound("occurrence")`
    async fn occurrence_by_uuid(&self, ask: &Ask, uuid: &str) -> Result<(u64, u64), Problem>;

    /// The errors of these traces, in the order of time, at most 1,000.
    async fn errors_of_traces(&self, ask: &Ask, traces: &[TraceId]) -> Result<Vec<ErrorPin>, Problem>;

    /// Groups that occur in the traces of the newest occurrences of this one, most common first, at most 10.
    async fn error_neighbours(&self, ask: &Ask, number: u64) -> Result<Vec<ErrorNeighbour>, Problem>;

    /// The rules for grouping in Rollbar's JSON syntax, as they were saved; empty if there are none.
    async fn grouping_rules(&self) -> Result<String, Problem>;

    /// What these rules would do to the newest occurrences. `Bad` says what is wrong with them.
    async fn try_grouping_rules(&self, ask: &Ask, rules: &str) -> Result<RuleTrial, Problem>;

    /// Deploys in the range, newest first.
    async fn deploys(&self, ask: &Ask, range: Range) -> Result<Vec<Deploy>, Problem>;
}
