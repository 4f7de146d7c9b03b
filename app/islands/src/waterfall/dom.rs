//! The few calls of the DOM that the trace page makes, without their ceremony. What can only fail for a name that is not one
//! does nothing.

use crate::dom::answer;
pub(super) use crate::dom::{fresh, on, text};
pub(super) use crate::percent::percent;
use leptos::prelude::{document, window};
use std::cell::RefCell;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{CanvasRenderingContext2d, Element, Event, HtmlCanvasElement, HtmlElement};

pub(super) fn by_id(id: &str) -> Option<HtmlElement> {
    document().get_element_by_id(id)?.dyn_into().ok()
}

pub(super) fn make(tag: &str, class: &str) -> HtmlElement {
    let element = document().create_element(tag).expect("a tag's name is one").unchecked_into::<HtmlElement>();
    element.set_class_name(class);
    element
}

pub(super) fn set(element: &Element, name: &str, value: &str) {
    let _ = element.set_attribute(name, value);
}

pub(super) fn unset(element: &Element, name: &str) {
    let _ = element.remove_attribute(name);
}

pub(super) fn style(element: &HtmlElement, name: &str, value: &str) {
    let _ = element.style().set_property(name, value);
}

/// Shows or hides without changing how it is laid out when shown.
pub(super) fn show(element: &HtmlElement, shown: bool) {
    element.set_hidden(!shown);
}

pub(super) fn add(parent: &Element, child: &Element) {
    let _ = parent.append_child(child);
}

/// The nearest ancestor (or the element itself) that the selector names.
pub(super) fn closest(event: &Event, selector: &str) -> Option<Element> {
    event.target()?.dyn_into::<Element>().ok()?.closest(selector).ok()?
}

/// A count with thin groups of three, as the server writes it.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `1 error`, `2 errors`.
pub(super) fn plural(n: u64, one: &str, many: &str) -> String {
    [count(n).as_str(), if n == 1 { one } else { many }].join(" ")
}

thread_local! {
    static FRAME: RefCell<Option<Closure<dyn FnMut()>>> = const { RefCell::new(None) };
}

/// Calls [`super::page::frame`] before the next paint.
pub(super) fn request_frame() {
    FRAME.with_borrow_mut(|frame| {
        let callback = frame.get_or_insert_with(|| Closure::new(super::page::frame));
        let _ = window().request_animation_frame(callback.as_ref().unchecked_ref());
    });
}

/// Calls once after so many milliseconds.
pub(super) fn after(milliseconds: i32, call: impl FnOnce() + 'static) {
    let callback = Closure::once_into_js(call);
    let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(callback.unchecked_ref(), milliseconds);
}

/// A canvas that is as sharp as the screen, and its pen scaled to CSS pixels. `None` while it has no size.
pub(super) fn pen(canvas: &HtmlCanvasElement) -> Option<(CanvasRenderingContext2d, f64, f64)> {
    let (width, height) = (f64::from(canvas.client_width()), f64::from(canvas.client_height()));
    if width < 1.0 || height < 1.0 {
        return None;
    }
    let ratio = window().device_pixel_ratio();
    let (w, h) = ((width * ratio) as u32, (height * ratio) as u32);
    if (canvas.width(), canvas.height()) != (w, h) {
        canvas.set_width(w);
        canvas.set_height(h);
    }
    let pen: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    let _ = pen.set_transform(ratio, 0.0, 0.0, ratio, 0.0, 0.0);
    pen.clear_rect(0.0, 0.0, width, height);
    Some((pen, width, height))
}

/// The value of a custom property, as the theme has it now.
pub(super) fn token(name: &str) -> String {
    let root = document().document_element();
    let style = root.and_then(|root| window().get_computed_style(&root).ok()?);
    style.and_then(|style| style.get_property_value(name).ok()).unwrap_or_default().trim().to_owned()
}

/// The bytes of an answer if it went well.
pub(super) async fn bytes(url: &str) -> Option<Vec<u8>> {
    let response = answer(url).await?;
    let buffer = wasm_bindgen_futures::JsFuture::from(response.array_buffer().ok()?).await.ok()?;
    Some(js_sys::Uint8Array::new(&buffer).to_vec())
}

/// Milliseconds of the page's clock, for nothing but pacing.
pub(super) fn now() -> f64 {
    js_sys::Date::now()
}
