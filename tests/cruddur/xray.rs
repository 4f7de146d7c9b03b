//! What Clew stored of Cruddur's requests as X-Ray's SDK tells of them, and what it must have stored.

use super::requests::{BACKEND, Drive, Request, Span, TIMELINE};
use crate::harness::Clew;
use std::time::{Duration, Instant};

/// The trace of every request, once all are there: datagrams have no answer that the SDK could have waited for.
pub async fn stored(clew: &Clew, drive: &Drive) -> Vec<Request> {
    let began = Instant::now();
    loop {
        let mut requests = Vec::new();
        let list = clew.json("/api/traces?limit=1000").await;
        for row in list["traces"].as_array().expect("a list of traces") {
            let id = row["trace_id"].as_str().expect("an id");
            let request: Request = serde_json::from_value(clew.json(&format!("/api/traces/{id}")).await).expect("a trace of the API");
            // X-Ray records these, too.
            if !request.spans.iter().any(|span| target(span) == "/api/health-check") {
                requests.push(request);
            }
        }
        if requests.len() >= drive.requests && began.elapsed() > Duration::from_secs(1) {
            assert_eq!(requests.len(), drive.requests, "one trace for every request");
            return requests;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{} of {} requests have a trace", requests.len(), drive.requests);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn text<'a>(span: &'a Span, key: &str) -> &'a str {
    span.attributes.get(key).and_then(|value| value.as_str()).unwrap_or_default()
}

fn target(span: &Span) -> &str {
    text(span, "url.path")
}

fn statements(request: &Request) -> usize {
    request.spans.iter().filter(|span| text(span, "db.system.name") == "sqlite").count()
}

/// What must be true of the traces whatever was sampled how.
pub fn check(requests: &[Request], drive: &Drive) {
    let kind = |kind: &str| drive.kinds.get(kind).copied().unwrap_or_default();
    for request in requests {
        // `entry` sees to it that all hang together, those that were streamed before their segment too.
        let entry = request.entry();
        assert_eq!((entry.service.as_str(), entry.kind.as_str()), (BACKEND, "server"), "{request:#?}");
        for span in &request.spans {
            assert_eq!(span.source, "xray_udp");
            assert!(span.attributes.get("aws.xray.in_progress").is_none(), "{span:#?}");
            assert!(text(span, "aws.xray.cause").is_empty(), "every exception is in the document that names it: {span:#?}");
            assert_ne!(span.service, "unknown_service", "{span:#?}");
        }
        let segments: Vec<&Span> = request.spans.iter().filter(|span| text(span, "aws.xray.type") == "segment").collect();
        assert!(segments.iter().all(|span| [BACKEND, TIMELINE].contains(&span.service.as_str()) && span.kind == "server"));
        assert!(segments.iter().all(|span| text(span, "aws.xray.document").starts_with('{')));
    }
    // Every seventh request came with the id of a browser whose own segment never arrived.
    assert_eq!(requests.iter().filter(|request| request.lacks_root()).count(), (requests.len() + 3) / 7);
    let with = |n: usize| requests.iter().filter(|request| statements(request) == n).count();
    assert_eq!((with(46), with(13)), (kind("n+1"), kind("messages")), "every statement, streamed or not");
    let failed = requests.iter().filter(|request| request.entry().is_error()).count();
    assert_eq!(failed, kind("boom") + kind("crash"), "uncaught exceptions, and nothing else, fail a request");
    check_exceptions(requests);
}

fn check_exceptions(requests: &[Request]) {
    let of = |path: &str| requests.iter().find(|request| target(request.entry()).ends_with(path)).unwrap_or_else(|| panic!("no {path}"));
    let crash = of("@crash");
    let thrown = |service: &str, class: &str| {
        let spans = crash.spans.iter().filter(|span| span.service == service);
        spans.filter(|span| span.exceptions().any(|exception| exception.class == class)).count()
    };
    // On the subsegment that it was caught in first, and on the segment, which has no more of it than its id.
    assert_eq!((thrown(TIMELINE, "OperationalError"), thrown(BACKEND, "HTTPError")), (2, 2), "{crash:#?}");
    let ghost = of("@ghost");
    assert!(!ghost.entry().is_error() && ghost.spans.iter().any(Span::is_error), "a handled exception fails its subsegment alone");
    let zero = of("/api/boom/zero").entry().exceptions().map(|exception| exception.stack.to_owned()).collect::<String>();
    assert!(zero.starts_with("ZeroDivisionError: ") && zero.contains("\n\tat "), "{zero}");
}
