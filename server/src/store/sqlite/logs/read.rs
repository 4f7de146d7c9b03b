//! The port, answered.

use super::asked::test_of;
use super::facet::{FacetField, add};
use super::page::{Best, Page, first_lines};
use super::picture::Block;
use super::scan::{Found, Scan, add_level};
use super::steps::{PatternFound, Steps};
use crate::store::logs::block::fields_of;
use crate::store::logs::test::{LineRef, Reads, line_ref};
use crate::store::sqlite::Sqlite;
use async_trait::async_trait;
use model::log::{Group, Line, Stream};
use model::port::*;
use model::time::{Nanos, Range};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

impl Sqlite {
    pub(super) async fn log_scan(&self, ask: &Ask, search: &LogSearch) -> Result<Scan, Problem> {
        let core = &self.core;
        let picture = core.logs.picture();
        // Who asks for the field writes its name.
        if search.query.to_string().contains("pattern") {
            core.logs.give_patterns(&picture).await;
        }
        let cursor = search.cursor.map(|cursor| cursor.as_of).filter(|seq| *seq > 0);
        let as_of = ask.as_of.or(cursor).filter(|seq| *seq < picture.seq);
        Ok(Scan {
            picture,
            as_of,
            after: 0,
            range: search.range,
            groups: search.groups.as_slice().into(),
            test: test_of(&search.query, core.now())?,
            in_turn: false,
            hidden: core.logs.catalog.hidden(),
            now: core.now(),
            shared: core.shared.clone(),
        })
    }

    /// [`LogReader::logs`], each line with its pattern.
    pub(super) async fn log_page(&self, ask: &Ask, search: &LogSearch) -> Result<Page, Problem> {
        let mut scan = self.log_scan(ask, search).await?;
        let as_of = scan.as_of.unwrap_or(scan.picture.seq);
        let (order, limit) = (search.order, search.limit.max(1) as usize);
        let beyond = search.cursor.map(|cursor| (cursor.time, cursor.seq));
        if let Some((time, _)) = beyond {
            match order {
                LogOrder::Newest => scan.range.end = scan.range.end.min(time.saturating_add(1)),
                LogOrder::Oldest => scan.range.start = scan.range.start.max(time),
            }
        }
        // One more tells whether there is a next page.
        let mut best = Best::new(order, limit + 1, beyond);
        for (line, pattern) in scan.tail(ask) {
            if best.wants((line.time, line.seq)) {
                best.add(line.clone(), pattern);
            }
        }
        let blocks = scan.blocks(order).await?;
        let best = Mutex::new(best);
        let lock = || best.lock().unwrap_or_else(PoisonError::into_inner);
        let look = move |found: &Found| first_lines(found, order, beyond, limit + 1);
        let see = |lines: Vec<(Line, u32)>, _: &Arc<Block>| {
            lines.into_iter().for_each(|(line, pattern)| lock().add(line, pattern));
            ControlFlow::Continue(())
        };
        let complete = scan.run(ask, blocks, Reads::ALL, look, see, |block| lock().is_complete_before(block)).await?;
        let best = best.into_inner().unwrap_or_else(PoisonError::into_inner);
        let is_full = best.is_full();
        let mut lines = best.into_lines();
        let more = is_full || lines.len() > limit;
        lines.truncate(limit);
        let next = lines.last().filter(|_| more).map(|(line, _)| LogCursor { time: line.time, seq: line.seq, as_of });
        Ok(Page { lines, next, as_of, complete })
    }
}

#[async_trait]
impl LogReader for Sqlite {
    async fn logs(&self, ask: &Ask, search: &LogSearch) -> Result<LogPage, Problem> {
        let Page { lines, next, as_of, complete } = self.log_page(ask, search).await?;
        Ok(LogPage { lines: lines.into_iter().map(|(line, _)| line).collect(), next, as_of, complete })
    }

