//! Paths, methods, content types, keys, CORS, and what browsers may not do.

use super::{Bed, TRACES, answer, framed, post, request, span};
use axum::body::Body;
use axum::http::Request;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data};
use prost::Message as _;
use server::auth::Keys;
use server::ingest::Signal;

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn every_spelling_of_the_path_on_both_ports() {
    let body = request(vec![span(1)]).encode_to_vec();
    for path in ["/v1/traces", "/v1/traces/", "/v1/traces/v1/traces", "//v1/traces", "/prefix/v1/traces", "/"] {
        let bed = Bed::new();
        for router in [bed.ingest(), bed.pages()] {
            let answer = answer(router, post(path, &[PROTOBUF], body.clone())).await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(bed.store.take().len(), 1, "{path}");
        }
    }
}

#[tokio::test]
async fn other_methods_and_paths() {
    let bed = Bed::new();
    for method in ["GET", "PUT", "DELETE"] {
        let answer = bed.send(Request::builder().method(method).uri("/v1/traces").body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST, OPTIONS"));
    }
    let answer = bed.post("/v1/trace", &[JSON], "{}").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["code"], 5);
    let answer = bed
        .post(
            "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
            &[("content-type", "application/grpc")],
            framed(false, b""),
        )
        .await;
    assert_eq!(answer.grpc_status(), "12");
}

#[tokio::test]
async fn unknown_types_and_encodings() {
    let bed = Bed::new();
    for headers in [
        vec![("content-type", "text/plain")],
        vec![],
        vec![PROTOBUF, ("content-encoding", "br")],
        vec![PROTOBUF, ("content-encoding", "gzip, gzip")],
    ] {
        let answer = bed.post("/v1/traces", &headers, "x").await;
        assert_eq!(answer.status, 415, "{headers:?}");
    }
    let headers = [("content-type", "application/grpc"), ("grpc-encoding", "snappy")];
    let answer = bed.post(TRACES, &headers, framed(true, b"x")).await;
    assert_eq!((answer.grpc_status(), answer.header("grpc-accept-encoding")), ("12", "identity,gzip,deflate,zstd"));
}

#[tokio::test]
async fn an_empty_request_is_a_success() {
    let bed = Bed::new();
    for (headers, body) in [(vec![PROTOBUF], ""), (vec![JSON], "{}"), (vec![PROTOBUF, ("content-encoding", "gzip")], "")] {
        assert_eq!(bed.post("/v1/traces", &headers, body).await.status, 200, "{headers:?}");
    }
    assert_eq!(bed.post("/v1/traces", &[JSON], "").await.status, 400);
    assert_eq!(bed.post(TRACES, &[("content-type", "application/grpc+proto")], framed(false, b"")).await.grpc_status(), "0");
    for body in [&b""[..], &[0], &[0, 0, 0, 0, 9, 1], &[2, 0, 0, 0, 0], &[0, 0, 0, 0, 0, 7]] {
        let answer = bed.post(TRACES, &[("content-type", "application/grpc")], body.to_vec()).await;
        assert_ne!(answer.grpc_status(), "14", "{body:?}: not worth sending again");
    }
}

fn logs() -> Vec<u8> {
    let log_records =
        vec![LogRecord { time_unix_nano: 5, ..LogRecord::default() }, LogRecord { observed_time_unix_nano: 5, ..LogRecord::default() }];
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }.encode_to_vec()
}

fn metrics() -> Vec<u8> {
    let gauge = Gauge { data_points: vec![NumberDataPoint::default(); 3] };
    let metrics = vec![Metric { name: "cpu".into(), data: Some(Data::Gauge(gauge)), ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }] }.encode_to_vec()
}

