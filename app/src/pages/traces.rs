//! `/traces`: search, histogram, facets, list.

mod counts;
mod list;
mod search;

pub(crate) use search::error;

use crate::ui::frame::{Here, Shown, Tab, page};
use crate::ui::setup::Endpoints;
use crate::ui::{chart, empty, facets};
use crate::{Host, url};
use counts::Counts;
use leptos::prelude::*;
use model::colour::colours;
use model::port::{Page, Problem, TraceRow, TraceSearch};
use model::query::ast::{ParseError, Query};
use model::time;

/// Rows of a page.
const ROWS: u32 = 50;

/// Bars of the histogram.
const BARS: u32 = 80;

#[component]
pub fn TracesPage() -> impl IntoView {
    page(show)
}

/// What the list was asked for, and when.
struct Asked {
    url: url::Traces,
    /// What the URL's range means now.
    range: time::Range,
    now: time::Nanos,
}

async fn show(here: Here) -> Result<Shown, Problem> {
    let url = match url::Traces::parse(&here.search) {
        Ok(url) => url,
        Err(error) => return Err(Problem::Bad { message: error.to_string(), position: None }),
    };
    let asked = Asked { range: url.range.resolve(here.now), now: here.now, url };
    if here.instance.spans == 0 && asked.url.query.is_empty() {
        let body = empty::no_spans_yet(&Endpoints::of(&here.instance, use_context::<Host>()));
        return Ok(Shown { title: "Traces".into(), tab: Tab::Traces, range: asked.url.range, status: 200, body: body.into_any() });
    }
    match model::query::parse(&asked.url.query) {
        Ok(query) => found(here, asked, query).await,
        Err(error) => Ok(not_a_query(asked, error)),
    }
}

/// The page of a text that is no query: the box, with the place of the error.
fn not_a_query(asked: Asked, error: ParseError) -> Shown {
    let body = view! {
        <h1 class="sr">"Traces"</h1>
        {search::form(&asked)}
        {search::error(&asked.url.query, error.position, &error.message, search::help())}
    };
    Shown { title: "Traces".into(), tab: Tab::Traces, range: asked.url.range, status: 400, body: body.into_any() }
}

async fn found(here: Here, asked: Asked, query: Query) -> Result<Shown, Problem> {
    let search = TraceSearch { query, range: asked.range, order: asked.url.order, limit: ROWS, cursor: asked.url.cursor, once: true };
    let (rows, counts) = futures::future::join(here.reader.traces(&here.ask, &search), Counts::read(&here, &search, asked.url.wait)).await;
    let rows = match rows {
        Ok(rows) => rows,
        // The store compiles regexes, which the parser does not.
        Err(Problem::Bad { message, position }) => {
            return Ok(not_a_query(asked, ParseError { position: position.unwrap_or_default(), message }));
        }
        Err(problem) => return Err(problem),
    };
    let counts = counts?;
    let newest = if rows.rows.is_empty() { newest(&here, &search).await? } else { None };

    // The services of the whole range, so that a service keeps its colour from query to query.
    let brief = here.ask.clone().until(std::time::Instant::now() + counts::BRIEF);
    let services = here.reader.services(&brief, asked.range).await?;
    let named = services.iter().map(String::as_str).chain(counts.services());
    let summaries = rows.rows.iter().flat_map(|row| std::iter::once(&row.summary).chain(&row.others));
    let colours = colours(named.chain(summaries.flat_map(|summary| summary.services.iter().map(|(name, _)| name.as_str()))));
    let link = |text: String| asked.url.with_query(text).to_string();
    let title = if asked.url.query.is_empty() { "Traces".to_owned() } else { format!("{} · Traces", asked.url.query) };
    let exact = (!counts.exact()).then(|| url::Traces { wait: true, ..asked.url.clone() }.to_string());
    let total = counts.total(exact.clone());
    let facets = facets::facets(&asked.url.query, &counts.facets, &|service| colours.of(service), &link);
    let bars = chart::histogram(asked.range, &counts.count.histogram, ("trace", "traces"), &|range| {
        let range = url::Range::Between { start: range.start, end: range.end };
        asked.url.with_range(range).to_string()
    });
    let body = view! {
        <h1 class="sr">"Traces"</h1>
        {search::form(&asked)}
        <div class="found" data-exact=exact>
            <section class="card histogram" aria-label="Traces over time">
                <header>
                    <p data-later="total">{total}</p>
                    <p class="muted hint needs-js">"Drag over the bars to zoom"</p>
                </header>
                <div class="body">
                    <islands::Brush start=asked.range.start end=asked.range.end>
                        <div data-later="histogram">{bars}</div>
                    </islands::Brush>
                </div>
            </section>
            <div class="columns">
                <aside class="facets" aria-label="Filters" data-later="facets">
                    <details class="fold" open>
                        <summary>"Filters"</summary>
                        {facets}
                    </details>
                </aside>
                {list::list(&asked, &rows, &colours, newest.as_ref())}
            </div>
        </div>
    };
    Ok(Shown { title, tab: Tab::Traces, range: asked.url.range, status: 200, body: body.into_any() })
}

/// The newest trace that matches at any time: what an empty list offers instead.
async fn newest(here: &Here, search: &TraceSearch) -> Result<Option<TraceRow>, Problem> {
    let anywhere = TraceSearch { range: time::Range::ALL, order: model::port::Order::NEWEST, limit: 1, cursor: None, ..search.clone() };
    let ask = here.ask.clone().until(std::time::Instant::now() + counts::PATIENT);
    let Page { rows, .. } = here.reader.traces(&ask, &anywhere).await?;
    Ok(rows.into_iter().next())
}
