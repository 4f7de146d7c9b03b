//! Items over Rollbar's API, and exceptions of spans beside them: some of the same throw, some alone.

use super::{KILLS, kill};
use crate::harness::Clew;
use reqwest::Client;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// Groups that the items are of.
const GROUPS: u64 = 12;

fn uuid(n: u64) -> String {
    format!("c1e00000-0000-4000-8000-{n:012x}")
}

fn trace(n: u64) -> String {
    format!("c1e0{n:028x}")
}

fn item(n: u64) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let frames = json!([{"filename": format!("/srv/app/step{}.py", n % GROUPS), "method": "run", "lineno": 3}]);
    json!({"data": {
        "uuid": uuid(n), "timestamp": now, "environment": "test", "code_version": "1", "custom": {"trace_id": trace(n), "span_id": format!("{:016x}", n + 1)},
        "person": {"id": (n % 50).to_string()},
        "body": {"trace": {"frames": frames, "exception": {"class": format!("Broken{}", n % GROUPS), "message": format!("attempt {n} failed")}}},
    }})
}

/// The span in which the same was thrown.
fn span(n: u64) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
    let text = |key: &str, value: String| json!({"key": key, "value": {"stringValue": value}});
    let event = json!({"timeUnixNano": now.to_string(), "name": "exception", "attributes": [
        text("exception.type", format!("Broken{}", n % GROUPS)), text("exception.message", format!("attempt {n} failed"))]});
    let span = json!({"traceId": trace(n), "spanId": format!("{:016x}", n + 1), "name": "run", "kind": 2, "status": {"code": 2},
        "startTimeUnixNano": now.to_string(), "endTimeUnixNano": (now + 1000).to_string(), "events": [event]});
    json!({"resourceSpans": [{"resource": {"attributes": [text("service.name", "load".into())]}, "scopeSpans": [{"spans": [span]}]}]})
}

/// Sends until the server is gone; every acknowledged item, and whether a span was to go with it.
async fn send(items: String, spans: String, next: Arc<AtomicU64>) -> Vec<u64> {
    let client = Client::new();
    let mut acknowledged = Vec::new();
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n.is_multiple_of(3) && client.post(format!("{spans}/v1/traces")).json(&span(n)).send().await.is_err() {
            return acknowledged;
        }
        let request = client.post(format!("{items}/api/1/item/")).header("x-rollbar-access-token", "t").json(&item(n));
        match request.send().await {
            Ok(answer) if answer.status() == 200 => acknowledged.push(n),
            Ok(answer) => panic!("items are never refused for load: {}", answer.status()),
            Err(_) => return acknowledged,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_item_is_lost_or_counted_twice_by_ten_kills() {
    let data = TempDir::new().expect("a temporary directory");
    let next = Arc::new(AtomicU64::new(0));
    let mut acknowledged: Vec<u64> = Vec::new();
    for _ in 0..KILLS {
        let clew = Clew::start_in(data.path(), &[]);
        let senders = (0..6).map(|_| tokio::spawn(send(clew.url(""), clew.otlp_http(), next.clone()))).collect();
        acknowledged.extend(kill(&clew, senders).await);
    }
    assert!(acknowledged.len() > KILLS, "there was load");

    let clew = Clew::start_in(data.path(), &[]);
    // What was not digested at the last kill is by the time that the next item is.
    let last = next.fetch_add(1, Ordering::Relaxed);
    let request = Client::new().post(clew.url("/api/1/item/")).header("x-rollbar-access-token", "t").json(&item(last));
    assert_eq!(request.send().await.expect("an answer").status(), 200);
    acknowledged.push(last);
    let began = Instant::now();
    while reqwest::get(clew.url(&format!("/e/uuid/{}", uuid(last)))).await.expect("an answer").status() != 200 {
        assert!(began.elapsed() < Duration::from_secs(30), "the last item is digested");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let list = clew.json("/api/errors?status=all&limit=1000").await;
    let groups = list["errors"].as_array().expect("groups");
    // What the span alone said may be a group until both are known to be one.
    let of_rollbar = groups.iter().filter(|group| group["families"].as_array().is_some_and(|all| all.contains(&json!("rollbar"))));
    assert_eq!(of_rollbar.count() as u64, GROUPS, "each class is one group: {groups:?}");
    let mut seen: HashMap<String, u64> = HashMap::new();
    for group in groups {
        let number = &group["number"];
        let (mut rows, mut before) = (Vec::new(), String::new());
        loop {
            let page = clew.json(&format!("/api/errors/{number}/occurrences?limit=1000{before}")).await;
            rows.extend(page["occurrences"].as_array().expect("rows").clone());
            match page["before"].as_u64() {
                Some(seq) => before = format!("&before={seq}"),
                None => break,
            }
        }
        assert_eq!(group["count"].as_u64(), Some(rows.len() as u64), "#{number} counts its occurrences");
        for row in rows {
            let id = row["traces"][0].as_str().expect("each names a trace").to_owned();
            *seen.entry(id).or_default() += 1;
        }
    }
    for n in &acknowledged {
        assert_eq!(seen.get(&trace(*n)), Some(&1), "item {n} was acknowledged");
    }
    let twice: HashSet<_> = seen.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "each throw counts once, whoever saw it: {twice:?}");
    assert!(clew.stop().success());
}
