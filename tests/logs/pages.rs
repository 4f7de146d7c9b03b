//! The pages as HTML: everything here works without a script.

use super::{Bed, attribute, lines};
use model::log::Severity;
use reqwest::{StatusCode, Url};

fn count(html: &str, what: &str) -> usize {
    html.matches(what).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_paged_by_links_both_ways() {
    let bed = Bed::with(lines::many(250)).await;
    let first = bed.text("/logs").await;
    assert_eq!(count(&first, "<details data-at="), 100);
    let next = attribute(&first, "rel=\"next\"", "href").expect("a next page");
    let second = bed.text(&next).await;
    assert!(second.contains("cart 149 updated") || second.contains("cart 148 updated"), "the second hundred");
    let previous = attribute(&second, "rel=\"prev\"", "href").expect("a page before");
    let again = bed.text(&previous).await;
    let ids =
        |html: &str| -> Vec<String> { html.split("data-seq=\"").skip(1).map(|rest| rest[..rest.find('"').unwrap()].to_owned()).collect() };
    assert_eq!(ids(&again), ids(&first), "the way back leads to the same lines");
    let last = bed.text(&attribute(&second, "rel=\"next\"", "href").expect("a third page")).await;
    assert_eq!(count(&last, "<details data-at="), 50);
    assert!(last.contains("The end of the list"));
    // The island loads the same rows.
    let rows = bed.text(&attribute(&first, "rel=\"next\"", "data-rows").expect("what the island loads")).await;
    assert_eq!(ids(&rows), ids(&second));
}

#[tokio::test(flavor = "multi_thread")]
async fn facets_histogram_and_highlights() {
    let bed = Bed::with(lines::many(100)).await;
    let page = bed.text("/logs?q=declined").await;
    assert!(page.contains("<strong>5 lines</strong>"), "the total");
    assert!(page.contains("<mark") && page.contains(">declined</mark>"), "what was searched for is marked");
    assert!(page.contains("title=\"Only level: error\"") && page.contains("Without level: error"), "facets include and exclude");
    let only = attribute(&page, "title=\"Only service: checkout\"", "href").expect("a link");
    assert_eq!(only, "/logs?q=declined+service:checkout");
    let narrowed = bed.text(&only).await;
    assert!(narrowed.contains("Drop service: checkout"), "what is chosen can be dropped");
    let counted = bed.text("/logs?facet=user.id").await;
    assert!(counted.contains("Only user.id: 3"), "a JSON field as a facet");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_draws_the_lines() {
    let bed = Bed::with(lines::many(40)).await;
    for (path, what) in [
        ("/logs", "class=\"chunk lines\""),
        ("/logs?wrap=1", "class=\"chunk lines wrap\""),
        ("/logs?view=table&column=user.id", "class=\"value\">user.id</th>"),
        ("/logs?view=raw", "class=\"chunk raw\""),
        ("/logs?view=patterns", "updated in <i class=\"gap\">*</i>"),
    ] {
        let page = bed.text(path).await;
        assert!(page.replace("<!>", "").contains(what), "{path} has {what}");
    }
    let page = bed.text("/logs?q=carts").await;
    assert!(page.contains("a-2"), "terminal colours are rendered");
    let plain = bed.text("/logs?q=carts&ansi=0").await;
    assert!(!plain.contains("a-2\"") && !plain.contains('\u{1b}'), "or left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_opens_in_its_place_and_on_its_own() {
    let bed = Bed::with(lines::many(40)).await;
    let page = bed.text("/logs?q=sku").await;
    let open = attribute(&page, ">Fields, trace and context<", "href").expect("a way to open it");
    let opened = bed.text(open.split('#').next().unwrap()).await;
    assert!(opened.contains("Only item.left: ") && opened.contains("Count the values of item.sku"), "values are links");
    assert!(opened.contains(&format!("/t/{}?span=0102030405060708", lines::TRACE)), "the trace, with its span open");
    assert!(opened.contains("linked by"));
    let (_, panel) = opened.split_once("data-full").expect("an open line");
    let column = attribute(panel, "title=\"user.id as a column\"", "href").expect("a column");
    assert!(column.starts_with("/logs?q=sku&") && column.ends_with("&column=user.id"), "{column}");
    let stats = attribute(panel, "title=\"Count the values of user.id\"", "href").expect("stats");
    assert!(stats.contains("stats+count"), "{stats}");
    let single = bed.text(&attribute(&opened, ">This line<", "href").expect("its address")).await;
    assert!(single.contains("<h1") && single.contains("stock is low"));
    let context = bed.text(&attribute(&opened, ">Context in the stream<", "href").expect("context")).await;
    assert!(count(&context, "<details data-at=") > 20, "lines around it");
    assert_eq!(count(&context, " here\""), 1, "itself among them");
    assert!(context.contains("by=service") && context.contains("by=trace"));
    for path in ["/logs/line/1.1", "/logs/context/1.1", "/logs/line/nonsense"] {
        assert_eq!(bed.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_query_is_shown_where_it_is_wrong() {
    let bed = Bed::with(lines::many(1)).await;
    let response = bed.get("/logs?q=(service:shop").await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let page = response.text().await.unwrap();
    assert!(page.contains("role=\"alert\"") && page.contains("How to write a query"));
    assert!(bed.text("/logs?q=nowhere").await.contains("Nothing that is stored matches"));
    assert!(Bed::with([]).await.text("/logs").await.contains("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"), "an empty portal says how to begin");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enormous_line_does_not_break_the_page() {
    let huge = format!("{{\"blob\":\"{}\"}}", "x".repeat(10 << 20));
    let bed = Bed::with([lines::line(lines::now(), Severity::INFO, huge.clone())]).await;
    for path in ["/logs", "/logs?wrap=1", "/logs?view=raw", "/logs?view=table", "/logs?view=patterns"] {
        let page = bed.text(path).await;
        assert!(page.len() < 200_000, "{path} has {} bytes", page.len());
    }
    let page = bed.text("/logs").await;
    let raw = attribute(&page, ">show all (10 MB)<", "href").expect("a link to all of it");
    assert_eq!(bed.text(&raw).await, huge);
    let panel = bed.text(&format!("/api/logs/line/{}/panel", attribute(&page, "data-at=", "data-at").unwrap())).await;
    assert!(panel.len() < 400_000, "the panel has {} bytes", panel.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_saved_for_everybody() {
    let bed = Bed::with(lines::many(3)).await;
    let post = async |path: &str, form: &[(&str, &str)]| {
        let body = Url::parse_with_params("http://x/", form).unwrap().query().unwrap_or_default().to_owned();
        bed.client.post(bed.url(path)).header("content-type", "application/x-www-form-urlencoded").body(body).send().await.unwrap()
    };
    let saved = post("/logs/views/save", &[("name", "Declined"), ("address", "/logs?q=declined&view=table")]).await;
    assert_eq!((saved.status(), saved.headers()["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/logs?q=declined&view=table"));
    let page = bed.text("/logs").await;
    assert_eq!(attribute(&page, ">Declined</a>", "href").as_deref(), Some("/logs?q=declined&view=table"));
    let bad = post("/logs/views/save", &[("name", "x"), ("address", "https://example.com/")]).await;
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
    let removed = post("/logs/views/remove", &[("name", "Declined"), ("back", "//example.com")]).await;
    assert_eq!(removed.headers()["location"].to_str().unwrap(), "/logs", "nobody is sent elsewhere");
    assert!(!bed.text("/logs").await.contains("Declined"));
}
