//! Requests made up: tokens, sizes, kinds of bodies, deploys.

use super::{TOKEN, assert_in_dialect, message, post, refusal, send};
use crate::wire_otlp::Bed;
use axum::http::Method;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use server::auth::Keys;
use std::io::Write as _;

#[tokio::test]
async fn a_token_in_any_of_its_places() {
    let bed = Bed::with_keys(Keys::parse("shop = k-1\n").unwrap());
    let body = message("m").to_string();
    let mut with_token = message("m");
    with_token["access_token"] = json!("k-1");
    for (path, headers, body) in [
        ("/api/1/item/", vec![("x-rollbar-access-token", "k-1")], body.clone()),
        ("/api/1/item/", vec![], with_token.to_string()),
        ("/api/1/item/?access_token=k-1", vec![], body.clone()),
    ] {
        let answer = send(&bed, Method::POST, path, &headers, body).await;
        assert_eq!(assert_in_dialect(&answer, path)["err"], 0, "{path}");
        let witness = bed.store.take_errors().pop().unwrap();
        assert_eq!((&*witness.project, &*witness.key), ("shop", "shop"));
        assert!(!witness.data.contains("k-1"));
    }
    let none = send(&bed, Method::POST, "/api/1/item/", &[], body.clone()).await;
    assert!(refusal(&none, 401).contains("X-Rollbar-Access-Token"));
    let wrong = send(&bed, Method::POST, "/api/1/item/", &[TOKEN], body).await;
    assert!(refusal(&wrong, 403).contains("not known"));
    assert_eq!(bed.store.take_errors().len(), 0);
    assert_eq!(bed.store.take_rejected().len(), 2, "both are shown on Sources");
}

#[tokio::test]
async fn without_keys_any_token_is_a_project_of_its_own() {
    let bed = Bed::new();
    for token in ["a", "b", "a"] {
        send(&bed, Method::POST, "/api/1/item/", &[("x-rollbar-access-token", token)], message("m").to_string()).await;
    }
    let projects: Vec<String> = bed.store.take_errors().iter().map(|witness| witness.project.to_string()).collect();
    assert_eq!(projects[0], projects[2]);
    assert_ne!(projects[0], projects[1]);
    assert!(projects.iter().all(|project| project.len() == 8));
}

#[tokio::test]
async fn large_items_are_cut_and_too_large_ones_refused() {
    let bed = Bed::new();
    let mut item = message("m");
    item["data"]["custom"] = json!({"blob": "x".repeat(3 << 20)});
    assert_eq!(assert_in_dialect(&post(&bed, "/api/1/item/", item.to_string()).await, "3 MiB")["err"], 0);
    let kept = bed.store.take_errors().pop().unwrap();
    assert!(kept.data.len() <= 512 << 10);
    let data: Value = serde_json::from_str(&kept.data).unwrap();
    assert_eq!((&data["truncated"], &data["body"]["message"]["body"]), (&json!(true), &json!("m")));

    item["data"]["custom"] = json!({"blob": "x".repeat(5 << 20)});
    assert!(refusal(&post(&bed, "/api/1/item/", item.to_string()).await, 413).contains("4 MiB"));
    // pyrollbar answers 413 with such an item; a 413 to that would make it send the next.
    item["data"]["failsafe"] = json!(true);
    assert_eq!(assert_in_dialect(&post(&bed, "/api/1/item/", item.to_string()).await, "failsafe")["err"], 0);
    assert_eq!(bed.store.take_errors().len(), 1);
}