    async fn log_count(&self, ask: &Ask, search: &LogSearch, buckets: u32) -> Result<LogCount, Problem> {
        let scan = self.log_scan(ask, search).await?;
        let steps = Steps::of(search.range, buckets);
        let mut counts = vec![[0u64; 7]; buckets.max(1) as usize];
        for (line, _) in scan.tail(ask) {
            counts[steps.at(line.time)][line.severity.level() as usize] += 1;
        }
        let mut read = Vec::new();
        for block in scan.blocks(LogOrder::Newest).await? {
            match steps.of_block(&block).filter(|_| scan.takes_whole(&block)) {
                Some(step) => counts[step].iter_mut().zip(&block.meta.levels).for_each(|(to, lines)| *to += u64::from(*lines)),
                None => read.push(block),
            }
        }
        let look = move |found: &Found| {
            let severities = found.opened.severities()?;
            let mut counts: Vec<(usize, [u64; 7])> = Vec::new();
            for row in found.rows {
                let step = steps.at(found.opened.times()[*row as usize]);
                if counts.last().is_none_or(|(last, _)| *last != step) {
                    counts.push((step, [0; 7]));
                }
                if let Some((_, levels)) = counts.last_mut() {
                    add_level(levels, severities[*row as usize]);
                }
            }
            Ok(counts)
        };
        let see = |found: Vec<(usize, [u64; 7])>, _: &Arc<Block>| {
            for (step, levels) in found {
                counts[step].iter_mut().zip(levels).for_each(|(to, lines)| *to += lines);
            }
            ControlFlow::Continue(())
        };
        let exact = scan.run(ask, read, Reads::NONE, look, see, |_| false).await?;
        let mut levels = [0; 7];
        for step in &counts {
            levels.iter_mut().zip(step).for_each(|(to, lines)| *to += lines);
        }
        let bucket = |(step, levels): (usize, &[u64; 7])| LogBucket {
            start: steps.start.saturating_add(step as Nanos * steps.length),
            levels: *levels,
        };
        let histogram = counts.iter().enumerate().take(buckets as usize).map(bucket).collect();
        Ok(LogCount { lines: levels.iter().sum(), levels, exact, histogram })
    }

