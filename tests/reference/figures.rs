//! Facets, aggregates and key hints over spans that match.

use super::matching::values;
use model::attr::{Attributes, Value};
use model::port::{Cell, Facet, FacetValue, KeyHint, Table};
use model::query::ast::{Function, Key, Scope, Stats};
use model::query::{columns, key_text, parse_key};
use model::span::Span;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// The one value a key has in facets and stats.
fn value(key: &Key, span: &Span) -> Option<Value> {
    values(key, span).into_iter().next()
}

pub fn facet(name: &str, key: &Key, spans: &[&Span], limit: u32) -> Facet {
    let mut weights: BTreeMap<String, f64> = BTreeMap::new();
    for span in spans {
        if let Some(value) = value(key, span) {
            *weights.entry(value.to_string()).or_default() += span.envelope.weight;
        }
    }
    let distinct = weights.len() as u64;
    let mut values: Vec<FacetValue> = weights.into_iter().map(|(value, spans)| FacetValue { value, spans }).collect();
    values.sort_by(|a, b| b.spans.total_cmp(&a.spans));
    values.truncate(limit as usize);
    Facet { key: name.into(), values, distinct, exact: true }
}

/// The cells of one group, in the order of groups.
#[derive(Clone)]
struct Group(Vec<Cell>);

impl Ord for Group {
    fn cmp(&self, other: &Group) -> Ordering {
        let cells = self.0.iter().zip(&other.0).map(|(a, b)| a.order(b));
        cells.fold(Ordering::Equal, Ordering::then)
    }
}

impl PartialOrd for Group {
    fn partial_cmp(&self, other: &Group) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Group {
    fn eq(&self, other: &Group) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Group {}

pub fn stats(stats: &Stats, spans: &[&Span]) -> Table {
    let mut groups: BTreeMap<Group, Vec<&Span>> = BTreeMap::new();
    if stats.bin.is_none() && stats.by.is_empty() {
        groups.insert(Group(Vec::new()), Vec::new());
    }
    for span in spans {
        let bin = stats.bin.map(|step| Cell::Number((span.start.div_euclid(step) * step) as f64));
        let keys = stats.by.iter().map(|key| match value(key, span) {
            None => Cell::Null,
            Some(value) => match value.as_f64() {
                // Adding zero makes the negative zero a zero.
                Some(number) => Cell::Number(number + 0.0),
                None => Cell::Text(value.to_string()),
            },
        });
        groups.entry(Group(bin.into_iter().chain(keys).collect())).or_default().push(span);
    }
    let row = |(Group(mut cells), spans): (Group, Vec<&Span>)| {
        cells.extend(stats.measures.iter().map(|measure| measured(&measure.function, &spans)));
        cells
    };
    Table { columns: columns(stats), rows: groups.into_iter().map(row).collect(), exact: true }
}

fn measured(function: &Function, spans: &[&Span]) -> Cell {
    let weight = |spans: &mut dyn Iterator<Item = &&Span>| Cell::Number(spans.fold(0.0, |sum, span| sum + span.envelope.weight));
    // (value, weight) of every span where the key is a number.
    let numbers = |key: &Key| -> Vec<(f64, f64)> {
        let number = |span: &&Span| Some((value(key, span)?.as_f64()?, span.envelope.weight));
        spans.iter().filter_map(number).filter(|(number, _)| !number.is_nan()).collect()
    };
    let number = |found: Option<f64>| found.map_or(Cell::Null, Cell::Number);
    match function {
        Function::Count => weight(&mut spans.iter()),
        Function::CountKey(key) => weight(&mut spans.iter().filter(|span| value(key, span).is_some())),
        Function::Errors => weight(&mut spans.iter().filter(|span| span.is_error())),
        Function::CountDistinct(key) => {
            let texts: BTreeSet<String> = spans.iter().filter_map(|span| value(key, span)).map(|value| value.to_string()).collect();
            Cell::Number(texts.len() as f64)
        }
        Function::Sum(key) => {
            let numbers = numbers(key);
            number((!numbers.is_empty()).then(|| numbers.iter().map(|(number, weight)| number * weight).sum()))
        }
        Function::Avg(key) => {
            let numbers = numbers(key);
            let sum: f64 = numbers.iter().map(|(number, weight)| number * weight).sum();
            number((!numbers.is_empty()).then(|| sum / numbers.iter().map(|(_, weight)| weight).sum::<f64>()))
        }
        Function::Min(key) => number(numbers(key).into_iter().map(|(number, _)| number).min_by(f64::total_cmp)),
        Function::Max(key) => number(numbers(key).into_iter().map(|(number, _)| number).max_by(f64::total_cmp)),
        Function::Percentile(key, percent) => {
            let mut numbers = numbers(key);
            numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
            let wanted = percent / 100.0 * numbers.iter().map(|(_, weight)| weight).sum::<f64>();
            let mut below = 0.0;
            let reached = numbers.iter().find(|(_, weight)| {
                below += weight;
                below >= wanted
            });
            number(reached.or(numbers.last()).map(|(number, _)| *number))
        }
    }
}

/// Keys of attributes as they are written in a query, with the kinds of their values.
pub fn keys(spans: &[&Span]) -> Vec<KeyHint> {
    let mut kinds: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut add = |scope: Scope, attributes: &Attributes| {
        for (name, value) in attributes {
            let key = Key::Attribute { scope, name: name.clone() };
            // A resource attribute that is a field, such as `service.name`, is offered as the field.
            let hidden = scope == Scope::Any && parse_key(&key_text(&key)) != key;
            let kind = match value {
                Value::Int(_) | Value::Float(_) => "number",
                Value::Bool(_) => "boolean",
                _ => "text",
            };
            if !hidden {
                kinds.entry(key_text(&key)).or_default().insert(kind);
            }
        }
    };
    for span in spans {
        for attributes in [&span.attributes, &span.origin.resource, &span.origin.scope_attributes] {
            add(Scope::Any, attributes);
        }
        span.events.iter().for_each(|event| add(Scope::Event, &event.attributes));
    }
    let hint = |(key, kinds): (String, BTreeSet<&str>)| KeyHint { key, kind: kinds.into_iter().collect::<Vec<_>>().join("|") };
    kinds.into_iter().map(hint).collect()
}
