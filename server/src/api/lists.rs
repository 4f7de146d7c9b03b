//! `/api/traces`, its count and facets, `/api/services`.

use super::State;
use super::answer::{Failure, json, moment};
use super::ask::Parameters;
use app::ui::facets::OFFERED;
use axum::extract::RawQuery;
use axum::response::Response;
use model::id::{SpanId, TraceId};
use model::port::{Bucket, SpanSearch, TraceRow, TraceSearch};
use model::query::parse_key;
use model::span::Status;
use model::time::Nanos;
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Serialize)]
struct Traces<'a> {
    traces: Vec<Row<'a>>,
    cursor: Option<String>,
    as_of: u64,
    complete: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    trace_id: TraceId,
    root: Root<'a>,
    has_root: bool,
    #[serde(serialize_with = "moment")]
    start: Nanos,
    duration_ns: i64,
    spans: u32,
    errors: u32,
    matched: u32,
    first_match: Option<SpanId>,
    services: Vec<Service<'a>>,
    /// Of all traces of the request.
    sources: BTreeSet<&'a str>,
    /// The other traces of the request.
    other_ids: Vec<TraceId>,
    settled: bool,
}

#[derive(Serialize)]
struct Root<'a> {
    service: &'a str,
    name: &'a str,
    span_id: SpanId,
    status: Status,
}

#[derive(Serialize)]
struct Service<'a> {
    name: &'a str,
    spans: u32,
}

impl<'a> Row<'a> {
    fn of(row: &'a TraceRow, now: Nanos) -> Row<'a> {
        let summary = &row.summary;
        let root = &summary.root;
        Row {
            trace_id: summary.trace_id,
            root: Root { service: &root.service, name: &root.name, span_id: root.span_id, status: root.status },
            has_root: summary.has_root,
            start: summary.start,
            duration_ns: summary.duration_ns,
            spans: summary.spans,
            errors: summary.errors,
            matched: row.matched,
            first_match: row.first_match,
            services: summary.services.iter().map(|(name, spans)| Service { name, spans: *spans }).collect(),
            sources: std::iter::once(summary).chain(&row.others).flat_map(|one| &one.sources).map(String::as_str).collect(),
            other_ids: row.others.iter().map(|other| other.trace_id).collect(),
            settled: summary.settled(now),
        }
    }
}

fn search(parameters: &Parameters, store: &State) -> Result<TraceSearch, Failure> {
    Ok(TraceSearch {
        query: parameters.query()?,
        range: parameters.range(&*store.0)?,
        order: parameters.order()?,
        limit: parameters.number("limit", 50, 1, 1000)?,
        cursor: parameters.cursor()?,
        once: true,
    })
}

/// `GET /api/traces`
pub(super) async fn traces(store: State, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let parameters = Parameters::of(raw);
    let search = search(&parameters, &store)?;
    let ask = parameters.ask()?;
    let _left = ask.cancel_on_drop();
    let page = store.traces(&ask, &search).await?;
    let now = store.now();
    Ok(json(&Traces {
        traces: page.rows.iter().map(|row| Row::of(row, now)).collect(),
        cursor: page.next.map(|cursor| cursor.to_string()),
        as_of: page.as_of,
        complete: page.complete,
    }))
}

#[derive(Serialize)]
struct Count {
    traces: u64,
    errors: u64,
    exact: bool,
    histogram: Vec<Bar>,
}

#[derive(Serialize)]
struct Bar {
    #[serde(serialize_with = "moment")]
    start: Nanos,
    traces: u64,
    errors: u64,
}

/// `GET /api/traces/count`
pub(super) async fn count(store: State, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let parameters = Parameters::of(raw);
    let search = search(&parameters, &store)?;
    let buckets = parameters.number("buckets", 0, 0, 1000)?;
    let ask = parameters.brief_ask()?;
    let _left = ask.cancel_on_drop();
    let count = store.count(&ask, &search, buckets).await?;
    let bar = |bucket: &Bucket| Bar { start: bucket.start, traces: bucket.traces, errors: bucket.errors };
    Ok(json(&Count {
        traces: count.traces,
        errors: count.errors,
        exact: count.exact,
        histogram: count.histogram.iter().map(bar).collect(),
    }))
}

#[derive(Serialize)]
struct Facets {
    facets: Vec<model::port::Facet>,
}

/// `GET /api/traces/facets`
pub(super) async fn facets(store: State, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let parameters = Parameters::of(raw);
    let search = SpanSearch { query: parameters.query()?, range: parameters.range(&**store)? };
    let mut keys: Vec<_> = parameters.all("key").map(|key| (key.to_owned(), parse_key(key))).collect();
    if keys.is_empty() {
        keys = OFFERED.iter().map(|offered| (offered.key.to_owned(), parse_key(offered.key))).collect();
    }
    let limit = parameters.number("limit", 10, 1, 1000)?;
    let ask = parameters.brief_ask()?;
    let _left = ask.cancel_on_drop();
    Ok(json(&Facets { facets: store.facets(&ask, &search, &keys, limit).await? }))
}

#[derive(Serialize)]
struct Services {
    services: Vec<String>,
}

/// `GET /api/services`
pub(super) async fn services(store: State, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let parameters = Parameters::of(raw);
    let ask = parameters.brief_ask()?;
    let _left = ask.cancel_on_drop();
    Ok(json(&Services { services: store.services(&ask, parameters.range(&**store)?).await? }))
}
