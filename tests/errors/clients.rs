//! pyrollbar, unmodified, against the real program.

use super::program::Program;
use crate::cruddur::python;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn pyrollbar_wherever_it_is_pointed() {
    let program = Program::start();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients/errors.py");
    let mut command = Command::new(python());
    command.arg(script).arg(program.clew.url("")).arg("0123456789abcdef0123456789abcdef");
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("not cancelled").expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(said["troubles"], "", "pyrollbar was content");
    // One message per place of the endpoint, one not quite JSON, one group of two exceptions, and what it says of what it could not send.
    let list = program
        .until("/api/errors?status=all", |list| {
            list["errors"].as_array().is_some_and(|errors| errors.iter().filter_map(|error| error["count"].as_u64()).sum::<u64>() == 8)
        })
        .await;
    let errors = list["errors"].as_array().expect("errors");
    let chained = errors.iter().find(|error| error["class"] == "RuntimeError").expect("the exception");
    assert_eq!((&chained["count"], &chained["level"], &chained["people"]), (&json!(2), &json!("critical"), &json!(1)), "{chained:#}");
    let latest = program.clew.json(&format!("/api/errors/{}/occurrences/latest", chained["number"])).await;
    let data = &latest["witnesses"][0]["data"];
    assert_eq!(data["body"]["trace_chain"].as_array().map(Vec::len), Some(2), "{latest:#}");
    assert!(!data.to_string().contains("tok_live_123") && !data.to_string().contains("hunter2"), "{data:#}");
    let failsafe = errors.iter().find(|error| error["title"].as_str().is_some_and(|title| title.starts_with("Failsafe")));
    assert!(failsafe.is_some(), "{}: {list:#}", said["refused"]);
    let ledger = program.clew.json("/api/sources").await;
    let row = ledger["ledger"].as_array().and_then(|rows| rows.iter().find(|row| row["source"] == "rollbar").cloned()).expect("a row");
    assert_eq!((&row["stored"], &row["rejected"][0]["reason"]), (&json!(8), &json!("too large")), "{row:#}");
}
