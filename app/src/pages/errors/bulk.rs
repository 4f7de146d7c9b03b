//! What can be done to the ticked groups, by buttons and by keys.

use super::Asked;
use crate::ui::error::{SNOOZES, act};
use crate::ui::keys::{Keys, sheet};
use leptos::prelude::*;

/// The bar above the rows. The first button of a form is the one that Enter presses: it does nothing.
pub(super) fn bar(asked: &Asked) -> AnyView {
    let snoozes = SNOOZES.map(|(value, text)| {
        let text = if value.ends_with("more") { format!("until {text}") } else { format!("for {text}") };
        view! { <option value=value>{text}</option> }
    });
    view! {
        <div class="e-bulk" role="group" aria-label="Do to the ticked">
            <button class="sr" name="action" value="" tabindex="-1" aria-hidden="true">"Nothing"</button>
            <label class="needs-js"><input type="checkbox" data-tick-all="" aria-label="Tick all on this page"/></label>
            <span class="muted" data-ticked="">"Ticked:"</span>
            {act("resolve", "Resolve", "It is done: it is regressed if it comes back (e)", "button")}
            {act("mute", "Mute", "Not to be seen again (m)", "button")}
            <span class="pair">
                <select class="input" name="for" id="snooze-for" aria-label="Snooze for">{snoozes.collect_view()}</select>
                {act("snooze", "Snooze", "Not to be seen for a while (s)", "button")}
            </span>
            <span class="pair">
                <input class="input" name="who" id="who" maxlength="80" autocomplete="off" placeholder="nobody" value=asked.visitor.clone() aria-label="Assign to"/>
                {act("assign", "Assign", "This person deals with it; empty: nobody (a)", "button")}
            </span>
            {act("reopen", "Reopen", "Active again (r)", "button quiet")}
        </div>
    }
    .into_any()
}

/// Of the inbox and of a group's page.
const KEYS: Keys = &[
    (&["j", "k"], "Next, previous error"),
    (&["o", "Enter"], "Open it"),
    (&["x"], "Tick it"),
    (&["e"], "Resolve: what is ticked, else this one"),
    (&["m"], "Mute"),
    (&["s"], "Snooze: choose how long, then Enter"),
    (&["a"], "Assign: type a name, then Enter"),
    (&["r"], "Reopen"),
    (&["[", "]"], "Previous, next page; newer, older occurrence"),
    (&["/"], "Search"),
    (&["g", "e"], "Errors"),
    (&["t"], "Dark or light"),
    (&["?"], "This sheet"),
];

/// The keys of the inbox and of a group's page; `?` opens the sheet.
pub(crate) fn keys() -> AnyView {
    sheet("error-keys", "Keyboard, among errors", KEYS)
}
