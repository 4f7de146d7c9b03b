//! The lines of a page, and the pages before and after it.

use super::line::{self, Look, place};
use super::search::help;
use super::{Asked, ROWS};
use crate::ui::moment::ago;
use crate::url::{self, ApiLogs, LogCall, LogView};
use leptos::prelude::*;
use model::log::Line;
use model::port::{LogCursor, LogPage, Possible};
use model::query::{LogQuery, parse_logs};
use model::time::{DAY, HOUR, MINUTE, Nanos};

/// The list with its links to other pages; the island loads those as the reader comes to them.
pub(super) fn list(asked: &Asked, query: &LogQuery, page: &LogPage, possible: &Possible) -> AnyView {
    let here = asked.frozen();
    let partial = (!page.complete).then(
        || view! { <p class="notice warn">"The search took too long: there may be lines between those shown. A shorter range is faster."</p> },
    );
    let lines = around(&Look::of(&here, query, possible), page);
    let (before, after) = ends(&here, page);
    let live = asked.url.live.then(|| {
        let tail = ApiLogs { call: LogCall::Tail, search: url::Logs { open: None, cursor: None, until: None, ..asked.url.clone() } };
        view! { <islands::Tail url=tail.to_string() after=page.as_of/> }
    });
    view! {
        {partial}
        {live}
        <islands::Endless search=String::new()>
            {before}
            {lines}
            {after}
        </islands::Endless>
    }
    .into_any()
}

/// A page of lines with the links to those before and after it: what the island puts in the place of such a link.
pub fn chunk(url: &url::Logs, page: &LogPage, possible: &Possible) -> String {
    let query = parse_logs(&url.query).unwrap_or_default();
    let owner = Owner::new();
    owner.with(|| {
        let (before, after) = ends(url, page);
        let lines = around(&Look::of(url, &query, possible), page);
        match url.until {
            Some(_) => view! { {before}{lines} }.to_html(),
            None => view! { {lines}{after} }.to_html(),
        }
    })
}

/// A few lines as a list of their own, on whatever page; what opens below them leads to this search.
pub fn listed(url: &url::Logs, query: &LogQuery, lines: &[Line]) -> AnyView {
    let page = LogPage { lines: lines.to_vec(), next: None, as_of: 0, complete: true };
    let search = url.to_string();
    let search = search.split_once('?').map_or(String::new(), |(_, search)| format!("?{search}"));
    let lines = around(&Look::of(url, query, &Possible::default()), &page);
    view! { <islands::Endless search=search>{lines}</islands::Endless> }.into_any()
}

/// The lines in the element of their view.
fn around(look: &Look<'_>, page: &LogPage) -> AnyView {
    let lines = line::all(look, &page.lines);
    let wrap = if look.url.wrap { " wrap" } else { "" };
    match look.url.view {
        LogView::Table => {
            let heads =
                look.columns.iter().map(|name| view! { <th scope="col" class=line::column_class(name)>{name.clone()}</th> }).collect_view();
            view! {
                <div class="scroll chunk">
                    <table class=format!("figures lines{wrap}")>
                        <thead><tr><th scope="col" class="start">"Time"</th><th scope="col" class="of-level">"Level"</th>{heads}<th scope="col" class="to-trace">"Trace"</th></tr></thead>
                        <tbody>{lines}</tbody>
                    </table>
                </div>
            }
            .into_any()
        }
        LogView::Raw => view! { <ol class=format!("chunk raw{wrap}")>{lines}</ol> }.into_any(),
        LogView::Lines | LogView::Patterns => view! { <ol class=format!("chunk lines{wrap}")>{lines}</ol> }.into_any(),
    }
}

/// The links before and after a page. Pages keep the moments of a relative range: what the reader pages through does not move.
fn ends(here: &url::Logs, page: &LogPage) -> (Option<AnyView>, Option<AnyView>) {
    let world = |at: LogCursor| LogCursor { as_of: page.as_of, ..at };
    let to = |cursor, until| url::Logs { open: None, cursor, until, ..here.clone() };
    // Whoever came by a link may go back; of a page that was read backwards, a full one may have more before it.
    let more_before = if here.until.is_some() { page.lines.len() >= ROWS as usize } else { here.cursor.is_some() };
    let before = page.lines.first().filter(|_| more_before).map(|first| {
        let url = to(None, Some(world(place(first))));
        let rows = ApiLogs { call: LogCall::Rows, search: url.clone() }.to_string();
        view! {
            <nav class="pages" aria-label="Earlier pages">
                <a class="button" rel="prev" href=url.to_string() data-rows=rows>{format!("Previous {ROWS}")}</a>
                <a class="button quiet" href=to(None, None).to_string()>"First page"</a>
            </nav>
        }
        .into_any()
    });
    let after = match page.next {
        Some(cursor) => {
            let url = to(Some(cursor), None);
            let rows = ApiLogs { call: LogCall::Rows, search: url.clone() }.to_string();
            Some(view! { <nav class="pages" aria-label="Later pages"><a class="button" rel="next" href=url.to_string() data-rows=rows>{format!("Next {ROWS}")}</a></nav> }.into_any())
        }
        None => Some(view! { <p class="pages muted">"The end of the list"</p> }.into_any()),
    };
    (before, after)
}

/// An empty list: why that may be, and what to click.
pub(super) fn nothing(asked: &Asked, newest: Option<Nanos>) -> AnyView {
    let wider = [DAY, 7 * DAY, 30 * DAY].into_iter().filter(|length| *length > asked.range.length());
    let wider = wider.map(|length| {
        let range = url::Range::Last(length);
        view! { <li><a class="button" href=asked.url.with_range(range).to_string()>{format!("Look in the {range}")}</a></li> }
    });
    let all = (!asked.url.query.is_empty())
        .then(|| view! { <li><a class="button" href=asked.url.with_query("").to_string()>"Without the query"</a></li> });
    let groups = (!asked.url.groups.is_empty())
        .then(|| view! { <li><a class="button" href=asked.url.with(|url| url.groups.clear()).to_string()>"In all log groups"</a></li> });
    let found = match newest {
        Some(at) => {
            // An hour around it, so that its neighbours show.
            let around = url::Range::Between { start: at.saturating_sub(30 * MINUTE), end: at.saturating_add(HOUR / 2) };
            let text = format!("The newest match is from {}. ", ago(asked.now.saturating_sub(at)));
            view! { <p>{text}<a href=asked.url.with_range(around).to_string()>"Show the hour around it"</a></p> }.into_any()
        }
        None => view! { <p>"Nothing that is stored matches, at any time."</p> }.into_any(),
    };
    let live = asked.url.live.then(|| {
        let tail = ApiLogs { call: LogCall::Tail, search: url::Logs { open: None, cursor: None, until: None, ..asked.url.clone() } };
        let empty = LogPage { lines: vec![], next: None, as_of: 0, complete: true };
        let lines = around(&Look::of(&asked.url, &LogQuery::default(), &Possible::default()), &empty);
        view! { <islands::Tail url=tail.to_string() after=0/><islands::Endless search=String::new()>{lines}</islands::Endless> }
    });
    view! {
        {live}
        <div class="nothing">
            <h2>"No line matches in this range"</h2>
            {found}
            <ul>{wider.collect_view()}{all}{groups}</ul>
            <details open><summary>"How to write a query"</summary>{help()}</details>
        </div>
    }
    .into_any()
}
