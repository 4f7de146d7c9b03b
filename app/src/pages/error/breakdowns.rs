//! Where, in which version and to whom it happens: the most frequent values as bars that lead to the errors with the same.

use super::Drawing;
use crate::ui::{count, percent, plural};
use crate::url;
use leptos::prelude::*;
use model::port::Breakdown;

/// Values shown before the rest is folded.
const SHOWN: usize = 5;

/// Kinds in the order of their cards: what they are called, and the key that finds them.
const KINDS: [(&str, &str, Option<&str>); 8] = [
    ("context", "Routes", Some("context")),
    ("version", "Versions", Some("version")),
    ("host", "Hosts", Some("host")),
    ("browser", "Browsers", Some("browser")),
    ("person", "People", Some("user_id")),
    ("environment", "Environments", Some("environment")),
    ("ip", "Addresses", Some("ip")),
    ("path", "Call paths", None),
];

pub(super) fn breakdowns(drawing: &Drawing) -> AnyView {
    let one = |(kind, title, key): (&str, &'static str, Option<&'static str>)| {
        let of = drawing.detail.breakdowns.iter().find(|breakdown| breakdown.kind == kind)?;
        (of.values.iter().any(|(value, _)| !value.is_empty())).then(|| card(of, title, key))
    };
    let cards = KINDS.into_iter().filter_map(one).collect::<Vec<_>>();
    (!cards.is_empty())
        .then(|| {
            view! {
                <section class="card" aria-labelledby="breakdowns">
                    <header><h2 id="breakdowns">"Where and whom"</h2></header>
                    <div class="e-breakdowns">{cards}</div>
                </section>
            }
        })
        .into_any()
}

fn card(of: &Breakdown, title: &'static str, key: Option<&'static str>) -> AnyView {
    let all: u64 = of.values.iter().map(|(_, n)| n).sum();
    let most = of.values.iter().map(|(_, n)| *n).max().unwrap_or(1).max(1);
    let row = |(value, n): &(String, u64)| {
        let text = if value.is_empty() { "(not said)".to_owned() } else { value.clone() };
        let inside = view! {
            <span class="share" style=format!("width:{:.1}%", 100.0 * *n as f64 / most as f64)></span>
            <span class="name truncate">{text.clone()}</span>
            <span class="n">{count(*n)}" "{percent(*n as f64, all as f64)}</span>
        };
        match key.filter(|_| !value.is_empty()) {
            Some(key) => {
                let href = url::Errors::of(model::query::errors::with("", key, value)).to_string();
                view! { <li><a class="value" href=href title=format!("All errors with {text}")>{inside}</a></li> }.into_any()
            }
            None => view! { <li><span class="value" title=text>{inside}</span></li> }.into_any(),
        }
    };
    let first = of.values.iter().take(SHOWN).map(row).collect_view();
    let rest = of.values.len().saturating_sub(SHOWN);
    let rest = (rest > 0).then(|| {
        let rows = of.values.iter().skip(SHOWN).map(row).collect_view();
        view! { <details class="more"><summary>{plural(rest as u64, "more", "more")}</summary><ul>{rows}</ul></details> }
    });
    view! { <div class="facet"><h3>{title}</h3><ul>{first}</ul>{rest}</div> }.into_any()
}
