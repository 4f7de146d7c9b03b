//! In which requests a group occurred that failed: known once the trace is here, so it is looked at some time after the digest.

use super::bulk::each;
use super::catalog::{self, hour_of};
use super::rank;
use crate::store::sqlite::Core;
use crate::store::sqlite::view::unavailable;
use model::id::TraceId;
use model::port::Problem;
use model::span::Status;
use model::time::{MINUTE, Nanos};
use sqlx::Connection;
use std::collections::BTreeMap;

const DUE: &str = "SELECT number, trace, hour, tries FROM error_request WHERE due <= ?1 ORDER BY due LIMIT ?2";
const DONE: &str = "UPDATE error_request SET due = r.due, tries = tries + 1
    FROM (SELECT value->>0 AS number, unhex(value->>1) AS trace, value->>2 AS due FROM json_each(?1)) r
    WHERE error_request.number = r.number AND error_request.trace = r.trace";
const FAILED: &str = "UPDATE error_group SET failed = failed + r.count
    FROM (SELECT value->>0 AS number, value->>1 AS count FROM json_each(?1)) r WHERE error_group.number = r.number";
const FORGET: &str = "DELETE FROM error_request WHERE hour < ?1";
/// Requests that are looked at at a time.
const MANY: usize = 5_000;
/// Hours that requests are remembered, so that each counts once.
const HOURS: i64 = 48;

/// Looks at requests that are due; whether there may be more. A trace that is not here, or not its root, is looked for once more, a minute
/// later: of a request whose root is never sent the first span stands for it.
pub async fn look(core: &Core, now: Nanos) -> Result<bool, Problem> {
    let query = sqlx::query_as::<_, (i64, Vec<u8>, i64, i64)>(DUE).bind(now).bind(MANY as i64);
    let due = query.fetch_all(core.errors.catalog.readers()).await.map_err(unavailable)?;
    if due.is_empty() {
        return Ok(false);
    }
    let mut ids: Vec<TraceId> = due.iter().filter_map(|(_, trace, _, _)| TraceId::from_bytes(trace)).collect();
    ids.sort_unstable();
    ids.dedup();
    let summaries = core.view(None).summaries_of(&ids).await?;
    let mut done = Vec::with_capacity(due.len());
    let mut failed: BTreeMap<u64, BTreeMap<i64, i64>> = BTreeMap::new();
    for (number, trace, hour, tries) in due {
        let summary = TraceId::from_bytes(&trace).and_then(|id| summaries.get(&id));
        // Without its root it may only be on its way.
        let again = (summary.is_none_or(|summary| !summary.has_root) && tries == 0).then_some(now + MINUTE);
        if again.is_none() && summary.is_some_and(|summary| summary.root.status == Status::Error) {
            *failed.entry(number.cast_unsigned()).or_default().entry(hour).or_default() += 1;
        }
        done.push((number, trace.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), again));
    }
    let counts: Vec<(u64, i64)> = failed.iter().map(|(number, hours)| (*number, hours.values().sum())).collect();
    let hours: Vec<_> = failed.iter().flat_map(|(number, hours)| hours.iter().map(|(hour, count)| (*number, *hour, 0, *count))).collect();
    let mut writer = core.errors.catalog.writer().await.map_err(unavailable)?;
    let write = async {
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
        each(&mut tx, DONE, &done).await?;
        each(&mut tx, FAILED, &counts).await?;
        each(&mut tx, catalog::ADD_HOURS, &hours).await?;
        let mut roots: Vec<u64> = catalog::roots(&mut tx, failed.keys()).await?.into_iter().map(|(_, root)| root).collect();
        roots.sort_unstable();
        roots.dedup();
        rank::sum(&mut tx, &roots).await?;
        rank::rank(&mut tx, &roots, now).await?;
        sqlx::query(FORGET).bind(hour_of(now) - HOURS).execute(&mut *tx).await?;
        tx.commit().await
    };
    write.await.map_err(|error: sqlx::Error| unavailable(error))?;
    Ok(done.len() == MANY)
}
