//! `/t/{trace_id}`: one trace.

use super::pairs::{Pairs, Writer};
use model::id::{SpanId, TraceId};
use model::waterfall::View;
use std::fmt;

/// `/t/4bf92f3577b34da6a3ce929d0e0e4736?span=00f067aa0ba902b7&q=...`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    pub id: TraceId,
    /// All that the parameters say; the browser reads and writes the same ones, hence in `model`.
    pub view: View,
}

impl Trace {
    /// The page as it first opens.
    pub fn of(id: TraceId) -> Trace {
        Trace { id, view: View::default() }
    }

    /// The page with a span open, if one is given, and a search inside.
    pub fn at(id: TraceId, span: Option<SpanId>, query: &str) -> Trace {
        Trace { id, view: View { span: span.map(Into::into), query: query.to_owned(), ..View::default() } }
    }

    /// Reads a query string.
    pub fn parse(id: TraceId, search: &str) -> Trace {
        Trace { id, view: View::read(Pairs::parse(search).iter()) }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut to = Writer::new(f, &format!("/t/{}", self.id))?;
        self.view.pairs().into_iter().try_for_each(|(name, value)| to.pair(name, value))
    }
}
