//! Attributes for reading: a section for each thing they are about, and the rest under "Attributes"; each with a way to copy it.

use crate::ui::{icon, json};
use leptos::prelude::*;
use model::attr::{Attributes, Value, get};
use model::semconv::current;
use model::span::Span;

/// A section: its title, how the names of its attributes begin, and which of them come first.
type Section = (&'static str, &'static [&'static str], &'static [&'static str]);

/// A name belongs to the first section that it fits.
const SECTIONS: [Section; 8] = [
    (
        "HTTP",
        &["http.", "url.", "user_agent.", "server.", "client.", "net.", "network.", "aws.xray.http."],
        &[
            "http.request.method",
            "url.full",
            "url.path",
            "http.route",
            "http.response.status_code",
            "http.response.body.size",
            "client.address",
            "user_agent.original",
        ],
    ),
    (
        "SQL and databases",
        &["db.", "aws.xray.sql."],
        &["db.query.text", "db.system.name", "db.namespace", "db.user", "db.connection_string"],
    ),
    ("X-Ray", &["aws.xray."], &["aws.xray.type", "aws.xray.namespace", "aws.xray.origin"]),
    (
        "AWS",
        &["aws."],
        &[
            "aws.service",
            "aws.operation",
            "aws.table_name",
            "aws.queue_url",
            "aws.request_id",
            "aws.retries",
            "aws.region",
            "aws.account_id",
        ],
    ),
    ("Messaging and RPC", &["messaging.", "rpc.", "faas."], &[]),
    ("Exception", &["exception.", "error."], &[]),
    ("Generative AI", &["gen_ai.", "llm."], &[]),
    ("Code", &["code.", "thread."], &[]),
];

/// In the order of the page.
const ORDER: [&str; 11] = [
    "HTTP",
    "SQL and databases",
    "AWS",
    "Annotations",
    "Attributes",
    "Messaging and RPC",
    "Exception",
    "Generative AI",
    "Code",
    "X-Ray",
    "Resource",
];

/// X-Ray's metadata: the rest of the name is the namespace, the value JSON.
const METADATA: &str = "aws.xray.metadata";
/// The names of X-Ray's annotations.
const ANNOTATIONS: &str = "aws.xray.annotations";
/// Shown by the raw tab and among the exceptions.
const ELSEWHERE: [&str; 4] = ["aws.xray.document", "aws.xray.cause", "aws.xray.earlier", ANNOTATIONS];

/// The attributes of a span, section after section, then its resource and scope.
pub(super) fn sections(span: &Span) -> impl IntoView + use<> {
    let annotated: &[Value] = match get(&span.attributes, ANNOTATIONS) {
        Some(Value::List(keys)) => keys,
        _ => &[],
    };
    let own = span.attributes.iter().filter(|(key, _)| !ELSEWHERE.contains(&key.as_str()) && !key.starts_with(METADATA));
    let mut all: Vec<(&str, Attributes)> = ORDER.iter().map(|name| (*name, Attributes::new())).collect();
    for (key, value) in own {
        let place = all.iter_mut().find(|(name, _)| *name == section_of(key, annotated));
        if let Some((_, attributes)) = place {
            attributes.push((key.clone(), value.clone()));
        }
    }
    for (name, attributes) in &mut all {
        if let Some((_, _, first)) = SECTIONS.iter().find(|(title, _, _)| title == name) {
            attributes.sort_by_key(|(key, _)| first.iter().position(|first| *first == current(key)).unwrap_or(first.len()));
        }
        if *name == "Resource" {
            attributes.clone_from(&span.origin.resource);
        }
    }
    all.push(("Scope", scope(span)));
    let (after, before): (Vec<_>, Vec<_>) = all.into_iter().partition(|(name, _)| matches!(*name, "X-Ray" | "Resource" | "Scope"));
    view! {
        {before.into_iter().map(section).collect_view()}
        {metadata(span)}
        {after.into_iter().map(section).collect_view()}
    }
}

/// X-Ray keeps its own names to itself, whatever an annotation is called.
fn section_of(key: &str, annotated: &[Value]) -> &'static str {
    let section =
        SECTIONS.iter().find(|(_, prefixes, _)| prefixes.iter().any(|prefix| key.starts_with(prefix))).map(|(title, _, _)| *title);
    match section {
        Some(section) if key.starts_with("aws.xray.") => section,
        _ if annotated.iter().any(|name| name.as_str() == Some(key)) => "Annotations",
        section => section.unwrap_or("Attributes"),
    }
}

fn scope(span: &Span) -> Attributes {
    let origin = &span.origin;
    let names = [("name", &origin.scope_name), ("version", &origin.scope_version)];
    let named = names.into_iter().filter(|(_, text)| !text.is_empty()).map(|(key, text)| (key.to_owned(), Value::Str(text.clone())));
    named.chain(origin.scope_attributes.iter().cloned()).collect()
}

fn section((name, attributes): (&'static str, Attributes)) -> impl IntoView + use<> {
    // The same for thousands of spans: there, but folded.
    let open = !matches!(name, "X-Ray" | "Resource" | "Scope");
    let count = attributes.len();
    (count > 0).then(|| {
        view! {
            <details class="d-group" open=open>
                <summary>{name}" "<span class="muted">{count}</span></summary>
                {table(&attributes)}
            </details>
        }
    })
}

/// X-Ray's metadata, namespace by namespace.
fn metadata(span: &Span) -> impl IntoView + use<> {
    let namespaces: Vec<(String, String)> = span
        .attributes
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(METADATA)?.trim_start_matches('.').to_owned(), value.to_string())))
        .collect();
    (!namespaces.is_empty()).then(|| {
        let one = |(namespace, text): &(String, String)| {
            view! { <h4 class="d-namespace">{namespace.clone()}{copy(json::indented(text), format!("Copy {namespace}"))}</h4>{json::json(text)} }
        };
        view! {
            <details class="d-group" open=true>
                <summary>"Metadata "<span class="muted">{namespaces.len()}</span></summary>
                {namespaces.iter().map(one).collect_view()}
            </details>
        }
    })
}

