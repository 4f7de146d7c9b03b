//! What was called but sent nothing itself: a database, somebody else's API. It is known from the calls alone, and shown so.

use super::drawing::Drawing;
use crate::ui::count;
use leptos::prelude::*;
use model::call::called;

/// Why a badge is dashed; the island says the same.
const WHY: &str = "Inferred from this call: what it went to sent nothing itself";

/// The badge of a call's row.
pub(super) fn badge(drawing: &Drawing, span: u32) -> impl IntoView + use<> {
    let target = drawing.columns.target_of(span as usize).map(str::to_owned);
    target.map(|target| view! { <span class="badge inferred" title=WHY>{target}</span> })
}

/// The fact of a call's panel.
pub(super) fn fact(drawing: &Drawing, span: u32) -> impl IntoView + use<> {
    drawing.columns.target_of(span as usize).map(|_| {
        let called = called(&drawing.trace.spans[span as usize]);
        view! { <dt>"Calls"</dt><dd><span class="badge inferred" title=WHY>{called.name}</span>" "<span class="muted">{called.kind}", inferred"</span></dd> }
    })
}

/// Beside the services that sent something: each leads to the first call of it.
pub(super) fn services(drawing: &Drawing) -> impl IntoView + use<> {
    let mut targets: Vec<(String, u32, u64)> = Vec::new();
    for n in (0..drawing.columns.len() as u32).filter(|&n| drawing.columns.target_of(n as usize).is_some()) {
        let name = called(&drawing.trace.spans[n as usize]).name;
        match targets.iter_mut().find(|(there, _, _)| *there == name) {
            Some((_, _, calls)) => *calls += 1,
            None => targets.push((name, n, 1)),
        }
    }
    targets.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
    let one = |(name, first, calls): (String, u32, u64)| {
        let title = "Inferred: it was called and sent nothing itself. To the first call of it";
        view! {
            <a class="t-service inferred" href=drawing.with_span(first) data-span=drawing.address(first).to_string() title=title>{name}" "<span class="muted">{count(calls)}</span></a>
        }
    };
    targets.into_iter().map(one).collect_view()
}
