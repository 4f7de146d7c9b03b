//! The log sealer: the one task that writes the day files of lines. It turns the tail into blocks once there are enough lines or the
//! oldest has waited long enough. Until then lines are searched in memory. A small block of a group is not left behind: the next seal
//! puts its lines into a larger one.

use super::day::Change;
use super::patterns::Patterns;
use super::picture::{Block, Chunk, Day, Picture};
use crate::store::block::Columns;
use crate::store::logs::block::{self, Encoded, MAX_BYTES, MAX_LINES, Opened, number};
use crate::store::sqlite::Core;
use crate::store::sqlite::log_catalog::Hidden;
use crate::store::sqlite::view::unavailable;
use model::log::Line;
use model::port::Problem;
use model::time::{DAY, day_of};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Lines that are worth sealing at once.
pub const SEAL_AT: usize = 4 * MAX_LINES;
/// Lines in memory at which the intake waits for the sealer.
pub const TAIL: usize = 24 * MAX_LINES;
/// Otherwise the tail is sealed when its oldest line is this old: the fewer lines a group gets, the more of them share a rewrite.
const SEAL_AFTER: Duration = Duration::from_secs(15);
const CHECKPOINT_AFTER: Duration = Duration::from_secs(2);
const REST_AFTER: Duration = Duration::from_secs(300);

/// What the sealer is asked to do besides.
pub enum Order {
    /// Seal everything and say so.
    Settle(oneshot::Sender<()>),
    Close,
}

/// Runs until [`Order::Close`].
pub async fn run(core: Arc<Core>, mut orders: mpsc::Receiver<Order>) {
    let mut swept: Option<Instant> = None;
    let mut written = Vec::new();
    loop {
        if swept.is_none_or(|at| at.elapsed() >= Duration::from_secs(3600)) {
            swept = Some(Instant::now());
            super::retain::sweep(&core).await;
        }
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Settle(done)) => {
                    seal(&core, &mut written).await;
                    super::retain::sweep(&core).await;
                    let _ = done.send(());
                }
                Some(Order::Close) | None => break,
            },
            () = core.logs.seal_now.notified() => seal(&core, &mut written).await,
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                let old = core.logs.picture().tail.first().is_some_and(|chunk| chunk.at.elapsed() >= SEAL_AFTER);
                if old {
                    seal(&core, &mut written).await;
                }
                rest(&core).await;
            }
        }
    }
    seal(&core, &mut written).await;
    if let Err(error) = core.logs.catalog.flush().await {
        tracing::error!("the catalog of log streams could not be written: {error:?}");
    }
    for day in core.logs.picture().days.values() {
        day.file.db.close().await;
    }
}

/// Checkpoints days that nothing was written to for a moment, closes the writers of quiet ones, and writes the catalog's figures.
async fn rest(core: &Core) {
    for day in core.logs.picture().days.values() {
        let file = &day.file;
        let done = match file.db.idle() {
            Some(idle) if idle > REST_AFTER => file.db.rest().await,
            Some(idle) if idle > CHECKPOINT_AFTER => file.db.checkpoint().await,
            _ => continue,
        };
        if let Err(error) = done {
            tracing::warn!(file = %file.db.path.display(), "checkpointing: {error}");
        }
    }
    if let Err(error) = core.logs.catalog.flush().await {
        tracing::error!("the catalog of log streams could not be written: {error:?}");
    }
}

