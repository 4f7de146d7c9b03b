//! What lists sort by: the sums of a group with its members, its figures of the last 24 hours, and its priority.

use super::bulk::{each, list};
use super::catalog::hour_of;
use model::error::Mark;
use model::time::{DAY, HOUR, Nanos};
use rustc_hash::FxHashMap;
use sqlx::SqliteConnection;

/// How long a rank holds; the figures of the last 24 hours change without anything coming.
const HOLDS: Nanos = HOUR / 12;

pub const SUM: &str = "UPDATE error_group SET (all_count, all_failed, all_first, all_last, all_families, all_people) = (
        SELECT sum(count), sum(failed), min(first_seen), max(last_seen), max(families & 1) | max(families & 2) | max(families & 4),
            iif(count(*) = 1, sum(people), (SELECT count(DISTINCT person) FROM error_person WHERE number IN (
                SELECT member.number FROM error_group member WHERE member.number = error_group.number OR member.parent = error_group.number)))
        FROM error_group own WHERE own.number = error_group.number OR own.parent = error_group.number)
    WHERE number IN (SELECT value FROM json_each(?1))";
/// Of each group with its members, by the hour `?2`: occurrences and failed requests of 24 hours, then occurrences of this hour, of the one
/// before, and of the 25 before this one.
pub const LATELY: &str = "SELECT of.root, coalesce(sum(h.count) FILTER (WHERE h.hour > ?2 - 24), 0),
        coalesce(sum(h.failed) FILTER (WHERE h.hour > ?2 - 24), 0), coalesce(sum(h.count) FILTER (WHERE h.hour = ?2), 0),
        coalesce(sum(h.count) FILTER (WHERE h.hour = ?2 - 1), 0), coalesce(sum(h.count) FILTER (WHERE h.hour < ?2), 0)
    FROM (SELECT value AS root, value AS number FROM json_each(?1)
        UNION ALL SELECT r.value, member.number FROM json_each(?1) r CROSS JOIN error_group member ON member.parent = r.value) of
    CROSS JOIN error_hour h ON h.number = of.number AND h.hour >= ?2 - 25 GROUP BY of.root";
pub const STATE: &str = "SELECT number, status, regressed, handled, all_first FROM error_group
    WHERE number IN (SELECT value FROM json_each(?1))";
pub const SET: &str = "UPDATE error_group SET day_count = r.day, priority = r.priority, ranked_at = r.at
    FROM (SELECT value->>0 AS number, value->>1 AS day, value->>2 AS priority, value->>3 AS at FROM json_each(?1)) r
    WHERE error_group.number = r.number";
pub const STALE: &str =
    "SELECT number FROM error_group WHERE parent IS NULL AND priority > 0 AND ranked_at < ?1 ORDER BY ranked_at LIMIT ?2";

/// Brings the sums of groups up to date.
pub async fn sum(to: &mut SqliteConnection, numbers: &[u64]) -> Result<(), sqlx::Error> {
    sqlx::query(SUM).bind(list(numbers)).execute(to).await.map(drop)
}

/// Brings the priorities of groups up to date.
pub async fn rank(to: &mut SqliteConnection, numbers: &[u64], now: Nanos) -> Result<(), sqlx::Error> {
    let numbers = list(numbers);
    let query = sqlx::query_as::<_, (i64, i64, i64, i64, i64, i64)>(LATELY).bind(&numbers).bind(hour_of(now));
    let lately: FxHashMap<i64, (i64, i64, Lately)> = query
        .fetch_all(&mut *to)
        .await?
        .into_iter()
        .map(|(number, day, failed, hour, before, earlier)| (number, (day, failed, Lately { hour, before, earlier })))
        .collect();
    let states: Vec<(i64, i64, bool, bool, Nanos)> = sqlx::query_as(STATE).bind(&numbers).fetch_all(&mut *to).await?;
    let ranked = states.into_iter().map(|(number, status, regressed, handled, first_seen)| {
        let (day, failed, lately) = lately.get(&number).copied().unwrap_or_default();
        let mark = State { active: status == 0, regressed, handled, first_seen }.mark(lately, now).map_or(0, |mark| 3 - mark as i64);
        (number, day, mark << 60 | failed.clamp(0, (1 << 24) - 1) << 36 | day.clamp(0, (1 << 36) - 1), now)
    });
    each(to, SET, &ranked.collect::<Vec<_>>()).await
}

/// Ranks again groups that were ranked long ago; returns how many.
pub async fn rank_stale(to: &mut SqliteConnection, now: Nanos, limit: i64) -> Result<usize, sqlx::Error> {
    let stale: Vec<i64> = sqlx::query_scalar(STALE).bind(now - HOLDS).bind(limit).fetch_all(&mut *to).await?;
    if !stale.is_empty() {
        rank(to, &stale.iter().map(|number| number.cast_unsigned()).collect::<Vec<_>>(), now).await?;
    }
    Ok(stale.len())
}

/// Occurrences of a group in hours that begin with the clock's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lately {
    /// This hour.
    pub hour: i64,
    /// The hour before.
    pub before: i64,
    /// The 25 hours before this one.
    pub earlier: i64,
}

impl Lately {
    /// Of (hour, occurrences).
    pub fn of(hours: &[(i64, i64)], now: Nanos) -> Lately {
        let hour = hour_of(now);
        let sum = |within: &dyn Fn(i64) -> bool| hours.iter().filter(|(at, _)| within(*at)).map(|(_, count)| count).sum();
        Lately { hour: sum(&|at| at == hour), before: sum(&|at| at == hour - 1), earlier: sum(&|at| at < hour && at >= hour - 25) }
    }
}

/// What a mark follows from, besides the hours.
pub struct State {
    pub active: bool,
    pub regressed: bool,
    pub handled: bool,
    pub first_seen: Nanos,
}

impl State {
    pub fn mark(&self, lately: Lately, now: Nanos) -> Option<Mark> {
        if !self.active {
            return None;
        }
        if self.regressed {
            return Some(Mark::Regressed);
        }
        if !self.handled && self.first_seen > now - DAY {
            return Some(Mark::New);
        }
        // The last hour is a part of the one before and what there is of this one.
        let of_before = (i128::from(lately.before) * i128::from(HOUR - now.rem_euclid(HOUR)) / i128::from(HOUR)) as i64;
        let last = lately.hour + of_before;
        let average = (lately.earlier - of_before).max(0) as f64 / 24.0;
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
        assert_eq!(state(true, true, 9 * DAY).mark(Lately::of(&[], now), now), Some(Mark::Regressed));
        assert_eq!(state(false, false, HOUR).mark(Lately::of(&[], now), now), Some(Mark::New));
        assert_eq!(state(false, true, HOUR).mark(Lately::of(&[(1000, 9)], now), now), None);
        let quiet = state(false, true, 9 * DAY);
        assert_eq!(quiet.mark(Lately::of(&[(1000, 10)], now), now), Some(Mark::Escalating));
        assert_eq!(quiet.mark(Lately::of(&[(999, 20)], now), now), Some(Mark::Escalating), "half of the hour before is the last hour");
        assert_eq!(quiet.mark(Lately::of(&(975..1000).map(|hour| (hour, 4)).chain([(1000, 12)]).collect::<Vec<_>>(), now), now), None);
        assert_eq!(State { active: false, ..state(true, false, HOUR) }.mark(Lately::of(&[(1000, 99)], now), now), None);
    }
}
