//! Request, person, server and what happened before: tables and a timeline, each only if somebody sent it.

use super::Drawing;
use super::data::{Said, text};
use crate::ui::moment::{Form, Moment};
use leptos::prelude::*;
use model::query::errors::with;
use serde_json::{Map, Value};

/// Rows of a table that are drawn; the raw data has the others.
const ROWS: usize = 200;

/// All of them, of the first witness that has each.
pub(super) fn tables(drawing: &Drawing) -> AnyView {
    let first = |key: &str| drawing.said.iter().find_map(|said| said.table(key));
    let request = first("request").map(|table| section("Request", request_line(table), rows(table, &["method", "url"])));
    let person = first("person").map(|table| {
        let id = table.get("id").map(text).unwrap_or_default();
        let link = (!id.is_empty()).then(|| {
            let href = crate::url::Errors::of(with("", "user_id", &id)).to_string();
            view! { <p><a href=href>"All errors of this person"</a></p> }.into_any()
        });
        section("Person", link, rows(table, &[]))
    });
    let rest = [("custom", "Custom data"), ("server", "Server"), ("client", "Client"), ("notifier", "SDK")];
    let rest = rest.map(|(key, title)| first(key).map(|table| folded(title, rows(table, &[]))));
    view! { {request}{person}{timeline(drawing)}{rest.into_iter().collect_view()} }.into_any()
}

/// `GET https://...`
fn request_line(table: &Map<String, Value>) -> Option<AnyView> {
    let part = |key: &str| table.get(key).map(text).unwrap_or_default();
    let (method, url) = (part("method"), part("url"));
    (!url.is_empty()).then(|| view! { <p class="e-request"><b>{method}</b>" "<code>{url}</code></p> }.into_any())
}

fn section(title: &'static str, head: Option<AnyView>, table: AnyView) -> AnyView {
    view! { <section class="card"><header><h2>{title}</h2></header><div class="body stack">{head}{table}</div></section> }.into_any()
}

fn folded(title: &'static str, table: AnyView) -> AnyView {
    view! { <details class="card e-folded"><summary><h2>{title}</h2></summary><div class="body">{table}</div></details> }.into_any()
}

/// An object as rows; objects in it as `outer.inner`.
fn rows(table: &Map<String, Value>, without: &[&str]) -> AnyView {
    let mut flat: Vec<(String, String)> = Vec::new();
    for (key, value) in table.iter().filter(|(key, _)| !without.contains(&key.as_str())) {
        match value {
            Value::Null => (),
            Value::Object(inner) => flat.extend(inner.iter().map(|(name, value)| (format!("{key}.{name}"), text(value)))),
            value => flat.push((key.clone(), text(value))),
        }
    }
    let rows = flat
        .into_iter()
        .take(ROWS)
        .map(|(key, value)| view! { <tr><th scope="row">{key}</th><td><code class="d-value">{value}</code></td></tr> });
    view! { <table class="d-table e-table"><tbody>{rows.collect_view()}</tbody></table> }.into_any()
}

/// What happened before, oldest first.
fn timeline(drawing: &Drawing) -> Option<AnyView> {
    let steps = drawing.said.iter().map(Said::telemetry).find(|steps| !steps.is_empty())?;
    let rows = steps.iter().take(ROWS).map(|step| {
        let at = step.at.map(|at| view! { <Moment at=at form=Form::Clock/> });
        view! { <li class=format!("d-line level-{}", if step.level == "warning" { "warn" } else { step.level.as_str() })><span class="d-at">{at}</span><span class="badge">{step.kind.clone()}</span>" "<code>{step.text.clone()}</code></li> }
    });
    let rows = rows.collect_view();
    Some(
        view! { <section class="card"><header><h2>"What happened before"</h2></header><ol class="body e-telemetry">{rows}</ol></section> }
            .into_any(),
    )
}
