//! Root causes: the chain of services, and of records in each, from where a request came in to where it failed or its time went.

use super::filter::{Part, Why};
use super::record::{self, is_call, without_nulls};
use super::view::{View, What, seconds};
use model::span::{Span, exception};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};

/// A record takes part in a cause of response time if it took at least this share of the one around it.
const MOST: f64 = 0.5;

/// One of them; what came in first is first.
pub struct Cause<'a> {
    why: Why,
    services: Vec<Service<'a>>,
    /// Whether it reaches up to what the client saw.
    impacts_client: bool,
}

struct Service<'a> {
    /// Its node.
    node: usize,
    entities: Vec<&'a Span>,
}

/// A part of a cause, as filter expressions ask for it. Of an exception `kind` is its type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub name: String,
    pub kind: Option<String>,
    pub message: Option<String>,
    pub inferred: bool,
    pub remote: bool,
    /// Where it stands, from 0, and of how many.
    pub index: usize,
    pub count: usize,
    /// Its share of the response time of the trace, 0 to 1.
    pub coverage: Option<f64>,
}

/// The root causes of a trace, none twice.
pub fn causes<'a>(view: &View<'a>, why: Why) -> Vec<Cause<'a>> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); view.records.len()];
    for (at, parent) in view.parents.iter().enumerate() {
        parent.iter().for_each(|parent| children[*parent].push(at));
    }
    let spans = &view.trace.spans;
    let bad = |at: usize| match why {
        Why::Fault => record::flags(&spans[at]).fault,
        Why::Error => record::flags(&spans[at]).error,
        Why::ResponseTime => false,
    };
    let paths: Vec<Vec<usize>> = match (why, view.root()) {
        (Why::ResponseTime, Some(root)) if !record::in_progress(root.span) => {
            let mut path = vec![root.records[0]];
            loop {
                let last = path[path.len() - 1];
                let longest = children[last].iter().copied().max_by_key(|at| spans[*at].duration_ns);
                let Some(longest) = longest.filter(|at| share(&spans[*at], &spans[last]).is_some_and(|share| share >= MOST)) else {
                    break vec![path];
                };
                path.push(longest);
            }
        }
        (Why::ResponseTime, _) => Vec::new(),
        // The deepest ones that failed, each with what failed around it.
        _ => {
            let deepest = view.order.iter().copied().filter(|at| bad(*at) && !children[*at].iter().any(|child| bad(*child)));
            let climb = |at: usize| {
                let mut path: Vec<usize> = std::iter::successors(Some(at), |at| view.parents[*at].filter(|parent| bad(*parent))).collect();
                path.reverse();
                path
            };
            deepest.map(climb).collect()
        }
    };
    // Of a thousand calls that failed alike one says it.
    let mut said = BTreeSet::new();
    let inferred = view.nodes.iter().enumerate().filter(|(_, node)| node.what == What::Inferred);
    let called: HashMap<usize, usize> = inferred.map(|(at, node)| (node.records[0], at)).collect();
    let causes = paths.iter().map(|path| Cause::of(view, why, path, &called));
    causes.filter(|cause| said.insert(cause.json(view).to_string())).collect()
}

fn share(span: &Span, of: &Span) -> Option<f64> {
    (!record::in_progress(span) && of.duration_ns > 0).then(|| seconds(span.duration_ns) / seconds(of.duration_ns))
}

impl<'a> Cause<'a> {
    /// `called` has what was inferred from a record.
    fn of(view: &View<'a>, why: Why, path: &[usize], called: &HashMap<usize, usize>) -> Cause<'a> {
        let mut services: Vec<Service<'a>> = Vec::new();
        for at in path {
            let (node, span) = (view.records[*at].node, &view.trace.spans[*at]);
            match services.last_mut().filter(|last| last.node == node) {
                Some(last) => last.entities.push(span),
                None => services.push(Service { node, entities: vec![span] }),
            }
        }
        let called = path.last().and_then(|last| called.get(last));
        services.extend(called.map(|node| Service { node: *node, entities: vec![view.nodes[*node].span] }));
        let top = view.root().map(|root| root.records[0]);
        Cause { why, services, impacts_client: top.is_some() && top == path.first().copied() }
    }

    /// As `TraceSummary` has it.
    pub fn json(&self, view: &View<'a>) -> Value {
        let root = view.root().map(|root| root.span);
        let entity = |span: &&Span| {
            if self.why == Why::ResponseTime {
                let coverage = root.and_then(|root| share(span, root));
                return without_nulls(json!({"Name": span.name, "Remote": is_call(span), "Coverage": coverage}));
            }
            let exceptions = thrown(span).map(|(kind, message)| json!({"Name": kind, "Message": message})).collect::<Vec<_>>();
            json!({"Name": span.name, "Remote": is_call(span), "Exceptions": exceptions})
        };
        let service = |service: &Service<'_>| {
            let node = &view.nodes[service.node];
            let id = &node.id;
            without_nulls(json!({
                "Name": id.name, "Names": [id.name], "Type": id.kind, "AccountId": id.account, "Inferred": node.what == What::Inferred,
                "EntityPath": service.entities.iter().map(entity).collect::<Vec<_>>(),
            }))
        };
        json!({"Services": self.services.iter().map(service).collect::<Vec<_>>(), "ClientImpacting": self.impacts_client})
    }

    /// Its parts of one kind, in order.
    pub fn parts(&self, view: &View<'a>, part: Part) -> Vec<Facts> {
        let root = view.root().map(|root| root.span);
        let coverage = |span: &Span| share(span, root?);
        let entities = || self.services.iter().flat_map(|service| service.entities.iter().map(move |span| (service, *span)));
        let inferred = |service: &Service<'_>| view.nodes[service.node].what == What::Inferred;
        let mut parts: Vec<Facts> = match part {
            Part::Service => self
                .services
                .iter()
                .map(|service| {
                    let id = &view.nodes[service.node].id;
                    let coverage = service.entities.first().and_then(|span| coverage(span));
                    Facts { name: id.name.clone(), kind: id.kind.clone(), inferred: inferred(service), coverage, ..Facts::default() }
                })
                .collect(),
            Part::Entity => entities()
                .map(|(service, span)| Facts {
                    name: span.name.clone(),
                    inferred: inferred(service),
                    remote: is_call(span),
                    coverage: coverage(span),
                    ..Facts::default()
                })
                .collect(),
            Part::Exception => entities()
                .flat_map(|(_, span)| thrown(span))
                .map(|(kind, message)| Facts { name: kind.clone(), kind: Some(kind), message: Some(message), ..Facts::default() })
                .collect(),
        };
        let count = parts.len();
        parts.iter_mut().enumerate().for_each(|(index, part)| (part.index, part.count) = (index, count));
        parts
    }
}

/// Type and message of what a span recorded as thrown.
fn thrown(span: &Span) -> impl Iterator<Item = (String, String)> {
    span.events.iter().filter_map(exception).map(|thrown| (thrown.kind.to_owned(), thrown.message.to_owned()))
}
