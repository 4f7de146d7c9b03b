//! The log lines of a trace among its columns.

use super::Columns;
use crate::id::{SpanId, TraceId};
use crate::log::{Level, Line, TraceLink, told};
use crate::waterfall::NONE;
use std::collections::HashMap;

/// Characters of a line's text.
const LINE_TEXT: usize = 200;

/// A log line of the trace, as its row shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct LineMark {
    /// The span it names; [`crate::waterfall::NONE`] if it names none that is here.
    pub span: u32,
    /// Nanoseconds from [`Columns::base`].
    pub time: i64,
    /// With the time the line's address.
    pub seq: u64,
    pub level: Level,
    /// Whether more than the line itself says that it is of the trace.
    pub inferred: bool,
    /// The beginning of the first line of what it says.
    pub text: String,
}

impl Columns {
    /// With the log lines of the trace.
    pub fn with_lines(mut self, lines: &[Line]) -> Columns {
        // From the last to the first, so that of two spans of one id the first stays.
        let spans = (0..self.len()).rev().map(|n| ((self.system_of(n).trace_id, self.id[n]), n as u32));
        let spans: HashMap<(TraceId, SpanId), u32> = spans.collect();
        let place = |link: TraceLink| spans.get(&(link.trace_id, link.span_id?)).copied();
        let mark = |line: &Line| LineMark {
            span: line.trace.and_then(place).unwrap_or(NONE),
            time: line.time.saturating_sub(self.base),
            seq: line.seq,
            level: line.severity.level(),
            inferred: line.trace.is_some_and(|link| link.how.is_inferred()),
            text: told(&line.message)
                .trim()
                .lines()
                .next()
                .unwrap_or_default()
                .chars()
                .filter(|c| !c.is_control())
                .take(LINE_TEXT)
                .collect(),
        };
        let mut marks: Vec<LineMark> = lines.iter().map(mark).collect();
        marks.sort_by_key(|mark| (mark.time, mark.seq));
        self.lines = marks;
        self
    }
}
