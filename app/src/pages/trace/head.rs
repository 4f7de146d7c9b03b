//! The head of the page: what the trace is, and everything about it that a reader should doubt.

use super::drawing::Drawing;
use super::pins;
use super::systems::systems;
use crate::ui::moment::{Ago, Form, Moment};
use crate::ui::{count, icon, plural};
use crate::url;
use leptos::prelude::*;
use model::time::Human;
use model::waterfall::Skew;

pub(super) fn head(drawing: &Drawing) -> impl IntoView + use<> {
    let id = drawing.url.id.to_string();
    let columns = &drawing.columns;
    let errors = columns.flags.iter().filter(|flags| flags.is_error()).count() as u64;
    let (from, to) = drawing.times.extent();
    let root = drawing.main_span();
    let service = root.map(|span| span.service().to_owned()).unwrap_or_default();
    let name = root.map(|span| span.name.clone()).filter(|name| !name.is_empty()).unwrap_or_else(|| "(no name)".into());
    let class = drawing.tree.main().and_then(|n| drawing.face(n)).map(|n| drawing.class(n)).unwrap_or_default();
    let started = columns.base.saturating_add(from);
    // What is in progress has no length yet; the axis has one, as it needs one.
    let ended = !columns.flags.iter().all(|flags| flags.in_progress());
    let settled = drawing.settled();
    let (last, now) = (drawing.trace.last_received, drawing.now);
    let here = drawing.url.to_string();
    let first_error = (0..columns.len()).find(|&n| columns.flags[n].is_error()).map(|n| drawing.with_span(n as u32));
    view! {
        <header class=format!("t-head {class}")>
            <h1><span class="svc">{service}</span>" "<span class="t-root">{name}</span></h1>
            <div class="t-facts">
                {ended.then(|| view! { <span><b>{Human(to.saturating_sub(from)).to_string()}</b></span> })}
                <span><Moment at=started form=Form::Full/></span>
                <span id="spans">{plural(columns.len() as u64, "span", "spans")}</span>
                <span>{plural(columns.services.len() as u64, "service", "services")}</span>
                {match first_error {
                    Some(href) => view! { <a class="badge error" href=href data-next-error="" title="To the first error (e)">{plural(errors, "error", "errors")}</a> }.into_any(),
                    None => view! { <span class="muted">"no errors"</span> }.into_any(),
                }}
                {if settled {
                    view! { <span class="badge ok" id="settled" title="Nothing arrived for 30 seconds">"settled"</span> }.into_any()
                } else {
                    view! { <a class="badge warn" id="settled" href=here title="Spans may still be on their way: this page looks again by itself, or follow this link">"still arriving, last "<Ago at=last now=now/></a> }.into_any()
                }}
                <span class="t-id"><code id="trace-id">{id.clone()}</code><button type="button" class="button quiet icon needs-js" data-copy=id title="Copy the trace id" aria-label="Copy the trace id"><icon::Copy/></button></span>
                <span class="t-links">
                    <button type="button" class="button needs-js" id="copy-link" data-copy-link="" title="Copy a link to exactly this view (y)"><icon::Link/>"Copy link"</button>
                    <a class="button quiet" href=url::ApiTrace { id: drawing.url.id, otlp: false }.to_string()>"JSON"</a>
                    <a class="button quiet" href=url::ApiTrace { id: drawing.url.id, otlp: true }.to_string()>"OTLP"</a>
                </span>
            </div>
            {pins::list(drawing)}
            {systems(drawing)}
            {warnings(drawing)}
        </header>
    }
}

/// Why what is shown may not be what happened.
fn warnings(drawing: &Drawing) -> impl IntoView + use<> {
    let columns = &drawing.columns;
    let trace = &drawing.trace;
    let mut all: Vec<(String, String)> = Vec::new();
    let mut put = |n: u64, one: &str, many: &str, why: &str| {
        if n > 0 {
            all.push((plural(n, one, many), why.to_owned()));
        }
    };
    let missing = columns.missing.len() as u64;
    let orphans = columns.parent.iter().filter(|parent| matches!(parent, model::columns::Parent::Missing(_))).count();
    put(
        missing,
        "missing parent",
        "missing parents",
        &format!(
            "{} a span that is not here: sampled out, from a service that sends no spans to Clew, lost on the way, or still running. They hang under a row of their own.",
            if orphans == 1 { "1 span names".to_owned() } else { format!("{} spans name", count(orphans as u64)) }
        ),
    );
    put(
        drawing.tree.cut.len() as u64,
        "circle of parents",
        "circles of parents",
        "Spans that name each other as parents: the link of the earliest was cut.",
    );
    let skewed = drawing.skews.iter().filter(|&&skew| skew != Skew::None).count() as u64;
    put(
        skewed,
        "span by another clock",
        "spans by other clocks",
        "They begin before the call that caused them, or end after it was answered. Times are shown as sent unless you shift them.",
    );
    let (abandoned, expected): (Vec<u32>, Vec<u32>) =
        (0..columns.len() as u32).filter(|&n| columns.flags[n as usize].in_progress()).partition(|&n| drawing.never_completed(n));
    put(
        expected.len() as u64,
        "segment in progress",
        "segments in progress",
        "X-Ray announced them and has not sent their end yet: this trace is partial. Until then they are shown without a duration.",
    );
    put(
        abandoned.len() as u64,
        "segment never completed",
        "segments never completed",
        "X-Ray announced them at least 15 minutes ago and never sent their end: the process was stopped, or the datagram was lost.",
    );
    put(trace.duplicates, "duplicate", "duplicates", "Spans that arrived more than once, the same each time (a retry). Each is kept once.");
    put(trace.conflicts, "conflict", "conflicts", "Spans that arrived again under the same id with another content. The first is kept.");
    let dropped: u64 = columns.dropped.iter().map(|&n| u64::from(n)).sum();
    put(
        dropped,
        "item dropped by the SDK",
        "items dropped by SDKs",
        "Attributes, events or links over the SDK's limits (OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT and its like) were never sent.",
    );
    let none = all.is_empty();
    (!none).then(|| {
        let one = |(what, why): (String, String)| view! { <details class="t-warning"><summary>{what}</summary><p>{why}</p></details> };
        view! { <div class="t-warnings" role="note">{all.into_iter().map(one).collect_view()}</div> }
    })
}
