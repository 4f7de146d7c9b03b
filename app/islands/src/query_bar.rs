//! The query box: a plain input of the form around it, with suggestions of keys and values, and the place of an error
//! marked while it is written. Suggestions come from `/api/keys` and `/api/values`.

use leptos::ev::KeyboardEvent;
use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;
use model::query::{Completing, completion, parse, value_text};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Suggestions shown at a time.
const SHOWN: usize = 12;

/// One suggestion.
#[derive(Clone, PartialEq)]
struct Hint {
    /// What is shown.
    label: String,
    /// What goes into the text.
    text: String,
    /// The kind of a key, or how often a value occurs.
    note: String,
}

/// The input. `range` is the page's time range as a query string: suggestions are what occurs in it.
#[island]
pub fn QueryBar(query: String, range: String) -> impl IntoView {
    let input = NodeRef::<Input>::new();
    let hints = RwSignal::new(Vec::<Hint>::new());
    let chosen = RwSignal::new(None::<usize>);
    let wrong = RwSignal::new(None::<(String, String, String)>);
    // Counts what was asked: an answer that is overtaken is thrown away.
    let asked = StoredValue::new(0_u32);
    // Bytes of the text that a suggestion replaces.
    let replace = StoredValue::new(0..0_usize);
    let range = StoredValue::new(range);

    let close = move || {
        asked.update_value(|n| *n += 1);
        hints.set(Vec::new());
        chosen.set(None);
    };
    let suggest = move || {
        let Some(element) = input.get_untracked() else { return };
        let text = element.value();
        wrong.set(error_in(&text));
        let done = completion(&text, caret(&element, &text));
        let url = match &done.completing {
            Completing::Nothing => return close(),
            Completing::Key { prefix } => format!("/api/keys?{}&prefix={}", range.get_value(), encoded(prefix)),
            Completing::Value { key, prefix } => {
                format!("/api/values?{}&key={}&prefix={}", range.get_value(), encoded(key), encoded(prefix))
            }
        };
        replace.set_value(done.replace);
        asked.update_value(|n| *n += 1);
        let this = asked.get_value();
        spawn_local(async move {
            let found = fetch(&url).await.map(|answer| read(&answer)).unwrap_or_default();
            if asked.get_value() == this {
                hints.set(found);
                chosen.set(None);
            }
        });
    };
    let accept = move |n: usize| {
        let (Some(element), Some(hint)) = (input.get_untracked(), hints.get_untracked().get(n).cloned()) else { return };
        let mut text = element.value();
        let range = replace.get_value();
        if text.get(range.clone()).is_none() {
            return close();
        }
        let after = text[range.end..].strip_prefix(':').map_or(range.end, |rest| text.len() - rest.len());
        let is_key = hint.text.ends_with(':');
        text.replace_range(range.start..if is_key { after } else { range.end }, &hint.text);
        let mut end = range.start + hint.text.len();
        if !is_key {
            if !text[end..].starts_with(' ') {
                text.insert(end, ' ');
            }
            end += 1;
        }
        element.set_value(&text);
        let at = text[..end].encode_utf16().count() as u32;
        // Fails only for inputs without a caret.
        let _ = element.set_selection_range(at, at);
        let _ = element.focus();
        suggest();
    };
    let key = move |event: KeyboardEvent| {
        let count = hints.get_untracked().len();
        let step = |by: isize| {
            chosen.update(|at| {
                *at = Some(at.map_or(if by > 0 { 0 } else { count - 1 }, |n| (n as isize + by).rem_euclid(count as isize) as usize))
            })
        };
        match event.key().as_str() {
            "ArrowDown" if count > 0 => step(1),
            "ArrowUp" if count > 0 => step(-1),
            "ArrowDown" => suggest(),
            "Escape" if count > 0 => close(),
            "Enter" | "Tab" if chosen.get_untracked().is_some() => accept(chosen.get_untracked().unwrap_or_default()),
            _ => return,
        }
        event.prevent_default();
    };
    let options = move || {
        let option = move |(n, hint): (usize, Hint)| {
            view! {
                <li role="option" id=format!("hint-{n}") aria-selected=move || if chosen.get() == Some(n) { "true" } else { "false" }
                    on:mousedown=move |event| { event.prevent_default(); accept(n) }>
                    <span class="truncate">{hint.label}</span><span class="muted">{hint.note}</span>
                </li>
            }
        };
        hints.get().into_iter().enumerate().map(option).collect_view()
    };
    view! {
        <div class="query-bar">
            <input class="input mono" type="text" name="q" value=query node_ref=input data-search="" autocomplete="off" autocapitalize="off" spellcheck="false"
                placeholder="service:checkout status:error duration:>500ms" aria-label="Query"
                role="combobox" aria-autocomplete="list" aria-controls="hints"
                aria-expanded=move || if hints.get().is_empty() { "false" } else { "true" }
                aria-activedescendant=move || chosen.get().map(|n| format!("hint-{n}"))
                on:input=move |_| suggest() on:click=move |_| suggest() on:keydown=key on:blur=move |_| close()/>
            <ul id="hints" class="hints" role="listbox" aria-label="Suggestions" class:open=move || !hints.get().is_empty()>{options}</ul>
            <p class="wrong" aria-live="polite" class:open=move || wrong.get().is_some() && hints.get().is_empty()>
                {move || wrong.get().map(|(before, at, message)| view! {
                    <span>{message}</span><code>{before}<mark>{at}</mark></code>
                })}
            </p>
        </div>
    }
}

