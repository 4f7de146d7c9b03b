//! Queries changed by a click on a value: facets, attributes of a span, columns of a table.
//!
//! What is chosen of a key are top-level terms: `key:a`, `(key:a OR key:b)` and `-key:a`. Several values of one key are
//! alternatives, because a span has only one.

use super::ast::{Expr, Field, Key, Query, Test};
use super::key::Vocabulary;
use super::parse;

/// What a query says of one value of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Included,
    Excluded,
    /// Nothing.
    Open,
}

/// What the query says of `key:value`.
pub fn choice(text: &str, key: &str, value: &str) -> Choice {
    of::<Query>(text, key, value)
}

/// The query that also finds `key:value`: it joins the values of the key that are chosen already. A text that is no query is
/// left as it is, as with the others here.
pub fn with(text: &str, key: &str, value: &str) -> String {
    including::<Query>(text, key, value)
}

/// The query that says nothing of `key:value`.
pub fn without(text: &str, key: &str, value: &str) -> String {
    edit::<Query>(text, key, value, |_, _| ())
}

/// The query that finds nothing with `key:value`.
pub fn exclude(text: &str, key: &str, value: &str) -> String {
    excluding_too::<Query>(text, key, value)
}

/// A query whose filter is changed by clicks.
pub(super) trait Filtered: ToString + Sized {
    const VOCABULARY: Vocabulary;
    fn read(text: &str) -> Option<Self>;
    fn filter(&mut self) -> &mut Option<Expr>;
}

impl Filtered for Query {
    const VOCABULARY: Vocabulary = Vocabulary::Spans;

    fn read(text: &str) -> Option<Query> {
        parse(text).ok()
    }

    fn filter(&mut self) -> &mut Option<Expr> {
        &mut self.filter
    }
}

pub(super) fn of<Q: Filtered>(text: &str, key: &str, value: &str) -> Choice {
    let (Some(mut query), Some(wanted)) = (Q::read(text), field(Q::VOCABULARY, key, value)) else { return Choice::Open };
    let terms = terms(query.filter().take());
    if terms.iter().any(|term| chosen(term, &wanted.key).is_some_and(|fields| fields.contains(&wanted))) {
        Choice::Included
    } else if terms.contains(&excluding(wanted)) {
        Choice::Excluded
    } else {
        Choice::Open
    }
}

pub(super) fn including<Q: Filtered>(text: &str, key: &str, value: &str) -> String {
    edit::<Q>(text, key, value, |terms, wanted| {
        let found = terms.iter().position(|term| chosen(term, &wanted.key).is_some());
        match found {
            None => terms.push(Expr::Field(wanted)),
            Some(at) => {
                let mut fields = chosen(&terms[at], &wanted.key).unwrap_or_default();
                fields.push(wanted);
                terms[at] = any_of(fields);
            }
        }
    })
}

pub(super) fn excluding_too<Q: Filtered>(text: &str, key: &str, value: &str) -> String {
    edit::<Q>(text, key, value, |terms, wanted| terms.push(excluding(wanted)))
}

/// Takes `key:value` out of the top-level terms, then changes them.
pub(super) fn edit<Q: Filtered>(text: &str, key: &str, value: &str, change: impl FnOnce(&mut Vec<Expr>, Field)) -> String {
    let (Some(mut query), Some(wanted)) = (Q::read(text), field(Q::VOCABULARY, key, value)) else { return text.into() };
    let not_wanted = excluding(wanted.clone());
    let mut kept = Vec::new();
    for term in terms(query.filter().take()) {
        match chosen(&term, &wanted.key) {
            Some(mut fields) if fields.contains(&wanted) => {
                fields.retain(|field| *field != wanted);
                if !fields.is_empty() {
                    kept.push(any_of(fields));
                }
            }
            _ if term == not_wanted => (),
            _ => kept.push(term),
        }
    }
    change(&mut kept, wanted);
    *query.filter() = match kept.len() {
        0 | 1 => kept.pop(),
        _ => Some(Expr::And(kept)),
    };
    query.to_string()
}

/// `None` if the key cannot have this value.
fn field(vocabulary: Vocabulary, key: &str, value: &str) -> Option<Field> {
    let key = vocabulary.parse_key(key);
    let literal = vocabulary.kind(&key).literal(value).ok()?;
    Some(Field { key, test: Test::Equals(literal) })
}

fn terms(filter: Option<Expr>) -> Vec<Expr> {
    match filter {
        None => Vec::new(),
        Some(Expr::And(parts)) => parts,
        Some(other) => vec![other],
    }
}

/// The values of the key this term is a choice of.
fn chosen(term: &Expr, key: &Key) -> Option<Vec<Field>> {
    let one = |part: &Expr| match part {
        Expr::Field(field) if field.key == *key && matches!(field.test, Test::Equals(_)) => Some(field.clone()),
        _ => None,
    };
    match term {
        Expr::Or(parts) => parts.iter().map(one).collect(),
        other => one(other).map(|field| vec![field]),
    }
}

fn any_of(mut fields: Vec<Field>) -> Expr {
    match fields.len() {
        1 => Expr::Field(fields.remove(0)),
        _ => Expr::Or(fields.into_iter().map(Expr::Field).collect()),
    }
}

fn excluding(field: Field) -> Expr {
    Expr::Not(Box::new(Expr::Field(field)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clicks_on_values() {
        let text = "GET duration:>500ms | limit 5";
        let one = with(text, "service.name", "web shop");
        assert_eq!(one, r#"GET duration:>500ms service:"web shop" | limit 5"#);
        let two = with(&one, "service", "api");
        assert_eq!(two, r#"GET duration:>500ms (service:"web shop" OR service:api) | limit 5"#);
        assert_eq!(with(&two, "service", "api"), r#"GET duration:>500ms (service:"web shop" OR service:api) | limit 5"#);
        assert_eq!(choice(&two, "service", "api"), Choice::Included);
        assert_eq!(without(&without(&two, "service", "api"), "service", "web shop"), text);
        let not = exclude(&one, "service", "web shop");
        assert_eq!(not, r#"GET duration:>500ms -service:"web shop" | limit 5"#);
        assert_eq!(choice(&not, "service", "web shop"), Choice::Excluded);
        assert_eq!(choice(&not, "service", "api"), Choice::Open);
        assert_eq!(with("", "status", "ERROR"), "status:error");
        assert_eq!(without("status:error", "status", "error"), "");
        assert_eq!(with("a OR b", "http.route", "/api/x"), "(a OR b) http.route:/api/x");
        assert_eq!(without(&with("a OR b", "http.route", "/api/x"), "http.route", "/api/x"), "a OR b");
        assert_eq!(with("(", "a", "b"), "(", "what is no query is left alone");
    }
}
