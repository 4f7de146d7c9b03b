//! Reading blocks: which may have something, and what of them passes. Blocks are read newest or oldest first, a batch on each core, and one is
//! read meanwhile.

use super::picture::{Block, Chunk, Picture};
use crate::store::block::{Columns, Corrupt};
use crate::store::logs::block::{Opened, PIECES, Token, may_have, number, piece_of, trace_token};
use crate::store::logs::test::{LineRef, LineTest, Need, Reads, line_ref};
use crate::store::sqlite::log_catalog::Hidden;
use crate::store::sqlite::view::{Shared, unavailable};
use futures::{StreamExt as _, stream};
use model::log::{Level, Line};
use model::port::{Ask, LogOrder, Problem};
use model::time::{Nanos, Range, day_of};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Blocks of which pieces of bloom filters are read by one statement: the first, and at most.
const FIRST: usize = 4;
const PRUNED_AT_ONCE: usize = 256;
/// Blocks searched at once.
const BATCH: usize = 8;

/// One read.
#[derive(Clone)]
pub struct Scan {
    pub picture: Arc<Picture>,
    /// Lines above this `seq` do not exist; `None`: all do.
    pub as_of: Option<u64>,
    /// Lines up to this `seq` do not count: they were seen.
    pub after: u64,
    pub range: Range,
    /// None: all.
    pub groups: Arc<[String]>,
    /// None: every line passes.
    pub test: Option<Arc<dyn LineTest>>,
    /// What is looked at depends on the order of the blocks: they are searched one batch after the other.
    pub in_turn: bool,
    pub hidden: Arc<Hidden>,
    pub now: Nanos,
    pub shared: Arc<Shared>,
}

/// A block of which columns were read, and the rows that passed, ascending.
pub struct Found<'a> {
    pub opened: &'a Opened<'a>,
    pub rows: &'a [u32],
}

/// A block, and what of it passed: how many lines, and what was looked at there.
type Searched<T> = (Arc<Block>, Option<(u64, T)>);

/// All columns of a block.
pub async fn all_columns(block: &Arc<Block>) -> Result<Columns, Problem> {
    let mut columns = block.file.columns(&[(block.id, &super::seal::WHOLE)]).await.map_err(unavailable)?;
    Ok(columns.remove(&block.id).unwrap_or_default())
}

