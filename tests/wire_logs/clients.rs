//! WatchTower, boto3 and the AWS CLI, unmodified: against the server over a log store in memory, and against the real program.

use crate::cruddur::python;
use crate::errors::memory::ErrorMemory;
use crate::harness::Clew;
use crate::recorder::Recorder;
use crate::reference::logs::LogMemory;
use serde_json::{Value, json};
use server::config::Config;
use server::serve_with;
use server::store::{ErrorStore, LogStore, Store};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

async fn run(mut command: Command) -> Output {
    command.env("NO_PROXY", "127.0.0.1");
    tokio::task::spawn_blocking(move || command.output()).await.expect("not cancelled").expect("it runs")
}

/// What the script says.
async fn script(endpoint: &str) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients/logs.py");
    let mut command = Command::new(python());
    command.arg(script).arg(endpoint);
    let output = run(command).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

/// `aws logs ...`: what it prints, or its error.
async fn aws(endpoint: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(python());
    command.arg(python().with_file_name("aws")).arg("logs").args(arguments).args(["--endpoint-url", endpoint]);
    command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "any").env("AWS_DEFAULT_REGION", "us-east-1");
    command.env("AWS_PAGER", "").env("AWS_EC2_METADATA_DISABLED", "true");
    let output = run(command).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap_or_else(|| panic!("a list: {value}")).iter().map(|text| text.as_str().expect("a text")).collect()
}

