//! What a digest does to `catalog.db`: new groups, counters, what people decided meeting what came, and the cursor; one transaction.

use super::bulk::{each, list, rows};
use super::{algorithm, meet, rank};
use crate::errors::grouping::VERSION;
use model::id::TraceId;
use model::time::{HOUR, Nanos, SECOND};
use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::SqliteConnection;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Values of one kind that are counted of a group, about.
const VALUES: usize = 100;

pub const CURSOR: &str = "SELECT seq FROM error_cursor WHERE id = 1";
pub const SET_CURSOR: &str = "INSERT INTO error_cursor (id, seq) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET seq = excluded.seq";
pub const LAST_NUMBER: &str = "SELECT coalesce(max(number), 0) FROM error_group";
/// By the fingerprint alone, which few have in common.
pub const ALIASES: &str = "SELECT project, environment, fingerprint, number FROM error_alias
    WHERE fingerprint IN (SELECT value FROM json_each(?1))";
pub const PUT_ALIAS: &str = "INSERT OR IGNORE INTO error_alias (project, environment, fingerprint, number) VALUES (?1, ?2, ?3, ?4)";
pub const PUT_GROUP: &str = "INSERT INTO error_group (number, project, environment, fingerprint, kind, parts, class, title, file, service,
    level, source, first_version, first_seen, last_seen) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14)";
pub const ADD: &str = "UPDATE error_group SET count = error_group.count + r.count, people = error_group.people + r.people,
    last_version = CASE WHEN r.last >= last_seen AND r.newest <> '' THEN r.newest ELSE last_version END,
    first_version = CASE WHEN r.first < first_seen AND r.oldest <> '' THEN r.oldest ELSE first_version END,
    first_seen = min(first_seen, r.first), last_seen = max(last_seen, r.last), families = error_group.families | r.families
    FROM (SELECT value->>0 AS number, value->>1 AS count, value->>2 AS people, value->>3 AS first, value->>4 AS last, value->>5 AS families,
        value->>6 AS newest, value->>7 AS oldest FROM json_each(?1)) r WHERE error_group.number = r.number";
pub const BETTER: &str = "UPDATE error_group SET title = iif(title_locked, title, ?3), level = iif(level_locked, level, ?4), class = ?5,
    file = ?6, source = ?2 WHERE number = ?1 AND source < ?2";
pub const ADD_HOURS: &str = "INSERT INTO error_hour (number, hour, count, failed)
    SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(?1) WHERE true
    ON CONFLICT (number, hour) DO UPDATE SET count = count + excluded.count, failed = failed + excluded.failed";
/// Of a kind about [`VALUES`] are counted; what came first stays.
pub const ADD_VALUES: &str = "INSERT INTO error_value (number, kind, value, count)
    SELECT r.number, r.kind, r.text, r.count
    FROM (SELECT value->>0 AS number, value->>1 AS kind, value->>2 AS text, value->>3 AS count FROM json_each(?1)) r
    WHERE EXISTS (SELECT 1 FROM error_value v WHERE v.number = r.number AND v.kind = r.kind AND v.value = r.text)
    OR (SELECT count(*) FROM error_value v WHERE v.number = r.number AND v.kind = r.kind) < 100
    ON CONFLICT (number, kind, value) DO UPDATE SET count = count + excluded.count";
pub const TAKE_VALUE: &str = "UPDATE error_value SET count = max(count + ?4, 0) WHERE number = ?1 AND kind = ?2 AND value = ?3";
/// How many of these people are new to each group, until it has 10,000.
pub const NEW_PEOPLE: &str = "SELECT r.number, count(*) FROM (SELECT value->>0 AS number, value->>1 AS person FROM json_each(?1)) r
    WHERE (SELECT people FROM error_group g WHERE g.number = r.number) < 10000
    AND NOT EXISTS (SELECT 1 FROM error_person p WHERE p.number = r.number AND p.person = r.person) GROUP BY r.number";
pub const PUT_PEOPLE: &str = "INSERT OR IGNORE INTO error_person (number, person) SELECT r.number, r.person
    FROM (SELECT value->>0 AS number, value->>1 AS person FROM json_each(?1)) r
    WHERE (SELECT people FROM error_group g WHERE g.number = r.number) < 10000";
