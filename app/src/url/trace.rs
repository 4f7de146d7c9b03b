//! `/t/{trace_id}`: one trace.

use super::pairs::{Pairs, Writer};
use model::id::{SpanId, TraceId};
use std::fmt;

/// `/t/4bf92f3577b34da6a3ce929d0e0e4736?span=00f067aa0ba902b7&q=...`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    pub id: TraceId,
    /// The open span.
    pub span: Option<SpanId>,
    /// Search inside the trace.
    pub query: String,
}

impl Trace {
    /// The page as it first opens.
    pub fn of(id: TraceId) -> Trace {
        Trace { id, span: None, query: String::new() }
    }

    /// Reads a query string.
    pub fn parse(id: TraceId, search: &str) -> Trace {
        let pairs = Pairs::parse(search);
        Trace {
            id,
            span: pairs.get("span").and_then(|text| text.parse().ok()),
            query: pairs.get("q").unwrap_or_default().to_owned(),
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut to = Writer::new(f, &format!("/t/{}", self.id))?;
        if let Some(span) = self.span {
            to.pair("span", span)?;
        }
        to.pair("q", &self.query)
    }
}
