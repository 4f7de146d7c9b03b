//! What goes before its day does: blocks of groups that were deleted or that keep their lines for a shorter time.

use super::day::Change;
use crate::store::sqlite::Core;
use crate::store::sqlite::log_catalog::Hidden;
use model::time::Nanos;
use std::sync::Arc;

/// Removes blocks of which no line can be seen any more, and forgets deletions of which nothing is left.
pub async fn sweep(core: &Arc<Core>) {
    let hidden = core.logs.catalog.hidden();
    if hidden.is_empty() {
        return;
    }
    let now = core.now();
    let picture = core.logs.picture();
    let mut oldest = picture.tail.iter().flat_map(|chunk| &chunk.lines).map(|line| line.seq).min().unwrap_or(u64::MAX);
    for (number, day) in &picture.days {
        let blocks = match day.load().await {
            Ok(loaded) => &loaded.blocks,
            Err(error) => {
                tracing::error!(file = %day.file.db.path.display(), "reading the day: {error}");
                return;
            }
        };
        let (gone, kept): (Vec<_>, Vec<_>) = blocks.iter().cloned().partition(|block| is_gone(&block.meta, &hidden, now));
        oldest = kept.iter().map(|block| block.meta.seq.min.cast_unsigned()).min().unwrap_or(u64::MAX).min(oldest);
        if gone.is_empty() {
            continue;
        }
        let lines: u64 = gone.iter().map(|block| u64::from(block.meta.lines)).sum();
        if let Err(error) = day.file.write(&Change { gone, ..Change::default() }).await {
            tracing::error!(file = %day.file.db.path.display(), "removing lines: {error}");
            return;
        }
        tracing::info!(file = %day.file.db.path.display(), lines, "removed lines of deleted groups, or past their group's retention");
        core.logs.change(|picture| picture.set(*number, kept));
        if let Err(error) = day.file.free().await {
            tracing::warn!(file = %day.file.db.path.display(), "freeing blocks: {error}");
        }
    }
    if let Err(problem) = core.logs.catalog.forget_hidden(oldest).await {
        tracing::error!("the log catalog could not be tidied: {problem:?}");
    }
}

fn is_gone(meta: &crate::store::logs::block::Meta, hidden: &Hidden, now: Nanos) -> bool {
    let last = meta.seq.max.cast_unsigned();
    meta.time.max < hidden.floor(&meta.group, now) || meta.origins.iter().all(|origin| hidden.hides(&meta.group, &origin.stream, last))
}
