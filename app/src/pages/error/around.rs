//! What is around an occurrence: the others of its group, other errors of the same requests, and why it is in this group.

use super::{Drawing, LISTED};
use crate::ui::error::{act, families, form};
use crate::ui::moment::{Form, Moment};
use crate::ui::plural;
use crate::url;
use leptos::prelude::*;
use model::error::OccurrenceRow;

/// Other errors in the same traces.
pub(super) fn neighbours(drawing: &Drawing) -> AnyView {
    let rows = drawing.neighbours.iter().map(|other| {
        let title = if other.title.is_empty() { format!("Error #{}", other.number) } else { other.title.clone() };
        view! {
            <li><a href=url::ErrorPage::of(other.number).to_string()><span class="muted">{format!("#{}", other.number)}</span>" "{title}</a>" "<span class="muted">{plural(other.traces, "trace", "traces")}</span></li>
        }
    });
    let rows = rows.collect_view();
    (!drawing.neighbours.is_empty())
        .then(|| {
            view! {
                <section class="card" aria-labelledby="neighbours">
                    <header><h2 id="neighbours">"In the same traces"</h2></header>
                    <ul class="body e-neighbours">{rows}</ul>
                </section>
            }
        })
        .into_any()
}

/// "Why is this here?"
pub(super) fn grouping(drawing: &Drawing) -> AnyView {
    let grouping = &drawing.detail.grouping;
    let why = match grouping.kind.as_str() {
        "explicit" => "The SDK sent a fingerprint, which decides alone.",
        "rule" => "One of the grouping rules gave it this fingerprint.",
        "exception" => "Its exceptions are of the same classes and were thrown at the same place of the code.",
        "message" => "Its message has the same text, apart from what changes: numbers, ids, quoted values.",
        "merged" => "A person merged it, or another system saw the same throw.",
        _ => "Its parts are the same.",
    };
    let parts =
        grouping.parts.iter().map(|(what, text)| view! { <dt>{what.clone()}</dt><dd><code>{text.clone()}</code></dd> }).collect_view();
    let members = drawing.detail.group.members.iter().map(|member| {
        let fields = view! {
            <input type="hidden" name="member" value=member.to_string()/>
            <span>{format!("#{member}")}</span>
            {act("unmerge", "Unmerge", "It is a group of its own again, with its occurrences", "button")}
        };
        form("row", &[drawing.url.number], drawing.url.to_string(), fields.into_any())
    });
    let members = members.collect::<Vec<_>>();
    let open = !members.is_empty();
    let members = (!members.is_empty()).then(|| view! { <h3>"Merged into it"</h3>{members} });
    let paths = (grouping.paths > 1)
        .then(|| view! { <p class="muted">{format!("Its occurrences came on {} different call paths.", grouping.paths)}</p> });
    view! {
        <details class="card e-why" open=open>
            <summary><h2>"Why is this here?"</h2></summary>
            <div class="body stack">
                <p>{why}</p>
                <dl class="d-facts e-parts">{parts}<dt>"fingerprint"</dt><dd><code>{grouping.fingerprint.clone()}</code></dd></dl>
                {paths}
                {members}
                <p><a href=url::RULES>"Grouping rules"</a></p>
            </div>
        </details>
    }
    .into_any()
}

/// The list of occurrences.
pub(super) fn occurrences(drawing: &Drawing) -> AnyView {
    let open = drawing.occurrence.as_ref().map(|open| open.row.seq);
    let rows = drawing.listed.iter().map(|row| one(drawing, row, open == Some(row.seq))).collect_view();
    let older = drawing.listed.last().filter(|_| drawing.listed.len() == LISTED as usize).map(|last| {
        let url = url::ErrorPage { before: Some(last.seq), ..drawing.url };
        view! { <a class="button" href=format!("{url}#occurrences")>"Older"</a> }
    });
    let newest = drawing.url.before.map(|_| {
        let url = url::ErrorPage { before: None, ..drawing.url };
        view! { <a class="button" href=format!("{url}#occurrences")>"Newest"</a> }
    });
    let none = drawing.listed.is_empty().then(|| view! { <p class="body muted">"None is kept any more; the counts are."</p> });
    view! {
        <section class="card e-occurrences" aria-labelledby="occurrences">
            <header><h2 id="occurrences">"Occurrences"</h2></header>
            {none}
            <div class="scroll">
                <table class="figures">
                    <thead><tr><th scope="col">"Time"</th><th scope="col">"Title"</th><th scope="col">"Version"</th><th scope="col">"Host"</th><th scope="col">"Route"</th><th scope="col">"Person"</th><th scope="col">"Seen by"</th><th scope="col">"Trace"</th></tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            <nav class="pages" aria-label="Occurrences">{newest}{older}</nav>
        </section>
    }
    .into_any()
}

fn one(drawing: &Drawing, row: &OccurrenceRow, open: bool) -> AnyView {
    let href = url::ErrorPage { occurrence: Some(row.seq), ..drawing.url }.to_string();
    let trace = row.traces.first().map(|id| view! { <a class="trace-link" href=url::Trace::at(*id, row.span, "").to_string()>"trace"</a> });
    let person =
        row.person.as_ref().map(|person| [&person.username, &person.email, &person.id].into_iter().find(|text| !text.is_empty()).cloned());
    view! {
        <tr class:open=open aria-current=open.then_some("true")>
            <td><a href=href><Moment at=row.time form=Form::Second/></a></td>
            <td class="what"><span class="truncate">{row.title.clone()}</span></td>
            <td>{row.version.clone()}</td>
            <td>{row.host.clone()}</td>
            <td>{row.context.clone()}</td>
            <td>{person.flatten()}</td>
            <td class="nowrap">{families(&row.families)}</td>
            <td>{trace}</td>
        </tr>
    }
    .into_any()
}
