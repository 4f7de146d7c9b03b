//! What senders get wrong or do in their own way, one test each.

use super::{Bed, pair, request, span, text, value};
use model::attr::{Value, get, get_str};
use model::span::{Kind, Status};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::Link;
use prost::Message as _;

/// One JSON span with these further fields.
fn json_span(fields: &str) -> String {
    let ids = r#""traceId":"0AF7651916CD43DD8448EB211C80319C","spanId":"b7ad6b7169203331""#;
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},"name":"a","startTimeUnixNano":"5",{fields}}}]}}]}}]}}"#)
}

#[tokio::test]
async fn numbers_and_texts_are_one() {
    for (start, end) in [("1700000000000000001", "1700000000000000009"), (r#""1700000000000000001""#, r#""1700000000000000009""#)] {
        let bed = Bed::new();
        let body = json_span(&format!(
            r#""kind":2,"endTimeUnixNano":{end},"status":{{"code":2}},"attributes":[
                {{"key":"number","value":{{"intValue":42}}}},{{"key":"text","value":{{"intValue":"42"}}}},
                {{"key":"nan","value":{{"doubleValue":"NaN"}}}},{{"key":"whole","value":{{"doubleValue":3}}}},
                {{"key":"bare","value":"x"}},{{"key":"null","value":null}},{{"key":"unknown","value":{{"dateValue":1}}}}]"#
        ));
        let body = body.replacen(r#""startTimeUnixNano":"5""#, &format!(r#""startTimeUnixNano":{start}"#), 1);
        assert_eq!(bed.post_json(&body).await.json(), serde_json::json!({}));
        let spans = bed.store.take();
        let span = &spans[0];
        assert_eq!((span.start, span.duration_ns), (1_700_000_000_000_000_001, 8));
        assert_eq!((span.kind, span.status), (Kind::Server, Status::Error));
        assert_eq!(span.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(get(&span.attributes, "number"), Some(&Value::Int(42)));
        assert_eq!(get(&span.attributes, "text"), Some(&Value::Int(42)));
        assert!(matches!(get(&span.attributes, "nan"), Some(Value::Float(number)) if number.is_nan()));
        assert_eq!(get(&span.attributes, "whole"), Some(&Value::Float(3.0)));
        assert_eq!(get_str(&span.attributes, "bare"), Some("x"));
        assert_eq!(get(&span.attributes, "null"), Some(&Value::Empty));
        assert_eq!(get(&span.attributes, "unknown"), Some(&Value::Empty));
        assert_eq!(span.service(), "unknown_service");
    }
}

#[tokio::test]
async fn enums_by_name_and_snake_case_and_nulls() {
    let bed = Bed::new();
    let body = r#"{"resource_spans":[{"resource":null,"scope_spans":[{"scope":null,"spans":[{"trace_id":"0af7651916cd43dd8448eb211c80319c",
        "span_id":"b7ad6b7169203331","parent_span_id":"","name":"a","kind":"SPAN_KIND_CONSUMER","start_time_unix_nano":5,"end_time_unix_nano":"7",
        "status":{"code":"STATUS_CODE_OK"},"events":null,"links":[],"attributes":null,"new_field":{"x":[1]}}]}]}],"more":1}"#;
    assert_eq!(bed.post_json(body).await.status, 200);
    let spans = bed.store.take();
    assert_eq!((spans[0].kind, spans[0].status, spans[0].parent_id, spans[0].duration_ns), (Kind::Consumer, Status::Ok, None, 2));
}

