//! What a query over log lines means: the filter of every search box, then the commands of CloudWatch Logs Insights.
//!
//! A field's name is as in the query text, without backticks: `@message`, `level`, `request.items.0.id`. A value is null, a number, a text,
//! a truth or a moment; fields that a line does not have are null. Comparison is by number if both sides are numbers or texts that read
//! as numbers, else by text; with null it is false. `like "x"` is a case-sensitive substring. A truth is also 1 or 0, a moment the
//! number of milliseconds since the epoch. Tables show moments as `2026-11-22 15:40:14.123`, UTC.

use crate::query::ast::Expr;
use crate::query::filter_pattern::FilterPattern;
use crate::time::{self, Nanos};

/// A query over log lines.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct LogQuery {
    /// The log groups of `SOURCE`, those that end in `*` are prefixes; empty = it names none.
    pub groups: Vec<String>,
    /// The search-box part; `None` matches everything. Its keys are [`super::ast::Key::Attribute`] of any scope, by name.
    pub filter: Option<Expr>,
    /// CloudWatch's other language, which must match too: of `FilterLogEvents`, never of a query text.
    pub filter_pattern: Option<FilterPattern>,
    /// In the order written.
    pub commands: Vec<Command>,
}

/// One command of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `fields @timestamp, a / 2 as half`: columns shown and names defined; later ones add to earlier ones.
    Fields(Vec<Column>),
    /// `display a, b`: the columns shown, in place of those of `fields`; the last one wins.
    Display(Vec<Column>),
    /// `filter status >= 500 and @message like /x/`
    Filter(Expression),
    /// `stats count(*) as n by bin(5m), level`
    Stats { measures: Vec<Column>, by: Vec<Column> },
    /// `sort n desc, level`
    Sort(Vec<(Expression, Direction)>),
    /// `limit 20`, `head 20`
    Limit(u32),
    /// `tail 20`: the last rows of the order.
    Tail(u32),
    /// `parse @message "user=* took *" as user, took`
    Parse { source: Expression, pattern: ParsePattern },
    /// `dedup a, b`: of rows that agree in these the first.
    Dedup(Vec<Expression>),
    /// `pattern @message`
    Pattern(Expression),
}

/// `expression as name`; without `as` the name is the expression as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub expression: Expression,
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

/// What `parse` looks for in its source.
#[derive(Clone, Debug, PartialEq)]
pub enum ParsePattern {
    /// Literal texts around the stars, one more than `names`, and a name for each star; empty for those that are not kept.
    Glob { literals: Vec<String>, names: Vec<String> },
    /// Named groups become fields.
    Regex(Regex),
}

impl ParsePattern {
    /// Names of the fields that it makes.
    pub fn names(&self) -> Vec<String> {
        match self {
            ParsePattern::Glob { names, .. } => names.iter().filter(|name| !name.is_empty()).cloned().collect(),
            ParsePattern::Regex(regex) => regex.names(),
        }
    }
}

/// A regular expression in the syntax of the `regex` crate. Parsed, not compiled, here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Regex {
    pub pattern: String,
    pub ignore_case: bool,
}

impl Regex {
    /// Names of its groups, in their order.
    pub fn names(&self) -> Vec<String> {
        let name = |group: Group| group.name.map(|name| self.pattern[name].to_owned());
        groups(&self.pattern).into_iter().filter_map(name).collect()
    }

    /// The pattern with the groups of [`Regex::names`] called `g0`, `g1` and so on: names here may have signs that the `regex` crate
    /// does not take.
    pub fn numbered(&self) -> String {
        let mut pattern = self.pattern.clone();
        let names: Vec<_> = groups(&self.pattern).into_iter().filter_map(|group| group.name).collect();
        for (n, name) in names.into_iter().enumerate().rev() {
            pattern.replace_range(name, &format!("g{n}"));
        }
        pattern
    }
}

/// A capturing group of a pattern.
pub(super) struct Group {
    /// Where it begins, after its parenthesis.
    pub start: usize,
    pub name: Option<std::ops::Range<usize>>,
}

