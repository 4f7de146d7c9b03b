//! `/`: what is wrong now. Services with rate, errors and latency; the slowest routes; the newest failures.

mod figures;
mod services;
mod urgent;

use crate::ui::frame::{Here, Shown, Tab, page};
use crate::ui::moment::{Form, Moment};
use crate::ui::picker::picker;
use crate::ui::setup::Endpoints;
use crate::ui::{chart, count, duration, empty, percent, plural, rate};
use crate::{Host, url};
use figures::{Figures, Route};
use leptos::prelude::*;
use model::colour::{Colours, colours};
use model::port::{LogOrder, LogSearch, Problem, TraceRow};
use model::query::{parse_logs, with, without};
use model::time::{Human, Range};
use std::time::{Duration, Instant};

#[component]
pub fn OverviewPage() -> impl IntoView {
    page(show)
}

async fn show(here: Here) -> Result<Shown, Problem> {
    let url = url::Overview::parse(&here.search).map_err(|error| Problem::Bad { message: error.to_string(), position: None })?;
    let shown = |body: AnyView| Shown { title: "Overview".into(), tab: Tab::Overview, range: url.range, status: 200, body };
    if here.instance.spans == 0 {
        return Ok(shown(empty::no_spans_yet(&Endpoints::of(&here.instance, use_context::<Host>())).into_any()));
    }
    let figures = Figures::read(&here, url.range.resolve(here.now)).await?;
    let colours = colours(figures.services.iter().map(|service| service.name.as_str()));
    let head = view! {
        <div class="page-head">
            <h1>"Overview"</h1>
            {picker(url.range, here.now, &|range| url::Overview { range }.to_string(), "/", vec![])}
        </div>
    };
    let errors = error_lines(&here, url.range).await;
    let urgent = urgent::read(&here).await;
    let body = match figures.services.is_empty() {
        true => view! { {head}{nothing(url.range)} }.into_any(),
        false => view! {
            {head}
            {(!figures.exact).then(|| view! { <p class="notice warn">"There was too much to count in time: figures are lower bounds. A shorter range is exact."</p> })}
            {totals(&figures, url.range, errors)}
            {urgent::card(&urgent, here.now)}
            {services::table(&figures, url.range, &colours)}
            <div class="halves">
                {routes(&figures.routes, url.range, &colours)}
                {failures(&figures.failures, url.range, &colours)}
            </div>
        }
        .into_any(),
    };
    Ok(shown(body))
}

/// Where a service, route or bar leads: the traces behind it.
fn traces(query: impl Into<String>, range: url::Range) -> String {
    url::Traces::of(query, range).to_string()
}

/// `service:x` and more, as a query.
fn query_of(terms: &[(&str, &str)]) -> String {
    terms.iter().fold(String::new(), |text, (key, value)| with(&without(&text, key, value), key, value))
}

/// Log lines that are errors; nothing if that cannot be said at once.
async fn error_lines(here: &Here, range: url::Range) -> Option<(u64, String)> {
    let url = url::Logs::of("level:>=error", range);
    let query = parse_logs(&url.query).ok()?;
    let search = LogSearch { query, groups: vec![], range: range.resolve(here.now), order: LogOrder::Newest, limit: 1, cursor: None };
    let ask = here.ask.clone().until(Instant::now() + Duration::from_millis(100));
    let count = here.logs.log_count(&ask, &search, 0).await.ok()?;
    (count.lines > 0).then(|| (count.lines, url.to_string()))
}

fn totals(figures: &Figures, range: url::Range, error_lines: Option<(u64, String)>) -> AnyView {
    let (all, bad) = figures.totals();
    let counted = figures.counted();
    let bars = chart::histogram(figures.bars_range(), &figures.bars(), ("request", "requests"), &|bar: Range| {
        traces("entry:true", url::Range::Between { start: bar.start, end: bar.end })
    });
    view! {
        <section class="card histogram" aria-label="Requests over time">
            <header>
                <p class="row">
                    <strong>{plural(all.round() as u64, "request", "requests")}</strong>
                    <span class="muted">{rate(all, counted)}</span>
                    <a class="error" href=traces("entry:true status:error", range)>{format!("{} failed ({})", count(bad.round() as u64), percent(bad, all))}</a>
                    {error_lines.map(|(lines, href)| view! { <a class="error" href=href>{plural(lines, "error in logs", "errors in logs")}</a> })}
                </p>
                <p class="muted hint">"A request is counted in each service it enters"</p>
            </header>
            <div class="body">{bars}</div>
        </section>
    }
    .into_any()
}

