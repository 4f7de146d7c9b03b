//! What the real SDK sent: every datagram is taken, is the same tree as `serde_json` reads, and looks like its snapshot.

use super::Capture;
use model::attr::{Value, get, get_str};
use model::span::Span;
use serde_json::Value as Json;
use server::ingest::Arrival;
use server::ingest::xray::translate::Translator;
use std::fmt::Write as _;
use std::path::Path;

/// The spans of one datagram, none of which is rejected.
fn spans(capture: &Capture) -> Vec<Span> {
    let arrival = Arrival { received_at: 0, source: "xray_udp".into(), key: "".into(), dataset: "".into(), own: Default::default() };
    let mut translator = Translator::new(&arrival);
    translator.datagram(&capture.body);
    let batch = translator.finish();
    assert!(batch.rejected.is_empty(), "{}: {:?}", capture.path.display(), batch.rejected);
    batch.spans
}

#[test]
fn every_datagram_looks_like_its_snapshot() {
    let mut text = String::new();
    for capture in Capture::datagrams() {
        writeln!(text, "== {}", capture.path.file_name().unwrap().to_string_lossy()).unwrap();
        spans(&capture).iter().for_each(|span| describe(span, &mut text));
    }
    let snapshot = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/xray/udp.txt");
    if std::env::var_os("CLEW_SNAPSHOTS").is_some() {
        std::fs::write(&snapshot, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&snapshot).unwrap_or_default();
    let differ = text.lines().zip(expected.lines()).find(|(is, was)| is != was);
    assert!(text == expected, "the first difference: {differ:#?}; CLEW_SNAPSHOTS=1 writes what is");
}

fn describe(span: &Span, to: &mut String) {
    let parent = span.parent_id.map_or("-".to_owned(), |id| id.to_string());
    let (kind, status) = (span.kind.as_str(), span.status.as_str());
    let (service, name, message) = (span.service(), &span.name, &span.status_message);
    writeln!(to, "{}/{} < {parent} {service} | {name} | {kind} {status} {message}", span.trace_id, span.span_id).unwrap();
    writeln!(to, "  {} + {} ns", span.start, span.duration_ns).unwrap();
    // The document is compared with what was sent, below.
    let attributes = span.attributes.iter().filter(|(key, _)| key != "aws.xray.document").cloned().collect();
    writeln!(to, "  {}", Value::Map(attributes)).unwrap();
    writeln!(to, "  {}", Value::Map(span.origin.resource.clone())).unwrap();
    for event in &span.events {
        writeln!(to, "  event {} {} {}", event.time, event.name, Value::Map(event.attributes.clone())).unwrap();
    }
}

/// An independent reading of the same documents.
#[test]
fn our_reader_and_serde_agree() {
    let mut compared = 0;
    for capture in Capture::datagrams() {
        // Python's `json` has a number that JSON has not.
        let text = capture.document().replace(": NaN", ": \"NaN\"");
        let document: Json = serde_json::from_str(&text).unwrap();
        let spans = spans(&capture);
        let kept = get_str(&spans[0].attributes, "aws.xray.document").expect("the first span has the document");
        // There are no secrets in them, so nothing was scrubbed.
        assert_eq!(serde_json::from_str::<Json>(kept).unwrap(), document, "{}", capture.path.display());
        let mut ours = spans.iter();
        compare(&document, document["parent_id"].as_str(), &document["trace_id"], &mut ours, &mut compared);
        assert!(ours.next().is_none(), "no more spans than records");
    }
    assert_eq!(compared, 144, "all of them");
}

fn compare<'a>(record: &Json, parent: Option<&str>, trace: &Json, ours: &mut impl Iterator<Item = &'a Span>, compared: &mut usize) {
    let span = ours.next().expect("a span for every record");
    assert_eq!(span.trace_id.xray(), trace.as_str().unwrap());
    assert_eq!(span.span_id.to_string(), record["id"].as_str().unwrap());
    assert_eq!(span.parent_id.map(|id| id.to_string()).as_deref(), parent);
    assert_eq!(span.name, record["name"].as_str().unwrap());
    for (ours, theirs) in [(span.start, &record["start_time"]), (span.end(), &record["end_time"])] {
        // A double of today's seconds is off by up to a quarter of a microsecond.
        assert!((ours as f64 / 1e9 - theirs.as_f64().unwrap()).abs() < 1e-6, "{ours} {theirs}");
    }
    let status = record["http"]["response"]["status"].as_i64().map(Value::Int);
    assert_eq!(get(&span.attributes, "http.response.status_code"), status.as_ref());
    for (key, value) in record["annotations"].as_object().into_iter().flatten() {
        match get(&span.attributes, key) {
            Some(Value::Float(nan)) if nan.is_nan() => assert_eq!(value, "NaN"),
            ours => assert_eq!(serde_json::to_value(ours).unwrap(), *value),
        }
    }
    let thrown = record["cause"]["exceptions"].as_array().map_or(0, Vec::len);
    assert!(span.events.len() == thrown || record["cause"].is_string() && span.events.len() == 1);
    *compared += 1;
    for nested in record["subsegments"].as_array().into_iter().flatten() {
        compare(nested, record["id"].as_str(), trace, ours, compared);
    }
}
