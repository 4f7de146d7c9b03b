//! The port's reads. Lists and details come from the catalog alone, occurrences from the files of their days.

use super::bulk::list;
use super::catalog::hour_of;
use super::prepare::KINDS;
use super::query::{Bind, Condition, condition};
use super::rows::PINS;
use super::write::parsed;
use crate::errors::grouping;
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::view::unavailable;
use async_trait::async_trait;
use model::error::*;
use model::id::TraceId;
use model::port::*;
use model::query::ast::Query;
use model::time::{Nanos, Range};
use serde_json::Value;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Row};
use std::collections::{BTreeMap, BTreeSet};

const COLUMNS: &str = "g.number, g.title, g.class, g.level, g.status, g.resolved_version, g.next_deploy, g.snoozed_until, g.snoozed_count,
    g.regressed, g.handled, g.project, g.service, g.environment, g.all_first, g.all_last, g.first_version, g.last_version, g.all_count,
    g.all_people, g.all_failed, g.assignee, g.comments, g.all_families, g.priority";
const HISTORY: &str = "SELECT at, actor, what, comment FROM error_history WHERE number IN (SELECT value FROM json_each(?1))
    ORDER BY id DESC LIMIT 500";
const VALUES: &str = "SELECT kind, value, sum(count) FROM error_value WHERE number IN (SELECT value FROM json_each(?1)) AND count > 0
    GROUP BY kind, value ORDER BY kind, 3 DESC, value";
const GROUPING: &str = "SELECT kind, fingerprint, parts FROM error_group WHERE number = ?1";
const TREND: &str = "SELECT hour, sum(count) FROM error_hour WHERE number IN (SELECT value FROM json_each(?1)) AND hour BETWEEN ?2 AND ?3
    GROUP BY hour ORDER BY hour";
const DEPLOYS: &str = "SELECT id, project, environment, revision, user, comment, status, started, finished FROM error_deploy
    WHERE started BETWEEN ?1 AND ?2 ORDER BY started DESC, id DESC LIMIT 1000";
/// Occurrences of a group whose traces are looked at for its neighbours.
const NEIGHBOURS: u32 = 100;
/// The newest occurrences that rules are tried on.
const TRIED: u32 = 500;

#[async_trait]
impl ErrorReader for Sqlite {
    async fn errors(&self, ask: &Ask, search: &ErrorSearch) -> Result<ErrorPage, Problem> {
        let column = match search.sort {
            ErrorSort::Priority => "priority",
            ErrorSort::LastSeen => "all_last",
            ErrorSort::FirstSeen => "all_first",
            ErrorSort::Count => "all_count",
            ErrorSort::People => "all_people",
        };
        let wanted = search.limit.max(1) as usize;
        let mut found: Vec<(i64, ErrorGroup)> = Vec::new();
        for status in 0..4usize {
            let Some(Condition { sql, binds }) = condition(&search.query, status, false)? else { continue };
            if ask.stop() {
                break;
            }
            let after = search.cursor.map_or(String::new(), |ErrorCursor { value, number }| {
                format!("AND (g.{column}, g.number) < ({value}, {})", number.cast_signed())
            });
            // `+`: rows come in their order by the index of that, and the first are enough. A word is in few titles: it is looked for in
            // all of them, in the order of their rows.
            let plus = if sql.contains(" LIKE ") { "" } else { "+" };
            let sql = format!(
                "SELECT {COLUMNS}, g.{column} FROM error_group g WHERE g.parent IS NULL AND g.status = {status} AND {plus}g.all_count > 0 {after} \
                 AND ({sql}) ORDER BY g.{column} DESC, g.number DESC LIMIT {}",
                wanted + 1
            );
            for row in bound(sql, binds).fetch_all(self.catalog()).await.map_err(unavailable)? {
                found.push((row.try_get(25).map_err(unavailable)?, group(&row).map_err(unavailable)?));
            }
        }
        found.sort_by_key(|(value, group)| std::cmp::Reverse((*value, group.number)));
        let more = found.len() > wanted;
        found.truncate(wanted);
        let next = found.last().filter(|_| more).map(|(value, group)| ErrorCursor { value: *value, number: group.number });
        let mut rows: Vec<ErrorGroup> = found.into_iter().map(|(_, group)| group).collect();
        self.complete(&mut rows).await.map_err(unavailable)?;
        Ok(ErrorPage { rows, next })
    }

