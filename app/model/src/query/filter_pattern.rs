//! CloudWatch Logs' filter patterns, as `FilterLogEvents` takes them: `ERROR -timeout`, `{ $.status >= 500 }`, `[ip, ..., bytes > 1000]`.
//!
//! Source: AWS, "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail". Patterns are
//! case-sensitive. Regular expressions are parsed, not compiled, here.

mod parse;

pub use parse::parse;

/// A filter pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum FilterPattern {
    /// Every line: an empty pattern.
    All,
    Terms(Terms),
    /// The message is a JSON value of which this holds.
    Json(Condition),
    Columns(Columns),
}

/// Terms anywhere in the message. Where there are terms without a `?`, those with one are ignored, as AWS does.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Terms {
    /// `A "b c"`: each of them.
    pub all: Vec<Term>,
    /// `?A ?B`: at least one of them.
    pub any: Vec<Term>,
    /// `-A`: none of them.
    pub none: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// Whole words ([`super::ast::tokens`]), in this very form.
    Text(String),
    /// `%re%`, found anywhere.
    Regex(String),
}

/// What must hold of a JSON message, or of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// At least two.
    And(Vec<Condition>),
    /// At least two.
    Or(Vec<Condition>),
    /// Of the value at this path; the path is empty for columns.
    Value(Vec<Step>, ValueTest),
}

/// A step of `$.a[0]['b c']`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Index(usize),
}

/// What must hold of a value. Objects, arrays and what is not there pass none but [`ValueTest::Missing`].
#[derive(Clone, Debug, PartialEq)]
pub enum ValueTest {
    Compare(Comparison, Operand),
    IsNull,
    IsTrue,
    IsFalse,
    /// `NOT EXISTS`
    Missing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// Split at the stars, which match anything; one part if there are none. A number, unless it was written in quotes, compares
    /// as one with numbers.
    Value { parts: Vec<String>, number: Option<f64> },
    /// Only with [`Comparison::Equal`] and [`Comparison::NotEqual`].
    Regex(String),
}

/// `[a, b = x, ...]`: columns are separated by white space; what stands in `[]` or `""` is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    /// A condition for each column, without the `...`.
    pub columns: Vec<Option<Condition>>,
    /// Where the `...` stands: so many columns are before it. Without it the number of columns must be the same.
    pub gap: Option<usize>,
}
