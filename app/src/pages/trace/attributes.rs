//! Attributes for reading: grouped by what they are about, each with a way to copy it.

use crate::ui::icon;
use leptos::prelude::*;
use model::attr::{Attributes, Value};
use model::span::Span;

/// What attributes are about, by the first part of their names.
const GROUPS: [(&str, &[&str]); 7] = [
    ("HTTP", &["http.", "url.", "user_agent.", "server.", "client.", "net.", "network."]),
    ("Database", &["db."]),
    ("Messaging and RPC", &["messaging.", "rpc.", "faas."]),
    ("Exception", &["exception.", "error."]),
    ("Generative AI", &["gen_ai.", "llm."]),
    ("Code", &["code.", "thread."]),
    ("AWS", &["aws."]),
];

/// The attributes of a span, group after group, then its resource and scope.
pub(super) fn attributes(span: &Span) -> impl IntoView + use<> {
    let group_of = |key: &str| GROUPS.iter().position(|(_, prefixes)| prefixes.iter().any(|prefix| key.starts_with(prefix)));
    let mut groups: Vec<(String, Attributes)> = GROUPS.iter().map(|(name, _)| ((*name).to_owned(), Vec::new())).collect();
    let mut other = Attributes::new();
    for (key, value) in &span.attributes {
        let group = group_of(key).map_or(&mut other, |at| &mut groups[at].1);
        group.push((key.clone(), value.clone()));
    }
    groups.insert(0, ("Attributes".to_owned(), other));
    let origin = &span.origin;
    groups.push(("Resource".to_owned(), origin.resource.clone()));
    let mut scope = Attributes::new();
    for (key, text) in [("name", &origin.scope_name), ("version", &origin.scope_version)] {
        if !text.is_empty() {
            scope.push((key.to_owned(), Value::Str(text.clone())));
        }
    }
    scope.extend(origin.scope_attributes.iter().cloned());
    groups.push(("Scope".to_owned(), scope));
    let group = |(name, attributes): (String, Attributes)| {
        // Resource and scope are the same for thousands of spans: there, but folded.
        let open = !matches!(name.as_str(), "Resource" | "Scope");
        let count = attributes.len();
        view! {
            <details class="d-group" open=open>
                <summary>{name}" "<span class="muted">{count}</span></summary>
                {table(&attributes)}
            </details>
        }
    };
    groups.into_iter().filter(|(_, attributes)| !attributes.is_empty()).map(group).collect_view()
}

/// Keys and values, each value copyable.
pub(super) fn table(attributes: &Attributes) -> impl IntoView + use<> {
    let row = |(key, value): &(String, Value)| {
        let text = value.to_string();
        let label = format!("Copy {key}");
        let kind = match value {
            Value::Str(_) => "",
            Value::Int(_) | Value::Float(_) => "number",
            Value::Bool(_) => "boolean",
            Value::Empty => "empty",
            _ => "json",
        };
        view! {
            <tr>
                <th scope="row">{key.clone()}</th>
                <td class=kind><span class="d-value">{text.clone()}</span></td>
                <td><button type="button" class="button quiet icon needs-js" data-copy=text title=label.clone() aria-label=label><icon::Copy/></button></td>
            </tr>
        }
    };
    view! { <table class="d-table"><tbody>{attributes.iter().map(row).collect_view()}</tbody></table> }
}
