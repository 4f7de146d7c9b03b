//! Expressions, ready to be computed for many rows.

use super::fields::{Field, Fields, Row};
use super::functions::{self, Function};
use super::json;
use super::value::Value;
use crate::store::block::matcher::REGEX_BYTES;
use memchr::memmem::Finder;
use model::log::Level;
use model::port::Problem;
use model::query::insights::{Column, Expression, Operator, Period, Regex};
use model::time::{Nanos, SECOND};
use regex::RegexBuilder;
use std::cmp::Ordering;

/// A compiled [`Expression`].
#[derive(Debug)]
pub enum Compiled {
    Constant(Value<'static>),
    Field(Field),
    /// A column of the row, or a name defined before.
    Slot(usize),
    /// A path into the JSON that a slot has.
    Inside(usize, String),
    Not(Box<Compiled>),
    Negative(Box<Compiled>),
    And(Box<Compiled>, Box<Compiled>),
    Or(Box<Compiled>, Box<Compiled>),
    Compare(Operator, Box<Compiled>, Box<Compiled>),
    /// Whether the level of the line, or in the slot, is one of these, as bits by [`Level`]: levels are compared by name.
    Level(Option<usize>, u8),
    Like {
        text: Box<Compiled>,
        pattern: Pattern,
        negated: bool,
    },
    In(Box<Compiled>, Vec<Compiled>),
    Arithmetic(Operator, Box<Compiled>, Box<Compiled>),
    Floor(Box<Compiled>, Period),
    Ceil(Box<Compiled>, Period),
    Replace(Box<Compiled>, regex::Regex, Box<Compiled>),
    Call(Function, Vec<Compiled>),
}

/// What `like` looks for.
#[derive(Debug)]
pub enum Pattern {
    Text(Box<Finder<'static>>),
    Regex(regex::Regex),
    Expression(Box<Compiled>),
}

/// What an expression is computed over.
pub struct Scope<'a, 's> {
    /// `None` after a command that makes rows of its own.
    pub row: Option<&'s Row<'a>>,
    pub slots: &'s [Value<'a>],
}

/// Compiles the expressions of a query, one command after the other.
#[derive(Default)]
pub struct Compiler {
    pub fields: Fields,
    /// Whether rows are lines, which have all fields; else they have columns.
    pub of_lines: bool,
    /// Names defined so far and where their values are; the last one counts.
    pub names: Vec<(String, usize)>,
    /// Columns that are named by what they were computed from: `sort count(*)`.
    pub columns: Vec<(Expression, usize)>,
    /// Slots that have levels.
    pub level_slots: Vec<usize>,
    pub now: Nanos,
}

impl Compiler {
    /// For expressions over lines, before any command.
    pub fn of_lines(now: Nanos) -> Compiler {
        Compiler { of_lines: true, now, ..Compiler::default() }
    }

    /// Forgets every name: what follows is over rows that have columns.
    pub fn restart(&mut self) {
        self.of_lines = false;
        self.names.clear();
        self.columns.clear();
        self.level_slots.clear();
    }

    /// The slot has this column.
    pub fn column(&mut self, column: &Column, slot: usize) {
        self.names.push((column.name.clone(), slot));
        self.columns.push((column.expression.clone(), slot));
    }

    /// Whether this is a level, which compares by name.
    pub fn is_level(&self, compiled: &Compiled) -> bool {
        match compiled {
            Compiled::Field(field) => *field == Field::Level,
            Compiled::Slot(slot) => self.level_slots.contains(slot),
            _ => false,
        }
    }

    /// The field of the line that compares by level's names, if this is one, and the slot that it is in.
    fn leveled(&self, compiled: &Compiled) -> Option<(Field, Option<usize>)> {
        match compiled {
            Compiled::Field(field @ (Field::Level | Field::Severity)) => Some((field.clone(), None)),
            Compiled::Slot(slot) if self.level_slots.contains(slot) => Some((Field::Level, Some(*slot))),
            _ => None,
        }
    }

