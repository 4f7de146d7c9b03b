//! Which traces an item names. Rollbar's SDKs know no trace ids of other systems; they are where people, handlers and frameworks put them:
//! in the new `attributes`, in `custom` and its like, in the headers of the request, in the text. All that are found are kept, the
//! surest first.

use crate::ingest::lines::trace;
use model::error::LinkHow;
use model::id::{SpanId, TraceId};
use model::log::How;
use serde_json::{Map, Value};

/// What an item names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Links {
    pub traces: Vec<TraceId>,
    /// Of the first.
    pub span: Option<SpanId>,
    pub how: Option<LinkHow>,
}

impl Links {
    fn add(&mut self, trace: TraceId, span: Option<SpanId>, how: LinkHow) {
        if self.traces.is_empty() {
            (self.span, self.how) = (span, Some(how));
        }
        if !self.traces.contains(&trace) {
            self.traces.push(trace);
        }
    }

    /// What an object says, by the names of its keys; the ids of one system go together.
    fn object(&mut self, object: &Map<String, Value>) {
        let plain: Vec<(String, &Value)> =
            object.iter().filter(|(key, _)| key.len() <= LONGEST).map(|(key, value)| (plain(key), value)).collect();
        for family in FAMILIES {
            let said = |names: &[&str]| {
                plain.iter().filter(|(key, _)| names.contains(&key.as_str())).find_map(|(_, value)| text(value)).map(str::to_owned)
            };
            let Some(id) = said(family.traces) else { continue };
            let parent = traceparent(&id);
            let named = said(family.spans).and_then(|span| span_id(&span));
            let Some(trace) = parent.map(|(trace, _)| trace).or_else(|| trace_id(&id)) else { continue };
            let span = named.or(parent.map(|(_, span)| span));
            self.add(trace, span, if span.is_some() { LinkHow::Span } else { LinkHow::Trace });
        }
    }

    fn header(&mut self, name: &str, value: &str) {
        let found = match name {
            "traceparent" => traceparent(value).map(|(trace, _)| trace),
            "x-amzn-trace-id" => value.split(';').find_map(|part| part.trim().strip_prefix("Root=")).and_then(trace_id),
            "x-b3-traceid" => trace_id(value),
            "b3" | "sentry-trace" => value.split('-').next().and_then(trace_id),
            "x-datadog-trace-id" => trace::decimal_id(value.trim()),
            "x-cloud-trace-context" => value.split('/').next().and_then(trace_id),
            _ => None,
        };
        if let Some(trace) = found {
            self.add(trace, None, LinkHow::Header);
        }
    }
}

struct Family {
    traces: &'static [&'static str],
    spans: &'static [&'static str],
}

/// Names without case, dots, dashes and underscores.
const FAMILIES: [Family; 4] = [
    Family { traces: &["traceid", "oteltraceid", "traceparent"], spans: &["spanid", "otelspanid"] },
    Family { traces: &["opentracingtraceid"], spans: &["opentracingspanid"] },
    Family { traces: &["ddtraceid"], spans: &["ddspanid"] },
    Family { traces: &["xraytraceid", "amazontraceid", "xamzntraceid"], spans: &["xraysegmentid", "xrayspanid", "xraysubsegmentid"] },
];

/// Bytes of such a name, however it is written.
const LONGEST: usize = 40;

/// Objects within an object that hold such names.
const INSIDE: [&str; 5] = ["otel", "trace", "opentelemetry", "xray", "lambda"];

