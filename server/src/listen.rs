//! Binding and accepting: one accept loop per listener, HTTP/1 and HTTP/2 on each, and a shutdown that lets requests end.

use crate::config::{Addr, Config, Listen};
use crate::ingest::rollbar::Peer;
use crate::ingest::xray::udp;
use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use model::port;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt as _;

/// How long requests may take to end once the server stops.
const GRACE: Duration = Duration::from_secs(10);
/// Flow-control windows: exporters send a few hundred kilobytes at once.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// The sources' addresses where none was asked for.
const OTLP_HTTP: &str = "127.0.0.1:4318";
const OTLP_GRPC: &str = "127.0.0.1:4317";
const XRAY: &str = "127.0.0.1:2000";

/// Tries to find a number that is free for TCP and UDP alike.
const TRIES: usize = 16;

/// Everything that is bound, before anything is served.
pub struct Bound {
    pub http: TcpListener,
    pub otlp_http: Option<TcpListener>,
    pub otlp_grpc: Option<TcpListener>,
    pub xray: Option<Xray>,
}

/// X-Ray's daemon port: the same number for both.
pub struct Xray {
    pub tcp: TcpListener,
    pub udp: udp::Port,
}

/// Binds all listeners, and says for the Sources page what listens where.
///
/// # Errors
/// A sentence for the person who started the program: the page address, or one that was asked for, cannot be bound.
pub async fn bind(config: &Config) -> Result<(Bound, Vec<port::Listener>), String> {
    let http = bind_one(&config.addr).await.map_err(|why| cannot("--addr", &config.addr, &why))?;
    let mut listeners = vec![listener("http", &http, None)];
    let plain = |name: &'static str| move |bound: &TcpListener| listener(name, bound, None);
    let otlp = Source { name: "otlp_http", flag: "--otlp-http-addr", asked: config.otlp_http_addr.as_ref(), default: OTLP_HTTP };
    let (otlp_http, row) = otlp.bind(bind_one, plain("otlp_http")).await?;
    listeners.push(row);
    let otlp = Source { name: "otlp_grpc", flag: "--otlp-grpc-addr", asked: config.otlp_grpc_addr.as_ref(), default: OTLP_GRPC };
    let (otlp_grpc, row) = otlp.bind(bind_one, plain("otlp_grpc")).await?;
    listeners.push(row);
    let daemon = Source { name: "xray", flag: "--xray-addr", asked: config.xray_addr.as_ref(), default: XRAY };
    let (xray, row) = daemon.bind(bind_xray, |bound: &Xray| listener("xray", &bound.tcp, Some(bound.udp.note()))).await?;
    if let Some(note) = &row.note {
        tracing::info!("X-Ray: {note}");
    }
    listeners.push(row);
    Ok((Bound { http, otlp_http, otlp_grpc, xray }, listeners))
}

/// A listener that can be off, and whose default port may be taken.
struct Source<'a> {
    name: &'static str,
    flag: &'static str,
    asked: Option<&'a Listen>,
    default: &'static str,
}

impl Source<'_> {
    async fn bind<T>(
        self,
        bind: impl AsyncFn(&Addr) -> std::io::Result<T>,
        row: impl Fn(&T) -> port::Listener,
    ) -> Result<(Option<T>, port::Listener), String> {
        let off = |warning| port::Listener { name: self.name.into(), addr: None, warning, note: None };
        let (addr, was_asked) = match self.asked {
            Some(Listen::Off) => return Ok((None, off(None))),
            Some(Listen::At(addr)) => (addr.clone(), true),
            None => (self.default.parse().expect("the defaults are addresses"), false),
        };
        match bind(&addr).await {
            Ok(bound) => {
                let row = row(&bound);
                Ok((Some(bound), row))
            }
            Err(why) if was_asked => Err(cannot(self.flag, &addr, &why)),
            Err(why) => {
                let warning = format!("cannot listen on {addr}: {}", reason(&why));
                tracing::warn!("{}: {warning}", self.name);
                Ok((None, off(Some(warning))))
            }
        }
    }
}

async fn bind_xray(addr: &Addr) -> std::io::Result<Xray> {
    let mut tries = TRIES;
    loop {
        let tcp = bind_one(addr).await?;
        match udp::Port::bind(tcp.local_addr()?) {
            Ok(udp) => return Ok(Xray { tcp, udp }),
            // The number that was free for TCP is not for UDP: another one may be.
            Err(why) if addr.port == 0 && tries > 0 && why.kind() == std::io::ErrorKind::AddrInUse => tries -= 1,
            Err(why) => return Err(why),
        }
    }
}

async fn bind_one(addr: &Addr) -> std::io::Result<TcpListener> {
    TcpListener::bind((addr.host.trim_matches(['[', ']']), addr.port)).await
}

fn cannot(flag: &str, addr: &Addr, why: &std::io::Error) -> String {
    format!("cannot listen on {addr} ({flag}): {}", reason(why))
}

fn reason(why: &std::io::Error) -> String {
    match why.kind() {
        std::io::ErrorKind::AddrInUse => "another program listens there already".into(),
        std::io::ErrorKind::PermissionDenied => "that needs more rights than this program has".into(),
        _ => why.to_string(),
    }
}

fn listener(name: &str, bound: &TcpListener, note: Option<String>) -> port::Listener {
    port::Listener { name: name.into(), addr: local(bound).map(|addr| addr.to_string()), warning: None, note }
}

/// The address a listener has, with the port it was given for 0.
pub fn local(listener: &TcpListener) -> Option<SocketAddr> {
    listener.local_addr().ok()
}

/// Ends when the server is to stop. A sender that is gone says the same.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Serves until `stop` says so, then waits for open requests, at most [`GRACE`].
pub async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, from) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, or a connection that went before it was accepted: neither ends the server.
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = told(&mut stop) => break,
        };
        let _ = stream.set_nodelay(true);
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(60));
        builder
            .http2()
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(Duration::from_secs(60))
            .keep_alive_timeout(Duration::from_secs(20))
            .max_concurrent_streams(256);
        let router = router.clone();
        let service = tower::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(from.ip().to_canonical()));
            router.clone().oneshot(request)
        });
        let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("connection: {error}");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end within {} s", GRACE.as_secs());
    }
}
