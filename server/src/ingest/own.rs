//! Which spans are about Clew itself: exporters are traced by other instrumentations (X-Ray's patched `requests`,
//! OpenTelemetry's on Rollbar's uploads), and the junk one-span traces that makes are hidden by default.

use model::attr::Value;
use model::span::Kind;

/// Our own listeners, as a sender may write them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    listeners: Vec<Listener>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Listener {
    /// Lower case, without brackets.
    hosts: Vec<String>,
    port: u16,
    /// Nothing but ingest listens there, so any path is ours. On the page port only ingest paths are.
    only_ingest: bool,
}

/// Where the sources of this and the next versions take posts.
const INGEST_PATHS: [&str; 8] =
    ["/v1/traces", "/v1/logs", "/v1/metrics", "/api/1/item", "/api/1/session", "/tracesegments", "/telemetryrecords", "/samplingtargets"];

impl Own {
    /// Adds a listener. Loopback and unspecified addresses have all of loopback's names.
    pub fn listen(&mut self, host: &str, addr: std::net::SocketAddr, only_ingest: bool) {
        let mut hosts = vec![bare(host), addr.ip().to_string()];
        if addr.ip().is_loopback() || addr.ip().is_unspecified() {
            hosts.extend(["localhost", "127.0.0.1", "::1", "0.0.0.0"].map(str::to_owned));
        }
        self.listeners.push(Listener { hosts, port: addr.port(), only_ingest });
    }

    /// Whether a span with these attributes is a call to one of our listeners. A server span is never one: its
    /// `server.address` is the sender's own.
    pub fn is_target(&self, kind: Kind, attributes: &[(String, Value)]) -> bool {
        if matches!(kind, Kind::Server | Kind::Consumer) || self.listeners.is_empty() {
            return false;
        }
        let (mut host, mut port, mut path) = ("", None, "");
        for (key, value) in attributes {
            match (key.as_str(), value) {
                ("url.full" | "http.url", Value::Str(url)) => return self.is_url(url),
                ("server.address" | "net.peer.name" | "http.host", Value::Str(text)) => host = text,
                ("net.peer.ip" | "network.peer.address", Value::Str(text)) if host.is_empty() => host = text,
                ("server.port" | "net.peer.port", Value::Int(number)) => port = u16::try_from(*number).ok(),
                ("server.port" | "net.peer.port", Value::Str(text)) => port = text.parse().ok(),
                ("url.path" | "http.target", Value::Str(text)) => path = text,
                _ => {}
            }
        }
        let (host, port) = match (port, split_port(host)) {
            (None, (name, Some(port))) => (name, port),
            (Some(port), (name, _)) => (name, port),
            (None, (_, None)) => return false,
        };
        self.is_ours(host, port, path)
    }

    fn is_url(&self, url: &str) -> bool {
        let Some((scheme, rest)) = url.split_once("://") else { return false };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let default = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
        let (host, port) = split_port(authority);
        self.is_ours(host, port.unwrap_or(default), path)
    }

    fn is_ours(&self, host: &str, port: u16, path: &str) -> bool {
        let Some(listener) = self
            .listeners
            .iter()
            .find(|own| own.port == port && own.hosts.iter().any(|name| name.eq_ignore_ascii_case(host.trim_matches(['[', ']']))))
        else {
            return false;
        };
        let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').to_ascii_lowercase();
        listener.only_ingest
            || path.is_empty()
            || path.contains("/1/batch")
            || path.contains("/1/events")
            || INGEST_PATHS.iter().any(|ours| path.ends_with(ours))
    }
}

fn bare(host: &str) -> String {
    host.trim_matches(['[', ']']).to_ascii_lowercase()
}

/// `host:port`, `[::1]:port`, or a host alone.
fn split_port(authority: &str) -> (&str, Option<u16>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (authority, None),
        },
        _ => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Own {
        let mut own = Own::default();
        own.listen("127.0.0.1", "127.0.0.1:3000".parse().unwrap(), false);
        own.listen("127.0.0.1", "127.0.0.1:4318".parse().unwrap(), true);
        own
    }

    fn text(key: &str, value: &str) -> (String, Value) {
        (key.into(), Value::Str(value.into()))
    }

    #[test]
    fn urls_to_us() {
        for (url, ours) in [
            ("http://localhost:4318/v1/traces", true),
            ("http://u:p@LOCALHOST:4318/anything", true),
            ("http://[::1]:4318", true),
            ("http://127.0.0.1:3000/api/1/item/", true),
            ("http://127.0.0.1:3000/1/batch/cruddur", true),
            ("http://127.0.0.1:3000/v1/traces?x", true),
            // A backend of the user's own on our page port's number, in some container.
            ("http://127.0.0.1:3000/api/activities", false),
            ("http://127.0.0.1:4567/v1/traces", false),
            ("http://example.com:4318/v1/traces", false),
            ("not a url", false),
        ] {
            assert_eq!(own().is_target(Kind::Client, &[text("http.url", url)]), ours, "{url}");
        }
    }

    #[test]
    fn addresses_to_us() {
        let to = |kind, port| own().is_target(kind, &[text("server.address", "localhost"), ("server.port".into(), Value::Int(port))]);
        assert!(to(Kind::Client, 4318));
        assert!(to(Kind::Internal, 4318));
        assert!(!to(Kind::Server, 4318));
        assert!(!to(Kind::Client, 4319));
        assert!(!to(Kind::Client, -1));
        assert!(own().is_target(Kind::Client, &[text("http.host", "localhost:4318")]));
        assert!(!own().is_target(Kind::Client, &[text("server.address", "localhost")]));
    }
}
