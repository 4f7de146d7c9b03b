//! One day's file of lines: `logs-YYYYMMDD.db`. All of its SQL is here. Blocks are immutable; a small one is replaced by a larger one
//! with its lines.

use super::picture::{Block, Loaded};
use crate::store::block::Columns;
use crate::store::logs::block::{Encoded, Meta};
use crate::store::sqlite::day::lock;
use crate::store::sqlite::file::DbFile;
use rustc_hash::FxHashMap;
use sqlx::{Connection, Row};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

/// A column's rowid is its block's id and its number.
const COLUMN_BITS: u32 = 7;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS block (id INTEGER PRIMARY KEY, meta BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS col (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS gone (block INTEGER PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// 0 in a file whose making was cut off: it has nothing yet.
pub const READY: &str = "SELECT count(*) FROM sqlite_schema WHERE name = 'state'";
pub const BLOCKS: &str = "SELECT id, meta FROM block ORDER BY id";
pub const GONE: &str = "SELECT block FROM gone";
pub const CURSOR: &str = "SELECT value FROM state WHERE name = 'cursor'";
pub const LAST_ID: &str = "SELECT max(coalesce((SELECT max(id) FROM block), 0), coalesce((SELECT max(id) >> 7 FROM col), 0))";
pub const COLUMNS: &str = "SELECT id, data FROM col WHERE id IN (SELECT value FROM json_each(?1))";
pub const PUT_BLOCK: &str = "INSERT INTO block (id, meta) VALUES (?1, ?2)";
pub const PUT_COLUMN: &str = "INSERT INTO col (id, data) VALUES (?1, ?2)";
pub const SET_CURSOR: &str =
    "INSERT INTO state (name, value) VALUES ('cursor', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
pub const FORGET_BLOCK: &str = "DELETE FROM block WHERE id = ?1";
pub const PUT_GONE: &str = "INSERT INTO gone (block) VALUES (?1)";
pub const FREE_COLUMNS: &str = "DELETE FROM col WHERE id >= ?1 << 7 AND id < (?1 + 1) << 7";
pub const FREE_GONE: &str = "DELETE FROM gone WHERE block = ?1";

/// All of the above, for the test that looks at their query plans.
#[cfg(test)]
pub const STATEMENTS: [&str; 12] =
    [BLOCKS, GONE, CURSOR, LAST_ID, COLUMNS, PUT_BLOCK, PUT_COLUMN, SET_CURSOR, FORGET_BLOCK, PUT_GONE, FREE_COLUMNS, FREE_GONE];

/// A day's file.
pub struct LogFile {
    pub day: i64,
    pub db: DbFile,
    last_id: AtomicI64,
    /// Replaced blocks whose columns an older picture may still read.
    gone: Mutex<Vec<Gone>>,
}

/// A block that was replaced; `None` since before the start: nobody reads it.
type Gone = (i64, Option<Arc<Block>>);

/// What one transaction does to a day.
#[derive(Default)]
pub struct Change {
    pub put: Vec<(i64, Encoded)>,
    /// Blocks that are gone or that `put` replaces.
    pub gone: Vec<Arc<Block>>,
    pub cursor: Option<u64>,
}

impl LogFile {
    pub fn new(day: i64, path: PathBuf) -> LogFile {
        LogFile { day, db: DbFile::new(path, SCHEMA), last_id: AtomicI64::new(0), gone: Mutex::default() }
    }

    /// The id of the next block.
    pub fn next_id(&self) -> i64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    async fn exists(&self) -> Result<bool, sqlx::Error> {
        Ok(self.db.path.exists() && sqlx::query_scalar::<_, i64>(READY).fetch_one(self.db.readers()).await? > 0)
    }

    /// The `seq` up to which this day's lines are sealed; 0 for a day without a file.
    pub async fn cursor(&self) -> Result<u64, sqlx::Error> {
        if !self.exists().await? {
            return Ok(0);
        }
        let value: Option<i64> = sqlx::query_scalar(CURSOR).fetch_optional(self.db.readers()).await?;
        Ok(value.unwrap_or(0).cast_unsigned())
    }

    /// Reads what is known of all blocks. A block that cannot be read is reported and left out.
    pub async fn load(self: &Arc<LogFile>) -> Result<Loaded, sqlx::Error> {
        let mut loaded = Loaded::default();
        if !self.exists().await? {
            return Ok(loaded);
        }
        let mut reader = self.db.readers().acquire().await?;
        self.last_id.store(sqlx::query_scalar(LAST_ID).fetch_one(&mut *reader).await?, Ordering::Relaxed);
        let gone: Vec<i64> = sqlx::query_scalar(GONE).fetch_all(&mut *reader).await?;
        lock(&self.gone).extend(gone.into_iter().map(|id| (id, None)));
        for row in sqlx::query(BLOCKS).fetch_all(&mut *reader).await? {
            let id: i64 = row.try_get(0)?;
            match Meta::from_bytes(row.try_get(1)?) {
                Ok(meta) => loaded.blocks.push(Arc::new(Block { file: self.clone(), id, meta })),
                Err(corrupt) => tracing::error!(file = %self.db.path.display(), block = id, "{corrupt}"),
            }
        }
        Ok(loaded)
    }

    /// The asked columns of some blocks, in one statement.
    pub async fn columns(&self, wanted: &[(i64, &[u16])]) -> Result<FxHashMap<i64, Columns>, sqlx::Error> {
        let mut columns: FxHashMap<i64, Columns> = wanted.iter().map(|(block, _)| (*block, Columns::default())).collect();
        let ids = wanted.iter().flat_map(|(block, numbers)| numbers.iter().map(move |number| block << COLUMN_BITS | i64::from(*number)));
        let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
        if ids.is_empty() {
            return Ok(columns);
        }
        for row in sqlx::query(COLUMNS).bind(format!("[{}]", ids.join(","))).fetch_all(self.db.readers()).await? {
            let id: i64 = row.try_get(0)?;
            if let Some(columns) = columns.get_mut(&(id >> COLUMN_BITS)) {
                columns.insert((id & ((1 << COLUMN_BITS) - 1)) as u16, row.try_get(1)?);
            }
        }
        Ok(columns)
    }

    /// Does all of `change` in one transaction. Only the sealer calls this, after [`LogFile::load`].
    pub async fn write(&self, change: &Change) -> Result<(), sqlx::Error> {
        let mut writer = self.db.writer().await?;
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
        for (id, encoded) in &change.put {
            sqlx::query(PUT_BLOCK).bind(id).bind(encoded.meta.to_bytes()).execute(&mut *tx).await?;
            for (number, framed) in encoded.columns.iter() {
                sqlx::query(PUT_COLUMN).bind(id << COLUMN_BITS | i64::from(number)).bind(framed).execute(&mut *tx).await?;
            }
        }
        for block in &change.gone {
            sqlx::query(FORGET_BLOCK).bind(block.id).execute(&mut *tx).await?;
            sqlx::query(PUT_GONE).bind(block.id).execute(&mut *tx).await?;
        }
        if let Some(cursor) = change.cursor {
            sqlx::query(SET_CURSOR).bind(cursor.cast_signed()).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        lock(&self.gone).extend(change.gone.iter().map(|block| (block.id, Some(block.clone()))));
        Ok(())
    }

    /// Frees the columns of replaced blocks that no picture has any more.
    pub async fn free(&self) -> Result<(), sqlx::Error> {
        let free: Vec<i64> = {
            let mut gone = lock(&self.gone);
            let unread = |(_, block): &Gone| block.as_ref().is_none_or(|block| Arc::strong_count(block) == 1);
            let (free, kept): (Vec<Gone>, Vec<Gone>) = gone.drain(..).partition(unread);
            *gone = kept;
            free.into_iter().map(|(id, _)| id).collect()
        };
        if free.is_empty() {
            return Ok(());
        }
        let mut writer = self.db.writer().await?;
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
        for id in free {
            sqlx::query(FREE_COLUMNS).bind(id).execute(&mut *tx).await?;
            sqlx::query(FREE_GONE).bind(id).execute(&mut *tx).await?;
        }
        tx.commit().await
    }
}
