//! A page of lines, gathered block by block.

use super::picture::Block;
use super::scan::Found;
use crate::store::block::Corrupt;
use model::log::Line;
use model::port::{LogCursor, LogOrder};
use model::time::Nanos;
use std::collections::BTreeMap;

/// A line's place in the order.
pub type Place = (Nanos, u64);

/// A page of lines, each with its pattern.
pub struct Page {
    pub lines: Vec<(Line, u32)>,
    pub next: Option<LogCursor>,
    pub as_of: u64,
    pub complete: bool,
}

/// Bytes of messages and attributes of a page. One that is full by them goes on as any other does; it has a line at least.
const MOST_BYTES: usize = 4 << 20;

/// The best lines so far, in the order asked for.
pub struct Best {
    pub order: LogOrder,
    pub limit: usize,
    /// Where the page before ended.
    pub beyond: Option<Place>,
    /// Each with its pattern.
    pub lines: BTreeMap<Place, (Line, u32)>,
    bytes: usize,
    /// The first place that is not on the page for want of bytes; nothing after it is.
    full: Option<Place>,
}

impl Best {
    pub fn new(order: LogOrder, limit: usize, beyond: Option<Place>) -> Best {
        Best { order, limit, beyond, lines: BTreeMap::new(), bytes: 0, full: None }
    }

    /// Whether lines are not on the page for want of bytes.
    pub fn is_full(&self) -> bool {
        self.full.is_some()
    }

    /// Whether a line at this place is on the page, as far as is known.
    pub fn wants(&self, place: Place) -> bool {
        let beyond = match (self.order, self.beyond) {
            (_, None) => true,
            (LogOrder::Newest, Some(beyond)) => place < beyond,
            (LogOrder::Oldest, Some(beyond)) => place > beyond,
        };
        beyond
            && self.full.is_none_or(|full| self.is_better(place, full))
            && (self.lines.len() < self.limit || self.worst().is_none_or(|worst| self.is_better(place, worst)))
    }

    pub fn is_better(&self, a: Place, b: Place) -> bool {
        match self.order {
            LogOrder::Newest => a > b,
            LogOrder::Oldest => a < b,
        }
    }

    pub fn worst(&self) -> Option<Place> {
        let end = match self.order {
            LogOrder::Newest => self.lines.first_key_value(),
            LogOrder::Oldest => self.lines.last_key_value(),
        };
        end.map(|(place, _)| *place)
    }

    pub fn add(&mut self, line: Line, pattern: u32) {
        if !self.wants((line.time, line.seq)) {
            return;
        }
        self.bytes += size(&line);
        self.lines.insert((line.time, line.seq), (line, pattern));
        while self.lines.len() > self.limit || self.bytes > MOST_BYTES && self.lines.len() > 1 {
            let few = self.lines.len() <= self.limit;
            let worst = match self.order {
                LogOrder::Newest => self.lines.pop_first(),
                LogOrder::Oldest => self.lines.pop_last(),
            };
            let Some((place, (line, _))) = worst else { break };
            self.bytes -= size(&line);
            if few {
                self.full = Some(place);
            }
        }
    }

    /// Whether no line of this block, nor of those after it, can be on the page.
    pub fn is_complete_before(&self, block: &Block) -> bool {
        let last = if self.lines.len() >= self.limit { self.worst() } else { self.full };
        last.is_some_and(|(time, _)| match self.order {
            LogOrder::Newest => block.meta.time.max < time,
            LogOrder::Oldest => block.meta.time.min > time,
        })
    }

    pub fn into_lines(self) -> Vec<(Line, u32)> {
        let lines = self.lines.into_values();
        match self.order {
            LogOrder::Newest => lines.rev().collect(),
            LogOrder::Oldest => lines.collect(),
        }
    }
}

/// The rows of a block that come first in the order, as lines with their patterns.
pub fn first_lines(found: &Found, order: LogOrder, beyond: Option<Place>, limit: usize) -> Result<Vec<(Line, u32)>, Corrupt> {
    let (seqs, patterns) = (found.opened.seqs()?, found.opened.patterns()?);
    let past = |row: &u32| {
        let place = (found.opened.times()[*row as usize], seqs[*row as usize].cast_unsigned());
        beyond.is_none_or(|beyond| if order == LogOrder::Newest { place < beyond } else { place > beyond })
    };
    let rows: Box<dyn Iterator<Item = &u32>> = match order {
        LogOrder::Newest => Box::new(found.rows.iter().rev()),
        LogOrder::Oldest => Box::new(found.rows.iter()),
    };
    let mut lines = Vec::new();
    let (mut bytes, mut full) = (0, false);
    for row in rows.filter(|row| past(row)).take(limit).map(|row| *row as usize) {
        if full {
            break;
        }
        // One more than fits tells that it does not.
        full = bytes > MOST_BYTES;
        let line = found.opened.line(row)?;
        bytes += size(&line);
        lines.push((line, patterns[row]));
    }
    Ok(lines)
}

fn size(line: &Line) -> usize {
    line.message.len() + line.attributes.len()
}
