//! What real SDKs sent, answered as they need it.

use super::{assert_in_dialect, captures};
use crate::wire_otlp::{Bed, answer};
use axum::http::{Method, Request};
use model::error::{LinkHow, WitnessFamily};
use serde_json::Value;

#[tokio::test]
async fn every_recorded_request_is_taken() {
    let bed = Bed::new();
    let (mut items, mut preflights) = (0, 0);
    for capture in captures() {
        let meta = capture.meta();
        let what = capture.path.display().to_string();
        let preflight = meta.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("access-control-request-headers"));
        let method = if preflight.is_some() { Method::OPTIONS } else { Method::POST };
        for router in [bed.pages(), bed.ingest()] {
            let mut request = Request::builder().method(&method).uri(&meta.path);
            for (name, value) in meta.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length")) {
                request = request.header(name, value);
            }
            let answer = answer(router, request.body(capture.body.clone().into()).unwrap()).await;
            if let Some((_, asked)) = preflight {
                assert!(answer.status.is_success(), "{what}");
                assert_eq!(answer.header("access-control-allow-headers"), asked, "{what}");
                assert_eq!(answer.header("access-control-allow-origin"), "*", "{what}");
                preflights += 1;
                continue;
            }
            let value = assert_in_dialect(&answer, &what);
            let sent: Value = serde_json::from_slice(&capture.body).unwrap();
            assert_eq!(value["err"], 0, "{what}");
            let uuid = sent["data"]["uuid"].as_str().expect("SDKs send one");
            assert_eq!(value["result"]["uuid"], uuid, "{what}");
            let witness = bed.store.take_errors().pop().expect("an error");
            let kept: Value = serde_json::from_str(&witness.data).unwrap();
            assert_eq!((witness.identity.as_str(), witness.family()), (uuid, WitnessFamily::Rollbar), "{what}");
            assert_eq!(kept["notifier"]["name"], sent["data"]["notifier"]["name"], "{what}");
            let keys = |value: &Value| value["body"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(&kept), keys(&sent["data"]), "{what}");
            assert!(!witness.data.contains("tok_live_123"), "{what}");
            if sent["data"]["custom"]["span_id"].is_string() {
                assert_eq!((witness.how, witness.traces.len()), (Some(LinkHow::Span), 2), "{what}");
            }
            items += 1;
        }
    }
    assert_eq!((items, preflights), (54, 6));
}
