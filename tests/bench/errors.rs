//! Errors: how many items of two sizes are digested a second (in the inbox, not merely answered), how soon each is answered while that
//! goes on, and how fast the inbox is with very many groups. What was sent is counted in the inbox before a time counts.

use crate::harness::Clew;
use crate::http::Connection;
use crate::process::{Process, disk};
use crate::report::{Report, Target};
use serde_json::{Value, json};
use server::demo::random::Random;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Connections that send at the same time.
const SENDERS: usize = 16;
/// Groups of the items that are sent one by one.
const GROUPS: usize = 200;
/// Items of one upload of a file.
const FILE: usize = 2_000;
/// How often each read is measured.
const RUNS: usize = 30;
const TOKEN: (&str, &str) = ("X-Rollbar-Access-Token", "0123456789abcdef0123456789abcdef");

/// How much the inbox holds when it is read.
pub struct Inbox {
    pub groups: usize,
    pub occurrences: usize,
}

/// Sends items, then fills the inbox and reads it.
pub fn measure(clew: &Clew, data: &Path, seed: u64, inbox: &Inbox, report: &mut Report) {
    let mut random = Random::new(seed);
    let mut before = 0;
    for (label, bytes, count, rate) in [("5 kB", 5_000, 30_000, 2_000.0), ("50 kB", 50_000, 4_000, 400.0)] {
        let bodies: Vec<String> = (0..count).map(|n| json!({"data": item(&mut random, n % GROUPS, bytes)}).to_string()).collect();
        let size = bodies.iter().map(String::len).sum::<usize>() / bodies.len();
        let process = Process(clew.pid());
        let (cpu, full) = (process.cpu(), disk(data).0);
        let begun = Instant::now();
        let mut times = send(clew, &bodies);
        before += count;
        drained(clew, before);
        let took = begun.elapsed().as_secs_f64();
        times.sort_by(f64::total_cmp);
        let what = format!("errors, items of {label} ({size} B)");
        report.once(&format!("{what} digested"), "items/s", count as f64 / took, Some(Target::AtLeast(rate)), "Bugsink 32");
        report.once(&format!("{what}, answer p99 meanwhile"), "ms", times[times.len() * 99 / 100], Some(Target::AtMost(100.0)), "");
        report.once(&format!("{what}, CPU / 1,000"), "s", (process.cpu() - cpu) * 1e3 / count as f64, None, "");
        std::thread::sleep(Duration::from_secs(4));
        report.once(&format!("{what}, disk"), "B", (disk(data).0 - full) as f64 / count as f64, None, "");
        report.once("errors, resident", "MB", process.resident(), Some(Target::AtMost(500.0)), "");
    }
    fill(clew, &mut random, inbox, report);
    read(clew, inbox, report);
    report.once("errors, peak resident", "MB", Process(clew.pid()).peak(), Some(Target::AtMost(500.0)), "");
}

/// An exception of one of the groups, of about so many bytes; what tells items apart differs.
fn item(random: &mut Random, group: usize, bytes: usize) -> Value {
    let frame = |n: usize| {
        json!({"filename": format!("/srv/shop/{}/step{n}.py", group % 50), "lineno": 10 + n, "method": format!("handle_{n}"), "code": format!("result = next_step_{n}(order, customer)"),
            "context": {"pre": ["def handle(order, customer):", "    check(order)"], "post": ["    return result", ""]},
            "locals": {"order": {"id": n, "state": "open", "total": "12.50"}, "customer": "<Customer object>", "attempt": "1"}})
    };
    let frames: Vec<Value> = (0..(bytes.saturating_sub(700) / 420).max(1)).map(frame).collect();
    let user = random.below(5_000);
    let mut data = json!({
        "uuid": uuid(random), "timestamp": now(), "environment": "production", "level": "error", "language": "python 3.12", "framework": "flask", "code_version": "1.4.2",
        "context": format!("/orders/<id>/step/{}", group % 20), "notifier": {"name": "pyrollbar", "version": "1.5.0"}, "server": {"host": format!("web-{}", user % 8), "root": "/srv/shop"},
        "person": {"id": user.to_string(), "username": format!("user{user}")}, "custom": {"trace_id": format!("{:032x}", u128::from(random.below(u64::MAX)) + 1)},
        "body": {"trace": {"frames": frames, "exception": {"class": format!("OrderError{group}"), "message": format!("order {} of user {user} cannot be shipped", random.below(1_000_000))}}},
    });
    if bytes < 500 {
        data["body"] = json!({"message": {"body": format!("group {} cannot ship order {}", letters(group), random.below(1_000_000))}});
    }
    data
}

