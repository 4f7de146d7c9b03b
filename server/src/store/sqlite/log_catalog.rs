//! Log groups and streams: all of them in memory, with their tables in `catalog.db` (`migrations/catalog/0002_log_catalog.sql`).
//! What people change is written before it is answered; figures, which every commit changes, are written by [`Catalog::flush`].

mod hidden;
#[cfg(test)]
mod tests;

use crate::store::LogProblem;
pub use hidden::Hidden;
use model::log::{Group, Stream};
use model::time::Nanos;
use sqlx::{Row as _, Sqlite, SqlitePool, Transaction};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

const GROUPS: &str = "SELECT name, created, retention_days, tags FROM log_group";
const STREAMS: &str = "SELECT log_group, name, created, first, last, last_received, lines, bytes FROM log_stream";
const HIDDEN: &str = "SELECT log_group, stream, seq FROM log_hidden";
const PUT_GROUP: &str = "INSERT INTO log_group (name, created, retention_days, tags) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (name) DO UPDATE SET retention_days = excluded.retention_days, tags = excluded.tags";
const PUT_STREAM: &str = "INSERT INTO log_stream (log_group, name, created, first, last, last_received, lines, bytes)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (log_group, name) DO UPDATE SET first = excluded.first, last = excluded.last,
        last_received = excluded.last_received, lines = excluded.lines, bytes = excluded.bytes";
const DROP_GROUP: &str = "DELETE FROM log_group WHERE name = ?1";
const DROP_STREAMS: &str = "DELETE FROM log_stream WHERE log_group = ?1";
const DROP_STREAM: &str = "DELETE FROM log_stream WHERE log_group = ?1 AND name = ?2";
const HIDE: &str = "INSERT INTO log_hidden (log_group, stream, seq) VALUES (?1, ?2, ?3)
    ON CONFLICT (log_group, stream) DO UPDATE SET seq = max(seq, excluded.seq)";
const FORGET: &str = "DELETE FROM log_hidden WHERE seq < ?1";

/// Every group and stream, and what is hidden of them.
pub struct Catalog {
    pool: SqlitePool,
    state: RwLock<State>,
    /// One change at a time, from its check to its row.
    changing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    groups: BTreeMap<String, GroupEntry>,
    hidden: Arc<Hidden>,
}

#[derive(Clone)]
struct GroupEntry {
    created: Nanos,
    retention_days: Option<u32>,
    tags: BTreeMap<String, String>,
    streams: BTreeMap<String, StreamEntry>,
    unsaved: bool,
}

impl GroupEntry {
    fn new(created: Nanos) -> GroupEntry {
        GroupEntry { created, retention_days: None, tags: BTreeMap::new(), streams: BTreeMap::new(), unsaved: true }
    }
}

#[derive(Clone, Copy, Default)]
struct StreamEntry {
    created: Nanos,
    figures: Option<Figures>,
    unsaved: bool,
}

/// What is known of the lines of a stream, or of those of one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Times of the earliest and the latest line.
    pub first: Nanos,
    pub last: Nanos,
    /// When the last one arrived.
    pub received: Nanos,
    pub lines: u64,
    /// Of their messages.
    pub bytes: u64,
}

impl Figures {
    fn and(self, more: Figures) -> Figures {
        Figures {
            first: self.first.min(more.first),
            last: self.last.max(more.last),
            received: self.received.max(more.received),
            lines: self.lines + more.lines,
            bytes: self.bytes + more.bytes,
        }
    }
}

impl From<sqlx::Error> for LogProblem {
    fn from(error: sqlx::Error) -> LogProblem {
        LogProblem::Unavailable(error.to_string())
    }
}

