//! What the reads have in common: numbers that lead to groups, what a group's row does not say itself, and occurrences out of the days' files.

use super::assign::Occ;
use super::bulk::list;
use super::catalog::hour_of;
use super::day::hash;
use super::rank::{Lately, State};
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::view::unavailable;
use model::error::{ErrorGroup, ErrorStatus, Mark};
use model::id::TraceId;
use model::port::{Ask, Problem};
use model::time::{SECOND, day_of};
use sqlx::SqlitePool;
use std::collections::BTreeMap;

const ROOT: &str = "SELECT coalesce(parent, number) FROM error_group WHERE number = ?1";
const MEMBERS: &str = "SELECT parent, number FROM error_group WHERE parent IN (SELECT value FROM json_each(?1)) ORDER BY number";
const HOURS: &str = "SELECT number, hour, count FROM error_hour WHERE number IN (SELECT value FROM json_each(?1)) AND hour > ?2";
const ROUTES: &str = "SELECT number, value, count FROM (
        SELECT number, value, count, row_number() OVER (PARTITION BY number ORDER BY count DESC, value) place
        FROM error_value WHERE kind = 0 AND count > 0 AND number IN (SELECT value FROM json_each(?1)))
    WHERE place <= 10";
/// Occurrences of traces that are read at most.
pub const PINS: usize = 1000;

impl Sqlite {
    pub(super) fn catalog(&self) -> &SqlitePool {
        self.core.errors.catalog.readers()
    }

    /// The number that a number leads to.
    pub(super) async fn root(&self, number: u64) -> Result<u64, Problem> {
        let number = i64::try_from(number).map_err(|_| Problem::NotFound("error"))?;
        let root: Option<i64> = sqlx::query_scalar(ROOT).bind(number).fetch_optional(self.catalog()).await.map_err(unavailable)?;
        root.map(i64::cast_unsigned).ok_or(Problem::NotFound("error"))
    }

    /// A group's number and those merged into it, as a JSON list.
    pub(super) async fn numbers(&self, number: u64) -> Result<String, Problem> {
        let root = self.root(number).await?;
        let members = self.members(&[root]).await.map_err(unavailable)?;
        Ok(list(std::iter::once(root).chain(members.into_iter().map(|(_, member)| member))))
    }

