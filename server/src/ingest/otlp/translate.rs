//! From what a reader (`wire` or `json`) found to a [`Batch`]: ids checked, secrets scrubbed, weights and self-calls
//! recognised. Pure, and never fails as a whole.

mod records;

use super::weight::weight;
use super::wire::Malformed;
use crate::ingest::attrs::Attrs;
use crate::ingest::{Arrival, Batch, Rejected, Signal, scrub};
use model::attr::{self, Attributes, Value};
use model::id::{SpanId, TraceId};
use model::span::{Dropped, Envelope, Event, Kind, Link, Origin, Span, Status};
use std::borrow::Cow;
use std::sync::Arc;

pub use records::Record;

/// Records in one request; 64 MiB hold no more real ones. Bounds what a request of empty messages can make us allocate.
const MAX_RECORDS: usize = 1_000_000;
/// Attributes, list items, events and links in one request, for the same reason.
const MAX_VALUES: u32 = 4_000_000;
/// Rejected records of one request that keep a sample.
const MAX_SAMPLES: usize = 10;
/// Bytes of a sample.
const SAMPLE_BYTES: usize = 2_000;

/// An id as it was sent.
#[derive(Clone, Debug, Default)]
pub enum RawId<'a> {
    #[default]
    Missing,
    Bytes(&'a [u8]),
    Text(Cow<'a, str>),
}

/// A span as it was sent.
#[derive(Debug, Default)]
pub struct Draft<'a> {
    pub trace_id: RawId<'a>,
    pub span_id: RawId<'a>,
    pub parent_id: RawId<'a>,
    pub trace_state: String,
    pub flags: u32,
    pub name: String,
    pub kind: Kind,
    pub start: u64,
    pub end: u64,
    pub status: Status,
    pub status_message: String,
    pub attributes: Attrs,
    pub events: Vec<Event>,
    pub links: Vec<Link>,
    pub dropped: Dropped,
}

impl Draft<'_> {
    /// Adds a link; one whose ids are invalid points nowhere and is counted as dropped.
    pub fn link(
        &mut self,
        trace_id: &RawId<'_>,
        span_id: &RawId<'_>,
        trace_state: String,
        attributes: Attrs,
        dropped_attributes: u32,
        flags: u32,
    ) {
        match (trace_id.trace(), span_id.span()) {
            (Some(trace_id), Some(span_id)) => {
                self.links.push(Link { trace_id, span_id, trace_state, attributes: attributes.finish(), dropped_attributes, flags });
            }
            _ => self.dropped.links = self.dropped.links.saturating_add(1),
        }
    }
}

/// How many more values a request may hold.
#[derive(Debug)]
pub struct Room(u32);

impl Room {
    pub fn take(&mut self) -> Result<(), Malformed> {
        self.0 = self.0.checked_sub(1).ok_or(Malformed("too many values in one request"))?;
        Ok(())
    }
}

/// Makes the batch of one request.
#[derive(Debug)]
pub struct Translator<'a> {
    arrival: &'a Arrival,
    batch: Batch,
    pub room: Room,
    resource: Attributes,
    service: String,
    origin: Arc<Origin>,
    /// The same for log records, once there is one.
    line_origin: Option<Arc<model::log::Origin>>,
    /// A log record had a time.
    timed: bool,
    /// What the records are.
    pub signal: Signal,
    /// Attributes of the record before: its neighbour has about as many.
    usual_attributes: usize,
}

impl<'a> Translator<'a> {
    pub fn new(arrival: &'a Arrival) -> Self {
        Translator {
            arrival,
            batch: Batch::default(),
            room: Room(MAX_VALUES),
            resource: Attributes::new(),
            service: String::new(),
            origin: Arc::default(),
            line_origin: None,
            timed: false,
            signal: Signal::Traces,
            usual_attributes: 8,
        }
    }

    /// The batch of this body.
    pub fn finish(self, body: &[u8]) -> Batch {
        // Without times the same words may well be said twice.
        let identity = self.timed.then(|| xxhash_rust::xxh3::xxh3_128(body));
        Batch { identity, ..self.batch }
    }

    /// The resource of the records to come.
    pub fn resource(&mut self, attributes: Attrs) {
        self.resource = attributes.finish();
        self.service = match attr::get(&self.resource, "service.name") {
            Some(Value::Empty) | None => String::new(),
            Some(name) => name.to_string(),
        };
        if self.service.is_empty() {
            // The fall-back that OpenTelemetry's resource conventions prescribe to SDKs.
            self.service.push_str(model::span::UNKNOWN_SERVICE);
        }
        self.scope(String::new(), String::new(), Attrs::default());
    }

    /// The instrumentation scope of the records to come.
    pub fn scope(&mut self, scope_name: String, scope_version: String, attributes: Attrs) {
        self.origin = Arc::new(Origin {
            service: self.service.clone(),
            resource: self.resource.clone(),
            scope_name,
            scope_version,
            scope_attributes: attributes.finish(),
        });
        self.line_origin = None;
    }

    /// Empty attributes for the next record.
    pub fn attrs(&self) -> Attrs {
        Attrs::with_capacity(self.usual_attributes)
    }

