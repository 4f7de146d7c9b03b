//! The command `stats`: rows by group.

use super::aggregate::{Budget, Kind, Total};
use super::alike::Alike;
use super::expression::{Compiled, Compiler, Scope, bad};
use super::rows::Made;
use super::value::Value;
use model::port::Problem;
use model::query::insights::{Column, Expression, function};
use rustc_hash::FxHashMap;

/// Most groups of a `stats`.
pub const GROUPS: usize = 100_000;

/// A `stats` and what it has seen.
#[derive(Debug)]
pub struct Stats {
    by: Vec<Compiled>,
    aggregates: Vec<(Kind, Option<Compiled>)>,
    /// Over the group's values, the aggregates and the measures before it.
    measures: Vec<Compiled>,
    places: FxHashMap<Box<[u8]>, usize>,
    groups: Vec<Vec<Value<'static>>>,
    /// Those of the first group, those of the second, ...
    totals: Vec<Total>,
    budget: Budget,
    /// Whether there were more groups than [`GROUPS`].
    overflow: bool,
    rows: u64,
    key: Vec<u8>,
}

impl Stats {
    /// Compiles the command; the compiler then knows its columns and nothing else.
    pub fn compile(compiler: &mut Compiler, measures: &[Column], by: &[Column]) -> Result<Stats, Problem> {
        let groups = by.iter().map(|column| compiler.compile(&column.expression)).collect::<Result<Vec<_>, _>>()?;
        let mut calls = Vec::new();
        measures.iter().for_each(|column| collect(&column.expression, &mut calls));
        let aggregates = calls.iter().map(|call| aggregate(compiler, call)).collect::<Result<Vec<_>, _>>()?;

        let mut after = Compiler { now: compiler.now, ..Compiler::default() };
        for (slot, (column, group)) in by.iter().zip(&groups).enumerate() {
            after.column(column, slot);
            after.level_slots.extend(compiler.is_level(group).then_some(slot));
        }
        after.columns.extend(calls.into_iter().enumerate().map(|(n, call)| (call, by.len() + n)));
        let mut compiled = Vec::new();
        for column in measures {
            compiled.push(after.compile(&column.expression)?);
            after.names.push((column.name.clone(), by.len() + aggregates.len() + compiled.len() - 1));
        }

        let levels = after.level_slots;
        compiler.restart();
        by.iter().chain(measures).enumerate().for_each(|(slot, column)| compiler.column(column, slot));
        compiler.level_slots = levels;
        Ok(Stats {
            by: groups,
            aggregates,
            measures: compiled,
            places: FxHashMap::default(),
            groups: Vec::new(),
            totals: Vec::new(),
            budget: Budget::default(),
            overflow: false,
            rows: 0,
            key: Vec::new(),
        })
    }

    /// What rows share that count as one another, if all that is asked for is how many there are.
    pub fn alike(&self) -> Option<Alike> {
        let mut alike = Alike::default();
        let counts = self.aggregates.iter().all(|(kind, _)| *kind == Kind::Count);
        let mut values = self.by.iter().chain(self.aggregates.iter().filter_map(|(_, argument)| argument.as_ref()));
        (counts && values.all(|value| alike.takes(value))).then_some(alike)
    }

    /// Adds a row, or so many that are alike; `at` is its place in time if it is a line.
    pub fn add<'a>(&'a mut self, scope: &Scope<'a, '_>, at: Option<(i64, u64)>, rows: u64) {
        self.rows += 1;
        let at = at.unwrap_or((0, self.rows));
        let Stats { by, aggregates, places, groups, totals, budget, key, .. } = self;
        key.clear();
        by.iter().for_each(|group| group.eval(scope).key(key));
        let place = match places.get(key.as_slice()) {
            Some(place) => *place,
            None if groups.len() == GROUPS => {
                self.overflow = true;
                return;
            }
            None => {
                groups.push(by.iter().map(|group| group.eval(scope).into_owned()).collect());
                totals.extend(aggregates.iter().map(|(kind, _)| Total::new(*kind)));
                places.insert(key.as_slice().into(), groups.len() - 1);
                groups.len() - 1
            }
        };
        let totals = &mut totals[place * aggregates.len()..];
        for ((kind, argument), total) in aggregates.iter().zip(totals) {
            match argument {
                None => total.add(*kind, &Value::Null, at, rows, budget),
                Some(argument) => {
                    let value = argument.eval(scope);
                    if !value.is_null() {
                        total.add(*kind, &value, at, rows, budget);
                    }
                }
            }
        }
    }

    /// A row for each group, by the groups' values; without groups one row whatever there was. `false`: there is more than that.
    pub fn finish(mut self) -> (Vec<Made>, bool) {
        if self.by.is_empty() && self.groups.is_empty() {
            self.groups.push(Vec::new());
            self.totals.extend(self.aggregates.iter().map(|(kind, _)| Total::new(*kind)));
        }
        let mut totals = self.totals.into_iter();
        let mut rows: Vec<Made> = Vec::with_capacity(self.groups.len());
        for mut slots in self.groups {
            slots.extend(self.aggregates.iter().filter_map(|(kind, _)| Some(totals.next()?.finish(*kind))));
            for measure in &self.measures {
                let value = measure.eval(&Scope { row: None, slots: &slots }).into_owned();
                slots.push(value);
            }
            slots.drain(self.by.len()..self.by.len() + self.aggregates.len());
            rows.push(Made { values: slots, at: None });
        }
        let groups = self.by.len();
        rows.sort_by(|a, b| {
            let pairs = a.values[..groups].iter().zip(&b.values[..groups]);
            pairs.map(|(a, b)| a.order(b)).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
        (rows, !self.overflow && !self.budget.exceeded)
    }
}

/// The aggregates in a measure, each once.
fn collect(expression: &Expression, to: &mut Vec<Expression>) {
    match expression {
        Expression::Call(name, _) if function(name).is_some_and(|(_, is_aggregate)| is_aggregate) => {
            to.extend((!to.contains(expression)).then(|| expression.clone()));
        }
        Expression::Call(_, arguments) => arguments.iter().for_each(|argument| collect(argument, to)),
        Expression::Not(inner) | Expression::Negative(inner) => collect(inner, to),
        Expression::Binary(_, left, right) => [left, right].into_iter().for_each(|side| collect(side, to)),
        Expression::In(left, list) => [&**left].into_iter().chain(list).for_each(|part| collect(part, to)),
        _ => (),
    }
}

fn aggregate(compiler: &mut Compiler, call: &Expression) -> Result<(Kind, Option<Compiled>), Problem> {
    let Expression::Call(name, arguments) = call else { return Err(bad("expected an aggregate")) };
    let percent = arguments.get(1).and_then(|argument| if let Expression::Number(percent) = argument { Some(*percent) } else { None });
    let kind = Kind::named(name, percent).ok_or_else(|| bad(&format!("there is no aggregate `{name}`")))?;
    let argument = arguments.first().map(|argument| compiler.compile(argument)).transpose()?;
    Ok((kind, argument))
}
