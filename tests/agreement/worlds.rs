//! Random spans and random questions. Names, values and ids come from small pools, so that questions find something and spans
//! come twice.

use model::attr::{Attributes, Value};
use model::id::{SpanId, TraceId};
use model::query::ast::Query;
use model::query::parse;
use model::span::{Dropped, Envelope, Event, Kind, Link, Origin, Span, Status, UNKNOWN_SERVICE};
use model::time::{DAY, Nanos};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::sync::Arc;

pub const SERVICES: [&str; 4] = ["web", "db", "café", "web shop"];
const NAMES: [&str; 6] = ["GET /api/x", "GET /api/y", "SELECT café", "hash", "", "Großer Ärger"];
/// Old and new names of one attribute, names like fields, and names that need quotes.
const KEYS: [&str; 10] = [
    "a",
    "b",
    "http.method",
    "http.request.method",
    "http.route",
    "name",
    "a key: \"x\"",
    "deployment.environment",
    "deployment.environment.name",
    "service.name",
];
const TEXTS: [&str; 9] = ["GET", "get it", "/api/x", "5", "café au lait", "", "x\"y\\z", "true", "[\"GET\",5]"];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => prop::sample::select(&TEXTS[..]).prop_map(|text| Value::Str(text.into())),
        3 => (-2i64..9).prop_map(Value::Int),
        1 => prop::sample::select(vec![i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1]).prop_map(Value::Int),
        2 => (-3i32..12).prop_map(|n| Value::Float(f64::from(n) / 2.0)),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300, 1e19]).prop_map(Value::Float),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Bytes(vec![5, 255])),
        1 => Just(Value::Empty),
    ];
    leaf.prop_recursive(2, 4, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::List),
            btree_map(prop::sample::select(vec!["x".to_owned(), "y".to_owned()]), inner, 0..2)
                .prop_map(|map| Value::Map(map.into_iter().collect())),
        ]
    })
}

fn attributes(most: usize) -> impl Strategy<Value = Attributes> {
    btree_map(prop::sample::select(KEYS.map(str::to_owned).to_vec()), value(), 0..=most).prop_map(|map| map.into_iter().collect())
}

fn origin() -> impl Strategy<Value = Arc<Origin>> {
    (prop::sample::select(&SERVICES[..]), attributes(2), attributes(1)).prop_map(|(service, resource, scope_attributes)| {
        Arc::new(Origin { service: service.into(), resource, scope_name: "flask".into(), scope_version: String::new(), scope_attributes })
    })
}

