//! What is found by a search over all messages at once, and what is counted without looking at lines, is what one line after the other
//! gives.

use super::lines::write;
use super::*;
use crate::store::insights::Pipeline;
use crate::store::logs::matching;
use crate::store::logs::test::line_ref;
use model::log::{Level, Line, Origin as LineOrigin};
use model::query::parse_logs;
use model::time::MINUTE;

/// Messages that stand one after the other in a block: words end where the next begins, and words are in parts of others.
const MESSAGES: [&str; 12] = [
    "the request ended with time",
    "out of memory",
    "Gateway TIMEOUT, größe 5",
    "timeouts are no timeout_s",
    "GET /api/cart",
    "time out",
    "gateway",
    "timeout after 5 ms",
    "ﬁne ſtop KELVIN İx",
    "{\"msg\":\"gateway timeout\",\"service\":\"told\"}",
    "",
    "a timeout",
];

const WORDS: [&str; 20] = [
    "timeout",
    "TimeOut",
    "time",
    "*imeou*",
    "time*",
    "*out",
    "\"gateway timeout\"",
    "\"timeout after\"",
    "\"time out\"",
    "größe",
    "kelvin",
    "i*",
    "stop",
    "worker",
    "only",
    "checkout",
    "@message like /timeout/",
    "timeout level:error",
    "timeout OR gateway",
    "*zq*",
];

/// Lines of groups whose blocks differ in what they have: messages alone, attributes, several streams and services.
fn lines() -> Vec<Line> {
    let of = |n: usize| {
        let group = ["plain", "rich", "many"][n % 3];
        let many = |text: &str| if group == "many" { format!("{text}-{}", n % 5) } else { text.to_owned() };
        let severity = [Level::Info, Level::Error, Level::None, Level::Warn, Level::Info][n / 3 % 5].severity();
        Line {
            seq: 0,
            time: NOON + n as i64 * 7 * SECOND,
            received_at: NOON,
            origin: Arc::new(LineOrigin {
                group: group.into(),
                stream: many("worker").into(),
                service: if group == "rich" || n % 15 == 2 { "".into() } else { many("checkout").into() },
                source: "otlp".into(),
                ..LineOrigin::default()
            }),
            severity,
            severity_sent: severity,
            message: MESSAGES[n / 3 % MESSAGES.len()].to_owned(),
            attributes: match group {
                "rich" if n.is_multiple_of(2) => r#"{"note":"only here\ntimeout","service":"said"}"#.into(),
                _ => String::new(),
            },
            trace: None,
        }
    };
    (0..1500).map(of).collect()
}

async fn filled(dir: &std::path::Path) -> Arc<Sqlite> {
    let store = open(dir).await;
    let lines = lines();
    // Blocks of their own: none is small enough to be a part of the next if they come in one seal; the rest stays in memory.
    let (sealed, rest) = lines.split_at(1300);
    write(&store, 1, sealed.to_vec()).await;
    store.settle().await;
    write(&store, 2, rest.to_vec()).await;
    store
}

fn search(text: &str, range: Range) -> LogSearch {
    let text = if text.starts_with('@') { format!("filter {text}") } else { text.to_owned() };
    let query = parse_logs(&text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    LogSearch { query, groups: Vec::new(), range, order: LogOrder::Newest, limit: 5_000, cursor: None }
}

fn ranges() -> [Range; 2] {
    [Range { start: NOON, end: NOON + 3 * HOUR }, Range { start: NOON + 11 * MINUTE, end: NOON + 95 * MINUTE }]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_is_found_in_all_messages_as_in_each() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    let mut found_something = 0;
    for (text, range) in WORDS.iter().flat_map(|text| ranges().map(|range| (text, range))) {
        let search = search(text, range);
        let test = matching::compile(&search.query, NOON).unwrap();
        let passes = |line: &Line| range.contains(line.time) && test.test(&line_ref(line, &|| line.trace));
        let expected: Vec<Line> = lines().into_iter().filter(passes).collect();
        let page = store.logs(&Ask::now(), &search).await.unwrap();
        let key = |line: &Line| (line.time, line.message.clone(), line.attributes.clone(), line.severity);
        assert_eq!(page.lines.iter().rev().map(key).collect::<Vec<_>>(), expected.iter().map(key).collect::<Vec<_>>(), "{text}");
        let count = store.log_count(&Ask::now(), &search, 30).await.unwrap();
        let of = |level| expected.iter().filter(|line| line.severity.level() == level).count() as u64;
        assert_eq!(count.lines, expected.len() as u64, "{text}");
        assert_eq!(count.levels, Level::ALL.map(of), "{text}");
        found_something += usize::from(!expected.is_empty());
    }
    assert!(found_something >= 2 * WORDS.len() - 6, "{found_something}");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_what_the_lines_are() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    for text in [
        "stats count(*)",
        "stats count(*) by level",
        "stats count(*) by level, bin(5m)",
        "stats count(*) by bin(1d)",
        "stats count(*) as n by bin(1d), level, group",
        "stats count(*) by bin(7m), bin(1h) | sort count(*) desc | limit 3",
        "stats count(*) by service",
        "stats count(*) by service, level",
        "stats count(*) by stream",
        "stats count(*) by stream, bin(1w)",
        "stats count(*), count(service), count(severity) by @log",
        "stats count(level) / 2 by severity, bin(10m)",
        "stats count(*) by source, host",
        "level:error | stats count(*) by bin(5m), stream",
        "timeout | stats count(*) by level, bin(5m)",
        "stats count(*) by service, bin(5m) | filter service like /check/ | stats sum(`count(*)`) by service",
        "limit 7 | stats count(*) by level",
        "stats count_distinct(level) by bin(5m)",
        "stats max(@timestamp) by level",
    ] {
        for range in ranges() {
            let search = search(text, range);
            let test = matching::compile(&search.query, NOON).unwrap();
            let mut pipeline = Pipeline::compile(&search.query, NOON, range).unwrap();
            let mut matched = 0;
            for line in lines().iter().rev().filter(|line| range.contains(line.time)) {
                let link = || line.trace;
                let line = line_ref(line, &link);
                if test.test(&line) {
                    matched += 1;
                    pipeline.push(&line);
                }
            }
            let got = store.log_table(&Ask::now(), &search).await.unwrap();
            assert_eq!(got.table, pipeline.finish().0, "{text}");
            assert!(got.scanned.matched == matched || text.starts_with("limit"), "{text}: {} of {matched}", got.scanned.matched);
        }
    }
    store.close().await;
}

/// The numbers of patterns are given at sealing: counted without lines they are what they are counted with them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patterns_are_counted_as_their_lines_are() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    store.settle().await;
    for (by, range) in ["pattern", "pattern, level", "level, pattern, bin(1d)", "pattern, bin(5m)", "pattern, stream"]
        .into_iter()
        .flat_map(|by| ranges().map(|range| (by, range)))
    {
        let counted = store.log_table(&Ask::now(), &search(&format!("stats count(*) as n by {by}"), range)).await.unwrap();
        let looked_at = search(&format!("stats count(*) as n, max(@timestamp) as last by {by}"), range);
        let mut looked_at = store.log_table(&Ask::now(), &looked_at).await.unwrap();
        looked_at.table.columns.pop();
        looked_at.table.rows.iter_mut().for_each(|row| drop(row.pop()));
        assert_eq!(counted.table, looked_at.table, "{by}");
        assert!(counted.table.rows.len() > 5, "{by}");
        assert_eq!(counted.scanned.matched, looked_at.scanned.matched, "{by}");
    }
    store.close().await;
}
