//! X-Ray's filter expressions: what they mean. [`parse`] makes them from text, [`super::matching`] tests them on a trace.
//!
//! Source: X-Ray developer guide, "Using filter expressions". Keywords and operators are read in any case, values are
//! compared as they are. A test on what a trace does not have is false, and its negation true.

mod parse;
mod tokens;

pub use parse::parse;

/// A boolean expression over a trace; inside of the braces of `service` and `edge`, over one node or one call.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// At least two.
    And(Vec<Expr>),
    /// At least two.
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// The group that every account has: `group.name = "Default"`.
    Everything,
    Flag(Flag),
    Number(Number, Cmp, f64),
    Text(Text, TextOp, String),
    /// `annotation.key`: there is one, of which the test holds.
    Annotation(String, Option<Test>),
    /// `service("name") { ... }`: some node of that name is there, of which the expression holds.
    Service(Selector, Option<Box<Expr>>),
    /// `edge("from", "to") { ... }`: a call from one to the other, of which the expression holds.
    Edge(Selector, Selector, Option<Box<Expr>>),
    /// `rootcause.fault.service { ... }`: a root cause has a part of which the expression holds.
    RootCause(Why, Part, Option<Box<Expr>>),
}

/// What is true or false. Of a trace, `ok`, `error`, `fault` and `throttle` look at its root alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    Ok,
    Error,
    Fault,
    Throttle,
    Partial,
    Inferred,
    /// Only of a node: it is the trace's entry.
    Root,
    /// Only of a part of a root cause.
    First,
    Last,
    Remote,
}

/// What is a number; times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// Of the root, the node or the call.
    ResponseTime,
    /// Of the whole trace.
    Duration,
    HttpStatus,
    /// Only of a part of a root cause: its place, from 0.
    Index,
    /// The same: its share of the response time, 0 to 1.
    Coverage,
}

/// What is a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    HttpUrl,
    HttpMethod,
    HttpUserAgent,
    HttpClientIp,
    User,
    /// Only of a node or of a part of a root cause: its name.
    Name,
    /// Only of a part of a root cause: the type of a service or an exception.
    Type,
    /// The same: what an exception says.
    Message,
    AvailabilityZone,
    InstanceId,
    ResourceArn,
}

/// What a root cause is the cause of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Fault,
    Error,
    ResponseTime,
}

/// What a root cause is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Service,
    /// A segment or subsegment.
    Entity,
    Exception,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cmp {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextOp {
    Equal,
    NotEqual,
    Contains,
    BeginsWith,
    EndsWith,
}

/// What must hold of an annotation, which may be a number, a text or a truth.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    Number(Cmp, f64),
    Text(TextOp, String),
    Truth(bool),
}

/// Which nodes: those that have all that is given.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Selector {
    pub name: Option<String>,
    /// `AWS::DynamoDB::Table`, `client`, `remote`, ...
    pub kind: Option<String>,
    pub account: Option<String>,
}

/// Why a text is no filter expression, or none that is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Byte offset in the text.
    pub position: usize,
    pub message: String,
}

impl std::fmt::Display for FilterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Invalid filter expression at position {}: {}.", self.position, self.message)
    }
}

impl Cmp {
    pub fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Cmp::Equal => a == b,
            Cmp::NotEqual => a != b,
            Cmp::Less => a < b,
            Cmp::LessOrEqual => a <= b,
            Cmp::Greater => a > b,
            Cmp::GreaterOrEqual => a >= b,
        }
    }
}

impl TextOp {
    pub fn holds(self, text: &str, wanted: &str) -> bool {
        match self {
            TextOp::Equal => text == wanted,
            TextOp::NotEqual => text != wanted,
            TextOp::Contains => text.contains(wanted),
            TextOp::BeginsWith => text.starts_with(wanted),
            TextOp::EndsWith => text.ends_with(wanted),
        }
    }
}

#[cfg(test)]
mod tests;
