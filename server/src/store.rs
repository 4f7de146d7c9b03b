//! The store: where batches go and where pages read. One implementation, SQLite; the tests have a second one in memory.

use crate::ingest::Batch;
use async_trait::async_trait;
use model::alert::{Alert, AlertReader, AlertTarget};
use model::alias::Aliases;
use model::error::{Deploy, TriageAction};
use model::port::{ErrorReader, LogReader, Problem, Reader};
use model::time::Nanos;
use std::path::PathBuf;
use std::time::Duration;

pub mod block;
pub mod insights;
pub mod logs;
mod merge;
pub mod sqlite;

/// What sources, pages and tasks may ask of the store.
#[async_trait]
pub trait Store: Reader {
    /// Takes a batch in and returns once it is on disk (the intake commit): what was accepted survives `kill -9`.
    /// Under load it first waits, at most `patience`, then refuses. `source` is a row of SOURCES (`otlp_http`, ...).
    async fn accept(&self, source: &'static str, batch: Batch, patience: Duration) -> Result<Accepted, Refused>;

    /// Removes every span of a dataset (the demo's, for one): hidden when this returns, gone from disk at the next fold.
    /// Returns how many spans.
    async fn remove_dataset(&self, dataset: &str) -> Result<u64, Problem>;

    /// Replaces the [aliases](Reader::aliases) of services; they are on disk when this returns.
    async fn set_aliases(&self, aliases: Aliases) -> Result<(), Problem>;

    /// Prometheus text of the store's own figures (queue, commit latency, disk, stored, duplicates), appended to `to`.
    fn metrics(&self, to: &mut String);

    /// Finishes what was accepted, checkpoints and closes. Nothing may be accepted afterwards.
    async fn close(&self);
}

/// What writes to the log store's catalog: groups, streams, retention, deletion. Names are not checked here.
#[async_trait]
pub trait LogStore: LogReader {
    /// Makes a group. `Exists` if there is one.
    async fn create_log_group(&self, name: &str, tags: &[(String, String)]) -> Result<(), LogProblem>;

    /// Hides a group and all its lines at once; they are removed from disk later.
    async fn delete_log_group(&self, name: &str) -> Result<(), LogProblem>;

    /// Keeps the lines of a group so many days, `None`: as long as everything else. A read-time floor at once.
    async fn set_log_retention(&self, group: &str, days: Option<u32>) -> Result<(), LogProblem>;

    /// Sets these tags and removes those.
    async fn tag_log_group(&self, group: &str, set: &[(String, String)], remove: &[String]) -> Result<(), LogProblem>;

    async fn create_log_stream(&self, group: &str, stream: &str) -> Result<(), LogProblem>;

    /// Hides a stream and all its lines at once.
    async fn delete_log_stream(&self, group: &str, stream: &str) -> Result<(), LogProblem>;

    /// Days that the group of this stream keeps its lines, if it has a retention of its own. Asked before every commit of lines.
    /// `NoGroup`, `NoStream`
    async fn log_stream_retention(&self, group: &str, stream: &str) -> Result<Option<u32>, LogProblem>;

    /// The last `seq` that a reader can see; changes with every commit.
    fn log_seq(&self) -> tokio::sync::watch::Receiver<u64>;
}

/// What people and sources write about errors, and the alerts of them. Every write leaves a row in the history of its groups.
#[async_trait]
pub trait ErrorStore: ErrorReader + AlertStore {
    /// Does this to each of the groups; numbers that are not there are passed over. Returns how many there were.
    async fn triage(&self, actor: &str, numbers: &[u64], action: &TriageAction) -> Result<u64, Problem>;

    /// Makes one group of several: what they have and what is still to come counts for the first. `NotFound("error")`
    async fn merge_errors(&self, actor: &str, into: u64, numbers: &[u64]) -> Result<(), Problem>;

    /// Takes a merged number out again, with its occurrences.
    async fn unmerge_error(&self, actor: &str, number: u64) -> Result<(), Problem>;

    /// Keeps a deploy, gives it an id (0 in what is given) and returns it.
    async fn add_deploy(&self, deploy: Deploy) -> Result<u64, Problem>;

    /// Changes the status of a deploy, and when it ended. `NotFound("deploy")`
    async fn end_deploy(&self, id: u64, status: &str, at: Nanos) -> Result<Deploy, Problem>;

    /// Replaces them. `Bad` says what is wrong with them.
    async fn set_grouping_rules(&self, actor: &str, rules: &str) -> Result<(), Problem>;
}

/// What writes about alerts, and the queue of those that are to be sent.
#[async_trait]
pub trait AlertStore: AlertReader {
    /// Keeps a target, in place of the one with its id. Returns the id.
    async fn save_alert_target(&self, target: AlertTarget) -> Result<u64, Problem>;

    /// Forgets a target, with what was still to be sent to it.
    async fn remove_alert_target(&self, id: u64) -> Result<(), Problem>;

    /// Raises a [`Trigger::Test`](model::alert::Trigger::Test) for this target. `NotFound("target")`
    async fn test_alert_target(&self, id: u64) -> Result<(), Problem>;

    /// Alerts whose time has come, oldest first, each with where it goes.
    async fn due_alerts(&self, limit: u32) -> Result<Vec<(Alert, AlertTarget)>, Problem>;

    /// Notes what came of an attempt, and when the next one is; neither delivered nor a next one: it failed for good.
    async fn note_attempt(&self, id: u64, answer: &str, delivered: bool, next: Option<Nanos>) -> Result<(), Problem>;
}

/// Why the catalog of the log store was not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogProblem {
    NoGroup,
    NoStream,
    Exists,
    /// The catalog could not be read or written.
    Unavailable(String),
}

/// What became of an accepted batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Spans now on disk.
    pub stored: u64,
    /// Log lines now on disk, or there since a request that this one repeats.
    pub lines: u64,
    /// Errors now on disk.
    pub errors: u64,
    /// Records the store would not take, with the reason (before the retention floor, more than 24 h ahead).
    pub rejected: Vec<(&'static str, u64)>,
}

/// Why a batch was not taken. Nothing of it was stored; the sender should try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Too much in flight; worth retrying after so long.
    Busy { retry_after: Duration },
    /// The store is closing or its disk fails.
    Closed,
}

/// Why a data directory was not opened; each reads as one sentence. Nothing in the directory was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenError {
    /// Another process has it open.
    Locked(PathBuf),
    /// It cannot be made, read or written; with the operating system's reason.
    Unwritable(PathBuf, String),
    /// It holds files, but not Clew's.
    Foreign(PathBuf),
    /// Its data was written by a newer version of Clew.
    Newer(PathBuf),
    /// It is Clew's, but a file in it does not open; with the cause.
    Broken(PathBuf, String),
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OpenError::Locked(dir) => write!(f, "the data directory {} is in use by another clew process", dir.display()),
            OpenError::Unwritable(dir, why) => write!(f, "the data directory {} cannot be written: {why}", dir.display()),
            OpenError::Foreign(dir) => {
                write!(f, "the directory {} is not empty and was not made by clew: choose another with --data", dir.display())
            }
            OpenError::Newer(dir) => {
                write!(
                    f,
                    "the data in {} was written by a newer version of clew: run that version, or choose another --data",
                    dir.display()
                )
            }
            OpenError::Broken(file, why) => write!(f, "{} cannot be opened: {why}", file.display()),
        }
    }
}

impl std::error::Error for OpenError {}
