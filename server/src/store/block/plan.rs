//! A query compiled for blocks: which blocks may match, which columns tell, which rows do.

use super::bloom;
use super::decode;
use super::matcher::Matcher;
use super::scan::Scan;
use super::word::WordMatcher;
use super::{Bitmap, Columns, Corrupt, Meta, bytes, number};
use model::id::{SpanId, TraceId};
use model::port::Problem;
use model::query::ast::{Expr, Key, Query, Scope, SpanField, TraceField, tokens};
use model::semconv;
use model::time::{Nanos, Range};
use model::trace::Summary;
use std::collections::HashMap;

/// A query's filter, ready for blocks. The same plan serves every block of a search, from several threads.
pub struct Plan {
    root: Node,
    names_self: bool,
    needs_summaries: bool,
}

/// The filter with negations pushed down to the leaves.
pub(super) enum Node {
    All,
    And(Vec<Node>),
    Or(Vec<Node>),
    Leaf { leaf: Leaf, negated: bool },
}

/// One term.
pub(super) enum Leaf {
    Word {
        word: WordMatcher,
        trace: Option<TraceId>,
        span: Option<SpanId>,
    },
    Span(SpanField, Matcher),
    Trace(TraceField, Matcher),
    /// Every name of the attribute, the current one first.
    Attribute {
        scope: Scope,
        names: Vec<String>,
        matcher: Matcher,
    },
}

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

/// Which rows of a block exist for a read.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    pub dead: Option<&'a Bitmap>,
    pub as_of: Option<u64>,
    /// By span start; `Range::ALL` for trace searches, whose range is about the summary.
    pub range: Range,
}

impl Plan {
    /// `Problem::Bad` if a regex does not compile. `self:true` spans are left out unless the query names `self`.
    pub fn new(query: &Query) -> Result<Plan, Problem> {
        let mut needs_summaries = false;
        let root = match &query.filter {
            None => Node::All,
            Some(filter) => compile(filter, false, &mut needs_summaries)?,
        };
        Ok(Plan { root, names_self: query.names_self(), needs_summaries })
    }

    /// Whether the query matches every span of this block: then a list needs its summaries only.
    pub fn matches_all(&self, meta: &Meta) -> bool {
        self.is_unfiltered() && !self.hides(meta)
    }

    /// Whether the query has no filter at all.
    pub fn is_unfiltered(&self) -> bool {
        matches!(self.root, Node::All)
    }

    /// Whether a term tests the trace's summary: then `select` without summaries gives candidates only.
    pub fn needs_summaries(&self) -> bool {
        self.needs_summaries
    }

    fn hides(&self, meta: &Meta) -> bool {
        meta.to_self && !self.names_self
    }

    /// `false`: no span of the block can match, from the bounds and the directory alone.
    pub fn may_match(&self, meta: &Meta) -> bool {
        meta.spans > 0 && may_match(&self.root, meta)
    }

    /// Whether [`Plan::may_match_bloom`] can rule a block out: worth reading column `BLOOM` first.
    pub fn uses_bloom(&self) -> bool {
        // An empty filter has nothing, so it lets pass only what no filter can rule out.
        let nothing = bloom::build(&mut Vec::new());
        !may_match_bloom(&self.root, &nothing).unwrap_or(true)
    }

    /// `false`: no span of the block can match, by its bloom filter (framed column `BLOOM`).
    pub fn may_match_bloom(&self, framed: &[u8]) -> Result<bool, Corrupt> {
        may_match_bloom(&self.root, &bytes::unframe(framed)?)
    }