/// All that clients see of lines that were put.
async fn clients_are_served(endpoint: &str) {
    let said = script(endpoint).await;
    assert_eq!(said["warnings"], json!([]), "WatchTower lost nothing");
    assert_eq!(said["account"], "000000000000");
    assert_eq!((&said["group"]["retentionInDays"], &said["tags"]), (&json!(14), &json!({"team": "cart"})));
    assert_eq!(said["group"]["arn"], "arn:aws:logs:eu-west-1:000000000000:log-group:shop:*");
    assert_eq!(texts(&said["streams"]), ["web/1", "web/2"]);
    let all = texts(&said["all"]);
    let lines: Vec<String> = (0..25).map(|n| format!("line {n} of twenty-five {}", if n % 5 == 0 { "ERROR" } else { "fine" })).collect();
    assert_eq!((all.len(), &all[..25]), (29, &lines.iter().map(String::as_str).collect::<Vec<_>>()[..]), "each once, in order");
    assert_eq!(all[26..], ["alone 0", "alone 1", "alone 2"]);
    assert_eq!(texts(&said["errors"]), lines.iter().step_by(5).map(String::as_str).collect::<Vec<_>>());
    assert_eq!(texts(&said["json"]), [r#"{"event": "checkout", "status": 500, "user": {"id": 7}}"#]);
    assert_eq!(texts(&said["tail"]), ["alone 0", "alone 1", "alone 2"]);
    assert_eq!(said["alone"].as_array().map(Vec::len), Some(3));
    assert_eq!((texts(&said["head"]), texts(&said["more"])), (all[..20].to_vec(), all[20..26].to_vec()));
    assert_eq!(said["missing"]["Code"], "ResourceNotFoundException");
    assert_eq!(said["syntax"]["Code"], "InvalidParameterException");
    assert_eq!(said["unserved"]["Code"], "UnknownOperationException");
    assert_eq!(said["gone"]["Message"], "The specified log group does not exist.");

    let json = |text: String| serde_json::from_str::<Value>(&text).expect("JSON");
    let groups = json(aws(endpoint, &["describe-log-groups", "--output", "json"]).await.expect("groups"));
    assert_eq!(groups["logGroups"][0]["logGroupName"], "shop");
    let filter = ["filter-log-events", "--log-group-name", "shop", "--filter-pattern", "?checkout ?alone", "--output", "json"];
    let found = json(aws(endpoint, &filter).await.expect("events"));
    assert_eq!(found["events"].as_array().map(Vec::len), Some(4));
    let error = aws(endpoint, &["get-log-events", "--log-group-name", "none", "--log-stream-name", "s"]).await.expect_err("no group");
    assert!(error.contains("(ResourceNotFoundException)"), "{error}");
}

async fn over_memory() -> (server::Running, String) {
    let store = Recorder::new();
    let logs = Arc::new(LogMemory::over(store.lines.clone()));
    let given = async move |_, _, _| {
        Ok((store as Arc<dyn Store>, logs as Arc<dyn LogStore>, Arc::new(ErrorMemory::default()) as Arc<dyn ErrorStore>))
    };
    let running = serve_with(Config::ephemeral("/nonexistent"), given).await.expect("it starts");
    let endpoint = format!("http://{}", running.addrs.http);
    (running, endpoint)
}

#[tokio::test(flavor = "multi_thread")]
async fn watchtower_boto3_and_the_aws_cli() {
    let (running, endpoint) = over_memory().await;
    clients_are_served(&endpoint).await;
    running.shutdown().await;
}

/// On both ports that answer in AWS's place.
#[tokio::test(flavor = "multi_thread")]
async fn watchtower_boto3_and_the_aws_cli_with_the_real_program() {
    let clew = Clew::start();
    clients_are_served(&clew.url("")).await;
    let other = Clew::start();
    clients_are_served(&format!("http://{}", other.xray())).await;
}

/// A query pasted from CloudWatch's console, with the real program.
#[tokio::test(flavor = "multi_thread")]
async fn boto3_runs_a_query() {
    let clew = Clew::start();
    let said = script(&clew.url("")).await;
    let results = &said["results"];
    assert_eq!(results["status"], "Complete", "{}", said["started"]);
    let row = |row: &Value| {
        let fields = row.as_array().expect("fields");
        (fields[1]["value"].as_str().expect("a text").to_owned(), fields.last().expect("a field")["field"].clone())
    };
    let rows: Vec<_> = results["results"].as_array().expect("rows").iter().map(row).collect();
    let expected = [20, 15, 10].map(|n| (format!("line {n} of twenty-five ERROR"), json!("@ptr")));
    assert_eq!(rows, expected);
    assert_eq!(results["statistics"]["recordsMatched"], 5.0);
}

/// The same from the command line, and what only the store can see of a batch: what is too old and too new.
#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_runs_a_query_and_learns_what_was_not_taken() {
    let clew = Clew::start();
    let endpoint = clew.url("");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    let day = 86_400_000;
    let event = |at: i64, message: &str| json!({"timestamp": at, "message": message});
    let events = json!([event(now - 40 * day, "old"), event(now - 1, "one ERROR"), event(now, "two"), event(now + 25 * day / 24, "new")])
        .to_string();
    for arguments in [
        &["create-log-group", "--log-group-name", "shop"][..],
        &["create-log-stream", "--log-group-name", "shop", "--log-stream-name", "s"],
    ] {
        aws(&endpoint, arguments).await.expect("it is made");
    }
    let put = ["put-log-events", "--log-group-name", "shop", "--log-stream-name", "s", "--log-events", &events, "--output", "json"];
    let answer: Value = serde_json::from_str(&aws(&endpoint, &put).await.expect("an answer")).expect("JSON");
    assert_eq!(answer["rejectedLogEventsInfo"], json!({"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3}));

    let (start, end) = ((now / 1000 - 600).to_string(), (now / 1000 + 60).to_string());
    let query = "fields @message | filter @message like /ERROR/ | stats count(*) as errors by @logStream";
    let started = [
        "start-query",
        "--log-group-name",
        "shop",
        "--start-time",
        &start,
        "--end-time",
        &end,
        "--query-string",
        query,
        "--output",
        "json",
    ];
    let started: Value = serde_json::from_str(&aws(&endpoint, &started).await.expect("an id")).expect("JSON");
    let id = started["queryId"].as_str().expect("an id");
    let results = loop {
        let results: Value =
            serde_json::from_str(&aws(&endpoint, &["get-query-results", "--query-id", id, "--output", "json"]).await.expect("results"))
                .expect("JSON");
        if results["status"] != "Running" {
            break results;
        }
    };
    assert_eq!(
        (&results["status"], &results["results"]),
        (&json!("Complete"), &json!([[{"field": "@logStream", "value": "s"}, {"field": "errors", "value": "1"}]]))
    );
    let stopped = aws(&endpoint, &["stop-query", "--query-id", id]).await.expect_err("it has ended");
    assert!(stopped.contains("InvalidParameterException"), "{stopped}");
}
