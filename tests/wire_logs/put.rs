//! Sending lines, and what senders ask before.

use super::{call, done, error_of, put, refused, with_stream};
use crate::wire_otlp::{Bed, answer, post};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use server::auth::Keys;
use server::store::Refused;
use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// WatchTower's order of calls.
#[tokio::test]
async fn a_sender_learns_what_it_must_make() {
    let bed = Bed::new();
    let lines = json!({"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "a"}]});
    let kind = |kind: &str, message: &str| (kind.to_owned(), message.to_owned());
    let missing = |what: &str| kind("ResourceNotFoundException", &format!("The specified log {what} does not exist."));
    let exists = |what: &str| kind("ResourceAlreadyExistsException", &format!("The specified log {what} already exists"));
    assert_eq!(refused(&bed, "PutLogEvents", lines.clone()).await, missing("group"));
    let (group, stream) = (json!({"logGroupName": "g"}), json!({"logGroupName": "g", "logStreamName": "s"}));
    assert_eq!(refused(&bed, "CreateLogStream", stream.clone()).await, missing("group"));
    assert_eq!(done(&bed, "CreateLogGroup", group.clone()).await, Value::Null);
    assert_eq!(refused(&bed, "CreateLogGroup", group.clone()).await, exists("group"));
    assert_eq!(refused(&bed, "PutLogEvents", lines.clone()).await, missing("stream"));
    assert_eq!(done(&bed, "CreateLogStream", stream.clone()).await, Value::Null);
    assert_eq!(refused(&bed, "CreateLogStream", stream.clone()).await, exists("stream"));
    // winston-cloudwatch asks until it sees it.
    assert_eq!(done(&bed, "DescribeLogStreams", group.clone()).await["logStreams"][0]["logStreamName"], "s");
    let answer = done(&bed, "PutLogEvents", lines).await;
    assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), ["nextSequenceToken"], "WatchTower warns of anything else");
    assert!(bed.store.take_rejected().is_empty(), "that a group or stream is missing is no fault");
    done(&bed, "DeleteLogStream", stream.clone()).await;
    assert_eq!(refused(&bed, "DeleteLogStream", stream).await, missing("stream"));
    done(&bed, "DeleteLogGroup", group.clone()).await;
    assert_eq!(refused(&bed, "DeleteLogGroup", group).await, missing("group"));
}

