//! The demo's two buttons: `POST /demo/start` and `POST /demo/remove`, both answered with 303 to a page.

use super::State;
use super::answer::Failure;
use crate::demo;
use app::url::{Overview, Range};
use axum::response::Redirect;
use model::port::Problem;
use model::time::DAY;
use std::sync::atomic::{AtomicBool, Ordering};

/// One demo at a time: a second click while spans are being sent does nothing.
static SENDING: AtomicBool = AtomicBool::new(false);

/// `POST /demo/start`: sends the demo's traffic to this instance, in the background, the way any sender would.
pub(super) async fn start(store: State) -> Result<Redirect, Failure> {
    let base = own_address(&store).await?;
    if !SENDING.swap(true, Ordering::AcqRel) {
        tokio::spawn(async move {
            match demo::send(&base, demo::Options::default()).await {
                Ok(sent) => tracing::info!(spans = sent.spans, rejected = sent.rejected, "the demo's traffic was sent"),
                Err(error) => tracing::error!(error = format!("{error:#}"), "the demo's traffic could not be sent"),
            }
            SENDING.store(false, Ordering::Release);
        });
    }
    // It is a day of traffic.
    Ok(Redirect::to(&Overview { range: Range::Last(DAY) }.to_string()))
}

/// `POST /demo/remove`
pub(super) async fn remove(store: State) -> Result<Redirect, Failure> {
    let spans = store.remove_dataset(demo::DATASET).await?;
    tracing::info!(spans, "the demo's traffic was removed");
    Ok(Redirect::to(&Overview::default().to_string()))
}

/// Where this process can reach itself.
async fn own_address(store: &State) -> Result<String, Failure> {
    let listeners = store.instance().await?.listeners;
    let addr = listeners.into_iter().find(|listener| listener.name == "http").and_then(|listener| listener.addr);
    let addr = addr.ok_or_else(|| Problem::Unavailable("this instance does not know its own address".into()))?;
    // A listener on every address is reached on loopback.
    let addr = match addr.rsplit_once(':') {
        Some(("0.0.0.0", port)) => format!("127.0.0.1:{port}"),
        Some(("[::]", port)) => format!("[::1]:{port}"),
        _ => addr,
    };
    Ok(format!("http://{addr}"))
}
