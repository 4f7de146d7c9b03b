//! The JSON API over log lines.

use super::{Bed, lines};
use model::log::Severity;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn lines_come_newest_first_page_by_page_in_one_world() {
    let bed = Bed::with(lines::many(250)).await;
    let mut path = "/api/logs?limit=100".to_owned();
    let mut seqs: Vec<u64> = Vec::new();
    let mut pages = 0;
    loop {
        let page = bed.json(&path).await;
        seqs.extend(page["logs"].as_array().unwrap().iter().map(|line| line["seq"].as_u64().unwrap()));
        pages += 1;
        // What arrives meanwhile does not shift the pages.
        bed.logs.push([lines::line(lines::now(), Severity::INFO, "later")]);
        match page["cursor"].as_str() {
            Some(cursor) => path = format!("/api/logs?limit=100&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!((pages, &seqs), (3, &(1..=250).rev().collect::<Vec<u64>>()));
    let oldest = bed.json("/api/logs?order=oldest&limit=1").await;
    assert_eq!(oldest["logs"][0]["seq"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_has_all_that_is_known_of_it() {
    let bed = Bed::with(lines::many(20)).await;
    let found = bed.json("/api/logs?q=sku").await;
    let line = &found["logs"][0];
    assert_eq!(found["logs"].as_array().unwrap().len(), 1, "{found}");
    let expected = json!({"level": "warn", "severity": 13, "severity_sent": 13, "group": "/shop/backend", "service": "checkout",
        "logger": "shop.cart", "environment": "test", "host": "web-1", "source": "cloudwatch_logs", "trace_id": lines::TRACE,
        "span_id": "0102030405060708", "how": "json", "attributes": {}});
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(line[key], *value, "{key} of {line}");
    }
    let at = line["at"].as_str().unwrap();
    assert!(line["time"].as_str().unwrap().ends_with('Z') && at.starts_with("/logs/line/"), "{line}");
    assert_eq!(bed.json(&format!("/api{at}")).await, *line);
    assert_eq!(bed.text(&format!("/api{at}?format=raw")).await, line["message"].as_str().unwrap());
    assert_eq!(bed.get("/api/logs/line/1.1").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(bed.get("/api/logs/line/x").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_facets_fields_and_patterns() {
    let bed = Bed::with(lines::many(100)).await;
    let count = bed.json("/api/logs/histogram?buckets=10&q=level:error").await;
    assert_eq!((&count["lines"], &count["levels"]["error"], &count["exact"]), (&json!(5), &json!(5), &json!(true)));
    let bars = count["histogram"].as_array().unwrap();
    assert_eq!(bars.iter().map(|bar| bar["lines"].as_u64().unwrap()).sum::<u64>(), 5);
    assert_eq!(bars.len(), 10);
    let facets = bed.json("/api/logs/facets?key=level&key=user.id").await;
    assert_eq!(facets["facets"][0]["values"][0], json!({"value": "info", "lines": 85}));
    assert_eq!(facets["facets"][1]["distinct"], 1, "{facets}");
    let fields = bed.json("/api/logs/fields").await;
    let names: Vec<&str> = fields["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"user.id") && names.contains(&"http.route"), "{names:?}");
    let patterns = bed.json("/api/logs/patterns?limit=1").await;
    assert_eq!(patterns["patterns"][0]["template"], "cart <*> updated in <*> ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_with_its_place() {
    let bed = Bed::with([]).await;
    for (path, position) in
        [("/api/logs?q=(a", true), ("/api/logs?q=a|nonsense", true), ("/api/logs?order=up", false), ("/api/logs?limit=0", false)]
    {
        let response = bed.get(path).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(answer["error"]["position"].is_u64(), position, "{path}: {answer}");
    }
    assert_eq!(bed.get("/api/logs/tail?q=a|limit+5").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_every_line() {
    let bed = Bed::with(lines::many(4500)).await;
    let ndjson = bed.text("/api/logs/export?last=1d").await;
    let seqs: Vec<u64> = ndjson.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=4500).rev().collect::<Vec<u64>>());
    let csv = bed.text("/api/logs/export?last=1d&format=csv&q=declined").await;
    // 225 stack traces of nine lines each, in quotes.
    assert_eq!(csv.matches("\r\n").count(), 1 + 225);
    assert!(csv.starts_with("time,level,") && csv.contains(",\"payment failed: card declined\nTraceback"), "{}", &csv[..400]);
}

/// The next event of a stream, without comments.
async fn event(response: &mut reqwest::Response, buffer: &mut String) -> String {
    loop {
        if let Some((event, rest)) = buffer.clone().split_once("\n\n") {
            *buffer = rest.to_owned();
            if !event.starts_with(':') {
                return event.to_owned();
            }
            continue;
        }
        let chunk = tokio::time::timeout(Duration::from_secs(20), response.chunk()).await.expect("an event in time").unwrap();
        buffer.push_str(std::str::from_utf8(&chunk.expect("the stream goes on")).unwrap());
    }
}

fn data(event: &str) -> Value {
    let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_else(|| panic!("no data: {event}"));
    serde_json::from_str(data).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_follows_and_resumes() {
    let bed = Bed::with(lines::many(10)).await;
    let say = |text: &str| bed.logs.push([lines::line(lines::now(), Severity::INFO, text)]);
    let mut buffer = String::new();
    let mut tail = bed.get("/api/logs/tail?q=hello&limit=2").await;
    assert_eq!(tail.headers()["content-type"], "text/event-stream");
    assert!(event(&mut tail, &mut buffer).await.contains("id: 10"));
    say("hello one");
    say("nobody asked");
    let first = event(&mut tail, &mut buffer).await;
    assert_eq!(data(&first)["lines"][0]["message"], "hello one");
    assert_eq!(data(&first)["skipped"], 0);
    let id = first.lines().find_map(|line| line.strip_prefix("id: ")).expect("an id").to_owned();
    drop(tail);
    // While nobody listened more arrived than one event holds: the newest are sent, the others counted.
    ["hello two", "hello three", "hello four"].into_iter().for_each(say);
    let request = bed.client.get(bed.url("/api/logs/tail?q=hello&limit=2")).header("last-event-id", id);
    let mut tail = request.send().await.unwrap();
    buffer.clear();
    event(&mut tail, &mut buffer).await;
    let rest = data(&event(&mut tail, &mut buffer).await);
    let messages: Vec<&str> = rest["lines"].as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!((messages, &rest["skipped"]), (vec!["hello three", "hello four"], &json!(1)));
    // A server that stops does not wait for its listeners.
    let began = std::time::Instant::now();
    bed.running.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn suggestions_fit_the_caret() {
    let bed = Bed::with(lines::many(40)).await;
    let labels = async |path: &str| -> Vec<String> {
        let answer = bed.json(path).await;
        answer["hints"].as_array().unwrap().iter().map(|hint| hint["label"].as_str().unwrap().to_owned()).collect()
    };
    assert!(labels("/api/logs/complete?q=us&at=2").await.contains(&"user.id".to_owned()));
    assert_eq!(labels("/api/logs/complete?q=service:p&at=9").await, ["proxy"]);
    assert!(labels("/api/logs/complete?q=x+|+sta&at=7").await.contains(&"stats".to_owned()));
    let wrong = bed.json("/api/logs/complete?q=(a&at=2").await;
    assert!(wrong["error"]["position"].is_u64(), "{wrong}");
}
