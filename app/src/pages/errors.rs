//! `/errors`: the inbox. Groups of errors, what wants to be looked at first on top, and what can be done about them.

pub(crate) use bulk::keys;

mod bulk;
mod list;
mod search;

use crate::ui::empty;
use crate::ui::frame::{Here, Shown, Tab, page};
use crate::ui::setup::Endpoints;
use crate::url::{self, ErrorTab};
use crate::{Host, Visitor};
use leptos::prelude::*;
use model::port::{ErrorCounts, ErrorPage, ErrorSearch, Problem};
use model::query::ast::{ParseError, Query};
use model::query::{errors, parse_errors};
use model::time::Nanos;

/// Rows of a page.
const ROWS: u32 = 50;

#[component]
pub fn ErrorsPage() -> impl IntoView {
    page(show)
}

/// What the page was asked for, and by whom.
struct Asked {
    url: url::Errors,
    /// What the reader is called.
    visitor: String,
    now: Nanos,
    /// The query has a word about the status itself: the tabs say nothing then.
    own_status: bool,
}

/// What is found: the query, and only the groups of the open tab.
pub fn effective(url: &url::Errors, query: &Query) -> Query {
    match url.tab {
        _ if errors::names(query, "status") => query.clone(),
        ErrorTab::All => query.clone(),
        tab => errors::and(query, "status", tab.as_str()),
    }
}

async fn show(here: Here) -> Result<Shown, Problem> {
    let url = url::Errors::parse(&here.search);
    let visitor = use_context::<Visitor>().unwrap_or_default().0;
    let host = use_context::<Host>();
    let query = parse_errors(&url.query);
    let own_status = query.as_ref().is_ok_and(|query| errors::names(query, "status"));
    let asked = Asked { url, visitor, now: here.now, own_status };
    let query = match query {
        Ok(query) => query,
        Err(error) => return Ok(not_a_query(&asked, &error)),
    };
    let search = ErrorSearch { query: effective(&asked.url, &query), sort: asked.url.sort, limit: ROWS, cursor: asked.url.cursor };
    let (found, counts) = futures::future::join(here.errors.errors(&here.ask, &search), here.errors.error_counts(&here.ask, &query)).await;
    let (found, counts) = match (found, counts) {
        (Ok(found), Ok(counts)) => (found, counts),
        // The store compiles regexes and knows its keys, which the parser does not.
        (Err(Problem::Bad { message, position }), _) | (_, Err(Problem::Bad { message, position })) => {
            return Ok(not_a_query(&asked, &ParseError { position: position.unwrap_or_default(), message }));
        }
        (Err(problem), _) | (_, Err(problem)) => return Err(problem),
    };
    if asked.url.query.is_empty() && counts == ErrorCounts::default() && found.rows.is_empty() {
        return Ok(shown(&asked, 200, empty::no_errors_yet(&Endpoints::of(&here.instance, host))));
    }
    Ok(shown(&asked, 200, inbox(&asked, &found, counts)))
}

fn shown(asked: &Asked, status: u16, body: AnyView) -> Shown {
    let title = if asked.url.query.is_empty() { "Errors".to_owned() } else { format!("{} · Errors", asked.url.query) };
    Shown { title, tab: Tab::Errors, range: url::Range::default(), status, body }
}

fn not_a_query(asked: &Asked, error: &ParseError) -> Shown {
    let body = view! {
        <h1 class="sr">"Errors"</h1>
        {search::form(asked)}
        {super::traces::error(&asked.url.query, error.position, &error.message, search::help())}
    };
    shown(asked, 400, body.into_any())
}

fn inbox(asked: &Asked, found: &ErrorPage, counts: ErrorCounts) -> AnyView {
    view! {
        <h1 class="sr">"Errors"</h1>
        {search::form(asked)}
        <section class="list errors" aria-label="Groups of errors">
            {search::tabs(asked, counts)}
            {list::list(asked, found)}
        </section>
        <div class="errors-foot">
            {crate::ui::error::your_name(&asked.visitor, asked.url.to_string())}
            <span class="e-facts"><a href=url::RULES>"Grouping rules"</a><a href=url::Alerts.to_string()>"Alerts"</a></span>
        </div>
        {bulk::keys()}
    }
    .into_any()
}