    /// (group, number merged into it)
    pub(super) async fn members(&self, groups: &[u64]) -> Result<Vec<(u64, u64)>, sqlx::Error> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(MEMBERS).bind(list(groups)).fetch_all(self.catalog()).await?;
        Ok(rows.into_iter().map(|(parent, number)| (parent.cast_unsigned(), number.cast_unsigned())).collect())
    }

    /// Puts in what a row of the catalog does not say.
    pub(super) async fn complete(&self, rows: &mut [ErrorGroup]) -> Result<(), sqlx::Error> {
        let now = self.core.now();
        let hour = hour_of(now);
        let roots: Vec<u64> = rows.iter().map(|row| row.number).collect();
        let mut place: BTreeMap<u64, usize> = roots.iter().enumerate().map(|(at, number)| (*number, at)).collect();
        for (parent, number) in self.members(&roots).await? {
            if let Some(at) = place.get(&parent).copied() {
                rows[at].members.push(number);
                place.insert(number, at);
            }
        }
        let numbers = list(place.keys());
        let mut hours: Vec<Vec<(i64, i64)>> = vec![Vec::new(); rows.len()];
        let query = sqlx::query_as::<_, (i64, i64, i64)>(HOURS).bind(&numbers).bind(hour - 26);
        for (number, at, count) in query.fetch_all(self.catalog()).await? {
            hours[place[&number.cast_unsigned()]].push((at, count));
        }
        for (row, hours) in rows.iter_mut().zip(&hours) {
            row.hours = vec![0; 24];
            for (at, count) in hours {
                if let Some(sum) = usize::try_from(23 - (hour - at)).ok().and_then(|at| row.hours.get_mut(at)) {
                    *sum += u32::try_from(*count).unwrap_or(0);
                }
            }
            let state = State {
                active: row.status == ErrorStatus::Active,
                regressed: row.mark == Some(Mark::Regressed),
                handled: row.mark.is_none(),
                first_seen: row.first_seen,
            };
            row.mark = state.mark(Lately::of(hours, now), now);
        }
        let mut routes: Vec<BTreeMap<String, u64>> = vec![BTreeMap::new(); rows.len()];
        for (number, value, count) in sqlx::query_as::<_, (i64, String, i64)>(ROUTES).bind(&numbers).fetch_all(self.catalog()).await? {
            *routes[place[&number.cast_unsigned()]].entry(value).or_default() += count.max(0).cast_unsigned();
        }
        for (row, routes) in rows.iter_mut().zip(routes) {
            row.routes = routes.into_iter().collect();
            row.routes.sort_by_key(|(value, count)| (std::cmp::Reverse(*count), value.clone()));
            row.routes.truncate(3);
        }
        Ok(())
    }

    /// Occurrences of groups by `seq`, newest first.
    pub(super) async fn newest(&self, ask: &Ask, numbers: &str, before: u64, limit: u32) -> Result<Vec<Occ>, Problem> {
        let mut found: Vec<Occ> = Vec::new();
        for file in self.core.errors.days().values().rev() {
            if ask.stop() {
                break;
            }
            found.extend(file.newest(numbers, before, limit).await.map_err(unavailable)?);
        }
        found.sort_by_key(|occ| std::cmp::Reverse(occ.seq));
        found.truncate(limit as usize);
        Ok(found)
    }

    pub(super) async fn occ(&self, seq: u64) -> Result<Option<Occ>, Problem> {
        for file in self.core.errors.days().values().rev() {
            if let Some(occ) = file.one(seq).await.map_err(unavailable)? {
                return Ok(Some(occ));
            }
        }
        Ok(None)
    }

    /// The one occurrence of a trace that another system saw and that this one, which names no trace, must be: alike, at the same time, of
    /// the same route, service and host as far as both say. Rollbar's SDKs tell the time in whole seconds, rounded down.
    pub(super) async fn twin(&self, occ: &Occ) -> Result<Option<Occ>, sqlx::Error> {
        if occ.twin == 0 || !occ.stored.traces.is_empty() {
            return Ok(None);
        }
        let (from, to) = (occ.time - SECOND, occ.time + 2 * SECOND);
        let mut found = Vec::new();
        for day in day_of(from)..=day_of(to) {
            if let Some(file) = self.core.errors.day(day) {
                found.extend(file.alike(occ.twin, from, to).await?);
            }
        }
        let families = occ.row().families;
        let agree = |a: &str, b: &str| a.is_empty() || b.is_empty() || a == b;
        found.retain(|other| {
            let (a, b) = (&occ.stored, &other.stored);
            !b.traces.is_empty()
                && other.row().families.iter().all(|family| !families.contains(family))
                && agree(&a.service, &b.service)
                && agree(&a.host, &b.host)
                && agree(&a.context, &b.context)
        });
        if found.len() > 1 {
            found.retain(|other| other.stored.title == occ.stored.title);
        }
        Ok(if found.len() == 1 { found.pop() } else { None })
    }

    pub(super) async fn of_traces(&self, ask: &Ask, traces: &[TraceId]) -> Result<Vec<Occ>, Problem> {
        let hashes: Vec<i64> = traces.iter().map(|trace| hash(*trace)).collect();
        let mut found = Vec::new();
        for file in self.core.errors.days().values() {
            if ask.stop() || found.len() >= PINS {
                break;
            }
            found.extend(file.of_traces(&hashes, PINS as i64).await.map_err(unavailable)?);
        }
        Ok(found)
    }
}
