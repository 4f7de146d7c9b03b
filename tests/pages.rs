//! Every page in a real browser: with scripts and without, wide and narrow, dark and light, empty and full.

mod traffic;

use crate::browser::{Browser, Scripts, Theme};
use crate::harness::Clew;
use serde_json::json;
use server::config::Config;
use tempfile::TempDir;
use traffic::Sent;

/// Name (of the screenshots) and path of every page that lists something; a trace's page comes on top.
const PAGES: [(&str, &str); 7] = [
    ("overview", "/"),
    ("traces", "/traces"),
    ("sources", "/sources"),
    ("sampling", "/sampling"),
    ("aliases", "/aliases"),
    ("api", "/api"),
    ("failed", "/traces?q=status%3Aerror"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_page_reads_well_with_scripts() {
    every_page_reads_well(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_reads_well_without_scripts() {
    every_page_reads_well(Scripts::Off).await;
}

async fn every_page_reads_well(scripts: Scripts) {
    let clew = Clew::start();
    let sent = traffic::send(&clew).await;
    let browser = Browser::start(scripts).await;
    let trace = format!("/t/{}", sent.failed);
    let pages = PAGES.into_iter().chain([("trace", trace.as_str())]);
    for (name, path) in pages {
        for (width, height, size) in [(1280, 800, "wide"), (400, 800, "narrow"), (3840, 2160, "4k")] {
            browser.resize(width, height).await;
            browser.prefer(if size == "narrow" { Theme::Light } else { Theme::Dark }).await;
            browser.open(&clew.url(path)).await;
            if scripts == Scripts::On {
                browser.awake().await;
            }
            assert_readable(&browser, path).await;
            browser.assert_no_sideways_scroll().await;
            browser.assert_quiet_console().await;
            browser.screenshot(&format!("{name}-{size}{}", if scripts == Scripts::On { "" } else { "-no-scripts" })).await;
        }
    }
}

/// What a screen reader needs of every page.
async fn assert_readable(browser: &Browser, path: &str) {
    let landmarks = browser
        .eval("return [document.title.length > 0, document.documentElement.lang, document.querySelectorAll('h1').length, document.querySelectorAll('main').length]")
        .await;
    assert_eq!(landmarks, json!([true, "en", 1, 1]), "{path}: title, language, one h1, one main");
    let nameless = browser
        .eval(
            "const named = e => e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.title || e.textContent.trim() || e.alt
                || e.labels?.length || e.closest('[aria-hidden=true]') || e.querySelector?.('svg[aria-label], title, img[alt]');
             return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, img')].filter(e => !named(e))
                .map(e => e.outerHTML.slice(0, 200))",
        )
        .await;
    assert_eq!(nameless, json!([]), "{path}: controls without a name");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_portal_says_how_to_begin() {
    let clew = Clew::start();
    let browser = Browser::start(Scripts::Off).await;
    for path in ["/", "/traces", "/sources"] {
        browser.open(&clew.url(path)).await;
        let page = browser.text("main").await;
        assert!(page.contains(&clew.otlp_http()), "{path} names the address to send to: {page}");
        browser.assert_quiet_console().await;
        browser.screenshot(&format!("empty{}", path.replace("/", "-"))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_leads_to_a_trace() {
    let clew = Clew::start();
    traffic::send(&clew).await;
    for scripts in [Scripts::On, Scripts::Off] {
        let browser = Browser::start(scripts).await;
        browser.open(&clew.url("/traces?q=status%3Aerror")).await;
        assert_eq!(browser.count("a[data-row]").await, Sent::FAILED, "scripts {scripts:?}");
        browser.click("a[data-row]").await;
        browser.wait_for("the trace's page", "return location.pathname.startsWith('/t/')").await;
        let page = browser.text("main").await;
        assert!(page.contains("POST /checkout") && page.contains("payment"), "{page}");
        browser.assert_quiet_console().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_query_is_shown_where_it_is_wrong() {
    let clew = Clew::start();
    let browser = Browser::start(Scripts::Off).await;
    // `service:` lacks its value; the parser's own message and position are the API's.
    let response = reqwest::get(clew.url("/api/traces?q=(service%3Ashop")).await.expect("clew answers");
    assert_eq!(response.status(), 400);
    let answer: serde_json::Value = response.json().await.expect("JSON");
    assert!(answer["error"]["position"].is_u64(), "{answer}");
    browser.open(&clew.url("/traces?q=(service%3Ashop")).await;
    let page = browser.text("main").await;
    let message = answer["error"]["message"].as_str().expect("a message");
    assert!(page.contains(message), "{page} does not say: {message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_theme_is_right_at_first_paint() {
    let clew = Clew::start();
    let browser = Browser::start(Scripts::On).await;
    browser.prefer(Theme::Light).await;
    browser.open(&clew.url("/")).await;
    let ground = "return getComputedStyle(document.body).backgroundColor";
    let light = browser.eval(ground).await;
    browser.eval("document.cookie = 'theme=dark;path=/'").await;
    browser.open(&clew.url("/")).await;
    // In the document as it was sent, before any script.
    let sent = browser.eval("return fetch('/').then(answer => answer.text())").await;
    assert!(sent.as_str().is_some_and(|html| html.contains("data-theme=\"dark\"")), "the server knows the theme");
    assert_ne!(browser.eval(ground).await, light, "a choice beats the system");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_there_is_a_404() {
    let clew = Clew::start();
    for path in ["/nowhere", "/t/00000000000000000000000000000001", "/pkg/nothing.js"] {
        let response = reqwest::get(clew.url(path)).await.expect("clew answers");
        assert_eq!(response.status(), 404, "{path}");
        assert!(response.text().await.expect("a body").contains("<main"), "{path} is a page");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_run_only_with_the_nonce_of_the_answer() {
    let clew = Clew::start();
    let response = reqwest::get(clew.url("/")).await.expect("clew answers");
    let policy = response.headers()["content-security-policy"].to_str().expect("text").to_owned();
    let nonce = policy.split_once("'nonce-").and_then(|(_, rest)| rest.split_once('\'')).expect("a nonce in the policy").0.to_owned();
    let html = response.text().await.expect("a body");
    let scripts = html.matches("<script").count();
    assert!(scripts > 0);
    assert_eq!(html.matches(&format!("nonce=\"{nonce}\"")).count(), scripts, "every script carries the nonce");
    assert!(!policy.split(';').any(|rule| rule.trim().starts_with("script-src") && rule.contains("unsafe-inline")), "{policy}");
    let again = reqwest::get(clew.url("/")).await.expect("clew answers");
    assert_ne!(again.headers()["content-security-policy"], policy, "a nonce is used once");
}

/// Until there are accounts, whoever reaches the pages can read everything.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_warns_of_a_listener_that_others_reach() {
    for (addr, warns) in [("0.0.0.0:0", true), ("127.0.0.1:0", false)] {
        let data = TempDir::new().expect("a temporary directory");
        let mut config = Config::ephemeral(data.path());
        config.addr = addr.parse().expect("an address");
        let server = server::serve(config).await.expect("clew starts");
        for path in ["/", "/traces", "/sources", "/sampling", "/aliases", "/api", "/t/4bf92f3577b34da6a3ce929d0e0e4736", "/nowhere"] {
            let url = format!("http://127.0.0.1:{}{path}", server.addrs.http.port());
            let html = reqwest::get(&url).await.expect("an answer").text().await.expect("a page");
            assert_eq!(html.contains("can be reached from other machines"), warns, "{path} on {addr}");
        }
        server.shutdown().await;
    }
}
