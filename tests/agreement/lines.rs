//! The log store on disk, in every state its lines can be in: in the intake, partly sealed, sealed, reopened, hidden.

use super::line_worlds::{self as worlds, GROUPS, STREAMS};
use super::store::copy;
use super::{now, same_table};
use crate::reference::logs::LogMemory;
use model::log::{Group, Line, Stream};
use model::port::*;
use model::query::filter_pattern::parse as parse_pattern;
use model::query::{LogQuery, parse_logs};
use model::time::{DAY, HOUR, Nanos, Range};
use proptest::prelude::*;
use server::ingest::Batch;
use server::store::sqlite::{Sqlite, StoreConfig};
use server::store::{LogStore, Store};
use std::sync::Arc;
use std::time::Duration;

/// Midnight of the first of two days; the store's clock says noon of the second.
const BASE: Nanos = 19_675 * DAY;
const NOW: Nanos = BASE + DAY + 12 * HOUR;

/// What is done between two rounds of questions.
#[derive(Clone, Copy, Debug)]
enum Step {
    Seal,
    /// The store is closed and opened again.
    Reopen,
    /// It is dropped as a killed process would leave it.
    Abandon,
    DeleteGroup(&'static str),
    DeleteStream(&'static str, &'static str),
    /// The group keeps its lines for a day from now on.
    KeepADay(&'static str),
}

fn step() -> impl Strategy<Value = Step> {
    let group = || prop::sample::select(&GROUPS[..]);
    prop_oneof![
        6 => Just(Step::Seal),
        2 => Just(Step::Reopen),
        2 => Just(Step::Abandon),
        1 => group().prop_map(Step::DeleteGroup),
        1 => (group(), prop::sample::select(&STREAMS[..])).prop_map(|(group, stream)| Step::DeleteStream(group, stream)),
        1 => group().prop_map(Step::KeepADay),
    ]
}

/// What is asked of both.
#[derive(Clone, Debug)]
struct Question {
    query: String,
    pattern: Option<String>,
    groups: Vec<String>,
    range: Range,
    limit: u32,
    /// As of so many lines before the newest.
    back: Option<u64>,
    buckets: u32,
    keys: Vec<String>,
}

fn question() -> impl Strategy<Value = Question> {
    let range = prop_oneof![
        2 => Just(Range { start: BASE, end: BASE + 2 * DAY }),
        1 => (0i64..3, prop::sample::select(vec![1i64, 2, HOUR, 9 * HOUR, DAY]))
            .prop_map(|(day, length)| Range { start: BASE + day * DAY, end: BASE + day * DAY + length }),
    ];
    let groups = prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::sample::subsequence(GROUPS.map(str::to_owned).to_vec(), 1..3),
    ];
    (
        worlds::query(),
        prop::option::weighted(0.2, worlds::filter_pattern()),
        groups,
        range,
        1u32..6,
        prop::option::weighted(0.2, 0u64..10),
        0u32..7,
        prop::collection::vec(worlds::facet_key(), 1..3),
    )
        .prop_map(|(query, pattern, groups, range, limit, back, buckets, keys)| Question {
            query,
            pattern,
            groups,
            range,
            limit,
            back,
            buckets,
            keys,
        })
}

/// Some requests arrive, something is done, questions are asked.
type Round = (Vec<Vec<Line>>, Option<Step>, Vec<Question>);

fn round() -> impl Strategy<Value = Round> {
    let requests = prop::collection::vec(worlds::lines(BASE, 12), 0..4);
    (requests, prop::option::weighted(0.7, step()), prop::collection::vec(question(), 1..5))
}

/// The store and the reference, with the same in both.
struct Pair {
    dir: tempfile::TempDir,
    store: Option<Arc<Sqlite>>,
    memory: LogMemory,
    requests: u128,
    /// Whether lines were deleted, or went before their day.
    hidden: bool,
}

async fn open(dir: &tempfile::TempDir) -> Arc<Sqlite> {
    Sqlite::open(StoreConfig { clock: Arc::new(|| NOW), ..StoreConfig::new(dir.path()) }).await.unwrap()
}

impl Pair {
    async fn new() -> Pair {
        let dir = tempfile::tempdir().unwrap();
        let store = Some(open(&dir).await);
        Pair { dir, store, memory: LogMemory::at(NOW), requests: 0, hidden: false }
    }

