//! One day's file of occurrences: `errors-YYYYMMDD.db`. All of its SQL is here. An occurrence is a row, its witnesses are rows that point into
//! compressed chunks. What is above the catalog's cursor is of a digest that was cut off and goes at the start.

use super::assign::Occ;
use super::bulk::{each, list, rows};
use super::codec;
use crate::store::sqlite::file::DbFile;
use model::error::{OccurrenceRow, Person, Witness, WitnessFamily};
use model::id::{SpanId, TraceId};
use model::time::Nanos;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

const SCHEMA: &str = r#"
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS occurrence (
    seq INTEGER PRIMARY KEY, number INTEGER NOT NULL, time INTEGER NOT NULL, twin INTEGER NOT NULL, uuid TEXT NOT NULL,
    "into" INTEGER, gone INTEGER, row TEXT NOT NULL,
    changed INTEGER NOT NULL DEFAULT 0, old_row TEXT, old_uuid TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS occurrence_changed ON occurrence (changed) WHERE old_row IS NOT NULL;
CREATE INDEX IF NOT EXISTS occurrence_number ON occurrence (number, seq);
CREATE INDEX IF NOT EXISTS occurrence_uuid ON occurrence (uuid) WHERE uuid <> '';
CREATE INDEX IF NOT EXISTS occurrence_twin ON occurrence (twin, time) WHERE twin <> 0;
CREATE INDEX IF NOT EXISTS occurrence_into ON occurrence ("into") WHERE "into" IS NOT NULL;
CREATE TABLE IF NOT EXISTS trace (hash INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (hash, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS witness (
    seq INTEGER PRIMARY KEY, occurrence INTEGER NOT NULL, identity BLOB NOT NULL UNIQUE, chunk INTEGER NOT NULL, place INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS witness_occurrence ON witness (occurrence);
CREATE TABLE IF NOT EXISTS chunk (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
"#;

/// 0 in a file whose making was cut off: it has nothing yet.
const READY: &str = "SELECT count(*) FROM sqlite_schema WHERE name = 'chunk'";
pub const KNOWN: &str = "SELECT identity FROM witness WHERE identity IN (SELECT unhex(value) FROM json_each(?1))";
/// From the traces, which few have in common: of a twin there may be thousands a second.
pub const NEAR: &str = r#"SELECT DISTINCT o.seq, o.number, o.time, o.twin, o.uuid, o.row FROM trace t CROSS JOIN occurrence o ON o.seq = t.seq
    WHERE t.hash IN (SELECT value FROM json_each(?1)) AND o."into" IS NULL
    AND +o.twin IN (SELECT value FROM json_each(?2)) AND o.time BETWEEN ?3 AND ?4"#;
pub const ALIKE: &str = r#"SELECT seq, number, time, twin, uuid, row FROM occurrence
    WHERE twin = ?1 AND twin <> 0 AND time BETWEEN ?2 AND ?3 AND "into" IS NULL ORDER BY time LIMIT 100"#;
pub const OF_TRACES: &str = r#"SELECT DISTINCT o.seq, o.number, o.time, o.twin, o.uuid, o.row FROM trace t JOIN occurrence o ON o.seq = t.seq
    WHERE t.hash IN (SELECT value FROM json_each(?1)) AND o."into" IS NULL ORDER BY o.time LIMIT ?2"#;
/// What another witness changes is kept as it was, until the next change: the digest that changed it may be cut off.
pub const PUT: &str = "INSERT INTO occurrence (seq, number, time, twin, uuid, row)
    SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->5 FROM json_each(?1) WHERE true
    ON CONFLICT (seq) DO UPDATE SET old_row = row, old_uuid = uuid, changed = ?2, uuid = excluded.uuid, row = excluded.row";
pub const FOLD: &str = r#"UPDATE occurrence SET "into" = ?2, gone = ?3 WHERE seq = ?1"#;
pub const PUT_TRACES: &str = "INSERT OR IGNORE INTO trace (hash, seq) SELECT value->>0, value->>1 FROM json_each(?1)";
pub const PUT_CHUNK: &str = "INSERT INTO chunk (data) VALUES (?1)";
pub const PUT_WITNESSES: &str = "INSERT OR IGNORE INTO witness (seq, occurrence, identity, chunk, place)
    SELECT value->>0, value->>1, unhex(value->>2), ?2, value->>3 FROM json_each(?1)";
pub const CUT: [&str; 6] = [
    "DELETE FROM trace WHERE seq > ?1",
    "DELETE FROM occurrence WHERE seq > ?1",
    r#"UPDATE occurrence SET "into" = NULL, gone = NULL WHERE "into" IS NOT NULL AND gone > ?1"#,
    "UPDATE occurrence SET row = old_row, uuid = old_uuid, old_row = NULL, changed = 0 WHERE changed > ?1 AND old_row IS NOT NULL",
    "DELETE FROM witness WHERE seq > ?1",
    "DELETE FROM chunk WHERE id > (SELECT coalesce(max(chunk), 0) FROM witness)",
];
pub const LAST: &str = "SELECT coalesce(max(seq), 0) FROM witness";
/// Of each group the end of its index: it may have a million.
pub const NEWEST: &str = r#"SELECT o.seq, o.number, o.time, o.twin, o.uuid, o.row FROM json_each(?1) n CROSS JOIN occurrence o
    WHERE o.seq IN (SELECT seq FROM occurrence WHERE number = n.value AND seq < ?2 AND "into" IS NULL ORDER BY seq DESC LIMIT ?3)
    ORDER BY o.seq DESC LIMIT ?3"#;
pub const LAST_ONES: &str = r#"SELECT seq, number, time, twin, uuid, row FROM occurrence WHERE "into" IS NULL ORDER BY seq DESC LIMIT ?1"#;
pub const NEWER: &str = r#"SELECT min((SELECT seq FROM occurrence WHERE number = n.value AND seq > ?2 AND "into" IS NULL ORDER BY seq LIMIT 1))
    FROM json_each(?1) n"#;
pub const ONE: &str = r#"SELECT o.seq, o.number, o.time, o.twin, o.uuid, o.row FROM occurrence o
    WHERE o.seq = (SELECT coalesce("into", seq) FROM occurrence WHERE seq = ?1)"#;
pub const BY_UUID: &str = r#"SELECT number, coalesce("into", seq) FROM occurrence WHERE uuid = ?1 AND uuid <> '' LIMIT 1"#;
pub const WITNESSES: &str = r#"SELECT w.chunk, w.place FROM witness w WHERE w.occurrence = ?1
    OR w.occurrence IN (SELECT seq FROM occurrence WHERE "into" = ?1) ORDER BY w.seq"#;
pub const CHUNK: &str = "SELECT data FROM chunk WHERE id = ?1";

/// Which system saw it, where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub family: WitnessFamily,
    pub service: String,
    pub trace: Option<TraceId>,
    pub span: Option<SpanId>,
    /// A log record says it, not the span.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub logged: bool,
}

/// What of an occurrence lists show, and what it counts for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    pub title: String,
    pub level: model::error::ErrorLevel,
    pub project: String,
    pub service: String,
    pub environment: String,
    pub version: String,
    pub host: String,
    pub context: String,
    pub person: Option<Person>,
    pub traces: Vec<TraceId>,
    pub span: Option<SpanId>,
    pub how: Option<model::error::LinkHow>,
    pub seen: Vec<Seen>,
    /// (kind, value) of `error_value`.
    pub values: Vec<(u8, String)>,
}

/// A day's file.
pub struct ErrorFile {
    pub day: i64,
    pub db: DbFile,
    /// Once seen, its schema stays.
    ready: AtomicBool,
}

/// What one transaction does to a day.
#[derive(Default)]
pub struct Change<'a> {
    /// New occurrences and those that changed.
    pub occurrences: Vec<&'a Occ>,
    pub chunks: Vec<Chunk>,
    /// The last `seq` of what is digested.
    pub upto: u64,
}

/// Bodies of witnesses, compressed together.
#[derive(Default)]
pub struct Chunk {
    pub data: Vec<u8>,
    /// (seq, occurrence, identity, offset in the chunk)
    pub rows: Vec<(u64, u64, [u8; 16], usize)>,
}

/// The hash by which traces are looked up.
pub fn hash(trace: TraceId) -> i64 {
    xxhash_rust::xxh3::xxh3_64(&trace.0).cast_signed()
}

fn hex(identity: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*identity))
}

