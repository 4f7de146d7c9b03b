//! The fields of a JSON message that say something of its trace, its level or a request. One walk, nothing is copied, and only objects
//! that are known to hold such fields are looked into.

mod keys;

use super::access::AccessLine;
use super::severity;
use super::trace;
use keys::{DATADOG, Inside, Key, Plain, container, key};
use memchr::memchr2;
use model::id::SpanId;
use model::log::{How, Level, Severity, TraceLink};

/// How deep objects are looked into.
const MAX_DEPTH: u8 = 3;

/// What was found. Texts are as they stand in the JSON, escapes and all.
#[derive(Default)]
pub struct Fields<'a> {
    /// What stands before the object.
    pub prefix: &'a str,
    /// The message proper.
    pub message: &'a str,
    /// By the least nested field that is one.
    pub severity: Severity,
    /// There is a stack trace beside the message.
    pub stack: bool,
    trace: Option<TraceLink>,
    /// How sure the key of `trace` is, best first.
    rank: u8,
    span: Option<SpanId>,
    segment: Option<SpanId>,
    severity_depth: u8,
    method: &'a str,
    path: &'a str,
    status: u16,
    client: &'a str,
}

/// The fields of a message that is a JSON object or ends in one.
pub fn fields(message: &str) -> Option<Fields<'_>> {
    let at = memchr::memchr(b'{', message.as_bytes())?;
    if !message.trim_end().ends_with('}') {
        return None;
    }
    let mut fields = Fields { prefix: &message[..at], ..Fields::default() };
    Walk { text: message, at }.object(Inside::Root, 0, &mut fields)?;
    Some(fields)
}

impl<'a> Fields<'a> {
    pub fn trace(&self) -> Option<TraceLink> {
        let mut link = self.trace?;
        // X-Ray calls spans segments, and messages may name both systems' ids.
        let [own, other] = if link.how == How::Xray { [self.segment, self.span] } else { [self.span, self.segment] };
        link.span_id = link.span_id.or(own).or(other);
        // In JSON the field says what it is, however the id is written; only Datadog's is half an id.
        link.how = if link.how == How::Datadog { How::Datadog } else { How::Json };
        Some(link)
    }

    /// A request told in fields.
    pub fn request(&self) -> Option<AccessLine<'a>> {
        if self.method.is_empty() || self.status == 0 {
            return None;
        }
        AccessLine::new(self.method, self.path, self.status, self.client)
    }

    fn found(&mut self, key: Key, raw: &'a str, depth: u8) {
        match key {
            Key::Trace(rank) => {
                if (self.trace.is_none() || rank < self.rank)
                    && let Some(link) = trace_value(raw, rank == DATADOG)
                {
                    (self.trace, self.rank) = (Some(link), rank);
                }
            }
            Key::Span => self.span = self.span.or_else(|| raw.parse().ok()),
            Key::Segment => self.segment = self.segment.or_else(|| raw.parse().ok()),
            Key::Level(numbers) => {
                if self.severity == Severity::NONE || depth < self.severity_depth {
                    let severity = Level::from_name(raw).map(Level::severity).or_else(|| severity::of_number(raw, numbers));
                    if let Some(severity) = severity.filter(|severity| *severity != Severity::NONE) {
                        (self.severity, self.severity_depth) = (severity, depth);
                    }
                }
            }
            Key::Message => first(&mut self.message, raw),
            Key::Stack => self.stack |= severity::is_stack(raw),
            Key::Method => first(&mut self.method, raw),
            Key::Path => first(&mut self.path, raw),
            Key::Status => {
                if self.status == 0 {
                    self.status = raw.parse().ok().filter(|status| (100..600).contains(status)).unwrap_or(0);
                }
            }
            Key::Client => first(&mut self.client, raw),
            Key::Other => {}
        }
    }
}

fn first<'a>(field: &mut &'a str, raw: &'a str) {
    if field.is_empty() {
        *field = raw;
    }
}

/// A value that is a trace id in any notation.
fn trace_value(raw: &str, datadog: bool) -> Option<TraceLink> {
    let whole = |trace_id, how| Some(TraceLink { trace_id, span_id: None, how });
    let bare = raw.trim().trim_start_matches("0x");
    let decimal = (10..=20).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_digit());
    if decimal && (datadog || bare.len() != 16) {
        return whole(trace::decimal_id(bare)?, How::Datadog);
    }
    match bare.len() {
        16 | 32 => return whole(trace::trace_id(bare)?, How::Json),
        // A UUID
        36 => return whole(bare.parse().ok()?, How::Json),
        _ => {}
    }
    trace::in_text(raw).filter(|link| matches!(link.how, How::Xray | How::Traceparent | How::Bracket))
}

/// A place in JSON. Lenient: what is not an object in the end is text, and a bad value in one costs nothing.
struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    /// An object that begins here, to its end.
    fn object(&mut self, inside: Inside, depth: u8, to: &mut Fields<'a>) -> Option<()> {
        self.expect(b'{')?;
        if self.next()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.next()?;
            let name = self.string()?;
            self.next()?;
            self.expect(b':')?;
            let plain = Plain::of(name);
            let value = match self.next()? {
                b'"' => self.string()?,
                b'{' if depth < MAX_DEPTH
                    && let Some(inner) = container(&plain) =>
                {
                    self.object(inner, depth + 1, to)?;
                    ""
                }
                b'{' | b'[' => self.skip()?,
                _ => self.scalar(),
            };
            if !value.is_empty() {
                to.found(key(name, &plain, inside), value, depth);
            }
            match self.next()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// The byte after white space.
    fn next(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at)?.is_ascii_whitespace() {
            self.at += 1;
        }
        Some(bytes[self.at])
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (*self.text.as_bytes().get(self.at)? == byte).then(|| self.at += 1)
    }

    /// What is between quotes.
    fn string(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            self.at += memchr2(b'"', b'\\', &self.text.as_bytes()[self.at..])?;
            if self.text.as_bytes()[self.at] == b'"' {
                self.at += 1;
                return Some(&self.text[start..self.at - 1]);
            }
            // Whatever is escaped: of a character of several bytes the rest is neither quote nor backslash.
            self.at += 2;
            if self.at > self.text.len() {
                return None;
            }
        }
    }

    /// A number, truth value or null.
    fn scalar(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest.bytes().position(|byte| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace()).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// An object or a list that nobody looks into.
    fn skip(&mut self) -> Option<&'a str> {
        let start = self.at;
        let mut depth = 0u32;
        loop {
            match self.text.as_bytes().get(self.at)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(&self.text[start..self.at]);
            }
        }
    }
}
