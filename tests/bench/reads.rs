//! The way out, over HTTP and keep-alive. Every answer is checked against what was sent before its time counts.

use crate::harness::Clew;
use crate::http::{Connection, encode};
use crate::report::{Report, Target};
use crate::workload::{Fact, ROUTES, SERVICES, SPANS_PER_TRACE, SPREAD, TraceFact, Workload, hex};
use server::demo::random::Random;
use std::collections::HashMap;
use std::time::Instant;

/// How often each read is measured.
const RUNS: usize = 60;

/// The hour that is searched: the last but one, so that its edges are inside the data.
const HOUR: i64 = 3_600_000_000_000;

/// A span counts as slow from here on.
const SLOW_NS: i64 = 500_000_000;

/// The service whose slow requests are searched.
const SEARCHED: usize = 2;

/// Measures every read of the issue on the data of `workload`.
pub fn measure(clew: &Clew, workload: &Workload, report: &mut Report) {
    let mut reader = Reader { connection: Connection::open(&clew.ready.http), from: workload.from };
    let mut random = Random::new(11);
    let facts = workload.sent();
    let whole: Vec<(&TraceFact, &[Fact])> = workload.traces.iter().zip(facts.chunks(SPANS_PER_TRACE)).collect();

    let picked: Vec<_> = (0..RUNS * 4).map(|_| whole[random.below(whole.len() as u64) as usize]).collect();
    let times = picked.iter().map(|(trace, spans)| reader.trace(&hex(&trace.id), spans.len())).collect();
    report.many("trace by id", "ms", times, Some(Target::P95AtMost(5.0)), "VT 19 (p95 26), Tempo 59-96");

    let (start, end) = (workload.from + SPREAD - 2 * HOUR, workload.from + SPREAD - HOUR);
    let hits = |&&(trace, spans): &&(&TraceFact, &[Fact])| {
        (start..end).contains(&trace.start) && spans.iter().any(|span| span.service as usize == SEARCHED && span.duration_ns > SLOW_NS)
    };
    let expected = whole.iter().filter(hits).count();
    let query = format!("service:{} duration:>500ms", SERVICES[SEARCHED]);
    let times = (0..RUNS).map(|_| reader.list(&query, start, end, expected)).collect();
    report.many(
        &format!("service + duration in 1 h, newest 100 of {expected}"),
        "ms",
        times,
        Some(Target::P95AtMost(10.0)),
        "VT 2.4-18.6, Tempo 30",
    );
    let times = (0..RUNS).map(|_| reader.count(&query, start, end, expected)).collect();
    report.many("  its exact total", "ms", times, None, "");

    let by_service = percentiles(facts.iter().map(|fact| (SERVICES[fact.service as usize], fact.duration_ns)));
    let times = (0..RUNS).map(|_| reader.p95("| stats pct(duration, 95) by service", &by_service)).collect();
    report.many("p95(duration) by service, all", "ms", times, Some(Target::P95AtMost(40.0)), "VT 413, Tempo 193, ClickHouse 64");
    let by_route = percentiles(facts.iter().filter_map(|fact| Some((ROUTES[fact.route? as usize], fact.duration_ns))));
    let times = (0..RUNS).map(|_| reader.p95("http.route:* | stats pct(duration, 95) by http.route", &by_route)).collect();
    report.many("p95(duration) by http.route, all", "ms", times, Some(Target::P95AtMost(40.0)), "VT 463, Tempo 429, ClickHouse 272");

    let mut per_user: HashMap<u32, usize> = HashMap::new();
    whole.iter().for_each(|(trace, _)| *per_user.entry(trace.user).or_default() += 1);
    let users: Vec<u32> = (0..RUNS).map(|_| whole[random.below(whole.len() as u64) as usize].0.user).collect();
    let end = workload.from + 2 * SPREAD;
    let times = users.iter().map(|user| reader.list(&format!("user.id:u-{user:06}"), workload.from, end, per_user[user])).collect();
    report.many(
        "user.id = x (100,000 values), newest 100, all",
        "ms",
        times,
        Some(Target::P95AtMost(10.0)),
        "VT 22, Tempo 113, ClickHouse 84",
    );

    let times = (0..RUNS).map(|_| reader.list("", workload.from, end, whole.len())).collect();
    report.many("newest 100 of everything", "ms", times, None, "");
    let times = (0..RUNS).map(|_| reader.count("", workload.from, end, whole.len())).collect();
    report.many("total of everything", "ms", times, None, "");
    let failed = format!("/api/traces/facets?{}", range("status:error", workload.from, end));
    let times = (0..RUNS / 3).map(|_| reader.timed(&failed).0).collect();
    report.many("facets of the failed, all", "ms", times, None, "");
    let histogram = format!("/api/traces/count?{}&buckets=60", range("status:error", workload.from, end));
    let times = (0..RUNS / 3).map(|_| reader.timed(&histogram).0).collect();
    report.many("histogram of the failed, all", "ms", times, None, "");
}

