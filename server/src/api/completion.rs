//! `/api/keys` and `/api/values`: what the query box suggests.

use super::State;
use super::answer::{Failure, json};
use super::ask::Parameters;
use axum::extract::RawQuery;
use axum::response::Response;
use model::port::{FacetValue, KeyHint, SpanSearch};
use model::query::FIELDS;
use model::query::ast::{Expr, Field, Key, Query, SpanField, Test, TraceField};
use model::query::parse_key;
use serde::Serialize;

/// Values looked at for those that hold what was typed.
const LOOKED_AT: u32 = 500;

#[derive(Serialize)]
struct Keys {
    keys: Vec<KeyHint>,
}

/// `GET /api/keys`
pub(super) async fn keys(store: State, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let parameters = Parameters::of(raw);
    let range = parameters.range(&**store)?;
    let limit = parameters.number("limit", 20, 1, 1000)?;
    let ask = parameters.brief_ask()?;
    let _left = ask.cancel_on_drop();
    let prefix = parameters.text("prefix");
    // What every span has comes first; the store knows the attributes that occur.
    let fields = FIELDS.iter().filter(|(name, _)| name.starts_with(prefix));
    let mut keys: Vec<KeyHint> = fields.map(|(name, key)| KeyHint { key: (*name).to_owned(), kind: kind(key).to_owned() }).collect();
    let attributes = store.keys(&ask, range, prefix, limit).await?;
    keys.extend(attributes.into_iter().filter(|hint| FIELDS.iter().all(|(name, _)| *name != hint.key)));
    keys.truncate(limit as usize);
    Ok(json(&Keys { keys }))
}

/// What values a field has, in the words of [`KeyHint`].
fn kind(field: &Key) -> &'static str {
    match field {
        Key::Span(SpanField::Duration) | Key::Trace(TraceField::Duration) => "duration",
        Key::Span(SpanField::Weight | SpanField::Events | SpanField::Links) | Key::Trace(TraceField::Spans | TraceField::Errors) => {
            "number"
        }
        Key::Span(SpanField::Entry | SpanField::ToSelf) => "boolean",
        _ => "text",
    }
}

#[derive(Serialize)]
struct Values {
    values: Vec<FacetValue>,
    distinct: u64,
    exact: bool,
}

/// `GET /api/values`: the most frequent values that hold `prefix`, in either case; those that begin with it first.
pub(super) async fn values(store: State, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let parameters = Parameters::of(raw);
    let name = parameters.text("key");
    if name.is_empty() {
        return Err(Failure::bad("key says whose values are wanted"));
    }
    let range = parameters.range(&**store)?;
    let limit = parameters.number("limit", 20, 1, 1000)?;
    let prefix = parameters.text("prefix");
    let Some(key) = with_values(parse_key(name)) else { return Ok(json(&Values { values: vec![], distinct: 0, exact: true })) };

    let ask = parameters.brief_ask()?;
    let _left = ask.cancel_on_drop();
    let keys = [(name.to_owned(), key.clone())];
    let read = async |query: Query| -> Result<Values, Failure> {
        let found = store.facets(&ask, &SpanSearch { query, range }, &keys, LOOKED_AT).await?.pop();
        Ok(found.map_or(Values { values: vec![], distinct: 0, exact: true }, |facet| Values {
            values: facet.values,
            distinct: facet.distinct,
            exact: facet.exact,
        }))
    };
    let mut found = read(Query::default()).await?;
    if found.distinct > u64::from(LOOKED_AT) && !prefix.is_empty() {
        // Too many to look through: let the store find those that begin with it.
        let starts = Test::Wildcard(vec![prefix.to_owned(), String::new()]);
        found = read(Query { filter: Some(Expr::Field(Field { key, test: starts })), pipeline: vec![] }).await?;
    }
    let wanted = prefix.to_lowercase();
    found.values.retain(|value| value.value.to_lowercase().contains(&wanted));
    found.values.sort_by_key(|value| !value.value.to_lowercase().starts_with(&wanted));
    found.values.truncate(limit as usize);
    Ok(json(&found))
}

/// The key whose values are suggested; none for numbers and ids, which nobody picks from a list.
fn with_values(key: Key) -> Option<Key> {
    match key {
        Key::Span(SpanField::TraceId | SpanField::SpanId | SpanField::ParentId | SpanField::Duration | SpanField::Start) => None,
        Key::Trace(TraceField::Service | TraceField::RootService) => Some(Key::Span(SpanField::Service)),
        Key::Trace(TraceField::Root) => Some(Key::Span(SpanField::Name)),
        Key::Trace(TraceField::Source) => Some(Key::Span(SpanField::Source)),
        Key::Trace(_) => None,
        key => Some(key),
    }
}
