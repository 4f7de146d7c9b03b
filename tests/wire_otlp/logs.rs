//! Log records: what becomes of each field, and what senders get wrong.

use super::captures::{Capture, attributes, value as value_of};
use super::{Bed, framed, pair, text, value};
use model::attr::Value;
use model::log::{How, Line, Severity, attributes_json};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

const TRACE: &str = "5759e988bd862e3fe1be46a994272793";
const SPAN: &str = "53995c3f42cd8ad8";
const NOW: u64 = 1_700_000_000_000_000_000;

/// A request of these records by a service with these attributes.
fn request(resource: Vec<KeyValue>, log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope = InstrumentationScope {
        name: "app.cart".into(),
        version: "1.2".into(),
        attributes: vec![text("lib", "x")],
        ..InstrumentationScope::default()
    };
    let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records, ..ScopeLogs::default() }];
    let resource = Some(Resource { attributes: resource, ..Resource::default() });
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }] }
}

fn record(body: Any) -> LogRecord {
    LogRecord { time_unix_nano: NOW, body: Some(value(body)), ..LogRecord::default() }
}

fn said(body: &str) -> LogRecord {
    record(Any::StringValue(body.into()))
}

impl Bed {
    async fn lines(&self, request: ExportLogsServiceRequest) -> Vec<Line> {
        let answer = self.post("/v1/logs", &[("content-type", "application/x-protobuf")], request.encode_to_vec()).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
        self.store.take_lines()
    }

    async fn json_lines(&self, records: &str) -> Vec<Line> {
        let body = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#);
        let answer = self.post("/v1/logs", &[("content-type", "application/json")], body).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, &b"{}"[..]));
        self.store.take_lines()
    }
}