#[tokio::test]
async fn base64_ids_are_repaired() {
    let bed = Bed::new();
    let body = json_span(r#""endTimeUnixNano":"6""#);
    let body = body.replace("0AF7651916CD43DD8448EB211C80319C", "CvdlGRbNQ92ESOshHIAxnA==").replace("b7ad6b7169203331", "t61rcWkgMzE=");
    bed.post_json(&body).await;
    let spans = bed.store.take();
    assert_eq!(spans[0].trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(spans[0].span_id.to_string(), "b7ad6b7169203331");

    // In protobuf: hex digits that were decoded as base64 on the way.
    let decoded = |hex: &str| -> Vec<u8> {
        let digit =
            |c: u8| b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter().position(|d| *d == c).unwrap() as u32;
        hex.as_bytes()
            .chunks(4)
            .flat_map(|chunk| chunk.iter().fold(0, |word, c| word << 6 | digit(*c)).to_be_bytes()[1..].to_vec())
            .collect()
    };
    let odd = Span { trace_id: decoded("0af7651916cd43dd8448eb211c80319c"), span_id: decoded("b7ad6b7169203331"), ..span(1) };
    bed.post_proto(request(vec![odd]).encode_to_vec()).await;
    let spans = bed.store.take();
    assert_eq!(spans[0].trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(spans[0].span_id.to_string(), "b7ad6b7169203331");
}

#[tokio::test]
async fn a_bad_span_costs_no_other() {
    let bed = Bed::new();
    let password = vec![text("password", "hunter2")];
    let spans = vec![
        span(1),
        Span { trace_id: vec![0; 16], attributes: password, ..span(2) },
        Span { span_id: vec![1, 2, 3], ..span(3) },
        Span { name: String::new(), ..span(4) },
        Span { parent_span_id: vec![9; 7], ..span(5) },
        Span { start_time_unix_nano: 0, ..span(6) },
        Span { start_time_unix_nano: u64::MAX, ..span(7) },
        Span { parent_span_id: vec![0; 8], ..span(8) },
    ];
    let answer = bed.post_proto(request(spans).encode_to_vec()).await;
    assert_eq!(answer.status, 200);
    let partial = ExportTraceServiceResponse::decode(answer.body).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 6);
    let message = "1 with empty name, 1 with invalid parent span id, 1 with invalid span id, 1 with invalid trace id, 1 with no start time, \
                   1 with start time out of range";
    assert_eq!(partial.error_message, message);
    let names: Vec<String> = bed.store.take().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["GET /1", "GET /8"]);
    let rejected = bed.store.take_rejected();
    assert!(rejected[0].sample.contains("GET /2") && rejected[0].sample.contains("REDACTED"), "{}", rejected[0].sample);
    assert!(!rejected[0].sample.contains("hunter2"));

    // The same in JSON, where a span may also have the wrong shape.
    let good = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"a","startTimeUnixNano":5}"#;
    let body = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{good},{{"name":"b"}},{},{good}]}}]}}]}}"#,
        good.replacen('{', r#"{"attributes":7,"#, 1)
    );
    let partial = bed.post_json(&body).await.json();
    assert_eq!(partial["partialSuccess"]["rejectedSpans"], "2");
    assert_eq!(bed.store.take().len(), 2);
}

#[tokio::test]
async fn an_unreadable_span_costs_no_other() {
    let bed = Bed::new();
    let good = request(vec![span(1)]).encode_to_vec();
    // Spans are field 2 of the scope's message: a second one, whose inside ends in the middle of a field.
    let mut scope = vec![0x12, 2, 0x0a, 16];
    let one = span(1).encode_to_vec();
    scope.extend([0x12, one.len() as u8]);
    scope.extend(one);
    let resource = [vec![0x12, scope.len() as u8], scope].concat();
    let body = [vec![0x0a, resource.len() as u8], resource].concat();
    let answer = bed.post_proto(body).await;
    assert_eq!(ExportTraceServiceResponse::decode(answer.body).unwrap().partial_success.unwrap().rejected_spans, 1);
    assert_eq!(bed.store.take().len(), 1);
    // What is broken outside of spans is refused whole.
    let answer = bed.post_proto(good[..good.len() - 1].to_vec()).await;
    assert_eq!(answer.status, 400);
    assert!(bed.store.take().is_empty());
}

#[tokio::test]
async fn the_last_of_equal_keys_wins() {
    let bed = Bed::new();
    let mut many: Vec<_> = (0..100).map(|n| text(&format!("k{n}"), "first")).collect();
    many.extend((0..100).map(|n| text(&format!("k{n}"), "last")));
    let spans =
        vec![Span { attributes: vec![text("a", "1"), text("b", "2"), text("a", "3")], ..span(1) }, Span { attributes: many, ..span(2) }];
    bed.post_proto(request(spans).encode_to_vec()).await;
    let spans = bed.store.take();
    assert_eq!(spans[0].attributes, [("a".into(), Value::Str("3".into())), ("b".into(), Value::Str("2".into()))]);
    assert_eq!(spans[1].attributes.len(), 100);
    assert!(spans[1].attributes.iter().all(|(_, value)| value.as_str() == Some("last")));
}

