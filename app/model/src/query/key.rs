//! Names of keys: fields and their synonyms, scopes of attributes, and what values each may have.

use super::ast::{Key, Literal, Scope, SpanField, TraceField};
use super::lex;
use crate::id::{SpanId, TraceId};
use crate::log::Level;
use crate::time;

/// Every field by the name the printer gives it, with what it holds; completion offers these beside the attributes seen.
pub const FIELDS: &[(&str, Key)] = &[
    ("service", Key::Span(SpanField::Service)),
    ("name", Key::Span(SpanField::Name)),
    ("status", Key::Span(SpanField::Status)),
    ("duration", Key::Span(SpanField::Duration)),
    ("kind", Key::Span(SpanField::Kind)),
    ("status_message", Key::Span(SpanField::StatusMessage)),
    ("entry", Key::Span(SpanField::Entry)),
    ("trace_id", Key::Span(SpanField::TraceId)),
    ("span_id", Key::Span(SpanField::SpanId)),
    ("parent_id", Key::Span(SpanField::ParentId)),
    ("start", Key::Span(SpanField::Start)),
    ("source", Key::Span(SpanField::Source)),
    ("dataset", Key::Span(SpanField::Dataset)),
    ("key", Key::Span(SpanField::IngestKey)),
    ("weight", Key::Span(SpanField::Weight)),
    ("self", Key::Span(SpanField::ToSelf)),
    ("events", Key::Span(SpanField::Events)),
    ("links", Key::Span(SpanField::Links)),
    ("trace.duration", Key::Trace(TraceField::Duration)),
    ("trace.spans", Key::Trace(TraceField::Spans)),
    ("trace.errors", Key::Trace(TraceField::Errors)),
    ("trace.service", Key::Trace(TraceField::Service)),
    ("trace.root", Key::Trace(TraceField::Root)),
    ("trace.root_service", Key::Trace(TraceField::RootService)),
    ("trace.source", Key::Trace(TraceField::Source)),
];

/// Other names people know the fields by: OpenTelemetry's, and Honeycomb's column names.
const SYNONYMS: &[(&str, &str)] = &[
    ("service.name", "service"),
    ("operation", "name"),
    ("status_code", "status"),
    ("status.code", "status"),
    ("otel.status_code", "status"),
    ("status.message", "status_message"),
    ("otel.status_description", "status_message"),
    ("duration_ms", "duration"),
    ("trace.id", "trace_id"),
    ("trace.trace_id", "trace_id"),
    ("trace.span_id", "span_id"),
    ("trace.parent_id", "parent_id"),
    ("parent_span_id", "parent_id"),
    ("timestamp", "start"),
];

/// Short names of attributes.
const SHORT: &[(&str, &str)] = &[("env", "deployment.environment.name"), ("route", "http.route")];

const SCOPES: [(Scope, &str); 4] =
    [(Scope::Span, "span."), (Scope::Resource, "resource."), (Scope::Scope, "scope."), (Scope::Event, "event.")];

/// What a key written so names. Any text names something: what is no field is an attribute. Quotes are taken off.
pub fn parse_key(text: &str) -> Key {
    match lex::unquote(text) {
        Some(inner) => named(&inner),
        None => named(text),
    }
}

/// Whose keys a text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vocabulary {
    Spans,
    /// Of lines: every key is [`Key::Attribute`] of any scope, by the name written.
    Logs,
    /// Of groups of errors: as of lines, every key is [`Key::Attribute`] of any scope.
    Errors,
}

impl Vocabulary {
    /// What the key with this name, without quotes, is.
    pub(super) fn named(self, name: &str) -> Key {
        match self {
            Vocabulary::Spans => named(name),
            Vocabulary::Logs | Vocabulary::Errors => Key::Attribute { scope: Scope::Any, name: name.into() },
        }
    }

    /// As [`parse_key`].
    pub(super) fn parse_key(self, text: &str) -> Key {
        lex::unquote(text).map_or_else(|| self.named(text), |inner| self.named(&inner))
    }

