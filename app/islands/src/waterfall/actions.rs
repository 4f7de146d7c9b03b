//! What a reader can do, however it is asked for: by a click, a key, or a button.

use super::dom::{by_id, set, unset};
use super::page::{Page, Stale};
use leptos::prelude::document;
use model::address::SpanAddress;
use model::waterfall::{FoldBase, Folds, NONE, Node, Tab, View};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

/// Opens a span's panel and goes to its row.
pub(super) fn open_span(page: &mut Page, address: SpanAddress) {
    let Some(n) = page.data.columns.find(address) else { return };
    page.cursor = n;
    page.change(true, |view| view.span = Some(address));
    page.reveal(n);
    page.say_hits();
}

/// What a click on a row, or Enter, does.
pub(super) fn open_row(page: &mut Page, row: usize) {
    let Some(row) = page.rows.rows.get(row).copied() else { return };
    if row.pruned != NONE {
        return page.change(true, |view| view.services.clear());
    }
    page.cursor = row.node;
    match page.data.tree.node(row.node) {
        Node::Span(n) => {
            let address = page.data.columns.address(n as usize);
            page.change(true, |view| view.span = Some(address));
        }
        Node::Group(_) | Node::Missing(_) => toggle(page, row.node),
    }
    page.say_hits();
    page.touch(Stale { rows: true, ..Stale::default() });
}

/// Folds or opens a node.
pub(super) fn toggle(page: &mut Page, node: u32) {
    if page.data.tree.size[node as usize] > 1 {
        let key = page.data.tree.fold_key(&page.data.columns, node);
        page.change(false, |view| view.folds.toggle(key));
    }
}

/// Moves by so many rows; the panel follows if it is open.
pub(super) fn step(page: &mut Page, by: isize) {
    let rows = page.rows.len() as isize;
    let at = page.rows.row_over(&page.data.tree, page.cursor).map_or(if by > 0 { -1 } else { rows }, |at| at as isize);
    let mut to = (at + by).clamp(0, (rows - 1).max(0));
    // Rows of pruned spans and of log lines are stepped over.
    while let Some(row) = page.rows.rows.get(to as usize).copied() {
        if row.is_node() {
            page.cursor = row.node;
            break;
        }
        to += by.signum();
    }
    follow_cursor(page);
}

/// Brings the cursor's row into sight, and its span into the panel if that is open.
fn follow_cursor(page: &mut Page) {
    let cursor = page.cursor;
    page.scroll_to(cursor);
    page.say_hits();
    if let (Some(_), Some(address)) = (page.view.span, page.data.address(cursor)) {
        page.change(false, |view| view.span = Some(address));
    }
    page.touch(Stale { rows: true, ..Stale::default() });
}

/// `→`: opens what is folded, else goes to the first child.
pub(super) fn right(page: &mut Page) {
    let n = page.cursor;
    if n == NONE || page.data.tree.size[n as usize] <= 1 {
        return;
    }
    if page.rows.is_folded(n) {
        toggle(page, n);
    } else {
        step(page, 1);
    }
}

/// `←`: folds what is open, else goes to the parent.
pub(super) fn left(page: &mut Page) {
    let n = page.cursor;
    if n == NONE {
        return;
    }
    if page.data.tree.size[n as usize] > 1 && !page.rows.is_folded(n) {
        return toggle(page, n);
    }
    let up = page.data.tree.parent[n as usize];
    if up != NONE && page.rows.row_of(&page.data.tree, up).is_some() {
        page.cursor = up;
        follow_cursor(page);
    }
}

/// Goes to the next (1) or previous (-1) span with an error, in the order of the rows, wherever it is hidden.
pub(super) fn next_error(page: &mut Page, by: isize) {
    let columns = &page.data.columns;
    let errors: Vec<u32> =
        page.data.tree.order.iter().copied().filter(|&n| columns.flags.get(n as usize).is_some_and(|flags| flags.is_error())).collect();
    go(page, &errors, by);
}

/// Goes to the next (1) or previous (-1) hit of the search.
pub(super) fn next_hit(page: &mut Page, by: isize) {
    let hits = page.hits.clone();
    go(page, &hits, by);
}

