//! The SQLite store on disk, in every state its data can be in: in the intake, sealed, folded, reopened, partly removed.

use super::{now, same_facet, same_table, worlds};
use crate::reference::{Memory, Pushed};
use model::id::{SpanId, TraceId};
use model::port::*;
use model::query::ast::{Command, Query, Stats};
use model::query::{parse, parse_key};
use model::span::{Envelope, Span};
use model::time::{DAY, HOUR, Nanos, Range, day_of};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use server::ingest::Batch;
use server::store::Store;
use server::store::sqlite::{Sqlite, StoreConfig};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Midnight of the first of two days; the store's clock says noon of the second.
pub(super) const BASE: Nanos = 19_675 * DAY;
const NOW: Nanos = BASE + DAY + 12 * HOUR;

/// What is done between two rounds of questions.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Everything goes from the intake to the days' files, which are folded.
    Seal,
    /// The store is closed and opened again.
    Reopen,
    /// It is dropped as a killed process would leave it.
    Abandon,
    /// A dataset is removed.
    Remove(&'static str),
}

/// What is asked of both.
#[derive(Clone, Debug)]
struct Question {
    query: Query,
    range: Range,
    order: Order,
    limit: u32,
    /// As of so many spans before the newest.
    back: Option<u64>,
    buckets: u32,
    stats: String,
    keys: Vec<String>,
}

fn question() -> impl Strategy<Value = Question> {
    let range = prop_oneof![
        2 => Just(Range::ALL),
        1 => (0i64..3, prop::sample::select(vec![1i64, 4, 10_000_000_000, DAY, 2 * DAY]))
            .prop_map(|(day, length)| Range { start: BASE + day * DAY, end: BASE + day * DAY + length }),
    ];
    let by = prop::sample::select(vec![OrderBy::Time, OrderBy::Time, OrderBy::Duration, OrderBy::Spans, OrderBy::Errors]);
    let order = (by, prop::bool::weighted(0.7)).prop_map(|(by, descending)| Order { by, descending });
    let back = prop::option::weighted(0.3, 0u64..20);
    (worlds::query(BASE), range, order, 1u32..5, back, 0u32..6, worlds::stats(), prop::collection::vec(worlds::key(), 1..3)).prop_map(
        |(query, range, order, limit, back, buckets, stats, keys)| Question { query, range, order, limit, back, buckets, stats, keys },
    )
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Seal),
        2 => Just(Step::Reopen),
        1 => Just(Step::Abandon),
        1 => Just(Step::Remove("demo")),
        1 => Just(Step::Remove("café")),
    ]
}

/// Some spans arrive, something is done, questions are asked.
type Round = (Vec<Vec<Span>>, Option<Step>, Vec<Question>);

fn round() -> impl Strategy<Value = Round> {
    let batches = prop::collection::vec(worlds::spans(BASE, 8), 0..4);
    (batches, prop::option::weighted(0.7, step()), prop::collection::vec(question(), 1..4))
}

/// The store and the reference, with the same in both.
pub(super) struct Pair {
    dir: tempfile::TempDir,
    /// `None` only between closing and opening: the directory stays locked until the last handle is gone.
    store: Option<Arc<Sqlite>>,
    pub(super) memory: Memory,
    seq: u64,
    /// Whether a row was superseded by another.
    merged: bool,
}

impl Pair {
    pub(super) async fn new() -> Pair {
        let dir = tempfile::tempdir().unwrap();
        let store = Some(open(&dir).await);
        Pair { dir, store, memory: Memory::new(NOW), seq: 0, merged: false }
    }

    pub(super) fn store(&self) -> &Sqlite {
        self.store.as_deref().expect("open")
    }

    pub(super) async fn close(&mut self) {
        if let Some(store) = self.store.take() {
            store.close().await;
        }
    }

    pub(super) async fn accept(&mut self, batch: Vec<Span>) {
        let mut numbered = batch.clone();
        for span in &mut numbered {
            self.seq += 1;
            span.envelope.seq = self.seq;
        }
        let pushed = self.memory.accept(numbered);
        let stored = pushed.iter().filter(|pushed| **pushed == Pushed::Stored).count() as u64;
        self.merged |= pushed.contains(&Pushed::Merged) || self.memory.spans().iter().any(Span::is_adrift);
        let batch = Batch { spans: batch, ..Batch::default() };
        let accepted = self.store().accept("otlp_http", batch, Duration::from_secs(5)).await.unwrap();
        assert_eq!((accepted.stored, accepted.rejected), (stored, Vec::new()));
    }

