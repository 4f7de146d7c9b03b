//! Two ids, one request: a backend that two systems instrument makes two traces of each request, and its spans say which. Here is by
//! which attributes they say so, and what follows from it for lists.

use crate::attr::Value;
use crate::id::TraceId;
use crate::query::ast::Query;
use crate::span::{Family, Span};
use std::collections::{BTreeSet, HashMap};

/// An attribute by which a span names an id that another system gave its request.
#[derive(Debug)]
pub struct Name {
    pub key: &'static str,
    /// Whose ids it holds.
    pub family: Family,
    /// Whether the id is the whole value, rather than a part of it.
    whole: bool,
}

const fn name(key: &'static str, family: Family, whole: bool) -> Name {
    Name { key, family, whole }
}

/// Every such attribute.
///
/// Backends set the first two by hand or by middleware, as the X-Ray documentation shows for `put_annotation`; OpenTelemetry's registry
/// has `aws.xray.*` for its side. SDKs that record headers write them as `http.request.header.<name>`, an array of texts (semantic
/// conventions for HTTP), with underscores in the name where they are older than that convention. X-Ray's are an annotation, metadata of
/// the SDKs' default namespace, and unknown fields of the `http` block.
pub static NAMES: [Name; 9] = [
    name("aws.xray.trace_id", Family::Xray, true),
    name("otel_trace_id", Family::Otel, true),
    name("http.request.header.x-amzn-trace-id", Family::Xray, false),
    name("http.request.header.x_amzn_trace_id", Family::Xray, false),
    name("http.request.header.traceparent", Family::Otel, false),
    name("traceparent", Family::Otel, false),
    name("aws.xray.http.request.traceparent", Family::Otel, false),
    name("aws.xray.http.request.headers.traceparent", Family::Otel, false),
    name("aws.xray.metadata.default", Family::Otel, false),
];

impl Name {
    /// The ids in a value of this attribute: an id in any dialect, `Root=1-...;Parent=...`, a `traceparent`, an array of such, or
    /// metadata as JSON with a field `traceparent`.
    pub fn ids(&self, value: &Value) -> Vec<TraceId> {
        match value {
            Value::Str(text) if text.starts_with('{') => {
                let fields = text.split("\"traceparent\"").skip(1);
                fields.filter_map(|after| after.split('"').nth(1)?.parse().ok()).collect()
            }
            Value::Str(text) => text.split(';').filter_map(|part| part.parse().ok()).collect(),
            Value::List(items) => items.iter().flat_map(|item| self.ids(item)).collect(),
            _ => Vec::new(),
        }
    }

    /// The term of a query that finds spans which name this id here.
    fn term(&self, id: TraceId) -> String {
        let (key, xray) = (self.key, id.xray());
        match (self.whole, self.family) {
            (true, _) => format!("{key}:\"{id}\" OR {key}:\"{xray}\""),
            // The phrase is not needed, but there is an index of words.
            (false, Family::Xray) => format!("({key}:*{xray}* \"{}\")", &xray[2..]),
            (false, Family::Otel) => format!("({key}:*{id}* \"00-{id}\")"),
        }
    }
}

/// Ids of other systems that a span names.
pub fn named(span: &Span) -> impl Iterator<Item = TraceId> + use<'_> {
    let values = NAMES.iter().filter_map(|name| Some((name, crate::attr::get(&span.attributes, name.key)?)));
    values.flat_map(|(name, value)| name.ids(value)).filter(|id| *id != span.trace_id)
}

/// The same, with how they are named.
pub fn namings(span: &Span) -> impl Iterator<Item = Naming> + use<'_> {
    let naming = move |name: &'static Name| {
        let ids = crate::attr::get(&span.attributes, name.key).map(|value| name.ids(value)).unwrap_or_default();
        ids.into_iter().map(move |id| Naming { by: span.trace_id, family: span.family(), name, id })
    };
    NAMES.iter().flat_map(naming)
}

/// Finds the spans that name this id.
pub fn naming(id: TraceId) -> Query {
    any(|name| name.term(id))
}

/// Finds the spans that name any other system's id.
pub fn naming_any() -> Query {
    any(|name| format!("{}:*", name.key))
}

fn any(term: impl Fn(&Name) -> String) -> Query {
    let terms: Vec<String> = NAMES.iter().map(term).collect();
    crate::query::parse(&terms.join(" OR ")).expect("a query made of ids")
}

/// That a span of the trace `by` names another one.
pub struct Naming {
    pub by: TraceId,
    /// Of the span.
    pub family: Family,
    pub name: &'static Name,
    pub id: TraceId,
}

