//! The few icons, drawn inline so that they take the colour of their text.

use leptos::prelude::*;

/// Clew's mark: a ball of thread.
#[component]
pub fn Mark() -> impl IntoView {
    view! {
        <svg viewBox="0 0 32 32" fill="none" stroke-width="2.6" stroke-linecap="round" aria-hidden="true">
            <circle cx="14" cy="14" r="11"/>
            <path d="M5 9c6 1 13 6 16 14M4 15c5 0 10 3 13 9.500M10 4c7 2 12 7 14.5 13M17 3.500c3 1.5 5.5 4 7 7M9 24c4 4 10 5 20 4"/>
        </svg>
    }
}

/// An icon by its path, 24 units square, hidden from screen readers: its button has a label.
#[component]
fn Drawn(d: &'static str) -> impl IntoView {
    view! { <svg viewBox="0 0 24 24" aria-hidden="true"><path d=d/></svg> }
}

#[component]
pub fn Theme() -> impl IntoView {
    view! { <Drawn d="M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z"/> }
}

#[component]
pub fn Copy() -> impl IntoView {
    view! { <Drawn d="M9 9h11v11H9zM5 15H4V4h11v1"/> }
}

#[component]
pub fn Calendar() -> impl IntoView {
    view! { <Drawn d="M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z"/> }
}

#[component]
pub fn Link() -> impl IntoView {
    view! { <Drawn d="M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.7-5.700l-1.6 1.600M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 5.7 5.700l1.6-1.6"/> }
}
