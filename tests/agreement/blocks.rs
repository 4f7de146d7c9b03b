//! The block engine alone, without disk: any spans in any blocks, any question.

use super::{now, same_facet, same_table, worlds};
use crate::reference::Memory;
use model::id::{SpanId, TraceId};
use model::port::{Ask, Reader, SpanSearch};
use model::query::ast::{Command, Query, Stats};
use model::query::{parse, parse_key};
use model::span::Span;
use model::time::{DAY, Range};
use model::trace::Summary;
use proptest::prelude::*;
use server::store::block::facet::FacetCounts;
use server::store::block::plan::{Rows, hits};
use server::store::block::stats::StatsGroups;
use server::store::block::{Bitmap, Columns, Encoded, Meta, Plan, encode, spans};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Nanoseconds since the epoch; any moment will do.
const BASE: i64 = 1_700_000_000_000_000_000;

/// Only the columns asked for, as a store would read them.
fn only(encoded: &Encoded, numbers: &[u16]) -> Columns {
    let mut columns = Columns::default();
    encoded
        .columns
        .iter()
        .filter(|(number, _)| numbers.contains(number))
        .for_each(|(number, framed)| columns.insert(number, framed.to_vec()));
    columns
}

/// The rows of a block that match, ruled out early or looked at.
fn selected(plan: &Plan, block: &Encoded, rows: &Rows, summaries: &HashMap<TraceId, Summary>) -> Bitmap {
    let none = Bitmap::none(block.meta.spans as usize);
    if !plan.may_match(&block.meta) {
        return none;
    }
    let bloom = block.columns.get(server::store::block::number::BLOOM).filter(|_| plan.uses_bloom());
    if bloom.is_some_and(|bloom| !plan.may_match_bloom(bloom).unwrap()) {
        return none;
    }
    let columns = only(block, &plan.columns(&block.meta, rows));
    plan.select(&block.meta, &columns, rows, Some(summaries)).unwrap()
}

fn block(meta: &Meta) -> String {
    format!("{} spans, {:?}", meta.spans, meta.services)
}

struct World {
    memory: Memory,
    summaries: HashMap<TraceId, Summary>,
    blocks: Vec<Encoded>,
}

/// The spans in blocks of `size`, numbered as they come.
fn world(arriving: Vec<Span>, size: usize) -> World {
    let mut memory = Memory::default();
    for (seq, mut span) in (1..).zip(arriving) {
        span.envelope.seq = seq;
        memory.push(span);
    }
    let encoded = |spans: &[Span]| {
        let encoded = encode(spans, &[]);
        Encoded { meta: Meta::from_bytes(&encoded.meta.to_bytes()).unwrap(), ..encoded }
    };
    let blocks = memory.spans().chunks(size).map(encoded).collect();
    World { summaries: memory.summaries(), blocks, memory }
}

fn only_stats(text: &str) -> Stats {
    match parse(text).unwrap().pipeline.remove(0) {
        Command::Stats(stats) => stats,
        other => panic!("{other:?}"),
    }
}

fn check_select(world: &World, query: &Query, as_of: Option<u64>, range: Range) -> Result<(), TestCaseError> {
    let ask = Ask::now().as_of(as_of);
    let search = SpanSearch { query: query.clone(), range };
    let mut expected: BTreeMap<TraceId, Vec<(i64, SpanId)>> = BTreeMap::new();
    for span in world.memory.in_range(&ask, &search).unwrap() {
        expected.entry(span.trace_id).or_default().push((span.start, span.span_id));
    }
    let plan = Plan::new(query).unwrap();
    let rows = Rows { dead: None, as_of, range };
    let mut found: BTreeMap<TraceId, Vec<(i64, SpanId)>> = BTreeMap::new();
    for encoded in &world.blocks {
        let chosen = selected(&plan, encoded, &rows, &world.summaries);
        for span in spans(&encoded.meta, &encoded.columns, Some(&chosen)).unwrap() {
            found.entry(span.trace_id).or_default().push((span.start, span.span_id));
        }
        let hits = hits(&encoded.meta, &only(encoded, &Plan::hit_columns()), &chosen).unwrap();
        prop_assert_eq!(hits.iter().map(|hit| hit.matched).sum::<u32>(), chosen.iter().count() as u32, "{}", block(&encoded.meta));
    }
    found.values_mut().chain(expected.values_mut()).for_each(|spans| spans.sort());
    prop_assert_eq!(found, expected, "{}", query);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn blocks_find_what_the_reference_finds(
        arriving in worlds::spans(BASE, 24),
        size in 1usize..30,
        queries in prop::collection::vec(worlds::query(BASE), 1..8),
        as_of in prop::option::of(0u64..26),
        days in (0i64..2, 1i64..3),
    ) {
        let world = world(arriving, size);
        let range = if days.1 == 2 { Range::ALL } else { Range { start: BASE + days.0 * DAY, end: BASE + days.0 * DAY + 10_000_000_000 } };
        for query in &queries {
            check_select(&world, query, as_of, range)?;
        }
    }

    #[test]
    fn blocks_count_as_the_reference_counts(
        arriving in worlds::spans(BASE, 24),
        size in 1usize..30,
        query in prop_oneof![Just(Query::default()), worlds::query(BASE)],
        texts in prop::collection::vec(worlds::stats(), 1..4),
        keys in prop::collection::vec(worlds::key(), 1..4),
        limit in 0u32..6,
    ) {
        let world = world(arriving, size);
        let search = SpanSearch { query: query.clone(), range: Range::ALL };
        let rows = Rows { dead: None, as_of: None, range: Range::ALL };
        let plan = Plan::new(&query).unwrap();
        let chosen: Vec<Bitmap> = world.blocks.iter().map(|block| selected(&plan, block, &rows, &world.summaries)).collect();
        for text in texts {
            let stats = only_stats(&text);
            let expected = now(world.memory.stats(&Ask::now(), &search, &stats)).unwrap();
            // As by two threads.
            let mut halves = [StatsGroups::new(&stats, Arc::default()), StatsGroups::new(&stats, Arc::default())];
            for (n, (block, rows)) in world.blocks.iter().zip(&chosen).enumerate() {
                let columns = only(block, &halves[n % 2].columns(&block.meta));
                halves[n % 2].add(&block.meta, &columns, rows).unwrap();
            }
            let [mut all, other] = halves;
            all.merge(other);
            let found = all.finish(true);
            prop_assert!(same_table(&found, &expected), "{} | {}\nfound    {:?}\nexpected {:?}", query, text, found, expected);
        }
        let keys: Vec<_> = keys.into_iter().map(|text| (text.clone(), parse_key(&text))).collect();
        let expected = now(world.memory.facets(&Ask::now(), &search, &keys, limit)).unwrap();
        for ((text, key), expected) in keys.into_iter().zip(expected) {
            let mut halves = [FacetCounts::new(text.clone(), key.clone(), Arc::default()), FacetCounts::new(text, key, Arc::default())];
            for (n, (block, rows)) in world.blocks.iter().zip(&chosen).enumerate() {
                let columns = only(block, &halves[n % 2].columns(&block.meta));
                halves[n % 2].add(&block.meta, &columns, rows).unwrap();
            }
            let [mut all, other] = halves;
            all.merge(other);
            let found = all.finish(limit, true);
            prop_assert!(same_facet(&found, &expected), "{}\nfound    {:?}\nexpected {:?}", query, found, expected);
        }
    }
}
