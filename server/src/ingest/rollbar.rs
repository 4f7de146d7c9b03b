//! Rollbar's API, as far as it writes: what its SDKs, `rollbar-agent`, `rollbar-cli` and `curl` send. Facts: Rollbar's docs
//! (`api/items_post.md`, `api/deploys.md`) and the SDKs' sources. What they need of an answer: exactly 200 for success, JSON in any case,
//! and never 413 for what is not really too large, which pyrollbar answers with one more item, and that one with the next.

mod answer;
mod deploy;
mod json;
mod link;
mod scrub;
mod translate;
mod truncate;

use crate::ingest::body::{self, Encoding, Framing};
use crate::ingest::cors;
use crate::ingest::scrub::clean_message;
use crate::ingest::{Batch, Ingest, Rejected, Signal, now};
use crate::meter::Count;
use crate::store::ErrorStore;
use answer::Failure;
use axum::body::Body;
use axum::http::header::{ACCESS_CONTROL_REQUEST_HEADERS, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Request, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use translate::{Arrival, Identity};
use xxhash_rust::xxh3::xxh3_64;

pub const SOURCE: &str = "rollbar";

/// In which header the SDKs send their access token.
pub const TOKEN: &str = "x-rollbar-access-token";
/// Largest body of an item; larger ones are cut by no SDK but still mean one item.
const ITEM: usize = 4 << 20;
/// SDKs give up after 3 s and do not send again, so nobody is refused because of load: an item waits as long as its connection may.
const PATIENCE: Duration = Duration::from_secs(30);
/// Up to so many bytes are translated on the spot.
const INLINE: usize = 64 << 10;

/// The address a request came from; the listener puts it into its extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Item,
    /// A `*.rollbar` file: an item a line, as `rollbar-agent` reads them.
    Items,
    Deploy,
    EndDeploy(u64),
    Ping,
    /// Of Rollbar's API, and not served.
    Unknown,
}

impl Operation {
    /// Whether any page of any site may ask for it.
    pub fn only_adds_items(self) -> bool {
        !matches!(self, Operation::Deploy | Operation::EndDeploy(_))
    }
}

/// The answer to what may not be asked for from there.
pub fn refused(why: &str) -> Response<Body> {
    answer::error(&Failure::forbidden(why.trim_end()))
}

/// The operation that a request asks for. pyrollbar joins `item/` to whatever its `endpoint` is, rollbar.js posts to it as it is; so `/api/item/`,
/// `/item/`, `/api/1/item/item/` and, with a token, `/api/1/` and `/` mean items, too.
pub fn operation_of(method: &Method, path: &str, headers: &HeaderMap) -> Option<Operation> {
    let path = path.trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let is_write = matches!(*method, Method::POST | Method::OPTIONS);
    match last {
        "item" => return Some(Operation::Item).filter(|_| is_write || path.contains("/api/1/")),
        "items" if path.ends_with("/api/1/items") => return Some(Operation::Items),
        "deploy" if path.ends_with("/api/1/deploy") => return Some(Operation::Deploy),
        "ping" if path.ends_with("/api/1/status/ping") => return Some(Operation::Ping),
        _ => {}
    }
    if let Some((before, id)) = path.rsplit_once('/')
        && before.ends_with("/api/1/deploy")
    {
        return Some(id.parse().map_or(Operation::Unknown, Operation::EndDeploy));
    }
    let asks_with_token = || {
        let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|names| names.to_str().ok());
        asked.is_some_and(|names| names.split(',').any(|name| name.trim().eq_ignore_ascii_case(TOKEN)))
    };
    if is_write && (path.is_empty() || path.ends_with("/api/1")) && (headers.contains_key(TOKEN) || asks_with_token()) {
        return Some(Operation::Item);
    }
    (path.ends_with("/api/1") || path.contains("/api/1/")).then_some(Operation::Unknown)
}

/// Answers a request.
pub async fn call(ingest: &Arc<Ingest>, errors: &dyn ErrorStore, operation: Operation, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if parts.method == Method::OPTIONS {
        return cors::preflight(&parts.headers, "content-type, x-rollbar-access-token, x-rollbar-replay-id");
    }
    match perform(ingest, errors, operation, &parts, body).await {
        Ok(response) => response,
        Err(failure) => {
            note(ingest, &failure, operation, &parts.headers).await;
            answer::error(&failure)
        }
    }
}

async fn perform(
    ingest: &Arc<Ingest>,
    errors: &dyn ErrorStore,
    operation: Operation,
    parts: &Parts,
    body: Body,
) -> Result<Response<Body>, Failure> {
    match (operation, &parts.method) {
        (Operation::Ping, &Method::GET) => Ok(answer::pong()),
        (Operation::Item, &Method::POST) => {
            let is_lines = content_type(&parts.headers).is_some_and(|kind| kind.contains("ndjson"));
            if is_lines { items(ingest, parts, body).await } else { item(ingest, parts, body).await }
        }
        (Operation::Items, &Method::POST) => items(ingest, parts, body).await,
        (Operation::Deploy, &Method::POST) => {
            let (value, held) = document(ingest, parts, body).await?;
            let project = project(ingest, parts, &value)?;
            drop(held);
            deploy::add(errors, project, &value).await
        }
        (Operation::EndDeploy(id), &Method::PATCH) => {
            let (value, held) = document(ingest, parts, body).await?;
            project(ingest, parts, &value)?;
            drop(held);
            deploy::end(errors, id, &value).await
        }
        (Operation::Unknown, _) => Err(Failure::unknown(&parts.method, parts.uri.path())),
        _ => Err(Failure::wrong_method(&parts.method, parts.uri.path())),
    }
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()
}

