//! The least of HTTP/1.1 that a load generator needs: one keep-alive connection, blocking, next to no CPU of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A connection to a server.
pub struct Connection {
    host: String,
    stream: BufReader<TcpStream>,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Connection {
    /// To `host:port`.
    pub fn open(host: &str) -> Connection {
        let stream = TcpStream::connect(host).unwrap_or_else(|error| panic!("no connection to {host}: {error}"));
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(Duration::from_secs(120))).expect("a TCP socket");
        Connection { host: host.to_owned(), stream: BufReader::with_capacity(256 << 10, stream) }
    }

    /// `GET path`
    pub fn get(&mut self, path: &str) -> Answer {
        self.get_compressed(path, "identity")
    }

    /// `GET path` in a content encoding; the body stays as it came.
    pub fn get_compressed(&mut self, path: &str, encoding: &str) -> Answer {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\nAccept-Encoding: {encoding}\r\n\r\n", self.host);
        self.stream.get_mut().write_all(head.as_bytes()).expect("the request is sent");
        self.answer()
    }

    /// An OTLP/HTTP request. `encoding` is the Content-Encoding.
    pub fn post_traces(&mut self, body: &[u8], encoding: Option<&str>) -> Answer {
        let encoding = encoding.map(|encoding| format!("Content-Encoding: {encoding}\r\n")).unwrap_or_default();
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-protobuf\r\n{encoding}Content-Length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("the request is sent");
        self.answer()
    }

    /// `POST path` with further headers.
    pub fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("POST {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n", self.host, body.len());
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("the request is sent");
        self.answer()
    }

    /// `GET path`, whose answer goes on and on: its lines as they come, those that frame its chunks among them.
    pub fn stream(&mut self, path: &str) -> impl Iterator<Item = String> + '_ {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\nAccept-Encoding: identity\r\n\r\n", self.host);
        self.stream.get_mut().write_all(head.as_bytes()).expect("the request is sent");
        let mut line = String::new();
        while self.line(&mut line) > 2 {}
        std::iter::from_fn(move || {
            let mut line = String::new();
            (self.line(&mut line) > 0).then_some(line)
        })
    }

    fn answer(&mut self) -> Answer {
        let mut line = String::new();
        self.line(&mut line);
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("not HTTP: {line:?}"));
        let (mut length, mut chunked) = (0, false);
        loop {
            self.line(&mut line);
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().expect("a length");
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = true;
            }
        }
        let mut body = Vec::new();
        if chunked {
            loop {
                self.line(&mut line);
                let size = usize::from_str_radix(line.trim(), 16).expect("a chunk's size");
                self.exactly(size, &mut body);
                self.line(&mut line);
                if size == 0 {
                    break;
                }
            }
        } else {
            self.exactly(length, &mut body);
        }
        Answer { status, body }
    }

    /// One line without its end; how long it was with it.
    fn line(&mut self, line: &mut String) -> usize {
        line.clear();
        let length = self.stream.read_line(line).expect("an answer");
        line.truncate(line.trim_end_matches(['\r', '\n']).len());
        length
    }

    fn exactly(&mut self, count: usize, body: &mut Vec<u8>) {
        let from = body.len();
        body.resize(from + count, 0);
        self.stream.read_exact(&mut body[from..]).expect("the whole answer");
    }
}

impl Answer {
    /// The body as JSON; panics with the body if the status is not 200.
    pub fn json(&self, what: &str) -> serde_json::Value {
        assert_eq!(self.status, 200, "{what}: {}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{what}: {error}"))
    }
}

/// Percent-encodes a query parameter.
pub fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte as char);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}
