//! What lists sort by: the sums of a group with its members, its figures of the last 24 hours, and its priority.

use super::catalog::hour_of;
use model::error::Mark;
use model::time::{DAY, HOUR, Nanos};
use sqlx::{Row, SqliteConnection};

/// How long a rank holds; the figures of the last 24 hours change without anything coming.
const HOLDS: Nanos = HOUR / 12;

pub const SUM: &str = "UPDATE error_group SET (all_count, all_failed, all_first, all_last, all_families, all_people) = (
        SELECT sum(count), sum(failed), min(first_seen), max(last_seen), max(families & 1) | max(families & 2) | max(families & 4),
            iif(count(*) = 1, sum(people), (SELECT count(DISTINCT person) FROM error_person WHERE number IN (
                SELECT member.number FROM error_group member WHERE member.number = ?1 OR member.parent = ?1)))
        FROM error_group own WHERE own.number = ?1 OR own.parent = ?1)
    WHERE number = ?1";
pub const HOURS: &str = "SELECT hour, sum(count), sum(failed) FROM error_hour WHERE hour > ?2
    AND number IN (SELECT number FROM error_group WHERE number = ?1 OR parent = ?1) GROUP BY hour";
pub const STATE: &str = "SELECT status, regressed, handled, all_first FROM error_group WHERE number = ?1";
pub const SET: &str = "UPDATE error_group SET day_count = ?2, priority = ?3, ranked_at = ?4 WHERE number = ?1";
pub const STALE: &str =
    "SELECT number FROM error_group WHERE parent IS NULL AND priority > 0 AND ranked_at < ?1 ORDER BY ranked_at LIMIT ?2";

/// Brings the sums of a group up to date.
pub async fn sum(to: &mut SqliteConnection, number: u64) -> Result<(), sqlx::Error> {
    sqlx::query(SUM).bind(number.cast_signed()).execute(&mut *to).await.map(drop)
}

/// Brings the priority of a group up to date.
pub async fn rank(to: &mut SqliteConnection, number: u64, now: Nanos) -> Result<(), sqlx::Error> {
    let number = number.cast_signed();
    let hour = hour_of(now);
    let mut hours = Vec::new();
    let mut failed = 0i64;
    for row in sqlx::query(HOURS).bind(number).bind(hour - 25).fetch_all(&mut *to).await? {
        let at: i64 = row.try_get(0)?;
        hours.push((at, row.try_get::<i64, _>(1)?));
        failed += if at > hour - 24 { row.try_get::<i64, _>(2)? } else { 0 };
    }
    let Some(row) = sqlx::query(STATE).bind(number).fetch_optional(&mut *to).await? else { return Ok(()) };
    let state = State {
        active: row.try_get::<i64, _>(0)? == 0,
        regressed: row.try_get::<i64, _>(1)? != 0,
        handled: row.try_get::<i64, _>(2)? != 0,
        first_seen: row.try_get(3)?,
    };
    let day: i64 = hours.iter().filter(|(at, _)| *at > hour - 24).map(|(_, count)| count).sum();
    let mark = state.mark(&hours, now).map_or(0, |mark| 3 - mark as i64);
    let priority = mark << 60 | failed.clamp(0, (1 << 24) - 1) << 36 | day.clamp(0, (1 << 36) - 1);
    sqlx::query(SET).bind(number).bind(day).bind(priority).bind(now).execute(&mut *to).await.map(drop)
}

/// Ranks again groups that were ranked long ago; returns how many.
pub async fn rank_stale(to: &mut SqliteConnection, now: Nanos, limit: i64) -> Result<usize, sqlx::Error> {
    let stale: Vec<i64> = sqlx::query_scalar(STALE).bind(now - HOLDS).bind(limit).fetch_all(&mut *to).await?;
    for number in &stale {
        rank(to, number.cast_unsigned(), now).await?;
    }
    Ok(stale.len())
}

/// What a mark follows from, besides the hours.
pub struct State {
    pub active: bool,
    pub regressed: bool,
    pub handled: bool,
    pub first_seen: Nanos,
}

impl State {
    /// `hours`: (hour, occurrences).
    pub fn mark(&self, hours: &[(i64, i64)], now: Nanos) -> Option<Mark> {
        if !self.active {
            return None;
        }
        if self.regressed {
            return Some(Mark::Regressed);
        }
        if !self.handled && self.first_seen > now - DAY {
            return Some(Mark::New);
        }
        let hour = hour_of(now);
        let at = |wanted: i64| hours.iter().filter(|(at, _)| *at == wanted).map(|(_, count)| count).sum::<i64>();
        // The last hour is a part of the one before and what there is of this one.
        let (gone, before) = (now.rem_euclid(HOUR), at(hour - 1));
        let last = at(hour) + (i128::from(before) * i128::from(HOUR - gone) / i128::from(HOUR)) as i64;
        let day: i64 = hours.iter().filter(|(at, _)| *at < hour && *at >= hour - 25).map(|(_, count)| count).sum();
        let average = (day - (last - at(hour))).max(0) as f64 / 24.0;
        (last >= 10 && last as f64 >= 5.0 * average).then_some(Mark::Escalating)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wants_to_be_looked_at_first() {
        let now = 1000 * HOUR + HOUR / 2;
        let state = |regressed, handled, age| State { active: true, regressed, handled, first_seen: now - age };
        assert_eq!(state(true, true, 9 * DAY).mark(&[], now), Some(Mark::Regressed));
        assert_eq!(state(false, false, HOUR).mark(&[], now), Some(Mark::New));
        assert_eq!(state(false, true, HOUR).mark(&[(1000, 9)], now), None);
        let quiet = state(false, true, 9 * DAY);
        assert_eq!(quiet.mark(&[(1000, 10)], now), Some(Mark::Escalating));
        assert_eq!(quiet.mark(&[(999, 20)], now), Some(Mark::Escalating), "half of the hour before is the last hour");
        assert_eq!(quiet.mark(&(975..1000).map(|hour| (hour, 4)).chain([(1000, 12)]).collect::<Vec<_>>(), now), None);
        assert_eq!(State { active: false, ..state(true, false, HOUR) }.mark(&[(1000, 99)], now), None);
    }
}
