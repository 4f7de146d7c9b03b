//! The life of errors in the real program, from the item to the inbox.

use crate::harness::Clew;
use model::time::SECOND;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A program, and somebody called Ann.
pub struct Program {
    pub clew: Clew,
    client: Client,
}

pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as i64
}

/// The `data` of an exception of this class, thrown in a file of its name.
pub fn thrown(class: &str, message: &str) -> Value {
    let frames = json!([{"filename": format!("/srv/app/{class}.py"), "method": "run", "lineno": 3, "code": "go()"}]);
    json!({"timestamp": now() / SECOND, "environment": "production", "context": "/orders/<oid>", "server": {"host": "web-1", "root": "/srv/app"},
        "body": {"trace": {"frames": frames, "exception": {"class": class, "message": message}}}})
}

impl Program {
    pub fn start() -> Program {
        Program { clew: Clew::start(), client: Client::builder().redirect(Policy::none()).build().expect("a client") }
    }

    /// Sends an item; the uuid it was given.
    pub async fn item(&self, data: Value) -> String {
        let request = self.client.post(self.clew.url("/api/1/item/")).header("x-rollbar-access-token", "token");
        let answer = request.json(&json!({"data": data})).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.expect("JSON");
        answer["result"]["uuid"].as_str().expect("a uuid").to_owned()
    }

    /// Waits until what the API says of the errors is as wanted, a second at most, as the digest promises; a busy machine gets ten.
    pub async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            // A group is not there before its first item is digested.
            let answer = self.client.get(self.clew.url(path)).send().await.expect("an answer");
            let is_there = answer.status().is_success();
            let found: Value = answer.json().await.expect("JSON");
            if is_there && wanted(&found) {
                return found;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "{path} never was as wanted: {found:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn count(&self, number: u64, count: u64) -> Value {
        self.until(&format!("/api/errors/{number}"), |error| error["count"] == count).await
    }

    pub async fn triage(&self, form: &[(&str, &str)]) {
        let answer = self.form("/errors/triage", form).await;
        assert_eq!(answer.status(), 303, "{form:?}");
    }

    pub async fn form(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let body = reqwest::Url::parse_with_params("http://x/", form).expect("a form").query().unwrap_or_default().to_owned();
        let request = self.client.post(self.clew.url(path)).header("cookie", "name=Ann");
        request.header("content-type", "application/x-www-form-urlencoded").body(body).send().await.expect("an answer")
    }

    async fn patch(&self, number: u64, change: Value) -> Value {
        let request = self.client.patch(self.clew.url(&format!("/api/errors/{number}"))).json(&change);
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{change}: {}", answer.status());
        answer.json().await.expect("JSON")
    }