    /// As [`key_text`].
    pub(super) fn key_text(self, key: &Key) -> String {
        match (self, key) {
            (Vocabulary::Logs | Vocabulary::Errors, Key::Attribute { name, .. }) => {
                if is_plain_key(name) {
                    name.clone()
                } else {
                    lex::quote(name)
                }
            }
            (_, key) => key_text(key),
        }
    }

    pub(super) fn kind(self, key: &Key) -> Kind {
        match (self, key) {
            (Vocabulary::Logs, Key::Attribute { name, .. }) => match name.as_str() {
                "level" | "@level" => Kind::Level,
                "severity" => Kind::Severity,
                "trace_id" | "trace.id" | "trace.trace_id" => Kind::TraceId,
                "span_id" | "trace.span_id" => Kind::SpanId,
                "@timestamp" | "@ingestionTime" | "time" => Kind::Moment,
                _ => Kind::Text,
            },
            (Vocabulary::Errors, Key::Attribute { name, .. }) => match name.as_str() {
                "count" | "people" => Kind::Number,
                "first_seen" | "last_seen" => Kind::Moment,
                _ => Kind::Text,
            },
            (_, key) => kind(key),
        }
    }
}

/// What the key with this name, without quotes, is.
pub(super) fn named(name: &str) -> Key {
    let field = SYNONYMS.iter().find(|(synonym, _)| *synonym == name).map_or(name, |(_, field)| field);
    if let Some((_, key)) = FIELDS.iter().find(|(known, _)| *known == field) {
        return key.clone();
    }
    for (scope, prefix) in SCOPES {
        if let Some(rest) = name.strip_prefix(prefix).filter(|rest| !rest.is_empty()) {
            return Key::Attribute { scope, name: rest.into() };
        }
    }
    let name = SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, name)| name);
    Key::Attribute { scope: Scope::Any, name: name.into() }
}

/// The key as it is written in a query, in quotes where it must be. [`parse_key`] is the inverse.
pub fn key_text(key: &Key) -> String {
    let name = match key {
        Key::Attribute { scope, name } => {
            let prefix = SCOPES.iter().find(|(known, _)| known == scope).map_or("", |(_, prefix)| prefix);
            // An attribute that is named like a field can only be asked for by its scope.
            let prefix = if prefix.is_empty() && named(name) != *key { "span." } else { prefix };
            format!("{prefix}{name}")
        }
        field => FIELDS.iter().find(|(_, known)| known == field).map_or_else(String::new, |(name, _)| (*name).into()),
    };
    if is_plain_key(&name) { name } else { lex::quote(&name) }
}

/// Whether a key can be written without quotes, before any operator.
pub(super) fn is_plain_key(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '@')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | '@'))
}

/// What values a key has.
pub(super) enum Kind {
    Text,
    Number,
    Duration,
    Moment,
    TraceId,
    SpanId,
    OneOf(&'static [&'static str]),
    /// A level by any of its names; its number is its lowest severity.
    Level,
    /// OpenTelemetry's severity number, or a level.
    Severity,
}

pub(super) fn kind(key: &Key) -> Kind {
    match key {
        Key::Attribute { .. } => Kind::Text,
        Key::Span(field) => match field {
            SpanField::TraceId => Kind::TraceId,
            SpanField::SpanId | SpanField::ParentId => Kind::SpanId,
            SpanField::Kind => Kind::OneOf(&["unspecified", "internal", "server", "client", "producer", "consumer"]),
            SpanField::Status => Kind::OneOf(&["unset", "ok", "error"]),
            SpanField::Entry | SpanField::ToSelf => Kind::OneOf(&["true", "false"]),
            SpanField::Duration => Kind::Duration,
            SpanField::Start => Kind::Moment,
            SpanField::Weight | SpanField::Events | SpanField::Links => Kind::Number,
            SpanField::Name
            | SpanField::Service
            | SpanField::StatusMessage
            | SpanField::Source
            | SpanField::Dataset
            | SpanField::IngestKey => Kind::Text,
        },
        Key::Trace(field) => match field {
            TraceField::Duration => Kind::Duration,
            TraceField::Spans | TraceField::Errors => Kind::Number,
            TraceField::Service | TraceField::Root | TraceField::RootService | TraceField::Source => Kind::Text,
        },
    }
}

