//! Cruddur, two services with the real Python SDKs: what they send by each transport is stored whole and nested right,
//! and reads right in the browser.

mod errors;
mod logs;
mod requests;
mod xray;

use crate::browser::{Browser, Scripts, Theme};
use crate::harness::Clew;
use requests::{Drive, Request};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::Semaphore;

/// One drive at a time: its requests must not time out because another one has the cores.
static TURN: Semaphore = Semaphore::const_new(1);

#[tokio::test(flavor = "multi_thread")]
async fn over_http_protobuf_and_in_the_browser() {
    let clew = Clew::start();
    let requests = drive(&clew, &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")]).await;
    requests::check(&requests, "otlp_http");
    for (name, request) in stories(&requests) {
        look_at(&clew, name, request).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_protobuf_with_gzip() {
    let clew = Clew::start();
    let requests = drive(&clew, &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")]).await;
    requests::check(&requests, "otlp_http");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_json() {
    let clew = Clew::start();
    let requests = drive(&clew, &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]).await;
    requests::check(&requests, "otlp_http");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_grpc() {
    let clew = Clew::start();
    let endpoint = clew.otlp_grpc();
    let requests = drive(&clew, &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]).await;
    requests::check(&requests, "otlp_grpc");
}

/// The N+1 request has more subsegments than the SDK keeps, so that most of them come before their segment.
#[tokio::test(flavor = "multi_thread")]
async fn over_xray_datagrams() {
    let clew = Clew::start();
    let drive = send(&clew, &[("CRUDDUR_TELEMETRY", "xray"), ("AWS_XRAY_DAEMON_ADDRESS", clew.xray())]).await;
    xray::check(&xray::stored(&clew, &drive).await, &drive);
    let nobodys = clew.json("/api/stats?q=service:unknown_service%20%7C%20stats%20count()").await;
    assert_eq!(nobodys["rows"], json!([[0.0]]), "searches know whose they are, too");
}

/// The SDK asks what to record, and is told to record all.
#[tokio::test(flavor = "multi_thread")]
async fn over_xray_with_sampling() {
    let clew = Clew::start();
    let on = [("CRUDDUR_TELEMETRY", "xray"), ("AWS_XRAY_DAEMON_ADDRESS", clew.xray()), ("CRUDDUR_XRAY_SAMPLING", "on")];
    let drive = send(&clew, &on).await;
    let requests = xray::stored(&clew, &drive).await;
    xray::check(&requests, &drive);
    let by_rule = |request: &&Request| request.entry().attributes.get("aws.xray.sampling_rule").is_some_and(|rule| rule == "Default");
    let decided = requests.iter().filter(|request| !request.lacks_root());
    assert!(decided.clone().count() > 30 && decided.clone().all(|request| by_rule(&request)), "our rule decided");
}

/// Both SDKs at once: a request is one page whichever of its ids it is opened by, and the overview counts it once.
#[tokio::test(flavor = "multi_thread")]
async fn one_request_under_two_ids() {
    let clew = Clew::start();
    let both = [("CRUDDUR_TELEMETRY", "otel,xray"), ("AWS_XRAY_DAEMON_ADDRESS", clew.xray())];
    let drive = send(&clew, &both).await;
    let page = async |path: String| reqwest::get(clew.url(&path)).await.expect("an answer").text().await.expect("a page");
    let ids_on = |page: &str| -> BTreeSet<String> {
        let alone = page.split("href=\"/t/").skip(1).filter_map(|rest| rest.split_once("?alone=1\""));
        alone.map(|(id, _)| id.to_owned()).filter(|id| id.len() == 32).collect()
    };
    // Datagrams have no answer that the SDK could have waited for.
    let began = Instant::now();
    let mut list = clew.json("/api/traces?limit=1000").await;
    let joined = |list: &Value| -> Vec<String> {
        let rows =
            list["traces"].as_array().expect("a list").iter().filter(|row| row["other_ids"].as_array().is_some_and(|ids| ids.len() == 1));
        rows.filter_map(|row| row["trace_id"].as_str().map(str::to_owned)).collect()
    };
    while joined(&list).len() < drive.requests && began.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        list = clew.json("/api/traces?limit=1000").await;
    }
    let traces = joined(&list);
    assert_eq!(traces.len(), drive.requests, "each row knows both ids");
    assert!(list["traces"][0]["sources"] == json!(["otlp_http", "xray_udp"]), "{}", list["traces"][0]);
    once_in_lists(&clew, drive.requests, &traces).await;
    for id in &traces {
        let html = page(format!("/t/{id}")).await;
        let ids = ids_on(&html);
        assert!(ids.len() == 2 && ids.contains(id), "{id} is one request with {ids:?}");
        let other = ids.iter().find(|other| *other != id).expect("two ids");
        assert_eq!(ids_on(&page(format!("/t/{other}")).await), ids, "the other id opens the same");
        assert_eq!(ids_on(&page(format!("/t/{other}?alone=1")).await), BTreeSet::from([other.clone()]));
        let alone = [clew.json(&format!("/api/traces/{id}")).await, clew.json(&format!("/api/traces/{other}")).await];
        let spans: usize = alone.iter().filter_map(|trace| trace["spans"].as_array()).map(Vec::len).sum();
        assert!(html.contains(&format!("{spans} spans")), "all {spans} spans of both are on the page of {id}");
    }
    let counted = clew.json("/api/stats?q=entry:true%20source:otlp_http%20%7C%20stats%20count()").await;
    let counted = counted["rows"][0][0].as_f64().expect("a count");
    assert!(page("/".to_owned()).await.contains(&format!("{counted} requests")), "the overview counts each request once: {counted}");
}

/// X-Ray's segments are named after the host: an alias, which the page suggests, makes them the service that OpenTelemetry names.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_x_ray_names_after_its_host_is_joined() {
    let clew = Clew::start();
    let both = [("CRUDDUR_TELEMETRY", "otel,xray"), ("AWS_XRAY_DAEMON_ADDRESS", clew.xray()), ("AWS_XRAY_TRACING_NAME", "localhost")];
    send(&clew, &both).await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let page = async |path: &str| reqwest::get(clew.url(path)).await.expect("an answer").text().await.expect("a page");
    // Blocks name a service until they are folded, though none of their spans is of it any more.
    let services = async || -> Vec<String> {
        let all = clew.json("/api/services").await["services"].clone();
        all.as_array()
            .expect("names")
            .iter()
            .filter_map(Value::as_str)
            .filter(|name| *name != "unknown_service")
            .map(str::to_owned)
            .collect()
    };
    let counted = async |query: &str| clew.json(&format!("/api/stats?q={query}%20%7C%20stats%20count()")).await["rows"][0][0].as_f64();
    assert_eq!(services().await, ["cruddur-backend", "cruddur-timeline", "localhost"]);
    let requests = counted("entry:true%20source:otlp_http").await.expect("a count");
    assert!(!page("/").await.contains(&format!("{requests} requests")), "each name is counted");

    let suggested = page("/aliases").await;
    assert!(suggested.contains("<strong>localhost</strong> is <strong>cruddur-backend</strong>"), "{suggested}");
    let post = async |path: &str, form: &'static str| {
        let request = client.post(clew.url(path)).header("content-type", "application/x-www-form-urlencoded").body(form);
        request.send().await.expect("an answer")
    };
    let saved = post("/aliases/save", "alias=localhost&service=cruddur-backend").await;
    assert_eq!((saved.status().as_u16(), saved.headers()["location"].to_str().ok()), (303, Some("/aliases")));
    assert_eq!(clew.json("/api/aliases").await, json!({"aliases": {"localhost": "cruddur-backend"}}));

    assert_eq!(services().await, ["cruddur-backend", "cruddur-timeline"]);
    assert!(page("/").await.contains(&format!("{requests} requests")), "each request is counted once");
    assert_eq!(counted("service:localhost").await, counted("service:cruddur-backend").await);
    let list = clew.json("/api/traces?q=service:cruddur-backend%20source:xray_udp").await;
    let row = &list["traces"][0];
    assert_eq!(row["root"]["service"], "cruddur-backend", "{row}");
    assert_eq!(row["services"][0]["name"], "cruddur-backend", "{row}");
    let own = page(&format!("/t/{}?alone=1", row["trace_id"].as_str().expect("an id"))).await;
    assert!(own.contains(">cruddur-backend<"), "its page has the name, too: {own}");
    let shown = page("/aliases").await;
    assert!(shown.contains("is shown as") && !shown.contains("They are one"), "nothing more is suggested: {shown}");

    let refused = post("/aliases/save", "alias=a&service=a").await;
    assert_eq!(refused.status(), 400);
    let put = client.put(clew.url("/api/aliases")).body(r#"{"aliases":{"a":"b"}}"#);
    assert_eq!(put.send().await.expect("an answer").json::<Value>().await.expect("JSON"), json!({"aliases": {"a": "b"}}));
    let foreign = client.put(clew.url("/api/aliases")).header("origin", "http://evil.example").body(r#"{"aliases":{}}"#);
    assert_eq!(foreign.send().await.expect("an answer").status(), 403, "another site may not write");
    assert_eq!(post("/aliases/remove", "alias=a").await.status(), 303);
    assert_eq!(services().await.len(), 3);
}

/// Pages of any size, counts, and searches that one of the systems answers.
async fn once_in_lists(clew: &Clew, requests: usize, traces: &[String]) {
    // drive.py asks both services once whether they are up, which only X-Ray records.
    let rows = requests + 2;
    for (order, limit) in [("time", 7), ("time", 1), ("duration", 7), ("time-asc", 13)] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = clew.json(&format!("/api/traces?limit={limit}&order={order}{cursor}")).await;
            seen.extend(page["traces"].as_array().expect("a list").iter().filter_map(|row| row["trace_id"].as_str().map(str::to_owned)));
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen.len(), rows, "by {order}, {limit} at a time");
        let seen: BTreeSet<String> = seen.into_iter().collect();
        assert!(seen.len() == rows && traces.iter().all(|id| seen.contains(id)), "by {order}, {limit} at a time");
    }
    let count = clew.json("/api/traces/count?buckets=4").await;
    assert_eq!((count["traces"].as_u64(), &count["exact"]), (Some(rows as u64), &json!(true)));
    let bars: u64 = count["histogram"].as_array().expect("bars").iter().filter_map(|bar| bar["traces"].as_u64()).sum();
    assert_eq!(bars, rows as u64);
    // What one system's spans alone match is listed by that one.
    for (source, rows) in [("source:xray_udp", rows), ("source:otlp_http", requests), ("source:*", rows)] {
        let list = clew.json(&format!("/api/traces?limit=1000&q={source}")).await;
        let count = clew.json(&format!("/api/traces/count?q={source}")).await;
        assert_eq!(list["traces"].as_array().map(Vec::len), Some(rows), "{source}");
        assert_eq!(count["traces"].as_u64(), Some(rows as u64), "{source}");
    }
    let html = reqwest::get(clew.url("/traces")).await.expect("an answer").text().await.expect("a page");
    assert!(html.contains("OTel + X-Ray") && html.contains(&format!("{rows} traces")), "the page says so");
}

/// Drives Cruddur over OTLP and returns what Clew stored of each request.
async fn drive(clew: &Clew, environment: &[(&str, &str)]) -> Vec<Request> {
    let drive = send(clew, environment).await;
    requests::stored(clew, &drive).await
}

/// Drives Cruddur until every SDK has flushed.
async fn send(clew: &Clew, environment: &[(&str, &str)]) -> Drive {
    let _turn = TURN.acquire().await.expect("never closed");
    let data = TempDir::new().expect("a temporary directory");
    let drive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients/cruddur/drive.py");
    let [backend, timeline] = free_ports();
    let mut command = Command::new(python());
    // Seed 33 of 40 requests has every kind of failure, and each of the stories below with and without its root.
    command.arg(drive).args(["--all", "--n", "40", "--seed", "33", "--spawn"]);
    command.env("CRUDDUR_TELEMETRY", "otel").env("OTEL_EXPORTER_OTLP_ENDPOINT", clew.otlp_http());
    command.env("CRUDDUR_PORT", backend.to_string()).env("CRUDDUR_TIMELINE_PORT", timeline.to_string());
    command.env("CRUDDUR_DB", data.path().join("cruddur.db")).env("CRUDDUR_STDERR", "0").env("NO_PROXY", "127.0.0.1");
    command.envs(environment.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("not cancelled").expect("python runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "drive.py: {said}\n{stderr}");
    Drive::parse(&said, stderr)
}

/// The interpreter with the SDKs of tests/clients/requirements.txt: `.venv` of the checkout, or `CLEW_TEST_PYTHON`.
pub fn python() -> PathBuf {
    let python = match std::env::var_os("CLEW_TEST_PYTHON") {
        Some(python) => PathBuf::from(python),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python"),
    };
    assert!(python.is_file(), "{} is not there: `make test` installs it", python.display());
    python
}

/// Flask cannot say which port it got, so the ports are found first. Both are held while the second is found.
fn free_ports() -> [u16; 2] {
    [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port")).map(|held| held.local_addr().expect("its address").port())
}

/// What a reader may see in a trace, each with a request that shows it.
fn stories(requests: &[Request]) -> Vec<(&'static str, &Request)> {
    let first = |what: &'static str, wanted: fn(&Request) -> bool| {
        (what, requests.iter().find(|request| wanted(request)).unwrap_or_else(|| panic!("no request is {what}")))
    };
    vec![
        first("two-services", |request| request.entry().name == "GET /api/activities/home" && !request.lacks_root()),
        first("n-plus-one", |request| request.selects() == 46),
        first("chained-exception", |request| request.entry().exceptions().any(|exception| exception.stack.contains("direct cause"))),
        first("uncaught-in-two-services", |request| request.entry().is_error() && request.spans.len() == 4),
        first("handled-exception", |request| request.entry().name == "POST /api/messages" && !request.entry().events.is_empty()),
        first("client-error-handled", |request| !request.entry().is_error() && request.spans.iter().any(|span| span.is_error())),
        first("missing-root", |request| request.lacks_root() && request.spans.len() == 5),
    ]
}

/// Opens a trace's page with scripts on and off, dark and light; where an exception was recorded, with that span open.
async fn look_at(clew: &Clew, name: &str, request: &Request) {
    let thrown = request.spans.iter().find_map(|span| Some((span, span.exceptions().next()?)));
    let span = thrown.as_ref().map(|(span, _)| format!("?span={}", span.span_id)).unwrap_or_default();
    let url = clew.url(&format!("/t/{}{span}", request.trace_id));
    for scripts in [Scripts::On, Scripts::Off] {
        let browser = Browser::start(scripts).await;
        browser.prefer(Theme::Light).await;
        browser.open(&url).await;
        if scripts == Scripts::On {
            browser.awake().await;
        }
        let page = browser.text("main").await;
        for span in &request.spans {
            assert!(page.contains(&span.service), "{name} with scripts {scripts:?}: no {} in {page}", span.service);
        }
        assert!(page.contains(&request.entry().name), "{name} with scripts {scripts:?}: no {} in {page}", request.entry().name);
        if let Some((_, exception)) = &thrown {
            let last = exception.stack.trim_end().lines().last().expect("a stack has lines");
            assert!(page.contains(exception.class) && page.contains(last), "{name} with scripts {scripts:?}: no {last} in {page}");
        }
        assert!(!request.lacks_root() || page.to_lowercase().contains("missing parent"), "{name}: the missing root is not shown in {page}");
        browser.assert_quiet_console().await;
        let suffix = if scripts == Scripts::On { "" } else { "-no-scripts" };
        browser.screenshot(&format!("cruddur-{name}{suffix}")).await;
        if scripts == Scripts::On {
            browser.prefer(Theme::Dark).await;
            // Colours may fade over.
            tokio::time::sleep(Duration::from_millis(300)).await;
            browser.screenshot(&format!("cruddur-{name}-dark")).await;
        }
    }
}

/// Opens a line's list: its link is dashed, says how it is known, and leads to the line's span in the waterfall with one click.
async fn look_at_line(clew: &Clew, line: &Value) {
    let browser = Browser::start(Scripts::On).await;
    let link = format!("[data-seq=\"{}\"] a.trace-link.inferred", line["seq"]);
    browser.open(&clew.url("/logs?group=cruddur&q=boom")).await;
    browser.awake().await;
    let title = browser.eval(&format!("return document.querySelector('{link}').title")).await;
    assert!(title.as_str().is_some_and(|title| title.contains("linked by time, method, path and status")), "{title}");
    let style = browser.eval(&format!("return getComputedStyle(document.querySelector('{link}')).borderBottomStyle")).await;
    assert_eq!(style, "dashed");
    browser.look("cruddur-text-line").await;
    browser.click(&link).await;
    browser.wait_for("the line's span to be open", "return document.querySelector('.w-row.open') !== null").await;
    let shown = browser.eval("return location.pathname + location.search").await;
    let (trace, span) = (line["trace_id"].as_str().expect("an id"), line["span_id"].as_str().expect("an id"));
    assert!(shown.as_str().is_some_and(|shown| shown.contains(trace) && shown.contains(span)), "{shown}");
    browser.awake().await;
    browser.wait_for("the line in the waterfall", "return document.querySelector('.w-line.inferred') !== null").await;
    browser.screenshot("cruddur-text-line-trace").await;
    browser.prefer(Theme::Dark).await;
    browser.resize(400, 800).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    browser.screenshot("cruddur-text-line-trace-dark-400").await;
    browser.assert_quiet_console().await;
}
