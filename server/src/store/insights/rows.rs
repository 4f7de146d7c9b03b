//! What keeps rows between commands: those of `sort` and `tail`, and the groups of `pattern`.

use super::expression::{Compiled, Scope};
use super::value::Value;
use model::log::Level;
use model::port::LogCursor;
use model::query::insights::Direction;
use rustc_hash::FxHashMap;
use std::cmp::Ordering;
use std::collections::VecDeque;

/// Most rows of a `sort` that what follows does not limit.
pub const SORTED: usize = 100_000;

/// A row that is no line any more, and the line that it was.
#[derive(Clone, Debug)]
pub struct Made {
    pub values: Vec<Value<'static>>,
    pub at: Option<LogCursor>,
}

impl Made {
    pub fn of<'a>(columns: &'a [Compiled], scope: &Scope<'a, '_>, at: Option<LogCursor>) -> Made {
        Made { values: columns.iter().map(|column| column.eval(scope).into_owned()).collect(), at }
    }
}

/// The first rows of an order; of lines that are equal in it, the newest first, in whatever order they come.
#[derive(Debug)]
pub struct Sort {
    by: Vec<(Compiled, Direction)>,
    columns: Vec<Compiled>,
    most: usize,
    /// Whether more than `most` rows are asked for, so that dropping some must be said.
    unlimited: bool,
    rows: Vec<(Vec<Value<'static>>, Made)>,
    /// A row that does not come before this one is not needed.
    last: Option<(Vec<Value<'static>>, Option<LogCursor>)>,
    dropped: bool,
}

impl Sort {
    /// `most` rows are wanted; `None`: as many as there are.
    pub fn new(by: Vec<(Compiled, Direction)>, columns: Vec<Compiled>, most: Option<usize>) -> Sort {
        Sort { by, columns, most: most.unwrap_or(SORTED), unlimited: most.is_none(), rows: Vec::new(), last: None, dropped: false }
    }

    pub fn add<'a>(&'a mut self, scope: &Scope<'a, '_>, at: Option<LogCursor>) {
        let Sort { by, columns, most, rows, last, dropped, .. } = self;
        let keys: Vec<Value> = by.iter().map(|(key, _)| sort_key(key.eval(scope))).collect();
        if last.as_ref().is_some_and(|(last, of)| order(by, &keys, last).then(of.cmp(&at)).is_ge()) {
            *dropped = true;
            return;
        }
        rows.push((keys.into_iter().map(Value::into_owned).collect(), Made::of(columns, scope, at)));
        if rows.len() >= (*most).saturating_mul(2).max(1024) {
            rows.sort_by(|a, b| order(by, &a.0, &b.0).then(b.1.at.cmp(&a.1.at)));
            rows.truncate(*most);
            *last = rows.last().map(|(keys, row)| (keys.clone(), row.at));
            *dropped = true;
        }
    }

    /// `false`: rows that were wanted are not there.
    pub fn finish(self) -> (Vec<Made>, bool) {
        let Sort { by, most, unlimited, mut rows, dropped, .. } = self;
        rows.sort_by(|a, b| order(&by, &a.0, &b.0).then(b.1.at.cmp(&a.1.at)));
        let exact = !(unlimited && (dropped || rows.len() > most));
        rows.truncate(most);
        (rows.into_iter().map(|(_, row)| row).collect(), exact)
    }
}

/// The same value in the order, without reading it as a number again and again.
fn sort_key(value: Value) -> Value {
    match value {
        Value::Moment(at) => Value::Moment(at),
        value => value.number().map_or(value, Value::Number),
    }
}

fn order(by: &[(Compiled, Direction)], a: &[Value], b: &[Value]) -> Ordering {
    let orders = by.iter().zip(a.iter().zip(b)).map(|((_, direction), (a, b))| match direction {
        Direction::Ascending => a.order(b),
        Direction::Descending => b.order(a),
    });
    orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// The last rows.
#[derive(Debug)]
pub struct Tail {
    columns: Vec<Compiled>,
    most: usize,
    rows: VecDeque<Made>,
}

impl Tail {
    pub fn new(columns: Vec<Compiled>, most: usize) -> Tail {
        Tail { columns, most, rows: VecDeque::new() }
    }

    pub fn add<'a>(&'a mut self, scope: &Scope<'a, '_>, at: Option<LogCursor>) {
        let Tail { columns, most, rows } = self;
        if rows.len() == *most {
            rows.pop_front();
        }
        rows.push_back(Made::of(columns, scope, at));
    }

    pub fn finish(self) -> Vec<Made> {
        self.rows.into()
    }
}

/// Puts texts that look alike together, for the command `pattern`.
pub trait Patterns: Send {
    /// The number of the text's pattern.
    fn assign(&mut self, text: &str) -> u32;

    /// The text of a pattern, with `<*>` where its texts differ.
    fn template(&self, pattern: u32) -> String;
}

/// The command `pattern`.
pub struct Grouped {
    source: Compiled,
    patterns: Box<dyn Patterns>,
    /// Rows of each pattern by [`Level::ALL`].
    counts: FxHashMap<u32, [u64; 7]>,
}

impl Grouped {
    pub fn new(source: Compiled, patterns: Box<dyn Patterns>) -> Grouped {
        Grouped { source, patterns, counts: FxHashMap::default() }
    }

    pub fn add<'a>(&'a mut self, scope: &Scope<'a, '_>) {
        let Grouped { source, patterns, counts } = self;
        let value = source.eval(scope);
        if let Some(text) = value.display() {
            let level = scope.row.map_or(Level::None, |row| row.line.severity.level());
            counts.entry(patterns.assign(&text)).or_default()[level as usize] += 1;
        }
    }

    /// The columns of [`model::query::insights::PATTERN_COLUMNS`], the most frequent pattern first.
    pub fn finish(self) -> Vec<Made> {
        let mut by_template: FxHashMap<String, [u64; 7]> = FxHashMap::default();
        for (pattern, counts) in self.counts {
            let sum = by_template.entry(self.patterns.template(pattern)).or_default();
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        let all: u64 = by_template.values().flatten().sum();
        let mut found: Vec<(u64, String, [u64; 7])> =
            by_template.into_iter().map(|(template, counts)| (counts.iter().sum(), template, counts)).collect();
        found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let rows = found.into_iter().map(|(count, template, counts)| {
            let ratio = Value::finite(count as f64 / all as f64);
            Made { values: vec![Value::owned(template), Value::Number(count as f64), ratio, label(counts)], at: None }
        });
        rows.collect()
    }
}

/// The most frequent level as `@severityLabel` has it; the worse of two that are as frequent.
fn label(counts: [u64; 7]) -> Value<'static> {
    let most = Level::ALL.into_iter().max_by_key(|level| (counts[*level as usize], *level)).unwrap_or_default();
    match most {
        Level::None => Value::Null,
        Level::Trace => Value::text("Trace"),
        Level::Debug => Value::text("Debug"),
        Level::Info => Value::text("Info"),
        Level::Warn => Value::text("Warning"),
        Level::Error => Value::text("Error"),
        Level::Fatal => Value::text("Fatal"),
    }
}
