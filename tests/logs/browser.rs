//! The Logs page alive: what the islands add.

use super::{Bed, lines};
use crate::browser::{Browser, Scripts, Theme};
use model::log::Severity;

#[tokio::test(flavor = "multi_thread")]
async fn every_view_reads_well() {
    let bed = Bed::with(lines::many(120)).await;
    for scripts in [Scripts::On, Scripts::Off] {
        let browser = Browser::start(scripts).await;
        for (name, path) in [
            ("logs", "/logs"),
            ("logs-wrap", "/logs?wrap=1&column=user.id"),
            ("logs-table", "/logs?view=table"),
            ("logs-raw", "/logs?view=raw"),
            ("logs-patterns", "/logs?view=patterns"),
            ("logs-nothing", "/logs?q=nowhere"),
            ("logs-wrong", "/logs?q=(a"),
        ] {
            for (width, size, theme) in [(1400, "wide", Theme::Dark), (400, "narrow", Theme::Light)] {
                browser.resize(width, 900).await;
                browser.prefer(theme).await;
                browser.open(&bed.url(path)).await;
                if scripts == Scripts::On {
                    browser.awake().await;
                }
                browser.assert_no_sideways_scroll().await;
                // A wrong query is answered with 400, which Chromium notes.
                if !path.contains("(a") {
                    browser.assert_quiet_console().await;
                }
                browser.screenshot(&format!("{name}-{size}{}", if scripts == Scripts::On { "" } else { "-no-scripts" })).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scrolling_loads_the_pages_after() {
    let bed = Bed::with(lines::many(450)).await;
    let browser = Browser::start(Scripts::On).await;
    browser.open(&bed.url("/logs")).await;
    browser.awake().await;
    browser
        .wait_for("all lines", "window.scrollTo(0, document.body.scrollHeight); return document.querySelectorAll('li.log').length === 450")
        .await;
    let seqs = browser.eval("return [...document.querySelectorAll('li.log')].map(line => +line.dataset.seq)").await;
    assert_eq!(seqs, serde_json::json!((1..=450).rev().collect::<Vec<u64>>()), "each once and in order");
    // From the middle, upwards.
    let next = browser.eval("return fetch('/logs').then(a => a.text()).then(t => new DOMParser().parseFromString(t, 'text/html').querySelector('a[rel=next]').getAttribute('href'))").await;
    browser.open(&bed.url(next.as_str().unwrap())).await;
    browser.awake().await;
    let first = "return document.querySelector('li.log').dataset.seq === '450'";
    assert_eq!(browser.eval(first).await, false);
    browser.wait_for("the lines before", &format!("window.scrollBy(0, window.scrollY > 500 ? -300 : 600); {first}")).await;
    browser.assert_quiet_console().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_opens_where_it_is() {
    let bed = Bed::with(lines::many(60)).await;
    let browser = Browser::start(Scripts::On).await;
    browser.open(&bed.url("/logs?q=sku")).await;
    browser.awake().await;
    browser.click("li.log summary").await;
    browser.wait_for("its panel", "return !!document.querySelector('li.log .l-tree .leaf a[title^=\"Only item.sku\"]')").await;
    assert!(browser.text("li.log .inside").await.contains("linked by"));
    browser.assert_quiet_console().await;
    browser.screenshot("logs-open").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_waits_while_the_reader_reads() {
    let bed = Bed::with(lines::many(80)).await;
    let say = |text: &str| bed.logs.push([lines::line(lines::now(), Severity::INFO, text)]);
    let browser = Browser::start(Scripts::On).await;
    browser.open(&bed.url("/logs?live=1")).await;
    browser.awake().await;
    browser.wait_for("the connection", "return document.querySelector('.tail')?.innerText.includes('live')").await;
    say("fresh from the oven");
    browser.wait_for("a new line on top", "return document.querySelector('li.log').innerText.includes('fresh from the oven')").await;
    browser.eval("window.scrollTo(0, 900)").await;
    say("while you were reading");
    browser.wait_for("it to be said", "return document.querySelector('.tail').innerText.includes('1 new')").await;
    assert_eq!(browser.eval("return document.body.innerText.includes('while you were reading')").await, false);
    browser.screenshot("logs-live").await;
    browser.click(".tail .button.primary").await;
    browser.wait_for("it to be shown", "return document.querySelector('li.log').innerText.includes('while you were reading')").await;
    browser.assert_quiet_console().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_box_suggests_and_remembers() {
    let bed = Bed::with(lines::many(60)).await;
    let browser = Browser::start(Scripts::On).await;
    browser.open(&bed.url("/logs?q=declined")).await;
    browser.awake().await;
    let input = "const box = document.querySelector('input[name=q]');";
    browser
        .eval(&format!(
            "{input} box.value = 'service:pro'; box.setSelectionRange(11, 11); box.dispatchEvent(new Event('input', {{bubbles: true}}));"
        ))
        .await;
    browser.wait_for("a value", "return document.querySelector('.hints li')?.innerText.includes('proxy')").await;
    browser
        .eval(&format!(
            "{input} box.value = '(zzz'; box.setSelectionRange(4, 4); box.focus(); box.dispatchEvent(new Event('input', {{bubbles: true}}));"
        ))
        .await;
    browser.wait_for("what is wrong", "return document.querySelector('.wrong.open') !== null").await;
    browser.open(&bed.url("/logs")).await;
    browser.awake().await;
    browser.click("input[name=q]").await;
    browser.wait_for("what was asked before", "return document.querySelector('.hints li')?.innerText.includes('declined')").await;
    browser.assert_quiet_console().await;
}
