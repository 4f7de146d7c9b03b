//! Services that go by several names: an X-Ray segment is often named after a host alone, what OpenTelemetry calls `backend-flask`.
//! The data keeps the names it came with; aliases apply when it is read, so that they can be changed at any time.

use crate::query::ast::{Expr, Field, Key, Literal, Query, SpanField, Test, TraceField};
use crate::span::{Origin, Span};
use crate::trace::Summary;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longest name, bytes.
const LONGEST: usize = 255;

/// Other names of services, each with the name its service is shown by. That name is never itself an alias.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct Aliases(BTreeMap<String, String>);

impl TryFrom<BTreeMap<String, String>> for Aliases {
    type Error = String;

    fn try_from(pairs: BTreeMap<String, String>) -> Result<Aliases, String> {
        pairs.iter().try_fold(Aliases::default(), |aliases, (alias, service)| aliases.with(alias, service))
    }
}

impl Aliases {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// (alias, service), by alias.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(alias, service)| (alias.as_str(), service.as_str()))
    }

    /// The same, and this alias of this service. `Err` is a sentence for the person who wanted it.
    pub fn with(&self, alias: &str, service: &str) -> Result<Aliases, String> {
        let (alias, service) = (alias.trim(), self.name_of(service.trim()));
        if [alias, service].iter().any(|name| name.is_empty() || name.len() > LONGEST) {
            return Err(format!("an alias and its service need names of 1 to {LONGEST} bytes"));
        }
        if alias == service {
            return Err(format!("{alias} is the name this service is shown by already"));
        }
        let mut pairs = self.0.clone();
        // What was called by this name goes by the new one, too.
        pairs.values_mut().filter(|known| *known == alias).for_each(|known| *known = service.to_owned());
        pairs.insert(alias.to_owned(), service.to_owned());
        Ok(Aliases(pairs))
    }

    /// The same without this alias.
    pub fn without(&self, alias: &str) -> Aliases {
        let mut pairs = self.0.clone();
        pairs.remove(alias.trim());
        Aliases(pairs)
    }

    /// The name that a service is shown by.
    pub fn name_of<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.get(name).map_or(name, String::as_str)
    }

    /// The query that finds a service by all of its names where it asks for one: `service:`, `trace.service:` and
    /// `trace.root_service:`. Patterns are left as they are.
    pub fn expand<'q>(&self, query: &'q Query) -> Cow<'q, Query> {
        match &query.filter {
            Some(filter) if !self.is_empty() => Cow::Owned(Query { filter: Some(self.expanded(filter)), pipeline: query.pipeline.clone() }),
            _ => Cow::Borrowed(query),
        }
    }

    fn expanded(&self, expr: &Expr) -> Expr {
        let all = |parts: &[Expr]| parts.iter().map(|part| self.expanded(part)).collect();
        match expr {
            Expr::And(parts) => Expr::And(all(parts)),
            Expr::Or(parts) => Expr::Or(all(parts)),
            Expr::Not(inner) => Expr::Not(Box::new(self.expanded(inner))),
            Expr::Field(Field { key, test: Test::Equals(Literal { text, .. }) }) if is_service(key) => {
                let name = self.name_of(text);
                let names: Vec<&str> = self.iter().filter(|(_, service)| *service == name).map(|(alias, _)| alias).collect();
                let equals = |text: &str| Test::Equals(Literal { text: text.to_owned(), number: text.parse().ok() });
                let one = |text| Expr::Field(Field { key: key.clone(), test: equals(text) });
                match names.is_empty() {
                    true => expr.clone(),
                    false => Expr::Or(std::iter::once(name).chain(names).map(one).collect()),
                }
            }
            Expr::Word(_) | Expr::Field(_) => expr.clone(),
        }
    }

    /// Names the services of a summary as they are shown.
    pub fn rename(&self, summary: &mut Summary) {
        if self.is_empty() {
            return;
        }
        summary.root.service = self.name_of(&summary.root.service).to_owned();
        let mut services: BTreeMap<String, u32> = BTreeMap::new();
        for (name, spans) in summary.services.drain(..) {
            *services.entry(self.name_of(&name).to_owned()).or_default() += spans;
        }
        summary.services.extend(services);
        // Stable: by name where there are as many.
        summary.services.sort_by_key(|(_, spans)| std::cmp::Reverse(*spans));
    }

    /// Names the services of spans as they are shown; their resources keep what was sent.
    pub fn rename_spans(&self, spans: &mut [Span]) {
        // Neighbours mostly share their origin.
        let mut last: Option<(Arc<Origin>, Arc<Origin>)> = None;
        for span in spans.iter_mut().filter(|span| self.0.contains_key(span.service())) {
            let renamed = match &last {
                Some((old, new)) if Arc::ptr_eq(old, &span.origin) => new.clone(),
                _ => Arc::new(Origin { service: self.name_of(span.service()).to_owned(), ..(*span.origin).clone() }),
            };
            last = Some((std::mem::replace(&mut span.origin, renamed.clone()), renamed));
        }
    }
}

/// Whether the values of a key are names of services.
pub fn is_service(key: &Key) -> bool {
    matches!(key, Key::Span(SpanField::Service) | Key::Trace(TraceField::Service | TraceField::RootService))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::parse;

    fn aliases() -> Aliases {
        Aliases::default().with("localhost", "backend-flask").unwrap().with(" web shop ", "shop").unwrap()
    }

    #[test]
    fn a_service_has_one_name_that_is_shown() {
        let aliases = aliases();
        assert_eq!((aliases.name_of("localhost"), aliases.name_of("other")), ("backend-flask", "other"));
        assert_eq!(aliases.with("10.0.0.1", "localhost").unwrap().name_of("10.0.0.1"), "backend-flask", "an alias stands for its service");
        let renamed = aliases.with("backend-flask", "backend").unwrap();
        assert_eq!((renamed.name_of("localhost"), renamed.name_of("backend-flask")), ("backend", "backend"));
        assert!(aliases.with("backend-flask", "localhost").is_err() && aliases.with("a", "a").is_err());
        assert!(aliases.with(" ", "a").is_err() && aliases.with("a", "").is_err() && aliases.with(&"a".repeat(256), "b").is_err());
        assert_eq!(aliases.without("localhost").name_of("localhost"), "localhost");
        let json = serde_json::to_string(&aliases).unwrap();
        assert_eq!(json, r#"{"localhost":"backend-flask","web shop":"shop"}"#);
        assert_eq!(serde_json::from_str::<Aliases>(&json).unwrap(), aliases);
        assert!(serde_json::from_str::<Aliases>(r#"{"a":"b","b":"a"}"#).is_err(), "round in a circle");
    }

    #[test]
    fn a_query_for_a_service_finds_all_of_its_names() {
        for (asked, expanded) in [
            ("service:backend-flask", "(service:backend-flask OR service:localhost)"),
            ("service:localhost", "(service:backend-flask OR service:localhost)"),
            ("-service:shop duration:>1s", "-(service:shop OR service:\"web shop\") duration:>1s"),
            ("trace.root_service:shop a", "(trace.root_service:shop OR trace.root_service:\"web shop\") a"),
            ("service:other", "service:other"),
            ("service:loc* name:localhost localhost", "service:loc* name:localhost localhost"),
        ] {
            assert_eq!(*aliases().expand(&parse(asked).unwrap()), parse(expanded).unwrap(), "{asked}");
        }
        assert!(matches!(Aliases::default().expand(&parse("service:a").unwrap()), Cow::Borrowed(_)));
    }
}
