//! The store as its callers see it, with a clock of its own.

mod abrupt;
mod counts;
mod documents;
mod errors;
mod joins;
mod lines;
mod plans;

use super::*;
use model::id::{SpanId, TraceId};
use model::port::*;
use model::span::{Dropped, Envelope, Kind, Link, Origin, Status};
use model::time::{HOUR, Range, SECOND};

/// 2026-11-22T12:00:00Z
const NOON: Nanos = 1_795_348_800 * SECOND;

fn config(dir: &std::path::Path) -> StoreConfig {
    StoreConfig { clock: Arc::new(|| NOON), ..StoreConfig::new(dir) }
}

async fn open(dir: &std::path::Path) -> Arc<Sqlite> {
    Sqlite::open(config(dir)).await.unwrap()
}

fn trace_id(n: u32) -> TraceId {
    let mut id = [7; 16];
    id[..4].copy_from_slice(&n.to_be_bytes());
    TraceId(id)
}

fn span_id(n: u32) -> SpanId {
    let mut id = [9; 8];
    id[..4].copy_from_slice(&n.to_be_bytes());
    SpanId(id)
}

fn span(trace: u32, id: u32, start: Nanos) -> Span {
    Span {
        trace_id: trace_id(trace),
        span_id: span_id(id),
        parent_id: (id > 0).then(|| span_id(0)),
        trace_state: String::new(),
        flags: 1,
        name: format!("operation {}", id % 3),
        kind: Kind::Server,
        start,
        duration_ns: 1_000_000 * (i64::from(id) + 1),
        status: if id == 2 { Status::Error } else { Status::Unset },
        status_message: String::new(),
        attributes: vec![
            ("number".into(), model::attr::Value::Int(i64::from(id))),
            ("user.id".into(), model::attr::Value::Str(format!("u{trace}"))),
        ],
        events: Vec::new(),
        links: Vec::new(),
        dropped: Dropped::default(),
        origin: Arc::new(Origin { service: format!("service-{}", id % 2), ..Origin::default() }),
        envelope: Envelope {
            seq: 0,
            received_at: NOON,
            source: "otlp_http".into(),
            key: "".into(),
            dataset: "".into(),
            weight: 1.0,
            to_self: false,
        },
    }
}

fn batch(spans: Vec<Span>) -> Batch {
    Batch { spans, ..Batch::default() }
}

async fn put(store: &Sqlite, spans: Vec<Span>) -> Accepted {
    store.accept("otlp_http", batch(spans), Duration::from_secs(10)).await.unwrap()
}

fn everything(limit: u32) -> TraceSearch {
    search("", limit)
}

fn search(query: &str, limit: u32) -> TraceSearch {
    TraceSearch { query: model::query::parse(query).unwrap(), range: Range::ALL, order: Order::NEWEST, limit, cursor: None, once: true }
}

async fn rows(store: &Sqlite, query: &str) -> Vec<TraceRow> {
    store.traces(&Ask::now(), &search(query, 10_000)).await.unwrap().rows
}