/// A button that copies a text.
pub(super) fn copy(text: String, label: String) -> impl IntoView {
    view! { <button type="button" class="button quiet icon needs-js" data-copy=text title=label.clone() aria-label=label><icon::Copy/></button> }
}

/// Keys and values, each value copyable.
pub(super) fn table(attributes: &Attributes) -> impl IntoView + use<> {
    let row = |(key, value): &(String, Value)| {
        let text = value.to_string();
        let kind = match value {
            Value::Str(_) => "",
            Value::Int(_) | Value::Float(_) => "number",
            Value::Bool(_) => "boolean",
            Value::Empty => "empty",
            _ => "json",
        };
        let copy = copy(text.clone(), format!("Copy {key}"));
        // A statement wants the width.
        if current(key) == "db.query.text" {
            return view! { <tr class="statement"><td colspan="2"><span class="d-key">{key.clone()}</span><span class="d-value">{text}</span></td><td>{copy}</td></tr> }.into_any();
        }
        view! {
            <tr>
                <th scope="row">{key.clone()}</th>
                <td class=kind><span class="d-value">{text}</span></td>
                <td>{copy}</td>
            </tr>
        }
        .into_any()
    };
    view! { <table class="d-table"><tbody>{attributes.iter().map(row).collect_view()}</tbody></table> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_has_its_section() {
        let annotated = [Value::Str("user".into()), Value::Str("http.request.method".into()), Value::Str("aws.xray.type".into())];
        for (key, section) in [
            ("user", "Annotations"),
            ("aws.xray.type", "X-Ray"),
            ("http.request.method", "Annotations"),
            ("http.method", "HTTP"),
            ("aws.xray.sql.preparation", "SQL and databases"),
            ("db.query.text", "SQL and databases"),
            ("aws.table_name", "AWS"),
            ("aws.xray.http.response.extra", "HTTP"),
            ("enduser.id", "Attributes"),
        ] {
            assert_eq!(section_of(key, &annotated), section, "{key}");
        }
        assert!(SECTIONS.iter().all(|(title, _, _)| ORDER.contains(title)));
    }
}