/// The text before an error, the character at it, and what was expected there.
fn error_in(text: &str) -> Option<(String, String, String)> {
    let error = parse(text).err()?;
    let (before, rest) = text.split_at_checked(error.position)?;
    let at = rest.chars().next().filter(|c| !c.is_whitespace()).unwrap_or('\u{a0}');
    // The last of what was read right is enough to find the place.
    let skip = before.chars().count().saturating_sub(24);
    Some((before.chars().skip(skip).collect(), at.to_string(), error.message))
}

/// The caret as a byte offset of the text; browsers count UTF-16 units.
fn caret(element: &web_sys::HtmlInputElement, text: &str) -> usize {
    let Ok(Some(units)) = element.selection_start() else { return text.len() };
    let mut seen = 0;
    for (at, c) in text.char_indices() {
        if seen >= units as usize {
            return at;
        }
        seen += c.len_utf16();
    }
    text.len()
}

fn encoded(text: &str) -> String {
    js_sys::encode_uri_component(text).into()
}

/// The JSON at a URL; nothing if there is none.
async fn fetch(url: &str) -> Option<JsValue> {
    let answer = JsFuture::from(window().fetch_with_str(url)).await.ok()?;
    let answer: web_sys::Response = answer.dyn_into().ok()?;
    if !answer.ok() {
        return None;
    }
    JsFuture::from(answer.json().ok()?).await.ok()
}

/// `{"keys":[{"key","kind"}]}` or `{"values":[{"value","spans"}]}`.
fn read(answer: &JsValue) -> Vec<Hint> {
    let field = |of: &JsValue, name: &str| js_sys::Reflect::get(of, &JsValue::from_str(name)).ok();
    let text = |of: &JsValue, name: &str| field(of, name).and_then(|value| value.as_string());
    let list = |name: &str| field(answer, name).and_then(|value| value.dyn_into::<js_sys::Array>().ok()).unwrap_or_default();
    let keys = list("keys").into_iter().filter_map(|row| {
        let key = text(&row, "key")?;
        Some(Hint { text: format!("{key}:"), label: key, note: text(&row, "kind").unwrap_or_default() })
    });
    let values = list("values").into_iter().filter_map(|row| {
        let value = text(&row, "value")?;
        let spans = field(&row, "spans").and_then(|n| n.as_f64()).unwrap_or_default();
        Some(Hint { text: value_text(&value), label: value, note: (spans as u64).to_string() })
    });
    keys.chain(values).take(SHOWN).collect()
}
