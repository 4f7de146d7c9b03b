//! What the requests in which an error occurred have that others of the same route have not.

use crate::ui::plural;
use crate::url;
use leptos::prelude::*;
use model::error::OccurrenceRow;
use model::id::TraceId;
use model::port::{Ask, Order, OrderBy, Problem, Reader, TraceSearch};
use model::query::{parse, with};
use model::span::Span;
use model::time::{HOUR, Nanos, Range};
use std::collections::{BTreeMap, BTreeSet};

/// Traces of each kind that are compared.
const COMPARED: u32 = 20;
/// Differences that are shown.
const SHOWN: usize = 10;
/// Parts of a hundred by which a share must differ.
const LEAST: i64 = 30;
/// Longer values are no values to compare.
const VALUE: usize = 120;

/// What was found out.
pub(super) struct Differences {
    /// Service and name of the span that the requests begin with.
    route: (String, String),
    failing: usize,
    passing: usize,
    /// What, in how many of the failing and of the passing.
    found: Vec<(String, usize, usize)>,
}

/// Compares the traces of these occurrences with traces without errors that begin with the same span; `None` if none of them is here.
pub(super) async fn differences(
    reader: &dyn Reader,
    ask: &Ask,
    rows: &[OccurrenceRow],
    now: Nanos,
) -> Result<Option<Differences>, Problem> {
    let ids: BTreeSet<TraceId> = rows.iter().filter_map(|row| row.traces.first().copied()).take(COMPARED as usize).collect();
    let mut failing = Vec::new();
    let mut routes: BTreeMap<(String, String), usize> = BTreeMap::new();
    for id in &ids {
        let Some(spans) = spans_of(reader, ask, *id).await? else { continue };
        if let Some(root) = root(&spans) {
            *routes.entry((root.service().to_owned(), root.name.clone())).or_default() += 1;
            failing.push(spans);
        }
    }
    let Some((route, _)) = routes.into_iter().max_by_key(|(_, count)| *count) else { return Ok(None) };
    failing.retain(|spans| root(spans).is_some_and(|root| root.service() == route.0 && root.name == route.1));

    let query = with(&with("trace.errors:0", "service", &route.0), "name", &route.1);
    let query = parse(&query).map_err(|error| Problem::Bad { message: error.message, position: None })?;
    let times = || rows.iter().map(|row| row.time);
    let range = Range { start: times().min().unwrap_or(now) - HOUR, end: times().max().unwrap_or(now).max(now) + 1 };
    let order = Order { by: OrderBy::Time, descending: true };
    let search = TraceSearch { query, range, order, limit: COMPARED, cursor: None, once: true };
    let mut passing = Vec::new();
    for row in reader.traces(ask, &search).await?.rows {
        if !ids.contains(&row.summary.trace_id) {
            passing.extend(spans_of(reader, ask, row.summary.trace_id).await?);
        }
    }
    let traits_of = |traces: &[Vec<Span>]| traces.iter().map(|spans| traits(spans)).collect::<Vec<_>>();
    let found = if passing.is_empty() { Vec::new() } else { compared(&traits_of(&failing), &traits_of(&passing)) };
    Ok(Some(Differences { route, failing: failing.len(), passing: passing.len(), found }))
}

async fn spans_of(reader: &dyn Reader, ask: &Ask, id: TraceId) -> Result<Option<Vec<Span>>, Problem> {
    match reader.trace(ask, id).await {
        Ok(trace) => Ok(Some(trace.spans)),
        Err(Problem::NotFound(_)) => Ok(None),
        Err(problem) => Err(problem),
    }
}

fn root(spans: &[Span]) -> Option<&Span> {
    spans.iter().find(|span| span.parent_id.is_none()).or_else(|| spans.iter().min_by_key(|span| span.start))
}

