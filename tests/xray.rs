//! X-Ray with the real program: boto3, and the page of sampling rules.

mod page;
mod read;

use crate::cruddur::python;
use crate::harness::Clew;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

/// What the script prints that sends with boto3 to this endpoint.
async fn boto3(endpoint: &str) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients/xray_api.py");
    let mut command = Command::new(python());
    command.arg(script).arg(endpoint).env("NO_PROXY", "127.0.0.1");
    tokio::task::spawn_blocking(move || command.output()).await.expect("not cancelled").expect("python runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_puts_segments_and_asks_for_rules() {
    let clew = Clew::start();
    for endpoint in [format!("http://{}", clew.xray()), clew.url("")] {
        let output = boto3(&endpoint).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        assert_eq!(
            said["put"]["UnprocessedTraceSegments"],
            json!([
                {"Id": "8b0d9d4984d77e6d", "ErrorCode": "MissingName", "Message": "Invalid segment. ErrorCode: MissingName"},
                {"ErrorCode": "ParseError", "Message": "Invalid segment. ErrorCode: ParseError"},
                {"ErrorCode": "InvalidSegment", "Message": "1 not stored: before the retention floor"},
            ])
        );
        assert_eq!(said["rules"]["SamplingRuleRecords"][0]["SamplingRule"]["FixedRate"], 1.0);
        assert_eq!(said["targets"]["SamplingTargetDocuments"][0]["FixedRate"], 1.0);
        assert_eq!(said["statistics"]["SamplingStatisticSummaries"][0]["BorrowCount"].as_u64().map(|count| count > 0), Some(true));
        assert_eq!(said["encryption"]["EncryptionConfig"]["Status"], "ACTIVE");
        assert_eq!(said["groups"]["Groups"][0]["GroupName"], "Default");
        assert_eq!(said["unknown"]["Code"], "UnknownOperationException", "boto3 reads our errors");
        let id = said["trace_id"].as_str().expect("an id");
        let trace = clew.json(&format!("/api/traces/{id}")).await;
        let spans: Vec<_> =
            trace["spans"].as_array().expect("spans").iter().map(|span| (&span["name"], &span["kind"], &span["source"])).collect();
        let (api, server, call) = (json!("xray_api"), json!("server"), json!("client"));
        assert_eq!(spans, [(&json!("boto3-probe"), &server, &api), (&json!("DynamoDB"), &call, &api)]);
    }
    let sources = clew.json("/api/sources").await;
    let row = sources["ledger"].as_array().expect("rows").iter().find(|row| row["source"] == "xray_api").expect("X-Ray's row");
    assert_eq!(row["stored"].as_u64().map(|stored| stored >= 2), Some(true), "{row}");
    let daemon = sources["listeners"].as_array().expect("listeners").iter().find(|row| row["name"] == "xray").expect("the daemon's port");
    assert_eq!(daemon["addr"], clew.xray());
    assert!(daemon["note"].as_str().is_some_and(|note| note.starts_with("UDP buffer")), "{daemon}");
}

/// The script signs with AWS's example pair.
#[tokio::test(flavor = "multi_thread")]
async fn with_keys_boto3_needs_the_right_secret() {
    let data = tempfile::TempDir::new().expect("a temporary directory");
    let file = data.path().join("keys");
    let flags = ["--keys", file.to_str().expect("UTF-8")];
    for secret in ["wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "another"] {
        std::fs::write(&file, format!("# who may send\nbackend = hcaik_1\nshop = AKIDEXAMPLE:{secret}\n")).expect("a key file");
        let clew = Clew::start_in(&data.path().join(secret.len().to_string()), &flags);
        let output = boto3(&format!("http://{}", clew.xray())).await;
        if secret == "another" {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("(InvalidSignatureException) when calling the PutTraceSegments operation"), "{said}");
            let sources = clew.json("/api/sources").await;
            assert_eq!(sources["spans"], 0);
            assert_eq!(sources["ledger"][0]["rejected"], json!([{"reason": "wrong signature", "records": 1}]), "{sources}");
        } else {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let said: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
            let trace = clew.json(&format!("/api/traces/{}", said["trace_id"].as_str().expect("an id"))).await;
            assert_eq!(trace["spans"][0]["key"], "shop", "{trace}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sampling_rules_are_edited_on_a_page() {
    let clew = Clew::start();
    let client = reqwest::Client::builder().redirect(Policy::none()).build().expect("a client");
    let page = async || client.get(clew.url("/sampling")).send().await.expect("a page").text().await.expect("its text");
    let post = async |path: &str, form: &[(&str, &str)], origin: Option<&str>| {
        let body: Vec<String> =
            form.iter().map(|(key, value)| format!("{key}={}", value.replace('/', "%2F").replace('*', "%2A"))).collect();
        let request = client.post(clew.url(path)).header("content-type", "application/x-www-form-urlencoded").body(body.join("&"));
        let request = if let Some(origin) = origin { request.header("origin", origin) } else { request };
        request.send().await.expect("an answer")
    };
    let rules = async || {
        let url = format!("http://{}/GetSamplingRules", clew.xray());
        let answer: Value = client.post(url).body("{}").send().await.expect("an answer").json().await.expect("JSON");
        let records = answer["SamplingRuleRecords"].as_array().expect("records").clone();
        records
            .into_iter()
            .map(|record| (record["SamplingRule"]["RuleName"].clone(), record["SamplingRule"]["FixedRate"].clone()))
            .collect::<Vec<_>>()
    };
    assert!(page().await.contains("every request"));
    let health = [
        ("name", "health"),
        ("priority", "5"),
        ("percent", "7"),
        ("reservoir", "0"),
        ("method", "GET"),
        ("path", "/health*"),
        ("host", "*"),
        ("service", "*"),
        ("service_type", "*"),
    ];
    let refused = post("/sampling/save", &health, Some("http://evil.example")).await;
    assert_eq!(refused.status(), 403, "another site may not write");
    let saved = post("/sampling/save", &health, Some(&clew.url(""))).await;
    assert_eq!((saved.status().as_u16(), saved.headers()["location"].to_str().ok()), (303, Some("/sampling")));
    assert_eq!(post("/sampling/save", &[("name", "Default"), ("percent", "50"), ("reservoir", "1")], None).await.status(), 303);
    assert_eq!(rules().await, [(json!("health"), json!(0.07)), (json!("Default"), json!(0.5))]);

    let report = json!({"SamplingStatisticsDocuments": [{"RuleName": "health", "ClientID": "a", "RequestCount": 200, "SampledCount": 14, "BorrowCount": 0, "Timestamp": 1}]});
    client.post(format!("http://{}/SamplingTargets", clew.xray())).body(report.to_string()).send().await.expect("an answer");
    let shown = page().await;
    assert!(shown.contains("method GET, path /health*") && shown.contains("7.0 %"), "the rule, and what share it recorded: {shown}");

    let wrong = post("/sampling/save", &[("name", "x"), ("percent", "5"), ("reservoir", "1")], None).await;
    assert_eq!((wrong.status().as_u16(), wrong.text().await.expect("a sentence")), (400, "the priority must be 1 to 9999\n".to_owned()));
    assert_eq!(post("/sampling/remove", &[("name", "health")], None).await.status(), 303);
    assert_eq!(rules().await, [(json!("Default"), json!(0.5))]);
}
