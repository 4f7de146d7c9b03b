//! X-Ray's documents in any order, doubled, over UDP that overtakes itself: they make one trace, whatever the store did meanwhile.

use super::now;
use super::store::{BASE, Pair, Step, step};
use model::id::TraceId;
use model::port::{Ask, Reader};
use model::span::{Envelope, Span};
use model::time::SECOND;
use proptest::prelude::*;
use serde_json::{Value, json};
use server::ingest::Arrival;
use server::ingest::xray::translate::Translator;
use std::sync::Arc;

const TRACE: &str = "1-65d5a480-000000000000000000000001";

fn id(n: u8) -> String {
    format!("{n:016x}")
}

prop_compose! {
    /// A segment (1), or a subsegment sent on its own, with one inside; complete or announced, several of one id.
    fn document()(
        (n, parent, inside) in (1u8..5, 1u8..5, prop::option::of(5u8..8)),
        (start, length, in_progress) in (0u32..3, 1u32..3, prop::bool::weighted(0.3)),
        (key, value, namespace) in (prop::sample::select(vec!["user", "order"]), 0u8..3, prop::sample::select(vec!["default", "shop"])),
        (thrown, fault) in (prop::option::weighted(0.4, 0u8..3), any::<bool>()),
    ) -> String {
        let at = |seconds: u32| f64::from(seconds) + (BASE / SECOND) as f64;
        let record = |n: u8| {
            let mut record = json!({
                "id": id(n), "name": format!("record {n}"), "start_time": at(start), "fault": fault,
                "annotations": {key: value}, "metadata": {namespace: {key: {"n": value}}},
            });
            match in_progress {
                true => record["in_progress"] = true.into(),
                false => record["end_time"] = at(start + length).into(),
            }
            if let Some(thrown) = thrown {
                record["cause"] = json!({"exceptions": [{"id": id(100 + thrown), "type": "E", "message": format!("{thrown}")}]});
            }
            record
        };
        let mut document = record(n);
        document["trace_id"] = TRACE.into();
        if n > 1 {
            document["type"] = "subsegment".into();
            document["parent_id"] = id(parent).into();
        }
        document["subsegments"] = inside.map(record).into_iter().collect::<Vec<Value>>().into();
        document.to_string()
    }
}

fn spans(document: &str) -> Vec<Span> {
    let arrival = Arrival { received_at: BASE, source: "xray_udp".into(), key: "".into(), dataset: "".into(), own: Arc::default() };
    let mut translator = Translator::new(&arrival);
    assert!(translator.document(document).is_empty(), "{document}");
    let mut spans = translator.finish().spans;
    // As the store gives them back.
    spans.iter_mut().for_each(|span| span.attributes.sort_by(|a, b| a.0.cmp(&b.0)));
    spans
}

/// What has to be the same: not when and in which order anything came.
fn content(spans: &[Span]) -> Vec<Span> {
    let plain = |span: &Span| Span { envelope: Envelope { seq: 0, ..span.envelope.clone() }, ..span.clone() };
    spans.iter().map(plain).collect()
}

async fn arrive(documents: &[String], batches: usize, steps: &[Step]) -> Result<Vec<Span>, TestCaseError> {
    let trace: TraceId = TRACE.parse().unwrap();
    let mut pair = Pair::new().await;
    let mut steps = steps.iter();
    let mut found = Vec::new();
    for batch in documents.chunks(batches) {
        pair.accept(batch.iter().flat_map(|document| spans(document)).collect()).await;
        for _ in 0..2 {
            found = pair.store().trace(&Ask::now(), trace).await.unwrap().spans;
            let expected = pair.memory.trace(&Ask::now(), trace).await.unwrap().spans;
            // The store numbers the errors of spans, too.
            prop_assert_eq!(content(&found), content(&expected));
            let Some(step) = steps.next() else { break };
            pair.step(*step).await;
        }
    }
    pair.close().await;
    Ok(content(&found))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn documents_in_any_order_and_doubled_are_one_trace(
        documents in prop::collection::vec(document(), 1..8),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        (some, more) in (1usize..4, 1usize..4),
        (first, second) in (prop::collection::vec(step(), 0..6), prop::collection::vec(step(), 0..6)),
    ) {
        let mut other: Vec<String> = documents.iter().rev().cloned().collect();
        for to in order {
            let again = documents[to.index(documents.len())].clone();
            other.insert(to.index(other.len() + 1), again);
        }
        let (one, other) = now(async { (arrive(&documents, some, &first).await, arrive(&other, more, &second).await) });
        prop_assert_eq!(one?, other?);
    }
}
