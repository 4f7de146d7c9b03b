//! A trace as its page needs it: one array per field, and the binary form in which it travels to the browser
//! (`GET /api/traces/{id}/columns`), about 18 bytes a span before compression, 8 of them its id. Attributes, events and
//! links are not in it; the page asks for them one span at a time.
//!
//! The form: `CLEW`, the version, then the fields in the order [`encode`] writes them. Numbers are LEB128, signed ones
//! zigzag; starts are differences to the span before, parents are distances; of fields that are mostly 0 only the others
//! are there, each after its distance. [`decode`] trusts nothing.

mod lines;
mod wire;

use crate::address::{SpanAddress, System};
use crate::call;
use crate::id::{SpanId, TraceId};
use crate::log::Level;
use crate::segments::{Segments, parents};
use crate::span::{Family, Kind, Span, Status};
use crate::time::{Nanos, SECOND};
use crate::trace::{NEVER_COMPLETED_AFTER, Trace};
pub use lines::LineMark;
use std::collections::HashMap;
use wire::{Reader, Writer};

/// The first bytes of the form; the last of them is its version.
const MAGIC: [u8; 5] = *b"CLEW\x04";

/// The media type of the form.
pub const MEDIA_TYPE: &str = "application/vnd.clew.columns";

/// Where a span hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// It has no parent id.
    Root,
    /// Under this span.
    Span(u32),
    /// Under a span that is not here; an index of [`Columns::missing`].
    Missing(u32),
}

/// The spans of one trace, a `Vec` per field, all of the same length, in the order of [`Trace::spans`].
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Columns {
    pub trace_id: TraceId,
    /// Start of the earliest span; `start` counts from here.
    pub base: Nanos,
    /// See [`Trace::duplicates`].
    pub duplicates: u64,
    /// See [`Trace::conflicts`].
    pub conflicts: u64,
    pub last_received: Nanos,
    /// The texts that `service` points into.
    pub services: Vec<String>,
    /// The texts that `name` points into.
    pub names: Vec<String>,
    /// What was called and sent nothing itself: the texts that `target` points into.
    pub targets: Vec<String>,
    /// Parent ids of which there is no span.
    pub missing: Vec<SpanId>,
    /// Whose records of the request these are; one in nearly every trace.
    pub systems: Vec<System>,
    pub id: Vec<SpanId>,
    /// Nanoseconds from `base`.
    pub start: Vec<i64>,
    /// Nanoseconds, not negative.
    pub duration: Vec<i64>,
    pub parent: Vec<Parent>,
    /// Index of `services`.
    pub service: Vec<u32>,
    /// Index of `names`.
    pub name: Vec<u32>,
    pub flags: Vec<Flags>,
    /// HTTP response status; 0 if the span has none.
    pub http_status: Vec<u16>,
    /// Number of span events.
    pub events: Vec<u32>,
    /// Number of span links.
    pub links: Vec<u32>,
    /// Attributes, events and links that the SDK dropped.
    pub dropped: Vec<u32>,
    /// Index of `systems`.
    pub system: Vec<u32>,
    /// 1 + index of `targets` for a call that nobody answered, else 0.
    pub target: Vec<u32>,
    /// Of what is in progress, 1 + the seconds from `base` until X-Ray announced it; else 0.
    pub announced: Vec<u32>,
    /// Log lines of the trace, by time.
    pub lines: Vec<LineMark>,
    /// Ids that more than one span has, sorted.
    shared: Vec<SpanId>,
}

/// The small facts of a span in one byte: kind (3 bits), status (2), entry, has an exception, in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Flags(u8);

impl Flags {
    fn of(span: &Span) -> Flags {
        // X-Ray's cause may be the id of an exception that another record has.
        let elsewhere = || span.family() == Family::Xray && crate::attr::get(&span.attributes, "aws.xray.cause").is_some();
        let exception = span.events.iter().any(|event| event.name == "exception") || elsewhere();
        let status = span.status as u8;
        Flags(span.kind as u8 | status << 3 | u8::from(span.is_entry()) << 5 | u8::from(exception) << 6 | u8::from(span.in_progress()) << 7)
    }

    pub fn kind(self) -> Kind {
        Kind::from_number(i32::from(self.0 & 7))
    }