    pub(super) async fn step(&mut self, step: Step) {
        match step {
            Step::Seal => self.store().settle().await,
            Step::Remove(dataset) => {
                let removed = self.store().remove_dataset(dataset).await.unwrap();
                assert_eq!(removed, self.memory.remove_dataset(dataset), "spans of {dataset}");
            }
            Step::Reopen => {
                self.close().await;
                self.store = Some(open(&self.dir).await);
            }
            Step::Abandon => {
                // What a killed process leaves behind: the files as they are now.
                let dir = tempfile::tempdir().unwrap();
                copy(self.dir.path(), dir.path());
                self.close().await;
                self.store = Some(open(&dir).await);
                self.dir = dir;
            }
        }
    }
}

async fn open(dir: &tempfile::TempDir) -> Arc<Sqlite> {
    Sqlite::open(StoreConfig { clock: Arc::new(|| NOW), ..StoreConfig::new(dir.path()) }).await.unwrap()
}

/// The files of a directory as they are at one moment: read again until nothing changed meanwhile. Times do not tell: they are
/// as coarse as the kernel's ticks, and the sealer writes whenever it likes.
pub(super) fn copy(from: &Path, to: &Path) {
    let files = || -> BTreeMap<OsString, Vec<u8>> {
        let entries = std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path());
        // SQLite makes shared memory anew. What goes between the listing and the reading shows in the next round.
        let wanted = entries.filter(|path| path.is_file() && !path.to_string_lossy().ends_with("-shm"));
        wanted.filter_map(|path| Some((path.file_name()?.to_owned(), std::fs::read(&path).ok()?))).collect()
    };
    let mut before = files();
    loop {
        let now = files();
        if now == before {
            now.into_iter().for_each(|(name, bytes)| std::fs::write(to.join(name), bytes).unwrap());
            return;
        }
        before = now;
    }
}

fn only_stats(text: &str) -> Stats {
    match parse(text).unwrap().pipeline.remove(0) {
        Command::Stats(stats) => stats,
        other => panic!("{other:?}"),
    }
}

/// All pages from the first on.
async fn pages(reader: &dyn Reader, ask: &Ask, search: &TraceSearch) -> Vec<Page<TraceRow>> {
    let mut search = search.clone();
    let mut pages = Vec::new();
    loop {
        let page = reader.traces(ask, &search).await.unwrap();
        search.cursor = page.next;
        pages.push(page);
        if search.cursor.is_none() {
            return pages;
        }
        assert!(pages.len() < 100, "the pages never end");
    }
}

macro_rules! same {
    ($found:expr, $expected:expr, $($context:tt)+) => {
        let (found, expected) = ($found, $expected);
        prop_assert!(found == expected, "{}\nfound    {:?}\nexpected {:?}", format_args!($($context)+), found, expected);
    };
}

async fn ask(pair: &Pair, question: &Question) -> Result<(), TestCaseError> {
    let (store, memory): (&dyn Reader, &dyn Reader) = (pair.store(), &pair.memory);
    let as_of = question.back.map(|back| pair.seq.saturating_sub(back));
    let asked = Ask::now().as_of(as_of);
    let Question { query, range, order, limit, .. } = question.clone();
    let search = TraceSearch { query: query.clone(), range, order, limit, cursor: None, once: false };
    let (found, expected) = (pages(store, &asked, &search).await, pages(memory, &asked, &search).await);
    // The newest `seq` may have been a duplicate's, or a removed span's, of which the reference knows nothing.
    let rows = |pages: &[Page<TraceRow>]| pages.iter().map(|page| (page.rows.clone(), page.complete)).collect::<Vec<_>>();
    same!(rows(&found), rows(&expected), "pages of {} as of {:?} in {:?}", query, as_of, range);
    let (found, expected) = (store.count(&asked, &search, question.buckets).await, memory.count(&asked, &search, question.buckets).await);
    same!(found, expected, "count of {} as of {:?} in {:?}", query, as_of, range);
    let spans = SpanSearch { query: query.clone(), range };
    let stats = only_stats(&question.stats);
    let (found, expected) = (store.stats(&asked, &spans, &stats).await.unwrap(), memory.stats(&asked, &spans, &stats).await.unwrap());
    prop_assert!(same_table(&found, &expected), "{} | {}\nfound    {:?}\nexpected {:?}", query, question.stats, found, expected);
    let (found, expected) = (store.spans(&asked, &spans, limit as usize).await, memory.spans(&asked, &spans, limit as usize).await);
    // As text: a NaN is equal to itself there.
    same!(format!("{found:?}"), format!("{expected:?}"), "spans of {} as of {:?} in {:?}", query, as_of, range);
    let keys: Vec<_> = question.keys.iter().map(|text| (text.clone(), parse_key(text))).collect();
    let found = store.facets(&asked, &spans, &keys, limit).await.unwrap();
    for (found, expected) in found.iter().zip(memory.facets(&asked, &spans, &keys, limit).await.unwrap()) {
        prop_assert!(same_facet(found, &expected), "facet of {}\nfound    {:?}\nexpected {:?}", query, found, expected);
    }
    Ok(())
}

