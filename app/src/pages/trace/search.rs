//! Search inside a trace: the one query language over the spans of the trace, and besides it the plain text of names and
//! services, so that a few letters find something while one types.

use model::attr::{Attributes, Value, get};
use model::columns::Columns;
use model::query::ast::{Cmp, Expr, Field, Key, Literal, Scope, SpanField, Test, Word, tokens};
use model::query::parse;
use model::semconv;
use model::span::Span;
use model::trace::Trace;
use model::waterfall::find_in_columns;
use regex::{Regex, RegexBuilder};
use std::borrow::Cow;

/// By span of the trace (in the order of its columns), whether the search finds it. An empty search finds nothing; a text that is no query is
/// looked for as it is.
pub fn found(trace: &Trace, columns: &Columns, query: &str) -> Vec<bool> {
    let mut found = find_in_columns(columns, query);
    let filter = parse(query).ok().and_then(|query| query.filter);
    if let Some(filter) = filter.as_ref().map(Filter::of) {
        for (found, span) in found.iter_mut().zip(&trace.spans) {
            *found = *found || filter.holds(span);
        }
    }
    found
}

/// An expression with its regular expressions compiled.
enum Filter<'q> {
    And(Vec<Filter<'q>>),
    Or(Vec<Filter<'q>>),
    Not(Box<Filter<'q>>),
    Word {
        word: &'q Word,
        tokens: Vec<String>,
    },
    Field {
        key: &'q Key,
        test: &'q Test,
        regex: Option<Regex>,
    },
    /// About the trace as a whole: the list has tested it, here it holds of every span.
    Always,
}

impl<'q> Filter<'q> {
    fn of(expr: &'q Expr) -> Filter<'q> {
        match expr {
            Expr::And(all) => Filter::And(all.iter().map(Filter::of).collect()),
            Expr::Or(any) => Filter::Or(any.iter().map(Filter::of).collect()),
            Expr::Not(inner) => match Filter::of(inner) {
                Filter::Always => Filter::Always,
                inner => Filter::Not(Box::new(inner)),
            },
            Expr::Word(word) => Filter::Word { word, tokens: tokens(&word.text).map(str::to_lowercase).collect() },
            Expr::Field(Field { key: Key::Trace(_), .. }) => Filter::Always,
            Expr::Field(Field { key, test }) => {
                let regex = match test {
                    Test::Regex { pattern, ignore_case } => RegexBuilder::new(pattern).case_insensitive(*ignore_case).build().ok(),
                    _ => None,
                };
                Filter::Field { key, test, regex }
            }
        }
    }

    fn holds(&self, span: &Span) -> bool {
        match self {
            Filter::And(all) => all.iter().all(|filter| filter.holds(span)),
            Filter::Or(any) => any.iter().any(|filter| filter.holds(span)),
            Filter::Not(inner) => !inner.holds(span),
            Filter::Word { word, tokens } => has_word(span, word, tokens),
            Filter::Field { key, test, regex } => values(span, key).iter().any(|value| passes(value, test, regex.as_ref())),
            Filter::Always => true,
        }
    }
}

fn has_word(span: &Span, word: &Word, wanted: &[String]) -> bool {
    let id = |id: String| id.eq_ignore_ascii_case(&word.text);
    if id(span.span_id.to_string()) || id(span.trace_id.to_string()) || span.parent_id.is_some_and(|parent| id(parent.to_string())) {
        return true;
    }
    let here = |text: &str| in_text(text, word, wanted);
    let attributes = |attributes: &Attributes| attributes.iter().any(|(_, value)| in_value(value, &here));
    here(&span.name)
        || here(span.service())
        || here(&span.status_message)
        || attributes(&span.attributes)
        || attributes(&span.origin.resource)
        || span.events.iter().any(|event| here(&event.name) || attributes(&event.attributes))
}

fn in_value(value: &Value, here: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Str(text) => here(text),
        Value::List(items) => items.iter().any(|item| in_value(item, here)),
        Value::Map(entries) => entries.iter().any(|(_, value)| in_value(value, here)),
        _ => false,
    }
}

/// Whether the wanted tokens follow one another in the text; an open end may lie inside a token.
fn in_text(text: &str, word: &Word, wanted: &[String]) -> bool {
    let there: Vec<String> = tokens(text).map(str::to_lowercase).collect();
    if wanted.is_empty() {
        // Nothing but signs: no token, but it may be there as it is.
        return text.contains(&word.text);
    }
    let last = wanted.len() - 1;
    let fits = |window: &[String]| {
        window.iter().zip(wanted).enumerate().all(|(n, (there, wanted))| match (word.open_start && n == 0, word.open_end && n == last) {
            (true, true) => there.contains(wanted.as_str()),
            (true, false) => there.ends_with(wanted.as_str()),
            (false, true) => there.starts_with(wanted.as_str()),
            (false, false) => there == wanted,
        })
    };
    there.windows(wanted.len()).any(fits)
}

/// The values a key has on a span; an event key has one for each event.
fn values<'s>(span: &'s Span, key: &Key) -> Vec<Cow<'s, Value>> {
    let own = |value: Value| vec![Cow::Owned(value)];
    let text = |text: &str| if text.is_empty() { Vec::new() } else { own(Value::Str(text.to_owned())) };
    match key {
        Key::Trace(_) => Vec::new(),
        Key::Span(field) => match field {
            SpanField::TraceId => own(Value::Str(span.trace_id.to_string())),
            SpanField::SpanId => own(Value::Str(span.span_id.to_string())),
            SpanField::ParentId => span.parent_id.map_or_else(Vec::new, |id| own(Value::Str(id.to_string()))),
            SpanField::Name => text(&span.name),
            SpanField::Service => text(span.service()),
            SpanField::Kind => text(span.kind.as_str()),
            SpanField::Status => text(span.status.as_str()),
            SpanField::StatusMessage => text(&span.status_message),
            SpanField::Duration => own(Value::Int(span.duration_ns)),
            SpanField::Start => own(Value::Int(span.start)),
            SpanField::Source => text(&span.envelope.source),
            SpanField::Dataset => text(&span.envelope.dataset),
            SpanField::IngestKey => text(&span.envelope.key),
            SpanField::Weight => own(Value::Float(span.envelope.weight)),
            SpanField::Entry => own(Value::Bool(span.is_entry())),
            SpanField::ToSelf => own(Value::Bool(span.envelope.to_self)),
            SpanField::Events => own(Value::Int(span.events.len() as i64)),
            SpanField::Links => own(Value::Int(span.links.len() as i64)),
        },
        Key::Attribute { scope, name } => {
            let names = semconv::names(name);
            let find = |attributes: &'s Attributes| names.iter().find_map(|name| get(attributes, name)).map(Cow::Borrowed);
            match scope {
                Scope::Any => find(&span.attributes)
                    .or_else(|| find(&span.origin.resource))
                    .or_else(|| find(&span.origin.scope_attributes))
                    .into_iter()
                    .collect(),
                Scope::Span => find(&span.attributes).into_iter().collect(),
                Scope::Resource => find(&span.origin.resource).into_iter().collect(),
                Scope::Scope => find(&span.origin.scope_attributes).into_iter().collect(),
                Scope::Event if name == "name" => span.events.iter().map(|event| Cow::Owned(Value::Str(event.name.clone()))).collect(),
                Scope::Event => span.events.iter().filter_map(|event| find(&event.attributes)).collect(),
            }
        }
    }
}

fn passes(value: &Value, test: &Test, regex: Option<&Regex>) -> bool {
    match test {
        Test::Exists => true,
        Test::Equals(Literal { text, number }) => match (value.as_f64(), number) {
            (Some(value), Some(number)) => value == *number,
            _ => value.to_string() == *text,
        },
        Test::Wildcard(parts) => wildcard(&value.to_string(), parts),
        Test::Compare(cmp, Literal { number, .. }) => match (value.as_f64(), number) {
            (Some(value), Some(number)) => match cmp {
                Cmp::Less => value < *number,
                Cmp::LessOrEqual => value <= *number,
                Cmp::Greater => value > *number,
                Cmp::GreaterOrEqual => value >= *number,
            },
            _ => false,
        },
        Test::Regex { .. } => regex.is_some_and(|regex| regex.is_match(&value.to_string())),
    }
}

/// Whether the parts are in the text in order, the first at its start and the last at its end.
fn wildcard(text: &str, parts: &[String]) -> bool {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return false };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for part in &parts[1..parts.len() - 1] {
        match rest.find(part.as_str()) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}
