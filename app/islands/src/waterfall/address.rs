//! The view and the address of the page, both ways.

use leptos::prelude::window;
use model::waterfall::View;
use wasm_bindgen::JsValue;

/// The view the address asks for.
pub(super) fn read() -> View {
    let search = window().location().search().unwrap_or_default();
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in search.trim_start_matches('?').split('&') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        pairs.push((name.to_owned(), decoded(value)));
    }
    View::read(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// The query string of a view; empty if all is as at first.
pub(super) fn query(view: &View) -> String {
    let mut text = String::new();
    for (name, value) in view.pairs() {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        text.push_str(&encoded(&value));
    }
    text
}

/// Puts the view in the address: as a new entry of the history if it is a step one may want back.
pub(super) fn write(view: &View, step: bool) {
    let location = window().location();
    let mut address = location.pathname().unwrap_or_default();
    address.push_str(&query(view));
    let Ok(history) = window().history() else { return };
    let _ = match step {
        true => history.push_state_with_url(&JsValue::NULL, "", Some(&address)),
        false => history.replace_state_with_url(&JsValue::NULL, "", Some(&address)),
    };
}

/// As the server writes it: a space is `+`, and `:`, `/`, `@` stay readable.
fn encoded(text: &str) -> String {
    let text = String::from(js_sys::encode_uri_component(text));
    text.replace("%20", "+").replace("%3A", ":").replace("%2F", "/").replace("%40", "@")
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    js_sys::decode_uri_component(&text).map(String::from).unwrap_or(text)
}
