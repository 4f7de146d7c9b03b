//! What real SDKs sent, answered as AWS answers.

use super::{assert_in_dialect, captures, error_of, read};
use crate::wire_otlp::{Answer, Bed, answer};
use crate::wire_xray::Capture;
use axum::http::Request;
use serde_json::json;

async fn replay(bed: &Bed, capture: &Capture) -> Answer {
    let meta = capture.meta();
    let mut request = Request::post(&meta.path);
    for (name, value) in meta.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length")) {
        request = request.header(name, value);
    }
    answer(bed.pages(), request.body(capture.body.clone().into()).unwrap()).await
}

fn action(capture: &Capture) -> String {
    let target = capture.meta().headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amz-target"));
    target.map_or_else(|| "GetCallerIdentity".to_owned(), |(_, target)| target.rsplit('.').next().unwrap().to_owned())
}

/// Each run of a client in a store of its own. What the recording server could do, Clew can; it could do less.
#[tokio::test]
async fn every_recorded_request_is_answered() {
    let (mut bed, mut run) = (Bed::new(), String::new());
    for capture in captures() {
        let meta = capture.meta();
        if run != meta.run {
            (bed, run) = (Bed::new(), meta.run.clone());
        }
        let (answer, action) = (replay(&bed, &capture).await, action(&capture));
        let what = format!("{} {action}", capture.path.display());
        if action == "GetCallerIdentity" {
            assert!(answer.status == 200 && String::from_utf8_lossy(&answer.body).contains("<Account>000000000000</Account>"), "{what}");
            continue;
        }
        assert_in_dialect(&answer, &what);
        let error = if answer.status == 200 { String::new() } else { error_of(&answer).0 };
        let was: serde_json::Value = serde_json::from_str(meta.reply["body"].as_str().unwrap()).unwrap_or_default();
        match &action[..] {
            "PutMetricFilter" | "PutSubscriptionFilter" => assert_eq!(error, "UnknownOperationException", "{what}"),
            // The queries they ask for were never started.
            "GetQueryResults" | "StopQuery" => assert_eq!(error, "ResourceNotFoundException", "{what}"),
            "GetLogRecord" => assert_eq!(error, "InvalidParameterException", "{what}"),
            "StartQuery" => assert!(error.is_empty() || error == "MalformedQueryException", "{what}: {error}"),
            _ if was["__type"] == "UnknownOperationException" => assert_eq!(error, "", "{what}"),
            _ => assert_eq!(error, was["__type"].as_str().unwrap_or_default(), "{what}"),
        }
        match &capture.path.file_name().unwrap().to_string_lossy()[..3] {
            "040" | "041" => {
                let group = &read(&answer)["logGroups"][0];
                assert_eq!(group["arn"], "arn:aws:logs:us-east-1:000000000000:log-group:g1:*");
                assert_eq!((&group["logGroupName"], &group["retentionInDays"]), (&json!("g1"), &json!(14)));
                assert!(group["creationTime"].is_i64() && group["storedBytes"] == 0, "{group}");
            }
            "043" => assert_eq!(read(&answer)["nextSequenceToken"].as_str().map(str::len), Some(56)),
            "045" => assert_eq!(read(&answer)["logStreams"][0]["lastEventTimestamp"], 1_795_352_808_765_i64),
            "046" => assert_eq!(read(&answer)["events"].as_array().unwrap().len(), 2),
            "047" => assert_eq!(read(&answer)["events"][0]["message"], "plain text ERROR one"),
            "048" => assert_eq!(read(&answer)["events"][0]["timestamp"], 1_795_352_808_765_i64),
            "056" => assert_eq!(read(&answer)["tags"], json!({"team": "x", "a": "b"})),
            "059" => assert_eq!(read(&answer)["matches"][0]["eventNumber"], 1),
            _ => (),
        }
    }
}