    async fn error_counts(&self, ask: &Ask, query: &Query) -> Result<ErrorCounts, Problem> {
        let mut counts = [0u64; 4];
        for (status, count) in counts.iter_mut().enumerate() {
            let Some(Condition { sql, binds }) = condition(query, status, true)? else { continue };
            if ask.stop() {
                break;
            }
            let sql = format!(
                "SELECT count(*) FROM error_group g WHERE g.parent IS NULL AND g.status = {status} AND g.all_count > 0 AND ({sql})"
            );
            let row = bound(sql, binds).fetch_one(self.catalog()).await.map_err(unavailable)?;
            *count = row.try_get::<i64, _>(0).map_err(unavailable)?.cast_unsigned();
        }
        let [active, resolved, muted, snoozed] = counts;
        Ok(ErrorCounts { active, resolved, muted, snoozed })
    }

    async fn error(&self, _ask: &Ask, number: u64) -> Result<ErrorDetail, Problem> {
        let number = self.root(number).await?;
        let sql = format!("SELECT {COLUMNS} FROM error_group g WHERE g.number = {}", number.cast_signed());
        let row = bound(sql, Vec::new()).fetch_one(self.catalog()).await.map_err(unavailable)?;
        let mut rows = vec![group(&row).map_err(unavailable)?];
        self.complete(&mut rows).await.map_err(unavailable)?;
        let group = rows.swap_remove(0);
        let detail = async {
            let numbers = list(std::iter::once(number).chain(group.members.iter().copied()));
            let rows = sqlx::query(HISTORY).bind(&numbers).fetch_all(self.catalog()).await?;
            let history = rows
                .iter()
                .map(|row| Ok(HistoryRow { at: row.try_get(0)?, actor: row.try_get(1)?, what: row.try_get(2)?, comment: row.try_get(3)? }));
            let history = history.collect::<Result<Vec<_>, sqlx::Error>>()?;
            let mut breakdowns: Vec<Breakdown> = KINDS.iter().map(|kind| Breakdown { kind: (*kind).into(), values: Vec::new() }).collect();
            for row in sqlx::query(VALUES).bind(&numbers).fetch_all(self.catalog()).await? {
                let kind = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(usize::MAX);
                if let Some(breakdown) = breakdowns.get_mut(kind).filter(|breakdown| breakdown.values.len() < 100) {
                    breakdown.values.push((row.try_get(1)?, row.try_get::<i64, _>(2)?.cast_unsigned()));
                }
            }
            let row = sqlx::query(GROUPING).bind(number.cast_signed()).fetch_one(self.catalog()).await?;
            let paths = breakdowns.last().map_or(0, |paths| paths.values.len() as u64);
            let mut grouping = Grouping {
                kind: row.try_get(0)?,
                fingerprint: row.try_get(1)?,
                parts: serde_json::from_str(row.try_get(2)?).unwrap_or_default(),
                paths,
            };
            if !group.members.is_empty() {
                grouping.parts.push(("merged".to_owned(), group.members.iter().map(|n| format!("#{n}")).collect::<Vec<_>>().join(", ")));
            }
            Ok::<_, sqlx::Error>((grouping, history, breakdowns))
        };
        let (grouping, history, breakdowns) = detail.await.map_err(unavailable)?;
        Ok(ErrorDetail { group, grouping, history, breakdowns })
    }

    async fn error_trend(&self, _ask: &Ask, number: u64, range: Range, steps: u32) -> Result<Vec<(Nanos, u64)>, Problem> {
        let numbers = self.numbers(number).await?;
        let steps = i64::from(steps.max(1));
        let query = sqlx::query_as::<_, (i64, i64)>(TREND).bind(numbers).bind(hour_of(range.start)).bind(hour_of(range.end));
        let hours = query.fetch_all(self.catalog()).await.map_err(unavailable)?;
        let step = (i128::from(range.end) - i128::from(range.start)) / i128::from(steps);
        let mut trend: Vec<(Nanos, u64)> = (0..steps).map(|at| ((i128::from(range.start) + step * i128::from(at)) as Nanos, 0)).collect();
        for (hour, count) in hours {
            let at = (i128::from(hour) * i128::from(model::time::HOUR) - i128::from(range.start)).max(0) / step.max(1);
            if let Some((_, sum)) = usize::try_from(at).ok().and_then(|at| trend.get_mut(at)) {
                *sum += count.max(0).cast_unsigned();
            }
        }
        Ok(trend)
    }

    async fn occurrences(&self, ask: &Ask, number: u64, before: Option<u64>, limit: u32) -> Result<Vec<OccurrenceRow>, Problem> {
        let numbers = self.numbers(number).await?;
        let mut found = self.newest(ask, &numbers, before.unwrap_or(u64::MAX), limit).await?;
        Ok(found.drain(..).map(|occ| occ.row()).collect())
    }

