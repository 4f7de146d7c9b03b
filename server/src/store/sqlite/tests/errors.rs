//! Errors: what is acknowledged counts once, whoever saw it and whatever happens; what a team decides holds.

mod algorithm;
mod triage;
mod values;

use super::abrupt::snapshot;
use super::*;
use crate::store::ErrorStore;
use model::error::*;
use model::query::ast::Query;
use std::sync::atomic::AtomicI64;

const ALL: Query = Query { filter: None, pipeline: Vec::new() };

fn query(text: &str) -> Query {
    model::query::parse_errors(text).unwrap()
}

fn data(class: &str, message: &str, function: &str, more: serde_json::Value) -> String {
    let mut data = serde_json::json!({
        "body": {"trace": {
            "exception": {"class": class, "message": message},
            "frames": [{"filename": "/app/shop.py", "method": function, "lineno": 7}],
        }},
        "server": {"root": "/app"},
    });
    if let (Some(data), Some(more)) = (data.as_object_mut(), more.as_object()) {
        data.extend(more.clone());
    }
    data.to_string()
}

/// An item of Rollbar.
pub fn item(n: u32, time: Nanos) -> Witness {
    let uuid = format!("uuid-{n}");
    Witness {
        seq: 0,
        time,
        received_at: time,
        source: "rollbar".into(),
        key: "".into(),
        identity: uuid.clone(),
        project: "shop-key".into(),
        service: String::new(),
        environment: "production".into(),
        version: String::new(),
        host: "web-1".into(),
        context: "/orders/<id>".into(),
        level: ErrorLevel::Error,
        traces: Vec::new(),
        span: None,
        how: None,
        handled: None,
        person: Some(Person { id: (n % 3).to_string(), username: format!("user{}", n % 3), email: String::new() }),
        data: data("ValueError", &format!("bad order {n}"), "order", serde_json::json!({"uuid": uuid})),
    }
}

fn traced(mut witness: Witness, traces: &[u32]) -> Witness {
    witness.traces = traces.iter().map(|n| trace_id(*n)).collect();
    witness.how = Some(LinkHow::Trace);
    witness
}

/// What a span says of the exception of `item(n)`.
fn seen_by(source: &str, n: u32, trace: u32, span: u32, time: Nanos) -> Witness {
    Witness {
        source: source.into(),
        identity: format!("{trace} {span} 0"),
        project: "shop".into(),
        service: "shop".into(),
        span: Some(span_id(span)),
        person: None,
        how: Some(LinkHow::Span),
        data: data("builtins.ValueError", &format!("bad order {n}"), &format!("of_{source}"), serde_json::json!({})),
        ..traced(item(n, time), &[trace])
    }
}

async fn send(store: &Sqlite, errors: Vec<Witness>) -> Accepted {
    store.accept("rollbar", Batch { errors, ..Batch::default() }, Duration::from_secs(10)).await.unwrap()
}

async fn groups(store: &Sqlite, text: &str) -> Vec<ErrorGroup> {
    let search = ErrorSearch { query: query(text), sort: ErrorSort::LastSeen, limit: 1000, cursor: None };
    store.errors(&Ask::now(), &search).await.unwrap().rows
}

async fn group(store: &Sqlite, number: u64) -> ErrorGroup {
    store.error(&Ask::now(), number).await.unwrap().group
}