struct Reader {
    connection: Connection,
    from: i64,
}

impl Reader {
    /// Milliseconds, and the answer.
    fn timed(&mut self, path: &str) -> (f64, serde_json::Value) {
        let begun = Instant::now();
        let answer = self.connection.get(path);
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        (ms, answer.json(path))
    }

    fn trace(&mut self, id: &str, expected: usize) -> f64 {
        let (ms, answer) = self.timed(&format!("/api/traces/{id}"));
        let spans = answer["spans"].as_array().map(Vec::len);
        assert_eq!(spans, Some(expected), "trace {id}");
        ms
    }

    /// The first page of the newest.
    fn list(&mut self, query: &str, start: i64, end: i64, expected: usize) -> f64 {
        let (ms, answer) = self.timed(&format!("/api/traces?{}&limit=100", range(query, start, end)));
        let rows = answer["traces"].as_array().expect("traces");
        assert_eq!(rows.len(), expected.min(100), "{query}");
        assert_eq!(answer["cursor"].is_string(), expected > 100, "{query}: a cursor if and only if there is more");
        ms
    }

    fn count(&mut self, query: &str, start: i64, end: i64, expected: usize) -> f64 {
        let (ms, answer) = self.timed(&format!("/api/traces/count?{}", range(query, start, end)));
        assert_eq!((answer["traces"].as_u64(), answer["exact"].as_bool()), (Some(expected as u64), Some(true)), "{query}");
        ms
    }

    fn p95(&mut self, query: &str, expected: &HashMap<&str, i64>) -> f64 {
        let (ms, answer) = self.timed(&format!("/api/stats?{}", range(query, self.from, self.from + 2 * SPREAD)));
        let rows = answer["rows"].as_array().expect("rows");
        assert_eq!(rows.len(), expected.len(), "{query}: {answer}");
        for row in rows {
            let group = row[0].as_str().expect("a group");
            assert_eq!(row[1].as_f64(), Some(expected[group] as f64), "{query}: {group}");
        }
        ms
    }
}

fn range(query: &str, start: i64, end: i64) -> String {
    format!("q={}&start={start}&end={end}", encode(query))
}

/// The 95th percentile of each group: the smallest value with at least 95 % at or below it.
fn percentiles<'a>(values: impl Iterator<Item = (&'a str, i64)>) -> HashMap<&'a str, i64> {
    let mut groups: HashMap<&str, Vec<i64>> = HashMap::new();
    values.for_each(|(group, value)| groups.entry(group).or_default().push(value));
    let p95 = |mut values: Vec<i64>| {
        let rank = (values.len() * 95).div_ceil(100) - 1;
        *values.select_nth_unstable(rank).1
    };
    groups.into_iter().map(|(group, values)| (group, p95(values))).collect()
}
