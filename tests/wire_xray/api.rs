//! The REST API: on the daemon's port, and on that of the pages.

use super::Capture;
use crate::wire_otlp::{Answer, Bed, answer, post};
use axum::Router;
use axum::http::{Method, Request};
use model::attr::get_str;
use serde_json::{Value, json};
use server::auth::Keys;
use server::store::Refused;
use std::time::Duration;

/// Sends a body to an operation on the daemon's port.
async fn call(bed: &Bed, path: &str, body: Value) -> Answer {
    answer(bed.xray(), post(path, &[("content-type", "application/json")], body.to_string())).await
}

/// What every answer of AWS has.
pub fn assert_in_dialect(answer: &Answer, what: &str) {
    let id = answer.header("x-amzn-requestid");
    assert!(id.len() == 36 && id.split('-').map(str::len).eq([8, 4, 4, 4, 12]), "{what}: {id}");
    let body = answer.json();
    assert!(body.is_object(), "{what}");
    if answer.status != 200 {
        let kind = answer.header("x-amzn-errortype");
        assert!(kind.ends_with("Exception"), "{what}: {kind}");
        assert_eq!(body["__type"], kind, "{what}");
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{what}");
    }
}

async fn replay(router: Router, capture: &Capture) -> Answer {
    let meta = capture.meta();
    let mut request = Request::post(&meta.path);
    for (name, value) in meta.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length")) {
        request = request.header(name, value);
    }
    answer(router, request.body(capture.body.clone().into()).unwrap()).await
}

/// What the SDKs look at in the answers (aws-xray-sdk-python `core/sampling/connector.py`, aws-xray-sdk-node
/// `service_connector.js`).
#[tokio::test]
async fn sdks_are_told_to_record_everything() {
    for (which, capture) in Capture::all("tcp", 3).iter().enumerate() {
        for pages in [false, true] {
            let bed = Bed::new();
            let answer = replay(if pages { bed.pages() } else { bed.xray() }, capture).await;
            assert_eq!(answer.status, 200);
            assert_in_dialect(&answer, "sampling");
            let body = answer.json();
            if which == 0 {
                let records = body["SamplingRuleRecords"].as_array().unwrap();
                assert_eq!(records.len(), 1);
                let rule = &records[0]["SamplingRule"];
                assert_eq!((&rule["RuleName"], &rule["FixedRate"], &rule["Attributes"]), (&json!("Default"), &json!(1.0), &json!({})));
            } else {
                assert!(body["LastRuleModification"].is_number(), "JavaScript's SDK takes nothing else");
                let target = &body["SamplingTargetDocuments"][0];
                assert_eq!((&target["RuleName"], &target["FixedRate"], &target["Interval"]), (&json!("Default"), &json!(1.0), &json!(10)));
                assert!(target["ReservoirQuota"].is_u64() && target["ReservoirQuotaTTL"].is_number());
                // What it reported is counted, as the API has it and as the page has it.
                let counted = call(&bed, "/SamplingStatisticSummaries", json!({})).await.json();
                assert_eq!(counted["SamplingStatisticSummaries"][0]["RequestCount"], 20);
            }
        }
    }
}

#[tokio::test]
async fn every_recorded_operation_is_answered() {
    let served = [
        "/TraceSegments",
        "/TelemetryRecords",
        "/Groups",
        "/GetSamplingRules",
        "/SamplingStatisticSummaries",
        "/SamplingTargets",
        "/EncryptionConfig",
        "/GetGroup",
        "/InsightSummaries",
        "/GetTraceSegmentDestination",
    ];
    let mut answered = 0;
    for capture in Capture::all("api", 21) {
        let bed = Bed::new();
        let path = capture.meta().path;
        let answer = replay(bed.xray(), &capture).await;
        assert_in_dialect(&answer, &path);
        let on_the_pages_port = replay(bed.pages(), &capture).await;
        assert_in_dialect(&on_the_pages_port, &path);
        assert_eq!(answer.status, on_the_pages_port.status, "{path}");
        if served.contains(&path.as_str()) {
            assert_eq!(answer.status, 200, "{path}");
            answered += 1;
        }
    }
    assert_eq!(answered, served.len());
}