impl Catalog {
    /// Reads everything from `catalog.db`, whose schema is up to date.
    pub async fn open(pool: SqlitePool) -> Result<Catalog, sqlx::Error> {
        let mut state = State::default();
        let mut hidden = Hidden::default();
        for row in sqlx::query(GROUPS).fetch_all(&pool).await? {
            let tags: Vec<(String, String)> = serde_json::from_str(row.try_get("tags")?).unwrap_or_default();
            let name: String = row.try_get("name")?;
            let entry = GroupEntry {
                retention_days: row.try_get("retention_days")?,
                tags: tags.into_iter().collect(),
                unsaved: false,
                ..GroupEntry::new(row.try_get("created")?)
            };
            hidden.keep(&name, entry.retention_days);
            state.groups.insert(name, entry);
        }
        for row in sqlx::query(STREAMS).fetch_all(&pool).await? {
            let first: Option<Nanos> = row.try_get("first")?;
            let last: Option<Nanos> = row.try_get("last")?;
            let received: Option<Nanos> = row.try_get("last_received")?;
            let count = |name| row.try_get::<i64, _>(name).map(i64::cast_unsigned);
            let (lines, bytes) = (count("lines")?, count("bytes")?);
            let figures = first.zip(last).zip(received);
            let figures = figures.map(|((first, last), received)| Figures { first, last, received, lines, bytes });
            let entry = StreamEntry { created: row.try_get("created")?, figures, unsaved: false };
            if let Some(group) = state.groups.get_mut(row.try_get::<&str, _>("log_group")?) {
                group.streams.insert(row.try_get("name")?, entry);
            }
        }
        for row in sqlx::query(HIDDEN).fetch_all(&pool).await? {
            hidden.hide(row.try_get("log_group")?, row.try_get("stream")?, row.try_get::<i64, _>("seq")?.cast_unsigned());
        }
        state.hidden = Arc::new(hidden);
        Ok(Catalog { pool, state: RwLock::new(state), changing: tokio::sync::Mutex::default() })
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What readers must leave out, as of now.
    pub fn hidden(&self) -> Arc<Hidden> {
        self.read().hidden.clone()
    }

    /// All groups by name.
    pub fn groups(&self) -> Vec<Group> {
        let group = |(name, entry): (&String, &GroupEntry)| {
            let figures = || entry.streams.values().filter_map(|stream| stream.figures);
            Group {
                name: name.clone(),
                created: entry.created,
                retention_days: entry.retention_days,
                tags: entry.tags.clone().into_iter().collect(),
                bytes: figures().map(|of| of.bytes).sum(),
                lines: figures().map(|of| of.lines).sum(),
            }
        };
        self.read().groups.iter().map(group).collect()
    }

    /// The streams of a group by name; `None` if there is no such group.
    pub fn streams(&self, group: &str) -> Option<Vec<Stream>> {
        let stream = |(name, entry): (&String, &StreamEntry)| Stream {
            name: name.clone(),
            created: entry.created,
            first: entry.figures.map(|of| of.first),
            last: entry.figures.map(|of| of.last),
            last_received: entry.figures.map(|of| of.received),
        };
        Some(self.read().groups.get(group)?.streams.iter().map(stream).collect())
    }

    /// Days that the group of this stream keeps its lines, if it has a retention of its own. `NoGroup`, `NoStream`
    pub fn retention(&self, group: &str, stream: &str) -> Result<Option<u32>, LogProblem> {
        let state = self.read();
        let group = state.groups.get(group).ok_or(LogProblem::NoGroup)?;
        if group.streams.contains_key(stream) { Ok(group.retention_days) } else { Err(LogProblem::NoStream) }
    }

    /// Counts lines that were committed. A group or stream that is not there is made.
    pub fn note(&self, group: &str, stream: &str, of: Figures) {
        let mut state = self.write();
        // The names are there nearly always, and only a new one is copied.
        let groups = &mut state.groups;
        if !groups.contains_key(group) {
            groups.insert(group.to_owned(), GroupEntry::new(of.received));
        }
        let Some(entry) = groups.get_mut(group) else { return };
        if let Some(stream) = entry.streams.get_mut(stream) {
            stream.figures = Some(stream.figures.map_or(of, |figures| figures.and(of)));
            stream.unsaved = true;
        } else {
            entry.streams.insert(stream.to_owned(), StreamEntry { created: of.received, figures: Some(of), unsaved: true });
        }
    }

    /// Writes what [`Catalog::note`] changed since the last time.
    pub async fn flush(&self) -> Result<(), LogProblem> {
        let _one = self.changing.lock().await;
        let (mut groups, mut streams) = (Vec::new(), Vec::new());
        for (name, group) in &mut self.write().groups {
            if std::mem::take(&mut group.unsaved) {
                groups.push((name.clone(), GroupEntry { streams: BTreeMap::new(), ..group.clone() }));
            }
            for (stream, entry) in group.streams.iter_mut().filter(|(_, entry)| entry.unsaved) {
                entry.unsaved = false;
                streams.push((name.clone(), stream.clone(), *entry));
            }
        }
        if groups.is_empty() && streams.is_empty() {
            return Ok(());
        }
        let written = self.save(&groups, &streams).await;
        if written.is_err() {
            let mut state = self.write();
            for (name, _) in &groups {
                state.groups.entry(name.clone()).and_modify(|group| group.unsaved = true);
            }
            for (group, name, _) in &streams {
                if let Some(stream) = state.groups.get_mut(group).and_then(|group| group.streams.get_mut(name)) {
                    stream.unsaved = true;
                }
            }
        }
        Ok(written?)
    }

    async fn save(&self, groups: &[(String, GroupEntry)], streams: &[(String, String, StreamEntry)]) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        for (name, group) in groups {
            put_group(&mut transaction, name, group).await?;
        }
        for (group, name, stream) in streams {
            put_stream(&mut transaction, group, name, stream).await?;
        }
        transaction.commit().await
    }