    pub fn compile(&mut self, expression: &Expression) -> Result<Compiled, Problem> {
        if let Some((_, slot)) = self.columns.iter().rfind(|(column, _)| column == expression) {
            return Ok(Compiled::Slot(*slot));
        }
        let constant = |value| Ok(Compiled::Constant(value));
        match expression {
            Expression::Field(name) => Ok(self.field(name)),
            Expression::Number(number) => constant(Value::Number(*number)),
            Expression::Text(text) => constant(Value::owned(text.clone())),
            Expression::Truth(truth) => constant(Value::Truth(*truth)),
            Expression::Null => constant(Value::Null),
            Expression::Period(_) | Expression::Regex(_) => Err(bad("a period or a regular expression is no value here")),
            Expression::Not(inner) => Ok(Compiled::Not(self.boxed(inner)?)),
            Expression::Negative(inner) => Ok(Compiled::Negative(self.boxed(inner)?)),
            Expression::Binary(operator, left, right) => self.binary(*operator, left, right),
            Expression::In(left, list) => {
                let left_compiled = self.compile(left)?;
                if let Some((field, slot)) = self.leveled(&left_compiled) {
                    let masks: Option<Vec<u8>> = list.iter().map(|item| levels(&field, Operator::Equal, item)).collect();
                    if let Some(masks) = masks {
                        return Ok(Compiled::Level(slot, masks.into_iter().fold(0, |all, mask| all | mask)));
                    }
                }
                let list = list.iter().map(|item| self.compile(item)).collect::<Result<_, _>>()?;
                Ok(Compiled::In(Box::new(left_compiled), list))
            }
            Expression::Call(name, arguments) => self.call(name, arguments),
        }
    }

    fn boxed(&mut self, expression: &Expression) -> Result<Box<Compiled>, Problem> {
        self.compile(expression).map(Box::new)
    }

    fn field(&mut self, name: &str) -> Compiled {
        let slot = |name: &str| self.names.iter().rfind(|(known, _)| known == name).map(|(_, slot)| *slot);
        if let Some(slot) = slot(name) {
            return Compiled::Slot(slot);
        }
        for (dot, _) in name.rmatch_indices('.') {
            if let Some(slot) = slot(&name[..dot]) {
                return Compiled::Inside(slot, name[dot + 1..].into());
            }
        }
        if self.of_lines { Compiled::Field(self.fields.field(name)) } else { Compiled::Constant(Value::Null) }
    }

    fn binary(&mut self, operator: Operator, left: &Expression, right: &Expression) -> Result<Compiled, Problem> {
        let left = self.compile(left)?;
        if let Some((field, slot)) = self.leveled(&left)
            && let Some(mask) = levels(&field, operator, right)
        {
            return Ok(Compiled::Level(slot, mask));
        }
        let left = Box::new(left);
        Ok(match operator {
            Operator::And => Compiled::And(left, self.boxed(right)?),
            Operator::Or => Compiled::Or(left, self.boxed(right)?),
            Operator::Like | Operator::NotLike => {
                let pattern = match right {
                    Expression::Text(text) => Pattern::Text(Box::new(Finder::new(text.as_bytes()).into_owned())),
                    Expression::Regex(pattern) => Pattern::Regex(regex(pattern)?),
                    other => Pattern::Expression(self.boxed(other)?),
                };
                Compiled::Like { text: left, pattern, negated: operator == Operator::NotLike }
            }
            Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => Compiled::Compare(operator, left, self.boxed(right)?),
            _ => Compiled::Arithmetic(operator, left, self.boxed(right)?),
        })
    }

