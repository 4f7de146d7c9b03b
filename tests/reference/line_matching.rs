//! Whether a line matches a query, in the plainest way there is.

use model::attr::Value;
use model::json;
use model::log::Line;
use model::port::Problem;
use model::query::ast::{Cmp, Expr, Field, Key, Literal, Test, Word};
use model::query::insights::{Command, LogQuery};
use model::semconv;
use model::time::{Nanos, Rfc3339};
use regex::RegexBuilder;
use server::store::logs::filter_pattern::PatternTest;
use server::store::logs::matching::compile;
use server::store::logs::test::{LineTest, line_ref};
use std::collections::BTreeSet;

/// What a line must match.
pub struct Matcher {
    groups: Vec<String>,
    filter: Option<Expr>,
    pattern: Option<PatternTest>,
    /// What expressions of commands mean, `insights.md` defines; they are tested on each line, whatever is known of others.
    expressions: Box<dyn LineTest>,
}

impl Matcher {
    pub fn new(query: &LogQuery, now: Nanos) -> Result<Matcher, Problem> {
        let commands = query.clone().filters_first().leading_filters().cloned().map(Command::Filter).collect();
        let bad = |message| Problem::Bad { message, position: None };
        Ok(Matcher {
            groups: query.groups.clone(),
            filter: query.filter.clone(),
            pattern: query.filter_pattern.as_ref().map(PatternTest::new).transpose().map_err(bad)?,
            expressions: compile(&LogQuery { commands, ..LogQuery::default() }, now)?,
        })
    }

    pub fn matches(&self, line: &Line) -> bool {
        let group = &*line.origin.group;
        let named = |name: &String| name.strip_suffix('*').map_or(name == group, |prefix| group.starts_with(prefix));
        (self.groups.is_empty() || self.groups.iter().any(named))
            && self.filter.as_ref().is_none_or(|filter| holds(filter, line))
            && self.pattern.as_ref().is_none_or(|pattern| pattern.fits(&line.message))
            && self.expressions.test(&line_ref(line, &|| line.trace))
    }

    /// The text of a field, if the line has it.
    pub fn field(line: &Line, name: &str) -> Option<String> {
        value(line, name).filter(|value| *value != Value::Empty).map(|value| value.to_string())
    }

    /// The fields of the line's own JSON: dotted paths, down to four names.
    pub fn paths(line: &Line) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for tree in [&line.message, &line.attributes].into_iter().filter_map(|text| json::object(text)) {
            paths(&tree, "", 4, &mut found);
        }
        found
    }
}

fn paths(tree: &Value, path: &str, depth: usize, to: &mut BTreeSet<String>) {
    match tree {
        Value::Map(entries) if depth > 0 => {
            for (key, value) in entries {
                paths(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, depth - 1, to);
            }
        }
        _ => drop(to.insert(path.to_owned())),
    }
}

fn holds(expr: &Expr, line: &Line) -> bool {
    match expr {
        Expr::And(parts) => parts.iter().all(|part| holds(part, line)),
        Expr::Or(parts) => parts.iter().any(|part| holds(part, line)),
        Expr::Not(inner) => !holds(inner, line),
        Expr::Word(word) => has_word(word, line),
        Expr::Field(Field { key: Key::Attribute { name, .. }, test }) => passes(test, name, line),
        Expr::Field(_) => false,
    }
}

fn has_word(word: &Word, line: &Line) -> bool {
    let origin = &line.origin;
    let mut texts = vec![line.message.clone(), origin.service.to_string(), origin.logger.to_string(), origin.stream.to_string()];
    if let Some(attributes) = json::object(&line.attributes) {
        leaves(&attributes, &mut texts);
    }
    let is_id = || {
        let link = line.trace?;
        let id = word.text.to_lowercase();
        Some(word.text.parse() == Ok(link.trace_id) || link.span_id.is_some_and(|span| span.to_string() == id))
    };
    texts.iter().any(|text| word.found_in(text)) || !word.open_start && !word.open_end && is_id().unwrap_or(false)
}

fn leaves(value: &Value, to: &mut Vec<String>) {
    match value {
        Value::Map(entries) => entries.iter().for_each(|(_, value)| leaves(value, to)),
        Value::List(items) => items.iter().for_each(|value| leaves(value, to)),
        leaf => to.push(leaf.to_string()),
    }
}

