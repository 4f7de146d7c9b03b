//! Facets: the most frequent values beside a list, each a link that asks for it or leaves it out.

use super::count;
use leptos::prelude::*;
use model::port::Facet;
use model::query::ast::{Expr, Key, Test};
use model::query::{self, Choice, insights};

/// A key the list offers as a facet.
pub struct Offered {
    /// As written in a query.
    pub key: &'static str,
    pub title: &'static str,
}

/// In the order shown.
pub const OFFERED: [Offered; 6] = [
    Offered { key: "service", title: "Service" },
    Offered { key: "name", title: "Operation" },
    Offered { key: "status", title: "Status" },
    Offered { key: "http.route", title: "HTTP route" },
    Offered { key: "http.response.status_code", title: "HTTP status" },
    Offered { key: "deployment.environment.name", title: "Environment" },
];

/// How a click on a value changes a query, in the language of that query.
pub struct Clicks {
    pub choice: fn(&str, &str, &str) -> Choice,
    pub with: fn(&str, &str, &str) -> String,
    pub without: fn(&str, &str, &str) -> String,
    pub exclude: fn(&str, &str, &str) -> String,
}

/// In queries over spans.
pub const SPANS: Clicks = Clicks { choice: query::choice, with: query::with, without: query::without, exclude: query::exclude };

/// In queries over log lines.
pub const LOGS: Clicks = Clicks { choice: insights::choice, with: insights::with, without: insights::without, exclude: insights::exclude };

/// The values of one key, most frequent first.
pub struct Values<'a> {
    pub key: &'a str,
    pub title: String,
    /// And how often each occurs.
    pub values: Vec<(&'a str, u64)>,
    /// How many values there are.
    pub distinct: u64,
    /// Where the list is taken away again; `None` if it always stands there.
    pub close: Option<String>,
}

/// The facets of a search for traces with this text. `link` is the page with another text.
pub fn facets(query: &str, found: &[Facet], colour: &dyn Fn(&str) -> u8, link: &dyn Fn(String) -> String) -> AnyView {
    let values = found.iter().map(|facet| Values {
        key: &facet.key,
        title: OFFERED.iter().find(|offered| offered.key == facet.key).map_or_else(|| facet.key.clone(), |offered| offered.title.into()),
        values: facet.values.iter().map(|value| (value.value.as_str(), value.spans.round() as u64)).collect(),
        distinct: facet.distinct,
        close: None,
    });
    values.map(|values| list(&SPANS, query, &values, colour, link)).collect_view().into_any()
}

/// One facet of a search with this text; nothing if it has no values.
pub fn list(clicks: &Clicks, query: &str, facet: &Values<'_>, colour: &dyn Fn(&str) -> u8, link: &dyn Fn(String) -> String) -> AnyView {
    let most = facet.values.iter().map(|(_, n)| *n).max().unwrap_or_default();
    let value = |(text, n): &(&str, u64)| {
        let (key, text) = (facet.key, *text);
        let chosen = (clicks.choice)(query, key, text);
        let included = chosen == Choice::Included;
        let toggled = if included { (clicks.without)(query, key, text) } else { (clicks.with)(query, key, text) };
        let excluded = if chosen == Choice::Excluded { (clicks.without)(query, key, text) } else { (clicks.exclude)(query, key, text) };
        let share = if most > 0 { 100.0 * *n as f64 / most as f64 } else { 0.0 };
        let class = match key {
            "service" => format!("name truncate svc svc-{}", colour(text)),
            "level" => format!("name truncate level-{text}"),
            "status" if text == "error" => "name truncate error".to_owned(),
            _ => "name truncate".to_owned(),
        };
        let name = if text.is_empty() { "(empty)".to_owned() } else { text.to_owned() };
        let hint = format!("{} {key}: {name}", if included { "Drop" } else { "Only" });
        let without = format!("Without {key}: {name}");
        let without_label = without.clone();
        view! {
            <li class:chosen=included>
                <a class="value" href=link(toggled) title=hint aria-current=included.then_some("true")>
                    <span class="share" style=format!("width:{share:.0}%")></span>
                    <span class=class>{name}</span>
                    <span class="n">{count(*n)}</span>
                </a>
                <a class="exclude" href=link(excluded) title=without aria-label=without_label>"−"</a>
            </li>
        }
    };
    if facet.values.is_empty() && facet.close.is_none() {
        return ().into_any();
    }
    let values = facet.values.iter().map(value).collect_view();
    let more = facet.distinct.saturating_sub(facet.values.len() as u64);
    let more = (more > 0).then(|| view! { <li class="muted more">{format!("and {} more", count(more))}</li> });
    let none = facet.values.is_empty().then(|| view! { <li class="muted more">"no values"</li> });
    let close = facet.close.clone().map(|href| {
        let label = format!("Close {}", facet.title);
        view! { <a class="close" href=href title=label.clone() aria-label=label>"×"</a> }
    });
    let (label, title) = (facet.title.clone(), facet.title.clone());
    view! {
        <section class="facet" aria-label=label>
            <h3>{title}{close}</h3>
            <ul>{values}{more}{none}</ul>
        </section>
    }
    .into_any()
}

/// The filter without what it chooses of a key, if it chooses any: a facet whose values are alternatives shows the others too.
pub fn unchosen(filter: &Option<Expr>, key: &Key) -> Option<Option<Expr>> {
    let chooses = |part: &Expr| matches!(part, Expr::Field(field) if field.key == *key && matches!(field.test, Test::Equals(_)));
    let drops = |term: &Expr| match term {
        Expr::Or(parts) => parts.iter().all(chooses),
        term => chooses(term),
    };
    match filter.as_ref()? {
        Expr::And(terms) if terms.iter().any(drops) => {
            let mut terms: Vec<Expr> = terms.iter().filter(|term| !drops(term)).cloned().collect();
            Some(if terms.len() > 1 { Some(Expr::And(terms)) } else { terms.pop() })
        }
        term if drops(term) => Some(None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::query::{parse, parse_key};

    #[test]
    fn a_facet_forgets_its_own_choice() {
        let key = parse_key("service");
        for (text, rest) in [
            ("service:a", Some("")),
            ("(service:a OR service:b) x", Some("x")),
            ("service:a x -y", Some("x -y")),
            ("-service:a", None),
            ("service:a OR x", None),
            ("", None),
        ] {
            let left = unchosen(&parse(text).unwrap().filter, &key).map(|filter| filter.map_or_else(String::new, |left| left.to_string()));
            assert_eq!(left.as_deref(), rest, "{text}");
        }
    }
}
