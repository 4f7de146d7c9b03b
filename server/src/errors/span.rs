//! What spans say of errors: their `exception` events, which X-Ray's causes are translated to as well.

use super::stack::trace_chain;
use model::attr::{self, Attributes, Value, get, get_str};
use model::error::{ErrorLevel, LinkHow, Witness};
use model::request;
use model::semconv;
use model::span::{Event, Exception, Family, Span, UNKNOWN_SERVICE, exception};
use serde_json::{Map, Value as Json, json};

/// Exceptions that one names as the cause of the one before it.
const CAUSES: usize = 20;

/// The errors of a span. An exception that another one of the span names as its cause is part of that one. Of a cause that is on another
/// record, X-Ray tells the id alone: that is no error of this span.
pub fn from_span(span: &Span) -> Vec<Witness> {
    let thrown: Vec<Thrown<'_>> = span.events.iter().enumerate().filter_map(Thrown::of).collect();
    let is_cause = |one: &Thrown<'_>| {
        let of =
            |other: &Thrown<'_>| other.n != one.n && other.cause().is_some() && other.cause() == one.id() && !leads_to(&thrown, one, other);
        thrown.iter().any(of)
    };
    thrown.iter().filter(|one| !is_cause(one)).map(|one| witness(span, one, &thrown)).collect()
}

struct Thrown<'a> {
    n: usize,
    event: &'a Event,
    what: Exception<'a>,
}

impl<'a> Thrown<'a> {
    fn of((n, event): (usize, &'a Event)) -> Option<Thrown<'a>> {
        let what = exception(event)?;
        let says_nothing = what.kind.is_empty() && what.message.is_empty() && what.stacktrace.is_empty();
        (!says_nothing).then_some(Thrown { n, event, what })
    }

    /// X-Ray's id of it.
    fn id(&self) -> Option<&'a str> {
        get_str(&self.event.attributes, "aws.xray.exception.id")
    }

    /// X-Ray's id of what caused it.
    fn cause(&self) -> Option<&'a str> {
        get_str(&self.event.attributes, "aws.xray.exception.cause")
    }

    /// Its causes, the nearest first, as far as they are here.
    fn causes<'t>(&self, all: &'t [Thrown<'a>]) -> Vec<&'t Thrown<'a>> {
        let mut found: Vec<&'t Thrown<'a>> = Vec::new();
        let mut next = self.cause();
        while let Some(id) = next
            && found.len() < CAUSES
            && let Some(cause) = all.iter().find(|one| one.id() == Some(id) && one.n != self.n)
            && !found.iter().any(|one| one.n == cause.n)
        {
            found.push(cause);
            next = cause.cause();
        }
        found
    }
}

/// Whether `from` was caused by `to`, in a ring even: then the first of the two is not a part of the second.
fn leads_to(all: &[Thrown<'_>], from: &Thrown<'_>, to: &Thrown<'_>) -> bool {
    from.n < to.n && from.causes(all).iter().any(|cause| cause.n == to.n)
}

fn witness(span: &Span, thrown: &Thrown<'_>, all: &[Thrown<'_>]) -> Witness {
    let Thrown { n, event, what } = thrown;
    let identity = match thrown.id() {
        Some(id) => format!("{}-{id}", span.trace_id),
        None => format!("{}-{}-{n}", span.trace_id, span.span_id),
    };
    let escaped = get(&event.attributes, "exception.escaped").map(|value| value.to_string().eq_ignore_ascii_case("true"));
    let handled = match (escaped, span.is_error()) {
        (Some(true), _) => Some(false),
        (_, false) => Some(true),
        // It failed; whether because of this one is not said: Python's SDK writes "False" whatever happens.
        (_, true) => None,
    };
    let level = if handled == Some(true) { ErrorLevel::Warning } else { ErrorLevel::Error };
    let mut chain = trace_chain(what.kind, what.message, what.stacktrace);
    if let Json::Array(chain) = &mut chain {
        for Thrown { what, .. } in thrown.causes(all) {
            if let Json::Array(cause) = trace_chain(what.kind, what.message, what.stacktrace) {
                chain.extend(cause);
            }
        }
    }
    let resource = &span.origin.resource;
    let service = Some(span.service()).filter(|name| *name != UNKNOWN_SERVICE).unwrap_or_default();
    let said = Said {
        environment: text(resource, "deployment.environment.name"),
        version: text(resource, "service.version"),
        host: text(resource, "host.name"),
        context: context(span),
        language: text(resource, "telemetry.sdk.language"),
        notifier: if span.family() == Family::Xray { "aws-xray" } else { "opentelemetry" },
        custom: beside(&event.attributes),
        level,
        time: event.time,
    };
    let mut traces = vec![span.trace_id];
    for id in request::named(span) {
        if !traces.contains(&id) {
            traces.push(id);
        }
    }
    Witness {
        seq: 0,
        time: event.time,
        received_at: span.envelope.received_at,
        source: span.envelope.source.clone(),
        key: span.envelope.key.clone(),
        identity,
        project: service.into(),
        service: service.to_owned(),
        level,
        traces,
        span: Some(span.span_id),
        how: Some(LinkHow::Span),
        handled,
        person: None,
        data: said.data(chain, request_of(span)).to_string(),
        environment: said.environment,
        version: said.version,
        host: said.host,
        context: said.context,
    }
}

