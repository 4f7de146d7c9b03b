//! One trace as `GetTraceSummaries` shows it (botocore's `TraceSummary`).

use super::causes::causes;
use super::filter::Why;
use super::record::{self, ServiceId, without_nulls};
use super::view::{View, What, seconds};
use model::attr::{Value as Attribute, get_str};
use model::span::Span;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// `HasFault` and `HasError` are of the root, `HasThrottle` of any segment, as botocore says. What was not sent is left out.
pub fn summary(view: &View<'_>) -> Value {
    let root = view.root();
    let flags = root.map(|root| root.flags()).unwrap_or_default();
    let start = view.trace.spans.iter().map(|span| span.start).min().unwrap_or_default();
    let services: BTreeSet<&ServiceId> = view.nodes.iter().map(|node| &node.id).collect();
    let throttled = view.nodes.iter().any(|node| node.what != What::Inferred && node.flags().throttle);
    let http = view.http().map(|http| {
        without_nulls(json!({
            "HttpURL": http.url, "HttpStatus": http.status, "HttpMethod": http.method,
            "UserAgent": http.user_agent, "ClientIp": http.client_ip,
        }))
    });
    let listed = |field: &str, name: &str| {
        let values: BTreeSet<&str> = view.trace.spans.iter().filter_map(|span| get_str(&span.origin.resource, name)).collect();
        Value::Array(values.into_iter().map(|value| json!({field: value})).collect())
    };
    let causes = |why| causes(view, why).iter().map(|cause| cause.json(view)).collect::<Vec<_>>();
    let whole = &view.trace;
    without_nulls(json!({
        "Id": whole.trace_id.xray(),
        "StartTime": seconds(start),
        "Duration": view.duration(),
        "ResponseTime": root.and_then(|root| root.response_time()),
        "HasFault": flags.fault,
        "HasError": flags.error,
        "HasThrottle": throttled,
        "IsPartial": view.is_partial(),
        "Http": http,
        "Annotations": annotations(view),
        "Users": users(view),
        "ServiceIds": services.iter().map(|id| id.json()).collect::<Vec<_>>(),
        "EntryPoint": root.map(|root| root.id.json()),
        "FaultRootCauses": causes(Why::Fault),
        "ErrorRootCauses": causes(Why::Error),
        "ResponseTimeRootCauses": causes(Why::ResponseTime),
        "ResourceARNs": listed("ARN", "cloud.resource_id"),
        "InstanceIds": listed("Id", "host.id"),
        "AvailabilityZones": listed("Name", "cloud.availability_zone"),
        // It grows with everything that arrives for the trace.
        "Revision": whole.spans.len() as u64 + whole.duplicates + whole.conflicts,
    }))
}

/// The service a record belongs to.
fn service_of<'a>(view: &'a View<'_>, at: usize) -> &'a ServiceId {
    &view.nodes[view.records[at].node].id
}

fn annotations(view: &View<'_>) -> Value {
    // By key and value, so that each value is listed once.
    let mut found: BTreeMap<&str, BTreeMap<String, (Value, BTreeSet<&ServiceId>)>> = BTreeMap::new();
    for (at, span) in view.trace.spans.iter().enumerate() {
        for (key, value) in record::annotations(span) {
            let typed = match value {
                Attribute::Bool(truth) => json!({"BooleanValue": truth}),
                Attribute::Int(_) | Attribute::Float(_) => match value.as_f64().filter(|number| number.is_finite()) {
                    Some(number) => json!({"NumberValue": number}),
                    None => json!({"StringValue": value.to_string()}),
                },
                _ => json!({"StringValue": value.to_string()}),
            };
            let values = found.entry(key).or_default();
            values.entry(typed.to_string()).or_insert_with(|| (typed, BTreeSet::new())).1.insert(service_of(view, at));
        }
    }
    let list = |values: BTreeMap<String, (Value, BTreeSet<&ServiceId>)>| -> Value {
        let one = |(value, ids): (Value, BTreeSet<&ServiceId>)| json!({"AnnotationValue": value, "ServiceIds": ids.iter().map(|id| id.json()).collect::<Vec<_>>()});
        Value::Array(values.into_values().map(one).collect())
    };
    Value::Object(found.into_iter().map(|(key, values)| (key.to_owned(), list(values))).collect())
}

fn users(view: &View<'_>) -> Value {
    let mut found: BTreeMap<String, BTreeSet<&ServiceId>> = BTreeMap::new();
    let named = |(at, span): (usize, &Span)| record::user(span).map(|user| (at, user));
    for (at, user) in view.trace.spans.iter().enumerate().filter_map(named) {
        found.entry(user).or_default().insert(service_of(view, at));
    }
    let one = |(user, ids): (String, BTreeSet<&ServiceId>)| json!({"UserName": user, "ServiceIds": ids.iter().map(|id| id.json()).collect::<Vec<_>>()});
    Value::Array(found.into_iter().map(one).collect())
}
