//! The panel of the open span: everything that was sent of it, and the ways from it to others.

use super::drawing::Drawing;
use super::exceptions::exceptions;
use super::inferred;
use super::raw::raw;
use super::sections::{sections, table};
use super::{lines, pins};
use crate::request::Recorded;
use crate::ui::moment::{Form, Moment};
use crate::ui::{icon, plural};
use crate::url;
use leptos::prelude::*;
use model::error::ErrorPin;
use model::id::SpanId;
use model::log::Line;
use model::port::BackLink;
use model::span::{Event, Span, Status};
use model::time::{Human, Nanos};
use model::waterfall::{NONE, Node, Skew, View, self_times};

/// The panel of one span as HTML, for the island: the same as the page shows for `?span=`. `None` if the trace has no such span.
pub fn span_panel(
    recorded: Recorded,
    lines: Vec<Line>,
    pins: Vec<ErrorPin>,
    links: Vec<BackLink>,
    url: url::Trace,
    now: Nanos,
) -> Option<String> {
    let owner = Owner::new();
    owner.with(|| {
        let drawing = Drawing::of(url, recorded, lines, pins, links, now);
        drawing.selected()?;
        Some(selected(&drawing).to_html())
    })
}

/// The panel of the open span, or what stands there while none is open.
pub(super) fn selected(drawing: &Drawing) -> AnyView {
    match (drawing.selected(), drawing.url.view.span) {
        (Some(n), _) => panel(drawing, n).into_any(),
        (None, Some(id)) => {
            view! { <p class="d-none">"The span "<code>{id.to_string()}</code>" is not in what is shown of this trace. It may not have arrived yet."</p> }
                .into_any()
        }
        (None, None) => ().into_any(),
    }
}

fn panel(drawing: &Drawing, n: u32) -> impl IntoView + use<> {
    let span = &drawing.trace.spans[n as usize];
    let address = drawing.address(n);
    let id = address.to_string();
    let only = url::Trace { id: drawing.url.id, view: View { span: Some(address), ..View::default() } }.to_string();
    view! {
        <header class=format!("d-head {}", drawing.class(n))>
            <div class="d-title">
                <h2><span class="svc">{span.service().to_owned()}</span>" "<span>{drawing.name(n).to_owned()}</span></h2>
                <a class="button quiet icon" href=drawing.with(|view| view.span = None) data-close="" aria-label="Close" title="Close (Esc)">"×"</a>
            </div>
            {path(drawing, n).into_any()}
            <div class="d-actions">
                {tabs(drawing)}
                <button type="button" class="button needs-js" data-copy-link=only title="Copy a link to this span">"Copy link to span"</button>
                <a class="button" href=drawing.with(|view| view.focus = Some(address)) data-focus=id.clone() title="Only this span and what is under it (f)">"Focus"</a>
                <a class="button" href=drawing.with(|view| view.zoom = zoom(drawing, n)) data-zoom=id title="Zoom to this span (z)">"Zoom"</a>
            </div>
        </header>
        {match drawing.url.view.raw {
            true => raw(drawing, n).into_any(),
            false => details(drawing, n, span).into_any(),
        }}
    }
}

/// What was sent, sorted by what it is about.
fn details(drawing: &Drawing, n: u32, span: &Span) -> impl IntoView + use<> {
    view! {
        {facts(drawing, n, span).into_any()}
        {pins::of_span(drawing, n)}
        {exceptions(drawing, n).into_any()}
        {lines::of_span(drawing, n)}
        <input class="input needs-js d-filter" type="search" data-filter="" placeholder="Filter attributes" aria-label="Filter attributes"/>
        {sections(span).into_any()}
        {events(span).into_any()}
        {links(drawing, span).into_any()}
    }
}

/// Details | Raw.
fn tabs(drawing: &Drawing) -> impl IntoView + use<> {
    let one = |raw: bool, text: &'static str, title: &'static str| {
        let href = drawing.with(|view| view.raw = raw);
        let current = (drawing.url.view.raw == raw).then_some("page");
        view! { <a href=href data-raw=if raw { "raw" } else { "" } aria-current=current title=title>{text}</a> }
    };
    view! { <nav class="t-tabs" aria-label="Form">{one(false, "Details", "What was sent, sorted")}{one(true, "Raw", "As it was sent, as JSON")}</nav> }
}

