//! What the keys of JSON messages say about their values, as OpenTelemetry, Elastic's ECS, pino, Python's formatters, Serilog,
//! Datadog, X-Ray and Google spell them.

use super::severity::Numbers;

/// What a key says about its value.
#[derive(Clone, Copy)]
pub enum Key {
    /// By how sure it is, best first.
    Trace(u8),
    Span,
    Segment,
    Level(Numbers),
    Message,
    Stack,
    Method,
    Path,
    Status,
    Client,
    Other,
}

/// [`Key::Trace`] of Datadog's ids, which are decimal.
pub const DATADOG: u8 = 8;

/// Where in the object we are.
#[derive(Clone, Copy, PartialEq)]
pub enum Inside {
    Root,
    Trace,
    Span,
    Datadog,
    Level,
    Other,
}

/// Letters and digits of a key in lower case, if it is short enough to be one of ours.
pub struct Plain([u8; 32], usize);

impl Plain {
    pub fn of(key: &str) -> Plain {
        let (mut plain, mut length) = ([0; 32], 0);
        for byte in key.bytes().filter(u8::is_ascii_alphanumeric) {
            match plain.get_mut(length) {
                Some(to) => *to = byte.to_ascii_lowercase(),
                None => return Plain(plain, 0),
            }
            length += 1;
        }
        Plain(plain, length)
    }

    fn bytes(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

/// What `key` says, which is `plain`.
pub fn key(key: &str, plain: &Plain, inside: Inside) -> Key {
    let at = key.starts_with('@');
    match plain.bytes() {
        b"traceid" if inside == Inside::Datadog => Key::Trace(DATADOG),
        b"id" if inside == Inside::Trace => Key::Trace(0),
        b"traceid" => Key::Trace(0),
        b"oteltraceid" => Key::Trace(1),
        b"tr" if at => Key::Trace(2),
        b"xraytraceid" => Key::Trace(3),
        b"amzntraceid" => Key::Trace(4),
        b"xamzntraceid" => Key::Trace(5),
        b"awsxraytraceid" => Key::Trace(6),
        b"tracetraceid" => Key::Trace(7),
        b"ddtraceid" => Key::Trace(DATADOG),
        b"traceparent" => Key::Trace(9),
        b"parent" if inside == Inside::Trace => Key::Trace(9),
        b"logginggoogleapiscomtrace" => Key::Trace(10),
        b"trace" => Key::Trace(11),
        b"id" if inside == Inside::Span => Key::Span,
        b"spanid" | b"otelspanid" | b"ddspanid" | b"tracespanid" => Key::Span,
        b"sp" if at => Key::Span,
        b"segmentid" | b"xraysegmentid" => Key::Segment,
        b"name" if inside == Inside::Level => Key::Level(Numbers::None),
        b"level" | b"severity" | b"loglevel" | b"lvl" | b"levelname" | b"severitytext" => Key::Level(Numbers::Pino),
        b"l" if at => Key::Level(Numbers::None),
        b"levelno" => Key::Level(Numbers::Python),
        b"severitynumber" => Key::Level(Numbers::OpenTelemetry),
        // Errors have messages of their own.
        b"message" | b"msg" | b"event" | b"log" | b"body" | b"text" | b"textpayload" | b"shortmessage" if inside == Inside::Root => {
            Key::Message
        }
        b"m" | b"mt" if at => Key::Message,
        b"exception"
        | b"excinfo"
        | b"exctext"
        | b"stack"
        | b"stacktrace"
        | b"errorstacktrace"
        | b"exceptionstacktrace"
        | b"traceback"
        | b"errorstack"
        | b"errstack" => Key::Stack,
        b"x" if at => Key::Stack,
        b"method" | b"httpmethod" | b"requestmethod" | b"httprequestmethod" => Key::Method,
        b"path" | b"httppath" | b"urlpath" | b"requestpath" | b"httptarget" | b"uri" | b"requesturi" | b"url" | b"httpurl"
        | b"requesturl" => Key::Path,
        b"status"
        | b"statuscode"
        | b"httpstatus"
        | b"httpstatuscode"
        | b"httpresponsestatuscode"
        | b"responsestatus"
        | b"responsestatuscode" => Key::Status,
        b"remoteaddr" | b"remoteip" | b"clientip" | b"clientaddress" | b"remoteaddress" | b"ip" => Key::Client,
        _ => Key::Other,
    }
}

/// What an object of that key is, if it may hold fields of ours.
pub fn container(plain: &Plain) -> Option<Inside> {
    Some(match plain.bytes() {
        b"trace" => Inside::Trace,
        b"span" => Inside::Span,
        b"dd" => Inside::Datadog,
        b"level" => Inside::Level,
        b"otel" | b"context" | b"attributes" | b"labels" | b"fields" | b"extra" | b"mdc" | b"contextmap" | b"record" | b"tracing"
        | b"properties" | b"scope" | b"log" | b"http" | b"request" | b"req" | b"response" | b"res" | b"httprequest" | b"err" | b"error"
        | b"exception" => Inside::Other,
        _ => return None,
    })
}