/// The capturing groups of a pattern, in their order.
pub(super) fn groups(pattern: &str) -> Vec<Group> {
    let bytes = pattern.as_bytes();
    let mut groups = Vec::new();
    let mut in_brackets = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'\\' => at += 1,
            b'[' => in_brackets = true,
            b']' => in_brackets = false,
            b'(' if !in_brackets => {
                let rest = &pattern[at..];
                let named = ["?<", "?P<"].iter().find(|prefix| rest.starts_with(**prefix) && !rest[prefix.len()..].starts_with(['=', '!']));
                let name = named.and_then(|prefix| {
                    let start = at + prefix.len();
                    pattern[start..].find('>').map(|length| start..start + length)
                });
                if name.is_some() || !rest.starts_with('?') {
                    groups.push(Group { start: at, name });
                }
            }
            _ => (),
        }
    }
    groups
}

/// An expression over one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    Field(String),
    Number(f64),
    Text(String),
    Truth(bool),
    Null,
    /// `5m` as an argument.
    Period(Period),
    /// On the right of `like` and `=~`, and what `replace` looks for.
    Regex(Regex),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// `a in [1, 2]`
    In(Box<Expression>, Vec<Expression>),
    /// A function or, in `stats`, an aggregate, by its lower-case name ([`super::FUNCTIONS`], [`super::AGGREGATES`]). `count(*)` has no
    /// argument; `p95(x)` is `pct(x, 95)`.
    Call(String, Vec<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    And,
    Or,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `like`, `=~`: substring or regular expression.
    Like,
    NotLike,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

/// A length of time as people count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    /// At least 1.
    pub count: u32,
    pub unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// Rows of a query without `limit`.
pub const DEFAULT_LIMIT: u32 = 10_000;
/// Most rows a query may have.
pub const MAX_LIMIT: u32 = 100_000;
/// Columns of a query that names none.
pub const DEFAULT_COLUMNS: [&str; 2] = ["@timestamp", "@message"];

/// Columns of the command `pattern`.
pub const PATTERN_COLUMNS: [&str; 4] = ["@pattern", "@sampleCount", "@ratio", "@severityLabel"];

impl LogQuery {
    /// The expressions of the `filter` commands before any other: they can be tested while lines are read.
    pub fn leading_filters(&self) -> impl Iterator<Item = &Expression> {
        self.commands.iter().map_while(|command| match command {
            Command::Filter(expression) => Some(expression),
            _ => None,
        })
    }

    /// The same query with filters in front where that changes nothing: `fields @timestamp | filter x = 1` is the commonest query there
    /// is, and its filter tests lines. What names a value that was computed stays where it is.
    pub fn filters_first(mut self) -> LogQuery {
        let mut defined: Vec<String> = Vec::new();
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        let mut commands = std::mem::take(&mut self.commands).into_iter();
        for command in commands.by_ref() {
            match &command {
                Command::Filter(filter) if !filter.names_any(&defined) => first.push(command),
                Command::Filter(_) | Command::Sort(_) => rest.push(command),
                Command::Fields(columns) | Command::Display(columns) => {
                    let computed = columns.iter().filter(|column| !column.expression.is_field(&column.name));
                    defined.extend(computed.map(|column| column.name.clone()));
                    rest.push(command);
                }
                _ => {
                    rest.push(command);
                    break;
                }
            }
        }
        self.commands = first.into_iter().chain(rest).chain(commands).collect();
        self
    }

    /// Whether there is more to do than to list lines.
    pub fn is_pipeline(&self) -> bool {
        self.commands.iter().any(|command| !matches!(command, Command::Filter(_)))
    }

    /// Whether the rows of the result are aggregates, not lines.
    pub fn is_aggregate(&self) -> bool {
        self.commands.iter().any(|command| matches!(command, Command::Stats { .. } | Command::Pattern(_)))
    }

    /// Most rows of the result: the least of its limits, [`DEFAULT_LIMIT`] without any.
    pub fn limit(&self) -> u32 {
        let limits = self.commands.iter().filter_map(|command| match command {
            Command::Limit(rows) | Command::Tail(rows) => Some(*rows),
            _ => None,
        });
        limits.min().unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT)
    }
}

