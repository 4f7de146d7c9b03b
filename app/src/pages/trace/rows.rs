//! The waterfall: a window of its rows. The island draws the same rows, and all of them.

use super::drawing::Drawing;
use super::{inferred, lines, pins, systems};
use crate::ui::{count, plural};
use leptos::prelude::*;
use model::time::Human;
use model::waterfall::{Folds, NONE, Node, Row, Skew, ticks};

/// Rows drawn at once without JavaScript.
const WINDOW: usize = 200;

/// Deeper rows are indented no further.
const DEEPEST: u32 = 24;

pub(super) fn waterfall(drawing: &Drawing) -> impl IntoView + use<> {
    let all = drawing.rows.len();
    let from = match drawing.url.view.from as usize {
        // A link to a span opens the window it is in.
        0 => drawing.selected().and_then(|n| drawing.rows.row_of(&drawing.tree, n)).map_or(0, |row| row / WINDOW * WINDOW),
        from => from.min(all.saturating_sub(1)),
    };
    let to = (from + WINDOW).min(all);
    let rows = (from..to).map(|at| row(drawing, &drawing.rows.rows[at])).collect_view();
    let step = |to: usize, rel: &'static str, text: &'static str| {
        let mut url = drawing.url.clone();
        (url.view.from, url.view.span) = (to as u32, None);
        view! { <a class="button" rel=rel href=url.to_string()>{text}</a> }
    };
    let pager = (all > WINDOW).then(|| {
        let range = format!("rows {} to {} of {}", count(from as u64 + 1), count(to as u64), count(all as u64));
        view! {
            <nav class="w-pager" aria-label="Rows">
                {(from > 0).then(|| step(from.saturating_sub(WINDOW), "prev", "Rows before"))}
                <span class="muted">{range}</span>
                {(to < all).then(|| step(to, "next", "Rows after"))}
            </nav>
        }
    });
    view! {
        <div class="w-head">
            <div class="w-name">"Service and operation"</div>
            <div class="w-time" id="axis" aria-hidden="true">{axis(drawing).into_any()}</div>
        </div>
        <div class="w-scroll" id="rows" role="tree" aria-label="Spans" tabindex="0" data-total=all.to_string() data-from=from.to_string()>
            <div class="w-rows">{rows}</div>
            {pager}
        </div>
    }
}

/// The ticks over the bars.
pub(super) fn axis(drawing: &Drawing) -> impl IntoView + use<> {
    let window = drawing.window;
    let (from, _) = drawing.times.extent();
    let tick = |at: i64| {
        let share = window.share(at);
        (share < 0.96)
            .then(|| view! { <span style=format!("left:{:.3}%", share * 100.0)>{Human(at.saturating_sub(from.min(0))).to_string()}</span> })
    };
    ticks(window, 5).into_iter().map(tick).collect_view()
}

pub(super) fn row(drawing: &Drawing, row: &Row) -> AnyView {
    if row.pruned != NONE {
        return pruned(drawing, row).into_any();
    }
    if row.line != NONE {
        return lines::row(drawing, row).into_any();
    }
    match drawing.tree.node(row.node) {
        Node::Span(n) => span(drawing, row, n).into_any(),
        Node::Missing(at) => missing(drawing, row, at).into_any(),
        Node::Group(at) => group(drawing, row, at).into_any(),
    }
}

