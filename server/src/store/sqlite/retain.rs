//! Retention: whole day files go, oldest first, when they are past their days or the directory is past its bytes.

use super::Core;
use super::world::Day;
use model::time::day_of;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Drops what must go.
pub async fn retain(core: &Arc<Core>) {
    let today = day_of(core.now());
    let kept = today - i64::from(core.config.retention_days.max(1));
    loop {
        let world = core.world();
        let Some((number, day)) = world.days.iter().next() else { return };
        let old = *number < kept;
        let large = core.config.max_disk.is_some_and(|max| core.directory.size() > max) && *number < today;
        if !old && !large {
            return;
        }
        if let Err(error) = drop_day(core, *number, day).await {
            tracing::error!(file = %day.file.path.display(), "dropping the day: {error}");
            return;
        }
    }
}

async fn drop_day(core: &Arc<Core>, number: i64, day: &Day) -> Result<(), anyhow::Error> {
    let at = core.now();
    let path = &day.file.path;
    let existed = path.exists();
    let spans = if existed { day.load().await?.blocks.iter().map(|block| block.live() as u64).sum() } else { 0 };
    // The floor first: late data may reopen a kept day, never make a dropped one again.
    core.floor.fetch_max(number + 1, Ordering::Relaxed);
    core.settings.set_floor(core.floor.load(Ordering::Relaxed)).await?;
    let entry = if existed {
        let (year, month, date) = model::time::civil(number);
        Some(core.settings.begin("drop day", &format!("{year:04}-{month:02}-{date:02}"), at).await?)
    } else {
        None
    };
    core.change(|world| world.days.remove(&number));
    day.file.close().await;
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.clone().into_os_string();
        file.push(suffix);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    if let Some(entry) = entry {
        core.settings.done(entry, spans, core.now()).await?;
        tracing::info!(file = %path.display(), spans, "dropped a day");
    }
    Ok(())
}