#[tokio::test]
async fn every_field_of_a_record() {
    let bed = Bed::new();
    let record = LogRecord {
        observed_time_unix_nano: NOW + 5,
        severity_number: 18,
        severity_text: "whatever".into(),
        attributes: vec![text("user", "andrew"), pair("n", Any::IntValue(7))],
        dropped_attributes_count: 2,
        flags: 3,
        trace_id: [7; 16].into(),
        span_id: [1; 8].into(),
        event_name: "cart.cleared".into(),
        ..said("cart of andrew is empty")
    };
    let resource = vec![
        text("service.name", "cart"),
        text("service.instance.id", "i-1"),
        text("host.name", "web-1"),
        text("deployment.environment", "staging"),
    ];
    let lines = bed.lines(request(resource, vec![record])).await;
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((line.time, line.message.as_str()), (NOW as i64, "cart of andrew is empty"));
    assert_eq!((line.severity, line.severity_sent), (Severity(18), Severity(18)));
    let link = line.trace.unwrap();
    assert_eq!((link.trace_id.0, link.span_id.unwrap().0, link.how), ([7; 16], [1; 8], How::Protocol));
    assert_eq!(line.attributes, r#"{"user":"andrew","n":7,"event.name":"cart.cleared","otel.dropped_attributes_count":2}"#);
    let origin = &line.origin;
    assert_eq!(
        [&origin.group, &origin.stream, &origin.service, &origin.environment, &origin.host, &origin.logger, &origin.source]
            .map(|text| &**text),
        ["cart", "i-1", "cart", "staging", "web-1", "app.cart", "otlp_http"]
    );
    let resource = r#"{"service.name":"cart","service.instance.id":"i-1","host.name":"web-1","deployment.environment":"staging","lib":"x","otel.scope.version":"1.2"}"#;
    assert_eq!(&*origin.resource, resource);
}

#[tokio::test]
async fn where_lines_come_from_if_little_is_said() {
    let bed = Bed::new();
    for (resource, group, stream, service) in [
        (vec![], "unknown_service", "default", ""),
        (vec![text("service.name", ""), text("host.name", "web-1")], "unknown_service", "web-1", ""),
        (vec![text("service.name", "api")], "api", "default", "api"),
    ] {
        let lines = bed.lines(request(resource, vec![said("a"), said("b")])).await;
        let origin = &lines[0].origin;
        assert_eq!([&origin.group, &origin.stream, &origin.service].map(|text| &**text), [group, stream, service]);
        assert!(std::sync::Arc::ptr_eq(origin, &lines[1].origin), "shared by the lines of a scope");
    }
    let long = "é".repeat(400);
    let lines = bed.lines(request(vec![text("service.name", &long)], vec![said("a")])).await;
    assert_eq!(lines[0].origin.group.len(), 512, "no longer than CloudWatch's names");
}

#[tokio::test]
async fn times_are_the_senders_if_it_has_any() {
    let bed = Bed::new();
    let observed = LogRecord { time_unix_nano: 0, observed_time_unix_nano: 7, ..said("a") };
    let never = LogRecord { time_unix_nano: 0, ..said("b") };
    let lines = bed.lines(request(vec![], vec![observed, never.clone()])).await;
    assert_eq!((lines[0].time, lines[1].time), (7, lines[1].received_at));
    assert!(bed.store.identity.lock().unwrap().is_some());
    // Without a time the same words may be said twice; with one a repetition is one.
    bed.lines(request(vec![], vec![never])).await;
    assert_eq!(*bed.store.identity.lock().unwrap(), None);
    bed.lines(request(vec![], vec![said("a")])).await;
    let first = *bed.store.identity.lock().unwrap();
    bed.lines(request(vec![], vec![said("a")])).await;
    assert_eq!(*bed.store.identity.lock().unwrap(), first);
    bed.lines(request(vec![], vec![said("a"), said("a")])).await;
    assert_ne!(*bed.store.identity.lock().unwrap(), first);
}

#[tokio::test]
async fn bodies_of_any_type() {
    let bed = Bed::new();
    let list = Any::ArrayValue(ArrayValue { values: vec![value(Any::IntValue(1)), value(Any::StringValue("x".into()))] });
    let map = Any::KvlistValue(KeyValueList {
        values: vec![text("event", "login"), pair("ids", list.clone()), pair("raw", Any::BytesValue(vec![1, 255]))],
    });
    let event = LogRecord { body: None, event_name: "started".into(), ..said("") };
    let records = vec![
        said("as is\n{"),
        record(list),
        record(map),
        record(Any::IntValue(42)),
        record(Any::BoolValue(true)),
        event,
        LogRecord::default(),
    ];
    let lines = bed.lines(request(vec![], records)).await;
    let messages: Vec<&str> = lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(messages, ["as is\n{", r#"[1,"x"]"#, r#"{"event":"login","ids":[1,"x"],"raw":"01ff"}"#, "42", "true", "started", ""]);
    for line in &lines {
        assert!(line.attributes.is_empty() || serde_json::from_str::<serde_json::Value>(&line.attributes).unwrap().is_object());
    }
}

#[tokio::test]
async fn severities_from_number_text_and_body_and_repaired() {
    let bed = Bed::new();
    let with = |number: i32, name: &str, body: &str| LogRecord { severity_number: number, severity_text: name.into(), ..said(body) };
    let cases = [
        (with(14, "INFO", "x"), 14, 14),
        (with(0, "Warning", "x"), 13, 13),
        (with(99, "", "ERROR x"), 17, 17),
        (with(0, "", "x"), 0, 0),
        // Everything is logged as errors: the status says better.
        (with(17, "ERROR", "[2023-Feb-26 17:05] 127.0.0.1 GET http /api/activities/home? 200 OK"), 9, 17),
        (with(9, "INFO", "Traceback (most recent call last):\n  File \"a.py\"\nValueError: x"), 17, 9),
    ];
    let lines = bed.lines(request(vec![], cases.iter().map(|case| case.0.clone()).collect())).await;
    for (line, (record, severity, sent)) in lines.iter().zip(&cases) {
        assert_eq!((line.severity.0, line.severity_sent.0), (*severity, *sent), "{record:?}");
    }
}

#[tokio::test]
async fn traces_from_the_record_else_from_what_it_says() {
    let bed = Bed::new();
    let inside = format!("trace_id={TRACE} span_id={SPAN}");
    let cases = [
        (LogRecord { trace_id: [7; 16].into(), ..said(&inside) }, Some(("07".repeat(16), How::Protocol))),
        (LogRecord { trace_id: [0; 16].into(), span_id: [0; 8].into(), ..said(&inside) }, Some((TRACE.into(), How::KeyValue))),
        (LogRecord { trace_id: vec![1, 2, 3], ..said("x") }, None),
        (said(&format!(r#"{{"otelTraceID":"{TRACE}"}}"#)), Some((TRACE.into(), How::Json))),
        (record(Any::KvlistValue(KeyValueList { values: vec![text("traceId", TRACE)] })), Some((TRACE.into(), How::Json))),
    ];
    let lines = bed.lines(request(vec![], cases.iter().map(|case| case.0.clone()).collect())).await;
    for (line, (record, trace)) in lines.iter().zip(cases) {
        assert_eq!(line.trace.map(|link| (link.trace_id.to_string(), link.how)), trace, "{record:?}");
    }
}

#[tokio::test]
async fn json_in_every_dialect() {
    let bed = Bed::new();
    for fields in [
        format!(
            r#""timeUnixNano":"{NOW}","severityNumber":9,"traceId":"{}","spanId":"{SPAN}","body":{{"stringValue":"hi"}}"#,
            TRACE.to_uppercase()
        ),
        format!(
            r#""time_unix_nano":{NOW},"severity_number":"SEVERITY_NUMBER_INFO","trace_id":"V1npiL2GLj/hvkaplCcnkw==","span_id":"U5lcP0LNitg=","body":{{"string_value":"hi"}}"#
        ),
        format!(
            r#""timeUnixNano":0,"observedTimeUnixNano":{NOW},"severityText":"info","traceId":"{TRACE}","spanId":"{SPAN}","body":"hi","unknown":[]"#
        ),
    ] {
        let lines = bed.json_lines(&format!("{{{fields}}}")).await;
        let [line] = lines.as_slice() else { panic!("{fields}") };
        assert_eq!((line.time, line.message.as_str(), line.severity), (NOW as i64, "hi", Severity::INFO), "{fields}");
        let link = line.trace.expect("a trace");
        assert_eq!((link.trace_id.to_string(), link.span_id.unwrap().to_string()), (TRACE.to_owned(), SPAN.to_owned()), "{fields}");
    }
    let lines = bed.json_lines(r#"{"body":{"kvlistValue":{"values":[{"key":"n","value":{"intValue":"1"}}]}},"eventName":"e","attributes":[{"key":"b","value":{"bytesValue":"AAE="}}]}"#).await;
    assert_eq!((lines[0].message.as_str(), lines[0].attributes.as_str()), (r#"{"n":1}"#, r#"{"b":"0001","event.name":"e"}"#));
    // The names of before OTLP 0.15, and of snake case.
    for body in [
        r#"{"resourceLogs":[{"instrumentationLibraryLogs":[{"instrumentationLibrary":{"name":"l"},"logs":[{"body":{"stringValue":"hi"}}]}]}]}"#,
        r#"{"resource_logs":[{"scope_logs":[{"scope":{"name":"l"},"log_records":[{"body":{"string_value":"hi"}}]}]}]}"#,
    ] {
        for path in ["/v1/logs", "/"] {
            bed.post(path, &[("content-type", "application/json")], body).await;
            let lines = bed.store.take_lines();
            assert_eq!((lines[0].message.as_str(), &*lines[0].origin.logger), ("hi", "l"), "{path} {body}");
        }
    }
}

#[tokio::test]
async fn a_bad_record_costs_no_other() {
    let bed = Bed::new();
    let late = LogRecord { time_unix_nano: u64::MAX, ..said("never") };
    let body = request(vec![], vec![said("a"), late, said("b")]).encode_to_vec();
    let answer = bed.post("/v1/logs", &[("content-type", "application/x-protobuf")], body.clone()).await;
    let partial = ExportLogsServiceResponse::decode(answer.body).unwrap().partial_success.unwrap();
    assert_eq!((partial.rejected_log_records, partial.error_message.as_str()), (1, "1 with time out of range"));
    assert_eq!(bed.store.take_lines().len(), 2);
    let path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    let answer = bed.post(path, &[("content-type", "application/grpc")], framed(false, &body)).await;
    assert_eq!(
        (answer.grpc_status(), ExportLogsServiceResponse::decode(&answer.body[5..]).unwrap().partial_success.unwrap()),
        ("0", partial)
    );
    assert_eq!(bed.store.take_lines().len(), 2);
    let json = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":"a"},{"body":"b","attributes":7}]}]}]}"#;
    let partial = bed.post("/v1/logs", &[("content-type", "application/json")], json).await.json();
    assert_eq!(partial["partialSuccess"]["rejectedLogRecords"], "1");
    assert_eq!(bed.store.take_lines().len(), 1);
    let rejected = bed.store.take_rejected();
    assert!(
        rejected.iter().all(|record| record.signal.as_str() == "logs" && record.sample.contains("a log record of unknown_service")),
        "{rejected:?}"
    );
    let json = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[7]}]}]}"#;
    assert_eq!(bed.post("/v1/logs", &[("content-type", "application/json")], json).await.status, 400);
}

#[tokio::test]
async fn secrets_are_never_stored() {
    let bed = Bed::new();
    let body = Any::KvlistValue(KeyValueList { values: vec![text("api_key", "hunter2"), text("page", "2")] });
    let records = vec![
        LogRecord {
            attributes: vec![text("password", "hunter2"), text("url.full", "https://u:hunter2@h/")],
            ..said("login password=hunter2 ok")
        },
        record(body),
        said(r#"{"headers":{"Authorization":"Bearer hunter2"},"page":2}"#),
    ];
    let mut dirty = request(vec![text("db.password", "hunter2")], records);
    dirty.resource_logs[0].scope_logs[0].scope.as_mut().unwrap().attributes.push(text("token", "hunter2"));
    let lines = bed.lines(dirty).await;
    let all = format!("{lines:?}");
    assert!(!all.contains("hunter2"), "{all}");
    assert!(all.contains("login password=REDACTED ok") && all.contains("page"));
}

/// An independent reading of the same bytes.
#[tokio::test]
async fn our_reader_and_prost_agree() {
    let mut compared = 0;
    for capture in Capture::all() {
        let compressed = capture.meta.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
        if !capture.meta.path.to_lowercase().contains("logs") || compressed || capture.path.to_string_lossy().contains("http_json") {
            continue;
        }
        let bed = Bed::new();
        bed.send(capture.request(&capture.body)).await;
        let mut ours = bed.store.take_lines().into_iter();
        for of_resource in ExportLogsServiceRequest::decode(&*capture.body).unwrap().resource_logs {
            let resource = of_resource.resource.unwrap();
            for of_scope in of_resource.scope_logs {
                for theirs in of_scope.log_records {
                    let line = ours.next().expect("as many lines");
                    assert_eq!(line.time as u64, theirs.time_unix_nano);
                    assert_eq!(i32::from(line.severity_sent.0), theirs.severity_number);
                    let body = value_of(theirs.body.unwrap_or_default());
                    assert_eq!(line.message, if body == Value::Empty { theirs.event_name.clone() } else { body.to_string() });
                    assert_eq!(line.attributes, attributes_json(&attributes(theirs.attributes)));
                    let link = line.trace.filter(|link| link.how == How::Protocol);
                    assert_eq!(link.map(|link| link.trace_id.0.to_vec()).unwrap_or_default(), theirs.trace_id);
                    assert_eq!(&*line.origin.logger, of_scope.scope.as_ref().unwrap().name);
                    let service = resource.attributes.iter().find(|pair| pair.key == "service.name").unwrap();
                    assert_eq!(Value::Str(line.origin.group.to_string()), value_of(service.value.clone().unwrap()));
                    compared += 1;
                }
            }
        }
        assert!(ours.next().is_none(), "no more lines");
    }
    assert!(compared >= 7, "only {compared} lines were compared");
}
