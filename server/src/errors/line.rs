//! What log records say of errors: OpenTelemetry's, with the attributes of an exception (semantic conventions, "Exceptions in logs").

use super::span::{Said, beside, text};
use super::stack::trace_chain;
use model::attr::{Attributes, Value, get_str};
use model::error::{ErrorLevel, LinkHow, Witness};
use model::log::{Level, Line};
use serde_json::Map;
use xxhash_rust::xxh3::xxh3_128;

/// How the identities of errors of log records begin.
pub const LOGGED: &str = "log-";

/// The error of a log record; `None` if it has no attributes of an exception.
pub fn from_line(line: &Line) -> Option<Witness> {
    if !line.origin.source.starts_with("otlp") || !line.attributes.contains("\"exception.") {
        return None;
    }
    let attributes = attributes(&line.attributes);
    let said = |name: &str| get_str(&attributes, name).unwrap_or_default();
    let (class, message, stack) = (said("exception.type"), said("exception.message"), said("exception.stacktrace"));
    if class.is_empty() && message.is_empty() && stack.is_empty() {
        return None;
    }
    let level = match line.severity.level() {
        Level::Fatal => ErrorLevel::Critical,
        Level::Warn => ErrorLevel::Warning,
        Level::Info => ErrorLevel::Info,
        Level::Debug | Level::Trace => ErrorLevel::Debug,
        Level::Error | Level::None => ErrorLevel::Error,
    };
    let resource = self::attributes(&line.origin.resource);
    let mut custom = beside(&attributes);
    custom.insert("log.message".into(), line.message.as_str().into());
    let around = Said {
        environment: line.origin.environment.to_string(),
        version: text(&resource, "service.version"),
        host: line.origin.host.to_string(),
        context: text(&attributes, "http.route"),
        language: text(&resource, "telemetry.sdk.language"),
        notifier: "opentelemetry",
        custom,
        level,
        time: line.time,
    };
    // A record has no id of its own: what comes again the same, in the same nanosecond of the same stream, is the same.
    let trace = line.trace.map(|link| (link.trace_id, link.span_id));
    let all = format!("{trace:?}\0{}\0{}\0{}\0{class}\0{message}\0{stack}", line.origin.group, line.origin.stream, line.time);
    Some(Witness {
        seq: 0,
        time: line.time,
        received_at: line.received_at,
        source: line.origin.source.clone(),
        key: line.origin.key.clone(),
        identity: format!("{LOGGED}{:032x}", xxh3_128(all.as_bytes())),
        project: line.origin.service.clone(),
        service: line.origin.service.to_string(),
        level,
        traces: line.trace.map(|link| link.trace_id).into_iter().collect(),
        span: line.trace.and_then(|link| link.span_id),
        how: line.trace.map(|link| if link.span_id.is_some() { LinkHow::Span } else { LinkHow::Trace }),
        handled: None,
        person: None,
        data: around.data(trace_chain(class, message, stack), Map::new()).to_string(),
        environment: around.environment,
        version: around.version,
        host: around.host,
        context: around.context,
    })
}

fn attributes(json: &str) -> Attributes {
    match model::json::object(json) {
        Some(Value::Map(attributes)) => attributes,
        _ => Attributes::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::id::{SpanId, TraceId};
    use model::log::{How, Origin, Severity, TraceLink};
    use std::sync::Arc;

    fn line(attributes: &str) -> Line {
        let origin = Origin {
            service: "shop".into(),
            environment: "prod".into(),
            resource: r#"{"service.version":"1.2"}"#.into(),
            source: "otlp_http".into(),
            ..Origin::default()
        };
        Line {
            seq: 3,
            time: 5,
            received_at: 6,
            origin: Arc::new(origin),
            severity: Severity::FATAL,
            severity_sent: Severity::FATAL,
            message: "checkout failed".into(),
            attributes: attributes.into(),
            trace: Some(TraceLink { trace_id: TraceId([1; 16]), span_id: Some(SpanId([2; 8])), how: How::Protocol }),
        }
    }

    #[test]
    fn a_record_with_an_exception() {
        let line = line(r#"{"exception.type":"KeyError","exception.message":"'x'","http.route":"/orders/<id>","attempt":2}"#);
        let witness = from_line(&line).unwrap();
        assert_eq!((witness.service.as_str(), witness.environment.as_str(), witness.version.as_str()), ("shop", "prod", "1.2"));
        assert_eq!((witness.context.as_str(), witness.level), ("/orders/<id>", ErrorLevel::Critical));
        assert_eq!((witness.traces.as_slice(), witness.how), (&[TraceId([1; 16])][..], Some(LinkHow::Span)));
        let data: serde_json::Value = serde_json::from_str(&witness.data).unwrap();
        assert_eq!(data["body"]["trace_chain"][0]["exception"]["class"], "KeyError");
        assert_eq!((&data["custom"]["attempt"], &data["custom"]["log.message"]), (&2.into(), &"checkout failed".into()));
        assert_eq!(from_line(&line).unwrap().identity, witness.identity);
        let later = Line { time: 7, ..line };
        assert_ne!(from_line(&later).unwrap().identity, witness.identity);
    }

    #[test]
    fn other_records_are_no_errors() {
        for attributes in ["", "{}", "{", r#"{"exception.escaped":true}"#, r#"{"message":"\"exception.type"}"#] {
            assert_eq!(from_line(&line(attributes)), None, "{attributes}");
        }
        let mut of_cloudwatch = line(r#"{"exception.type":"KeyError"}"#);
        of_cloudwatch.origin = Arc::new(Origin { source: "cloudwatch_logs".into(), ..Origin::default() });
        assert_eq!(from_line(&of_cloudwatch), None);
    }
}
