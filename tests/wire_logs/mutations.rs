//! Whatever arrives, nothing panics and there is an answer in the dialect. Seeded: a failure names its round.

use super::{assert_in_dialect, captures, with_stream};
use crate::wire_otlp::{answer, post};
use crate::wire_xray::mutations::mutate;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

const ROUNDS: u64 = 60;

#[tokio::test]
async fn mutated_requests_are_answered_in_the_dialect() {
    let bed = with_stream().await;
    for (at, capture) in captures().iter().enumerate() {
        let headers = capture.meta().headers;
        let Some((_, target)) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amz-target")) else { continue };
        for round in 0..ROUNDS {
            let mut rng = StdRng::seed_from_u64(at as u64 * 1_000 + round);
            // Most meet a group and a stream that are there.
            let text = std::str::from_utf8(&capture.body).unwrap().replace("\"g1\"", "\"g\"").replace("\"s1\"", "\"s\"");
            let body = mutate(&text, &mut rng);
            let encoding = ["", "gzip", "deflate", "zstd", "br", "identity"].choose(&mut rng).unwrap();
            let mut headers = vec![("host", "127.0.0.1:3000"), ("x-amz-target", &**target)];
            if rng.random_bool(0.2) {
                headers.push(("content-encoding", *encoding));
            }
            let answer = answer(bed.pages(), post("/", &headers, body)).await;
            let what = format!("{}, round {round}", capture.path.display());
            assert_in_dialect(&answer, &what);
            assert!([200, 400].contains(&answer.status.as_u16()), "{what}: {}", answer.status);
        }
    }
}
