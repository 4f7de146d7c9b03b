//! The errors of the request: named in the head, on the rows of their spans and in the panel, each leading to its group.

use super::drawing::Drawing;
use crate::ui::error::level_class;
use crate::url;
use leptos::prelude::*;
use model::error::ErrorPin;
use std::collections::BTreeMap;

/// Pins named in the head.
const NAMED: usize = 5;

fn href(pin: &ErrorPin) -> String {
    url::ErrorPage::at(pin.number, pin.seq).to_string()
}

fn of(drawing: &Drawing, n: u32) -> impl Iterator<Item = &ErrorPin> {
    let span = &drawing.trace.spans[n as usize];
    let (trace, id) = (span.trace_id, span.span_id);
    drawing.pins.iter().filter(move |pin| pin.trace_id == trace && pin.span_id == Some(id))
}

/// Where the badge of a span leads.
pub(super) fn address(drawing: &Drawing, n: u32) -> Option<String> {
    of(drawing, n).next().map(href)
}

/// For the rows that the browser draws: `span=address` pairs, as in a query string; none if there is no pin.
pub(super) fn by_span(drawing: &Drawing) -> Option<String> {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for pin in &drawing.pins {
        if let Some(span) = pin.span_id {
            first.entry(span.to_string()).or_insert_with(|| href(pin));
        }
    }
    let pairs: Vec<String> = first.iter().map(|(span, address)| format!("{span}={}", url::encoded(address))).collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}

/// The error of a span that a line of it tells of: its message or its class stands in the line.
pub(super) fn of_line(drawing: &Drawing, n: u32, text: &str) -> Option<AnyView> {
    let told = |pin: &&ErrorPin| {
        let (class, message) = pin.title.split_once(": ").unwrap_or((&pin.title, ""));
        !message.is_empty() && text.contains(message) || !class.is_empty() && text.contains(class)
    };
    let pin = of(drawing, n).find(told)?;
    Some(view! { " "<a class="badge error pin" href=href(pin) title=format!("Part of error #{}", pin.number)>{format!("#{}", pin.number)}</a> }.into_any())
}

fn one(pin: &ErrorPin) -> AnyView {
    let title = if pin.title.is_empty() { "Error".to_owned() } else { pin.title.clone() };
    let whole = title.clone();
    view! { <a class=format!("t-pin {}", level_class(pin.level)) href=href(pin) title=whole><b>{format!("#{}", pin.number)}</b>" "{title}</a> }.into_any()
}

/// The errors in the head of the page, each group once.
pub(super) fn list(drawing: &Drawing) -> Option<AnyView> {
    let mut seen: Vec<u64> = Vec::new();
    let groups: Vec<&ErrorPin> = drawing
        .pins
        .iter()
        .filter(|pin| {
            let fresh = !seen.contains(&pin.number);
            seen.push(pin.number);
            fresh
        })
        .collect();
    let more = groups.len().saturating_sub(NAMED);
    let more = (more > 0).then(|| view! { <span class="muted">{format!("and {more} more")}</span> });
    let named = groups.iter().take(NAMED).map(|pin| one(pin)).collect_view();
    (!groups.is_empty()).then(|| view! { <nav class="t-pins" aria-label="Errors of this request">{named}{more}</nav> }.into_any())
}

/// The errors of a span, in its panel.
pub(super) fn of_span(drawing: &Drawing, n: u32) -> Option<AnyView> {
    let pins: Vec<AnyView> = of(drawing, n).map(one).collect();
    (!pins.is_empty()).then(|| view! { <nav class="d-pins" aria-label="Errors of this span">{pins}</nav> }.into_any())
}
