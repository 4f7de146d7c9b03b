//! Executes `tests/insights.md`: what each query finds among the lines there.

use crate::store::insights::{Patterns, Pipeline};
use crate::store::logs::matching;
use crate::store::logs::test::line_ref;
use model::log::{How, Level, Line, Origin, TraceLink};
use model::port::{Cell, LogCursor, Problem, Table};
use model::query::insights::LogQuery;
use model::query::parse_logs;
use model::time::{Nanos, Range, parse_moment};
use proptest::prelude::*;
use std::sync::Arc;

const EXAMPLES: &str = include_str!("../../../../tests/insights.md");

fn moment(clock: &str) -> Nanos {
    parse_moment(&format!("2026-11-22T{clock}Z")).unwrap()
}

/// The lines at the head of the file by their names, oldest first.
fn lines() -> Vec<(String, Line)> {
    let objects = EXAMPLES.lines().filter(|line| line.starts_with("{\"id\"")).map(|line| serde_json::from_str(line).unwrap());
    let line = |(n, object): (usize, serde_json::Value)| {
        let text = |key: &str| object[key].as_str().unwrap_or_default();
        let json = |key: &str| object.get(key).map(ToString::to_string).unwrap_or_default();
        let severity = Level::from_name(text("level")).unwrap().severity();
        let trace =
            text("trace_id").parse().ok().map(|trace_id| TraceLink { trace_id, span_id: text("span_id").parse().ok(), how: How::Protocol });
        let line = Line {
            seq: n as u64 + 1,
            time: moment(text("time")),
            received_at: moment(text("time")) + 500_000_000,
            origin: Arc::new(Origin {
                group: text("group").into(),
                stream: text("stream").into(),
                service: text("service").into(),
                environment: text("environment").into(),
                host: text("host").into(),
                logger: text("logger").into(),
                resource: json("resource").into(),
                source: object.get("source").map_or("cloudwatch_logs", |source| source.as_str().unwrap()).into(),
                key: "".into(),
            }),
            severity,
            severity_sent: severity,
            message: text("message").into(),
            attributes: json("attributes"),
            trace,
        };
        (text("id").to_owned(), line)
    };
    objects.enumerate().map(line).collect()
}

/// Texts are alike if they differ in digits only.
#[derive(Default)]
struct Digits(Vec<String>);