/// What surrounds an exception.
pub(super) struct Said {
    pub environment: String,
    pub version: String,
    pub host: String,
    pub context: String,
    pub language: String,
    pub notifier: &'static str,
    pub custom: Map<String, Json>,
    pub level: ErrorLevel,
    pub time: i64,
}

impl Said {
    /// An item's `data`.
    pub fn data(&self, chain: Json, request: Map<String, Json>) -> Json {
        let mut data = Map::new();
        data.insert("body".into(), json!({"trace_chain": chain}));
        data.insert("level".into(), self.level.as_str().into());
        data.insert("timestamp".into(), self.time.div_euclid(1_000_000_000).into());
        data.insert("notifier".into(), json!({"name": self.notifier}));
        let texts =
            [("environment", &self.environment), ("code_version", &self.version), ("context", &self.context), ("language", &self.language)];
        for (key, text) in texts {
            if !text.is_empty() {
                data.insert(key.into(), text.as_str().into());
            }
        }
        if !self.host.is_empty() {
            data.insert("server".into(), json!({"host": self.host}));
        }
        for (key, fields) in [("request", request), ("custom", self.custom.clone())] {
            if !fields.is_empty() {
                data.insert(key.into(), fields.into());
            }
        }
        Json::Object(data)
    }
}

/// What an event says beside its exception.
pub(super) fn beside(attributes: &Attributes) -> Map<String, Json> {
    let is_told = |key: &str| ["exception.type", "exception.message", "exception.stacktrace"].contains(&key);
    let rest = attributes.iter().filter(|(key, _)| !is_told(key));
    rest.filter_map(|(key, value)| Some((key.clone(), serde_json::to_value(value).ok()?))).collect()
}

/// The value under any of the attribute's names; empty if there is none.
pub(super) fn text(attributes: &[(String, Value)], name: &str) -> String {
    semconv::names(name).into_iter().find_map(|name| attr::get(attributes, name)).map(Value::to_string).unwrap_or_default()
}

/// The route; of a span that is a request, else the path.
fn context(span: &Span) -> String {
    let route = text(&span.attributes, "http.route");
    if !(route.is_empty() && span.is_entry()) {
        return route;
    }
    let path = text(&span.attributes, "url.path");
    let path = if path.is_empty() { path_of(&text(&span.attributes, "url.full")).to_owned() } else { path };
    path.split(['?', '#']).next().unwrap_or_default().to_owned()
}

fn path_of(url: &str) -> &str {
    let Some((_, rest)) = url.split_once("://") else { return url };
    rest.find('/').map_or("", |at| &rest[at..])
}

/// `request` of an item, if the span is one.
fn request_of(span: &Span) -> Map<String, Json> {
    let mut request = Map::new();
    if span.is_entry() {
        for (key, name) in [("method", "http.request.method"), ("url", "url.full"), ("user_ip", "client.address")] {
            let value = text(&span.attributes, name);
            if !value.is_empty() {
                request.insert(key.into(), value.into());
            }
        }
    }
    request
}

#[cfg(test)]
mod tests;