/// Each trace whole, and what is known of all of them.
async fn ask_of_traces(pair: &Pair, removed: bool) -> Result<(), TestCaseError> {
    let (store, memory): (&dyn Reader, &dyn Reader) = (pair.store(), &pair.memory);
    let now = Ask::now();
    for id in (1u8..8).map(|id| TraceId([id; 16])) {
        // As text: a NaN is equal to itself there.
        same!(format!("{:?}", store.trace(&now, id).await), format!("{:?}", memory.trace(&now, id).await), "trace {id}");
        same!(store.links_to(&now, id).await, memory.links_to(&now, id).await, "links to {id}");
    }
    let ids: Vec<TraceId> = (1u8..8).map(|id| TraceId([id; 16])).collect();
    same!(store.stored(&now, &ids).await, memory.stored(&now, &ids).await, "which traces are stored");
    // Both are read from the blocks' directories, where what was removed or superseded stays until they are folded.
    if !removed && !pair.merged {
        same!(store.keys(&now, Range::ALL, "", 1000).await, memory.keys(&now, Range::ALL, "", 1000).await, "keys");
        same!(store.services(&now, Range::ALL).await, memory.services(&now, Range::ALL).await, "services");
    }
    Ok(())
}

async fn play(rounds: Vec<Round>) -> Result<(), TestCaseError> {
    let mut pair = Pair::new().await;
    let mut removed = false;
    for (batches, step, questions) in rounds {
        for batch in batches {
            pair.accept(batch).await;
        }
        if let Some(step) = step {
            removed |= matches!(step, Step::Remove(_));
            pair.step(step).await;
        }
        for question in &questions {
            ask(&pair, question).await?;
        }
        ask_of_traces(&pair, removed).await?;
    }
    pair.close().await;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_the_reference(rounds in prop::collection::vec(round(), 1..5)) {
        assert_eq!(day_of(BASE) * DAY, BASE);
        now(play(rounds))?;
    }
}

/// One span of the random ones, always the same.
fn some_span() -> Span {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    loop {
        let spans = worlds::spans(BASE, 3).new_tree(&mut runner).unwrap().current();
        if let Some(span) = spans.into_iter().find(|span| !span.envelope.to_self) {
            return span;
        }
    }
}

/// A duplicate at the end of a commit kept the sealed spans in the tail too: every one was seen twice.
#[test]
fn a_commit_that_ends_with_a_duplicate_is_sealed_whole() {
    let batch = vec![some_span(), some_span()];
    now(play(vec![(vec![batch], Some(Step::Seal), Vec::new())])).unwrap();
}

/// A trace of which only a hidden span had arrived by `as_of` was listed, as having no matching span.
#[test]
fn what_is_not_hidden_arrived_later() {
    let hidden = Span { envelope: Envelope { to_self: true, ..some_span().envelope }, ..some_span() };
    let later = Span { span_id: SpanId([9; 8]), ..some_span() };
    let question = Question {
        query: Query::default(),
        range: Range::ALL,
        order: Order::NEWEST,
        limit: 2,
        back: Some(1),
        buckets: 2,
        stats: "stats count(*)".into(),
        keys: Vec::new(),
    };
    for step in [None, Some(Step::Seal)] {
        now(play(vec![(vec![vec![hidden.clone(), later.clone()]], step, vec![question.clone()])])).unwrap();
    }
}
