//! The search box, saved views, and what is wrong with what stands in the box.

use super::Asked;
use crate::ui::picker::{picker, range_fields};
use crate::url::{self, LogView, VIEW_REMOVE, VIEW_SAVE};
use leptos::prelude::*;
use model::port::LogOrder;
use model::views::SavedViews;
use std::sync::Arc;

/// The box, the range picker and the button.
pub(super) fn form(asked: &Asked) -> AnyView {
    let kept = kept(&asked.url);
    let hidden = kept.iter().map(|(name, value)| view! { <input type="hidden" name=*name value=value.clone()/> }).collect_view();
    // Completion looks where the list looks.
    let range = url::ApiKeys { prefix: String::new(), range: asked.url.range }.to_string();
    let range = range.split_once('?').map_or(String::new(), |(_, query)| query.to_owned());
    let link = |range| asked.url.with_range(range).to_string();
    let fields = std::iter::once(("q", asked.url.query.clone())).chain(kept.clone()).collect();
    let picker = picker(asked.url.range, asked.now, &link, "/logs", fields);
    view! {
        <div class="search">
            <form method="get" action="/logs" role="search" aria-label="Logs">
                <islands::QueryBar query=asked.url.query.clone() range=range logs=true/>
                {range_fields(asked.url.range)}
                {hidden}
                <button class="button primary">"Search"</button>
            </form>
            {views(asked)}
            {picker}
        </div>
    }
    .into_any()
}

/// What of the page another query keeps, as form fields.
fn kept(url: &url::Logs) -> Vec<(&'static str, String)> {
    let mut fields: Vec<(&'static str, String)> = Vec::new();
    fields.extend(url.groups.iter().map(|group| ("group", group.clone())));
    if url.order == LogOrder::Oldest {
        fields.push(("order", "oldest".into()));
    }
    if url.view != LogView::Lines {
        fields.push(("view", url.view.as_str().into()));
    }
    fields.extend(url.columns.iter().map(|column| ("column", column.clone())));
    fields.extend(url.facets.iter().map(|facet| ("facet", facet.clone())));
    for (name, set, value) in [("wrap", url.wrap, "1"), ("ansi", url.plain, "0"), ("live", url.live, "1")] {
        if set {
            fields.push((name, value.into()));
        }
    }
    fields
}

/// The team's saved views, and a form that adds this one.
fn views(asked: &Asked) -> Option<AnyView> {
    let saved = use_context::<Arc<dyn SavedViews>>()?.saved_views();
    let address = asked.url.with(|_| ()).to_string();
    let current = saved.iter().find(|view| view.address == address).map(|view| view.name.clone());
    let items = saved.into_iter().map(|view| {
        let label = format!("Forget {}", view.name);
        view! {
            <li>
                <a href=view.address.clone() aria-current=(view.address == address).then_some("true")>{view.name.clone()}</a>
                <form method="post" action=VIEW_REMOVE>
                    <input type="hidden" name="name" value=view.name/><input type="hidden" name="back" value=address.clone()/>
                    <button class="button quiet" title=label.clone() aria-label=label>"×"</button>
                </form>
            </li>
        }
    });
    let items = items.collect_view();
    let name = current.clone().unwrap_or_default();
    Some(
        view! {
            <details class="menu views">
                <summary class="button">{current.unwrap_or_else(|| "Views".to_owned())}</summary>
                <div class="panel">
                    <ul>{items}</ul>
                    <form method="post" action=VIEW_SAVE>
                        <input type="hidden" name="address" value=address.clone()/>
                        <label>"Save this search as"<input class="input" name="name" value=name required=true maxlength="80" autocomplete="off"/></label>
                        <button class="button primary">"Save for everybody"</button>
                    </form>
                </div>
            </details>
        }
        .into_any(),
    )
}

/// The text with the place of the error marked, and what was expected there.
pub(super) fn error(text: &str, position: usize, message: &str) -> AnyView {
    crate::pages::traces::error(text, position, message, help())
}

/// The language on one card.
pub(super) fn help() -> AnyView {
    const RULES: [(&str, &str); 9] = [
        ("timeout \"card declined\"", "words and phrases, anywhere in a line"),
        ("level:error service:checkout", "both on one line; level:>=warn"),
        ("request.user.id:42, status:>=500", "a field of a JSON message, by its path; compare"),
        ("group:/aws/* -logger:werkzeug", "a star stands for anything; not"),
        ("@message:/took \\d{4,}ms/", "a regular expression"),
        ("trace_id:4bf92f35…, 1-5759e988-…", "a trace, in any way of writing its id"),
        ("pattern:17", "lines that look alike, from Patterns"),
        ("error | stats count(*) by service, bin(5m)", "a CloudWatch Logs Insights pipeline after the filter"),
        ("fields @timestamp, @message | filter … | sort … | limit 20", "or a whole query pasted from its console"),
    ];
    let rows = RULES.map(|(example, meaning)| view! { <dt><code>{example}</code></dt><dd>{meaning}</dd> });
    view! { <dl class="rules">{rows.collect_view()}</dl> }.into_any()
}
