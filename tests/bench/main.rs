//! `make bench`: the figures of the issue, measured on the real program over loopback. Prints a table and writes
//! `target/bench.json`. The workload is reproducible from its seed; CPU seconds are the figure to trust.
//!
//! `make bench ARGS="--spans 10000000 --lines 10000000"`; `--only ingest,reads` leaves the rest out; `--batch`, `--seed` as below.

#[path = "../browser.rs"]
#[allow(dead_code, reason = "the bench needs less of it than the tests do")]
mod browser;
mod errors;
#[path = "../harness.rs"]
#[allow(dead_code, reason = "the bench needs less of it than the tests do")]
mod harness;
mod http;
mod ingest;
mod logs;
mod pages;
mod process;
mod reads;
mod report;
mod workload;
mod xray;

use clap::Parser;
use harness::Clew;
use ingest::Load;
use process::Process;
use report::{Report, Target};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use workload::{SPREAD, Workload};

#[derive(Parser)]
struct Options {
    /// Spans of the workload
    #[arg(long, default_value_t = 1_000_000)]
    spans: usize,
    /// Log lines of the workload
    #[arg(long, default_value_t = 1_000_000)]
    lines: usize,
    /// Spans of one request (an SDK sends 512, a collector up to 8192)
    #[arg(long, default_value_t = 512)]
    batch: usize,
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Groups and occurrences of the inbox that is read
    #[arg(long, default_value_t = 100_000)]
    groups: usize,
    #[arg(long, default_value_t = 500_000)]
    occurrences: usize,
    /// Only these parts: gzip, fresh, reads, load, browser, start, xray, logs, errors; ingest comes before all but the last three alone
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Keep the data here instead of in a temporary directory
    #[arg(long)]
    data: Option<std::path::PathBuf>,
    /// What `cargo bench` itself passes
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}

fn main() {
    let options = Options::parse();
    let wants = |part| options.wants(part);
    let mut report = Report::default();
    let temporary = TempDir::new().expect("a temporary directory");
    // The newest span is a minute old.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_nanos() as i64;
    if options.only.is_empty() || options.only.iter().any(|part| !["xray", "logs", "errors"].contains(&part.as_str())) {
        spans(&options, temporary.path(), now, &mut report);
    }
    if wants("xray") {
        let clew = Clew::start_in(&temporary.path().join("xray"), &[]);
        xray::measure(&clew, options.seed, &mut report);
        assert!(clew.stop().success(), "clew ends with 0");
    }
    if wants("logs") {
        let data = temporary.path().join("logs");
        let clew = Clew::start_in(&data, &[]);
        logs::measure(&clew, &data, options.seed, options.lines, &mut report);
        assert!(clew.stop().success(), "clew ends with 0");
    }
    if wants("errors") {
        let data = temporary.path().join("errors");
        let clew = Clew::start_in(&data, &[]);
        let inbox = errors::Inbox { groups: options.groups, occurrences: options.occurrences };
        errors::measure(&clew, &data, options.seed, &inbox, &mut report);
        assert!(clew.stop().success(), "clew ends with 0");
    }

    report.print();
    let json = json!({ "spans": options.spans, "batch": options.batch, "seed": options.seed, "cores": std::thread::available_parallelism().map_or(0, usize::from), "results": report.json() });
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory").join("bench.json");
    std::fs::write(&file, serde_json::to_string_pretty(&json).expect("JSON")).expect("target/bench.json is written");
    println!("  written to {}", file.display());
}

/// The parts about OpenTelemetry's spans, all on the same data.
fn spans(options: &Options, temporary: &Path, now: i64, report: &mut Report) {
    let wants = |part| options.wants(part);
    let data = options.data.clone().unwrap_or_else(|| temporary.join("data"));
    let mut workload = Workload::new(options.seed, options.spans, now - SPREAD - 60_000_000_000);
    let load = Load { spans: options.spans, batch: options.batch };

    println!("{} spans from seed {}, {} a request", options.spans, options.seed, options.batch);
    check_shape(options.seed, options.batch, report);
    let clew = Clew::start_in(&data, &[]);
    std::thread::sleep(Duration::from_secs(2));
    report.once("resident when idle", "MB", Process(clew.pid()).resident(), Some(Target::AtMost(60.0)), "");
    ingest::measure(&clew, &data, &mut workload, load, report);
    if wants("reads") {
        reads::measure(&clew, &workload, report);
        report.once("resident after the reads", "MB", Process(clew.pid()).resident(), Some(Target::AtMost(250.0)), "VT 325");
    }
    if wants("fresh") {
        ingest::freshness(&clew, now, report);
    }
    let clew = if wants("start") { restart(clew, &data, report) } else { clew };
    if wants("load") {
        pages::under_load(&clew, now, report);
    }
    pages::bundle(&clew, report);
    if wants("browser") {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(pages::big_traces(&clew, now, report));
    }
    assert!(clew.stop().success(), "clew ends with 0");
    if wants("gzip") {
        let spans = options.spans.min(200_000);
        let clew = Clew::start_in(&temporary.join("gzip"), &[]);
        let mut workload = Workload::new(options.seed, spans, now - SPREAD - 60_000_000_000);
        ingest::measure_gzip(&clew, &mut workload, Load { spans, ..load }, report);
    }
}

/// The peers' figures are only comparable with spans of the same shape.
fn check_shape(seed: u64, batch: usize, report: &mut Report) {
    let mut sample = Workload::new(seed, 24_000, 0);
    while sample.request(batch).is_some() {}
    let (json, wire) = sample.shape();
    report.once("workload: attributes as JSON", "B/span", json, None, "373");
    report.once("workload: OTLP on the wire", "B/span", wire, None, "473");
    assert!((360.0..386.0).contains(&json) && (455.0..491.0).contains(&wire), "the workload has another shape than the peers'");
}

/// Stops and starts the server on the same data: from the start of the program to the first answer.
fn restart(clew: Clew, data: &Path, report: &mut Report) -> Clew {
    let mut clew = clew;
    let mut times = Vec::new();
    for _ in 0..5 {
        assert!(clew.stop().success(), "clew ends with 0");
        let begun = Instant::now();
        clew = Clew::start_in(data, &[]);
        let answer = http::Connection::open(&clew.ready.http).get("/api/traces?last=24h&limit=1");
        assert_eq!(answer.json("the first page")["traces"].as_array().map(Vec::len), Some(1));
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    report.many("start with the data until the first answer", "ms", times, Some(Target::AtMost(300.0)), "Phoenix 45,000");
    report.once("resident after a start with the data", "MB", Process(clew.pid()).resident(), None, "");
    clew
}
