//! Spans to columns.

use super::Encoded;
use model::span::Span;
use model::trace::Summary;

/// Encodes up to [`super::MAX_SPANS`] spans, in any order, and any number of summaries.
pub fn encode(spans: &[Span], summaries: &[Summary]) -> Encoded {
    let _ = (spans, summaries);
    panic!("being written")
}
