//! What a digest does to `catalog.db`: new groups, counters, what people decided meeting what came, and the cursor; one transaction.

use super::rank;
use super::version;
use crate::store::sqlite::alerts::{self, Event};
use model::alert::{AlertTarget, Trigger};
use model::error::ErrorLevel;
use model::id::TraceId;
use model::time::{HOUR, Nanos, SECOND};
use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::{Row, SqliteConnection};

pub const CURSOR: &str = "SELECT seq FROM error_cursor WHERE id = 1";
pub const SET_CURSOR: &str = "INSERT INTO error_cursor (id, seq) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET seq = excluded.seq";
pub const LAST_NUMBER: &str = "SELECT coalesce(max(number), 0) FROM error_group";
pub const ALIAS: &str = "SELECT number FROM error_alias WHERE project = ?1 AND environment = ?2 AND fingerprint = ?3";
pub const PUT_ALIAS: &str = "INSERT OR IGNORE INTO error_alias (project, environment, fingerprint, number) VALUES (?1, ?2, ?3, ?4)";
pub const PUT_GROUP: &str = "INSERT INTO error_group (number, project, environment, fingerprint, kind, parts, class, title, file, service,
    level, source, first_version, first_seen, last_seen) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14)";
pub const ADD: &str = "UPDATE error_group SET count = count + ?2, people = people + ?3,
    last_version = CASE WHEN ?5 >= last_seen AND ?7 <> '' THEN ?7 ELSE last_version END,
    first_version = CASE WHEN ?4 < first_seen AND ?8 <> '' THEN ?8 ELSE first_version END,
    first_seen = min(first_seen, ?4), last_seen = max(last_seen, ?5), families = families | ?6 WHERE number = ?1";
pub const BETTER: &str = "UPDATE error_group SET title = iif(title_locked, title, ?3), level = iif(level_locked, level, ?4), class = ?5,
    file = ?6, source = ?2 WHERE number = ?1 AND source < ?2";
pub const ADD_HOUR: &str = "INSERT INTO error_hour (number, hour, count, failed) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (number, hour) DO UPDATE SET count = count + excluded.count, failed = failed + excluded.failed";
pub const ADD_VALUE: &str = "INSERT INTO error_value (number, kind, value, count) SELECT ?1, ?2, ?3, ?4
    WHERE (SELECT count(*) FROM error_value WHERE number = ?1 AND kind = ?2) < 100
    OR EXISTS (SELECT 1 FROM error_value WHERE number = ?1 AND kind = ?2 AND value = ?3)
    ON CONFLICT (number, kind, value) DO UPDATE SET count = count + excluded.count";
pub const TAKE_VALUE: &str = "UPDATE error_value SET count = max(count + ?4, 0) WHERE number = ?1 AND kind = ?2 AND value = ?3";
pub const PUT_PERSON: &str = "INSERT OR IGNORE INTO error_person (number, person) SELECT ?1, ?2
    WHERE (SELECT people FROM error_group WHERE number = ?1) < 10000";
pub const PUT_REQUEST: &str = "INSERT OR IGNORE INTO error_request (number, trace, hour, due) VALUES (?1, ?2, ?3, ?4)";
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
pub const ROOT: &str = "SELECT coalesce(parent, number) FROM error_group WHERE number = ?1";
pub const STATE: &str =
    "SELECT status, resolved_at, resolved_version, next_deploy, snoozed_until, snoozed_count, all_count, project, environment
    FROM error_group WHERE number = ?1";
pub const TOLD: &str = "SELECT status, level, environment, all_count FROM error_group WHERE number = ?1";
pub const COME_BACK: &str =
    "UPDATE error_group SET status = 0, regressed = 1, handled = 0, resolved_version = NULL, next_deploy = 0 WHERE number = ?1";
