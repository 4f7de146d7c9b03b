//! What the group is: title, state, since when and in which version; and its occurrences over time.

use super::Drawing;
use super::markdown::markdown;
use crate::ui::error::{families, level, mark, status, title};
use crate::ui::moment::Ago;
use crate::ui::{chart, count, icon, plural};
use crate::url;
use leptos::prelude::*;
use model::error::Deploy;
use model::time::{Human, Nanos};

pub(super) fn head(drawing: &Drawing) -> AnyView {
    let group = &drawing.detail.group;
    let name = title(group);
    let class = (!group.class.is_empty() && !name.starts_with(&group.class))
        .then(|| view! { <span class="e-class">{group.class.clone()}</span>" " });
    let here = drawing.occurrence.as_ref().map_or(drawing.url, |open| url::ErrorPage::at(group.number, open.row.seq));
    let place = |key: &'static str, value: &str| {
        let href = url::Errors::of(model::query::errors::with("", key, value)).to_string();
        (!value.is_empty()).then(|| view! { <a href=href title=format!("Only {key}: {value}")>{value.to_owned()}</a> })
    };
    let seen = |what: &'static str, at: Nanos, version: &str| {
        let deploy = before(&drawing.deploys, at).map(|deploy| {
            let text = format!(
                "{} after the deploy of {}",
                Human(at.saturating_sub(ended(deploy)) / 1_000_000_000 * 1_000_000_000),
                short(&deploy.revision)
            );
            view! { <span class="muted" title=format!("{} by {}", deploy.revision, deploy.user)>{text}</span> }
        });
        let version = (!version.is_empty()).then(|| view! { " in "<a href=url::Errors::of(model::query::errors::with("", "version", version)).to_string()>{version.to_owned()}</a>" " });
        view! { <span><span class="muted">{what}" "</span><Ago at=at now=drawing.now/>{version}" "{deploy}</span> }
    };
    view! {
        <header class="e-head">
            <p class="e-path"><a href=url::Errors::default().to_string()>"Errors"</a>" › "<span class="muted">{format!("#{}", group.number)}</span></p>
            <h1>{class}{name}</h1>
            <div class="e-facts">
                {mark(group.mark)}{status(group)}{level(group.level)}
                {place("service", &group.service)}{place("environment", &group.environment)}
                {families(&group.families)}
                <span><b>{count(group.count)}</b>" "<span class="muted">{if group.count == 1 { "occurrence" } else { "occurrences" }}</span></span>
                {(group.people > 0).then(|| view! { <span>{plural(group.people, "person", "people")}</span> })}
                {(group.failed_requests > 0).then(|| view! { <span class="error">{plural(group.failed_requests, "failed request", "failed requests")}</span> })}
                {seen("first", group.first_seen, &group.first_version)}
                {seen("last", group.last_seen, &group.last_version)}
                {group.assignee.clone().map(|who| view! { <span><span class="muted">"assigned to "</span><b>{who}</b></span> })}
                <span class="t-links">
                    <button type="button" class="button needs-js" data-copy-link=here.to_string() title="Copy a link to exactly this occurrence"><icon::Link/>"Copy link"</button>
                    <button type="button" class="button quiet needs-js" data-copy-from="markdown" title="Copy what is known of it, for a ticket or a chat">"Copy as Markdown"</button>
                </span>
            </div>
            <pre id="markdown" hidden>{markdown(drawing)}</pre>
        </header>
    }
    .into_any()
}

/// When a deploy was done.
fn ended(deploy: &Deploy) -> Nanos {
    deploy.finished.unwrap_or(deploy.started)
}

/// The last deploy before a moment.
fn before(deploys: &[Deploy], at: Nanos) -> Option<&Deploy> {
    deploys.iter().filter(|deploy| ended(deploy) <= at).max_by_key(|deploy| ended(deploy))
}

/// A revision as people say it.
fn short(revision: &str) -> String {
    match revision.len() >= 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => revision[..10].to_owned(),
        false => revision.to_owned(),
    }
}

/// Occurrences over 24 hours or 30 days, with the deploys.
pub(super) fn trend(drawing: &Drawing) -> AnyView {
    let total: u64 = drawing.trend.iter().map(|(_, n)| n).sum();
    let switch = |month: bool, text: &'static str| {
        let href = url::ErrorPage { month, ..drawing.url }.to_string();
        view! { <a href=href aria-current=(drawing.url.month == month).then_some("true")>{text}</a> }
    };
    let marks: Vec<(Nanos, String)> = drawing
        .deploys
        .iter()
        .filter(|deploy| (drawing.range.start..drawing.range.end).contains(&ended(deploy)))
        .map(|deploy| (ended(deploy), format!("Deploy of {} by {}: {}", short(&deploy.revision), deploy.user, deploy.status)))
        .collect();
    view! {
        <section class="card histogram" aria-label="Occurrences over time">
            <header>
                <p><strong>{plural(total, "occurrence", "occurrences")}</strong>{(!marks.is_empty()).then(|| view! { " "<span class="muted">{plural(marks.len() as u64, "deploy", "deploys")}</span> })}</p>
                <nav class="tabs-small" aria-label="Range">{switch(false, "24 hours")}{switch(true, "30 days")}</nav>
            </header>
            <div class="body">{chart::occurrences(drawing.range, &drawing.trend, &marks)}</div>
        </section>
    }
    .into_any()
}
