//! What a query means. Made by the parser, shown by the printer, compiled by each store.

/// A whole query: a filter, then commands after `|`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Query {
    /// `None` matches everything.
    pub filter: Option<Expr>,
    /// In the order written.
    pub pipeline: Vec<Command>,
}

/// A boolean expression over one span.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// At least two.
    And(Vec<Expr>),
    /// At least two.
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// A bare word or a phrase: whole words, case-insensitive, anywhere in the span's texts (see [`Word`]).
    Word(Word),
    /// `key:...`
    Field(Field),
}

/// A bare word, `"a phrase"`, `pre*`, `*mid*`: text in [tokens](tokens), matched case-insensitively in the span's name,
/// service, status message, and every text of its attributes, resource and events. A word that is a whole id also
/// matches the span's trace id, span id or parent id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// As written, without quotes and stars.
    pub text: String,
    /// A star before: the match may begin inside a token.
    pub open_start: bool,
    /// A star after: the match may end inside a token.
    pub open_end: bool,
    /// It was written in quotes.
    pub quoted: bool,
}

/// The tokens of a text: maximal runs of letters, digits and `_` (Unicode letters and digits count).
pub fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c == '_' || c.is_alphanumeric())).filter(|token| !token.is_empty())
}

/// `key:test`.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub key: Key,
    pub test: Test,
}

/// What a key names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A field every span has.
    Span(SpanField),
    /// A field of the span's trace: tests the summary, not the span.
    Trace(TraceField),
    /// An attribute, by its name as written; the store also looks under its other semantic-convention names
    /// ([`crate::semconv::names`]).
    Attribute { scope: Scope, name: String },
}

/// Where an attribute is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// The span's own, then the resource's, then the instrumentation scope's: the first that has it.
    Any,
    /// `span.`
    Span,
    /// `resource.`
    Resource,
    /// `scope.`
    Scope,
    /// `event.`: any event of the span has it. `event.name` is the event's name.
    Event,
}

/// Fields of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SpanField {
    /// `trace_id`, `trace.id`: any dialect of a trace id.
    TraceId,
    /// `span_id`
    SpanId,
    /// `parent_id`; `-parent_id:*` finds roots.
    ParentId,
    /// `name`, `operation`
    Name,
    /// `service`, `service.name`
    Service,
    /// `kind`: unspecified internal server client producer consumer
    Kind,
    /// `status`: unset ok error
    Status,
    /// `status_message`
    StatusMessage,
    /// `duration`, nanoseconds; written as `500ms`, a bare number is milliseconds
    Duration,
    /// `start`, nanoseconds since the epoch; any form of [`crate::time::parse_moment`]
    Start,
    /// `source`: otlp_http, otlp_grpc, ...
    Source,
    /// `dataset`: `x-honeycomb-dataset`
    Dataset,
    /// `key`: name of the ingest key
    IngestKey,
    /// `weight`: the sample weight
    Weight,
    /// `entry`: true or false, see [`crate::span::Span::is_entry`]
    Entry,
    /// `self`: true or false, the span's target is Clew itself
    ToSelf,
    /// `events`: number of span events
    Events,
    /// `links`: number of span links
    Links,
}

/// Fields of a trace's summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TraceField {
    /// `trace.duration`, nanoseconds
    Duration,
    /// `trace.spans`
    Spans,
    /// `trace.errors`
    Errors,
    /// `trace.service`: any service of the trace
    Service,
    /// `trace.root`, name of the root span
    Root,
    /// `trace.root_service`
    RootService,
    /// `trace.source`: any source of the trace
    Source,
}

/// What must hold of a key's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// `key:*`
    Exists,
    /// `key:value`, `key:"value"`: numbers compare as numbers when both sides are numbers, all else as exact text.
    Equals(Literal),
    /// `key:pre*`, `key:*mid*`, `key:a*b`: stars match anything, the rest is exact text. Split at the stars, so there are at least two parts.
    Wildcard(Vec<String>),
    /// `key:>5`, `key:>=500ms`, `key:<2`, `key:<=2`, numbers only. `key:1..5` is parsed as `>=1 AND <=5`.
    Compare(Cmp, Literal),
    /// `key:/regex/`, unanchored, syntax of the `regex` crate; `/regex/i` ignores case.
    Regex { pattern: String, ignore_case: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cmp {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A value as written, and what it means where a number is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    pub text: String,
    /// The number, if the text is one: a decimal number; or for keys that are durations (`duration`, `trace.duration`)
    /// nanoseconds; or for `start` nanoseconds since the epoch. The parser, which knows the key, fills it.
    pub number: Option<f64>,
}

/// A pipeline command. Logs add the others of CloudWatch Logs Insights.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `stats count(*), pct(duration, 95) as p95 by http.route, bin(5m)`
    Stats(Stats),
    /// `sort p95 desc`: by a column of the stats result.
    Sort { column: String, descending: bool },
    /// `limit 20`
    Limit(u32),
}

/// Aggregates over the spans (not traces) that match the filter.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Stats {
    /// At least one.
    pub measures: Vec<Measure>,
    /// Group keys; a span without one of them is in the group where it is null.
    pub by: Vec<Key>,
    /// `bin(5m)`: also group by start time in steps of so many nanoseconds.
    pub bin: Option<i64>,
}

/// One column of a stats result.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    pub function: Function,
    /// Column name: `as` name, else the text of the call.
    pub name: String,
}

/// Every function counts a span as often as its sample weight says.
#[derive(Clone, Debug, PartialEq)]
pub enum Function {
    /// `count(*)`, `count()`
    Count,
    /// `count(key)`: spans that have it.
    CountKey(Key),
    /// `errors()`: spans with status error.
    Errors,
    /// `count_distinct(key)`: not weighted.
    CountDistinct(Key),
    Sum(Key),
    Avg(Key),
    /// Not weighted.
    Min(Key),
    /// Not weighted.
    Max(Key),
    /// `pct(key, 95)`, `p95(key)`: the smallest value with at least so many percent of the weight at or below it.
    Percentile(Key, f64),
}

/// Why a text is not a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Byte offset in the text where it went wrong.
    pub position: usize,
    /// What was expected, for a person: "expected a value after `service:`".
    pub message: String,
}
