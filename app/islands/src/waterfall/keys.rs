//! The keys of the trace page. The sheet `#trace-keys` lists them.

use super::actions::{self, escape, focus, fold, left, level, next_error, next_hit, open_row, right, step, tab, zoom_to_cursor};
use super::dom::by_id;
use super::page::{Page, with};
use model::waterfall::Tab;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlDialogElement, HtmlElement, KeyboardEvent};

/// A key went down anywhere on the page.
pub(super) fn press(event: &KeyboardEvent) {
    if event.ctrl_key() || event.meta_key() || event.alt_key() || event.default_prevented() {
        return;
    }
    let key = event.key();
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let inside = |selector: &str| target.as_ref().is_some_and(|target| target.closest(selector).is_ok_and(|found| found.is_some()));
    if inside("dialog") {
        return;
    }
    if inside("input, textarea, select") {
        if key == "Escape" {
            if let Some(input) = target.and_then(|target| target.dyn_into::<HtmlElement>().ok()) {
                let _ = input.blur();
            }
            with(|page| page.list.focus());
        }
        return;
    }
    // Enter and space on a link or button are that link's or button's.
    let control = inside("a, button, summary") && !inside("#rows");
    let used = match key.as_str() {
        "Enter" | " " if control => false,
        "?" => sheet(),
        "y" => click("copy-link"),
        "/" => match actions::search_box() {
            Some(input) => {
                let _ = input.focus();
                input.select();
                true
            }
            None => false,
        },
        _ => with(|page| on_page(page, &key)).unwrap_or_default(),
    };
    if used {
        event.prevent_default();
        event.stop_propagation();
    }
}

fn on_page(page: &mut Page, key: &str) -> bool {
    let page_of_rows = 20;
    match key {
        "j" | "ArrowDown" => step(page, 1),
        "k" | "ArrowUp" => step(page, -1),
        "PageDown" => step(page, page_of_rows),
        "PageUp" => step(page, -page_of_rows),
        "Home" => step(page, isize::MIN / 2),
        "End" => step(page, isize::MAX / 2),
        "l" | "ArrowRight" => right(page),
        "h" | "ArrowLeft" => left(page),
        "Enter" | " " => {
            if let Some(row) = page.rows.row_of(&page.data.tree, page.cursor) {
                open_row(page, row);
            }
        }
        "Escape" => escape(page),
        "e" => next_error(page, 1),
        "E" => next_error(page, -1),
        "n" => next_hit(page, 1),
        "N" => next_hit(page, -1),
        "[" => fold(page, "all"),
        "]" => fold(page, "none"),
        "o" => level(page, -1),
        "p" => level(page, 1),
        "c" => page.change(false, |view| view.critical ^= true),
        "f" => {
            let address = page.data.address(page.cursor);
            focus(page, if page.view.focus == address { None } else { address });
        }
        "z" => zoom_to_cursor(page),
        "Z" => page.change(true, |view| view.zoom = None),
        "1" => tab(page, Tab::Waterfall),
        "2" => tab(page, Tab::Flame),
        "3" => tab(page, Tab::Table),
        "4" => tab(page, Tab::Logs),
        "L" => page.change(false, |view| view.without_lines ^= true),
        _ => return false,
    }
    true
}

fn click(id: &str) -> bool {
    let Some(button) = by_id(id) else { return false };
    button.click();
    true
}

/// Opens or closes the sheet of keys.
fn sheet() -> bool {
    let Some(sheet) = by_id("trace-keys").and_then(|sheet| sheet.dyn_into::<HtmlDialogElement>().ok()) else { return false };
    match sheet.open() {
        true => sheet.close(),
        false => drop(sheet.show_modal()),
    }
    true
}
