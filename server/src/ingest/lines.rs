//! What a log line says about itself, whoever wrote it: its trace, how bad it is, the HTTP request it tells of. Pure and fast:
//! every line that arrives comes through here.

mod access;
mod json;
mod severity;
mod stream;
pub mod trace;

pub use access::AccessLine;
pub use stream::{StreamParts, stream_parts};

use model::log::{Severity, TraceLink};

/// A message that was looked into once. A JSON object, alone or at the end, is walked here and not again.
pub struct Facts<'a> {
    message: &'a str,
    json: Option<json::Fields<'a>>,
}

impl<'a> Facts<'a> {
    pub fn of(message: &'a str) -> Facts<'a> {
        Facts { message, json: json::fields(message) }
    }

    /// The trace the message names: fields of JSON first, then ids in the text, the surest kind first.
    pub fn trace(&self) -> Option<TraceLink> {
        self.json.as_ref().and_then(json::Fields::trace).or_else(|| trace::in_text(self.message))
    }

    /// What the message calls itself, `NONE` if it does not.
    pub fn severity(&self) -> Severity {
        match &self.json {
            None => severity::in_text(self.message),
            Some(json) => [severity::in_text(json.prefix), json.severity, severity::in_text(json.message)]
                .into_iter()
                .find(|severity| *severity != Severity::NONE)
                .unwrap_or_default(),
        }
    }

    /// What a line really is whose sender called it `sent`. Where everything is logged as one level the text says better: an
    /// access line is as bad as its status, a stack trace is an error. What was sent as trace, debug or fatal was meant.
    pub fn repaired(&self, sent: Severity) -> Severity {
        let (text, fields) = match &self.json {
            None => (self.message, None),
            Some(json) => (json.message, Some(json)),
        };
        if let Some(request) = access::request(text) {
            return severity::of_status(request.status, sent);
        }
        match fields.map(|json| (json.request(), json.stack)) {
            // The request is told beside the message, which may tell of something worse than its status.
            Some((Some(request), _)) => sent.max(severity::of_status(request.status, sent)),
            Some((None, true)) => severity::of_stack(sent),
            _ if severity::is_stack(text) => severity::of_stack(sent),
            _ => sent,
        }
    }

    /// The HTTP request the line tells of, if that is what it does.
    pub fn access(&self) -> Option<AccessLine<'a>> {
        match &self.json {
            None => access::in_text(self.message),
            Some(json) => json.request().or_else(|| access::in_text(json.message)),
        }
    }
}

/// [`Facts::trace`]
pub fn trace_of(message: &str) -> Option<TraceLink> {
    Facts::of(message).trace()
}

/// How bad a line is, (after repair, as it calls itself): [`Facts::repaired`], [`Facts::severity`].
pub fn severity_of(message: &str) -> (Severity, Severity) {
    let facts = Facts::of(message);
    let sent = facts.severity();
    (facts.repaired(sent), sent)
}

/// [`Facts::access`]
pub fn access_line(message: &str) -> Option<AccessLine<'_>> {
    Facts::of(message).access()
}

#[cfg(test)]
mod tests;
