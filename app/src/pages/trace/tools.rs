//! The bar of tools: form of the view, search, toggles, services; and the sheet of keys.

use super::drawing::Drawing;
use crate::ui::count;
use crate::ui::keys::{Keys, sheet};
use leptos::prelude::*;
use model::waterfall::{FoldBase, Folds, Skew, Tab};

pub(super) fn tools(drawing: &Drawing) -> impl IntoView + use<> {
    let view = drawing.url.view.clone();
    let tabs = Tab::ALL.map(|tab| {
        let text = match tab {
            Tab::Waterfall => "Waterfall",
            Tab::Flame => "Flame",
            Tab::Table => "Table",
            Tab::Logs => "Logs",
        };
        let href = drawing.with(|view| view.tab = tab);
        // What is inferred is not counted.
        let exact = drawing.columns.lines.iter().filter(|line| !line.inferred).count();
        let lines = (tab == Tab::Logs && exact > 0).then(|| view! { " " <span class="n">{count(exact as u64)}</span> });
        view! { <a href=href data-tab=tab.as_str() aria-current=(view.tab == tab).then_some("page")>{text}{lines}</a> }
    });
    let toggle = |id: &'static str, on: bool, href: String, text: &'static str, title: &'static str| {
        view! { <a class="button" id=id href=href role="button" aria-pressed=on.to_string() title=title>{text}</a> }
    };
    let skewed = view.shift || drawing.skews.iter().any(|&skew| skew != Skew::None);
    let critical =
        toggle("crit", view.critical, drawing.with(|view| view.critical ^= true), "Critical path", "Mark what the trace waited for (c)");
    let shift = skewed.then(|| {
        toggle(
            "skew",
            view.shift,
            drawing.with(|view| view.shift ^= true),
            "Shift clocks",
            "Move spans of other clocks under their callers; times are as sent otherwise",
        )
    });
    let lines = (!drawing.lines.is_empty()).then(|| {
        let title = "Log lines where they happened, under their spans (L)";
        toggle("lines", !view.without_lines, drawing.with(|view| view.without_lines ^= true), "Log lines", title)
    });
    // In the page whatever the view is, and shown by the style sheet when there is something to undo: the island only says so.
    let unzoom = view! { <a class="button" href=drawing.with(|view| view.zoom = None) data-unzoom="" title="The whole of the time (Z)">"Zoom out"</a> };
    let unfocus = view! { <a class="button" href=drawing.with(|view| view.focus = None) data-unfocus="">"Whole trace"</a> };
    view! {
        <div class="t-tools">
            <nav class="t-tabs" aria-label="View">{tabs.into_iter().collect_view()}</nav>
            {search(drawing).into_any()}
            <span class="t-toggles">{critical}{shift}{lines}{unzoom}{unfocus}</span>
            <span class="t-folds">
                <a class="button quiet" href=drawing.with(|view| view.folds = FoldBase::Depth(0).into()) data-fold="all" title="Fold all ([)">"Fold all"</a>
                <a class="button quiet" href=drawing.with(|view| view.folds = FoldBase::Open.into()) data-fold="none" title="Open all (])">"Open all"</a>
                <a class="button quiet" href=drawing.with(|view| view.folds = Folds::default()) data-fold="groups" title="Open all but groups of like spans (g)">"Group"</a>
            </span>
            {services(drawing).into_any()}
        </div>
    }
}