impl ErrorFile {
    pub fn new(day: i64, path: PathBuf) -> ErrorFile {
        ErrorFile { day, db: DbFile::new(path, SCHEMA), ready: AtomicBool::new(false) }
    }

    async fn exists(&self) -> Result<bool, sqlx::Error> {
        if !self.ready.load(Ordering::Relaxed) {
            let ready = self.db.path.exists() && sqlx::query_scalar::<_, i64>(READY).fetch_one(self.db.readers()).await? > 0;
            self.ready.store(ready, Ordering::Relaxed);
        }
        Ok(self.ready.load(Ordering::Relaxed))
    }

    /// Removes what is above this `seq`.
    pub async fn cut(&self, cursor: u64) -> Result<(), sqlx::Error> {
        if !self.exists().await? || sqlx::query_scalar::<_, i64>(LAST).fetch_one(self.db.readers()).await?.cast_unsigned() <= cursor {
            return Ok(());
        }
        let mut writer = self.db.writer().await?;
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
        for (at, sql) in CUT.into_iter().enumerate() {
            let query = sqlx::query(sql);
            let query = if at < 5 { query.bind(cursor.cast_signed()) } else { query };
            query.execute(&mut *tx).await?;
        }
        tx.commit().await
    }

    /// Which of these identities it has.
    pub async fn known(&self, identities: &[[u8; 16]]) -> Result<Vec<[u8; 16]>, sqlx::Error> {
        if identities.is_empty() || !self.exists().await? {
            return Ok(Vec::new());
        }
        let wanted: Vec<String> = identities.iter().map(hex).collect();
        let known: Vec<Vec<u8>> = sqlx::query_scalar(KNOWN).bind(rows(&wanted)?).fetch_all(self.db.readers()).await?;
        Ok(known.into_iter().filter_map(|identity| identity.try_into().ok()).collect())
    }