pub const WAKE: &str = "UPDATE error_group SET status = 0, snoozed_until = NULL, snoozed_count = NULL WHERE number = ?1";
pub const NOTE: &str = "INSERT INTO error_history (number, at, actor, what, comment) VALUES (?1, ?2, ?3, ?4, ?5)";
pub const TO_WAKE: &str = "SELECT number FROM error_group WHERE status = 3 AND snoozed_until <= ?1";

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
        let mut numbers: Vec<u64> = self.deltas.keys().copied().collect();
        numbers.sort_unstable();
        let mut roots: FxHashMap<u64, Vec<u64>> = FxHashMap::default();
        for number in numbers {
            self.deltas[&number].write(to, number, now).await?;
            let root: Option<i64> = sqlx::query_scalar(ROOT).bind(signed(number)).fetch_optional(&mut *to).await?;
            roots.entry(root.map_or(number, i64::cast_unsigned)).or_default().push(number);
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
            let root: Option<i64> = sqlx::query_scalar(ROOT).bind(signed(*by)).fetch_optional(&mut *to).await?;
            let root = root.unwrap_or(signed(*by));
            if sqlx::query(sql).bind(signed(*number)).bind(root).execute(&mut *to).await?.rows_affected() > 0 {
                note(to, root.cast_unsigned(), now, "", &format!("found that #{number} is the same error, seen by another system"), None)
                    .await?;
                roots.entry(root.cast_unsigned()).or_default();
            }
        }
        let targets = alerts::targets(to).await?;
        for (root, members) in roots {
            rank::sum(to, root).await?;
            let occurrences: Vec<&(Nanos, String)> = members.iter().flat_map(|number| &self.deltas[number].occurrences).collect();
            if !occurrences.is_empty() {
                let regressed = meet(to, root, &occurrences, now).await?;
                let is_new = self.groups.iter().any(|group| group.number == root);
                tell(to, &targets, root, is_new, regressed, &occurrences, now).await?;
            }
            rank::rank(to, root, now).await?;
        }
        sqlx::query(SET_CURSOR).bind(signed(self.cursor)).execute(&mut *to).await.map(drop)
    }
}

