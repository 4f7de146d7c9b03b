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

/// X-Ray's, with what it says of itself.
fn of_xray(mut span: Span, attributes: &[(&str, Value)]) -> Span {
    span.envelope.source = "xray_udp".into();
    span.attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    span
}

#[test]
fn addresses_say_whose_span_is_meant() {
    let other = Span { trace_id: TraceId([8; 16]), ..of_xray(span(1, Some(9), "web", "other", 2, 9), &[]) };
    let spans = vec![
        span(1, Some(9), "web", "otel", 0, 9),
        of_xray(span(1, None, "web", "xray", 1, 9), &[]),
        other,
        of_xray(span(2, Some(1), "web", "child", 3, 1), &[]),
    ];
    let columns = Columns::of(&trace(spans));
    let addresses: Vec<String> = (0..4).map(|n| columns.address(n).to_string()).collect();
    let id = "0000000000000001";
    let in_trace = |byte: &str| format!("{id}.xray.{}", byte.repeat(16));
    assert_eq!(addresses, [format!("{id}.otel"), in_trace("07"), in_trace("08"), "0000000000000002".to_owned()]);
    let found: Vec<_> = addresses.iter().map(|address| columns.find(address.parse().unwrap())).collect();
    assert_eq!(found, [Some(0), Some(1), Some(2), Some(3)]);
    assert_eq!(columns.find(id.parse().unwrap()), Some(0), "a bare id means the first");
    assert_eq!(columns.missing.len(), 2, "a missing parent for each trace");
    let tree = crate::waterfall::Tree::of(&columns);
    let keys: std::collections::BTreeSet<u64> = (0..4).map(|n| tree.fold_key(&columns, n)).collect();
    assert_eq!(keys.len(), 4, "they fold on their own");
    assert_eq!((tree.begins(&columns, 1), tree.begins(&columns, 3)), (Some(Family::Xray), None));
    let alone = Columns::of(&trace(vec![of_xray(span(1, None, "web", "xray", 1, 9), &[])]));
    assert_eq!((alone.address(0).to_string().as_str(), crate::waterfall::Tree::of(&alone).begins(&alone, 0)), (id, None));
    assert_eq!(decode(&encode(&columns)), Ok(columns));
}

#[test]
fn calls_that_nobody_answered_have_a_target() {
    let call = |id: u64, name: &str, attributes: &[(&str, &str)]| {
        let text = |value: &str| Value::Str(value.to_owned());
        let mut all = vec![("aws.xray.type", text("subsegment"))];
        all.extend(attributes.iter().map(|(key, value)| (*key, text(value))));
        of_xray(span(id, Some(1), "web", name, id as i64, 1), &all)
    };
    let segment = |id: u64, parent: Option<u64>, service: &str| {
        of_xray(span(id, parent, service, service, id as i64, 9), &[("aws.xray.type", Value::Str("segment".into()))])
    };
    let columns = Columns::of(&trace(vec![
        segment(1, None, "web"),
        call(2, "orders_db", &[("db.system.name", "postgresql")]),
        call(3, "DynamoDB", &[("aws.xray.namespace", "aws"), ("aws.service", "DynamoDB"), ("aws.table_name", "carts")]),
        call(4, "api", &[("aws.xray.namespace", "remote")]),
        segment(5, Some(4), "api"),
        call(6, "work", &[]),
    ]));
    let targets: Vec<_> = (0..6).map(|n| columns.target_of(n)).collect();
    assert_eq!(targets, [None, Some("Database::SQL"), Some("carts"), None, None, None]);
}

#[test]
fn what_is_in_progress_is_given_up_after_a_while() {
    let announced = |in_progress: bool| {
        let mut span = of_xray(span(1, None, "web", "x", 10, 0), &[("aws.xray.in_progress", Value::Bool(in_progress))]);
        span.envelope.received_at = 5 * SECOND;
        decode(&encode(&Columns::of(&trace(vec![span])))).unwrap()
    };
    let later = |after: Nanos| 5 * SECOND + after;
    assert!(!announced(true).never_completed(0, later(NEVER_COMPLETED_AFTER - SECOND)));
    assert!(announced(true).never_completed(0, later(NEVER_COMPLETED_AFTER)));
    assert!(!announced(false).never_completed(0, later(2 * NEVER_COMPLETED_AFTER)));
}

#[test]
fn of_two_spans_with_one_id_the_parent_is_of_the_same_family() {
    let of_xray = |span: Span, in_progress: bool| of_xray(span, &[("aws.xray.in_progress", Value::Bool(in_progress))]);
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
