//! The flame graph on a canvas as large as what is in sight.

use super::dom::{add, make, on, pen, show, style, token};
use super::page::{Page, Stale, axis_head, replace, with};
use model::time::Human;
use model::waterfall::Flame;
use wasm_bindgen::JsCast;
use web_sys::{HtmlCanvasElement, HtmlElement, MouseEvent};

/// Height of a lane in CSS pixels.
const LANE: f64 = 20.0;

/// A span narrower than this has no text.
const TEXT: f64 = 34.0;

/// The layout and its elements; empty while another tab is shown.
#[derive(Default)]
pub(super) struct Graph {
    layout: Flame,
    scroll: Option<HtmlElement>,
    canvas: Option<HtmlCanvasElement>,
    tip: Option<HtmlElement>,
    hover: Option<u32>,
}

pub(super) fn mount(page: &mut Page) {
    let scroll = make("div", "f-scroll live");
    scroll.set_id("flame");
    for (name, value) in [("tabindex", "0"), ("role", "img"), ("aria-label", "Flame graph; the same spans are rows of the waterfall")] {
        super::dom::set(&scroll, name, value);
    }
    let (canvas, space, tip) = (make("canvas", "f-canvas"), make("div", "f-space"), make("div", "f-tip"));
    show(&tip, false);
    let layout = Flame::of(&page.data.tree, &page.data.times, page.focus());
    style(&space, "height", &[&(layout.lanes.len() as i32 * LANE as i32).to_string(), "px"].concat());
    [&canvas, &space].into_iter().for_each(|part| add(&scroll, part));
    replace(&page.parts.view, &[&axis_head("w-head f-head", None), &scroll, &tip]);
    on(&scroll, "scroll", |_| {
        with(|page| page.touch(Stale::default()));
    });
    on(&scroll, "mousemove", |event| {
        let event: MouseEvent = event.unchecked_into();
        with(|page| hover(page, Some(&event)));
    });
    on(&scroll, "mouseleave", |_| {
        with(|page| hover(page, None));
    });
    on(&scroll, "click", |event| {
        let event: MouseEvent = event.unchecked_into();
        with(|page| {
            if let Some(n) = at(page, &event) {
                let address = page.data.address(n);
                page.cursor = n;
                page.change(true, |view| view.span = address);
            }
        });
    });
    on(&scroll, "dblclick", |_| {
        with(super::actions::zoom_to_cursor);
    });
    page.flame = Graph { layout, scroll: Some(scroll), canvas: canvas.dyn_into().ok(), tip: Some(tip), hover: None };
}

pub(super) fn draw(page: &Page) {
    let graph = &page.flame;
    let (Some(canvas), Some(scroll)) = (&graph.canvas, &graph.scroll) else { return };
    let Some((pen, width, height)) = pen(canvas) else { return };
    let data = &page.data;
    let times = &data.times;
    let window = page.window;
    let colours: Vec<String> = (0..model::colour::COLOURS).map(|n| token(&["--svc-", &n.to_string()].concat())).collect();
    let [error, fg, text, faint] = ["--error", "--fg", "--bg-raised", "--line"].map(token);
    pen.set_font("12px system-ui, sans-serif");
    pen.set_text_baseline("middle");
    let scale = width / window.length();
    let x = |at: i64| (at as f64 - window.from as f64) * scale;
    let selected = page.selected();
    let filtered = !page.view.services.is_empty();
    let searched = !page.hits.is_empty();
    let top = f64::from(scroll.scroll_top());
    let first = (top / LANE) as usize;
    let last = ((top + height) / LANE) as usize + 1;
    for (lane, spans) in graph.layout.lanes.iter().enumerate().take(last).skip(first) {
        let y = lane as f64 * LANE - top;
        // To the right of what is drawn already, a pixel apart: a thousand spans in one pixel are drawn once, errors over them.
        let mut drawn = f64::MIN;
        let from = spans.partition_point(|&n| times.end[n as usize] < window.from);
        for &n in &spans[from..] {
            let at = n as usize;
            if times.start[at] > window.to {
                break;
            }
            let (left, right) = (x(times.start[at]).max(0.0), x(times.end[at]).min(width));
            let failed = data.columns.flags[at].is_error();
            let wide = (right - left).max(1.0);
            if left + wide < drawn + 0.75 && !failed {
                continue;
            }
            drawn = left + wide;
            let off = (filtered && !page.view.services.iter().any(|name| name == data.service(n))) || (searched && !page.found[at]);
            pen.set_global_alpha(if off { 0.3 } else { 1.0 });
            pen.set_fill_style_str(if off { &faint } else { &colours[data.colour(n) as usize] });
            let gap = if wide > 3.0 { 1.0 } else { 0.0 };
            pen.fill_rect(left, y + 1.0, wide - gap, LANE - 2.0);
            if failed {
                pen.set_fill_style_str(&error);
                pen.fill_rect(left, y + LANE - 4.0, wide - gap, 3.0);
            }
            if wide > TEXT {
                pen.set_fill_style_str(if off { &fg } else { &text });
                let fits = (wide / 6.5) as usize;
                let name: String = data.name(n).chars().take(fits).collect();
                let _ = pen.fill_text(&name, left + 4.0, y + LANE / 2.0);
            }
            if selected == Some(n) || graph.hover == Some(n) {
                pen.set_stroke_style_str(&fg);
                pen.set_line_width(if selected == Some(n) { 2.0 } else { 1.0 });
                pen.stroke_rect(left + 0.5, y + 1.5, (wide - gap - 1.0).max(1.0), LANE - 3.0);
            }
        }
    }
    pen.set_global_alpha(1.0);
}

/// The span under the pointer.
fn at(page: &Page, event: &MouseEvent) -> Option<u32> {
    let graph = &page.flame;
    let (canvas, scroll) = (graph.canvas.as_ref()?, graph.scroll.as_ref()?);
    let place = canvas.get_bounding_client_rect();
    let share = (f64::from(event.client_x()) - place.left()) / place.width();
    let lane = (f64::from(event.client_y()) - place.top() + f64::from(scroll.scroll_top())) / LANE;
    // Two pixels either side, so that the narrowest span can be hit.
    let slack = (page.window.length() / place.width() * 2.0) as i64;
    graph.layout.at(&page.data.times, lane as usize, page.window.at(share), slack)
}

fn hover(page: &mut Page, event: Option<&MouseEvent>) {
    let found = event.and_then(|event| at(page, event));
    if found != page.flame.hover {
        page.flame.hover = found;
        page.touch(Stale::default());
    }
    let Some(tip) = &page.flame.tip else { return };
    show(tip, found.is_some());
    if let (Some(n), Some(event)) = (found, event) {
        let data = &page.data;
        let [length, own] =
            [data.times.end[n as usize] - data.times.start[n as usize], data.self_times[n as usize]].map(|ns| Human(ns).to_string());
        tip.set_text_content(Some(&[data.service(n), " ", data.name(n), "\n", &length, ", ", &own, " of it its own"].concat()));
        let place = page.parts.view.get_bounding_client_rect();
        let x = (f64::from(event.client_x()) - place.left() + 12.0).min(place.width() - 260.0).max(0.0);
        style(tip, "left", &[&(x as i32).to_string(), "px"].concat());
        style(tip, "top", &[&((f64::from(event.client_y()) - place.top() + 14.0) as i32).to_string(), "px"].concat());
    }
}
