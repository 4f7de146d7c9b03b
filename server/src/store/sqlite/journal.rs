//! `intake.db`: the only commit before an answer, so it alone is `synchronous=FULL`. All of its SQL is here.

use super::ledger::{Ledger, StoredCount};
use model::id::TraceId;
use model::port::RejectedSample;
use model::time::Nanos;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row};
use std::path::Path;
use std::time::Duration;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS intake (seq INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS lines (seq INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS errors (seq INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS request (identity BLOB PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger (
    source TEXT, signal TEXT, fate TEXT, reason TEXT,
    count INTEGER NOT NULL, last_received INTEGER NOT NULL,
    PRIMARY KEY (source, signal, fate, reason)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sample (
    source TEXT, place INTEGER, signal TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (source, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS again (
    trace BLOB PRIMARY KEY, day INTEGER NOT NULL, duplicates INTEGER NOT NULL, conflicts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS again_day ON again (day);
";

pub const ROWS: &str = "SELECT seq, data FROM intake ORDER BY seq";
pub const PUT: &str = "INSERT INTO intake (seq, data) VALUES (?1, ?2)";
pub const FORGET: &str = "DELETE FROM intake WHERE seq <= ?1";
pub const LINES: &str = "SELECT seq, data FROM lines ORDER BY seq";
pub const PUT_LINES: &str = "INSERT INTO lines (seq, data) VALUES (?1, ?2)";
pub const FORGET_LINES: &str = "DELETE FROM lines WHERE seq <= ?1";
pub const ERRORS: &str = "SELECT seq, data FROM errors ORDER BY seq";
pub const PUT_ERRORS: &str = "INSERT INTO errors (seq, data) VALUES (?1, ?2)";
pub const FORGET_ERRORS: &str = "DELETE FROM errors WHERE seq <= ?1";
pub const REQUESTS: &str = "SELECT identity, at FROM request";
pub const PUT_REQUEST: &str = "INSERT OR REPLACE INTO request (identity, at) VALUES (?1, ?2)";
/// The table is small: requests of a few minutes.
pub const FORGET_REQUESTS: &str = "DELETE FROM request WHERE at < ?1";
pub const SEQ: &str = "SELECT value FROM state WHERE name = 'seq'";
pub const SET_SEQ: &str = "INSERT INTO state (name, value) VALUES ('seq', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
pub const LEDGER: &str = "SELECT source, signal, fate, reason, count, last_received FROM ledger";
pub const SET_LEDGER: &str = "INSERT INTO ledger (source, signal, fate, reason, count, last_received) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (source, signal, fate, reason) DO UPDATE SET count = excluded.count, last_received = excluded.last_received";
pub const SAMPLES: &str = "SELECT source, signal, at, reason, record FROM sample ORDER BY source, place";
pub const CLEAR_SAMPLES: &str = "DELETE FROM sample WHERE source = ?1";
pub const PUT_SAMPLE: &str = "INSERT INTO sample (source, place, signal, at, reason, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
pub const AGAIN: &str = "SELECT duplicates, conflicts FROM again WHERE trace = ?1";
pub const ADD_AGAIN: &str = "INSERT INTO again (trace, day, duplicates, conflicts) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (trace) DO UPDATE
    SET duplicates = duplicates + excluded.duplicates, conflicts = conflicts + excluded.conflicts";
pub const FORGET_AGAIN: &str = "DELETE FROM again WHERE day < ?1";

/// All of the above, for the test that looks at their query plans.
#[cfg(test)]
pub const STATEMENTS: [&str; 19] = [
    ROWS,
    PUT,
    FORGET,
    LINES,
    PUT_LINES,
    FORGET_LINES,
    ERRORS,
    PUT_ERRORS,
    FORGET_ERRORS,
    SEQ,
    SET_SEQ,
    LEDGER,
    SET_LEDGER,
    SAMPLES,
    CLEAR_SAMPLES,
    PUT_SAMPLE,
    AGAIN,
    ADD_AGAIN,
    FORGET_AGAIN,
];

/// The one writer of `intake.db`.
pub struct Journal {
    writer: SqliteConnection,
    /// Whether something was committed since the last checkpoint.
    dirty: bool,
}

/// Spans of one trace that came again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Again {
    pub day: i64,
    pub duplicates: u64,
    pub conflicts: u64,
}

/// One group commit.
#[derive(Default)]
pub struct Commit<'a> {
    /// (last `seq`, block as one byte string)
    pub rows: Vec<(u64, Vec<u8>)>,
    /// Largest `seq` given out so far.
    pub seq: u64,
    pub again: Vec<(TraceId, Again)>,
    pub counts: &'a [StoredCount],
    pub samples: &'a [(String, Vec<(String, RejectedSample)>)],
    /// Rows up to this `seq` are sealed and can go.
    pub sealed: u64,
    /// (last `seq`, lines as one byte string)
    pub lines: Option<(u64, Vec<u8>)>,
    /// Requests with lines: (identity, when).
    pub requests: &'a [(u128, Nanos)],
    /// Rows of lines up to this `seq` are sealed and can go.
    pub lines_sealed: u64,
    /// (last `seq`, errors as one byte string)
    pub errors: Vec<(u64, Vec<u8>)>,
    /// Rows of errors up to this `seq` are digested and can go.
    pub errors_digested: u64,
}

/// What the directory's life so far left behind.
pub struct Past {
    pub rows: Vec<(u64, Vec<u8>)>,
    pub seq: u64,
    pub lines: Vec<(u64, Vec<u8>)>,
    pub errors: Vec<(u64, Vec<u8>)>,
    pub requests: Vec<(u128, Nanos)>,
    pub ledger: Ledger,
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(5))
        .pragma("cache_size", "-2000")
        .disable_statement_logging()
}

impl Journal {
    /// Opens the file, makes it if need be, and reads what is in it.
    pub async fn open(path: &Path) -> Result<(Journal, Past), sqlx::Error> {
        let options = options(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let mut writer = options.connect().await?;
        sqlx::raw_sql(SCHEMA).execute(&mut writer).await?;
        let mut rows = Vec::new();
        for row in sqlx::query(ROWS).fetch_all(&mut writer).await? {
            rows.push((row.try_get::<i64, _>(0)?.cast_unsigned(), row.try_get(1)?));
        }
        let mut lines = Vec::new();
        for row in sqlx::query(LINES).fetch_all(&mut writer).await? {
            lines.push((row.try_get::<i64, _>(0)?.cast_unsigned(), row.try_get(1)?));
        }
        let mut errors = Vec::new();
        for row in sqlx::query(ERRORS).fetch_all(&mut writer).await? {
            errors.push((row.try_get::<i64, _>(0)?.cast_unsigned(), row.try_get(1)?));
        }
        let mut requests = Vec::new();
        for row in sqlx::query(REQUESTS).fetch_all(&mut writer).await? {
            if let Ok(identity) = <[u8; 16]>::try_from(row.try_get::<&[u8], _>(0)?) {
                requests.push((u128::from_be_bytes(identity), row.try_get(1)?));
            }
        }
        let seq: Option<i64> = sqlx::query_scalar(SEQ).fetch_optional(&mut writer).await?;
        let mut counts = Vec::new();
        for row in sqlx::query(LEDGER).fetch_all(&mut writer).await? {
            counts.push(StoredCount {
                source: row.try_get(0)?,
                signal: row.try_get(1)?,
                fate: row.try_get(2)?,
                reason: row.try_get(3)?,
                count: row.try_get(4)?,
                last_received: row.try_get(5)?,
            });
        }
        let mut samples = Vec::new();
        for row in sqlx::query(SAMPLES).fetch_all(&mut writer).await? {
            let sample = RejectedSample { at: row.try_get(2)?, reason: row.try_get(3)?, record: row.try_get(4)? };
            samples.push((row.try_get(0)?, row.try_get(1)?, sample));
        }
        let past = Past { rows, lines, errors, requests, seq: seq.unwrap_or(0).cast_unsigned(), ledger: Ledger::new(counts, samples) };
        Ok((Journal { writer, dirty: true }, past))
    }

    /// Commits; when this returns it is on the disk.
    pub async fn commit(&mut self, commit: &Commit<'_>) -> Result<(), sqlx::Error> {
        self.dirty = true;
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        for (seq, data) in &commit.rows {
            sqlx::query(PUT).bind(seq.cast_signed()).bind(data).execute(&mut *tx).await?;
        }
        sqlx::query(SET_SEQ).bind(commit.seq.cast_signed()).execute(&mut *tx).await?;
        for count in commit.counts {
            let query = sqlx::query(SET_LEDGER).bind(&count.source).bind(&count.signal).bind(&count.fate).bind(&count.reason);
            query.bind(count.count).bind(count.last_received).execute(&mut *tx).await?;
        }
        for (source, samples) in commit.samples {
            sqlx::query(CLEAR_SAMPLES).bind(source).execute(&mut *tx).await?;
            for (place, (signal, sample)) in (0i64..).zip(samples) {
                let query = sqlx::query(PUT_SAMPLE).bind(source).bind(place).bind(signal);
                query.bind(sample.at).bind(&sample.reason).bind(&sample.record).execute(&mut *tx).await?;
            }
        }
        for (trace, again) in &commit.again {
            let query = sqlx::query(ADD_AGAIN).bind(trace.0.as_slice()).bind(again.day);
            query.bind(again.duplicates.cast_signed()).bind(again.conflicts.cast_signed()).execute(&mut *tx).await?;
        }
        if commit.sealed > 0 {
            sqlx::query(FORGET).bind(commit.sealed.cast_signed()).execute(&mut *tx).await?;
        }
        if let Some((seq, data)) = &commit.lines {
            sqlx::query(PUT_LINES).bind(seq.cast_signed()).bind(data).execute(&mut *tx).await?;
        }
        for (identity, at) in commit.requests {
            sqlx::query(PUT_REQUEST).bind(identity.to_be_bytes().as_slice()).bind(at).execute(&mut *tx).await?;
        }
        if commit.lines_sealed > 0 {
            sqlx::query(FORGET_LINES).bind(commit.lines_sealed.cast_signed()).execute(&mut *tx).await?;
        }
        for (seq, data) in &commit.errors {
            sqlx::query(PUT_ERRORS).bind(seq.cast_signed()).bind(data).execute(&mut *tx).await?;
        }
        if commit.errors_digested > 0 {
            sqlx::query(FORGET_ERRORS).bind(commit.errors_digested.cast_signed()).execute(&mut *tx).await?;
        }
        tx.commit().await
    }

    /// Forgets requests from before this time.
    pub async fn forget_requests(&mut self, before: Nanos) -> Result<(), sqlx::Error> {
        sqlx::query(FORGET_REQUESTS).bind(before).execute(&mut self.writer).await.map(drop)
    }

    /// Forgets what is known of traces of days before this one.
    pub async fn forget_before(&mut self, day: i64) -> Result<(), sqlx::Error> {
        sqlx::query(FORGET_AGAIN).bind(day).execute(&mut self.writer).await.map(drop)
    }

    /// Gives the WAL's room back, if something was committed since the last time.
    pub async fn checkpoint(&mut self) -> Result<(), sqlx::Error> {
        if std::mem::take(&mut self.dirty) {
            sqlx::query(super::day::CHECKPOINT).execute(&mut self.writer).await?;
        }
        Ok(())
    }

    /// Leaves no WAL behind.
    pub async fn close(mut self) -> Result<(), sqlx::Error> {
        sqlx::query(super::day::CHECKPOINT).execute(&mut self.writer).await?;
        self.writer.close().await
    }
}

/// Readers of `intake.db`.
pub fn readers(path: &Path) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(Duration::from_secs(120))
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(options(path).pragma("query_only", "ON"))
}

/// How many spans of the trace came again, (duplicates, conflicts).
pub async fn again(readers: &SqlitePool, trace: TraceId) -> Result<(u64, u64), sqlx::Error> {
    let row = sqlx::query(AGAIN).bind(trace.0.as_slice()).fetch_optional(readers).await?;
    row.map_or(Ok((0, 0)), |row| Ok((row.try_get::<i64, _>(0)?.cast_unsigned(), row.try_get::<i64, _>(1)?.cast_unsigned())))
}
