//! Lines of a small shop, as they would arrive: text, JSON, stack traces, colours, access logs.

use model::id::{SpanId, TraceId};
use model::log::{How, Line, Origin, Severity, TraceLink};
use model::time::{Nanos, SECOND};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The trace that some of the lines belong to.
pub const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

pub fn now() -> Nanos {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as Nanos
}

fn origin(group: &str, service: &str, logger: &str) -> Arc<Origin> {
    Arc::new(Origin {
        group: group.into(),
        stream: format!("web-1/gunicorn/{logger}/42").into(),
        service: service.into(),
        environment: "test".into(),
        host: "web-1".into(),
        logger: logger.into(),
        source: "cloudwatch_logs".into(),
        ..Origin::default()
    })
}

/// A line of the checkout service.
pub fn line(time: Nanos, severity: Severity, message: impl Into<String>) -> Line {
    Line {
        seq: 0,
        time,
        received_at: time,
        origin: origin("/shop/backend", "checkout", "shop.cart"),
        severity,
        severity_sent: severity,
        message: message.into(),
        attributes: String::new(),
        trace: None,
    }
}

/// The `n`-th of many lines, one a second, the last one now.
fn nth(n: u64, time: Nanos) -> Line {
    let link =
        |how| Some(TraceLink { trace_id: TRACE.parse::<TraceId>().unwrap(), span_id: SpanId::from_bytes(&[1, 2, 3, 4, 5, 6, 7, 8]), how });
    match n % 20 {
        3 => Line {
            trace: link(How::Json),
            ..line(
                time,
                Severity::WARN,
                format!(
                    r#"{{"level":"warning","msg":"stock is low","item":{{"sku":"A-{n}","left":{},"tags":["a","b"]}},"user":{{"id":{}}},"otelTraceID":"{TRACE}"}}"#,
                    n % 7,
                    n % 5
                ),
            )
        },
        7 => Line {
            origin: origin("/shop/proxy", "proxy", "werkzeug"),
            severity_sent: Severity::ERROR,
            trace: link(How::Inferred),
            ..line(time, Severity::INFO, format!("[2026-Nov-22 17:05] 127.0.0.{} GET http /api/carts/{n}? 200 OK", n % 9))
        },
        11 => line(
            time,
            Severity::ERROR,
            "payment failed: card declined\nTraceback (most recent call last):\n  File \"/app/pay.py\", line 12, in charge\n    gateway.charge(card)\n  File \"/app/gateway.py\", line 88, in charge\n    raise CardDeclined(code)\n  File \"/app/errors.py\", line 3, in __init__\n    super().__init__(code)\npay.CardDeclined: insufficient funds",
        ),
        15 => line(time, Severity::DEBUG, format!("\u{1b}[32mSELECT\u{1b}[0m * FROM carts WHERE id = {n} \u{1b}[2m(3.2 ms)\u{1b}[0m")),
        _ => Line {
            attributes: format!(r#"{{"http.route":"/api/carts","cart.items":{}}}"#, n % 4),
            ..line(time, Severity::INFO, format!("cart {n} updated in {} ms", n % 90))
        },
    }
}

/// So many lines up to now.
pub fn many(count: u64) -> Vec<Line> {
    let end = now();
    (0..count).map(|n| nth(n, end - (count - n) as Nanos * SECOND)).collect()
}