/// The links of an item's `data`.
pub fn links(data: &Value) -> Links {
    let mut links = Links::default();
    let attributes: Map<String, Value> = data["attributes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| Some((one["key"].as_str()?.to_owned(), one["value"].clone())))
        .collect();
    links.object(&attributes);
    let body = &data["body"];
    for place in
        [&data["custom"], data, &body["message"], &body["message"]["extra"], &body["trace"]["extra"], &body["trace_chain"][0]["extra"]]
    {
        let Some(object) = place.as_object() else { continue };
        links.object(object);
        let nested = object.iter().filter(|(key, _)| INSIDE.contains(&plain(key).as_str())).map(|(_, value)| value);
        for inner in nested.chain([&place["contexts"]["trace"]]).filter_map(Value::as_object) {
            links.object(inner);
        }
    }
    for (name, value) in data["request"]["headers"].as_object().into_iter().flatten() {
        if let Some(value) = text(value) {
            links.header(&name.to_ascii_lowercase(), value);
        }
    }
    if links.traces.is_empty() {
        let exception = |of: &Value| of["exception"]["message"].as_str().map(str::to_owned);
        let texts = [exception(&body["trace"]), exception(&body["trace_chain"][0]), body["message"]["body"].as_str().map(str::to_owned)];
        // An id that nothing names is not worth a link.
        let found = texts.into_iter().flatten().filter_map(|text| trace::in_text(&text)).find(|link| link.how != How::Bare);
        if let Some(link) = found {
            links.add(link.trace_id, link.span_id, if link.span_id.is_some() { LinkHow::Span } else { LinkHow::Trace });
        }
    }
    links
}

fn plain(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '.' | '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// A text, or the only text of a list: some frameworks have lists of header values.
fn text(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.as_array().filter(|list| list.len() == 1)?.first()?.as_str()).map(str::trim)
}

/// `1-5759e988-bd862e3fe1be46a994272793`, 32 hex digits, 16, or Datadog's decimal.
fn trace_id(text: &str) -> Option<TraceId> {
    let text = text.trim().strip_prefix("0x").unwrap_or(text.trim());
    let whole = text.parse::<TraceId>().ok().and_then(TraceId::valid).or_else(|| trace::trace_id(&text.to_ascii_lowercase()));
    whole.or_else(|| trace::decimal_id(text).filter(|_| text.len() > 16))
}

fn span_id(text: &str) -> Option<SpanId> {
    let text = text.trim().strip_prefix("0x").unwrap_or(text.trim()).to_ascii_lowercase();
    let decimal = || text.parse::<u64>().ok().map(|id| SpanId(id.to_be_bytes()));
    text.parse::<SpanId>().ok().or_else(decimal).and_then(SpanId::valid)
}

/// W3C Trace Context: `00-{trace}-{span}-{flags}`.
fn traceparent(text: &str) -> Option<(TraceId, SpanId)> {
    let mut parts = text.trim().split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    if version.len() != 2 || trace.len() != 32 || span.len() != 16 {
        return None;
    }
    Some((trace.parse::<TraceId>().ok()?.valid()?, span.parse::<SpanId>().ok()?.valid()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OTEL: &str = "309cce7d0a23bda4269b3375600974b4";
    const XRAY: &str = "1-6b02e85e-bb35c46a7d0602e3fb431ce5";

    fn id(text: &str) -> TraceId {
        text.parse().unwrap()
    }

    fn span(text: &str) -> Option<SpanId> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn ids_of_two_systems_beside_each_other() {
        let custom = json!({"trace_id": OTEL, "span_id": "923aaa19f707d061", "xray_trace_id": XRAY, "xray_segment_id": "25d061fb3f544a58"});
        let links = links(&json!({"custom": custom, "request": {"headers": {"Traceparent": format!("00-{OTEL}-ffffffffffffffff-01")}}}));
        assert_eq!(links, Links { traces: vec![id(OTEL), id(XRAY)], span: span("923aaa19f707d061"), how: Some(LinkHow::Span) });
    }

    #[test]
    fn where_ids_may_be() {
        let hex = "5759e988bd862e3fe1be46a994272793";
        for (data, how) in [
            (json!({"attributes": [{"key": "session_id", "value": OTEL}, {"key": "trace_id", "value": hex}]}), LinkHow::Trace),
            (json!({"trace_id": hex}), LinkHow::Trace),
            (json!({"custom": {"otel": {"traceId": hex, "spanId": "25d061fb3f544a58"}}}), LinkHow::Span),
            (json!({"custom": {"contexts": {"trace": {"trace_id": hex}}}}), LinkHow::Trace),
            (
                json!({"body": {"message": {"body": "x", "extra": {"X-Ray_Trace-Id": "1-5759e988-bd862e3fe1be46a994272793"}}}}),
                LinkHow::Trace,
            ),
            (json!({"body": {"trace": {"extra": {"traceparent": format!("00-{hex}-25d061fb3f544a58-01")}}}}), LinkHow::Span),
            (
                json!({"request": {"headers": {"X-Amzn-Trace-Id": "Self=1-1-2;Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"}}}),
                LinkHow::Header,
            ),
            (json!({"request": {"headers": {"TRACEPARENT": [format!("00-{hex}-25d061fb3f544a58-01")]}}}), LinkHow::Header),
            (json!({"request": {"headers": {"b3": format!("{hex}-25d061fb3f544a58-1")}}}), LinkHow::Header),
            (json!({"body": {"message": {"body": format!("failed, trace_id={hex}")}}}), LinkHow::Trace),
        ] {
            let links = links(&data);
            assert_eq!((links.traces.as_slice(), links.how), (&[id(hex)][..], Some(how)), "{data}");
        }
    }

    #[test]
    fn what_is_no_trace_id() {
        for data in [
            json!({"attributes": [{"key": "session_id", "value": OTEL}, {"key": "execution_scope_id", "value": OTEL}]}),
            json!({"custom": {"trace_id": "00000000000000000000000000000000"}}),
            json!({"custom": {"trace_id": 7, "span_id": null}}),
            json!({"custom": {"trace_id": "none"}}),
            json!({"body": {"message": {"body": format!("build {OTEL} is broken")}}}),
            json!({"request": {"headers": {"X-Request-Id": OTEL}}}),
            json!(null),
            json!({"custom": [], "attributes": {"trace_id": OTEL}, "request": []}),
        ] {
            assert_eq!(links(&data), Links::default(), "{data}");
        }
        let datadog = links(&json!({"custom": {"dd.trace_id": "12345678901234567890", "dd.span_id": "5"}}));
        assert_eq!(
            (datadog.traces, datadog.span),
            (vec![TraceId(12_345_678_901_234_567_890u128.to_be_bytes())], Some(SpanId(5u64.to_be_bytes())))
        );
    }
}
