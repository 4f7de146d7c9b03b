//! What a query over log lines means: the filter of every search box, then the commands of CloudWatch Logs Insights.
//!
//! A field's name is as in the query text, without backticks: `@message`, `level`, `request.items.0.id`. A value is null, a number, a text
//! or a truth; fields that a line does not have are null. Comparison is by number if both sides are numbers or texts that read as
//! numbers, else by text; with null it is false. `like "x"` is a case-sensitive substring.

use super::ast::Expr;
use super::filter_pattern::FilterPattern;

/// A query over log lines.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct LogQuery {
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
    /// Literal texts around the stars, one more than `names`, and a name for each star.
    Glob { literals: Vec<String>, names: Vec<String> },
    /// Named groups become fields.
    Regex(Regex),
}

/// A regular expression in the syntax of the `regex` crate. Parsed, not compiled, here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Regex {
    pub pattern: String,
    pub ignore_case: bool,
}

/// An expression over one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    Field(String),
    Number(f64),
    Text(String),
    Truth(bool),
    Null,
    /// `5m` as an argument, nanoseconds.
    Period(i64),
    /// The last argument of `parse`, `like`, `=~` and `replace`.
    Regex(Regex),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// `a in [1, 2]`
    In(Box<Expression>, Vec<Expression>),
    /// A function or, in `stats`, an aggregate, by its lower-case name. `count(*)` has no argument.
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

impl LogQuery {
    /// The expressions of the `filter` commands before any other: they can be tested while lines are read.
    pub fn leading_filters(&self) -> impl Iterator<Item = &Expression> {
        self.commands.iter().map_while(|command| match command {
            Command::Filter(expression) => Some(expression),
            _ => None,
        })
    }

    /// Whether there is more to do than to list lines.
    pub fn is_pipeline(&self) -> bool {
        self.commands.iter().any(|command| !matches!(command, Command::Filter(_)))
    }
}