    async fn spans(&self, body: &Value) {
        let answer = self.client.post(format!("{}/v1/traces", self.clew.otlp_http())).json(body).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolved_error_that_comes_back_is_regressed() {
    let program = Program::start();
    program.item(thrown("KeyError", "'a'")).await;
    let list = program.until("/api/errors", |list| list["errors"].as_array().is_some_and(|errors| errors.len() == 1)).await;
    let error = &list["errors"][0];
    assert_eq!(
        (&error["title"], &error["mark"], &error["status"]),
        (&json!("KeyError: 'a'"), &json!("new"), &json!("active")),
        "{error:#}"
    );

    let resolved = program.patch(1, json!({"status": "resolved"})).await;
    assert_eq!(resolved["status"], "resolved");
    assert_eq!(program.clew.json("/api/errors").await["counts"]["active"], 0);
    // Rollbar's seconds: what was thrown before it was resolved is no relapse.
    let mut before = thrown("KeyError", "'b'");
    before["timestamp"] = json!(now() / SECOND - 60);
    program.item(before).await;
    assert_eq!(program.count(1, 2).await["status"], "resolved");
    program.item(thrown("KeyError", "'c'")).await;
    let back = program.count(1, 3).await;
    assert_eq!((&back["status"], &back["mark"]), (&json!("active"), &json!("regressed")), "{back:#}");
    let history: Vec<&str> = back["history"].as_array().expect("rows").iter().filter_map(|row| row["what"].as_str()).collect();
    assert_eq!(history, ["saw it again", "resolved it"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_deploys_decide_what_is_a_relapse() {
    let program = Program::start();
    let of = |version: &str| {
        let mut data = thrown("Broken", "m");
        data["code_version"] = json!(version);
        data
    };
    program.item(of("1.9.0")).await;
    program.count(1, 1).await;
    program.patch(1, json!({"resolved_in_version": "1.10.0"})).await;
    program.item(of("1.9.5")).await;
    assert_eq!(program.count(1, 2).await["status"], "resolved", "1.9.5 is older than 1.10.0");
    program.item(of("1.10.0")).await;
    assert_eq!(program.count(1, 3).await["mark"], "regressed");

    program.triage(&[("number", "1"), ("action", "resolve-deploy")]).await;
    program.item(of("1.10.0")).await;
    assert_eq!(program.count(1, 4).await["status"], "resolved", "nothing was deployed since");
    let deploy = program.client.post(program.clew.url("/api/1/deploy/")).header("x-rollbar-access-token", "token");
    let form = "environment=production&revision=1.11.0&local_username=ann&status=started";
    let answer = deploy.header("content-type", "application/x-www-form-urlencoded").body(form).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.expect("JSON");
    let id = answer["data"]["deploy_id"].as_u64().expect("an id");
    let end = program.client.patch(program.clew.url(&format!("/api/1/deploy/{id}"))).header("x-rollbar-access-token", "token");
    let ended: Value = end.json(&json!({"status": "succeeded"})).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!((&ended["result"]["status"], &ended["result"]["revision"]), (&json!("succeeded"), &json!("1.11.0")));
    // The next second, which is the first that is surely after it.
    let mut later = of("1.11.0");
    later["timestamp"] = json!(now() / SECOND + 1);
    program.item(later).await;
    assert_eq!(program.count(1, 5).await["mark"], "regressed");
}

#[tokio::test(flavor = "multi_thread")]
async fn snoozed_and_muted_errors_stay_quiet() {
    let program = Program::start();
    program.item(thrown("Noisy", "m")).await;
    program.count(1, 1).await;
    program.triage(&[("number", "1"), ("action", "snooze-more"), ("more", "2")]).await;
    program.item(thrown("Noisy", "m")).await;
    assert_eq!(program.count(1, 2).await["status"], "snoozed");
    program.item(thrown("Noisy", "m")).await;
    assert_eq!(program.count(1, 3).await["status"], "active", "two more came");
    program.triage(&[("number", "1"), ("action", "mute")]).await;
    program.item(thrown("Noisy", "m")).await;
    assert_eq!(program.count(1, 4).await["status"], "muted");
    program.triage(&[("number", "1"), ("action", "reopen")]).await;
    program.triage(&[("number", "1"), ("action", "assign"), ("who", "Bob")]).await;
    let assigned = program.clew.json("/api/errors?q=assignee:Bob").await;
    assert_eq!(assigned["errors"][0]["number"], 1);
    assert_eq!(
        program.clew.json("/api/errors/1").await["history"][0],
        json!({"actor": "Ann", "what": "assigned it to Bob", "comment": null,
        "at": program.clew.json("/api/errors/1").await["history"][0]["at"]})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_errors_stay_merged_for_what_comes() {
    let program = Program::start();
    for class in ["Left", "Right", "Left"] {
        program.item(thrown(class, "m")).await;
    }
    program.count(1, 2).await;
    program.count(2, 1).await;
    program.triage(&[("number", "2"), ("action", "merge"), ("into", "1")]).await;
    assert_eq!(program.clew.json("/api/errors/2").await["number"], 1, "a merged number leads to the whole");
    program.item(thrown("Right", "m")).await;
    let whole = program.count(1, 4).await;
    assert_eq!((&whole["members"], &whole["count"]), (&json!([2]), &json!(4)));
    assert_eq!(program.clew.json("/api/errors/1/occurrences").await["occurrences"].as_array().map(Vec::len), Some(4));
    program.triage(&[("number", "1"), ("action", "unmerge"), ("member", "2")]).await;
    program.count(1, 2).await;
    program.count(2, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_sent_again_counts_once_and_its_link_is_for_ever() {
    let program = Program::start();
    let mut data = thrown("Again", "m");
    data["uuid"] = json!("dfa57528-4518-4921-8dd4-d15740fde519");
    for _ in 0..3 {
        assert_eq!(program.item(data.clone()).await, "dfa57528-4518-4921-8dd4-d15740fde519");
    }
    program.item(thrown("Again", "other")).await;
    program.count(1, 2).await;
    program.item(data).await;
    program.item(thrown("Again", "third")).await;
    program.count(1, 3).await;
    let answer = program.client.get(program.clew.url("/e/uuid/dfa57528-4518-4921-8dd4-d15740fde519")).send().await.expect("an answer");
    let page = answer.text().await.expect("a page");
    assert!(page.contains("Again: m"), "{page}");
}

/// An exception event of a span.
fn span(trace: &str, id: &str, class: &str, message: &str, at: i64) -> Value {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let event = json!({"timeUnixNano": at.to_string(), "name": "exception", "attributes": [
        text("exception.type", &format!("app.errors.{class}")), text("exception.message", message)]});
    let span = json!({"traceId": trace, "spanId": id, "name": "GET /orders/<oid>", "kind": 2, "status": {"code": 2}, "attributes": [text("http.route", "/orders/<oid>")],
        "startTimeUnixNano": (at - 1_000_000).to_string(), "endTimeUnixNano": (at + 1_000_000).to_string(), "events": [event]});
    let resource = json!({"attributes": [text("service.name", "shop"), text("deployment.environment.name", "production")]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]})
}

const TRACE: &str = "5759e988bd862e3fe1be46a994272793";
const SPAN: &str = "53995c3f42cd8ad8";

#[tokio::test(flavor = "multi_thread")]
async fn one_throw_is_one_occurrence_whoever_saw_it() {
    let program = Program::start();
    program.spans(&span(TRACE, SPAN, "KeyError", "no order 7", now())).await;
    let mut data = thrown("KeyError", "no order 7");
    data["custom"] = json!({"trace_id": TRACE, "span_id": SPAN});
    program.item(data).await;
    let record = json!({"timeUnixNano": now().to_string(), "traceId": TRACE, "spanId": SPAN, "severityNumber": 17, "body": {"stringValue": "failed"},
        "attributes": [{"key": "exception.type", "value": {"stringValue": "KeyError"}}, {"key": "exception.message", "value": {"stringValue": "no order 7"}}]});
    let logs = json!({"resourceLogs": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}, "scopeLogs": [{"logRecords": [record]}]}]});
    let answer = program.client.post(format!("{}/v1/logs", program.clew.otlp_http())).json(&logs).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let occurrence = program
        .until("/api/errors/1/occurrences/latest", |one| {
            one["witnesses"].as_array().is_some_and(|all| all.len() == 3) && one["families"].as_array().is_some_and(|all| all.len() == 2)
        })
        .await;
    assert_eq!((&occurrence["families"], &occurrence["how"]), (&json!(["rollbar", "otel"]), &json!("span")), "{occurrence:#}");
    let list = program.clew.json("/api/errors").await;
    assert_eq!(list["errors"].as_array().map(Vec::len), Some(1), "{list:#}");
    assert_eq!((&list["errors"][0]["count"], &list["errors"][0]["service"]), (&json!(1), &json!("shop")), "{list:#}");
    let trace = reqwest::get(program.clew.url(&format!("/t/{TRACE}"))).await.expect("an answer").text().await.expect("a page");
    assert!(trace.contains("href=\"/e/1"), "the span leads to the error");
    // The failed request is looked at some seconds later.
    let failed = |list: &Value| list["errors"][0]["failed_requests"] == 1;
    let began = Instant::now();
    while !failed(&program.clew.json("/api/errors").await) {
        assert!(began.elapsed() < Duration::from_secs(30), "its request failed");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_without_an_id_finds_its_trace_if_there_is_one_that_fits() {
    let program = Program::start();
    program.spans(&span(TRACE, SPAN, "KeyError", "no order 7", now())).await;
    program.count(1, 1).await;
    let uuid = program.item(thrown("KeyError", "no order 7")).await;
    let list = program.until("/api/errors", |list| list["errors"].as_array().is_some_and(|errors| errors.len() == 2)).await;
    assert!(list["errors"].as_array().unwrap().iter().all(|error| error["count"] == 1), "inferred links merge no counts: {list:#}");
    let number = list["errors"].as_array().unwrap().iter().map(|error| error["number"].as_u64().unwrap()).max().unwrap();
    let occurrence = program.clew.json(&format!("/api/errors/{number}/occurrences/latest")).await;
    assert_eq!(
        (&occurrence["uuid"], &occurrence["how"], &occurrence["traces"]),
        (&json!(uuid), &json!("inferred"), &json!([TRACE])),
        "{occurrence:#}"
    );
    // A second one that fits as well: then it may be either.
    program.spans(&span("00000000000000000000000000000abc", SPAN, "KeyError", "no order 7", now())).await;
    program.count(1, 2).await;
    let occurrence = program.clew.json(&format!("/api/errors/{number}/occurrences/latest")).await;
    assert_eq!(occurrence["traces"], json!([]), "{occurrence:#}");
}

/// In a Lambda function Rollbar's SDK knows the id of the request, and so do the span and the lines of the log.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_leads_to_the_trace() {
    const REQUEST: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
    let program = Program::start();
    let mut traced = span(TRACE, SPAN, "Other", "m", now());
    traced["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] =
        json!([{"key": "faas.invocation_id", "value": {"stringValue": REQUEST}}]);
    program.spans(&traced).await;
    program.count(1, 1).await;
    let mut data = thrown("Late", "m");
    data["custom"] = json!({"lambda": {"request_id": REQUEST}});
    program.item(data).await;
    program.count(2, 1).await;
    let occurrence = program.clew.json("/api/errors/2/occurrences/latest").await;
    assert_eq!(
        (&occurrence["how"], &occurrence["traces"], &occurrence["span"]),
        (&json!("request"), &json!([TRACE]), &json!(SPAN)),
        "{occurrence:#}"
    );
    let page = program.client.get(program.clew.url("/e/2")).send().await.expect("an answer").text().await.expect("a page");
    assert!(page.contains("linked by ") && page.contains(TRACE), "{page}");
}