fn routes(routes: &[Route], range: url::Range, colours: &Colours) -> AnyView {
    let slowest = routes.iter().map(|route| route.p95).fold(0.0, f64::max);
    let rows = routes.iter().map(|route| {
        let query = query_of(&[("service", &route.service), ("name", &route.name)]);
        let width = if slowest > 0.0 { 100.0 * route.p95 / slowest } else { 0.0 };
        let slow = url::Traces { order: model::port::Order { by: model::port::OrderBy::Duration, descending: true }, ..url::Traces::of(query, range) };
        view! {
            <tr class=format!("svc-{}", colours.of(&route.service))>
                <td class="root"><a href=slow.to_string() data-row=""><span class="svc">{route.service.clone()}</span><span class="name">{route.name.clone()}</span></a></td>
                <td class="duration"><span class="time">{duration(route.p95)}</span><span class="track"><span style=format!("width:{width:.1}%")></span></span></td>
                <td class="num">{duration(route.p50)}</td>
                <td class="num">{count(route.count.round() as u64)}</td>
                <td class="num" class:error=(route.errors > 0.0)>{percent(route.errors, route.count)}</td>
            </tr>
        }
    });
    view! {
        <section class="card" aria-labelledby="slowest">
            <header><h2 id="slowest">"Slowest routes"</h2><span class="muted">"by p95"</span></header>
            <div class="scroll">
                <table class="figures">
                    <thead><tr><th scope="col">"Route"</th><th scope="col" class="duration">"p95"</th><th scope="col" class="num">"p50"</th><th scope="col" class="num">"Requests"</th><th scope="col" class="num">"Errors"</th></tr></thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
            </div>
        </section>
    }
    .into_any()
}

fn failures(failures: &[TraceRow], range: url::Range, colours: &Colours) -> AnyView {
    let rows = failures.iter().map(|row| {
        let summary = &row.summary;
        let href = url::Trace::at(summary.trace_id, row.first_match, "").to_string();
        view! {
            <tr class=format!("svc-{}", colours.of(&summary.root.service))>
                <td class="start"><Moment at=summary.start form=Form::Second/></td>
                <td class="root"><a href=href data-row=""><span class="svc">{summary.root.service.clone()}</span><span class="name">{summary.root.name.clone()}</span></a></td>
                <td class="num">{Human(summary.duration_ns).to_string()}</td>
                <td class="num"><span class="badge error">{count(summary.errors.into())}</span></td>
            </tr>
        }
    });
    let body = match failures.is_empty() {
        true => view! { <div class="body"><p class="ok">"No trace in this range has an error."</p></div> }.into_any(),
        false => view! {
            <div class="scroll">
                <table class="figures">
                    <thead><tr><th scope="col">"Start"</th><th scope="col">"Root"</th><th scope="col" class="num">"Duration"</th><th scope="col" class="num">"Errors"</th></tr></thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
            </div>
        }
        .into_any(),
    };
    view! {
        <section class="card" aria-labelledby="failing">
            <header><h2 id="failing">"Recent failing traces"</h2><a href=traces("status:error", range)>"All of them"</a></header>
            {body}
        </section>
    }
    .into_any()
}

/// Spans are stored, but none in this range.
fn nothing(range: url::Range) -> AnyView {
    let wider = [url::Range::Last(model::time::DAY), url::Range::Last(7 * model::time::DAY), url::Range::Last(30 * model::time::DAY)];
    let links = wider.into_iter().filter(|wider| *wider != range);
    let links = links
        .map(|range| view! { <li><a class="button" href=url::Overview { range }.to_string()>{format!("Look at the {range}")}</a></li> });
    view! {
        <section class="card nothing">
            <h2>"No request entered a service in this range"</h2>
            <p class="muted">"Spans are stored, but they are older, or newer, than what is shown."</p>
            <ul>{links.collect_view()}</ul>
        </section>
    }
    .into_any()
}
