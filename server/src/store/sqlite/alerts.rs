//! Alerts in `catalog.db`: targets, and the queue that is the delivery log, too. The digest raises alerts in the transaction of what they
//! are about ([`raise`]), so that none is lost or told twice; [`crate::alerts`] sends them.

use super::Sqlite;
use super::view::unavailable;
use crate::store::AlertStore;
use async_trait::async_trait;
use model::alert::{Alert, AlertReader, AlertTarget, TargetKind, Trigger};
use model::error::ErrorLevel;
use model::port::Problem;
use model::time::{HOUR, MINUTE, Nanos, SECOND};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Error, Row as _};
use std::collections::BTreeMap;

/// "New" waits for the other witnesses of the throw, which may say it better.
const WITNESSES: Nanos = 10 * SECOND;
/// Rows of the delivery log that are kept.
const KEPT: i64 = 10_000;

const TARGETS: &str =
    "SELECT id, name, kind, url, triggers, min_level, environment, rate_count, rate_minutes FROM alert_target ORDER BY name, id";
const PUT_TARGET: &str = "INSERT INTO alert_target (id, name, kind, url, triggers, min_level, environment, rate_count, rate_minutes)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO UPDATE SET name = excluded.name, kind = excluded.kind, url = excluded.url,
    triggers = excluded.triggers, min_level = excluded.min_level, environment = excluded.environment, rate_count = excluded.rate_count,
    rate_minutes = excluded.rate_minutes";
const REMOVE_TARGET: &str = "DELETE FROM alert_target WHERE id = ?1";
const CANCEL: &str = "UPDATE alert SET due = NULL, answer = 'the target was removed' WHERE target = ?1 AND due IS NOT NULL";
const LOG: &str =
    "SELECT id, at, due, target, name, trigger, number, count, attempts, answer, delivered FROM alert ORDER BY id DESC LIMIT ?1";
const DUE: &str = "SELECT id, at, due, target, name, trigger, number, count, attempts, answer, delivered FROM alert WHERE due <= ?1
    ORDER BY due LIMIT ?2";
const PUT: &str = "INSERT INTO alert (at, due, target, name, trigger, number, count, attempts, answer, delivered)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, '', 0)";
const ATTEMPT: &str = "UPDATE alert SET attempts = attempts + 1, answer = ?2, delivered = ?3, due = ?4 WHERE id = ?1";
const TRIM: &str = "DELETE FROM alert WHERE id <= (SELECT max(id) FROM alert) - ?1 AND due IS NULL";
const ADD_MINUTE: &str = "INSERT INTO error_minute (number, minute, count) VALUES (?1, ?2, ?3)
    ON CONFLICT (number, minute) DO UPDATE SET count = count + excluded.count";
const FORGET_MINUTES: &str = "DELETE FROM error_minute WHERE minute < ?1";
const WITHIN: &str = "SELECT coalesce(sum(count), 0) FROM error_minute WHERE minute > ?2
    AND number IN (SELECT number FROM error_group WHERE number = ?1 OR parent = ?1)";
const LAST: &str = "SELECT max(at) FROM alert WHERE number = ?1 AND target = ?2 AND trigger = ?3";

/// Something a target may want to hear.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub trigger: Trigger,
    pub number: u64,
    pub level: ErrorLevel,
    pub environment: String,
    /// Occurrences so far.
    pub count: u64,
}

/// All targets, for [`raise`].
pub async fn targets(connection: &mut SqliteConnection) -> Result<Vec<AlertTarget>, Error> {
    sqlx::query(TARGETS).fetch_all(connection).await?.iter().map(target).collect()
}

