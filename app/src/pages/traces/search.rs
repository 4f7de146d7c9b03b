//! The search box and what is wrong with what stands in it.

use super::Asked;
use crate::ui::picker::{picker, range_fields};
use crate::url;
use leptos::prelude::*;
use model::port::Order;

/// The box, the range picker and the button.
pub(super) fn form(asked: &Asked) -> AnyView {
    let order = if asked.url.order == Order::NEWEST { "" } else { url::order_text(asked.url.order) };
    let fields = vec![("q", asked.url.query.clone()), ("order", order.to_owned())];
    let order = (!order.is_empty()).then(|| view! { <input type="hidden" name="order" value=order/> });
    // Completion looks where the list looks.
    let range = url::ApiKeys { prefix: String::new(), range: asked.url.range }.to_string();
    let range = range.split_once('?').map_or(String::new(), |(_, query)| query.to_owned());
    let link = |range| asked.url.with_range(range).to_string();
    let picker = picker(asked.url.range, asked.now, &link, "/traces", fields);
    view! {
        <div class="search">
            <form method="get" action="/traces" role="search" aria-label="Traces">
                <islands::QueryBar query=asked.url.query.clone() range=range logs=false/>
                {range_fields(asked.url.range)}
                {order}
                <button class="button primary">"Search"</button>
            </form>
            {picker}
        </div>
    }
    .into_any()
}

/// The text with the place of the error marked, and what was expected there.
pub fn error(text: &str, position: usize, message: &str, help: AnyView) -> AnyView {
    let mut at = position.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let (before, rest) = text.split_at(at);
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let (here, after) = rest.split_at(first);
    let here = if here.trim().is_empty() { "\u{a0}" } else { here };
    let place = format!("At character {}: ", text[..at].chars().count() + 1);
    view! {
        <section class="query-error" role="alert">
            <p><span class="sr">{place}</span><strong>{message.to_owned()}</strong></p>
            <pre aria-hidden="true">{before.to_owned()}<mark>{here.to_owned()}</mark>{after.to_owned()}</pre>
            <details>
                <summary>"How to write a query"</summary>
                {help}
            </details>
        </section>
    }
    .into_any()
}

/// The language on one card.
pub(super) fn help() -> AnyView {
    const RULES: [(&str, &str); 9] = [
        ("timeout \"card declined\"", "words and phrases, anywhere in a span"),
        ("service:checkout http.route:/api/cart", "both on one span"),
        ("service:a OR service:b, -status:ok", "either; not"),
        ("duration:>500ms, http.status_code:>=500", "compare; 1..5 is a range"),
        ("user.id:*, name:\"GET *\"", "exists; a star stands for anything"),
        ("db.statement:/select .* for update/i", "a regular expression"),
        ("trace.duration:>2s trace.errors:>0", "of the whole trace"),
        ("resource.host.name:web-1, event.name:exception", "of the resource, of an event"),
        ("-parent_id:*", "roots only"),
    ];
    let rows = RULES.map(|(example, meaning)| view! { <dt><code>{example}</code></dt><dd>{meaning}</dd> });
    view! { <dl class="rules">{rows.collect_view()}</dl> }.into_any()
}