async fn read(ingest: &Ingest, parts: &Parts, body: Body) -> Result<body::Held, Failure> {
    let encoding = match parts.headers.get(CONTENT_ENCODING) {
        None => Some(Encoding::Identity),
        Some(name) => name.to_str().ok().and_then(Encoding::from_name),
    };
    let encoding = encoding.ok_or_else(|| Failure::bad("The content encoding must be gzip, deflate, zstd or identity."))?;
    let held = body::read(body, Framing::Bare(encoding), &ingest.budget, &mut PATIENCE.clone()).await?;
    ingest.meter.add(Count::Bytes, SOURCE, "", "", held.bytes.len() as u64);
    Ok(held)
}

/// A body of one JSON object, or of a form.
async fn document(ingest: &Ingest, parts: &Parts, body: Body) -> Result<(Value, body::Held), Failure> {
    let held = read(ingest, parts, body).await?;
    let value = match json::form(content_type(&parts.headers), &held.bytes) {
        Some(form) => form,
        None => json::parse(&held.bytes).map_err(Failure::bad)?,
    };
    if value.is_object() { Ok((value, held)) } else { Err(Failure::bad("The body must be a JSON object.")) }
}

/// Which project a request is of: the name of its key, else the beginning of a hash of its token, which itself is not kept.
fn project(ingest: &Ingest, parts: &Parts, body: &Value) -> Result<Arc<str>, Failure> {
    let header = parts.headers.get(TOKEN).map(|token| token.as_bytes().trim_ascii());
    let query = || {
        let pairs = app::url::Pairs::parse(parts.uri.query().unwrap_or_default());
        pairs.get("access_token").map(|token| token.as_bytes().to_vec())
    };
    let token = match header.filter(|token| !token.is_empty()) {
        Some(token) => Some(token.to_vec()),
        None => body["access_token"].as_str().map(|token| token.as_bytes().to_vec()).or_else(query),
    };
    let token = token.filter(|token| !token.is_empty()).ok_or_else(Failure::no_token)?;
    let name = ingest.keys.check_key(&token).map_err(|_| Failure::wrong_token())?;
    Ok(if name.is_empty() { format!("{:08x}", xxh3_64(&token) >> 32).into() } else { name })
}

fn arrival(ingest: &Ingest, parts: &Parts, project: Arc<str>) -> Arrival {
    let key = if ingest.keys.are_needed() { project.clone() } else { Arc::default() };
    Arrival { received_at: now(), project, key, peer: peer(parts) }
}

/// Who is at the other end: what a proxy of ours says, else the connection.
fn peer(parts: &Parts) -> Option<IpAddr> {
    let direct = parts.extensions.get::<Peer>().map(|peer| peer.0);
    let is_near = direct.is_none_or(|ip| match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    });
    let forwarded = parts.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let forwarded = forwarded.and_then(|list| list.split(',').next()?.trim().parse().ok());
    forwarded.filter(|_| is_near).or(direct)
}

async fn item(ingest: &Arc<Ingest>, parts: &Parts, body: Body) -> Result<Response<Body>, Failure> {
    let held = read(ingest, parts, body).await?;
    if held.bytes.len() > ITEM && !json::is_failsafe(&held.bytes) {
        return Err(Failure::too_large());
    }
    let (bytes, kind) = (held.bytes.clone(), content_type(&parts.headers).map(str::to_owned));
    let parse = move || json::item(kind.as_deref(), &bytes);
    let value = off_thread(held.bytes.len(), parse).await?.map_err(Failure::bad)?;
    let arrival = arrival(ingest, parts, project(ingest, parts, &value)?);
    let size = held.bytes.len();
    let translated = off_thread(size, move || translate::item(value, &arrival, Identity::Random)).await?;
    let witness = translated.map_err(Failure::unprocessable)?;
    let uuid = witness.identity.clone();
    let refused = accept(ingest, held, Batch { errors: vec![witness], ..Batch::default() }).await?;
    match refused.keys().next() {
        None => Ok(answer::taken(&uuid)),
        Some(reason) => Err(Failure::not_stored(reason)),
    }
}

/// What an SDK gave up waiting for is stored all the same: it would not send it again. Returns what was not stored, by reason.
async fn accept(ingest: &Arc<Ingest>, held: body::Held, batch: Batch) -> Result<BTreeMap<&'static str, u64>, Failure> {
    let keeper = ingest.clone();
    let task = tokio::spawn(async move {
        let accepted = keeper.accept(SOURCE, batch, PATIENCE).await;
        drop(held);
        accepted
    });
    let refused = task.await.map_err(|_| Failure::closed())??;
    ingest.meter.add(Count::Requests, SOURCE, "", "", 1);
    Ok(refused)
}