    /// Takes a span: stored if it is valid, else rejected with the reason.
    pub fn span(&mut self, draft: Draft<'_>) -> Result<(), Malformed> {
        self.counted()?;
        let (trace_id, span_id, parent_id) = match check(&draft) {
            Ok(ids) => ids,
            Err(reason) => {
                self.reject(reason, |origin| sample(draft, origin));
                return Ok(());
            }
        };
        let mut name = draft.name;
        scrub::clean_name(&mut name);
        let attributes = draft.attributes.finish();
        self.usual_attributes = attributes.len();
        let arrival = self.arrival;
        let envelope = Envelope {
            seq: 0,
            received_at: arrival.received_at,
            source: arrival.source.clone(),
            key: arrival.key.clone(),
            dataset: arrival.dataset.clone(),
            weight: weight(&attributes, &draft.trace_state),
            to_self: arrival.own.is_target(draft.kind, &attributes),
        };
        self.batch.spans.push(Span {
            trace_id,
            span_id,
            parent_id,
            trace_state: draft.trace_state,
            flags: draft.flags,
            name,
            kind: draft.kind,
            // `check` saw to it that the start is in range. No end, or one before the start, is no duration.
            start: draft.start as i64,
            duration_ns: draft.end.saturating_sub(draft.start).min(i64::MAX as u64) as i64,
            status: draft.status,
            status_message: draft.status_message,
            attributes,
            events: draft.events,
            links: draft.links,
            dropped: draft.dropped,
            origin: self.origin.clone(),
            envelope,
        });
        Ok(())
    }

    /// A record that could not be read; `bytes` is its length if that is known.
    pub fn unreadable(&mut self, reason: &'static str, bytes: usize) -> Result<(), Malformed> {
        self.counted()?;
        let what = if self.signal == Signal::Logs { "log record" } else { "span" };
        self.reject(reason, |origin| format!("a {what} of {} in {bytes} bytes", origin.service));
        Ok(())
    }

    /// Records of a signal this version does not keep.
    pub fn not_kept(&mut self, signal: Signal, count: u64) {
        if count > 0 {
            self.batch.dropped.push((signal, "not kept yet", count));
        }
    }

    fn counted(&self) -> Result<(), Malformed> {
        if self.batch.spans.len() + self.batch.logs.len() + self.batch.rejected.len() < MAX_RECORDS {
            Ok(())
        } else {
            Err(Malformed("too many records in one request"))
        }
    }

    fn reject(&mut self, reason: &'static str, sample: impl FnOnce(&Origin) -> String) {
        let mut sample = if self.batch.rejected.len() < MAX_SAMPLES { sample(&self.origin) } else { String::new() };
        sample.truncate(sample.floor_char_boundary(SAMPLE_BYTES));
        self.batch.rejected.push(Rejected { signal: self.signal, reason, sample });
    }
}

/// The span's ids, or why it cannot be stored.
fn check(draft: &Draft<'_>) -> Result<(TraceId, SpanId, Option<SpanId>), &'static str> {
    let trace_id = draft.trace_id.trace().ok_or("invalid trace id")?;
    let span_id = draft.span_id.span().ok_or("invalid span id")?;
    let parent_id = if draft.parent_id.is_none() { None } else { Some(draft.parent_id.span().ok_or("invalid parent span id")?) };
    if draft.name.is_empty() {
        return Err("empty name");
    }
    if draft.start == 0 {
        return Err("no start time");
    }
    if i64::try_from(draft.start).is_err() {
        return Err("start time out of range");
    }
    Ok((trace_id, span_id, parent_id))
}

/// A rejected span for a person to recognise. Its attributes were scrubbed when they were read.
fn sample(draft: Draft<'_>, origin: &Origin) -> String {
    let mut name = draft.name;
    scrub::clean_name(&mut name);
    let text = |text: String| Value::Str(text);
    Value::Map(vec![
        ("service".to_owned(), text(origin.service.clone())),
        ("name".to_owned(), text(name)),
        ("trace_id".to_owned(), text(draft.trace_id.to_string())),
        ("span_id".to_owned(), text(draft.span_id.to_string())),
        ("parent_span_id".to_owned(), text(draft.parent_id.to_string())),
        ("start_unix_nano".to_owned(), text(draft.start.to_string())),
        ("scope".to_owned(), text(origin.scope_name.clone())),
        ("attributes".to_owned(), Value::Map(draft.attributes.finish())),
    ])
    .to_string()
}

impl RawId<'_> {
    /// No id was sent; all zeros say the same.
    fn is_none(&self) -> bool {
        match self {
            RawId::Missing => true,
            RawId::Bytes(bytes) => bytes.iter().all(|byte| *byte == 0),
            RawId::Text(text) => text.bytes().all(|digit| digit == b'0'),
        }
    }

    fn trace(&self) -> Option<TraceId> {
        match self {
            RawId::Missing => None,
            // 24 bytes: hex digits that the sender took for base64 and decoded.
            RawId::Bytes(bytes) if bytes.len() == 24 => super::base64::encode(bytes).parse().ok(),
            RawId::Bytes(bytes) => TraceId::from_bytes(bytes),
            RawId::Text(text) => text.parse().ok().or_else(|| TraceId::from_bytes(&super::base64::decode(text)?)),
        }
    }

    fn span(&self) -> Option<SpanId> {
        match self {
            RawId::Missing => None,
            RawId::Bytes(bytes) if bytes.len() == 12 => super::base64::encode(bytes).parse().ok(),
            RawId::Bytes(bytes) => SpanId::from_bytes(bytes),
            RawId::Text(text) => text.parse().ok().or_else(|| SpanId::from_bytes(&super::base64::decode(text)?)),
        }
    }
}

/// As hex or as sent, at most 64 characters.
impl std::fmt::Display for RawId<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RawId::Missing => Ok(()),
            RawId::Bytes(bytes) => bytes.iter().take(32).try_for_each(|byte| write!(f, "{byte:02x}")),
            RawId::Text(text) => f.write_str(&text[..text.floor_char_boundary(64)]),
        }
    }
}
