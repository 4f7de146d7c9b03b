//! Pipelines that only count lines: of lines that are alike one goes through, with how many there are. A block that passes whole need not
//! be read for it where its own counts say enough; of others what lines say is not read.

use super::picture::Block;
use super::scan::Found;
use crate::store::block::Corrupt;
use crate::store::insights::{Alike, Pipeline};
use crate::store::logs::block::OriginCount;
use crate::store::logs::test::{LineRef, OriginField, Reads};
use model::log::{Level, Origin};
use model::time::Nanos;
use rustc_hash::FxHashMap;

impl Alike {
    /// What of a line is looked at.
    pub fn reads(&self) -> Reads {
        Reads { pattern: self.pattern, ..Reads::NONE }
    }

    /// Whether all lines of the block have their origin's fields from their origin.
    pub fn fits(&self, block: &Block) -> bool {
        let says = |origin: &OriginCount, field: &OriginField| origin.text(*field).is_some_and(|text| !text.is_empty());
        block.meta.origins.iter().all(|origin| self.given.iter().all(|field| says(origin, field)))
    }

    /// Counts a block of which every line passes by what is known of it in memory; `false` if that does not tell, and nothing is counted.
    pub fn push_block(&self, block: &Block, pipeline: &mut Pipeline) -> bool {
        let meta = &block.meta;
        let Some(first) = meta.origins.first() else { return false };
        let one_bin = self.bins.iter().all(|period| period.floor(meta.time.min) == period.floor(meta.time.max));
        // A block knows which levels its patterns have, and how many lines each origin, but not which origin has which.
        let by_origin = !self.origin.is_empty() && meta.origins.len() > 1;
        if self.severity || !one_bin || by_origin && (self.level || self.pattern) {
            return false;
        }
        let mut push = |origin: &OriginCount, level: Level, pattern: u32, lines: u32| {
            if lines > 0 {
                pipeline.push_alike(&line(block, &origin_of(block, origin), level, pattern), u64::from(lines));
            }
        };
        let mut levels =
            |pattern: u32, lines: &[u32; 7]| Level::ALL.iter().zip(lines).for_each(|(level, lines)| push(first, *level, pattern, *lines));
        if by_origin {
            meta.origins.iter().for_each(|origin| push(origin, Level::None, 0, origin.lines));
        } else if self.pattern {
            meta.patterns.iter().for_each(|count| levels(count.pattern, &count.levels));
        } else {
            levels(0, &meta.levels);
        }
        true
    }

    /// Counts the rows of a block that passed.
    pub fn push_rows(&self, found: &Found, pipeline: &mut Pipeline) -> Result<(), Corrupt> {
        let (opened, severities) = (found.opened, found.opened.severities()?);
        let patterns = if self.pattern { opened.patterns()? } else { &[] };
        let mut counts: Vec<(u32, u64)> = Vec::new();
        let mut places: FxHashMap<(u8, u32, u32), usize> = FxHashMap::default();
        let mut bins: Vec<Nanos> = Vec::new();
        for row in found.rows {
            let at = *row as usize;
            let begins = || self.bins.iter().map(|period| period.floor(opened.times()[at]));
            if !begins().eq(bins.iter().copied()) {
                bins = begins().collect();
                places.clear();
            }
            let origin = if self.origin.is_empty() { 0 } else { opened.origin_place(at)? };
            let key = (severities[at], patterns.get(at).copied().unwrap_or(0), origin);
            let place = *places.entry(key).or_insert_with(|| {
                counts.push((*row, 0));
                counts.len() - 1
            });
            counts[place].1 += 1;
        }
        for (row, lines) in counts {
            opened.see(row as usize, self.reads(), |line| pipeline.push_alike(line, lines))?;
        }
        Ok(())
    }
}

fn origin_of(block: &Block, origin: &OriginCount) -> Origin {
    Origin {
        group: block.meta.group.clone(),
        stream: origin.stream.clone(),
        service: origin.service.clone(),
        environment: origin.environment.clone(),
        host: origin.host.clone(),
        logger: origin.logger.clone(),
        source: origin.source.clone(),
        ..Origin::default()
    }
}

/// A line of the block as far as those that are alike share it.
fn line<'a>(block: &Block, origin: &'a Origin, level: Level, pattern: u32) -> LineRef<'a> {
    LineRef {
        seq: 0,
        time: block.meta.time.min,
        received_at: 0,
        origin,
        severity: level.severity(),
        severity_sent: level.severity(),
        message: "",
        attributes: "",
        pattern,
        trace: &|| None,
    }
}
