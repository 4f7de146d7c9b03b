//! Rollbar's API as it comes over the wire: requests through the real routers, into a store that records.

mod captures;
mod mutations;
mod requests;

use crate::wire_otlp::{Answer, Bed, answer};
use crate::wire_xray::Capture;
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

const TOKEN: (&str, &str) = ("x-rollbar-access-token", "0123456789abcdef0123456789abcdef");

/// Every recorded request: pyrollbar's, and those of the browser's bundle with their preflights.
fn captures() -> Vec<Capture> {
    Capture::all_in("rollbar", 30)
}

/// Sends to the port of the pages, with the token.
async fn send(bed: &Bed, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:3000");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    answer(bed.pages(), request.body(body.into()).unwrap()).await
}

async fn post(bed: &Bed, path: &str, body: impl Into<Body>) -> Answer {
    send(bed, Method::POST, path, &[TOKEN, ("content-type", "application/json")], body).await
}

/// What every answer must be: JSON that says whether it is an error, with a status that says the same.
fn assert_in_dialect(answer: &Answer, what: &str) -> Value {
    assert_eq!(answer.header("content-type"), "application/json", "{what}");
    assert_eq!(answer.header("access-control-allow-origin"), "*", "{what}");
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{what}: {error}"));
    if value["err"] == 0 {
        assert_eq!(answer.status, 200, "{what}");
    } else {
        assert_eq!(value["err"], 1, "{what}");
        assert!(answer.status.is_client_error(), "{what}: {}", answer.status);
        assert!(value["message"].as_str().is_some_and(|message| !message.is_empty()), "{what}");
    }
    value
}

/// The message of a refusal with this status.
fn refusal(answer: &Answer, status: u16) -> String {
    let value = assert_in_dialect(answer, "a refusal");
    assert_eq!((answer.status.as_u16(), &value["err"]), (status, &json!(1)), "{value}");
    value["message"].as_str().unwrap().to_owned()
}

fn message(text: &str) -> Value {
    json!({"data": {"environment": "test", "uuid": "dfa57528-4518-4921-8dd4-d15740fde519", "body": {"message": {"body": text}}}})
}