impl Scan {
    fn has_group(&self, group: &str) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|wanted| wanted == group)
    }

    fn need(&self) -> &Need {
        self.test.as_ref().map_or(&Need::Nothing, |test| test.need())
    }

    /// What the test looks at.
    fn reads(&self) -> Reads {
        self.test.as_ref().map_or(Reads::NONE, |test| test.reads())
    }

    /// Lines of the tail that pass, in no order, with their patterns: 0 where nobody asked for them.
    pub fn tail(&self, ask: &Ask) -> Vec<(&Line, u32)> {
        let chunks = || self.picture.tail.iter().filter(|chunk| self.takes(chunk));
        let pattern = |chunk: &Chunk, row: usize| chunk.patterns.get().map_or(0, |patterns| patterns[row]);
        let lines = chunks().flat_map(|chunk| chunk.lines.iter().enumerate().map(move |(row, line)| (line, pattern(chunk, row))));
        let passed: Vec<(&Line, u32)> = lines.filter(|(line, pattern)| self.passes(line, *pattern)).collect();
        ask.progress(|scanned| {
            scanned.lines += chunks().map(|chunk| chunk.lines.len() as u64).sum::<u64>();
            scanned.bytes += chunks().flat_map(|chunk| &chunk.lines).map(|line| line.message.len() as u64).sum::<u64>();
            scanned.matched += passed.len() as u64;
        });
        passed
    }

    fn takes(&self, chunk: &Chunk) -> bool {
        chunk.upto > self.after
    }

    fn passes(&self, line: &Line, pattern: u32) -> bool {
        self.range.contains(line.time)
            && line.seq > self.after
            && self.as_of.is_none_or(|seq| line.seq <= seq)
            && self.has_group(&line.origin.group)
            && !self.hides(&line.origin.group, &line.origin.stream, line.seq, line.time)
            && self.test.as_ref().is_none_or(|test| test.test(&LineRef { pattern, ..line_ref(line, &|| line.trace) }))
    }

    fn hides(&self, group: &str, stream: &str, seq: u64, time: Nanos) -> bool {
        !self.hidden.is_empty() && (time < self.hidden.floor(group, self.now) || self.hidden.hides(group, stream, seq))
    }

    /// Blocks that may have something, by what is known of them in memory; newest or oldest first.
    pub async fn blocks(&self, order: LogOrder) -> Result<Vec<Arc<Block>>, Problem> {
        let mut blocks = Vec::new();
        let need = self.need();
        for (number, day) in &self.picture.days {
            if day_of(self.range.start) > *number || day_of(self.range.end.saturating_sub(1)) < *number {
                continue;
            }
            let loaded = day.load().await.map_err(unavailable)?;
            blocks.extend(
                loaded
                    .blocks
                    .iter()
                    .filter(|block| {
                        let meta = &block.meta;
                        meta.touches(self.range)
                            && meta.seq.max.cast_unsigned() > self.after
                            && self.as_of.is_none_or(|seq| meta.seq.min.cast_unsigned() <= seq)
                            && self.has_group(&meta.group)
                            && (self.hidden.is_empty() || meta.time.max >= self.hidden.floor(&meta.group, self.now))
                            && meta.may_pass(need)
                    })
                    .cloned(),
            );
        }
        match order {
            LogOrder::Newest => blocks.sort_by_key(|block| std::cmp::Reverse(block.meta.time.max)),
            LogOrder::Oldest => blocks.sort_by_key(|block| block.meta.time.min),
        }
        Ok(blocks)
    }

    /// Of these blocks those that may have the words that are needed.
    async fn prune(&self, ask: &Ask, blocks: Vec<Arc<Block>>) -> Result<Vec<Arc<Block>>, Problem> {
        let need = self.need();
        let mut tokens = Vec::new();
        collect(need, &mut tokens);
        if tokens.is_empty() {
            return Ok(blocks);
        }
        let mut pieces: Vec<u16> = tokens.iter().map(|(_, token)| number::BLOOM + piece_of(*token) as u16).collect();
        pieces.sort_unstable();
        pieces.dedup();
        let mut filters = self.columns(&blocks, &pieces).await?;
        let mut kept = Vec::new();
        for block in &blocks {
            let columns = filters.remove(&(block.file.day, block.id)).unwrap_or_default();
            let mut has = |token: Token| {
                let framed = columns.get(number::BLOOM + piece_of(token) as u16).ok_or(Corrupt("no bloom"))?;
                may_have(&crate::store::block::bytes::unframe(framed)?, token)
            };
            match may_pass(need, &mut has) {
                Ok(true) => kept.push(block.clone()),
                Ok(false) => {}
                // The search of the block will say what is wrong with it.
                Err(_) => kept.push(block.clone()),
            }
        }
        debug_assert!(pieces.len() <= PIECES);
        ask.progress(|scanned| scanned.blocks_done += (blocks.len() - kept.len()) as u64);
        Ok(kept)
    }

    /// Columns of blocks by (day, block), in one statement a day.
    pub async fn columns(&self, blocks: &[Arc<Block>], numbers: &[u16]) -> Result<FxHashMap<(i64, i64), Columns>, Problem> {
        let mut by_day: BTreeMap<i64, Vec<&Arc<Block>>> = BTreeMap::new();
        for block in blocks {
            by_day.entry(block.file.day).or_default().push(block);
        }
        let mut columns = FxHashMap::default();
        for (day, blocks) in by_day {
            let wanted: Vec<(i64, &[u16])> = blocks.iter().map(|block| (block.id, numbers)).collect();
            let read = blocks[0].file.columns(&wanted).await.map_err(unavailable)?;
            columns.extend(read.into_iter().map(|(id, columns)| ((day, id), columns)));
        }
        Ok(columns)
    }

    /// Searches blocks in the order given, and calls `see` for each in which a line passed, until it breaks or the reader would rather
    /// stop; `false` if that was so. `look` gets columns for what it `reads`, and for the test, on several threads unless `in_turn`.
    pub async fn run<T: Send + 'static>(
        &self,
        ask: &Ask,
        blocks: Vec<Arc<Block>>,
        reads: Reads,
        look: impl Fn(&Found) -> Result<T, Corrupt> + Send + Sync + 'static,
        mut see: impl FnMut(T, &Arc<Block>) -> ControlFlow<()>,
        mut enough: impl FnMut(&Arc<Block>) -> bool,
    ) -> Result<bool, Problem> {
        if blocks.first().is_some_and(&mut enough) {
            return Ok(true);
        }
        let look = Arc::new(look);
        ask.progress(|scanned| scanned.blocks += blocks.len() as u64);
        let search = async |batch: Result<Vec<(Arc<Block>, Columns)>, Problem>| {
            let (batch, scan, look) = (batch?, self.clone(), look.clone());
            self.shared.compute(move || scan.search(batch, &*look)).await
        };
        let threads = if self.in_turn { 1 } else { self.shared.threads() };
        let batches = |kept: Result<Vec<Arc<Block>>, Problem>| match kept {
            // Each thread gets some.
            Ok(kept) => kept.chunks(kept.len().div_ceil(2 * threads).clamp(1, BATCH)).map(|batch| Ok(batch.to_vec())).collect(),
            Err(problem) => vec![Err(problem)],
        };
        let fetch = async |batch: Result<Vec<Arc<Block>>, Problem>| self.fetch(batch?, reads).await;
        // While the threads search, the next batches are chosen and read.
        let kept = stream::iter(windows(blocks)).map(|window| self.prune(ask, window)).buffered(2);
        let fetched = kept.flat_map(|kept| stream::iter(batches(kept))).map(&fetch).buffered(2);
        let mut searches = fetched.map(&search).buffered(if self.in_turn { 1 } else { threads + 1 });
        while let Some(searched) = searches.next().await {
            let searched = searched?;
            if ask.stop() {
                return Ok(false);
            }
            if searched.first().is_some_and(|(block, _)| enough(block)) {
                return Ok(true);
            }
            for (block, found) in searched {
                let lines = u64::from(block.meta.lines);
                let passed = found.as_ref().map_or(0, |(passed, _)| *passed);
                ask.progress(|scanned| {
                    scanned.blocks_done += 1;
                    scanned.lines += lines;
                    scanned.bytes += block.meta.bytes;
                    scanned.matched += passed;
                });
                if let Some((_, found)) = found
                    && see(found, &block).is_break()
                {
                    return Ok(true);
                }
            }
        }
        Ok(true)
    }

    async fn fetch(&self, blocks: Vec<Arc<Block>>, reads: Reads) -> Result<Vec<(Arc<Block>, Columns)>, Problem> {
        let reads = self.reads().and(reads);
        let mut numbers = vec![number::INDEX, number::DETAILS];
        numbers.extend((reads.message || reads.trace).then_some(number::MESSAGES));
        numbers.extend(reads.attributes.then_some(number::ATTRIBUTES));
        numbers.extend(reads.pattern.then_some(number::PATTERN));
        let mut columns = self.columns(&blocks, &numbers).await?;
        Ok(blocks
            .into_iter()
            .map(|block| {
                let columns = columns.remove(&(block.file.day, block.id)).unwrap_or_default();
                (block, columns)
            })
            .collect())
    }

    /// What of each block passed, and what was looked at there.
    fn search<T>(&self, batch: Vec<(Arc<Block>, Columns)>, look: &(impl Fn(&Found) -> Result<T, Corrupt> + ?Sized)) -> Vec<Searched<T>> {
        let one = |(block, columns): (Arc<Block>, Columns)| {
            let found = Opened::of(block.meta.lines as usize, &columns).and_then(|opened| {
                let rows = self.rows(&block, &opened)?;
                if rows.is_empty() {
                    return Ok(None);
                }
                let found = look(&Found { opened: &opened, rows: &rows })?;
                Ok(Some((rows.len() as u64, found)))
            });
            let found = found.unwrap_or_else(|corrupt| {
                self.shared.report_in(&block.file.db.path, (block.file.day, -block.id), corrupt);
                None
            });
            (block, found)
        };
        batch.into_iter().map(one).collect()
    }

    /// The rows of a block that pass.
    fn rows(&self, block: &Block, opened: &Opened) -> Result<Vec<u32>, Corrupt> {
        let floor = if self.hidden.is_empty() { Nanos::MIN } else { self.hidden.floor(&block.meta.group, self.now) };
        let within = opened.rows_in(Range { start: self.range.start.max(floor), end: self.range.end });
        let mut rows: Vec<u32> = match &self.test {
            None => (within.start as u32..within.end as u32).collect(),
            Some(test) => {
                let (mut rows, reads) = (Vec::new(), test.reads());
                for row in candidates(block, opened, within, &**test)? {
                    if opened.see(row as usize, reads, |line| test.test(line))? {
                        rows.push(row);
                    }
                }
                rows
            }
        };
        let meta = &block.meta;
        let part = self.as_of.is_some_and(|seq| meta.seq.max.cast_unsigned() > seq) || meta.seq.min.cast_unsigned() <= self.after;
        if part && !rows.is_empty() {
            let seqs = opened.seqs()?;
            rows.retain(|row| {
                let seq = seqs[*row as usize].cast_unsigned();
                seq > self.after && self.as_of.is_none_or(|as_of| seq <= as_of)
            });
        }
        if !rows.is_empty() && self.may_hide(block) {
            let seqs = opened.seqs()?;
            let mut kept = Vec::with_capacity(rows.len());
            for row in rows {
                if !self.hidden.hides(&meta.group, &opened.origin(row as usize)?.stream, seqs[row as usize].cast_unsigned()) {
                    kept.push(row);
                }
            }
            return Ok(kept);
        }
        Ok(rows)
    }

    /// Whether lines of the block may be of a deleted group or stream.
    pub fn may_hide(&self, block: &Block) -> bool {
        let (meta, first) = (&block.meta, block.meta.seq.min.cast_unsigned());
        !self.hidden.is_empty() && meta.origins.iter().any(|origin| self.hidden.hides(&meta.group, &origin.stream, first))
    }

    /// Whether every line of the block passes: there is no test, and it is wholly within what is asked for.
    pub fn takes_whole(&self, block: &Block) -> bool {
        self.test.is_none()
            && block.meta.within(self.range)
            && self.as_of.is_none_or(|seq| block.meta.seq.max.cast_unsigned() <= seq)
            && block.meta.seq.min.cast_unsigned() > self.after
            && (self.hidden.is_empty() || (block.meta.time.min >= self.hidden.floor(&block.meta.group, self.now) && !self.may_hide(block)))
    }
}

