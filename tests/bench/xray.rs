//! The daemon's port under an even load: every datagram that was sent is stored, and what that costs.

use crate::harness::Clew;
use crate::http::Connection;
use crate::process::Process;
use crate::report::{Report, Target};
use crate::workload::hex;
use serde_json::{Value, json};
use server::demo::random::Random;
use std::net::UdpSocket;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Datagrams a second, and for how long.
const RATE: usize = 5_000;
const SECONDS: usize = 60;

/// Segments of one request; each is one datagram.
const SEGMENTS: usize = 3;
/// A segment and its subsegments: a statement, a call of AWS and one of the next service.
const SPANS: usize = 4;

/// Sends a minute of evenly spaced datagrams and reports what became of them.
pub fn measure(clew: &Clew, seed: u64, report: &mut Report) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs_f64();
    let datagrams = datagrams(seed, now, RATE * SECONDS);
    let bytes = datagrams.iter().map(Vec::len).sum::<usize>() / datagrams.len();
    let (sent, spans) = (datagrams.len() as f64, (datagrams.len() * SPANS) as f64);
    let process = Process(clew.pid());
    let cpu = process.cpu();
    let (wall, late) = send(clew.xray(), &datagrams);
    let mut connection = Connection::open(&clew.ready.http);
    let ledger = settled(&mut connection, process);
    let cpu = process.cpu() - cpu;
    let buffer = buffer(&connection.get("/api/sources").json("the sources"));
    println!("  X-Ray datagrams of {bytes} B, {SPANS} spans each; net.core.rmem_max {}; {buffer}", rmem_max());
    report.notes.push((
        "xray".into(),
        json!({"datagram_bytes": bytes, "rmem_max": rmem_max(), "buffer": buffer, "latest_ms": late.as_secs_f64() * 1e3}),
    ));
    report.once("X-Ray datagrams sent", "1/s", sent / wall.as_secs_f64(), Some(Target::AtLeast(0.99 * RATE as f64)), "");
    report.once("  sent, but not stored", "count", sent - ledger.stored / SPANS as f64, Some(Target::AtMost(0.0)), "");
    report.once("  dropped by the kernel", "count", ledger.kernel, Some(Target::AtMost(0.0)), "");
    report.once("  dropped by a full queue", "count", ledger.queue, Some(Target::AtMost(0.0)), "");
    report.once("X-Ray, server CPU until settled / 1 M segments", "s", cpu * 1e6 / sent, None, "");
    report.once("X-Ray, server CPU until settled / 1 M spans", "s", cpu * 1e6 / spans, None, "");
    report.once("X-Ray, resident after the load", "MB", process.resident(), Some(Target::AtMost(250.0)), "");
    report.once("X-Ray, resident at most", "MB", process.peak(), None, "");
}

/// Sends each datagram when it is due. How long all took, and by how much the latest was late.
fn send(host: &str, datagrams: &[Vec<u8>]) -> (Duration, Duration) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.connect(host).expect("the daemon's address");
    let (begun, mut late) = (Instant::now(), Duration::ZERO);
    for (n, datagram) in datagrams.iter().enumerate() {
        let due = begun + Duration::from_secs(1) * n as u32 / RATE as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        late = late.max(due.elapsed());
        assert_eq!(socket.send(datagram).expect("the kernel takes it"), datagram.len());
    }
    (begun.elapsed(), late)
}

/// The ledger's row of the daemon's port.
struct Ledger {
    /// Spans.
    stored: f64,
    /// Datagrams.
    kernel: f64,
    queue: f64,
}

/// The ledger once nothing moves any more.
fn settled(connection: &mut Connection, process: Process) -> Ledger {
    process.settle();
    let sources = connection.get("/api/sources").json("the sources");
    let row = sources["ledger"].as_array().expect("rows").iter().find(|row| row["source"] == "xray_udp").expect("a row of datagrams");
    assert_eq!((&row["rejected"], &row["merged"], &row["duplicate"]), (&json!([]), &json!(0), &json!(0)), "{row}");
    let dropped = |reason: &str| {
        let reasons = row["dropped"].as_array().expect("reasons");
        reasons.iter().find(|dropped| dropped["reason"] == reason).and_then(|dropped| dropped["records"].as_f64()).unwrap_or_default()
    };
    let stored = row["stored"].as_f64().expect("a count");
    Ledger { stored, kernel: dropped("kernel buffer full"), queue: dropped("queue full") }
}

