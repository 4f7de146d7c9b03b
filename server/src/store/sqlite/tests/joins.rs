//! Requests of which two systems have a trace, and services of two names.

use super::*;
use model::attr::Value;
use std::collections::BTreeSet;

/// A request `n` seconds before noon that both systems have: OpenTelemetry's trace names X-Ray's, or the other way round.
fn request(n: u32) -> Vec<Span> {
    let start = NOON - i64::from(n) * SECOND;
    let (mut otel, mut xray) = (span(1000 + n, 0, start), span(2000 + n, 0, start + 1_000));
    xray.envelope.source = "xray_udp".into();
    let resource = vec![("service.name".into(), Value::Str("localhost".into()))];
    xray.origin = Arc::new(Origin { service: "localhost".into(), resource, ..Origin::default() });
    match n % 4 {
        0 => otel.attributes.push(("aws.xray.trace_id".into(), Value::Str(xray.trace_id.xray()))),
        1 => xray.attributes.push(("otel_trace_id".into(), Value::Str(otel.trace_id.to_string()))),
        2 => {
            let header = format!("Root={};Parent=53995c3f42cd8ad8;Sampled=1", xray.trace_id.xray());
            otel.attributes.push(("http.request.header.x-amzn-trace-id".into(), Value::List(vec![Value::Str(header)])));
        }
        _ => {
            let header = format!("00-{}-53995c3f42cd8ad8-01", otel.trace_id);
            xray.attributes.push(("aws.xray.metadata.default".into(), Value::Str(format!("{{\"traceparent\":\"{header}\"}}"))));
        }
    }
    vec![xray, otel]
}

async fn all(store: &Sqlite, search: &TraceSearch) -> Vec<TraceRow> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.traces(&Ask::now(), &TraceSearch { cursor, ..search.clone() }).await.unwrap();
        assert!(page.rows.len() <= search.limit as usize);
        rows.extend(page.rows);
        cursor = page.next;
        if cursor.is_none() {
            return rows;
        }
    }
}

fn ids(rows: &[TraceRow]) -> Vec<TraceId> {
    rows.iter().map(|row| row.summary.trace_id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_two_systems_have_is_found_once_on_pages_of_any_size() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).await;
    let others = (0..20).map(|n| span(n, 0, NOON - i64::from(n) * SECOND - 500));
    put(&store, (0..40).flat_map(request).chain(others).collect()).await;
    let expected: BTreeSet<TraceId> = (0..40).map(|n| trace_id(1000 + n)).chain((0..20).map(trace_id)).collect();
    for state in ["in the intake", "sealed", "opened again"] {
        for by in [OrderBy::Time, OrderBy::Duration, OrderBy::Spans] {
            for (descending, limit) in [(true, 1), (true, 3), (true, 50), (true, 100), (false, 7)] {
                let search = TraceSearch { order: Order { by, descending }, ..everything(limit) };
                let rows = all(&store, &search).await;
                assert_eq!(rows.len(), 60, "{state}, {search:?}");
                assert_eq!(ids(&rows).into_iter().collect::<BTreeSet<_>>(), expected, "{state}, {search:?}");
                for row in rows {
                    let joined: Vec<TraceId> = row.others.iter().map(|other| other.trace_id).collect();
                    let own = u32::from_be_bytes(row.summary.trace_id.0[..4].try_into().unwrap());
                    assert_eq!(joined, if own < 1000 { vec![] } else { vec![trace_id(own + 1000)] });
                }
            }
        }
        // What only X-Ray's span matches is listed by that, with the same neighbour.
        let rows = all(&store, &search("service:localhost", 7)).await;
        assert_eq!(rows.len(), 40, "{state}");
        assert!(rows.iter().all(|row| row.others.len() == 1 && row.summary.sources == ["xray_udp"]), "{state}");
        for (query, found) in [("", 60), ("service:localhost", 40), ("user.id:*", 60), ("service:service-0", 60)] {
            let count = store.count(&Ask::now(), &search(query, 1), 3).await.unwrap();
            assert_eq!((count.traces, count.histogram.iter().map(|bar| bar.traces).sum::<u64>()), (found, found), "{state}, {query}");
        }
        let apart = TraceSearch { once: false, ..everything(1000) };
        assert_eq!(all(&store, &apart).await.len(), 100, "{state}");
        assert_eq!(store.count(&Ask::now(), &apart, 0).await.unwrap().traces, 100);
        // A trace that starts before the range stands for none in it.
        let range = Range { start: NOON + 500, end: NOON + SECOND };
        assert_eq!(ids(&all(&store, &TraceSearch { range, ..everything(5) }).await), [trace_id(2000)]);
        assert_eq!(store.count(&Ask::now(), &TraceSearch { range, ..everything(5) }, 0).await.unwrap().traces, 1);
        store.settle().await;
        if state == "sealed" {
            store.close().await;
            drop(store);
            store = open(dir.path()).await;
        }
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_of_two_names_is_one_in_every_answer_and_stays_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).await;
    put(&store, (0..10).flat_map(request).collect()).await;
    store.settle().await;
    store.set_aliases(Aliases::default().with("localhost", "service-0").unwrap()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.services(&Ask::now(), Range::ALL).await.unwrap(), ["service-0"]);
        let rows = all(&store, &TraceSearch { once: false, ..search("service:service-0", 7) }).await;
        assert_eq!(rows.len(), 20);
        assert!(rows.iter().all(|row| row.summary.root.service == "service-0" && row.summary.services == [("service-0".to_owned(), 1)]));
        assert_eq!(rows.len(), all(&store, &TraceSearch { once: false, ..search("service:localhost", 7) }).await.len());
        assert_eq!(store.count(&Ask::now(), &search("service:service-0", 1), 0).await.unwrap().traces, 10);
        assert_eq!(store.count(&Ask::now(), &search("-service:service-0", 1), 0).await.unwrap().traces, 0);
        let query = model::query::parse("service:service-0 | stats count(), p95(duration), count_distinct(service) by service").unwrap();
        let model::query::ast::Command::Stats(stats) = &query.pipeline[0] else { panic!("stats") };
        let spans = SpanSearch { query: query.clone(), range: Range::ALL };
        let table = store.stats(&Ask::now(), &spans, stats).await.unwrap();
        assert_eq!(table.rows, [[Cell::Text("service-0".into()), Cell::Number(20.0), Cell::Number(1e6), Cell::Number(1.0)]]);
        let key = ("service".to_owned(), model::query::parse_key("service"));
        let facets = store.facets(&Ask::now(), &spans, &[key], 5).await.unwrap();
        assert_eq!((facets[0].distinct, facets[0].values[0].spans), (1, 20.0));
        let sent = store.trace(&Ask::now(), trace_id(2001)).await.unwrap();
        assert_eq!(sent.spans[0].service(), "localhost", "what was sent is kept");
        store.close().await;
        drop(store);
        store = open(dir.path()).await;
    }
    store.set_aliases(Aliases::default()).await.unwrap();
    assert_eq!(store.services(&Ask::now(), Range::ALL).await.unwrap(), ["localhost", "service-0"]);
    store.close().await;
}