/// The recorded call has a good document, one that is no JSON, and one with nothing but a wrong id.
#[tokio::test]
async fn bad_documents_are_named_and_cost_the_good_ones_nothing() {
    let bed = Bed::new();
    let capture = &Capture::all("api", 21)[0];
    let answer = replay(bed.xray(), capture).await.json();
    assert_eq!(
        answer["UnprocessedTraceSegments"],
        json!([
            {"ErrorCode": "ParseError", "Message": "Invalid segment. ErrorCode: ParseError"},
            {"Id": "zz", "ErrorCode": "InvalidTraceId", "Message": "Invalid segment. ErrorCode: InvalidTraceId"},
        ])
    );
    let spans = bed.store.take();
    assert_eq!(spans.len(), 1);
    assert_eq!((&*spans[0].envelope.source, spans[0].service(), get_str(&spans[0].attributes, "k")), ("xray_api", "probe", Some("v")));
    let rejected = bed.store.take_rejected();
    assert_eq!(rejected.len(), 2);
    assert!(rejected[1].sample.contains("\"zz\""), "a person finds it: {rejected:?}");
    let all_bad = call(&bed, "/TraceSegments", json!({"TraceSegmentDocuments": ["[]", "3"]})).await;
    assert_eq!((all_bad.status.as_u16(), all_bad.json()["UnprocessedTraceSegments"].as_array().unwrap().len()), (200, 1));
}

/// There is one group and no insight, and who asks for another or to change that is told so.
#[tokio::test]
async fn what_an_account_has_besides_traces() {
    let bed = Bed::new();
    for (path, body, field) in [
        ("/Groups", json!({}), "Groups"),
        ("/GetGroup", json!({"GroupName": "Default"}), "Group"),
        ("/InsightSummaries", json!({"StartTime": 1, "EndTime": 2, "GroupName": "Default"}), "InsightSummaries"),
        ("/GetIndexingRules", json!({}), "IndexingRules"),
        ("/ListResourcePolicies", json!({}), "ResourcePolicies"),
        ("/ListTagsForResource", json!({"ResourceARN": "arn:x"}), "Tags"),
    ] {
        let answer = call(&bed, path, body).await;
        assert_in_dialect(&answer, path);
        assert!(answer.status == 200 && !answer.json()[field].is_null(), "{path}: {}", answer.json());
    }
    for (path, body) in [
        ("/GetGroup", json!({"GroupName": "mine"})),
        ("/CreateGroup", json!({"GroupName": "mine", "FilterExpression": "fault"})),
        ("/UpdateGroup", json!({"GroupName": "Default"})),
        ("/DeleteGroup", json!({"GroupName": "Default"})),
        ("/Insight", json!({"InsightId": "12345678-1234-1234-1234-123456789012"})),
    ] {
        let answer = call(&bed, path, body).await;
        assert_in_dialect(&answer, path);
        assert_eq!((answer.status.as_u16(), answer.header("x-amzn-errortype")), (400, "InvalidRequestException"), "{path}");
    }
}