pub const PUT_REQUESTS: &str = "INSERT OR IGNORE INTO error_request (number, trace, hour, due)
    SELECT value->>0, unhex(value->>1), value->>2, value->>3 FROM json_each(?1)";
pub const TAKE_REQUEST: &str = "DELETE FROM error_request WHERE number = ?1 AND trace = ?2 AND due IS NOT NULL";
pub const PUT_VERSION: &str = "INSERT INTO error_version (project, environment, version, first_seen) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (project, environment, version) DO UPDATE SET first_seen = min(first_seen, excluded.first_seen)
    WHERE excluded.first_seen < first_seen";
/// A project of several services is none of them.
pub const LEARN: &str = "INSERT INTO error_service (project, service) VALUES (?1, ?2)
    ON CONFLICT (project) DO UPDATE SET service = '' WHERE service <> excluded.service";
pub const NAME: &str = "UPDATE error_group SET service = ?2 WHERE number = ?1 AND service <> ?2";
pub const NAME_GROUPS: &str = "UPDATE error_group SET service = ?2 WHERE project = ?1 AND service = ''";
pub const EXPLODE: &str = "INSERT OR IGNORE INTO error_exploded (site, at) VALUES (?1, ?2)";
pub const ABSORB: &str = "UPDATE error_group SET parent = ?2 WHERE number = ?1 AND count = 0 AND parent IS NULL AND number <> ?2
    AND NOT EXISTS (SELECT 1 FROM error_group member WHERE member.parent = ?1)";
/// Rollbar's groups are told apart by their code, others perhaps by their message alone: those of Rollbar never go into another by themselves.
pub const JOIN: &str = "UPDATE error_group SET parent = ?2 WHERE number = ?1 AND parent IS NULL AND number <> ?2 AND families & 1 = 0
    AND NOT EXISTS (SELECT 1 FROM error_group member WHERE member.parent = ?1)";
pub const ROOTS: &str = "SELECT number, coalesce(parent, number) FROM error_group WHERE number IN (SELECT value FROM json_each(?1))";
pub const NOTE: &str = "INSERT INTO error_history (number, at, actor, what, comment) VALUES (?1, ?2, ?3, ?4, ?5)";

/// A group that is new.
#[derive(Clone)]
pub struct NewGroup {
    pub number: u64,
    pub project: String,
    pub environment: String,
    pub fingerprint: String,
    pub kind: &'static str,
    /// JSON
    pub parts: String,
    pub class: String,
    pub title: String,
    pub file: String,
    pub service: String,
    pub level: i64,
    pub source: i64,
    pub version: String,
    pub time: Nanos,
}

/// What a better source says of a group.
pub struct Better {
    pub source: i64,
    pub title: String,
    pub level: i64,
    pub class: String,
    pub file: String,
}

/// What a batch adds to one group.
#[derive(Default)]
pub struct Delta {
    pub count: i64,
    pub families: i64,
    /// (time, version) of each new occurrence.
    pub occurrences: Vec<(Nanos, String)>,
    pub hours: FxHashMap<i64, i64>,
    pub values: FxHashMap<(u8, String), i64>,
    pub people: FxHashSet<i64>,
    pub requests: FxHashMap<TraceId, i64>,
    /// Requests of occurrences that count elsewhere now.
    pub not_requests: Vec<TraceId>,
    pub better: Option<Better>,
}

/// What a batch does.
#[derive(Default)]
pub struct Changes {
    pub groups: Vec<NewGroup>,
    /// (project, environment, fingerprint, number)
    pub aliases: Vec<(String, String, String, u64)>,
    pub deltas: FxHashMap<u64, Delta>,
    /// New ones.
    pub projects: BTreeSet<String>,
    /// (project, service)
    pub services: Vec<(String, String)>,
    /// Groups of which another system says whose they are: (number, service).
    pub named: Vec<(u64, String)>,
    /// (project, environment, version) and when it was first seen.
    pub versions: FxHashMap<(String, String, String), Nanos>,
    pub exploded: Vec<String>,
    /// Groups whose last occurrence may have turned out to be one of another group: (number, that group).
    pub emptied: Vec<(u64, u64)>,
    /// Groups that other systems' views of an error made before it was known whose it is: (number, the error's).
    pub joined: Vec<(u64, u64)>,
    pub cursor: u64,
}

