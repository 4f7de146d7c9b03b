//! The daemon's port on real sockets.

use super::{Capture, HEADER};
use crate::recorder::start;
use server::Running;
use server::config::{Addr, Listen};
use server::store::Refused;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

fn sender(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(to).unwrap();
    socket
}

/// Waits until `done` says so, at most half a minute.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what} within 30 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn metrics(server: &Running) -> String {
    reqwest::get(format!("http://{}/metrics", server.addrs.http)).await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_capture_arrives_and_what_is_none_is_counted() {
    let (server, store) = start(|_| {}).await;
    let server = server.unwrap();
    let socket = sender(server.addrs.xray.unwrap());
    for capture in Capture::datagrams() {
        socket.send(&capture.body).unwrap();
    }
    socket.send(b"neither header nor document").unwrap();
    socket.send(format!("{HEADER}{{").as_bytes()).unwrap();
    until("everything", || store.spans.lock().unwrap().len() == 144 && store.rejected.lock().unwrap().len() == 2).await;
    assert!(store.take().iter().all(|span| &*span.envelope.source == "xray_udp" && span.envelope.received_at > 0));
    let reasons: Vec<_> = store.take_rejected().into_iter().map(|rejected| rejected.reason).collect();
    assert_eq!(reasons, ["no X-Ray header", "not JSON"]);
    let metrics = metrics(&server).await;
    assert!(metrics.contains("clew_ingest_records_stored_total{source=\"xray_udp\",signal=\"traces\"} 144"), "{metrics}");
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_datagram_there_is() {
    let (server, store) = start(|_| {}).await;
    let server = server.unwrap();
    let filler = "x".repeat(65_507 - HEADER.len() - 170);
    let document = format!(
        r#"{{"id":"d88b1693495acf28","trace_id":"1-6b02e85e-94ef470cbbe2bb1ae6139cde","name":"big","start_time":1795352670,"end_time":1795352671,"metadata":{{"default":{{"x":"{filler}"}}}}}}"#
    );
    let datagram = format!("{HEADER}{document}");
    assert!(datagram.len() > 65_400, "{}", datagram.len());
    sender(server.addrs.xray.unwrap()).send(datagram.as_bytes()).unwrap();
    until("it", || store.spans.lock().unwrap().len() == 1).await;
    server.shutdown().await;
}

/// The kernel's buffer fills if nobody empties it: while the store takes its time, datagrams wait with us.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_costs_no_datagrams() {
    let (server, store) = start(|_| {}).await;
    let server = server.unwrap();
    *store.delay.lock().unwrap() = Duration::from_millis(300);
    let socket = sender(server.addrs.xray.unwrap());
    let capture = &Capture::datagrams()[0];
    for n in 0..5_000 {
        socket.send(&capture.body).unwrap();
        if n % 50 == 0 {
            // Time for the one thread that receives: on loopback a sender is faster than any receiver.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    until("all", || store.spans.lock().unwrap().len() == 5_000).await;
    assert!(store.dropped.lock().unwrap().is_empty());
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_had_arrived_is_taken_before_the_end() {
    let (server, store) = start(|_| {}).await;
    let server = server.unwrap();
    let socket = sender(server.addrs.xray.unwrap());
    let captures = Capture::datagrams();
    captures.iter().for_each(|capture| assert_eq!(socket.send(&capture.body).unwrap(), capture.body.len()));
    server.shutdown().await;
    assert_eq!(store.take().len(), 144);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_does_not_stop_the_port() {
    let (server, store) = start(|_| {}).await;
    let server = server.unwrap();
    let socket = sender(server.addrs.xray.unwrap());
    let capture = &Capture::datagrams()[0];
    *store.refuse.lock().unwrap() = Some(Refused::Closed);
    socket.send(&capture.body).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    *store.refuse.lock().unwrap() = None;
    socket.send(&capture.body).unwrap();
    until("the second", || store.spans.lock().unwrap().len() == 1).await;
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_transports_have_one_number_and_it_is_told() {
    let (server, _) = start(|_| {}).await;
    let server = server.unwrap();
    let addr = server.addrs.xray.unwrap();
    let ready: serde_json::Value = serde_json::from_str(&server.addrs.json()).unwrap();
    assert_eq!(ready["xray"], addr.to_string());
    let health = reqwest::get(format!("http://{addr}/healthz")).await.unwrap();
    assert_eq!(health.status(), 200);
    server.shutdown().await;

    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = Addr::from(taken.local_addr().unwrap());
    let (server, _) = start(|config| config.xray_addr = Some(Listen::At(addr.clone()))).await;
    assert_eq!(server.err().unwrap(), format!("cannot listen on {addr} (--xray-addr): another program listens there already"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = Addr::from(taken.local_addr().unwrap());
    let (server, _) = start(|config| config.xray_addr = Some(Listen::At(addr.clone()))).await;
    assert!(server.err().unwrap().contains("--xray-addr"));
}
