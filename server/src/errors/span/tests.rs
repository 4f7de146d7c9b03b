use super::*;
use model::id::{SpanId, TraceId};
use model::span::{Dropped, Envelope, Kind, Origin, Status};
use std::sync::Arc;

fn text(key: &str, value: &str) -> (String, Value) {
    (key.into(), Value::Str(value.into()))
}

fn event(attributes: Vec<(String, Value)>) -> Event {
    Event { time: 1_795_352_671_500_000_000, name: "exception".into(), attributes, dropped_attributes: 0 }
}

fn span(source: &str, status: Status, events: Vec<Event>) -> Span {
    let resource = vec![text("service.version", "1.2"), text("deployment.environment", "prod"), text("host.name", "web-1")];
    Span {
        trace_id: TraceId([1; 16]),
        span_id: SpanId([2; 8]),
        parent_id: None,
        trace_state: String::new(),
        flags: 0,
        name: "GET".into(),
        kind: Kind::Server,
        start: 0,
        duration_ns: 0,
        status,
        status_message: String::new(),
        attributes: vec![text("http.target", "/orders/7?x=1"), text("aws.xray.trace_id", "1-5759e988-bd862e3fe1be46a994272793")],
        events,
        links: Vec::new(),
        dropped: Dropped::default(),
        origin: Arc::new(Origin { service: "shop".into(), resource, ..Origin::default() }),
        envelope: Envelope {
            seq: 9,
            received_at: 7,
            source: source.into(),
            key: "k".into(),
            dataset: "".into(),
            weight: 1.0,
            to_self: false,
        },
    }
}

fn data(witness: &Witness) -> Json {
    serde_json::from_str(&witness.data).unwrap()
}

#[test]
fn an_event_of_opentelemetry() {
    let stack = "Traceback (most recent call last):\n  File \"/app/a.py\", line 3, in f\n    x()\nKeyError: 'x'\n";
    let other = Event { name: "log".into(), ..event(Vec::new()) };
    let thrown = event(vec![text("exception.type", "KeyError"), text("exception.message", "'x'"), text("exception.stacktrace", stack)]);
    let witnesses = from_span(&span("otlp_http", Status::Error, vec![other, thrown]));
    let [witness] = witnesses.as_slice() else { panic!("{witnesses:?}") };
    assert_eq!(witness.identity, format!("{}-{}-1", TraceId([1; 16]), SpanId([2; 8])));
    assert_eq!((&*witness.project, witness.service.as_str(), &*witness.key), ("shop", "shop", "k"));
    assert_eq!((witness.environment.as_str(), witness.version.as_str(), witness.host.as_str()), ("prod", "1.2", "web-1"));
    assert_eq!((witness.context.as_str(), witness.level, witness.handled), ("/orders/7", ErrorLevel::Error, None));
    assert_eq!(witness.traces, [TraceId([1; 16]), "1-5759e988-bd862e3fe1be46a994272793".parse().unwrap()]);
    assert_eq!((witness.span, witness.how), (Some(SpanId([2; 8])), Some(LinkHow::Span)));
    let data = data(witness);
    assert_eq!(data["body"]["trace_chain"][0]["frames"][0]["code"], "x()");
    assert_eq!((&data["timestamp"], &data["server"]["host"]), (&1_795_352_671.into(), &"web-1".into()));
}

#[test]
fn what_was_dealt_with_is_a_warning() {
    let with = |status, escaped: Option<Value>| {
        let mut attributes = vec![text("exception.type", "KeyError")];
        attributes.extend(escaped.map(|value| ("exception.escaped".to_owned(), value)));
        let witness = from_span(&span("otlp_http", status, vec![event(attributes)])).remove(0);
        (witness.handled, witness.level)
    };
    assert_eq!(with(Status::Unset, None), (Some(true), ErrorLevel::Warning));
    assert_eq!(with(Status::Unset, Some(Value::Bool(false))), (Some(true), ErrorLevel::Warning));
    // Python's SDK says so of what escapes, too.
    assert_eq!(with(Status::Error, Some(Value::Str("False".into()))), (None, ErrorLevel::Error));
    assert_eq!(with(Status::Error, Some(Value::Bool(true))), (Some(false), ErrorLevel::Error));
    assert_eq!(with(Status::Error, None), (None, ErrorLevel::Error));
}

#[test]
fn xray_names_causes_by_their_id() {
    let xray = |class: &str, id: &str, cause: &str| {
        let mut attributes = vec![text("exception.type", class), text("aws.xray.exception.id", id)];
        if !cause.is_empty() {
            attributes.push(text("aws.xray.exception.cause", cause));
        }
        event(attributes)
    };
    let classes = |events: Vec<Event>| -> Vec<(String, Vec<String>)> {
        let of = |witness: &Witness| {
            let data = data(witness);
            let chain = data["body"]["trace_chain"].as_array().unwrap();
            let classes = chain.iter().map(|one| one["exception"]["class"].as_str().unwrap().to_owned()).collect();
            (witness.identity.split('-').next_back().unwrap().to_owned(), classes)
        };
        from_span(&span("xray_udp", Status::Error, events)).iter().map(of).collect()
    };
    let chained = classes(vec![xray("C", "c", ""), xray("A", "a", "b"), xray("B", "b", "c"), xray("D", "d", "elsewhere")]);
    assert_eq!(chained, [("a".into(), vec!["A".into(), "B".into(), "C".into()]), ("d".into(), vec!["D".into()])]);
    let ring = classes(vec![xray("A", "a", "b"), xray("B", "b", "a")]);
    assert_eq!(ring, [("a".into(), vec!["A".into(), "B".into()])], "never none");
    assert_eq!(classes(vec![xray("A", "a", "a")]), [("a".into(), vec!["A".into()])]);
    let mut named = span("xray_udp", Status::Error, Vec::new());
    named.attributes.push(text("aws.xray.cause", "a"));
    assert!(from_span(&named).is_empty(), "it is another record's");
}
