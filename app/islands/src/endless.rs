//! A list without end: the links to the pages before and after are followed as the reader comes near them, and lines are opened in
//! their place. The server draws what is put there.

use crate::dom::{first, fresh, on, text};
use leptos::html::Div;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlElement};

/// Pixels ahead of the reader that a page is asked for.
const AHEAD: f64 = 900.0;

/// Goes around the lines and the links around them. A link's `data-rows` is what to put in its place. `search`: the query string of
/// what opened lines lead to; of this page if it is empty.
#[island]
pub fn Endless(search: String, children: Children) -> impl IntoView {
    let around = NodeRef::<Div>::new();
    Effect::new(move |_| {
        let Some(list) = around.get() else { return };
        let list: HtmlElement = list.unchecked_into();
        let inside = list.clone();
        let search = search.clone();
        on(&list, "toggle", move |event| opened(&inside, &event, &search));
        let (inside, mut before) = (list.clone(), scrolled());
        on(&window(), "scroll", move |_| {
            let up = scrolled() < before;
            before = scrolled();
            follow(&inside, if up { "prev" } else { "next" });
        });
        follow(&list, "next");
    });
    view! { <div class="endless" node_ref=around>{children()}</div> }
}

/// How far the page is scrolled.
fn scrolled() -> f64 {
    window().scroll_y().unwrap_or_default()
}

/// Loads the page behind a link if the reader is near it.
fn follow(list: &HtmlElement, rel: &'static str) {
    let Some(link) = first(list, &["a[rel=", rel, "][data-rows]:not([data-busy])"].concat()) else { return };
    let bounds = link.get_bounding_client_rect();
    let height = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or_default();
    if bounds.top() > height + AHEAD || bounds.bottom() < -AHEAD {
        return;
    }
    let (Some(url), Ok(Some(nav))) = (link.get_attribute("data-rows"), link.closest("nav")) else { return };
    let _ = link.set_attribute("data-busy", "");
    let list = list.clone();
    spawn_local(async move {
        // What cannot be loaded stays a link.
        let Some(html) = text(&url).await else { return };
        let before = list.offset_height();
        let _ = nav.insert_adjacent_html("beforebegin", &html);
        nav.remove();
        fresh(&list);
        if rel == "prev" {
            // What the reader looks at stays where it is.
            window().scroll_by_with_x_and_y(0.0, f64::from(list.offset_height() - before));
        } else {
            follow(&list, rel);
        }
    });
}

/// A line was opened: what is inside is asked for once.
fn opened(list: &HtmlElement, event: &Event, search: &str) {
    let Some(line) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else { return };
    let Some(at) = line.get_attribute("data-at") else { return };
    if !line.has_attribute("open") || line.has_attribute("data-full") {
        return;
    }
    let Some(inside) = first(&line, ".inside") else { return };
    let _ = line.set_attribute("data-full", "");
    let list = list.clone();
    let search = if search.is_empty() { window().location().search().unwrap_or_default() } else { search.to_owned() };
    spawn_local(async move {
        match text(&["/api/logs/line/", &at, "/panel", &search].concat()).await {
            Some(html) => inside.set_inner_html(&html),
            None => drop(line.remove_attribute("data-full")),
        }
        fresh(&list);
    });
}