    async fn occurrence(&self, ask: &Ask, number: u64, seq: Option<u64>) -> Result<Occurrence, Problem> {
        let numbers = self.numbers(number).await?;
        let missing = || Problem::NotFound("occurrence");
        let occ = match seq {
            None => self.newest(ask, &numbers, u64::MAX, 1).await?.pop().ok_or_else(missing)?,
            Some(seq) => self.occ(seq).await?.filter(|occ| within(&numbers, occ.number)).ok_or_else(missing)?,
        };
        let file = self.core.errors.day(occ.day).ok_or_else(missing)?;
        let mut witnesses = file.witnesses(occ.seq).await.map_err(unavailable)?;
        witnesses.sort_by_key(|witness| (witness.family(), witness.seq));
        let older = self.newest(ask, &numbers, occ.seq, 1).await?.pop().map(|occ| occ.seq);
        let mut newer: Option<u64> = None;
        for file in self.core.errors.days().values() {
            let next = file.newer(&numbers, occ.seq).await.map_err(unavailable)?;
            newer = newer.into_iter().chain(next).min();
        }
        let mut row = occ.row();
        if let Some(twin) = self.twin(&occ).await.map_err(unavailable)? {
            (row.traces, row.span, row.how) = (twin.stored.traces, twin.stored.span, Some(LinkHow::Inferred));
        }
        Ok(Occurrence { row, witnesses, older, newer })
    }

    async fn occurrence_by_uuid(&self, _ask: &Ask, uuid: &str) -> Result<(u64, u64), Problem> {
        for file in self.core.errors.days().values().rev() {
            if let Some((number, seq)) = file.by_uuid(uuid).await.map_err(unavailable)? {
                return Ok((self.root(number).await?, seq));
            }
        }
        Err(Problem::NotFound("occurrence"))
    }

    async fn errors_of_traces(&self, ask: &Ask, traces: &[TraceId]) -> Result<Vec<ErrorPin>, Problem> {
        let mut pins = Vec::new();
        for occ in self.of_traces(ask, traces).await? {
            let row = occ.row();
            let shown = |trace: &TraceId| traces.contains(trace);
            let Some(trace_id) = row.traces.first().copied().filter(shown).or_else(|| row.traces.iter().copied().find(shown)) else {
                continue;
            };
            // Each system that saw it says of its own trace where.
            let seen = occ.stored.seen.iter().find(|seen| seen.trace == Some(trace_id) && seen.span.is_some());
            pins.push(ErrorPin {
                number: row.number,
                seq: row.seq,
                title: row.title,
                level: row.level,
                time: row.time,
                trace_id,
                span_id: seen.and_then(|seen| seen.span),
                families: row.families,
            });
        }
        pins.sort_by_key(|pin| (pin.time, pin.seq));
        pins.truncate(PINS);
        Ok(pins)
    }

    async fn error_neighbours(&self, ask: &Ask, number: u64) -> Result<Vec<ErrorNeighbour>, Problem> {
        let numbers = self.numbers(number).await?;
        let mut traces: Vec<TraceId> =
            self.newest(ask, &numbers, u64::MAX, NEIGHBOURS).await?.into_iter().flat_map(|occ| occ.stored.traces).collect();
        traces.sort_unstable();
        traces.dedup();
        let mut with: BTreeMap<u64, BTreeSet<TraceId>> = BTreeMap::new();
        for occ in self.of_traces(ask, &traces).await?.into_iter().filter(|occ| !within(&numbers, occ.number)) {
            let root = self.root(occ.number).await?;
            with.entry(root).or_default().extend(occ.stored.traces.iter().filter(|trace| traces.contains(trace)).min());
        }
        let mut neighbours = Vec::new();
        for (number, traces) in with {
            let title: String = sqlx::query_scalar("SELECT title FROM error_group WHERE number = ?1")
                .bind(number.cast_signed())
                .fetch_one(self.catalog())
                .await
                .map_err(unavailable)?;
            neighbours.push(ErrorNeighbour { number, title, traces: traces.len() as u64 });
        }
        neighbours.sort_by_key(|neighbour| (std::cmp::Reverse(neighbour.traces), neighbour.number));
        neighbours.truncate(10);
        Ok(neighbours)
    }

    async fn grouping_rules(&self) -> Result<String, Problem> {
        let rules: Option<String> = sqlx::query_scalar(super::RULES).fetch_optional(self.catalog()).await.map_err(unavailable)?;
        Ok(rules.unwrap_or_default())
    }

