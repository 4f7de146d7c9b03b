//! What listens where, as routers: the sources' ports take telemetry alone, the page port takes it too, before its pages.

use crate::api::cloudwatch::{self as log_reads, Queries};
use crate::api::xray as xray_reads;
use crate::api::{self, Beside};
use crate::guard::Hosts;
use crate::ingest::cloudwatch::{self, envelope, sts};
use crate::ingest::otlp::{grpc, http, signal_of_path};
use crate::ingest::rollbar;
use crate::ingest::xray::api as xray;
use crate::ingest::{Ingest, Signal};
use crate::links::Links;
use crate::store::{ErrorStore, LogStore, Store};
use crate::views::{self, Views};
use crate::{alerts, pages, triage};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderValue, Method, Response, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::IntoResponse as _;
use axum::routing::get;
use model::port::LineLinks;
use std::sync::Arc;
use tokio::sync::watch;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

/// What handlers need.
#[derive(Clone)]
pub struct AppState {
    pub store: Arc<dyn Store>,
    pub logs: Arc<dyn LogStore>,
    pub errors: Arc<dyn ErrorStore>,
    pub ingest: Arc<Ingest>,
    pub hosts: Arc<Hosts>,
    pub views: Arc<Views>,
    /// Says when the server stops: what streams without end stops, too.
    pub stopped: watch::Receiver<bool>,
    /// Queries of CloudWatch Logs Insights.
    pub queries: Arc<Queries>,
}

/// Which source a request belongs to. This is the one demux table: senders post to wrong paths and bare bases, and `POST /`
/// belongs to several protocols, told apart by their headers.
enum Protocol {
    OtlpGrpc,
    /// The signal, unless only the body says.
    OtlpHttp(Option<Signal>),
    /// An action of CloudWatch Logs that writes.
    Logs(cloudwatch::Action),
    /// One that reads.
    LogsRead(log_reads::Action),
    /// One that is not served.
    LogsUnknown,
    /// Who am I, to AWS's Security Token Service.
    Sts,
    /// An operation that reads what is stored, of whatever source.
    XrayRead(xray_reads::Operation),
    Rollbar(rollbar::Operation),
    /// The operation; none if it is not served, but signed for X-Ray.
    Xray(Option<xray::Operation>),
}

fn protocol_of(request: &Request) -> Option<Protocol> {
    let (headers, path) = (request.headers(), request.uri().path());
    if grpc::is_grpc(headers) {
        return Some(Protocol::OtlpGrpc);
    }
    if let Some(signal) = signal_of_path(path) {
        return Some(Protocol::OtlpHttp(Some(signal)));
    }
    // Its path may be any.
    if let Some(name) = envelope::target(headers) {
        let write = envelope::action_of(&cloudwatch::ACTIONS, name).map(Protocol::Logs);
        let read = || envelope::action_of(&log_reads::ACTIONS, name).map(Protocol::LogsRead);
        return (*request.method() == Method::POST).then(|| write.or_else(read).unwrap_or(Protocol::LogsUnknown));
    }
    if envelope::is_signed_for(headers, "logs") {
        return Some(Protocol::LogsUnknown);
    }
    if sts::is_for(request.method(), path, headers) {
        return Some(Protocol::Sts);
    }
    if let Some(operation) = rollbar::operation_of(request.method(), path, headers) {
        return Some(Protocol::Rollbar(operation));
    }
    if let Some(operation) = xray_reads::operation_of(request.method(), path) {
        return Some(Protocol::XrayRead(operation));
    }
    let operation = xray::operation_of(request.method(), path);
    if operation.is_some() || xray::is_signed(headers) {
        return Some(Protocol::Xray(operation));
    }
    let at_root = path.trim_matches('/').is_empty();
    let posts = *request.method() == Method::POST && http::format_of(headers).is_some();
    let asks_to = *request.method() == Method::OPTIONS && headers.contains_key("access-control-request-method");
    (at_root && (posts || asks_to)).then_some(Protocol::OtlpHttp(None))
}

