//! The commands of a query, compiled to stages and carried out.
//!
//! Up to the first command that must see all rows (`sort`, `stats`, `tail`, `pattern`) rows are the lines themselves, one at a time and
//! nothing copied; such a command keeps what it needs, and its rows go through the next stage when the lines are at their end.

use super::alike::Alike;
use super::expression::{Compiled, Compiler, Scope};
use super::fields::{Fields, Row};
use super::parse::Extract;
use super::plan;
use super::rows::{Grouped, Made, Patterns, Sort, Tail};
use super::stats::Stats;
use super::value::Value;
use crate::store::logs::pattern::Miner;
use crate::store::logs::test::{LineRef, Reads};
use model::port::{LogCursor, Problem, Table};
use model::query::LogQuery;
use model::time::{Nanos, Range};
use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_128;

/// Most values that a `dedup` remembers.
const REMEMBERED: usize = 1_000_000;

/// The commands of a query over lines, and what they have seen.
pub struct Pipeline {
    pub(super) fields: Fields,
    pub(super) stages: Vec<Stage>,
    /// Names of the columns of the result.
    pub(super) columns: Vec<String>,
    pub(super) range: Range,
    /// Whether the rows of the result are lines.
    pub(super) of_lines: bool,
}

/// Commands on one row after the other, and what becomes of the rows.
pub(super) struct Stage {
    pub steps: Vec<Step>,
    pub end: End,
    /// Whether a limit is reached: no further row changes anything.
    pub full: bool,
}

pub(super) enum Step {
    Filter(Compiled),
    /// One more slot.
    Define(Compiled),
    /// More slots.
    Parse(Compiled, Extract),
    Dedup {
        by: Vec<Compiled>,
        seen: FxHashSet<u128>,
        forgot: bool,
    },
    Limit(u64),
}

pub(super) enum End {
    /// The result.
    Rows(Vec<Compiled>, Vec<Made>),
    Sort(Sort),
    Tail(Tail),
    Stats(Stats),
    Pattern(Grouped),
}

impl Pipeline {
    /// Compiles the commands after the leading filters, which the caller has tested. `now` is what `now()` says, `range` the time of the
    /// lines that will be pushed. `Problem::Bad` if a regex does not compile.
    pub fn compile(query: &LogQuery, now: Nanos, range: Range) -> Result<Pipeline, Problem> {
        Pipeline::with_patterns(query, now, range, || Box::new(Miner::new()))
    }

    /// The same; the command `pattern` puts together with `patterns`.
    pub fn with_patterns(
        query: &LogQuery,
        now: Nanos,
        range: Range,
        patterns: impl FnMut() -> Box<dyn Patterns>,
    ) -> Result<Pipeline, Problem> {
        plan::compile(query, Compiler::of_lines(now), range, patterns)
    }

    /// One more line of those that match, newest first.
    pub fn push(&mut self, line: &LineRef) {
        self.push_alike(line, 1);
    }

    /// What lines share that count as one another, if that is all the pipeline does with lines.
    pub fn alike(&self) -> Option<Alike> {
        match self.stages.first() {
            Some(Stage { steps, end: End::Stats(stats), .. }) if steps.is_empty() => stats.alike(),
            _ => None,
        }
    }

    /// So many lines which are alike, of which this is one.
    pub fn push_alike(&mut self, line: &LineRef, lines: u64) {
        debug_assert!(self.range.contains(line.time) && (lines == 1 || self.alike().is_some()));
        let at = LogCursor { time: line.time, seq: line.seq, as_of: 0 };
        let row = Row::new(line, &self.fields);
        if let Some(stage) = self.stages.first_mut() {
            stage.add(Some(&row), Vec::new(), Some(at), lines);
        }
    }

    /// Whether more lines may change the result.
    pub fn wants_more(&self) -> bool {
        self.stages.first().is_some_and(|stage| !stage.full)
    }

    /// What of a line the commands look at: the rest need not be read.
    pub fn reads(&self) -> Reads {
        self.fields.reads()
    }

    /// The result, and for each row the line that it is of; none if rows are aggregates. Not exact: there was more than is kept.
    pub fn finish(self) -> (Table, Vec<LogCursor>) {
        let mut exact = true;
        let mut stages = self.stages.into_iter();
        let mut rows = Vec::new();
        let mut next = stages.next();
        while let Some(stage) = next {
            exact &= !stage.steps.iter().any(|step| matches!(step, Step::Dedup { forgot: true, .. }));
            let (made, complete) = match stage.end {
                End::Rows(_, rows) => (rows, true),
                End::Sort(sort) => sort.finish(),
                End::Tail(tail) => (tail.finish(), true),
                End::Stats(stats) => stats.finish(),
                End::Pattern(grouped) => (grouped.finish(), true),
            };
            exact &= complete;
            next = stages.next();
            match &mut next {
                Some(stage) => made.into_iter().for_each(|row| stage.add(None, row.values, row.at, 1)),
                None => rows = made,
            }
        }
        let lines = if self.of_lines { rows.iter().filter_map(|row| row.at).collect() } else { Vec::new() };
        let rows = rows.into_iter().map(|row| row.values.iter().map(Value::cell).collect()).collect();
        (Table { columns: self.columns, rows, exact }, lines)
    }
}

impl Patterns for Miner {
    fn assign(&mut self, text: &str) -> u32 {
        Miner::assign(self, text)
    }

    fn template(&self, pattern: u32) -> String {
        Miner::template(self, pattern).to_owned()
    }
}

impl Stage {
    /// A row, or so many that are alike.
    fn add<'a>(&'a mut self, row: Option<&Row<'a>>, mut slots: Vec<Value<'a>>, at: Option<LogCursor>, rows: u64) {
        if self.full {
            return;
        }
        for step in &mut self.steps {
            match step {
                Step::Filter(filter) => {
                    if !filter.test(&Scope { row, slots: &slots }) {
                        return;
                    }
                }
                Step::Define(value) => {
                    let value = value.eval(&Scope { row, slots: &slots });
                    slots.push(value);
                }
                Step::Parse(source, extract) => extract.extract(source.eval(&Scope { row, slots: &slots }), &mut slots),
                Step::Dedup { by, seen, forgot } => {
                    let mut key = Vec::new();
                    let mut null = false;
                    for value in by {
                        let value = value.eval(&Scope { row, slots: &slots });
                        null |= value.is_null();
                        value.key(&mut key);
                    }
                    let hash = xxh3_128(&key);
                    // A row with a null is like no other.
                    if !null && seen.contains(&hash) {
                        return;
                    }
                    match seen.len() < REMEMBERED {
                        true => _ = seen.insert(hash),
                        false => *forgot = true,
                    }
                }
                Step::Limit(left) => {
                    *left = left.saturating_sub(1);
                    self.full |= *left == 0;
                }
            }
        }
        let scope = Scope { row, slots: &slots };
        match &mut self.end {
            End::Rows(columns, made) => made.push(Made::of(columns, &scope, at)),
            End::Sort(sort) => sort.add(&scope, at),
            End::Tail(tail) => tail.add(&scope, at),
            End::Stats(stats) => stats.add(&scope, at.map(|at| (at.time, at.seq)), rows),
            End::Pattern(grouped) => grouped.add(&scope),
        }
    }
}
