//! Log records in JSON.

use super::super::translate::{Record, Translator};
use super::super::wire::Malformed;
use super::scalar::{self, List, Scalar};
use super::value::AnyValue;
use super::{Pair, Resource, Scope, attributes, id, why};
use serde::Deserialize;

/// `ExportLogsServiceRequest` in JSON into the translator.
pub fn logs(body: &[u8], to: &mut Translator<'_>) -> Result<(), Malformed> {
    let request: Request = scalar::from_slice(body).map_err(|error| Malformed(why(&error)))?;
    if request.wrong() {
        return Err(Malformed("resourceLogs, scopeLogs and logRecords must be lists of objects"));
    }
    for of_resource in request.resource_logs.items {
        let resource = attributes(of_resource.resource.attributes, to)?;
        to.resource(resource);
        for of_scope in of_resource.scope_logs.items {
            let scope = of_scope.scope;
            let attributes = attributes(scope.attributes, to)?;
            to.scope(scope.name.text(), scope.version.text(), attributes);
            for record in of_scope.log_records.items {
                match read(record, to) {
                    Ok(record) => to.record(record)?,
                    Err(Malformed(why)) => to.unreadable(why, 0)?,
                }
            }
        }
    }
    Ok(())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Request {
    #[serde(alias = "resourceLogs", alias = "resource_logs")]
    resource_logs: List<ResourceLogs>,
}

impl Request {
    fn wrong(&self) -> bool {
        let scopes =
            |resource: &ResourceLogs| resource.scope_logs.wrong || resource.scope_logs.items.iter().any(|scope| scope.log_records.wrong);
        self.resource_logs.wrong || self.resource_logs.items.iter().any(scopes)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ResourceLogs {
    #[serde(deserialize_with = "scalar::or_default")]
    resource: Resource,
    // Before OTLP 0.15 the scope was called instrumentation library, and its records `logs`.
    #[serde(alias = "scopeLogs", alias = "scope_logs", alias = "instrumentationLibraryLogs")]
    scope_logs: List<ScopeLogs>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ScopeLogs {
    #[serde(alias = "instrumentationLibrary", deserialize_with = "scalar::or_default")]
    scope: Scope,
    #[serde(alias = "logRecords", alias = "log_records", alias = "logs")]
    log_records: List<RecordJson>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RecordJson {
    #[serde(alias = "time_unix_nano")]
    time_unix_nano: Scalar,
    #[serde(alias = "observed_time_unix_nano")]
    observed_time_unix_nano: Scalar,
    #[serde(alias = "severity_number")]
    severity_number: Scalar,
    #[serde(alias = "severity_text")]
    severity_text: Scalar,
    body: AnyValue,
    attributes: List<Pair>,
    #[serde(alias = "dropped_attributes_count")]
    dropped_attributes_count: Scalar,
    #[serde(alias = "trace_id")]
    trace_id: Scalar,
    #[serde(alias = "span_id")]
    span_id: Scalar,
    #[serde(alias = "event_name")]
    event_name: Scalar,
}

fn read(record: RecordJson, to: &mut Translator<'_>) -> Result<Record<'static>, Malformed> {
    Ok(Record {
        time: record.time_unix_nano.number(),
        observed: record.observed_time_unix_nano.number(),
        severity_number: severity_number(&record.severity_number),
        severity_text: record.severity_text.text(),
        body: record.body.0,
        attributes: attributes(record.attributes, to)?,
        dropped_attributes: record.dropped_attributes_count.number(),
        trace_id: id(record.trace_id),
        span_id: id(record.span_id),
        event_name: record.event_name.text(),
    })
}

/// `9`, `"9"`, `"SEVERITY_NUMBER_INFO"`
fn severity_number(scalar: &Scalar) -> i32 {
    scalar.enumeration(&[
        "SEVERITY_NUMBER_UNSPECIFIED",
        "SEVERITY_NUMBER_TRACE",
        "SEVERITY_NUMBER_TRACE2",
        "SEVERITY_NUMBER_TRACE3",
        "SEVERITY_NUMBER_TRACE4",
        "SEVERITY_NUMBER_DEBUG",
        "SEVERITY_NUMBER_DEBUG2",
        "SEVERITY_NUMBER_DEBUG3",
        "SEVERITY_NUMBER_DEBUG4",
        "SEVERITY_NUMBER_INFO",
        "SEVERITY_NUMBER_INFO2",
        "SEVERITY_NUMBER_INFO3",
        "SEVERITY_NUMBER_INFO4",
        "SEVERITY_NUMBER_WARN",
        "SEVERITY_NUMBER_WARN2",
        "SEVERITY_NUMBER_WARN3",
        "SEVERITY_NUMBER_WARN4",
        "SEVERITY_NUMBER_ERROR",
        "SEVERITY_NUMBER_ERROR2",
        "SEVERITY_NUMBER_ERROR3",
        "SEVERITY_NUMBER_ERROR4",
        "SEVERITY_NUMBER_FATAL",
        "SEVERITY_NUMBER_FATAL2",
        "SEVERITY_NUMBER_FATAL3",
        "SEVERITY_NUMBER_FATAL4",
    ])
}
