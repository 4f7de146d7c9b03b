//! X-Ray on the trace page, in a real browser, with scripts and without: what its documents say is where a reader looks for it.

use crate::browser::{Browser, Scripts, Theme};
use crate::harness::Clew;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// The segment, and the subsegment that the exception was caught in first.
const SEGMENT: &str = "00000000000000a1";
const THROWER: &str = "00000000000000a2";

/// An X-Ray trace id of now.
fn trace_id(n: u32) -> String {
    format!("1-{:08x}-{n:024x}", now() as u64)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

/// As links have it.
fn hex(trace_id: &str) -> String {
    trace_id[2..].replace('-', "")
}

async fn put(clew: &Clew, documents: &[Value]) {
    let documents: Vec<String> = documents.iter().map(Value::to_string).collect();
    let answer = reqwest::Client::new().post(clew.url("/TraceSegments")).json(&json!({ "TraceSegmentDocuments": documents })).send().await;
    let answer: Value = answer.expect("an answer").json().await.expect("JSON");
    assert_eq!(answer["UnprocessedTraceSegments"], json!([]));
}

/// A request with every block: 120 like statements streamed before their segment, a table of DynamoDB, and an exception that the segment
/// has no more of than its id.
fn streamed(trace_id: &str) -> Vec<Value> {
    let start = now() - 60.0;
    let own = |n: u64, name: &str, at: f64| {
        json!({"id": format!("{n:016x}"), "trace_id": trace_id, "parent_id": SEGMENT, "type": "subsegment", "name": name,
            "start_time": start + at, "end_time": start + at + 0.004, "namespace": "remote"})
    };
    let statement = |n: u32| {
        let mut document = own(0xb000 + u64::from(n), "orders_db", 0.01 + f64::from(n) * 0.005);
        document["sql"] = json!({"url": "postgresql://reader@db:5432/orders", "database_type": "PostgreSQL", "user": "reader",
            "sanitized_query": "SELECT total FROM orders WHERE id = ?"});
        document
    };
    let mut documents: Vec<Value> = (0..120).map(statement).collect();
    let mut thrower = own(0xa2, "charge", 0.7);
    thrower["namespace"] = json!("local");
    thrower["fault"] = json!(true);
    thrower["cause"] = json!({"working_directory": "/srv", "exceptions": [
        {"id": "00000000000000e1", "type": "PaymentError", "message": "card declined", "cause": "00000000000000e2",
            "stack": [{"path": "/srv/app.py", "line": 12, "label": "charge"}]},
        {"id": "00000000000000e2", "type": "TimeoutError", "message": "bank is slow", "stack": []}]});
    let mut table = own(0xa3, "DynamoDB", 0.71);
    table["namespace"] = json!("aws");
    table["aws"] = json!({"operation": "PutItem", "table_name": "carts", "request_id": "REQ123", "retries": 2, "region": "eu-west-1"});
    let segment = json!({"id": SEGMENT, "trace_id": trace_id, "name": "backend-flask", "start_time": start, "end_time": start + 0.8,
        "fault": true, "cause": "00000000000000e1",
        "http": {"request": {"method": "GET", "url": "http://shop/api/orders", "client_ip": "10.1.2.3", "user_agent": "curl/8"},
            "response": {"status": 500, "content_length": 17}},
        "annotations": {"tenant": "acme"}, "metadata": {"cart": {"items": [1, 2], "note": "gift"}}});
    documents.extend([thrower, table, segment]);
    documents
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_causes_and_inferred_services_are_shown() {
    let clew = Clew::start();
    let id = trace_id(1);
    put(&clew, &streamed(&id)).await;
    let url = |query: &str| clew.url(&format!("/t/{}{query}", hex(&id)));
    for scripts in [Scripts::On, Scripts::Off] {
        let browser = Browser::start(scripts).await;
        browser.open(&url(&format!("?span={SEGMENT}"))).await;
        settle(&browser, scripts).await;
        let rows = browser.text("#view").await;
        assert!(rows.contains("×120") && rows.contains("orders_db") && rows.contains("backend-flask"), "{scripts:?}: {rows}");
        assert!(rows.contains("Database::SQL") && rows.contains("carts"), "{scripts:?}: what is inferred is marked: {rows}");
        assert!(browser.count(".w-row .badge.inferred").await >= 2 && browser.count(".t-service.inferred").await == 2, "{scripts:?}");

        let panel = browser.text("#detail").await;
        for part in
            ["PaymentError", "card declined", "charge(/srv/app.py: 12)", "Caused by TimeoutError", "bank is slow", "Recorded by charge"]
        {
            assert!(panel.contains(part), "{scripts:?}: no {part} in {panel}");
        }
        let sections = browser.eval("return [...document.querySelectorAll('#detail .d-group > summary')].map(e => e.textContent)").await;
        let sections: Vec<&str> = sections.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        assert_eq!(sections, ["HTTP 7", "Annotations 1", "Metadata 1", "X-Ray 2", "Resource 1"], "{scripts:?}");
        assert!(panel.contains("\"note\": \"gift\"") && panel.contains("10.1.2.3"), "{panel}");

        browser.click("#detail .d-elsewhere a").await;
        browser.wait_for("the span that was the first to see it", &format!("return location.search.includes('{THROWER}')")).await;
        browser.wait_for("its panel", "return document.querySelector('#detail h2').textContent.includes('charge')").await;
        assert_eq!(browser.count("#detail .d-elsewhere").await, 0, "the exception is its own");

        browser.open(&url("?span=00000000000000a3")).await;
        settle(&browser, scripts).await;
        let panel = browser.text("#detail").await;
        for part in ["AWS::DynamoDB::Table, inferred", "PutItem", "REQ123", "eu-west-1"] {
            assert!(panel.contains(part), "{scripts:?}: no {part} in {panel}");
        }
        browser.click("#detail [data-raw=raw]").await;
        browser.wait_for("the raw document", "return document.querySelector('#detail .d-raw') !== null").await;
        let raw = browser.text("#detail .d-raw").await;
        assert!(raw.contains("\"table_name\": \"carts\"") && raw.contains("\"retries\": 2"), "{scripts:?}: {raw}");
        assert!(browser.eval("return location.search.includes('panel=raw')").await == json!(true));
        browser.assert_quiet_console().await;
        for (width, theme, name) in [(1400, Theme::Light, "wide"), (400, Theme::Dark, "narrow")] {
            browser.resize(width, 900).await;
            browser.prefer(theme).await;
            browser.assert_no_sideways_scroll().await;
            let suffix = if scripts == Scripts::On { "" } else { "-no-scripts" };
            browser.screenshot(&format!("xray-raw-{name}{suffix}")).await;
            browser.open(&url(&format!("?span={SEGMENT}"))).await;
            settle(&browser, scripts).await;
            browser.assert_no_sideways_scroll().await;
            browser.screenshot(&format!("xray-blocks-{name}{suffix}")).await;
        }
    }
}

/// A segment in progress whose caller never arrived.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_progress_or_missing_says_so() {
    let clew = Clew::start();
    let id = trace_id(2);
    let open = json!({"id": SEGMENT, "trace_id": id, "parent_id": "00000000000000ff", "name": "worker", "start_time": now() - 1.0, "in_progress": true});
    put(&clew, &[open]).await;
    for scripts in [Scripts::On, Scripts::Off] {
        let browser = Browser::start(scripts).await;
        browser.open(&clew.url(&format!("/t/{}?span={SEGMENT}", hex(&id)))).await;
        settle(&browser, scripts).await;
        let rows = browser.text("#view").await;
        assert!(rows.contains("in progress") && rows.contains("missing parent 00000000000000ff"), "{scripts:?}: {rows}");
        assert_eq!(browser.text(".w-row.open .w-time").await, "", "{scripts:?}: it has no length yet");
        let page = browser.text("main").await;
        assert!(
            page.contains("1 segment in progress") && page.contains("its end has not arrived yet") && page.contains("not known yet"),
            "{scripts:?}: {page}"
        );
        browser.assert_quiet_console().await;
        browser.screenshot(&format!("xray-in-progress{}", if scripts == Scripts::On { "" } else { "-no-scripts" })).await;
    }
}

/// Two systems, two traces, one request, and a span id that both use.
#[tokio::test(flavor = "multi_thread")]
async fn a_switch_chooses_between_the_trees_of_two_systems() {
    let clew = Clew::start();
    let (id, otel) = (trace_id(3), "4bf92f3577b34da6a3ce929d0e0e4736");
    let start = now() - 60.0;
    let call =
        json!({"id": THROWER, "name": "api.bank.example", "namespace": "remote", "start_time": start + 0.1, "end_time": start + 0.2});
    put(
        &clew,
        &[json!({"id": SEGMENT, "trace_id": id, "name": "backend-xray", "start_time": start, "end_time": start + 0.5,
            "annotations": {"otel_trace_id": otel}, "subsegments": [call]})],
    )
    .await;
    let nanos = |at: f64| ((at * 1e6) as u64 * 1000).to_string();
    let span = json!({"traceId": otel, "spanId": SEGMENT, "name": "GET /pay", "kind": 2, "startTimeUnixNano": nanos(start), "endTimeUnixNano": nanos(start + 0.5)});
    let service = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "backend-otel"}}]});
    let body = json!({"resourceSpans": [{"resource": service, "scopeSpans": [{"spans": [span]}]}]});
    let sent = reqwest::Client::new().post(format!("{}/v1/traces", clew.otlp_http())).json(&body).send().await.expect("an answer");
    assert!(sent.status().is_success());

    for scripts in [Scripts::On, Scripts::Off] {
        let browser = Browser::start(scripts).await;
        browser.open(&clew.url(&format!("/t/{otel}"))).await;
        settle(&browser, scripts).await;
        let badges = browser.eval("return [...document.querySelectorAll('.w-row .badge.system')].map(e => e.textContent).sort()").await;
        assert_eq!(badges, json!(["OpenTelemetry", "X-Ray"]), "{scripts:?}: the head of each tree says whose it is");
        browser.screenshot(&format!("xray-switch{}", if scripts == Scripts::On { "" } else { "-no-scripts" })).await;
        for (system, service, other) in [("xray", "backend-xray", "backend-otel"), ("otel", "backend-otel", "backend-xray")] {
            browser.click(&format!(".t-systems nav a[href*='system={system}']")).await;
            browser.wait_for("the page of one system", &format!("return location.search.includes('system={system}')")).await;
            settle(&browser, scripts).await;
            let rows = browser.text("#view").await;
            assert!(rows.contains(service) && !rows.contains(other), "{scripts:?}: {rows}");
        }
        browser.click(".t-systems nav a:first-child").await;
        browser.wait_for("both again", "return !location.search.includes('system=')").await;
        settle(&browser, scripts).await;
        assert!(browser.text("#view").await.contains("backend-xray"), "{scripts:?}");

        for (family, service) in [("xray", "backend-xray"), ("otel", "backend-otel")] {
            browser.open(&clew.url(&format!("/t/{otel}?span={SEGMENT}.{family}"))).await;
            settle(&browser, scripts).await;
            assert!(browser.text("#detail h2").await.contains(service), "{scripts:?}: the address says whose span is meant");
            assert_eq!(browser.count(".w-row.open").await, 1, "{scripts:?}");
        }
        // Scripts ask for a panel by the same address.
        browser.click(".w-row:not(.open) .w-link").await;
        browser.wait_for("another panel", "return !document.querySelector('#detail h2').textContent.includes('backend-otel')").await;
        browser.open(&clew.url(&format!("/t/{otel}?span={SEGMENT}"))).await;
        settle(&browser, scripts).await;
        assert_eq!(browser.count("#detail h2").await, 1, "{scripts:?}: a link of old opens the first of the two");
        browser.assert_quiet_console().await;
    }
}

/// Until what the page shows is drawn by whoever draws it.
async fn settle(browser: &Browser, scripts: Scripts) {
    if scripts == Scripts::On {
        browser.awake().await;
        browser.wait_for("the waterfall to be live", "return document.querySelector('#trace[data-alive]') !== null").await;
    }
}
