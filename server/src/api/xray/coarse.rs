//! From a filter expression to a query of the store that finds every trace of which it may hold, and as few others as the
//! query language can tell: what a query says holds on one span, what a filter expression says is spread over the trace.
//! Each trace that is found is then tested by [`super::matching`].

use super::filter::{self, Expr, Number, Selector, Text, TextOp};
use super::record::{CALLED, THINGS};
use model::query::ast::{Cmp, Expr as Q, Field, Key, Literal, Query, Scope, SpanField, Test, TraceField};
use model::semconv;

/// The query.
pub fn query(expr: Option<&Expr>) -> Query {
    let found = expr.map(of).unwrap_or_default();
    Query { filter: and(found.trace.into_iter().chain(found.span).collect()), pipeline: Vec::new() }
}

/// What must hold if an expression does; `None` for anything.
#[derive(Default)]
struct Coarse {
    /// Terms about the trace's summary, which hold on every span of it.
    trace: Option<Q>,
    /// Terms that some span has to meet. There cannot be two of them: they might be met by different spans.
    span: Option<Q>,
}

fn of(expr: &Expr) -> Coarse {
    match expr {
        Expr::And(parts) => {
            let parts: Vec<Coarse> = parts.iter().map(of).collect();
            let (traces, spans): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (part.trace, part.span)).unzip();
            Coarse { trace: and(traces.into_iter().flatten().collect()), span: spans.into_iter().flatten().next() }
        }
        Expr::Or(parts) => {
            let mut any = Vec::new();
            for part in parts.iter().map(of) {
                match and(part.trace.into_iter().chain(part.span).collect()) {
                    Some(part) => any.push(part),
                    None => return Coarse::default(),
                }
            }
            some(Q::Or(any))
        }
        // What must hold of an expression says nothing of its negation.
        Expr::Not(_) | Expr::Everything => Coarse::default(),
        Expr::Flag(flag) => match flag {
            filter::Flag::Error | filter::Flag::Fault | filter::Flag::Throttle => some(failed()),
            _ => Coarse::default(),
        },
        Expr::Number(key, cmp, value) => number(*key, *cmp, *value),
        Expr::Text(key, op, value) => text(*key, *op, value).map(some).unwrap_or_default(),
        Expr::Annotation(key, test) => some(annotation(key, test.as_ref())),
        Expr::Service(which, inner) => {
            // Both must hold, but a name that is given is the better term. Times of a node are no longer than the trace's.
            service(which).map(some).unwrap_or_else(|| inner.as_deref().map(of).unwrap_or_default())
        }
        Expr::RootCause(why, ..) if *why != filter::Why::ResponseTime => some(failed()),
        Expr::RootCause(..) => Coarse::default(),
        Expr::Edge(from, to, _) => service(to).or_else(|| service(from)).map(some).unwrap_or_default(),
    }
}

fn some(span: Q) -> Coarse {
    Coarse { trace: None, span: Some(span) }
}

fn and(mut parts: Vec<Q>) -> Option<Q> {
    match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(Q::And(parts)),
    }
}

fn field(key: Key, test: Test) -> Q {
    Q::Field(Field { key, test })
}

fn attribute(name: &str, test: Test) -> Q {
    field(Key::Attribute { scope: Scope::Any, name: name.to_owned() }, test)
}

fn equals(text: &str) -> Test {
    Test::Equals(Literal { text: text.to_owned(), number: None })
}

fn compare(cmp: Cmp, number: f64) -> Test {
    Test::Compare(cmp, Literal { text: number.to_string(), number: Some(number) })
}

fn failed() -> Q {
    Q::Or(vec![
        field(Key::Span(SpanField::Status), equals("error")),
        attribute("aws.xray.fault", Test::Exists),
        attribute("aws.xray.error", Test::Exists),
        attribute("aws.xray.throttle", Test::Exists),
        attribute("http.response.status_code", compare(Cmp::GreaterOrEqual, 400.0)),
        // Of a status that was sent as a text the store cannot say how large it is.
        attribute("http.response.status_code", Test::Wildcard(vec!["4".into(), String::new()])),
        attribute("http.response.status_code", Test::Wildcard(vec!["5".into(), String::new()])),
    ])
}