/// `(traces listed, spans they count, spans stored)`, and each listed trace's page agrees with its summary.
async fn census(store: &Sqlite) -> (usize, u64, u64) {
    let rows = rows(store, "").await;
    for row in &rows {
        let trace = store.trace(&Ask::now(), row.summary.trace_id).await.unwrap();
        assert_eq!(super::view::summary_of(&trace.spans).unwrap(), row.summary);
    }
    let spans = rows.iter().map(|row| u64::from(row.summary.spans)).sum();
    (rows.len(), spans, store.instance().await.unwrap().spans)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_is_found_at_once_and_after_sealing_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let spans: Vec<Span> = (0..50).flat_map(|trace| (0..5).map(move |id| span(trace, id, NOON - i64::from(trace) * SECOND))).collect();
    assert_eq!(put(&store, spans).await, Accepted { stored: 250, lines: 0, errors: 0, rejected: vec![] });
    for _ in 0..2 {
        assert_eq!(census(&store).await, (50, 250, 250));
        let found = rows(&store, "number:3").await;
        assert_eq!((found.len(), found[0].matched, found[0].first_match), (50, 1, Some(span_id(3))));
        assert_eq!(rows(&store, "user.id:u7").await.len(), 1);
        let count = store.count(&Ask::now(), &search("number:>=3", 1), 0).await.unwrap();
        assert_eq!((count.traces, count.errors, count.exact), (50, 50, true));
        store.settle().await;
    }
    assert_eq!(store.services(&Ask::now(), Range::ALL).await.unwrap(), ["service-0", "service-1"]);
    let keys = store.keys(&Ask::now(), Range::ALL, "", 10).await.unwrap();
    assert_eq!(keys.iter().map(|hint| hint.key.as_str()).collect::<Vec<_>>(), ["number", "user.id"]);
    store.close().await;
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(census(&store).await, (50, 250, 250));
    assert_eq!(store.ledger().await.unwrap()[0].stored, 250);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_follow_one_another_while_more_arrives() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let mut base = 0;
    for by in [OrderBy::Time, OrderBy::Duration, OrderBy::Spans] {
        for descending in [true, false] {
            let order = Order { by, descending };
            for query in ["", "number:>0"] {
                let before = rows(&store, query).await.len();
                base += 1000;
                put(&store, (0..20).flat_map(|n| (0..1 + n % 4).map(move |id| span(base + n, id, NOON - i64::from(n)))).collect()).await;
                let mut cursor = None;
                let mut seen = Vec::new();
                loop {
                    let page = store.traces(&Ask::now(), &TraceSearch { order, limit: 7, cursor, ..search(query, 7) }).await.unwrap();
                    seen.extend(page.rows.iter().map(|row| (order.value(&row.summary), row.summary.trace_id)));
                    // Newer than the first page: not of this list.
                    put(&store, vec![span(900_000 + seen.len() as u32 + base, 0, NOON)]).await;
                    store.settle().await;
                    match page.next {
                        Some(next) => cursor = Some(next),
                        None => break,
                    }
                }
                let mut sorted = seen.clone();
                sorted.sort_by(|a, b| if descending { b.0.cmp(&a.0) } else { a.0.cmp(&b.0) }.then(a.1.cmp(&b.1)));
                sorted.dedup();
                assert_eq!(seen, sorted);
                let new = if query.is_empty() { 20 } else { 15 };
                assert_eq!(seen.len(), before + new, "{order:?} {query}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_span_of_an_id_wins() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).await;
    let other = |trace| Span { name: "another".into(), ..span(trace, 1, NOON) };
    // In one request, then in the tail, then sealed, then after a restart.
    assert_eq!(put(&store, vec![span(1, 1, NOON), span(1, 1, NOON), other(1)]).await.stored, 1);
    for round in 1..4u64 {
        assert_eq!(put(&store, vec![span(1, 1, NOON), other(1)]).await.stored, 0);
        let trace = store.trace(&Ask::now(), trace_id(1)).await.unwrap();
        assert_eq!((trace.spans.len(), trace.duplicates, trace.conflicts), (1, round + 1, round + 1));
        assert_eq!(trace.spans[0].name, "operation 1");
        let ledger = store.ledger().await.unwrap().remove(0);
        assert_eq!((ledger.stored, ledger.duplicate, ledger.conflict, ledger.received), (1, round + 1, round + 1, 3 + 2 * round));
        store.settle().await;
        if round == 2 {
            store.close().await;
            drop(store);
            store = open(dir.path()).await;
        }
    }
    assert_eq!(census(&store).await, (1, 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_span_makes_a_new_summary_and_the_old_one_dies() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).await;
    for id in (0..6).rev() {
        put(&store, vec![span(1, id, NOON), span(100 + id, 0, NOON)]).await;
        assert_eq!(census(&store).await.0, 7 - id as usize);
        store.settle().await;
        if id == 3 {
            store.close().await;
            drop(store);
            store = open(dir.path()).await;
        }
        let row = rows(&store, "user.id:u1").await.remove(0);
        assert_eq!((row.summary.spans, row.matched), (6 - id, 6 - id));
    }
    let row = rows(&store, "number:5 user.id:u1").await.remove(0);
    assert!(row.summary.has_root);
    assert_eq!((row.summary.spans, row.summary.errors, row.matched), (6, 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_over_midnight_has_one_summary() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let midnight = NOON - 12 * HOUR;
    put(&store, vec![span(1, 2, midnight + SECOND)]).await;
    store.settle().await;
    put(&store, vec![span(1, 1, midnight + 2 * SECOND), span(1, 0, midnight - SECOND)]).await;
    assert_eq!(census(&store).await, (1, 3, 3));
    store.settle().await;
    assert_eq!(census(&store).await, (1, 3, 3));
    put(&store, vec![span(1, 3, midnight + SECOND), span(1, 1, midnight + 2 * SECOND)]).await;
    store.settle().await;
    assert_eq!(census(&store).await, (1, 4, 4));
    assert_eq!(store.core.world().days.len(), 2);
    let day = Range { start: midnight, end: midnight + DAY };
    let found = store.traces(&Ask::now(), &TraceSearch { range: day, ..everything(10) }).await.unwrap();
    assert_eq!(found.rows.len(), 0, "it starts the day before");
    let day = Range { start: midnight - DAY, end: midnight };
    let found = store.traces(&Ask::now(), &TraceSearch { range: day, ..search("number:2", 10) }).await.unwrap();
    assert_eq!((found.rows.len(), found.rows[0].matched), (1, 1), "and its match is in the day after");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_blocks_are_folded_and_full_ones_closed_into_runs() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for n in 0..40 {
        put(&store, vec![span(n, 0, NOON), span(n, 1, NOON), span(1000, n, NOON)]).await;
        store.settle().await;
    }
    let blocks = store.core.view(None).blocks(|_| true).await.unwrap();
    assert!(blocks.len() < 20, "{} blocks", blocks.len());
    assert_eq!(census(&store).await, (41, 120, 120));

    // Enough full blocks for a run; the traces go on afterwards.
    for n in 0..70u32 {
        put(&store, (0..2048).map(|id| span(10_000 + n * 40 + id % 40, id / 40, NOON + i64::from(n))).collect()).await;
        store.settle().await;
    }
    let world = store.core.world();
    let loaded = world.days.values().next().unwrap().loaded.get().unwrap();
    assert!(!loaded.runs.is_empty());
    assert!(put(&store, vec![span(10_001, 0, NOON), span(10_001, 60, NOON), span(3, 7, NOON)]).await.stored == 2);
    store.settle().await;
    let (traces, counted, stored) = census(&store).await;
    assert_eq!((traces, counted, stored), (41 + 70 * 40, 120 + 70 * 2048 + 2, 120 + 70 * 2048 + 2));
    store.close().await;
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(put(&store, vec![span(10_001, 0, NOON), span(10_001, 61, NOON)]).await.stored, 1);
    assert_eq!(store.trace(&Ask::now(), trace_id(10_001)).await.unwrap().spans.len(), 54);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dataset_is_removed_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let demo = |trace, id| {
        let mut span = span(trace, id, NOON);
        span.envelope.dataset = crate::demo::DATASET.into();
        span
    };
    put(&store, (0..30).flat_map(|n| [demo(n, 0), demo(n, 1)]).collect()).await;
    store.settle().await;
    put(&store, (20..40).flat_map(|n| [demo(n, 2), span(n, 3, NOON)]).collect()).await;
    assert!(store.instance().await.unwrap().has_demo);
    assert_eq!(store.remove_dataset(crate::demo::DATASET).await.unwrap(), 80);
    assert_eq!(census(&store).await, (20, 20, 20));
    assert!(!store.instance().await.unwrap().has_demo);
    assert_eq!(store.remove_dataset(crate::demo::DATASET).await.unwrap(), 0);
    assert_eq!(put(&store, vec![demo(25, 0), span(25, 3, NOON)]).await.stored, 1, "what was removed may come again");
    assert_eq!(census(&store).await, (20, 21, 21));
    store.close().await;
    drop(store);
    assert_eq!(census(&*open(dir.path()).await).await, (20, 21, 21));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_go_by_age_and_by_size_and_never_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(StoreConfig { retention_days: 3, ..config(dir.path()) }).await.unwrap();
    for day in 0..4 {
        put(&store, vec![span(day, 0, NOON - i64::from(day) * DAY)]).await;
    }
    let late = put(&store, vec![span(9, 0, NOON - 4 * DAY), span(9, 1, NOON + DAY + 1), span(9, 2, NOON + DAY)]).await;
    assert_eq!(late, Accepted { stored: 1, lines: 0, errors: 0, rejected: vec![(BEFORE_FLOOR, 1), (TOO_FAR_AHEAD, 1)] });
    let ledger = store.ledger().await.unwrap().remove(0);
    assert_eq!((ledger.received, ledger.stored, ledger.rejected.len(), ledger.samples.len()), (7, 5, 2, 2));
    store.settle().await;
    store.retain().await;
    assert_eq!(census(&store).await, (5, 5, 5));
    store.close().await;
    drop(store);

    let store = Sqlite::open(StoreConfig { retention_days: 2, ..config(dir.path()) }).await.unwrap();
    store.retain().await;
    assert_eq!(census(&store).await, (4, 4, 4));
    store.close().await;
    drop(store);

    let store = Sqlite::open(StoreConfig { max_disk: Some(1), ..config(dir.path()) }).await.unwrap();
    store.retain().await;
    assert_eq!(census(&store).await, (2, 2, 2), "today stays");
    assert_eq!(put(&store, vec![span(1, 5, NOON - DAY)]).await.rejected, [(BEFORE_FLOOR, 1)]);
    assert_eq!(store.core.directory.days().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_found_from_the_other_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let link = Link {
        trace_id: trace_id(1),
        span_id: span_id(0),
        trace_state: String::new(),
        attributes: vec![],
        dropped_attributes: 0,
        flags: 0,
    };
    put(&store, vec![span(1, 0, NOON), Span { links: vec![link], ..span(2, 0, NOON) }]).await;
    for _ in 0..2 {
        let links = store.links_to(&Ask::now(), trace_id(1)).await.unwrap();
        assert_eq!(links, [BackLink { trace_id: trace_id(2), span_id: span_id(0), to: span_id(0) }]);
        assert!(store.links_to(&Ask::now(), trace_id(2)).await.unwrap().is_empty());
        store.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrupt_block_is_left_out_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    put(&store, (0..10).map(|n| span(n, 0, NOON)).collect()).await;
    store.close().await;
    drop(store);
    let file = dir.path().join(directory::day_file(day_of(NOON)));
    let mut connection = sqlx::ConnectOptions::connect(&sqlx::sqlite::SqliteConnectOptions::new().filename(&file)).await.unwrap();
    sqlx::query("UPDATE col SET data = zeroblob(9)").execute(&mut connection).await.unwrap();
    drop(connection);
    let store = open(dir.path()).await;
    assert!(rows(&store, "").await.is_empty());
    assert!(store.trace(&Ask::now(), trace_id(1)).await.is_err());
    put(&store, vec![span(50, 0, NOON)]).await;
    assert_eq!(rows(&store, "").await.len(), 1);
    assert!(store.instance().await.unwrap().warnings[0].contains("cannot be read"));
}
