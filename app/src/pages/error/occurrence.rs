//! One occurrence: what was thrown, in which request, and what each system says of it.

use super::data::Said;
use super::story::Story;
use super::{Drawing, frames, telemetry};
use crate::ui::json::json;
use crate::ui::moment::{Form, Moment};
use crate::ui::plural;
use crate::url;
use leptos::prelude::*;
use model::error::Occurrence;

pub(super) fn occurrence(drawing: &Drawing, story: Option<Story>) -> AnyView {
    let Some(open) = &drawing.occurrence else {
        return view! {
            <section class="card nothing">
                <h2>"This occurrence is not kept any more"</h2>
                <p class="muted">"Retention took it, or the link is cut short. What was counted stays counted."</p>
                {drawing.url.occurrence.map(|_| view! { <a class="button" href=url::ErrorPage::of(drawing.url.number).to_string()>"The newest occurrence"</a> })}
            </section>
        }
        .into_any();
    };
    let untraced = story.is_none().then(|| {
        view! {
            <section class="card">
                <header><h2>"Trace"</h2></header>
                <p class="body muted">"It names no trace. An SDK that sends its trace id along, as custom data or in a header of the request, is linked exactly; what OpenTelemetry and X-Ray record of an exception always is."</p>
            </section>
        }
    });
    view! {
        {bar(drawing, open)}
        {thrown(drawing)}
        {story.map(Story::view)}{untraced}
        {telemetry::tables(drawing)}
        {witnesses(drawing, open)}
    }
    .into_any()
}

/// When it happened and where, and the ways to the next.
fn bar(drawing: &Drawing, open: &Occurrence) -> AnyView {
    let to = |seq: Option<u64>, rel: &'static str, text: &'static str, title: &'static str| match seq {
        Some(seq) => {
            let href = url::ErrorPage { occurrence: Some(seq), ..drawing.url }.to_string();
            view! { <a class="button" rel=rel href=href title=title>{text}</a> }.into_any()
        }
        None => view! { <span class="button" aria-disabled="true">{text}</span> }.into_any(),
    };
    let row = &open.row;
    let facts = [("version", &row.version), ("host", &row.host), ("route", &row.context), ("environment", &row.environment)];
    let facts = facts.into_iter().filter(|(_, value)| !value.is_empty());
    let facts = facts.map(|(what, value)| view! { <span><span class="muted">{what}" "</span>{value.clone()}</span> });
    let handled = open.witnesses.iter().find_map(|witness| witness.handled);
    let handled = handled.map(|handled| view! { <span class="badge">{if handled { "handled" } else { "not handled" }}</span> });
    let uuid = (!row.uuid.is_empty()).then(|| {
        let href = url::ErrorByUuid { uuid: row.uuid.clone() }.to_string();
        view! { <a class="muted mono" href=href title="The id that Rollbar’s SDK gave it">{row.uuid.clone()}</a> }
    });
    view! {
        <div class="e-open" data-occurrence=row.seq.to_string()>
            <nav class="row" aria-label="Occurrence">
                {to(open.older, "next", "‹ Older", "The occurrence before (])")}
                {to(open.newer, "prev", "Newer ›", "The occurrence after ([)")}
            </nav>
            <div class="e-facts"><b><Moment at=row.time form=Form::Full/></b>{facts.collect_view()}{handled}{uuid}</div>
        </div>
    }
    .into_any()
}

/// Exceptions, a message or a crash report: of the witness that says most.
fn thrown(drawing: &Drawing) -> AnyView {
    let frames_of = |said: &Said| said.thrown().iter().map(|thrown| thrown.frames.len()).sum::<usize>();
    let with_frames = drawing.said.iter().find(|said| frames_of(said) > 0);
    let Some(said) = with_frames.or_else(|| drawing.said.iter().find(|said| !said.thrown().is_empty())).or(drawing.said.first()) else {
        return ().into_any();
    };
    let chain = said.thrown();
    let message = said.message().map(|text| view! { <pre class="e-said">{text.to_owned()}</pre> });
    let extra = said.message_extra();
    let extra = (!extra.is_empty()).then(|| {
        let rows = extra
            .into_iter()
            .map(|(key, value)| view! { <tr><th scope="row">{key}</th><td><code class="d-value">{value}</code></td></tr> });
        view! { <table class="d-table e-table"><tbody>{rows.collect_view()}</tbody></table> }
    });
    let crash = said.crash().map(|raw| view! { <pre class="e-said">{raw.to_owned()}</pre> });
    let title = if chain.is_empty() { "Message" } else { "Stack trace" };
    let by = (drawing.said.len() > 1).then(|| view! { <span class="muted">"as "{said.family.title()}" saw it"</span> });
    let empty =
        (chain.is_empty() && message.is_none() && crash.is_none()).then(|| view! { <p class="muted">"It came without a body."</p> });
    view! {
        <section class="card" aria-labelledby="thrown">
            <header><h2 id="thrown">{title}</h2>{by}</header>
            <div class="body stack">{frames::chain(&chain)}{message}{extra}{crash}{empty}</div>
        </section>
    }
    .into_any()
}

/// Who saw it, each with everything it sent.
fn witnesses(drawing: &Drawing, open: &Occurrence) -> AnyView {
    let one = |(n, said): (usize, &Said)| {
        let witness = &open.witnesses[n];
        let pretty = crate::ui::json::indented(&said.raw);
        view! {
            <details class="block">
                <summary><h3>{said.family.title()}</h3><span class="muted">{format!("by {}, ", said.source)}<Moment at=witness.time form=Form::Full/></span></summary>
                <button type="button" class="button needs-js" data-copy=pretty>"Copy"</button>
                {json(&said.raw)}
            </details>
        }
    };
    let names: Vec<&str> = open.row.families.iter().map(|family| family.title()).collect();
    let seen = match open.witnesses.len() as u64 {
        n if n > names.len() as u64 => format!("{}, {}", names.join(", "), plural(n, "report", "reports")),
        _ => names.join(", "),
    };
    view! {
        <section class="card" aria-labelledby="seen">
            <header><h2 id="seen">"Seen by "{seen}</h2><span class="muted">"as it was sent"</span></header>
            <div class="blocks">{drawing.said.iter().enumerate().map(one).collect_view()}</div>
        </section>
    }
    .into_any()
}