/// Rows that are worth testing: where a line that passes must contain something, the lines that do.
fn candidates(block: &Block, opened: &Opened, within: std::ops::Range<usize>, test: &dyn LineTest) -> Result<Vec<u32>, Corrupt> {
    let Some(must) = test.must_contain(&block.meta) else { return Ok((within.start as u32..within.end as u32).collect()) };
    let (text, ends) = (opened.messages()?.as_bytes(), opened.ends());
    let mut rows = Vec::new();
    let mut row = within.start;
    let mut at = if row == 0 { 0 } else { ends[row - 1] as usize };
    while row < within.end {
        let Some(found) = must.find_at(text, at) else { break };
        row += ends[row..within.end].partition_point(|end| *end as usize <= found.start());
        if row >= within.end {
            break;
        }
        // What begins in one message and ends in the next is in neither; the test says so.
        rows.push(row as u32);
        at = ends[row] as usize;
        row += 1;
    }
    Ok(rows)
}

/// Blocks in pieces that are pruned together: a page needs few of them, a total all.
fn windows(blocks: Vec<Arc<Block>>) -> Vec<Vec<Arc<Block>>> {
    let mut blocks = blocks.into_iter();
    let sizes = std::iter::successors(Some(FIRST), |size| Some((size * 2).min(PRUNED_AT_ONCE)));
    sizes.map(|size| blocks.by_ref().take(size).collect::<Vec<_>>()).take_while(|window| !window.is_empty()).collect()
}