/// What Sources says of the buffer.
fn buffer(sources: &Value) -> String {
    let listener = sources["listeners"].as_array().expect("listeners").iter().find(|listener| listener["name"] == "xray");
    listener.and_then(|listener| listener["note"].as_str()).expect("a note of the buffer").to_owned()
}

/// Bytes of buffer that the kernel grants at most.
fn rmem_max() -> u64 {
    std::fs::read_to_string("/proc/sys/net/core/rmem_max").ok().and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}

/// So many datagrams of the minute before `now` (seconds since the epoch), as the Python SDK makes them.
fn datagrams(seed: u64, now: f64, count: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    let mut datagrams = Vec::with_capacity(count + SEGMENTS);
    while datagrams.len() < count {
        let start = now - SECONDS as f64 + datagrams.len() as f64 / RATE as f64;
        let id: [u8; 12] = random.id();
        let trace = format!("1-{:08x}-{}", start as u32, hex(&id));
        let (mut start, mut duration, mut parent) = (start, random.around(0.08, 0.6), None);
        for service in SERVICES {
            let (document, call) = segment(&mut random, &trace, parent, service, start, duration);
            datagrams.push(format!("{{\"format\":\"json\",\"version\":1}}\n{document}").into_bytes());
            (start, duration, parent) = (start + duration * 0.5, duration * 0.4, Some(call));
        }
    }
    datagrams.truncate(count);
    datagrams
}

const SERVICES: [&str; SEGMENTS] = ["storefront", "checkout", "inventory"];

/// A segment as a document, and the id of the subsegment that calls the next service.
fn segment(random: &mut Random, trace: &str, parent: Option<String>, service: &str, start: f64, duration: f64) -> (Value, String) {
    let [id, query, item, call] = std::array::from_fn(|_| hex(&random.id::<8>()));
    let order = random.below(1_000_000);
    let failed = random.chance(0.02);
    let subsegment = |own: &str, name: &str, at: f64, more: Value| {
        let mut subsegment = json!({
            "id": own, "name": name, "start_time": start + duration * at, "parent_id": id, "in_progress": false,
            "trace_id": trace, "type": "subsegment", "end_time": start + duration * (at + 0.2),
        });
        subsegment.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        subsegment
    };
    let mut document = json!({
        "id": id, "name": service, "start_time": start, "in_progress": false, "trace_id": trace, "end_time": start + duration,
        "http": {
            "request": {"url": format!("http://{service}.shop.internal/api/orders/{order}"), "method": "GET",
                "user_agent": "python-requests/2.34.2", "client_ip": format!("10.0.{}.{}", order % 4, order % 250)},
            "response": {"status": if failed { 500 } else { 200 }, "content_length": order % 40_000},
        },
        "annotations": {"request_id": format!("{}-{}", hex(&random.id::<8>()), order), "tenant": format!("tenant-{}", order % 50)},
        "aws": {"xray": {"sdk": "X-Ray for Python", "sdk_version": "2.15.0"}},
        "user": format!("u-{:06}", random.below(100_000)),
        "service": {"runtime": "CPython", "runtime_version": "3.11.7"},
        "subsegments": [
            subsegment(&query, "shop@pg-1.shop.internal", 0.1, json!({"namespace": "remote", "sql": {
                "url": "postgresql://pg-1.shop.internal/shop", "database_type": "PostgreSQL", "user": "shop",
                "sanitized_query": "SELECT id, user_id, total, state FROM orders WHERE id = ?"}})),
            subsegment(&item, "DynamoDB", 0.3, json!({"namespace": "aws", "http": {"response": {"status": 200}}, "aws": {
                "operation": "GetItem", "table_name": "carts", "region": "eu-west-1", "retries": 0,
                "request_id": hex(&random.id::<12>())}})),
            subsegment(&call, "checkout.shop.internal", 0.5, json!({"namespace": "remote", "http": {
                "request": {"url": format!("http://checkout.shop.internal/api/orders/{order}"), "method": "GET"},
                "response": {"status": if failed { 500 } else { 200 }, "content_length": 312}}})),
        ],
    });
    if let Some(parent) = parent {
        document["parent_id"] = json!(parent);
    }
    if failed {
        document["fault"] = json!(true);
        document["cause"] = json!({"working_directory": "/srv/shop", "exceptions": [{
            "id": hex(&random.id::<8>()), "message": "connection refused", "type": "ConnectionError", "remote": false,
            "stack": [{"path": "app.py", "line": 120, "label": "order"}, {"path": "sessions.py", "line": 589, "label": "request"}]}]});
    }
    (document, call)
}
