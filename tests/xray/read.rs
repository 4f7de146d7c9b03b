//! What X-Ray's own clients read back: boto3 and the AWS CLI, of segments and of spans of OpenTelemetry.

use crate::cruddur::python;
use crate::harness::Clew;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// Runs a program to its end and reads one JSON value from it.
async fn run(mut command: Command, input: String) -> Result<Value, String> {
    let work = move || {
        let mut program = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("python starts");
        program.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
        program.wait_with_output().expect("it ends")
    };
    let output = tokio::task::spawn_blocking(work).await.expect("not cancelled");
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).expect("JSON")),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients").join(name)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

/// A trace of X-Ray's: a service, a call to another service that answers, one to a table of DynamoDB.
fn segments(now: f64) -> (String, Vec<Value>) {
    let id = format!("1-{:08x}-72b8840b4ffa1947fa5e8df6", now as u64);
    let front = json!({
        "id": "8b0d9d4984d77e01", "trace_id": id, "name": "frontend", "start_time": now - 3.0, "end_time": now - 1.0, "user": "ada",
        "http": {"request": {"method": "GET", "url": "http://shop.example.com/cart?item=7"}, "response": {"status": 200}},
        "annotations": {"tenant": "blue", "items": 7},
        "subsegments": [
            {"id": "8b0d9d4984d77e02", "name": "backend.internal", "namespace": "remote", "start_time": now - 2.9, "end_time": now - 2.0, "fault": true},
            {"id": "8b0d9d4984d77e03", "name": "DynamoDB", "namespace": "aws", "start_time": now - 1.9, "end_time": now - 1.5, "aws": {"operation": "GetItem", "table_name": "carts"}},
        ],
    });
    let back = json!({
        "id": "8b0d9d4984d77e04", "trace_id": id, "parent_id": "8b0d9d4984d77e02", "name": "backend", "start_time": now - 2.8, "end_time": now - 2.1,
        "http": {"response": {"status": 500}}, "fault": true, "origin": "AWS::EC2::Instance",
        "cause": {"exceptions": [{"id": "8b0d9d4984d77eff", "type": "KeyError", "message": "cart"}]},
    });
    (id, vec![front, back])
}

/// The same of OpenTelemetry's, with a database; sent over OTLP. Returns the id as X-Ray writes it.
async fn send_spans(clew: &Clew, now: f64) -> String {
    let trace_id = format!("{:08x}bbbbbbbbbbbbbbbbbbbbbbbb", now as u64);
    let nanos = |seconds: f64| format!("{}", ((now + seconds) * 1e9) as u64);
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let number = |key: &str, value: u32| json!({"key": key, "value": {"intValue": value.to_string()}});
    let span = |id: u8, parent: u8, kind: u8, name: &str, from: f64, to: f64, attributes: Value| {
        let parent = if parent == 0 { String::new() } else { format!("aa000000000000{parent:02x}") };
        json!({"traceId": trace_id, "spanId": format!("aa000000000000{id:02x}"), "parentSpanId": parent, "name": name, "kind": kind,
            "startTimeUnixNano": nanos(from), "endTimeUnixNano": nanos(to), "attributes": attributes})
    };
    let of = |service: &str, spans: Value| json!({"resource": {"attributes": [text("service.name", service)]}, "scopeSpans": [{"spans": spans}]});
    let body = json!({"resourceSpans": [
        of("web", json!([
            span(1, 0, 2, "GET /orders", -6.0, -5.0, json!([text("http.request.method", "GET"), text("url.path", "/orders"), text("server.address", "web.example.com"), number("http.response.status_code", 404), text("customer.tier", "gold")])),
            span(2, 1, 3, "GET", -5.9, -5.2, json!([text("url.full", "http://orders/list"), number("http.response.status_code", 404)])),
        ])),
        of("orders", json!([
            span(3, 2, 2, "GET /list", -5.8, -5.3, json!([number("http.response.status_code", 404)])),
            span(4, 3, 3, "SELECT", -5.7, -5.6, json!([text("db.system.name", "postgresql"), text("db.namespace", "orders_db"), text("db.query.text", "select 1")])),
        ])),
    ]});
    let request = reqwest::Client::new().post(format!("{}/v1/traces", clew.otlp_http())).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
    format!("1-{}-{}", &trace_id[..8], &trace_id[8..])
}

