//! `/logs`: search, histogram, facets, lines; or what a pipeline makes of them, or their patterns. Below it one line
//! (`/logs/line/{at}`) and what is around it (`/logs/context/{at}`).

mod context;
mod counts;
mod line;
mod list;
mod panel;
mod patterns;
mod search;
mod single;
mod table;
mod tools;
mod tree;

pub use context::LogContextPage;
pub use counts::OFFERED;
pub use line::rows;
pub use list::{chunk, listed};
pub use panel::panel_html;
pub use single::LogLinePage;

use crate::Host;
use crate::ui::empty;
use crate::ui::frame::{Here, Shown, Tab, page};
use crate::ui::setup::Endpoints;
use crate::url::{self, LogView};
use counts::Counts;
use leptos::prelude::*;
use model::port::{Ask, LineLinks, LogCursor, LogOrder, LogPage, LogReader, LogSearch, Possible, Problem};
use model::query::ast::ParseError;
use model::query::{LogQuery, parse_logs};
use model::time;
use std::time::{Duration, Instant};

/// Lines of a page.
pub const ROWS: u32 = 100;

/// Bars of the histogram.
const BARS: u32 = 80;

/// How long the first page waits for what it need not have.
const BRIEF: Duration = Duration::from_millis(150);

/// How long the second request waits.
const PATIENT: Duration = Duration::from_secs(20);

#[component]
pub fn LogsPage() -> impl IntoView {
    page(show)
}

/// What the page was asked for, and when.
struct Asked {
    url: url::Logs,
    /// What the URL's range means now.
    range: time::Range,
    now: time::Nanos,
}

impl Asked {
    /// How long this request waits for figures.
    fn patience(&self) -> Instant {
        Instant::now() + if self.url.wait { PATIENT } else { BRIEF }
    }

    /// The same search in fixed moments: what the reader pages through does not move.
    fn frozen(&self) -> url::Logs {
        url::Logs { range: self.url.range.frozen(self.now), ..self.url.clone() }
    }
}

async fn show(here: Here) -> Result<Shown, Problem> {
    let url = url::Logs::parse(&here.search).map_err(|error| Problem::Bad { message: error.to_string(), position: None })?;
    let asked = Asked { range: url.range.resolve(here.now), now: here.now, url };
    if asked.url.query.is_empty() && here.logs.log_groups().await?.is_empty() {
        let body = empty::no_logs_yet(&Endpoints::of(&here.instance, use_context::<Host>()));
        return Ok(shown(&asked, 200, body.into_any()));
    }
    let query = match parse_logs(&asked.url.query) {
        Ok(query) => query,
        Err(error) => return Ok(not_a_query(&asked, error)),
    };
    match found(&here, &asked, query).await {
        // The store compiles regexes, which the parser does not.
        Err(Problem::Bad { message, position }) => Ok(not_a_query(&asked, ParseError { position: position.unwrap_or_default(), message })),
        other => other,
    }
}

fn shown(asked: &Asked, status: u16, body: AnyView) -> Shown {
    let title = if asked.url.query.is_empty() { "Logs".to_owned() } else { format!("{} · Logs", asked.url.query) };
    Shown { title, tab: Tab::Logs, range: asked.url.range, status, body }
}

/// The page of a text that is no query: the box, with the place of the error.
fn not_a_query(asked: &Asked, error: ParseError) -> Shown {
    let body = view! {
        <h1 class="sr">"Logs"</h1>
        {search::form(asked)}
        {search::error(&asked.url.query, error.position, &error.message)}
    };
    shown(asked, 400, body.into_any())
}

