//! What Clew stored of each request to Cruddur, and what it must have stored.

use crate::harness::Clew;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub const BACKEND: &str = "cruddur-backend";
pub const TIMELINE: &str = "cruddur-timeline";

/// What drive.py says it did.
pub struct Drive {
    pub requests: usize,
    /// Requests by kind.
    pub kinds: BTreeMap<String, usize>,
    /// What the services wrote to stderr meanwhile: with `CRUDDUR_STDERR=1` every line they logged.
    pub stderr: String,
}

impl Drive {
    /// `sent 40, as expected 40: boom=5, crash=2, ...`
    pub fn parse(said: &str, stderr: String) -> Drive {
        let line = said.lines().find_map(|line| line.strip_prefix("sent ")).unwrap_or_else(|| panic!("no summary in {said}"));
        let (counts, kinds) = line.split_once(": ").expect("a colon before the kinds");
        let (sent, expected) = counts.split_once(", as expected ").expect("how many were as expected");
        assert_eq!(sent, expected, "every request is answered as it should be");
        let kinds = kinds.trim().split(", ").map(|kind| kind.split_once('=').expect("kind=count"));
        Drive {
            requests: sent.parse().expect("a number"),
            kinds: kinds.map(|(kind, count)| (kind.to_owned(), count.parse().expect("a number"))).collect(),
            stderr,
        }
    }
}

/// The trace of one request.
#[derive(Debug, Deserialize)]
pub struct Request {
    pub trace_id: String,
    pub spans: Vec<Span>,
}

#[derive(Debug, Deserialize)]
pub struct Span {
    pub span_id: String,
    pub parent_id: Option<String>,
    pub service: String,
    pub name: String,
    pub kind: String,
    pub status: String,
    pub duration_ns: i64,
    pub source: String,
    pub attributes: Map<String, Value>,
    pub resource: Map<String, Value>,
    pub events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
pub struct Event {
    pub name: String,
    pub attributes: Map<String, Value>,
}

pub struct Exception<'a> {
    pub class: &'a str,
    pub stack: &'a str,
}

impl Request {
    /// The one span without a parent in the trace.
    pub fn entry(&self) -> &Span {
        let mut entries = self.spans.iter().filter(|span| self.parent(span).is_none());
        let entry = entries.next().unwrap_or_else(|| panic!("no entry span in {self:#?}"));
        assert!(entries.next().is_none(), "the trace falls apart: {self:#?}");
        entry
    }

    pub fn parent(&self, span: &Span) -> Option<&Span> {
        self.spans.iter().find(|parent| span.parent_id.as_ref() == Some(&parent.span_id))
    }

    /// Whether the browser that began the trace never sent its span.
    pub fn lacks_root(&self) -> bool {
        self.entry().parent_id.is_some()
    }

    pub fn selects(&self) -> usize {
        self.spans.iter().filter(|span| span.name == "SELECT cruddur").count()
    }

    /// Service and kind of the span and its ancestors, outermost first.
    fn path(&self, span: &Span) -> Vec<(String, String)> {
        let mut path = self.parent(span).map(|parent| self.path(parent)).unwrap_or_default();
        path.push((span.service.clone(), span.kind.clone()));
        path
    }
}

impl Span {
    pub fn is_error(&self) -> bool {
        self.status == "error"
    }

    pub fn exceptions(&self) -> impl Iterator<Item = Exception<'_>> {
        self.events.iter().filter(|event| event.name == "exception").map(|event| {
            let text = |key: &str| event.attributes.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("no {key} in {event:#?}"));
            Exception { class: text("exception.type"), stack: text("exception.stacktrace") }
        })
    }

    /// Path and query of the request that a SERVER span answers.
    fn target(&self) -> &str {
        let attribute = |key: &str| self.attributes.get(key).and_then(Value::as_str);
        attribute("http.target").or_else(|| attribute("url.path")).unwrap_or_default()
    }
}