/// Notes occurrences of a group, in case a target wants rates.
pub async fn note_minutes(
    connection: &mut SqliteConnection,
    number: u64,
    times: impl Iterator<Item = Nanos>,
    now: Nanos,
) -> Result<(), Error> {
    let mut minutes: BTreeMap<i64, i64> = BTreeMap::new();
    for time in times.filter(|time| *time > now - HOUR) {
        *minutes.entry(time.div_euclid(MINUTE)).or_default() += 1;
    }
    for (minute, count) in minutes {
        sqlx::query(ADD_MINUTE).bind(number.cast_signed()).bind(minute).bind(count).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Forgets minutes that no target asks for any more.
pub async fn forget_minutes(connection: &mut SqliteConnection, now: Nanos) -> Result<u64, Error> {
    let minute = now.div_euclid(MINUTE) - 61;
    Ok(sqlx::query(FORGET_MINUTES).bind(minute).execute(connection).await?.rows_affected())
}

/// Queues an alert for each target that wants to hear of this.
pub async fn raise(connection: &mut SqliteConnection, targets: &[AlertTarget], event: &Event, now: Nanos) -> Result<(), Error> {
    let wants = |target: &&AlertTarget| {
        target.triggers.contains(&event.trigger)
            && event.level >= target.min_level
            && (target.environment.is_empty() || target.environment == event.environment)
    };
    for target in targets.iter().filter(wants) {
        if event.trigger == Trigger::Rate && !exceeds(connection, target, event.number, now).await? {
            continue;
        }
        let due = if event.trigger == Trigger::New { now.saturating_add(WITNESSES) } else { now };
        put(connection, target, event.trigger, event.number, event.count, now, due).await?;
    }
    Ok(())
}

/// Whether a group had so many occurrences as the target says, and the target was not told within that time.
async fn exceeds(connection: &mut SqliteConnection, target: &AlertTarget, number: u64, now: Nanos) -> Result<bool, Error> {
    let window = Nanos::from(target.rate_minutes) * MINUTE;
    let count: i64 =
        sqlx::query_scalar(WITHIN).bind(number.cast_signed()).bind((now - window).div_euclid(MINUTE)).fetch_one(&mut *connection).await?;
    if count < i64::from(target.rate_count) {
        return Ok(false);
    }
    let last = sqlx::query_scalar::<_, Option<Nanos>>(LAST).bind(number.cast_signed()).bind(target.id.cast_signed());
    let last = last.bind(Trigger::Rate.as_str()).fetch_one(&mut *connection).await?;
    Ok(last.is_none_or(|at| at <= now - window))
}

async fn put(
    connection: &mut SqliteConnection,
    target: &AlertTarget,
    trigger: Trigger,
    number: u64,
    count: u64,
    at: Nanos,
    due: Nanos,
) -> Result<(), Error> {
    let query = sqlx::query(PUT).bind(at).bind(due).bind(target.id.cast_signed()).bind(&target.name).bind(trigger.as_str());
    query.bind(number.cast_signed()).bind(count.cast_signed()).execute(connection).await.map(drop)
}

fn target(row: &SqliteRow) -> Result<AlertTarget, Error> {
    let triggers: &str = row.try_get(4)?;
    Ok(AlertTarget {
        id: row.try_get::<i64, _>(0)?.cast_unsigned(),
        name: row.try_get(1)?,
        kind: if row.try_get::<&str, _>(2)? == "slack" { TargetKind::Slack } else { TargetKind::Webhook },
        url: row.try_get(3)?,
        triggers: triggers.split_whitespace().filter_map(Trigger::named).collect(),
        min_level: ErrorLevel::named(&row.try_get::<i64, _>(5)?.to_string()).unwrap_or_default(),
        environment: row.try_get(6)?,
        rate_count: row.try_get(7)?,
        rate_minutes: row.try_get(8)?,
    })
}

fn alert(row: &SqliteRow) -> Result<Alert, Error> {
    Ok(Alert {
        id: row.try_get::<i64, _>(0)?.cast_unsigned(),
        at: row.try_get(1)?,
        due: row.try_get(2)?,
        target: row.try_get::<i64, _>(3)?.cast_unsigned(),
        name: row.try_get(4)?,
        trigger: Trigger::named(row.try_get(5)?).unwrap_or(Trigger::Test),
        number: row.try_get::<i64, _>(6)?.cast_unsigned(),
        count: row.try_get::<i64, _>(7)?.cast_unsigned(),
        attempts: row.try_get(8)?,
        answer: row.try_get(9)?,
        delivered: row.try_get(10)?,
    })
}

#[async_trait]
impl AlertReader for Sqlite {
    async fn alert_targets(&self) -> Result<Vec<AlertTarget>, Problem> {
        let rows = sqlx::query(TARGETS).fetch_all(self.core.settings.pool()).await.map_err(unavailable)?;
        rows.iter().map(target).collect::<Result<_, _>>().map_err(unavailable)
    }

    async fn alerts(&self, limit: u32) -> Result<Vec<Alert>, Problem> {
        let rows = sqlx::query(LOG);
        let rows = rows.bind(limit).fetch_all(self.core.settings.pool()).await.map_err(unavailable)?;
        rows.iter().map(alert).collect::<Result<_, _>>().map_err(unavailable)
    }
}

#[async_trait]
impl AlertStore for Sqlite {
    async fn save_alert_target(&self, target: AlertTarget) -> Result<u64, Problem> {
        let id = (target.id > 0).then_some(target.id.cast_signed());
        let kind = if target.kind == TargetKind::Slack { "slack" } else { "webhook" };
        let triggers: Vec<&str> = target.triggers.iter().map(|trigger| trigger.as_str()).collect();
        let query = sqlx::query(PUT_TARGET).bind(id).bind(&target.name).bind(kind).bind(&target.url).bind(triggers.join(" "));
        let query = query.bind(target.min_level.number()).bind(&target.environment).bind(target.rate_count).bind(target.rate_minutes);
        let done = query.execute(self.core.settings.pool()).await.map_err(unavailable)?;
        Ok(id.unwrap_or(done.last_insert_rowid()).cast_unsigned())
    }

    async fn remove_alert_target(&self, id: u64) -> Result<(), Problem> {
        let mut tx = self.core.settings.pool().begin().await.map_err(unavailable)?;
        for statement in [REMOVE_TARGET, CANCEL] {
            sqlx::query(statement).bind(id.cast_signed()).execute(&mut *tx).await.map_err(unavailable)?;
        }
        tx.commit().await.map_err(unavailable)
    }

    async fn test_alert_target(&self, id: u64) -> Result<(), Problem> {
        let target = self.alert_targets().await?.into_iter().find(|target| target.id == id).ok_or(Problem::NotFound("target"))?;
        let mut connection = self.core.settings.pool().acquire().await.map_err(unavailable)?;
        let now = self.core.now();
        put(&mut connection, &target, Trigger::Test, 0, 0, now, now).await.map_err(unavailable)
    }

    async fn due_alerts(&self, limit: u32) -> Result<Vec<(Alert, AlertTarget)>, Problem> {
        let rows = sqlx::query(DUE);
        let rows = rows.bind(self.core.now()).bind(limit).fetch_all(self.core.settings.pool()).await.map_err(unavailable)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let targets = self.alert_targets().await?;
        let due: Vec<Alert> = rows.iter().map(alert).collect::<Result<_, _>>().map_err(unavailable)?;
        let with_target = |alert: Alert| {
            let target = targets.iter().find(|target| target.id == alert.target)?.clone();
            Some((alert, target))
        };
        Ok(due.into_iter().filter_map(with_target).collect())
    }

    async fn note_attempt(&self, id: u64, answer: &str, delivered: bool, next: Option<Nanos>) -> Result<(), Problem> {
        let pool = self.core.settings.pool();
        let query = sqlx::query(ATTEMPT).bind(id.cast_signed()).bind(answer).bind(delivered).bind(next);
        query.execute(pool).await.map_err(unavailable)?;
        sqlx::query(TRIM).bind(KEPT).execute(pool).await.map(drop).map_err(unavailable)
    }
}