/// Every group's count is that of its occurrences, of its hours and of each kind of its values; returns (groups, occurrences, witnesses).
async fn census(store: &Sqlite) -> (usize, u64, usize) {
    let groups = groups(store, "").await;
    let (mut occurrences, mut witnesses) = (0, 0);
    for group in &groups {
        let detail = store.error(&Ask::now(), group.number).await.unwrap();
        let rows = store.occurrences(&Ask::now(), group.number, None, 100_000).await.unwrap();
        assert_eq!(group.count, rows.len() as u64, "{group:?}");
        let trend =
            store.error_trend(&Ask::now(), group.number, Range { start: NOON - 24 * HOUR, end: NOON + 24 * HOUR }, 48).await.unwrap();
        assert_eq!(group.count, trend.iter().map(|(_, count)| count).sum::<u64>());
        let contexts = &detail.breakdowns.iter().find(|breakdown| breakdown.kind == "context").unwrap().values;
        assert_eq!(group.count, contexts.iter().map(|(_, count)| count).sum::<u64>());
        for row in rows {
            let whole = store.occurrence(&Ask::now(), group.number, Some(row.seq)).await.unwrap();
            assert_eq!(whole.row, row);
            assert_eq!(whole.witnesses.iter().map(Witness::family).collect::<std::collections::BTreeSet<_>>().len(), row.families.len());
            witnesses += whole.witnesses.len();
        }
        occurrences += group.count;
    }
    (groups.len(), occurrences, witnesses)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_are_grouped_and_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for part in 0..4 {
        let items = (part * 25..(part + 1) * 25).map(|n| item(n, NOON - i64::from(n) * SECOND)).collect();
        assert_eq!(send(&store, items).await.errors, 25);
    }
    let mut other = item(500, NOON);
    other.data = data("KeyError", "'x'", "basket", serde_json::json!({"uuid": "uuid-500"}));
    // Again, in the same request, in a later one, and after the digest.
    assert_eq!(send(&store, vec![other.clone(), other.clone(), item(3, NOON - 3 * SECOND)]).await.errors, 3);
    store.settle_errors().await;
    send(&store, vec![other, item(99, NOON - 99 * SECOND)]).await;
    store.settle_errors().await;
    for when in ["digested", "reopened"] {
        assert_eq!(census(&*store_of(&store, dir.path(), when).await).await, (2, 101, 101), "{when}");
    }
    let ledger = store.ledger().await.unwrap();
    let row = ledger.iter().find(|row| row.signal == "errors").unwrap();
    assert_eq!((row.received, row.stored, row.duplicate), (105, 101, 4));
    let found = groups(&store, "").await;
    let group = found.iter().find(|group| group.class == "ValueError").unwrap();
    assert_eq!((group.count, group.people, group.mark), (100, 3, Some(Mark::New)));
    assert_eq!((group.first_seen, group.last_seen), (NOON - 99 * SECOND, NOON));
    assert_eq!(group.hours.iter().sum::<u32>(), 100);
    assert_eq!(group.routes, [("/orders/<id>".to_owned(), 100)]);
    let newest = store.occurrence(&Ask::now(), group.number, None).await.unwrap();
    assert_eq!((newest.row.uuid.as_str(), newest.newer), ("uuid-99", None));
    let older = store.occurrence(&Ask::now(), group.number, newest.older).await.unwrap();
    assert_eq!((older.row.uuid.as_str(), older.newer), ("uuid-98", Some(newest.row.seq)));
    assert_eq!(store.occurrence_by_uuid(&Ask::now(), "uuid-98").await.unwrap(), (group.number, older.row.seq));
    store.close().await;
}

/// The store, or for "reopened" a copy of its directory.
async fn store_of(store: &Arc<Sqlite>, dir: &std::path::Path, when: &str) -> Arc<Sqlite> {
    if when != "reopened" {
        return store.clone();
    }
    let copy = dir.with_extension("copy");
    snapshot(dir, &copy);
    open(&copy).await
}

