//! How often requests went well or not, and how long they took: botocore's `ServiceStatistics` (of an edge, `EdgeStatistics`
//! says the same) and `Histogram`.

use super::record;
use super::view::response_time;
use model::span::Span;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Sums over requests, by sample weight: a span that stands for ten counts ten times.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    ok: f64,
    throttle: f64,
    error: f64,
    fault: f64,
    seconds: f64,
    /// By response time in nanoseconds, rounded.
    times: BTreeMap<i64, f64>,
}

impl Statistics {
    /// Counts a request, once it is completed.
    pub fn add(&mut self, span: &Span) {
        let Some(time) = response_time(span) else { return };
        let flags = record::flags(span);
        let weight = span.envelope.weight;
        let count = match (flags.fault, flags.throttle, flags.error) {
            (true, _, _) => &mut self.fault,
            (_, true, _) => &mut self.throttle,
            (_, _, true) => &mut self.error,
            _ => &mut self.ok,
        };
        *count += weight;
        self.seconds += time * weight;
        *self.times.entry(rounded(span.duration_ns)).or_default() += weight;
    }

    pub fn summary(&self) -> Value {
        let count = |weight: f64| weight.round() as u64;
        json!({
            "OkCount": count(self.ok),
            "ErrorStatistics": {
                "ThrottleCount": count(self.throttle),
                "OtherCount": count(self.error),
                "TotalCount": count(self.throttle + self.error),
            },
            "FaultStatistics": {"OtherCount": count(self.fault), "TotalCount": count(self.fault)},
            "TotalCount": count(self.ok + self.throttle + self.error + self.fault),
            "TotalResponseTime": self.seconds,
        })
    }

    /// Each response time, in seconds, with its count.
    pub fn histogram(&self) -> Value {
        let entry = |(nanos, weight): (&i64, &f64)| json!({"Value": *nanos as f64 / 1e9, "Count": weight.round() as u64});
        self.times.iter().map(entry).collect()
    }
}

/// Three digits: as many different times are no more than a few thousand, and none is off by more than half a percent.
fn rounded(nanos: i64) -> i64 {
    let mut step = 1;
    while nanos / step >= 1_000 {
        step *= 10;
    }
    (nanos + step / 2) / step * step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_three_digits() {
        for (nanos, kept) in [(0, 0), (999, 999), (1_004, 1_000), (1_005, 1_010), (123_456_789, 123_000_000), (9_999, 10_000)] {
            assert_eq!(rounded(nanos), kept);
        }
    }
}
