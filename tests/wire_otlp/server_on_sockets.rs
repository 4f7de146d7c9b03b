//! The whole server on real sockets, with real clients.

use super::{request, span};
use crate::recorder::start;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message as _;
use server::config::{Addr, Listen};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tonic::codec::CompressionEncoding;

#[tokio::test(flavor = "multi_thread")]
async fn grpc_clients_with_every_compression() {
    let (server, store) = start(|_| {}).await;
    let server = server.unwrap();
    // Both transports on both ports: the wrong one of the two is a common mistake.
    for addr in [server.addrs.otlp_grpc.unwrap(), server.addrs.otlp_http.unwrap(), server.addrs.http] {
        let mut client = TraceServiceClient::connect(format!("http://{addr}")).await.unwrap();
        client.export(request(vec![span(1)])).await.unwrap();
        for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
            let mut client = client.clone().send_compressed(encoding);
            client.export(request((0..200).map(span).collect())).await.unwrap();
        }
        assert_eq!(store.take().len(), 401);
        let mut logs = LogsServiceClient::connect(format!("http://{addr}")).await.unwrap();
        logs.export(ExportLogsServiceRequest::default()).await.unwrap();
        let mut bad = span(1);
        bad.name.clear();
        let answer = client.export(request(vec![bad])).await.unwrap().into_inner();
        assert_eq!(answer.partial_success.unwrap().rejected_spans, 1);
    }
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunked_bodies_without_a_length() {
    let (server, store) = start(|_| {}).await;
    let server = server.unwrap();
    let body = request((0..200).map(span).collect()).encode_to_vec();
    let pieces: Vec<Bytes> = body.chunks(1000).map(Bytes::copy_from_slice).collect();
    let stream = futures::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
    let url = format!("http://{}/v1/traces", server.addrs.otlp_http.unwrap());
    let sent = reqwest::Client::new().post(url).header("content-type", "application/x-protobuf").body(reqwest::Body::wrap_stream(stream));
    assert_eq!(sent.send().await.unwrap().status(), 200);
    assert_eq!(store.take().len(), 200);
    server.shutdown().await;
}

/// The sender of too much reads why, instead of a broken connection that it would take for a reason to try again.
#[tokio::test(flavor = "multi_thread")]
async fn too_large_is_heard_by_its_sender() {
    let (server, _) = start(|_| {}).await;
    let server = server.unwrap();
    let url = format!("http://{}/v1/traces", server.addrs.otlp_http.unwrap());
    let sent = reqwest::Client::new().post(url).header("content-type", "application/json").body(vec![b' '; 70 << 20]);
    assert_eq!(sent.send().await.unwrap().status(), 413);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_finished() {
    let (server, store) = start(|_| {}).await;
    let server = server.unwrap();
    *store.delay.lock().unwrap() = Duration::from_millis(400);
    let url = format!("http://{}/v1/traces", server.addrs.http);
    let client = reqwest::Client::new();
    let body = request(vec![span(1)]).encode_to_vec();
    let sending = tokio::spawn(client.post(&url).header("content-type", "application/x-protobuf").body(body).send());
    tokio::time::sleep(Duration::from_millis(150)).await;
    server.shutdown().await;
    assert!(store.closed.load(Ordering::SeqCst));
    assert_eq!(sending.await.unwrap().unwrap().status(), 200);
    assert_eq!(store.take().len(), 1);
    assert!(client.get(&url).send().await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_one_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = Addr::from(taken.local_addr().unwrap());
    let (server, store) = start(|config| config.addr = addr.clone()).await;
    assert_eq!(server.err().unwrap(), format!("cannot listen on {addr} (--addr): another program listens there already"));
    let (server, _) = start(|config| config.otlp_grpc_addr = Some(Listen::At(addr.clone()))).await;
    assert!(server.err().unwrap().contains("--otlp-grpc-addr"));
    assert!(!store.closed.load(Ordering::SeqCst), "the store was never opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_can_be_off() {
    let off = || Some(Listen::Off);
    let (server, _) = start(|config| (config.otlp_http_addr, config.otlp_grpc_addr, config.xray_addr) = (off(), off(), off())).await;
    let server = server.unwrap();
    let json: serde_json::Value = serde_json::from_str(&server.addrs.json()).unwrap();
    assert_eq!(json["http"], server.addrs.http.to_string());
    assert!(json["otlp_http"].is_null() && json["otlp_grpc"].is_null() && json["xray"].is_null());
    server.shutdown().await;
}
