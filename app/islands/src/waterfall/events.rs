//! What the page listens to. A few listeners on the whole document: rows come and go, and none has its own.

use super::dom::{after, by_id, bytes, closest, now, on};
use super::page::{Stale, with};
use super::{actions, address, keys, map, panel, rows, search};
use leptos::prelude::{document, window};
use leptos::task::spawn_local;
use model::columns::decode;
use model::waterfall::{SortBy, Tab};
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlInputElement, KeyboardEvent, MouseEvent, PointerEvent};

pub(super) fn listen() {
    let document = document();
    on(&document, "keydown", |event| keys::press(event.unchecked_ref::<KeyboardEvent>()));
    on(&document, "click", |event| click(event.unchecked_ref::<MouseEvent>()));
    on(&document, "pointerdown", |event| map::press(event.unchecked_ref::<PointerEvent>()));
    on(&document, "pointermove", |event| map::drag(event.unchecked_ref::<PointerEvent>()));
    on(&document, "pointerup", |_| map::release());
    on(&document, "pointercancel", |_| map::release());
    on(&document, "dblclick", |event| {
        if closest(&event, "#map, #axis").is_some() {
            with(|page| page.change(true, |view| view.zoom = None));
        }
    });
    on(&document, "input", |event| input(&event));
    on(&document, "submit", |event| {
        // In the list of log lines the server searches.
        if closest(&event, "#search").is_some() && by_id("lines-tab").is_none() {
            event.prevent_default();
            with(|page| actions::next_hit(page, 1));
        }
    });
    let window = window();
    on(&window, "popstate", |_| {
        with(|page| {
            let before = std::mem::replace(&mut page.view, address::read());
            page.follow(&before);
        });
    });
    let redraw = |_: Event| {
        with(|page| page.touch(Stale { rows: true, map: true, zoom: true }));
    };
    on(&window, "resize", redraw);
    on(&window, "themechange", redraw);
}

fn input(event: &Event) {
    let Some(input) = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok()) else { return };
    if input.has_attribute("data-filter") {
        panel::filter(&input);
    } else if input.closest("#search").is_ok_and(|found| found.is_some()) {
        with(|page| {
            page.view.query = input.value();
            address::write(&page.view, false);
            search::run(page, true);
        });
    }
}

/// One click, whatever it is on. Links keep their address, so that they can be opened elsewhere, and only a plain click is
/// taken here.
fn click(event: &MouseEvent) {
    if event.default_prevented() || event.button() != 0 || event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key() {
        return;
    }
    if closest(event, "[data-keys]").is_some() {
        // The button of the frame opens the sheet of the whole product; here there is a better one.
        return;
    }
    if closest(event, "#lines-tab").is_none() && closest(event, "#trace").is_some() && on_trace(event) {
        event.prevent_default();
    }
}

fn on_trace(event: &MouseEvent) -> bool {
    if let Some(row) = closest(event, "[data-row-at]") {
        let Some(at) = rows::row_at(&row) else { return false };
        let fold = closest(event, ".w-fold").is_some();
        with(|page| {
            page.list.focus();
            match page.rows.rows.get(at).map(|row| row.node) {
                Some(node) if fold => {
                    page.cursor = node;
                    actions::toggle(page, node);
                }
                _ => actions::open_row(page, at),
            }
        });
        return true;
    }
    let Some(control) = closest(event, "a, button") else { return false };
    let has = |name: &str| control.has_attribute(name);
    let value = |name: &str| control.get_attribute(name).unwrap_or_default();
    with(|page| {
        if has("data-tab") {
            let tab = Tab::ALL.into_iter().find(|tab| tab.as_str() == value("data-tab"));
            actions::tab(page, tab.unwrap_or_default());
        } else if has("data-fold") {
            actions::fold(page, &value("data-fold"));
        } else if has("data-service") {
            toggle_service(page, &value("data-service"));
        } else if has("data-hit") {
            actions::next_hit(page, if value("data-hit") == "1" { 1 } else { -1 });
        } else if has("data-next-error") {
            actions::next_error(page, 1);
        } else if has("data-sort") {
            let sort = SortBy::ALL.into_iter().find(|sort| sort.as_str() == value("data-sort"));
            page.change(false, |view| view.sort = sort.unwrap_or_default());
        } else if has("data-unzoom") {
            page.change(true, |view| view.zoom = None);
        } else if has("data-unfocus") {
            actions::focus(page, None);
        } else if has("data-close") {
            page.change(true, |view| view.span = None);
            page.list.focus();
        } else if has("data-raw") {
            page.change(true, |view| view.raw = !value("data-raw").is_empty());
        } else if has("data-focus") {
            actions::focus(page, value("data-focus").parse().ok());
        } else if has("data-zoom") {
            if let Ok(id) = value("data-zoom").parse() {
                actions::zoom_to(page, id);
            }
        } else if has("data-span") {
            if let Ok(id) = value("data-span").parse() {
                actions::open_span(page, id);
            }
        } else {
            return id_click(page, &control);
        }
        true
    })
    .unwrap_or_default()
}

fn id_click(page: &mut super::page::Page, control: &Element) -> bool {
    match control.id().as_str() {
        "crit" => page.change(false, |view| view.critical ^= true),
        "skew" => page.change(false, |view| view.shift ^= true),
        "lines" => page.change(false, |view| view.without_lines ^= true),
        _ => return false,
    }
    true
}

fn toggle_service(page: &mut super::page::Page, name: &str) {
    page.change(true, |view| match view.services.iter().position(|chosen| chosen == name) {
        Some(at) => drop(view.services.remove(at)),
        None if name.is_empty() => view.services.clear(),
        None => view.services.push(name.to_owned()),
    });
}

/// While spans may still arrive: look again every few seconds, until nothing came for half a minute.
pub(super) fn look_again_later() {
    let Some(url) = with(|page| (page.look_until > now()).then(|| page.columns_url.clone())).flatten() else {
        if let Some(badge) = by_id("settled").filter(|badge| badge.class_name().contains("warn")) {
            badge.set_class_name("badge ok");
            badge.set_text_content(Some("settled"));
        }
        return;
    };
    after(3000, move || {
        spawn_local(async move {
            if let Some(columns) = bytes(&url).await.and_then(|bytes| decode(&bytes).ok()) {
                with(|page| {
                    if columns.last_received != page.data.columns.last_received {
                        page.look_until = now() + 30_000.0;
                    }
                    page.renew(columns);
                });
            }
            look_again_later();
        });
    });
}
