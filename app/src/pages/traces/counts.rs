//! Total, histogram and facets of a search. They never hold up the list: the page waits for them only a moment, and says
//! "at least" where that was not enough; a second request, for the same page with patience, has the exact ones.

use super::BARS;
use crate::ui::facets::{OFFERED, unchosen};
use crate::ui::frame::Here;
use crate::ui::plural;
use leptos::prelude::*;
use model::port::{Ask, Count, Facet, Problem, SpanSearch, TraceSearch};
use model::query::ast::{Key, Query};
use model::query::parse_key;
use std::time::{Duration, Instant};

/// How long the first page waits for counts.
pub(super) const BRIEF: Duration = Duration::from_millis(100);

/// How long the second request waits.
pub(super) const PATIENT: Duration = Duration::from_secs(2);

/// Values of a facet.
const VALUES: u32 = 8;

pub(super) struct Counts {
    pub(super) count: Count,
    /// In the order of [`OFFERED`].
    pub(super) facets: Vec<Facet>,
}

impl Counts {
    pub(super) async fn read(here: &Here, search: &TraceSearch, wait: bool) -> Result<Counts, Problem> {
        let ask = here.ask.clone().until(Instant::now() + if wait { PATIENT } else { BRIEF });
        // Counts belong to the world of the page's cursor: following pages show the same total.
        let ask = ask.as_of(search.cursor.map(|cursor| cursor.as_of));
        let (count, facets) = futures::future::join(here.reader.count(&ask, search, BARS), facets(here, &ask, search)).await;
        match (count, facets) {
            // What is wrong with a query, the list says; both read the same one.
            (Err(Problem::Bad { .. }), _) | (_, Err(Problem::Bad { .. })) => {
                Ok(Counts { count: Count { traces: 0, errors: 0, exact: true, histogram: vec![] }, facets: vec![] })
            }
            (count, facets) => Ok(Counts { count: count?, facets: facets? }),
        }
    }

    /// Whether a second request would tell more.
    pub(super) fn exact(&self) -> bool {
        self.count.exact && self.facets.iter().all(|facet| facet.exact)
    }

    /// The services among the facets.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        self.facets.iter().filter(|facet| facet.key == "service").flat_map(|facet| facet.values.iter().map(|value| value.value.as_str()))
    }

    /// `1 234 traces, 12 with errors`; `exact_at` is the page that counts to the end.
    pub(super) fn total(&self, exact_at: Option<String>) -> AnyView {
        let Count { traces, errors, exact, .. } = self.count;
        let total = plural(traces, "trace", "traces");
        let total = if exact { total } else { format!("at least {total}") };
        let errors = (errors > 0).then(|| view! { <span class="error">{format!(", {} with errors", crate::ui::count(errors))}</span> });
        let more = exact_at.filter(|_| !exact).map(|url| view! { " " <a class="muted" href=url>"Count all"</a> });
        view! { <strong>{total}</strong>{errors}{more} }.into_any()
    }
}

/// The facets; one whose values are chosen already is counted without that choice, so that the alternatives show.
async fn facets(here: &Here, ask: &Ask, search: &TraceSearch) -> Result<Vec<Facet>, Problem> {
    let mut plain: Vec<(String, Key)> = Vec::new();
    let mut chosen = Vec::new();
    for offered in &OFFERED {
        let key = parse_key(offered.key);
        match unchosen(&search.query.filter, &key) {
            None => plain.push((offered.key.to_owned(), key)),
            Some(filter) => chosen.push((offered.key.to_owned(), key, Query { filter, pipeline: vec![] })),
        }
    }
    let spans = SpanSearch { query: search.query.clone(), range: search.range };
    let mut facets = here.reader.facets(ask, &spans, &plain, VALUES).await?;
    for (name, key, query) in chosen {
        let spans = SpanSearch { query, range: search.range };
        facets.extend(here.reader.facets(ask, &spans, &[(name, key)], VALUES).await?);
    }
    facets.sort_by_key(|facet| OFFERED.iter().position(|offered| offered.key == facet.key));
    Ok(facets)
}
