//! From X-Ray's documents to a [`Batch`]: one span per segment and per subsegment, embedded ones too. Pure, and never fails
//! as a whole: a subsegment that cannot be read costs neither its segment nor what it encloses.
//!
//! Source: X-Ray developer guide, "X-Ray segment documents".

use super::attributes;
use super::cause::Exceptions;
use super::decimal;
use super::json::{Json, NotJson};
use super::resource;
use crate::ingest::{Arrival, Batch, Rejected, Signal, scrub};
use model::attr::Value;
use model::id::{SpanId, TraceId};
use model::span::{Dropped, Envelope, Kind, Link, Origin, Span, Status};
use model::time::Nanos;
use std::borrow::Cow;
use std::sync::Arc;

/// Rejected records of one batch that keep a sample.
const MAX_SAMPLES: usize = 10;
/// Bytes of a sample.
const SAMPLE_BYTES: usize = 2_000;

/// Why a document or a part of it is not stored: AWS's `ErrorCode` of `UnprocessedTraceSegments`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Not JSON.
    ParseError,
    /// Not an object, or without a start.
    InvalidSegment,
    InvalidTraceId,
    MissingId,
    InvalidId,
    InvalidParentId,
    MissingName,
    InvalidName,
}

impl Code {
    pub fn as_str(self) -> &'static str {
        match self {
            Code::ParseError => "ParseError",
            Code::InvalidSegment => "InvalidSegment",
            Code::InvalidTraceId => "InvalidTraceId",
            Code::MissingId => "MissingId",
            Code::InvalidId => "InvalidId",
            Code::InvalidParentId => "InvalidParentId",
            Code::MissingName => "MissingName",
            Code::InvalidName => "InvalidName",
        }
    }

    /// As the ledger calls it, in the words it has for the same of other sources.
    fn reason(self) -> &'static str {
        match self {
            Code::ParseError => "not JSON",
            Code::InvalidSegment => "not a segment",
            Code::InvalidTraceId => "invalid trace id",
            Code::MissingId | Code::InvalidId => "invalid span id",
            Code::InvalidParentId => "invalid parent span id",
            Code::MissingName => "empty name",
            Code::InvalidName => "invalid name",
        }
    }
}

/// A record that is not stored, as `PutTraceSegments` reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unprocessed {
    /// As it was sent, if it was.
    pub id: Option<String>,
    pub code: Code,
    is_subsegment: bool,
}

impl Unprocessed {
    /// In AWS's words.
    pub fn message(&self) -> String {
        format!("Invalid {}. ErrorCode: {}", if self.is_subsegment { "subsegment" } else { "segment" }, self.code.as_str())
    }
}

/// Makes a batch of any number of documents.
#[derive(Debug)]
pub struct Translator<'a> {
    arrival: &'a Arrival,
    batch: Batch,
}

impl<'a> Translator<'a> {
    pub fn new(arrival: &'a Arrival) -> Self {
        Translator { arrival, batch: Batch::default() }
    }

    pub fn finish(self) -> Batch {
        self.batch
    }

    /// Takes a datagram: a header, a line feed, a document (aws-xray-daemon `pkg/tracesegment`: split at the first line feed,
    /// the format compared without case).
    pub fn datagram(&mut self, datagram: &[u8]) {
        let parts = memchr::memchr(b'\n', datagram).map(|at| (&datagram[..at], &datagram[at + 1..]));
        match parts {
            Some((header, document)) if is_header(header) => drop(self.document(&String::from_utf8_lossy(document))),
            _ => self.batch.rejected.push(Rejected {
                signal: Signal::Traces,
                reason: "no X-Ray header",
                sample: format!("a datagram of {} bytes that does not begin with {{\"format\":\"json\",\"version\":1}}", datagram.len()),
            }),
        }
    }

    /// Takes a document: a segment, a subsegment, or a list of them. Returns what of it could not be stored.
    pub fn document(&mut self, text: &str) -> Vec<Unprocessed> {
        let mut unprocessed = Vec::new();
        match Json::parse(text) {
            Ok(Json::List(items)) => items.iter().for_each(|item| self.top(item, &mut unprocessed)),
            Ok(json) => self.top(&json, &mut unprocessed),
            Err(NotJson(at)) => {
                let sample = || format!("a document of {} bytes that is not JSON at byte {at}", text.len());
                self.reject(Unprocessed { id: None, code: Code::ParseError, is_subsegment: false }, sample, &mut unprocessed);
            }
        }
        unprocessed
    }

