//! Live tail: lines appear above the list as they arrive. While the reader scrolls or selects, they wait, and it says how many.
//! The server draws them, and sends what a slow reader missed as a number.

use crate::dom::{first, fresh, number_of, on, text_of};
use leptos::prelude::*;
use std::collections::VecDeque;
use wasm_bindgen::JsCast;
use web_sys::{EventSource, HtmlElement, MessageEvent};

/// Lines that wait at most; older ones count as skipped.
const WAITING: u32 = 2_000;

/// Lines in the page at most.
const KEPT: u32 = 5_000;

/// Pixels the list may be scrolled and still be at its top.
const SLACK: f64 = 8.0;

/// `url` sends lines that arrive after the `seq` of the page's own (`0`: from now on).
#[island]
pub fn Tail(url: String, after: u64) -> impl IntoView {
    let waiting = RwSignal::new(0_u32);
    let skipped = RwSignal::new(0_u64);
    let seen = RwSignal::new(0_u64);
    let paused = RwSignal::new(false);
    let connected = RwSignal::new(false);
    // Drawn lines and how many they are, oldest first.
    let queue = StoredValue::new(VecDeque::<(String, u32)>::new());

    let flush = move || {
        let lines: Vec<String> = queue.try_update_value(|queue| queue.drain(..).map(|(html, _)| html).collect()).unwrap_or_default();
        waiting.set(0);
        if let (false, Some(list)) = (lines.is_empty(), list()) {
            // The newest stand first.
            let html: String = lines.into_iter().rev().collect();
            let _ = list.insert_adjacent_html("afterbegin", &html);
            shorten(&list);
            fresh(&list);
        }
    };
    let settle = move || {
        if !paused.get_untracked() && !is_reading() && waiting.get_untracked() > 0 {
            flush();
        }
    };
    Effect::new(move |_| {
        let from = if after > 0 { ["&after=", &after.to_string()].concat() } else { String::new() };
        let Ok(source) = EventSource::new(&[url.as_str(), &from].concat()) else { return };
        on(&source, "open", move |_| connected.set(true));
        on(&source, "error", move |_| connected.set(false));
        on(&source, "message", move |event| {
            let data = event.dyn_ref::<MessageEvent>().and_then(|event| event.data().as_string());
            let Some(message) = data.and_then(|data| js_sys::JSON::parse(&data).ok()) else { return };
            let count = number_of(&message, "count") as u32;
            skipped.update(|n| *n += number_of(&message, "skipped") as u64);
            seen.update(|n| *n += u64::from(count));
            if let Some(rows) = text_of(&message, "rows") {
                queue.update_value(|queue| queue.push_back((rows, count)));
                waiting.update(|n| *n += count);
            }
            while waiting.get_untracked() > WAITING {
                let Some(lost) = queue.try_update_value(|queue| queue.pop_front()).flatten() else { break };
                waiting.update(|n| *n -= lost.1);
                skipped.update(|n| *n += u64::from(lost.1));
            }
            settle();
        });
        on(&window(), "scroll", move |_| settle());
        on(&document(), "selectionchange", move |_| settle());
    });
    let show = move |_| {
        paused.set(false);
        if let Ok(Some(selection)) = window().get_selection() {
            let _ = selection.remove_all_ranges();
        }
        flush();
        if let Some(list) = list() {
            list.scroll_into_view();
        }
    };
    let state = move || match (connected.get(), paused.get()) {
        (false, _) => "connecting …",
        (true, true) => "paused",
        (true, false) => "live",
    };
    view! {
        <div class="tail needs-js" class:off=move || !connected.get() || paused.get()>
            <span class="dot" aria-hidden="true"></span>
            <span role="status">{state}</span>
            <button type="button" class="button quiet" on:click=move |_| { paused.update(|p| *p = !*p); settle(); }>
                {move || if paused.get() { "Go on" } else { "Pause" }}
            </button>
            <span class="muted" class:gone=move || seen.get() == 0>{move || seen.get().to_string()}" arrived"</span>
            <span class="warn" class:gone=move || skipped.get() == 0 title="More arrived than could be shown: search for them">{move || skipped.get().to_string()}" skipped"</span>
            <button type="button" class="button primary" class:gone=move || waiting.get() == 0 on:click=show>{move || waiting.get().to_string()}" new"</button>
        </div>
    }
}

/// Where new lines go.
fn list() -> Option<HtmlElement> {
    let page = document().document_element()?;
    first(&page, ".endless table.lines tbody").or_else(|| first(&page, ".endless ol"))
}

/// Whether new lines would move what the reader looks at.
fn is_reading() -> bool {
    let selects = window().get_selection().ok().flatten().is_some_and(|selection| !selection.is_collapsed());
    selects || list().is_some_and(|list| list.get_bounding_client_rect().top() < -SLACK)
}

/// Takes the oldest lines away when there are too many, and with them what was below.
fn shorten(list: &HtmlElement) {
    if list.child_element_count() <= KEPT {
        return;
    }
    while list.child_element_count() > KEPT {
        match list.last_element_child() {
            Some(last) => last.remove(),
            None => break,
        }
    }
    // A link to the next page would leave out what was taken away.
    if let Ok(Some(around)) = list.closest(".endless") {
        while let Some(nav) = first(&around, "a[rel=next]").and_then(|link| link.closest("nav").ok().flatten()) {
            nav.remove();
        }
    }
}
