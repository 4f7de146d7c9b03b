//! The fields of a line by name.
//!
//! What every line has comes first: `@timestamp` (`time`), `@message` (`message`), `@ingestionTime`, `@logStream` (`stream`), `@log`,
//! `group`, `level`, `severity`, `service`, `environment`, `host`, `logger`, `source`, `trace_id`, `span_id`, `@ptr`, `pattern`, and
//! Lambda's fields. Where the sender did not say service, environment, host or logger, and for every other name, it is an attribute, then
//! a path into the JSON of the message, then a resource attribute, under each name the semantic conventions ever had for it. `$.a` is a
//! path into the message and nothing else; the key `@a` of a message is the field `@@a`.

use super::json::{self, Paths};
use super::lambda::{self, LambdaField};
use super::value::Value;
use crate::store::logs::test::{LineRef, OriginField, Reads};
use model::log::{Severity, TraceLink};
use std::cell::OnceCell;
use std::ops::Range;

/// The account in `@log`: there is one.
pub const ACCOUNT: &str = "000000000000";

/// A field, as [`Fields::field`] made it of a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    Timestamp,
    Message,
    IngestionTime,
    /// `account:group`
    Log,
    Level,
    Severity,
    TraceId,
    SpanId,
    /// The line's address.
    Pointer,
    Pattern,
    Lambda(LambdaField),
    Origin(OriginField, Option<Path>),
    Path(Path),
}

/// Where a value is looked up: some of the paths of [`Fields`], the first that is found.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    alternatives: Range<usize>,
    only_message: bool,
}

/// The fields that a query asks for.
#[derive(Debug, Default)]
pub struct Fields {
    paths: Paths,
    known: Vec<(String, Field)>,
}

impl Fields {
    pub fn reads(&self) -> Reads {
        let mut reads = Reads::default();
        for (_, field) in &self.known {
            match field {
                Field::Message | Field::Lambda(_) => reads.message = true,
                Field::Origin(_, Some(_)) | Field::Path(_) => (reads.message, reads.attributes) = (true, true),
                Field::TraceId | Field::SpanId => reads.trace = true,
                Field::Pattern => reads.pattern = true,
                Field::Timestamp
                | Field::IngestionTime
                | Field::Log
                | Field::Level
                | Field::Severity
                | Field::Pointer
                | Field::Origin(_, None) => (),
            }
        }
        reads
    }

    pub fn field(&mut self, name: &str) -> Field {
        if let Some((_, field)) = self.known.iter().find(|(known, _)| known == name) {
            return field.clone();
        }
        let field = self.named(name);
        self.known.push((name.into(), field.clone()));
        field
    }

    fn named(&mut self, name: &str) -> Field {
        let origin = |field| Field::Origin(field, None);
        match name {
            "@timestamp" | "time" => Field::Timestamp,
            "@message" | "message" => Field::Message,
            "@ingestionTime" => Field::IngestionTime,
            "@logStream" | "stream" => origin(OriginField::Stream),
            "@log" => Field::Log,
            "group" => origin(OriginField::Group),
            "source" => origin(OriginField::Source),
            "level" | "@level" => Field::Level,
            "severity" => Field::Severity,
            "trace_id" | "trace.id" | "trace.trace_id" => Field::TraceId,
            "span_id" | "trace.span_id" => Field::SpanId,
            "@ptr" => Field::Pointer,
            "pattern" => Field::Pattern,
            "service" | "service.name" => self.origin(OriginField::Service, &["service.name", "service"]),
            "environment" | "env" | "deployment.environment.name" | "deployment.environment" => {
                self.origin(OriginField::Environment, &["deployment.environment.name", "deployment.environment", "environment", "env"])
            }
            "host" | "host.name" => self.origin(OriginField::Host, &["host.name", "host"]),
            "logger" => self.origin(OriginField::Logger, &["logger"]),
            name => match LambdaField::named(name) {
                Some(field) => Field::Lambda(field),
                None => Field::Path(self.path(name)),
            },
        }
    }