/// A plain form; the rest of the view rides along in hidden fields.
fn search(drawing: &Drawing) -> impl IntoView + use<> {
    let view = drawing.url.view.clone();
    let hits: Vec<u32> =
        drawing.tree.order.iter().copied().filter(|&n| drawing.found.get(n as usize).copied().unwrap_or_default()).collect();
    let at = drawing.selected().and_then(|n| hits.iter().position(|&hit| hit == n));
    let step = |by: usize| {
        let hit = match at {
            Some(at) => hits[(at + by) % hits.len()],
            None if by == 1 => hits[0],
            None => hits[hits.len() - 1],
        };
        drawing.with_span(hit)
    };
    let found = (!view.query.is_empty()).then(|| match (hits.len(), at) {
        (0, _) => "none".to_owned(),
        (n, None) => count(n as u64),
        (n, Some(at)) => format!("{} of {}", at + 1, count(n as u64)),
    });
    let steps = (!hits.is_empty()).then(|| {
        view! {
            <a class="button quiet icon" rel="prev" href=step(hits.len() - 1) data-hit="-1" aria-label="Previous hit" title="Previous hit (N)">"↑"</a>
            <a class="button quiet icon" rel="next" href=step(1) data-hit="1" aria-label="Next hit" title="Next hit (n)">"↓"</a>
        }
    });
    let hidden = view.pairs().into_iter().filter(|(name, _)| !matches!(*name, "q" | "from" | "span"));
    let hidden = hidden.map(|(name, value)| view! { <input type="hidden" name=name value=value/> }).collect_view();
    view! {
        <form class="t-search" id="search" method="get" role="search" aria-label="In this trace">
            <input class="input" type="search" name="q" value=view.query data-search="" placeholder="Search in this trace" autocomplete="off" spellcheck="false"
                aria-label="Search in this trace" title="Words, or key:value as in every search box (/)"/>
            {hidden}
            <span class="t-hits" id="hits" aria-live="polite">{found}</span>
            <span id="steps">{steps}</span>
        </form>
    }
}

/// Every service with its spans; each switches itself in the filter on and off.
fn services(drawing: &Drawing) -> impl IntoView + use<> {
    let columns = &drawing.columns;
    let mut spans = vec![0u64; columns.services.len()];
    columns.service.iter().for_each(|&service| spans[service as usize] += 1);
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by(|&a, &b| spans[b].cmp(&spans[a]).then_with(|| columns.services[a].cmp(&columns.services[b])));
    let view = &drawing.url.view;
    let one = |service: usize| {
        let name = columns.services[service].clone();
        let on = view.services.contains(&name);
        let href = drawing.with(|view| match view.services.iter().position(|chosen| *chosen == name) {
            Some(at) => drop(view.services.remove(at)),
            None => view.services.push(name.clone()),
        });
        let title = if on { "Do not filter by this service" } else { "Show only this service, and what leads to it" };
        view! {
            <a class=format!("t-service {}", drawing.service_class(service)) href=href role="button" aria-pressed=on.to_string() data-service=name.clone() title=title>
                <span class="svc">{name.clone()}</span>" "<span class="muted">{count(spans[service])}</span>
            </a>
        }
    };
    (order.len() > 1 || !columns.targets.is_empty()).then(|| {
        view! {
            <div class="t-services" role="group" aria-label="Services">
                {order.into_iter().map(one).collect_view()}
                <a class="t-service" href=drawing.with(|view| view.services.clear()) data-service="">"all"</a>
                {super::inferred::services(drawing)}
            </div>
        }
    })
}

/// Of this page.
const KEYS: Keys = &[
    (&["j", "k", "↓", "↑"], "Next, previous row"),
    (&["→", "←"], "Open, fold; to the parent"),
    (&["Enter"], "Open the span"),
    (&["Esc"], "Close the span, the search, the zoom"),
    (&["e", "E"], "Next, previous error"),
    (&["/"], "Search in this trace"),
    (&["n", "N"], "Next, previous hit"),
    (&["[", "]"], "Fold, open everything"),
    (&["o", "p"], "One level less, more"),
    (&["c"], "Critical path"),
    (&["f"], "Only this span and what is under it"),
    (&["z", "Z"], "Zoom to the span, zoom out"),
    (&["L"], "Log lines"),
    (&["1", "2", "3", "4"], "Waterfall, flame, table, logs"),
    (&["y"], "Copy a link to this view"),
];

/// The keys of this page; `?` opens the sheet.
pub(super) fn keys() -> impl IntoView {
    sheet("trace-keys", "Keyboard, in a trace", KEYS)
}