fn signed(number: u64) -> i64 {
    number.cast_signed()
}

impl Changes {
    /// Writes all of it; the caller has begun a transaction.
    pub async fn write(&self, to: &mut SqliteConnection, now: Nanos) -> Result<(), sqlx::Error> {
        for ((project, environment, version), at) in &self.versions {
            sqlx::query(PUT_VERSION).bind(project).bind(environment).bind(version).bind(at).execute(&mut *to).await?;
        }
        for project in &self.projects {
            sqlx::query(algorithm::PUT).bind(project).bind(VERSION).bind(now).execute(&mut *to).await?;
        }
        for group in &self.groups {
            let query = sqlx::query(PUT_GROUP).bind(signed(group.number)).bind(&group.project).bind(&group.environment);
            let query = query.bind(&group.fingerprint).bind(group.kind).bind(&group.parts).bind(&group.class).bind(&group.title);
            let query = query.bind(&group.file).bind(&group.service).bind(group.level).bind(group.source).bind(&group.version);
            query.bind(group.time).execute(&mut *to).await?;
        }
        for (project, environment, fingerprint, number) in &self.aliases {
            let query = sqlx::query(PUT_ALIAS).bind(project).bind(environment).bind(fingerprint);
            query.bind(signed(*number)).execute(&mut *to).await?;
        }
        for site in &self.exploded {
            sqlx::query(EXPLODE).bind(site).bind(now).execute(&mut *to).await?;
        }
        self.add(to, now).await?;
        let mut roots: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (number, root) in self::roots(to, self.deltas.keys()).await? {
            roots.entry(root).or_default().push(number);
        }
        for (project, service) in &self.services {
            sqlx::query(LEARN).bind(project).bind(service).execute(&mut *to).await?;
            sqlx::query(NAME_GROUPS).bind(project).bind(service).execute(&mut *to).await?;
        }
        for (number, service) in &self.named {
            sqlx::query(NAME).bind(signed(*number)).bind(service).execute(&mut *to).await?;
        }
        let gone = self.emptied.iter().map(|pair| (ABSORB, pair)).chain(self.joined.iter().map(|pair| (JOIN, pair)));
        for (sql, (number, by)) in gone {
            let root = self::roots(to, [by]).await?.first().map_or(*by, |(_, root)| *root);
            if sqlx::query(sql).bind(signed(*number)).bind(signed(root)).execute(&mut *to).await?.rows_affected() > 0 {
                note(to, root, now, "", &format!("found that #{number} is the same error, seen by another system"), None).await?;
                roots.entry(root).or_default();
            }
        }
        let touched: Vec<u64> = roots.keys().copied().collect();
        rank::sum(to, &touched).await?;
        let new: FxHashSet<u64> = self.groups.iter().map(|group| group.number).collect();
        let mut came = Vec::with_capacity(roots.len());
        for (root, members) in roots {
            let occurrences: Vec<&(Nanos, String)> =
                members.iter().filter_map(|number| self.deltas.get(number)).flat_map(|delta| &delta.occurrences).collect();
            if !occurrences.is_empty() {
                came.push(meet::Came { number: root, is_new: new.contains(&root), occurrences });
            }
        }
        meet::meet(to, &came, now).await?;
        rank::rank(to, &touched, now).await?;
        sqlx::query(SET_CURSOR).bind(signed(self.cursor)).execute(&mut *to).await.map(drop)
    }

