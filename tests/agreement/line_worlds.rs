//! Random lines, and random queries over them. Words and values come from small pools, so that queries find something.

use model::id::{SpanId, TraceId};
use model::log::{How, Line, Origin, Severity, TraceLink};
use model::query::parse_logs;
use model::time::{DAY, Nanos};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use server::ingest::lines::trace_of;
use std::sync::Arc;

pub const GROUPS: [&str; 4] = ["/app/web", "/app/pay", "café", "g"];
pub const STREAMS: [&str; 3] = ["web-1/app/root/17", "s", "01"];
const TRACE: &str = "5759e988bd862e3fe1be46a994272793";
/// How a word, a number and an object look in lines.
const WORDS: [&str; 10] = ["timeout", "Timeout", "GET", "/api/messages", "user=ada", "größe", "[worker]", "12.5", "404", "a|b"];

fn json(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        select(vec!["1", "404", "12.5", "-3", "true", "null", "\"404\"", "\"timeout\"", "\"Größe 12\"", "\"\"", "[]", "{}"])
            .prop_map(str::to_owned),
        vec(select(vec!["1", "\"GET\"", "{\"id\":7}"]), 1..3).prop_map(|items| format!("[{}]", items.join(","))),
    ];
    if depth == 0 { leaf.boxed() } else { prop_oneof![3 => leaf, 1 => object(depth - 1)].boxed() }
}

fn object(depth: u32) -> BoxedStrategy<String> {
    let keys = vec!["status", "msg", "user", "name", "id", "http.method", "level", "a b", "kind"];
    let entry = (prop::sample::subsequence(keys, 1..4), vec(json(depth), 3));
    let text = |(keys, values): (Vec<&str>, Vec<String>)| {
        let entries: Vec<String> = keys.iter().zip(values).map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", entries.join(","))
    };
    entry.prop_map(text).boxed()
}

fn message() -> impl Strategy<Value = String> {
    let words = vec(select(&WORDS[..]), 1..5).prop_map(|words| words.join(" "));
    prop_oneof![
        5 => words.clone(),
        4 => object(2),
        1 => words.prop_map(|words| format!("{words} trace_id={TRACE}")),
        1 => select(vec!["", " ", "line\nTraceback\n  at x", "{not json", "\u{1b}[31mred\u{1b}[0m GET"]).prop_map(str::to_owned),
        1 => (0u32..40).prop_map(|n| format!("took {n} ms for user u{n}")),
    ]
}

fn origin() -> impl Strategy<Value = Arc<Origin>> {
    let known = select(vec!["", "shop", "timeout"]);
    (select(&GROUPS[..]), select(&STREAMS[..]), known.clone(), known, prop::bool::weighted(0.3)).prop_map(
        |(group, stream, service, logger, otlp)| {
            Arc::new(Origin {
                group: group.into(),
                stream: stream.into(),
                service: service.into(),
                environment: if otlp { "prod".into() } else { "".into() },
                host: "h1".into(),
                logger: logger.into(),
                resource: if otlp { r#"{"team":"blue","status":7}"#.into() } else { "".into() },
                source: if otlp { "otlp_http".into() } else { "cloudwatch_logs".into() },
                key: "".into(),
            })
        },
    )
}

prop_compose! {
    /// A line of the two days after `base`, its `seq` not set.
    fn line(base: Nanos)(
        (day, offset) in (0i64..2, prop_oneof![0i64..3, (0i64..24).prop_map(|hour| hour * 3_600_000_000_000), Just(DAY - 1)]),
        received in 0i64..3,
        origin in origin(),
        (severity, sent) in (select(vec![0u8, 1, 5, 9, 9, 10, 13, 17, 17, 21]), select(vec![9u8, 0])),
        message in message(),
        attributes in prop_oneof![3 => Just(String::new()), 1 => object(1)],
        link in prop::option::weighted(0.2, (1u8..3, prop::option::of(1u8..3))),
    ) -> Line {
        let link = link.map(|(trace, span)| TraceLink {
            trace_id: TraceId([trace; 16]),
            span_id: span.map(|span| SpanId([span; 8])),
            how: How::Protocol,
        });
        Line {
            seq: 0,
            time: base + day * DAY + offset,
            received_at: base + 2 * DAY + received,
            origin,
            severity: Severity(severity),
            severity_sent: Severity(sent),
            trace: link.or_else(|| trace_of(&message)),
            message,
            attributes,
        }
    }
}

/// The lines of one request.
pub fn lines(base: Nanos, most: usize) -> impl Strategy<Value = Vec<Line>> {
    vec(line(base), 1..=most)
}

/// One test of a search box.
fn term() -> impl Strategy<Value = String> {
    let words = vec![
        "timeout",
        "TIMEOUT",
        "get",
        "\"api messages\"",
        "api/messages",
        "größe",
        "GRÖSSE",
        "time*",
        "*out*",
        "*essag*",
        "404",
        "12.5",
        "worker",
        "shop",
        "root",
        "web",
        "\"user=ada\"",
        "ada",
        "traceback",
        "blue",
        "5759e988bd862e3fe1be46a994272793",
        "01010101010101010101010101010101",
        "0202020202020202",
        "nowhere",
        "blue",
        "\"a|b\"",
        "u7",
        "*",
    ];
    let keys = vec![
        "status",
        "msg",
        "user",
        "user.name",
        "user.id",
        "name",
        "http.method",
        "http.request.method",
        "service",
        "logger",
        "stream",
        "group",
        "host",
        "environment",
        "source",
        "team",
        "trace_id",
        "span_id",
        "message",
        "@message",
        "user.0",
        "\"a b\"",
        "\"kind\"",
        "msg.0.id",
    ];
    let values = vec![
        "404",
        "\"404\"",
        "12.5",
        "1",
        "1000",
        "true",
        "null",
        "timeout",
        "GET",
        "error",
        "warn",
        "info",
        "none",
        "shop",
        "g",
        "/app/web",
        "01",
        "s",
        "h1",
        "prod",
        "blue",
        "*",
        "time*",
        "*e*",
        "/time/",
        "/^g/i",
        "/[0-9]{3}/",
        "/größe|timeout/",
        ">10",
        ">=404",
        "<13",
        "<=1",
        "1..500",
        "-3",
        ">info",
        ">=error",
        "<warn",
        "\"Größe 12\"",
        "otlp_http",
        "7",
        "[]",
        "{}",
        "\"\"",
        "01010101010101010101010101010101",
        "0101010101010101",
    ];
    prop_oneof![
        3 => select(words).prop_map(str::to_owned),
        4 => (select(keys), select(values)).prop_map(|(key, value)| format!("{key}:{value}")),
        1 => select(vec!["level:error", "level:none", "level:>=warn", "level:<info", "level:warn..error", "level:*"])
            .prop_map(str::to_owned),
    ]
}

fn filter() -> impl Strategy<Value = String> {
    term().prop_recursive(3, 6, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| format!("-({inner})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a} {b})")),
        ]
    })
}

