//! What the demo must contain, since pages are looked at and tested with it.

use super::day::{Day, Plan};
use super::drawing::Made;
use super::{shop, wire};
use model::time::DAY;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use std::collections::{HashMap, HashSet};

const PLAN: Plan = Plan { seed: 42, now: 1_790_000_000_000_000_000, visits: 1_500 };

fn day() -> Vec<Vec<Made>> {
    Day::new(PLAN).collect()
}

#[test]
fn the_same_seed_gives_the_same_spans() {
    assert!(Day::new(PLAN).eq(Day::new(PLAN)));
    let other = Day::new(Plan { seed: 43, ..PLAN }).next();
    assert_ne!(Day::new(PLAN).next(), other);
    let later = Day::new(Plan { now: PLAN.now + 1, ..PLAN }).next();
    assert_ne!(Day::new(PLAN).next(), later, "another moment must give other ids");
}

#[test]
fn spans_are_well_formed() {
    let mut ids = HashSet::new();
    for Made { process, span, .. } in day().into_iter().flatten() {
        assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
        assert!(ids.insert((span.trace_id.clone(), span.span_id.clone())), "an id twice");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
        let start = span.start_time_unix_nano.cast_signed() - process.skew();
        assert!(PLAN.now - DAY <= start && span.end_time_unix_nano.cast_signed() <= PLAN.now, "{} is outside the day", span.name);
        let mut keys = HashSet::new();
        assert!(span.attributes.iter().all(|attribute| keys.insert(&attribute.key)), "{}: a key twice in {:?}", span.name, span.attributes);
    }
}

#[test]
fn the_day_has_every_special_shape() {
    let day = day();
    let spans: Vec<&Made> = day.iter().flatten().collect();
    let any = |what: &str, found: &dyn Fn(&Made) -> bool| assert!(spans.iter().any(|made| found(made)), "nothing is {what}");
    let has = |made: &Made, key: &str| made.span.attributes.iter().any(|attribute| attribute.key == key);
    let services: HashSet<_> = spans.iter().map(|made| made.process.service).collect();
    assert_eq!(services.len(), shop::PROFILES.len());
    any("a failure", &|made| made.span.status.as_ref().is_some_and(|status| status.code == 2));
    any("an exception with a stack", &|made| made.span.events.iter().any(|event| event.name == "exception"));
    any("a retry", &|made| has(made, "http.request.resend_count"));
    any("an old convention", &|made| has(made, "http.status_code") && has(made, "http.target"));
    any("a new convention", &|made| has(made, "http.response.status_code"));
    any("sampled", &|made| has(made, "SampleRate"));
    any("a producer", &|made| made.span.kind == SpanKind::Producer as i32);
    any("a consumer with links", &|made| made.span.kind == SpanKind::Consumer as i32 && made.span.links.len() > 1);
    any("skewed", &|made| made.process.skew() != 0);
    any("slow", &|made| made.span.end_time_unix_nano - made.span.start_time_unix_nano > 3_000_000_000);
    any("of the release that regressed", &|made| made.process.version == shop::BAD_CHECKOUT);
    assert_eq!(day.iter().map(Vec::len).max(), Some(super::import::SPANS));
}

#[test]
fn some_parents_are_missing() {
    let (mut no_root, mut hole) = (0, 0);
    for trace in day() {
        let ids: HashSet<&[u8]> = trace.iter().map(|made| &made.span.span_id[..]).collect();
        let orphans =
            trace.iter().filter(|made| !made.span.parent_span_id.is_empty() && !ids.contains(&made.span.parent_span_id[..])).count();
        let roots = trace.iter().filter(|made| made.span.parent_span_id.is_empty()).count();
        no_root += usize::from(roots == 0);
        hole += usize::from(roots > 0 && orphans > 0);
    }
    assert!(no_root > 20 && hole > 2, "{no_root} without a root, {hole} with a hole");
}

#[test]
fn the_wish_list_asks_once_per_wish() {
    let worst = day().into_iter().filter(|trace| trace.len() < 1_000).map(|trace| {
        let mut statements: HashMap<&str, usize> = HashMap::new();
        trace.iter().for_each(|made| *statements.entry(&made.span.name).or_default() += 1);
        statements.into_values().max().unwrap_or_default()
    });
    assert!(worst.max() > Some(80));
}

#[test]
fn requests_hold_every_span_once() {
    let total: usize = day().iter().map(Vec::len).sum();
    let sizes: Vec<usize> = wire::requests(Day::new(PLAN), 1_000).map(|request| wire::spans(&request)).collect();
    assert_eq!(sizes.iter().sum::<usize>(), total);
    assert!(sizes.iter().rev().skip(1).all(|&size| size == 1_000));
}

#[test]
fn everything_is_taken_by_the_translator() {
    use crate::ingest::otlp::{Format, translate};
    use crate::ingest::{Arrival, Signal};
    use prost::Message as _;
    let own = std::sync::Arc::default();
    let arrival = Arrival { received_at: PLAN.now, source: "otlp_http".into(), key: "".into(), dataset: super::DATASET.into(), own };
    for request in wire::requests(Day::new(PLAN), 1_000) {
        let (_, batch) = translate(&arrival, Some(Signal::Traces), Format::Protobuf, &request.encode_to_vec()).expect("a body");
        assert_eq!((batch.spans.len(), batch.rejected.len()), (wire::spans(&request), 0));
        assert!(batch.spans.iter().all(|span| &*span.envelope.dataset == super::DATASET));
    }
}