/// Every order of three.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_throw_is_one_occurrence_whoever_saw_it_and_in_any_order() {
    for apart in [true, false] {
        for order in ORDERS {
            let dir = tempfile::tempdir().unwrap();
            let store = open(dir.path()).await;
            // Only the item of Rollbar names both traces.
            let three = [
                traced(item(1, NOON), &[10, 20]),
                seen_by("otlp_http", 1, 10, 1, NOON + SECOND),
                seen_by("xray_udp", 1, 20, 2, NOON + 2 * SECOND),
            ];
            if apart {
                for at in order {
                    send(&store, vec![three[at].clone()]).await;
                    store.settle_errors().await;
                }
            } else {
                send(&store, order.iter().map(|at| three[*at].clone()).collect()).await;
                store.settle_errors().await;
            }
            assert_eq!(census(&store).await, (1, 1, 3), "{order:?} {apart}");
            let found = groups(&store, "").await;
            assert_eq!(found[0].families, [WitnessFamily::Rollbar, WitnessFamily::Otel, WitnessFamily::Xray], "{order:?} {apart}");
            assert_eq!((found[0].class.as_str(), found[0].people), ("ValueError", 1), "Rollbar's title wins: {order:?}");
            // The same error again, seen by one system only each time, is of the same group.
            send(&store, vec![item(2, NOON + 60 * SECOND)]).await;
            send(&store, vec![seen_by("otlp_http", 3, 30, 1, NOON + 70 * SECOND)]).await;
            send(&store, vec![seen_by("xray_udp", 4, 40, 2, NOON + 80 * SECOND)]).await;
            store.settle_errors().await;
            assert_eq!(census(&store).await, (1, 4, 6), "{order:?} {apart}");
            let pins = store.errors_of_traces(&Ask::now(), &[trace_id(10)]).await.unwrap();
            assert_eq!(pins.len(), 1);
            assert_eq!((pins[0].number, pins[0].span_id), (found[0].number, Some(span_id(1))));
            store.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_one_throw_stays_apart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    // Two items of Rollbar of one request; the exception of the span is of the nearer.
    send(&store, vec![traced(item(1, NOON), &[1]), traced(item(2, NOON + 2 * SECOND), &[1])]).await;
    send(&store, vec![seen_by("otlp_http", 2, 1, 1, NOON + 2 * SECOND)]).await;
    // Too late, another request, another message, two spans side by side.
    send(&store, vec![seen_by("otlp_http", 1, 1, 2, NOON + 8 * SECOND)]).await;
    send(&store, vec![seen_by("otlp_http", 1, 5, 3, NOON)]).await;
    let mut other = seen_by("otlp_http", 1, 1, 4, NOON);
    other.data = data("ValueError", "no order at all", "other", serde_json::json!({}));
    send(&store, vec![other]).await;
    send(&store, vec![seen_by("otlp_http", 9, 9, 5, NOON), seen_by("otlp_http", 9, 9, 6, NOON)]).await;
    store.settle_errors().await;
    let (_, occurrences, witnesses) = census(&store).await;
    assert_eq!((occurrences, witnesses), (7, 8));
    let nearer = store.occurrence_by_uuid(&Ask::now(), "uuid-2").await.unwrap();
    assert_eq!(store.occurrence(&Ask::now(), nearer.0, Some(nearer.1)).await.unwrap().witnesses.len(), 2);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exception_that_passes_spans_of_one_service_is_one_throw() {
    for swapped in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).await;
        // 2 is in 1, which is in 0; 3 is in 0, too.
        let spans = [(0, None), (1, Some(0)), (2, Some(1)), (3, Some(0))];
        let spans = spans.map(|(id, parent)| Span { parent_id: parent.map(span_id), ..span(7, id, NOON) });
        put(&store, spans.to_vec()).await;
        let mut witnesses: Vec<Witness> = [2, 0].map(|id| seen_by("otlp_http", 1, 7, id, NOON + 1000)).to_vec();
        let mut elsewhere = seen_by("otlp_http", 1, 7, 1, NOON);
        elsewhere.service = "another".into();
        if swapped {
            witnesses.reverse();
        }
        for witness in witnesses {
            send(&store, vec![witness]).await;
            store.settle_errors().await;
        }
        send(&store, vec![elsewhere]).await;
        store.settle_errors().await;
        assert_eq!(census(&store).await, (1, 2, 3), "{swapped}");
        store.close().await;
    }
}

/// A store whose clock the test sets.
async fn timed(dir: &std::path::Path) -> (Arc<Sqlite>, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(NOON));
    let clock = now.clone();
    let config = StoreConfig { clock: Arc::new(move || clock.load(Ordering::Relaxed)), ..StoreConfig::new(dir) };
    (Sqlite::open(config).await.unwrap(), now)
}