fn span(drawing: &Drawing, row: &Row, n: u32) -> impl IntoView + use<> {
    let columns = &drawing.columns;
    let at = n as usize;
    let flags = columns.flags[at];
    let folded = drawing.rows.is_folded(n);
    let hidden = if folded { drawing.tree.errors[at] - u32::from(flags.is_error()) } else { 0 };
    let mut class = format!("w-row {}", drawing.class(n));
    for (on, name) in [
        (flags.is_error(), " failed"),
        (drawing.found[at], " hit"),
        (drawing.selected() == Some(n), " open"),
        (drawing.url.view.critical && !drawing.critical.of_node(n).is_empty(), " critical"),
    ] {
        if on {
            class.push_str(name);
        }
    }
    let service =
        drawing.tree.enters(&drawing.columns, n).then(|| view! { <span class="w-service">{drawing.service(n).to_owned()}</span>" " });
    let status = match columns.http_status[at] {
        0..=399 => None,
        code => Some(view! { <span class="badge error">{code}</span> }),
    };
    let exception = match pins::address(drawing, n) {
        Some(href) => Some(view! { <a class="badge error pin" href=href title="To the error">"!"</a> }.into_any()),
        None => flags.has_exception().then(|| view! { <span class="badge error" title="Has an exception">"!"</span> }.into_any()),
    };
    let unfinished = flags.in_progress().then(|| {
        let text = if drawing.never_completed(n) { "never completed" } else { "in progress" };
        view! { <span class="badge warn" title="X-Ray has not sent its end">{text}</span> }
    });
    let skew = match drawing.skews[at] {
        Skew::None => None,
        Skew::StartsBefore => Some("begins before its caller: another clock"),
        Skew::EndsAfter => Some("ends after its call was answered: another clock"),
    };
    let skew = skew.map(|why| {
        let moved = drawing.times.offset(columns, n);
        let why = if moved == 0 { why.to_owned() } else { format!("{why}; shown shifted by {}", Human(moved)) };
        view! { <span class="badge warn" title=why>"skew"</span> }
    });
    let hidden = (hidden > 0).then(
        || view! { <span class="badge error" title="Errors folded away under this row">{plural(hidden.into(), "error", "errors")}</span> },
    );
    let folded_away = folded.then(|| view! { <span class="badge" title="Spans folded away under this row">{format!("+{}", count(u64::from(drawing.tree.spans_under(n)) - 1))}</span> });
    view! {
        <div class=class role="treeitem" attr:aria-level=(row.depth + 1).to_string() aria-expanded=expanded(drawing, n) aria-selected=(drawing.selected() == Some(n)).to_string() style=indent(row)>
            <div class="w-name">
                {fold(drawing, n)}
                <a class="w-link" href=drawing.with_span(n)>{service}<span class="w-op">{drawing.name(n).to_owned()}</span></a>
                {systems::badge(drawing, n)}{inferred::badge(drawing, n)}{lines::badge(drawing, n)}{status}{exception}{unfinished}{skew}{hidden}{folded_away}
            </div>
            {bar(drawing, n).into_any()}
        </div>
    }
}

fn missing(drawing: &Drawing, row: &Row, at: u32) -> impl IntoView + use<> {
    let id = drawing.columns.missing[at as usize];
    view! {
        <div class="w-row w-missing" role="treeitem" attr:aria-level=(row.depth + 1).to_string() aria-expanded=expanded(drawing, row.node) style=indent(row)>
            <div class="w-name">
                {fold(drawing, row.node)}
                <span class="w-link" title="No span with this id arrived: sampled out, not sent to Clew, lost, or still running">"missing parent "<code>{id.to_string()}</code></span>
                {systems::badge(drawing, row.node)}
            </div>
            {bar(drawing, row.node).into_any()}
        </div>
    }
}

fn group(drawing: &Drawing, row: &Row, at: u32) -> impl IntoView + use<> {
    let group = &drawing.tree.groups[at as usize];
    let face = group.spans[0];
    let service = drawing
        .tree
        .enters(&drawing.columns, row.node)
        .then(|| view! { <span class="w-service">{drawing.service(face).to_owned()}</span>" " });
    let figures = format!("p50 {}  max {}  sum {}", Human(group.p50), Human(group.max), Human(group.sum));
    let errors = (group.errors > 0).then(|| view! { <span class="badge error">{plural(group.errors.into(), "error", "errors")}</span> });
    let hit = group.spans.iter().any(|&n| drawing.found[n as usize]);
    view! {
        <div class=format!("w-row w-group {}{}", drawing.class(face), if hit { " hit" } else { "" }) role="treeitem" attr:aria-level=(row.depth + 1).to_string()
            aria-expanded=expanded(drawing, row.node) style=indent(row)>
            <div class="w-name">
                {fold(drawing, row.node)}
                <a class="w-link" href=toggled(drawing, row.node)><b>{format!("×{}", count(group.spans.len() as u64))}</b>" "{service}<span class="w-op">{drawing.name(face).to_owned()}</span></a>
                {systems::badge(drawing, row.node)}{inferred::badge(drawing, face)}{errors}<span class="w-figures">{figures}</span>
            </div>
            {bar(drawing, row.node).into_any()}
        </div>
    }
}

