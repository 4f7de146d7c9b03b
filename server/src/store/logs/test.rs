//! The seam between the query language and the log store: a test on one line, and what a block must have for any of its lines to
//! pass.

use super::block::Meta;
use model::log::{Line, Origin, Severity, TraceLink};
use model::time::Nanos;

/// A line as a test sees it: nothing is copied, and its trace is worked out only if it is asked for.
pub struct LineRef<'a> {
    pub seq: u64,
    pub time: Nanos,
    pub received_at: Nanos,
    pub origin: &'a Origin,
    pub severity: Severity,
    pub severity_sent: Severity,
    pub message: &'a str,
    /// A JSON object or empty.
    pub attributes: &'a str,
    /// Identifies the line's pattern; 0 while the line is not sealed.
    pub pattern: u32,
    pub trace: &'a dyn Fn() -> Option<TraceLink>,
}

/// Parts of lines that are stored apart and need not be read by all. What every line has in numbers (times, severity, origin) is not
/// counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Reads {
    pub message: bool,
    pub attributes: bool,
    pub trace: bool,
    pub pattern: bool,
}

impl Reads {
    pub const NONE: Reads = Reads { message: false, attributes: false, trace: false, pattern: false };
    pub const ALL: Reads = Reads { message: true, attributes: true, trace: true, pattern: true };

    pub fn and(self, other: Reads) -> Reads {
        Reads {
            message: self.message || other.message,
            attributes: self.attributes || other.attributes,
            trace: self.trace || other.trace,
            pattern: self.pattern || other.pattern,
        }
    }
}

/// A test on one line.
pub trait LineTest: Send + Sync {
    fn test(&self, line: &LineRef) -> bool;

    /// What must hold of a block for one of its lines to pass.
    fn need(&self) -> &Need;

    /// What of a line the test looks at: the rest may be empty.
    fn reads(&self) -> Reads;

    /// What the message of every line of the block that passes contains, to find candidates among many messages at once. A match never
    /// depends on what is around it; one that touches two messages means nothing, the search goes on at the beginning of the second.
    fn must_contain(&self, block: &Meta) -> Option<&regex::bytes::Regex> {
        _ = block;
        None
    }
}

/// What must hold of a block. Every variant errs on the side of "may pass".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Any block may do.
    Nothing,
    /// No block does.
    Never,
    /// A text in it has this token, case aside ([`model::query::ast::tokens`]), lower case: a message, a value of the attributes, the
    /// stream, service or logger (the words of a search); a key or value within attributes and resource as they stand in the JSON; a
    /// span id.
    Token(String),
    /// A line of it belongs to this trace: 32 hex digits, lower case.
    Trace(String),
    /// Its lines are of this group, service, stream, host, environment or logger.
    Origin(OriginField, String),
    /// It has a line of one of these levels, as bits by [`model::log::Level`].
    Levels(u8),
    All(Vec<Need>),
    Any(Vec<Need>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OriginField {
    Group,
    Stream,
    Service,
    Environment,
    Host,
    Logger,
    Source,
}

impl OriginField {
    pub fn of(self, origin: &Origin) -> &str {
        match self {
            OriginField::Group => &origin.group,
            OriginField::Stream => &origin.stream,
            OriginField::Service => &origin.service,
            OriginField::Environment => &origin.environment,
            OriginField::Host => &origin.host,
            OriginField::Logger => &origin.logger,
            OriginField::Source => &origin.source,
        }
    }
}

/// A whole line, seen by a test.
pub fn line_ref<'a>(line: &'a Line, trace: &'a dyn Fn() -> Option<TraceLink>) -> LineRef<'a> {
    LineRef {
        seq: line.seq,
        time: line.time,
        received_at: line.received_at,
        origin: &line.origin,
        severity: line.severity,
        severity_sent: line.severity_sent,
        message: &line.message,
        attributes: &line.attributes,
        pattern: 0,
        trace,
    }
}
