//! Whether a span matches, as the documentation of `model::query::ast` says it.

use model::attr::{Attributes, Value, get};
use model::id::{SpanId, TraceId};
use model::port::Problem;
use model::query::ast::*;
use model::semconv;
use model::span::Span;
use model::trace::Summary;
use regex::{Regex, RegexBuilder};
use std::collections::HashMap;

/// A query with its regexes compiled.
pub struct Matcher<'a> {
    query: &'a Query,
    regexes: HashMap<(&'a str, bool), Regex>,
}

impl<'a> Matcher<'a> {
    /// `Problem::Bad` if a regex is none.
    pub fn new(query: &'a Query) -> Result<Matcher<'a>, Problem> {
        let mut matcher = Matcher { query, regexes: HashMap::new() };
        query.filter.iter().try_for_each(|filter| matcher.compile(filter))?;
        Ok(matcher)
    }

    fn compile(&mut self, expr: &'a Expr) -> Result<(), Problem> {
        match expr {
            Expr::And(parts) | Expr::Or(parts) => parts.iter().try_for_each(|part| self.compile(part)),
            Expr::Not(inner) => self.compile(inner),
            Expr::Field(Field { test: Test::Regex { pattern, ignore_case }, .. }) => {
                let regex = RegexBuilder::new(pattern).case_insensitive(*ignore_case).build();
                let regex = regex.map_err(|error| Problem::Bad { message: error.to_string(), position: None })?;
                self.regexes.insert((pattern, *ignore_case), regex);
                Ok(())
            }
            Expr::Word(_) | Expr::Field(_) => Ok(()),
        }
    }

    /// `summary` is that of the span's trace.
    pub fn matches(&self, span: &Span, summary: &Summary) -> bool {
        self.query.filter.as_ref().is_none_or(|filter| self.holds(filter, span, summary))
    }

    fn holds(&self, expr: &Expr, span: &Span, summary: &Summary) -> bool {
        match expr {
            Expr::And(parts) => parts.iter().all(|part| self.holds(part, span, summary)),
            Expr::Or(parts) => parts.iter().any(|part| self.holds(part, span, summary)),
            Expr::Not(inner) => !self.holds(inner, span, summary),
            Expr::Word(word) => has_word(span, word),
            Expr::Field(field) => {
                let values = match &field.key {
                    Key::Trace(key) => trace_values(*key, summary),
                    key => values(key, span),
                };
                values.iter().any(|value| self.passes(&field.test, value))
            }
        }
    }

    fn passes(&self, test: &Test, value: &Value) -> bool {
        if let Value::List(items) = value {
            return items.iter().any(|item| self.passes(test, item)) || self.passes(test, &Value::Str(value.to_string()));
        }
        match test {
            Test::Exists => true,
            Test::Equals(literal) => match (value.as_f64(), literal.number) {
                (Some(value), Some(wanted)) => value == wanted,
                _ => value.to_string() == literal.text,
            },
            Test::Wildcard(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| regex::escape(part)).collect();
                let pattern = format!(r"(?s)\A{}\z", parts.join(".*"));
                Regex::new(&pattern).is_ok_and(|regex| regex.is_match(&value.to_string()))
            }
            Test::Compare(cmp, literal) => match (value.as_f64(), literal.number) {
                (Some(value), Some(bound)) => match cmp {
                    Cmp::Less => value < bound,
                    Cmp::LessOrEqual => value <= bound,
                    Cmp::Greater => value > bound,
                    Cmp::GreaterOrEqual => value >= bound,
                },
                _ => false,
            },
            Test::Regex { pattern, ignore_case } => self.regexes[&(pattern.as_str(), *ignore_case)].is_match(&value.to_string()),
        }
    }
}

