//! The row above the lines: views, order, what is shown of them, live tail, export.

use super::Asked;
use crate::url::{self, ApiLogs, LogCall, LogView};
use leptos::prelude::*;
use model::port::LogOrder;
use model::query::insights::Command;
use model::query::{LogQuery, parse_logs};

/// Fields of the table view if the URL names none.
const TABLE: [&str; 2] = ["service", "logger"];

/// The fields shown besides time and level, in this view.
pub(super) fn columns(url: &url::Logs) -> Vec<String> {
    let is_message = |name: &String| matches!(name.as_str(), "message" | "@message");
    let mut columns = url.columns.clone();
    match url.view {
        LogView::Table => {
            if columns.is_empty() {
                columns.extend(TABLE.map(str::to_owned));
            }
            if !columns.iter().any(is_message) {
                columns.push("message".to_owned());
            }
        }
        // The message stands there anyway.
        _ => columns.retain(|name| !is_message(name)),
    }
    columns
}

/// Adds a column, or takes it away.
pub(super) fn toggle_column(url: &mut url::Logs, name: &str) {
    match url.columns.iter().position(|column| column == name) {
        Some(at) => drop(url.columns.remove(at)),
        None => url.columns.push(name.to_owned()),
    }
}

/// The query that counts the values of a field among what this one finds.
pub(super) fn counted_by(query: &str, field: &str) -> String {
    let LogQuery { filter, commands, .. } = parse_logs(query).unwrap_or_default();
    let commands = commands.into_iter().take_while(|command| matches!(command, Command::Filter(_))).collect();
    let found = LogQuery { filter, commands, ..LogQuery::default() }.to_string();
    let plain = field.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '@'));
    let field = if plain { field.to_owned() } else { format!("`{field}`") };
    let stats = format!("stats count(*) as lines by {field} | sort lines desc | limit 100");
    if found.is_empty() { stats } else { format!("{found} | {stats}") }
}

pub(super) fn tools(asked: &Asked, query: &LogQuery) -> AnyView {
    let url = &asked.url;
    let pipeline = query.is_pipeline();
    let views = LogView::ALL.map(|view| {
        let text = match view {
            LogView::Lines => "Lines",
            LogView::Table => "Table",
            LogView::Raw => "Raw",
            LogView::Patterns => "Patterns",
        };
        let href = url.with(|url| (url.view, url.live) = (view, url.live && view != LogView::Patterns)).to_string();
        view! { <a href=href aria-current=(view == url.view).then_some("true")>{text}</a> }
    });
    let views = (!pipeline).then(|| view! { <nav class="tabs-small" aria-label="How lines are shown">{views.collect_view()}</nav> });
    let lines = !pipeline && url.view != LogView::Patterns;
    let columns = url.columns.iter().map(|name| {
        let href = url.with(|url| toggle_column(url, name)).to_string();
        let label = format!("Without the column {name}");
        view! { <a class="chip" href=href title=label.clone() aria-label=label>{name.clone()}<span aria-hidden="true">"×"</span></a> }
    });
    let groups = url.groups.iter().map(|name| {
        let href = url.with(|url| url.groups.retain(|group| group != name)).to_string();
        let label = format!("Not only in the log group {name}");
        view! { <a class="chip" href=href title=label.clone() aria-label=label>"in "{name.clone()}<span aria-hidden="true">"×"</span></a> }
    });
    view! {
        <div class="log-tools">
            {views}
            {lines.then(|| toggles(url))}
            <span class="chips">{groups.collect_view()}{columns.collect_view()}</span>
            {(lines || pipeline).then(|| export(asked))}
        </div>
    }
    .into_any()
}

fn toggles(url: &url::Logs) -> AnyView {
    let toggle = |on: bool, text: &'static str, title: &'static str, href: url::Logs| {
        view! { <a class="button quiet" class:on=on role="button" aria-pressed=on.to_string() href=href.to_string() title=title>{text}</a> }
    };
    let oldest = url.order == LogOrder::Oldest;
    let order = url.with(|url| (url.order, url.live) = (if oldest { LogOrder::Newest } else { LogOrder::Oldest }, false));
    view! {
        <span class="toggles">
            <a class="button quiet" href=order.to_string() title="Turn the order round">{if oldest { "Oldest first ↑" } else { "Newest first ↓" }}</a>
            {toggle(url.wrap, "Wrap", "Break long lines, or cut them", url.with(|url| url.wrap = !url.wrap))}
            {toggle(!url.plain, "Colours", "Terminal colours, or plain text", url.with(|url| url.plain = !url.plain))}
            {toggle(url.live, "Live", "Lines as they arrive", url.with(|url| (url.live, url.order) = (!url.live, LogOrder::Newest)))}
        </span>
    }
    .into_any()
}

fn export(asked: &Asked) -> AnyView {
    let search = asked.frozen();
    let link = |call, text: &'static str| view! { <li><a href=ApiLogs { call, search: search.clone() }.to_string()>{text}</a></li> };
    view! {
        <details class="menu export">
            <summary class="button quiet">"Export"</summary>
            <div class="panel"><ul>
                {link(LogCall::ExportNdjson, "Everything as NDJSON")}
                {link(LogCall::ExportCsv, "Everything as CSV")}
                {link(LogCall::Lines, "This page as JSON")}
            </ul></div>
        </details>
    }
    .into_any()
}
