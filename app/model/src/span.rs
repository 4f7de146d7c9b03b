//! One span as it is stored: OpenTelemetry's fields plus the envelope every record of Clew carries.

use crate::attr::{Attributes, Value};
use crate::id::{SpanId, TraceId};
use crate::time::Nanos;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A span. Field names are OpenTelemetry's (opentelemetry-proto `trace.proto`).
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub parent_id: Option<SpanId>,
    /// W3C `tracestate` as sent; empty if none.
    pub trace_state: String,
    /// OTLP span flags: the low 8 bits are W3C's, 0x100 = "parent is remote" is known, 0x200 = it is.
    pub flags: u32,
    pub name: String,
    pub kind: Kind,
    pub start: Nanos,
    /// End minus start, nanoseconds. An end before the start is stored as 0 (the sender's clock went backwards).
    pub duration_ns: i64,
    pub status: Status,
    pub status_message: String,
    pub attributes: Attributes,
    pub events: Vec<Event>,
    pub links: Vec<Link>,
    /// What the SDK itself dropped before sending.
    pub dropped: Dropped,
    /// Resource and scope: shared by all spans of one request that have the same.
    pub origin: Arc<Origin>,
    pub envelope: Envelope,
}

/// Who made the span: the OpenTelemetry resource and instrumentation scope.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Origin {
    /// `service.name` of the resource; `unknown_service` if it has none.
    pub service: String,
    pub resource: Attributes,
    pub scope_name: String,
    pub scope_version: String,
    pub scope_attributes: Attributes,
}

/// `service.name` of what does not say whose it is.
pub const UNKNOWN_SERVICE: &str = "unknown_service";

/// Which kind of instrumentation made a span. A trace may have a span of either under one id, and they are two spans: the
/// identity of a span is (trace, id, family).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// OpenTelemetry and what is translated to it.
    Otel,
    /// AWS X-Ray's segments and subsegments.
    Xray,
}

impl Family {
    /// Of a source, as [`Envelope::source`] names it.
    pub fn of(source: &str) -> Family {
        if source.starts_with("xray") { Family::Xray } else { Family::Otel }
    }

    /// As addresses and parameters write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Family::Otel => "otel",
            Family::Xray => "xray",
        }
    }

    /// Reads what [`Family::as_str`] wrote.
    pub fn named(text: &str) -> Option<Family> {
        [Family::Otel, Family::Xray].into_iter().find(|family| family.as_str() == text)
    }

    /// As people call it.
    pub fn title(self) -> &'static str {
        match self {
            Family::Otel => "OpenTelemetry",
            Family::Xray => "X-Ray",
        }
    }

    /// The other one.
    pub fn other(self) -> Family {
        match self {
            Family::Otel => Family::Xray,
            Family::Xray => Family::Otel,
        }
    }
}

/// What Clew knows of a record's arrival.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// Position in the intake, monotone over all records; 0 until the intake gave it one.
    pub seq: u64,
    /// When Clew received it.
    pub received_at: Nanos,
    /// Where it came in: `otlp_http`, `otlp_grpc`, ... (a row of the server's SOURCES table).
    pub source: Arc<str>,
    /// Name of the ingest key it was sent with; empty if none. Never the key itself.
    pub key: Arc<str>,
    /// `x-honeycomb-dataset`; empty if none.
    pub dataset: Arc<str>,
    /// How many spans this one stands for: `SampleRate`, or 1 / probability of `tracestate` `ot=th:`. At least 1.
    pub weight: f64,
    /// The span's target is Clew itself (an exporter traced by another instrumentation); hidden by default.
    pub to_self: bool,
}

impl Envelope {
    /// The family of its source: the sources of X-Ray begin with `xray`.
    pub fn family(&self) -> Family {
        Family::of(&self.source)
    }
}

/// OpenTelemetry span kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    #[default]
    Unspecified,
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

impl Kind {
    pub const ALL: [Kind; 6] = [Kind::Unspecified, Kind::Internal, Kind::Server, Kind::Client, Kind::Producer, Kind::Consumer];

