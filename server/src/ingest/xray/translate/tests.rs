use super::*;
use model::attr::{Attributes, get, get_str};
use serde_json::json;

const TRACE: &str = "1-6b02e85e-94ef470cbbe2bb1ae6139cde";

fn arrival() -> Arrival {
    Arrival { received_at: 7, source: "xray_udp".into(), key: "".into(), dataset: "".into(), own: Arc::default() }
}

fn translate(document: &str) -> (Vec<Span>, Vec<Unprocessed>) {
    let arrival = arrival();
    let mut translator = Translator::new(&arrival);
    let unprocessed = translator.document(document);
    let batch = translator.finish();
    assert_eq!(batch.rejected.len(), unprocessed.len(), "what is reported is counted");
    (batch.spans, unprocessed)
}

fn spans(document: &serde_json::Value) -> Vec<Span> {
    let (spans, unprocessed) = translate(&document.to_string());
    assert_eq!(unprocessed, []);
    spans
}

fn only(document: serde_json::Value) -> Span {
    let mut spans = spans(&document);
    assert_eq!(spans.len(), 1);
    spans.remove(0)
}

fn codes(document: serde_json::Value) -> Vec<(Option<String>, &'static str)> {
    let (_, unprocessed) = translate(&document.to_string());
    unprocessed.into_iter().map(|unprocessed| (unprocessed.id, unprocessed.code.as_str())).collect()
}

/// A minimal segment with more fields.
fn segment(more: serde_json::Value) -> serde_json::Value {
    let mut segment =
        json!({"id": "d88b1693495acf28", "trace_id": TRACE, "name": "api", "start_time": 1795352670.5, "end_time": 1795352671.0});
    segment.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    segment
}

fn text(attributes: &Attributes, key: &str) -> String {
    get(attributes, key).map(ToString::to_string).unwrap_or_default()
}

#[test]
fn a_segment_is_a_server_span_and_what_it_encloses_hangs_below() {
    let sub = |id: &str, namespace: &str| json!({"id": id, "name": namespace, "start_time": 1795352670.6, "end_time": 1795352670.7, "namespace": namespace});
    let mut remote = sub("00000000000000a2", "remote");
    remote["subsegments"] = json!([sub("00000000000000a3", "nobody's")]);
    let spans = spans(&segment(json!({
        "parent_id": "00000000000000ff",
        "subsegments": [sub("00000000000000a1", "local"), remote, sub("00000000000000a4", "aws")],
    })));
    let shape: Vec<_> = spans.iter().map(|span| (span.span_id.to_string(), span.parent_id.unwrap().to_string(), span.kind)).collect();
    let row = |id: &str, parent: &str, kind| (id.to_owned(), parent.to_owned(), kind);
    assert_eq!(
        shape,
        [
            row("d88b1693495acf28", "00000000000000ff", Kind::Server),
            row("00000000000000a1", "d88b1693495acf28", Kind::Internal),
            row("00000000000000a2", "d88b1693495acf28", Kind::Client),
            row("00000000000000a3", "00000000000000a2", Kind::Internal),
            row("00000000000000a4", "d88b1693495acf28", Kind::Client),
        ]
    );
    assert!(
        spans.iter().all(|span| span.trace_id.xray() == TRACE && span.service() == "api" && Arc::ptr_eq(&span.origin, &spans[0].origin))
    );
    assert_eq!((spans[0].start, spans[0].duration_ns), (1_795_352_670_500_000_000, 500_000_000));
    assert_eq!(text(&spans[4].attributes, "aws.service"), "aws");
    let documents: Vec<bool> = spans.iter().map(|span| get(&span.attributes, "aws.xray.document").is_some()).collect();
    assert_eq!(documents, [true, false, false, false, false], "the document is kept once");
}