/// One command of a pipeline.
fn command() -> impl Strategy<Value = String> {
    select(vec![
        "fields @timestamp, @message, status, user.name as n",
        "fields @timestamp, level, @logStream, @log, service, trace_id, @ptr",
        "fields strlen(@message) as long, upper(msg) as loud",
        "display @message",
        "filter @message like /time/",
        "filter @message like \"GET\" or status >= 404",
        "filter level = 'error' or level in ['warn', 'info']",
        "filter not ispresent(status)",
        "filter msg =~ /(?i)TIME/ and status != 404",
        "filter group = \"g\" or @logStream like \"web\"",
        "filter status in [404, 12.5, \"timeout\"]",
        "parse @message \"* *\" as first, rest",
        "parse @message /(?<verb>GET|timeout) (?<next>\\S+)/",
        "stats count(*) as n by level",
        "stats count(*), sum(status), avg(status), max(@timestamp), min(status) by bin(1h)",
        "stats count(status), count_distinct(msg) as d, pct(status, 50) by @logStream, service",
        "stats earliest(@message), latest(@message) by group",
        "sort @timestamp desc",
        "sort @timestamp asc",
        "sort status desc, @timestamp",
        "limit 3",
        "head 1",
        "tail 2",
        "dedup level",
        "dedup msg, status",
    ])
    .prop_map(str::to_owned)
}

/// A query: a search, a pipeline, or both.
pub fn query() -> impl Strategy<Value = String> {
    let searched = prop_oneof![1 => Just(String::new()), 4 => filter()];
    (searched, vec(command(), 0..4))
        .prop_map(|(searched, commands)| {
            let parts = (!searched.is_empty()).then_some(searched).into_iter().chain(commands);
            parts.collect::<Vec<_>>().join(" | ")
        })
        .prop_filter("some values are none of their field's", |query| parse_logs(query).is_ok())
}

/// A filter pattern of CloudWatch's.
pub fn filter_pattern() -> impl Strategy<Value = String> {
    select(vec![
        "timeout",
        "GET -timeout",
        "?timeout ?404",
        "\"user=ada\"",
        "%time[a-z]+%",
        "{ $.status = 404 }",
        "{ $.user.name = \"timeout\" || $.status > 10 }",
        "{ $.msg = * }",
        "[first, second = 404, ...]",
        "[verb = GET, ...]",
    ])
    .prop_map(str::to_owned)
}

pub fn facet_key() -> impl Strategy<Value = String> {
    select(vec!["group", "stream", "level", "service", "logger", "source", "status", "msg", "user.name", "trace_id", "team", "severity"])
        .prop_map(str::to_owned)
}