/// Every line on its own: one that cannot be read costs none of the others.
async fn items(ingest: &Arc<Ingest>, parts: &Parts, body: Body) -> Result<Response<Body>, Failure> {
    let held = read(ingest, parts, body).await?;
    let lines: Vec<Bytes> = json::lines(&held.bytes);
    // rollbar-agent's files have the token in each line, uploads of people in the header.
    let mut errors = Vec::new();
    let mut rejected = Vec::new();
    let mut told = Vec::new();
    for (n, line) in lines.into_iter().enumerate().filter(|(_, line)| !line.trim_ascii().is_empty()) {
        let one = async {
            if line.len() > ITEM && !json::is_failsafe(&line) {
                return Err(Failure::too_large());
            }
            let value = json::item(None, &line).map_err(Failure::bad)?;
            let arrival = arrival(ingest, parts, project(ingest, parts, &value)?);
            let size = line.len();
            let translated = off_thread(size, move || translate::item(value, &arrival, Identity::Content)).await?;
            translated.map_err(Failure::unprocessable)
        };
        match one.await {
            Ok(witness) => errors.push(witness),
            Err(failure) => {
                told.push(json!({"line": n + 1, "message": failure.message}));
                let mut sample = String::from_utf8_lossy(&line[..line.len().min(500)]).into_owned();
                clean_message(&mut sample);
                rejected.push(Rejected { signal: Signal::Errors, reason: failure.reason(), sample });
            }
        }
    }
    let taken = errors.len();
    if taken == 0 && rejected.is_empty() {
        return Err(Failure::bad("The body is empty."));
    }
    let refused = accept(ingest, held, Batch { errors, rejected, ..Batch::default() }).await?;
    let stored_not: u64 = refused.values().sum::<u64>().saturating_sub(told.len() as u64);
    Ok(answer::many(taken as u64 - stored_not.min(taken as u64), stored_not, &told))
}

/// Large bodies are worked on beside the async threads.
async fn off_thread<T: Send + 'static>(size: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    if size <= INLINE {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| Failure::closed())
}

/// Notes a request of which nothing was taken, for the metrics and, if somebody can do something about it, for Sources.
async fn note(ingest: &Ingest, failure: &Failure, operation: Operation, headers: &HeaderMap) {
    ingest.meter.add(Count::Refused, SOURCE, Signal::Errors.as_str(), failure.reason(), 1);
    tracing::debug!(source = SOURCE, reason = failure.reason(), "{operation:?}: {}", failure.message);
    // What the store would not take is counted there.
    if failure.is_noted() {
        return;
    }
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("-").chars().take(200).collect::<String>();
    let sample = format!("a whole request, {operation:?}: {} From {agent}", failure.message);
    let batch = Batch { rejected: vec![Rejected { signal: Signal::Errors, reason: failure.reason(), sample }], ..Batch::default() };
    // The sender has its answer whether or not this note finds room.
    let _ = ingest.store.accept(SOURCE, batch, Duration::ZERO).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_mean_items() {
        let with =
            |name: &'static str, value: &'static str| [(name.parse().unwrap(), value.parse().unwrap())].into_iter().collect::<HeaderMap>();
        let none = HeaderMap::new();
        for path in ["/api/1/item/", "/api/1/item", "/api/item/", "/item/", "/api/1/item/item/", "/prefix/api/1/item/"] {
            assert_eq!(operation_of(&Method::POST, path, &none), Some(Operation::Item), "{path}");
            assert_eq!(operation_of(&Method::OPTIONS, path, &none), Some(Operation::Item), "{path}");
        }
        for path in ["/", "/api/1/", "/api/1"] {
            assert_eq!(operation_of(&Method::POST, path, &with(TOKEN, "t")), Some(Operation::Item), "{path}");
            let asked = with("access-control-request-headers", "content-type, X-Rollbar-Access-Token");
            assert_eq!(operation_of(&Method::OPTIONS, path, &asked), Some(Operation::Item), "{path}");
        }
        for (method, path, operation) in [
            (Method::POST, "/api/1/deploy/", Some(Operation::Deploy)),
            (Method::PATCH, "/api/1/deploy/12", Some(Operation::EndDeploy(12))),
            (Method::PATCH, "/api/1/deploy/x", Some(Operation::Unknown)),
            (Method::GET, "/api/1/status/ping", Some(Operation::Ping)),
            (Method::POST, "/api/1/items", Some(Operation::Items)),
            (Method::GET, "/api/1/items", Some(Operation::Items)),
            (Method::GET, "/api/1/projects", Some(Operation::Unknown)),
            (Method::POST, "/", None),
            (Method::GET, "/item", None),
            (Method::GET, "/api/errors", None),
            (Method::GET, "/errors", None),
        ] {
            assert_eq!(operation_of(&method, path, &none), operation, "{method} {path}");
        }
    }
}
