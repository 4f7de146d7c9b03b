//! The fields that CloudWatch discovers in Lambda's own lines. Source: AWS, "Supported logs and discovered fields".

use super::value::{Value, parse_number};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LambdaField {
    /// `@requestId`
    RequestId,
    /// `@type`: START, END, REPORT
    Type,
    /// `@duration`, ms
    Duration,
    /// `@billedDuration`, ms
    BilledDuration,
    /// `@initDuration`, ms
    InitDuration,
    /// `@memorySize`, bytes of 1,000,000 to the MB
    MemorySize,
    /// `@maxMemoryUsed`, bytes
    MaxMemoryUsed,
    /// `@xrayTraceId`
    XrayTraceId,
    /// `@xraySegmentId`
    XraySegmentId,
}

impl LambdaField {
    pub fn named(name: &str) -> Option<LambdaField> {
        Some(match name {
            "@requestId" => LambdaField::RequestId,
            "@type" => LambdaField::Type,
            "@duration" => LambdaField::Duration,
            "@billedDuration" => LambdaField::BilledDuration,
            "@initDuration" => LambdaField::InitDuration,
            "@memorySize" => LambdaField::MemorySize,
            "@maxMemoryUsed" => LambdaField::MaxMemoryUsed,
            "@xrayTraceId" => LambdaField::XrayTraceId,
            "@xraySegmentId" => LambdaField::XraySegmentId,
            _ => return None,
        })
    }
}

pub fn value(field: LambdaField, message: &str) -> Value<'_> {
    let kind =
        ["START", "END", "REPORT"].into_iter().find(|kind| message.strip_prefix(kind).is_some_and(|rest| rest.starts_with(" RequestId: ")));
    let report = || (kind == Some("REPORT")).then_some(message);
    let number = |label: &str, factor: f64| {
        let text = report().and_then(|report| after(report, label));
        text.and_then(parse_number).map_or(Value::Null, |number| Value::Number(number * factor))
    };
    let text = |text: Option<_>| text.map_or(Value::Null, Value::text);
    match field {
        LambdaField::Type => text(kind),
        LambdaField::RequestId => text(match kind {
            Some(_) => after(message, "RequestId: "),
            None => request_id(message),
        }),
        LambdaField::Duration => number("Duration: ", 1.0),
        LambdaField::BilledDuration => number("Billed Duration: ", 1.0),
        LambdaField::InitDuration => number("Init Duration: ", 1.0),
        LambdaField::MemorySize => number("Memory Size: ", 1e6),
        LambdaField::MaxMemoryUsed => number("Max Memory Used: ", 1e6),
        LambdaField::XrayTraceId => text(report().and_then(|report| after(report, "XRAY TraceId: "))),
        LambdaField::XraySegmentId => text(report().and_then(|report| after(report, "SegmentId: "))),
    }
}

/// What follows the label, up to white space.
fn after<'a>(message: &'a str, label: &str) -> Option<&'a str> {
    let (_, rest) = message.split_once(label)?;
    rest.split_whitespace().next()
}

/// The request in the lines of functions themselves: one of their first columns, between tabs, is a UUID.
fn request_id(message: &str) -> Option<&str> {
    message.split('\t').take(4).find(|column| {
        column.len() == 36
            && column
                .bytes()
                .enumerate()
                .all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report() {
        let report = "REPORT RequestId: 8f5c7d9a-1111-4c4e-9df7-aaaaaaaaaaaa\tDuration: 102.25 ms\tBilled Duration: 103 ms\tMemory Size: 128 MB\tMax Memory Used: 55 MB\tInit Duration: 210.5 ms\t\nXRAY TraceId: 1-5759e988-bd862e3fe1be46a994272793\tSegmentId: 53995c3f42cd8ad8\tSampled: true\t\n";
        for (name, expected) in [
            ("@requestId", Value::text("8f5c7d9a-1111-4c4e-9df7-aaaaaaaaaaaa")),
            ("@type", Value::text("REPORT")),
            ("@duration", Value::Number(102.25)),
            ("@billedDuration", Value::Number(103.0)),
            ("@initDuration", Value::Number(210.5)),
            ("@memorySize", Value::Number(128e6)),
            ("@maxMemoryUsed", Value::Number(55e6)),
            ("@xrayTraceId", Value::text("1-5759e988-bd862e3fe1be46a994272793")),
            ("@xraySegmentId", Value::text("53995c3f42cd8ad8")),
        ] {
            let field = LambdaField::named(name).unwrap();
            assert_eq!(value(field, report), expected, "{name}");
            assert_eq!(value(field, "a line of a function"), Value::Null, "{name}");
        }
        let line = "2026-11-22T15:04:00.123Z\t8f5c7d9a-1111-4c4e-9df7-aaaaaaaaaaaa\tINFO\thello";
        assert_eq!(value(LambdaField::RequestId, line), Value::text("8f5c7d9a-1111-4c4e-9df7-aaaaaaaaaaaa"));
    }
}
