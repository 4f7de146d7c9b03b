use super::*;
use crate::store::block::Columns;
use model::id::{SpanId, TraceId};
use model::log::{How, Line, Origin, Severity, TraceLink};
use proptest::prelude::*;
use std::sync::Arc;

fn line(n: u64, message: &str) -> Line {
    let origin =
        Origin { group: "web".into(), stream: format!("host-{}", n % 3).as_str().into(), service: "shop".into(), ..Origin::default() };
    Line {
        seq: n,
        time: 1_000 * n as i64,
        received_at: 5_000,
        origin: Arc::new(origin),
        severity: Severity((n % 25) as u8),
        severity_sent: Severity::INFO,
        message: message.to_owned(),
        attributes: if n.is_multiple_of(4) { format!("{{\"user\":\"u{n}\"}}") } else { String::new() },
        trace: n.is_multiple_of(5).then(|| TraceLink {
            trace_id: TraceId([(n % 250) as u8 + 1; 16]),
            span_id: n.is_multiple_of(2).then_some(SpanId([(n % 250) as u8 + 1; 8])),
            how: How::Protocol,
        }),
    }
}

fn lines(count: u64) -> Vec<Line> {
    (0..count).map(|n| line(n, &format!("GET /things/{n} größe={n} 200"))).collect()
}

fn encoded(lines: &[Line]) -> Encoded {
    encode(&lines.iter().collect::<Vec<_>>(), &vec![7; lines.len()])
}

#[test]
fn lines_come_back_as_they_went() {
    let mut lines = lines(300);
    lines[3].message = String::new();
    let xray = "1-5759e988-bd862e3fe1be46a994272793";
    lines[4].message = format!("Root={xray}");
    lines[4].trace = crate::ingest::lines::trace_of(&lines[4].message);
    let Encoded { meta, columns } = encoded(&lines);
    let opened = Opened::of(300, &columns).unwrap();
    assert_eq!(opened.all().unwrap(), lines);
    assert_eq!(opened.patterns().unwrap(), vec![7; 300]);
    assert_eq!(opened.rows_in(model::time::Range { start: 2_000, end: 4_001 }), 2..5);
    assert_eq!(Meta::from_bytes(&meta.to_bytes()).unwrap(), meta);
    assert_eq!((meta.lines, meta.time.min, meta.time.max, meta.sampled), (300, 0, 299_000, 100));
    assert_eq!(meta.origins.iter().map(|origin| origin.lines).collect::<Vec<_>>(), [100, 100, 100]);
    assert_eq!(meta.levels.iter().sum::<u32>(), 300);
    assert_eq!(get_lines(&put_lines(&lines.iter().collect::<Vec<_>>())).unwrap(), lines);
}

#[test]
fn the_filter_knows_words_traces_and_origins() {
    let Encoded { columns, .. } = encoded(&lines(300));
    let has = |token: Token| {
        let framed = columns.get(number::BLOOM + piece_of(token) as u16).unwrap();
        may_have(&crate::store::block::bytes::unframe(framed).unwrap(), token).unwrap()
    };
    for word in ["get", "THINGS", "299", "größe", "shop", "web", "u4", "host"] {
        assert!(has(Token::of(word)), "{word}");
    }
    assert!(has(trace_token(TraceId([6; 16]))));
    assert!(!has(trace_token(TraceId([7; 16]))) || !has(Token::of("nothing")) || !has(Token::of("300")));
}

#[test]
fn words_of_attributes_are_found_as_they_are_read() {
    let mut line = line(1, "x");
    line.attributes = r#"{"stack":"first\nsecond"}"#.into();
    let Encoded { columns, .. } = encoded(&[line]);
    let token = Token::of("second");
    let framed = columns.get(number::BLOOM + piece_of(token) as u16).unwrap();
    assert!(may_have(&crate::store::block::bytes::unframe(framed).unwrap(), token).unwrap());
}

#[test]
fn fields_of_json_are_listed() {
    let lines: Vec<Line> = (0..10).map(|n| line(n, r#"{"level":"info","http":{"status":200},"@x":[1]}"#)).collect();
    let meta = encoded(&lines).meta;
    let count = |name: &str| meta.fields.iter().find(|(field, _)| **field == *name).map(|(_, lines)| *lines);
    assert_eq!(
        (count("level"), count("http.status"), count("@x"), count("user"), count("http")),
        (Some(10), Some(10), Some(10), Some(3), None)
    );
}

proptest! {
    /// Whatever happens to the bytes, reading them is an error or lines, never a panic.
    #[test]
    fn broken_blocks_are_errors(at in 0usize..10_000, bit in 0u8..8) {
        let lines = lines(40);
        let mut blob = put_lines(&lines.iter().collect::<Vec<_>>());
        let at = at % blob.len();
        blob[at] ^= 1 << bit;
        if let Ok(read) = get_lines(&blob) {
            prop_assert!(read == lines);
        }
    }

    /// The checksum does not help against a column that belongs to another block.
    #[test]
    fn foreign_columns_are_errors(number in 1u16..6, count in 0u64..60) {
        let (mine, other) = (encoded(&lines(40)), encoded(&lines(count)));
        let mut columns = Columns::default();
        mine.columns.iter().for_each(|(number, framed)| columns.insert(number, framed.to_vec()));
        if let Some(framed) = other.columns.get(number) {
            columns.insert(number, framed.to_vec());
        }
        let _ = Opened::of(40, &columns).and_then(|opened| opened.all());
        let _ = Opened::of(40, &columns).and_then(|opened| opened.patterns().map(<[_]>::len));
    }
}
