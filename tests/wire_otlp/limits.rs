//! Sizes, encodings and load.

use super::{Bed, TRACES, framed, request, span};
use axum::body::Body;
use bytes::Bytes;
use prost::Message as _;
use server::store::Refused;
use std::io::Write as _;
use std::time::Duration;

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}

/// In pieces of odd sizes, without a length.
fn chunked(bytes: Vec<u8>) -> Body {
    let chunks: Vec<_> = bytes.chunks(97).map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk))).collect();
    Body::from_stream(futures::stream::iter(chunks))
}

#[tokio::test]
async fn every_encoding_in_one_piece_and_in_many() {
    let spans: Vec<_> = (0..100).map(span).collect();
    let body = request(spans).encode_to_vec();
    let encodings: [(&str, Vec<u8>); 8] = [
        ("identity", body.clone()),
        ("", body.clone()),
        ("gzip", gzip(&body)),
        ("GZIP", gzip(&body)),
        // Two members: RFC 1952 allows it, and log shippers do it.
        ("gzip", [gzip(&body[..1000]), gzip(&body[1000..])].concat()),
        ("deflate", zlib(&body)),
        ("deflate", raw_deflate(&body)),
        ("zstd", zstd(&body)),
    ];
    for (encoding, bytes) in encodings {
        for whole in [true, false] {
            let bed = Bed::new();
            let body = if whole { Body::from(bytes.clone()) } else { chunked(bytes.clone()) };
            let answer = bed.post("/v1/traces", &[PROTOBUF, ("content-encoding", encoding)], body).await;
            assert_eq!(answer.status, 200, "{encoding} whole={whole}: {answer:?}");
            assert_eq!(bed.store.take().len(), 100, "{encoding}");
        }
    }
}

#[tokio::test]
async fn truncated_and_broken_encodings_are_malformed() {
    let body = request((0..100).map(span).collect()).encode_to_vec();
    for (encoding, bytes) in [("gzip", gzip(&body)), ("deflate", zlib(&body)), ("zstd", zstd(&body))] {
        let bed = Bed::new();
        let cut = bytes[..bytes.len() - 5].to_vec();
        let answer = bed.post("/v1/traces", &[PROTOBUF, ("content-encoding", encoding)], cut).await;
        assert_eq!(answer.status, 400, "{encoding}");
        let answer = bed.post("/v1/traces", &[PROTOBUF, ("content-encoding", encoding)], body.clone()).await;
        assert_eq!(answer.status, 400, "{encoding} that is none");
        assert!(bed.store.take().is_empty());
        let refused = bed.store.take_rejected();
        assert_eq!(refused.len(), 2, "the ledger hears of it");
        assert_eq!(refused[0].reason, "malformed request");
    }
}

#[tokio::test]
async fn bombs_are_too_large() {
    let zeros = vec![0u8; 65 << 20];
    let bombs = [("gzip", gzip(&zeros)), ("deflate", zlib(&zeros)), ("zstd", zstd(&zeros))];
    let bed = Bed::new();
    for (encoding, bomb) in &bombs {
        assert!(bomb.len() < 1 << 20);
        let answer = bed.post("/v1/traces", &[PROTOBUF, ("content-encoding", encoding)], bomb.clone()).await;
        assert_eq!(answer.status, 413, "{encoding}");
        assert_eq!(answer.header("content-type"), "application/x-protobuf");
    }
    for (encoding, bomb) in &bombs {
        let headers = [("content-type", "application/grpc"), ("grpc-encoding", *encoding)];
        let answer = bed.post(TRACES, &headers, framed(true, bomb)).await;
        assert_eq!(answer.grpc_status(), "8", "{encoding}: RESOURCE_EXHAUSTED");
        assert!(!answer.headers.contains_key("grpc-status-details-bin"), "without RetryInfo, or it is sent again");
    }
}

#[tokio::test]
async fn plain_bodies_are_counted_too() {
    let bed = Bed::new();
    let chunk = Bytes::from(vec![0u8; 1 << 20]);
    let endless = futures::stream::iter((0..66).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
    let answer = bed.post("/v1/traces", &[("content-type", "application/json")], Body::from_stream(endless)).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json()["code"], 8);
    let answer = bed.post("/v1/traces", &[("content-type", "application/json")], vec![b' '; (64 << 20) + 1]).await;
    assert_eq!(answer.status, 413);
    // A prefix that promises 4 GiB.
    let answer = bed.post(TRACES, &[("content-type", "application/grpc")], vec![0, 255, 255, 255, 255, 0]).await;
    assert_eq!(answer.grpc_status(), "8");
}

/// Small requests that would become large in memory.
#[tokio::test]
async fn amplification_is_bounded() {
    let bed = Bed::new();
    let nothings = "{},".repeat(1_000_000);
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{nothings}{{}}]}}]}}]}}"#);
    assert_eq!(bed.post_json(&body).await.status, 400);
    let zeros = "0,".repeat(2_000_000);
    let body = format!(r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"a","value":[{zeros}0]}}]}}}}]}}"#);
    assert_eq!(bed.post_json(&body).await.status, 400);
    // Depth: lists in lists, until a reader without a limit overflows its stack.
    let deep = format!(r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"a","value":{}}}]}}}}]}}"#, "[".repeat(100_000));
    assert_eq!(bed.post_json(&deep).await.status, 400);
    let mut nested = Vec::new();
    for _ in 0..2_000 {
        let list = [prefix(0x0a, nested.len()), nested].concat();
        nested = [prefix(0x2a, list.len()), list].concat();
    }
    let mut deep = span(1);
    deep.name = "deep".into();
    let mut bytes = deep.encode_to_vec();
    let attribute = [prefix(0x12, nested.len()), nested].concat();
    bytes.extend([prefix(0x4a, attribute.len()), attribute].concat());
    let scope = [prefix(0x12, bytes.len()), bytes].concat();
    let resource = [prefix(0x12, scope.len()), scope].concat();
    let answer = bed.post_proto([prefix(0x0a, resource.len()), resource].concat()).await;
    assert_eq!(answer.status, 200);
    let rejected = bed.store.take_rejected();
    assert_eq!(rejected.last().unwrap().reason, "values nested too deep");
    assert!(bed.store.take().is_empty());
}

fn prefix(tag: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![tag];
    prost::encoding::encode_varint(length as u64, &mut bytes);
    bytes
}

#[tokio::test]
async fn load_is_answered_in_the_dialect() {
    let bed = Bed::new();
    *bed.store.refuse.lock().unwrap() = Some(Refused::Busy { retry_after: Duration::from_millis(2500) });
    let body = request(vec![span(1)]).encode_to_vec();
    let answer = bed.post("/v1/traces", &[PROTOBUF], body.clone()).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "3"));
    let answer = bed.post("/v1/traces", &[("content-type", "application/json")], "{\"resourceLogs\":[]}").await;
    assert_eq!(answer.status, 200, "nothing to store");

    let answer = bed.post(TRACES, &[("content-type", "application/grpc")], framed(false, &body)).await;
    assert_eq!(answer.grpc_status(), "14");
    // google.rpc.RetryInfo { retry_delay: { seconds: 2, nanos: 500000000 } }
    let info = "CggIAhCAyrXuAQ";
    assert_eq!(answer.header("google.rpc.retryinfo-bin").trim_end_matches('='), info);
    assert!(answer.headers.contains_key("grpc-status-details-bin"));

    *bed.store.refuse.lock().unwrap() = Some(Refused::Closed);
    let answer = bed.post("/v1/traces", &[PROTOBUF], body).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"));
}
