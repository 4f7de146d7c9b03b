//! X-Ray's documents: which span they are, what of it is found, and that the ledger adds up.

use super::abrupt::snapshot;
use super::*;
use model::attr::Value;
use model::span::{Family, UNKNOWN_SERVICE};

/// A record of X-Ray; without an end it is in progress.
fn record(id: u32, parent: Option<u32>, seconds: Option<i64>) -> Span {
    let mut span = span(1, id, NOON);
    span.parent_id = parent.map(span_id);
    span.duration_ns = seconds.unwrap_or(0) * SECOND;
    span.attributes = vec![("aws.xray.type".into(), Value::Str("segment".into())), ("id".into(), Value::Int(i64::from(id)))];
    if seconds.is_none() {
        span.attributes.insert(0, ("aws.xray.in_progress".into(), Value::Bool(true)));
    }
    let resource = vec![("service.name".into(), Value::Str(span.service().into()))];
    span.origin = Arc::new(Origin { resource, ..(*span.origin).clone() });
    span.envelope.source = "xray_udp".into();
    span
}

async fn the_trace(store: &Sqlite) -> model::trace::Trace {
    store.trace(&Ask::now(), trace_id(1)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_families_may_have_spans_of_one_id() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    assert_eq!(put(&store, vec![span(1, 1, NOON), record(1, None, Some(1))]).await.stored, 2);
    store.settle().await;
    assert_eq!(put(&store, vec![record(1, None, Some(1)), span(1, 1, NOON)]).await.stored, 0);
    let trace = the_trace(&store).await;
    assert_eq!(trace.spans.iter().map(Span::family).collect::<Vec<_>>(), [Family::Otel, Family::Xray]);
    assert_eq!((trace.duplicates, trace.conflicts), (2, 0));
    assert_eq!(census(&store).await, (1, 2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_complete_document_replaces_the_announced_one_in_every_state() {
    for (seal, crash) in [(false, false), (true, false), (false, true), (true, true)] {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(&dir.path().join("live")).await;
        put(&store, vec![record(1, None, None), span(2, 0, NOON)]).await;
        assert_eq!(rows(&store, "aws.xray.in_progress:true").await.len(), 1, "found at once");
        assert!(the_trace(&store).await.spans[0].in_progress());
        if seal {
            store.settle().await;
        }
        assert_eq!(put(&store, vec![record(1, None, Some(3)), record(1, None, None)]).await.stored, 0);
        if crash {
            let copy = dir.path().join("crashed");
            snapshot(&dir.path().join("live"), &copy);
            store.close().await;
            store = open(&copy).await;
        }
        for round in 0..3 {
            let trace = the_trace(&store).await;
            assert_eq!((trace.spans.len(), trace.spans[0].duration_ns, trace.conflicts), (1, 3 * SECOND, 0), "{seal} {crash} {round}");
            assert!(rows(&store, "aws.xray.in_progress:true").await.is_empty(), "what was replaced is not found");
            assert_eq!(rows(&store, "id:1").await[0].summary.duration_ns, 3 * SECOND);
            assert_eq!(census(&store).await, (2, 2, 2));
            let ledger = store.ledger().await.unwrap().remove(0);
            assert_eq!((ledger.received, ledger.stored, ledger.merged, ledger.duplicate), (4, 2, 2, 0));
            store.settle().await;
        }
        store.close().await;
        drop(store);
        let last = dir.path().join(if crash { "crashed" } else { "live" });
        let store = open(&last).await;
        assert_eq!(census(&store).await, (2, 2, 2), "{seal} {crash}, opened again");
        assert!(!the_trace(&store).await.spans[0].in_progress());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_streamed_subsegment_is_of_the_service_around_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let adrift = |id, parent| Span {
        origin: Arc::new(Origin { service: UNKNOWN_SERVICE.into(), ..Origin::default() }),
        ..record(id, Some(parent), Some(1))
    };
    put(&store, vec![adrift(3, 5), adrift(5, 1)]).await;
    assert_eq!(the_trace(&store).await.spans[0].service(), UNKNOWN_SERVICE, "not known yet");
    store.settle().await;
    put(&store, vec![record(1, None, Some(2))]).await;
    let trace = the_trace(&store).await;
    assert!(trace.spans.iter().all(|span| span.service() == "service-1"), "{:?}", trace.spans);
    for round in 0..2 {
        let row = rows(&store, "service:service-1 id:>1").await.remove(0);
        assert_eq!((row.matched, row.summary.root.service.as_str()), (2, "service-1"), "{round}");
        assert_eq!(row.summary.services, [("service-1".to_owned(), 3)]);
        assert!(rows(&store, "service:unknown_service").await.is_empty(), "{round}");
        store.settle().await;
    }
    // It is the same document still, and one of the same trace finds its service at once.
    assert_eq!(put(&store, vec![adrift(3, 5), adrift(7, 3)]).await.stored, 1);
    assert_eq!(store.ledger().await.unwrap()[0].duplicate, 1);
    assert_eq!(rows(&store, "service:service-1").await[0].matched, 4);
    assert_eq!(census(&store).await, (1, 4, 4));
}
