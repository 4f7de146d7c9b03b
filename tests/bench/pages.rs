//! What a person waits for: pages while spans pour in, and big traces in a real browser.

use crate::browser::{Browser, Scripts};
use crate::harness::Clew;
use crate::http::Connection;
use crate::ingest::send;
use crate::report::{Report, Target};
use crate::workload::{Workload, one_trace};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Spans a second that pour in while pages are read.
const RATE: usize = 20_000;

/// How long.
const POUR: Duration = Duration::from_secs(20);

/// A row of the waterfall, in a browser with scripts.
const ROW: &str = "[data-wf-row], .wf-row, [role=treeitem]";

/// Pages and searches while [`RATE`] spans a second come in.
pub fn under_load(clew: &Clew, now: i64, report: &mut Report) {
    const BATCH: usize = 500;
    let spans = RATE * POUR.as_secs() as usize;
    let mut workload = Workload::new(77, spans, now - crate::workload::SPREAD);
    let bodies: Vec<Vec<u8>> = std::iter::from_fn(|| workload.request(BATCH)).collect();
    let over = AtomicBool::new(false);
    let (mut html, mut search, mut late) = (Vec::new(), Vec::new(), 0.0);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut connection = Connection::open(&clew.ready.http);
            let begun = Instant::now();
            for (n, body) in bodies.iter().enumerate() {
                let due = Duration::from_secs_f64((n * BATCH) as f64 / RATE as f64);
                std::thread::sleep(due.saturating_sub(begun.elapsed()));
                assert_eq!(connection.post_traces(body, None).status, 200);
            }
            over.store(true, Ordering::Relaxed);
            begun.elapsed().as_secs_f64() / POUR.as_secs_f64()
        });
        let mut connection = Connection::open(&clew.ready.http);
        let mut timed = |path: &str| {
            let begun = Instant::now();
            let answer = connection.get(path);
            assert_eq!(answer.status, 200, "{path}");
            begun.elapsed().as_secs_f64() * 1e3
        };
        while !over.load(Ordering::Relaxed) {
            html.push(timed("/traces"));
            search.push(timed("/api/traces?q=service%3Acheckout%20duration%3A%3E500ms&last=1h&limit=100"));
            std::thread::sleep(Duration::from_millis(100));
        }
        late = sender.join().expect("the sender");
    });
    report.once("spans sent while pages are read", "spans/s", RATE as f64 / late, None, "");
    report.many("trace list (HTML) meanwhile", "ms", html, Some(Target::P95AtMost(100.0)), "none published");
    report.many("search meanwhile", "ms", search, Some(Target::P95AtMost(150.0)), "none published");
}

/// A big trace in Chromium: from navigation to rows, and scrolling.
pub async fn big_traces(clew: &Clew, now: i64, report: &mut Report) {
    let browser = Browser::start(Scripts::On).await;
    browser.resize(1400, 900).await;
    // Runs before the page's own scripts: remembers when the first rows were painted.
    let watch = format!(
        "window.benchRows = 0; (function look() {{ if (document.querySelectorAll('{ROW}').length >= 20 && document.documentElement.hasAttribute('data-awake')) \
         {{ requestAnimationFrame(() => {{ window.benchRows = performance.now(); }}); }} else {{ requestAnimationFrame(look); }} }})();"
    );
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": watch })).await;
    for (spans, target, peer) in [(50_000, 400.0, "Jaeger UI 3050"), (100_000, 600.0, "Jaeger UI 3663")] {
        let (id, bodies) = one_trace(spans as u64, spans, now - 60_000_000_000);
        send(&clew.ready.http, &bodies, None);
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let url = clew.url(&format!("/t/{id}"));
        let mut opened = Vec::new();
        for _ in 0..7 {
            browser.open("about:blank").await;
            browser.open(&url).await;
            browser.wait_for("rows of the waterfall", "return window.benchRows > 0").await;
            opened.push(browser.eval("return window.benchRows").await.as_f64().expect("a time"));
        }
        report.many(&format!("{spans} spans: navigation to rows"), "ms", opened, Some(Target::AtMost(target)), peer);
        scroll(&browser, spans, report).await;
    }
}

/// Scrolls the waterfall by a page a frame and measures the frames.
async fn scroll(browser: &Browser, spans: usize, report: &mut Report) {
    let frames = browser
        .eval(&format!(
            "window.benchFrames = null;
             const row = document.querySelector('{ROW}');
             let box = row; while (box && box.scrollHeight <= box.clientHeight + 50) box = box.parentElement;
             box = box || document.scrollingElement;
             const times = []; let last = performance.now(), n = 0;
             requestAnimationFrame(function step(now) {{
               times.push(now - last); last = now; box.scrollTop += 300; n++;
               if (n < 180) requestAnimationFrame(step); else window.benchFrames = times.slice(1);
             }});
             return box.scrollHeight;"
        ))
        .await;
    if frames.as_f64().unwrap_or_default() < 10_000.0 {
        report.missing(&format!("{spans} spans: scrolling"), &format!("nothing to scroll (height {frames})"));
        return;
    }
    browser.wait_for("180 frames", "return window.benchFrames !== null").await;
    let Value::Array(times) = browser.eval("return window.benchFrames").await else { return };
    let times = times.iter().filter_map(Value::as_f64).collect();
    report.many(&format!("{spans} spans: frames while scrolling"), "ms", times, Some(Target::P95AtMost(33.0)), "Jaeger UI 477");
}

/// What the browser must load before anything moves.
pub fn bundle(clew: &Clew, report: &mut Report) {
    let page = Connection::open(&clew.ready.http).get("/traces");
    let page = String::from_utf8_lossy(&page.body).into_owned();
    let name = page.split(['"', '\'', '(', ' ']).find(|part| part.starts_with("/pkg/") && part.ends_with(".wasm")).map(str::to_owned);
    let Some(name) = name else {
        report.missing("wasm bundle", "the page names none");
        return;
    };
    let bytes = Connection::open(&clew.ready.http).get_compressed(&name, "br").body.len();
    if bytes < 1_000 {
        report.missing("wasm bundle", "it was built without one (CLEW_BUNDLE=none)");
        return;
    }
    report.once("wasm bundle, brotli", "kB", bytes as f64 / 1e3, Some(Target::AtMost(120.0)), "Jaeger UI 2500 of JS");
}