/// Which traces are of one request, as far as their spans say. Traces are of one request that name each other, or name, or are named by,
/// the same third one; the page of a request reaches as far.
#[derive(Debug, Default)]
pub struct Joins(HashMap<TraceId, Joined>);

#[derive(Debug)]
struct Joined {
    /// Those that name it, and those it names.
    near: Vec<TraceId>,
    /// Whose it is, and whether that is said by an attribute that names it rather than by a span of it.
    said: (bool, Family),
}

impl Joins {
    pub fn add(&mut self, Naming { by, family, name, id }: Naming) {
        if by != id {
            self.say(by, id, (false, family));
            self.say(id, by, (true, name.family));
        }
    }

    fn say(&mut self, id: TraceId, other: TraceId, said: (bool, Family)) {
        let joined = self.0.entry(id).or_insert_with(|| Joined { near: Vec::new(), said });
        // The smaller one counts where two differ, so that it does not matter which comes first.
        joined.said = joined.said.min(said);
        if !joined.near.contains(&other) {
            joined.near.push(other);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there are others of its request.
    pub fn has(&self, id: TraceId) -> bool {
        self.0.contains_key(&id)
    }

    /// The other traces of the same request.
    pub fn others(&self, id: TraceId) -> BTreeSet<TraceId> {
        let near = |id: TraceId| self.0.get(&id).into_iter().flat_map(|joined| &joined.near).copied();
        near(id).chain(near(id).flat_map(near)).filter(|other| *other != id).collect()
    }

    /// Whether a list shows the request by this trace: OpenTelemetry's before X-Ray's, then the one with the smaller id, among those
    /// that are `listed`.
    pub fn stands(&self, id: TraceId, listed: impl Fn(TraceId) -> bool) -> bool {
        let rank = |id: TraceId| (self.0.get(&id).map(|joined| joined.said.1), id);
        self.others(id).into_iter().all(|other| rank(id) < rank(other) || !listed(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTEL: TraceId = TraceId([0x0a; 16]);
    const XRAY: TraceId = TraceId([0x58; 16]);

    fn names(by: TraceId, family: Family, key: &str, id: TraceId) -> Naming {
        Naming { by, family, name: NAMES.iter().find(|name| name.key == key).expect("a name"), id }
    }

    #[test]
    fn ids_are_read_in_every_form_that_sdks_record() {
        let text = |text: String| Value::Str(text);
        let header = format!("Root={};Parent=53995c3f42cd8ad8;Sampled=1", XRAY.xray());
        for (value, id) in [
            (text(XRAY.xray()), XRAY),
            (text(OTEL.to_string()), OTEL),
            (text(header.clone()), XRAY),
            (text(format!("Self=1-67891234-12456789abcdef012345678;{header}")), XRAY),
            (Value::List(vec![text(header)]), XRAY),
            (text(format!("00-{OTEL}-53995c3f42cd8ad8-01")), OTEL),
            (text(format!("{{\"a\":1,\"headers\":{{\"traceparent\":\"00-{OTEL}-53995c3f42cd8ad8-01\"}}}}")), OTEL),
        ] {
            assert_eq!(NAMES[0].ids(&value), [id], "{value}");
        }
        assert_eq!(NAMES[0].ids(&Value::Int(5)), []);
    }

    #[test]
    fn the_queries_are_queries() {
        assert!(naming_any().filter.is_some() && naming(OTEL).filter.is_some());
    }

    #[test]
    fn a_list_shows_one_trace_of_a_request_and_never_none() {
        let mut joins = Joins::default();
        joins.add(names(XRAY, Family::Xray, "otel_trace_id", OTEL));
        assert!(joins.stands(OTEL, |_| true) && !joins.stands(XRAY, |_| true));
        assert!(joins.stands(XRAY, |id| id != OTEL), "if it is the only one that matches");
        // Two services that X-Ray alone joins.
        let second = TraceId([0x0b; 16]);
        joins.add(names(second, Family::Otel, "aws.xray.trace_id", XRAY));
        assert_eq!(joins.others(second), BTreeSet::from([OTEL, XRAY]));
        let standing = |joins: &Joins| [OTEL, second, XRAY].into_iter().filter(|id| joins.stands(*id, |_| true)).collect::<Vec<_>>();
        assert_eq!(standing(&joins), [OTEL]);
        // What spans say of their own trace outweighs what others say of it.
        joins.add(names(OTEL, Family::Otel, "http.request.header.x-amzn-trace-id", second));
        joins.add(names(second, Family::Otel, "traceparent", OTEL));
        assert_eq!(standing(&joins), [OTEL]);
        assert!(TraceId([1; 16]) < OTEL && joins.stands(TraceId([1; 16]), |_| true), "what is joined with nothing stands");
    }
}