/// Seals all of the tail. On failure the lines stay in the tail and in the intake, and it is tried again; days that were written all the
/// same wait in `written`: readers must not meet their lines twice.
async fn seal(core: &Arc<Core>, written: &mut Vec<SealedDay>) {
    let picture = core.logs.picture();
    let Some(upto) = picture.tail.iter().map(|chunk| chunk.upto).max() else { return };
    match seal_tail(core, &picture, written).await {
        Ok(()) => {
            let sealed = std::mem::take(written);
            let lines = picture.tail.iter().map(|chunk| chunk.lines.len()).sum();
            core.logs.change(|picture| {
                for (day, file, blocks) in sealed {
                    picture.days.entry(day).or_insert(file);
                    picture.set(day, blocks);
                }
                picture.tail.retain(|chunk| chunk.upto > upto);
            });
            core.logs.tail_lines.fetch_sub(lines, Ordering::Relaxed);
            // The intake forgets these lines, and with them what groups and streams there are.
            if let Err(error) = core.logs.catalog.flush().await {
                tracing::error!("the catalog of log streams could not be written: {error:?}");
            }
            core.logs.sealed.store(upto, Ordering::Release);
            core.logs.sealed_some.notify_waiters();
        }
        Err(problem) => {
            tracing::error!("sealing log lines failed, it is tried again: {problem}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

type SealedDay = (i64, Day, Vec<Arc<Block>>);

async fn seal_tail(core: &Arc<Core>, picture: &Picture, written: &mut Vec<SealedDay>) -> Result<(), Problem> {
    let floor = core.floor_day();
    let hidden = core.logs.catalog.hidden();
    let mut parts: BTreeMap<(i64, Arc<str>), Part> = BTreeMap::new();
    for (at, chunk) in picture.tail.iter().enumerate() {
        for (row, line) in chunk.lines.iter().enumerate() {
            let day = day_of(line.time);
            if day >= floor && !hidden.hides(&line.origin.group, &line.origin.stream, line.seq) {
                parts.entry((day, line.origin.group.clone())).or_default().rows.push((at as u32, row as u32));
            }
        }
    }
    let tail = Arc::new(picture.tail.clone());
    let days: std::collections::BTreeSet<i64> = parts.keys().map(|(day, _)| *day).collect();
    for number in days {
        let day = core.log_day(number);
        let before = written.iter().position(|(day, _, _)| *day == number).map(|at| written.swap_remove(at).2);
        let blocks = match before {
            Some(blocks) => blocks,
            None => day.load().await.map_err(unavailable)?.blocks.clone(),
        };
        let cursor = day.file.cursor().await.map_err(unavailable)?;
        let mut change = Change { cursor: picture.tail.iter().map(|chunk| chunk.upto).max(), ..Change::default() };
        let groups: Vec<Arc<str>> = parts.keys().filter(|(day, _)| *day == number).map(|(_, group)| group.clone()).collect();
        for group in groups {
            let mut part = parts.remove(&(number, group.clone())).unwrap_or_default();
            // A day that has them was written before a crash or a failure elsewhere.
            part.rows.retain(|(chunk, row)| tail[*chunk as usize].lines[*row as usize].seq > cursor);
            if part.rows.is_empty() {
                continue;
            }
            for small in blocks.iter().filter(|block| block.meta.group == group && is_small(block)) {
                part.small.push((small.clone(), super::scan::all_columns(small).await?));
            }
            let (tail, mut patterns) = (tail.clone(), core.logs.patterns.clone().lock_owned().await);
            let (of_group, hidden) = (group.clone(), hidden.clone());
            let (encoded, gone) =
                tokio::task::spawn_blocking(move || part.encode(&tail, &of_group, &mut patterns, &hidden)).await.map_err(unavailable)?;
            change.put.extend(encoded.into_iter().map(|encoded| (day.file.next_id(), encoded)));
            change.gone.extend(gone);
        }
        // New templates first: a block must not name what the catalog does not have.
        core.logs.patterns.lock().await.flush().await.map_err(unavailable)?;
        day.file.write(&change).await.map_err(unavailable)?;
        if let Err(error) = day.file.free().await {
            tracing::warn!(file = %day.file.db.path.display(), "freeing blocks: {error}");
        }
        let gone: Vec<i64> = change.gone.iter().map(|block| block.id).collect();
        let mut blocks: Vec<Arc<Block>> = blocks.into_iter().filter(|block| !gone.contains(&block.id)).collect();
        let file = &day.file;
        blocks.extend(change.put.into_iter().map(|(id, encoded)| Arc::new(Block { file: file.clone(), id, meta: encoded.meta })));
        written.push((number, day.clone(), blocks));
    }
    Ok(())
}

fn is_small(block: &Block) -> bool {
    (block.meta.lines as usize) < MAX_LINES / 2 && (block.meta.bytes as usize) < MAX_BYTES / 2
}

/// What a seal does to one group of one day.
#[derive(Default)]
struct Part {
    /// (chunk of the tail, line of the chunk)
    rows: Vec<(u32, u32)>,
    /// Small blocks, whose lines go with them.
    small: Vec<(Arc<Block>, Columns)>,
}

impl Part {
    /// The new blocks, and those they replace, without what was deleted. A small block that cannot be read stays where it is.
    fn encode(self, tail: &[Arc<Chunk>], group: &Arc<str>, patterns: &mut Patterns, hidden: &Hidden) -> (Vec<Encoded>, Vec<Arc<Block>>) {
        let mut old: Vec<(Line, u32)> = Vec::new();
        let mut gone = Vec::new();
        for (block, columns) in self.small {
            let read = Opened::of(block.meta.lines as usize, &columns)
                .and_then(|opened| Ok(opened.all()?.into_iter().zip(opened.patterns()?.iter().copied()).collect::<Vec<_>>()));
            match read {
                Ok(lines) => {
                    old.extend(lines.into_iter().filter(|(line, _)| !hidden.hides(group, &line.origin.stream, line.seq)));
                    gone.push(block);
                }
                Err(corrupt) => tracing::error!(file = %block.file.db.path.display(), block = block.id, "{corrupt}"),
            }
        }
        let mut lines: Vec<(&Line, u32)> = old.iter().map(|(line, pattern)| (line, *pattern)).collect();
        lines.extend(self.rows.iter().map(|(chunk, row)| {
            let (chunk, row) = (&tail[*chunk as usize], *row as usize);
            let line = &chunk.lines[row];
            (line, chunk.patterns.get().map_or_else(|| patterns.assign(group, line), |given| given[row]))
        }));
        lines.sort_by_key(|(line, _)| (line.time, line.seq));
        (cut(&lines).into_iter().map(encode).collect(), gone)
    }
}

fn encode(lines: &[(&Line, u32)]) -> Encoded {
    let patterns: Vec<u32> = lines.iter().map(|(_, pattern)| *pattern).collect();
    let lines: Vec<&Line> = lines.iter().map(|(line, _)| *line).collect();
    block::encode(&lines, &patterns)
}

/// Cuts evenly into blocks that are not too large.
fn cut<'a, 'l>(lines: &'a [(&'l Line, u32)]) -> Vec<&'a [(&'l Line, u32)]> {
    let target = lines.len().div_ceil(lines.len().div_ceil(MAX_LINES).max(1));
    let mut cuts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, (line, _)) in lines.iter().enumerate() {
        if at > start && (at - start >= target || bytes + line.message.len() > MAX_BYTES) {
            cuts.push(&lines[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += line.message.len();
    }
    if start < lines.len() {
        cuts.push(&lines[start..]);
    }
    cuts
}

/// Takes up the lines that the intake has and the day files have not.
pub async fn replay(core: &Core, rows: Vec<(u64, Vec<u8>)>) -> Result<(), Problem> {
    let floor = core.floor_day() * DAY;
    for (upto, blob) in rows {
        let mut lines = match block::get_lines(&blob) {
            Ok(lines) => lines,
            Err(corrupt) => {
                tracing::error!(seq = upto, "log lines of the intake cannot be read: {corrupt}");
                continue;
            }
        };
        let days: std::collections::BTreeSet<i64> = lines.iter().map(|line| day_of(line.time)).collect();
        let mut cursors = BTreeMap::new();
        for day in days {
            cursors.insert(day, core.log_day(day).file.cursor().await.map_err(unavailable)?);
        }
        lines.retain(|line| line.time >= floor && line.seq > cursors[&day_of(line.time)]);
        core.logs.publish(Arc::new(Chunk::new(lines, upto)));
    }
    Ok(())
}

/// Of a block, all columns: a line is made of them.
pub const WHOLE: [u16; 5] = [number::INDEX, number::MESSAGES, number::REST[0], number::REST[1], number::REST[2]];