impl Delta {
    async fn write(&self, to: &mut SqliteConnection, number: u64, now: Nanos) -> Result<(), sqlx::Error> {
        let number = signed(number);
        let mut people = 0;
        for person in &self.people {
            people += sqlx::query(PUT_PERSON).bind(number).bind(person).execute(&mut *to).await?.rows_affected().cast_signed();
        }
        let versioned = || self.occurrences.iter().filter(|(_, version)| !version.is_empty());
        let version = |of: Option<&(Nanos, String)>| of.map(|(_, version)| version.clone()).unwrap_or_default();
        let first = self.occurrences.iter().map(|(time, _)| *time).min().unwrap_or(Nanos::MAX);
        let last = self.occurrences.iter().map(|(time, _)| *time).max().unwrap_or(Nanos::MIN);
        let query = sqlx::query(ADD).bind(number).bind(self.count).bind(people).bind(first).bind(last).bind(self.families);
        let query = query.bind(version(versioned().max_by_key(|(time, _)| *time))).bind(version(versioned().min_by_key(|(time, _)| *time)));
        query.execute(&mut *to).await?;
        if let Some(better) = &self.better {
            let query = sqlx::query(BETTER).bind(number).bind(better.source).bind(&better.title).bind(better.level);
            query.bind(&better.class).bind(&better.file).execute(&mut *to).await?;
        }
        for (hour, count) in &self.hours {
            sqlx::query(ADD_HOUR).bind(number).bind(hour).bind(count).bind(0).execute(&mut *to).await?;
        }
        for ((kind, value), count) in &self.values {
            let sql = if *count < 0 { TAKE_VALUE } else { ADD_VALUE };
            sqlx::query(sql).bind(number).bind(i64::from(*kind)).bind(value).bind(count).execute(&mut *to).await?;
        }
        for trace in &self.not_requests {
            sqlx::query(TAKE_REQUEST).bind(number).bind(trace.0.as_slice()).execute(&mut *to).await?;
        }
        for (trace, hour) in &self.requests {
            let query = sqlx::query(PUT_REQUEST).bind(number).bind(trace.0.as_slice()).bind(hour);
            query.bind(now + 10 * SECOND).execute(&mut *to).await?;
        }
        Ok(())
    }
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

/// What people decided about a group meets new occurrences of it. Returns whether it was resolved and came back.
async fn meet(to: &mut SqliteConnection, number: u64, occurrences: &[&(Nanos, String)], now: Nanos) -> Result<bool, sqlx::Error> {
    let row = sqlx::query(STATE).bind(signed(number)).fetch_one(&mut *to).await?;
    let (project, environment): (String, String) = (row.try_get("project")?, row.try_get("environment")?);
    match row.try_get::<i64, _>("status")? {
        1 => {
            let resolved_at: Nanos = row.try_get("resolved_at")?;
            let resolved_in: Option<String> = row.try_get("resolved_version")?;
            let next_deploy = row.try_get::<i64, _>("next_deploy")? != 0;
            for (time, version) in occurrences {
                // Rollbar's SDKs tell the time in whole seconds.
                if *time < resolved_at - SECOND {
                    continue;
                }
                if next_deploy && !version::deployed(to, &environment, resolved_at, *time).await? {
                    continue;
                }
                if let Some(resolved_in) = &resolved_in
                    && version::is_older(to, &project, &environment, version, resolved_in).await?
                {
                    continue;
                }
                sqlx::query(COME_BACK).bind(signed(number)).execute(&mut *to).await?;
                let what = if version.is_empty() { "saw it again".to_owned() } else { format!("saw it again in version {version}") };
                note(to, number, now, "", &what, None).await?;
                return Ok(true);
            }
            Ok(false)
        }
        3 => {
            let wakes_at: Option<i64> = row.try_get("snoozed_count")?;
            let until: Option<Nanos> = row.try_get("snoozed_until")?;
            let enough = wakes_at.is_some_and(|count| row.try_get::<i64, _>("all_count").is_ok_and(|all| all >= count));
            if enough || until.is_some_and(|until| until <= now) {
                wake(to, number, now).await?;
            }
            Ok(false)
        }
        _ => Ok(false),
    }
}

/// Raises the alerts of new occurrences of a group. Of what a team muted, snoozed or counts as resolved nobody is told.
async fn tell(
    to: &mut SqliteConnection,
    targets: &[AlertTarget],
    number: u64,
    is_new: bool,
    regressed: bool,
    occurrences: &[&(Nanos, String)],
    now: Nanos,
) -> Result<(), sqlx::Error> {
    if targets.is_empty() {
        return Ok(());
    }
    alerts::note_minutes(to, number, occurrences.iter().map(|(time, _)| *time), now).await?;
    let row = sqlx::query(TOLD).bind(signed(number)).fetch_one(&mut *to).await?;
    if row.try_get::<i64, _>("status")? != 0 {
        return Ok(());
    }
    let after = row.try_get::<i64, _>("all_count")?.max(0).cast_unsigned();
    let before = after.saturating_sub(occurrences.len() as u64);
    let power = std::iter::successors(Some(10u64), |power| power.checked_mul(10)).find(|power| *power > before);
    let repeated = power.is_some_and(|power| power <= after);
    let raised = [(Trigger::New, is_new), (Trigger::Regressed, regressed), (Trigger::Repeated, repeated), (Trigger::Rate, true)];
    let level = usize::try_from(row.try_get::<i64, _>("level")?).ok().and_then(|level| ErrorLevel::ALL.get(level).copied());
    for (trigger, _) in raised.into_iter().filter(|(_, is)| *is) {
        let environment = row.try_get("environment")?;
        let event = Event { trigger, number, level: level.unwrap_or_default(), environment, count: after };
        alerts::raise(to, targets, &event, now).await?;
    }
    Ok(())
}

async fn wake(to: &mut SqliteConnection, number: u64, now: Nanos) -> Result<(), sqlx::Error> {
    sqlx::query(WAKE).bind(signed(number)).execute(&mut *to).await?;
    note(to, number, now, "", "ended its snooze", None).await
}

/// Wakes groups whose time has come; returns how many.
pub async fn wake_due(to: &mut SqliteConnection, now: Nanos) -> Result<usize, sqlx::Error> {
    let due: Vec<i64> = sqlx::query_scalar(TO_WAKE).bind(now).fetch_all(&mut *to).await?;
    for number in &due {
        wake(to, number.cast_unsigned(), now).await?;
        rank::rank(to, number.cast_unsigned(), now).await?;
    }
    Ok(due.len())
}
