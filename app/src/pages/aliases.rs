//! `/aliases`: services that go by several names, and forms to say so.

use crate::ui::frame::{Here, Shown, Tab, page};
use crate::ui::plural;
use crate::url::{self, Range};
use leptos::prelude::*;
use model::alias::Aliases;
use model::port::{Order, Problem, TraceRow, TraceSearch};
use model::request::naming_any;
use model::span::Family;
use model::time::{self, DAY};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Requests, the newest, that suggestions are made from.
const LOOKED_AT: u32 = 500;
/// How long the page waits for them.
const PATIENCE: Duration = Duration::from_secs(2);

#[component]
pub fn AliasesPage() -> impl IntoView {
    page(show)
}

async fn show(here: Here) -> Result<Shown, Problem> {
    let aliases = here.reader.aliases();
    let range = time::Range { start: here.now.saturating_sub(7 * DAY), end: here.now.saturating_add(DAY) };
    let both = TraceSearch { query: naming_any(), range, order: Order::NEWEST, limit: LOOKED_AT, cursor: None, once: true };
    let suggested = suggestions(&here.reader.traces(&here.ask.clone().until(Instant::now() + PATIENCE), &both).await?.rows);
    let services = here.reader.services(&here.ask, range).await?;
    let body = view! {
        <div class="page-head">
            <h1>"Service aliases"</h1>
            <p class="muted">"One service, several names: an X-Ray segment is often named after its host. An alias is shown, counted and found under its service’s name; the data keeps the names it came with."</p>
        </div>
        <div class="stack">
            {suggestions_card(&suggested)}
            {in_force(&aliases)}
            {add(&services)}
        </div>
    };
    Ok(Shown { title: "Service aliases".into(), tab: Tab::Sources, range: Range::default(), status: 200, body: body.into_any() })
}

/// What X-Ray calls a service, what OpenTelemetry calls it, and how many requests say so.
#[derive(Debug, PartialEq)]
struct Suggestion {
    alias: String,
    service: String,
    requests: u64,
}

/// Names of the services that both systems have a request of enter by: where they differ, they are one service's. Not if each system knows
/// the other's name, too: then they are two services, of which one system saw a part. Most requests first.
fn suggestions(rows: &[TraceRow]) -> Vec<Suggestion> {
    let mut found: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in rows {
        let family = |wanted| {
            let of = move |one: &&model::trace::Summary| one.sources.iter().all(|source| Family::of(source) == wanted);
            std::iter::once(&row.summary).chain(&row.others).find(of)
        };
        let (Some(otel), Some(xray)) = (family(Family::Otel), family(Family::Xray)) else { continue };
        let knows = |one: &model::trace::Summary, name: &str| one.services.iter().any(|(known, _)| known == name);
        let (service, alias) = (otel.root.service.as_str(), xray.root.service.as_str());
        if !knows(otel, alias) && !knows(xray, service) {
            *found.entry((alias, service)).or_default() += 1;
        }
    }
    let found = found.into_iter();
    let mut found: Vec<Suggestion> =
        found.map(|((alias, service), requests)| Suggestion { alias: alias.to_owned(), service: service.to_owned(), requests }).collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.requests));
    found
}

fn suggestions_card(suggested: &[Suggestion]) -> Option<AnyView> {
    let row = |Suggestion { alias, service, requests }: &Suggestion| {
        view! {
            <li>
                <p><strong>{alias.clone()}</strong>" is "<strong>{service.clone()}</strong>"? "<span class="muted">{format!("{} entered X-Ray by the one name and OpenTelemetry by the other", plural(*requests, "request", "requests"))}</span></p>
                <form method="post" action=url::ALIASES_SAVE>
                    <input type="hidden" name="alias" value=alias.clone()/>
                    <input type="hidden" name="service" value=service.clone()/>
                    <button class="button primary">"They are one"</button>
                </form>
            </li>
        }
    };
    let rows = suggested.iter().map(row).collect_view();
    (!suggested.is_empty()).then(|| {
        view! {
            <section class="card" aria-labelledby="suggested">
                <header><h2 id="suggested">"Suggested"</h2><span class="muted">"from requests that both systems recorded"</span></header>
                <ul class="aliases">{rows}</ul>
            </section>
        }
        .into_any()
    })
}

fn in_force(aliases: &Aliases) -> AnyView {
    let row = |(alias, service): (&str, &str)| {
        view! {
            <li>
                <p><strong>{alias.to_owned()}</strong><span class="muted">" is shown as "</span><strong>{service.to_owned()}</strong></p>
                <form method="post" action=url::ALIASES_REMOVE>
                    <input type="hidden" name="alias" value=alias.to_owned()/>
                    <button class="button">"Remove"</button>
                </form>
            </li>
        }
    };
    let body = match aliases.is_empty() {
        true => view! { <p class="body muted">"None: every service is shown by the name it sends."</p> }.into_any(),
        false => view! { <ul class="aliases">{aliases.iter().map(row).collect_view()}</ul> }.into_any(),
    };
    view! { <section class="card" aria-labelledby="aliases"><header><h2 id="aliases">"Aliases"</h2></header>{body}</section> }.into_any()
}

fn add(services: &[String]) -> AnyView {
    let names = services.iter().map(|name| view! { <option value=name.clone()></option> }).collect_view();
    let field = |label: &'static str, name: &'static str| {
        view! { <label>{label}<input class="input" name=name list="services" required=true maxlength="255" autocomplete="off"/></label> }
    };
    view! {
        <section class="card" aria-labelledby="add">
            <header><h2 id="add">"Add"</h2></header>
            <form class="rule" method="post" action=url::ALIASES_SAVE>
                {field("Name", "alias")}
                {field("is shown as", "service")}
                <button class="button primary">"Save"</button>
                <datalist id="services">{names}</datalist>
            </form>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::id::TraceId;
    use model::trace::{Root, Summary};

    fn trace(source: &str, services: &[&str]) -> Summary {
        Summary {
            trace_id: TraceId([1; 16]),
            root: Root { service: services[0].into(), ..Root::default() },
            has_root: true,
            start: 0,
            duration_ns: 1,
            spans: 1,
            errors: 0,
            services: services.iter().map(|name| ((*name).to_owned(), 1)).collect(),
            sources: vec![source.into()],
            first_seq: 1,
            last_received: 0,
        }
    }

    #[test]
    fn names_that_one_request_entered_by_are_suggested() {
        let row = |summary: Summary, others: Vec<Summary>| TraceRow { summary, matched: 1, first_match: None, others };
        let flask = || row(trace("otlp_http", &["backend-flask", "db"]), vec![trace("xray_udp", &["localhost"])]);
        let rows = [
            row(trace("otlp_http", &["web"]), vec![trace("xray_udp", &["10.0.0.1"])]),
            flask(),
            flask(),
            row(trace("otlp_http", &["browser", "api"]), vec![trace("xray_udp", &["api"])]),
            row(trace("otlp_http", &["alone"]), vec![]),
        ];
        let named = |alias: &str, service: &str, requests| Suggestion { alias: alias.into(), service: service.into(), requests };
        assert_eq!(suggestions(&rows), [named("localhost", "backend-flask", 2), named("10.0.0.1", "web", 1)]);
    }
}