#[tokio::test]
async fn lines_older_than_their_group_keeps_are_named() {
    let bed = with_stream().await;
    done(&bed, "PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 1})).await;
    let (kind, message) = refused(&bed, "PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 2})).await;
    assert!(kind == "InvalidParameterException" && message.contains("'retentionInDays'"), "{kind} {message}");
    let now = now_ms();
    let two_days = 2 * 86_400_000;
    let answer = put(&bed, "s", &[(now - two_days, "old"), (now - two_days + 1, "old"), (now, "new")]).await;
    assert_eq!(answer["rejectedLogEventsInfo"], json!({"expiredLogEventEndIndex": 2}));
    let rejected = bed.store.take_rejected();
    assert_eq!(
        rejected.iter().map(|record| (record.reason, &*record.sample)).collect::<Vec<_>>(),
        [("older than its log group keeps", "old"); 2]
    );
    assert_eq!(bed.store.lines.lock().unwrap().iter().map(|line| &*line.message).collect::<Vec<_>>(), ["new"]);
    done(&bed, "DeleteRetentionPolicy", json!({"logGroupName": "g"})).await;
    assert!(put(&bed, "s", &[(now - two_days, "old")]).await.get("rejectedLogEventsInfo").is_none());
}

/// WatchTower gives up within a second at 503, and after twenty at this.
#[tokio::test]
async fn under_load_senders_wait() {
    let bed = with_stream().await;
    for refusal in [Refused::Busy { retry_after: Duration::from_secs(3) }, Refused::Closed] {
        *bed.store.refuse.lock().unwrap() = Some(refusal);
        let lines = json!({"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "a"}]});
        let answer = call(&bed, "PutLogEvents", lines).await;
        assert_eq!((answer.status.as_u16(), error_of(&answer)), (400, ("ThrottlingException".into(), "Rate exceeded".into())));
        assert!(answer.header("x-amz-retry-after").parse::<u32>().unwrap() >= 2_000);
    }
}

#[tokio::test]
async fn bodies_are_read_as_agents_send_them() {
    let bed = with_stream().await;
    let body = json!({"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "zipped"}]}).to_string();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(body.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let target = ("x-amz-target", "Logs_20140328.PutLogEvents");
    for router in [bed.pages(), bed.ingest(), bed.xray()] {
        let request = post("/any/prefix/", &[target, ("content-encoding", "gzip")], gzip.clone());
        assert_eq!(answer(router, request).await.status, 200);
    }
    assert_eq!(bed.store.lines.lock().unwrap().len(), 3);
    let broken = answer(bed.pages(), post("/", &[target, ("content-encoding", "gzip")], "no gzip")).await;
    assert_eq!((broken.status.as_u16(), error_of(&broken).0), (400, "SerializationException".into()));
    let reasons: Vec<_> = bed.store.take_rejected().iter().map(|record| record.reason).collect();
    assert_eq!(reasons, ["malformed request"]);
}

#[tokio::test]
async fn what_is_asked_is_told_by_header_and_where_it_may_be_asked() {
    let bed = with_stream().await;
    let ask = async |router, action: &str, host: &str| {
        let target = format!("Logs_20140328.{action}");
        let headers = [("host", host), ("x-amz-target", &target)];
        let answer = answer(router, post("/", &headers, r#"{"logGroupName":"g","logStreamName":"s","limit":1}"#)).await;
        if answer.status == 200 { String::new() } else { error_of(&answer).0 }
    };
    let here = "127.0.0.1:3000";
    for action in ["DescribeLogGroups", "DescribeLogStreams", "GetLogEvents", "FilterLogEvents"] {
        assert_eq!(ask(bed.pages(), action, here).await, "", "{action}");
        assert_eq!(ask(bed.xray(), action, here).await, "", "{action}");
        let at_ingest = ask(bed.ingest(), action, here).await;
        assert_eq!(at_ingest, if action.starts_with("Describe") { "" } else { "UnknownOperationException" }, "{action}");
        assert_eq!(ask(bed.pages(), action, "evil.example").await, "AccessDeniedException", "{action}");
    }
    assert_eq!(ask(bed.ingest(), "DeleteLogGroup", "evil.example").await, "AccessDeniedException");
    assert_eq!(ask(bed.pages(), "CreateLogGroup", "logs.example").await, "ResourceAlreadyExistsException", "senders may have other names");
    assert_eq!(ask(bed.pages(), "AssociateKmsKey", here).await, "UnknownOperationException");
    let signed = "AWS4-HMAC-SHA256 Credential=A/20261122/us-east-1/logs/aws4_request, SignedHeaders=host, Signature=0";
    let aimless = answer(bed.pages(), post("/", &[("host", here), ("authorization", signed)], "{}")).await;
    assert_eq!(error_of(&aimless).0, "UnknownOperationException");
    let json = answer(bed.pages(), post("/", &[("host", here), ("x-amz-target", "Logs_20140328.PutLogEvents")], "{")).await;
    assert_eq!(error_of(&json).0, "SerializationException");
}

#[tokio::test]
async fn with_a_key_file_a_key_is_needed() {
    let bed = Bed::with_keys(Keys::parse("team = k-1").unwrap());
    let group = json!({"logGroupName": "g"});
    let (kind, message) = refused(&bed, "CreateLogGroup", group.clone()).await;
    assert_eq!((&*kind, &*message), ("MissingAuthenticationTokenException", "Missing Authentication Token"));
    let headers = [("x-amz-target", "Logs_20140328.CreateLogGroup"), ("authorization", "Bearer k-1")];
    assert_eq!(answer(bed.pages(), post("/", &headers, group.to_string())).await.status, 200);
}

#[tokio::test]
async fn who_am_i() {
    let bed = Bed::new();
    let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    let known = answer(bed.pages(), post("/", &[form], "Action=GetCallerIdentity&Version=2011-06-15")).await;
    assert_eq!((known.status.as_u16(), known.header("content-type")), (200, "text/xml"));
    assert!(String::from_utf8_lossy(&known.body).contains("<Account>000000000000</Account>"));
    let other = answer(bed.pages(), post("/", &[form], "Action=AssumeRole&Version=2011-06-15")).await;
    assert!(other.status == 400 && String::from_utf8_lossy(&other.body).contains("<Code>InvalidAction</Code>"));
}

/// AWS's limits of a batch, and its words for them.
#[tokio::test]
async fn batches_have_limits() {
    let bed = with_stream().await;
    let now = now_ms();
    let batch = |events: Vec<Value>| json!({"logGroupName": "g", "logStreamName": "s", "logEvents": events});
    let many: Vec<Value> = (0..10_001).map(|n| json!({"timestamp": now, "message": n.to_string()})).collect();
    let (kind, message) = refused(&bed, "PutLogEvents", batch(many[..].to_vec())).await;
    assert!(kind == "InvalidParameterException" && message.contains("10000"), "{kind} {message}");
    done(&bed, "PutLogEvents", batch(many[..10_000].to_vec())).await;
    assert_eq!(bed.store.take_lines().len(), 10_000);
    let large: Vec<Value> = (0..5).map(|_| json!({"timestamp": now, "message": "x".repeat(220_000)})).collect();
    let (kind, message) = refused(&bed, "PutLogEvents", batch(large[..].to_vec())).await;
    assert!(kind == "InvalidParameterException" && message.contains("1048576"), "{kind} {message}");
    done(&bed, "PutLogEvents", batch(large[..4].to_vec())).await;
    assert_eq!(bed.store.take_lines().len(), 4);
    let (kind, _) = refused(&bed, "PutLogEvents", batch(vec![])).await;
    assert_eq!(kind, "InvalidParameterException");
}