    /// Makes a group. `Exists`
    pub async fn create_group(&self, name: &str, tags: &[(String, String)], at: Nanos) -> Result<(), LogProblem> {
        let _one = self.changing.lock().await;
        if self.read().groups.contains_key(name) {
            return Err(LogProblem::Exists);
        }
        let group = GroupEntry { tags: tags.iter().cloned().collect(), unsaved: false, ..GroupEntry::new(at) };
        self.save(&[(name.to_owned(), group.clone())], &[]).await?;
        // A commit may have made it meanwhile.
        let mut state = self.write();
        let made = state.groups.remove(name).map(|made| made.streams).unwrap_or_default();
        state.groups.insert(name.to_owned(), GroupEntry { streams: made, ..group });
        Ok(())
    }

    /// Makes a stream. `NoGroup`, `Exists`
    pub async fn create_stream(&self, group: &str, name: &str, at: Nanos) -> Result<(), LogProblem> {
        let _one = self.changing.lock().await;
        match self.retention(group, name) {
            Ok(_) => return Err(LogProblem::Exists),
            Err(LogProblem::NoStream) => (),
            Err(problem) => return Err(problem),
        }
        let stream = StreamEntry { created: at, ..StreamEntry::default() };
        self.save(&[], &[(group.to_owned(), name.to_owned(), stream)]).await?;
        if let Some(group) = self.write().groups.get_mut(group) {
            group.streams.entry(name.to_owned()).or_insert(stream);
        }
        Ok(())
    }

    /// `NoGroup`
    pub async fn set_retention(&self, group: &str, days: Option<u32>) -> Result<(), LogProblem> {
        self.change_group(group, |entry| entry.retention_days = days).await?;
        let mut state = self.write();
        Arc::make_mut(&mut state.hidden).keep(group, days);
        Ok(())
    }

    /// Sets these tags and removes those. `NoGroup`
    pub async fn tag(&self, group: &str, set: &[(String, String)], remove: &[String]) -> Result<(), LogProblem> {
        let change = |entry: &mut GroupEntry| {
            entry.tags.extend(set.iter().cloned());
            entry.tags.retain(|key, _| !remove.contains(key));
        };
        self.change_group(group, change).await
    }