impl Unit {
    /// Every name of every unit; the first name of each is the printer's.
    const NAMES: [(Unit, &str, &[&str]); 9] = [
        (Unit::Millisecond, "ms", &["msec", "millisecond", "milliseconds"]),
        (Unit::Second, "s", &["sec", "second"]),
        (Unit::Minute, "m", &["min", "minute"]),
        (Unit::Hour, "h", &["hr", "hour"]),
        (Unit::Day, "d", &["day"]),
        (Unit::Week, "w", &["week"]),
        (Unit::Month, "mo", &["mon", "month"]),
        (Unit::Quarter, "q", &["qtr", "quarter"]),
        (Unit::Year, "y", &["yr", "year"]),
    ];

    /// Of `ms`, `minutes`, `hrs`, ... in any case.
    pub fn from_name(name: &str) -> Option<Unit> {
        let name = name.to_ascii_lowercase();
        let plural = name.strip_suffix('s').filter(|singular| singular.len() > 1);
        let is = |known: &str| name == known || plural == Some(known);
        Unit::NAMES.iter().find(|(_, short, others)| is(short) || others.iter().any(|other| is(other))).map(|(unit, ..)| *unit)
    }

    /// As the printer writes it.
    pub fn name(self) -> &'static str {
        Unit::NAMES[self as usize].1
    }
}

impl Period {
    /// Its length; `None` if that depends on the month.
    pub fn nanos(self) -> Option<Nanos> {
        let unit = match self.unit {
            Unit::Millisecond => 1_000_000,
            Unit::Second => time::SECOND,
            Unit::Minute => time::MINUTE,
            Unit::Hour => time::HOUR,
            Unit::Day => time::DAY,
            Unit::Week => 7 * time::DAY,
            Unit::Month | Unit::Quarter | Unit::Year => return None,
        };
        Some(Nanos::from(self.count).saturating_mul(unit))
    }

    /// The beginning of the step of this length that `at` is in. Steps are counted from the epoch, weeks from a Monday; months, quarters
    /// and years are those of the calendar, in UTC.
    pub fn floor(self, at: Nanos) -> Nanos {
        let months = match self.unit {
            Unit::Month => 1,
            Unit::Quarter => 3,
            Unit::Year => 12,
            unit => {
                // The epoch was a Thursday.
                let origin = if unit == Unit::Week { 4 * time::DAY } else { 0 };
                let step = self.nanos().unwrap_or(1).max(1);
                return at.saturating_sub(at.saturating_sub(origin).rem_euclid(step));
            }
        };
        let step = i64::from(self.count.max(1)).saturating_mul(months);
        let (year, month, _) = time::civil(time::day_of(at));
        let month = (year - 1970) * 12 + i64::from(month) - 1;
        month_start(month.saturating_sub(month.rem_euclid(step)))
    }

    /// The beginning of the next step, or `at` itself if a step begins there.
    pub fn ceil(self, at: Nanos) -> Nanos {
        let floor = self.floor(at);
        if floor == at {
            return at;
        }
        match self.nanos() {
            Some(step) => floor.saturating_add(step),
            None => {
                let per = match self.unit {
                    Unit::Year => 12,
                    Unit::Quarter => 3,
                    _ => 1,
                };
                let (year, month, _) = time::civil(time::day_of(floor));
                month_start((year - 1970) * 12 + i64::from(month) - 1 + i64::from(self.count.max(1)).saturating_mul(per))
            }
        }
    }
}

/// When the month began that is so many after January 1970; saturates.
fn month_start(month: i64) -> Nanos {
    // More months than `Nanos` can count.
    let month = month.clamp(-3_600, 3_600);
    time::days_from_civil(1970 + month.div_euclid(12), month.rem_euclid(12) as u32 + 1, 1).saturating_mul(time::DAY)
}

impl Expression {
    /// Whether it uses a field of one of these names, or a path into it.
    fn names_any(&self, names: &[String]) -> bool {
        let any = |parts: &[Expression]| parts.iter().any(|part| part.names_any(names));
        match self {
            Expression::Field(field) => {
                names.iter().any(|name| field.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
            }
            Expression::Not(inner) | Expression::Negative(inner) => inner.names_any(names),
            Expression::Binary(_, left, right) => left.names_any(names) || right.names_any(names),
            Expression::In(left, list) => left.names_any(names) || any(list),
            Expression::Call(_, arguments) => any(arguments),
            _ => false,
        }
    }
}
