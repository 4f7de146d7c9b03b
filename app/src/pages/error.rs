//! `/e/{number}`: a group of errors with one of its occurrences; `/e/uuid/{uuid}` leads to the same by the id that Rollbar's SDK gave.

mod actions;
mod around;
mod breakdowns;
mod data;
mod differ;
mod frames;
mod head;
mod history;
mod markdown;
mod occurrence;
mod story;
mod telemetry;

use crate::Visitor;
use crate::ui::frame::{Here, Shown, Tab, page};
use crate::url;
use data::Said;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use model::error::{Deploy, Occurrence, OccurrenceRow};
use model::port::{ErrorDetail, ErrorNeighbour, Problem};
use model::time::{DAY, HOUR, Nanos, Range};
use story::Story;

/// Occurrences listed at once.
const LISTED: u32 = 15;

/// How far before the first occurrence a deploy may lie to be named with it.
const SUSPECT: Nanos = 7 * DAY;

#[component]
pub fn ErrorPage() -> impl IntoView {
    let number = use_params_map().with_untracked(|params| params.get("number").unwrap_or_default());
    page(move |here| async move {
        let number = number.parse().map_err(|_| Problem::NotFound("error"))?;
        let url = url::ErrorPage::parse(number, &here.search);
        show(here, url).await
    })
}

#[component]
pub fn ErrorByUuidPage() -> impl IntoView {
    let uuid = use_params_map().with_untracked(|params| params.get("uuid").unwrap_or_default());
    page(move |here| async move {
        let (number, seq) = here.errors.occurrence_by_uuid(&here.ask, &uuid).await?;
        show(here, url::ErrorPage::at(number, seq)).await
    })
}

/// Everything the page is drawn from.
struct Drawing {
    url: url::ErrorPage,
    visitor: String,
    now: Nanos,
    detail: ErrorDetail,
    /// The open occurrence; `None` if retention took it.
    occurrence: Option<Occurrence>,
    /// What each of its witnesses says, in their order.
    said: Vec<Said>,
    story: Option<Story>,
    /// What the chart covers, its bars and its steps.
    range: Range,
    trend: Vec<(Nanos, u64)>,
    /// Of this group's environment, newest first.
    deploys: Vec<Deploy>,
    listed: Vec<OccurrenceRow>,
    neighbours: Vec<ErrorNeighbour>,
    /// If they were asked for.
    differences: Option<differ::Differences>,
}

async fn show(here: Here, mut url: url::ErrorPage) -> Result<Shown, Problem> {
    let visitor = use_context::<Visitor>().unwrap_or_default().0;
    let (errors, ask, now) = (&here.errors, &here.ask, here.now);
    let detail = errors.error(ask, url.number).await?;
    // What was merged into another group leads there.
    url.number = detail.group.number;
    let number = url.number;
    let (length, steps) = if url.month { (30 * DAY, 60) } else { (DAY, 48) };
    // The newest bar is the one that is not over.
    let step = length / i64::from(steps);
    let end = now.div_euclid(step).saturating_add(1).saturating_mul(step);
    let range = Range { start: end - length, end };
    let since = Range { start: range.start.min(detail.group.first_seen.saturating_sub(SUSPECT)), end: now.saturating_add(HOUR) };
    let (occurrence, trend, deploys, listed, neighbours) = futures::join!(
        errors.occurrence(ask, number, url.occurrence),
        errors.error_trend(ask, number, range, steps),
        errors.deploys(ask, since),
        errors.occurrences(ask, number, url.before, LISTED),
        errors.error_neighbours(ask, number),
    );
    let occurrence = match occurrence {
        Ok(mut occurrence) => {
            here.links.link_error(ask, &mut occurrence).await;
            Some(occurrence)
        }
        Err(Problem::NotFound(_)) => None,
        Err(problem) => return Err(problem),
    };
    let environment = &detail.group.environment;
    let mut deploys = deploys?;
    deploys.retain(|deploy| environment.is_empty() || deploy.environment == *environment);
    let said = occurrence.iter().flat_map(|occurrence| &occurrence.witnesses).map(Said::by).collect();
    let story = match &occurrence {
        Some(occurrence) => Story::of(&here, occurrence).await?,
        None => None,
    };
    let listed = listed?;
    let differences = match url.compare {
        true => differ::differences(&*here.reader, ask, &listed, now).await?,
        false => None,
    };
    let drawing = Drawing {
        url,
        visitor,
        now,
        detail,
        occurrence,
        said,
        story,
        range,
        trend: trend?,
        deploys,
        listed,
        neighbours: neighbours?,
        differences,
    };
    let title = format!("{} · #{number}", crate::ui::error::title(&drawing.detail.group));
    Ok(Shown { title, tab: Tab::Errors, range: url::Range::default(), status: 200, body: body(drawing) })
}

fn body(mut drawing: Drawing) -> AnyView {
    let (story, differences) = (drawing.story.take(), drawing.differences.take());
    let has_traces = drawing.listed.iter().any(|row| !row.traces.is_empty());
    view! {
        <article class="e-page" data-error=drawing.url.number.to_string()>
            {head::head(&drawing)}
            {actions::actions(&drawing)}
            <div class="e-columns">
                <div class="e-main stack">
                    {occurrence::occurrence(&drawing, story)}
                    {differ::view(drawing.url, has_traces, differences)}
                </div>
                <aside class="e-side stack" aria-label="Around this error">
                    {head::trend(&drawing)}
                    {breakdowns::breakdowns(&drawing)}
                    {around::neighbours(&drawing)}
                    {around::grouping(&drawing)}
                    {history::history(&drawing)}
                </aside>
            </div>
            {around::occurrences(&drawing)}
        </article>
        {super::errors::keys()}
    }
    .into_any()
}