#[test]
fn blocks_have_opentelemetrys_names() {
    let span = only(segment(json!({
        "http": {"request": {"method": "get", "url": "http://h:80/a/b?token=x#f", "user_agent": "ua", "client_ip": "1.2.3.4", "x_forwarded_for": true},
            "response": {"status": "404", "content_length": 12, "extra": 1}},
        "sql": {"url": "postgresql://u:p@db:5432/shop?x", "database_type": "PostgreSQL", "database_version": "15", "sanitized_query": "SELECT ?", "user": "u"},
        "user": "ada", "origin": "AWS::ECS::Fargate", "resource_arn": "arn:aws:ecs:x", "error": true,
        "service": {"version": "1.2", "runtime": "CPython", "runtime_version": "3.11", "name": "unknown"},
        "annotations": {"cache_hit": false, "n": 3, "user.id": "u7"},
        "metadata": {"default": {"k": [1, 2]}, "ns": {"password": "hunter2"}},
        "aws": {"account_id": "123", "ecs": {"container": "c", "cluster_arn": "ca", "new": 1}, "cloudwatch_logs": [{"log_group": "g", "arn": "a"}, {"log_group": "h"}],
            "xray": {"sdk": "X-Ray for Node.js", "sdk_version": "3.12.0", "package": "core", "rule_name": "Default"}, "request_id": "r1"},
    })));
    for (key, value) in [
        ("http.request.method", "GET"),
        ("url.full", "http://h:80/a/b?token=REDACTED#f"),
        ("url.path", "/a/b"),
        ("user_agent.original", "ua"),
        ("client.address", "1.2.3.4"),
        ("aws.xray.x_forwarded_for", "true"),
        ("http.response.status_code", "404"),
        ("http.response.body.size", "12"),
        ("aws.xray.http.response.extra", "1"),
        ("db.connection_string", "postgresql://REDACTED:REDACTED@db:5432/shop?x"),
        ("db.system.name", "postgresql"),
        ("db.query.text", "SELECT ?"),
        ("db.namespace", "shop"),
        ("db.user", "u"),
        ("aws.xray.sql.database_version", "15"),
        ("enduser.id", "ada"),
        ("aws.xray.origin", "AWS::ECS::Fargate"),
        ("aws.xray.error", "true"),
        ("aws.xray.type", "segment"),
        ("aws.xray.annotations", r#"["cache_hit","n","user.id"]"#),
        ("cache_hit", "false"),
        ("n", "3"),
        ("user.id", "u7"),
        ("aws.xray.metadata.default", r#"{"k":[1,2]}"#),
        ("aws.xray.metadata.ns", r#"{"password":"REDACTED"}"#),
        ("aws.request_id", "r1"),
        ("aws.xray.sampling_rule", "Default"),
    ] {
        assert_eq!(text(&span.attributes, key), value, "{key}");
    }
    assert_eq!(get(&span.attributes, "http.response.status_code"), Some(&Value::Int(404)));
    assert!(!text(&span.attributes, "aws.xray.document").contains("hunter2"), "the document is scrubbed");
    for (key, value) in [
        ("service.name", "api"),
        ("service.version", "1.2"),
        ("process.runtime.name", "CPython"),
        ("cloud.account.id", "123"),
        ("cloud.platform", "aws_ecs"),
        ("cloud.provider", "aws"),
        ("cloud.resource_id", "arn:aws:ecs:x"),
        ("container.name", "c"),
        ("aws.ecs.cluster.arn", "ca"),
        ("aws.ecs.new", "1"),
        ("aws.log.group.names", r#"["g","h"]"#),
        ("aws.log.group.arns", r#"["a"]"#),
        ("telemetry.sdk.name", "X-Ray for Node.js"),
        ("telemetry.sdk.version", "3.12.0"),
        ("telemetry.sdk.language", "nodejs"),
        ("aws.xray.package", "core"),
        ("aws.xray.service.name", ""),
    ] {
        assert_eq!(text(&span.origin.resource, key), value, "{key}");
    }
    let mut keys: Vec<&str> = span.attributes.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "a key occurs once: {keys:?}");
}

#[test]
fn annotations_cannot_stand_for_what_xray_says() {
    let span = only(segment(json!({"annotations": {"aws.xray.type": "mine", "aws.xray.document": "mine", "http.request.method": "mine"},
        "http": {"request": {"method": "PUT"}}})));
    assert_eq!(text(&span.attributes, "aws.xray.type"), "segment");
    assert_eq!(text(&span.attributes, "http.request.method"), "PUT");
    assert!(text(&span.attributes, "aws.xray.document").starts_with('{'));
}

#[test]
fn failures() {
    let status = |more| {
        let span = only(segment(more));
        (span.status, span.status_message)
    };
    let failed = |message: &str| (Status::Error, message.to_owned());
    assert_eq!(status(json!({})), (Status::Unset, String::new()));
    assert_eq!(status(json!({"fault": false, "error": false})), (Status::Unset, String::new()));
    assert_eq!(status(json!({"fault": true, "cause": {"exceptions": [{"id": "1", "message": "no", "type": "E"}]}})), failed("no"));
    assert_eq!(status(json!({"throttle": true})), failed(""));
    assert_eq!(status(json!({"error": true})), failed(""));
    // The caller's mistake, as OpenTelemetry's conventions see it; of a call it is a failure.
    assert_eq!(status(json!({"error": true, "http": {"response": {"status": 404}}})).0, Status::Unset);
    assert_eq!(status(json!({"error": true, "throttle": true, "http": {"response": {"status": 429}}})).0, Status::Unset);
    let call = json!({"type": "subsegment", "namespace": "remote", "error": true, "http": {"response": {"status": 404}}});
    assert_eq!(status(call).0, Status::Error);
}

#[test]
fn exceptions_are_events_and_ids_of_exceptions_find_them() {
    let exception = json!({"id": "5acc946fc893be76", "message": "no such table: users", "type": "OperationalError", "remote": false, "truncated": 2,
        "cause": "aaaaaaaaaaaaaaaa", "stack": [{"path": "app.py", "line": 306, "label": "t_user"}, {"path": "x.js", "line": null, "label": "f"}]});
    let spans = spans(&segment(json!({
        "fault": true,
        "cause": "5acc946fc893be76",
        "subsegments": [
            {"id": "00000000000000a1", "name": "a", "start_time": 1795352670.6, "end_time": 1795352670.7, "fault": true,
             "cause": {"working_directory": "/srv", "paths": ["p"], "exceptions": [exception]}},
            {"id": "00000000000000a2", "name": "b", "start_time": 1795352670.6, "end_time": 1795352670.7, "cause": "ffffffffffffffff"},
        ],
    })));
    let event = &spans[1].events[0];
    assert_eq!((event.name.as_str(), event.time), ("exception", 1_795_352_670_700_000_000));
    let stack = "OperationalError: no such table: users\n\tat t_user(app.py: 306)\n\tat f(x.js: )\n";
    assert_eq!(get_str(&event.attributes, "exception.stacktrace"), Some(stack));
    for (key, value) in [
        ("exception.type", "OperationalError"),
        ("exception.message", "no such table: users"),
        ("aws.xray.exception.id", "5acc946fc893be76"),
        ("aws.xray.exception.remote", "false"),
        ("aws.xray.exception.truncated", "2"),
        ("aws.xray.exception.cause", "aaaaaaaaaaaaaaaa"),
    ] {
        assert_eq!(text(&event.attributes, key), value, "{key}");
    }
    assert_eq!(
        (text(&spans[1].attributes, "aws.xray.cause.working_directory"), text(&spans[1].attributes, "aws.xray.cause.paths")),
        ("/srv".into(), r#"["p"]"#.into())
    );
    assert_eq!(spans[0].events[0].attributes, event.attributes, "the segment names it by its id alone");
    assert_eq!((spans[0].status_message.as_str(), text(&spans[0].attributes, "aws.xray.cause")), ("no such table: users", String::new()));
    // Another document of the trace has this one.
    assert!(spans[2].events.is_empty());
    assert_eq!(text(&spans[2].attributes, "aws.xray.cause"), "ffffffffffffffff");
}

#[test]
fn streamed_subsegments_open_ends_and_links() {
    let span = only(
        json!({"id": "6cb1d9b5ee53b7bc", "name": "s1", "start_time": 1795352773.7365227, "parent_id": "8891e71c1aba9086", "in_progress": true,
        "trace_id": TRACE, "type": "subsegment", "namespace": "local", "precursor_ids": ["0000000000000001"], "traced": true,
        "links": [{"trace_id": TRACE, "id": "0000000000000009", "attributes": {"k": "v"}}, {"id": "x"}]}),
    );
    assert_eq!((span.service(), span.kind, span.duration_ns), ("unknown_service", Kind::Internal, 0));
    assert_eq!(span.parent_id.unwrap().to_string(), "8891e71c1aba9086");
    assert_eq!(get(&span.attributes, "aws.xray.in_progress"), Some(&Value::Bool(true)));
    assert_eq!(text(&span.attributes, "aws.xray.precursor_ids"), r#"["0000000000000001"]"#);
    assert_eq!(text(&span.attributes, "aws.xray.traced"), "true");
    assert_eq!((span.links.len(), span.dropped.links), (1, 1));
    assert_eq!(text(&span.links[0].attributes, "k"), "v");
    let open = |more| get(&only(segment(more)).attributes, "aws.xray.in_progress").is_some();
    assert!(
        !open(json!({})) && !open(json!({"in_progress": false})) && open(json!({"end_time": null})) && open(json!({"in_progress": true}))
    );
    // The sender's clock went backwards.
    assert_eq!(only(segment(json!({"end_time": 1795352660.0}))).duration_ns, 0);
}

#[test]
fn scalars_of_any_type_and_numbers_that_are_none() {
    let document = r#"{"id": "D88B1693495ACF28", "trace_id": "6b02e85e94ef470cbbe2bb1ae6139cde", "name": 42, "start_time": 1.478E9, "end_time": "1478000001.25",
        "in_progress": "false", "user": 7, "http": {"response": {"status": 200.0, "content_length": "many"}}, "annotations": {"nan": NaN, "list": [1, {"a": null}]},
        "metadata": {"default": {"worst": -Infinity}}, "subsegments": null, "cause": 12, "links": "none"}"#;
    let (spans, unprocessed) = translate(document);
    assert_eq!((spans.len(), unprocessed), (1, vec![]));
    let span = &spans[0];
    assert_eq!((span.name.as_str(), span.start, span.duration_ns), ("42", 1_478_000_000_000_000_000, 1_250_000_000));
    assert!(matches!(get(&span.attributes, "nan"), Some(Value::Float(nan)) if nan.is_nan()));
    assert_eq!(text(&span.attributes, "list"), r#"[1,{"a":null}]"#);
    assert_eq!(text(&span.attributes, "aws.xray.metadata.default"), r#"{"worst":"-Infinity"}"#);
    assert_eq!((text(&span.attributes, "enduser.id"), text(&span.attributes, "http.response.body.size")), ("7".into(), "many".into()));
    assert_eq!(text(&span.attributes, "aws.xray.cause"), "12");
    serde_json::from_str::<serde_json::Value>(&text(&span.attributes, "aws.xray.document")).unwrap();
}

#[test]
fn a_bad_record_costs_nothing_but_itself() {
    let sub = |id: &str, name: &str| json!({"id": id, "name": name, "start_time": 1795352670.6, "end_time": 1795352670.7});
    let mut nameless = sub("00000000000000a1", "");
    nameless["subsegments"] = json!([sub("00000000000000a2", "kept")]);
    let (spans, unprocessed) =
        translate(&segment(json!({"subsegments": [nameless, 3, sub("zz", "x"), sub("00000000000000a3", "kept")]})).to_string());
    let names: Vec<_> = spans.iter().map(|span| (span.name.as_str(), span.parent_id.map(|id| id.to_string()))).collect();
    let parent = Some("d88b1693495acf28".to_owned());
    assert_eq!(names, [("api", None), ("kept", parent.clone()), ("kept", parent)]);
    let messages: Vec<_> = unprocessed.iter().map(Unprocessed::message).collect();
    let invalid = |code| format!("Invalid subsegment. ErrorCode: {code}");
    assert_eq!(messages, [invalid("MissingName"), invalid("InvalidSegment"), invalid("InvalidId")]);

    let list = json!([
        segment(json!({})),
        segment(json!({"trace_id": "1-2-3"})),
        segment(json!({"id": "00000000000000a9", "type": "subsegment"}))
    ]);
    let (spans, unprocessed) = translate(&list.to_string());
    assert_eq!((spans.len(), unprocessed.len()), (2, 1));
}

#[test]
fn aws_codes() {
    let with = |key: &str, value: serde_json::Value| codes(segment(json!({key: value})));
    let id = Some("d88b1693495acf28".to_owned());
    let one = |code| vec![(id.clone(), code)];
    assert_eq!(with("trace_id", json!(null)), one("InvalidTraceId"));
    assert_eq!(with("trace_id", json!("1-00000000-000000000000000000000000")), one("InvalidTraceId"));
    assert_eq!(with("name", json!(null)), one("MissingName"));
    assert_eq!(with("name", json!("")), one("MissingName"));
    assert_eq!(with("name", json!(["a"])), one("InvalidName"));
    assert_eq!(with("start_time", json!(null)), one("InvalidSegment"));
    assert_eq!(with("start_time", json!(-1)), one("InvalidSegment"));
    assert_eq!(with("parent_id", json!("x")), one("InvalidParentId"));
    assert_eq!(with("id", json!("x")), [(Some("x".into()), "InvalidId")]);
    assert_eq!(with("id", json!(null)), [(None, "MissingId")]);
    assert_eq!(codes(json!({"id": "zz"})), [(Some("zz".into()), "InvalidTraceId")]);
    assert_eq!(codes(json!("text")), [(None, "InvalidSegment")]);
    assert_eq!(codes(json!([])), []);
    let (_, unprocessed) = translate("{not json");
    assert_eq!(unprocessed[0].message(), "Invalid segment. ErrorCode: ParseError");
}

#[test]
fn datagrams() {
    let arrival = arrival();
    let mut translator = Translator::new(&arrival);
    let document = segment(json!({})).to_string();
    for header in [r#"{"format":"json","version":1}"#, r#"{ "version": 1, "format": "JSON" }"#] {
        translator.datagram(format!("{header}\n{document}").as_bytes());
    }
    let batch = std::mem::take(&mut translator.batch);
    assert_eq!((batch.spans.len(), batch.rejected.len()), (2, 0));
    for bad in [
        "",
        "\n",
        r#"{"format":"json","version":1}"#,
        "{\"format\":\"json\",\"version\":2}\n{}",
        "{\"format\":\"xml\",\"version\":1}\n{}",
        "x\n{}",
        "\u{0}",
    ] {
        translator.datagram(bad.as_bytes());
    }
    translator.datagram(b"{\"format\":\"json\",\"version\":1}\n{\"id\": \"\xff\xfe\"}");
    let reasons: Vec<_> = translator.finish().rejected.into_iter().map(|rejected| rejected.reason).collect();
    assert_eq!(reasons, [["no X-Ray header"; 7].as_slice(), &["invalid trace id"]].concat());
}