fn number(key: Number, cmp: filter::Cmp, value: f64) -> Coarse {
    match (key, cmp) {
        (Number::HttpStatus, _) => some(attribute("http.response.status_code", Test::Exists)),
        // Nothing in a trace takes longer than it. A microsecond is for what seconds lose in a double.
        (Number::Duration | Number::ResponseTime, filter::Cmp::Greater | filter::Cmp::GreaterOrEqual | filter::Cmp::Equal) => {
            let micros = (value * 1e6 - 1.0).max(0.0).floor();
            let literal = Literal { text: format!("{micros}us"), number: Some(micros * 1e3) };
            let test = Test::Compare(Cmp::GreaterOrEqual, literal);
            Coarse { trace: Some(field(Key::Trace(TraceField::Duration), test)), span: None }
        }
        _ => Coarse::default(),
    }
}

fn text(key: Text, op: TextOp, value: &str) -> Option<Q> {
    let test = text_test(op, value);
    Some(match key {
        // It may have been sent in parts.
        Text::HttpUrl => Q::Or(vec![attribute("url.full", test), attribute("url.path", Test::Exists)]),
        Text::HttpMethod => attribute("http.request.method", test),
        Text::HttpUserAgent => attribute("user_agent.original", test),
        Text::HttpClientIp => attribute("client.address", test),
        Text::User => Q::Or(vec![attribute("enduser.id", test.clone()), attribute("user.id", test)]),
        Text::AvailabilityZone => attribute("cloud.availability_zone", test),
        Text::InstanceId => attribute("host.id", test),
        Text::ResourceArn => attribute("cloud.resource_id", test),
        Text::Name | Text::Type | Text::Message => return None,
    })
}

/// What must hold of a text.
fn text_test(op: TextOp, value: &str) -> Test {
    let value = value.to_owned();
    match op {
        TextOp::Equal => equals(&value),
        // Stars around nothing would be a test of one part too few.
        TextOp::NotEqual => Test::Exists,
        _ if value.is_empty() => Test::Exists,
        TextOp::Contains => Test::Wildcard(vec![String::new(), value, String::new()]),
        TextOp::BeginsWith => Test::Wildcard(vec![value, String::new()]),
        TextOp::EndsWith => Test::Wildcard(vec![String::new(), value]),
    }
}

fn annotation(key: &str, test: Option<&filter::Test>) -> Q {
    // Of an attribute that was renamed the store looks at one name, the annotation may be another.
    let test = match test.filter(|_| semconv::names(key).len() == 1) {
        None | Some(filter::Test::Number(filter::Cmp::NotEqual, _)) => Test::Exists,
        Some(filter::Test::Number(cmp, number)) => match cmp {
            filter::Cmp::Less => compare(Cmp::Less, *number),
            filter::Cmp::LessOrEqual => compare(Cmp::LessOrEqual, *number),
            filter::Cmp::Greater => compare(Cmp::Greater, *number),
            filter::Cmp::GreaterOrEqual => compare(Cmp::GreaterOrEqual, *number),
            filter::Cmp::Equal | filter::Cmp::NotEqual => Test::Equals(Literal { text: number.to_string(), number: Some(*number) }),
        },
        Some(filter::Test::Text(TextOp::Equal, text)) if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") => {
            Test::Exists
        }
        Some(filter::Test::Text(op, text)) => text_test(*op, text),
        Some(filter::Test::Truth(truth)) => equals(&truth.to_string()),
    };
    attribute(key, test)
}

/// A service is named by its spans, or by whoever called it.
fn service(which: &Selector) -> Option<Q> {
    let name = which.name.as_ref().filter(|name| !name.is_empty())?;
    // Databases are named `database@host`.
    let database = name.split_once('@').map_or(name.as_str(), |(database, _)| database);
    let mut any = vec![field(Key::Span(SpanField::Service), equals(name)), field(Key::Span(SpanField::Name), equals(name))];
    any.push(attribute("db.namespace", equals(database)));
    any.push(attribute("url.full", text_test(TextOp::Contains, name)));
    any.extend(["aws.service", "rpc.service"].map(|key| attribute(key, equals(name))));
    any.extend(CALLED.map(|key| attribute(key, equals(name))));
    // Things may be lists, of which any item will do.
    any.extend(THINGS.iter().flat_map(|(_, _, keys)| keys.iter()).map(|key| attribute(key, equals(name))));
    Some(Q::Or(any))
}
