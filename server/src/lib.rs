//! All of Clew's IO, in the order the data flows: ingest, store, what ties lines to traces, then the ways to look at it.

pub mod config;

pub mod errors;
pub mod ingest;
pub mod store;

pub mod links;

pub mod api;
pub mod assets;
pub mod pages;
pub mod triage;
pub mod views;

pub mod alerts;
pub mod demo;

pub mod auth;
pub mod guard;
pub mod http;
pub mod listen;
pub mod meter;

use alerts::Alerts;
use auth::Keys;
use config::{Addr, Config, Listen};
use guard::Hosts;
use http::AppState;
use ingest::Ingest;
use ingest::own::Own;
use ingest::xray::udp;
use model::port::Listener;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use store::sqlite::{Sqlite, StoreConfig};
use store::{ErrorStore, LogStore, Store};
use tokio::sync::watch;
use tokio::task::JoinSet;
use views::Views;

/// A server that runs.
pub struct Running {
    pub addrs: Addrs,
    pub store: Arc<dyn Store>,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
}

/// What is bound; `None` is off, or a default port that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addrs {
    pub http: SocketAddr,
    pub otlp_http: Option<SocketAddr>,
    pub otlp_grpc: Option<SocketAddr>,
    pub xray: Option<SocketAddr>,
}

impl Addrs {
    /// Where this machine reaches the pages: a listener on every address is reached on loopback.
    pub fn base_url(&self) -> String {
        let mut addr = self.http;
        if addr.ip().is_unspecified() {
            addr.set_ip(if addr.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
        }
        format!("http://{addr}")
    }

    /// The line of `--ready-json`.
    pub fn json(&self) -> String {
        let text = |addr: Option<SocketAddr>| addr.map(|addr| addr.to_string());
        serde_json::json!({"http": self.http.to_string(), "otlp_http": text(self.otlp_http), "otlp_grpc": text(self.otlp_grpc), "xray": text(self.xray)})
            .to_string()
    }
}

/// Binds everything, opens the data directory, serves.
///
/// # Errors
/// One sentence for the person who started it.
pub async fn serve(config: Config) -> Result<Running, String> {
    serve_with(config, async |config, listeners, warnings| {
        let options = StoreConfig {
            retention_days: config.retention_days,
            max_disk: config.max_disk.map(|size| size.0),
            ..StoreConfig::new(config.data)
        };
        let store = Sqlite::open(options).await.map_err(|error| error.to_string())?;
        store.set_listeners(listeners);
        warnings.into_iter().for_each(|warning| store.warn(warning));
        Ok((store.clone() as Arc<dyn Store>, store.clone() as Arc<dyn LogStore>, store as Arc<dyn ErrorStore>))
    })
    .await
}

/// Binds, then opens the store with `open` (which is told what listens and what to warn of), then serves. Nothing is
/// touched on disk unless everything is bound.
///
/// # Errors
/// One sentence for the person who started it.
pub async fn serve_with<O, F>(config: Config, open: O) -> Result<Running, String>
where
    O: FnOnce(Config, Vec<Listener>, Vec<String>) -> F,
    F: Future<Output = Result<(Arc<dyn Store>, Arc<dyn LogStore>, Arc<dyn ErrorStore>), String>>,
{
    ingest::scrub::also(&config.scrub);
    let keys = config.keys.as_deref().map_or_else(|| Ok(Keys::default()), Keys::read)?;
    let (bound, listeners) = listen::bind(&config).await?;
    let addrs = Addrs {
        http: listen::local(&bound.http).ok_or("the page address went away")?,
        otlp_http: bound.otlp_http.as_ref().and_then(listen::local),
        otlp_grpc: bound.otlp_grpc.as_ref().and_then(listen::local),
        xray: bound.xray.as_ref().and_then(|xray| listen::local(&xray.tcp)),
    };
    let warnings = open_to_others(&addrs, &keys);
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let mut own = Own::default();
    own.listen(&config.addr.host, addrs.http, false);
    let sources = [(&config.otlp_http_addr, addrs.otlp_http), (&config.otlp_grpc_addr, addrs.otlp_grpc), (&config.xray_addr, addrs.xray)];
    for (asked, addr) in sources {
        if let Some(addr) = addr {
            let host = if let Some(Listen::At(asked)) = asked { asked.host.clone() } else { addr.ip().to_string() };
            own.listen(&host, addr, true);
        }
    }
    let hosts = Arc::new(Hosts::new(addrs.http, &config.addr.host, &config.hosts));

    let data = config.data.clone();
    let base = config.public_url.as_deref().map_or_else(|| addrs.base_url(), |url| url.trim_end_matches('/').to_owned());
    let (store, logs, errors) = open(config, listeners, warnings).await?;
    let ingest = Arc::new(Ingest::new(store.clone(), keys, own).with_rules_in(&data));
    let views = Arc::new(Views::open(&data)?);
    let (stop, stopped) = watch::channel(false);
    let state = AppState {
        store: store.clone(),
        logs,
        errors: errors.clone(),
        ingest: ingest.clone(),
        hosts,
        queries: Arc::default(),
        views,
        stopped: stopped.clone(),
    };
    let mut listeners = JoinSet::new();
    listeners.spawn(Alerts { errors, base }.run(stopped.clone()));
    listeners.spawn(listen::serve(bound.http, http::page_port(state.clone()), stopped.clone()));
    for listener in [bound.otlp_http, bound.otlp_grpc].into_iter().flatten() {
        listeners.spawn(listen::serve(listener, http::ingest_port(state.clone()), stopped.clone()));
    }
    if let Some(xray) = bound.xray {
        listeners.spawn(listen::serve(xray.tcp, http::xray_port(state), stopped.clone()));
        listeners.spawn(udp::serve(xray.udp, ingest, stopped));
    }
    Ok(Running { addrs, store, stop, listeners })
}

/// The base URL of a Clew that answers at this address.
pub async fn already_running(addr: &Addr) -> Option<String> {
    let base = format!("http://{addr}");
    let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build().ok()?;
    let answer = client.get(format!("{base}/api/sources")).send().await.ok()?;
    answer.status().is_success().then_some(base)
}

/// Until there are accounts, who can reach a listener can read or write everything behind it.
fn open_to_others(addrs: &Addrs, keys: &Keys) -> Vec<String> {
    let open = |addr: &SocketAddr| !addr.ip().is_loopback();
    let mut warnings = Vec::new();
    // X-Ray's REST API reads, too.
    for addr in [Some(addrs.http), addrs.xray].into_iter().flatten().filter(open) {
        warnings.push(format!(
            "{addr} can be reached from other machines, and whoever reaches it can read everything: there are no accounts yet."
        ));
    }
    if keys.are_needed() && addrs.xray.as_ref().is_some_and(open) {
        warnings.push("Other machines can send X-Ray datagrams here without a key: that protocol has none.".into());
    }
    let sources = [Some(addrs.http), addrs.otlp_http, addrs.otlp_grpc, addrs.xray];
    if !keys.are_needed() && sources.iter().flatten().any(open) {
        warnings.push("Other machines can send here without a key; --keys FILE asks for one.".into());
    }
    warnings
}

impl Running {
    /// Stops accepting, lets what was accepted end, and closes the store.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        while self.listeners.join_next().await.is_some() {}
        self.store.close().await;
    }
}
