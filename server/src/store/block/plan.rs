//! A query compiled for blocks.

use super::{Bitmap, Columns, Corrupt, Meta};
use model::id::{SpanId, TraceId};
use model::port::Problem;
use model::query::ast::Query;
use model::time::{Nanos, Range};
use model::trace::Summary;
use std::collections::HashMap;

/// A query's filter, ready for blocks. The same plan serves every block of a search, from several threads.
pub struct Plan {}

/// One trace with matching spans in one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    pub trace_id: TraceId,
    /// Spans of the trace in this block, matching or not, dead or not. If it equals the summary's `spans`, the trace has no
    /// spans elsewhere.
    pub in_block: u32,
    /// Matching rows of this block.
    pub matched: u32,
    /// The matching span with the smallest (start, id) in this block.
    pub first: (Nanos, SpanId),
}

impl Plan {
    /// `Problem::Bad` if a regex does not compile. `self:true` spans are left out unless the query names `self`.
    pub fn new(query: &Query) -> Result<Plan, Problem> {
        let _ = query;
        panic!("being written")
    }

    /// Whether the query matches every span (and there are no hidden ones to leave out in this block): then a list needs summaries only.
    pub fn matches_all(&self, meta: &Meta) -> bool {
        let _ = meta;
        panic!("being written")
    }

    /// Whether the query has no filter at all.
    pub fn is_unfiltered(&self) -> bool {
        panic!("being written")
    }

    /// Whether a term tests the trace's summary: then `select` without summaries gives candidates only.
    pub fn needs_summaries(&self) -> bool {
        panic!("being written")
    }

    /// `false`: no span of the block can match, from the bounds and the directory alone.
    pub fn may_match(&self, meta: &Meta) -> bool {
        let _ = meta;
        panic!("being written")
    }

    /// Whether [`Plan::may_match_bloom`] can rule a block out: worth reading column `BLOOM` first.
    pub fn uses_bloom(&self) -> bool {
        panic!("being written")
    }

    /// `false`: no span of the block can match, by its bloom filter (framed column `BLOOM`).
    pub fn may_match_bloom(&self, framed: &[u8]) -> Result<bool, Corrupt> {
        let _ = framed;
        panic!("being written")
    }

    /// The columns `select` needs in this block.
    pub fn columns(&self, meta: &Meta) -> Vec<u16> {
        let _ = meta;
        panic!("being written")
    }

    /// Rows that match, without `dead` ones, those with `seq > as_of`, those whose start is outside `range`, and hidden ones.
    /// With `summaries`, `trace.*` terms are tested on them (a trace without one fails them); without, such terms hold, negated or not.
    pub fn select(
        &self,
        meta: &Meta,
        columns: &Columns,
        scope: &Rows,
        summaries: Option<&HashMap<TraceId, Summary>>,
    ) -> Result<Bitmap, Corrupt> {
        let _ = (meta, columns, scope, summaries);
        panic!("being written")
    }

    /// Which columns [`hits`] needs.
    pub fn hit_columns() -> [u16; 3] {
        use super::number::*;
        [TRACES, START, SPAN_ID]
    }
}

/// Which rows of a block exist for a read.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    pub dead: Option<&'a Bitmap>,
    pub as_of: Option<u64>,
    /// By span start; `Range::ALL` for trace searches, whose range is about the summary.
    pub range: Range,
}

/// The traces of selected rows, in row order. Needs [`Plan::hit_columns`].
pub fn hits(meta: &Meta, columns: &Columns, rows: &Bitmap) -> Result<Vec<Hit>, Corrupt> {
    let _ = (meta, columns, rows);
    panic!("being written")
}