    fn store(&self) -> &Sqlite {
        self.store.as_deref().expect("open")
    }

    async fn close(&mut self) {
        if let Some(store) = self.store.take() {
            store.close().await;
        }
    }

    async fn accept(&mut self, lines: Vec<Line>) {
        self.requests += 1;
        self.memory.push(lines.clone());
        let count = lines.len() as u64;
        let batch = Batch { logs: lines, identity: Some(self.requests), ..Batch::default() };
        let accepted = self.store().accept("cloudwatch_logs", batch, Duration::from_secs(5)).await.unwrap();
        assert_eq!((accepted.lines, accepted.rejected), (count, Vec::new()));
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Seal => self.store().settle().await,
            Step::Reopen => {
                self.close().await;
                self.store = Some(open(&self.dir).await);
            }
            Step::Abandon => {
                let dir = tempfile::tempdir().unwrap();
                copy(self.dir.path(), dir.path());
                self.close().await;
                self.store = Some(open(&dir).await);
                self.dir = dir;
            }
            Step::DeleteGroup(group) => {
                let (found, expected) = (self.store().delete_log_group(group).await, self.memory.delete_log_group(group).await);
                assert_eq!(found, expected, "deletion of {group}");
                self.hidden |= found.is_ok();
            }
            Step::DeleteStream(group, stream) => {
                let found = self.store().delete_log_stream(group, stream).await;
                assert_eq!(found, self.memory.delete_log_stream(group, stream).await, "deletion of {stream} of {group}");
                self.hidden |= found.is_ok();
            }
            Step::KeepADay(group) => {
                let found = self.store().set_log_retention(group, Some(1)).await;
                assert_eq!(found, self.memory.set_log_retention(group, Some(1)).await, "retention of {group}");
                self.hidden |= found.is_ok();
            }
        }
    }
}

/// All pages from the first on.
async fn pages(reader: &dyn LogReader, ask: &Ask, search: &LogSearch) -> Vec<LogPage> {
    let mut search = search.clone();
    let mut pages = Vec::new();
    loop {
        let page = reader.logs(ask, &search).await.unwrap();
        search.cursor = page.next;
        pages.push(page);
        if search.cursor.is_none() {
            return pages;
        }
        assert!(pages.len() < 500, "the pages never end");
    }
}

macro_rules! same {
    ($found:expr, $expected:expr, $($context:tt)+) => {
        let (found, expected) = ($found, $expected);
        prop_assert!(found == expected, "{}\nfound    {:?}\nexpected {:?}", format_args!($($context)+), found, expected);
    };
}

async fn ask(pair: &Pair, question: &Question) -> Result<(), TestCaseError> {
    let (store, memory): (&dyn LogReader, &dyn LogReader) = (pair.store(), &pair.memory);
    let Question { groups, range, limit, .. } = question.clone();
    let query = parse_logs(&question.query).unwrap_or_else(|error| panic!("{}: {error:?}", question.query));
    let filter_pattern = question.pattern.as_deref().map(|text| parse_pattern(text).unwrap());
    let query = LogQuery { filter_pattern, ..query };
    let seq = *pair.memory.log_seq().borrow();
    let as_of = question.back.map(|back| seq.saturating_sub(back).max(1));
    let asked = Ask::now().as_of(as_of);
    let context = format!("{question:?}");
    for order in [LogOrder::Newest, LogOrder::Oldest] {
        let search = LogSearch { query: query.clone(), groups: groups.clone(), range, order, limit, cursor: None };
        same!(pages(store, &asked, &search).await, pages(memory, &asked, &search).await, "pages, {order:?}: {context}");
    }
    let search = LogSearch { query, groups, range, order: LogOrder::Newest, limit, cursor: None };
    let (found, expected) =
        (store.log_count(&asked, &search, question.buckets).await, memory.log_count(&asked, &search, question.buckets).await);
    same!(found, expected, "count: {context}");
    let facets = async |reader: &dyn LogReader| reader.log_facets(&asked, &search, &question.keys, limit).await.unwrap();
    same!(facets(store).await, facets(memory).await, "facets: {context}");
    let (found, expected) = (store.log_table(&asked, &search).await.unwrap(), memory.log_table(&asked, &search).await.unwrap());
    prop_assert!(same_table(&found.table, &expected.table), "{context}\nfound    {:?}\nexpected {:?}", found.table, expected.table);
    same!(found.lines, expected.lines, "lines of the table: {context}");
    if as_of.is_none() {
        let after = seq.saturating_sub(7);
        let arrivals = async |reader: &dyn LogReader| reader.log_arrivals(&asked, &search, after).await;
        same!(arrivals(store).await, arrivals(memory).await, "arrivals: {context}");
        ask_of_patterns(pair, &search).await?;
    }
    Ok(())
}