    pub fn status(self) -> Status {
        Status::from_number(i32::from(self.0 >> 3 & 3))
    }

    /// Status error.
    pub fn is_error(self) -> bool {
        self.0 >> 3 & 3 == Status::Error as u8
    }

    /// See [`Span::is_entry`].
    pub fn is_entry(self) -> bool {
        self.0 & 1 << 5 != 0
    }

    /// Whether an event of the span is an exception, or it names one.
    pub fn has_exception(self) -> bool {
        self.0 & 1 << 6 != 0
    }

    /// See [`Span::in_progress`].
    pub fn in_progress(self) -> bool {
        self.0 & 1 << 7 != 0
    }
}

/// The bytes are not of this form, or of another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl Columns {
    /// How many spans.
    pub fn len(&self) -> usize {
        self.id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
    }

    /// The columns of a trace.
    pub fn of(trace: &Trace) -> Columns {
        let spans = &trace.spans;
        let base = spans.iter().map(|span| span.start).min().unwrap_or_default();
        let (mut services, mut names, mut systems) = (Table::default(), Table::default(), Table::default());
        let mut missing: Table<(TraceId, SpanId)> = Table::default();
        let parent = |(span, parent): (&Span, Option<usize>)| match (span.parent_id, parent) {
            (None, _) => Parent::Root,
            (Some(_), Some(at)) => Parent::Span(at as u32),
            (Some(id), None) => Parent::Missing(missing.index((span.trace_id, id))),
        };
        let parent = spans.iter().zip(parents(spans)).map(parent).collect();
        let system = spans.iter().map(|span| systems.index(System::of(span))).collect();
        let (targets, target) = targets(spans);
        let mut columns = Columns {
            trace_id: trace.trace_id,
            base,
            duplicates: trace.duplicates,
            conflicts: trace.conflicts,
            last_received: trace.last_received,
            id: spans.iter().map(|span| span.span_id).collect(),
            start: spans.iter().map(|span| span.start.saturating_sub(base)).collect(),
            duration: spans.iter().map(|span| span.duration_ns.max(0)).collect(),
            parent,
            service: spans.iter().map(|span| services.index(span.service())).collect(),
            name: spans.iter().map(|span| names.index(span.name.as_str())).collect(),
            flags: spans.iter().map(Flags::of).collect(),
            http_status: spans.iter().map(http_status).collect(),
            events: spans.iter().map(|span| span.events.len() as u32).collect(),
            links: spans.iter().map(|span| span.links.len() as u32).collect(),
            dropped: spans.iter().map(dropped).collect(),
            services: services.order.into_iter().map(str::to_owned).collect(),
            names: names.order.into_iter().map(str::to_owned).collect(),
            missing: missing.order.into_iter().map(|(_, id)| id).collect(),
            systems: systems.order,
            system,
            targets,
            target,
            announced: spans.iter().map(|span| announced(span, base)).collect(),
            lines: Vec::new(),
            shared: Vec::new(),
        };
        columns.find_shared();
        columns
    }

    /// The shortest address that means this span and no other.
    pub fn address(&self, n: usize) -> SpanAddress {
        let id = self.id[n];
        if self.shared.binary_search(&id).is_err() {
            return id.into();
        }
        let System { trace_id, family } = self.system_of(n);
        let address = SpanAddress { id, family: Some(family), trace_id: None };
        let others = (0..self.len()).filter(|&other| other != n && self.id[other] == id);
        let unique = others.map(|other| self.system_of(other)).all(|system| system.family != family);
        SpanAddress { trace_id: (!unique).then_some(trace_id), ..address }
    }

    /// The first span that an address fits.
    pub fn find(&self, address: SpanAddress) -> Option<u32> {
        (0..self.len()).find(|&n| address.fits(self.id[n], self.system_of(n))).map(|n| n as u32)
    }

    /// Whose record a span is.
    pub fn system_of(&self, n: usize) -> System {
        self.systems[self.system[n] as usize]
    }

    /// What an unanswered call went to.
    pub fn target_of(&self, n: usize) -> Option<&str> {
        self.target[n].checked_sub(1).map(|at| self.targets[at as usize].as_str())
    }

    /// Whether a span that is in progress has been for so long that its end is not expected any more.
    pub fn never_completed(&self, n: usize, now: Nanos) -> bool {
        let announced = self.announced[n].checked_sub(1).map(|seconds| self.base.saturating_add(i64::from(seconds) * SECOND));
        announced.is_some_and(|at| now.saturating_sub(at) >= NEVER_COMPLETED_AFTER)
    }

    /// Fills `shared`. One system has no two spans of one id.
    fn find_shared(&mut self) {
        if self.systems.len() > 1 {
            let mut ids = self.id.clone();
            ids.sort_unstable();
            self.shared = ids.chunk_by(|a, b| a == b).filter(|same| same.len() > 1).map(|same| same[0]).collect();
        }
    }
}

