//! Sheets of keys.

use leptos::prelude::*;

/// Keys, and what they do.
pub type Keys = &'static [(&'static [&'static str], &'static str)];

/// A sheet that `?` opens.
pub fn sheet(id: &'static str, title: &'static str, keys: Keys) -> AnyView {
    let row = |(names, meaning): &(&'static [&'static str], &'static str)| {
        let names = names.iter().map(|name| view! { <kbd>{*name}</kbd>" " }).collect_view();
        view! { <dt>{names}</dt><dd>{*meaning}</dd> }
    };
    let (titled, by) = (format!("{id}-title"), format!("{id}-title"));
    view! {
        <dialog id=id class="keys" aria-labelledby=by>
            <header>
                <h2 id=titled>{title}</h2>
                <form method="dialog"><button class="button quiet">"Close"</button></form>
            </header>
            <dl>{keys.iter().map(row).collect_view()}</dl>
        </dialog>
    }
    .into_any()
}
