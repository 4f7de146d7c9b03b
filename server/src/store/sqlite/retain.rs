//! Retention: whole day files go, oldest first, when they are past their days or the directory is past its bytes.

use super::Core;
use model::time::day_of;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Drops what must go.
pub async fn retain(core: &Arc<Core>) {
    let today = day_of(core.now());
    let kept = today - i64::from(core.config.retention_days.max(1));
    loop {
        let spans = core.world().days.keys().next().copied();
        let Some(number) = spans.into_iter().chain(core.logs.first_day()).chain(core.errors.first_day()).min() else { return };
        let old = number < kept;
        let large = core.config.max_disk.is_some_and(|max| core.directory.size() > max) && number < today;
        if !old && !large {
            return;
        }
        if let Err(error) = drop_day(core, number).await {
            tracing::error!(day = number, "dropping the day: {error}");
            return;
        }
    }
}

async fn drop_day(core: &Arc<Core>, number: i64) -> Result<(), anyhow::Error> {
    let at = core.now();
    // The floor first: late data may reopen a kept day, never make a dropped one again.
    core.floor.fetch_max(number + 1, Ordering::Relaxed);
    core.settings.set_floor(core.floor.load(Ordering::Relaxed)).await?;
    let (year, month, date) = model::time::civil(number);
    let name = format!("{year:04}-{month:02}-{date:02}");
    let entry = core.settings.begin("drop day", &name, at).await?;
    let spans = drop_spans(core, number).await?;
    let lines = core.logs.drop_day(number).await?;
    core.errors.drop_day(number).await?;
    core.settings.done(entry, spans, core.now()).await?;
    tracing::info!(day = name, spans, lines, "dropped a day");
    Ok(())
}

async fn drop_spans(core: &Arc<Core>, number: i64) -> Result<u64, anyhow::Error> {
    let Some(day) = core.change(|world| world.days.remove(&number)) else { return Ok(0) };
    let exists = day.file.db.path.exists();
    let spans = if exists { day.load().await?.blocks.iter().map(|block| block.live() as u64).sum() } else { 0 };
    day.file.db.remove().await?;
    Ok(spans)
}
