//! Whether a filter expression holds, tested on a whole trace.

use super::causes::{Facts, causes};
use super::filter::{Cmp, Expr, Flag, Number, Selector, Test, Text, TextOp};
use super::record::{self, Http, ServiceId};
use super::view::{Node, View, What, response_time};
use model::attr::{Value, get_str};
use model::span::Span;

/// Whether the trace is one that the expression is about.
pub fn matches(expr: &Expr, view: &View<'_>) -> bool {
    holds(expr, view, Subject::Trace)
}

/// Whether a node is one that `service(which) { inner }` is about.
pub fn is_node(which: &Selector, inner: Option<&Expr>, view: &View<'_>, node: &Node<'_>) -> bool {
    selects(which, &node.id) && inner.is_none_or(|inner| holds(inner, view, Subject::Node(node)))
}

/// Whether the call that led to a node is one that `edge(from, to) { inner }` is about.
pub fn is_edge(ends: (&Selector, &Selector), inner: Option<&Expr>, view: &View<'_>, node: &Node<'_>) -> bool {
    let (from, call) = match node.caller {
        Some((caller, call)) => (Some(view.nodes[caller].id.clone()), call),
        None => (view.client_of(node), node.span),
    };
    selects(ends.1, &node.id)
        && from.is_some_and(|from| selects(ends.0, &from))
        && inner.is_none_or(|inner| holds(inner, view, Subject::Call(node, call)))
}

/// What an expression is tested on.
#[derive(Clone, Copy)]
enum Subject<'a, 'b> {
    Trace,
    Node(&'b Node<'a>),
    /// A call that led to a node, as its caller saw it.
    Call(&'b Node<'a>, &'a Span),
    /// A part of a root cause.
    Part(&'b Facts),
}

fn holds(expr: &Expr, view: &View<'_>, subject: Subject<'_, '_>) -> bool {
    match expr {
        Expr::And(parts) => parts.iter().all(|part| holds(part, view, subject)),
        Expr::Or(parts) => parts.iter().any(|part| holds(part, view, subject)),
        Expr::Not(inner) => !holds(inner, view, subject),
        Expr::Everything => true,
        Expr::Flag(flag) => flag_holds(*flag, view, subject),
        Expr::Number(key, cmp, wanted) => number(*key, view, subject).is_some_and(|number| cmp.holds(number, *wanted)),
        Expr::Text(key, op, wanted) => texts(*key, view, subject).iter().any(|text| op.holds(text, wanted)),
        Expr::Annotation(key, test) => {
            let spans = spans(view, subject);
            let mut values = spans.into_iter().flat_map(record::annotations).filter(|(name, _)| name == key);
            values.any(|(_, value)| test.as_ref().is_none_or(|test| annotation_holds(test, value)))
        }
        Expr::Service(which, inner) => view.nodes.iter().any(|node| is_node(which, inner.as_deref(), view, node)),
        Expr::RootCause(why, part, inner) => causes(view, *why)
            .iter()
            .flat_map(|cause| cause.parts(view, *part))
            .any(|facts| inner.as_deref().is_none_or(|inner| holds(inner, view, Subject::Part(&facts)))),
        Expr::Edge(from, to, inner) => view.nodes.iter().any(|node| is_edge((from, to), inner.as_deref(), view, node)),
    }
}

fn selects(which: &Selector, id: &ServiceId) -> bool {
    which.name.as_ref().is_none_or(|name| *name == id.name)
        && which.kind.as_ref().is_none_or(|kind| Some(kind) == id.kind.as_ref())
        && which.account.as_ref().is_none_or(|account| Some(account) == id.account.as_ref())
}

/// The one span that says how it went.
fn span<'a>(view: &View<'a>, subject: Subject<'a, '_>) -> Option<&'a Span> {
    match subject {
        Subject::Trace => view.root().map(|root| root.span),
        Subject::Node(node) => Some(node.span),
        Subject::Call(_, call) => Some(call),
        Subject::Part(_) => None,
    }
}

/// All spans that may say more.
fn spans<'a>(view: &View<'a>, subject: Subject<'a, '_>) -> Vec<&'a Span> {
    match subject {
        Subject::Trace => view.trace.spans.iter().collect(),
        Subject::Node(node) => node.records.iter().map(|at| &view.trace.spans[*at]).collect(),
        Subject::Call(_, call) => vec![call],
        Subject::Part(_) => Vec::new(),
    }
}

