//! Errors, in Rollbar's terms: an *occurrence* is one throw, a *group* (Rollbar's "item") is what a team triages. A throw may be seen by
//! several systems; what each of them says of it is a *witness*.

use crate::id::{SpanId, TraceId};
use crate::time::Nanos;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What one source says of one throw. All sources speak Rollbar's language here: `data` has the shape of `data` in Rollbar's item API,
/// whoever sent it, so that grouping and pages know one shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Witness {
    /// Position in the intake, monotone over all records; 0 until the intake gave it one.
    pub seq: u64,
    /// When it happened, as the sender says; else when it was received.
    pub time: Nanos,
    pub received_at: Nanos,
    /// A row of the server's SOURCES table.
    pub source: Arc<str>,
    /// Name of the ingest key, never the key.
    pub key: Arc<str>,
    /// Tells it from every other one of its project: what comes again under it is a duplicate. Of Rollbar `data.uuid`, of OpenTelemetry trace, span and
    /// number of the event, of X-Ray trace and id of the exception.
    pub identity: String,
    /// Who sends: of Rollbar the name of the key, else the beginning of a hash of the access token; of the others their service.
    pub project: Arc<str>,
    /// Empty if it is not known, as all texts that follow.
    pub service: String,
    pub environment: String,
    /// Rollbar's `code_version`, OpenTelemetry's `service.version`.
    pub version: String,
    pub host: String,
    /// Rollbar's `context`: the route, `http.route` of OpenTelemetry.
    pub context: String,
    pub level: ErrorLevel,
    /// Traces it names, its own system's first, then those of other systems; all of one request.
    pub traces: Vec<TraceId>,
    /// The span of the first of them in which it was thrown.
    pub span: Option<SpanId>,
    /// How the first trace is known; `None` if there is no trace.
    pub how: Option<LinkHow>,
    /// Whether the program dealt with it; `None` if that is not known.
    pub handled: Option<bool>,
    pub person: Option<Person>,
    /// A JSON object in the shape of Rollbar's `data`, secrets scrubbed: the body with its frames, and every key that was sent.
    pub data: String,
}

/// Which kind of system a witness is of: two of one family are never the same throw, but for an exception that passes several spans of
/// one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WitnessFamily {
    Rollbar,
    Otel,
    Xray,
}

impl WitnessFamily {
    /// Of a source.
    pub fn of(source: &str) -> WitnessFamily {
        match source {
            "rollbar" => WitnessFamily::Rollbar,
            source if source.starts_with("xray") => WitnessFamily::Xray,
            _ => WitnessFamily::Otel,
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            WitnessFamily::Rollbar => "Rollbar",
            WitnessFamily::Otel => "OpenTelemetry",
            WitnessFamily::Xray => "X-Ray",
        }
    }
}

impl Witness {
    pub fn family(&self) -> WitnessFamily {
        WitnessFamily::of(&self.source)
    }
}

/// Who was affected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub id: String,
    pub username: String,
    pub email: String,
}

/// How the trace of an error is known, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkHow {
    /// The error names the span, or is part of it.
    Span,
    /// The error names the trace.
    Trace,
    /// A header of the request names the trace; the span it names is the caller's.
    Header,
    /// A span, or a line that names its trace, has the request id that the error has. Decided when it is read.
    Request,
    /// Time, route and message fit one throw of a trace. Decided when it is read.
    Inferred,
}

impl LinkHow {
    /// For people, after "linked by".
    pub fn title(self) -> &'static str {
        match self {
            LinkHow::Span => "the span it names",
            LinkHow::Trace => "the trace id it names",
            LinkHow::Header => "a header of the request",
            LinkHow::Request => "the id of its request, which the trace has, too",
            LinkHow::Inferred => "time, route and message of one exception",
        }
    }
}

/// Rollbar's levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorLevel {
    Debug,
    Info,
    Warning,
    #[default]
    Error,
    Critical,
}

impl ErrorLevel {
    pub const ALL: [ErrorLevel; 5] = [ErrorLevel::Debug, ErrorLevel::Info, ErrorLevel::Warning, ErrorLevel::Error, ErrorLevel::Critical];

    pub fn as_str(self) -> &'static str {
        ["debug", "info", "warning", "error", "critical"][self as usize]
    }

    /// Rollbar's number: 10, 20, 30, 40, 50.
    pub fn number(self) -> u8 {
        (self as u8 + 1) * 10
    }

    /// Of a name in any case, or of the number as text.
    pub fn named(text: &str) -> Option<ErrorLevel> {
        ErrorLevel::ALL.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(text) || level.number().to_string() == text)
    }
}

/// What a team decided about a group.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum ErrorStatus {
    #[default]
    Active,
    /// It is regressed when it comes back.
    Resolved {
        /// Occurrences of older versions do not count as coming back.
        version: Option<String>,
        /// Until the next deploy, occurrences do not count as coming back.
        next_deploy: bool,
    },
    Muted,
    /// Active again after a moment, or after so many more occurrences.
    Snoozed {
        until: Option<Nanos>,
        /// The group's count at which it wakes.
        count: Option<u64>,
    },
}

