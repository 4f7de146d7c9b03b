//! Spans as OTLP requests.

use super::drawing::Made;
use super::shop::Process;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use std::collections::BTreeMap;

/// Groups an iterator of traces into requests of about `spans` spans each, by process and scope as a collector would.
pub fn requests(traces: impl Iterator<Item = Vec<Made>>, spans: usize) -> impl Iterator<Item = ExportTraceServiceRequest> {
    let mut made = traces.flatten().peekable();
    std::iter::from_fn(move || {
        made.peek()?;
        Some(request(made.by_ref().take(spans)))
    })
}

/// One request with these spans.
pub fn request(made: impl Iterator<Item = Made>) -> ExportTraceServiceRequest {
    let mut processes: BTreeMap<Process, BTreeMap<&'static str, Vec<Span>>> = BTreeMap::new();
    for Made { process, scope, span } in made {
        processes.entry(process).or_default().entry(scope).or_default().push(span);
    }
    let resource_spans = processes.into_iter().map(|(process, scopes)| ResourceSpans {
        resource: Some(Resource { attributes: process.resource(), ..Resource::default() }),
        scope_spans: scopes.into_iter().map(|(scope, spans)| scope_spans(scope, spans)).collect(),
        schema_url: "https://opentelemetry.io/schemas/1.38.0".into(),
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
}

fn scope_spans(scope: &str, spans: Vec<Span>) -> ScopeSpans {
    let scope = InstrumentationScope { name: scope.to_owned(), version: "0.208.0".into(), ..InstrumentationScope::default() };
    ScopeSpans { scope: Some(scope), spans, schema_url: String::new() }
}

/// How many spans a request carries.
pub fn spans(request: &ExportTraceServiceRequest) -> usize {
    request.resource_spans.iter().flat_map(|resource| &resource.scope_spans).map(|scope| scope.spans.len()).sum()
}