fn value(line: &Line, name: &str) -> Option<Value> {
    let text = |text: &str| (!text.is_empty()).then(|| Value::Str(text.to_owned()));
    let origin = &line.origin;
    match name {
        "@timestamp" | "time" => text(&Rfc3339(line.time).to_string()),
        "@ingestionTime" => text(&Rfc3339(line.received_at).to_string()),
        "@message" | "message" => Some(Value::Str(line.message.clone())),
        "@logStream" | "stream" => text(&origin.stream),
        "@log" | "group" => text(&origin.group),
        "level" | "@level" => text(line.severity.level().as_str()),
        "severity" => (line.severity.0 > 0).then(|| Value::Int(line.severity.0.into())),
        "service" => text(&origin.service),
        "environment" => text(&origin.environment),
        "host" => text(&origin.host),
        "logger" => text(&origin.logger),
        "source" => text(&origin.source),
        "trace_id" => text(&line.trace?.trace_id.to_string()),
        "span_id" => text(&line.trace?.span_id?.to_string()),
        name => [&line.attributes, &line.message, &*origin.resource.to_string()]
            .into_iter()
            .filter_map(json::object)
            .find_map(|tree| semconv::names(name).into_iter().find_map(|name| at(&tree, name).cloned())),
    }
}

fn at<'v>(tree: &'v Value, path: &str) -> Option<&'v Value> {
    match tree {
        Value::Map(entries) => entries.iter().find_map(|(key, value)| {
            let rest = path.strip_prefix(key.as_str())?;
            if rest.is_empty() { Some(value) } else { at(value, rest.strip_prefix('.')?) }
        }),
        Value::List(items) => {
            let (index, rest) = path.split_once('.').map_or((path, None), |(index, rest)| (index, Some(rest)));
            let item = items.get(index.parse::<usize>().ok()?)?;
            rest.map_or(Some(item), |rest| at(item, rest))
        }
        _ => None,
    }
}

fn passes(test: &Test, name: &str, line: &Line) -> bool {
    value(line, name).filter(|value| *value != Value::Empty).is_some_and(|value| fits(test, name, line, &value))
}

/// Whether a test holds for a value that has no others in it, at any depth.
fn within(value: &Value, test: &dyn Fn(&Value) -> bool) -> bool {
    match value {
        Value::List(items) => items.iter().any(|item| within(item, test)),
        Value::Map(entries) => entries.iter().any(|(_, item)| within(item, test)),
        Value::Empty => false,
        leaf => test(leaf),
    }
}

/// A list passes if anything in it does.
fn fits(test: &Test, name: &str, line: &Line, value: &Value) -> bool {
    if matches!(value, Value::List(_)) && within(value, &|leaf| fits(test, name, line, leaf)) {
        return true;
    }
    let text = value.to_string();
    // Levels have an order: that of their severities. A text is a number as JSON writes them.
    let number = if matches!(name, "level" | "@level") {
        Some(f64::from(line.severity.0))
    } else {
        value.as_f64().or_else(|| serde_json::from_str(&text).ok())
    };
    let number = number.filter(|number: &f64| number.is_finite());
    match test {
        Test::Exists => true,
        Test::Equals(Literal { text: wanted, number: wanted_number }) => {
            text == *wanted || !matches!(name, "level" | "@level") && number.is_some() && number == *wanted_number
        }
        Test::Compare(cmp, Literal { number: wanted, .. }) => match (number, wanted) {
            (Some(number), Some(wanted)) => match cmp {
                Cmp::Less => number < *wanted,
                Cmp::LessOrEqual => number <= *wanted,
                Cmp::Greater => number > *wanted,
                Cmp::GreaterOrEqual => number >= *wanted,
            },
            _ => false,
        },
        Test::Wildcard(parts) => {
            let pattern: Vec<String> = parts.iter().map(|part| regex::escape(part)).collect();
            RegexBuilder::new(&format!("^(?s:{})$", pattern.join(".*"))).build().is_ok_and(|regex| regex.is_match(&text))
        }
        Test::Regex { pattern, ignore_case } => {
            RegexBuilder::new(pattern).case_insensitive(*ignore_case).build().is_ok_and(|regex| regex.is_match(&text))
        }
    }
}
