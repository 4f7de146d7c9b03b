//! The minimap: a canvas that is drawn when the rows change, and over it the window that is shown, which only moves.

use super::dom::{add, by_id, make, pen, percent, show, style, token};
use super::page::{Page, with};
use model::waterfall::{Cell, Tab, Window, minimap};
use wasm_bindgen::JsCast;
use web_sys::{HtmlCanvasElement, HtmlElement, PointerEvent};

/// A pointer that moved less, in pixels, clicked.
const CLICK: f64 = 4.0;

/// The elements, and the drag that is going on.
#[derive(Default)]
pub(super) struct Map {
    canvas: Option<HtmlCanvasElement>,
    /// What of the trace is not in the window, left and right.
    left: Option<HtmlElement>,
    right: Option<HtmlElement>,
    chosen: Option<HtmlElement>,
    drag: Option<Drag>,
}

/// A drag over the minimap or the axis, in pixels of the screen.
#[derive(Clone, Copy)]
struct Drag {
    from: f64,
    to: f64,
    y: f64,
    /// Over the axis, whose width is the window, not the whole trace.
    axis: bool,
}

pub(super) fn mount(page: &mut Page) {
    let Some(place) = by_id("map") else { return };
    let canvas = make("canvas", "m-canvas");
    let parts = ["m-out left", "m-out right", "m-chosen"].map(|class| make("div", class));
    add(&place, &canvas);
    parts.iter().for_each(|part| add(&place, part));
    let [left, right, chosen] = parts;
    show(&chosen, false);
    page.map = Map { canvas: canvas.dyn_into().ok(), left: Some(left), right: Some(right), chosen: Some(chosen), drag: None };
}

/// Draws the window, and the picture too if `picture`.
pub(super) fn draw(page: &Page, picture: bool) {
    let map = &page.map;
    let whole = whole(page);
    let window = page.window;
    let (from, to) = (whole.share(window.from).clamp(0.0, 1.0), whole.share(window.to).clamp(0.0, 1.0));
    if let (Some(left), Some(right)) = (&map.left, &map.right) {
        style(left, "width", &percent(from * 100.0));
        style(right, "width", &percent((1.0 - to) * 100.0));
    }
    let Some(canvas) = map.canvas.as_ref().filter(|_| picture) else { return };
    let Some((pen, width, height)) = pen(canvas) else { return };
    let (w, h) = (width as usize, height as usize);
    let data = &page.data;
    let cells = minimap(&data.columns, &data.tree, &data.times, &page.rows, w, h);
    let colours: Vec<String> = (0..model::colour::COLOURS).map(|n| token(&["--svc-", &n.to_string()].concat())).collect();
    let error = token("--error");
    let thick = (height / page.rows.len().max(1) as f64 * 0.6).clamp(1.0, 5.0);
    for (y, line) in cells.chunks(w.max(1)).enumerate() {
        let mut x = 0;
        for run in line.chunk_by(|a, b| a == b) {
            let colour = match run[0] {
                Cell::Empty => None,
                Cell::Error => Some(&error),
                Cell::Service(service) => colours.get(data.colours[service as usize] as usize),
            };
            if let Some(colour) = colour {
                pen.set_fill_style_str(colour);
                pen.fill_rect(x as f64, y as f64 - thick / 2.0, run.len() as f64, thick);
            }
            x += run.len();
        }
    }
}

fn whole(page: &Page) -> Window {
    Window::of(None, page.data.times.extent())
}

/// A drag begins, over the minimap or the axis.
pub(super) fn press(event: &PointerEvent) {
    let Some(axis) = place_of(event).map(|place| place.id() == "axis") else { return };
    if event.button() != 0 {
        return;
    }
    with(|page| {
        let x = f64::from(event.client_x());
        page.map.drag = Some(Drag { from: x, to: x, y: f64::from(event.client_y()), axis });
    });
}

/// The place of the page over which one drags to zoom.
fn place_of(event: &PointerEvent) -> Option<web_sys::Element> {
    super::dom::closest(event, "#map, #axis")
}

pub(super) fn drag(event: &PointerEvent) {
    with(|page| {
        let Some(drag) = &mut page.map.drag else { return };
        drag.to = f64::from(event.client_x());
        let drag = *drag;
        event.prevent_default();
        let (Some(window), Some(chosen)) = (dragged(page, drag), &page.map.chosen) else { return };
        let whole = whole(page);
        show(chosen, (drag.to - drag.from).abs() >= CLICK);
        style(chosen, "left", &percent(whole.share(window.from) * 100.0));
        style(chosen, "width", &percent((whole.share(window.to) - whole.share(window.from)) * 100.0));
    });
}

pub(super) fn release() {
    with(|page| {
        let Some(drag) = page.map.drag.take() else { return };
        if let Some(chosen) = &page.map.chosen {
            show(chosen, false);
        }
        if (drag.to - drag.from).abs() < CLICK {
            return click(page, drag);
        }
        if let Some(window) = dragged(page, drag) {
            page.change(true, |view| view.zoom = Some((window.from.max(0), window.to.max(window.from.max(0) + 1))));
        }
    });
}

/// The part of the trace a drag covers.
fn dragged(page: &Page, drag: Drag) -> Option<Window> {
    let place = by_id(if drag.axis { "axis" } else { "map" })?.get_bounding_client_rect();
    if place.width() < 1.0 {
        return None;
    }
    let over = if drag.axis { page.window } else { whole(page) };
    let at = |x: f64| over.at(((x - place.left()) / place.width()).clamp(0.0, 1.0));
    let (a, b) = (at(drag.from.min(drag.to)), at(drag.from.max(drag.to)));
    Some(Window { from: a, to: b.max(a.saturating_add(1)) })
}

/// A click on the minimap goes to the row that is there.
fn click(page: &mut Page, drag: Drag) {
    let Some(place) = by_id("map").filter(|_| !drag.axis && page.view.tab == Tab::Waterfall) else { return };
    let place = place.get_bounding_client_rect();
    let share = ((drag.y - place.top()) / place.height().max(1.0)).clamp(0.0, 0.999);
    let row = (share * page.rows.len() as f64) as usize;
    if let Some(node) = page.rows.rows.get(row).map(|row| row.node) {
        page.cursor = node;
        page.scroll_to(node);
    }
}
