//! Cruddur with all four SDKs: the right errors with the right occurrences, each throw once although up to four systems saw it, and each
//! with its traces and its log lines.

use super::requests::{BACKEND, Drive};
use super::send;
use crate::browser::{Browser, Scripts};
use crate::harness::Clew;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// An occurrence as the API has it, and its group.
struct Thrown {
    group: Value,
    whole: Value,
}

impl Thrown {
    fn text(&self, key: &str) -> &str {
        self.whole[key].as_str().unwrap_or_default()
    }

    fn families(&self) -> Vec<&str> {
        self.whole["families"].as_array().expect("a list").iter().filter_map(Value::as_str).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_throw_is_one_occurrence_with_its_traces_and_lines() {
    let clew = Clew::start();
    let (items, logs) = (clew.url("/api/1/"), clew.url(""));
    let all = [
        ("CRUDDUR_TELEMETRY", "otel,xray,rollbar,logs"),
        ("AWS_XRAY_DAEMON_ADDRESS", clew.xray()),
        ("ROLLBAR_ENDPOINT", &items),
        ("ROLLBAR_ACCESS_TOKEN", "0123456789abcdef0123456789abcdef"),
        ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", &logs),
        ("CRUDDUR_LOG_INTERVAL", "1"),
    ];
    let drive = send(&clew, &all).await;
    let thrown = settled(&clew).await;
    check(&clew, &drive, &thrown).await;
    look(&clew, &thrown).await;
}

/// Every occurrence, once nothing changes any more: datagrams have no answer that the SDK could have waited for.
async fn settled(clew: &Clew) -> Vec<Thrown> {
    let began = Instant::now();
    let mut before = Value::Null;
    loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let list = clew.json("/api/errors?status=all&limit=1000").await;
        if list["errors"] == before {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(40), "the errors settle");
        before = list["errors"].clone();
    }
    let mut thrown = Vec::new();
    for group in before.as_array().expect("groups") {
        let number = &group["number"];
        let rows = clew.json(&format!("/api/errors/{number}/occurrences?limit=1000")).await;
        let rows = rows["occurrences"].as_array().expect("rows").clone();
        assert_eq!(group["count"], rows.len(), "#{number} counts its occurrences: {group:#}");
        for row in rows {
            let whole = clew.json(&format!("/api/errors/{number}/occurrences/{}", row["seq"])).await;
            thrown.push(Thrown { group: group.clone(), whole });
        }
    }
    thrown
}

async fn check(clew: &Clew, drive: &Drive, thrown: &[Thrown]) {
    let kind = |name: &str| drive.kinds.get(name).copied().unwrap_or(0);
    let said: Vec<String> = thrown
        .iter()
        .map(|one| format!("#{} {} {:?} {}", one.group["number"], one.text("title"), one.families(), one.text("context")))
        .collect();
    let of = |class: &str, service: &str| {
        let fits = |one: &&Thrown| one.group["class"] == class && one.group["service"] == service;
        thrown.iter().filter(fits).count()
    };
    // Rollbar is told of each of these once, by the backend.
    let by_route = |context: &str| {
        thrown
            .iter()
            .filter(|one| one.text("context") == context && one.group["service"] == BACKEND && one.families().contains(&"rollbar"))
            .count()
    };
    assert_eq!(of("UserNotFound", BACKEND), kind("ghost"), "{said:#?}");
    assert_eq!(of("ConnectionError", BACKEND), kind("send-offline"), "{said:#?}");
    assert_eq!(by_route("/api/boom/<kind>"), kind("boom"), "{said:#?}");
    assert_eq!(by_route("/rollbar/test"), kind("rollbar-test"), "{said:#?}");

    // The kinds of boom are groups of their own, each one whatever its message: always different, caused by another, deep.
    let mut booms: BTreeMap<u64, Vec<&Thrown>> = BTreeMap::new();
    for one in thrown.iter().filter(|one| one.text("context") == "/api/boom/<kind>") {
        booms.entry(one.group["number"].as_u64().expect("a number")).or_default().push(one);
    }
    let paths = |ones: &[&Thrown]| {
        let mut urls: Vec<String> = ones
            .iter()
            .map(|one| rollbar(one)["request"]["url"].as_str().expect("a URL").rsplit('/').next().expect("a kind").to_owned())
            .collect();
        urls.sort();
        urls.dedup();
        urls
    };
    for (number, ones) in &booms {
        assert_eq!(paths(ones).len(), 1, "#{number} is of one kind: {said:#?}");
    }
    let kinds: std::collections::BTreeSet<String> = booms.values().flat_map(|ones| paths(ones)).collect();
    assert_eq!(kinds.len(), booms.len(), "each kind is one group: {said:#?}");

    for one in thrown.iter().filter(|one| one.families().contains(&"rollbar")) {
        assert_eq!(one.whole["how"], "span", "{}", one.text("title"));
        let traces: Vec<&str> = one.whole["traces"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        assert_eq!(traces.len(), 2, "{} has both its traces", one.text("title"));
        let custom = &rollbar(one)["custom"];
        assert_eq!(custom["trace_id"], traces[0]);
        for id in &traces {
            let trace = clew.json(&format!("/api/traces/{id}")).await;
            assert!(trace["spans"].as_array().is_some_and(|spans| !spans.is_empty()), "{id} is stored");
        }
        assert!(!one.whole.to_string().contains("tok_live_123"), "a local that is a secret is not stored");
    }
    // An exception that leaves the handler is seen by all three, a handled one by whoever was told.
    for one in thrown.iter().filter(|one| one.text("context") == "/api/boom/<kind>") {
        assert_eq!(one.families(), ["rollbar", "otel", "xray"], "{}", one.text("title"));
    }
    for number in booms.keys() {
        let page = reqwest::get(clew.url(&format!("/e/{number}"))).await.expect("an answer").text().await.expect("a page");
        assert!(page.contains("Log lines of this request") && page.contains("trace-of"), "#{number} has its request");
    }
}

/// What Rollbar's item says of it.
fn rollbar(one: &Thrown) -> &Value {
    let witnesses = one.whole["witnesses"].as_array().expect("a list");
    &witnesses.iter().find(|witness| witness["source"] == "rollbar").expect("Rollbar saw it")["data"]
}

async fn look(clew: &Clew, thrown: &[Thrown]) {
    let chained = thrown.iter().find(|one| one.text("title").contains("could not parse the feed cursor")).expect("it was thrown");
    let browser = Browser::start(Scripts::On).await;
    for (name, path) in [
        ("cruddur-errors", "/errors".to_owned()),
        ("cruddur-error", format!("/e/{}?compare=1", chained.group["number"])),
        ("cruddur-error-trace", format!("/t/{}", chained.whole["traces"][0].as_str().expect("an id"))),
    ] {
        browser.open(&clew.url(&path)).await;
        browser.awake().await;
        browser.look(name).await;
        browser.assert_quiet_console().await;
    }
    assert_eq!(browser.eval("return document.querySelectorAll('#trace[data-pins]').length").await, json!(1), "the trace has its pins");
}