/// Every trace that Clew lists, with all its spans.
pub async fn stored(clew: &Clew, drive: &Drive) -> Vec<Request> {
    let list = clew.json("/api/traces?limit=1000").await;
    let rows = list["traces"].as_array().expect("a list of traces");
    let mut requests = Vec::new();
    for row in rows {
        let id = row["trace_id"].as_str().expect("an id");
        let request: Request = serde_json::from_value(clew.json(&format!("/api/traces/{id}")).await).expect("a trace of the API");
        assert_eq!(row["spans"], request.spans.len(), "the list counts the spans of {id}");
        assert_eq!(row["errors"], request.spans.iter().filter(|span| span.is_error()).count(), "the list counts the errors of {id}");
        assert_eq!(row["root"]["name"], request.entry().name, "the list names {id} after its entry span");
        assert_eq!(row["has_root"], !request.lacks_root());
        requests.push(request);
    }
    assert_eq!(requests.len(), drive.requests, "one trace for every request");
    assert_eq!(clew.json("/api/traces/count").await["traces"], drive.requests, "the total agrees with the list");

    let kind = |kind: &str| drive.kinds.get(kind).copied().unwrap_or_default();
    let with_selects = |n: usize| requests.iter().filter(|request| request.selects() == n).count();
    assert_eq!(with_selects(46), kind("n+1"), "one SELECT for the ids and 45 for the messages");
    assert_eq!(with_selects(13), kind("messages"));
    let failed = requests.iter().filter(|request| request.entry().is_error()).count();
    assert_eq!(failed, kind("boom") + kind("crash"), "uncaught exceptions, and nothing else, fail a request");
    requests
}

/// What must be true of the traces whatever transport they came by.
pub fn check(requests: &[Request], source: &str) {
    for request in requests {
        let entry = request.entry();
        assert_eq!((entry.service.as_str(), entry.kind.as_str()), (BACKEND, "server"), "{request:#?}");
        for span in &request.spans {
            assert_eq!(span.source, source);
            assert!(span.duration_ns > 0, "{span:#?}");
            assert_eq!(span.resource["telemetry.sdk.language"], "python");
            check_place(request, span);
        }
    }
    // Every seventh request came with a `traceparent` of a browser whose own span never arrived.
    assert_eq!(requests.iter().filter(|request| request.lacks_root()).count(), (requests.len() + 3) / 7);
    check_exceptions(requests);
}

/// The path to a span, over both services: SERVER, INTERNAL, CLIENT in the backend, then SERVER, CLIENT in the timeline.
fn check_place(request: &Request, span: &Span) {
    let whole = [(BACKEND, "server"), (BACKEND, "internal"), (BACKEND, "client"), (TIMELINE, "server"), (TIMELINE, "client")];
    let path = request.path(span);
    let path: Vec<_> = path.iter().map(|(service, kind)| (service.as_str(), kind.as_str())).collect();
    assert_eq!(path, whole[..path.len().min(whole.len())], "{} of {request:#?}", span.name);
    let at_the_end = path.len() == whole.len();
    assert_eq!(at_the_end, span.name == "SELECT cruddur", "{span:#?}");
}

fn check_exceptions(requests: &[Request]) {
    let crash = requests.iter().find(|request| request.entry().target().ends_with("@crash")).expect("a crash");
    let classes: Vec<_> =
        crash.spans.iter().flat_map(|span| span.exceptions().map(|exception| (span.service.as_str(), exception.class))).collect();
    assert!(classes.contains(&(TIMELINE, "sqlite3.OperationalError")), "{classes:?}");
    assert!(classes.contains(&(BACKEND, "requests.exceptions.HTTPError")), "{classes:?}");
    assert!(crash.spans.iter().all(Span::is_error), "it fails all the way up");

    let stack = |target: &str| {
        let request = requests.iter().find(|request| request.entry().target() == target).unwrap_or_else(|| panic!("no {target}"));
        request.entry().exceptions().map(|exception| exception.stack.to_owned()).collect::<String>()
    };
    let chained = stack("/api/boom/chained");
    assert!(chained.contains("ValueError: invalid literal") && chained.contains("direct cause"), "the cause comes with it: {chained}");
    assert!(chained.contains("RuntimeError: could not parse the feed cursor"), "{chained}");
    assert!(stack("/api/boom/zero").contains("ZeroDivisionError"));
    // Python itself writes a repeated line three times and then how often.
    let deep = stack("/api/boom/deep");
    assert!(deep.matches("in recurse").count() >= 3 && deep.contains("more times]") && deep.contains("ZeroDivisionError"), "{deep}");

    let handled = requests.iter().filter(|request| request.entry().events.iter().any(|event| event.name == "delivery.queued"));
    assert!(handled.map(|request| assert!(!request.entry().is_error())).count() > 0, "a handled exception is an event, not a failure");
}
