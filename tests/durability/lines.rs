//! Lines over `PutLogEvents` and OTLP, and a reader beside them.

use super::{KILLS, kill};
use crate::harness::Clew;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

/// Lines of a request.
const LINES: u64 = 20;
/// 2026-11-22T00:00:00Z in milliseconds, which is when the first of all requests is from.
const START: u64 = 1_795_305_600_000;

/// How a sender sends.
#[derive(Clone, Copy)]
enum Way {
    PutLogEvents,
    Otlp,
}

fn message(batch: u64, n: u64) -> String {
    format!("batch={batch} n={n} of a request")
}

async fn action(client: &Client, url: &str, name: &str, body: &Value) -> reqwest::Result<StatusCode> {
    let request = client.post(url).header("x-amz-target", format!("Logs_20140328.{name}")).body(body.to_string());
    Ok(request.send().await?.status())
}

/// Sends until the server is gone; returns every acknowledged request.
async fn send(way: Way, aws: String, otlp: String, next: Arc<AtomicU64>) -> Vec<u64> {
    let client = Client::new();
    let mut acknowledged = Vec::new();
    loop {
        let batch = next.fetch_add(1, Ordering::Relaxed);
        let status = match way {
            Way::PutLogEvents => {
                let events: Vec<Value> = (0..LINES).map(|n| json!({"timestamp": START + batch, "message": message(batch, n)})).collect();
                let body = json!({"logGroupName": "load", "logStreamName": "s", "logEvents": events});
                action(&client, &aws, "PutLogEvents", &body).await
            }
            Way::Otlp => {
                let record =
                    |n| json!({"timeUnixNano": ((START + batch) * 1_000_000).to_string(), "body": {"stringValue": message(batch, n)}});
                let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "load-otlp"}}]});
                let records: Vec<Value> = (0..LINES).map(record).collect();
                let body = json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]});
                client.post(format!("{otlp}/v1/logs")).json(&body).send().await.map(|answer| answer.status())
            }
        };
        match status {
            Ok(status) if status.is_success() => acknowledged.push(batch),
            // Refused for load: not stored, so not counted.
            Ok(_) => {}
            Err(_) => return acknowledged,
        }
    }
}

/// Batch and number of each line of a page, as it has them.
fn numbers(page: &Value) -> Vec<(u64, u64)> {
    let lines = page["logs"].as_array().expect("lines");
    let number = |line: &Value| {
        let mut numbers = line["message"].as_str()?.split(' ').map(|part| part.split_once('=')?.1.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    };
    lines.iter().map(|line| number(line).expect("one of ours")).collect()
}

const ALL: &str = "/api/logs?limit=500&start=2026-11-01&end=2026-12-31";

/// Reads the newest lines again and again until the server is gone: each request is there whole, or not at all.
async fn read(url: String) -> u64 {
    let client = Client::new();
    let mut read = 0;
    loop {
        let Ok(answer) = client.get(format!("{url}{ALL}")).send().await else { return read };
        let Ok(text) = answer.text().await else { return read };
        let mut found = numbers(&serde_json::from_str(&text).expect("JSON"));
        // The page ends within a request.
        let last = found.last().map(|(batch, _)| *batch);
        found.retain(|(batch, _)| Some(*batch) != last);
        assert_whole(&found);
        read += found.len() as u64;
    }
}

/// Newest first: the lines of a request one after the other, the last one first.
fn assert_whole(found: &[(u64, u64)]) {
    for lines in found.chunk_by(|a, b| a.0 == b.0) {
        let numbers: Vec<u64> = lines.iter().map(|(_, n)| *n).collect();
        assert_eq!(numbers, (0..LINES).rev().collect::<Vec<_>>(), "request {}", lines[0].0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_line_is_lost_or_doubled_by_ten_kills_and_no_reader_sees_half_a_request() {
    let data = TempDir::new().expect("a temporary directory");
    let next = Arc::new(AtomicU64::new(0));
    let (mut acknowledged, mut seen) = (Vec::new(), 0);
    for _ in 0..KILLS {
        let clew = Clew::start_in(data.path(), &[]);
        let aws = clew.url("/");
        let client = Client::new();
        for (name, body) in [
            ("CreateLogGroup", json!({"logGroupName": "load"})),
            ("CreateLogStream", json!({"logGroupName": "load", "logStreamName": "s"})),
        ] {
            // It is there after the first start.
            action(&client, &aws, name, &body).await.expect("an answer");
        }
        let ways = [Way::PutLogEvents, Way::PutLogEvents, Way::Otlp, Way::Otlp];
        let senders = ways.map(|way| tokio::spawn(send(way, aws.clone(), clew.otlp_http(), next.clone()))).into();
        let reader = tokio::spawn(read(clew.url("")));
        acknowledged.extend(kill(&clew, senders).await);
        seen += reader.await.expect("the reader saw whole requests");
    }
    assert!(acknowledged.len() > KILLS && seen > 0, "there was load");

    let clew = Clew::start_in(data.path(), &[]);
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = clew.json(&format!("{ALL}{cursor}")).await;
        found.extend(numbers(&page));
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    // Also what was cut off before its answer is there whole or not at all.
    assert_whole(&found);
    let mut times: HashMap<u64, usize> = HashMap::new();
    found.iter().for_each(|(batch, _)| *times.entry(*batch).or_default() += 1);
    assert!(times.values().all(|lines| *lines as u64 == LINES), "none is there twice");
    let lost: HashSet<&u64> = acknowledged.iter().filter(|batch| !times.contains_key(batch)).collect();
    assert!(lost.is_empty(), "{lost:?} were acknowledged");
    let sources = clew.json("/api/sources").await;
    let rows = sources["ledger"].as_array().expect("rows of the ledger").iter().filter(|row| row["signal"] == "logs");
    assert_eq!(rows.filter_map(|row| row["stored"].as_u64()).sum::<u64>(), found.len() as u64, "the ledger agrees");
    // The groups are known, too.
    let groups = Client::new().post(clew.url("/")).header("x-amz-target", "Logs_20140328.DescribeLogGroups").body("{}").send().await;
    let groups: Value = serde_json::from_str(&groups.expect("an answer").text().await.expect("a body")).expect("JSON");
    let names: Vec<&str> =
        groups["logGroups"].as_array().expect("groups").iter().filter_map(|group| group["logGroupName"].as_str()).collect();
    assert_eq!(names, ["load", "load-otlp"]);
    assert!(clew.stop().success());
}
