//! The panel of the open span: the server draws it, as it does for the page, and it is put in its place here.

use super::address::query;
use super::dom::{after, fresh, set, text, unset};
use super::page::{Page, with};
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlInputElement};

/// Counts what was asked for: an answer that was overtaken is thrown away.
#[derive(Default)]
pub(super) struct State {
    asked: u32,
}

/// Makes the panel fit the view's span.
pub(super) fn open(page: &mut Page) {
    page.panel.asked += 1;
    let asked = page.panel.asked;
    let Some(address) = page.view.span else {
        page.parts.detail.set_text_content(None);
        return;
    };
    set(&page.parts.detail, "aria-busy", "true");
    let mut url = [&page.api, "/spans/", &address.to_string(), "/panel"].concat();
    url.push_str(&query(&page.view));
    // A key held down runs through many spans; only the one it stops at is asked for.
    after(40, move || {
        if with(|page| page.panel.asked == asked) != Some(true) {
            return;
        }
        spawn_local(async move {
            let html = text(&url).await;
            with(|page| {
                if page.panel.asked != asked {
                    return;
                }
                let detail = &page.parts.detail;
                unset(detail, "aria-busy");
                match html {
                    Some(html) => detail.set_inner_html(&html),
                    None => detail.set_text_content(Some("This span could not be read just now.")),
                }
                detail.set_scroll_top(0);
                fresh(detail);
            });
        });
    });
}

/// Hides the attributes that do not have the text in key or value.
pub(super) fn filter(input: &HtmlInputElement) {
    let wanted = input.value().to_lowercase();
    let Some(panel) = input.closest("#detail").ok().flatten() else { return };
    let Ok(rows) = panel.query_selector_all(".d-table tr") else { return };
    for n in 0..rows.length() {
        if let Some(row) = rows.get(n).and_then(|row| row.dyn_into::<HtmlElement>().ok()) {
            let text = row.text_content().unwrap_or_default().to_lowercase();
            row.set_hidden(!text.contains(&wanted));
        }
    }
    if let Ok(groups) = panel.query_selector_all("details.d-group") {
        for n in 0..groups.length() {
            if let Some(group) = groups.get(n).and_then(|group| group.dyn_into::<HtmlElement>().ok()).filter(|_| !wanted.is_empty()) {
                set(&group, "open", "");
            }
        }
    }
}
