//! `kill -9` in the middle of a load run, at ten random moments: what was acknowledged is there, once, and the next start needs
//! no help.

mod errors;
mod lines;

use crate::harness::{Clew, signal};
use rand::Rng as _;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::task::JoinHandle;

const KILLS: usize = 10;
const SENDERS: u32 = 6;
/// Spans of every trace.
const SPANS: u32 = 7;
/// Traces of a request.
const TRACES: u32 = 5;

fn trace_id(trace: u32) -> String {
    format!("c1e0{trace:028x}")
}

/// A request of whole traces, in the past few minutes and now and then before midnight.
fn request(first: u32) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
    let spans = (first..first + TRACES).flat_map(|trace| {
        let back = if trace % 7 == 0 { 86_400 } else { u64::from(trace % 300) };
        let start = now - back * 1_000_000_000;
        (0..SPANS).map(move |span| {
            let mut value = json!({
                "traceId": trace_id(trace),
                "spanId": format!("{:016x}", u64::from(trace) << 8 | u64::from(span) | 1 << 60),
                "name": format!("step {span}"),
                "kind": 2,
                "startTimeUnixNano": (start + u64::from(span) * 1000).to_string(),
                "endTimeUnixNano": (start + u64::from(span) * 1000 + 500).to_string(),
                "attributes": [{"key": "trace.number", "value": {"intValue": trace.to_string()}}],
            });
            if span > 0 {
                value["parentSpanId"] = format!("{:016x}", u64::from(trace) << 8 | 1 << 60).into();
            }
            value
        })
    });
    let spans: Vec<Value> = spans.collect();
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "load"}}]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]})
}

/// Sends until the server is gone; returns the first trace of every acknowledged request.
async fn send(url: String, next: Arc<AtomicU32>) -> Vec<u32> {
    let client = reqwest::Client::new();
    let mut acknowledged = Vec::new();
    loop {
        let first = next.fetch_add(TRACES, Ordering::Relaxed);
        let answer = client.post(format!("{url}/v1/traces")).json(&request(first)).send().await;
        match answer {
            Ok(answer) if answer.status().is_success() => acknowledged.push(first),
            // Refused for load: not stored, so not counted.
            Ok(_) => {}
            Err(_) => return acknowledged,
        }
    }
}

/// Lets the senders send for a while, kills the program, and returns what was acknowledged to them.
async fn kill<T>(clew: &Clew, senders: Vec<JoinHandle<Vec<T>>>) -> Vec<T> {
    let after = rand::rng().random_range(200..2500);
    tokio::time::sleep(Duration::from_millis(after)).await;
    signal("KILL", &clew.pid().to_string());
    let mut acknowledged = Vec::new();
    for sender in senders {
        acknowledged.extend(sender.await.expect("a sender"));
    }
    eprintln!("killed after {after} ms: {} requests acknowledged", acknowledged.len());
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_doubled_by_ten_kills() {
    let data = TempDir::new().expect("a temporary directory");
    let next = Arc::new(AtomicU32::new(1));
    let mut acknowledged: Vec<u32> = Vec::new();
    for _ in 0..KILLS {
        let clew = Clew::start_in(data.path(), &[]);
        let senders = (0..SENDERS).map(|_| tokio::spawn(send(clew.otlp_http(), next.clone()))).collect();
        acknowledged.extend(kill(&clew, senders).await);
    }
    assert!(acknowledged.len() > KILLS, "there was load");

    let clew = Clew::start_in(data.path(), &[]);
    let mut listed: HashMap<String, u64> = HashMap::new();
    let mut cursor = String::new();
    loop {
        let page = clew.json(&format!("/api/traces?limit=500&start=1970-01-01&end=2200-01-01{cursor}")).await;
        for row in page["traces"].as_array().expect("traces") {
            let id = row["trace_id"].as_str().expect("an id").to_owned();
            let spans = row["spans"].as_u64().expect("a count");
            assert!(listed.insert(id.clone(), spans).is_none(), "{id} is listed twice");
        }
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    for first in &acknowledged {
        for trace in *first..first + TRACES {
            assert_eq!(listed.get(&trace_id(trace)), Some(&u64::from(SPANS)), "trace {trace} was acknowledged");
        }
    }
    // Also what was cut off before its answer is there whole or not at all.
    assert!(listed.values().all(|spans| *spans == u64::from(SPANS)));
    for first in acknowledged.iter().rev().take(40) {
        let trace = clew.json(&format!("/api/traces/{}", trace_id(*first))).await;
        let ids: HashSet<&str> = trace["spans"].as_array().expect("spans").iter().filter_map(|span| span["span_id"].as_str()).collect();
        assert_eq!(ids.len(), SPANS as usize);
    }
    let sources = clew.json("/api/sources").await;
    let row = sources["ledger"]
        .as_array()
        .and_then(|rows| rows.iter().find(|row| row["signal"] == "traces"))
        .expect("a row of the ledger")
        .clone();
    assert_eq!(row["stored"].as_u64(), Some(listed.values().sum()), "the ledger agrees: {row}");
    assert!(clew.stop().success());
}
