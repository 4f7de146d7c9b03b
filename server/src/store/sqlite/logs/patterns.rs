//! Which pattern each line has. A miner for each group, fed by the sealer alone; the templates are kept in `catalog.db`, so that a
//! pattern has the same number on every day and "new since" is true after a restart.

use super::picture::Chunk;
use crate::store::logs::pattern::Miner;
use model::log::Line;
use model::time::Nanos;
use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::{Row, SqlitePool};
use std::sync::{Arc, PoisonError, RwLock};

pub const PATTERNS: &str = "SELECT id, log_group, template, first_seen FROM log_pattern ORDER BY id";
pub const PUT_PATTERN: &str = "INSERT INTO log_pattern (id, log_group, template, first_seen) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (id) DO UPDATE SET template = excluded.template, first_seen = excluded.first_seen";

/// What readers know of the patterns, by id.
pub type Templates = Arc<RwLock<FxHashMap<u32, Known>>>;

#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    pub group: Arc<str>,
    pub template: String,
    /// Time of its earliest line.
    pub first_seen: Nanos,
}

/// The miners.
pub struct Patterns {
    pool: SqlitePool,
    groups: FxHashMap<Arc<str>, Mined>,
    last_id: u32,
    /// Templates that are not written yet.
    changed: FxHashSet<u32>,
    pub templates: Templates,
}

#[derive(Default)]
struct Mined {
    miner: Miner,
    /// (id, time of the earliest line) of each cluster of the miner.
    patterns: Vec<(u32, Nanos)>,
    touched: FxHashSet<u32>,
}

impl Patterns {
    pub async fn open(pool: SqlitePool) -> Result<Patterns, sqlx::Error> {
        let mut groups: FxHashMap<Arc<str>, Mined> = FxHashMap::default();
        let mut templates = FxHashMap::default();
        let mut last_id = 0;
        for row in sqlx::query(PATTERNS).fetch_all(&pool).await? {
            let id: u32 = row.try_get(0)?;
            let (group, template): (Arc<str>, String) = (row.try_get::<&str, _>(1)?.into(), row.try_get(2)?);
            let first_seen: Nanos = row.try_get(3)?;
            let mined = groups.entry(group.clone()).or_default();
            let cluster = mined.miner.add(&template) as usize;
            // Two templates that became the same: the first one's number stays.
            if cluster == mined.patterns.len() {
                mined.patterns.push((id, first_seen));
            }
            templates.insert(id, Known { group, template, first_seen });
            last_id = last_id.max(id);
        }
        Ok(Patterns { pool, groups, last_id, changed: FxHashSet::default(), templates: Arc::new(RwLock::new(templates)) })
    }

    /// The pattern of a line of this group.
    pub fn assign(&mut self, group: &Arc<str>, line: &Line) -> u32 {
        if !self.groups.contains_key(group) {
            self.groups.insert(group.clone(), Mined::default());
        }
        let Some(mined) = self.groups.get_mut(group) else { return 0 };
        let cluster = mined.miner.assign(&line.message);
        while mined.patterns.len() <= cluster as usize {
            self.last_id += 1;
            mined.patterns.push((self.last_id, line.time));
            self.changed.insert(self.last_id);
        }
        let (id, first_seen) = &mut mined.patterns[cluster as usize];
        mined.touched.insert(cluster);
        if line.time < *first_seen {
            *first_seen = line.time;
            self.changed.insert(*id);
        }
        *id
    }

    /// Gives lines that are not sealed their patterns, and tells readers; what is new is written with the next seal.
    pub fn give(&mut self, tail: &[Arc<Chunk>]) {
        for chunk in tail {
            chunk.patterns.get_or_init(|| chunk.lines.iter().map(|line| self.assign(&line.origin.group, line)).collect());
        }
        let mut templates = self.templates.write().unwrap_or_else(PoisonError::into_inner);
        for (group, mined) in &self.groups {
            for cluster in &mined.touched {
                let (id, first_seen) = mined.patterns[*cluster as usize];
                let known = Known { group: group.clone(), template: mined.miner.template(*cluster).to_owned(), first_seen };
                if templates.get(&id) != Some(&known) {
                    self.changed.insert(id);
                    templates.insert(id, known);
                }
            }
        }
    }

    /// Writes what is new, and tells readers.
    pub async fn flush(&mut self) -> Result<(), sqlx::Error> {
        let mut new: Vec<(u32, Known)> = Vec::new();
        for (group, mined) in &self.groups {
            for cluster in &mined.touched {
                let (id, first_seen) = mined.patterns[*cluster as usize];
                let template = mined.miner.template(*cluster);
                let same = |known: &Known| known.template == template;
                let known = self.templates.read().unwrap_or_else(PoisonError::into_inner).get(&id).is_some_and(same);
                if !known || self.changed.contains(&id) {
                    new.push((id, Known { group: group.clone(), template: template.to_owned(), first_seen }));
                }
            }
        }
        if new.is_empty() {
            self.groups.values_mut().for_each(|mined| mined.touched.clear());
            return Ok(());
        }
        let mut transaction = self.pool.begin().await?;
        for (id, known) in &new {
            let query = sqlx::query(PUT_PATTERN).bind(id).bind(&*known.group).bind(&known.template).bind(known.first_seen);
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        self.changed.clear();
        self.groups.values_mut().for_each(|mined| mined.touched.clear());
        self.templates.write().unwrap_or_else(PoisonError::into_inner).extend(new);
        Ok(())
    }
}
