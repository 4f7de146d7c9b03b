//! The spans of the bench: the same shape as those the peers' figures were measured with. 12 spans a trace, 20 services,
//! 6 hours, some 373 bytes of attributes a span as JSON and 473 on the OTLP wire, `user.id` with 100,000 values.
//! What the server should answer is known, since it is counted while the spans are made.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use server::demo::random::Random;
use server::demo::value::{Attribute, attribute};

pub const SPANS_PER_TRACE: usize = 12;

/// Length of the workload: 6 hours in nanoseconds.
pub const SPREAD: i64 = 6 * 3_600_000_000_000;

pub const USERS: u64 = 100_000;

pub const SERVICES: [&str; 20] = [
    "frontend",
    "gateway",
    "checkout",
    "payments",
    "inventory",
    "catalog",
    "search",
    "recommendation",
    "cart",
    "accounts",
    "shipping",
    "pricing",
    "notifications",
    "reviews",
    "wishlist",
    "promotions",
    "tax",
    "fraud",
    "ledger",
    "reports",
];

pub const ROUTES: [&str; 16] = [
    "/api/v1/orders",
    "/api/v1/orders/{id}",
    "/api/v1/carts/{id}/items",
    "/api/v1/products/{slug}",
    "/api/v1/products",
    "/api/v1/search",
    "/api/v1/users/{id}",
    "/api/v1/sessions",
    "/api/v1/payments/{id}/capture",
    "/api/v1/stock/{sku}",
    "/api/v1/recommendations",
    "/api/v1/reviews/{product}",
    "/api/v1/wishlists/{user}",
    "/api/v1/quotes",
    "/api/v1/parcels/{id}/track",
    "/healthz",
];

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/143.0.0.0 Safari/537.36",
    "okhttp/5.3.0",
    "python-requests/2.32.5",
];

const STATEMENTS: [(&str, &str, &str); 6] = [
    ("SELECT", "orders", "SELECT id, user_id, total, state FROM orders WHERE user_id = $1 ORDER BY placed_at DESC LIMIT 20"),
    ("SELECT", "product", "SELECT * FROM product WHERE slug = $1"),
    ("UPDATE", "stock", "UPDATE stock SET available = available - $2 WHERE sku = $1 AND available >= $2"),
    ("INSERT", "order_line", "INSERT INTO order_line (order_id, product_id, quantity, amount) VALUES ($1, $2, $3, $4)"),
    ("SELECT", "price", "SELECT amount, tax FROM price WHERE product_id = ANY ($1) AND region = $2"),
    ("DELETE", "session", "DELETE FROM session WHERE expires < now()"),
];

/// What is known of one span, to check answers with.
#[derive(Clone, Copy, Debug)]
pub struct Fact {
    pub duration_ns: i64,
    /// Index of [`SERVICES`].
    pub service: u8,
    /// Index of [`ROUTES`], if the span has one.
    pub route: Option<u8>,
}

/// What is known of one trace.
#[derive(Clone, Copy, Debug)]
pub struct TraceFact {
    pub id: [u8; 16],
    pub start: i64,
    pub user: u32,
}

/// Makes the workload a part at a time. The same seed gives the same bytes.
pub struct Workload {
    random: Random,
    /// Start of the first trace, nanoseconds since the epoch.
    pub from: i64,
    /// Between the starts of two traces.
    step: i64,
    made: usize,
    wanted: usize,
    /// Spans of the last trace that did not fit in the part before.
    left: Vec<(u8, Span)>,
    facts: Vec<Fact>,
    pub traces: Vec<TraceFact>,
    /// Bytes of attributes as JSON, for the shape.
    json_bytes: usize,
    wire_bytes: usize,
}

impl Workload {
    /// `spans` spans that begin within [`SPREAD`] from `from`.
    pub fn new(seed: u64, spans: usize, from: i64) -> Workload {
        let traces = spans.div_ceil(SPANS_PER_TRACE).max(1);
        Workload {
            random: Random::new(seed),
            from,
            step: SPREAD / traces as i64,
            made: 0,
            wanted: spans,
            left: Vec::new(),
            facts: Vec::with_capacity(spans + SPANS_PER_TRACE),
            traces: Vec::with_capacity(traces),
            json_bytes: 0,
            wire_bytes: 0,
        }
    }

    /// What is known of the spans that were sent: the last trace may have been cut off.
    pub fn sent(&self) -> &[Fact] {
        &self.facts[..self.made]
    }

    /// Bytes of attributes as JSON, and bytes on the wire, per span made so far.
    pub fn shape(&self) -> (f64, f64) {
        (self.json_bytes as f64 / self.made as f64, self.wire_bytes as f64 / self.made as f64)
    }

