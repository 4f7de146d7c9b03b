//! What a log line says about itself. Nothing yet: its trace and its severity are not looked for.

use model::log::{Severity, TraceLink};

/// The trace that a message names.
pub fn trace_of(_message: &str) -> Option<TraceLink> {
    None
}

/// How bad a line is: after repair, and as it says itself.
pub fn severity_of(_message: &str) -> (Severity, Severity) {
    (Severity::NONE, Severity::NONE)
}

/// What the name of a log stream says; empty where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamParts<'a> {
    pub host: &'a str,
    pub program: &'a str,
    pub logger: &'a str,
    pub pid: &'a str,
}

pub fn stream_parts(_stream: &str) -> StreamParts<'_> {
    StreamParts::default()
}