fn part<'b>(subject: Subject<'_, 'b>) -> Option<&'b Facts> {
    if let Subject::Part(part) = subject { Some(part) } else { None }
}

fn flag_holds<'a>(flag: Flag, view: &View<'a>, subject: Subject<'a, '_>) -> bool {
    let flags = span(view, subject).map(record::flags);
    match flag {
        Flag::Ok => flags.is_some_and(record::Flags::ok),
        Flag::Error => flags.is_some_and(|flags| flags.error),
        Flag::Fault => flags.is_some_and(|flags| flags.fault),
        Flag::Throttle => flags.is_some_and(|flags| flags.throttle),
        Flag::Partial => match subject {
            Subject::Trace => view.is_partial(),
            _ => spans(view, subject).into_iter().any(record::in_progress),
        },
        Flag::Inferred => match subject {
            Subject::Trace => view.nodes.iter().any(|node| node.what == What::Inferred),
            Subject::Node(node) | Subject::Call(node, _) => node.what == What::Inferred,
            Subject::Part(part) => part.inferred,
        },
        Flag::First => part(subject).is_some_and(|part| part.index == 0),
        Flag::Last => part(subject).is_some_and(|part| part.index + 1 == part.count),
        Flag::Remote => part(subject).is_some_and(|part| part.remote),
        Flag::Root => match subject {
            Subject::Trace => view.root.is_some(),
            Subject::Node(node) | Subject::Call(node, _) => view.root().is_some_and(|root| std::ptr::eq(root, node)),
            Subject::Part(_) => false,
        },
    }
}

fn number<'a>(key: Number, view: &View<'a>, subject: Subject<'a, '_>) -> Option<f64> {
    match (key, subject) {
        (Number::Index, _) => part(subject).map(|part| part.index as f64),
        (Number::Coverage, _) => part(subject)?.coverage,
        (Number::Duration, Subject::Trace) => Some(view.duration()),
        (Number::Duration | Number::ResponseTime, _) => response_time(span(view, subject)?),
        (Number::HttpStatus, _) => http(view, subject)?.status.map(|status| status as f64),
    }
}

fn http<'a>(view: &View<'a>, subject: Subject<'a, '_>) -> Option<Http> {
    match subject {
        Subject::Trace => view.http(),
        _ => record::http(span(view, subject)?),
    }
}

fn texts<'a>(key: Text, view: &View<'a>, subject: Subject<'a, '_>) -> Vec<String> {
    let request = |part: fn(Http) -> Option<String>| http(view, subject).and_then(part).into_iter().collect();
    let of_resources = |name: &str| {
        let texts = spans(view, subject).into_iter().filter_map(|span| get_str(&span.origin.resource, name));
        texts.map(str::to_owned).collect()
    };
    match key {
        Text::HttpUrl => request(|http| http.url),
        Text::HttpMethod => request(|http| http.method),
        Text::HttpUserAgent => request(|http| http.user_agent),
        Text::HttpClientIp => request(|http| http.client_ip),
        Text::User => spans(view, subject).into_iter().filter_map(record::user).collect(),
        Text::Name => match subject {
            Subject::Trace => Vec::new(),
            Subject::Node(node) | Subject::Call(node, _) => vec![node.id.name.clone()],
            Subject::Part(part) => vec![part.name.clone()],
        },
        Text::Type => part(subject).and_then(|part| part.kind.clone()).into_iter().collect(),
        Text::Message => part(subject).and_then(|part| part.message.clone()).into_iter().collect(),
        Text::AvailabilityZone => of_resources("cloud.availability_zone"),
        Text::InstanceId => of_resources("host.id"),
        Text::ResourceArn => of_resources("cloud.resource_id"),
    }
}

/// Numbers compare with numbers, all else as text.
fn annotation_holds(test: &Test, value: &Value) -> bool {
    match test {
        Test::Number(cmp, wanted) => match value.as_f64() {
            Some(number) => cmp.holds(number, *wanted),
            None => *cmp == Cmp::NotEqual,
        },
        Test::Text(op, wanted) => match (op, value) {
            // `"true"` in quotes is the truth, too: so one has to write it in some consoles.
            (TextOp::Equal | TextOp::NotEqual, Value::Bool(truth)) => op.holds(&truth.to_string(), &wanted.to_ascii_lowercase()),
            _ => op.holds(&value.to_string(), wanted),
        },
        Test::Truth(wanted) => value.to_string() == wanted.to_string(),
    }
}
