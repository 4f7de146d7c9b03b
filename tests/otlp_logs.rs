//! OpenTelemetry's logs with the real program and the real SDK: every record is a line, and reads as it was said.

use crate::cruddur::python;
use crate::harness::Clew;
use crate::recorder;
use model::log::How;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn python_logs_over_http() {
    let clew = Clew::start();
    check(&clew, "http/protobuf", &clew.otlp_http()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_logs_over_grpc() {
    let clew = Clew::start();
    check(&clew, "grpc", &clew.otlp_grpc()).await;
}

/// What the script says, and how bad each line is.
const SAID: [(&str, &str); 5] = [
    ("outside of any trace", "debug"),
    ("cart of andrew has 3 items", "info"),
    // Logged as an error, but its status says better.
    ("127.0.0.1 GET http /api/cart? 200 OK", "info"),
    ("division failed", "error"),
    (r#"{"event": "shutdown", "password": "REDACTED"}"#, "fatal"),
];

/// Before any store: what the intake is given.
#[tokio::test(flavor = "multi_thread")]
async fn records_become_lines() {
    let (server, store) = recorder::start(|_| {}).await;
    let server = server.expect("it starts");
    let (http, grpc) = (server.addrs.otlp_http.expect("it listens"), server.addrs.otlp_grpc.expect("it listens"));
    for (protocol, endpoint, source) in [("http/protobuf", http, "otlp_http"), ("grpc", grpc, "otlp_grpc")] {
        let ids = send(protocol, &format!("http://{endpoint}")).await;
        let mut lines = store.take_lines();
        lines.sort_by_key(|line| line.time);
        let said: Vec<_> = lines.iter().map(|line| (line.message.as_str(), line.severity.level().as_str())).collect();
        assert_eq!(said, SAID);
        for (nth, line) in lines.iter().enumerate() {
            let origin = &line.origin;
            let from = [&origin.group, &origin.stream, &origin.environment, &origin.host, &origin.logger, &origin.source];
            assert_eq!(from.map(|text| &**text), ["cart", "cart-1", "staging", "web-1", "app.cart", source]);
            let link = line.trace.map(|link| (json!(link.trace_id), json!(link.span_id), link.how));
            assert_eq!(link, (1..4).contains(&nth).then(|| (ids["trace_id"].clone(), ids["span_id"].clone(), How::Protocol)));
        }
    }
    server.shutdown().await;
}

async fn check(clew: &Clew, protocol: &str, endpoint: &str) {
    let ids = send(protocol, endpoint).await;
    let found = clew.json("/api/logs?q=&limit=100").await;
    let mut lines = found["logs"].as_array().expect("a list").clone();
    lines.sort_by_key(|line| line["time"].as_str().expect("a time").to_owned());
    let said: Vec<_> =
        lines.iter().map(|line| (line["message"].as_str().expect("a text"), line["level"].as_str().expect("a level"))).collect();
    assert_eq!(said, SAID);
    for (nth, line) in lines.iter().enumerate() {
        let from = ["group", "stream", "service", "environment", "host", "logger"].map(|field| line[field].as_str().unwrap_or_default());
        assert_eq!(from, ["cart", "cart-1", "cart", "staging", "web-1", "app.cart"], "{line}");
        let trace = if (1..4).contains(&nth) { [&ids["trace_id"], &ids["span_id"], &json!("protocol")] } else { [&Value::Null; 3] };
        assert_eq!(["trace_id", "span_id", "how"].map(|field| &line[field]), trace, "{line}");
    }
    assert_eq!((&lines[1]["attributes"]["user"], &lines[1]["attributes"]["items"]), (&json!("andrew"), &json!(3)));
    let stack = lines[3]["attributes"]["exception.stacktrace"].as_str().expect("the SDK sends the stack");
    assert!(stack.contains("ZeroDivisionError"), "{stack}");
    assert!(!found.to_string().contains("hunter2"));
    for (query, count) in [("trace_id:".to_owned() + ids["trace_id"].as_str().expect("an id"), 3), ("andrew".to_owned(), 1)] {
        let found = clew.json(&format!("/api/logs?q={query}")).await;
        assert_eq!(found["logs"].as_array().map(Vec::len), Some(count), "{query}");
    }
}

/// Logs five lines with the SDK and returns the ids of the span around three of them.
async fn send(protocol: &str, endpoint: &str) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients/otlp_logs.py");
    let mut command = Command::new(python());
    command.arg(script).args([protocol, endpoint]).env("NO_PROXY", "127.0.0.1");
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("not cancelled").expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

/// Ten megabytes in one body: taken whole, and the pages stay small.
#[tokio::test(flavor = "multi_thread")]
async fn an_enormous_record_is_stored_and_breaks_no_page() {
    let clew = Clew::start();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_nanos();
    let record = json!({"timeUnixNano": now.to_string(), "body": {"stringValue": format!("huge {}", "x".repeat(10 << 20))}});
    let body = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]});
    let answer = reqwest::Client::new().post(format!("{}/v1/logs", clew.otlp_http())).json(&body).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.text().await.expect("a body")), (200, "{}".to_owned()));
    for path in ["/logs?q=huge", "/logs?q=huge&view=table", "/logs?view=patterns"] {
        let answer = reqwest::get(clew.url(path)).await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        let page = answer.text().await.expect("a page");
        assert!(page.contains("huge") && page.len() < 200_000, "{path} has {} bytes", page.len());
    }
    assert!(clew.stop().success());
}