    async fn change_group(&self, name: &str, change: impl Fn(&mut GroupEntry)) -> Result<(), LogProblem> {
        let _one = self.changing.lock().await;
        let mut entry = {
            let state = self.read();
            let entry = state.groups.get(name).ok_or(LogProblem::NoGroup)?;
            GroupEntry { created: entry.created, retention_days: entry.retention_days, tags: entry.tags.clone(), ..GroupEntry::new(0) }
        };
        change(&mut entry);
        self.save(&[(name.to_owned(), entry)], &[]).await?;
        if let Some(entry) = self.write().groups.get_mut(name) {
            change(entry);
        }
        Ok(())
    }

    /// Deletes a group and hides its lines up to `seq`. `NoGroup`
    pub async fn delete_group(&self, name: &str, seq: u64) -> Result<(), LogProblem> {
        let _one = self.changing.lock().await;
        if !self.read().groups.contains_key(name) {
            return Err(LogProblem::NoGroup);
        }
        let mut transaction = self.pool.begin().await?;
        sqlx::query(DROP_GROUP).bind(name).execute(&mut *transaction).await?;
        sqlx::query(DROP_STREAMS).bind(name).execute(&mut *transaction).await?;
        sqlx::query(HIDE).bind(name).bind("").bind(seq.cast_signed()).execute(&mut *transaction).await?;
        transaction.commit().await?;
        let mut state = self.write();
        state.groups.remove(name);
        let hidden = Arc::make_mut(&mut state.hidden);
        hidden.hide(name, "", seq);
        hidden.keep(name, None);
        Ok(())
    }

    /// Deletes a stream and hides its lines up to `seq`. `NoGroup`, `NoStream`
    pub async fn delete_stream(&self, group: &str, name: &str, seq: u64) -> Result<(), LogProblem> {
        let _one = self.changing.lock().await;
        self.retention(group, name)?;
        let entry = self.read().groups.get(group).cloned().ok_or(LogProblem::NoGroup)?;
        let mut transaction = self.pool.begin().await?;
        // A group that lines made may not be written yet, and no line that can be seen would make it again.
        put_group(&mut transaction, group, &entry).await?;
        sqlx::query(DROP_STREAM).bind(group).bind(name).execute(&mut *transaction).await?;
        sqlx::query(HIDE).bind(group).bind(name).bind(seq.cast_signed()).execute(&mut *transaction).await?;
        transaction.commit().await?;
        let mut state = self.write();
        if let Some(group) = state.groups.get_mut(group) {
            group.streams.remove(name);
        }
        Arc::make_mut(&mut state.hidden).hide(group, name, seq);
        Ok(())
    }

    /// Forgets what hides lines before this `seq` only: they are no longer on disk.
    pub async fn forget_hidden(&self, before: u64) -> Result<(), LogProblem> {
        let _one = self.changing.lock().await;
        sqlx::query(FORGET).bind(before.cast_signed()).execute(&self.pool).await?;
        Arc::make_mut(&mut self.write().hidden).forget(before);
        Ok(())
    }
}

async fn put_group(transaction: &mut Transaction<'_, Sqlite>, name: &str, group: &GroupEntry) -> Result<(), sqlx::Error> {
    let tags = serde_json::to_string(&group.tags.iter().collect::<Vec<_>>()).unwrap_or_default();
    let query = sqlx::query(PUT_GROUP).bind(name).bind(group.created).bind(group.retention_days).bind(tags);
    query.execute(&mut **transaction).await.map(drop)
}

async fn put_stream(transaction: &mut Transaction<'_, Sqlite>, group: &str, name: &str, stream: &StreamEntry) -> Result<(), sqlx::Error> {
    let figures = stream.figures;
    let count = |of: fn(&Figures) -> u64| figures.as_ref().map_or(0, of).cast_signed();
    let query = sqlx::query(PUT_STREAM).bind(group).bind(name).bind(stream.created);
    let query = query.bind(figures.map(|of| of.first)).bind(figures.map(|of| of.last)).bind(figures.map(|of| of.received));
    query.bind(count(|of| of.lines)).bind(count(|of| of.bytes)).execute(&mut **transaction).await.map(drop)
}
