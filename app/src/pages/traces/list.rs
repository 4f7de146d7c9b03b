//! The rows of the list, their order and their pages.

use super::search::help;
use super::{Asked, ROWS};
use crate::ui::moment::{Form, Moment, ago};
use crate::ui::{count, plural};
use crate::url;
use leptos::prelude::*;
use model::colour::Colours;
use model::port::{Order, OrderBy, Page, TraceRow};
use model::span::Family;
use model::time::{DAY, Human};

/// Services named in a row; the others are counted.
const SERVICES: usize = 4;

/// The list, or what to do about its being empty.
pub(super) fn list(asked: &Asked, page: &Page<TraceRow>, colours: &Colours, newest: Option<&TraceRow>) -> AnyView {
    if page.rows.is_empty() {
        return nothing(asked, newest).into_any();
    }
    let durations = || page.rows.iter().map(|row| row.summary.duration_ns.max(1));
    let scale = Scale { shortest: durations().min().unwrap_or(1) as f64, longest: durations().max().unwrap_or(1) as f64 };
    let rows = page.rows.iter().map(|found| row(asked, found, &scale, colours)).collect_view();
    let partial = (!page.complete).then(|| view! { <p class="notice warn">"The search took too long: there may be traces between those shown. A shorter range is faster."</p> });
    view! {
        <section class="list" aria-label="Traces found">
            {partial}
            <div class="scroll">
                <table class="traces">
                    <thead>
                        <tr>
                            {heading(asked, OrderBy::Time, "Start", "start")}
                            <th scope="col">"Root"</th>
                            {heading(asked, OrderBy::Duration, "Duration", "duration")}
                            {heading(asked, OrderBy::Spans, "Spans", "num spans")}
                            {heading(asked, OrderBy::Errors, "Errors", "num errors")}
                            <th scope="col">"Services"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            {pages(asked, page)}
        </section>
    }
    .into_any()
}

/// Durations as bars, on a logarithmic scale: beside one import of minutes, milliseconds and seconds still differ.
struct Scale {
    /// Nanoseconds, at least 1.
    shortest: f64,
    longest: f64,
}

impl Scale {
    /// Length of the bar; the shortest row has a visible one, the longest a full one.
    fn percent(&self, duration_ns: i64) -> f64 {
        let place = |duration: f64| 0.5 + (duration / self.shortest).ln();
        100.0 * place((duration_ns as f64).max(self.shortest)) / place(self.longest)
    }
}

/// A column that sorts: a link to the other direction, or to its own order.
fn heading(asked: &Asked, by: OrderBy, text: &'static str, class: &'static str) -> AnyView {
    let current = asked.url.order;
    let chosen = current.by == by;
    let order = Order { by, descending: !chosen || !current.descending };
    let (sort, arrow) = match (chosen, current.descending) {
        (false, _) => (None, ""),
        (true, true) => (Some("descending"), "↓"),
        (true, false) => (Some("ascending"), "↑"),
    };
    view! {
        <th scope="col" class=class aria-sort=sort>
            <a href=asked.url.with_order(order).to_string() class:chosen=chosen>{text}<span class="arrow" aria-hidden="true">{arrow}</span></a>
        </th>
    }
    .into_any()
}

fn row(asked: &Asked, found: &TraceRow, scale: &Scale, colours: &Colours) -> AnyView {
    let summary = &found.summary;
    let href = url::Trace::at(summary.trace_id, found.first_match, &asked.url.query).to_string();
    let width = scale.percent(summary.duration_ns);
    let spans = match found.first_match {
        // Without a filter every span matches, which is not worth saying.
        Some(_) if found.matched < summary.spans => format!("{} of {}", count(found.matched.into()), count(summary.spans.into())),
        _ => count(summary.spans.into()),
    };
    let named = services(found);
    let services = named.iter().take(SERVICES).map(|(name, spans)| {
        let title = format!("{name}: {}", plural(*spans, "span", "spans"));
        view! { <span class=format!("svc svc-{}", colours.of(name)) title=title>{name.clone()}</span> }
    });
    let others = named.len().saturating_sub(SERVICES);
    let others = (others > 0).then(|| view! { <span class="muted">{format!("+{others}")}</span> });
    let root = &summary.root;
    let systems = systems(found).map(|title| view! { <span class="badge" title=title>"OTel + X-Ray"</span> });
    let no_root = (!summary.has_root)
        .then(|| view! { <span class="badge warn" title="Its root span has not arrived: named after its earliest span">"no root"</span> });
    let open =
        (!summary.settled(asked.now)).then(|| view! { <span class="badge" title="Spans arrived in the last 30 seconds">"arriving"</span> });
    let name = if root.name.is_empty() { "(no name)".to_owned() } else { root.name.clone() };
    let failed = summary.errors > 0;
    view! {
        <tr class=format!("svc-{}", colours.of(&root.service)) class:failed=failed>
            <td class="start"><Moment at=summary.start form=Form::Full/></td>
            <td class="root">
                <div>
                    <a href=href data-row="" title=format!("{} {name}", root.service)>
                        <span class="svc">{root.service.clone()}</span>" "
                        <span class="name">{name.clone()}</span>
                    </a>
                    {systems}{no_root}{open}
                </div>
            </td>
            <td class="duration"><span class="time">{Human(summary.duration_ns).to_string()}</span><span class="track"><span style=format!("width:{width:.1}%")></span></span></td>
            <td class="num spans">{spans}</td>
            <td class="num errors">{if failed { view! { <span class="badge error">{count(summary.errors.into())}</span> }.into_any() } else { view! { <span class="muted">"0"</span> }.into_any() }}</td>
            <td class="services"><div>{services.collect_view()}{others}</div></td>
        </tr>
    }
    .into_any()
}