    /// From OTLP's number; unknown numbers are unspecified.
    pub fn from_number(number: i32) -> Kind {
        usize::try_from(number).ok().and_then(|n| Kind::ALL.get(n).copied()).unwrap_or_default()
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Unspecified => "unspecified",
            Kind::Internal => "internal",
            Kind::Server => "server",
            Kind::Client => "client",
            Kind::Producer => "producer",
            Kind::Consumer => "consumer",
        }
    }
}

/// OpenTelemetry span status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    #[default]
    Unset,
    Ok,
    Error,
}

impl Status {
    pub const ALL: [Status; 3] = [Status::Unset, Status::Ok, Status::Error];

    /// From OTLP's number; unknown numbers are unset.
    pub fn from_number(number: i32) -> Status {
        usize::try_from(number).ok().and_then(|n| Status::ALL.get(n).copied()).unwrap_or_default()
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Unset => "unset",
            Status::Ok => "ok",
            Status::Error => "error",
        }
    }
}

/// A span event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub time: Nanos,
    pub name: String,
    #[serde(with = "crate::attr::as_map")]
    pub attributes: Attributes,
    pub dropped_attributes: u32,
}

/// A span link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub trace_state: String,
    #[serde(with = "crate::attr::as_map")]
    pub attributes: Attributes,
    pub dropped_attributes: u32,
    pub flags: u32,
}

/// Counts of what the SDK dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dropped {
    pub attributes: u32,
    pub events: u32,
    pub links: u32,
}

impl Span {
    /// `start` + `duration_ns`, saturating.
    pub fn end(&self) -> Nanos {
        self.start.saturating_add(self.duration_ns)
    }

    pub fn service(&self) -> &str {
        &self.origin.service
    }

    /// Whether this span is where a request enters its service: kind server or consumer, no parent, or a remote parent
    /// (OTLP flags 0x100 and 0x200). Rate, errors and latency count entry spans only.
    pub fn is_entry(&self) -> bool {
        matches!(self.kind, Kind::Server | Kind::Consumer) || self.parent_id.is_none() || self.flags & 0x300 == 0x300
    }

    /// Whether this span failed: status error.
    pub fn is_error(&self) -> bool {
        self.status == Status::Error
    }

    pub fn family(&self) -> Family {
        self.envelope.family()
    }

    /// Whether it is X-Ray's announcement of a record whose end is still to come; it has no duration yet.
    pub fn in_progress(&self) -> bool {
        self.family() == Family::Xray && crate::attr::get(&self.attributes, "aws.xray.in_progress") == Some(&Value::Bool(true))
    }

    /// Whether it is a subsegment of X-Ray that was sent on its own, which does not say whose it is: its resource is empty, and its
    /// service that of the segment around it, as soon as that is known.
    pub fn is_adrift(&self) -> bool {
        self.family() == Family::Xray && self.origin.resource.is_empty()
    }

    /// Whether it is one of those, and whose it is is not known yet.
    pub fn is_nobodys(&self) -> bool {
        self.is_adrift() && self.service() == UNKNOWN_SERVICE
    }

    /// Attribute of the span, else of the resource, else of the scope.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        use crate::attr::get;
        get(&self.attributes, key).or_else(|| get(&self.origin.resource, key)).or_else(|| get(&self.origin.scope_attributes, key))
    }
}

/// The exception an event records (OpenTelemetry semantic conventions: an event named `exception`).
pub fn exception(event: &Event) -> Option<Exception<'_>> {
    use crate::attr::get_str;
    (event.name == "exception").then(|| Exception {
        kind: get_str(&event.attributes, "exception.type").unwrap_or_default(),
        message: get_str(&event.attributes, "exception.message").unwrap_or_default(),
        stacktrace: get_str(&event.attributes, "exception.stacktrace").unwrap_or_default(),
    })
}

/// See [`exception`]. Fields are empty where the sender gave none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception<'a> {
    pub kind: &'a str,
    pub message: &'a str,
    pub stacktrace: &'a str,
}