/// A word of letters alone: templates leave digits out.
fn letters(mut n: usize) -> String {
    let mut word = String::new();
    for _ in 0..6 {
        word.push((b'g' + (n % 20) as u8) as char);
        n /= 20;
    }
    word
}

fn uuid(random: &mut Random) -> String {
    let hex = crate::workload::hex(&random.id::<16>());
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}

/// Sends each in a request of its own; how long each answer took, in milliseconds.
fn send(clew: &Clew, bodies: &[String]) -> Vec<f64> {
    let (next, times) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(bodies.len())));
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                let mut connection = Connection::open(&clew.ready.http);
                let mut own = Vec::new();
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begun = Instant::now();
                    let answer = connection.post("/api/1/item/", &[("Content-Type", "application/json"), TOKEN], body.as_bytes());
                    own.push(begun.elapsed().as_secs_f64() * 1e3);
                    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
                }
                times.lock().expect("no sender panics").append(&mut own);
            });
        }
    });
    times.into_inner().expect("no sender panics")
}

/// Waits until the groups of the inbox count so many occurrences.
fn drained(clew: &Clew, count: usize) {
    let mut connection = Connection::open(&clew.ready.http);
    let begun = Instant::now();
    loop {
        let list = connection.get("/api/errors?status=all&limit=1000").json("the inbox");
        let counted: u64 = list["errors"].as_array().expect("errors").iter().filter_map(|error| error["count"].as_u64()).sum();
        if counted == count as u64 {
            return;
        }
        assert!(counted < count as u64 && begun.elapsed() < Duration::from_secs(120), "{counted} of {count} items were digested");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Fills the inbox with short messages, as files.
fn fill(clew: &Clew, random: &mut Random, inbox: &Inbox, report: &mut Report) {
    let mut connection = Connection::open(&clew.ready.http);
    let begun = Instant::now();
    let mut sent = 0;
    let mut last = String::new();
    while sent < inbox.occurrences {
        let lines: Vec<String> = (sent..inbox.occurrences.min(sent + FILE))
            .map(|n| {
                let data = item(random, n % inbox.groups, 300);
                data["uuid"].as_str().expect("a uuid").clone_into(&mut last);
                json!({"data": data}).to_string()
            })
            .collect();
        sent += lines.len();
        let answer = connection.post("/api/1/items", &[("Content-Type", "application/x-ndjson"), TOKEN], lines.join("\n").as_bytes());
        assert_eq!(answer.json("a file")["result"]["items"], lines.len(), "a file");
    }
    while connection.get(&format!("/e/uuid/{last}")).status != 200 {
        std::thread::sleep(Duration::from_millis(50));
    }
    let what = format!("errors, {} short ones of {} groups from files, digested", inbox.occurrences, inbox.groups);
    report.once(&what, "items/s", inbox.occurrences as f64 / begun.elapsed().as_secs_f64(), None, "");
}

fn read(clew: &Clew, inbox: &Inbox, report: &mut Report) {
    let mut connection = Connection::open(&clew.ready.http);
    let label = format!("{} groups", inbox.groups);
    for (what, path, target) in [
        ("inbox page", "/errors".to_owned(), Some(Target::AtMost(50.0))),
        ("inbox, by people", "/errors?sort=people".to_owned(), None),
        ("inbox, a word of titles", format!("/errors?q={}", letters(77)), None),
        ("inbox, of one version", "/errors?q=version:1.4.2".to_owned(), None),
        ("an error's page", "/e/1".to_owned(), None),
    ] {
        let times = (0..RUNS)
            .map(|_| {
                let begun = Instant::now();
                let answer = connection.get(&path);
                assert_eq!(answer.status, 200, "{path}");
                begun.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        report.many(&format!("errors, {label}, {what}"), "ms", times, target, "");
    }
}