/// The values of a key: none, one, or with `event.` one of each event that has it. `trace.*` has none here.
pub fn values(key: &Key, span: &Span) -> Vec<Value> {
    match key {
        Key::Trace(_) => Vec::new(),
        Key::Span(field) => field_value(*field, span).into_iter().collect(),
        Key::Attribute { scope: Scope::Event, name } => {
            let of_event = |event: &model::span::Event| match name.as_str() {
                "name" => Some(Value::Str(event.name.clone())),
                name => look_up(&event.attributes, name).cloned(),
            };
            span.events.iter().filter_map(of_event).collect()
        }
        Key::Attribute { scope, name } => {
            let origin = &span.origin;
            let places: Vec<&Attributes> = match scope {
                Scope::Any => vec![&span.attributes, &origin.resource, &origin.scope_attributes],
                Scope::Span => vec![&span.attributes],
                Scope::Resource => vec![&origin.resource],
                Scope::Scope => vec![&origin.scope_attributes],
                Scope::Event => Vec::new(),
            };
            places.into_iter().find_map(|place| look_up(place, name)).cloned().into_iter().collect()
        }
    }
}

fn look_up<'a>(place: &'a Attributes, name: &str) -> Option<&'a Value> {
    semconv::names(name).into_iter().find_map(|name| get(place, name))
}

fn field_value(field: SpanField, span: &Span) -> Option<Value> {
    let text = |text: &str| Some(Value::Str(text.into()));
    let unless_empty = |text: &str| (!text.is_empty()).then(|| Value::Str(text.into()));
    match field {
        SpanField::TraceId => text(&span.trace_id.to_string()),
        SpanField::SpanId => text(&span.span_id.to_string()),
        SpanField::ParentId => span.parent_id.map(|id| Value::Str(id.to_string())),
        SpanField::Name => text(&span.name),
        SpanField::Service => text(span.service()),
        SpanField::Kind => text(span.kind.as_str()),
        SpanField::Status => text(span.status.as_str()),
        SpanField::StatusMessage => unless_empty(&span.status_message),
        SpanField::Duration => Some(Value::Int(span.duration_ns)),
        SpanField::Start => Some(Value::Int(span.start)),
        SpanField::Source => text(&span.envelope.source),
        SpanField::Dataset => unless_empty(&span.envelope.dataset),
        SpanField::IngestKey => unless_empty(&span.envelope.key),
        SpanField::Weight => Some(Value::Float(span.envelope.weight)),
        SpanField::Entry => Some(Value::Bool(span.is_entry())),
        SpanField::ToSelf => Some(Value::Bool(span.envelope.to_self)),
        SpanField::Events => Some(Value::Int(span.events.len() as i64)),
        SpanField::Links => Some(Value::Int(span.links.len() as i64)),
    }
}

fn trace_values(field: TraceField, summary: &Summary) -> Vec<Value> {
    match field {
        TraceField::Duration => vec![Value::Int(summary.duration_ns)],
        TraceField::Spans => vec![Value::Int(summary.spans.into())],
        TraceField::Errors => vec![Value::Int(summary.errors.into())],
        TraceField::Service => summary.services.iter().map(|(service, _)| Value::Str(service.clone())).collect(),
        TraceField::Root => vec![Value::Str(summary.root.name.clone())],
        TraceField::RootService => vec![Value::Str(summary.root.service.clone())],
        TraceField::Source => summary.sources.iter().map(|source| Value::Str(source.clone())).collect(),
    }
}

fn has_word(span: &Span, word: &Word) -> bool {
    if !word.open_start && !word.open_end {
        let is_trace = word.text.parse::<TraceId>().is_ok_and(|id| id == span.trace_id);
        let is_span = word.text.parse::<SpanId>().is_ok_and(|id| id == span.span_id || Some(id) == span.parent_id);
        if is_trace || is_span {
            return true;
        }
    }
    let mut texts = vec![span.name.as_str(), span.service(), span.status_message.as_str()];
    span.attributes.iter().chain(&span.origin.resource).for_each(|(_, value)| leaves(value, &mut texts));
    for event in &span.events {
        texts.push(&event.name);
        event.attributes.iter().for_each(|(_, value)| leaves(value, &mut texts));
    }
    texts.iter().any(|text| word.found_in(text))
}

/// Every `Str` in a value.
fn leaves<'a>(value: &'a Value, to: &mut Vec<&'a str>) {
    match value {
        Value::Str(text) => to.push(text),
        Value::List(items) => items.iter().for_each(|item| leaves(item, to)),
        Value::Map(entries) => entries.iter().for_each(|(_, value)| leaves(value, to)),
        _ => (),
    }
}
