//! Lines that name no trace: which they are tied to when they are read, and how that is shown.

use crate::browser::{Browser, Scripts};
use crate::harness::Clew;
use model::time::{HOUR, Nanos, SECOND};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const MS: Nanos = SECOND / 1000;

/// A trace of this number.
fn trace(n: u64) -> String {
    format!("a{n:031x}")
}

/// What is sent: spans and lines around one moment.
struct Story {
    clew: Clew,
    at: Nanos,
}

impl Story {
    fn start() -> Story {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as Nanos;
        // Whole seconds, as CloudWatch has milliseconds.
        Story { clew: Clew::start(), at: now / SECOND * SECOND - 600 * SECOND }
    }

    /// The server span of trace `n`, number `n`, that ended `end` ms after the moment.
    async fn span(&self, n: u64, service: &str, start: Nanos, end: Nanos, attributes: &[(&str, Value)]) {
        let attributes: Vec<Value> = attributes
            .iter()
            .map(|(key, value)| match value {
                Value::String(text) => json!({"key": key, "value": {"stringValue": text}}),
                number => json!({"key": key, "value": {"intValue": number}}),
            })
            .collect();
        let span = json!({
            "traceId": trace(n), "spanId": format!("{n:016x}"), "name": "request", "kind": 2, "attributes": attributes,
            "startTimeUnixNano": (self.at + start * MS).to_string(), "endTimeUnixNano": (self.at + end * MS).to_string(),
        });
        let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": service}}]});
        let body = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]});
        let sent = reqwest::Client::new().post(format!("{}/v1/traces", self.clew.otlp_http())).json(&body).send().await;
        assert_eq!(sent.expect("clew answers").status(), 200);
    }

    /// A request for `path` as a span of current conventions tells of it.
    async fn get(&self, n: u64, end: Nanos, path: &str, status: u16) {
        let told = [
            ("http.request.method", json!("GET")),
            ("url.path", json!(path)),
            ("http.response.status_code", json!(status)),
            ("client.address", json!("10.0.0.1")),
        ];
        self.span(n, "shop", end - 50, end, &told).await;
    }

    async fn call(&self, action: &str, body: Value) {
        let request = reqwest::Client::new().post(self.clew.url("/")).header("x-amz-target", format!("Logs_20140328.{action}"));
        let sent = request.header("content-type", "application/x-amz-json-1.1").body(body.to_string()).send().await;
        let answer = sent.expect("clew answers");
        assert!(answer.status().is_success(), "{action}: {}", answer.text().await.unwrap_or_default());
    }

    /// Lines by ms after the moment, in a group.
    async fn log(&self, group: &str, lines: &[(Nanos, &str)]) {
        let stream = json!({"logGroupName": group, "logStreamName": "s"});
        self.call("CreateLogGroup", json!({"logGroupName": group})).await;
        self.call("CreateLogStream", stream).await;
        let events: Vec<Value> = lines.iter().map(|(ms, text)| json!({"timestamp": self.at / MS + ms, "message": text})).collect();
        self.call("PutLogEvents", json!({"logGroupName": group, "logStreamName": "s", "logEvents": events})).await;
    }

    /// `(how, trace, span)` of the lines of a group, oldest first; of those that fit several, `("possible", how many, "")`.
    async fn ties(&self, group: &str) -> Vec<(String, String, String)> {
        let found = self.clew.json(&format!("/api/logs?group={group}&order=oldest&last=1d")).await;
        found["logs"].as_array().expect("lines").iter().map(tie).collect()
    }
}

fn tie(line: &Value) -> (String, String, String) {
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    match line["possible_traces"].as_array().map_or(0, Vec::len) {
        0 => (text("how"), text("trace_id"), text("span_id")),
        n => ("possible".into(), n.to_string(), String::new()),
    }
}

fn none() -> (String, String, String) {
    Default::default()
}

fn to(how: &str, n: u64, span: bool) -> (String, String, String) {
    (how.into(), trace(n), if span { format!("{n:016x}") } else { String::new() })
}