/// What the unanswered calls went to, and by span which of it.
fn targets(spans: &[Span]) -> (Vec<String>, Vec<u32>) {
    let mut texts: Table<String> = Table::default();
    let mut target = vec![0; spans.len()];
    for at in Segments::of(spans).unanswered(spans) {
        target[at] = 1 + texts.index(call::called(&spans[at]).beside(&spans[at].name).to_owned());
    }
    (texts.order, target)
}

/// Gives equal values one index, in the order they are first seen.
struct Table<T> {
    seen: HashMap<T, u32>,
    order: Vec<T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { seen: HashMap::new(), order: Vec::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Table<T> {
    fn index(&mut self, value: T) -> u32 {
        if let Some(&at) = self.seen.get(&value) {
            return at;
        }
        let at = self.order.len() as u32;
        self.order.push(value.clone());
        self.seen.insert(value, at);
        at
    }
}

fn http_status(span: &Span) -> u16 {
    let names = crate::semconv::names("http.response.status_code");
    let value = names.iter().find_map(|name| crate::attr::get(&span.attributes, name)?.as_f64());
    value.filter(|code| (100.0..1000.0).contains(code)).map_or(0, |code| code as u16)
}

fn announced(span: &Span, base: Nanos) -> u32 {
    let seconds = || span.envelope.received_at.saturating_sub(base).max(0) / SECOND;
    if span.in_progress() { u32::try_from(seconds().saturating_add(1)).unwrap_or(u32::MAX) } else { 0 }
}

fn dropped(span: &Span) -> u32 {
    span.dropped.attributes.saturating_add(span.dropped.events).saturating_add(span.dropped.links)
}

/// The binary form.
pub fn encode(columns: &Columns) -> Vec<u8> {
    let mut to = Writer::with_capacity(64 + columns.len() * 20);
    to.bytes(&MAGIC);
    to.bytes(&columns.trace_id.0);
    to.signed(columns.base);
    to.number(columns.duplicates);
    to.number(columns.conflicts);
    to.signed(columns.last_received);
    to.texts(&columns.services);
    to.texts(&columns.names);
    to.texts(&columns.targets);
    to.number(columns.systems.len() as u64);
    for system in &columns.systems {
        to.bytes(&system.trace_id.0);
        to.bytes(&[system.family as u8]);
    }
    to.number(columns.missing.len() as u64);
    columns.missing.iter().for_each(|id| to.bytes(&id.0));
    to.number(columns.len() as u64);
    columns.id.iter().for_each(|id| to.bytes(&id.0));
    let mut before = 0;
    for &start in &columns.start {
        to.signed(start.wrapping_sub(before));
        before = start;
    }
    columns.duration.iter().for_each(|&ns| to.number(ns as u64));
    for (n, parent) in columns.parent.iter().enumerate() {
        to.number(match *parent {
            Parent::Root => 0,
            Parent::Missing(at) => 1 + 2 * u64::from(at),
            // Zigzag of the distance: a parent is usually a few spans before its child.
            Parent::Span(at) => 2 + 2 * wire::zigzag(n as i64 - i64::from(at)),
        });
    }
    columns.service.iter().for_each(|&at| to.number(at.into()));
    columns.name.iter().for_each(|&at| to.number(at.into()));
    columns.flags.iter().for_each(|flags| to.bytes(&[flags.0]));
    to.sparse(columns.http_status.iter().map(|&code| code.into()));
    for values in [&columns.events, &columns.links, &columns.dropped, &columns.system, &columns.target, &columns.announced] {
        to.sparse(values.iter().copied());
    }
    to.number(columns.lines.len() as u64);
    for line in &columns.lines {
        to.number(u64::from(line.span.wrapping_add(1)));
        to.signed(line.time);
        to.number(line.seq);
        to.bytes(&[line.level as u8, u8::from(line.inferred)]);
    }
    columns.lines.iter().for_each(|line| to.text(&line.text));
    to.done()
}

/// Reads the binary form. Every index of the result is in range.
pub fn decode(bytes: &[u8]) -> Result<Columns, Malformed> {
    let mut from = Reader::new(bytes);
    if from.take(MAGIC.len())? != MAGIC {
        return Err(Malformed);
    }
    let trace_id = TraceId(from.array()?);
    let (base, duplicates, conflicts, last_received) = (from.signed()?, from.number()?, from.number()?, from.signed()?);
    let services = from.texts()?;
    let names = from.texts()?;
    let targets = from.texts()?;
    let systems_len = from.count(17)?;
    let systems = from.many(systems_len, |from| {
        let trace_id = TraceId(from.array()?);
        let family = match from.array()? {
            [0] => Family::Otel,
            [1] => Family::Xray,
            _ => return Err(Malformed),
        };
        Ok(System { trace_id, family })
    })?;
    let missing_len = from.count(8)?;
    let missing = from.many(missing_len, |from| Ok(SpanId(from.array()?)))?;
    let n = from.count(8)?;
    let id = from.many(n, |from| Ok(SpanId(from.array()?)))?;
    let mut before = 0i64;
    let start = from.many(n, |from| {
        before = before.wrapping_add(from.signed()?);
        Ok(before)
    })?;
    let duration = from.many(n, |from| i64::try_from(from.number()?).map_err(|_| Malformed))?;
    let mut at = 0i64;
    let parent = from.many(n, |from| {
        let value = from.number()?;
        let parent = match value {
            0 => Parent::Root,
            v if v % 2 == 1 => Parent::Missing(index(v / 2, missing_len)?),
            v => Parent::Span(index(at.checked_sub(wire::unzigzag(v / 2 - 1)).ok_or(Malformed)? as u64, n)?),
        };
        at += 1;
        Ok(parent)
    })?;
    let service = from.many(n, |from| index(from.number()?, services.len()))?;
    let name = from.many(n, |from| index(from.number()?, names.len()))?;
    let flags = from.many(n, |from| Ok(Flags(from.array::<1>()?[0])))?;
    let http_status = from.sparse(n)?.into_iter().map(|code| u16::try_from(code).map_err(|_| Malformed)).collect::<Result<_, _>>()?;
    let (events, links, dropped) = (from.sparse(n)?, from.sparse(n)?, from.sparse(n)?);
    let (system, target, announced) = (from.sparse(n)?, from.sparse(n)?, from.sparse(n)?);
    system.iter().try_for_each(|&at| index(at.into(), systems.len()).map(drop))?;
    target.iter().try_for_each(|&at| index(at.into(), targets.len() + 1).map(drop))?;
    let count = from.count(6)?;
    let mut lines = from.many(count, |from| {
        let span = index(from.number()?, n + 1)?.wrapping_sub(1);
        let (time, seq, [level, inferred]) = (from.signed()?, from.number()?, from.array()?);
        let level = *Level::ALL.get(usize::from(level)).ok_or(Malformed)?;
        Ok(LineMark { span, time, seq, level, inferred: inferred != 0, text: String::new() })
    })?;
    lines.iter_mut().try_for_each(|line| from.text().map(|text| line.text = text))?;
    let mut columns = Columns {
        trace_id,
        base,
        duplicates,
        conflicts,
        last_received,
        services,
        names,
        missing,
        id,
        start,
        duration,
        parent,
        service,
        name,
        flags,
        http_status,
        events,
        links,
        dropped,
        systems,
        system,
        targets,
        target,
        announced,
        lines,
        shared: Vec::new(),
    };
    columns.find_shared();
    Ok(columns)
}

fn index(value: u64, len: usize) -> Result<u32, Malformed> {
    if value < len as u64 { Ok(value as u32) } else { Err(Malformed) }
}

#[cfg(test)]
pub(crate) mod tests;
