//! Log lines: what a million of them cost through PutLogEvents, how soon one line is answered, and how fast they are found. Every answer
//! is checked against what was sent before its time counts.

use crate::harness::Clew;
use crate::http::Connection;
use crate::process::{Process, disk};
use crate::report::{Report, Target};
use crate::workload::hex;
use serde_json::json;
use server::demo::random::Random;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Lines of one request; its messages have some 100 bytes each.
const BATCH: usize = 2_000;
/// Streams of the group, and connections that send at the same time.
const STREAMS: usize = 4;
/// How often each read is measured.
const RUNS: usize = 30;
/// How long the lines took to be written, seconds: ten hours that end a minute ago.
const SPREAD: i64 = 36_000;
/// The hour of them that is searched by itself.
const HOUR: i64 = 5;
/// Lines that are followed as they arrive.
const FOLLOWED: usize = 50;
/// Lines of a page at most.
const MOST: usize = 1_000;
/// Senders of single lines, and lines of each.
const SENDERS: usize = 50;
const SINGLES: usize = 40;

const WORDS: [&str; 12] =
    ["cart", "payment", "checkout", "inventory", "shipping", "profile", "search", "session", "invoice", "refund", "coupon", "warehouse"];

/// What was sent and can be asked for.
#[derive(Default)]
struct Sent {
    lines: usize,
    bytes: usize,
    errors: usize,
    timeouts: usize,
    /// Errors of payment in the sixth hour.
    payments: usize,
    /// A word that occurs once.
    rare: Vec<String>,
    traces: Vec<String>,
}

/// Sends the lines, then reads them.
pub fn measure(clew: &Clew, data: &Path, seed: u64, lines: usize, report: &mut Report) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs() as i64;
    let begin = (now - 60 - SPREAD) * 1000;
    let mut random = Random::new(seed);
    let mut sent = Sent::default();
    let bodies: Vec<String> = (0..lines.div_ceil(BATCH)).map(|n| body(&mut random, &mut sent, begin, n, lines)).collect();
    prepare(clew);
    let process = Process(clew.pid());
    let cpu = process.cpu();
    let wall = send(clew, &bodies);
    // The sealer takes what is left after fifteen seconds.
    std::thread::sleep(Duration::from_secs(16));
    process.settle();
    let million = 1e6 / sent.lines as f64;
    let label = format!("{} M lines of {} B", sent.lines as f64 / 1e6, sent.bytes / sent.lines);
    report.once(&format!("logs, {label}: CPU / 1 M"), "s", (process.cpu() - cpu) * million, Some(Target::AtMost(5.0)), "VL 9.3");
    report.once(
        "logs, rate until the last answer",
        "lines/s",
        sent.lines as f64 / wall.as_secs_f64(),
        Some(Target::AtLeast(150_000.0)),
        "",
    );
    let (bytes, _) = disk(data);
    report.once("logs, disk", "B/line", bytes as f64 / sent.lines as f64, Some(Target::AtMost(35.0)), "VL 44.7");
    report.once("logs, resident after the load", "MB", process.resident(), None, "");
    singles(clew, report);
    reads(clew, &sent, (begin / 1000, now), &mut random, report);
    follow(clew, report);
}

fn put(connection: &mut Connection, action: &str, body: &str) -> crate::http::Answer {
    connection.post(
        "/",
        &[("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", &format!("Logs_20140328.{action}"))],
        body.as_bytes(),
    )
}

