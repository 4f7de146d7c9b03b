//! Lines that name no trace, but a request id that another line of their group or a span has: AWS Lambda's, or a proxy's.

use super::{Links, any, around, equals, phrase};
use model::attr::Value;
use model::error::Witness;
use model::id::{SpanId, TraceId};
use model::log::{How, Line, TraceLink};
use model::port::{Ask, LogOrder, LogSearch, Possible, SpanSearch};
use model::query::LogQuery;
use model::query::ast::{Expr, Field, Key, Query, Scope, Test};
use model::span::Span;
use model::time::{HOUR, Nanos};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

/// Attributes of spans that hold a request id.
const ATTRIBUTES: [&str; 4] = ["faas.invocation_id", "aws.request_id", "http.request_id", "request_id"];

/// Request ids that are looked up for a page.
const IDS: usize = 64;

/// Lines with one of these ids and a trace that are read.
const LINES: u32 = 1000;

/// Spans with one of these ids that are read.
const SPANS: usize = 1000;

/// How far from a line another one, or a span, of its request is looked for.
const NEAR: Nanos = HOUR;

/// Traces whose spans are read to learn whether they are of one request.
const JOINED: usize = 8;

/// The request id in a text: `RequestId: R`, `request_id=R`, `"aws_request_id":"R"`, and Lambda's `\tR\t`.
fn in_text(text: &str) -> Option<&str> {
    static ID: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let named = r#"(?i)request[_.\- ]?id\\?["']?\s*[:=]\s*\\?["']?([0-9a-z][0-9a-z_.+/=\-]{7,63})"#;
        let lambda = r"\t([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\t";
        Regex::new(&format!("{named}|{lambda}")).ok()
    });
    // A message may be megabytes, its request id stands in front.
    let head = &text[..text.floor_char_boundary(16 << 10)];
    let found = ID.as_ref()?.captures(head)?;
    let id = found.get(1).or_else(|| found.get(2))?.as_str().trim_end_matches(['.', '=', '-', '/']);
    // A word is none: `request id: undefined`.
    (id.len() >= 8 && id.bytes().any(|byte| byte.is_ascii_digit())).then_some(id)
}

/// The request id of a line, in its message or its attributes.
pub fn of_line(line: &Line) -> Option<String> {
    in_text(&line.message).or_else(|| in_text(&line.attributes)).map(str::to_owned)
}

/// The request ids of a span.
pub fn of_span(span: &Span) -> impl Iterator<Item = String> + use<'_> {
    ATTRIBUTES.iter().filter_map(|name| match model::attr::get(&span.attributes, name)? {
        Value::Str(id) if !id.is_empty() => Some(id.clone()),
        _ => None,
    })
}

/// The request id of an error, as Rollbar's SDKs have it: AWS Lambda's, or a header of the request.
pub fn of_error(witness: &Witness) -> Option<String> {
    let data: serde_json::Value = serde_json::from_str(&witness.data).ok()?;
    let header = |wanted: &str| {
        let headers = data["request"]["headers"].as_object()?;
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))?.1.as_str()
    };
    let custom = &data["custom"];
    let lambda = [&custom["lambda"]["request_id"], &custom["aws_request_id"], &custom["request_id"]].into_iter().find_map(|id| id.as_str());
    let id = lambda.or_else(|| header("x-request-id")).or_else(|| header("x-correlation-id"))?;
    (id.len() >= 8).then(|| id.to_owned())
}

/// What others say of a request id: its traces, and the span if it was a span that said so.
type Said = BTreeMap<String, BTreeMap<TraceId, Option<SpanId>>>;

impl Links {
    /// The one trace of these request ids; `None` if there are several.
    pub(super) async fn of_request(&self, ask: &Ask, ids: BTreeSet<String>, at: Nanos) -> Option<TraceLink> {
        if ids.is_empty() {
            return None;
        }
        let wanted: BTreeSet<&String> = ids.iter().collect();
        let mut said = self.said_by_spans(ask, &ids.iter().collect::<Vec<_>>(), at, at).await;
        if said.is_empty() {
            said = self.said_by_lines(ask, Vec::new(), &wanted, at, at).await;
        }
        let traces: BTreeMap<TraceId, Option<SpanId>> = said.into_values().flatten().collect();
        match self.one_request(ask, traces.keys().copied().collect()).await[..] {
            [trace_id] => Some(TraceLink { trace_id, span_id: traces.get(&trace_id).copied().flatten(), how: How::Request }),
            _ => None,
        }
    }