    /// The columns `select` needs in this block (with summaries, if it [needs](Plan::needs_summaries) them).
    pub fn columns(&self, meta: &Meta, rows: &Rows) -> Vec<u16> {
        let mut numbers = Vec::new();
        if self.needs_summaries {
            numbers.push(number::TRACES);
        }
        if self.hides(meta) {
            numbers.push(number::TO_SELF);
        }
        if seq_matters(meta, rows) {
            numbers.push(number::SEQ);
        }
        if range_matters(meta, rows) {
            numbers.push(number::START);
        }
        self.root.columns(meta, &mut numbers);
        numbers.sort_unstable();
        numbers.dedup();
        numbers
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
        let mut rows = Bitmap::all(meta.spans as usize);
        if let Some(dead) = scope.dead {
            rows.and_not(dead);
        }
        if self.hides(meta)
            && let Some(to_self) = decode::to_self(meta, columns)?
        {
            rows.and_not(&to_self);
        }
        if seq_matters(meta, scope) {
            let seq = decode::deltas(meta, columns, number::SEQ)?;
            let last = scope.as_of.unwrap_or(u64::MAX);
            rows.and(&Bitmap::from_fn(seq.len(), |row| seq[row].cast_unsigned() <= last));
        }
        if range_matters(meta, scope) {
            let start = decode::deltas(meta, columns, number::START)?;
            rows.and(&Bitmap::from_fn(start.len(), |row| scope.range.contains(start[row])));
        }
        if !rows.is_empty() {
            let mut scan = Scan::new(meta, columns, summaries);
            rows.and(&scan.rows(&self.root)?);
        }
        Ok(rows)
    }

    /// Which columns [`hits`] needs.
    pub fn hit_columns() -> [u16; 3] {
        [number::TRACES, number::START, number::SPAN_ID]
    }
}

/// The traces of selected rows, in row order. Needs [`Plan::hit_columns`].
pub fn hits(meta: &Meta, columns: &Columns, rows: &Bitmap) -> Result<Vec<Hit>, Corrupt> {
    let start = decode::deltas(meta, columns, number::START)?;
    let ids = decode::span_ids(meta, columns)?;
    let mut selected = rows.iter().peekable();
    let mut found = Vec::new();
    for (trace_id, run) in decode::runs(meta, columns)? {
        let Some(first) = selected.next_if(|row| *row < run.end) else { continue };
        // Rows of a run are by (start, id): the first selected one is the earliest.
        let mut matched = 1;
        while selected.next_if(|row| *row < run.end).is_some() {
            matched += 1;
        }
        found.push(Hit { trace_id, in_block: run.len() as u32, matched, first: (start[first], ids[first]) });
    }
    Ok(found)
}

fn seq_matters(meta: &Meta, rows: &Rows) -> bool {
    rows.as_of.is_some_and(|last| meta.seq.max.cast_unsigned() > last)
}

fn range_matters(meta: &Meta, rows: &Rows) -> bool {
    !rows.range.covers(meta.start.min, meta.start.max)
}

fn compile(expr: &Expr, negated: bool, needs_summaries: &mut bool) -> Result<Node, Problem> {
    let mut parts = |parts: &[Expr]| parts.iter().map(|part| compile(part, negated, needs_summaries)).collect::<Result<Vec<_>, _>>();
    let leaf = match expr {
        // De Morgan.
        Expr::And(inner) if negated => return Ok(Node::Or(parts(inner)?)),
        Expr::Or(inner) if negated => return Ok(Node::And(parts(inner)?)),
        Expr::And(inner) => return Ok(Node::And(parts(inner)?)),
        Expr::Or(inner) => return Ok(Node::Or(parts(inner)?)),
        Expr::Not(inner) => return compile(inner, !negated, needs_summaries),
        Expr::Word(word) => {
            let whole = !word.open_start && !word.open_end;
            Leaf::Word {
                trace: word.text.parse().ok().filter(|_| whole),
                span: word.text.parse().ok().filter(|_| whole),
                word: WordMatcher::new(word),
            }
        }
        Expr::Field(field) => {
            let matcher = Matcher::new(&field.test)?;
            match &field.key {
                Key::Span(key) => Leaf::Span(*key, matcher),
                Key::Trace(key) => {
                    *needs_summaries = true;
                    Leaf::Trace(*key, matcher)
                }
                Key::Attribute { scope, name } => {
                    let names = semconv::names(name).into_iter().map(str::to_owned).collect();
                    Leaf::Attribute { scope: *scope, names, matcher }
                }
            }
        }
    };
    Ok(Node::Leaf { leaf, negated })
}