impl Kind {
    /// Whether values have an order.
    pub(super) fn is_ordered(&self) -> bool {
        self.is_number() || matches!(self, Kind::Text | Kind::Level | Kind::Severity)
    }

    /// Whether values are numbers: no stars and no regex.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Kind::Number | Kind::Duration | Kind::Moment)
    }

    /// The number of a text, if it has one for this kind of key.
    pub(super) fn number(&self, text: &str) -> Option<f64> {
        match self {
            // Bare numbers are milliseconds.
            Kind::Duration => decimal(text).map(|ms| ms * 1e6).or_else(|| time::parse_duration(text).map(|ns| ns as f64)),
            Kind::Moment => time::parse_moment(text).map(|at| at as f64),
            Kind::Level => Level::from_name(text).map(|level| f64::from(level.severity().0)),
            Kind::Severity => decimal(text).or_else(|| Kind::Level.number(text)),
            _ => decimal(text),
        }
    }

    /// A value for this kind of key; `Err` says what was expected.
    pub(super) fn literal(&self, text: &str) -> Result<Literal, String> {
        let text_only = |text: String| Literal { text, number: None };
        match self {
            Kind::OneOf(allowed) => match allowed.iter().find(|value| value.eq_ignore_ascii_case(text)) {
                Some(value) => Ok(text_only((*value).into())),
                None => Err(format!("expected one of {}", allowed.join(", "))),
            },
            Kind::TraceId => match text.parse::<TraceId>() {
                Ok(id) => Ok(text_only(id.to_string())),
                Err(error) => Err(error.to_string()),
            },
            Kind::SpanId => match text.parse::<SpanId>() {
                Ok(id) => Ok(text_only(id.to_string())),
                Err(_) => Err("expected a span id: 16 hex digits".into()),
            },
            Kind::Level => match Level::from_name(text) {
                Some(level) => Ok(Literal { text: level.as_str().into(), number: self.number(text) }),
                None => Err(self.expected().into()),
            },
            _ => match self.number(text) {
                None if matches!(self, Kind::Severity) || self.is_number() => Err(self.expected().into()),
                number => Ok(Literal { text: text.into(), number }),
            },
        }
    }

    /// What a comparison wants.
    pub(super) fn expected(&self) -> &'static str {
        match self {
            Kind::Duration => "expected a duration such as 500ms, 1.5s or 2m (a bare number is milliseconds)",
            Kind::Moment => "expected a moment such as 2026-11-22T15:40:14Z",
            Kind::Level => "expected a level: none, trace, debug, info, warn, error or fatal",
            Kind::Severity => "expected a severity: 1 to 24, or a level",
            _ => "expected a number",
        }
    }
}

/// A finite decimal number; Rust also reads `inf` and `nan`, which are texts here.
fn decimal(text: &str) -> Option<f64> {
    if !text.bytes().any(|b| b.is_ascii_digit())
        || !text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'))
    {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_both_ways() {
        let attribute = |scope, name: &str| Key::Attribute { scope, name: name.into() };
        for (text, key, canonical) in [
            ("service.name", Key::Span(SpanField::Service), "service"),
            ("operation", Key::Span(SpanField::Name), "name"),
            ("trace.id", Key::Span(SpanField::TraceId), "trace_id"),
            ("env", attribute(Scope::Any, "deployment.environment.name"), "deployment.environment.name"),
            ("route", attribute(Scope::Any, "http.route"), "http.route"),
            ("span.name", attribute(Scope::Span, "name"), "span.name"),
            ("event.exception.type", attribute(Scope::Event, "exception.type"), "event.exception.type"),
            ("trace.unknown", attribute(Scope::Any, "trace.unknown"), "trace.unknown"),
            ("\"a key: \\\"x\\\"\"", attribute(Scope::Any, "a key: \"x\""), "\"a key: \\\"x\\\"\""),
            ("resource.", attribute(Scope::Any, "resource."), "resource."),
        ] {
            assert_eq!(parse_key(text), key, "{text}");
            assert_eq!(key_text(&key), canonical);
        }
        for (_, key) in FIELDS {
            assert_eq!(parse_key(&key_text(key)), *key);
        }
        assert_eq!(key_text(&attribute(Scope::Any, "name")), "span.name");
    }
}