impl ErrorStatus {
    /// As queries and the API write it.
    pub fn as_str(&self) -> &'static str {
        match self {
            ErrorStatus::Active => "active",
            ErrorStatus::Resolved { .. } => "resolved",
            ErrorStatus::Muted => "muted",
            ErrorStatus::Snoozed { .. } => "snoozed",
        }
    }
}

/// Why an active group wants to be looked at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// It was resolved and came back.
    Regressed,
    /// First seen within 24 h and nobody dealt with it.
    New,
    /// The last hour had at least ten occurrences and five times as many as an average hour of the day before.
    Escalating,
}

impl Mark {
    pub fn as_str(self) -> &'static str {
        match self {
            Mark::Regressed => "regressed",
            Mark::New => "new",
            Mark::Escalating => "escalating",
        }
    }
}

/// A group of errors. Project, environment and fingerprint tell it from others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorGroup {
    /// The short number that people and `/e/{n}` use.
    pub number: u64,
    pub title: String,
    /// Class of the exception; empty for messages.
    pub class: String,
    pub level: ErrorLevel,
    #[serde(flatten)]
    pub status: ErrorStatus,
    pub mark: Option<Mark>,
    pub project: String,
    pub service: String,
    pub environment: String,
    pub first_seen: Nanos,
    pub last_seen: Nanos,
    pub first_version: String,
    pub last_version: String,
    /// Occurrences, each throw once.
    pub count: u64,
    /// Distinct persons (at most 10,000 are told apart).
    pub people: u64,
    /// Requests whose root span failed in which it occurred, where traces are known.
    pub failed_requests: u64,
    pub assignee: Option<String>,
    pub comments: u32,
    /// Occurrences of each of the last 24 hours, oldest first.
    pub hours: Vec<u32>,
    /// The routes it occurs on most, with their counts, at most 3.
    pub routes: Vec<(String, u64)>,
    /// The systems that saw it.
    pub families: Vec<WitnessFamily>,
    /// Other numbers that were merged into this group.
    pub members: Vec<u64>,
}

/// One occurrence in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OccurrenceRow {
    /// Its identity within Clew: the `seq` of its first witness.
    pub seq: u64,
    /// `data.uuid` of Rollbar, else empty.
    pub uuid: String,
    /// The number of its group.
    pub number: u64,
    pub time: Nanos,
    pub title: String,
    pub level: ErrorLevel,
    pub environment: String,
    pub version: String,
    pub host: String,
    pub context: String,
    pub person: Option<Person>,
    pub traces: Vec<TraceId>,
    pub span: Option<SpanId>,
    pub how: Option<LinkHow>,
    pub families: Vec<WitnessFamily>,
}

/// One occurrence, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    pub row: OccurrenceRow,
    /// What each system says of it, Rollbar first, then OpenTelemetry, then X-Ray.
    pub witnesses: Vec<Witness>,
    /// `seq` of the next older and the next newer one of the group.
    pub older: Option<u64>,
    pub newer: Option<u64>,
}

/// A line of a group's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryRow {
    pub at: Nanos,
    /// Who did it; empty: Clew itself.
    pub actor: String,
    /// A sentence without its subject: "resolved it in version 1.2".
    pub what: String,
    /// The text of a comment.
    pub comment: Option<String>,
}

/// What people do to groups.
#[derive(Clone, Debug, PartialEq)]
pub enum TriageAction {
    Resolve {
        version: Option<String>,
        next_deploy: bool,
    },
    Reopen,
    Mute,
    /// Until a moment or for so many more occurrences.
    Snooze {
        until: Option<Nanos>,
        more: Option<u64>,
    },
    /// `None`: nobody.
    Assign(Option<String>),
    Level(ErrorLevel),
    Title(String),
    Comment(String),
}

/// A deploy, as Rollbar's API has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deploy {
    pub id: u64,
    pub project: String,
    pub environment: String,
    pub revision: String,
    /// Who did it, by `rollbar_username`, else `local_username`.
    pub user: String,
    pub comment: String,
    /// `started`, `succeeded`, `failed` or `timed_out`.
    pub status: String,
    pub started: Nanos,
    pub finished: Option<Nanos>,
}

/// An error that a trace leads to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorPin {
    pub number: u64,
    pub seq: u64,
    pub title: String,
    pub level: ErrorLevel,
    pub time: Nanos,
    pub trace_id: TraceId,
    pub span_id: Option<SpanId>,
    pub families: Vec<WitnessFamily>,
}

/// Why occurrences are in their group: the parts that its fingerprint was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grouping {
    /// `explicit` (sent by the SDK), `rule` (a custom rule), `exception`, `message` or `merged` (by a person or as another system's view).
    pub kind: String,
    /// The fingerprint in force.
    pub fingerprint: String,
    /// (what, text): class chain, crash site, message template, ...; in the order they went in.
    pub parts: Vec<(String, String)>,
    /// How many different call paths the occurrences have.
    pub paths: u64,
}