async fn act(store: &Sqlite, number: u64, action: TriageAction) {
    assert_eq!(store.triage("ann", &[number, 999], &action).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_are_found_by_what_they_have() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let other = Witness {
        data: data(
            "KeyError",
            "50% of_it",
            "basket",
            serde_json::json!({"uuid": "b", "request": {"user_ip": "10.0.0.7", "headers": {"User-Agent": "Mozilla/5.0 Firefox/128.0"}}}),
        ),
        identity: "b".into(),
        level: ErrorLevel::Critical,
        version: "v2".into(),
        environment: "staging".into(),
        person: Some(Person { id: "42".into(), username: "ann".into(), email: "ann@example.com".into() }),
        ..item(10, NOON - HOUR)
    };
    send(&store, vec![item(1, NOON), item(2, NOON), other]).await;
    store.settle_errors().await;
    act(&store, 2, TriageAction::Assign(Some("bob".into()))).await;
    act(&store, 2, TriageAction::Comment("hm".into())).await;
    let numbers = async |text: &str| groups(&store, text).await.iter().map(|group| group.number).collect::<Vec<_>>();
    for (text, expected) in [
        ("", vec![1, 2]),
        ("order", vec![1]),
        ("\"50% of_it\"", vec![2]),
        ("\"50%it\"", vec![]),
        ("#2", vec![2]),
        ("class:KeyError OR order", vec![1, 2]),
        ("-class:KeyError", vec![1]),
        ("class:Key*", vec![2]),
        ("environment:staging", vec![2]),
        ("assignee:none", vec![1]),
        ("assignee:bob", vec![2]),
        ("has:comments", vec![2]),
        ("version:v2", vec![2]),
        ("code_version:v3", vec![]),
        ("ip:10.0.0.7", vec![2]),
        ("browser:\"Firefox 128\"", vec![2]),
        ("user_id:42", vec![2]),
        ("email:ann@example.com", vec![2]),
        ("username:an*", vec![2]),
        ("file:shop.py", vec![1, 2]),
        ("count:>1", vec![1]),
        ("people:2", vec![1]),
        ("is:new", vec![1]),
        ("status:active", vec![1, 2]),
        ("status:resolved", vec![]),
        ("status:muted OR class:KeyError", vec![2]),
        ("context:\"/orders/<id>\"", vec![1, 2]),
    ] {
        assert_eq!(numbers(text).await, expected, "{text}");
    }
    act(&store, 2, TriageAction::Mute).await;
    let counts = async |text: &str| store.error_counts(&Ask::now(), &query(text)).await.unwrap();
    assert_eq!(counts("status:active").await, ErrorCounts { active: 1, muted: 1, ..ErrorCounts::default() });
    assert_eq!(counts("-status:active environment:staging").await, ErrorCounts { muted: 1, ..ErrorCounts::default() });
    let wrong = ErrorSearch { query: query("colour:red"), sort: ErrorSort::Priority, limit: 1, cursor: None };
    assert!(matches!(store.errors(&Ask::now(), &wrong).await, Err(Problem::Bad { .. })));
    // Every sort pages through all.
    for sort in [ErrorSort::Priority, ErrorSort::LastSeen, ErrorSort::FirstSeen, ErrorSort::Count, ErrorSort::People] {
        let mut search = ErrorSearch { query: ALL, sort, limit: 1, cursor: None };
        let mut seen = Vec::new();
        loop {
            let page = store.errors(&Ask::now(), &search).await.unwrap();
            seen.extend(page.rows.iter().map(|group| group.number));
            let Some(next) = page.next else { break };
            search.cursor = Some(next);
        }
        assert_eq!(seen, [1, 2], "{sort:?}");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_requests_are_counted_once_the_trace_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let (store, now) = timed(dir.path()).await;
    send(&store, vec![traced(item(1, NOON), &[1]), traced(item(2, NOON), &[2]), traced(item(3, NOON + 8 * SECOND), &[1])]).await;
    store.settle_errors().await;
    put(&store, vec![Span { status: Status::Error, ..span(1, 0, NOON) }, span(2, 0, NOON)]).await;
    assert_eq!(group(&store, 1).await.failed_requests, 0);
    now.store(NOON + 11 * SECOND, Ordering::Relaxed);
    store.settle_errors().await;
    store.settle_errors().await;
    assert_eq!((group(&store, 1).await.failed_requests, group(&store, 1).await.count), (1, 3));
    store.close().await;
}

/// Whatever moment the program ends at, every acknowledged item counts once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_survive_an_abrupt_end_at_any_point() {
    let dir = tempfile::tempdir().unwrap();
    let (live, crashed) = (dir.path().join("live"), dir.path().join("crashed"));
    let store = open(&live).await;
    let batch = |part: u32| -> Vec<Witness> {
        let of = |n: u32| {
            let time = NOON + i64::from(n) * 20 * SECOND;
            [
                seen_by("otlp_http", n, 1000 + n, 1, time),
                seen_by("xray_udp", n, 2000 + n, 2, time),
                traced(item(n, time), &[1000 + n, 2000 + n]),
            ]
        };
        (part * 5..(part + 1) * 5).flat_map(of).collect()
    };
    for part in 0..6 {
        // The last of the three arrives alone, so that occurrences are folded.
        let (first, last): (Vec<Witness>, Vec<Witness>) = batch(part).into_iter().partition(|witness| witness.traces.len() == 1);
        send(&store, first).await;
        if part % 2 == 0 {
            store.settle_errors().await;
        }
        send(&store, last).await;
        for again in 0..3 {
            snapshot(&live, &crashed);
            let copy = open(&crashed).await;
            copy.settle_errors().await;
            let count = u64::from(part + 1) * 5;
            assert_eq!(census(&copy).await, (1, count, 3 * count as usize), "{part} {again}");
            send(&copy, batch(part)).await;
            copy.settle_errors().await;
            assert_eq!(census(&copy).await, (1, count, 3 * count as usize), "{part} {again}, sent again");
            copy.close().await;
        }
        store.settle_errors().await;
    }
    store.close().await;
}

/// The file of the day is written and the catalog is not: the batch is digested again, folds included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_that_was_cut_off_is_done_again() {
    let dir = tempfile::tempdir().unwrap();
    let (live, before, after) = (dir.path().join("live"), dir.path().join("before"), dir.path().join("after"));
    let store = open(&live).await;
    send(&store, vec![seen_by("otlp_http", 1, 10, 1, NOON), seen_by("xray_udp", 1, 20, 2, NOON), item(5, NOON)]).await;
    store.settle_errors().await;
    let was = census(&store).await;
    snapshot(&live, &before);
    send(&store, vec![traced(item(1, NOON), &[10, 20]), item(6, NOON)]).await;
    store.settle_errors().await;
    let is = census(&store).await;
    assert_eq!((was.1, is.1), (3, 3));
    store.close().await;
    snapshot(&live, &after);
    // The intake with the rows of the second batch, the catalog of before it.
    let second = open(&before).await;
    let held = second.core.errors.catalog.writer().await.unwrap();
    send(&second, vec![traced(item(1, NOON), &[10, 20]), item(6, NOON)]).await;
    let cut = dir.path().join("cut");
    snapshot(&before, &cut);
    drop(held);
    second.settle_errors().await;
    second.close().await;
    let name = directory::error_file(day_of(NOON));
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(cut.join(format!("{name}{suffix}")));
    }
    std::fs::copy(after.join(&name), cut.join(&name)).unwrap();
    let store = open(&cut).await;
    store.settle_errors().await;
    assert_eq!(census(&store).await, is);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_of_errors_go_with_their_spans_and_counters_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (store, now) = timed(dir.path()).await;
    send(&store, vec![item(1, NOON), item(2, NOON - 24 * HOUR)]).await;
    assert_eq!(send(&store, vec![item(3, NOON - 40 * 24 * HOUR)]).await.rejected, [(BEFORE_FLOOR, 1)]);
    store.settle().await;
    now.store(NOON + 30 * 24 * HOUR, Ordering::Relaxed);
    store.retain().await;
    let group = group(&store, 1).await;
    assert_eq!(group.count, 2);
    assert_eq!(store.occurrences(&Ask::now(), 1, None, 10).await.unwrap().len(), 1);
    assert!(!dir.path().join(directory::error_file(day_of(NOON) - 1)).exists());
    store.close().await;
}