/// A window around a span, with a little room on either side.
fn zoom(drawing: &Drawing, n: u32) -> Option<(i64, i64)> {
    let (start, end) = (drawing.times.start[n as usize], drawing.times.end[n as usize]);
    let room = (end.saturating_sub(start) / 20).max(1);
    Some((start.saturating_sub(room).max(0), end.saturating_add(room)))
}

/// Breadcrumbs: from the top of the trace down to the span.
fn path(drawing: &Drawing, n: u32) -> impl IntoView + use<> {
    /// Of a longer path the middle is left out.
    const ENDS: usize = 4;
    let path: Vec<u32> = drawing.tree.path(n).into_iter().filter(|&up| !matches!(drawing.tree.node(up), Node::Group(_))).collect();
    let left_out = path.len().saturating_sub(2 * ENDS);
    let crumb = |(at, up): (usize, u32)| {
        if left_out > 0 && at == ENDS {
            return Some(view! { <li class="muted">{format!("… {left_out} more …")}</li> }.into_any());
        }
        if left_out > 0 && (ENDS..ENDS + left_out).contains(&at) {
            return None;
        }
        Some(match drawing.tree.node(up) {
            Node::Span(span) if span == n => view! { <li aria-current="true">{drawing.name(span).to_owned()}</li> }.into_any(),
            Node::Span(span) => {
                let title = drawing.service(span).to_owned();
                view! { <li><a href=drawing.with_span(span) data-span=drawing.address(span).to_string() title=title>{drawing.name(span).to_owned()}</a></li> }
                    .into_any()
            }
            _ => view! { <li class="warn">"missing parent"</li> }.into_any(),
        })
    };
    view! { <nav aria-label="Path to this span"><ol class="d-path">{path.into_iter().enumerate().filter_map(crumb).collect_view()}</ol></nav> }
}

fn facts(drawing: &Drawing, n: u32, span: &Span) -> impl IntoView + use<> {
    let at = n as usize;
    let own = self_times(&drawing.columns, &drawing.tree, &drawing.times)[at];
    let offset = span.start.saturating_sub(drawing.columns.base);
    let kids = drawing.tree.children(n).len() as u64;
    let status = match span.status {
        Status::Error => view! { <span class="badge error">"error"</span>" "{span.status_message.clone()} }.into_any(),
        other => view! { {other.as_str()}" "{span.status_message.clone()} }.into_any(),
    };
    let on_path: i64 = drawing.critical.of_node(n).iter().map(|piece| piece.end - piece.start).sum();
    let up = drawing.tree.parent_of_span(n);
    let parent = match span.parent_id {
        None => view! { "none: a root" }.into_any(),
        Some(id) if up != NONE && matches!(drawing.tree.node(up), Node::Span(_)) => {
            view! { <a href=drawing.with_span(up) data-span=drawing.address(up).to_string()><code>{id.to_string()}</code></a> }.into_any()
        }
        Some(id) => view! { <code>{id.to_string()}</code>" "<span class="badge warn">"not here"</span> }.into_any(),
    };
    let skew = match drawing.skews[at] {
        Skew::None => None,
        Skew::StartsBefore => Some("begins before its caller"),
        Skew::EndsAfter => Some("ends after its call was answered"),
    };
    let moved = drawing.times.offset(&drawing.columns, n);
    let skew = skew.map(|what| {
        let shown = if moved == 0 { " (shown as sent)".to_owned() } else { format!(" (shown shifted by {})", Human(moved)) };
        view! { <dt>"Clock"</dt><dd class="warn">{what}{shown}</dd> }
    });
    let unfinished = span.in_progress().then(|| {
        let what = if drawing.never_completed(n) {
            "never completed: no end came within 15 minutes"
        } else {
            "in progress: its end has not arrived yet"
        };
        view! { <dt>"State"</dt><dd class="warn">{what}</dd> }
    });
    let dropped = span.dropped;
    let dropped = (dropped.attributes + dropped.events + dropped.links > 0).then(|| {
        let text = format!("{} attributes, {} events, {} links", dropped.attributes, dropped.events, dropped.links);
        view! { <dt>"Dropped by the SDK"</dt><dd class="warn">{text}</dd> }
    });
    let weight =
        (span.envelope.weight > 1.0).then(|| view! { <dt>"Stands for"</dt><dd>{format!("{} spans (sampled)", span.envelope.weight)}</dd> });
    let state = (!span.trace_state.is_empty()).then(|| view! { <dt>"tracestate"</dt><dd><code>{span.trace_state.clone()}</code></dd> });
    let dataset = (!span.envelope.dataset.is_empty()).then(|| view! { <dt>"Dataset"</dt><dd>{span.envelope.dataset.to_string()}</dd> });
    // What X-Ray announced has no end yet: 0 would be a lie.
    let ends = (!span.in_progress()).then(|| view! { <dt>"Ends"</dt><dd><Moment at=span.end() form=Form::Full/></dd> });
    let duration = match span.in_progress() {
        true => view! { <span class="muted">"not known yet"</span> }.into_any(),
        false => view! { <b>{Human(span.duration_ns).to_string()}</b>{(own < span.duration_ns).then(|| format!(", {} of it its own", Human(own)))} }.into_any(),
    };
    let id = span.span_id.to_string();
    view! {
        <dl class="d-facts">
            <dt>"Duration"</dt><dd>{duration}</dd>
            <dt>"Starts"</dt><dd>{format!("{} into the trace, ", Human(offset))}<Moment at=span.start form=Form::Full/></dd>
            {ends}
            <dt>"Status"</dt><dd>{status}</dd>
            {unfinished}
            {inferred::fact(drawing, n)}
            {(on_path > 0).then(|| view! { <dt>"Critical path"</dt><dd>{Human(on_path).to_string()}</dd> })}
            {skew}
            <dt>"Kind"</dt><dd>{span.kind.as_str()}</dd>
            <dt>"Children"</dt><dd>{plural(kids, "span", "spans")}</dd>
            <dt>"Span id"</dt><dd><code>{id.clone()}</code><button type="button" class="button quiet icon needs-js" data-copy=id title="Copy the span id" aria-label="Copy the span id"><icon::Copy/></button></dd>
            <dt>"Parent"</dt><dd>{parent}</dd>
            {dropped}{weight}{state}{dataset}
            <dt>"Arrived"</dt><dd><Moment at=span.envelope.received_at form=Form::Full/>" by "{span.envelope.source.to_string()}</dd>
        </dl>
    }
}

