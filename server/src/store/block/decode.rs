//! Columns to spans.

use super::{Bitmap, Columns, Corrupt, Meta};
use model::id::{SpanId, TraceId};
use model::span::Span;
use model::trace::Summary;

/// Spans of the block in row order; only `rows` if given. Needs [`Meta::span_columns`].
pub fn spans(meta: &Meta, columns: &Columns, rows: Option<&Bitmap>) -> Result<Vec<Span>, Corrupt> {
    let _ = (meta, columns, rows);
    panic!("being written")
}

/// Rows of one trace's spans (a run), empty if it is not in the block. Needs `TRACES`.
pub fn spans_of_trace(
    meta: &Meta,
    columns: &Columns,
    id: TraceId,
) -> Result<std::ops::Range<usize>, Corrupt> {
    let _ = (meta, columns, id);
    panic!("being written")
}

/// Trace ids of the block's spans in row order with their number of rows. Needs `TRACES`.
pub fn traces(meta: &Meta, columns: &Columns) -> Result<Vec<(TraceId, u32)>, Corrupt> {
    let _ = (meta, columns);
    panic!("being written")
}

/// Span ids in row order. Needs `SPAN_ID`.
pub fn span_ids(meta: &Meta, columns: &Columns) -> Result<Vec<SpanId>, Corrupt> {
    let _ = (meta, columns);
    panic!("being written")
}

/// Trace summaries in the order they were given to `encode`. Needs `SUMMARIES`.
pub fn summaries(meta: &Meta, columns: &Columns) -> Result<Vec<Summary>, Corrupt> {
    let _ = (meta, columns);
    panic!("being written")
}
