//! `/api/logs`, its histogram, facets, fields and patterns; and a page of rows as HTML.

use super::json::{Levels, Row};
use super::{State, search};
use crate::api::answer::{Failure, json, large_json, moment};
use crate::api::ask::Parameters;
use app::pages::logs::{OFFERED, ROWS, chunk, page_of};
use app::url;
use axum::extract::RawQuery;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use model::log::Group;
use model::port::{LogFacet, LogField, Pattern};
use model::time::Nanos;
use serde::Serialize;

/// `GET /api/logs`
pub(super) async fn lines(at: State, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Lines<'a> {
        logs: Vec<Row<'a>>,
        cursor: Option<String>,
        as_of: u64,
        complete: bool,
    }
    let parameters = Parameters::of(raw);
    let search = search(&parameters, &*at.store, 100, 10_000)?;
    let ask = parameters.ask()?;
    let _left = ask.cancel_on_drop();
    let mut page = at.logs.logs(&ask, &search).await?;
    let possible = at.links.link(&ask, &mut page.lines).await;
    Ok(json(&Lines {
        logs: page.lines.iter().map(|line| Row::of(line, &possible)).collect(),
        cursor: page.next.map(|cursor| cursor.to_string()),
        as_of: page.as_of,
        complete: page.complete,
    }))
}

/// HTML that an island puts into a page.
pub(super) fn html(text: String) -> Response {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, HeaderValue::from_static("no-store"))], text).into_response()
}

/// `GET /api/logs/rows`: a page of rows as the Logs page of this search draws them, with the link to the page after it.
pub(super) async fn rows(at: State, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let url = page(raw.as_deref().unwrap_or_default())?;
    let parameters = Parameters::of(raw);
    let search = search(&parameters, &*at.store, ROWS, ROWS)?;
    let ask = parameters.ask()?;
    let _left = ask.cancel_on_drop();
    let (found, possible) = page_of(&*at.logs, &*at.links, &ask, &url, search).await?;
    Ok(html(chunk(&url, &found, &possible)))
}

/// The page whose parameters these are.
pub(super) fn page(raw: &str) -> Result<url::Logs, Failure> {
    url::Logs::parse(raw).map_err(|error| Failure::bad(error.to_string()))
}

/// `GET /api/logs/histogram`
pub(super) async fn histogram(at: State, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Count {
        lines: u64,
        levels: Levels,
        exact: bool,
        histogram: Vec<Bar>,
    }
    #[derive(Serialize)]
    struct Bar {
        #[serde(serialize_with = "moment")]
        start: Nanos,
        lines: u64,
        levels: Levels,
    }
    let parameters = Parameters::of(raw);
    let search = search(&parameters, &*at.store, 1, 1)?;
    let buckets = parameters.number("buckets", 60, 0, 1000)?;
    let ask = parameters.brief_ask()?;
    let _left = ask.cancel_on_drop();
    let count = at.logs.log_count(&ask, &search, buckets).await?;
    let bars = count.histogram.iter().map(|bar| Bar { start: bar.start, lines: bar.lines(), levels: Levels::of(bar.levels) });
    Ok(json(&Count { lines: count.lines, levels: Levels::of(count.levels), exact: count.exact, histogram: bars.collect() }))
}

/// `GET /api/logs/facets`
pub(super) async fn facets(at: State, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Facets {
        facets: Vec<LogFacet>,
    }
    let parameters = Parameters::of(raw);
    let limit = parameters.number("limit", 10, 1, 1000)?;
    let search = search(&parameters, &*at.store, 1, 1000)?;
    let mut keys: Vec<String> = parameters.all("key").map(str::to_owned).collect();
    if keys.is_empty() {
        keys = OFFERED.iter().map(|(key, _)| (*key).to_owned()).collect();
    }
    let ask = parameters.brief_ask()?;
    let _left = ask.cancel_on_drop();
    Ok(json(&Facets { facets: at.logs.log_facets(&ask, &search, &keys, limit).await? }))
}

/// `GET /api/logs/fields`
pub(super) async fn fields(at: State, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Fields {
        fields: Vec<LogField>,
    }
    let parameters = Parameters::of(raw);
    let groups: Vec<String> = parameters.all("group").map(str::to_owned).collect();
    let limit = parameters.number("limit", 100, 1, 1000)?;
    let ask = parameters.brief_ask()?;
    let _left = ask.cancel_on_drop();
    Ok(json(&Fields { fields: at.logs.log_fields(&ask, &groups, parameters.range(&*at.store)?, limit).await? }))
}

/// `GET /api/logs/patterns`
pub(super) async fn patterns(at: State, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Patterns {
        patterns: Vec<One>,
    }
    #[derive(Serialize)]
    struct One {
        id: u32,
        template: String,
        lines: u64,
        levels: Levels,
        #[serde(serialize_with = "moment")]
        first_seen: Nanos,
        #[serde(serialize_with = "moment")]
        last: Nanos,
        trend: Vec<u64>,
    }
    let parameters = Parameters::of(raw);
    let limit = parameters.number("limit", 100, 1, 1000)?;
    let search = search(&parameters, &*at.store, 1, 1000)?;
    let steps = parameters.number("steps", 40, 1, 1000)?;
    let ask = parameters.brief_ask()?;
    let _left = ask.cancel_on_drop();
    let one = |pattern: Pattern| One {
        id: pattern.id,
        template: pattern.template,
        lines: pattern.lines,
        levels: Levels::of(pattern.levels),
        first_seen: pattern.first_seen,
        last: pattern.last,
        trend: pattern.trend,
    };
    let patterns = at.logs.log_patterns(&ask, &search, steps, limit).await?;
    Ok(large_json(Patterns { patterns: patterns.into_iter().map(one).collect() }).await)
}

/// `GET /api/logs/groups`
pub(super) async fn groups(at: State) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Groups {
        groups: Vec<One>,
    }
    #[derive(Serialize)]
    struct One {
        name: String,
        #[serde(serialize_with = "moment")]
        created: Nanos,
        retention_days: Option<u32>,
        lines: u64,
        bytes: u64,
    }
    let one = |group: Group| One {
        name: group.name,
        created: group.created,
        retention_days: group.retention_days,
        lines: group.lines,
        bytes: group.bytes,
    };
    Ok(json(&Groups { groups: at.logs.log_groups().await?.into_iter().map(one).collect() }))
}