    fn call(&mut self, name: &str, arguments: &[Expression]) -> Result<Compiled, Problem> {
        match (name, arguments) {
            ("bin", [Expression::Period(period)]) => Ok(Compiled::Floor(Box::new(self.field("@timestamp")), *period)),
            ("bin" | "datefloor", [moment, Expression::Period(period)]) => Ok(Compiled::Floor(self.boxed(moment)?, *period)),
            ("dateceil", [moment, Expression::Period(period)]) => Ok(Compiled::Ceil(self.boxed(moment)?, *period)),
            ("now", []) => Ok(Compiled::Constant(Value::Number((self.now / SECOND) as f64))),
            ("replace", [text, Expression::Regex(pattern), new]) => {
                Ok(Compiled::Replace(self.boxed(text)?, regex(pattern)?, self.boxed(new)?))
            }
            (name, arguments) => {
                let function = Function::named(name).ok_or_else(|| bad(&format!("there is no function `{name}` here")))?;
                let arguments = arguments.iter().map(|argument| self.compile(argument)).collect::<Result<_, _>>()?;
                Ok(Compiled::Call(function, arguments))
            }
        }
    }
}

pub fn bad(message: &str) -> Problem {
    Problem::Bad { message: message.into(), position: None }
}

/// A compiled regex, its groups called as [`Regex::numbered`] says.
pub fn regex(regex: &Regex) -> Result<regex::Regex, Problem> {
    let built = RegexBuilder::new(&regex.numbered()).case_insensitive(regex.ignore_case).size_limit(REGEX_BYTES).build();
    built.map_err(|error| Problem::Bad { message: error.to_string(), position: None })
}

/// The levels that compare so with a level's name, as bits; `None` if it is not compared with one.
pub fn levels(field: &Field, operator: Operator, right: &Expression) -> Option<u8> {
    let of =
        |test: &dyn Fn(Level) -> bool| Level::ALL.into_iter().filter(|level| test(*level)).fold(0, |mask, level| mask | 1 << level as u8);
    let is_level = *field == Field::Level;
    let named = match right {
        Expression::Text(text) => Level::from_name(text),
        _ => None,
    };
    // A line without a severity has no level that would be less or other than another.
    let given = if is_level { u8::MAX >> 1 } else { !1 };
    let mask = match (operator, right, named) {
        (Operator::Equal, _, Some(named)) => of(&|level| level == named),
        (Operator::NotEqual, _, Some(named)) => of(&|level| level != named) & given,
        (Operator::Less, _, Some(named)) => of(&|level| level < named) & given,
        (Operator::LessOrEqual, _, Some(named)) => of(&|level| level <= named) & given,
        (Operator::Greater, _, Some(named)) => of(&|level| level > named),
        (Operator::GreaterOrEqual, _, Some(named)) => of(&|level| level >= named),
        (Operator::Like, Expression::Text(text), _) if is_level => {
            of(&|level| written(level).iter().any(|name| name.contains(text.as_str())))
        }
        (Operator::NotLike, right, _) if is_level => levels(field, Operator::Like, right)? ^ (u8::MAX >> 1),
        (Operator::Like, Expression::Regex(pattern), _) if is_level => {
            let pattern = regex(pattern).ok()?;
            of(&|level| written(level).iter().any(|name| pattern.is_match(name)))
        }
        _ => return None,
    };
    Some(mask)
}

/// The level as senders write it: a query made for their lines is to find it.
pub fn written(level: Level) -> Vec<String> {
    let more = match level {
        Level::Warn => &["warn", "warning"][..],
        Level::Fatal => &["fatal", "critical"],
        _ => &[level.as_str()],
    };
    let capital = |name: &str| format!("{}{}", name[..1].to_ascii_uppercase(), &name[1..]);
    more.iter().flat_map(|name| [(*name).to_owned(), name.to_ascii_uppercase(), capital(name)]).collect()
}

impl Compiled {
    pub fn eval<'a>(&'a self, scope: &Scope<'a, '_>) -> Value<'a> {
        match self {
            Compiled::Constant(value) => value.view(),
            Compiled::Field(field) => scope.row.map_or(Value::Null, |row| row.get(field)),
            Compiled::Slot(slot) => scope.slots.get(*slot).cloned().unwrap_or(Value::Null),
            Compiled::Inside(slot, path) => match scope.slots.get(*slot).and_then(Value::display) {
                Some(text) => json::find(&text, path).map_or(Value::Null, |found| json::value(found).into_owned()),
                None => Value::Null,
            },
            Compiled::Not(inner) => Value::flag(!inner.test(scope)),
            Compiled::Negative(inner) => inner.eval(scope).number().map_or(Value::Null, |number| Value::Number(-number)),
            Compiled::And(left, right) => Value::flag(left.test(scope) && right.test(scope)),
            Compiled::Or(left, right) => Value::flag(left.test(scope) || right.test(scope)),
            Compiled::Compare(operator, left, right) => Value::flag(compares(*operator, left.eval(scope).compare(&right.eval(scope)))),
            Compiled::Level(slot, mask) => {
                let level = match slot {
                    Some(slot) => scope.slots.get(*slot).and_then(|value| Level::from_name(&value.display()?)),
                    None => scope.row.map(|row| row.line.severity.level()),
                };
                Value::flag(level.is_some_and(|level| mask >> level as u8 & 1 == 1))
            }
            Compiled::Like { text, pattern, negated } => {
                let value = text.eval(scope);
                let Some(text) = value.display() else { return Value::flag(false) };
                let found = match pattern {
                    Pattern::Text(finder) => finder.find(text.as_bytes()).is_some(),
                    Pattern::Regex(regex) => regex.is_match(&text),
                    Pattern::Expression(other) => other.eval(scope).display().is_some_and(|part| text.contains(&*part)),
                };
                Value::flag(found != *negated)
            }
            Compiled::In(left, list) => {
                let left = left.eval(scope);
                Value::flag(list.iter().any(|item| left.compare(&item.eval(scope)) == Some(Ordering::Equal)))
            }
            Compiled::Arithmetic(operator, left, right) => match (left.eval(scope).number(), right.eval(scope).number()) {
                (Some(left), Some(right)) => Value::finite(arithmetic(*operator, left, right)),
                _ => Value::Null,
            },
            Compiled::Floor(moment, period) => {
                functions::moment(&moment.eval(scope)).map_or(Value::Null, |at| Value::Moment(period.floor(at)))
            }
            Compiled::Ceil(moment, period) => {
                functions::moment(&moment.eval(scope)).map_or(Value::Null, |at| Value::Moment(period.ceil(at)))
            }
            Compiled::Replace(text, regex, new) => match (text.eval(scope).display(), new.eval(scope).display()) {
                (Some(text), Some(new)) => Value::owned(regex.replace_all(&text, regex::NoExpand(&new)).into_owned()),
                _ => Value::Null,
            },
            Compiled::Call(function, arguments) => match arguments.as_slice() {
                [one] => functions::call(*function, &mut [one.eval(scope)]),
                [one, two] => functions::call(*function, &mut [one.eval(scope), two.eval(scope)]),
                many => functions::call(*function, &mut many.iter().map(|argument| argument.eval(scope)).collect::<Vec<_>>()),
            },
        }
    }

    pub fn test<'a>(&'a self, scope: &Scope<'a, '_>) -> bool {
        self.eval(scope).is_true()
    }
}

/// Whether an order is what the operator asks for; with null nothing is.
fn compares(operator: Operator, order: Option<Ordering>) -> bool {
    order.is_some_and(|order| match operator {
        Operator::Equal => order.is_eq(),
        Operator::NotEqual => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        _ => order.is_ge(),
    })
}

pub fn arithmetic(operator: Operator, left: f64, right: f64) -> f64 {
    match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Remainder => left % right,
        _ => left.powf(right),
    }
}
