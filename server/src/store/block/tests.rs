//! Round trips over random spans, and damage: what comes back is what went in, or `Corrupt`.

use super::*;
use model::attr::Value;
use model::id::{SpanId, TraceId};
use model::span::{Dropped, Envelope, Event, Kind, Link, Origin, Span, Status};
use model::trace::Summary;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::sync::Arc;

pub fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => "[a-c é/]{0,6}".prop_map(Value::Str),
        2 => (-3i64..500).prop_map(Value::Int),
        1 => any::<i64>().prop_map(Value::Int),
        1 => (-4i32..9).prop_map(|n| Value::Float(f64::from(n) / 2.0)),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => proptest::collection::vec(any::<u8>(), 0..4).prop_map(Value::Bytes),
        1 => Just(Value::Empty),
        1 => Just(Value::Str("long ".repeat(2000))),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
            proptest::collection::btree_map("[xy]", inner, 0..2).prop_map(|map| Value::Map(map.into_iter().collect())),
        ]
    })
}

fn any_attributes() -> impl Strategy<Value = Vec<(String, Value)>> {
    proptest::collection::btree_map("[a-e]|http\\.(method|request\\.method)", any_value(), 0..5).prop_map(|map| map.into_iter().collect())
}

prop_compose! {
    pub fn any_span()(
        (trace, id, parent) in (0u8..4, 1u8..60, 0u8..60),
        (start, duration_ns) in (0i64..2_000_000_000_000, 0i64..5_000_000_000),
        (name, message) in ("(GET|POST) /[a-z]{0,2}", "(|oh no)"),
        (kind, status, flags) in (0usize..6, 0usize..3, prop_oneof![Just(1u32), Just(0x301)]),
        attributes in any_attributes(),
        resource in any_attributes(),
        (service, weight, to_self) in ("web|db|caf\u{e9}", prop_oneof![4 => Just(1.0), 1 => Just(2.5)], proptest::bool::weighted(0.1)),
        events in proptest::collection::vec(("exception|retry", 0i64..99, any_attributes()), 0..2),
        (linked, dropped, seq, state) in (proptest::option::of(1u8..9), 0u32..2, 1u64..500, "(|ot=th:8)"),
    ) -> Span {
        Span {
            trace_id: TraceId([trace + 1; 16]),
            span_id: SpanId([id; 8]),
            parent_id: SpanId([parent; 8]).valid(),
            trace_state: state.clone(),
            flags,
            name,
            kind: Kind::ALL[kind],
            start,
            duration_ns,
            status: Status::ALL[status],
            status_message: message,
            attributes,
            events: events.into_iter().map(|(name, time, attributes)| Event { time, name, attributes, dropped_attributes: dropped }).collect(),
            links: linked.map(|id| Link {
                trace_id: TraceId([id; 16]), span_id: SpanId([id; 8]), trace_state: state, attributes: Vec::new(), dropped_attributes: 0, flags: 1,
            }).into_iter().collect(),
            dropped: Dropped { attributes: dropped, events: 0, links: 0 },
            origin: Arc::new(Origin { service, resource, scope_name: "s".into(), ..Origin::default() }),
            envelope: Envelope {
                seq, received_at: start + 7, source: "otlp_http".into(), key: "".into(), dataset: "d".into(), weight, to_self,
            },
        }
    }
}

fn summaries_of(spans: &[Span]) -> Vec<Summary> {
    let mut summaries: Vec<Summary> = Vec::new();
    for span in spans {
        match summaries.iter_mut().find(|summary| summary.trace_id == span.trace_id) {
            Some(summary) => summary.absorb(span),
            None => summaries.push(Summary::new(span)),
        }
    }
    summaries
}

fn sorted(mut spans: Vec<Span>) -> Vec<String> {
    spans.sort_by_key(|span| (span.trace_id, span.start, span.span_id, format!("{span:?}")));
    // As text: NaN is equal to itself there.
    spans.iter().map(|span| format!("{span:?}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_went_in_comes_out(spans in proptest::collection::vec(any_span(), 0..80)) {
        let summaries = summaries_of(&spans);
        let encoded = Encoded::from_blob(&encode(&spans, &summaries).to_blob()).unwrap();
        let back = super::spans(&encoded.meta, &encoded.columns, None).unwrap();
        prop_assert_eq!(sorted(back.clone()), sorted(spans));
        let kept = |each: usize| {
            let mut row = 0;
            let keep = |_: &Summary| { row += 1; row % each == 0 };
            super::summaries(&encoded.meta, &encoded.columns, keep).unwrap()
        };
        let rows: Vec<(usize, Summary)> = summaries.into_iter().enumerate().collect();
        prop_assert_eq!(kept(1), &rows[..]);
        prop_assert_eq!(kept(3), rows.into_iter().filter(|(row, _)| (row + 1) % 3 == 0).collect::<Vec<_>>());
        let odd = Bitmap::from_fn(back.len(), |row| row % 2 == 1);
        let half = super::spans(&encoded.meta, &encoded.columns, Some(&odd)).unwrap();
        prop_assert_eq!(half.len(), back.len() / 2);
        half.iter().zip(back.iter().skip(1).step_by(2)).for_each(|(a, b)| assert_eq!(format!("{a:?}"), format!("{b:?}")));
    }

    #[test]
    fn damage_is_reported(spans in proptest::collection::vec(any_span(), 1..20), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut blob = encode(&spans, &summaries_of(&spans)).to_blob();
        let at = at.index(blob.len());
        blob[at] ^= 1 << bit;
        if let Ok(encoded) = Encoded::from_blob(&blob) {
            // Lengths and numbers between the frames have no checksum; whatever they become, reading must not panic.
            let _ = super::spans(&encoded.meta, &encoded.columns, None);
            let _ = super::summaries(&encoded.meta, &encoded.columns, |_| true);
        }
    }
}

#[test]
fn an_empty_block_and_a_trace_larger_than_the_linear_search() {
    let none = encode(&[], &[]);
    assert_eq!(spans(&none.meta, &none.columns, None).unwrap(), []);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let template = any_span().new_tree(&mut runner).unwrap().current();
    let many: Vec<Span> = (1..=200u64)
        .map(|n| Span {
            span_id: SpanId(n.to_be_bytes()),
            parent_id: (n > 1).then(|| SpanId((n / 2).to_be_bytes())),
            start: n as i64,
            ..template.clone()
        })
        .collect();
    let encoded = encode(&many, &[]);
    assert_eq!(spans(&encoded.meta, &encoded.columns, None).unwrap(), many);
    assert_eq!(spans_of_trace(&encoded.meta, &encoded.columns, template.trace_id).unwrap(), 0..200);
}
