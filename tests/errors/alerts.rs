//! Alerts: what a receiver gets, and what the page says of it.

use super::program::{Program, thrown};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A receiver of webhooks; what it got, and the statuses it answers with before 200.
#[derive(Clone, Default)]
struct Receiver {
    got: Arc<Mutex<Vec<Value>>>,
    refuses: Arc<Mutex<Vec<StatusCode>>>,
}

impl Receiver {
    /// Listens; returns its address.
    async fn listen(&self) -> String {
        async fn take(State(receiver): State<Receiver>, body: Bytes) -> StatusCode {
            receiver.got.lock().unwrap().push(serde_json::from_slice(&body).expect("JSON"));
            receiver.refuses.lock().unwrap().pop().unwrap_or(StatusCode::OK)
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let router = Router::new().route("/hook", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    async fn wait(&self, count: usize) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let got = self.got.lock().unwrap().clone();
            if got.len() >= count {
                return got;
            }
            assert!(began.elapsed() < Duration::from_secs(40), "{count} alerts come: {got:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn target<'a>(kind: &'a str, url: &'a str, triggers: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    let form = [
        ("id", "0"),
        ("name", "ops"),
        ("kind", kind),
        ("url", url),
        ("min_level", "error"),
        ("environment", "production"),
        ("rate_count", "4"),
        ("rate_minutes", "5"),
    ];
    form.into_iter().chain(triggers.iter().map(|trigger| (*trigger, "on"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_once_of_each_thing_and_again_if_it_does_not_take_it() {
    let (program, receiver) = (Program::start(), Receiver::default());
    let address = receiver.listen().await;
    assert_eq!(
        program.form("/errors/alerts/save", &target("webhook", &address, &["new", "regressed", "repeated", "rate"])).await.status(),
        303
    );
    // The first attempt fails: it is sent again a second later.
    receiver.refuses.lock().unwrap().push(StatusCode::BAD_GATEWAY);
    assert_eq!(program.form("/errors/alerts/test", &[("id", "1")]).await.status(), 303);
    let got = receiver.wait(2).await;
    assert!(got.iter().all(|alert| alert["event_name"] == "test"), "{got:#?}");

    let mut quiet = thrown("Quiet", "m");
    quiet["environment"] = json!("development");
    program.item(quiet).await;
    for n in 0..9 {
        program.item(thrown("Loud", &format!("{n}"))).await;
    }
    // One of many within minutes at once; the new one waits for other witnesses.
    let got = receiver.wait(4).await;
    let named = |name: &str| got.iter().filter(|alert| alert["event_name"] == name).cloned().collect::<Vec<_>>();
    assert_eq!((named("item_velocity").len(), named("new_item").len()), (1, 1), "{got:#?}");
    let new = &named("new_item")[0]["data"];
    assert_eq!(
        (&new["item"]["environment"], &new["item"]["level"], &new["item"]["status"]),
        (&json!("production"), &json!(40), &json!(1)),
        "{new:#}"
    );
    assert_eq!(new["item"]["last_occurrence"]["body"]["trace"]["exception"]["class"], "Loud", "{new:#}");
    assert_eq!(new["url"], json!(program.clew.url(&format!("/e/{}", new["item"]["counter"]))));

    program.item(thrown("Loud", "10th")).await;
    let got = receiver.wait(5).await;
    assert_eq!((&got[4]["event_name"], &got[4]["data"]["occurrences"]), (&json!("exp_repeat_item"), &json!(10)), "{got:#?}");
    let number = new["item"]["counter"].to_string();
    program.triage(&[("number", &number), ("action", "resolve")]).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    program.item(thrown("Loud", "back")).await;
    assert_eq!(receiver.wait(6).await[5]["event_name"], "reactivated_item");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(receiver.got.lock().unwrap().len(), 6, "each once");

    let page = reqwest::get(program.clew.url("/errors/alerts")).await.expect("an answer").text().await.expect("a page");
    assert!(page.contains("200 OK") && page.contains("delivered") && page.contains(">ops<"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_is_told_with_a_link() {
    let (program, receiver) = (Program::start(), Receiver::default());
    let address = receiver.listen().await;
    assert_eq!(program.form("/errors/alerts/save", &target("slack", &address, &["repeated"])).await.status(), 303);
    for n in 0..10 {
        program.item(thrown("Loud", &format!("{n}"))).await;
    }
    let got = receiver.wait(1).await;
    let link = program.clew.url("/e/1");
    assert!(got[0]["text"].as_str().is_some_and(|text| text.contains(&format!("<{link}|#1 Loud: "))), "{got:#?}");
    for (wrong, what) in [(("url", "ftp://x"), "http://"), (("name", ""), "name"), (("rate_minutes", "0"), "rate_minutes")] {
        let mut form = target("slack", &address, &["new"]);
        form.iter_mut().filter(|(name, _)| *name == wrong.0).for_each(|field| *field = wrong);
        let answer = program.form("/errors/alerts/save", &form).await;
        assert_eq!(answer.status(), 400, "{what}");
        assert!(answer.text().await.expect("a sentence").contains(what));
    }
    assert_eq!(program.form("/errors/alerts/remove", &[("id", "1")]).await.status(), 303);
    program.item(thrown("Other", "m")).await;
    program.count(2, 1).await;
    assert_eq!(program.form("/errors/alerts/test", &[("id", "1")]).await.status(), 404);
}