    /// The next request of at most `spans` spans, encoded; `None` at the end.
    pub fn request(&mut self, spans: usize) -> Option<Vec<u8>> {
        let count = spans.min(self.wanted - self.made);
        if count == 0 {
            return None;
        }
        while self.left.len() < count {
            self.trace();
        }
        let rest = self.left.split_off(count);
        let part = std::mem::replace(&mut self.left, rest);
        self.made += count;
        let body = encode(part);
        self.wire_bytes += body.len();
        Some(body)
    }

    fn trace(&mut self) {
        let random = &mut self.random;
        let start = self.from + self.traces.len() as i64 * self.step + random.below(self.step.max(1).unsigned_abs()).cast_signed();
        let id: [u8; 16] = random.id();
        let user = random.below(USERS) as u32;
        self.traces.push(TraceFact { id, start, user });
        let user = format!("u-{user:06}");
        // The front end calls the gateway, which calls three services; each of them asks a database and computes.
        let route = random.below(ROUTES.len() as u64) as usize;
        let failed = random.chance(0.02);
        let mut pen =
            Pen { random, id, user: &user, failed, spans: &mut self.left, facts: &mut self.facts, json_bytes: &mut self.json_bytes };
        let total = pen.random.around(1_100.0, 0.9);
        let root = pen.http(0, &[], start, total, 2, route);
        let gateway = pen.http(1, &root, start + 400_000, total * 0.95, 2, route);
        let mut at = start + 900_000;
        for n in 0..3 {
            let service = pen.random.between(2, SERVICES.len() as u64 - 1) as u8;
            let share = total * [0.3, 0.25, 0.3][n];
            let route = pen.random.below(ROUTES.len() as u64) as usize;
            let call = pen.http(1, &gateway, at, share, 3, route);
            let served = pen.http(service, &call, at + 200_000, share * 0.9, 2, route);
            pen.statement(service, &served, at + 400_000, share * 0.6);
            at += (share * 1e6) as i64;
        }
        pen.work(1, &gateway, at, total * 0.05);
        debug_assert_eq!(self.facts.len() % SPANS_PER_TRACE, 0);
    }
}

/// Draws the spans of one trace.
struct Pen<'a> {
    random: &'a mut Random,
    id: [u8; 16],
    user: &'a str,
    failed: bool,
    spans: &'a mut Vec<(u8, Span)>,
    facts: &'a mut Vec<Fact>,
    json_bytes: &'a mut usize,
}

impl Pen<'_> {
    fn http(&mut self, service: u8, parent: &[u8], start: i64, ms: f64, kind: i32, route: usize) -> [u8; 8] {
        let method = if route % 5 == 2 { "POST" } else { "GET" };
        let number = self.random.below(1_000_000);
        let status = if self.failed { 500 } else { *self.random.pick(&[200, 200, 200, 200, 201, 204, 304, 404]) };
        let attributes = vec![
            attribute("user.id", self.user),
            attribute("http.request.method", method),
            attribute("http.route", ROUTES[route]),
            attribute("url.path", ROUTES[route].replace("{id}", &number.to_string())),
            attribute("http.response.status_code", status),
            attribute("http.response.body.size", self.random.below(40_000) as i64),
            attribute("server.address", format!("{}.shop.internal", SERVICES[service as usize])),
            attribute("client.address", format!("10.{}.{}.{}", service, number % 4, number % 250)),
            attribute("user_agent.original", *self.random.pick(&AGENTS)),
            attribute("k8s.pod.name", format!("{}-7c9f6b5d4-{:05x}", SERVICES[service as usize], number % 3 * 7_919 + 65_537)),
            attribute("thread.id", self.random.between(1, 64) as i64),
        ];
        let fact = Fact { duration_ns: (ms * 1e6) as i64, service, route: Some(route as u8) };
        self.push(fact, parent, format!("{method} {}", ROUTES[route]), kind, start, attributes)
    }

    fn statement(&mut self, service: u8, parent: &[u8], start: i64, ms: f64) {
        let (operation, table, text) = *self.random.pick(&STATEMENTS);
        let attributes = vec![
            attribute("user.id", self.user),
            attribute("db.system.name", "postgresql"),
            attribute("db.namespace", "shop"),
            attribute("db.operation.name", operation),
            attribute("db.collection.name", table),
            attribute("db.query.text", text),
            attribute("db.response.returned_rows", self.random.below(50) as i64),
            attribute("server.address", format!("pg-{}.shop.internal", service % 4)),
            attribute("server.port", 5432),
            attribute("k8s.pod.name", format!("{}-7c9f6b5d4-{:05x}", SERVICES[service as usize], 65_537)),
            attribute("thread.name", format!("worker-{}", self.random.between(1, 32))),
        ];
        let fact = Fact { duration_ns: (ms * 1e6) as i64, service, route: None };
        self.push(fact, parent, format!("{operation} {table}"), 3, start, attributes);
    }

    fn work(&mut self, service: u8, parent: &[u8], start: i64, ms: f64) {
        let attributes = vec![
            attribute("user.id", self.user),
            attribute("code.function.name", "render_response"),
            attribute("code.file.path", "src/gateway/render.rs"),
            attribute("code.line.number", self.random.between(20, 400) as i64),
            attribute("cache.hit", self.random.chance(0.8)),
            attribute("cache.key", format!("response:{:016x}", self.random.next())),
            attribute("session.id", format!("{:032x}", u128::from(self.random.next()) << 32)),
            attribute("feature.flags", "new-checkout,fast-search,dark-mode,inline-reviews"),
            attribute("k8s.pod.name", format!("{}-7c9f6b5d4-{:05x}", SERVICES[service as usize], 65_537)),
            attribute("thread.id", self.random.between(1, 64) as i64),
        ];
        let fact = Fact { duration_ns: (ms * 1e6) as i64, service, route: None };
        self.push(fact, parent, "render response".into(), 1, start, attributes);
    }

    fn push(&mut self, fact: Fact, parent: &[u8], name: String, kind: i32, start: i64, attributes: Vec<Attribute>) -> [u8; 8] {
        let id: [u8; 8] = self.random.id();
        *self.json_bytes += json_length(&attributes);
        self.facts.push(fact);
        self.spans.push((
            fact.service,
            Span {
                trace_id: self.id.to_vec(),
                span_id: id.to_vec(),
                parent_span_id: parent.to_vec(),
                name,
                kind,
                start_time_unix_nano: start.cast_unsigned(),
                end_time_unix_nano: (start + fact.duration_ns).cast_unsigned(),
                attributes,
                status: self.failed.then(|| Status { code: 2, message: String::new() }),
                ..Span::default()
            },
        ));
        id
    }
}