#[tokio::test]
async fn errors_are_aws() {
    let bed = Bed::new();
    let kind = |answer: &Answer| (answer.status.as_u16(), answer.header("x-amzn-errortype").to_owned());
    for body in ["", "{", "[]", "{}", r#"{"TraceSegmentDocuments": [{}]}"#] {
        let answer = answer(bed.xray(), post("/TraceSegments", &[], body)).await;
        assert_in_dialect(&answer, body);
        assert_eq!(kind(&answer), (400, "InvalidRequestException".into()), "{body}");
    }
    for (method, path) in
        [(Method::POST, "/PutEncryptionConfig"), (Method::GET, "/"), (Method::PUT, "/TraceSegments"), (Method::POST, "/tracesegments")]
    {
        let request = Request::builder().method(&method).uri(path).body("{}".into()).unwrap();
        let answer = answer(bed.xray(), request).await;
        assert_in_dialect(&answer, path);
        assert_eq!(kind(&answer), (404, "UnknownOperationException".into()), "{method} {path}");
    }
    *bed.store.refuse.lock().unwrap() = Some(Refused::Busy { retry_after: Duration::from_secs(2) });
    let segment = json!({"TraceSegmentDocuments": [r#"{"id":"d88b1693495acf28","trace_id":"1-6b02e85e-94ef470cbbe2bb1ae6139cde","name":"a","start_time":1795352670}"#]});
    let busy = call(&bed, "/TraceSegments", segment.clone()).await;
    assert_in_dialect(&busy, "busy");
    assert_eq!((kind(&busy), busy.header("retry-after")), ((429, "ThrottledException".into()), "2"));

    let bed = Bed::with_keys(Keys::parse("backend = k1").unwrap());
    let refused = call(&bed, "/TraceSegments", segment.clone()).await;
    assert_in_dialect(&refused, "no key");
    assert_eq!(kind(&refused), (403, "MissingAuthenticationTokenException".into()));
    let request = post("/TraceSegments", &[("api-key", "k1")], segment.to_string());
    assert_eq!(answer(bed.xray(), request).await.status, 200);
    assert_eq!(&*bed.store.take()[0].envelope.key, "backend");
}

/// The recordings are signed by boto3 with AWS's example pair.
#[tokio::test]
async fn signed_requests_need_a_pair_of_the_key_file() {
    let capture = &Capture::all("api", 21)[0];
    let pair = "app = AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    for (file, expected) in [
        (pair.to_owned(), None),
        (pair.replace("app = AKID", "app = AKIA"), Some("UnrecognizedClientException")),
        (pair.replace("wJalr", "wjalr"), Some("InvalidSignatureException")),
        (format!("app = AKIDEXAMPLE:old\n{pair}"), None),
    ] {
        let bed = Bed::with_keys(Keys::parse(&file).unwrap());
        let answer = replay(bed.xray(), capture).await;
        assert_in_dialect(&answer, &file);
        let spans = bed.store.take();
        match expected {
            None => assert_eq!((answer.status.as_u16(), &*spans[0].envelope.key), (200, "app"), "{file}"),
            Some(kind) => {
                assert_eq!((answer.status.as_u16(), answer.header("x-amzn-errortype")), (403, kind), "{file}");
                assert!(spans.is_empty());
            }
        }
    }
}

/// `/traces` is a page of ours, `/Traces` an operation of AWS's; an endpoint may have a path of its own.
#[tokio::test]
async fn pages_and_operations_keep_apart() {
    let bed = Bed::new();
    let page = Request::get("/traces").header("host", "127.0.0.1:3000").body("".into()).unwrap();
    assert!(answer(bed.pages(), page).await.header("content-type").starts_with("text/html"));
    let prefixed = answer(bed.pages(), post("/some/prefix/GetSamplingRules", &[], "{}")).await;
    assert_in_dialect(&prefixed, "a prefix");
    assert_eq!(prefixed.status, 200);
}

/// Sending is open to every page by design, reading is not; and ports that only take do not give.
#[tokio::test]
async fn who_may_not_read_the_pages_may_not_read_here() {
    let bed = Bed::new();
    let body = json!({"StartTime": 1, "EndTime": 2}).to_string();
    for path in ["/TraceSummaries", "/Traces", "/ServiceGraph", "/TraceGraph", "/TimeSeriesServiceStatistics"] {
        for port in [bed.xray(), bed.pages()] {
            for headers in [&[("host", "evil.example")][..], &[("host", "127.0.0.1:2000"), ("origin", "http://evil.example")], &[]] {
                let refused = answer(port.clone(), post(path, headers, body.clone())).await;
                assert_in_dialect(&refused, path);
                let kind = (refused.status.as_u16(), refused.header("x-amzn-errortype"));
                assert_eq!(kind, (403, "AccessDeniedException"), "{path} {headers:?}");
            }
            let allowed = answer(port, post(path, &[("host", "127.0.0.1:2000")], body.clone())).await;
            assert_in_dialect(&allowed, path);
            assert_ne!(allowed.status, 403, "{path}");
        }
        let on_a_sources_port = answer(bed.ingest(), post(path, &[("host", "127.0.0.1:4318")], body.clone())).await;
        assert_in_dialect(&on_a_sources_port, path);
        assert_eq!(on_a_sources_port.status, 404, "{path}");
    }
}

/// The daemon's port takes OTLP, too: the wrong port is a common mistake.
#[tokio::test]
async fn otlp_on_the_daemons_port() {
    let bed = Bed::new();
    let request = post("/v1/traces", &[("content-type", "application/json")], r#"{"resourceSpans":[]}"#);
    let answer = answer(bed.xray(), request).await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"{}"[..]));
}