prop_compose! {
    /// A span that starts within the two days after `base`. Its `seq` is not set.
    fn span(base: Nanos)(
        (trace, id, parent) in (1u8..7, 1u8..12, 0u8..12),
        (day, offset, duration_ns) in (0i64..2, prop_oneof![0i64..5, 0i64..20_000_000_000, Just(DAY - 1)], prop_oneof![0i64..4, 0i64..3_000_000_000]),
        (name, message) in (prop::sample::select(&NAMES[..]), prop::sample::select(vec!["", "", "oh no"])),
        (kind, status, flags) in (0usize..6, 0usize..3, prop_oneof![Just(1u32), Just(0x301)]),
        (attributes, origin) in (attributes(4), origin()),
        events in vec((prop::sample::select(vec!["exception", "GET retry"]), attributes(2)), 0..3),
        links in vec((1u8..8, 1u8..12), 0..2),
        (weight, to_self) in (prop_oneof![3 => Just(1.0), 1 => Just(10.0), 1 => Just(2.5)], prop::bool::weighted(0.1)),
        (source, key, dataset) in (prop::sample::select(vec!["otlp_http", "otlp_grpc", "xray_udp"]), prop::sample::select(vec!["", "ci"]), prop::sample::select(vec!["", "demo", "café"])),
        (adrift, in_progress) in (prop::bool::weighted(0.3), prop::bool::weighted(0.3)),
    ) -> Span {
        let (mut attributes, mut origin) = (attributes, origin);
        if source == "xray_udp" {
            if in_progress {
                attributes.push(("aws.xray.in_progress".into(), Value::Bool(true)));
            }
            // A segment names its service.
            let name = Value::Str(origin.service.clone());
            origin = Arc::new(Origin { resource: vec![("service.name".into(), name)], ..(*origin).clone() });
            if adrift {
                origin = Arc::new(Origin { service: UNKNOWN_SERVICE.into(), ..Origin::default() });
            }
            attributes.sort_by(|a, b| a.0.cmp(&b.0));
        }
        Span {
            trace_id: TraceId([trace; 16]),
            span_id: SpanId([id; 8]),
            parent_id: SpanId([parent; 8]).valid(),
            trace_state: String::new(),
            flags,
            name: name.into(),
            kind: Kind::ALL[kind],
            start: base + day * DAY + offset,
            duration_ns,
            status: Status::ALL[status],
            status_message: message.into(),
            attributes,
            events: events.into_iter().map(|(name, attributes)| Event { time: base, name: name.into(), attributes, dropped_attributes: 0 }).collect(),
            links: links.into_iter().map(|(trace, id)| Link {
                trace_id: TraceId([trace; 16]), span_id: SpanId([id; 8]), trace_state: String::new(), attributes: Vec::new(), dropped_attributes: 0, flags: 1,
            }).collect(),
            dropped: Dropped::default(),
            origin,
            envelope: Envelope { seq: 0, received_at: base, source: source.into(), key: key.into(), dataset: dataset.into(), weight, to_self },
        }
    }
}

/// Up to `most` spans in the order they arrive, some of them more than once. NaN is no value of theirs where they come
/// twice: it is not equal to itself.
pub fn spans(base: Nanos, most: usize) -> impl Strategy<Value = Vec<Span>> {
    (vec(span(base), 0..most), vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..4)).prop_map(|(mut spans, again)| {
        for (which, to) in again {
            if !spans.is_empty() {
                let copy = spans[which.index(spans.len())].clone();
                spans.insert(to.index(spans.len() + 1), copy);
            }
        }
        spans
    })
}

/// A key as it is written.
pub fn key() -> impl Strategy<Value = String> {
    let any_scope = prop::sample::select(vec!["", "", "", "span.", "resource.", "scope.", "event."]);
    let attribute = (any_scope, prop::sample::select(&KEYS[..])).prop_map(|(scope, name)| {
        let name = format!("{scope}{name}");
        if name.contains(' ') { format!("\"{}\"", name.replace('"', "\\\"")) } else { name }
    });
    let fields = vec![
        "service",
        "name",
        "kind",
        "status",
        "status_message",
        "duration",
        "start",
        "source",
        "dataset",
        "key",
        "weight",
        "entry",
        "self",
        "events",
        "links",
        "trace_id",
        "span_id",
        "parent_id",
        "event.name",
    ];
    prop_oneof![3 => attribute, 2 => prop::sample::select(fields).prop_map(str::to_owned)]
}

