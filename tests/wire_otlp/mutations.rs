//! Whatever arrives, nothing panics and there is an answer in the dialect. Seeded: a failure names its round.

use super::captures::Capture;
use super::{Answer, Bed, answer};
use axum::body::Body;
use axum::http::header::{HeaderName, HeaderValue};
use axum::http::{Request, Uri};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

/// Mutations of each capture.
const ROUNDS: u64 = 60;

#[tokio::test]
async fn mutated_captures_are_answered_in_the_dialect() {
    let bed = Bed::new();
    for (at, capture) in Capture::all().into_iter().enumerate() {
        for round in 0..ROUNDS {
            let mut rng = StdRng::seed_from_u64(at as u64 * 1_000 + round);
            let mut request = capture.request(&mutate_body(&capture.body, &mut rng));
            if rng.random_bool(0.3) {
                mutate_head(&mut request, &mut rng);
            }
            let head = format!("{} {} {:?}", request.method(), request.uri(), request.headers());
            let router = if rng.random_bool(0.5) { bed.ingest() } else { bed.pages() };
            let answer = answer(router, request).await;
            check(&answer, &format!("{}, round {round}: {head}", capture.path.display()));
        }
    }
    assert!(!bed.store.take().is_empty(), "some mutants live");
}

fn mutate_body(body: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let mut body = body.to_vec();
    match rng.random_range(0..5) {
        0 => body.truncate(rng.random_range(0..=body.len())),
        1 => {
            let from = rng.random_range(0..body.len());
            let to = rng.random_range(from..=body.len());
            body.drain(from..to);
        }
        2 => {
            let at = rng.random_range(0..=body.len());
            let junk: Vec<u8> = (0..rng.random_range(1..20)).map(|_| rng.random()).collect();
            body.splice(at..at, junk);
        }
        _ => {
            for _ in 0..rng.random_range(1..12) {
                let at = rng.random_range(0..body.len());
                body[at] ^= 1 << rng.random_range(0..8);
            }
        }
    }
    body
}

fn mutate_head(request: &mut Request<Body>, rng: &mut StdRng) {
    let values = [
        "",
        "gzip",
        "deflate",
        "zstd",
        "identity",
        "br",
        "application/json",
        "application/x-protobuf",
        "application/grpc",
        "\u{7f}x",
        "0",
        "é",
    ];
    let names = ["content-type", "content-encoding", "grpc-encoding", "x-honeycomb-dataset", "authorization", "grpc-timeout", "origin"];
    let name: HeaderName = names.choose(rng).unwrap().parse().unwrap();
    if let Ok(value) = HeaderValue::from_bytes(values.choose(rng).unwrap().as_bytes()) {
        request.headers_mut().insert(name, value);
    }
    if rng.random_bool(0.3) {
        let paths = ["/v1/traces", "/v1/logs/", "/v1/metrics", "/", "/v1/traces/v1/logs", super::TRACES];
        *request.uri_mut() = Uri::from_static(paths.choose(rng).unwrap());
    }
}

fn check(answer: &Answer, what: &str) {
    match answer.header("content-type") {
        "application/grpc" => {
            let code: u8 = answer.grpc_status().parse().unwrap();
            // Never one that SDKs send again: nothing was wrong with us.
            assert!([0, 3, 8, 12].contains(&code), "{code}: {what}");
        }
        "application/x-protobuf" => {
            assert!([200, 400, 404, 413, 415].contains(&answer.status.as_u16()), "{}: {what}", answer.status);
            if answer.status == 200 {
                ExportTraceServiceResponse::decode(answer.body.clone()).expect(what);
            }
        }
        "application/json" => {
            assert!([200, 400, 404, 413, 415].contains(&answer.status.as_u16()), "{}: {what}", answer.status);
            let body = answer.json();
            assert!(
                if answer.status == 200 { body.is_object() } else { body["code"].is_u64() && body["message"].is_string() },
                "{body}: {what}"
            );
        }
        // A path or type that is nobody's, on the page port.
        _ => assert!([403, 404, 405].contains(&answer.status.as_u16()), "{}: {what}", answer.status),
    }
}