/// By service, as a collector batches.
fn encode(spans: Vec<(u8, Span)>) -> Vec<u8> {
    let mut by_service: Vec<Vec<Span>> = vec![Vec::new(); SERVICES.len()];
    for (service, span) in spans {
        by_service[service as usize].push(span);
    }
    let full = by_service.into_iter().enumerate().filter(|(_, spans)| !spans.is_empty());
    let resource_spans = full.map(|(service, spans)| ResourceSpans {
        resource: Some(Resource {
            attributes: vec![
                attribute("service.name", SERVICES[service]),
                attribute("service.version", "1.4.2"),
                attribute("deployment.environment.name", "production"),
            ],
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope { name: "bench".into(), ..InstrumentationScope::default() }),
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }.encode_to_vec()
}

/// One trace of so many spans, a root with ever deeper and wider calls, for the browser.
pub fn one_trace(seed: u64, spans: usize, start: i64) -> ([u8; 16], Vec<Vec<u8>>) {
    let mut random = Random::new(seed);
    let id: [u8; 16] = random.id();
    let (mut made, mut facts, mut json_bytes) = (Vec::with_capacity(spans), Vec::new(), 0);
    let mut pen =
        Pen { random: &mut random, id, user: "u-000001", failed: false, spans: &mut made, facts: &mut facts, json_bytes: &mut json_bytes };
    let mut parents = vec![pen.http(0, &[], start, spans as f64 * 0.2 + 10.0, 2, 0)];
    for n in 1..spans {
        let parent = parents[pen.random.below(parents.len() as u64) as usize];
        let service = pen.random.below(SERVICES.len() as u64) as u8;
        let ms = pen.random.around(3.0, 0.8);
        let made = pen.http(service, &parent, start + n as i64 * 200_000, ms, if n % 3 == 0 { 2 } else { 3 }, n % ROUTES.len());
        // Every eighth span may have children, so that the tree is some 20 levels deep.
        if n % 8 == 0 {
            parents.push(made);
        }
    }
    let bodies = made.chunks(2_000).map(|part| encode(part.to_vec())).collect();
    (id, bodies)
}

/// Length of the attributes as a JSON object.
fn json_length(attributes: &[Attribute]) -> usize {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let value = |attribute: &Attribute| match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.len() + 2,
        Some(Value::IntValue(int)) => int.to_string().len(),
        Some(Value::BoolValue(truth)) => truth.to_string().len(),
        _ => 4,
    };
    1 + attributes.iter().map(|attribute| attribute.key.len() + 4 + value(attribute)).sum::<usize>()
}

/// An id as it is written.
pub fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
