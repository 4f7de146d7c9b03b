//! Figures over time: equal steps of a range, and what is found of a pattern in them.

use super::patterns::Known;
use super::picture::Block;
use model::port::Pattern;
use model::time::{Nanos, Range};

/// Steps of a histogram: equal parts of a range, the last may end after it.
#[derive(Clone, Copy)]
pub struct Steps {
    pub start: Nanos,
    pub length: Nanos,
    pub count: usize,
}

impl Steps {
    pub fn of(range: Range, count: u32) -> Steps {
        let length = (range.length().max(1) as u64).div_ceil(u64::from(count.max(1))).max(1);
        Steps { start: range.start, length: length as Nanos, count: count as usize }
    }

    pub fn at(&self, time: Nanos) -> usize {
        let step = time.saturating_sub(self.start) / self.length;
        (step.max(0) as usize).min(self.count.saturating_sub(1))
    }

    /// The one step that has all of the block, if there is one.
    pub fn of_block(&self, block: &Block) -> Option<usize> {
        let (first, last) = (self.at(block.meta.time.min), self.at(block.meta.time.max));
        (first == last).then_some(first)
    }
}

/// What is found of a pattern.
pub struct PatternFound {
    levels: [u64; 7],
    last: Nanos,
    trend: Vec<u64>,
}

impl PatternFound {
    pub fn new(steps: Steps) -> PatternFound {
        PatternFound { levels: [0; 7], last: Nanos::MIN, trend: vec![0; steps.count] }
    }

    pub fn add(&mut self, step: usize, last: Nanos, levels: &[u64; 7]) {
        self.levels.iter_mut().zip(levels).for_each(|(to, lines)| *to += lines);
        self.trend[step] += levels.iter().sum::<u64>();
        self.last = self.last.max(last);
    }

    pub fn merge(&mut self, more: &PatternFound) {
        self.levels.iter_mut().zip(more.levels).for_each(|(to, lines)| *to += lines);
        self.trend.iter_mut().zip(&more.trend).for_each(|(to, lines)| *to += lines);
        self.last = self.last.max(more.last);
    }

    pub fn named(self, id: u32, known: Option<&Known>) -> Pattern {
        Pattern {
            id,
            template: known.map(|known| known.template.clone()).unwrap_or_default(),
            lines: self.levels.iter().sum(),
            levels: self.levels,
            first_seen: known.map_or(self.last, |known| known.first_seen),
            last: self.last,
            trend: self.trend,
        }
    }
}
