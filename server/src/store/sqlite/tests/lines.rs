//! Log lines: what is acknowledged is there once, in order, whatever happens.

use super::abrupt::snapshot;
use super::*;
use crate::store::{LogProblem, LogStore};
use model::log::{How, Level, Line, Origin as LineOrigin, Severity, TraceLink};
use model::query::LogQuery;
use model::time::MINUTE;

fn line(group: &str, stream: &str, time: Nanos, message: &str) -> Line {
    Line {
        seq: 0,
        time,
        received_at: NOON,
        origin: Arc::new(LineOrigin {
            group: group.into(),
            stream: stream.into(),
            source: "cloudwatch_logs".into(),
            ..LineOrigin::default()
        }),
        severity: if message.contains("ERROR") { Severity::ERROR } else { Severity::INFO },
        severity_sent: Severity::INFO,
        message: message.to_owned(),
        attributes: String::new(),
        trace: message.contains("traced").then_some(TraceLink { trace_id: trace_id(7), span_id: None, how: How::Protocol }),
    }
}

fn logs(lines: Vec<Line>, identity: u128) -> Batch {
    Batch { logs: lines, identity: Some(identity), ..Batch::default() }
}

pub(super) async fn write(store: &Sqlite, identity: u128, lines: Vec<Line>) -> Accepted {
    store.accept("cloudwatch_logs", logs(lines, identity), Duration::from_secs(10)).await.unwrap()
}

fn asked(pattern: &str, limit: u32) -> LogSearch {
    let filter_pattern = (!pattern.is_empty()).then(|| model::query::filter_pattern::parse(pattern).unwrap());
    let query = LogQuery { filter_pattern, ..LogQuery::default() };
    LogSearch { query, groups: Vec::new(), range: Range::ALL, order: LogOrder::Newest, limit, cursor: None }
}

async fn messages(store: &Sqlite, search: &LogSearch) -> Vec<String> {
    let mut search = search.clone();
    let mut messages = Vec::new();
    loop {
        let page = store.logs(&Ask::now(), &search).await.unwrap();
        assert!(page.complete && page.lines.len() <= search.limit as usize);
        messages.extend(page.lines.into_iter().map(|line| line.message));
        match page.next {
            Some(next) => search.cursor = Some(next),
            None => return messages,
        }
    }
}

/// `count` lines, three to a time, in two groups.
pub(super) fn many(count: u64, from: Nanos) -> Vec<Line> {
    let message = |n: u64| if n.is_multiple_of(10) { format!("n={n} ERROR w{n}") } else { format!("n={n} fine") };
    (0..count).map(|n| line(if n.is_multiple_of(2) { "a" } else { "b" }, "s", from + (n / 3) as i64 * SECOND, &message(n))).collect()
}

