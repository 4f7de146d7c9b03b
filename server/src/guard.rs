//! What browsers may not do to a program on its user's machine: post to it from a foreign page (CSRF), or read it through
//! a foreign name that resolves to it (DNS rebinding). Ingest is outside of this: it is open to every page by design.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method, Uri};
use std::net::SocketAddr;

/// The names under which the pages may be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    /// Lower case, without brackets. `None`: any, because the listener is not on loopback.
    allowed: Option<Vec<String>>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    UnknownHost,
    CrossSite,
}

impl Refusal {
    pub fn message(self) -> &'static str {
        match self {
            Refusal::UnknownHost => "This host name is not one of Clew's. If it is meant to be, start Clew with --host NAME.\n",
            Refusal::CrossSite => "Another site may not write here.\n",
        }
    }
}

impl Hosts {
    /// For a listener at `addr` that was asked for as `name`, and further names of `--host`.
    pub fn new(addr: SocketAddr, name: &str, more: &[String]) -> Hosts {
        let allowed = addr.ip().is_loopback().then(|| {
            let own = ["127.0.0.1", "localhost", "::1", name].map(bare);
            own.into_iter().chain([addr.ip().to_string()]).chain(more.iter().map(|name| bare(name))).collect()
        });
        Hosts { allowed }
    }

    /// Whether a request for a page or the API may be answered.
    pub fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        // HTTP/2 has the host in the URI, HTTP/1 in its header.
        let authority =
            uri.authority().map(|authority| authority.as_str()).or_else(|| headers.get(HOST)?.to_str().ok()).unwrap_or_default();
        if let Some(allowed) = &self.allowed
            && !allowed.contains(&bare(without_port(authority)))
        {
            return Err(Refusal::UnknownHost);
        }
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        // `same-site` is another port of localhost: foreign too.
        if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
            return Err(Refusal::CrossSite);
        }
        match headers.get(ORIGIN) {
            None => Ok(()),
            Some(origin) => match origin.to_str().ok().and_then(|origin| origin.split_once("://")) {
                Some((_, from)) if !authority.is_empty() && from.eq_ignore_ascii_case(authority) => Ok(()),
                _ => Err(Refusal::CrossSite),
            },
        }
    }
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn bare(host: &str) -> String {
    host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hosts: &Hosts, method: Method, headers: &[(&'static str, &'static str)]) -> Result<(), Refusal> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        hosts.check(&method, &Uri::from_static("/"), &headers)
    }

    #[test]
    fn hosts() {
        let loopback = Hosts::new("127.0.0.1:3000".parse().unwrap(), "clew.internal", &["clew.example.com".into()]);
        for host in
            ["127.0.0.1:3000", "localhost", "LOCALHOST:80", "[::1]:3000", "clew.internal:3000", "clew.example.com", "localhost.:3000"]
        {
            assert_eq!(check(&loopback, Method::GET, &[("host", host)]), Ok(()), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost:3000.evil.example", "", "[::2]"] {
            assert_eq!(check(&loopback, Method::GET, &[("host", host)]), Err(Refusal::UnknownHost), "{host}");
        }
        assert_eq!(check(&loopback, Method::GET, &[]), Err(Refusal::UnknownHost));
        let open = Hosts::new("0.0.0.0:3000".parse().unwrap(), "0.0.0.0", &[]);
        assert_eq!(check(&open, Method::GET, &[("host", "clew.example.com")]), Ok(()));
    }

    #[test]
    fn writes_come_from_our_own_pages() {
        let hosts = Hosts::new("127.0.0.1:3000".parse().unwrap(), "127.0.0.1", &[]);
        let host = ("host", "localhost:3000");
        for (headers, answer) in [
            (vec![host], Ok(())),
            (vec![host, ("origin", "http://localhost:3000"), ("sec-fetch-site", "same-origin")], Ok(())),
            (vec![host, ("origin", "http://localhost:8080")], Err(Refusal::CrossSite)),
            (vec![host, ("origin", "null")], Err(Refusal::CrossSite)),
            (vec![host, ("sec-fetch-site", "cross-site")], Err(Refusal::CrossSite)),
            (vec![host, ("sec-fetch-site", "same-site")], Err(Refusal::CrossSite)),
        ] {
            assert_eq!(check(&hosts, Method::POST, &headers), answer, "{headers:?}");
            assert_eq!(check(&hosts, Method::GET, &headers), Ok(()));
        }
    }
}
