//! Whatever arrives, nothing panics and there is an answer in the dialect. Seeded: a failure names its round.

use super::api::assert_in_dialect;
use super::{Capture, HEADER};
use crate::wire_otlp::{Bed, answer, post};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use server::ingest::Arrival;
use server::ingest::xray::translate::Translator;

/// Mutations of each capture.
const ROUNDS: u64 = 60;

/// Pieces that are likely to get somewhere.
const PIECES: [&str; 20] = [
    "null",
    "NaN",
    "-Infinity",
    "1e999",
    "-1",
    "0",
    "[]",
    "{}",
    "\"\"",
    "\"\\ud800\"",
    ",",
    "}",
    "\"id\":",
    "\"cause\":\"x\",",
    "\"subsegments\":[{}],",
    "\"start_time\":",
    "\"trace_id\":7,",
    "[[[[",
    "true",
    "é",
];

/// A text with something wrong.
pub fn mutate(text: &str, rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    match rng.random_range(0..6) {
        0 => bytes.truncate(rng.random_range(0..=bytes.len())),
        1 => {
            let from = rng.random_range(0..bytes.len());
            let to = rng.random_range(from..=bytes.len());
            bytes.drain(from..to);
        }
        2 => {
            for _ in 0..rng.random_range(1..12) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] ^= 1 << rng.random_range(0..8);
            }
        }
        // A value for a value: most of these are JSON still.
        _ => {
            for _ in 0..rng.random_range(1..4) {
                let ends: Vec<usize> = bytes.iter().enumerate().filter(|(_, byte)| b":,[".contains(byte)).map(|(at, _)| at + 1).collect();
                let Some(from) = ends.choose(rng).copied() else { break };
                let to = bytes[from..].iter().position(|byte| b",]}".contains(byte)).map_or(bytes.len(), |length| from + length);
                bytes.splice(from..to, PIECES.choose(rng).unwrap().bytes());
            }
        }
    }
    bytes
}

#[test]
fn mutated_datagrams_are_stored_or_counted() {
    let arrival = Arrival { received_at: 0, source: "xray_udp".into(), key: "".into(), dataset: "".into(), own: Default::default() };
    let (mut stored, mut rejected) = (0, 0);
    for (at, capture) in Capture::datagrams().into_iter().enumerate() {
        for round in 0..ROUNDS {
            let mut rng = StdRng::seed_from_u64(at as u64 * 1_000 + round);
            let mutant = match rng.random_bool(0.1) {
                true => mutate(std::str::from_utf8(&capture.body).unwrap(), &mut rng),
                false => [HEADER.as_bytes(), &mutate(capture.document(), &mut rng)].concat(),
            };
            let mut translator = Translator::new(&arrival);
            translator.datagram(&mutant);
            let batch = translator.finish();
            // But for an empty list, which is a document of nothing.
            let empty = String::from_utf8_lossy(&mutant).trim_end().ends_with("[]");
            assert!(batch.spans.len() + batch.rejected.len() > 0 || empty, "{}, round {round}", capture.path.display());
            (stored, rejected) = (stored + batch.spans.len(), rejected + batch.rejected.len());
        }
    }
    assert!(stored > 300 && rejected > 1_000, "{stored} mutants live, {rejected} do not");
}

#[tokio::test]
async fn mutated_requests_are_answered_in_the_dialect() {
    let bed = Bed::new();
    let captures = Capture::all("api", 21).into_iter().chain(Capture::all("tcp", 3));
    for (at, capture) in captures.enumerate().filter(|(_, capture)| !capture.body.is_empty()) {
        for round in 0..ROUNDS {
            let mut rng = StdRng::seed_from_u64(at as u64 * 1_000 + round);
            let body = mutate(std::str::from_utf8(&capture.body).unwrap(), &mut rng);
            let encoding = ["", "gzip", "deflate", "zstd", "br", "identity"].choose(&mut rng).unwrap();
            let mut headers = vec![("host", "127.0.0.1:2000")];
            if rng.random_bool(0.2) {
                headers.push(("content-encoding", *encoding));
            }
            let answer = answer(bed.xray(), post(&capture.meta().path, &headers, body)).await;
            let what = format!("{}, round {round}", capture.path.display());
            assert_in_dialect(&answer, &what);
            // 503: it asks for what this store, which only records, cannot read.
            assert!([200, 400, 404, 503].contains(&answer.status.as_u16()), "{what}: {}", answer.status);
        }
    }
}

/// Documents that are mutants, in a request that is none: always 200, and what is not stored is named.
#[tokio::test]
async fn mutated_documents_are_named() {
    let bed = Bed::new();
    for (at, capture) in Capture::datagrams().into_iter().enumerate() {
        let mut rng = StdRng::seed_from_u64(at as u64);
        let documents: Vec<String> = (0..20).map(|_| String::from_utf8_lossy(&mutate(capture.document(), &mut rng)).into_owned()).collect();
        let body = json!({"TraceSegmentDocuments": documents}).to_string();
        let answer = answer(bed.xray(), post("/TraceSegments", &[], body)).await;
        assert_eq!(answer.status, 200);
        assert_in_dialect(&answer, "documents");
        let named = answer.json()["UnprocessedTraceSegments"].as_array().unwrap().len();
        assert_eq!(named, bed.store.take_rejected().len(), "capture {at}");
    }
}
