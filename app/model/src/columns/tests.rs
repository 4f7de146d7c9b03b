use super::*;
use crate::attr::Value;
use crate::span::{Dropped, Envelope, Event, Origin};
use proptest::prelude::*;
use std::sync::Arc;

/// A span with only what the tests are about.
pub(crate) fn span(id: u64, parent: Option<u64>, service: &str, name: &str, start: i64, duration_ns: i64) -> Span {
    Span {
        trace_id: TraceId([7; 16]),
        span_id: SpanId(id.to_be_bytes()),
        parent_id: parent.map(|id| SpanId(id.to_be_bytes())),
        trace_state: String::new(),
        flags: 0,
        name: name.into(),
        kind: Kind::Internal,
        start,
        duration_ns,
        status: Status::Unset,
        status_message: String::new(),
        attributes: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
        dropped: Dropped::default(),
        origin: Arc::new(Origin { service: service.into(), ..Origin::default() }),
        envelope: Envelope {
            seq: 0,
            received_at: 0,
            source: "otlp_http".into(),
            key: "".into(),
            dataset: "".into(),
            weight: 1.0,
            to_self: false,
        },
    }
}

/// A trace of these spans, in the store's order.
pub(crate) fn trace(mut spans: Vec<Span>) -> Trace {
    spans.sort_by_key(|span| (span.start, span.span_id));
    Trace { trace_id: TraceId([7; 16]), spans, duplicates: 0, conflicts: 0, last_received: 0 }
}

/// Any trace: parents that are missing, themselves, later or in a cycle; extreme times; few names.
pub(crate) fn any_trace() -> impl Strategy<Value = Trace> {
    let time = prop_oneof![8 => 0i64..1000, 1 => any::<i64>()];
    let one = (0u64..60, proptest::option::weighted(0.9, 0u64..70), 0..3usize, 0..3usize, time, 0i64..500, 0..6i32, 0..3i32);
    proptest::collection::vec(one, 0..80).prop_map(|many| {
        let mut spans: Vec<Span> = Vec::new();
        for (id, parent, service, name, start, duration, kind, status) in many {
            if spans.iter().any(|span| span.span_id.0 == id.to_be_bytes()) {
                continue;
            }
            let mut span = span(id, parent, ["web", "api", "db"][service], ["GET", "SELECT", "run"][name], start, duration);
            span.kind = Kind::from_number(kind);
            span.status = Status::from_number(status);
            spans.push(span);
        }
        trace(spans)
    })
}

#[test]
fn a_trace_and_back() {
    let mut child = span(2, Some(1), "api", "SELECT", 30, 20);
    child.status = Status::Error;
    child.kind = Kind::Client;
    child.attributes = vec![("http.status_code".into(), Value::Int(503))];
    child.events = vec![Event { time: 40, name: "exception".into(), attributes: Vec::new(), dropped_attributes: 0 }];
    child.dropped = Dropped { attributes: 3, events: 1, links: 0 };
    let columns = Columns::of(&trace(vec![span(1, None, "web", "GET /", 10, 100), child, span(3, Some(9), "api", "SELECT", 50, 0)]));
    assert_eq!(columns.base, 10);
    assert_eq!(columns.start, [0, 20, 40]);
    assert_eq!(columns.parent, [Parent::Root, Parent::Span(0), Parent::Missing(0)]);
    assert_eq!(columns.missing, [SpanId(9u64.to_be_bytes())]);
    assert_eq!(columns.services, ["web", "api"]);
    assert_eq!(columns.name, [0, 1, 1]);
    assert_eq!(columns.http_status, [0, 503, 0]);
    assert_eq!(columns.dropped, [0, 4, 0]);
    let flags = columns.flags[1];
    assert!(flags.is_error() && flags.has_exception() && !flags.is_entry() && flags.kind() == Kind::Client);
    assert!(columns.flags[0].is_entry());
    assert_eq!(decode(&encode(&columns)), Ok(columns));
}

#[test]
fn a_big_trace_takes_few_bytes() {
    let spans = (0..10_000u64).map(|n| span(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, None, "web", "GET", n as i64 * 1_000_000, 250_000));
    let bytes = encode(&Columns::of(&trace(spans.collect())));
    assert!(bytes.len() < 10_000 * 19, "{}", bytes.len());
}

#[test]
fn lies_about_lengths_are_refused() {
    assert_eq!(decode(b""), Err(Malformed));
    assert_eq!(decode(b"CLEW\x01"), Err(Malformed));
    let mut bytes = encode(&Columns::default());
    assert_eq!(decode(&bytes), Ok(Columns::default()));
    bytes.truncate(bytes.len() - 1);
    bytes.extend([0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert_eq!(decode(&bytes), Err(Malformed));
}

proptest! {
    #[test]
    fn every_trace_and_back(trace in any_trace()) {
        let columns = Columns::of(&trace);
        prop_assert_eq!(decode(&encode(&columns)), Ok(columns));
    }

    #[test]
    fn garbage_never_panics(trace in any_trace(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = encode(&Columns::of(&trace));
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(columns) = decode(&bytes) {
            // Whatever was accepted can be drawn.
            let tree = crate::waterfall::Tree::of(&columns);
            prop_assert_eq!(tree.span_rows(), columns.len());
        }
        bytes.truncate(cut.index(bytes.len()));
        let _ = decode(&bytes);
    }
}

#[test]
fn of_two_spans_with_one_id_the_parent_is_of_the_same_family() {
    let of_xray = |mut span: Span, in_progress: bool| {
        span.envelope.source = "xray_udp".into();
        span.attributes = vec![("aws.xray.in_progress".into(), Value::Bool(in_progress))];
        span
    };
    let spans = vec![
        span(1, None, "web", "otel", 0, 9),
        of_xray(span(1, None, "web", "xray", 1, 9), true),
        span(2, Some(1), "web", "otel", 2, 1),
        of_xray(span(2, Some(1), "web", "xray", 3, 1), false),
        span(3, Some(4), "web", "otel", 4, 1),
        of_xray(span(4, None, "web", "xray", 5, 1), false),
    ];
    let columns = Columns::of(&trace(spans));
    let up = [Parent::Root, Parent::Root, Parent::Span(0), Parent::Span(1), Parent::Span(5), Parent::Root];
    assert_eq!(columns.parent, up, "of the other family only where there is no other");
    let back = decode(&encode(&columns)).unwrap();
    assert_eq!(back.flags.iter().map(|flags| flags.in_progress()).collect::<Vec<_>>(), [false, true, false, false, false, false]);
}
