//! Counting what is not kept yet: log records and data points in JSON.

use super::super::wire::Malformed;
use super::scalar::{self, List};
use super::why;
use crate::ingest::Signal;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// How many log records or data points a JSON request holds, and of which signal it is.
pub fn count(body: &[u8]) -> Result<(Signal, u64), Malformed> {
    let counts: Counts = scalar::from_slice(body).map_err(|error| Malformed(why(&error)))?;
    let logs: u64 =
        counts.logs.items.iter().flat_map(|resource| &resource.scopes.items).map(|scope| scope.records.items.len() as u64).sum();
    let points: u64 = counts
        .metrics
        .items
        .iter()
        .flat_map(|resource| &resource.scopes.items)
        .flat_map(|scope| &scope.metrics.items)
        .map(Metric::points)
        .sum();
    Ok(match (counts.logs.items.is_empty(), counts.metrics.items.is_empty()) {
        (false, _) => (Signal::Logs, logs),
        (true, false) => (Signal::Metrics, points),
        (true, true) => (Signal::Traces, 0),
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Counts {
    #[serde(alias = "resourceLogs", alias = "resource_logs")]
    logs: List<ResourceRecords>,
    #[serde(alias = "resourceMetrics", alias = "resource_metrics")]
    metrics: List<ResourceRecords>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ResourceRecords {
    #[serde(alias = "scopeLogs", alias = "scope_logs", alias = "scopeMetrics", alias = "scope_metrics")]
    scopes: List<ScopeRecords>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ScopeRecords {
    #[serde(alias = "logRecords", alias = "log_records")]
    records: scalar::Items<IgnoredAny>,
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
    points: scalar::Items<IgnoredAny>,
}

impl Metric {
    fn points(&self) -> u64 {
        self.gauge.points.items.len() as u64
    }
}
