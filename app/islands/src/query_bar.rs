//! The query box: a plain input of the form around it, with suggestions of keys and values, and the place of an error
//! marked while it is written. Suggestions come from `/api/keys` and `/api/values`; of logs, whose language is larger than this
//! bundle should be, both come from `/api/logs/complete`. What was asked before is offered to an empty box.

use crate::dom::{answer, field, number_of, text_of};
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

/// The input. `range` is the page's time range as a query string: suggestions are what occurs in it. `logs` says which language it is.
#[island]
pub fn QueryBar(query: String, range: String, logs: bool) -> impl IntoView {
    let input = NodeRef::<Input>::new();
    let hints = RwSignal::new(Vec::<Hint>::new());
    let chosen = RwSignal::new(None::<usize>);
    let wrong = RwSignal::new(None::<(String, String, String)>);
    // Counts what was asked: an answer that is overtaken is thrown away.
    let asked = StoredValue::new(0_u32);
    // Bytes of the text that a suggestion replaces.
    let replace = StoredValue::new(0..0_usize);
    let range = StoredValue::new(range);
    let here = query.clone();
    Effect::new(move |_| remember(&here));

    let close = move || {
        asked.update_value(|n| *n += 1);
        hints.set(Vec::new());
        chosen.set(None);
    };
    let suggest = move || {
        let Some(element) = input.get_untracked() else { return };
        let text = element.value();
        let at = caret(&element, &text);
        let url = if logs {
            ["/api/logs/complete?", &range.get_value(), "&at=", &at.to_string(), "&q=", &encoded(&text)].concat()
        } else {
            wrong.set(parse(&text).err().and_then(|error| place_of(&text, error.position, error.message)));
            let done = completion(&text, at);
            replace.set_value(done.replace);
            match &done.completing {
                Completing::Nothing => return close(),
                Completing::Key { prefix } => ["/api/keys?", &range.get_value(), "&prefix=", &encoded(prefix)].concat(),
                Completing::Value { key, prefix } => {
                    ["/api/values?", &range.get_value(), "&key=", &encoded(key), "&prefix=", &encoded(prefix)].concat()
                }
            }
        };
        asked.update_value(|n| *n += 1);
        let this = asked.get_value();
        spawn_local(async move {
            let answer = fetch(&url).await;
            if asked.get_value() != this {
                return;
            }
            let mut found = if text.is_empty() { remembered() } else { Vec::new() };
            if let Some(answer) = answer {
                if logs {
                    replace.set_value(number_of(&answer, "from") as usize..number_of(&answer, "to") as usize);
                    let error = field(&answer, "error").filter(|error| error.is_object());
                    wrong.set(error.and_then(|error| {
                        place_of(&text, number_of(&error, "position") as usize, text_of(&error, "message").unwrap_or_default())
                    }));
                }
                found.extend(read(&answer));
            }
            found.truncate(SHOWN);
            hints.set(found);
            chosen.set(None);
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
        let goes_on = is_key || hint.text.ends_with('(');
        text.replace_range(range.start..if is_key { after } else { range.end }, &hint.text);
        let mut end = range.start + hint.text.len();
        if !goes_on {
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
                placeholder=if logs { "timeout level:error service:checkout | stats count(*) by bin(5m)" } else { "service:checkout status:error duration:>500ms" } aria-label="Query"
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
fn place_of(text: &str, position: usize, message: String) -> Option<(String, String, String)> {
    let (before, rest) = text.split_at_checked(position)?;
    let at = rest.chars().next().filter(|c| !c.is_whitespace()).unwrap_or('\u{a0}');
    // The last of what was read right is enough to find the place.
    let skip = before.chars().count().saturating_sub(24);
    Some((before.chars().skip(skip).collect(), at.to_string(), message))
}

/// Queries remembered for a page.
const REMEMBERED: usize = 30;

/// Where this page's queries are kept in the browser, and those that are, the latest first.
fn memory() -> Option<(web_sys::Storage, String, Vec<String>)> {
    let storage = window().local_storage().ok()??;
    let name = ["queries:", &window().location().pathname().ok()?].concat();
    let kept = storage.get_item(&name).ok()?.unwrap_or_default();
    Some((storage, name, kept.split('\n').filter(|query| !query.is_empty()).map(str::to_owned).collect()))
}

/// Keeps a query that was asked.
fn remember(query: &str) {
    let Some((storage, name, mut kept)) = memory().filter(|_| !query.trim().is_empty()) else { return };
    kept.retain(|other| other != query);
    kept.insert(0, query.replace('\n', " "));
    kept.truncate(REMEMBERED);
    // A browser that keeps nothing offers nothing.
    let _ = storage.set_item(&name, &kept.join("\n"));
}

/// The latest queries as suggestions.
fn remembered() -> Vec<Hint> {
    let kept = memory().map(|(_, _, kept)| kept).unwrap_or_default();
    kept.into_iter().take(SHOWN / 2).map(|query| Hint { label: query.clone(), text: query, note: "asked before".to_owned() }).collect()
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
    JsFuture::from(answer(url).await?.json().ok()?).await.ok()
}

/// `{"keys":[{"key","kind"}]}`, `{"values":[{"value","spans"}]}` or `{"hints":[{"label","text","note"}]}`.
fn read(answer: &JsValue) -> Vec<Hint> {
    let list = |name: &str| field(answer, name).and_then(|value| value.dyn_into::<js_sys::Array>().ok()).unwrap_or_default();
    let keys = list("keys").into_iter().filter_map(|row| {
        let key = text_of(&row, "key")?;
        Some(Hint { text: [&key, ":"].concat(), label: key, note: text_of(&row, "kind").unwrap_or_default() })
    });
    let values = list("values").into_iter().filter_map(|row| {
        let value = text_of(&row, "value")?;
        Some(Hint { text: value_text(&value), label: value, note: (number_of(&row, "spans") as u64).to_string() })
    });
    let hints = list("hints").into_iter().filter_map(|row| {
        Some(Hint { label: text_of(&row, "label")?, text: text_of(&row, "text")?, note: text_of(&row, "note").unwrap_or_default() })
    });
    keys.chain(values).chain(hints).collect()
}