fn collect(need: &Need, tokens: &mut Vec<(bool, Token)>) {
    match need {
        Need::Token(text) => tokens.push((false, Token::of(text))),
        Need::Trace(hex) => tokens.extend(hex.parse().ok().map(|id| (true, trace_token(id)))),
        Need::All(needs) | Need::Any(needs) => needs.iter().for_each(|need| collect(need, tokens)),
        Need::Nothing | Need::Never | Need::Origin(..) | Need::Levels(_) => {}
    }
}

fn may_pass(need: &Need, has: &mut impl FnMut(Token) -> Result<bool, Corrupt>) -> Result<bool, Corrupt> {
    Ok(match need {
        Need::Token(text) => has(Token::of(text))?,
        Need::Trace(hex) => match hex.parse() {
            Ok(id) => has(trace_token(id))?,
            Err(_) => false,
        },
        Need::All(needs) => {
            for need in needs {
                if !may_pass(need, has)? {
                    return Ok(false);
                }
            }
            true
        }
        Need::Any(needs) => {
            for need in needs {
                if may_pass(need, has)? {
                    return Ok(true);
                }
            }
            needs.is_empty()
        }
        Need::Nothing | Need::Origin(..) | Need::Levels(_) => true,
        Need::Never => false,
    })
}

/// Counts by [`Level::ALL`].
pub fn add_level(levels: &mut [u64; 7], severity: u8) {
    levels[model::log::Severity(severity).level() as usize] += 1;
}

/// [`Level::ALL`]'s length, which the counts of blocks have, too.
const _: () = assert!(Level::ALL.len() == 7);
