//! Commands to stages.

use super::expression::{Compiled, Compiler};
use super::parse::Extract;
use super::pipeline::{End, Pipeline, Stage, Step};
use super::rows::{Grouped, Patterns, Sort, Tail};
use super::stats::Stats;
use model::port::Problem;
use model::query::LogQuery;
use model::query::insights::{Column, Command, DEFAULT_COLUMNS, DEFAULT_LIMIT, Direction, Expression, MAX_LIMIT, PATTERN_COLUMNS};
use model::time::Range;
use rustc_hash::FxHashSet;

struct Plan<'a> {
    compiler: Compiler,
    stages: Vec<Stage>,
    steps: Vec<Step>,
    /// Slots of a row as far as the steps have come.
    slots: usize,
    /// Names of the columns that are shown.
    shown: Shown,
    /// Commands that are still to come.
    left: &'a [Command],
}

/// What the result shows.
#[derive(Default)]
struct Shown {
    /// By `fields`, `stats` or `pattern`.
    named: Vec<String>,
    /// Whether any of these was there: else the default columns come first.
    any: bool,
    /// By `display`, which counts alone.
    display: Option<Vec<String>>,
}

pub fn compile(
    query: &LogQuery,
    compiler: Compiler,
    range: Range,
    mut patterns: impl FnMut() -> Box<dyn Patterns>,
) -> Result<Pipeline, Problem> {
    let leading = query.leading_filters().count();
    let mut plan =
        Plan { compiler, stages: Vec::new(), steps: Vec::new(), slots: 0, shown: Shown::default(), left: &query.commands[leading..] };
    while let Some((command, left)) = plan.left.split_first() {
        plan.left = left;
        plan.command(command, &mut patterns)?;
    }
    let has_limit = query.commands.iter().any(|command| matches!(command, Command::Limit(_) | Command::Tail(_)));
    plan.limit(if has_limit { MAX_LIMIT } else { DEFAULT_LIMIT });
    let columns = plan.shown.columns();
    let values = columns.iter().map(|name| plan.compiler.compile(&Expression::Field(name.clone()))).collect::<Result<_, _>>()?;
    plan.end(End::Rows(values, Vec::new()));
    Ok(Pipeline { fields: plan.compiler.fields, stages: plan.stages, columns, range, of_lines: !query.is_aggregate() })
}