async fn check(store: &Sqlite, count: u64, when: &str) {
    let expected: Vec<String> = many(count, 0).into_iter().map(|line| line.message).collect();
    for limit in [7, 100, 10_000] {
        let oldest = LogSearch { order: LogOrder::Oldest, ..asked("", limit) };
        assert_eq!(messages(store, &oldest).await, expected, "{when}, {limit}");
        let mut newest = messages(store, &asked("", limit)).await;
        newest.reverse();
        assert_eq!(newest, expected, "{when}, {limit}");
    }
    let errors: Vec<String> = expected.iter().filter(|message| message.contains("ERROR")).rev().cloned().collect();
    assert_eq!(messages(store, &asked("ERROR", 9)).await, errors, "{when}");
    assert_eq!(messages(store, &asked("w20", 9)).await, ["n=20 ERROR w20"], "{when}");
    assert_eq!(messages(store, &LogSearch { groups: vec!["b".into()], ..asked("", 9) }).await.len() as u64, count / 2, "{when}");
    let range = Range { start: NOON, end: NOON + HOUR };
    let all = store.log_count(&Ask::now(), &LogSearch { range, ..asked("", 1) }, 60).await.unwrap();
    assert_eq!((all.lines, all.exact, all.histogram.len()), (count, true, 60), "{when}");
    assert_eq!(all.levels[Level::Error as usize], count.div_ceil(10), "{when}");
    assert_eq!(all.histogram[0].lines(), 180, "{when}");
    let found = store.log_count(&Ask::now(), &LogSearch { range, ..asked("ERROR", 1) }, 60).await.unwrap();
    assert_eq!((found.lines, found.histogram[0].of(Level::Error)), (count.div_ceil(10), 18), "{when}");
    let keys = ["group".to_owned(), "level".to_owned()];
    for (pattern, lines) in [("", count), ("ERROR", count.div_ceil(10))] {
        let facets = store.log_facets(&Ask::now(), &asked(pattern, 1), &keys, 10).await.unwrap();
        assert_eq!(
            facets.iter().map(|facet| facet.values.iter().map(|value| value.lines).sum::<u64>()).collect::<Vec<_>>(),
            [lines, lines],
            "{when}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_are_found_at_once_and_after_sealing_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let all = many(900, NOON);
    for (at, part) in all.chunks(100).enumerate() {
        assert_eq!(write(&store, at as u128, part.to_vec()).await, Accepted { stored: 0, lines: 100, errors: 0, rejected: vec![] });
        if at == 2 {
            store.settle().await;
        }
    }
    check(&store, 900, "half sealed").await;
    store.settle().await;
    check(&store, 900, "sealed").await;
    let blocks = store.core.logs.blocks_of_all_days().await;
    assert_eq!(blocks, [450, 450], "the small blocks of the first seal are parts of larger ones");
    store.close().await;
    drop(store);
    let store = open(dir.path()).await;
    check(&store, 900, "reopened").await;
    assert_eq!(write(&store, 3, all[300..400].to_vec()).await.lines, 100);
    check(&store, 900, "a request came again").await;
    let patterns = store
        .log_patterns(&Ask::now(), &LogSearch { range: Range { start: NOON, end: NOON + HOUR }, ..asked("", 1) }, 6, 10)
        .await
        .unwrap();
    assert_eq!(patterns.iter().map(|pattern| pattern.lines).sum::<u64>(), 900);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_doubled_by_an_abrupt_end() {
    let dir = tempfile::tempdir().unwrap();
    let live = dir.path().join("live");
    let store = open(&live).await;
    let all = many(300, NOON);
    for (at, part) in all.chunks(50).enumerate() {
        write(&store, at as u128, part.to_vec()).await;
        let crashed = dir.path().join(format!("crashed-{at}"));
        for sealed in [false, true] {
            if sealed {
                store.settle().await;
            }
            snapshot(&live, &crashed);
            let again = open(&crashed).await;
            write(&again, at as u128, part.to_vec()).await;
            let count = (at + 1) * 50;
            assert_eq!(
                messages(&again, &LogSearch { order: LogOrder::Oldest, ..asked("", 33) }).await,
                all[..count].iter().map(|line| line.message.clone()).collect::<Vec<_>>()
            );
            again.settle().await;
            assert_eq!(messages(&again, &asked("", 1000)).await.len(), count);
            again.close().await;
        }
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_lines_stay_and_equal_requests_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let same = vec![line("g", "s", NOON, "again"), line("g", "s", NOON, "again")];
    write(&store, 1, same.clone()).await;
    write(&store, 1, same.clone()).await;
    write(&store, 2, same).await;
    assert_eq!(messages(&store, &asked("", 3)).await.len(), 4);
    let ledger = store.ledger().await.unwrap();
    let row = ledger.iter().find(|row| row.signal == "logs").unwrap();
    assert_eq!((row.received, row.stored, row.duplicate), (6, 4, 2));
    let late =
        write(&store, 3, vec![line("g", "s", NOON - 40 * DAY, "old"), line("g", "s", NOON + 2 * DAY, "new"), line("g", "s", NOON, "now")])
            .await;
    assert_eq!(late, Accepted { stored: 0, lines: 1, errors: 0, rejected: vec![(BEFORE_FLOOR, 1), (TOO_FAR_AHEAD, 1)] });
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_has_an_address_and_arrivals_have_a_place() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    write(&store, 1, many(30, NOON)).await;
    let first = store.log_arrivals(&Ask::now(), &asked("", 10), 0).await.unwrap();
    assert_eq!((first.lines.len(), first.skipped, first.lines[9].message.as_str()), (10, 20, "n=29 fine"));
    store.settle().await;
    // Late by its time, new by its arrival.
    write(&store, 2, vec![line("a", "s", NOON - HOUR, "late traced")]).await;
    for sealed in [false, true] {
        if sealed {
            store.settle().await;
        }
        let next = store.log_arrivals(&Ask::now(), &asked("", 10), first.upto).await.unwrap();
        assert_eq!((next.lines.len(), next.skipped, next.lines[0].message.as_str()), (1, 0, "late traced"));
        assert!(store.log_arrivals(&Ask::now(), &asked("", 10), next.upto).await.unwrap().lines.is_empty());
        for line in &first.lines {
            let at = LogCursor { time: line.time, seq: line.seq, as_of: 0 };
            assert_eq!(store.log_line(&Ask::now(), at).await.unwrap(), *line);
            let wrong = LogCursor { time: line.time + 1, ..at };
            assert_eq!(store.log_line(&Ask::now(), wrong).await.unwrap_err(), Problem::NotFound("log line"));
        }
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_groups_and_streams_are_gone_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    write(
        &store,
        1,
        vec![line("a", "x", NOON, "ax"), line("a", "y", NOON, "ay"), line("b", "x", NOON, "bx"), line("b", "x", NOON - 3 * DAY, "old")],
    )
    .await;
    store.settle().await;
    store.delete_log_stream("a", "x").await.unwrap();
    assert_eq!(store.delete_log_stream("a", "x").await, Err(LogProblem::NoStream));
    let mut found = messages(&store, &asked("", 9)).await;
    found.sort();
    assert_eq!(found, ["ay", "bx", "old"]);
    store.set_log_retention("b", Some(1)).await.unwrap();
    assert_eq!(messages(&store, &LogSearch { groups: vec!["b".into()], ..asked("", 9) }).await, ["bx"]);
    store.delete_log_group("a").await.unwrap();
    write(&store, 2, vec![line("a", "x", NOON + MINUTE, "new")]).await;
    for when in ["at once", "swept"] {
        assert_eq!(messages(&store, &asked("", 9)).await, ["new", "bx"], "{when}");
        let count = store.log_count(&Ask::now(), &asked("", 9), 0).await.unwrap();
        assert_eq!(count.lines, 2, "{when}");
        store.settle().await;
    }
    assert_eq!(store.core.logs.blocks_of_all_days().await.iter().sum::<u32>(), 2, "what cannot be seen is not on disk");
    store.close().await;
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(messages(&store, &asked("", 9)).await, ["new", "bx"]);
    assert_eq!(store.log_groups().await.unwrap().iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_line_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let huge = format!("{} needle", "0123456789".repeat(1_000_000));
    write(&store, 1, vec![line("a", "x", NOON, "before"), line("a", "x", NOON + 1, &huge), line("a", "x", NOON + 2, "after")]).await;
    for _ in 0..2 {
        assert_eq!(messages(&store, &asked("needle", 9)).await, [huge.as_str()]);
        assert_eq!(messages(&store, &asked("", 1)).await.len(), 3);
        store.settle().await;
    }
    store.close().await;
}

/// A page of lines of a mebibyte took all there were into memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_large_lines_is_bounded_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let sizes = [10, 1 << 20, 20, 5 << 20, 30, 40, 3 << 20, 2 << 20, 50, 1 << 20, 1 << 20, 60];
    let all: Vec<Line> =
        sizes.iter().zip(0..).map(|(size, n)| line("a", "s", NOON + n / 2, &format!("{n} {}", "x".repeat(*size)))).collect();
    let expected: Vec<String> = all.iter().map(|line| line.message.clone()).collect();
    for (at, part) in all.chunks(5).enumerate() {
        write(&store, at as u128, part.to_vec()).await;
    }
    for when in ["in the intake", "sealed"] {
        for limit in [3, 10_000] {
            for order in [LogOrder::Oldest, LogOrder::Newest] {
                let mut search = LogSearch { order, ..asked("", limit) };
                let mut found = Vec::new();
                loop {
                    let page = store.logs(&Ask::now(), &search).await.unwrap();
                    let bytes: usize = page.lines.iter().map(|line| line.message.len()).sum();
                    assert!(bytes <= 4 << 20 || page.lines.len() == 1, "{bytes} bytes, {when}");
                    found.extend(page.lines.into_iter().map(|line| line.message));
                    search.cursor = page.next;
                    if search.cursor.is_none() {
                        break;
                    }
                }
                if order == LogOrder::Newest {
                    found.reverse();
                }
                assert!(found == expected, "{} lines, {when}, {order:?}, {limit}", found.len());
            }
        }
        store.settle().await;
    }
    store.close().await;
}

/// What reads asked of patterns and fields, the sealer had to write first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patterns_and_fields_of_the_newest_lines_are_there_without_a_seal() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let say = |from: i64| (from..from + 5).map(|n| line("a", "s", NOON + n, &format!("took {n} ms"))).collect::<Vec<_>>();
    write(&store, 1, say(0)).await;
    store.settle().await;
    write(&store, 2, say(5)).await;
    write(&store, 3, vec![line("a", "s", NOON + 20, r#"{"user":{"id":7}}"#)]).await;
    let blocks = store.core.logs.blocks_of_all_days().await;
    let patterns = store.log_patterns(&Ask::now(), &asked("", 1), 1, 10).await.unwrap();
    assert_eq!(patterns.iter().map(|pattern| (&*pattern.template, pattern.lines)).next(), Some(("took <*> ms", 10)));
    let fields = store.log_fields(&Ask::now(), &[], Range::ALL, 10).await.unwrap();
    assert_eq!(fields.iter().map(|field| &*field.name).collect::<Vec<_>>(), ["user.id"]);
    assert_eq!(store.core.logs.blocks_of_all_days().await, blocks, "nothing was sealed");
    let id = patterns[0].id;
    let of = |text: String| LogSearch { query: model::query::parse_logs(&text).unwrap(), ..asked("", 100) };
    for when in ["before", "after"] {
        assert_eq!(store.logs(&Ask::now(), &of(format!("pattern:{id}"))).await.unwrap().lines.len(), 10, "{when}");
        let table = store.log_table(&Ask::now(), &of(format!("pattern:{id} | fields pattern | limit 20"))).await.unwrap().table;
        assert_eq!(table.rows, vec![vec![Cell::Number(f64::from(id))]; 10], "{when}");
        store.settle().await;
    }
    let known = store.log_patterns(&Ask::now(), &asked("", 1), 1, 10).await.unwrap();
    assert_eq!(known.len(), 2, "{known:?}");
    store.close().await;
    drop(store);
    // Those that were given before the seal are written with it.
    let store = open(dir.path()).await;
    assert_eq!(store.log_patterns(&Ask::now(), &asked("", 1), 1, 10).await.unwrap(), known);
    store.close().await;
}

/// Whoever stops a query, or leaves, stops the scan.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_stops_when_its_reader_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for group in 0..40 {
        let lines = (0..300).map(|n| line(&format!("g{group}"), "s", NOON + n, &format!("n={n} fine"))).collect();
        write(&store, group, lines).await;
    }
    store.settle().await;
    let search = LogSearch { query: model::query::parse_logs("fine | stats count(*) by @message").unwrap(), ..asked("", 10) };
    let stopped = Ask::now();
    stopped.cancelled.store(true, std::sync::atomic::Ordering::Relaxed);
    let table = store.log_table(&stopped, &search).await.unwrap();
    let scanned = stopped.scanned();
    assert!(!table.table.exact && scanned.blocks == 40 && scanned.blocks_done == 0, "{scanned:?}");

    let left = Ask::now();
    let mut read = Box::pin(store.log_table(&left, &search));
    // Until the first block is done; then the reader goes.
    while left.scanned().blocks_done == 0 {
        assert!(futures::poll!(&mut read).is_pending(), "it is not done yet");
        tokio::task::yield_now().await;
    }
    drop(read);
    let done = left.scanned().blocks_done;
    store.settle().await;
    assert_eq!(left.scanned().blocks_done, done);
    assert!(done < 40, "{done}");
    store.close().await;
}

/// Of lines that are equal in the order asked for, those that were not sealed came first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_rows_of_a_sort_are_in_one_order_whatever_is_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let search = LogSearch { query: model::query::parse_logs("fields @message | sort level | limit 3").unwrap(), ..asked("", 10) };
    write(&store, 1, (0..3).map(|n| line("a", "s", NOON + 5, &format!("late {n}"))).collect()).await;
    store.settle().await;
    write(&store, 2, (0..3).map(|n| line("b", "s", NOON, &format!("early {n}"))).collect()).await;
    for when in ["partly sealed", "sealed"] {
        let rows = store.log_table(&Ask::now(), &search).await.unwrap().table.rows;
        assert_eq!(rows, ["late 2", "late 1", "late 0"].map(|text| vec![Cell::Text(text.into())]), "{when}");
        store.settle().await;
    }
    store.close().await;
}

/// A deleted group came back with the next start after a crash, since the intake still had its lines.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_group_stays_deleted_after_an_abrupt_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    write(&store, 1, many(6, NOON)).await;
    store.delete_log_group("a").await.unwrap();
    store.delete_log_stream("b", "s").await.unwrap();
    let left = tempfile::tempdir().unwrap();
    snapshot(dir.path(), left.path());
    store.close().await;
    let store = open(left.path()).await;
    let groups = store.log_groups().await.unwrap();
    assert_eq!(groups.iter().map(|group| &*group.name).collect::<Vec<_>>(), ["b"]);
    assert_eq!(store.log_streams("b").await.unwrap(), []);
    assert_eq!(messages(&store, &asked("", 10)).await, Vec::<String>::new());
    store.close().await;
}
