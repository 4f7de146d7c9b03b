//! A request to a server, as an access line or the server's span tells of it.

use crate::ingest::lines::{AccessLine, access_line};
use model::attr::Value;
use model::call::{attribute, text};
use model::json;
use model::log::Line;
use model::span::{Kind, Span};
use model::time::{Nanos, SECOND};
use std::net::IpAddr;

/// A line is written when the request ends, give or take so much (nanoseconds).
pub const APART: Nanos = SECOND;

/// What two tell of one request.
pub struct Told {
    pub method: String,
    /// Without its query.
    pub path: String,
    status: u16,
    /// Who asked: of a span everybody it names.
    clients: Vec<IpAddr>,
    /// Empty if it is not known, as `host`.
    service: String,
    pub host: String,
    /// When it ended; of a line 0.
    pub end: Nanos,
}

impl Told {
    /// Of a line that tells of one request.
    pub fn of_line(line: &Line) -> Option<Told> {
        let access = access_line(&line.message)?;
        let mut service = line.origin.service.to_string();
        if service.is_empty()
            && line.message.starts_with('{')
            && let Some(Value::Map(fields)) = json::object(&line.message)
        {
            let named = ["service", "service.name"].iter().find_map(|name| model::attr::get_str(&fields, name));
            service = named.unwrap_or_default().to_owned();
        }
        Some(Told::new(access, access.client_ip.into_iter().collect(), service, line.origin.host.to_string(), 0))
    }

    /// Of a server's span that has ended.
    pub fn of_span(span: &Span) -> Option<Told> {
        if span.kind != Kind::Server {
            return None;
        }
        let target = ["url.path", "url.full"].into_iter().find_map(|name| text(span, name))?;
        let method = text(span, "http.request.method")?;
        let status = attribute(span, "http.response.status_code")?.to_string().parse().ok()?;
        let clients = ["client.address", "http.client_ip", "net.peer.ip", "network.peer.address", "net.sock.peer.addr"];
        let clients = clients.into_iter().filter_map(|name| model::attr::get_str(&span.attributes, name)?.parse().ok());
        let host = model::attr::get_str(&span.origin.resource, "host.name").unwrap_or_default().to_owned();
        let access = AccessLine::new(&method, &target, status, "")?;
        Some(Told::new(access, clients.collect(), span.service().to_owned(), host, span.end()))
    }

    fn new(access: AccessLine, clients: Vec<IpAddr>, service: String, host: String, end: Nanos) -> Told {
        Told { method: access.method.to_owned(), path: access.path.to_owned(), status: access.status, clients, service, host, end }
    }

    /// Whether a line of this, written at `time`, may be of what a span tells: where both say something, it is the same.
    pub fn fits(&self, time: Nanos, span: &Told) -> bool {
        let client =
            || self.clients.is_empty() || span.clients.is_empty() || self.clients.iter().any(|client| span.clients.contains(client));
        time.abs_diff(span.end) <= APART.unsigned_abs()
            && (self.status, &self.method, &self.path) == (span.status, &span.method, &span.path)
            && (self.service.is_empty() || self.service == span.service)
            && client()
    }

    /// What a search for lines of it looks for. A path may have no word.
    pub fn word(&self) -> &str {
        if self.path.contains(char::is_alphanumeric) { &self.path } else { &self.method }
    }
}
