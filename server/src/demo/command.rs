//! `clew demo`: sends the day to the running instance, or starts one with it.

use super::{DATASET, Options, SEED, Sent, send};
use crate::Running;
use crate::config::{Addr, Config};
use std::time::{Duration, Instant};

/// The options of `clew demo`.
#[derive(clap::Args, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// The same seed makes the same day
    #[arg(long, default_value_t = SEED)]
    pub seed: u64,

    /// Send at most so many spans a second [default: as fast as they are taken]
    #[arg(long, value_name = "SPANS", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate_limit: Option<u32>,
}

/// Sends the day to what listens at `config.addr`. If nothing does, starts an instance with `start` and sends to that;
/// then returns it, for the caller to run until it is stopped.
///
/// # Errors
/// One sentence for the person who asked for it.
pub async fn run<F>(config: Config, arguments: Arguments, start: impl FnOnce(Config) -> F) -> Result<Option<Running>, String>
where
    F: Future<Output = Result<Running, String>>,
{
    let options = Options { seed: arguments.seed, spans_per_second: arguments.rate_limit };
    let running = if listens(&config.addr).await { None } else { Some(start(config.clone()).await?) };
    let url = match &running {
        Some(running) => format!("http://{}", running.addrs.http),
        None => format!("http://{}", reachable(&config.addr)),
    };
    println!("Sending a day of a yarn shop's traffic to {url} ...");
    let begun = Instant::now();
    let Sent { requests, spans, rejected } = send(&url, options).await.map_err(|error| format!("{error:#}"))?;
    println!("{spans} spans in {requests} requests, {:.1} s; {rejected} rejected. They are in the dataset {DATASET}.", begun.elapsed().as_secs_f64());
    println!("Open {url}/traces?last=24h");
    Ok(running)
}

/// Whether something takes connections there.
async fn listens(addr: &Addr) -> bool {
    let connect = tokio::net::TcpStream::connect(reachable(addr).to_string());
    tokio::time::timeout(Duration::from_secs(2), connect).await.is_ok_and(|connected| connected.is_ok())
}

/// Where a client of this machine reaches an address that may be "every interface".
fn reachable(addr: &Addr) -> Addr {
    let host = match addr.host.as_str() {
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "[::]" => "[::1]".to_owned(),
        host => host.to_owned(),
    };
    Addr { host, port: addr.port }
}