    async fn try_grouping_rules(&self, ask: &Ask, rules: &str) -> Result<RuleTrial, Problem> {
        let rules = parsed(rules)?;
        let mut trial = RuleTrial::default();
        let mut found: BTreeMap<String, TriedGroup> = BTreeMap::new();
        for file in self.core.errors.days().values().rev() {
            for occ in file.last(TRIED - trial.tried as u32).await.map_err(unavailable)? {
                if ask.stop() {
                    break;
                }
                trial.tried += 1;
                let witness = file.witnesses(occ.seq).await.map_err(unavailable)?.into_iter().min_by_key(Witness::family);
                let Some(data) = witness.and_then(|witness| serde_json::from_str::<Value>(&witness.data).ok()) else { continue };
                let mut keys = grouping::keys(&data, &|_| false);
                if !rules.apply(&data, &mut keys) {
                    continue;
                }
                let number = self.root(occ.number).await?;
                let group = found.entry(keys.group).or_insert_with_key(|fingerprint| TriedGroup {
                    fingerprint: fingerprint.clone(),
                    title: keys.title,
                    occurrences: 0,
                    from: Vec::new(),
                });
                group.occurrences += 1;
                if !group.from.contains(&number) {
                    group.from.push(number);
                }
            }
        }
        trial.groups = found.into_values().collect();
        trial.groups.sort_by_key(|group| std::cmp::Reverse(group.occurrences));
        Ok(trial)
    }

    async fn deploys(&self, _ask: &Ask, range: Range) -> Result<Vec<Deploy>, Problem> {
        let rows = sqlx::query(DEPLOYS).bind(range.start).bind(range.end).fetch_all(self.catalog()).await.map_err(unavailable)?;
        rows.iter().map(deploy).collect::<Result<_, sqlx::Error>>().map_err(unavailable)
    }
}

pub fn deploy(row: &SqliteRow) -> Result<Deploy, sqlx::Error> {
    Ok(Deploy {
        id: row.try_get::<i64, _>(0)?.cast_unsigned(),
        project: row.try_get(1)?,
        environment: row.try_get(2)?,
        revision: row.try_get(3)?,
        user: row.try_get(4)?,
        comment: row.try_get(5)?,
        status: row.try_get(6)?,
        started: row.try_get(7)?,
        finished: row.try_get(8)?,
    })
}

/// Its text is made of constants, numbers and [`condition`], which binds what people write.
fn bound(sql: String, binds: Vec<Bind>) -> sqlx::query::Query<'static, sqlx::Sqlite, SqliteArguments> {
    binds.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, bind| match bind {
        Bind::Text(text) => query.bind(text),
        Bind::Number(number) => query.bind(number),
    })
}

/// A row of [`COLUMNS`]; its hours, routes and members are not there yet.
fn group(row: &SqliteRow) -> Result<ErrorGroup, sqlx::Error> {
    let count = |at: &str| row.try_get::<i64, _>(at).map(|count| count.max(0).cast_unsigned());
    let status = match row.try_get::<i64, _>("status")? {
        1 => ErrorStatus::Resolved { version: row.try_get("resolved_version")?, next_deploy: row.try_get::<i64, _>("next_deploy")? != 0 },
        2 => ErrorStatus::Muted,
        3 => ErrorStatus::Snoozed {
            until: row.try_get("snoozed_until")?,
            count: row.try_get::<Option<i64>, _>("snoozed_count")?.map(i64::cast_unsigned),
        },
        _ => ErrorStatus::Active,
    };
    let level = usize::try_from(row.try_get::<i64, _>("level")?).ok().and_then(|level| ErrorLevel::ALL.get(level).copied());
    let families = row.try_get::<i64, _>("all_families")?;
    let of = [WitnessFamily::Rollbar, WitnessFamily::Otel, WitnessFamily::Xray];
    // The mark waits for the hours; until then it says what it needs to know besides.
    let mark = (row.try_get::<i64, _>("regressed")? != 0).then_some(Mark::Regressed);
    let mark = mark.or((row.try_get::<i64, _>("handled")? == 0).then_some(Mark::New));
    Ok(ErrorGroup {
        number: count("number")?,
        title: row.try_get("title")?,
        class: row.try_get("class")?,
        level: level.unwrap_or_default(),
        status,
        mark,
        project: row.try_get("project")?,
        service: row.try_get("service")?,
        environment: row.try_get("environment")?,
        first_seen: row.try_get("all_first")?,
        last_seen: row.try_get("all_last")?,
        first_version: row.try_get("first_version")?,
        last_version: row.try_get("last_version")?,
        count: count("all_count")?,
        people: count("all_people")?,
        failed_requests: count("all_failed")?,
        assignee: row.try_get("assignee")?,
        comments: u32::try_from(count("comments")?).unwrap_or(u32::MAX),
        hours: Vec::new(),
        routes: Vec::new(),
        families: of.into_iter().filter(|family| families & super::place::family_bit(*family) != 0).collect(),
        members: Vec::new(),
    })
}

fn within(numbers: &str, number: u64) -> bool {
    numbers.trim_matches(['[', ']']).split(',').any(|text| text.parse() == Ok(number))
}
