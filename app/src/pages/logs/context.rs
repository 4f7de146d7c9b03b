//! `/logs/context/{at}`: the lines before and after one, of its stream, its service, its trace or of all. Nothing is left out; what
//! was searched for is marked.

use super::line::{self, Look, place};
use super::panel::{address, title};
use crate::ui::frame::{Here, Shown, Tab, page};
use crate::ui::moment::{Form, Moment};
use crate::url::{self, Around, LogContext};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use model::log::Line;
use model::port::{LogOrder, LogPage, LogSearch, Possible, Problem};
use model::query::insights::with;
use model::query::{LogQuery, parse_logs};
use model::time::{HOUR, Range};
use std::time::{Duration, Instant};

/// How long a side may take.
const PATIENCE: Duration = Duration::from_secs(5);

#[component]
pub fn LogContextPage() -> impl IntoView {
    let at = use_params_map().with_untracked(|params| params.get("at").unwrap_or_default());
    page(move |here| async move {
        let at = address(&at).ok_or(Problem::NotFound("log line"))?;
        let url = LogContext::parse(at, &here.search);
        let mut line = here.logs.log_line(&here.ask, at).await?;
        // Whose neighbours those of its trace are.
        here.links.link(&here.ask, std::slice::from_mut(&mut line)).await;
        let side = |order| side(&here, &url, &line, order);
        let (before, after) = futures::future::join(side(LogOrder::Newest), side(LogOrder::Oldest)).await;
        let (mut before, after) = (before?, after?);
        // In the order things happened.
        let mut lines = std::mem::take(&mut before.lines);
        lines.reverse();
        lines.push(line.clone());
        lines.extend(after.lines.iter().cloned());
        let possible = here.links.link(&here.ask, &mut lines).await;
        Ok(shown(&url, &line, &lines, &possible, &before, &after))
    })
}

/// The query whose lines are around the line.
fn neighbours(by: Around, line: &Line) -> Option<LogQuery> {
    let terms = |terms: &[(&str, &str)]| terms.iter().fold(String::new(), |text, (key, value)| with(&text, key, value));
    let origin = &line.origin;
    let text = match by {
        Around::All => String::new(),
        Around::Stream => terms(&[("group", &origin.group), ("stream", &origin.stream)]),
        Around::Service => terms(&[("service", &origin.service)]),
        Around::Trace => terms(&[("trace_id", &line.trace?.trace_id.to_string())]),
    };
    parse_logs(&text).ok()
}

async fn side(here: &Here, url: &LogContext, line: &Line, order: LogOrder) -> Result<LogPage, Problem> {
    let Some(query) = neighbours(url.by, line) else {
        return Ok(LogPage { lines: vec![], next: None, as_of: 0, complete: true });
    };
    let search = LogSearch { query, groups: vec![], range: Range::ALL, order, limit: url.lines, cursor: Some(place(line)) };
    here.logs.logs(&here.ask.clone().until(Instant::now() + PATIENCE), &search).await
}

/// `before` and `after` are the pages that `lines` are made of.
fn shown(url: &LogContext, line: &Line, lines: &[Line], possible: &Possible, before: &LogPage, after: &LogPage) -> Shown {
    let range = url::Range::Between { start: line.time.saturating_sub(HOUR / 2), end: line.time.saturating_add(HOUR / 2) };
    let search = url::Logs { wrap: true, ..url::Logs::of(url.query.clone(), range) };
    let mut look = Look::of(&search, &parse_logs(&url.query).unwrap_or_default(), possible);
    look.here = Some(place(line));
    let tabs = Around::ALL.into_iter().filter(|by| match by {
        Around::Service => !line.origin.service.is_empty(),
        Around::Trace => line.trace.is_some(),
        Around::Stream | Around::All => true,
    });
    let tabs = tabs.map(|by| {
        let text = match by {
            Around::Stream => "Stream",
            Around::Service => "Service",
            Around::Trace => "Trace",
            Around::All => "Everything",
        };
        let href = format!("{}#l{}", LogContext { by, ..url.clone() }, place(line));
        view! { <a href=href aria-current=(by == url.by).then_some("true")>{text}</a> }
    });
    let whose = match url.by {
        Around::Stream => format!("{} {}", line.origin.group, line.origin.stream),
        Around::Service => line.origin.service.to_string(),
        Around::Trace => line.trace.map(|link| link.trace_id.to_string()).unwrap_or_default(),
        Around::All => "all lines".to_owned(),
    };
    let partial = (!before.complete || !after.complete).then(
        || view! { <p class="notice warn">"There was too much to look through in time: there may be lines between those shown."</p> },
    );
    let more = |side: &LogPage| {
        let twice = LogContext { lines: (url.lines * 3).min(LogContext::MOST), ..url.clone() };
        (side.next.is_some() && twice.lines > url.lines).then(|| format!("{twice}#l{}", place(line)))
    };
    let link = |href: Option<String>, text: &'static str, end: &'static str| match href {
        Some(href) => view! { <p class="pages"><a class="button" href=href>{text}</a></p> }.into_any(),
        None => view! { <p class="pages muted">{end}</p> }.into_any(),
    };
    let title = title(line);
    let heading = title.clone();
    let rows = line::all(&look, lines);
    let body = view! {
        <section class="list context" aria-labelledby="around">
            <header>
                <h1 id="around">"Around "<code>{heading}</code></h1>
                <div class="row"><nav class="tabs-small" aria-label="Whose lines">{tabs.collect_view()}</nav><span class="muted truncate">{whose}</span><Moment at=line.time form=Form::Full/></div>
            </header>
            {partial}
            {link(more(before), "Show more before", "The first line there is")}
            <ol class="chunk lines wrap">{rows}</ol>
            {link(more(after), "Show more after", "The last line there is")}
        </section>
    };
    Shown { title: format!("Around {title}"), tab: Tab::Logs, range, status: 200, body: body.into_any() }
}
