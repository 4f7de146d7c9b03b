//! What a query means. Made by the parser, shown by the printer, compiled by each store.
//!
//! # How a span is tested
//!
//! - All terms of a query hold on ONE span; `trace.*` terms test the summary of that span's trace, spans that arrived after
//!   `as_of` included.
//! - Logic has two values: a test on a key the span does not have is false, its negation true.
//! - **Attributes**: scope by scope in the order of [`Scope::Any`], under every name of [`crate::semconv::names`], the current
//!   name first; the first value found is the one tested. With [`Scope::Event`] this is done on each event, and any will do.
//! - **Text** of a value that is not a text is its `Display`. **Numbers** are `Int` and `Float`, compared as `f64`; a text is
//!   never a number, NaN never compares. On a `List` a test holds if it holds on any element or on the JSON text of the whole.
//! - Fields that are empty when the sender gave nothing (`parent_id`, `status_message`, `dataset`, `key`) are then absent.
//! - In facets and stats a key has one value: of events the first that has it, of a list its JSON text, and `trace.*` has none.

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

/// A bare word, `"a phrase"`, `pre*`, `*mid*`: text in [tokens](tokens), matched case-insensitively ([`Word::found_in`]) in
/// the span's name, service, status message, the names of its events, and every text (`Str`, also within lists and maps)
/// of the attributes of span, resource and events. A word without stars that is an id also matches the span's trace id,
/// span id or parent id.
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

impl Query {
    /// Whether spans whose target is Clew itself take part: the query names `self`.
    pub fn names_self(&self) -> bool {
        self.filter.as_ref().is_some_and(Expr::names_self)
    }
}

impl Expr {
    fn names_self(&self) -> bool {
        match self {
            Expr::And(parts) | Expr::Or(parts) => parts.iter().any(Expr::names_self),
            Expr::Not(inner) => inner.names_self(),
            Expr::Word(_) => false,
            Expr::Field(field) => field.key == Key::Span(SpanField::ToSelf),
        }
    }
}

impl Word {
    /// Whether the tokens of this word stand one after the other among the tokens of `text`, case aside ([`fold`]). With a
    /// star before, the first need only be the end of a token; with a star after, the last need only be the start of one.
    pub fn found_in(&self, text: &str) -> bool {
        let wanted: Vec<String> = tokens(&self.text).map(fold).collect();
        let Some(last) = wanted.len().checked_sub(1) else { return false };
        let there: Vec<String> = tokens(text).map(fold).collect();
        there.windows(wanted.len()).any(|window| {
            window.iter().zip(&wanted).enumerate().all(|(n, (token, wanted))| {
                match (self.open_start && n == 0, self.open_end && n == last) {
                    (true, true) => token.contains(wanted.as_str()),
                    (true, false) => token.ends_with(wanted.as_str()),
                    (false, true) => token.starts_with(wanted.as_str()),
                    (false, false) => token == wanted,
                }
            })
        })
    }
}

/// A text without case: every character in lower case by itself, so that folding a part is a part of the folded whole.
pub fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The tokens of a text: maximal runs of letters, digits and `_` (Unicode letters and digits count).
pub fn tokens(text: &str) -> impl Iterator<Item = &str> + Clone {
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
    /// Tested on texts; numbers too by their `Display`. `key:/regex/`, unanchored, syntax of the `regex` crate; `/regex/i` ignores case.
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
    /// As written; of ids and of fields with few values (`status`, `kind`, `entry`, `self`) the one way Clew writes it.
    pub text: String,
    /// The number, if the text is one: a finite decimal number; or for keys that are durations (`duration`, `trace.duration`)
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

/// Aggregates over the spans (not traces) that match the filter. Without group keys and bin there is always one row; with
/// them, a row for each group that has a span. Keys are never `trace.*`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Stats {
    /// At least one.
    pub measures: Vec<Measure>,
    /// Group keys; a span without one of them is in the group where it is null. Numbers group as `f64`, all else as text.
    pub by: Vec<Key>,
    /// `bin(5m)`: also group by start time in steps of so many nanoseconds (positive), counted from the epoch.
    pub bin: Option<i64>,
}

/// One column of a stats result.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    pub function: Function,
    /// Column name: `as` name, else the call as the printer writes it (`p95(duration)`).
    pub name: String,
}

/// Every function counts a span as often as its sample weight says. Sum, average, minimum, maximum and percentile look at
/// numbers only (and not at NaN) and are null where there are none.
#[derive(Clone, Debug, PartialEq)]
pub enum Function {
    /// `count(*)`, `count()`
    Count,
    /// `count(key)`: spans that have it.
    CountKey(Key),
    /// `errors()`: spans with status error.
    Errors,
    /// `count_distinct(key)`: distinct values by their text, not weighted.
    CountDistinct(Key),
    Sum(Key),
    Avg(Key),
    /// Not weighted.
    Min(Key),
    /// Not weighted.
    Max(Key),
    /// `p95(key)`, `pct(key, 95)`, from 0 to 100: the smallest value with at least so many percent of the weight at or below it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole_tokens_in_a_row() {
        let word = |text: &str| {
            let inner = text.trim_matches('*');
            Word { text: inner.into(), open_start: text.starts_with('*'), open_end: text.ends_with('*'), quoted: false }
        };
        for (written, text, found) in [
            ("messages", "GET /api/Messages", true),
            ("message", "GET /api/messages", false),
            ("api messages", "GET /api/messages", true),
            ("get messages", "GET /api/messages", false),
            ("mess*", "GET /api/messages", true),
            ("*ages", "GET /api/messages", true),
            ("*ssag*", "GET /api/messages", true),
            ("*i mess*", "GET /api/messages", true),
            ("user", "user_id", false),
            ("ÄRGER", "großer ärger", true),
            ("--", "--", false),
        ] {
            assert_eq!(word(written).found_in(text), found, "{written} in {text}");
        }
    }
}
