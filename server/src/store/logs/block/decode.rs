//! Columns to lines: what a read needs, when it needs it.

use super::number;
use crate::ingest::lines::trace_of;
use crate::store::block::bytes::{Reader, unframe};
use crate::store::block::{Columns, Corrupt};
use crate::store::logs::test::{LineRef, Reads};
use model::id::{SpanId, TraceId};
use model::log::{How, Line, Origin, Severity, TraceLink};
use model::time::{Nanos, Range};
use std::cell::OnceCell;
use std::sync::Arc;

/// Of a line's trace: its ids are not those that the message says.
pub const APART: u8 = 0x80;

/// A block of which columns were read.
pub struct Opened<'a> {
    columns: &'a Columns,
    times: Vec<Nanos>,
    /// Where each message ends.
    ends: Vec<u32>,
    messages: OnceCell<String>,
    details: OnceCell<Details>,
    /// Texts, and where each ends; none if no line has any.
    attributes: OnceCell<Option<(String, Vec<u32>)>>,
    /// None in a block whose lines have no pattern yet.
    patterns: OnceCell<Vec<u32>>,
}

struct Details {
    seqs: Vec<i64>,
    received: Vec<i64>,
    origins: Vec<Arc<Origin>>,
    origin_of: Vec<u32>,
    /// As they are, then as they were sent.
    severities: Vec<u8>,
    how: Vec<u8>,
    apart: Vec<Apart>,
}

/// Of a line whose ids stand apart: the line, the ids.
type Apart = (u32, TraceId, SpanId);