    fn origin(&mut self, field: OriginField, names: &[&str]) -> Field {
        Field::Origin(field, Some(self.alternatives(names)))
    }

    fn path(&mut self, name: &str) -> Path {
        match name.strip_prefix("$.") {
            Some(path) => Path { only_message: true, ..self.alternatives(&[path]) },
            None if name.starts_with("@@") => self.alternatives(&[&name[1..]]),
            None => self.alternatives(&model::semconv::names(name)),
        }
    }

    fn alternatives(&mut self, names: &[&str]) -> Path {
        // One after the other, so that a range names them: a path that two fields ask for may be there twice.
        let start = self.paths.count();
        names.iter().for_each(|name| self.paths.push(name));
        Path { alternatives: start..self.paths.count(), only_message: false }
    }
}

/// A line whose fields are asked for. Each of its JSON texts is walked at most once.
pub struct Row<'a> {
    pub line: &'a LineRef<'a>,
    fields: &'a Fields,
    link: OnceCell<Option<TraceLink>>,
    message: OnceCell<Vec<Option<&'a str>>>,
    attributes: OnceCell<Vec<Option<&'a str>>>,
    resource: OnceCell<Vec<Option<&'a str>>>,
}

impl<'a> Row<'a> {
    pub fn new(line: &'a LineRef<'a>, fields: &'a Fields) -> Row<'a> {
        Row { line, fields, link: OnceCell::new(), message: OnceCell::new(), attributes: OnceCell::new(), resource: OnceCell::new() }
    }

    pub fn get(&self, field: &Field) -> Value<'a> {
        let line = self.line;
        match field {
            Field::Timestamp => Value::Moment(line.time),
            Field::Message => Value::text(line.message),
            Field::IngestionTime => Value::Moment(line.received_at),
            Field::Log => Value::owned(format!("{ACCOUNT}:{}", line.origin.group)),
            Field::Level => Value::text(line.severity.level().as_str()),
            Field::Severity if line.severity == Severity::NONE => Value::Null,
            Field::Severity => Value::Number(f64::from(line.severity.0)),
            Field::TraceId => self.link().map_or(Value::Null, |link| Value::owned(link.trace_id.to_string())),
            Field::SpanId => self.link().and_then(|link| link.span_id).map_or(Value::Null, |span| Value::owned(span.to_string())),
            Field::Pointer => Value::owned(format!("{}.{}", line.time, line.seq)),
            Field::Pattern if line.pattern == 0 => Value::Null,
            Field::Pattern => Value::Number(f64::from(line.pattern)),
            Field::Lambda(field) => lambda::value(*field, line.message),
            Field::Origin(field, path) => match (field.of(line.origin), path) {
                ("", Some(path)) => self.look_up(path),
                (text, _) => Value::given(text),
            },
            Field::Path(path) => self.look_up(path),
        }
    }

    pub fn link(&self) -> Option<TraceLink> {
        *self.link.get_or_init(|| (self.line.trace)())
    }

    fn look_up(&self, path: &Path) -> Value<'a> {
        let first = |found: &[Option<&'a str>]| found[path.alternatives.clone()].iter().flatten().next().copied();
        let line = self.line;
        let attribute =
            || (!path.only_message && !line.attributes.is_empty()).then(|| self.walked(&self.attributes, || Some(line.attributes)));
        let resource = || {
            (!path.only_message && !line.origin.resource.is_empty()).then(|| self.walked(&self.resource, || Some(&line.origin.resource)))
        };
        let found = attribute()
            .and_then(first)
            .or_else(|| first(self.walked(&self.message, || json::object(line.message))))
            .or_else(|| resource().and_then(first));
        found.map_or(Value::Null, json::value)
    }

    fn walked<'s>(&'s self, cell: &'s OnceCell<Vec<Option<&'a str>>>, json: impl FnOnce() -> Option<&'a str>) -> &'s [Option<&'a str>] {
        cell.get_or_init(|| match json() {
            Some(json) => self.fields.paths.find(json),
            None => vec![None; self.fields.paths.count()],
        })
    }
}