fn events(span: &Span) -> impl IntoView + use<> {
    let start = span.start;
    let one = |event: &Event| {
        // The stack is shown above; here it would be shown a second time.
        let rest = event.attributes.iter().filter(|(key, _)| key != "exception.stacktrace").cloned().collect();
        let dropped = (event.dropped_attributes > 0).then(
            || view! { <p class="warn">{plural(event.dropped_attributes.into(), "attribute", "attributes")}" dropped by the SDK"</p> },
        );
        let after = event.time.saturating_sub(start);
        view! {
            <li>
                <h4><span class="muted">{format!("+{}", Human(after))}</span>" "{event.name.clone()}" "<Moment at=event.time form=Form::Full/></h4>
                {table(&rest)}{dropped}
            </li>
        }
    };
    let count = span.events.len();
    (count > 0).then(|| {
        view! {
            <details class="d-group" open=true>
                <summary>"Events "<span class="muted">{count}</span></summary>
                <ol class="d-events">{span.events.iter().map(one).collect_view()}</ol>
            </details>
        }
    })
}

/// Links in both directions.
fn links(drawing: &Drawing, span: &Span) -> impl IntoView + use<> {
    let here = span.trace_id;
    let anchor = move |trace: model::id::TraceId, id: SpanId| {
        let href = url::Trace::at(trace, Some(id), "").to_string();
        let text = if trace == here { format!("span {id} of this trace") } else { format!("trace {trace}, span {id}") };
        view! { <a href=href>{text}</a> }
    };
    let out: Vec<_> = span
        .links
        .iter()
        .map(|link| {
            view! { <li><span class="muted">"to "</span>{anchor(link.trace_id, link.span_id)}{table(&link.attributes)}</li> }.into_any()
        })
        .collect();
    let back = drawing.links.iter().filter(|link| link.to == span.span_id);
    let back: Vec<_> =
        back.map(|link| view! { <li><span class="muted">"from "</span>{anchor(link.trace_id, link.span_id)}</li> }.into_any()).collect();
    let count = out.len() + back.len();
    (count > 0).then(|| {
        view! {
            <details class="d-group" open=true>
                <summary>"Links "<span class="muted">{count}</span></summary>
                <ul class="d-links">{out}{back}</ul>
            </details>
        }
    })
}
