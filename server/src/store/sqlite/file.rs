//! A file of the data directory: a pool of readers and one writer, opened when they are first needed.

use super::day::{CHECKPOINT, lock};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

pub struct DbFile {
    pub path: PathBuf,
    readers: OnceLock<SqlitePool>,
    writer: tokio::sync::Mutex<Option<SqliteConnection>>,
    /// Whether something was written since the last checkpoint.
    dirty: AtomicBool,
    schema: &'static str,
    last_write: Mutex<Option<std::time::Instant>>,
}

impl DbFile {
    pub fn new(path: PathBuf, schema: &'static str) -> DbFile {
        DbFile {
            path,
            readers: OnceLock::new(),
            writer: tokio::sync::Mutex::new(None),
            dirty: AtomicBool::new(false),
            schema,
            last_write: Mutex::default(),
        }
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(false)
            .busy_timeout(Duration::from_secs(5))
            .pragma("cache_size", "-2000")
            .disable_statement_logging()
    }

    pub fn readers(&self) -> &SqlitePool {
        self.readers.get_or_init(|| {
            SqlitePoolOptions::new()
                .max_connections(3)
                .idle_timeout(Duration::from_secs(120))
                .max_lifetime(None)
                .test_before_acquire(false)
                .connect_lazy_with(self.options().pragma("query_only", "ON"))
        })
    }

    /// The writer's lock, its connection open and the schema there.
    pub async fn writer(&self) -> Result<tokio::sync::MappedMutexGuard<'_, SqliteConnection>, sqlx::Error> {
        let mut writer = self.writer.lock().await;
        self.dirty.store(true, Ordering::Relaxed);
        *lock(&self.last_write) = Some(std::time::Instant::now());
        if writer.is_none() {
            let options = self.options().create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
            let mut connection = options.synchronous(SqliteSynchronous::Normal).connect().await?;
            sqlx::raw_sql(self.schema).execute(&mut connection).await?;
            *writer = Some(connection);
        }
        Ok(tokio::sync::MutexGuard::map(writer, |writer| writer.as_mut().expect("it was just opened")))
    }

    /// How long ago something was written; `None` if the writer is closed.
    pub fn idle(&self) -> Option<Duration> {
        lock(&self.last_write).map(|at| at.elapsed())
    }

    /// Moves what was written from the WAL to its place and gives the WAL's room back.
    pub async fn checkpoint(&self) -> Result<(), sqlx::Error> {
        if let Some(connection) = self.writer.lock().await.as_mut()
            && self.dirty.swap(false, Ordering::Relaxed)
        {
            sqlx::query(CHECKPOINT).execute(connection).await?;
        }
        Ok(())
    }

    /// Closes the writer, if there is one, leaving no WAL behind.
    pub async fn rest(&self) -> Result<(), sqlx::Error> {
        if let Some(mut connection) = self.writer.lock().await.take() {
            *lock(&self.last_write) = None;
            sqlx::query(CHECKPOINT).execute(&mut connection).await?;
            connection.close().await?;
        }
        Ok(())
    }

    /// Closes every connection.
    pub async fn close(&self) {
        if let Some(readers) = self.readers.get() {
            readers.close().await;
        }
        if let Err(error) = self.rest().await {
            tracing::warn!(file = %self.path.display(), "closing: {error}");
        }
    }

    /// Closes the file and removes it.
    ///
    /// # Errors
    /// If a part of it cannot be removed.
    pub async fn remove(&self) -> std::io::Result<()> {
        self.close().await;
        for suffix in ["", "-wal", "-shm"] {
            let mut file = self.path.clone().into_os_string();
            file.push(suffix);
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