impl Plan<'_> {
    fn command(&mut self, command: &Command, patterns: &mut impl FnMut() -> Box<dyn Patterns>) -> Result<(), Problem> {
        match command {
            Command::Fields(columns) => {
                let names = self.define(columns)?;
                self.shown.any = true;
                names.into_iter().for_each(|name| self.shown.add(name));
            }
            Command::Display(columns) => self.shown.display = Some(self.define(columns)?),
            Command::Filter(filter) => {
                let filter = self.compiler.compile(filter)?;
                self.steps.push(Step::Filter(filter));
            }
            Command::Dedup(by) => {
                let by = by.iter().map(|value| self.compiler.compile(value)).collect::<Result<_, _>>()?;
                self.steps.push(Step::Dedup { by, seen: FxHashSet::default(), forgot: false });
            }
            Command::Limit(rows) => self.limit(*rows),
            Command::Parse { source, pattern } => {
                let source = self.compiler.compile(source)?;
                self.steps.push(Step::Parse(source, Extract::compile(pattern)?));
                for name in pattern.names() {
                    self.compiler.names.push((name.clone(), self.slots));
                    self.slots += 1;
                    self.shown.add(name);
                }
            }
            Command::Sort(by) => self.sort(by)?,
            Command::Tail(rows) => {
                let columns = self.keep()?;
                self.end(End::Tail(Tail::new(columns, (*rows).min(MAX_LIMIT) as usize)));
            }
            Command::Stats { measures, by } => {
                let stats = Stats::compile(&mut self.compiler, measures, by)?;
                self.end(End::Stats(stats));
                self.slots = by.len() + measures.len();
                self.shown = Shown::of(by.iter().chain(measures).map(|column| column.name.clone()));
            }
            Command::Pattern(source) => {
                let source = self.compiler.compile(source)?;
                self.end(End::Pattern(Grouped::new(source, patterns())));
                self.compiler.restart();
                self.compiler.names = PATTERN_COLUMNS.iter().enumerate().map(|(slot, name)| ((*name).to_owned(), slot)).collect();
                self.slots = PATTERN_COLUMNS.len();
                self.shown = Shown::of(PATTERN_COLUMNS.map(str::to_owned));
            }
        }
        Ok(())
    }

    /// Slots for what is not simply a field under its own name. Returns the columns' names.
    fn define(&mut self, columns: &[Column]) -> Result<Vec<String>, Problem> {
        for Column { expression, name } in columns {
            if expression.is_field(name) {
                continue;
            }
            let value = self.compiler.compile(expression)?;
            if self.compiler.is_level(&value) {
                self.compiler.level_slots.push(self.slots);
            }
            self.steps.push(Step::Define(value));
            self.compiler.names.push((name.clone(), self.slots));
            self.slots += 1;
        }
        Ok(columns.iter().map(|column| column.name.clone()).collect())
    }

    fn limit(&mut self, rows: u32) {
        self.steps.push(Step::Limit(u64::from(rows.min(MAX_LIMIT))));
    }

    fn sort(&mut self, by: &[(Expression, Direction)]) -> Result<(), Problem> {
        // What `stats` sees it sees in any order.
        let unseen = self.left.iter().find(|command| {
            !matches!(command, Command::Fields(_) | Command::Display(_) | Command::Filter(_) | Command::Parse { .. } | Command::Sort(_))
        });
        if matches!(unseen, Some(Command::Stats { .. } | Command::Pattern(_))) {
            return Ok(());
        }
        let by = by.iter().map(|(key, direction)| Ok((self.compiler.compile(key)?, *direction))).collect::<Result<Vec<_>, Problem>>()?;
        // Lines come newest first.
        if self.stages.is_empty() && matches!(by.as_slice(), [(Compiled::Field(super::fields::Field::Timestamp), Direction::Descending)]) {
            return Ok(());
        }
        let most = self.left.iter().find(|command| !matches!(command, Command::Fields(_) | Command::Display(_)));
        let most = match most {
            Some(Command::Limit(rows)) => Some((*rows).min(MAX_LIMIT) as usize),
            None => Some(MAX_LIMIT as usize),
            Some(_) => None,
        };
        let columns = self.keep()?;
        self.end(End::Sort(Sort::new(by, columns, most)));
        Ok(())
    }

    /// The values that what follows needs of a row, which then are its slots.
    fn keep(&mut self) -> Result<Vec<Compiled>, Problem> {
        let mut names = self.shown.columns();
        for command in self.left {
            names_of(command, &mut names);
            if matches!(command, Command::Stats { .. } | Command::Pattern(_)) {
                break;
            }
        }
        // A column of `stats` goes on to be known by what it was computed from.
        let names_by_slot = |slot: &usize| self.compiler.names.iter().rfind(|(_, named)| named == slot).map(|(name, _)| name.clone());
        let known: Vec<(Expression, String)> =
            self.compiler.columns.iter().filter_map(|(expression, slot)| Some((expression.clone(), names_by_slot(slot)?))).collect();
        names.extend(known.iter().map(|(_, name)| name.clone()));
        let mut once = FxHashSet::default();
        names.retain(|name| once.insert(name.clone()));
        let columns = names.iter().map(|name| self.compiler.compile(&Expression::Field(name.clone()))).collect::<Result<Vec<_>, _>>()?;
        let levels = columns.iter().enumerate().filter(|(_, column)| self.compiler.is_level(column)).map(|(slot, _)| slot).collect();
        self.compiler.restart();
        self.compiler.level_slots = levels;
        self.slots = names.len();
        self.compiler.columns =
            known.into_iter().filter_map(|(expression, name)| Some((expression, names.iter().position(|known| *known == name)?))).collect();
        self.compiler.names = names.into_iter().enumerate().map(|(slot, name)| (name, slot)).collect();
        Ok(columns)
    }

    fn end(&mut self, end: End) {
        self.stages.push(Stage { steps: std::mem::take(&mut self.steps), end, full: false });
    }
}

impl Shown {
    fn of(names: impl IntoIterator<Item = String>) -> Shown {
        Shown { named: names.into_iter().collect(), any: true, display: None }
    }

    fn add(&mut self, name: String) {
        if !self.named.contains(&name) {
            self.named.push(name);
        }
    }

    fn columns(&self) -> Vec<String> {
        match &self.display {
            Some(display) => display.clone(),
            None if self.any => self.named.clone(),
            None => DEFAULT_COLUMNS.map(str::to_owned).into_iter().chain(self.named.clone()).collect(),
        }
    }
}

/// The fields that a command looks at.
fn names_of(command: &Command, to: &mut Vec<String>) {
    let mut columns = |columns: &[Column]| columns.iter().for_each(|column| fields_of(&column.expression, to));
    match command {
        Command::Fields(inner) | Command::Display(inner) => columns(inner),
        Command::Stats { measures, by } => {
            columns(measures);
            columns(by);
        }
        Command::Filter(expression) | Command::Pattern(expression) => fields_of(expression, to),
        Command::Sort(by) => by.iter().for_each(|(key, _)| fields_of(key, to)),
        Command::Dedup(by) => by.iter().for_each(|value| fields_of(value, to)),
        Command::Parse { source, .. } => fields_of(source, to),
        Command::Limit(_) | Command::Tail(_) => (),
    }
}

fn fields_of(expression: &Expression, to: &mut Vec<String>) {
    match expression {
        Expression::Field(name) => to.push(name.clone()),
        Expression::Not(inner) | Expression::Negative(inner) => fields_of(inner, to),
        Expression::Binary(_, left, right) => [left, right].into_iter().for_each(|side| fields_of(side, to)),
        Expression::In(left, list) => [&**left].into_iter().chain(list).for_each(|part| fields_of(part, to)),
        Expression::Call(name, arguments) => {
            // `bin(5m)` is of the time of the line.
            if let ("bin", [Expression::Period(_)]) = (name.as_str(), arguments.as_slice()) {
                to.push("@timestamp".into());
            }
            arguments.iter().for_each(|argument| fields_of(argument, to));
        }
        _ => (),
    }
}