/// `among` is in the order of the rows; after the last comes the first.
fn go(page: &mut Page, among: &[u32], by: isize) {
    if among.is_empty() {
        return;
    }
    let place = &page.data.tree.place;
    let here = place.get(page.cursor as usize).copied();
    let before = here.map_or(0, |here| among.partition_point(|&n| place[n as usize] < here));
    let on = among.get(before) == Some(&page.cursor);
    // On nothing of them yet: the first of all if the page was just opened, else the nearest.
    let to = match (by > 0, on || page.view.span.is_none() && here == Some(0)) {
        (true, true) => before + usize::from(on),
        (true, false) => before,
        (false, _) => before + among.len() - 1,
    };
    let n = among[to % among.len()];
    page.cursor = n;
    page.reveal(n);
    let address = page.data.address(n);
    page.change(false, |view| view.span = address);
    page.say_hits();
    page.touch(Stale { rows: true, ..Stale::default() });
}

pub(super) fn fold(page: &mut Page, how: &str) {
    let base = match how {
        "all" => FoldBase::Depth(0),
        "none" => FoldBase::Open,
        _ => FoldBase::Groups,
    };
    page.change(false, |view| view.folds = base.into());
}

/// One level more or less.
pub(super) fn level(page: &mut Page, by: i32) {
    let deepest = page.data.tree.depth.iter().copied().max().unwrap_or_default();
    page.change(false, |view| {
        let now = match view.folds.base {
            FoldBase::Depth(depth) => depth,
            _ => deepest,
        };
        view.folds = Folds::from(FoldBase::Depth(now.saturating_add_signed(by).min(deepest)));
    });
}

/// Only this span and what is under it.
pub(super) fn focus(page: &mut Page, address: Option<SpanAddress>) {
    page.change(true, |view| {
        view.focus = address;
        view.zoom = None;
    });
}

pub(super) fn zoom_to_cursor(page: &mut Page) {
    if let Some(address) = page.data.address(page.cursor) {
        zoom_to(page, address);
    }
}

/// A window around a span, with a little room on either side.
pub(super) fn zoom_to(page: &mut Page, address: SpanAddress) {
    let Some(n) = page.data.columns.find(address).map(|n| n as usize) else { return };
    let (start, end) = (page.data.times.start[n], page.data.times.end[n]);
    let room = (end.saturating_sub(start) / 20).max(1);
    page.change(true, |view| view.zoom = Some((start.saturating_sub(room).max(0), end.saturating_add(room))));
}

/// Closes what was opened last: the panel, the search, the zoom, the focus.
pub(super) fn escape(page: &mut Page) {
    page.change(true, |view: &mut View| {
        if view.span.is_some() {
            view.span = None;
        } else if !view.query.is_empty() {
            view.query.clear();
        } else if view.zoom.is_some() {
            view.zoom = None;
        } else {
            view.focus = None;
        }
    });
}

pub(super) fn tab(page: &mut Page, tab: Tab) {
    page.change(true, |view| view.tab = tab);
}

/// Makes the tools say what the view is.
pub(super) fn show_tools(page: &mut Page) {
    let view = &page.view;
    for (id, on) in [("crit", view.critical), ("skew", view.shift), ("lines", !view.without_lines)] {
        if let Some(button) = by_id(id) {
            set(&button, "aria-pressed", if on { "true" } else { "false" });
        }
    }
    each("[data-tab]", |tab| match tab.get_attribute("data-tab").as_deref() == Some(view.tab.as_str()) {
        true => set(tab, "aria-current", "page"),
        false => unset(tab, "aria-current"),
    });
    each("[data-service]", |service| {
        let name = service.get_attribute("data-service").unwrap_or_default();
        set(service, "aria-pressed", if view.services.contains(&name) { "true" } else { "false" });
    });
    let class: String = ["trace view-", view.tab.as_str()].concat();
    page.parts.root.set_class_name(&class);
    for (name, on) in
        [("data-zoomed", view.zoom.is_some()), ("data-focused", view.focus.is_some()), ("data-filtered", !view.services.is_empty())]
    {
        match on {
            true => set(&page.parts.root, name, ""),
            false => unset(&page.parts.root, name),
        }
    }
    if let Some(input) = search_box().filter(|input| input.value() != view.query) {
        input.set_value(&view.query);
        super::search::run(page, false);
    }
}

pub(super) fn search_box() -> Option<web_sys::HtmlInputElement> {
    document().query_selector("#search input[name=q]").ok()??.dyn_into().ok()
}

fn each(selector: &str, mut work: impl FnMut(&HtmlElement)) {
    let Ok(found) = document().query_selector_all(selector) else { return };
    for n in 0..found.length() {
        if let Some(element) = found.get(n).and_then(|node| node.dyn_into::<HtmlElement>().ok()) {
            work(&element);
        }
    }
}
