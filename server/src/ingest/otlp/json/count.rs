//! What is not kept yet: data points in JSON are counted. Also which signal a request is of.

use super::super::wire::Malformed;
use super::scalar::{self, Items, List};
use super::why;
use crate::ingest::Signal;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Which signal a request is of, for senders that post to `/`. Spans if there is nothing in it.
pub fn signal_of(body: &[u8]) -> Result<Signal, Malformed> {
    let signals: Signals = scalar::from_slice(body).map_err(|error| Malformed(why(&error)))?;
    Ok(match (signals.logs.items.is_empty(), signals.metrics.items.is_empty()) {
        (false, _) => Signal::Logs,
        (true, false) => Signal::Metrics,
        (true, true) => Signal::Traces,
    })
}

/// How many data points a request of metrics holds.
pub fn count_points(body: &[u8]) -> Result<u64, Malformed> {
    let metrics: Metrics = scalar::from_slice(body).map_err(|error| Malformed(why(&error)))?;
    let scopes = metrics.resources.items.iter().flat_map(|resource| &resource.scopes.items);
    Ok(scopes.flat_map(|scope| &scope.metrics.items).map(Metric::points).sum())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Signals {
    #[serde(alias = "resourceLogs", alias = "resource_logs")]
    logs: Items<IgnoredAny>,
    #[serde(alias = "resourceMetrics", alias = "resource_metrics")]
    metrics: Items<IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metrics {
    #[serde(alias = "resourceMetrics", alias = "resource_metrics")]
    resources: List<OfResource>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OfResource {
    #[serde(alias = "scopeMetrics", alias = "scope_metrics")]
    scopes: List<OfScope>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OfScope {
    metrics: List<Metric>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Metric {
    #[serde(
        alias = "sum",
        alias = "histogram",
        alias = "summary",
        alias = "exponentialHistogram",
        alias = "exponential_histogram",
        deserialize_with = "scalar::or_default"
    )]
    gauge: Points,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Points {
    #[serde(alias = "dataPoints", alias = "data_points")]
    points: Items<IgnoredAny>,
}

impl Metric {
    fn points(&self) -> u64 {
        self.gauge.points.items.len() as u64
    }
}
