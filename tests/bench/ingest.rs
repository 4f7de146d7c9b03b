//! The way in: how many spans a second, at what cost in CPU, disk and memory, and how soon they are found.

use crate::harness::Clew;
use crate::http::Connection;
use crate::process::{Process, disk};
use crate::report::{Report, Target};
use crate::workload::{Workload, hex, one_trace};
use serde_json::json;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Connections that send at the same time.
const CONNECTIONS: usize = 4;

/// Bodies are encoded before the clock runs, so many spans at a time (some 500 MB a million).
const ROUND: usize = 1_000_000;

/// What to send.
#[derive(Clone, Copy)]
pub struct Load {
    pub spans: usize,
    /// Spans of one request.
    pub batch: usize,
}

/// Sends all of the workload, in rounds, and reports what it cost.
pub fn measure(clew: &Clew, data: &Path, workload: &mut Workload, load: Load, report: &mut Report) {
    let process = Process(clew.pid());
    let (cpu, written) = (process.cpu(), process.written());
    let (mut wall, mut wire) = (Duration::ZERO, 0);
    for _ in 0..load.spans.div_ceil(ROUND) {
        let bodies: Vec<Vec<u8>> = std::iter::from_fn(|| workload.request(load.batch)).take(ROUND / load.batch + 1).collect();
        wire += bodies.iter().map(Vec::len).sum::<usize>();
        wall += send(&clew.ready.http, &bodies, None);
    }
    let at_ack = process.cpu() - cpu;
    let settled = process.settle();
    let spans = load.spans as f64;
    let per_million = 1e6 / spans;
    let label = format!("{} M spans", spans / 1e6);
    let all = process.cpu() - cpu;
    report.once(
        &format!("ingest {label}, server CPU until settled / 1 M"),
        "s",
        all * per_million,
        Some(Target::AtMost(8.0)),
        "VT 29.3, Tempo 52.6",
    );
    report.once("  of which at the last answer", "s", at_ack * per_million, None, "Tempo 29.9");
    report.once("ingest rate until the last answer", "spans/s", spans / wall.as_secs_f64(), Some(Target::AtLeast(100_000.0)), "VT 37,000");
    report.once("ingest rate per core of CPU", "spans/s", spans / all, None, "VT 34,000");
    report.once("settled after the last answer", "s", settled.as_secs_f64(), None, "");
    let (bytes, files) = disk(data);
    report.once("disk after settling", "B/span", bytes as f64 / spans, Some(Target::AtMost(45.0)), "VT 143, ClickHouse 78");
    report.once("written to disk", "B/span", (process.written() - written) as f64 / spans, None, "rows 2526");
    report.once("resident after the load", "MB", process.resident(), Some(Target::AtMost(250.0)), "VT 325");
    report.once("resident at most", "MB", process.peak(), None, "Tempo 2200-3400");
    report.notes.push(("files".into(), json!(files.into_iter().collect::<std::collections::BTreeMap<_, _>>())));
    report.notes.push(("wire_bytes_per_span".into(), json!(wire as f64 / spans)));
}

/// The same with gzip, against a server of its own.
pub fn measure_gzip(clew: &Clew, workload: &mut Workload, load: Load, report: &mut Report) {
    use std::io::Write as _;
    let gzip = |body: Vec<u8>| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        encoder.write_all(&body).and_then(|()| encoder.finish()).expect("writing to memory")
    };
    let bodies: Vec<Vec<u8>> = std::iter::from_fn(|| workload.request(load.batch)).map(gzip).collect();
    let process = Process(clew.pid());
    let cpu = process.cpu();
    let wall = send(&clew.ready.http, &bodies, Some("gzip"));
    process.settle();
    let spans = load.spans as f64;
    report.once("ingest with gzip, server CPU until settled / 1 M", "s", (process.cpu() - cpu) * 1e6 / spans, None, "");
    report.once("ingest with gzip, rate", "spans/s", spans / wall.as_secs_f64(), None, "");
}

/// Sends the bodies over several keep-alive connections as fast as they are taken; a busy server is asked again.
pub fn send(host: &str, bodies: &[Vec<u8>], encoding: Option<&str>) -> Duration {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut connection = Connection::open(host);
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    loop {
                        let answer = connection.post_traces(body, encoding);
                        match answer.status {
                            // A partial success would have a body.
                            200 => {
                                assert!(answer.body.is_empty(), "spans were rejected: {:?}", String::from_utf8_lossy(&answer.body));
                                break;
                            }
                            503 => std::thread::sleep(Duration::from_millis(200)),
                            status => panic!("POST /v1/traces answered {status}: {}", String::from_utf8_lossy(&answer.body)),
                        }
                    }
                }
            });
        }
    });
    begun.elapsed()
}

/// From the answer to a POST until the trace is found by id and by a search for its attribute.
pub fn freshness(clew: &Clew, now: i64, report: &mut Report) {
    let mut connection = Connection::open(&clew.ready.http);
    let (mut by_id, mut by_search) = (Vec::new(), Vec::new());
    for n in 0..50 {
        let (id, bodies) = one_trace(90_000 + n, 3, now - 1_000_000_000);
        let id = hex(&id);
        assert_eq!(connection.post_traces(&bodies[0], None).status, 200);
        let answered = Instant::now();
        let trace = format!("/api/traces/{id}");
        let search = format!("/api/traces?q=trace.id%3A{id}&last=1h&limit=1");
        wait(&mut connection, &trace, |answer| answer["spans"].as_array().is_some_and(|spans| spans.len() == 3));
        by_id.push(answered.elapsed().as_secs_f64() * 1e3);
        wait(&mut connection, &search, |answer| answer["traces"][0]["trace_id"] == id);
        by_search.push(answered.elapsed().as_secs_f64() * 1e3);
    }
    report.many("fresh: answer to POST until found by id", "ms", by_id, Some(Target::P95AtMost(1_000.0)), "VT 5 s");
    report.many("fresh: answer to POST until found by search", "ms", by_search, Some(Target::P95AtMost(1_000.0)), "VT 5 s");
}

fn wait(connection: &mut Connection, path: &str, found: impl Fn(&serde_json::Value) -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = connection.get(path);
        if answer.status == 200 && found(&answer.json(path)) {
            return;
        }
        assert!(Instant::now() < until, "{path} is not found: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        std::thread::sleep(Duration::from_millis(2));
    }
}