#[tokio::test]
async fn clocks_that_go_backwards_and_missing_ends() {
    let bed = Bed::new();
    let spans = vec![Span { end_time_unix_nano: 1, ..span(1) }, Span { end_time_unix_nano: 0, ..span(2) }];
    bed.post_proto(request(spans).encode_to_vec()).await;
    assert!(bed.store.take().iter().all(|span| span.duration_ns == 0));
}

#[tokio::test]
async fn secrets_are_never_stored() {
    let bed = Bed::new();
    let nested = Any::KvlistValue(KeyValueList { values: vec![text("api_key", "hunter2"), text("page", "2")] });
    let list = Any::ArrayValue(ArrayValue { values: vec![value(Any::StringValue("hunter2".into()))] });
    let dirty = Span {
        attributes: vec![
            text("password", "hunter2"),
            pair("args", nested),
            pair("http.request.header.cookie", list),
            text("http.url", "http://u:hunter2@h/"),
        ],
        links: vec![Link { trace_id: vec![1; 16], span_id: vec![1; 8], attributes: vec![text("token", "hunter2")], ..Link::default() }],
        ..span(1)
    };
    let mut dirty = request(vec![dirty]);
    dirty.resource_spans[0].resource.as_mut().unwrap().attributes.push(text("db.password", "hunter2"));
    bed.send(super::post(
        "/v1/traces",
        &[("content-type", "application/x-protobuf"), ("x-honeycomb-team", "hunter2")],
        dirty.encode_to_vec(),
    ))
    .await;
    let spans = bed.store.take();
    assert_eq!(spans.len(), 1);
    let all = format!("{:?}", spans[0]);
    assert!(!all.contains("hunter2"), "{all}");
    assert_eq!(all.matches("REDACTED").count(), 7, "{all}");
    assert!(all.contains("page"));
}

#[tokio::test]
async fn weights_datasets_links_and_calls_to_ourselves() {
    let bed = Bed::new();
    let spans = vec![
        Span { attributes: vec![pair("SampleRate", Any::IntValue(10))], ..span(1) },
        Span { trace_state: "a=b,ot=th:8;rv:1".into(), ..span(2) },
        Span { attributes: vec![text("http.url", "http://localhost:4318/v1/traces")], ..span(3) },
        Span { links: vec![Link::default(), Link { trace_id: vec![1; 16], span_id: vec![2; 8], ..Link::default() }], ..span(4) },
    ];
    let headers = [("content-type", "application/x-protobuf"), ("x-honeycomb-dataset", "cruddur")];
    bed.post("/v1/traces", &headers, request(spans).encode_to_vec()).await;
    let spans = bed.store.take();
    assert_eq!(spans.iter().map(|span| span.envelope.weight).collect::<Vec<_>>(), [10.0, 2.0, 1.0, 1.0]);
    assert_eq!(spans.iter().map(|span| span.envelope.to_self).collect::<Vec<_>>(), [false, false, true, false]);
    assert_eq!((spans[3].links.len(), spans[3].dropped.links), (1, 1), "a link to nowhere is counted as dropped");
    assert!(spans.iter().all(|span| &*span.envelope.dataset == "cruddur" && &*span.envelope.source == "otlp_http"));
    assert!(spans.iter().all(|span| std::sync::Arc::ptr_eq(&span.origin, &spans[0].origin)));
}

#[tokio::test]
async fn text_that_is_not_utf_8_costs_only_its_characters() {
    let bed = Bed::new();
    let mut body = request(vec![span(1)]).encode_to_vec();
    let at = body.windows(5).position(|window| window == b"GET /").unwrap();
    body[at] = 0xff;
    bed.post_proto(body).await;
    assert_eq!(bed.store.take()[0].name, "\u{fffd}ET /1");
}
