//! `catalog.db`, as far as the spine needs it: the history of what was removed, and single settings. Its schema is in
//! `migrations/catalog`.

use model::alias::Aliases;
use model::time::Nanos;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Row};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

pub const FLOOR: &str = "SELECT value FROM setting WHERE name = 'floor'";
pub const SET_FLOOR: &str =
    "INSERT INTO setting (name, value) VALUES ('floor', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
pub const BEGIN: &str = "INSERT INTO history (at, what, detail) VALUES (?1, ?2, ?3)";
pub const DONE: &str = "UPDATE history SET spans = ?2, done = ?3 WHERE id = ?1";
pub const PENDING: &str = "SELECT id, detail FROM history WHERE what = 'remove dataset' AND done IS NULL ORDER BY id";

/// Few: a person entered each.
pub const ALIASES: &str = "SELECT name, service FROM alias ORDER BY name";
pub const SET_ALIAS: &str = "INSERT INTO alias (name, service) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET service = excluded.service";
pub const REMOVE_ALIAS: &str = "DELETE FROM alias WHERE name = ?1";

/// All of the above, for the test that looks at their query plans.
#[cfg(test)]
pub const STATEMENTS: [&str; 8] = [FLOOR, SET_FLOOR, BEGIN, DONE, PENDING, ALIASES, SET_ALIAS, REMOVE_ALIAS];

/// The catalog's connection.
pub struct Settings {
    pool: SqlitePool,
}

impl Settings {
    /// Opens the file and brings its schema up to date.
    pub async fn open(path: &Path) -> Result<Settings, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .pragma("cache_size", "-1000")
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None).connect_with(options).await?;
        sqlx::migrate!("../migrations/catalog").run(&pool).await?;
        Ok(Settings { pool })
    }

    /// For what else is kept in the catalog.
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// The first day that was not dropped.
    pub async fn floor(&self) -> Result<i64, sqlx::Error> {
        Ok(sqlx::query_scalar(FLOOR).fetch_optional(&self.pool).await?.unwrap_or(i64::MIN))
    }

    pub async fn set_floor(&self, day: i64) -> Result<(), sqlx::Error> {
        sqlx::query(SET_FLOOR).bind(day).execute(&self.pool).await.map(drop)
    }

    /// Notes in the history that something begins; returns its number.
    pub async fn begin(&self, what: &str, detail: &str, at: Nanos) -> Result<i64, sqlx::Error> {
        Ok(sqlx::query(BEGIN).bind(at).bind(what).bind(detail).execute(&self.pool).await?.last_insert_rowid())
    }

    /// Notes that it is done.
    pub async fn done(&self, id: i64, spans: u64, at: Nanos) -> Result<(), sqlx::Error> {
        sqlx::query(DONE).bind(id).bind(spans.cast_signed()).bind(at).execute(&self.pool).await.map(drop)
    }

    /// Removals that an abrupt end left half done.
    pub async fn pending(&self) -> Result<Vec<(i64, String)>, sqlx::Error> {
        let rows = sqlx::query(PENDING).fetch_all(&self.pool).await?;
        rows.into_iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Other names of services.
    pub async fn aliases(&self) -> Result<Aliases, sqlx::Error> {
        let rows = sqlx::query(ALIASES).fetch_all(&self.pool).await?;
        let pairs: BTreeMap<String, String> =
            rows.into_iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?;
        Aliases::try_from(pairs).map_err(|error| sqlx::Error::Decode(error.into()))
    }

    /// Replaces them, all or none.
    pub async fn set_aliases(&self, aliases: &Aliases) -> Result<(), sqlx::Error> {
        let old = self.aliases().await?;
        let mut change = self.pool.begin().await?;
        for (name, _) in old.iter() {
            sqlx::query(REMOVE_ALIAS).bind(name).execute(&mut *change).await?;
        }
        for (name, service) in aliases.iter() {
            sqlx::query(SET_ALIAS).bind(name).bind(service).execute(&mut *change).await?;
        }
        change.commit().await
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}
