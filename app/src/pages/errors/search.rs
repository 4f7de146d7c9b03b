//! The search box, the tabs by status and the order.

use super::Asked;
use crate::ui::count;
use crate::url::{self, ErrorTab, sort_text};
use leptos::prelude::*;
use model::port::{ErrorCounts, ErrorSort};

/// Orders by what they are called.
const SORTS: [(ErrorSort, &str, &str); 5] = [
    (ErrorSort::Priority, "Priority", "Regressed, new and escalating first, then by failed requests and occurrences of the last 24 hours"),
    (ErrorSort::LastSeen, "Last seen", "Newest occurrence first"),
    (ErrorSort::FirstSeen, "First seen", "Newest group first"),
    (ErrorSort::Count, "Count", "Most occurrences first"),
    (ErrorSort::People, "People", "Most people affected first"),
];

/// The box and the button.
pub(super) fn form(asked: &Asked) -> AnyView {
    let url = &asked.url;
    let hidden = [
        ("status", if url.tab == ErrorTab::default() { "" } else { url.tab.as_str() }),
        ("sort", if url.sort == ErrorSort::default() { "" } else { sort_text(url.sort) }),
    ];
    let hidden = hidden.into_iter().filter(|(_, value)| !value.is_empty());
    let hidden = hidden.map(|(name, value)| view! { <input type="hidden" name=name value=value/> }).collect_view();
    view! {
        <div class="search">
            <form method="get" action="/errors" role="search" aria-label="Errors">
                <input class="input mono" type="search" name="q" value=url.query.clone() data-search="" autocomplete="off" spellcheck="false"
                    placeholder="Search: words of the title, #12, level:critical, is:regressed, environment:production, context:/api/x …" aria-label="Search errors"/>
                {hidden}
                <button class="button primary">"Search"</button>
            </form>
        </div>
    }
    .into_any()
}

/// Active 12 | Resolved 3 | ...; and the order at the side.
pub(super) fn tabs(asked: &Asked, counts: ErrorCounts) -> AnyView {
    let ErrorCounts { active, resolved, muted, snoozed } = counts;
    let tab = |tab: ErrorTab| {
        let (text, n) = match tab {
            ErrorTab::Active => ("Active", active),
            ErrorTab::Resolved => ("Resolved", resolved),
            ErrorTab::Muted => ("Muted", muted),
            ErrorTab::Snoozed => ("Snoozed", snoozed),
            ErrorTab::All => ("All", active + resolved + muted + snoozed),
        };
        let current = (!asked.own_status && asked.url.tab == tab).then_some("page");
        let href = asked.url.with(|url| url.tab = tab).to_string();
        view! { <a href=href aria-current=current>{text}" "<span class="n">{count(n)}</span></a> }
    };
    let sort = |(sort, text, title): (ErrorSort, &'static str, &'static str)| {
        let current = (asked.url.sort == sort).then_some("true");
        view! { <a href=asked.url.with(|url| url.sort = sort).to_string() aria-current=current title=title>{text}</a> }
    };
    let said = asked.own_status.then(|| view! { <span class="muted hint">"the query says which"</span> });
    view! {
        <div class="e-bar">
            <nav class="e-tabs" aria-label="Status">{ErrorTab::ALL.map(tab).into_iter().collect_view()}{said}</nav>
            <nav class="tabs-small" aria-label="Order">{SORTS.map(sort).into_iter().collect_view()}</nav>
        </div>
    }
    .into_any()
}

/// The language on one card.
pub(super) fn help() -> AnyView {
    const RULES: [(&str, &str); 9] = [
        ("timeout \"card declined\"", "words and phrases of the title"),
        ("#12", "the group of this number"),
        ("status:resolved", "active, resolved, muted or snoozed"),
        ("is:regressed is:new is:escalating", "what wants to be looked at"),
        ("level:critical -level:warning", "debug, info, warning, error, critical"),
        ("environment:production service:api host:web-1", "where"),
        ("class:KeyError context:/api/* code_version:1.2", "what, on which route, in which version"),
        ("assignee:ann assignee:none has:comments", "who deals with it"),
        ("count:>100 people:>=5 last_seen:>2026-11-22", "how much, and when"),
    ];
    let rows = RULES.map(|(example, meaning)| view! { <dt><code>{example}</code></dt><dd>{meaning}</dd> });
    view! { <dl class="rules">{rows.collect_view()}</dl> }.into_any()
}

/// Nothing matches.
pub(super) fn nothing(asked: &Asked) -> AnyView {
    let all = (asked.url.tab != ErrorTab::All && !asked.own_status)
        .then(|| view! { <li><a class="button" href=asked.url.with(|url| url.tab = ErrorTab::All).to_string()>"Of any status"</a></li> });
    let without = (!asked.url.query.is_empty())
        .then(|| view! { <li><a class="button" href=asked.url.with(|url| url.query.clear()).to_string()>"Without the query"</a></li> });
    let calm = asked.url.query.is_empty() && asked.url.tab == ErrorTab::Active;
    let title = if calm { "Nothing is active: every error was dealt with" } else { "No group of errors matches" };
    view! {
        <div class="nothing">
            <h2>{title}</h2>
            <ul>{all}{without}</ul>
            {(!calm).then(|| view! { <details open><summary>"How to write a query"</summary>{help()}</details> })}
        </div>
    }
    .into_any()
}

/// The filter that a value in a row leads to.
pub(super) fn only(asked: &Asked, key: &str, value: &str) -> String {
    asked.url.with(|url: &mut url::Errors| url.query = model::query::errors::with(&url.query, key, value)).to_string()
}
