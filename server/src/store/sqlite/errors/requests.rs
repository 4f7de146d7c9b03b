//! In which requests a group occurred that failed: known once the trace is here, so it is looked at some time after the digest.

use super::catalog::{self, hour_of};
use super::rank;
use crate::store::sqlite::Core;
use crate::store::sqlite::view::unavailable;
use model::id::TraceId;
use model::port::Problem;
use model::span::Status;
use model::time::{MINUTE, Nanos};
use sqlx::Connection;

const DUE: &str = "SELECT number, trace, hour, tries FROM error_request WHERE due <= ?1 ORDER BY due LIMIT 500";
const DONE: &str = "UPDATE error_request SET due = ?3, tries = tries + 1 WHERE number = ?1 AND trace = ?2";
const FAILED: &str = "UPDATE error_group SET failed = failed + 1 WHERE number = ?1";
const FORGET: &str = "DELETE FROM error_request WHERE hour < ?1";
/// Hours that requests are remembered, so that each counts once.
const HOURS: i64 = 48;

/// Looks at the requests that are due. A trace that is not here, or not its root, is looked for once more, a minute later: of a
/// request whose root is never sent the first span stands for it.
pub async fn look(core: &Core, now: Nanos) -> Result<(), Problem> {
    let query = sqlx::query_as::<_, (i64, Vec<u8>, i64, i64)>(DUE).bind(now);
    let due = query.fetch_all(core.errors.catalog.readers()).await.map_err(unavailable)?;
    if due.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<TraceId> = due.iter().filter_map(|(_, trace, _, _)| TraceId::from_bytes(trace)).collect();
    ids.sort_unstable();
    ids.dedup();
    let summaries = core.view(None).summaries_of(&ids).await?;
    let mut writer = core.errors.catalog.writer().await.map_err(unavailable)?;
    let done = async {
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
        for (number, trace, hour, tries) in due {
            let summary = TraceId::from_bytes(&trace).and_then(|id| summaries.get(&id));
            // Without its root it may only be on its way.
            let again = (summary.is_none_or(|summary| !summary.has_root) && tries == 0).then_some(now + MINUTE);
            sqlx::query(DONE).bind(number).bind(&trace).bind(again).execute(&mut *tx).await?;
            if again.is_none() && summary.is_some_and(|summary| summary.root.status == Status::Error) {
                sqlx::query(FAILED).bind(number).execute(&mut *tx).await?;
                sqlx::query(catalog::ADD_HOUR).bind(number).bind(hour).bind(0).bind(1).execute(&mut *tx).await?;
                let root: i64 = sqlx::query_scalar(catalog::ROOT).bind(number).fetch_one(&mut *tx).await?;
                rank::sum(&mut tx, root.cast_unsigned()).await?;
                rank::rank(&mut tx, root.cast_unsigned(), now).await?;
            }
        }
        sqlx::query(FORGET).bind(hour_of(now) - HOURS).execute(&mut *tx).await?;
        tx.commit().await
    };
    done.await.map_err(|error: sqlx::Error| unavailable(error))
}
