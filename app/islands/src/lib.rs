//! The browser bundle: what HTML alone cannot do. Everything here reaches wasm, nothing else does.

mod dom;
mod endless;
mod histogram;
mod percent;
mod query_bar;
mod tail;
mod waterfall;

pub use endless::Endless;
pub use histogram::Brush;
pub use query_bar::QueryBar;
pub use tail::Tail;
pub use waterfall::Waterfall;

use leptos::prelude::*;

/// Called by the page's loader before it hydrates the islands one by one.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_islands();
}

/// Stands last on every page and says, as `<html data-awake>`, that the islands before it are live.
#[island]
pub fn Awake() -> impl IntoView {
    Effect::new(|_| {
        if let Some(html) = document().document_element() {
            // Only fails for a name that is not one.
            let _ = html.set_attribute("data-awake", "");
        }
    });
}
