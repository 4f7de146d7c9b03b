use super::filter::parse;
use super::view::{View, What};
use super::*;
use crate::ingest::Arrival;
use crate::ingest::own::Own;
use crate::ingest::xray::translate::Translator;
use model::attr::Value;
use model::id::{SpanId, TraceId};
use model::span::{Dropped, Envelope, Kind, Origin, Span, Status};
use model::trace::Trace;
use serde_json::json;
use std::sync::Arc;

const ID: &str = "1-6b02e85e-94ef470cbbe2bb1ae6139cde";

fn trace(mut spans: Vec<Span>) -> Trace {
    spans.sort_by_key(|span| (span.start, span.span_id));
    Trace { trace_id: ID.parse().unwrap(), spans, duplicates: 0, conflicts: 0, last_received: 0 }
}

/// A trace of X-Ray's documents, of which so many records are refused; each gets the trace id and, a second apart, its times.
pub fn of_documents(documents: &[serde_json::Value], refused: usize) -> Trace {
    let arrival = Arrival { received_at: 1, source: "xray_udp".into(), key: "".into(), dataset: "".into(), own: Arc::new(Own::default()) };
    let mut translator = Translator::new(&arrival);
    let mut unprocessed = 0;
    for (n, document) in documents.iter().enumerate() {
        let mut document = document.clone();
        document["trace_id"] = json!(ID);
        document["start_time"] = json!(1_795_352_670 + n);
        if document["in_progress"] != json!(true) {
            document["end_time"] = json!(1_795_352_674);
        }
        unprocessed += translator.document(&document.to_string()).len();
    }
    assert_eq!(unprocessed, refused);
    trace(translator.finish().spans)
}

/// A span of OpenTelemetry; times are in milliseconds.
pub fn otel(service: &str, id: u8, parent: Option<u8>, kind: Kind, name: &str, attributes: &[(&str, Value)]) -> Span {
    let span_id = |id: u8| SpanId([0, 0, 0, 0, 0, 0, 1, id]);
    let resource = vec![("service.name".to_owned(), Value::Str(service.into()))];
    Span {
        trace_id: ID.parse::<TraceId>().unwrap(),
        span_id: span_id(id),
        parent_id: parent.map(span_id),
        trace_state: String::new(),
        flags: 0,
        name: name.into(),
        kind,
        start: 1_795_352_670_000_000_000 + i64::from(id) * 1_000_000,
        duration_ns: 100_000_000 - i64::from(id) * 2_000_000,
        status: Status::Unset,
        status_message: String::new(),
        attributes: attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        events: Vec::new(),
        links: Vec::new(),
        dropped: Dropped::default(),
        origin: Arc::new(Origin { service: service.into(), resource, ..Origin::default() }),
        envelope: Envelope {
            seq: 1,
            received_at: 1,
            source: "otlp_http".into(),
            key: "".into(),
            dataset: "".into(),
            weight: 1.0,
            to_self: false,
        },
    }
}

fn text(text: &str) -> Value {
    Value::Str(text.into())
}

/// A front end that calls a back end, which calls a database and a queue of AWS.
pub fn shop() -> Vec<Span> {
    vec![
        otel(
            "front",
            1,
            None,
            Kind::Server,
            "GET /buy",
            &[
                ("http.request.method", text("GET")),
                ("url.full", text("http://shop/buy?x=1")),
                ("http.response.status_code", Value::Int(200)),
                ("enduser.id", text("ada")),
            ],
        ),
        otel("front", 2, Some(1), Kind::Internal, "render", &[("cart.items", Value::Int(3)), ("vip", Value::Bool(true))]),
        otel(
            "front",
            3,
            Some(2),
            Kind::Client,
            "POST",
            &[("http.method", text("POST")), ("http.status_code", Value::Int(503)), ("net.peer.name", text("back.internal"))],
        ),
        otel(
            "back",
            4,
            Some(3),
            Kind::Server,
            "POST /order",
            &[
                ("http.response.status_code", Value::Int(503)),
                ("url.scheme", text("https")),
                ("server.address", text("back.internal")),
                ("url.path", text("/order")),
            ],
        ),
        otel(
            "back",
            5,
            Some(4),
            Kind::Client,
            "SELECT",
            &[
                ("db.system", text("postgresql")),
                ("db.name", text("orders")),
                ("server.address", text("pg")),
                ("db.statement", text("select 1")),
            ],
        ),
        otel(
            "back",
            6,
            Some(4),
            Kind::Client,
            "DynamoDB.PutItem",
            &[
                ("rpc.system", text("aws-api")),
                ("rpc.service", text("DynamoDB")),
                ("aws.dynamodb.table_names", Value::List(vec![text("carts")])),
            ],
        ),
        // The SDK's own HTTP call is no second node.
        otel("back", 7, Some(6), Kind::Client, "POST", &[("server.address", text("dynamodb.us-east-1.amazonaws.com"))]),
    ]
}

