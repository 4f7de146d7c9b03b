//! What people decided about groups meets new occurrences of them: what was resolved comes back, snoozes end, alerts are raised.

use super::bulk::list;
use super::catalog::note;
use super::{rank, version};
use crate::store::sqlite::alerts::{self, Event};
use model::alert::{AlertTarget, Trigger};
use model::error::ErrorLevel;
use model::time::{Nanos, SECOND};
use rustc_hash::FxHashMap;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

pub const STATES: &str =
    "SELECT number, status, resolved_at, resolved_version, next_deploy, snoozed_until, snoozed_count, all_count, project,
    environment, level FROM error_group WHERE number IN (SELECT value FROM json_each(?1))";
pub const COME_BACK: &str =
    "UPDATE error_group SET status = 0, regressed = 1, handled = 0, resolved_version = NULL, next_deploy = 0 WHERE number = ?1";
pub const WAKE: &str = "UPDATE error_group SET status = 0, snoozed_until = NULL, snoozed_count = NULL WHERE number = ?1";
pub const TO_WAKE: &str = "SELECT number FROM error_group WHERE status = 3 AND snoozed_until <= ?1";

/// New occurrences of a group, with its members.
pub struct Came<'a> {
    pub number: u64,
    pub is_new: bool,
    /// When, in which version.
    pub occurrences: Vec<&'a (Nanos, String)>,
}

/// How it stands with a group whose new occurrences are counted.
enum Standing {
    Quiet,
    Open,
    Regressed,
}

/// Lets groups meet what came of them; their sums are up to date.
pub async fn meet(to: &mut SqliteConnection, came: &[Came<'_>], now: Nanos) -> Result<(), sqlx::Error> {
    let query = sqlx::query(STATES).bind(list(came.iter().map(|came| came.number)));
    let states: Vec<SqliteRow> = query.fetch_all(&mut *to).await?;
    let states: FxHashMap<i64, SqliteRow> =
        states.into_iter().map(|row| Ok((row.try_get("number")?, row))).collect::<Result<_, sqlx::Error>>()?;
    let targets = alerts::targets(to).await?;
    for one in came {
        let Some(state) = states.get(&one.number.cast_signed()) else { continue };
        let standing = decide(to, one, state, now).await?;
        if !targets.is_empty() {
            tell(to, &targets, one, state, &standing, now).await?;
        }
    }
    Ok(())
}

async fn decide(to: &mut SqliteConnection, came: &Came<'_>, state: &SqliteRow, now: Nanos) -> Result<Standing, sqlx::Error> {
    let number = came.number;
    match state.try_get::<i64, _>("status")? {
        0 => Ok(Standing::Open),
        1 => {
            let (project, environment): (&str, &str) = (state.try_get("project")?, state.try_get("environment")?);
            let resolved_at: Nanos = state.try_get("resolved_at")?;
            let resolved_in: Option<&str> = state.try_get("resolved_version")?;
            let next_deploy = state.try_get::<i64, _>("next_deploy")? != 0;
            for (time, version) in &came.occurrences {
                // Rollbar's SDKs tell the time in whole seconds.
                if *time < resolved_at - SECOND {
                    continue;
                }
                if next_deploy && !version::deployed(to, environment, resolved_at, *time).await? {
                    continue;
                }
                if let Some(resolved_in) = resolved_in
                    && version::is_older(to, project, environment, version, resolved_in).await?
                {
                    continue;
                }
                sqlx::query(COME_BACK).bind(number.cast_signed()).execute(&mut *to).await?;
                let what = if version.is_empty() { "saw it again".to_owned() } else { format!("saw it again in version {version}") };
                note(to, number, now, "", &what, None).await?;
                return Ok(Standing::Regressed);
            }
            Ok(Standing::Quiet)
        }
        3 => {
            let wakes_at: Option<i64> = state.try_get("snoozed_count")?;
            let until: Option<Nanos> = state.try_get("snoozed_until")?;
            let count: i64 = state.try_get("all_count")?;
            if wakes_at.is_some_and(|wakes_at| count >= wakes_at) || until.is_some_and(|until| until <= now) {
                wake(to, number, now).await?;
                return Ok(Standing::Open);
            }
            Ok(Standing::Quiet)
        }
        _ => Ok(Standing::Quiet),
    }
}

/// Raises the alerts of new occurrences of a group. Of what a team muted, snoozed or counts as resolved nobody is told.
async fn tell(
    to: &mut SqliteConnection,
    targets: &[AlertTarget],
    came: &Came<'_>,
    state: &SqliteRow,
    standing: &Standing,
    now: Nanos,
) -> Result<(), sqlx::Error> {
    let number = came.number;
    alerts::note_minutes(to, number, came.occurrences.iter().map(|(time, _)| *time), now).await?;
    if matches!(standing, Standing::Quiet) {
        return Ok(());
    }
    let after = state.try_get::<i64, _>("all_count")?.max(0).cast_unsigned();
    let before = after.saturating_sub(came.occurrences.len() as u64);
    let power = std::iter::successors(Some(10u64), |power| power.checked_mul(10)).find(|power| *power > before);
    let repeated = power.is_some_and(|power| power <= after);
    let regressed = matches!(standing, Standing::Regressed);
    let raised = [(Trigger::New, came.is_new), (Trigger::Regressed, regressed), (Trigger::Repeated, repeated), (Trigger::Rate, true)];
    let level = usize::try_from(state.try_get::<i64, _>("level")?).ok().and_then(|level| ErrorLevel::ALL.get(level).copied());
    for (trigger, _) in raised.into_iter().filter(|(_, is)| *is) {
        let environment = state.try_get("environment")?;
        let event = Event { trigger, number, level: level.unwrap_or_default(), environment, count: after };
        alerts::raise(to, targets, &event, now).await?;
    }
    Ok(())
}

async fn wake(to: &mut SqliteConnection, number: u64, now: Nanos) -> Result<(), sqlx::Error> {
    sqlx::query(WAKE).bind(number.cast_signed()).execute(&mut *to).await?;
    note(to, number, now, "", "ended its snooze", None).await
}

/// Wakes groups whose time has come; returns how many.
pub async fn wake_due(to: &mut SqliteConnection, now: Nanos) -> Result<usize, sqlx::Error> {
    let due: Vec<i64> = sqlx::query_scalar(TO_WAKE).bind(now).fetch_all(&mut *to).await?;
    let due: Vec<u64> = due.into_iter().map(i64::cast_unsigned).collect();
    for number in &due {
        wake(to, *number, now).await?;
    }
    rank::rank(to, &due, now).await?;
    Ok(due.len())
}
