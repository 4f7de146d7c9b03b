//! The pages as HTML: everything here works without a script.

use super::Bed;
use super::memory::{ErrorMemory, item};
use model::error::{ErrorLevel, ErrorStatus, Mark};
use reqwest::StatusCode;
use serde_json::json;

/// Groups of every state, the first with two occurrences.
pub fn some() -> ErrorMemory {
    let errors = ErrorMemory::default();
    errors.add(|group| group.mark = Some(Mark::Regressed));
    errors.add(|group| (group.mark, group.level) = (Some(Mark::New), ErrorLevel::Critical));
    errors.add(|group| group.status = ErrorStatus::Resolved { version: Some("1.3".into()), next_deploy: false });
    errors.add(|group| group.status = ErrorStatus::Muted);
    errors.add(|group| group.status = ErrorStatus::Snoozed { until: None, count: Some(group.count + 5) });
    errors.add(|group| (group.assignee, group.service) = (Some("Ann".into()), "worker".into()));
    errors.throw(1, &item(), &["rollbar", "otlp_http", "xray_udp"], "4bf92f3577b34da6a3ce929d0e0e4736".parse().ok());
    errors.throw(1, &item(), &["rollbar"], None);
    errors
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_shows_what_is_active_and_counts_the_rest() {
    let bed = Bed::with(some()).await;
    let page = bed.text("/errors").await;
    for number in [1, 2, 6] {
        assert!(page.contains(&format!("data-number=\"{number}\"")), "#{number} is active");
    }
    assert!(
        !page.contains("data-number=\"3\"") && page.contains("Resolved <span class=\"n\">1</span>"),
        "what is resolved is behind its tab"
    );
    assert!(page.contains("regressed") && page.contains(">new</span>") && page.contains("OpenTelemetry"));
    assert!(page.contains("href=\"/errors?q=context:/api/cart\""), "a route leads to its errors");
    let resolved = bed.text("/errors?status=resolved").await;
    assert!(resolved.contains("resolved in 1.3") && !resolved.contains("data-number=\"1\""));
    let own = bed.text("/errors?q=status:snoozed").await;
    assert!(
        own.contains("data-number=\"5\"") && own.contains("snoozed for 5 occurrences more") || own.contains("5 occurrences"),
        "a query may ask for a status itself"
    );
    let all = bed.text("/errors?q=worker+OR+service:worker&status=all").await;
    assert!(all.contains("data-number=\"6\"") && !all.contains("data-number=\"1\""));
    assert!(bed.text("/errors?q=nowhere").await.contains("No group of errors matches"));
    let wrong = bed.get("/errors?q=(status:active").await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    assert!(wrong.text().await.unwrap().contains("role=\"alert\""), "with the place of the mistake");
    let empty = Bed::with(ErrorMemory::default()).await.text("/errors").await;
    assert!(empty.contains("/api/1/") && empty.contains("rollbar.init"), "an empty inbox says how to begin");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_is_paged_by_links() {
    let errors = ErrorMemory::default();
    (0..70).for_each(|_| errors.add(|_| ()));
    let bed = Bed::with(errors).await;
    let first = bed.text("/errors?q=KeyError").await;
    assert_eq!(first.matches("data-number=").count(), 50);
    assert!(first.contains("href=\"/errors?q=KeyError&amp;cursor=0.50\""), "the next page keeps the filter");
    let second = bed.text("/errors?q=KeyError&cursor=0.50").await;
    assert_eq!(second.matches("data-number=").count(), 20);
    assert!(second.contains("The end of the list") && second.contains("rel=\"prev\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_has_everything_that_is_known_of_it() {
    let bed = Bed::with(some()).await;
    let page = bed.text("/e/1").await;
    for what in [
        "<h1>KeyError: number 1</h1>",
        "1.0",
        "after the deploy of abc123",
        "price = prices[sku]",
        "Caused by",
        "no &lt;price&gt;",
        "1 library frame",
        "A-1",
        "stock is low",
        "http://shop.test/api/cart",
        "crash site",
        "2 different call paths",
        "In the same traces",
        "Seen by",
    ] {
        assert!(page.contains(what), "no {what} in {page}");
    }
    assert!(
        page.contains("data-occurrence=\"101\"") && page.contains("href=\"/e/1?occurrence=100\""),
        "the newest, and the way to the one before"
    );
    assert!(page.find("price = prices[sku]") < page.find("return total(cart)"), "the most recent call comes first");
    assert!(page.contains("names no trace"), "the newest has none");
    let first = bed.text("/e/1?occurrence=100").await;
    assert!(
        first.contains("data-occurrence=\"100\"") && first.contains("4bf92f3577b34da6a3ce929d0e0e4736"),
        "an occurrence has an address"
    );
    assert!(first.contains("which is not here") && first.contains("linked by the trace id it names"));
    assert!(first.contains("Seen by Rollbar, OpenTelemetry, X-Ray"));
    assert!(bed.text("/e/uuid/00000100-0000-4000-8000-000000000000").await.contains("data-occurrence=\"100\""));
    let gone = bed.text("/e/1?occurrence=5").await;
    assert!(gone.contains("not kept any more"), "what retention took is said");
    for path in ["/e/99", "/e/x", "/e/uuid/none"] {
        assert_eq!(bed.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_data_makes_a_page() {
    let errors = ErrorMemory::default();
    let odd = [
        json!({"body": {"message": {"body": "disk <full>", "percent": 99}}}),
        json!({"body": {"crash_report": {"raw": "SIGSEGV at 0x0"}}}),
        json!({"body": {"trace_chain": [{"exception": {"class": "E"}, "extra": {"stacktrace": "Traceback\n  File \"/srv/a.py\", line 1"}}]}}),
        json!({"body": []}),
        json!("text"),
    ];
    for data in &odd {
        errors.add(|_| ());
        let number = odd.iter().position(|one| one == data).unwrap() as u64 + 1;
        errors.throw(number, data, &["rollbar"], None);
    }
    let deep: Vec<_> = (0..2000).map(|_| json!({"filename": "/srv/deep.py", "lineno": 3, "method": "recurse"})).collect();
    errors.add(|_| ());
    errors.throw(6, &json!({"body": {"trace": {"exception": {"class": "RecursionError"}, "frames": deep}}}), &["rollbar"], None);
    let bed = Bed::with(errors).await;
    for (number, what) in
        [(1, "disk &lt;full&gt;"), (2, "SIGSEGV"), (3, "/srv/a.py"), (4, "without a body"), (5, "without a body"), (6, "×2000")]
    {
        let page = bed.text(&format!("/e/{number}")).await;
        assert!(page.contains(what), "no {what} in {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_box_finds_errors() {
    let bed = Bed::with(some()).await;
    for (text, leads) in [
        ("%2312", "/e/12"),
        ("00000101-0000-4000-8000-000000000000", "/e/1?occurrence=101"),
        ("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "/t/4bf92f3577b34da6a3ce929d0e0e4736"),
    ] {
        let answer = bed.get(&format!("/find?id={text}")).await;
        assert_eq!(answer.headers()["location"].to_str().unwrap(), leads, "{text}");
    }
}