fn nodes(view: &View<'_>) -> Vec<(String, String, What)> {
    let mut nodes: Vec<_> =
        view.nodes.iter().map(|node| (node.id.name.clone(), node.id.kind.clone().unwrap_or_default(), node.what)).collect();
    nodes.sort_by_key(|node| node.0.clone());
    nodes
}

#[test]
fn spans_of_opentelemetry_are_nodes_and_calls() {
    let trace = trace(shop());
    let view = View::of(&trace);
    let node = |name: &str, kind: &str, what| (name.to_owned(), kind.to_owned(), what);
    assert_eq!(
        nodes(&view),
        [
            node("back", "", What::Segment),
            node("carts", "AWS::DynamoDB::Table", What::Inferred),
            node("front", "", What::Segment),
            node("orders@pg", "Database::SQL", What::Inferred),
        ]
    );
    assert_eq!(view.root().unwrap().id.name, "front");
    let back = view.nodes.iter().find(|node| node.id.name == "back").unwrap();
    let (caller, call) = back.caller.unwrap();
    assert_eq!((&*view.nodes[caller].id.name, call.span_id), ("front", trace.spans[2].span_id));
    assert_eq!(back.records.len(), 4);
}

#[test]
fn nothing_is_left_out_of_a_trace_that_goes_in_circles() {
    let mut spans = shop();
    spans[0].parent_id = Some(spans[1].span_id);
    spans.push(otel("self", 9, Some(9), Kind::Internal, "own parent", &[]));
    let trace = trace(spans);
    let view = View::of(&trace);
    assert_eq!(view.order.len(), 8);
    assert!(view.records.iter().all(|record| record.node < view.nodes.len()));
    assert_eq!(nodes(&view).len(), 5);
}