/// Patterns are the store's own; but what they say of themselves must be so.
async fn ask_of_patterns(pair: &Pair, search: &LogSearch) -> Result<(), TestCaseError> {
    let now = Ask::now();
    let patterns = pair.store().log_patterns(&now, search, 3, 1000).await.unwrap();
    let all = pair.memory.log_count(&now, search, 0).await.unwrap();
    same!(patterns.iter().map(|pattern| pattern.lines).sum::<u64>(), all.lines, "lines of all patterns: {search:?}");
    for pattern in patterns {
        prop_assert!(pattern.id > 0, "{pattern:?}");
        let of = parse_logs(&format!("pattern:{}", pattern.id)).unwrap().filter;
        let both = match (&search.query.filter, of) {
            (Some(asked), Some(of)) => Some(model::query::ast::Expr::And(vec![asked.clone(), of])),
            (asked, of) => asked.clone().or(of),
        };
        let of = LogSearch { query: LogQuery { filter: both, ..search.query.clone() }, ..search.clone() };
        let found = pair.store().log_count(&now, &of, 0).await.unwrap();
        same!((found.lines, found.levels), (pattern.lines, pattern.levels), "lines of {pattern:?}");
        same!(pattern.trend.iter().sum::<u64>(), pattern.lines, "trend of {pattern:?}");
    }
    Ok(())
}

/// What is asked without a query.
async fn ask_of_all(pair: &Pair) -> Result<(), TestCaseError> {
    let (store, memory): (&dyn LogReader, &dyn LogReader) = (pair.store(), &pair.memory);
    let now = Ask::now();
    for line in pair.memory.lines() {
        let at = LogCursor { time: line.time, seq: line.seq, as_of: 0 };
        same!(store.log_line(&now, at).await, Ok(line), "the line at {at}");
    }
    let nowhere = LogCursor { time: BASE, seq: u64::from(u32::MAX), as_of: 0 };
    same!(store.log_line(&now, nowhere).await, memory.log_line(&now, nowhere).await, "no line");
    let (found, expected) = (store.log_groups().await.unwrap(), memory.log_groups().await.unwrap());
    let names = |groups: &[Group]| groups.iter().map(|group| (group.name.clone(), group.retention_days)).collect::<Vec<_>>();
    same!(names(&found), names(&expected), "groups");
    for group in &expected {
        let (found, expected) = (store.log_streams(&group.name).await.unwrap(), memory.log_streams(&group.name).await.unwrap());
        let names = |streams: &[Stream]| streams.iter().map(|stream| stream.name.clone()).collect::<Vec<_>>();
        same!(names(&found), names(&expected), "streams of {}", group.name);
    }
    // Figures of groups and blocks are of all lines that came, those that are hidden included.
    if !pair.hidden {
        let all = Range { start: BASE, end: BASE + 2 * DAY };
        same!(store.log_fields(&now, &[], all, 500).await, memory.log_fields(&now, &[], all, 500).await, "fields");
    }
    Ok(())
}

async fn play(rounds: Vec<Round>) -> Result<(), TestCaseError> {
    let mut pair = Pair::new().await;
    for (requests, step, questions) in rounds {
        for lines in requests {
            pair.accept(lines).await;
        }
        if let Some(step) = step {
            pair.step(step).await;
        }
        for question in &questions {
            ask(&pair, question).await?;
        }
        ask_of_all(&pair).await?;
    }
    pair.close().await;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_log_store_answers_as_the_reference(rounds in prop::collection::vec(round(), 1..5)) {
        now(play(rounds))?;
    }
}