#[tokio::test]
async fn bodies_of_other_kinds() {
    let bed = Bed::new();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(message("packed").to_string().as_bytes()).unwrap();
    let packed = send(&bed, Method::POST, "/api/1/item/", &[TOKEN, ("content-encoding", "gzip")], gzip.finish().unwrap()).await;
    assert_eq!(assert_in_dialect(&packed, "gzip")["err"], 0);
    let form = reqwest::Url::parse_with_params("http://x/", [("payload", message("form").to_string())]).unwrap();
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let answer = send(&bed, Method::POST, "/api/1/item/", &[TOKEN, kind], form.query().unwrap().to_owned()).await;
    assert_eq!(assert_in_dialect(&answer, "form")["err"], 0);
    let python = r#"{"data":{"body":{"message":{"body":"\udc80"}},"custom":{"nan":NaN}}}"#;
    assert_eq!(assert_in_dialect(&post(&bed, "/api/1/item/", python).await, "Python's")["err"], 0);
    assert_eq!(bed.store.take_errors().len(), 3);
    for body in ["", "[]", "{", "null"] {
        refusal(&post(&bed, "/api/1/item/", body).await, 400);
    }
    for body in ["{}", r#"{"data":[]}"#, r#"{"data":{}}"#, r#"{"data":{"body":"text"}}"#] {
        refusal(&post(&bed, "/api/1/item/", body).await, 422);
    }
}

#[tokio::test]
async fn a_file_of_items() {
    let bed = Bed::new();
    let mut own = message("one");
    own["access_token"] = json!("t");
    let file = format!("{own}\nnot json\n\n{}\n", message("two"));
    // rollbar-agent's lines have their tokens; the header is for those that have none.
    let answer = send(&bed, Method::POST, "/api/1/items", &[("content-type", "application/x-ndjson")], file.clone()).await;
    let value = assert_in_dialect(&answer, "a file");
    assert_eq!((&value["result"]["items"], value["result"]["rejected"].as_array().map(Vec::len)), (&json!(1), Some(2)), "{value}");
    assert_eq!((&value["result"]["rejected"][0]["line"], &value["result"]["rejected"][1]["line"]), (&json!(2), &json!(4)));
    assert_eq!(bed.store.take_errors().len(), 1);
    let answer = send(&bed, Method::POST, "/api/1/item/", &[TOKEN, ("content-type", "application/x-ndjson")], file).await;
    assert_eq!(assert_in_dialect(&answer, "with a token")["result"]["items"], 2);
    refusal(&send(&bed, Method::POST, "/api/1/items", &[TOKEN], "").await, 400);
}

#[tokio::test]
async fn calls_that_are_not_items() {
    let bed = Bed::new();
    let pong = send(&bed, Method::GET, "/api/1/status/ping", &[], "").await;
    assert_eq!((pong.status.as_u16(), &pong.body[..]), (200, &b"pong"[..]));
    refusal(&send(&bed, Method::GET, "/api/1/item/", &[], "").await, 405);
    assert!(refusal(&send(&bed, Method::GET, "/api/1/projects", &[TOKEN], "").await, 404).contains("/api/1/item/"));
    refusal(&post(&bed, "/api/1/deploy/", r#"{"environment":"production"}"#).await, 422);
    refusal(&post(&bed, "/api/1/deploy/", r#"{"environment":"p","revision":"1","status":"odd"}"#).await, 422);
    refusal(&send(&bed, Method::POST, "/api/1/deploy/", &[], r#"{"environment":"p","revision":"1"}"#).await, 401);
    refusal(&send(&bed, Method::PATCH, "/api/1/deploy/x", &[TOKEN], "{}").await, 404);
    let from_a_page = [TOKEN, ("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")];
    refusal(&send(&bed, Method::POST, "/api/1/deploy/", &from_a_page, r#"{"environment":"p","revision":"1"}"#).await, 403);
}

#[tokio::test]
async fn bases_without_a_path_and_preflights_for_them() {
    let bed = Bed::new();
    for path in ["/", "/api/1/", "/api/item/", "/item/", "/api/1/item/item/"] {
        assert_eq!(assert_in_dialect(&post(&bed, path, message("m").to_string()).await, path)["err"], 0, "{path}");
        let asked = "content-type,signal,x-rollbar-access-token";
        let headers =
            [("origin", "http://shop.example"), ("access-control-request-method", "POST"), ("access-control-request-headers", asked)];
        let answer = send(&bed, Method::OPTIONS, path, &headers, "").await;
        assert!(answer.status.is_success(), "{path}: {}", answer.status);
        assert_eq!(answer.header("access-control-allow-headers"), asked, "{path}");
    }
    assert_eq!(bed.store.take_errors().len(), 5);
}