fn possible(n: usize) -> (String, String, String) {
    ("possible".into(), n.to_string(), String::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_stands_alone_is_a_link_where_such_a_trace_is_stored() {
    let story = Story::start();
    story.get(1, 0, "/", 200).await;
    let (stored, unknown) = (trace(1), trace(2));
    let far = -2 * (HOUR / MS);
    story.log("bare", &[(far, &format!("job {stored}")), (0, &format!("job {stored}")), (10, &format!("etag {unknown}"))]).await;
    assert_eq!(story.ties("bare").await, [none(), to("bare", 1, false), none()]);
    // One line, its panel and an export say the same.
    let all = story.clew.json("/api/logs?group=bare&order=oldest&last=1d").await;
    let at = |nth: usize| all["logs"][nth]["at"].as_str().expect("an address").to_owned();
    assert_eq!(tie(&story.clew.json(&format!("/api{}", at(2))).await), none());
    let text = async |path: String| reqwest::get(story.clew.url(&path)).await.expect("an answer").text().await.expect("a text");
    assert!(text(format!("/api{}/panel", at(1))).await.contains("an id in the text that is a stored trace"));
    assert!(!text(format!("/api{}/panel", at(2))).await.contains("linked by"));
    let exported = text("/api/logs/export?group=bare&order=oldest&last=1d".into()).await;
    let exported: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(exported.iter().map(tie).collect::<Vec<_>>(), [none(), to("bare", 1, false), none()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_one_request_id_are_of_one_trace() {
    let story = Story::start();
    let [first, second, third, fourth] = [
        "8476a536-e9f4-11e8-9739-2dfe598c3fc1",
        "8476a536-e9f4-11e8-9739-2dfe598c3fc2",
        "8476a536-e9f4-11e8-9739-2dfe598c3fc3",
        "8476a536-e9f4-11e8-9739-2dfe598c3fc4",
    ];
    story.span(7, "fn", 0, 10, &[("faas.invocation_id", json!(second))]).await;
    story
        .log(
            "/aws/lambda/pay",
            &[
                (0, &format!("START RequestId: {first} Version: $LATEST")),
                (1, &format!("[INFO]\t2026-11-29T06:00:00.000Z\t{first}\tpaid")),
                (2, &format!(r#"{{"requestId":"{second}","msg":"its span has the id"}}"#)),
                (3, &format!(r#"{{"requestId":"{third}","msg":"nobody knows it"}}"#)),
                (
                    4,
                    &format!(
                        "REPORT RequestId: {first}\tDuration: 3 ms\tXRAY TraceId: 1-{}-{} SegmentId: {:016x}",
                        &trace(5)[..8],
                        &trace(5)[8..],
                        5
                    ),
                ),
                (5, &format!("RequestId: {fourth} trace_id={}", trace(8))),
                (6, &format!("RequestId: {fourth} trace_id={}", trace(9))),
                (7, &format!("RequestId: {fourth} of which?")),
            ],
        )
        .await;
    story.log("elsewhere", &[(0, &format!("RequestId: {first} of another group"))]).await;
    let expected = [
        to("request", 5, false),
        to("request", 5, false),
        to("request", 7, true),
        none(),
        to("xray", 5, true),
        to("key_value", 8, false),
        to("key_value", 9, false),
        possible(2),
    ];
    assert_eq!(story.ties("/aws/lambda/pay").await, expected);
    assert_eq!(story.ties("elsewhere").await, [none()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_line_is_of_the_one_server_span_it_fits() {
    let story = Story::start();
    story.get(1, 0, "/api/home", 200).await;
    story.get(2, 0, "/api/busy", 200).await;
    story.get(3, 700, "/api/busy", 200).await;
    story.get(4, 60_000, "/api/busy", 200).await;
    // Older conventions, their query with the path; and a request that took long.
    let old = [("http.method", json!("POST")), ("http.target", json!("/api/cart?n=1")), ("http.status_code", json!(500))];
    story.span(5, "cart", -30_000, 100, &old).await;
    // The same request as X-Ray's would be: another trace that the span names.
    let both = [
        ("http.request.method", json!("GET")),
        ("url.full", json!("http://shop/api/both?x=1")),
        ("http.response.status_code", json!(200)),
        ("aws.xray.trace_id", json!(trace(7))),
    ];
    story.span(6, "shop", -40, 0, &both).await;
    story.span(7, "localhost", -39, 1, &both[..3]).await;
    let lines = [
        (0, "10.0.0.1 - - [29/Nov/2026:06:00:00 +0000] \"GET /api/home?page=2 HTTP/1.1\" 200 5"),
        (1, "[2026-Nov-29 06:00] 10.0.0.1 GET http /api/home? 200 OK"),
        (2, "10.0.0.1 GET /api/home 404"),
        (3, "10.0.0.2 GET /api/home 200"),
        (4, "POST /api/home 200"),
        (5, "GET /api/busy 200"),
        (6, "POST /api/cart?n=1 500"),
        (7, r#"{"service":"shop","method":"POST","path":"/api/cart","status":500}"#),
        (8, "GET /api/both 200"),
        (1_001, "GET /api/home 200"),
        (60_900, "GET /api/busy 200"),
    ];
    story.log("access", &lines).await;
    let expected = [
        to("inferred", 1, true),
        to("inferred", 1, true),
        none(),
        none(),
        none(),
        possible(2),
        to("inferred", 5, true),
        none(),
        to("inferred", 6, true),
        none(),
        to("inferred", 4, true),
    ];
    assert_eq!(story.ties("access").await, expected);
    // What is inferred is never counted.
    let facets = story.clew.json("/api/logs/facets?group=access&key=trace_id&last=1d").await;
    assert_eq!(facets["facets"][0]["distinct"], 0, "{facets}");
    on_the_pages(&story).await;
}

/// The list says how a line is linked, and the trace has it, dashed and not counted.
async fn on_the_pages(story: &Story) {
    let browser = Browser::start(Scripts::On).await;
    let from = (story.at - 100 * SECOND) / SECOND;
    let list = format!("/logs?group=access&start={from}&end={}", from + 400);
    let began = Instant::now();
    loop {
        browser.open(&story.clew.url(&list)).await;
        // Under load a page comes without links rather than late.
        if browser.count("a.trace-link.inferred").await == 6 || began.elapsed() > Duration::from_secs(20) {
            break;
        }
    }
    browser.awake().await;
    browser.look("links").await;
    let label = "return [...document.querySelectorAll('a.trace-link.inferred')].map(a => a.title + a.innerText).join('|')";
    let labels = browser.eval(label).await.as_str().expect("labels").to_owned();
    assert_eq!(labels.matches("linked by time, method, path and status of one server span").count(), 5, "{labels}");
    assert_eq!(labels.matches("possible traces (2)").count(), 1, "{labels}");
    // Where several fit, the list has them.
    browser.click("a.trace-link[title^='Several']").await;
    browser.wait_for("the two traces", "return document.querySelectorAll('a[data-row][href^=\"/t/\"]').length === 2").await;
    browser.assert_quiet_console().await;

    let page = format!("/t/{}", trace(1));
    let html = reqwest::get(story.clew.url(&page)).await.expect("an answer").text().await.expect("a page");
    assert_eq!(html.matches("w-line inferred").count(), 2, "without scripts, too");
    browser.open(&story.clew.url(&page)).await;
    browser.awake().await;
    browser.wait_for("both lines", "return document.querySelectorAll('.w-line.inferred').length === 2").await;
    assert_eq!(browser.count(".w-lines").await, 0, "what is inferred is not counted");
    browser.screenshot("links-trace").await;
    browser.open(&story.clew.url(&format!("/t/{}?view=logs", trace(1)))).await;
    let tab = browser.text("#lines-tab").await;
    assert!(tab.contains("2 lines inferred"), "{tab}");
    browser.assert_quiet_console().await;
}
