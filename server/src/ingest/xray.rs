//! AWS X-Ray: the daemon's UDP and TCP protocol and the REST API. Every document, however it came, goes through
//! [`translate::Translator`].
//!
//! Sources: the X-Ray developer guide ("Segment documents", "Sending trace data"), aws-xray-daemon (`pkg/tracesegment`,
//! `pkg/proxy`), botocore `data/xray/2016-04-12`, and the `awsxrayreceiver` of opentelemetry-collector-contrib for the
//! OpenTelemetry names.

pub mod account;
pub mod api;
pub mod sampling;
pub mod translate;
pub mod udp;

mod attributes;
mod cause;
mod decimal;
mod json;
mod resource;

/// Datagrams to the daemon's port.
pub const UDP: &str = "xray_udp";
/// `PutTraceSegments`.
pub const API: &str = "xray_api";
