//! What forms do.

use super::Bed;
use super::pages::some;
use model::error::ErrorStatus;
use reqwest::StatusCode;

#[tokio::test(flavor = "multi_thread")]
async fn forms_change_groups_and_lead_back() {
    let bed = Bed::with(some()).await;
    let back = bed.triage(&[("number", "1"), ("number", "2"), ("action", "resolve"), ("back", "/errors?q=KeyError&sort=count")]).await;
    assert_eq!(back, "/errors?q=KeyError&sort=count");
    for number in [1, 2] {
        assert_eq!(bed.errors.status(number), ErrorStatus::Resolved { version: None, next_deploy: false });
    }
    bed.triage(&[("number", "6"), ("action", "snooze-more"), ("more", "3"), ("back", "/e/6")]).await;
    assert_eq!(bed.errors.status(6), ErrorStatus::Snoozed { until: None, count: Some(49) });
    bed.triage(&[("number", "1"), ("action", "comment"), ("comment", "it was <me>"), ("back", "/e/1")]).await;
    let page = bed.text("/e/1").await;
    assert!(
        page.contains("<b>Ann</b>") && page.contains("it was &lt;me&gt;") && page.contains("made it resolved"),
        "the history says who did what"
    );
    assert_eq!(
        bed.triage(&[("number", "1"), ("action", ""), ("back", "https://example.com/")]).await,
        "/errors",
        "nobody is sent elsewhere"
    );
    for wrong in [&[("action", "explode")][..], &[("action", "merge"), ("into", "x")], &[("action", "snooze"), ("for", "never")]] {
        assert_eq!(bed.post("/errors/triage", wrong, "").await.status(), StatusCode::BAD_REQUEST, "{wrong:?}");
    }
    assert_eq!(
        bed.post("/errors/triage", &[("number", "1"), ("action", "merge"), ("into", "99")], "").await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_merged_and_taken_apart() {
    let bed = Bed::with(some()).await;
    bed.triage(&[("number", "2"), ("action", "merge"), ("into", "#1"), ("back", "/e/2")]).await;
    let page = bed.text("/e/2").await;
    assert!(page.contains("data-error=\"1\"") && page.contains("Merged into it"), "a merged number leads to the whole");
    assert!(!bed.text("/errors").await.contains("data-number=\"2\""));
    bed.triage(&[("number", "1"), ("action", "unmerge"), ("member", "2"), ("back", "/e/1")]).await;
    assert!(bed.text("/e/2").await.contains("data-error=\"2\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_kept_and_stands_in_the_history() {
    let bed = Bed::with(some()).await;
    let named = bed.post("/errors/name", &[("name", " Zoë; x "), ("back", "/e/1")], "").await;
    assert_eq!((named.status(), named.headers()["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/e/1"));
    let cookie = named.headers()["set-cookie"].to_str().unwrap().split("; ").next().unwrap().to_owned();
    bed.post("/errors/triage", &[("number", "1"), ("action", "mute"), ("back", "/e/1")], &cookie).await;
    assert!(bed.text("/e/1").await.contains("<b>Zoë; x</b>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_may_not_write() {
    let bed = Bed::with(some()).await;
    for path in ["/errors/triage", "/errors/name", "/errors/rules/save"] {
        let request = bed.client.post(bed.url(path)).header("origin", "http://evil.example").body("number=1&action=resolve");
        assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(bed.errors.status(1), ErrorStatus::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_saved_and_what_is_wrong_is_said() {
    let bed = Bed::with(some()).await;
    let rules = r#"[{"title": "x", "fingerprint": "<y>"}]"#;
    let saved = bed.post("/errors/rules/save", &[("draft", rules)], "").await;
    assert_eq!((saved.status(), saved.headers()["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/errors/rules?saved=1"));
    let shown = bed.text("/errors/rules").await;
    assert!(shown.contains("&lt;y>") && !shown.contains("<y>"), "{shown}");
    let injected = bed.text("/errors/rules?draft=%3C%2Ftextarea%3E%3Ch1%20id%3Dx%3E%26amp%3B").await;
    assert!(injected.contains(">&lt;/textarea>&lt;h1 id=x>&amp;amp;</textarea>"), "{injected}");
    let wrong = bed.post("/errors/rules/save", &[("draft", "[<nonsense")], "").await;
    let shown = bed.text(wrong.headers()["location"].to_str().unwrap()).await;
    assert!(shown.contains("the rules are no JSON") && shown.contains("[&lt;nonsense"), "what was typed is not lost: {shown}");
}
