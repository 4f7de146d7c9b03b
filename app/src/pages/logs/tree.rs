//! What a line has besides its text: JSON as a tree, each value with what can be done about it.

use super::tools;
use crate::ui::message::{Marks, cut, text};
use crate::url;
use leptos::prelude::*;
use model::attr::Value;
use model::json;
use model::log::Line;
use model::query::Choice;
use model::query::insights::{choice, exclude, with, without};
use model::semconv;
use model::time::Rfc3339;

/// Values a tree shows at most.
const VALUES: usize = 400;

/// Bytes of a value that a tree shows at most.
const LONG: usize = 4 << 10;

/// A value as long as this is nobody's to filter by.
const FILTERED: usize = 256;

/// The fields of a line by name, as queries have them.
pub(super) struct Fields<'a> {
    line: &'a Line,
    message: Option<Value>,
    attributes: Option<Value>,
    resource: Option<Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(line: &'a Line) -> Fields<'a> {
        let object = |text: &str| json::object(text);
        Fields { line, message: object(&line.message), attributes: object(&line.attributes), resource: object(&line.origin.resource) }
    }

    /// The text of a field, if the line has it: its own first, then attributes, the message, the resource.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let Line { origin, .. } = self.line;
        let own = match name.strip_prefix('@').unwrap_or(name) {
            "time" | "timestamp" => Rfc3339(self.line.time).to_string(),
            "message" => self.line.message.clone(),
            "ingestionTime" => Rfc3339(self.line.received_at).to_string(),
            "level" => self.line.severity.level().as_str().to_owned(),
            "severity" => self.line.severity.0.to_string(),
            "group" | "log" => origin.group.to_string(),
            "stream" | "logStream" => origin.stream.to_string(),
            "service" => origin.service.to_string(),
            "environment" => origin.environment.to_string(),
            "host" => origin.host.to_string(),
            "logger" => origin.logger.to_string(),
            "source" => origin.source.to_string(),
            "trace_id" => self.line.trace?.trace_id.to_string(),
            "span_id" => self.line.trace?.span_id?.to_string(),
            _ => return self.deep(name),
        };
        (!own.is_empty()).then_some(own)
    }

    fn deep(&self, name: &str) -> Option<String> {
        [&self.attributes, &self.message, &self.resource]
            .into_iter()
            .flatten()
            .find_map(|tree| semconv::names(name).into_iter().find_map(|name| at(tree, name)))
            .map(Value::to_string)
    }

    /// The trees to show, with their titles.
    pub(super) fn trees(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        [("Message", &self.message), ("Attributes", &self.attributes), ("Resource", &self.resource)]
            .into_iter()
            .filter_map(|(title, tree)| Some((title, tree.as_ref()?)))
    }
}

/// The value at a dotted path; keys with dots of their own are found too.
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

/// A tree of values, each with links that change the page's search.
pub(super) fn tree(value: &Value, url: &url::Logs, marks: &Marks) -> AnyView {
    let mut left = VALUES;
    branch(value, "", url, marks, &mut left)
}

fn branch(value: &Value, path: &str, url: &url::Logs, marks: &Marks, left: &mut usize) -> AnyView {
    let named = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let entries: Vec<(String, &Value)> = match value {
        Value::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::List(items) => items.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect(),
        _ => return ().into_any(),
    };
    let mut items = Vec::new();
    for (at, (key, value)) in entries.iter().enumerate() {
        if *left == 0 {
            items.push(view! { <li class="muted">{format!("… {} more", entries.len() - at)}</li> }.into_any());
            break;
        }
        *left -= 1;
        let name = named(key);
        items.push(match value {
            Value::Map(inner) if !inner.is_empty() => nested(key, '{', inner.len(), branch(value, &name, url, marks, left)),
            Value::List(inner) if !inner.is_empty() => nested(key, '[', inner.len(), branch(value, &name, url, marks, left)),
            leaf => view! { <li class="leaf"><span class="j-key">{key.clone()}</span>{shown(leaf, marks, url.plain)}{actions(&name, leaf, url)}</li> }.into_any(),
        });
    }
    view! { <ul class="tree">{items}</ul> }.into_any()
}

fn nested(key: &str, bracket: char, inside: usize, branch: AnyView) -> AnyView {
    let close = if bracket == '{' { '}' } else { ']' };
    view! {
        <li><details open><summary><span class="j-key">{key.to_owned()}</span><span class="muted">{format!("{bracket} {inside} {close}")}</span></summary>{branch}</details></li>
    }
    .into_any()
}

fn shown(value: &Value, marks: &Marks, plain: bool) -> AnyView {
    match value {
        Value::Str(long) => {
            let part = cut(long, LONG);
            let class = if part.contains('\n') { "j-text block" } else { "j-text" };
            let more = (part.len() < long.len())
                .then(|| view! { <span class="muted">{format!(" … {}", crate::ui::bytes(long.len() as u64))}</span> });
            view! { <span class=class>{text(part, marks, plain)}</span>{more} }.into_any()
        }
        other => view! { <span class="j-bare">{other.to_string()}</span> }.into_any(),
    }
}

/// What can be done about a value: ask for it, leave it out, show its field as a column, count its values.
pub(super) fn actions(name: &str, value: &Value, url: &url::Logs) -> AnyView {
    let text = value.to_string();
    // The page of the search, wherever the line was opened.
    let page = |query: String| {
        url::Logs { view: if url.view == url::LogView::Patterns { url::LogView::Lines } else { url.view }, ..url.with_query(query) }
            .to_string()
    };
    let filters = (text.len() <= FILTERED && !matches!(value, Value::Empty)).then(|| {
        let chosen = choice(&url.query, name, &text);
        let (only, drop) = match chosen {
            Choice::Included => (without(&url.query, name, &text), "Drop"),
            _ => (with(&url.query, name, &text), "Only"),
        };
        let not = exclude(&url.query, name, &text);
        let label = format!("{name}: {}", cut(&text, 60));
        view! {
            <a href=page(only) title=format!("{drop} {label}") aria-label=format!("{drop} {label}")>{if drop == "Only" { "+" } else { "✓" }}</a>
            <a href=page(not) title=format!("Without {label}") aria-label=format!("Without {label}")>"−"</a>
        }
    });
    let column = url.with(|url| tools::toggle_column(url, name)).to_string();
    let stats = page(tools::counted_by(&url.query, name));
    view! {
        <span class="acts">
            {filters}
            <a href=column title=format!("{name} as a column") aria-label=format!("{name} as a column")>"▥"</a>
            <a href=stats title=format!("Count the values of {name}") aria-label=format!("Count the values of {name}")>"Σ"</a>
        </span>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let tree = json::parse(r#"{"a":{"b":[1,{"c":"x"}]},"http.route":"/x","a.d":2}"#).unwrap();
        let text = |path: &str| at(&tree, path).map(Value::to_string);
        assert_eq!(text("a.b.1.c").as_deref(), Some("x"));
        assert_eq!(text("a.b.0").as_deref(), Some("1"));
        assert_eq!(text("http.route").as_deref(), Some("/x"));
        assert_eq!(text("a.d").as_deref(), Some("2"));
        assert_eq!(text("a.b.2"), None);
        assert_eq!(text("ab"), None);
    }
}
