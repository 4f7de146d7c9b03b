//! One day's file: `spans-YYYYMMDD.db`. All of its SQL is here. Blocks are immutable but for their two `dead` bitmaps; one task
//! writes (the sealer), any number read.

use super::file::DbFile;
use super::lookup::{Filter, Run, hashes_from_bytes, hashes_to_bytes};
use super::world::{Block, Loaded, Place};
use crate::store::block::{Bitmap, Columns, Encoded, Meta};
use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::{Connection, Row};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// A column's rowid is its block's id and its number.
const COLUMN_BITS: u32 = 10;
/// Columns of one INSERT.
const MANY: usize = 32;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS block (
    id INTEGER PRIMARY KEY,
    run INTEGER,                    -- NULL while the block is open
    summary_seq INTEGER NOT NULL,
    datasets TEXT NOT NULL,         -- one a line
    hashes BLOB,                    -- look-up hashes, while the block is open
    meta BLOB NOT NULL,
    dead BLOB,
    summary_dead BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS col (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS run (id INTEGER PRIMARY KEY, min_seq INTEGER NOT NULL, blocks BLOB NOT NULL, filter BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS lookup (bucket INTEGER, run INTEGER, data BLOB NOT NULL, PRIMARY KEY (bucket, run)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gone (block INTEGER PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// 0 in a file whose making was cut off: it has nothing yet.
pub const READY: &str = "SELECT count(*) FROM sqlite_schema WHERE name = 'state'";
pub const BLOCKS: &str = "SELECT id, summary_seq, datasets, hashes, meta, dead, summary_dead FROM block ORDER BY id";
pub const RUNS: &str = "SELECT id, min_seq, blocks, filter FROM run ORDER BY id";
pub const GONE: &str = "SELECT block FROM gone";
pub const CURSOR: &str = "SELECT value FROM state WHERE name = 'cursor'";
pub const LAST_ID: &str = "SELECT max(coalesce((SELECT max(id) FROM block), 0), coalesce((SELECT max(id) >> 10 FROM col), 0))";
pub const COLUMNS: &str = "SELECT id, data FROM col WHERE id IN (SELECT value FROM json_each(?1))";
pub const BUCKET: &str = "SELECT data FROM lookup WHERE bucket = ?1 AND run = ?2";
pub const PUT_BLOCK: &str = "INSERT INTO block (id, summary_seq, datasets, hashes, meta) VALUES (?1, ?2, ?3, ?4, ?5)";
pub const PUT_COLUMN: &str = "INSERT INTO col (id, data) VALUES (?, ?)";
pub const SET_DEAD: &str = "UPDATE block SET dead = ?2, summary_dead = ?3 WHERE id = ?1";
pub const SET_CURSOR: &str =
    "INSERT INTO state (name, value) VALUES ('cursor', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
pub const PUT_RUN: &str = "INSERT INTO run (id, min_seq, blocks, filter) VALUES (?1, ?2, ?3, ?4)";
pub const PUT_BUCKET: &str = "INSERT INTO lookup (bucket, run, data) VALUES (?1, ?2, ?3)";
pub const CLOSE_BLOCK: &str = "UPDATE block SET run = ?2, hashes = NULL WHERE id = ?1";
pub const FORGET_BLOCK: &str = "DELETE FROM block WHERE id = ?1";
pub const PUT_GONE: &str = "INSERT INTO gone (block) VALUES (?1)";
pub const FREE_COLUMNS: &str = "DELETE FROM col WHERE id >= ?1 << 10 AND id < (?1 + 1) << 10";
pub const FREE_GONE: &str = "DELETE FROM gone WHERE block = ?1";
pub const CHECKPOINT: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// All of the above, for the test that looks at their query plans.
#[cfg(test)]
pub const STATEMENTS: [&str; 18] = [
    BLOCKS,
    RUNS,
    GONE,
    CURSOR,
    LAST_ID,
    COLUMNS,
    BUCKET,
    PUT_BLOCK,
    PUT_COLUMN,
    SET_DEAD,
    SET_CURSOR,
    PUT_RUN,
    PUT_BUCKET,
    CLOSE_BLOCK,
    FORGET_BLOCK,
    PUT_GONE,
    FREE_COLUMNS,
    FREE_GONE,
];

/// `PUT_COLUMN` for [`MANY`] rows.
pub fn put_columns() -> &'static str {
    static SQL: OnceLock<String> = OnceLock::new();
    SQL.get_or_init(|| format!("{PUT_COLUMN}{}", ", (?, ?)".repeat(MANY - 1)))
}

/// A day's file.
pub struct DayFile {
    pub day: i64,
    pub db: DbFile,
    last_id: AtomicI64,
    /// Look-up hashes of at least all open blocks: "is this trace known?" without asking each block.
    pub open_hashes: Mutex<FxHashSet<u64>>,
    /// Blocks folded away whose columns an older picture may still read.
    pub gone: Mutex<Vec<(i64, Option<Arc<Block>>)>>,
}

/// What one transaction does to a day.
#[derive(Default)]
pub struct Change {
    pub put: Vec<NewBlock>,
    /// Blocks with new `dead` bitmaps.
    pub marked: Vec<Block>,
    /// Blocks that `put` replaces.
    pub folded: Vec<i64>,
    pub cursor: Option<u64>,
    pub run: Option<NewRun>,
}

pub struct NewBlock {
    pub id: i64,
    pub encoded: Encoded,
    pub summary_seq: u64,
    pub datasets: Vec<Arc<str>>,
    pub hashes: Vec<u64>,
}

pub struct NewRun {
    pub run: Run,
    pub buckets: Vec<(u8, Vec<u8>)>,
}

impl DayFile {
    pub fn new(day: i64, path: PathBuf) -> DayFile {
        DayFile { day, db: DbFile::new(path, SCHEMA), last_id: AtomicI64::new(0), open_hashes: Mutex::default(), gone: Mutex::default() }
    }

    /// The id of the next block.
    pub fn next_id(&self) -> i64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    async fn exists(&self) -> Result<bool, sqlx::Error> {
        Ok(self.db.path.exists() && sqlx::query_scalar::<_, i64>(READY).fetch_one(self.db.readers()).await? > 0)
    }

    /// The `seq` up to which this day's spans are sealed; 0 for a day without a file.
    pub async fn cursor(&self) -> Result<u64, sqlx::Error> {
        if !self.exists().await? {
            return Ok(0);
        }
        let value: Option<i64> = sqlx::query_scalar(CURSOR).fetch_optional(self.db.readers()).await?;
        Ok(value.unwrap_or(0).cast_unsigned())
    }

    /// Reads the directory of all blocks.
    pub async fn load(self: &Arc<DayFile>) -> Result<Loaded, sqlx::Error> {
        if !self.exists().await? {
            return Ok(Loaded::default());
        }
        let mut readers = self.db.readers().acquire().await?;
        let last: i64 = sqlx::query_scalar(LAST_ID).fetch_one(&mut *readers).await?;
        self.last_id.store(last, Ordering::Relaxed);
        let gone: Vec<i64> = sqlx::query_scalar(GONE).fetch_all(&mut *readers).await?;
        lock(&self.gone).extend(gone.into_iter().map(|id| (id, None)));
        let mut loaded = Loaded::default();
        for row in sqlx::query(RUNS).fetch_all(&mut *readers).await? {
            let blocks: Vec<u8> = row.try_get(2)?;
            match Filter::from_bytes(row.try_get(3)?) {
                Ok(filter) => loaded.runs.push(Arc::new(Run {
                    id: row.try_get(0)?,
                    min_seq: row.try_get::<i64, _>(1)?.cast_unsigned(),
                    blocks: hashes_from_bytes(&blocks).into_iter().map(u64::cast_signed).collect(),
                    filter,
                })),
                Err(corrupt) => tracing::error!(file = %self.db.path.display(), "{corrupt}"),
            }
        }
        for row in sqlx::query(BLOCKS).fetch_all(&mut *readers).await? {
            let id: i64 = row.try_get(0)?;
            let meta = match Meta::from_bytes(row.try_get(4)?) {
                Ok(meta) => meta,
                Err(corrupt) => {
                    tracing::error!(file = %self.db.path.display(), block = id, "{corrupt}");
                    continue;
                }
            };
            let bitmap = |bytes: Option<&[u8]>, len: u32| bytes.map(|bytes| Arc::new(Bitmap::from_bytes(bytes, len as usize)));
            loaded.blocks.push(Arc::new(Block {
                place: Place::Sealed { file: self.clone(), id },
                dead: bitmap(row.try_get(5)?, meta.spans),
                summary_dead: bitmap(row.try_get(6)?, meta.summaries),
                meta: Arc::new(meta),
                summary_seq: row.try_get::<i64, _>(1)?.cast_unsigned(),
                datasets: row.try_get::<&str, _>(2)?.lines().map(crate::store::block::meta::intern).collect(),
                hashes: row.try_get::<Option<&[u8]>, _>(3)?.map(|bytes| hashes_from_bytes(bytes).into()),
            }));
        }
        let open = loaded.blocks.iter().filter_map(|block| block.hashes.as_ref());
        lock(&self.open_hashes).extend(open.flat_map(|hashes| hashes.iter().copied()));
        Ok(loaded)
    }

    /// The asked columns of some blocks, in one statement. A block that is gone has none.
    pub async fn columns(&self, wanted: &[(i64, Vec<u16>)]) -> Result<FxHashMap<i64, Columns>, sqlx::Error> {
        let mut ids = String::with_capacity(wanted.iter().map(|(_, numbers)| numbers.len() * 10).sum::<usize>() + 2);
        for number in wanted.iter().flat_map(|(block, numbers)| numbers.iter().map(move |number| block << COLUMN_BITS | i64::from(*number)))
        {
            ids.push(if ids.is_empty() { '[' } else { ',' });
            ids.push_str(&number.to_string());
        }
        let mut columns: FxHashMap<i64, Columns> = wanted.iter().map(|(block, _)| (*block, Columns::default())).collect();
        if ids.is_empty() {
            return Ok(columns);
        }
        ids.push(']');
        for row in sqlx::query(COLUMNS).bind(ids).fetch_all(self.db.readers()).await? {
            let id: i64 = row.try_get(0)?;
            if let Some(columns) = columns.get_mut(&(id >> COLUMN_BITS)) {
                columns.insert((id & ((1 << COLUMN_BITS) - 1)) as u16, row.try_get(1)?);
            }
        }
        Ok(columns)
    }

    /// One bucket of a run.
    pub async fn bucket(&self, bucket: u8, run: i64) -> Result<Option<Vec<u8>>, sqlx::Error> {
        sqlx::query_scalar(BUCKET).bind(i64::from(bucket)).bind(run).fetch_optional(self.db.readers()).await
    }

    /// Does all of `change` in one transaction. Only the sealer calls this, after [`DayFile::load`].
    pub async fn write(&self, change: &Change) -> Result<(), sqlx::Error> {
        let mut writer = self.db.writer().await?;
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
        for block in &change.put {
            sqlx::query(PUT_BLOCK)
                .bind(block.id)
                .bind(block.summary_seq.cast_signed())
                .bind(block.datasets.join("\n"))
                .bind(hashes_to_bytes(&block.hashes))
                .bind(block.encoded.meta.to_bytes())
                .execute(&mut *tx)
                .await?;
            let columns: Vec<(i64, &[u8])> =
                block.encoded.columns.iter().map(|(number, framed)| (block.id << COLUMN_BITS | i64::from(number), framed)).collect();
            let (many, rest) = columns.as_chunks::<MANY>();
            for columns in many {
                let query = columns.iter().fold(sqlx::query(put_columns()), |query, (id, framed)| query.bind(*id).bind(*framed));
                query.execute(&mut *tx).await?;
            }
            for (id, framed) in rest {
                sqlx::query(PUT_COLUMN).bind(*id).bind(*framed).execute(&mut *tx).await?;
            }
        }
        for block in &change.marked {
            let Some(id) = block.id() else { continue };
            let dead = block.dead.as_ref().map(|dead| dead.to_bytes());
            let summary_dead = block.summary_dead.as_ref().map(|dead| dead.to_bytes());
            sqlx::query(SET_DEAD).bind(id).bind(dead).bind(summary_dead).execute(&mut *tx).await?;
        }
        for id in &change.folded {
            sqlx::query(FORGET_BLOCK).bind(id).execute(&mut *tx).await?;
            sqlx::query(PUT_GONE).bind(id).execute(&mut *tx).await?;
        }
        if let Some(NewRun { run, buckets }) = &change.run {
            let blocks: Vec<u64> = run.blocks.iter().map(|id| id.cast_unsigned()).collect();
            let query = sqlx::query(PUT_RUN).bind(run.id).bind(run.min_seq.cast_signed());
            query.bind(hashes_to_bytes(&blocks)).bind(run.filter.as_bytes()).execute(&mut *tx).await?;
            for (bucket, data) in buckets {
                sqlx::query(PUT_BUCKET).bind(i64::from(*bucket)).bind(run.id).bind(data).execute(&mut *tx).await?;
            }
            for id in &run.blocks {
                sqlx::query(CLOSE_BLOCK).bind(id).bind(run.id).execute(&mut *tx).await?;
            }
        }
        if let Some(cursor) = change.cursor {
            sqlx::query(SET_CURSOR).bind(cursor.cast_signed()).execute(&mut *tx).await?;
        }
        tx.commit().await
    }

    /// Frees the columns of folded blocks that no picture refers to any more.
    pub async fn free(&self) -> Result<(), sqlx::Error> {
        let free: Vec<i64> = {
            let mut gone = lock(&self.gone);
            let idle = |block: &Option<Arc<Block>>| block.as_ref().is_none_or(|block| Arc::strong_count(block) == 1);
            let (free, kept) = gone.drain(..).partition(|(_, block)| idle(block));
            *gone = kept;
            free.into_iter().map(|(id, _): (i64, _)| id).collect()
        };
        if free.is_empty() {
            return Ok(());
        }
        // A quiet day is not opened for this: it waits for the next change.
        if self.db.idle().is_none() {
            lock(&self.gone).extend(free.into_iter().map(|id| (id, None)));
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

/// A lock that a panic elsewhere does not take down with it: what it guards is replaced whole.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