fn prepare(clew: &Clew) {
    let mut connection = Connection::open(&clew.ready.http);
    assert_eq!(put(&mut connection, "CreateLogGroup", r#"{"logGroupName":"shop"}"#).status, 200);
    for stream in (0..STREAMS).map(|n| format!("web-{n}")).chain((0..SENDERS).map(|n| format!("single-{n}"))) {
        let body = json!({"logGroupName": "shop", "logStreamName": stream}).to_string();
        assert_eq!(put(&mut connection, "CreateLogStream", &body).status, 200);
    }
}

/// The body of the n-th request: lines of a tenth of a second or so each.
fn body(random: &mut Random, sent: &mut Sent, begin: i64, n: usize, all: usize) -> String {
    let events: Vec<_> = (0..BATCH.min(all - n * BATCH))
        .map(|at| {
            let time = begin + (n * BATCH + at) as i64 * SPREAD * 1000 / all as i64;
            let message = message(random, sent);
            let hour = (time - begin) / 3_600_000;
            sent.payments += usize::from(hour == HOUR && message.starts_with("ERROR [payment]"));
            sent.lines += 1;
            sent.bytes += message.len();
            json!({"timestamp": time, "message": message})
        })
        .collect();
    json!({"logGroupName": "shop", "logStreamName": format!("web-{}", n % STREAMS), "logEvents": events}).to_string()
}

fn message(random: &mut Random, sent: &mut Sent) -> String {
    let word = WORDS[random.below(WORDS.len() as u64) as usize];
    let (user, took) = (random.below(50_000), random.below(2_000));
    match random.below(100) {
        0..45 => {
            let status = if random.chance(0.01) { 500 } else { 200 };
            sent.errors += usize::from(status == 500);
            format!("10.0.{}.{} - - \"GET /api/{word}/{user} HTTP/1.1\" {status} {took} {}ms", user % 4, user % 250, took % 300)
        }
        45..75 => {
            format!("INFO  [{word}-worker-{}] handled {word} event for user {user} in {took} ms, queue depth {}", user % 8, took % 40)
        }
        75..90 => {
            let trace = hex(&random.id::<16>());
            let line =
                json!({"level": "info", "logger": word, "msg": format!("{word} loaded"), "user": user, "trace_id": trace}).to_string();
            if sent.traces.len() < RUNS && random.chance(0.001) {
                sent.traces.push(trace);
            }
            line
        }
        90..98 => {
            sent.errors += 1;
            sent.timeouts += 1;
            format!("ERROR [{word}] upstream timeout after {took} ms while calling {word}-api for user {user}, retrying")
        }
        _ => {
            let rare = hex(&random.id::<6>());
            if sent.rare.len() < RUNS && random.chance(0.01) {
                sent.rare.push(rare.clone());
            }
            format!("DEBUG cache miss key={word}:{user} version={rare} after {took} us in shard {}", user % 16)
        }
    }
}

fn send(clew: &Clew, bodies: &[String]) -> Duration {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..STREAMS {
            scope.spawn(|| {
                let mut connection = Connection::open(&clew.ready.http);
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    loop {
                        let answer = put(&mut connection, "PutLogEvents", body);
                        let text = String::from_utf8_lossy(&answer.body);
                        match answer.status {
                            200 if !text.contains("rejectedLogEventsInfo") => break,
                            400 if text.contains("ThrottlingException") => std::thread::sleep(Duration::from_millis(200)),
                            status => panic!("PutLogEvents answered {status}: {text}"),
                        }
                    }
                }
            });
        }
    });
    begun.elapsed()
}

/// Handlers that send each line as it is logged.
fn singles(clew: &Clew, report: &mut Report) {
    let times = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let times = &times;
            scope.spawn(move || {
                let mut connection = Connection::open(&clew.ready.http);
                for n in 0..SINGLES {
                    let at = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_millis() as i64;
                    let events = [json!({"timestamp": at, "message": format!("single {sender} {n}")})];
                    let body =
                        json!({"logGroupName": "shop", "logStreamName": format!("single-{sender}"), "logEvents": events}).to_string();
                    let begun = Instant::now();
                    assert_eq!(put(&mut connection, "PutLogEvents", &body).status, 200);
                    times.lock().expect("no sender panics").push(begun.elapsed().as_secs_f64() * 1e3);
                }
            });
        }
    });
    let mut times = times.into_inner().expect("no sender panics");
    times.sort_by(f64::total_cmp);
    let p99 = times[times.len() * 99 / 100];
    report.once(&format!("logs, one line a request, {SENDERS} senders, p99"), "ms", p99, Some(Target::AtMost(25.0)), "");
}

