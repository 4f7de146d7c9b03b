//! Whatever is sent, the answer is Rollbar's JSON: pyrollbar raises on anything else.

use super::{TOKEN, assert_in_dialect, captures, send};
use crate::wire_otlp::Bed;
use crate::wire_xray::mutations::mutate;
use axum::http::Method;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

#[tokio::test]
async fn mutated_items_are_answered_in_json() {
    let bed = Bed::new();
    let mut rng = StdRng::seed_from_u64(7);
    let items: Vec<String> = captures()
        .iter()
        .filter(|capture| !capture.body.is_empty())
        .map(|capture| String::from_utf8(capture.body.clone()).unwrap())
        .collect();
    let (mut taken, mut refused) = (0, 0);
    for n in 0..3000 {
        let body = mutate(&items[rng.random_range(0..items.len())], &mut rng);
        let kind = ["application/json", "application/x-www-form-urlencoded", "application/x-ndjson", "text/plain"][n % 4];
        let path = ["/api/1/item/", "/api/1/deploy/", "/item", "/api/1/items"][rng.random_range(0..4)];
        let answer = send(&bed, Method::POST, path, &[TOKEN, ("content-type", kind)], body.clone()).await;
        let what = format!("{path} {kind} {}", String::from_utf8_lossy(&body));
        let value = assert_in_dialect(&answer, &what);
        if value["err"] == 0 {
            taken += 1
        } else {
            refused += 1
        }
        for witness in bed.store.take_errors() {
            serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&witness.data)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
        }
    }
    assert!(taken > 300 && refused > 300, "{taken} taken, {refused} refused");
}
