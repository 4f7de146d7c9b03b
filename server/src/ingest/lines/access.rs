//! Lines that tell of one HTTP request: Common and Combined Log Format and what web frameworks print.

use std::net::IpAddr;

/// One request, as a line tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessLine<'a> {
    /// Upper case.
    pub method: &'a str,
    /// Without scheme, host and query; begins with a slash.
    pub path: &'a str,
    /// 100 to 599
    pub status: u16,
    pub client_ip: Option<IpAddr>,
}

impl<'a> AccessLine<'a> {
    /// Of fields; `None` if the method is none or there is no path in `target`.
    pub fn new(method: &'a str, target: &'a str, status: u16, client: &str) -> Option<AccessLine<'a>> {
        let method = METHODS.iter().find(|name| **name == method)?;
        Some(AccessLine { method, path: path(target)?, status, client_ip: address(client) })
    }
}

/// What a request line begins with.
pub const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
/// Bytes in which the request stands, if it is an access line.
const HEAD: usize = 1024;

/// Method, path and status of a line, and where the method stands.
pub struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub status: u16,
    at: usize,
}

/// The whole of an access line.
pub fn in_text(text: &str) -> Option<AccessLine<'_>> {
    let Request { method, path, status, at } = request(text)?;
    // Whoever logs the client does so before the request.
    let client_ip = text[..at].split([' ', '|', '\t', ',']).find_map(address);
    Some(AccessLine { method, path, status, client_ip })
}

/// The request in a line: `GET /path` with the status after it, or before it between bars (Gin).
pub fn request(text: &str) -> Option<Request<'_>> {
    let head = &text.as_bytes()[..text.len().min(HEAD)];
    for slash in memchr::memchr_iter(b'/', head) {
        let Some(target) = target_start(text, slash) else { continue };
        let Some((method, at)) = method_before(text, target) else { continue };
        let length = text[target..].bytes().position(|byte| byte <= b' ' || matches!(byte, b'"' | b'\\')).unwrap_or(text.len() - target);
        let (target, rest) = text[target..].split_at(length);
        if let Some(status) = status_after(rest).or_else(|| status_between_bars(&text[..at])) {
            return Some(Request { method, path: path(target)?, status, at });
        }
    }
    None
}

/// Where the target begins that has this slash as its first (`/a`) or as the first of `http://host/a`.
fn target_start(text: &str, slash: usize) -> Option<usize> {
    let before = &text.as_bytes()[..slash];
    let start = match before.last()? {
        b' ' | b'"' => slash,
        b':' => before.strip_suffix(b"http:").or_else(|| before.strip_suffix(b"https:"))?.len(),
        _ => return None,
    };
    Some(start)
}

/// The method before a target and where it begins: `GET `, `GET http ` (Cruddur's), `GET      "` (Gin's).
fn method_before(text: &str, target: usize) -> Option<(&'static str, usize)> {
    let before = text[..target].trim_end_matches(['"', ' ']);
    let before = before.strip_suffix(" http").or_else(|| before.strip_suffix(" https")).unwrap_or(before);
    // Told from words by the last letter alone, mostly.
    if before.len() == target || !before.as_bytes().last().is_some_and(u8::is_ascii_uppercase) {
        return None;
    }
    let method = METHODS.iter().find(|method| before.ends_with(**method))?;
    let at = before.len() - method.len();
    // `m` ends a colour of a terminal.
    let alone = text.as_bytes()[..at].last().is_none_or(|byte| !byte.is_ascii_alphanumeric() || *byte == b'm');
    alone.then_some((method, at))
}

/// `" 200`, ` HTTP/1.1" 200`, ` status: 200`, also in colour.
fn status_after(rest: &str) -> Option<u16> {
    let rest = rest.strip_prefix(" HTTP/").map_or(rest, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.'));
    let rest = after_colours(rest);
    let rest = rest.trim_start_matches(['"', '\\', ' ', '-', '>', '=', ':']);
    let rest = rest.strip_prefix("status").map_or(rest, |rest| rest.trim_start_matches([':', '=', ' ']));
    status(after_colours(rest))
}

/// `| 200 |`
fn status_between_bars(before: &str) -> Option<u16> {
    before.split('|').skip(1).find_map(|part| status(after_colours(part.trim_start())))
}

/// Without the colours of a terminal that it begins with.
fn after_colours(text: &str) -> &str {
    let mut text = text;
    while let Some(rest) = text.trim_start_matches([' ', '"']).strip_prefix("\u{1b}[") {
        match rest.split_once('m') {
            Some((codes, rest)) if codes.bytes().all(|byte| byte.is_ascii_digit() || byte == b';') => text = rest,
            _ => break,
        }
    }
    text
}

/// Three digits that stand alone.
fn status(text: &str) -> Option<u16> {
    let digits = text.get(..3).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?;
    let alone = text.as_bytes().get(3).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'.');
    digits.parse().ok().filter(|status| alone && (100..600).contains(status))
}

/// The path of `/a?b`, `http://host/a#b`.
fn path(target: &str) -> Option<&str> {
    let target = match target.split_once("://") {
        Some((scheme, rest)) if scheme.starts_with("http") => &rest[rest.find('/')?..],
        _ => target,
    };
    let end = target.find(['?', '#']).unwrap_or(target.len());
    target.starts_with('/').then_some(&target[..end])
}

/// `127.0.0.1`, `127.0.0.1:54321`, `[::1]`, `INFO:werkzeug:127.0.0.1`
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches(['[', ']', '"', '(', ')', ',']);
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().or_else(|| text.rsplit(':').take(2).find_map(|part| part.parse::<std::net::Ipv4Addr>().ok()).map(IpAddr::V4))
}