async fn found(here: &Here, asked: &Asked, query: LogQuery) -> Result<Shown, Problem> {
    let search = LogSearch {
        query,
        groups: asked.url.groups.clone(),
        range: asked.range,
        order: asked.url.order,
        limit: ROWS,
        cursor: asked.url.cursor,
    };
    let (main, counts) = futures::future::join(main(here, asked, &search), Counts::read(here, asked, &search)).await;
    let (main, counts) = (main?, counts?);
    let exact = (!(counts.exact() && main.exact)).then(|| url::Logs { wait: true, ..asked.url.clone() }.to_string());
    let exact = exact.filter(|_| !asked.url.wait);
    let histogram = counts.histogram(asked, exact.clone());
    let body = view! {
        <h1 class="sr">"Logs"</h1>
        {search::form(asked)}
        <div class="found logs" data-exact=exact>
            {histogram}
            <div class="columns">
                <aside class="facets" aria-label="Filters" data-later="facets">{counts.facets(asked)}</aside>
                <section class="list" aria-label="Lines found">
                    {tools::tools(asked, &search.query)}
                    // An island that is swapped is no longer alive: lines, which have some, are whole at once.
                    <div data-later=main.later.then_some("main")>{main.view}</div>
                </section>
            </div>
        </div>
    };
    Ok(shown(asked, 200, body.into_any()))
}

/// The part of the page below the tools.
struct Main {
    view: AnyView,
    /// `false`: a second request would show more.
    exact: bool,
    /// Whether a second request may show something else here.
    later: bool,
}

async fn main(here: &Here, asked: &Asked, search: &LogSearch) -> Result<Main, Problem> {
    if search.query.is_pipeline() {
        // It counts what it looked at alone, not what the figures beside it did.
        let mut alone = Ask::now().until(asked.patience()).as_of(here.ask.as_of);
        alone.cancelled = here.ask.cancelled.clone();
        let found = here.logs.log_table(&alone, search).await?;
        return Ok(Main { exact: found.table.exact, view: table::table(asked, &search.query, &found), later: true });
    }
    if asked.url.view == LogView::Patterns {
        return patterns::read(here, &here.ask.clone().until(asked.patience()), asked, search).await;
    }
    let (page, possible) = lines(here, asked, search).await?;
    let newest = if page.lines.is_empty() && asked.url.cursor.is_none() { newest(here, search).await? } else { None };
    let view = match page.lines.is_empty() && asked.url.cursor.is_none() && asked.url.until.is_none() {
        true => list::nothing(asked, newest),
        false => list::list(asked, &search.query, &page, &possible),
    };
    Ok(Main { view, exact: true, later: false })
}

/// The page of lines that the URL asks for: after its cursor, or before its end.
async fn lines(here: &Here, asked: &Asked, search: &LogSearch) -> Result<(LogPage, Possible), Problem> {
    let ask = here.ask.clone().until(Instant::now() + PATIENT);
    page_of(&*here.logs, &*here.links, &ask, &asked.url, search.clone()).await
}

/// A page of lines with what ties them to traces: of a search from its cursor on, or the page that ends before `until`, which is read
/// backwards.
pub async fn page_of(
    logs: &dyn LogReader,
    links: &dyn LineLinks,
    ask: &Ask,
    url: &url::Logs,
    search: LogSearch,
) -> Result<(LogPage, Possible), Problem> {
    let mut page = read_page(logs, ask, url, search).await?;
    let possible = links.link(ask, &mut page.lines).await;
    Ok((page, possible))
}

async fn read_page(logs: &dyn LogReader, ask: &Ask, url: &url::Logs, mut search: LogSearch) -> Result<LogPage, Problem> {
    let Some(until) = url.until else { return logs.logs(ask, &search).await };
    let backwards = match search.order {
        LogOrder::Newest => LogOrder::Oldest,
        LogOrder::Oldest => LogOrder::Newest,
    };
    search = LogSearch { order: backwards, cursor: Some(until), ..search };
    let mut page = logs.logs(ask, &search).await?;
    page.lines.reverse();
    // What lies before it is asked for from its first line; here `next` is where the page after it begins.
    page.next = page.lines.last().map(|line| LogCursor { time: line.time, seq: line.seq, as_of: until.as_of });
    Ok(page)
}

/// When the newest line that matches at any time happened: what an empty list offers instead.
async fn newest(here: &Here, search: &LogSearch) -> Result<Option<time::Nanos>, Problem> {
    let anywhere = LogSearch { range: time::Range::ALL, order: LogOrder::Newest, limit: 1, cursor: None, ..search.clone() };
    let ask = here.ask.clone().until(Instant::now() + Duration::from_secs(2));
    Ok(here.logs.logs(&ask, &anywhere).await?.lines.first().map(|line| line.time))
}