#[tokio::test]
async fn logs_are_kept_and_metrics_counted() {
    let bed = Bed::new();
    let grpc = ("content-type", "application/grpc");
    let json_logs = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{}]}]}]}"#;
    let json_metrics = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","sum":{"dataPoints":[{},{},{}]}}]}]}]}"#;
    for (path, headers, body) in [
        ("/v1/logs", PROTOBUF, logs()),
        ("/v1/metrics", PROTOBUF, metrics()),
        ("/v1/logs", JSON, json_logs.into()),
        ("/v1/metrics", JSON, json_metrics.into()),
        ("/opentelemetry.proto.collector.logs.v1.LogsService/Export", grpc, framed(false, &logs())),
        ("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", grpc, framed(false, &metrics())),
        // To a bare base, where only the body says what it is.
        ("/", PROTOBUF, logs()),
        ("/", PROTOBUF, metrics()),
        ("/", JSON, json_logs.into()),
        ("/", JSON, json_metrics.into()),
    ] {
        let answer = bed.post(path, &[headers], body).await;
        assert_eq!(answer.status, 200, "{path}");
        let dropped = std::mem::take(&mut *bed.store.dropped.lock().unwrap());
        match bed.store.take_lines().len() {
            0 => assert_eq!(dropped, [(Signal::Metrics, "not kept yet", 3)], "{path}"),
            lines => assert_eq!((lines, dropped), (2, vec![]), "{path}"),
        }
    }
    let text = answer(bed.pages(), Request::get("/metrics").header("host", "localhost").body(Body::empty()).unwrap()).await;
    let text = String::from_utf8(text.body.to_vec()).unwrap();
    assert!(
        text.contains("clew_ingest_records_dropped_total{source=\"otlp_http\",signal=\"metrics\",reason=\"not kept yet\"} 12\n"),
        "{text}"
    );
    assert!(text.contains("clew_ingest_records_stored_total{source=\"otlp_http\",signal=\"logs\"} 8\n"), "{text}");
    assert!(text.contains("clew_recorder_up 1\n"));
}

#[tokio::test]
async fn browsers_may_send_from_any_page() {
    let bed = Bed::new();
    for router in [bed.ingest(), bed.pages()] {
        for path in ["/v1/traces", "/"] {
            let preflight = Request::options(path)
                .header("origin", "https://shop.example")
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "content-type,x-custom")
                .body(Body::empty())
                .unwrap();
            let answer = answer(router.clone(), preflight).await;
            assert_eq!(answer.status, 204);
            assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example");
            assert_eq!(answer.header("access-control-allow-headers"), "content-type,x-custom");
        }
    }
    let answer = bed.post("/v1/traces", &[JSON, ("origin", "https://shop.example"), ("sec-fetch-site", "cross-site")], "{}").await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (200, "https://shop.example"));
}

#[tokio::test]
async fn pages_are_guarded() {
    let bed = Bed::new();
    let get = |host: &str| Request::get("/metrics").header("host", host).body(Body::empty()).unwrap();
    assert_eq!(answer(bed.pages(), get("localhost:3000")).await.status, 200);
    assert_eq!(answer(bed.pages(), get("evil.example")).await.status, 403);
    let foreign = [("host", "localhost:3000"), ("origin", "https://evil.example")];
    assert_eq!(answer(bed.pages(), post("/demo/remove", &foreign, "")).await.status, 403);
    let health = Request::get("/healthz").header("host", "any.example").body(Body::empty()).unwrap();
    assert_eq!(answer(bed.pages(), health).await.body, "ok\n");
}

#[tokio::test]
async fn keys() {
    let bed = Bed::with_keys(Keys::parse("backend = hcaik_1").unwrap());
    let body = request(vec![span(1)]).encode_to_vec();
    for headers in [vec![PROTOBUF], vec![PROTOBUF, ("x-honeycomb-team", "hcaik_2")]] {
        let answer = bed.post("/v1/traces", &headers, body.clone()).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("content-type"), "application/x-protobuf");
    }
    let answer = bed.post(TRACES, &[("content-type", "application/grpc")], framed(false, &body)).await;
    assert_eq!(answer.grpc_status(), "16");
    assert!(bed.store.take().is_empty());
    bed.post("/v1/traces", &[PROTOBUF, ("authorization", "Bearer hcaik_1")], body.clone()).await;
    bed.post(TRACES, &[("content-type", "application/grpc"), ("x-honeycomb-team", "hcaik_1")], framed(false, &body)).await;
    let spans = bed.store.take();
    assert_eq!(spans.iter().map(|span| &*span.envelope.key).collect::<Vec<_>>(), ["backend", "backend"]);
}