/// A node of a service graph by name and type.
fn node<'a>(graph: &'a Value, name: &str, kind: Option<&str>) -> &'a Value {
    let is = |node: &&Value| node["Name"] == name && node["Type"].as_str() == kind;
    graph.as_array().expect("nodes").iter().find(is).unwrap_or_else(|| panic!("no {name} {kind:?} in {graph}"))
}

/// The edge between two nodes.
fn edge<'a>(from: &'a Value, to: &Value) -> &'a Value {
    let edges = from["Edges"].as_array().expect("edges");
    edges.iter().find(|edge| edge["ReferenceId"] == to["ReferenceId"]).unwrap_or_else(|| panic!("no edge to {} from {from}", to["Name"]))
}

fn ids(summaries: &Value) -> Vec<&str> {
    summaries.as_array().expect("summaries").iter().map(|summary| summary["Id"].as_str().expect("an id")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_reads_whatever_was_sent() {
    let clew = Clew::start();
    let now = now();
    let (xray, mut put) = segments(now);
    let otel = send_spans(&clew, now).await;
    // More than a page has.
    let many = |n: u32| json!({"id": format!("cc000000{n:08x}"), "trace_id": format!("1-{:08x}-cc00000000000000{n:08x}", now as u64 - 60), "name": "many", "start_time": now - 60.0 - f64::from(n), "end_time": now - 59.0 - f64::from(n)});
    put.extend((0..130).map(many));
    // What each filter finds of the two traces that are not `many`.
    let filters = [
        ("fault", ""),
        ("error", "otel"),
        ("ok !service(\"many\")", "xray"),
        ("service(\"backend\") { fault }", "xray"),
        ("service() { fault }", "xray"),
        ("service() { error }", "otel"),
        ("rootcause.fault.exception { type = \"KeyError\" message = \"cart\" }", "xray"),
        ("rootcause.error.service { name = \"orders\" last }", "otel"),
        ("service(\"orders\")", "otel"),
        ("service(\"orders_db\") { inferred }", "otel"),
        ("service(id(name: \"carts\", type: \"AWS::DynamoDB::Table\"))", "xray"),
        ("edge(\"frontend\", \"backend\") { fault }", "xray"),
        ("edge(\"web\", \"orders\") { http.status = 404 }", "otel"),
        ("edge(\"backend\", \"frontend\")", ""),
        ("annotation.tenant = \"blue\"", "xray"),
        ("annotation.items >= 7 AND annotation.items < 8", "xray"),
        ("annotation.customer.tier = \"gold\"", "otel"),
        ("annotation.tenant = \"blue\" OR annotation.customer.tier BEGINSWITH \"go\"", "otel xray"),
        ("http.url CONTAINS \"item=7\"", "xray"),
        ("http.url = \"http://web.example.com/orders\"", "otel"),
        ("http.status = 404", "otel"),
        ("http.method = \"GET\"", "otel xray"),
        ("user = \"ada\"", "xray"),
        ("responsetime > 1.5", "xray"),
        ("duration > 0.9 duration < 1.1 !service(\"many\")", "otel"),
        ("partial", ""),
        ("inferred", "otel xray"),
    ];
    let filters_asked: Vec<&str> = filters.iter().map(|(filter, _)| *filter).collect();
    let hex = otel[2..].replace('-', "");
    let asked = json!({"put": put, "filters": filters_asked, "start": now - 600.0, "end": now, "ids": [xray, hex, "1-00000001-000000000000000000000001"]});
    for endpoint in [format!("http://{}", clew.xray()), clew.url("")] {
        let mut command = Command::new(python());
        command.arg(script("xray_read.py")).arg(&endpoint).env("NO_PROXY", "127.0.0.1");
        let said = run(command, asked.to_string()).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(said["put"], json!([]));
        for (filter, wanted) in filters {
            let named = |id: &str| {
                if id == xray {
                    "xray"
                } else if id == otel {
                    "otel"
                } else {
                    "another"
                }
            };
            let mut found: Vec<&str> = ids(&said["found"][filter]).into_iter().map(named).collect();
            found.sort_unstable();
            assert_eq!(found.join(" "), wanted, "{filter}");
        }
        check_pages(&said, &[&xray, &otel]);
        check_traces(&said["traces"], &xray, &otel);
        check_graph(&said["service_graph"], true);
        check_graph(&said["trace_graph"], false);
        let window = &said["series"]["TimeSeriesServiceStatistics"][0];
        assert_eq!(window["ServiceSummaryStatistics"]["FaultStatistics"]["TotalCount"], 1, "{window}");
        let refused = |what: &str| {
            let error = &said["refused"][what];
            assert_eq!(error["Code"], "InvalidRequestException", "{what}: {error}");
            error["Message"].as_str().expect("a sentence").to_owned()
        };
        assert_eq!(refused("filter"), "Invalid filter expression at position 7: banana is not a keyword.");
        assert!(refused("token").starts_with("The NextToken") && refused("token of another").contains("another request"));
        assert_eq!(refused("group"), "There is no group mine, only Default.");
        assert_eq!(refused("range"), "StartTime must not be after EndTime.");
        assert_eq!(refused("id"), "banana is not a trace id.");
    }
}

fn check_pages(said: &Value, newest: &[&str; 2]) {
    let pages: Vec<Vec<&str>> = said["pages"]
        .as_array()
        .expect("pages")
        .iter()
        .map(|page| page.as_array().expect("ids").iter().map(|id| id.as_str().expect("an id")).collect())
        .collect();
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [100, 32], "every trace once");
    let mut distinct = pages.concat();
    assert_eq!(distinct[..2], newest[..], "newest first");
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 132);
    assert!(said["by_event"].as_array().is_some_and(|ids| ids.is_empty()), "all of it arrived after the range");
    let summary = &said["first"]["TraceSummaries"][0];
    assert_eq!((&summary["HasFault"], &summary["HasError"], &summary["IsPartial"]), (&json!(false), &json!(false), &json!(false)));
    assert_eq!((&summary["Http"]["HttpStatus"], &summary["Users"][0]["UserName"]), (&json!(200), &json!("ada")));
    assert_eq!(summary["Annotations"]["items"][0]["AnnotationValue"]["NumberValue"], 7.0);
    assert_eq!(summary["ResponseTime"].as_f64().map(|time| (time * 1e3).round()), Some(2000.0));
    let names: Vec<&str> =
        summary["ServiceIds"].as_array().expect("services").iter().map(|id| id["Name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["backend", "carts", "frontend"]);
}

fn check_traces(batch: &Value, xray: &str, otel: &str) {
    assert_eq!(batch["UnprocessedTraceIds"], json!(["1-00000001-000000000000000000000001"]));
    let documents = |id: &str| -> Vec<Value> {
        let trace = batch["Traces"].as_array().expect("traces").iter().find(|trace| trace["Id"] == id).expect("the trace");
        let document = |segment: &Value| serde_json::from_str(segment["Document"].as_str().expect("a text")).expect("a document");
        trace["Segments"].as_array().expect("segments").iter().map(document).collect()
    };
    let [front, back, table] = &documents(xray)[..] else { panic!("three segments") };
    assert_eq!((&front["name"], &front["annotations"]), (&json!("frontend"), &json!({"tenant": "blue", "items": 7})));
    assert_eq!(front["subsegments"].as_array().map(Vec::len), Some(2));
    assert_eq!((&back["name"], &back["cause"]["exceptions"][0]["type"]), (&json!("backend"), &json!("KeyError")));
    assert_eq!((&table["name"], &table["inferred"], &table["parent_id"]), (&json!("carts"), &json!(true), &json!("8b0d9d4984d77e03")));
    let [web, orders, database] = &documents(otel)[..] else { panic!("three segments") };
    assert_eq!((&web["name"], &web["error"], &web["annotations"]["customer.tier"]), (&json!("web"), &json!(true), &json!("gold")));
    assert_eq!(
        (&orders["parent_id"], &orders["subsegments"][0]["sql"]["sanitized_query"]),
        (&web["subsegments"][0]["id"], &json!("select 1"))
    );
    assert_eq!((&database["name"], &database["origin"]), (&json!("orders_db"), &json!("Database::SQL")));
}

fn check_graph(graph: &Value, with_many: bool) {
    let (front, back) = (node(graph, "frontend", None), node(graph, "backend", Some("AWS::EC2::Instance")));
    assert_eq!((&front["Root"], &front["State"], &front["SummaryStatistics"]["OkCount"]), (&json!(true), &json!("active"), &json!(1)));
    assert_eq!(edge(front, back)["SummaryStatistics"]["FaultStatistics"]["TotalCount"], 1);
    assert_eq!(edge(front, back)["ResponseTimeHistogram"], json!([{"Value": 0.9, "Count": 1}]));
    let table = node(graph, "carts", Some("AWS::DynamoDB::Table"));
    assert_eq!((&table["State"], &edge(front, table)["SummaryStatistics"]["OkCount"]), (&json!("unknown"), &json!(1)));
    let client = node(graph, "frontend", Some("client"));
    assert_eq!(edge(client, front)["SummaryStatistics"]["TotalCount"], 1);
    let (web, orders) = (node(graph, "web", None), node(graph, "orders", None));
    assert_eq!(edge(web, orders)["SummaryStatistics"]["ErrorStatistics"], json!({"ThrottleCount": 0, "OtherCount": 1, "TotalCount": 1}));
    edge(orders, node(graph, "orders_db", Some("Database::SQL")));
    let many = graph.as_array().expect("nodes").iter().find(|node| node["Name"] == "many" && node["Type"].is_null());
    assert_eq!(many.map(|node| &node["SummaryStatistics"]["TotalCount"]), with_many.then_some(&json!(130)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_puts_and_reads() {
    let clew = Clew::start();
    let home = TempDir::new().expect("a temporary directory");
    let endpoint = format!("http://{}", clew.xray());
    let aws = async |arguments: &[&str]| {
        let mut command = Command::new(python());
        command.arg(python().with_file_name("aws")).arg("xray").args(arguments).args(["--endpoint-url", &endpoint, "--output", "json"]);
        command.env("NO_PROXY", "127.0.0.1").env("AWS_DEFAULT_REGION", "us-east-1").env("HOME", home.path());
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        run(command, String::new()).await
    };
    let now = now();
    let (id, documents) = segments(now);
    let documents: Vec<String> = documents.iter().map(Value::to_string).collect();
    let put = aws(&["put-trace-segments", "--trace-segment-documents", &documents[0], &documents[1]]).await.expect("an answer");
    assert_eq!(put["UnprocessedTraceSegments"], json!([]));
    let (start, end) = ((now - 600.0).to_string(), (now + 1.0).to_string());
    let summaries = |filter| ["get-trace-summaries", "--start-time", &start, "--end-time", &end, "--filter-expression", filter];
    let found = aws(&summaries(r#"service("backend") { fault } AND annotation.items = 7"#)).await.expect("an answer");
    assert_eq!(ids(&found["TraceSummaries"]), [&id]);
    let none = aws(&summaries("fault OR duration > 60")).await.expect("an answer");
    assert_eq!(ids(&none["TraceSummaries"]), [""; 0]);
    let error = aws(&summaries("banana")).await.expect_err("no expression");
    assert!(error.contains("InvalidRequestException") && error.contains("at position 0: banana is not a keyword"), "{error}");
    let batch = aws(&["batch-get-traces", "--trace-ids", &id]).await.expect("an answer");
    assert_eq!(batch["Traces"][0]["Segments"].as_array().map(Vec::len), Some(3));
    let graph = aws(&["get-service-graph", "--start-time", &start, "--end-time", &end]).await.expect("an answer");
    let (front, back) = (node(&graph["Services"], "frontend", None), node(&graph["Services"], "backend", Some("AWS::EC2::Instance")));
    assert_eq!(edge(front, back)["SummaryStatistics"]["TotalCount"], 1);
}