/// What differs most, by how many traces of each kind have it.
fn compared(failing: &[BTreeSet<String>], passing: &[BTreeSet<String>]) -> Vec<(String, usize, usize)> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for one in failing.iter().flatten() {
        counts.entry(one).or_default().0 += 1;
    }
    for one in passing.iter().flatten() {
        counts.entry(one).or_default().1 += 1;
    }
    let share = |count: usize, of: usize| (count * 100 / of.max(1)) as i64;
    let difference = |(some, others): (usize, usize)| (share(some, failing.len()) - share(others, passing.len())).abs();
    let mut found: Vec<(String, usize, usize)> = counts
        .into_iter()
        .filter(|(_, count)| difference(*count) >= LEAST)
        .map(|(what, (some, others))| (what.to_owned(), some, others))
        .collect();
    found.sort_by_key(|(what, some, others)| (std::cmp::Reverse(difference((*some, *others))), what.clone()));
    found.truncate(SHOWN);
    found
}

/// What a trace has: spans by name, and attributes. That it failed is what is to be explained.
fn traits(spans: &[Span]) -> BTreeSet<String> {
    let explained = |key: &str| {
        let status = ["status_code", "http.status_code", "http.response.status_code", "error", "error.type", "otel.status_description"];
        status.contains(&key) || key.starts_with("exception.") || key.starts_with("aws.xray.") && key.ends_with("cause")
    };
    let mut traits = BTreeSet::new();
    for span in spans {
        traits.insert(format!("span {} of {}", span.name, span.service()));
        let resource = span.origin.resource.iter().filter(|(key, _)| ["service.version", "host.name"].contains(&key.as_str()));
        for (key, value) in span.attributes.iter().filter(|(key, _)| !explained(key)).chain(resource) {
            let value = value.to_string();
            if value.len() <= VALUE {
                traits.insert(format!("{key} = {value}"));
            }
        }
    }
    traits
}

/// `None`: it was not asked for.
pub(super) fn view(url: url::ErrorPage, has_traces: bool, differences: Option<Differences>) -> AnyView {
    let Some(differences) = differences else {
        let href = format!("{}#differences", url::ErrorPage { compare: true, ..url });
        return has_traces
            .then(|| {
                view! {
                    <section class="card" aria-labelledby="differences">
                        <header><h2 id="differences">"Failing against passing"</h2></header>
                        <p class="body"><a href=href>"Compare its requests with those of the same route that pass"</a></p>
                    </section>
                }
            })
            .into_any();
    };
    let Differences { route: (service, name), failing, passing, found } = differences;
    let sum = format!(
        "{} against {} that begin with {name} of {service}.",
        plural(failing as u64, "failing request", "failing requests"),
        plural(passing as u64, "passing one", "passing ones"),
    );
    let none = match (passing, found.is_empty()) {
        (0, _) => Some("There is no passing request to compare with."),
        (_, true) => Some("Nothing differs much."),
        _ => None,
    };
    let rows = found.into_iter().map(|(what, some, others)| {
        view! { <tr><th scope="row" class="whole">{what}</th><td class="num">{format!("{some} of {failing}")}</td><td class="num">{format!("{others} of {passing}")}</td></tr> }
    });
    let rows = rows.collect_view();
    let table = none.is_none().then(|| {
        view! {
            <div class="scroll"><table class="figures">
                <thead><tr><th scope="col">"What differs most"</th><th scope="col" class="num">"Failing"</th><th scope="col" class="num">"Passing"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table></div>
        }
    });
    view! {
        <section class="card" aria-labelledby="differences">
            <header><h2 id="differences">"Failing against passing"</h2></header>
            <p class="body muted">{sum}" "{none}</p>
            {table}
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failing_requests_have_in_common() {
        let of =
            |n: usize, region: &str| BTreeSet::from([format!("id = {n}"), format!("region = {region}"), "span GET / of shop".to_owned()]);
        let failing: Vec<_> = (0..10).map(|n| of(n, "eu")).collect();
        let passing: Vec<_> = (10..20).map(|n| of(n, if n < 12 { "eu" } else { "us" })).collect();
        assert_eq!(compared(&failing, &passing), [("region = eu".to_owned(), 10, 2), ("region = us".to_owned(), 0, 8)]);
        assert_eq!(compared(&failing, &failing), []);
    }
}