    async fn log_facets(&self, ask: &Ask, search: &LogSearch, keys: &[String], limit: u32) -> Result<Vec<LogFacet>, Problem> {
        let scan = self.log_scan(ask, search).await?;
        let fields: Arc<[FacetField]> = keys.iter().map(|key| FacetField::of(key)).collect();
        if keys.iter().any(|key| key == "pattern") {
            self.core.logs.give_patterns(&scan.picture).await;
        }
        let reads = fields.iter().fold(Reads::NONE, |reads, field| reads.and(field.reads()));
        let mut counts: Vec<FxHashMap<Arc<str>, u64>> = vec![FxHashMap::default(); keys.len()];
        for (line, pattern) in scan.tail(ask) {
            let trace = || line.trace;
            let seen = LineRef { pattern, ..line_ref(line, &trace) };
            for (field, counts) in fields.iter().zip(&mut counts) {
                field.of_line(&seen, |value| add(counts, value, 1));
            }
        }
        let of_blocks = fields.iter().all(FacetField::is_counted);
        let mut read = Vec::new();
        for block in scan.blocks(LogOrder::Newest).await? {
            if of_blocks && scan.takes_whole(&block) {
                for (field, counts) in fields.iter().zip(&mut counts) {
                    field.of_block(&block, |value, lines| add(counts, value, lines));
                }
            } else {
                read.push(block);
            }
        }
        let look = move |found: &Found| {
            let mut counts: Vec<FxHashMap<Arc<str>, u64>> = vec![FxHashMap::default(); fields.len()];
            for row in found.rows {
                found.opened.see(*row as usize, reads, |line| {
                    for (field, counts) in fields.iter().zip(&mut counts) {
                        field.of_line(line, |value| add(counts, value, 1));
                    }
                })?;
            }
            Ok(counts)
        };
        let see = |found: Vec<FxHashMap<Arc<str>, u64>>, _: &Arc<Block>| {
            for (to, from) in counts.iter_mut().zip(found) {
                from.into_iter().for_each(|(value, lines)| *to.entry(value).or_default() += lines);
            }
            ControlFlow::Continue(())
        };
        let exact = scan.run(ask, read, reads, look, see, |_| false).await?;
        let facet = |(key, counts): (&String, FxHashMap<Arc<str>, u64>)| {
            let distinct = counts.len() as u64;
            let mut values: Vec<ValueCount> =
                counts.into_iter().map(|(value, lines)| ValueCount { value: value.to_string(), lines }).collect();
            values.sort_unstable_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.value.cmp(&b.value)));
            values.truncate(limit as usize);
            LogFacet { key: key.clone(), values, distinct, exact }
        };
        Ok(keys.iter().zip(counts).map(facet).collect())
    }

    async fn log_table(&self, ask: &Ask, search: &LogSearch) -> Result<LogTable, Problem> {
        super::table::table(self, ask, search).await
    }

    async fn log_patterns(&self, ask: &Ask, search: &LogSearch, steps: u32, limit: u32) -> Result<Vec<Pattern>, Problem> {
        let scan = self.log_scan(ask, search).await?;
        self.core.logs.give_patterns(&scan.picture).await;
        let steps = Steps::of(search.range, steps.max(1));
        let mut found: FxHashMap<u32, PatternFound> = FxHashMap::default();
        for (line, pattern) in scan.tail(ask) {
            let mut levels = [0; 7];
            add_level(&mut levels, line.severity.0);
            found.entry(pattern).or_insert_with(|| PatternFound::new(steps)).add(steps.at(line.time), line.time, &levels);
        }
        let mut read = Vec::new();
        for block in scan.blocks(LogOrder::Newest).await? {
            let Some(step) = steps.of_block(&block).filter(|_| scan.takes_whole(&block)) else {
                read.push(block);
                continue;
            };
            for count in &block.meta.patterns {
                let of = found.entry(count.pattern).or_insert_with(|| PatternFound::new(steps));
                of.add(step, block.meta.time.max, &count.levels.map(u64::from));
            }
        }
        let look = move |rows: &Found| {
            let (severities, patterns) = (rows.opened.severities()?, rows.opened.patterns()?);
            let mut found: FxHashMap<u32, PatternFound> = FxHashMap::default();
            for row in rows.rows.iter().map(|row| *row as usize) {
                let mut levels = [0; 7];
                add_level(&mut levels, severities[row]);
                let time = rows.opened.times()[row];
                found.entry(patterns[row]).or_insert_with(|| PatternFound::new(steps)).add(steps.at(time), time, &levels);
            }
            Ok(found)
        };
        let see = |more: FxHashMap<u32, PatternFound>, _: &Arc<Block>| {
            for (pattern, more) in more {
                match found.get_mut(&pattern) {
                    Some(found) => found.merge(&more),
                    None => drop(found.insert(pattern, more)),
                }
            }
            ControlFlow::Continue(())
        };
        scan.run(ask, read, Reads { pattern: true, ..Reads::NONE }, look, see, |_| false).await?;
        let templates = self.core.logs.templates.read().unwrap_or_else(PoisonError::into_inner);
        let mut patterns: Vec<Pattern> = found.into_iter().map(|(id, found)| found.named(id, templates.get(&id))).collect();
        patterns.sort_by(|a, b| b.lines.cmp(&a.lines).then(a.id.cmp(&b.id)));
        patterns.truncate(limit as usize);
        Ok(patterns)
    }

    async fn log_fields(&self, ask: &Ask, groups: &[String], range: Range, limit: u32) -> Result<Vec<LogField>, Problem> {
        let search =
            LogSearch { query: Default::default(), groups: groups.to_vec(), range, order: LogOrder::Newest, limit: 1, cursor: None };
        let scan = self.log_scan(ask, &search).await?;
        let blocks = scan.blocks(LogOrder::Newest).await?;
        let tail: Vec<&Line> = scan.tail(ask).into_iter().map(|(line, _)| line).collect();
        let (of_tail, sampled) = fields_of(&tail);
        let sampled = u64::from(sampled) + blocks.iter().map(|block| u64::from(block.meta.sampled)).sum::<u64>();
        let mut counts: BTreeMap<Arc<str>, u64> = BTreeMap::new();
        for (name, lines) in blocks.iter().flat_map(|block| &block.meta.fields).chain(&of_tail) {
            *counts.entry(name.clone()).or_default() += u64::from(*lines);
        }
        let mut fields: Vec<LogField> = counts
            .into_iter()
            .map(|(name, lines)| LogField { name: name.to_string(), percent: ((lines * 100).div_ceil(sampled.max(1))).min(100) as u32 })
            .collect();
        fields.sort_by(|a, b| b.percent.cmp(&a.percent).then_with(|| a.name.cmp(&b.name)));
        fields.truncate(limit as usize);
        Ok(fields)
    }

    async fn log_line(&self, ask: &Ask, at: LogCursor) -> Result<Line, Problem> {
        let range = Range { start: at.time, end: at.time.saturating_add(1) };
        let search = LogSearch { query: Default::default(), groups: Vec::new(), range, order: LogOrder::Oldest, limit: 1, cursor: None };
        let mut scan = self.log_scan(ask, &search).await?;
        (scan.after, scan.as_of) = (at.seq.saturating_sub(1), Some(at.seq));
        if let Some((line, _)) = scan.tail(ask).first() {
            return Ok((*line).clone());
        }
        let blocks = scan.blocks(LogOrder::Oldest).await?;
        let mut line = None;
        let look = |found: &Found| found.rows.first().map(|row| found.opened.line(*row as usize)).transpose();
        let see = |found: Option<Line>, _: &Arc<Block>| {
            line = found;
            ControlFlow::Break(())
        };
        scan.run(ask, blocks, Reads::ALL, look, see, |_| false).await?;
        line.ok_or(Problem::NotFound("log line"))
    }

    async fn log_arrivals(&self, ask: &Ask, search: &LogSearch, after: u64) -> Result<Arrivals, Problem> {
        let mut scan = self.log_scan(ask, search).await?;
        scan.after = after;
        let upto = scan.picture.seq;
        let mut lines: Vec<Line> = scan.tail(ask).into_iter().map(|(line, _)| line.clone()).collect();
        let limit = search.limit.max(1) as usize;
        let mut matched = lines.len();
        let blocks = scan.blocks(LogOrder::Newest).await?;
        // No more of one block than could be shown at all.
        let look = move |found: &Found| {
            let seqs = found.opened.seqs()?;
            let mut rows = found.rows.to_vec();
            rows.sort_unstable_by_key(|row| std::cmp::Reverse(seqs[*row as usize]));
            rows.truncate(limit);
            let lines: Result<Vec<Line>, _> = rows.into_iter().map(|row| found.opened.line(row as usize)).collect();
            Ok((found.rows.len(), lines?))
        };
        let see = |(count, found): (usize, Vec<Line>), _: &Arc<Block>| {
            matched += count;
            lines.extend(found);
            ControlFlow::Continue(())
        };
        scan.run(ask, blocks, Reads::ALL, look, see, |_| false).await?;
        lines.sort_unstable_by_key(|line| line.seq);
        lines.drain(..lines.len().saturating_sub(limit));
        let skipped = (matched - lines.len()) as u64;
        Ok(Arrivals { lines, upto, skipped })
    }

    async fn log_groups(&self) -> Result<Vec<Group>, Problem> {
        Ok(self.core.logs.catalog.groups())
    }

    async fn log_streams(&self, group: &str) -> Result<Vec<Stream>, Problem> {
        self.core.logs.catalog.streams(group).ok_or(Problem::NotFound("log group"))
    }
}
