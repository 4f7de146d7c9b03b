//! The log store over SQLite, beside that of spans: `intake` takes lines into the same commit, `seal` turns the tail into blocks of day
//! files (`day`), `scan` finds lines in a `picture` of all of it, `read` answers questions.

mod asked;
mod counted;
pub mod day;
mod facet;
pub mod intake;
mod page;
pub mod patterns;
mod picture;
mod read;
mod retain;
mod scan;
pub mod seal;
mod steps;
mod table;
mod write;

use super::Core;
use super::day::lock;
use super::directory::{self, Directory};
use super::log_catalog::Catalog;
use day::LogFile;
use intake::Repeated;
use model::time::Nanos;
use patterns::Patterns;
use picture::{Day, Picture};
use sqlx::SqlitePool;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::{Notify, watch};

/// What the log store's tasks and readers share.
pub struct LogCore {
    picture: RwLock<Arc<Picture>>,
    pub catalog: Catalog,
    patterns: Arc<tokio::sync::Mutex<Patterns>>,
    templates: patterns::Templates,
    pub repeated: Mutex<Repeated>,
    pub tail_lines: AtomicUsize,
    /// Every line up to this `seq` is sealed.
    pub sealed: AtomicU64,
    pub seal_now: Notify,
    pub sealed_some: Notify,
    /// The last `seq` that a reader can see.
    pub seq: watch::Sender<u64>,
}

impl LogCore {
    /// Of what is on disk; `repeated` are the identities of requests that were committed of late.
    pub async fn open(pool: &SqlitePool, directory: &Directory, seq: u64, repeated: Vec<(u128, Nanos)>) -> Result<LogCore, anyhow::Error> {
        let mut picture = Picture { seq, ..Picture::default() };
        for number in directory.log_days()? {
            let file = LogFile::new(number, directory.path.join(directory::log_file(number)));
            picture.days.insert(number, Day::new(file));
        }
        let mut known = Repeated::default();
        for (identity, at) in repeated {
            known.again(identity, at);
        }
        let patterns = Patterns::open(pool.clone()).await?;
        Ok(LogCore {
            picture: RwLock::new(Arc::new(picture)),
            catalog: Catalog::open(pool.clone()).await?,
            templates: patterns.templates.clone(),
            patterns: Arc::new(tokio::sync::Mutex::new(patterns)),
            repeated: Mutex::new(known),
            tail_lines: AtomicUsize::new(0),
            sealed: AtomicU64::new(0),
            seal_now: Notify::new(),
            sealed_some: Notify::new(),
            seq: watch::channel(seq).0,
        })
    }

    fn picture(&self) -> Arc<Picture> {
        self.picture.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the picture; `change` runs under the lock, so it must be quick.
    fn change<T>(&self, change: impl FnOnce(&mut Picture) -> T) -> T {
        let mut guard = self.picture.write().unwrap_or_else(PoisonError::into_inner);
        let mut picture = Picture::clone(&guard);
        let result = change(&mut picture);
        *guard = Arc::new(picture);
        result
    }

    /// Gives the lines of the tail their patterns, which the sealer would do later.
    async fn give_patterns(&self, picture: &Picture) {
        if picture.tail.iter().any(|chunk| chunk.patterns.get().is_none()) {
            let (mut patterns, tail) = (self.patterns.clone().lock_owned().await, picture.tail.clone());
            // A panic there leaves them without.
            let _ = tokio::task::spawn_blocking(move || patterns.give(&tail)).await;
        }
    }

    /// The first day that has a file.
    pub fn first_day(&self) -> Option<i64> {
        self.picture().days.keys().next().copied()
    }

    /// Removes a day and its file; returns how many lines that were.
    pub async fn drop_day(&self, number: i64) -> Result<u64, anyhow::Error> {
        let Some(day) = self.change(|picture| picture.days.remove(&number)) else { return Ok(0) };
        let lines =
            if day.file.db.path.exists() { day.load().await?.blocks.iter().map(|block| u64::from(block.meta.lines)).sum() } else { 0 };
        day.file.db.remove().await?;
        Ok(lines)
    }

    /// Forgets the identities of requests that were not committed after all.
    pub fn forget(&self, identities: &[(u128, Nanos)]) {
        lock(&self.repeated).forget(identities);
    }
}

impl Core {
    /// The day's entry in the picture of lines, made if it is new.
    fn log_day(&self, number: i64) -> Day {
        if let Some(day) = self.logs.picture().days.get(&number) {
            return day.clone();
        }
        let path = self.directory.path.join(directory::log_file(number));
        self.logs.change(|picture| picture.days.entry(number).or_insert_with(|| Day::new(LogFile::new(number, path))).clone())
    }
}

#[cfg(test)]
impl LogCore {
    /// Lines of each block, day by day.
    pub async fn blocks_of_all_days(&self) -> Vec<u32> {
        let mut lines = Vec::new();
        for day in self.picture().days.values() {
            lines.extend(day.load().await.expect("the day is read").blocks.iter().map(|block| block.meta.lines));
        }
        lines
    }
}