/// What is to be said of a request that both systems have.
fn systems(found: &TraceRow) -> Option<String> {
    let mut families =
        std::iter::once(&found.summary).chain(&found.others).flat_map(|summary| &summary.sources).map(|name| Family::of(name));
    let first = families.next()?;
    let other = found.others.first().filter(|_| families.any(|family| family != first))?;
    let spans = plural(found.others.iter().map(|summary| u64::from(summary.spans)).sum(), "span", "spans");
    Some(format!("Both systems have this request: {spans} more on its page, under {}", other.trace_id))
}

/// The services of a request with their spans: those of the trace that is listed first.
fn services(found: &TraceRow) -> Vec<(String, u64)> {
    let mut services: Vec<(String, u64)> = Vec::new();
    for (name, spans) in std::iter::once(&found.summary).chain(&found.others).flat_map(|summary| &summary.services) {
        match services.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += u64::from(*spans),
            None => services.push((name.clone(), u64::from(*spans))),
        }
    }
    services
}

/// First and next page. Pages keep the moments of a relative range: what the reader pages through does not move.
fn pages(asked: &Asked, page: &Page<TraceRow>) -> impl IntoView + use<> {
    let here = url::Traces { range: asked.url.range.frozen(asked.now), ..asked.url.clone() };
    let first =
        asked.url.cursor.map(|_| view! { <a class="button" rel="prev" href=asked.url.with_cursor(None).to_string()>"First page"</a> });
    let next = page
        .next
        .map(|cursor| view! { <a class="button" rel="next" href=here.with_cursor(Some(cursor)).to_string()>{format!("Next {ROWS}")}</a> });
    let end = (page.next.is_none() && asked.url.cursor.is_some()).then(|| view! { <span class="muted">"The end of the list"</span> });
    view! {
        <nav class="pages" aria-label="Pages">
            {first}{next}{end}
            <a class="muted json" href=url::ApiTraces(here).to_string()>"This list as JSON"</a>
        </nav>
    }
}

/// An empty list: why that may be, and what to click.
fn nothing(asked: &Asked, newest: Option<&TraceRow>) -> AnyView {
    let wider = [DAY, 7 * DAY, 30 * DAY].into_iter().filter(|length| *length > asked.range.length());
    let wider = wider.map(|length| {
        let range = url::Range::Last(length);
        view! { <li><a class="button" href=asked.url.with_range(range).to_string()>{format!("Look in the {range}")}</a></li> }
    });
    let all = (!asked.url.query.is_empty())
        .then(|| view! { <li><a class="button" href=asked.url.with_query("").to_string()>"Without the query"</a></li> });
    let found = match newest {
        Some(row) => {
            let start = row.summary.start;
            // An hour around it, so that its neighbours show.
            let around = url::Range::Between { start: start - 30 * model::time::MINUTE, end: start + 30 * model::time::MINUTE };
            let text = format!("The newest match started {}. ", ago(asked.now.saturating_sub(start)));
            view! { <p>{text}<a href=asked.url.with_range(around).to_string()>"Show the hour around it"</a></p> }.into_any()
        }
        None => view! { <p>"Nothing that is stored matches, at any time."</p> }.into_any(),
    };
    view! {
        <section class="list nothing">
            <h2>"No trace matches in this range"</h2>
            {found}
            <ul>{wider.collect_view()}{all}</ul>
            <details open><summary>"How to write a query"</summary>{help()}</details>
        </section>
    }
    .into_any()
}