    fn top(&mut self, json: &Json<'_>, unprocessed: &mut Vec<Unprocessed>) {
        let is_subsegment = json.get("type").and_then(Json::text).is_some_and(|kind| kind == "subsegment");
        let trace_id = json.get("trace_id").and_then(Json::text).and_then(|id| id.parse().ok());
        let parent_id = match json.get("parent_id").and_then(Json::text).filter(|id| !id.is_empty()) {
            Some(id) => id.parse().map(Some).map_err(|_| Code::InvalidParentId),
            None => Ok(None),
        };
        let code = match (json, trace_id, parent_id) {
            (Json::Map(_), Some(trace_id), Ok(parent_id)) => {
                let document = Document {
                    trace_id,
                    // A subsegment on its own does not say whose it is.
                    origin: Arc::new(if is_subsegment { resource::unknown() } else { resource::of_segment(json) }),
                    exceptions: Exceptions::of(json),
                };
                return self.record(&document, json, Place { parent_id, is_subsegment, is_top: true }, unprocessed);
            }
            (Json::Map(_), None, _) => Code::InvalidTraceId,
            (Json::Map(_), _, Err(code)) => code,
            _ => Code::InvalidSegment,
        };
        self.reject(Unprocessed { id: id_of(json), code, is_subsegment }, || json.to_string(), unprocessed);
        // What it encloses cannot be stored without a trace.
        for nested in embedded(json) {
            self.reject(Unprocessed { id: id_of(nested), code, is_subsegment: true }, || json.to_string(), unprocessed);
        }
    }

    /// A segment or subsegment and all it encloses.
    fn record(&mut self, document: &Document<'_>, json: &Json<'_>, place: Place, unprocessed: &mut Vec<Unprocessed>) {
        let enclosing = match self.span(document, json, place) {
            Ok(span) => {
                let id = span.span_id;
                self.batch.spans.push(span);
                Some(id)
            }
            Err(code) => {
                let rejected = Unprocessed { id: id_of(json), code, is_subsegment: place.is_subsegment };
                self.reject(rejected, || json.to_string(), unprocessed);
                // What it encloses stays, one level up.
                place.parent_id
            }
        };
        for nested in json.get("subsegments").map(Json::items).unwrap_or_default() {
            self.record(document, nested, Place { parent_id: enclosing, is_subsegment: true, is_top: false }, unprocessed);
        }
    }

    fn span(&self, document: &Document<'_>, json: &Json<'_>, place: Place) -> Result<Span, Code> {
        let Json::Map(_) = json else { return Err(Code::InvalidSegment) };
        let id = json.get("id").ok_or(Code::MissingId)?;
        let span_id: SpanId = id.text().and_then(|id| id.parse().ok()).ok_or(Code::InvalidId)?;
        let mut name = json.get("name").ok_or(Code::MissingName)?.text().ok_or(Code::InvalidName)?.into_owned();
        if name.is_empty() {
            return Err(Code::MissingName);
        }
        scrub::clean_name(&mut name);
        let start = moment(json, "start_time").filter(|start| *start > 0).ok_or(Code::InvalidSegment)?;
        let end = moment(json, "end_time");
        // "In progress" is what has no end, too: X-Ray wants one of the two.
        let in_progress = json.get("in_progress").and_then(Json::truth).unwrap_or(end.is_none());
        let kind = kind(json, place.is_subsegment);
        let mut attributes = attributes::of(json, place.is_subsegment, in_progress);
        let at = end.unwrap_or(start).max(start);
        let events = document.exceptions.events(json, at, &mut attributes);
        if place.is_top {
            attributes.push("aws.xray.document".to_owned(), Value::Str(json.to_string()));
        }
        let attributes = attributes.finish();
        let status = status(json, place.is_subsegment);
        let status_message = match status {
            Status::Error => events.first().and_then(model::span::exception).map(|thrown| thrown.message.to_owned()).unwrap_or_default(),
            _ => String::new(),
        };
        let (links, dropped_links) = links(json);
        Ok(Span {
            trace_id: document.trace_id,
            span_id,
            parent_id: place.parent_id,
            trace_state: String::new(),
            flags: 0,
            name,
            kind,
            start,
            duration_ns: at - start,
            status,
            status_message,
            envelope: self.envelope(kind, &attributes),
            attributes,
            events,
            links,
            dropped: Dropped { links: dropped_links, ..Dropped::default() },
            origin: document.origin.clone(),
        })
    }

