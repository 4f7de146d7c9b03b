//! What can be said to Clew when it is started. Every option is a flag and an environment variable with a default.

use clap::{Parser, Subcommand};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Receives traces of your services over the protocols of OpenTelemetry and AWS X-Ray, keeps them, and shows them in the browser.
#[derive(Parser, Clone, Debug)]
#[command(name = "clew", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub config: Config,
}

#[derive(Subcommand, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Receive, store and show (what `clew` alone does)
    Serve,
    /// Send a believable day of several services' traffic to the running instance, or start one with it
    Demo(crate::demo::Options),
}

/// The options of `clew serve`.
#[derive(Parser, Clone, Debug)]
pub struct Config {
    /// Pages, JSON API and every HTTP source
    #[arg(long, env = "CLEW_ADDR", value_name = "ADDR", default_value = "127.0.0.1:3000", global = true)]
    pub addr: Addr,

    /// OTLP/HTTP; `off` for none [default: 127.0.0.1:4318]
    // The defaults of the sources are not clap's: a taken port is fatal only if it was asked for by name.
    #[arg(long, env = "CLEW_OTLP_HTTP_ADDR", value_name = "ADDR|off", global = true)]
    pub otlp_http_addr: Option<Listen>,

    /// OTLP/gRPC; `off` for none [default: 127.0.0.1:4317]
    #[arg(long, env = "CLEW_OTLP_GRPC_ADDR", value_name = "ADDR|off", global = true)]
    pub otlp_grpc_addr: Option<Listen>,

    /// X-Ray's daemon protocol, UDP and TCP; `off` for none [default: 127.0.0.1:2000]
    #[arg(long, env = "CLEW_XRAY_ADDR", value_name = "ADDR|off", global = true)]
    pub xray_addr: Option<Listen>,

    /// Where everything is kept
    #[arg(long, env = "CLEW_DATA", value_name = "DIR", default_value = "./clew-data", global = true)]
    pub data: PathBuf,

    /// Days after which data goes
    #[arg(long, env = "CLEW_RETENTION_DAYS", value_name = "DAYS", default_value = "30", value_parser = clap::value_parser!(u32).range(1..=36_500), global = true)]
    pub retention_days: u32,

    /// Size of the data directory at which the oldest days go, e.g. 20GB; no limit if not given [default: none]
    #[arg(long, env = "CLEW_MAX_DISK", value_name = "SIZE", global = true)]
    pub max_disk: Option<Size>,

    /// Ingest keys, one `name = key` a line, or `name = ACCESSKEYID:SECRET` for AWS SDKs; senders then need one of them [default: none, anybody may send]
    #[arg(long, env = "CLEW_KEYS", value_name = "FILE", global = true)]
    pub keys: Option<PathBuf>,

    /// Further host names under which browsers may reach the pages on a loopback address, e.g. behind a proxy [default: none]
    #[arg(long = "host", env = "CLEW_HOST", value_name = "NAME", value_delimiter = ',', global = true)]
    pub hosts: Vec<String>,

    /// More names whose values are secrets and are not stored, beside password, token, authorization and the like
    #[arg(long = "scrub", env = "CLEW_SCRUB", value_name = "NAME", value_delimiter = ',', global = true)]
    pub scrub: Vec<String>,

    /// Where people open the pages, for links in alerts, e.g. https://clew.example.com [default: the address of the pages]
    #[arg(long, env = "CLEW_PUBLIC_URL", value_name = "URL", global = true)]
    pub public_url: Option<String>,

    /// Print one line of JSON with the bound addresses once everything listens
    #[arg(long, env = "CLEW_READY_JSON", global = true)]
    pub ready_json: bool,
}

/// `host:port`; a host may be a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addr {
    pub host: String,
    pub port: u16,
}

/// An address, or `off`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    Off,
    At(Addr),
}

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Addr {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Addr, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or("expected HOST:PORT, e.g. 127.0.0.1:3000")?;
        let port = port.parse().map_err(|_| "the port must be 0 to 65535")?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || host.contains(':') && !bracketed {
            return Err("expected HOST:PORT; an IPv6 address needs brackets, e.g. [::1]:3000");
        }
        Ok(Addr { host: host.to_owned(), port })
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Addr {
        let host = if addr.is_ipv6() { format!("[{}]", addr.ip()) } else { addr.ip().to_string() };
        Addr { host, port: addr.port() }
    }
}

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Listen, Self::Err> {
        if text.eq_ignore_ascii_case("off") { Ok(Listen::Off) } else { text.parse().map(Listen::At) }
    }
}

impl FromStr for Size {
    type Err = &'static str;

    /// A number with an optional unit: kB, MB, GB, TB are powers of 1000; KiB, MiB, GiB, TiB of 1024.
    fn from_str(text: &str) -> Result<Size, Self::Err> {
        const WRONG: &str = "expected a size such as 20GB or 512MiB";
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let number: f64 = text[..digits].parse().map_err(|_| WRONG)?;
        let unit: f64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1.0,
            "k" | "kb" => 1e3,
            "m" | "mb" => 1e6,
            "g" | "gb" => 1e9,
            "t" | "tb" => 1e12,
            "kib" => 1024.0,
            "mib" => 1024f64.powi(2),
            "gib" => 1024f64.powi(3),
            "tib" => 1024f64.powi(4),
            _ => return Err(WRONG),
        };
        let bytes = number * unit;
        if bytes >= 1.0 && bytes < u64::MAX as f64 { Ok(Size(bytes as u64)) } else { Err(WRONG) }
    }
}

impl Config {
    /// A configuration for tests: every listener on a free port of loopback.
    pub fn ephemeral(data: impl Into<PathBuf>) -> Config {
        let free = || Addr { host: "127.0.0.1".into(), port: 0 };
        Config {
            addr: free(),
            otlp_http_addr: Some(Listen::At(free())),
            otlp_grpc_addr: Some(Listen::At(free())),
            xray_addr: Some(Listen::At(free())),
            data: data.into(),
            retention_days: 30,
            max_disk: None,
            keys: None,
            hosts: Vec::new(),
            scrub: Vec::new(),
            public_url: None,
            ready_json: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn addresses_and_sizes() {
        for good in ["127.0.0.1:0", "[::1]:3000", "localhost:3000", "0.0.0.0:65535"] {
            assert_eq!(good.parse::<Addr>().unwrap().to_string(), good);
        }
        for bad in ["3000", ":3000", "::1:3000", "a:b", "a:65536"] {
            assert!(bad.parse::<Addr>().is_err(), "{bad}");
        }
        assert_eq!("off".parse(), Ok(Listen::Off));
        assert_eq!("1.5GB".parse(), Ok(Size(1_500_000_000)));
        assert_eq!("2 MiB".parse(), Ok(Size(2 << 20)));
        for bad in ["", "GB", "-1", "0", "1 parsec"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }
}
