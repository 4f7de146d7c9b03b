//! Cruddur's log lines through WatchTower: each arrives once, in order, in its group and stream, and is tied to its trace; where it
//! names none, by what it tells of its request. What must arrive is what the services wrote to stderr at the same time.

use super::requests::{BACKEND, Drive, TIMELINE};
use super::{look_at_line, python, send};
use crate::harness::Clew;
use model::time::{Nanos, SECOND, parse_moment};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn json_lines_are_of_the_traces_they_name() {
    let clew = Clew::start();
    let drive = log(&clew, &[("CRUDDUR_TELEMETRY", "otel,logs"), ("CRUDDUR_LOG_FORMAT", "json")]).await;
    let written: Vec<Written> = drive.stderr.lines().filter(|line| line.starts_with('{')).map(Written::json).collect();
    let lines = arrived(&clew, &written).await;
    let requests = requests(&clew).await;
    let mut answered = 0;
    for line in &lines {
        let said: Value = serde_json::from_str(text(line, "message")).expect("JSON");
        is_of(line, text(&said, "trace_id"), text(&said, "span_id"), "json", &requests);
        let path = text(&said, "http.path");
        answered += usize::from(!path.is_empty() && path != HEALTH && said["service"] == BACKEND);
        assert_eq!(text(&said, "trace_id").is_empty(), path == HEALTH, "{said}");
    }
    assert_eq!(answered, drive.requests, "a line for every request that was answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_lines_are_of_the_traces_they_name() {
    let clew = Clew::start();
    let drive = log(&clew, &[("CRUDDUR_TELEMETRY", "otel,logs"), ("CRUDDUR_LOG_FORMAT", "text")]).await;
    let lines = arrived(&clew, &Written::texts(&drive.stderr)).await;
    let requests = requests(&clew).await;
    let mut named = 0;
    for line in &lines {
        let after = |key: &str| text(line, "message").split_once(key).map_or("", |(_, rest)| rest.split_whitespace().next().unwrap_or(""));
        is_of(line, after("trace_id="), after(" span_id="), "key_value", &requests);
        named += usize::from(line["how"] == "key_value");
    }
    assert!(named >= drive.requests, "{named} lines of {} requests", drive.requests);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_lines_without_ids_are_of_the_request_they_fit() {
    let clew = Clew::start();
    let off = [("CRUDDUR_TELEMETRY", "otel,logs"), ("CRUDDUR_LOG_FORMAT", "text"), ("CRUDDUR_LOG_IDS", "off")];
    let drive = log(&clew, &off).await;
    let lines = arrived(&clew, &Written::texts(&drive.stderr)).await;
    let lone = fit(&lines, &requests(&clew).await);
    look_at_line(&clew, lone).await;
}

/// A request under two ids is one candidate.
#[tokio::test(flavor = "multi_thread")]
async fn text_lines_without_ids_where_both_systems_trace() {
    let clew = Clew::start();
    let off = [
        ("CRUDDUR_TELEMETRY", "otel,xray,logs"),
        ("AWS_XRAY_DAEMON_ADDRESS", clew.xray()),
        ("CRUDDUR_LOG_FORMAT", "text"),
        ("CRUDDUR_LOG_IDS", "off"),
    ];
    let drive = log(&clew, &off).await;
    let lines = arrived(&clew, &Written::texts(&drive.stderr)).await;
    let began = Instant::now();
    let requests = loop {
        // Datagrams have no answer that the SDK could have waited for.
        let requests = requests(&clew).await;
        if requests.iter().filter(|request| request.traces.len() == 2).count() == drive.requests {
            break requests;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "not every request has both its traces");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    fit(&lines_of(&clew).await, &requests);
    assert_eq!(lines.len(), lines_of(&clew).await.len());
}

const HEALTH: &str = "/api/health-check";

/// Drives Cruddur with what it logs on stderr, too.
async fn log(clew: &Clew, environment: &[(&str, &str)]) -> Drive {
    let base = clew.url("");
    // What is logged while WatchTower makes its stream it leaves out itself (`emit` of 3.4), so that is there.
    let node = Command::new(python()).args(["-c", "import platform; print(platform.node())"]).output().expect("python runs");
    let node = String::from_utf8(node.stdout).expect("a name");
    make(clew, "CreateLogGroup", json!({"logGroupName": "cruddur"})).await;
    for service in [BACKEND, TIMELINE] {
        let stream = format!("{service}/{}", node.trim());
        make(clew, "CreateLogStream", json!({"logGroupName": "cruddur", "logStreamName": stream})).await;
    }
    let logs = [("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", base.as_str()), ("CRUDDUR_STDERR", "1"), ("CRUDDUR_LOG_INTERVAL", "1")];
    send(clew, &[&logs, environment].concat()).await
}

async fn make(clew: &Clew, action: &str, body: Value) {
    let request = reqwest::Client::new().post(clew.url("/")).header("x-amz-target", format!("Logs_20140328.{action}"));
    let sent = request.header("content-type", "application/x-amz-json-1.1").body(body.to_string()).send().await;
    assert!(sent.expect("clew answers").status().is_success(), "{action}");
}

/// A line as its service wrote it.
struct Written {
    service: String,
    text: String,
}

impl Written {
    fn json(line: &str) -> Written {
        let said: Value = serde_json::from_str(line).expect("JSON");
        Written { service: text(&said, "service").to_owned(), text: line.to_owned() }
    }

    /// `ERROR [cruddur-backend] ...`, and below it perhaps a stack trace.
    fn texts(stderr: &str) -> Vec<Written> {
        let mut written: Vec<Written> = Vec::new();
        for line in stderr.lines() {
            let service = line.split_once(" [cruddur-").filter(|(level, _)| level.bytes().all(|byte| byte.is_ascii_uppercase()));
            match (service.and_then(|(_, rest)| rest.split_once(']')), written.last_mut()) {
                (Some((service, _)), _) => written.push(Written { service: format!("cruddur-{service}"), text: line.to_owned() }),
                (None, Some(last)) => last.text = format!("{}\n{line}", last.text),
                (None, None) => {}
            }
        }
        written
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

async fn lines_of(clew: &Clew) -> Vec<Value> {
    let found = clew.json("/api/logs?group=cruddur&order=oldest&limit=10000&last=1h").await;
    assert!(found["cursor"].is_null() && found["complete"] == true, "all of them");
    found["logs"].as_array().expect("lines").clone()
}

/// The lines of the group, which are those that were written: each once, in order, each service's in its stream.
async fn arrived(clew: &Clew, written: &[Written]) -> Vec<Value> {
    let lines = lines_of(clew).await;
    assert!(written.len() > 40, "{} lines were written", written.len());
    for service in [BACKEND, TIMELINE] {
        let of_stream = lines.iter().filter(|line| text(line, "stream").starts_with(&format!("{service}/")));
        let stored: Vec<&str> = of_stream.map(|line| text(line, "message").trim_end()).collect();
        let expected: Vec<&str> = written.iter().filter(|line| line.service == service).map(|line| line.text.trim_end()).collect();
        assert_eq!(stored, expected, "{service}");
    }
    assert_eq!(lines.len(), written.len(), "and none besides");
    assert!(lines.iter().all(|line| line["group"] == "cruddur" && line["source"] == "cloudwatch_logs"));
    lines
}

/// A request with all its traces.
struct Told {
    traces: Vec<String>,
    /// Of OpenTelemetry, if it has a trace of it.
    shown: String,
    served: Vec<Served>,
}

/// A server's span.
struct Served {
    trace: String,
    span: String,
    request: String,
    end: Nanos,
    all: Value,
}

async fn requests(clew: &Clew) -> Vec<Told> {
    let list = clew.json("/api/traces?limit=1000").await;
    let mut requests = Vec::new();
    for row in list["traces"].as_array().expect("traces") {
        let shown = text(row, "trace_id").to_owned();
        let others = row["other_ids"].as_array().cloned().unwrap_or_default();
        let traces: Vec<String> =
            std::iter::once(shown.clone()).chain(others.iter().map(|id| id.as_str().expect("an id").to_owned())).collect();
        let mut served = Vec::new();
        for trace in &traces {
            let stored = clew.json(&format!("/api/traces/{trace}")).await;
            for span in stored["spans"].as_array().expect("spans") {
                let said = |keys: [&str; 2]| {
                    keys.iter()
                        .find_map(|key| span["attributes"].get(*key))
                        .map(|value| value.as_str().map_or(value.to_string(), str::to_owned))
                };
                let method = said(["http.request.method", "http.method"]);
                let target = said(["url.path", "http.target"]);
                let status = said(["http.response.status_code", "http.status_code"]);
                let request = match (span["kind"] == "server", method, target, status) {
                    (true, Some(method), Some(target), Some(status)) => {
                        format!("{method} {} {status}", target.split('?').next().unwrap_or_default())
                    }
                    _ => String::new(),
                };
                let end = parse_moment(text(span, "start")).expect("a moment") + span["duration_ns"].as_i64().expect("nanoseconds");
                served.push(Served { trace: trace.clone(), span: text(span, "span_id").to_owned(), request, end, all: span.clone() });
            }
        }
        requests.push(Told { traces, shown, served });
    }
    requests
}

/// A line that names a trace is tied to it, with a span of its service; one that names none is not.
fn is_of(line: &Value, trace: &str, span: &str, how: &str, requests: &[Told]) {
    let tied = (text(line, "trace_id"), text(line, "span_id"), text(line, "how"));
    assert_eq!(tied, if trace.is_empty() { ("", "", "") } else { (trace, span, how) }, "{line}");
    if !trace.is_empty() {
        let mut spans = requests.iter().flat_map(|request| &request.served);
        let named = spans.find(|served| served.trace == trace && served.span == span).unwrap_or_else(|| panic!("no such span: {line}"));
        assert!(text(line, "stream").starts_with(text(&named.all, "service")), "{line}");
    }
}

/// Each line that tells of a request is tied to the one it fits, or to none of several; no other is. Returns one that is tied.
fn fit<'a>(lines: &'a [Value], requests: &[Told]) -> &'a Value {
    let (mut lone, mut several) = (None, 0);
    for line in lines {
        let tied = (text(line, "trace_id"), text(line, "how"));
        // `INFO [cruddur-backend] GET /api/messages?n=45 200`
        let words: Vec<&str> = text(line, "message").split_once("] ").expect("a level").1.split_whitespace().collect();
        let [method @ ("GET" | "POST"), target, status] = words[..] else {
            assert_eq!(tied, ("", ""), "{line}");
            continue;
        };
        let request = format!("{method} {} {status}", target.split('?').next().unwrap_or_default());
        let time = parse_moment(text(line, "time")).expect("a moment");
        let near = |served: &&Served| served.request == request && (time - served.end).abs() <= SECOND;
        let fitting: Vec<(&Told, &Served)> = requests.iter().filter_map(|told| Some((told, told.served.iter().find(near)?))).collect();
        match fitting[..] {
            [] => assert_eq!(tied, ("", ""), "{line}"),
            [(told, served)] => {
                assert_eq!(tied, (&*told.shown, "inferred"), "{line}");
                assert_eq!(text(line, "span_id"), served.span, "{line}");
                lone = lone.or(Some(line).filter(|_| target.starts_with("/api/boom")));
            }
            _ => {
                assert_eq!(tied, ("", ""), "{line}");
                let mut possible: Vec<&str> = line["possible_traces"].as_array().expect("ids").iter().filter_map(Value::as_str).collect();
                let mut expected: Vec<&str> = fitting.iter().map(|(told, _)| &*told.shown).collect();
                possible.sort_unstable();
                expected.sort_unstable();
                assert_eq!(possible, expected, "{line}");
                several += 1;
            }
        }
    }
    assert!(several > 0, "some fit several");
    lone.expect("a crash, which is seldom, fits one")
}