    /// See [`How::Request`].
    pub(super) async fn by_request_id(&self, ask: &Ask, lines: &mut [Line], possible: &mut Possible) {
        let mut wanted: BTreeMap<Arc<str>, BTreeMap<String, Vec<usize>>> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.trace.is_none()) {
            let Some(id) = of_line(line) else { continue };
            if ids.len() < IDS || ids.contains(&id) {
                ids.insert(id.clone());
                wanted.entry(line.origin.group.clone()).or_default().entry(id).or_default().push(at);
            }
        }
        for (group, ids) in wanted {
            let times = || ids.values().flatten().map(|at| lines[*at].time);
            let (Some(first), Some(last)) = (times().min(), times().max()) else { continue };
            let mut said = self.said_by_lines(ask, vec![group.to_string()], &ids.keys().collect(), first, last).await;
            let open: Vec<&String> = ids.keys().filter(|id| !said.contains_key(*id)).collect();
            said.extend(self.said_by_spans(ask, &open, first, last).await);
            for (id, rows) in &ids {
                let Some(traces) = said.get(id) else { continue };
                let one = self.one_request(ask, traces.keys().copied().collect()).await;
                for at in rows {
                    let link = |trace_id| TraceLink { trace_id, span_id: traces.get(&trace_id).copied().flatten(), how: How::Request };
                    Links::tie(&mut lines[*at], one.clone(), link, possible);
                }
            }
        }
    }

    /// `groups`: none are all.
    async fn said_by_lines(&self, ask: &Ask, groups: Vec<String>, ids: &BTreeSet<&String>, first: Nanos, last: Nanos) -> Said {
        // Every key of a query over lines is one of these.
        let trace = Key::Attribute { scope: Scope::Any, name: "trace_id".to_owned() };
        let named = Expr::Field(Field { key: trace, test: Test::Exists });
        let filter = Expr::And(vec![any(ids.iter().map(|id| phrase(id)).collect()), named]);
        let query = LogQuery { filter: Some(filter), ..LogQuery::default() };
        let range = around(first, last, NEAR);
        let search = LogSearch { query, groups, range, order: LogOrder::Newest, limit: LINES, cursor: None };
        let mut found = self.logs.logs(ask, &search).await.map(|page| page.lines).unwrap_or_default();
        model::port::LineLinks::verify(self, ask, &mut found).await;
        let mut said = Said::new();
        for line in found {
            if let (Some(link), Some(id)) = (line.trace, of_line(&line).filter(|id| ids.contains(id))) {
                said.entry(id).or_default().insert(link.trace_id, None);
            }
        }
        said
    }

    async fn said_by_spans(&self, ask: &Ask, ids: &[&String], first: Nanos, last: Nanos) -> Said {
        let mut said = Said::new();
        if ids.is_empty() {
            return said;
        }
        let filter = any(ids.iter().flat_map(|id| ATTRIBUTES.map(|name| equals(name, id))).collect());
        let search = SpanSearch { query: Query { filter: Some(filter), pipeline: vec![] }, range: around(first, last, NEAR) };
        for span in self.reader.spans(ask, &search, SPANS).await.ok().flatten().unwrap_or_default() {
            for id in of_span(&span).filter(|id| ids.contains(&id)) {
                // Spans come by their start: the first is the outermost.
                said.entry(id).or_default().entry(span.trace_id).or_insert(Some(span.span_id));
            }
        }
        said
    }

    /// One trace for each request that these traces are of.
    async fn one_request(&self, ask: &Ask, ids: BTreeSet<TraceId>) -> Vec<TraceId> {
        let mut spans = Vec::new();
        if (2..=JOINED).contains(&ids.len()) {
            for id in &ids {
                spans.extend(self.reader.trace(ask, *id).await.map(|trace| trace.spans).unwrap_or_default());
            }
        }
        self.requests(&spans.iter().collect::<Vec<_>>(), ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_in_any_notation() {
        const ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
        for text in [
            format!("START RequestId: {ID} Version: $LATEST"),
            format!("REPORT RequestId: {ID}\tDuration: 3.2 ms"),
            format!("[INFO]\t2026-11-29T06:00:00.000Z\t{ID}\tpaid"),
            format!(r#"{{"msg":"x","aws_request_id": "{ID}"}}"#),
            format!(r#"{{\"requestId\":\"{ID}\"}}"#),
            format!("paid request_id={ID}"),
            format!("X-Request-ID: {ID}."),
        ] {
            assert_eq!(in_text(&text), Some(ID), "{text}");
        }
        for text in ["request id: undefined", "request_id=17", "no request", &format!("id {ID}"), ""] {
            assert_eq!(in_text(text), None, "{text}");
        }
    }
}