impl<'a> Opened<'a> {
    /// Of so many lines. The columns may be a part of the block's, which then must not be asked for the others.
    ///
    /// # Errors
    /// If the index is not what was written.
    pub fn of(lines: usize, columns: &'a Columns) -> Result<Opened<'a>, Corrupt> {
        let index = body(columns, number::INDEX)?;
        let mut from = Reader::new(&index);
        let times = deltas(&mut from, lines)?;
        let ends = ends(&mut from, lines)?;
        Ok(Opened {
            columns,
            times,
            ends,
            messages: OnceCell::new(),
            details: OnceCell::new(),
            attributes: OnceCell::new(),
            patterns: OnceCell::new(),
        })
    }

    pub fn lines(&self) -> usize {
        self.times.len()
    }

    pub fn times(&self) -> &[Nanos] {
        &self.times
    }

    /// Where each message ends.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The rows of a sorted block that are in the range.
    pub fn rows_in(&self, range: Range) -> std::ops::Range<usize> {
        let start = self.times.partition_point(|time| *time < range.start);
        let end = self.times.partition_point(|time| *time < range.end);
        start..end.max(start)
    }

    /// All messages, one after the other.
    ///
    /// # Errors
    /// If they are not what was written.
    pub fn messages(&self) -> Result<&str, Corrupt> {
        if let Some(messages) = self.messages.get() {
            return Ok(messages);
        }
        let text = texts(body(self.columns, number::MESSAGES)?.into_owned(), &self.ends)?;
        Ok(self.messages.get_or_init(|| text))
    }

    fn details(&self) -> Result<&Details, Corrupt> {
        if let Some(details) = self.details.get() {
            return Ok(details);
        }
        let lines = self.lines();
        let details = body(self.columns, number::DETAILS)?;
        let mut parts = Reader::new(&details);
        let seqs = deltas(&mut Reader::new(parts.slice()?), lines)?;
        let received = deltas(&mut Reader::new(parts.slice()?), lines)?;
        let severities = parts.slice()?.to_vec();
        if severities.len() != 2 * lines {
            return Err(Corrupt("severity"));
        }
        let origin_of = varints(&mut Reader::new(parts.slice()?), lines)?;
        let origins = origins(parts.slice()?)?;
        if origin_of.iter().any(|place| *place as usize >= origins.len()) {
            return Err(Corrupt("origin"));
        }
        let (how, apart) = traces(parts.slice()?, lines)?;
        let details = Details { seqs, received, origins, origin_of, severities, how, apart };
        Ok(self.details.get_or_init(|| details))
    }

    fn attributes(&self, row: usize) -> Result<&str, Corrupt> {
        if self.attributes.get().is_none() {
            let attributes = match self.columns.get(number::ATTRIBUTES) {
                Some(framed) => {
                    let body = unframe(framed)?;
                    let mut from = Reader::new(&body);
                    let ends = ends(&mut from, self.lines())?;
                    let text = from.take(ends.last().copied().unwrap_or(0) as usize)?;
                    Some((texts(text.to_vec(), &ends)?, ends))
                }
                None => None,
            };
            self.attributes.get_or_init(|| attributes);
        }
        Ok(self.attributes.get().and_then(Option::as_ref).map_or("", |(text, ends)| part(text, ends, row)))
    }

    /// The `seq` of each line.
    ///
    /// # Errors
    /// If the block is not what was written.
    pub fn seqs(&self) -> Result<&[i64], Corrupt> {
        Ok(&self.details()?.seqs)
    }

    /// The severity of each line.
    ///
    /// # Errors
    /// If the block is not what was written.
    pub fn severities(&self) -> Result<&[u8], Corrupt> {
        Ok(&self.details()?.severities[..self.lines()])
    }

    /// Where a line comes from.
    ///
    /// # Errors
    /// If the block is not what was written.
    pub fn origin(&self, row: usize) -> Result<&Arc<Origin>, Corrupt> {
        let details = self.details()?;
        Ok(&details.origins[details.origin_of[row] as usize])
    }

    /// Which of the block's origins it is.
    ///
    /// # Errors
    /// If the block is not what was written.
    pub fn origin_place(&self, row: usize) -> Result<u32, Corrupt> {
        Ok(self.details()?.origin_of[row])
    }

    /// The pattern of each line.
    ///
    /// # Errors
    /// If they are not what was written.
    pub fn patterns(&self) -> Result<&[u32], Corrupt> {
        if let Some(patterns) = self.patterns.get() {
            return Ok(patterns);
        }
        let patterns = varints(&mut Reader::new(&body(self.columns, number::PATTERN)?), self.lines())?;
        Ok(self.patterns.get_or_init(|| patterns))
    }

    /// Calls `see` with a line, of which nothing is copied and nothing is there but what `reads` says.
    ///
    /// # Errors
    /// If the block is not what was written.
    pub fn see<T>(&self, row: usize, reads: Reads, see: impl FnOnce(&LineRef) -> T) -> Result<T, Corrupt> {
        let details = self.details()?;
        // A trace is mostly what the message says.
        let message = if reads.message || reads.trace { part(self.messages()?, &self.ends, row) } else { "" };
        // Those of the intake have no patterns yet.
        let has_pattern = reads.pattern && self.columns.get(number::PATTERN).is_some();
        let pattern = if has_pattern { self.patterns()?[row] } else { 0 };
        let trace = || details.trace(row, message);
        Ok(see(&LineRef {
            seq: details.seqs[row].cast_unsigned(),
            time: self.times[row],
            received_at: details.received[row],
            origin: &details.origins[details.origin_of[row] as usize],
            severity: Severity(details.severities[row]),
            severity_sent: Severity(details.severities[self.lines() + row]),
            message,
            attributes: if reads.attributes { self.attributes(row)? } else { "" },
            pattern,
            trace: &trace,
        }))
    }

    /// A line.
    ///
    /// # Errors
    /// If the block is not what was written.
    pub fn line(&self, row: usize) -> Result<Line, Corrupt> {
        let origin = self.origin(row)?.clone();
        self.see(row, Reads::ALL, |line| Line {
            seq: line.seq,
            time: line.time,
            received_at: line.received_at,
            origin,
            severity: line.severity,
            severity_sent: line.severity_sent,
            message: line.message.to_owned(),
            attributes: line.attributes.to_owned(),
            trace: (line.trace)(),
        })
    }

    /// All lines.
    ///
    /// # Errors
    /// If the block is not what was written.
    pub fn all(&self) -> Result<Vec<Line>, Corrupt> {
        (0..self.lines()).map(|row| self.line(row)).collect()
    }
}

impl Details {
    fn trace(&self, row: usize, message: &str) -> Option<TraceLink> {
        let how = *self.how.get(row)?;
        if how & APART == 0 {
            return if how == 0 { None } else { trace_of(message) };
        }
        let at = self.apart.binary_search_by_key(&(row as u32), |apart| apart.0).ok()?;
        let (_, trace_id, span_id) = self.apart[at];
        Some(TraceLink { trace_id, span_id: span_id.valid(), how: *How::ALL.get(usize::from(how & !APART) - 1)? })
    }
}

fn traces(body: &[u8], lines: usize) -> Result<(Vec<u8>, Vec<Apart>), Corrupt> {
    if body.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut from = Reader::new(body);
    let how = from.take(lines)?.to_vec();
    let mut apart = Vec::new();
    for (row, how) in how.iter().enumerate() {
        if usize::from(how & !APART) > How::ALL.len() || *how == APART {
            return Err(Corrupt("trace"));
        }
        if how & APART != 0 {
            apart.push((row as u32, TraceId(from.array()?), SpanId(from.array()?)));
        }
    }
    Ok((how, apart))
}

fn origins(body: &[u8]) -> Result<Vec<Arc<Origin>>, Corrupt> {
    let mut from = Reader::new(body);
    let mut origins = Vec::new();
    for _ in 0..from.count(9)? {
        let mut text = || Ok::<Arc<str>, Corrupt>(from.text()?.into());
        let [group, stream, service, environment, host, logger, resource, source, key] =
            [text()?, text()?, text()?, text()?, text()?, text()?, text()?, text()?, text()?];
        origins.push(Arc::new(Origin { group, stream, service, environment, host, logger, resource, source, key }));
    }
    Ok(origins)
}

fn body(columns: &Columns, number: u16) -> Result<std::borrow::Cow<'_, [u8]>, Corrupt> {
    unframe(columns.get(number).ok_or(Corrupt("no column"))?)
}

