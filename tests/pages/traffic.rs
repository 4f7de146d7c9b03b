//! A little traffic for the pages to show: a shop with a payment service, some of its checkouts failing.

use crate::harness::Clew;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What was sent.
pub struct Sent {
    /// A trace with a failed payment.
    pub failed: String,
}

impl Sent {
    pub const TRACES: usize = 30;
    /// Of these, traces with an error.
    pub const FAILED: usize = 3;
}

/// Sends it over OTLP/HTTP as JSON; returns when it can be found.
pub async fn send(clew: &Clew) -> Sent {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let traces: Vec<Vec<Value>> = (0..Sent::TRACES).map(|n| checkout(n, now - Duration::from_secs(20 * n as u64 + 5))).collect();
    let (shop, payment) = traces.iter().flatten().cloned().partition::<Vec<Value>, _>(|span| span["name"] != "charge");
    let body = json!({ "resourceSpans": [resource("shop", shop), resource("payment", payment)] });
    let response = reqwest::Client::new().post(format!("{}/v1/traces", clew.otlp_http())).json(&body).send().await.expect("clew answers");
    assert_eq!(response.status(), 200);
    let failed = (0..Sent::TRACES).find(|n| fails(*n)).expect("one fails");
    Sent { failed: trace_id(failed) }
}

fn fails(n: usize) -> bool {
    n % 10 == 4
}

fn trace_id(n: usize) -> String {
    format!("{:032x}", 0x00c0_ffee_0000_u64 + n as u64)
}

fn resource(service: &str, spans: Vec<Value>) -> Value {
    let attributes = json!([
        { "key": "service.name", "value": { "stringValue": service } },
        { "key": "deployment.environment.name", "value": { "stringValue": "test" } },
    ]);
    json!({ "resource": { "attributes": attributes }, "scopeSpans": [{ "scope": { "name": "traffic" }, "spans": spans }] })
}

/// `POST /checkout` -> `POST` -> `charge` in the payment service, and a `SELECT`.
fn checkout(n: usize, at: Duration) -> Vec<Value> {
    let span = |id: u64, parent: u64, name: &str, kind: u8, from_ms: u64, for_ms: u64| {
        let start = at + Duration::from_millis(from_ms);
        let mut span = json!({
            "traceId": trace_id(n), "spanId": format!("{:016x}", (n as u64 + 1) * 100 + id), "name": name, "kind": kind,
            "startTimeUnixNano": start.as_nanos().to_string(), "endTimeUnixNano": (start + Duration::from_millis(for_ms)).as_nanos().to_string(),
            "attributes": [{ "key": "http.route", "value": { "stringValue": "/checkout" } }, { "key": "cart.items", "value": { "intValue": n.to_string() } }],
        });
        if parent > 0 {
            span["parentSpanId"] = json!(format!("{:016x}", (n as u64 + 1) * 100 + parent));
        }
        span
    };
    let mut charge = span(4, 3, "charge", 2, 60, 100 + 3 * n as u64);
    if fails(n) {
        charge["status"] = json!({ "code": 2, "message": "card declined" });
        let stack = "Traceback (most recent call last):\n  File \"payment.py\", line 12, in charge\nCardDeclined: insufficient funds";
        charge["events"] = json!([{
            "timeUnixNano": (at + Duration::from_millis(100)).as_nanos().to_string(), "name": "exception",
            "attributes": [
                { "key": "exception.type", "value": { "stringValue": "CardDeclined" } },
                { "key": "exception.message", "value": { "stringValue": "insufficient funds" } },
                { "key": "exception.stacktrace", "value": { "stringValue": stack } },
            ],
        }]);
    }
    vec![
        span(1, 0, "POST /checkout", 2, 0, 200 + 4 * n as u64),
        span(2, 1, "SELECT carts", 3, 10, 30),
        span(3, 1, "POST", 3, 50, 120 + 3 * n as u64),
        charge,
    ]
}