#[test]
fn what_filters_find() {
    let failed = of_documents(
        &[json!({"id": "00000000000000b1", "name": "api", "error": true, "throttle": true, "user": "bob",
        "http": {"request": {"method": "GET", "url": "http://api/v2/x", "client_ip": "1.2.3.4", "user_agent": "curl/8"}, "response": {"status": 429}},
        "aws": {"ec2": {"instance_id": "i-1", "availability_zone": "us-west-2c"}}, "origin": "AWS::EC2::Instance", "resource_arn": "arn:x",
        "cause": {"exceptions": [{"id": "00000000000000e1", "type": "Throttled", "message": "slow down"}]},
        "annotations": {"gameid": "817DL6VO", "age": 30, "beta": false}, "metadata": {"default": {"hidden": 1}}})],
        0,
    );
    let open = of_documents(&[json!({"id": "00000000000000b2", "name": "worker", "in_progress": true})], 0);
    let shop = trace(shop());
    let traces = [("failed", View::of(&failed)), ("open", View::of(&open)), ("shop", View::of(&shop))];
    for (filter, found) in [
        ("ok", "open shop"),
        ("error", "failed"),
        ("throttle = true", "failed"),
        // The back end's fault was handled: the root answered well.
        ("fault", ""),
        ("service() { fault }", "shop"),
        (r#"service("back") { fault }"#, "shop"),
        (r#"service("front") { fault }"#, ""),
        (r#"edge("front", "back") { fault http.method = "POST" }"#, "shop"),
        (r#"edge("back", "front")"#, ""),
        (r#"edge("front", "orders@pg")"#, ""),
        (r#"edge("back", "orders@pg") { inferred }"#, "shop"),
        (r#"edge(id(type: "client"), "api") { error }"#, "failed"),
        (r#"service(id(type: "AWS::DynamoDB::Table"))"#, "shop"),
        (r#"service(id(name: "api", type: "AWS::EC2::Instance"))"#, "failed"),
        ("service() { root AND throttle }", "failed"),
        (r#"service() { name = "carts" }"#, "shop"),
        ("partial", "open"),
        ("inferred", "shop"),
        ("!inferred", "failed open"),
        ("responsetime = 4", "failed"),
        ("responsetime < 100", "failed shop"),
        ("duration < 0.2", "open shop"),
        (r#"service("back") { responsetime > 0.091 AND responsetime < 0.093 }"#, "shop"),
        ("http.status = 200 OR http.status > 428", "failed shop"),
        (r#"http.url CONTAINS "/v2/""#, "failed"),
        (r#"http.url BEGINSWITH "http://shop" http.url ENDSWITH "x=1""#, "shop"),
        (r#"service("back") { http.url = "https://back.internal/order" }"#, "shop"),
        (r#"http.clientip = "1.2.3.4" http.useragent BEGINSWITH "curl""#, "failed"),
        (r#"user CONTAINS """#, "failed shop"),
        (r#"user != "ada""#, "failed"),
        (r#"availabilityzone ENDSWITH "2c" instance.id = "i-1" resource.arn = "arn:x""#, "failed"),
        (r#"annotation.gameid = "817DL6VO""#, "failed"),
        (r#"annotation.gameid = "817dl6vo""#, ""),
        ("annotation.age > 29", "failed"),
        ("annotation.age < 29", ""),
        ("annotation.beta = false", "failed"),
        (r#"annotation.beta = "False""#, "failed"),
        ("annotation.hidden", ""),
        ("annotation.cart.items = 3 AND annotation.vip = true", "shop"),
        (r#"annotation.vip AND service("back")"#, "shop"),
        (r#"service("back") { annotation.vip }"#, ""),
        (r#"group.name != "Default""#, ""),
        ("rootcause.error.service", "failed"),
        ("rootcause.fault.service { name = \"back\" last }", "shop"),
        ("rootcause.fault.service { name = \"back\" AND (first OR index = 0) }", ""),
        ("rootcause.fault.entity { remote name = \"POST\" }", "shop"),
        ("rootcause.fault.exception", ""),
        ("rootcause.error.exception { type = \"Throttled\" message CONTAINS \"slow\" }", "failed"),
        ("rootcause.responsetime.entity { name = \"POST /order\" coverage > 0.9 coverage < 0.95 }", "shop"),
        ("rootcause.responsetime.service { inferred last }", "shop"),
        ("rootcause.responsetime.service { type = \"AWS::EC2::Instance\" }", "failed"),
    ] {
        let expr = parse(filter).unwrap().unwrap();
        let hits: Vec<&str> = traces.iter().filter(|(_, view)| matching::matches(&expr, view)).map(|(name, _)| *name).collect();
        assert_eq!(hits.join(" "), found, "{filter}");
    }
}

#[test]
fn what_the_store_is_asked_for() {
    for (filter, query) in [
        ("ok", ""),
        ("!fault", ""),
        ("duration > 2 annotation.age >= 3", "trace.duration:>=1999999us age:>=3"),
        // Two spans may hold them, so that one of them has to do.
        (r#"annotation.a = "x" AND annotation.b = "y""#, "a:x"),
        (r#"annotation.a = "x" OR annotation.b CONTAINS "y""#, "a:x OR b:*y*"),
        (r#"annotation.a = "x" OR ok"#, ""),
        ("annotation.http.method = \"GET\"", "http.method:*"),
        (r#"http.url BEGINSWITH "http://x""#, "url.full:\"http://x\"* OR url.path:*"),
    ] {
        let expr = parse(filter).unwrap();
        let compiled = coarse::query(expr.as_ref());
        assert_eq!(compiled, model::query::parse(query).unwrap_or_default(), "{filter}: {compiled} is not {query}");
    }
}

#[test]
fn summaries_say_what_the_trace_says() {
    let shop = trace(shop());
    let said = summary::summary(&View::of(&shop));
    assert_eq!(
        (&said["Id"], &said["HasFault"], &said["HasError"], &said["IsPartial"]),
        (&json!(ID), &json!(false), &json!(false), &json!(false))
    );
    assert_eq!(said["Http"], json!({"HttpURL": "http://shop/buy?x=1", "HttpMethod": "GET", "HttpStatus": 200}));
    assert_eq!((&said["ResponseTime"], &said["Duration"]), (&json!(0.098), &json!(0.098)));
    assert_eq!(said["Users"], json!([{"UserName": "ada", "ServiceIds": [{"Name": "front", "Names": ["front"]}]}]));
    assert_eq!(said["Annotations"]["cart.items"][0]["AnnotationValue"], json!({"NumberValue": 3.0}));
    assert_eq!(said["EntryPoint"], json!({"Name": "front", "Names": ["front"]}));
    assert_eq!(said["ServiceIds"].as_array().unwrap().len(), 4);
    let cause = |service: &str, entity: &str, remote: bool| {
        let path = json!([{"Name": entity, "Remote": remote, "Exceptions": []}]);
        json!({"Name": service, "Names": [service], "Inferred": false, "EntityPath": path})
    };
    // The back end failed; the front end's client did not see it.
    let services = json!([cause("front", "POST", true), cause("back", "POST /order", false)]);
    assert_eq!(said["FaultRootCauses"], json!([{"Services": services, "ClientImpacting": false}]));
    assert_eq!(said["ErrorRootCauses"], json!([]));
    let slow = &said["ResponseTimeRootCauses"][0]["Services"];
    assert_eq!((&slow[2]["Name"], &slow[2]["Inferred"], slow.as_array().unwrap().len()), (&json!("orders@pg"), &json!(true), 3));
}

#[test]
fn ranges() {
    let range = |start: f64, end: f64| Between { start_time: start, end_time: end }.range();
    assert_eq!(range(1.5, 2.0).unwrap(), Range { start: 1_500_000_000, end: 2_000_001_000 });
    assert!(range(2.0, 1.0).is_err() && range(f64::NAN, 1.0).is_err());
}
