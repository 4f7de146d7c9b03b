//! Triage in the browser: with keys alone, with links alone, and what a link to an occurrence shows.

use super::program::{Program, now, thrown};
use crate::browser::{Browser, Scripts};
use serde_json::json;

/// Errors as a shop has them, with all that an item may say.
pub async fn shop(program: &Program) {
    for n in 0..12 {
        let mut data = thrown("PaymentDeclined", &format!("card {n} was declined"));
        data["level"] = json!("critical");
        data["person"] = json!({"id": n.to_string(), "username": format!("user{n}"), "email": format!("user{n}@example.com")});
        data["code_version"] = json!(if n < 6 { "1.4.0" } else { "1.5.0" });
        data["request"] = json!({"url": "https://shop.example.com/orders/7?full=1", "method": "POST", "user_ip": "203.0.113.9",
            "headers": {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36", "Cookie": "secret=1"}, "POST": {"qty": "2"}});
        data["body"] = json!({"trace_chain": [
            {"frames": [
                {"filename": "/srv/app/venv/lib/python3.12/site-packages/flask/app.py", "lineno": 902, "method": "dispatch_request", "code": "return view(**args)"},
                {"filename": "/srv/app/orders.py", "lineno": 41, "method": "checkout", "code": "pay(order, card)", "locals": {"order": {"id": 7, "total": 12.5}, "card": "****"},
                    "context": {"pre": ["def checkout(order, card):", "    check(order)"], "post": ["    return order"]}},
                {"filename": "/srv/app/pay.py", "lineno": 17, "method": "pay", "code": "raise PaymentDeclined(card) from error", "locals": {"attempt": n}}],
             "exception": {"class": "PaymentDeclined", "message": format!("card {n} was declined")}},
            {"frames": [{"filename": "/srv/app/gateway.py", "lineno": 9, "method": "call", "code": "raise TimeoutError()"}],
             "exception": {"class": "TimeoutError", "message": "the gateway did not answer within 3 s"}}],
            "telemetry": [{"level": "info", "type": "log", "source": "server", "timestamp_ms": now() / 1_000_000 - 900, "body": {"message": "checkout begins"}},
                {"level": "error", "type": "network", "source": "server", "timestamp_ms": now() / 1_000_000 - 100, "body": {"method": "POST", "url": "https://gateway.example.com/charge", "status_code": 504}}]});
        program.item(data).await;
    }
    for (class, message, count) in
        [("KeyError", "'sku'", 5), ("ValueError", "invalid literal for int(): 'x'", 3), ("TemplateNotFound", "cart.html", 1)]
    {
        for _ in 0..count {
            program.item(thrown(class, message)).await;
        }
    }
    program
        .item(json!({"level": "warning", "environment": "production", "body": {"message": {"body": "stock is low: 3 left of item 17"}}}))
        .await;
    program
        .until("/api/errors", |list| {
            let errors = list["errors"].as_array().expect("errors");
            errors.len() == 5 && errors.iter().filter_map(|error| error["count"].as_u64()).sum::<u64>() == 22
        })
        .await;
}

/// The numbers of the inbox, from above.
async fn numbers(browser: &Browser) -> Vec<u64> {
    let rows = browser.eval("return [...document.querySelectorAll('tr[data-number]')].map(row => +row.dataset.number)").await;
    serde_json::from_value(rows).expect("numbers")
}

#[tokio::test(flavor = "multi_thread")]
async fn triage_by_keyboard_alone() {
    let program = Program::start();
    shop(&program).await;
    let browser = Browser::start(Scripts::On).await;
    browser.open(&program.clew.url("/errors")).await;
    browser.awake().await;
    let before = numbers(&browser).await;
    assert_eq!(before.len(), 5);
    // Down to the second, resolve it.
    browser.press("jje").await;
    browser.wait_for("one less", "return document.querySelectorAll('tr[data-number]').length === 4").await;
    let resolved = before[1];
    assert_eq!(program.clew.json(&format!("/api/errors/{resolved}")).await["status"], "resolved");
    // Tick two, mute them.
    browser.press("jxjx").await;
    assert_eq!(browser.text("[data-ticked]").await, "2 ticked:");
    browser.press("m").await;
    browser.wait_for("two less", "return document.querySelectorAll('tr[data-number]').length === 2").await;
    // Give the first to Bob, snooze the other for so many more.
    let left = numbers(&browser).await;
    browser.press("ja").await;
    browser.press("Bob\n").await;
    browser
        .wait_for("Bob has it", "return [...document.querySelectorAll('tr[data-number] .who')].some(who => who.textContent === 'Bob')")
        .await;
    // What somebody deals with is below what is new: the other one is first now.
    assert_eq!(numbers(&browser).await, [left[1], left[0]]);
    browser.press("js").await;
    browser.press("\u{2193}\n").await;
    browser.wait_for("one less", "return document.querySelectorAll('tr[data-number]').length === 1").await;
    assert_eq!(program.clew.json(&format!("/api/errors/{}", left[1])).await["status"], "snoozed");
    // The sheet of keys, and the way to the error itself, where keys act, too.
    browser.press("?").await;
    browser.wait_for("the sheet", "return !!document.querySelector('dialog[open]')").await;
    browser.press("\u{1b}").await;
    browser.press("jo").await;
    browser.wait_for("the error", &format!("return location.pathname === '/e/{}'", left[0])).await;
    browser.awake().await;
    browser.press("e").await;
    browser.wait_for("it is resolved", "return !!document.querySelector('button[name=action][value=reopen]')").await;
    assert_eq!(program.clew.json(&format!("/api/errors/{}", left[0])).await["status"], "resolved");
    browser.assert_quiet_console().await;
}

/// Each page in each size and theme, with and without scripts: nothing in the console, nothing wider than the window.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_reads_well() {
    let program = Program::start();
    shop(&program).await;
    let latest = program.clew.json("/api/errors/1/occurrences/latest").await;
    let uuid = latest["uuid"].as_str().expect("a uuid").to_owned();
    program.triage(&[("number", "1"), ("action", "comment"), ("comment", "The gateway's timeout is 3 s, ours is 5.")]).await;
    for scripts in [Scripts::On, Scripts::Off] {
        let browser = Browser::start(scripts).await;
        for (name, path) in [
            ("errors", "/errors".to_owned()),
            ("errors-nothing", "/errors?q=nowhere".to_owned()),
            ("errors-wrong", "/errors?q=(a".to_owned()),
            ("error", "/e/1".to_owned()),
            ("error-message", "/e/5".to_owned()),
            ("error-shared", format!("/e/uuid/{uuid}")),
            ("error-rules", "/errors/rules".to_owned()),
            ("error-alerts", "/errors/alerts".to_owned()),
        ] {
            browser.open(&program.clew.url(&path)).await;
            if scripts == Scripts::On {
                browser.awake().await;
            }
            browser.look(&format!("{name}{}", if scripts == Scripts::On { "" } else { "-no-scripts" })).await;
            // A wrong query is answered with 400, which Chromium notes.
            match path.contains("(a") {
                true => drop(browser.console().await),
                false => browser.assert_quiet_console().await,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_an_occurrence_shows_that_one() {
    let program = Program::start();
    let mut first = thrown("Shared", "the first");
    first["uuid"] = json!("dfa57528-4518-4921-8dd4-d15740fde519");
    program.item(first).await;
    for n in 0..3 {
        program.item(thrown("Shared", &format!("later {n}"))).await;
    }
    program.count(1, 4).await;
    let browser = Browser::start(Scripts::Off).await;
    browser.open(&program.clew.url("/e/uuid/dfa57528-4518-4921-8dd4-d15740fde519")).await;
    assert!(browser.text("main").await.contains("the first"));
    assert_eq!(browser.eval("return document.querySelector('[data-error]').dataset.error").await, json!("1"));
    browser.open(&program.clew.url("/e/1")).await;
    assert!(browser.text("main").await.contains("later 2"));
}

/// With a mouse and without scripts: what is resolved and comes back is regressed, what is snoozed wakes after so many more, and what was merged is
/// taken apart again.
#[tokio::test(flavor = "multi_thread")]
async fn a_team_decides_by_clicks() {
    let program = Program::start();
    program.item(thrown("Left", "m")).await;
    program.count(1, 1).await;
    program.item(thrown("Right", "m")).await;
    program.count(2, 1).await;
    let browser = Browser::start(Scripts::Off).await;
    let open = async |path: &str| browser.open(&program.clew.url(path)).await;

    open("/e/1").await;
    browser.click("button[value=resolve]").await;
    browser.says("main", "resolved it").await;
    open("/errors").await;
    assert_eq!(numbers(&browser).await, [2]);
    // Rollbar's SDKs tell whole seconds: this one is surely later.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    program.item(thrown("Left", "again")).await;
    program.count(1, 2).await;
    open("/errors").await;
    assert_eq!(numbers(&browser).await, [1, 2], "what came back is first");
    assert!(browser.text("tr[data-number='1']").await.contains("regressed"));

    open("/e/1").await;
    browser.click("[data-menu=s] > summary").await;
    browser.eval("document.querySelector('input[name=more]').value = '2'").await;
    browser.click("button[value=snooze-more]").await;
    browser.says("main", "snoozed it for 2 more").await;
    for (count, status) in [(3, "snoozed"), (4, "active")] {
        program.item(thrown("Left", "more")).await;
        assert_eq!(program.count(1, count).await["status"], status);
    }
    open("/e/1").await;
    assert!(browser.text("main").await.contains("ended its snooze"));

    open("/e/2").await;
    browser.click("[data-menu='']:last-of-type > summary").await;
    browser.eval("document.querySelector('input[name=into]').value = '#1'").await;
    browser.click("button[value=merge]").await;
    browser.wait_for("the whole", "return document.querySelector('[data-error]')?.dataset.error === '1'").await;
    program.item(thrown("Right", "more")).await;
    program.count(1, 6).await;
    open("/e/1").await;
    browser.click("button[value=unmerge]").await;
    program.count(1, 4).await;
    program.count(2, 2).await;
    browser.assert_quiet_console().await;
}