fn term(base: Nanos) -> impl Strategy<Value = String> {
    let values = vec![
        "GET",
        "\"get it\"",
        "/api/x",
        "5",
        "5.0",
        "2.5",
        "-1",
        "café",
        "\"\"",
        "\"x\\\"y\\\\z\"",
        "true",
        "null",
        "*",
        "G*",
        "*",
        "*i*",
        "*x*y*",
        "/^get/i",
        "/a.*i/",
        "/^$/",
        ">0",
        ">=2",
        "<5",
        "<=2.5",
        ">1e18",
        ">2e19",
        "<-5",
        "1..5",
        "9007199254740993",
        "05ff",
        "NaN",
        "inf",
        "[]",
        "\"[\\\"GET\\\",5]\"",
        "web",
        "\"web shop\"",
        "demo",
        "ci",
        "1e300",
    ];
    let words = vec![
        "GET",
        "get",
        "api",
        "\"api x\"",
        "café",
        "CAFÉ",
        "ärger",
        "gro*",
        "*ser",
        "*a*",
        "\"au lait\"",
        "5",
        "true",
        "exception",
        "web",
        "shop",
        "no",
        "retry",
        "y",
        "lai*",
    ];
    let fields = prop_oneof![
        prop::sample::select(vec![
            "status:error",
            "status:ok",
            "kind:server",
            "kind:client",
            "entry:true",
            "self:true",
            "self:false",
            "duration:>1s",
            "duration:<2ns",
            "duration:0..3ns",
            "parent_id:*",
            "status_message:*",
            "status_message:\"oh no\"",
            "events:>0",
            "events:0",
            "links:1..2",
            "weight:10",
            "weight:>1",
            "trace.duration:>1h",
            "trace.spans:>2",
            "trace.spans:1",
            "trace.errors:0",
            "trace.errors:>1",
            "trace.service:db",
            "trace.root:GET*",
            "trace.root_service:café",
            "trace.source:otlp_grpc",
            "name:\"\"",
            "name:*",
            "source:otlp_http",
            "dataset:demo",
            "event.name:exception",
            "event.name:/try/",
        ])
        .prop_map(str::to_owned),
        (1u8..8).prop_map(|id| TraceId([id; 16]).to_string()),
        (1u8..12).prop_map(|id| SpanId([id; 8]).to_string()),
        (1u8..8).prop_map(|id| format!("trace_id:{}", TraceId([id; 16]))),
        (1u8..12).prop_map(|id| format!("parent_id:{}", SpanId([id; 8]))),
        (1u8..12).prop_map(|id| format!("span_id:0{}*", id)),
        (0i64..3).prop_map(move |day| format!("start:>={}", base + day * DAY)),
    ];
    let tests = (key(), prop::sample::select(values)).prop_map(|(key, value)| format!("{key}:{value}"));
    let term = prop_oneof![3 => tests, 3 => fields, 2 => prop::sample::select(words).prop_map(str::to_owned)];
    // Some keys have no such value (`status:GET`): that is the parser's business.
    term.prop_filter("a query", |text| parse(text).is_ok())
}

/// A query without pipeline.
pub fn query(base: Nanos) -> impl Strategy<Value = Query> {
    let filter = term(base).prop_recursive(3, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" "))),
            vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" OR "))),
            inner.prop_map(|inner| format!("-{inner}")),
        ]
    });
    prop_oneof![1 => Just(String::new()), 9 => filter].prop_map(|text| parse(&text).expect("made of queries"))
}

/// A `stats` command.
pub fn stats() -> impl Strategy<Value = String> {
    let measure = (0usize..10, key()).prop_map(|(which, key)| match which {
        0 => "count(*)".to_owned(),
        1 => "errors()".to_owned(),
        which => {
            let name = ["count", "count_distinct", "sum", "avg", "min", "max", "p50", "p95"][which - 2];
            format!("{name}({key})")
        }
    });
    let group = prop_oneof![4 => key(), 1 => prop::sample::select(vec!["bin(1s)", "bin(6h)", "bin(1ns)"]).prop_map(str::to_owned)];
    (vec(measure, 1..4), vec(group, 0..3)).prop_map(|(measures, groups)| {
        let bins = groups.iter().filter(|group| group.starts_with("bin(")).count();
        let groups: Vec<&String> = groups.iter().filter(|group| bins < 2 || !group.starts_with("bin(")).collect();
        let by = if groups.is_empty() {
            String::new()
        } else {
            format!(" by {}", groups.iter().map(|g| g.as_str()).collect::<Vec<_>>().join(", "))
        };
        format!("stats {}{by}", measures.join(", "))
    })
}