    /// Adds what was counted.
    async fn add(&self, to: &mut SqliteConnection, now: Nanos) -> Result<(), sqlx::Error> {
        // In the order of the tables.
        let deltas: BTreeMap<u64, &Delta> = self.deltas.iter().map(|(number, delta)| (*number, delta)).collect();
        let people: Vec<(u64, i64)> =
            deltas.iter().flat_map(|(number, delta)| delta.people.iter().map(|person| (*number, *person))).collect();
        let mut new_people: FxHashMap<u64, i64> = FxHashMap::default();
        if !people.is_empty() {
            let new: Vec<(i64, i64)> = sqlx::query_as(NEW_PEOPLE).bind(rows(&people)?).fetch_all(&mut *to).await?;
            new_people.extend(new.into_iter().map(|(number, count)| (number.cast_unsigned(), count)));
            each(to, PUT_PEOPLE, &people).await?;
        }
        let added: Vec<_> = deltas.iter().map(|(number, delta)| delta.row(*number, new_people.get(number).copied().unwrap_or(0))).collect();
        each(to, ADD, &added).await?;
        let hours = deltas.iter().flat_map(|(number, delta)| delta.hours.iter().map(|(hour, count)| (*number, *hour, *count, 0)));
        each(to, ADD_HOURS, &hours.collect::<Vec<_>>()).await?;
        let mut values = Vec::new();
        let mut requests = Vec::new();
        for (number, delta) in &deltas {
            if let Some(better) = &delta.better {
                let query = sqlx::query(BETTER).bind(signed(*number)).bind(better.source).bind(&better.title).bind(better.level);
                query.bind(&better.class).bind(&better.file).execute(&mut *to).await?;
            }
            values.extend(delta.common().into_iter().map(|(kind, value, count)| (*number, kind, value, count)));
            for ((kind, value), count) in delta.values.iter().filter(|(_, count)| **count < 0) {
                let query = sqlx::query(TAKE_VALUE).bind(signed(*number)).bind(i64::from(*kind)).bind(value).bind(count);
                query.execute(&mut *to).await?;
            }
            for trace in &delta.not_requests {
                sqlx::query(TAKE_REQUEST).bind(signed(*number)).bind(trace.0.as_slice()).execute(&mut *to).await?;
            }
            requests.extend(delta.requests.iter().map(|(trace, hour)| (*number, trace.to_string(), *hour, now + 10 * SECOND)));
        }
        each(to, ADD_VALUES, &values).await?;
        each(to, PUT_REQUESTS, &requests).await
    }
}

impl Delta {
    /// A row of [`ADD`].
    fn row(&self, number: u64, people: i64) -> (u64, i64, i64, Nanos, Nanos, i64, &str, &str) {
        let versioned = || self.occurrences.iter().filter(|(_, version)| !version.is_empty());
        let first = self.occurrences.iter().map(|(time, _)| *time).min().unwrap_or(Nanos::MAX);
        let last = self.occurrences.iter().map(|(time, _)| *time).max().unwrap_or(Nanos::MIN);
        let newest = versioned().max_by_key(|(time, _)| *time).map_or("", |(_, version)| version);
        let oldest = versioned().min_by_key(|(time, _)| *time).map_or("", |(_, version)| version);
        (number, self.count, people, first, last, self.families, newest, oldest)
    }

    /// (kind, value, count), of each kind the [`VALUES`] most common.
    fn common(&self) -> Vec<(u8, &str, i64)> {
        let counted = self.values.iter().filter(|(_, count)| **count > 0);
        let mut values: Vec<(u8, &str, i64)> = counted.map(|((kind, value), count)| (*kind, value.as_str(), *count)).collect();
        values.sort_unstable_by_key(|(kind, value, count)| (*kind, Reverse(*count), *value));
        values.chunk_by(|a, b| a.0 == b.0).flat_map(|kind| &kind[..kind.len().min(VALUES)]).copied().collect()
    }
}

/// (number, the number it leads to) of those that are there.
pub async fn roots<'n>(to: &mut SqliteConnection, numbers: impl IntoIterator<Item = &'n u64>) -> Result<Vec<(u64, u64)>, sqlx::Error> {
    let found: Vec<(i64, i64)> = sqlx::query_as(ROOTS).bind(list(numbers)).fetch_all(to).await?;
    Ok(found.into_iter().map(|(number, root)| (number.cast_unsigned(), root.cast_unsigned())).collect())
}

/// The hour of a moment, from the epoch.
pub fn hour_of(at: Nanos) -> i64 {
    at.div_euclid(HOUR)
}

/// A row of the history; `actor` is empty for Clew itself.
pub async fn note(
    to: &mut SqliteConnection,
    number: u64,
    at: Nanos,
    actor: &str,
    what: &str,
    comment: Option<&str>,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(NOTE).bind(signed(number)).bind(at).bind(actor).bind(what).bind(comment);
    query.execute(&mut *to).await.map(drop)
}