fn deltas(from: &mut Reader, lines: usize) -> Result<Vec<i64>, Corrupt> {
    let mut last = 0i64;
    let mut values = Vec::with_capacity(lines.min(super::MAX_LINES));
    for _ in 0..lines {
        last = last.wrapping_add(from.signed()?);
        values.push(last);
    }
    Ok(values)
}

fn varints(from: &mut Reader, lines: usize) -> Result<Vec<u32>, Corrupt> {
    (0..lines).map(|_| u32::try_from(from.get()?).map_err(|_| Corrupt("number"))).collect()
}

/// Ends of texts of which the lengths stand here.
fn ends(from: &mut Reader, lines: usize) -> Result<Vec<u32>, Corrupt> {
    let mut ends = Vec::with_capacity(lines.min(super::MAX_LINES));
    let mut end = 0u64;
    for _ in 0..lines {
        end = end.checked_add(from.get()?).filter(|end| *end <= u64::from(u32::MAX)).ok_or(Corrupt("length"))?;
        ends.push(end as u32);
    }
    Ok(ends)
}

fn texts(bytes: Vec<u8>, ends: &[u32]) -> Result<String, Corrupt> {
    let text = String::from_utf8(bytes).map_err(|_| Corrupt("text"))?;
    let fits = ends.last().copied().unwrap_or(0) as usize == text.len();
    if fits && ends.iter().all(|end| text.is_char_boundary(*end as usize)) { Ok(text) } else { Err(Corrupt("length")) }
}

fn part<'t>(text: &'t str, ends: &[u32], row: usize) -> &'t str {
    let start = if row == 0 { 0 } else { ends[row - 1] as usize };
    &text[start..ends[row] as usize]
}
