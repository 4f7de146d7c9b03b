//! Executes `queries.md`: what each query finds among the spans described there.

use super::{Memory, Pushed};
use model::attr::Value;
use model::id::{SpanId, TraceId};
use model::port::{Ask, Cell, Order, Reader, SpanSearch, Table, TraceSearch};
use model::query::ast::{Command, Query};
use model::query::parse;
use model::span::{Dropped, Envelope, Event, Kind, Origin, Span, Status};
use model::time::{MINUTE, Range, parse_moment};
use std::sync::Arc;

const EXAMPLES: &str = include_str!("../queries.md");

/// The spans at the head of `queries.md`.
fn spans() -> Vec<Span> {
    let start = parse_moment("2026-11-22T15:00:00Z").unwrap();
    let text = |text: &str| Value::Str(text.into());
    let span = |id: u64, service: &str, name: &str, kind, status, millis: i64, attributes: &[(&str, Value)]| {
        let in_a = id < 0xb0;
        let resource = if in_a { vec![("deployment.environment".to_owned(), text("prod"))] } else { Vec::new() };
        let nth = (id & 0xf) as i64 - 1;
        let root = id & !0xf | 1;
        Span {
            trace_id: if in_a { "5759e988bd862e3fe1be46a994272793" } else { "0af7651916cd43dd8448eb211c80319c" }.parse().unwrap(),
            span_id: SpanId(id.to_be_bytes()),
            parent_id: (id != root).then_some(SpanId(root.to_be_bytes())),
            trace_state: String::new(),
            flags: 1,
            name: name.into(),
            kind,
            start: start + nth * 1_000_000 + if in_a { 0 } else { 7 * MINUTE },
            duration_ns: millis * 1_000_000,
            status,
            status_message: String::new(),
            attributes: attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
            events: Vec::new(),
            links: Vec::new(),
            dropped: Dropped::default(),
            origin: Arc::new(Origin { service: service.into(), resource, ..Origin::default() }),
            envelope: Envelope {
                seq: if in_a { nth as u64 + 1 } else { nth as u64 + 4 },
                received_at: start + 8 * MINUTE,
                source: "otlp_http".into(),
                key: "".into(),
                dataset: "".into(),
                weight: if in_a { 1.0 } else { 10.0 },
                to_self: false,
            },
        }
    };
    let mut spans = vec![
        span(
            0xa1,
            "shop",
            "GET /api/messages",
            Kind::Server,
            Status::Unset,
            120,
            &[
                ("http.method", text("GET")),
                ("http.status_code", Value::Int(200)),
                ("http.route", text("/api/messages")),
                ("user", text("Ada Löwe")),
            ],
        ),
        span(
            0xa2,
            "db",
            "SELECT messages",
            Kind::Client,
            Status::Unset,
            80,
            &[("db.statement", text("SELECT * FROM messages WHERE id = 7")), ("rows", Value::Int(7))],
        ),
        span(
            0xa3,
            "shop",
            "render",
            Kind::Internal,
            Status::Error,
            5,
            &[("tags", Value::List(vec![text("slow"), text("beta")])), ("name", text("title.html"))],
        ),
        span(
            0xb1,
            "web",
            "POST /login",
            Kind::Server,
            Status::Error,
            1500,
            &[
                ("http.request.method", text("POST")),
                ("http.response.status_code", Value::Int(500)),
                ("http.route", text("/login")),
                ("retry", Value::Int(3)),
                ("ratio", Value::Float(0.5)),
                ("cached", Value::Bool(false)),
            ],
        ),
        span(0xb2, "web", "hash password", Kind::Internal, Status::Ok, 1200, &[("cost", text("12")), ("note", text("a: \"b\""))]),
    ];
    spans[2].status_message = "template: missing".into();
    spans[2].events.push(Event {
        time: start,
        name: "exception".into(),
        attributes: vec![("exception.type".into(), text("KeyError")), ("exception.message".into(), text("no title"))],
        dropped_attributes: 0,
    });
    spans
}

fn memory() -> Memory {
    let mut memory = Memory::default();
    for span in spans() {
        assert_eq!(memory.push(span), Pushed::Stored);
    }
    memory
}

/// What a query finds, as `queries.md` writes it: one line of span names, or one line for each row of a table.
async fn found(memory: &Memory, query: Query) -> Vec<String> {
    let search = SpanSearch { query, range: Range::ALL };
    let stats = search.query.pipeline.iter().find_map(|command| match command {
        Command::Stats(stats) => Some(stats),
        _ => None,
    });
    let Some(stats) = stats else {
        let spans = memory.in_range(&Ask::now(), &search).unwrap();
        return vec![spans.iter().map(|span| format!("{:x}", span.span_id.0[7])).collect::<Vec<_>>().join(" ")];
    };
    let mut table: Table = memory.stats(&Ask::now(), &search, stats).await.unwrap();
    table.arrange(&search.query.pipeline);
    let cell = |(column, cell): (&String, &Cell)| match cell {
        Cell::Null => format!("{column}=null"),
        Cell::Number(number) => format!("{column}={number}"),
        Cell::Text(text) => format!("{column}={text}"),
    };
    let rows: Vec<String> = table.rows.iter().map(|row| table.columns.iter().zip(row).map(cell).collect::<Vec<_>>().join(" ")).collect();
    if rows.is_empty() { vec![String::new()] } else { rows }
}

#[tokio::test]
async fn the_examples_find_what_they_say() {
    let memory = memory();
    let mut examples: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in EXAMPLES.lines().filter_map(|line| line.strip_prefix("    ")) {
        match line.split_at_checked(2) {
            Some(("> ", query)) => examples.push((query, Vec::new())),
            Some((": ", rows)) => examples.last_mut().unwrap().1.push(rows),
            _ => (),
        }
    }
    examples.retain(|(_, rows)| !rows.is_empty());
    assert!(examples.len() > 80, "{}", examples.len());
    let mut wrong = Vec::new();
    for (text, expected) in examples {
        let rows = found(&memory, parse(text).unwrap()).await;
        if rows != expected {
            wrong.push(format!("{text}\n  found    {rows:?}\n  expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn pages_follow_each_other() {
    let memory = memory();
    let mut search =
        TraceSearch { query: parse("status:error").unwrap(), range: Range::ALL, order: Order::NEWEST, limit: 1, cursor: None, once: false };
    let first = memory.traces(&Ask::now(), &search).await.unwrap();
    assert_eq!((first.rows[0].summary.root.name.as_str(), first.rows[0].matched, first.as_of), ("POST /login", 1, 5));
    search.cursor = first.next;
    let second = memory.traces(&Ask::now(), &search).await.unwrap();
    assert_eq!(second.rows[0].first_match, Some(SpanId(0xa3u64.to_be_bytes())));
    assert_eq!(second.next, None);
    assert_eq!(memory.count(&Ask::now(), &search, 0).await.unwrap().traces, 2);
    assert_eq!(memory.count(&Ask::now().as_of(Some(3)), &search, 0).await.unwrap().traces, 1);
    let a: TraceId = "5759e988bd862e3fe1be46a994272793".parse().unwrap();
    assert_eq!(memory.trace(&Ask::now(), a).await.unwrap().spans.len(), 3);
}

#[test]
fn the_first_of_an_id_wins() {
    let mut memory = memory();
    let mut again = spans().remove(0);
    again.envelope.seq = 6;
    assert_eq!(memory.push(again.clone()), Pushed::Duplicate);
    again.name.push('!');
    assert_eq!(memory.push(again), Pushed::Conflict);
    assert_eq!(memory.spans.len(), 5);
}
