//! Alerts in `catalog.db`: targets, and the queue that is the delivery log, too. The digest raises alerts in the transaction of what they
//! are about ([`raise`]), so that none is lost or told twice; [`crate::alerts`] sends them.

use super::Sqlite;
use super::view::unavailable;
use crate::store::AlertStore;
use async_trait::async_trait;
use model::alert::{Alert, AlertReader, AlertTarget, TargetKind, Trigger};
use model::error::ErrorLevel;
use model::port::Problem;
use model::time::{Nanos, SECOND};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Error, Row as _};

/// "New" waits for the other witnesses of the throw, which may say it better.
const WITNESSES: Nanos = 10 * SECOND;
/// Rows of the delivery log that are kept.
const KEPT: i64 = 10_000;

const TARGETS: &str = "SELECT id, name, kind, url, triggers, min_level, environment, rate_count, rate_minutes FROM alert_target ORDER BY name, id";
const PUT_TARGET: &str = "INSERT INTO alert_target (id, name, kind, url, triggers, min_level, environment, rate_count, rate_minutes)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO UPDATE SET name = excluded.name, kind = excluded.kind, url = excluded.url,
    triggers = excluded.triggers, min_level = excluded.min_level, environment = excluded.environment, rate_count = excluded.rate_count,
    rate_minutes = excluded.rate_minutes";
const REMOVE_TARGET: &str = "DELETE FROM alert_target WHERE id = ?1";
const CANCEL: &str = "UPDATE alert SET due = NULL, answer = 'the target was removed' WHERE target = ?1 AND due IS NOT NULL";
const ALERT: &str = "SELECT id, at, due, target, name, trigger, number, count, attempts, answer, delivered FROM alert";
const PUT: &str = "INSERT INTO alert (at, due, target, name, trigger, number, count, attempts, answer, delivered)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, '', 0)";
const ATTEMPT: &str = "UPDATE alert SET attempts = attempts + 1, answer = ?2, delivered = ?3, due = ?4 WHERE id = ?1";
const TRIM: &str = "DELETE FROM alert WHERE id <= (SELECT max(id) FROM alert) - ?1 AND due IS NULL";
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

/// The widest window of the targets that want rates, if there are any.
pub fn rate_window(targets: &[AlertTarget]) -> Option<Nanos> {
    let wanting = targets.iter().filter(|target| target.triggers.contains(&Trigger::Rate));
    wanting.map(|target| Nanos::from(target.rate_minutes) * 60 * SECOND).max()
}

/// Queues an alert for each target that wants to hear of this. `within(window)` is how many occurrences the group had in the last
/// `window` nanoseconds, for [`Trigger::Rate`].
pub async fn raise(
    connection: &mut SqliteConnection,
    targets: &[AlertTarget],
    event: &Event,
    now: Nanos,
    within: impl Fn(Nanos) -> u64,
) -> Result<(), Error> {
    let wants = |target: &&AlertTarget| {
        target.triggers.contains(&event.trigger)
            && event.level >= target.min_level
            && (target.environment.is_empty() || target.environment == event.environment)
    };
    for target in targets.iter().filter(wants) {
        if event.trigger == Trigger::Rate {
            let window = Nanos::from(target.rate_minutes) * 60 * SECOND;
            let last: Option<Nanos> = sqlx::query_scalar(LAST)
                .bind(event.number.cast_signed())
                .bind(target.id.cast_signed())
                .bind(event.trigger.as_str())
                .fetch_one(&mut *connection)
                .await?;
            if within(window) < u64::from(target.rate_count) || last.is_some_and(|at| at > now - window) {
                continue;
            }
        }
        let due = if event.trigger == Trigger::New { now.saturating_add(WITNESSES) } else { now };
        put(connection, target, event.trigger, event.number, event.count, now, due).await?;
    }
    Ok(())
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
        let rows = sqlx::query(&format!("{ALERT} ORDER BY id DESC LIMIT ?1"));
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
        let rows = sqlx::query(&format!("{ALERT} WHERE due <= ?1 ORDER BY due LIMIT ?2"));
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