impl Node {
    fn columns(&self, meta: &Meta, to: &mut Vec<u16>) {
        match self {
            Node::All => {}
            Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| part.columns(meta, to)),
            Node::Leaf { leaf, .. } => super::scan::leaf_columns(leaf, meta, to),
        }
    }
}

fn may_match(node: &Node, meta: &Meta) -> bool {
    match node {
        Node::And(parts) => parts.iter().all(|part| may_match(part, meta)),
        Node::Or(parts) => parts.iter().any(|part| may_match(part, meta)),
        Node::All | Node::Leaf { negated: true, .. } => true,
        Node::Leaf { leaf, negated: false } => match leaf {
            Leaf::Span(SpanField::Service, matcher) => meta.services.iter().any(|service| matcher.text(service)),
            Leaf::Span(SpanField::Duration, matcher) => matcher.may_pass(meta.duration.min, meta.duration.max),
            Leaf::Span(SpanField::Start, matcher) => matcher.may_pass(meta.start.min, meta.start.max),
            Leaf::Span(SpanField::Status, matcher) => meta.errors || matcher.text("unset") || matcher.text("ok"),
            Leaf::Span(SpanField::ToSelf, matcher) => meta.to_self || matcher.truth(false),
            Leaf::Span(SpanField::Events, matcher) => meta.events || matcher.int(0),
            Leaf::Span(SpanField::Links, matcher) => meta.links || matcher.int(0),
            Leaf::Attribute { scope: Scope::Event, .. } => meta.events,
            Leaf::Attribute { scope, names, matcher } => {
                let here = |scope: Scope| names.iter().any(|name| meta.has(scope, name));
                let span = || {
                    let mut columns = names.iter().flat_map(|name| meta.columns_of(name));
                    meta.spill
                        || columns
                            .any(|column| column.bounds.min > column.bounds.max || matcher.may_pass(column.bounds.min, column.bounds.max))
                };
                // The list of other keys is cut at 512: a full one proves nothing.
                let full = meta.directory.iter().filter(|column| column.number == 0).count() >= number::MAX_ATTRIBUTES;
                match scope {
                    Scope::Span => span(),
                    Scope::Any => full || span() || here(Scope::Resource) || here(Scope::Scope),
                    scope => full || here(*scope),
                }
            }
            Leaf::Word { .. } | Leaf::Span(..) | Leaf::Trace(..) => true,
        },
    }
}

fn may_match_bloom(node: &Node, filter: &[u8]) -> Result<bool, Corrupt> {
    let all = |texts: &mut dyn Iterator<Item = &str>| -> Result<bool, Corrupt> {
        for token in texts {
            if !bloom::may_have(filter, bloom::hash(token))? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    match node {
        Node::And(parts) => parts.iter().try_fold(true, |so_far, part| Ok(so_far && may_match_bloom(part, filter)?)),
        Node::Or(parts) => parts.iter().try_fold(false, |so_far, part| Ok(so_far || may_match_bloom(part, filter)?)),
        Node::All | Node::Leaf { negated: true, .. } => Ok(true),
        Node::Leaf { leaf, negated: false } => match leaf {
            // Ids are not in the filter.
            Leaf::Word { word, trace: None, span: None } => all(&mut word.whole_tokens()),
            // How values that have no token look as text.
            Leaf::Attribute { matcher: Matcher::Equals(literal), .. }
                if ["true", "false", "null", "NaN", "inf", "-inf"].contains(&literal.text.as_str()) =>
            {
                Ok(true)
            }
            Leaf::Attribute { matcher: Matcher::Equals(literal), .. } => {
                if all(&mut tokens(&literal.text))? {
                    return Ok(true);
                }
                // As a number it may be written otherwise: only whole numbers are in the filter.
                match literal.number {
                    Some(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                        let text = (number as i64).unsigned_abs().to_string();
                        all(&mut std::iter::once(text.as_str()))
                    }
                    Some(_) => Ok(true),
                    None => Ok(false),
                }
            }
            Leaf::Span(SpanField::Name | SpanField::StatusMessage | SpanField::Dataset, Matcher::Equals(literal)) => {
                all(&mut tokens(&literal.text))
            }
            _ => Ok(true),
        },
    }
}
