//! Who recorded the request, where it is more than one: their ids for it, a switch between them, and a badge for the tree of each.

use super::drawing::Drawing;
use crate::url;
use leptos::prelude::*;
use model::address::System;
use model::id::TraceId;
use model::span::Family;
use model::waterfall::View;

/// The ids that systems gave this request, and which of their trees are shown.
pub(super) fn systems(drawing: &Drawing) -> impl IntoView + use<> {
    let alone = drawing.url.view.alone;
    (alone || drawing.systems.len() > 1).then(|| {
        let link = |id: TraceId, alone: bool| url::Trace { id, view: View { alone, ..View::default() } }.to_string();
        let each = |system: &System| {
            let (id, family) = (system.trace_id, system.family);
            let text = if family == Family::Xray { id.xray() } else { id.to_string() };
            view! { <a class="t-system" href=link(id, true) title="Only the trace of this id"><span class="badge">{family.title()}</span><code>{text}</code></a> }
        };
        view! {
            <div class="t-systems" role="note">
                {switch(drawing)}
                {drawing.systems.iter().map(each).collect_view()}
                {if alone {
                    view! { <a class="button quiet" href=link(drawing.url.id, false)>"Show with what other systems recorded of this request"</a> }.into_any()
                } else {
                    view! { <span class="muted">"one request, recorded by more than one system: on one axis, a tree for each"</span> }.into_any()
                }}
            </div>
        }
    })
}

/// Both | OpenTelemetry | X-Ray. A span, a zoom or a fold of the one says nothing of the other.
fn switch(drawing: &Drawing) -> impl IntoView + use<> {
    let has = |family: Family| drawing.systems.iter().any(|system| system.family == family);
    (has(Family::Otel) && has(Family::Xray)).then(|| {
        let shown = drawing.url.view.system;
        let one = |system: Option<Family>| {
            let change =
                |view: &mut View| *view = View { system, query: view.query.clone(), tab: view.tab, alone: view.alone, ..View::default() };
            let text = system.map_or("Both", Family::title);
            view! { <a href=drawing.with(change) aria-current=(shown == system).then_some("page")>{text}</a> }
        };
        let all = [None, Some(Family::Otel), Some(Family::Xray)];
        view! { <nav class="t-tabs" aria-label="Recorded by">{all.map(one).into_iter().collect_view()}</nav> }
    })
}

/// The badge of the row that a system's tree begins with.
pub(super) fn badge(drawing: &Drawing, node: u32) -> impl IntoView + use<> {
    let family = drawing.tree.begins(&drawing.columns, node);
    family.map(|family| view! { <span class="badge system" title="Recorded by this system">{family.title()}</span> })
}
