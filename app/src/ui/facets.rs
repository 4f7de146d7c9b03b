//! Facets: the most frequent values beside a list, each a link that asks for it or leaves it out.

use super::count;
use leptos::prelude::*;
use model::port::Facet;
use model::query::ast::{Expr, Key, Query, Test};
use model::query::{Choice, choice, exclude, with, without};

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

/// The facets of a search with this text. `link` is the page with another text.
pub fn facets(query: &str, found: &[Facet], colour: &dyn Fn(&str) -> u8, link: &dyn Fn(String) -> String) -> AnyView {
    let groups = found.iter().filter(|facet| !facet.values.is_empty()).map(|facet| {
        let title =
            OFFERED.iter().find(|offered| offered.key == facet.key).map_or_else(|| facet.key.clone(), |offered| offered.title.into());
        let most = facet.values.iter().map(|value| value.spans).fold(0.0, f64::max);
        let value = |value: &model::port::FacetValue| {
            let (key, text) = (facet.key.as_str(), value.value.as_str());
            let chosen = choice(query, key, text);
            let included = chosen == Choice::Included;
            let toggled = if included { without(query, key, text) } else { with(query, key, text) };
            let excluded = if chosen == Choice::Excluded { without(query, key, text) } else { exclude(query, key, text) };
            let share = if most > 0.0 { 100.0 * value.spans / most } else { 0.0 };
            let class = match key {
                "service" => format!("name truncate svc svc-{}", colour(text)),
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
                        <span class="n">{count(value.spans.round() as u64)}</span>
                    </a>
                    <a class="exclude" href=link(excluded) title=without aria-label=without_label>"−"</a>
                </li>
            }
        };
        let values = facet.values.iter().map(value).collect_view();
        let more = facet.distinct.saturating_sub(facet.values.len() as u64);
        let more = (more > 0).then(|| view! { <li class="muted more">{format!("and {} more", count(more))}</li> });
        let label = title.clone();
        view! {
            <section class="facet" aria-label=label>
                <h3>{title}</h3>
                <ul>{values}{more}</ul>
            </section>
        }
    });
    groups.collect_view().into_any()
}

/// The query without what it chooses of a key, if it chooses any: a facet whose values are alternatives shows the others too.
pub fn unchosen(query: &Query, key: &Key) -> Option<Query> {
    let chooses = |part: &Expr| matches!(part, Expr::Field(field) if field.key == *key && matches!(field.test, Test::Equals(_)));
    let drops = |term: &Expr| match term {
        Expr::Or(parts) => parts.iter().all(chooses),
        term => chooses(term),
    };
    let filter = match query.filter.as_ref()? {
        Expr::And(terms) if terms.iter().any(drops) => {
            let mut terms: Vec<Expr> = terms.iter().filter(|term| !drops(term)).cloned().collect();
            if terms.len() > 1 { Some(Expr::And(terms)) } else { terms.pop() }
        }
        term if drops(term) => None,
        _ => return None,
    };
    Some(Query { filter, pipeline: query.pipeline.clone() })
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
            assert_eq!(unchosen(&parse(text).unwrap(), &key).map(|query| query.to_string()).as_deref(), rest, "{text}");
        }
    }
}
