//! A page of lines, gathered block by block.

use super::picture::Block;
use super::scan::Found;
use crate::store::block::Corrupt;
use model::log::Line;
use model::port::LogOrder;
use model::time::Nanos;
use std::collections::BTreeMap;

/// A line's place in the order.
pub type Place = (Nanos, u64);

/// The best lines so far, in the order asked for.
pub struct Best {
    pub order: LogOrder,
    pub limit: usize,
    /// Where the page before ended.
    pub beyond: Option<Place>,
    pub lines: BTreeMap<Place, Line>,
}

impl Best {
    /// Whether a line at this place is on the page, as far as is known.
    pub fn wants(&self, place: Place) -> bool {
        let beyond = match (self.order, self.beyond) {
            (_, None) => true,
            (LogOrder::Newest, Some(beyond)) => place < beyond,
            (LogOrder::Oldest, Some(beyond)) => place > beyond,
        };
        beyond && (self.lines.len() < self.limit || self.worst().is_none_or(|worst| self.is_better(place, worst)))
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

    pub fn add(&mut self, line: Line) {
        if !self.wants((line.time, line.seq)) {
            return;
        }
        self.lines.insert((line.time, line.seq), line);
        if self.lines.len() > self.limit {
            match self.order {
                LogOrder::Newest => self.lines.pop_first(),
                LogOrder::Oldest => self.lines.pop_last(),
            };
        }
    }

    /// Whether no line of this block, nor of those after it, can be on the page.
    pub fn is_complete_before(&self, block: &Block) -> bool {
        self.lines.len() >= self.limit
            && self.worst().is_some_and(|(time, _)| match self.order {
                LogOrder::Newest => block.meta.time.max < time,
                LogOrder::Oldest => block.meta.time.min > time,
            })
    }

    pub fn into_lines(self) -> Vec<Line> {
        let lines = self.lines.into_values();
        match self.order {
            LogOrder::Newest => lines.rev().collect(),
            LogOrder::Oldest => lines.collect(),
        }
    }
}

/// The rows of a block that come first in the order, as lines.
pub fn first_lines(found: &Found, order: LogOrder, beyond: Option<Place>, limit: usize) -> Result<Vec<Line>, Corrupt> {
    let seqs = found.opened.seqs()?;
    let past = |row: &u32| {
        let place = (found.opened.times()[*row as usize], seqs[*row as usize].cast_unsigned());
        beyond.is_none_or(|beyond| if order == LogOrder::Newest { place < beyond } else { place > beyond })
    };
    let rows = found.rows.iter().copied();
    let line = |row: u32| found.opened.line(row as usize);
    match order {
        LogOrder::Newest => rows.rev().filter(past).take(limit).map(line).collect(),
        LogOrder::Oldest => rows.filter(past).take(limit).map(line).collect(),
    }
}
