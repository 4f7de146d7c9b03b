//! The few calls of the DOM that islands share, without their ceremony. What can only fail for a name that is not one does nothing.

use leptos::prelude::window;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CustomEvent, CustomEventInit, Element, Event, EventTarget, HtmlElement};

/// The first element that the selector names.
pub(crate) fn first(inside: &Element, selector: &str) -> Option<HtmlElement> {
    inside.query_selector(selector).ok()??.dyn_into().ok()
}

/// Listens for as long as the page lives.
pub(crate) fn on(target: &EventTarget, name: &str, handler: impl FnMut(Event) + 'static) {
    let closure = Closure::<dyn FnMut(Event)>::new(handler);
    // Captured, so that events that do not bubble come here from what is inside.
    let _ = target.add_event_listener_with_callback_and_bool(name, closure.as_ref().unchecked_ref(), name == "toggle");
    closure.forget();
}

/// The text of a promise's answer if it went well.
pub(crate) async fn text(url: &str) -> Option<String> {
    let response = answer(url).await?;
    wasm_bindgen_futures::JsFuture::from(response.text().ok()?).await.ok()?.as_string()
}

pub(crate) async fn answer(url: &str) -> Option<web_sys::Response> {
    let response: JsValue = wasm_bindgen_futures::JsFuture::from(window().fetch_with_str(url)).await.ok()?;
    response.dyn_into::<web_sys::Response>().ok().filter(web_sys::Response::ok)
}

/// Tells `page.js` that there is something new in an element, for the moments in it.
pub(crate) fn fresh(element: &Element) {
    let init = CustomEventInit::new();
    init.set_bubbles(true);
    if let Ok(event) = CustomEvent::new_with_event_init_dict("fresh", &init) {
        let _ = element.dispatch_event(&event);
    }
}

/// A field of an object.
pub(crate) fn field(of: &JsValue, name: &str) -> Option<JsValue> {
    js_sys::Reflect::get(of, &JsValue::from_str(name)).ok()
}

pub(crate) fn text_of(of: &JsValue, name: &str) -> Option<String> {
    field(of, name)?.as_string()
}

pub(crate) fn number_of(of: &JsValue, name: &str) -> f64 {
    field(of, name).and_then(|value| value.as_f64()).unwrap_or_default()
}