async fn answer(state: &AppState, protocol: Protocol, request: Request) -> Response<Body> {
    let ingest = &state.ingest;
    match protocol {
        Protocol::OtlpGrpc => grpc::export(ingest, request).await,
        Protocol::OtlpHttp(signal) => http::export(ingest, signal, request).await,
        Protocol::Logs(action) => {
            if !action.only_adds()
                && let Err(refusal) = state.hosts.check(request.method(), request.uri(), request.headers())
            {
                return envelope::error(&refusal.into());
            }
            cloudwatch::call(ingest, &*state.logs, action, request).await
        }
        Protocol::LogsRead(action) => match state.hosts.check(request.method(), request.uri(), request.headers()) {
            Ok(()) => log_reads::call(ingest, &state.logs, &state.queries, action, request).await,
            Err(refusal) => envelope::error(&refusal.into()),
        },
        Protocol::LogsUnknown => unknown_action(&request),
        Protocol::Sts => sts::call(ingest, request).await,
        Protocol::Rollbar(operation) => {
            // Items may come from any page; deploys are nobody's but the team's.
            if !operation.only_adds_items()
                && let Err(refusal) = state.hosts.check(request.method(), request.uri(), request.headers())
            {
                return rollbar::refused(refusal.message());
            }
            rollbar::call(ingest, &*state.errors, operation, request).await
        }
        // Who may not read the pages may not read this.
        Protocol::XrayRead(operation) => match state.hosts.check(request.method(), request.uri(), request.headers()) {
            Ok(()) => xray_reads::call(ingest, operation, request).await,
            Err(refusal) => xray_reads::refused(refusal),
        },
        Protocol::Xray(Some(operation)) => xray::call(ingest, operation, request).await,
        Protocol::Xray(None) => xray::unknown(request.method(), request.uri().path()),
    }
}

fn unknown_action(request: &Request) -> Response<Body> {
    let name = envelope::target(request.headers()).unwrap_or("A request without x-amz-target");
    envelope::error(&envelope::Failure::unknown_action(name))
}

/// A source's own port: both transports of OTLP (the wrong one of the two ports is a common mistake), and `/healthz`. Here one
/// can send, but not read.
pub fn ingest_port(state: AppState) -> Router {
    async fn all(State(state): State<AppState>, request: Request) -> Response<Body> {
        match protocol_of(&request) {
            Some(Protocol::XrayRead(_)) => xray::unknown(request.method(), request.uri().path()),
            Some(Protocol::LogsRead(action)) if !action.reads_names_only() => unknown_action(&request),
            Some(protocol) => answer(&state, protocol, request).await,
            None => http::not_found(request.headers()),
        }
    }
    Router::new().route("/healthz", get(healthz)).fallback(all).with_state(state)
}

/// The TCP side of X-Ray's daemon port: what nobody else's protocol is, is its REST API.
pub fn xray_port(state: AppState) -> Router {
    async fn all(State(state): State<AppState>, request: Request) -> Response<Body> {
        match protocol_of(&request) {
            Some(protocol) => answer(&state, protocol, request).await,
            None => xray::unknown(request.method(), request.uri().path()),
        }
    }
    Router::new().route("/healthz", get(healthz)).fallback(all).with_state(state)
}

/// The page port: sources first, then guarded pages and API.
pub fn page_port(state: AppState) -> Router {
    let links: Arc<dyn LineLinks> = Arc::new(Links::new(state.store.clone(), state.logs.clone()));
    let (store, logs, errors) = (state.store.clone(), state.logs.clone(), state.errors.clone());
    let of_lines = api::logs::Logs { store: store.clone(), logs: logs.clone(), links: links.clone(), stopped: state.stopped.clone() };
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .with_state(state.clone())
        .merge(api::routes(store.clone(), Beside { logs: logs.clone(), links: links.clone(), errors: errors.clone() }))
        .merge(api::sampling::routes(state.ingest.sampling.clone()))
        .merge(api::logs::routes(of_lines))
        .merge(views::routes(state.views.clone()))
        .merge(triage::routes(errors.clone()))
        .merge(alerts::forms::routes(errors.clone()))
        .merge(pages::routes(store, logs, links, errors, state.ingest.sampling.clone(), state.views.clone()))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(from_fn_with_state(state.clone(), guard));
    Router::new().route("/healthz", get(healthz)).merge(guarded).layer(from_fn_with_state(state, sources_first))
}

async fn sources_first(State(state): State<AppState>, request: Request, next: Next) -> Response<Body> {
    match protocol_of(&request) {
        Some(protocol) => answer(&state, protocol, request).await,
        None => next.run(request).await,
    }
}

async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response<Body> {
    if let Err(refusal) = state.hosts.check(request.method(), request.uri(), request.headers()) {
        return (StatusCode::FORBIDDEN, refusal.message()).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [(X_CONTENT_TYPE_OPTIONS, "nosniff"), (X_FRAME_OPTIONS, "DENY"), (REFERRER_POLICY, "same-origin")] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry("cross-origin-resource-policy").or_insert(HeaderValue::from_static("same-origin"));
    headers.entry("cross-origin-opener-policy").or_insert(HeaderValue::from_static("same-origin"));
    response
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn metrics(State(state): State<AppState>) -> Response<Body> {
    let mut text = String::new();
    state.ingest.meter.write(&mut text);
    state.store.metrics(&mut text);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