fn reads(clew: &Clew, sent: &Sent, (start, end): (i64, i64), random: &mut Random, report: &mut Report) {
    let mut connection = Connection::open(&clew.ready.http);
    // The single lines came after however long the others took.
    let range = format!("start={start}&end={}", end + 3600);
    let mut ask = |what: &str, q: &str, expected: usize| {
        let path = format!("/api/logs{what}?q={}&{range}", crate::http::encode(q));
        let begun = Instant::now();
        let answer = connection.get(&path);
        let took = begun.elapsed().as_secs_f64() * 1e3;
        let json = answer.json(&path);
        let found = match what {
            "/histogram" => json["lines"].as_u64().expect("a total") as usize,
            _ => json["logs"].as_array().expect("lines").len(),
        };
        assert_eq!(found, expected, "{path}");
        took
    };
    let many = sent.lines >= 10_000_000;
    let of_a_million = |most: f64| (!many).then_some(Target::AtMost(most));
    let of_ten_million = |most: f64| many.then_some(Target::AtMost(most));
    let times = (0..RUNS).map(|n| ask("", &sent.rare[n % sent.rare.len()], 1)).collect();
    report.many("logs, rare word", "ms", times, Some(Target::AtMost(if many { 30.0 } else { 15.0 })), "VL 12");
    let times = (0..RUNS).map(|_| ask("", "timeout", 100)).collect();
    report.many("logs, common word, newest 100", "ms", times, Some(Target::AtMost(5.0)), "");
    let times = (0..RUNS).map(|n| ask("", &format!("trace_id:{}", sent.traces[n % sent.traces.len()]), 1)).collect();
    report.many("logs of a trace", "ms", times, Some(Target::AtMost(5.0)), "VL 9.6");
    // Of many more lines it is a lower bound after two seconds.
    if !many {
        let times = (0..RUNS).map(|_| ask("/histogram", "timeout", sent.timeouts)).collect();
        report.many("logs, histogram of a word", "ms", times, Some(Target::AtMost(150.0)), "VL 159");
    }
    let times = (0..RUNS).map(|_| ask("", &format!("*{}zq*", WORDS[random.below(WORDS.len() as u64) as usize]), 0)).collect();
    report.many("logs, a substring that is nowhere", "ms", times, of_a_million(120.0), "VL 99");
    let times = (0..RUNS).map(|n| ask("", &format!("*{}ntor*", ["inve", "ve"][n % 2]), 100)).collect();
    report.many("logs, a substring, newest 100", "ms", times, of_ten_million(200.0), "");
    let times = (0..RUNS).map(|n| ask("", &format!("*{}*", &sent.rare[n % sent.rare.len()][1..]), 1)).collect();
    report.many("logs, a substring that is once", "ms", times, None, "");
    let times = (0..RUNS).map(|_| ask("/histogram", "", sent.lines + SENDERS * SINGLES)).collect();
    report.many("logs, histogram of everything", "ms", times, None, "");
    let times = (0..RUNS).map(|_| ask("/histogram", "level:error", sent.errors)).collect();
    report.many("logs, histogram of a level", "ms", times, None, "");
    let counted = (sent.lines + SENDERS * SINGLES) as u64;
    let times = (0..RUNS).map(|_| table(&mut connection, "stats count(*) by level, bin(5m)", &range, counted)).collect();
    report.many("logs, stats count(*) by level, bin(5m)", "ms", times, of_ten_million(100.0), "");
    let begin = start + HOUR * 3600;
    let path =
        format!("/api/logs?q={}&start={begin}&end={}&limit={MOST}", crate::http::encode("upstream payment level:error"), begin + 3600);
    let hour = |_| {
        let begun = Instant::now();
        let answer = connection.get(&path);
        let took = begun.elapsed().as_secs_f64() * 1e3;
        let found = answer.json(&path)["logs"].as_array().map_or(0, Vec::len);
        assert_eq!(found, sent.payments.min(MOST), "{path}");
        took
    };
    let times = (0..RUNS).map(hour).collect();
    report.many("logs, two words and a level in one hour", "ms", times, of_a_million(15.0), "VL 6");
}

/// A pipeline whose counts make up so many lines.
fn table(connection: &mut Connection, q: &str, range: &str, lines: u64) -> f64 {
    let path = format!("/api/logs/table?q={}&{range}", crate::http::encode(q));
    let begun = Instant::now();
    let answer = connection.get(&path);
    let took = begun.elapsed().as_secs_f64() * 1e3;
    let json = answer.json(&path);
    let rows = json["rows"].as_array().expect("rows");
    let counted: f64 = rows.iter().filter_map(|row| row.as_array()?.last()?.as_f64()).sum();
    assert_eq!(counted as u64, lines, "{path}");
    took
}

/// From the answer to the sender of a line until whoever follows the tail has it.
fn follow(clew: &Clew, report: &mut Report) {
    let mut tail = Connection::open(&clew.ready.http);
    let mut events = tail.stream("/api/logs/tail?q=followed");
    let mut sender = Connection::open(&clew.ready.http);
    assert!(events.any(|line| line.starts_with("id: ")), "the stream is open");
    let times: Vec<f64> = (0..FOLLOWED)
        .map(|n| {
            // What two lines share of an event's pace is not to be a multiple of it.
            std::thread::sleep(Duration::from_millis(150 + 7 * n as u64));
            let at = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_millis() as i64;
            let event = [json!({"timestamp": at, "message": format!("followed line-{n}-")})];
            let body = json!({"logGroupName": "shop", "logStreamName": "single-0", "logEvents": event}).to_string();
            assert_eq!(put(&mut sender, "PutLogEvents", &body).status, 200);
            let begun = Instant::now();
            assert!(events.any(|line| line.contains(&format!("line-{n}-"))), "line {n} arrives");
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let longest = times.iter().copied().fold(0.0, f64::max);
    report.many("logs, from a sender's answer to the tail", "ms", times, Some(Target::AtMost(1000.0)), "");
    report.once("logs, from a sender's answer to the tail, longest", "ms", longest, Some(Target::AtMost(1000.0)), "");
}