impl Patterns for Digits {
    fn assign(&mut self, text: &str) -> u32 {
        let parts: Vec<&str> = text.split(|c: char| c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
        let template = parts.join("<*>");
        let known = self.0.iter().position(|known| *known == template);
        known.unwrap_or_else(|| {
            self.0.push(template);
            self.0.len() - 1
        }) as u32
    }

    fn template(&self, pattern: u32) -> String {
        self.0[pattern as usize].clone()
    }
}

fn table(query: &LogQuery, lines: &[(String, Line)]) -> (Table, Vec<LogCursor>) {
    let now = moment("15:10:00");
    let range = Range { start: moment("00:00:00"), end: moment("23:59:59") };
    let test = matching::compile(query, now).unwrap();
    let mut pipeline = Pipeline::with_patterns(query, now, range, || Box::new(Digits::default())).unwrap();
    for (_, line) in lines.iter().rev() {
        let link = || line.trace;
        let line = line_ref(line, &link);
        if pipeline.wants_more() && test.test(&line) {
            pipeline.push(&line);
        }
    }
    pipeline.finish()
}

/// What a query finds, as the file writes it: names of lines, or a text for each row of a table.
pub fn found(query: &LogQuery) -> Vec<String> {
    let lines = lines();
    let (table, at) = table(query, &lines);
    if !query.is_pipeline() {
        let names = at.iter().map(|at| lines[at.seq as usize - 1].0.as_str());
        return vec![names.collect::<Vec<_>>().join(" ")];
    }
    let cell = |(column, cell): (&String, &Cell)| match cell {
        Cell::Null => format!("{column}=null"),
        Cell::Number(number) => format!("{column}={number}"),
        Cell::Text(text) => format!("{column}={}", text.replace('\n', "\\n").replace('\t', "\\t")),
    };
    let rows = table.rows.iter().map(|row| table.columns.iter().zip(row).map(cell).collect::<Vec<_>>().join(" "));
    let rows: Vec<String> = rows.collect();
    if rows.is_empty() { vec![String::new()] } else { rows }
}

#[test]
fn the_examples_find_what_they_say() {
    let mut examples: Vec<(String, Vec<&str>)> = Vec::new();
    for line in EXAMPLES.lines().filter_map(|line| line.strip_prefix("    ")) {
        match line.split_at_checked(2) {
            Some(("> ", query)) => examples.push((query.into(), Vec::new())),
            Some((". ", more)) => {
                let (query, _) = examples.last_mut().unwrap();
                *query = format!("{query}\n{more}");
            }
            Some((": ", rows)) => examples.last_mut().unwrap().1.push(rows),
            _ => (),
        }
    }
    examples.retain(|(_, rows)| !rows.is_empty());
    assert!(examples.len() >= 150, "{}", examples.len());
    let mut wrong = Vec::new();
    for (text, expected) in examples {
        let rows = found(&parse_logs(&text).unwrap());
        if rows != expected {
            wrong.push(format!("{text}\n  found    {rows:#?}\n  expected {expected:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The result of a query over lines with these messages, newest last.
fn of_messages(text: &str, messages: impl Iterator<Item = String>) -> ((Table, Vec<LogCursor>), usize) {
    let query = parse_logs(text).unwrap();
    let mut pipeline = Pipeline::compile(&query, 0, Range::ALL).unwrap();
    let (_, mut line) = lines().remove(0);
    let mut pushed = 0;
    for (n, message) in messages.enumerate() {
        (line.message, line.time, line.seq) = (message, -(n as i64), n as u64);
        if !pipeline.wants_more() {
            break;
        }
        pipeline.push(&line_ref(&line, &|| None));
        pushed += 1;
    }
    (pipeline.finish(), pushed)
}

#[test]
fn a_limit_ends_the_reading() {
    let messages = || (0..).map(|n| n.to_string());
    for (query, pushed) in [
        ("limit 3", 3),
        ("fields @message | sort @timestamp desc | limit 3", 3),
        ("filter @message > 9 | limit 3", 3),
        ("fields @message > 9 as big | filter big | limit 3", 13),
        ("fields @message % 5 as m | dedup m | limit 5 | stats count(*)", 5),
        ("fields @message", 10_000),
    ] {
        let found = of_messages(query, messages());
        assert_eq!(found.1, pushed, "{query}");
    }
    assert_eq!(of_messages("stats count(*)", messages().take(20_000)).1, 20_000);
}

#[test]
fn memory_is_bounded_and_that_is_said() {
    let messages = |count: usize| (0..count).map(|n| format!("m{n}"));
    let ((table, _), _) = of_messages("stats count(*) as n by @message | stats sum(n)", messages(super::GROUPS));
    assert!(table.exact);
    let ((table, _), _) = of_messages("stats count(*) as n by @message | stats sum(n) as all, max(n)", messages(super::GROUPS + 5));
    assert!(!table.exact);
    assert_eq!(table.rows, [[Cell::Number(super::GROUPS as f64), Cell::Number(1.0)]]);
    let ((table, _), _) = of_messages("sort @message | limit 2 | fields @message", messages(150_000));
    assert!(table.exact);
    assert_eq!(table.rows, [[Cell::Text("m0".into())], [Cell::Text("m1".into())]], "in natural order");
    let ((table, _), _) = of_messages("sort @message | filter @message != 'm0' | limit 1", messages(150_000));
    assert!(!table.exact);
}

#[test]
fn rows_that_sort_the_same_stay_newest_first() {
    let ((_, lines), _) =
        of_messages("fields @message % 3 as m | sort m desc | display m, @ptr | limit 4", (0..9_000).map(|n| n.to_string()));
    let seqs: Vec<u64> = lines.iter().map(|at| at.seq).collect();
    assert_eq!(seqs, [2, 5, 8, 11]);
}

#[test]
fn the_store_learns_what_is_read() {
    let reads = |text: &str| {
        let pipeline = Pipeline::compile(&parse_logs(text).unwrap(), 0, Range::ALL).unwrap();
        let reads = pipeline.reads();
        [reads.message, reads.attributes, reads.trace, reads.pattern]
    };
    assert_eq!(reads("stats count(*) by level, bin(5m), group"), [false; 4]);
    assert_eq!(reads("stats count(*) by status"), [true, true, false, false]);
    assert_eq!(reads("stats count(*) by trace_id, pattern"), [false, false, true, true]);
    assert_eq!(reads("limit 2"), [true, false, false, false]);
}

#[test]
fn a_regex_that_does_not_compile_is_the_readers_mistake() {
    for text in ["filter @message like /(/", "fields a | filter b like /a{9999}{9999}/", "parse @message /(?<a>[/"] {
        let query = parse_logs(text).unwrap();
        let matching = matching::compile(&query, 0).err();
        let pipeline = Pipeline::compile(&query, 0, Range::ALL).err();
        assert!(matches!(matching.or(pipeline), Some(Problem::Bad { .. })), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Any pipeline gets a table as wide as its columns, with a line for each row that is one.
    #[test]
    fn any_pipeline_gets_a_table(commands in prop::collection::vec(prop::sample::select(vec![
        "fields a, status, level as l", "fields status + 1 as a", "fields concat(user.name, a) as a", "fields jsonParse(@message) as j, j.user.name as u",
        "filter level = 'ERROR' or l = 'INFO'", "filter a > 1", "stats count(*) as n by level", "stats max(a), count(*) by bin(5m), a",
        "stats sum(n) as n, pct(n, 50) by l", "sort a desc, n", "sort @timestamp", "sort @timestamp desc", "sort bin(5m)", "limit 3", "tail 2",
        "parse @message '*=* ' as a, b", "parse a /(?<a>.)/", "dedup a", "dedup level, a", "display a, n", "display level", "pattern @message",
        "pattern a", "stats latest(@message), earliest(a), count_distinct(b) by user", "fields @ptr, n * 2 as n, @ratio",
    ]), 0..6)) {
        let query = parse_logs(&format!("| {}", commands.join(" | ")).replace("| |", "|")).ok();
        let query = query.or_else(|| parse_logs("").ok()).unwrap();
        let lines = lines();
        let (table, at) = table(&query, &lines);
        prop_assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
        prop_assert_eq!(at.len(), if query.is_aggregate() { 0 } else { table.rows.len() });
        prop_assert!(table.exact);
    }
}