    fn envelope(&self, kind: Kind, attributes: &[(String, Value)]) -> Envelope {
        let Arrival { received_at, source, key, dataset, own } = self.arrival;
        Envelope {
            seq: 0,
            received_at: *received_at,
            source: source.clone(),
            key: key.clone(),
            dataset: dataset.clone(),
            weight: 1.0,
            to_self: own.is_target(kind, attributes),
        }
    }

    fn reject(&mut self, rejected: Unprocessed, sample: impl FnOnce() -> String, to: &mut Vec<Unprocessed>) {
        let mut sample = if self.batch.rejected.len() < MAX_SAMPLES { sample() } else { String::new() };
        sample.truncate(sample.floor_char_boundary(SAMPLE_BYTES));
        self.batch.rejected.push(Rejected { signal: Signal::Traces, reason: rejected.code.reason(), sample });
        to.push(rejected);
    }
}

/// What all records of a document have in common.
struct Document<'a> {
    trace_id: TraceId,
    origin: Arc<Origin>,
    exceptions: Exceptions<'a>,
}

/// Where in a document a record stands.
#[derive(Clone, Copy)]
struct Place {
    parent_id: Option<SpanId>,
    is_subsegment: bool,
    is_top: bool,
}

fn is_header(header: &[u8]) -> bool {
    let Ok(header) = std::str::from_utf8(header) else { return false };
    let Ok(header) = Json::parse(header) else { return false };
    let format = header.get("format").and_then(Json::text);
    format.is_some_and(|format| format.eq_ignore_ascii_case("json")) && header.get("version") == Some(&Json::Number("1"))
}

fn id_of(json: &Json<'_>) -> Option<String> {
    json.get("id").and_then(Json::text).map(Cow::into_owned)
}

/// All subsegments below a record.
fn embedded<'a, 'b>(json: &'b Json<'a>) -> Vec<&'b Json<'a>> {
    let mut found = Vec::new();
    let mut from = vec![json];
    while let Some(json) = from.pop() {
        let nested = json.get("subsegments").map(Json::items).unwrap_or_default();
        found.extend(nested);
        from.extend(nested);
    }
    found
}

fn moment(json: &Json<'_>, key: &str) -> Option<Nanos> {
    match json.get(key)? {
        Json::Number(seconds) => decimal::nanos(seconds),
        Json::Text(seconds) => decimal::nanos(seconds.trim()),
        _ => None,
    }
}

/// A segment is what a service did for a caller; `remote` and `aws` subsegments are calls. Namespaces that are not X-Ray's
/// (`local`, which Python writes) are work inside of the service.
fn kind(json: &Json<'_>, is_subsegment: bool) -> Kind {
    let namespace = json.get("namespace").and_then(Json::text);
    match namespace.as_deref() {
        _ if !is_subsegment => Kind::Server,
        Some("aws" | "remote") => Kind::Client,
        _ => Kind::Internal,
    }
}

/// `fault` (5xx) is a failure; so are `error` (4xx) and `throttle` (429), but for a segment whose answer was a 4xx: as
/// OpenTelemetry's conventions for HTTP have it, that failure is the caller's.
fn status(json: &Json<'_>, is_subsegment: bool) -> Status {
    let is = |flag: &str| json.get(flag).and_then(Json::truth) == Some(true);
    let answer = json.get("http").and_then(|http| http.get("response")?.get("status")?.text()?.parse::<u16>().ok());
    let callers = !is_subsegment && answer.is_some_and(|status| (400..500).contains(&status));
    if is("fault") || (is("error") || is("throttle")) && !callers { Status::Error } else { Status::Unset }
}

/// Links to segments of other traces, and how many point nowhere.
fn links(json: &Json<'_>) -> (Vec<Link>, u32) {
    let (mut links, mut dropped) = (Vec::new(), 0);
    for link in json.get("links").map(Json::items).unwrap_or_default() {
        let id = |key| link.get(key).and_then(Json::text);
        match (id("trace_id").and_then(|id| id.parse().ok()), id("id").and_then(|id| id.parse().ok())) {
            (Some(trace_id), Some(span_id)) => links.push(Link {
                trace_id,
                span_id,
                trace_state: String::new(),
                attributes: match link.get("attributes").map(Json::value) {
                    Some(Value::Map(attributes)) => attributes,
                    _ => Vec::new(),
                },
                dropped_attributes: 0,
                flags: 0,
            }),
            _ => dropped += 1,
        }
    }
    (links, dropped)
}

#[cfg(test)]
mod tests;