fn pruned(drawing: &Drawing, row: &Row) -> impl IntoView + use<> {
    let pruned = drawing.rows.pruned[row.pruned as usize];
    let errors = (pruned.errors > 0).then(|| view! { <span class="badge error">{plural(pruned.errors.into(), "error", "errors")}</span> });
    view! {
        <div class="w-row w-pruned" role="treeitem" attr:aria-level=(row.depth + 1).to_string() style=indent(row)>
            <div class="w-name">
                <span class="w-fold"></span>
                <a class="w-link" href=drawing.with(|view| view.services.clear())>{plural(pruned.spans.into(), "span", "spans")}" of other services"</a>{errors}
            </div>
            <div class="w-time"></div>
        </div>
    }
}

pub(super) fn indent(row: &Row) -> String {
    format!("--d:{}", row.depth.min(DEEPEST))
}

fn expanded(drawing: &Drawing, n: u32) -> Option<&'static str> {
    (drawing.tree.size[n as usize] > 1).then(|| if drawing.rows.is_folded(n) { "false" } else { "true" })
}

fn toggled(drawing: &Drawing, n: u32) -> String {
    let key = drawing.tree.fold_key(&drawing.columns, n);
    drawing.with(|view| {
        // A span that is open in the panel would open its fold again.
        view.span = None;
        Folds::toggle(&mut view.folds, key);
    })
}

fn fold(drawing: &Drawing, n: u32) -> AnyView {
    if drawing.tree.size[n as usize] <= 1 {
        return view! { <span class="w-fold"></span> }.into_any();
    }
    let (sign, label) = if drawing.rows.is_folded(n) { ("▸", "Open") } else { ("▾", "Fold") };
    view! { <a class="w-fold" href=toggled(drawing, n) aria-label=label tabindex="-1">{sign}</a> }.into_any()
}

/// The bar, the critical pieces on it, and the duration beside it.
fn bar(drawing: &Drawing, n: u32) -> impl IntoView + use<> {
    let (start, end) = (drawing.times.start[n as usize], drawing.times.end[n as usize]);
    let window = drawing.window;
    let ended = !drawing.columns.flags.get(n as usize).is_some_and(|flags| flags.in_progress());
    let placed = window.bar(start, end).map(|(left, width)| {
        let pieces = if drawing.url.view.critical { drawing.critical.of_node(n) } else { &[] };
        let pieces = pieces.iter().filter_map(|piece| window.bar(piece.start, piece.end)).map(|(left, width)| {
            view! { <i class="w-crit" style=format!("left:{left:.3}%;width:{width:.3}%")></i> }
        });
        let (side, style) = match left + width {
            right if right < 82.0 => ("", format!("left:{right:.3}%")),
            _ if left > 18.0 => ("", format!("right:{:.3}%", 100.0 - left)),
            right => (" inside", format!("right:{:.3}%", 100.0 - right)),
        };
        view! {
            <i class="w-bar" style=format!("left:{left:.3}%;width:{width:.3}%")></i>
            {pieces.collect_view()}
            <span class=format!("w-duration{side}") style=style>{ended.then(|| Human(end.saturating_sub(start)).to_string())}</span>
        }
    });
    let outside = if end < window.from { "‹" } else { "›" };
    let outside = placed
        .is_none()
        .then(|| view! { <span class="w-duration" style=if end < window.from { "left:0" } else { "right:0" }>{outside}</span> });
    view! { <div class="w-time">{placed}{outside}</div> }
}
