//! `/find?id=`: the box in the frame that takes anything that names a request, and where it leads.

use super::errors::ErrorPage;
use super::pairs::Pairs;
use super::trace::Trace;
use super::traces::Traces;
use super::{Range, pairs::Writer};
use model::id::{SpanId, TraceId};
use model::time::DAY;
use std::fmt;

/// `/find?id=...`; answers with a redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Find {
    pub text: String,
}

impl Find {
    /// Reads a query string.
    pub fn parse(search: &str) -> Find {
        Find { text: Pairs::parse(search).get("id").unwrap_or_default().to_owned() }
    }
}

impl fmt::Display for Find {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Writer::new(f, "/find")?.pair("id", &self.text)
    }
}

/// Where a text leads.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    Trace(Trace),
    /// Not an id of a trace: a search.
    Traces(Traces),
    Error(ErrorPage),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Trace(url) => url.fmt(f),
            Found::Traces(url) => url.fmt(f),
            Found::Error(url) => url.fmt(f),
        }
    }
}

/// What a pasted text names: `#12`, the number of an error; 32 hex digits, X-Ray's `1-x-y` or a whole trace header, a `traceparent`, a UUID, a URL or a
/// log line with one of these in it, a span id; else it is a query.
pub fn find(text: &str) -> Found {
    let text = text.trim();
    if let Some(number) = text.strip_prefix('#').and_then(|digits| digits.parse().ok()) {
        return Found::Error(ErrorPage::of(number));
    }
    if let Some(trace) = whole(text) {
        return Found::Trace(trace);
    }
    if let Ok(span) = text.parse::<SpanId>() {
        return Found::Traces(Traces::of(format!("span_id:{span}"), WIDE));
    }
    // A query is full of words and colons too: an id inside a longer text counts only in what is clearly pasted.
    let pasted = text.contains("://") || text.contains("Root=") || text.starts_with('/') || !text.contains(':') && text.len() > 32;
    match pasted.then(|| inside(text)).flatten() {
        Some(trace) => Found::Trace(trace),
        None => Found::Traces(Traces::of(text, Range::default())),
    }
}

/// The range in which a lone span id is looked for.
const WIDE: Range = Range::Last(30 * DAY);

/// A text that is an id and nothing else.
fn whole(text: &str) -> Option<Trace> {
    if let Ok(id) = text.parse::<TraceId>() {
        let parts: Vec<&str> = text.split('-').collect();
        let span = match parts.as_slice() {
            // A traceparent names the span too.
            [_, _, span, _] => span.parse().ok(),
            _ => None,
        };
        return Some(Trace::at(id, span, ""));
    }
    // A UUID is how some loggers write a trace id.
    let uuid = text.len() == 36 && text.bytes().enumerate().all(|(n, b)| (b == b'-') == matches!(n, 8 | 13 | 18 | 23));
    uuid.then(|| text.replace('-', "").parse().ok()).flatten().map(Trace::of)
}

/// The first id in a longer text, and the span id after it if there is one.
fn inside(text: &str) -> Option<Trace> {
    let words: Vec<&str> = text.split(|c: char| !(c == '-' || c.is_ascii_alphanumeric())).filter(|word| !word.is_empty()).collect();
    let at = words.iter().position(|word| whole(word).is_some())?;
    let mut trace = whole(words[at])?;
    if trace.view.span.is_none() {
        trace.view.span = words[at + 1..].iter().find_map(|word| word.parse().ok());
    }
    Some(trace)
}