    /// Occurrences of these traces and twins between these times.
    pub async fn near(&self, traces: &[i64], twins: &[i64], from: Nanos, to: Nanos) -> Result<Vec<Occ>, sqlx::Error> {
        if traces.is_empty() || !self.exists().await? {
            return Ok(Vec::new());
        }
        let query = sqlx::query(NEAR).bind(list(traces)).bind(list(twins)).bind(from).bind(to);
        query.fetch_all(self.db.readers()).await?.iter().map(|row| self.occ(row)).collect()
    }

    /// Occurrences that look alike (class and template) between these times.
    pub async fn alike(&self, twin: i64, from: Nanos, to: Nanos) -> Result<Vec<Occ>, sqlx::Error> {
        if !self.exists().await? {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(ALIKE).bind(twin).bind(from).bind(to).fetch_all(self.db.readers()).await?;
        rows.iter().map(|row| self.occ(row)).collect()
    }

    pub async fn of_traces(&self, traces: &[i64], limit: i64) -> Result<Vec<Occ>, sqlx::Error> {
        if !self.exists().await? {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(OF_TRACES).bind(list(traces)).bind(limit).fetch_all(self.db.readers()).await?;
        rows.iter().map(|row| self.occ(row)).collect()
    }

    /// Occurrences of groups, newest first.
    pub async fn newest(&self, numbers: &str, before: u64, limit: u32) -> Result<Vec<Occ>, sqlx::Error> {
        if !self.exists().await? {
            return Ok(Vec::new());
        }
        let query = sqlx::query(NEWEST).bind(numbers).bind(i64::try_from(before).unwrap_or(i64::MAX)).bind(limit);
        query.fetch_all(self.db.readers()).await?.iter().map(|row| self.occ(row)).collect()
    }

    /// The newest of all groups.
    pub async fn last(&self, limit: u32) -> Result<Vec<Occ>, sqlx::Error> {
        if limit == 0 || !self.exists().await? {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(LAST_ONES).bind(limit).fetch_all(self.db.readers()).await?;
        rows.iter().map(|row| self.occ(row)).collect()
    }

    /// The next newer one of groups.
    pub async fn newer(&self, numbers: &str, after: u64) -> Result<Option<u64>, sqlx::Error> {
        if !self.exists().await? {
            return Ok(None);
        }
        let seq: Option<i64> = sqlx::query_scalar(NEWER).bind(numbers).bind(after.cast_signed()).fetch_one(self.db.readers()).await?;
        Ok(seq.map(i64::cast_unsigned))
    }

    pub async fn one(&self, seq: u64) -> Result<Option<Occ>, sqlx::Error> {
        if !self.exists().await? {
            return Ok(None);
        }
        let row = sqlx::query(ONE).bind(i64::try_from(seq).unwrap_or(i64::MAX)).fetch_optional(self.db.readers()).await?;
        row.map(|row| self.occ(&row)).transpose()
    }

    pub async fn by_uuid(&self, uuid: &str) -> Result<Option<(u64, u64)>, sqlx::Error> {
        if !self.exists().await? {
            return Ok(None);
        }
        let row: Option<(i64, i64)> = sqlx::query_as(BY_UUID).bind(uuid).fetch_optional(self.db.readers()).await?;
        Ok(row.map(|(number, seq)| (number.cast_unsigned(), seq.cast_unsigned())))
    }

    /// What each system says of an occurrence, in the order of arrival. A chunk that cannot be read is reported and left out.
    pub async fn witnesses(&self, occurrence: u64) -> Result<Vec<Witness>, sqlx::Error> {
        let places: Vec<(i64, i64)> = sqlx::query_as(WITNESSES).bind(occurrence.cast_signed()).fetch_all(self.db.readers()).await?;
        let mut witnesses = Vec::with_capacity(places.len());
        for (chunk, place) in places {
            let data: Option<Vec<u8>> = sqlx::query_scalar(CHUNK).bind(chunk).fetch_optional(self.db.readers()).await?;
            let read = data.and_then(|data| codec::at(&codec::unpack(&data)?, usize::try_from(place).ok()?));
            match read {
                Some(witness) => witnesses.push(witness),
                None => tracing::error!(file = %self.db.path.display(), chunk, "a witness of an error cannot be read"),
            }
        }
        Ok(witnesses)
    }

    fn occ(&self, row: &SqliteRow) -> Result<Occ, sqlx::Error> {
        let stored = serde_json::from_str(row.try_get(5)?).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Occ {
            day: self.day,
            seq: row.try_get::<i64, _>(0)?.cast_unsigned(),
            number: row.try_get::<i64, _>(1)?.cast_unsigned(),
            time: row.try_get(2)?,
            twin: row.try_get(3)?,
            uuid: row.try_get(4)?,
            stored,
            changed: false,
            into: None,
        })
    }

    pub async fn write(&self, change: &Change<'_>) -> Result<(), sqlx::Error> {
        let mut writer = self.db.writer().await?;
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
        let put: Vec<_> = change.occurrences.iter().map(|occ| (occ.seq, occ.number, occ.time, occ.twin, &occ.uuid, &occ.stored)).collect();
        sqlx::query(PUT).bind(rows(&put)?).bind(change.upto.cast_signed()).execute(&mut *tx).await?;
        let traces = change.occurrences.iter().flat_map(|occ| occ.stored.traces.iter().map(|trace| (hash(*trace), occ.seq)));
        each(&mut tx, PUT_TRACES, &traces.collect::<Vec<_>>()).await?;
        for occ in &change.occurrences {
            if let Some((into, by)) = occ.into {
                let query = sqlx::query(FOLD).bind(occ.seq.cast_signed()).bind(into.cast_signed()).bind(by.cast_signed());
                query.execute(&mut *tx).await?;
            }
        }
        for chunk in &change.chunks {
            let id = sqlx::query(PUT_CHUNK).bind(&chunk.data).execute(&mut *tx).await?.last_insert_rowid();
            let witnesses: Vec<_> =
                chunk.rows.iter().map(|(seq, occurrence, identity, place)| (*seq, *occurrence, hex(identity), *place)).collect();
            sqlx::query(PUT_WITNESSES).bind(rows(&witnesses)?).bind(id).execute(&mut *tx).await?;
        }
        tx.commit().await
    }
}

impl Occ {
    /// As lists show it.
    pub fn row(&self) -> OccurrenceRow {
        let stored = &self.stored;
        let mut families: Vec<WitnessFamily> = stored.seen.iter().map(|seen| seen.family).collect();
        families.sort_unstable();
        families.dedup();
        OccurrenceRow {
            seq: self.seq,
            uuid: self.uuid.clone(),
            number: self.number,
            time: self.time,
            title: stored.title.clone(),
            level: stored.level,
            environment: stored.environment.clone(),
            version: stored.version.clone(),
            host: stored.host.clone(),
            context: stored.context.clone(),
            person: stored.person.clone(),
            traces: stored.traces.clone(),
            span: stored.span,
            how: stored.how,
            families,
        }
    }
}
