//! The building blocks of a request: HTTP and gRPC between services, queries, caches, queues; each in the semantic
//! conventions of the service that speaks.

use super::drawing::{Address, Drawing};
use super::shop::{Conventions, Language, Service};
use super::value::attribute;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

/// An HTTP request to a service.
#[derive(Clone, Debug)]
pub struct Http {
    pub method: &'static str,
    pub route: &'static str,
    /// With the parameters filled in, without the query string.
    pub path: String,
    /// Without the `?`; empty if none.
    pub query: String,
}

impl Http {
    pub fn get(route: &'static str, path: impl Into<String>) -> Http {
        Http { method: "GET", route, path: path.into(), query: String::new() }
    }

    pub fn post(route: &'static str, path: impl Into<String>) -> Http {
        Http { method: "POST", route, path: path.into(), query: String::new() }
    }
}

/// The server's side of an HTTP request; `inside` returns the status.
pub fn serve(t: &mut Drawing, service: Service, http: &Http, inside: impl FnOnce(&mut Drawing) -> i64) -> i64 {
    let name = format!("{} {}", http.method, http.route);
    t.span(service, server_scope(service), SpanKind::Server, name, |t| {
        let target = if http.query.is_empty() { http.path.clone() } else { format!("{}?{}", http.path, http.query) };
        match t.conventions() {
            Conventions::New => {
                t.set("http.request.method", http.method);
                t.set("url.scheme", "http");
                t.set("url.path", http.path.clone());
                if !http.query.is_empty() {
                    t.set("url.query", http.query.clone());
                }
                t.set("server.address", service.name());
                t.set("network.protocol.version", "1.1");
            }
            Conventions::Old => {
                t.set("http.method", http.method);
                t.set("http.scheme", "http");
                t.set("http.target", target);
                t.set("net.host.name", service.name());
                t.set("http.flavor", "1.1");
            }
        }
        t.set("http.route", http.route);
        t.work(0.4);
        let status = inside(t);
        t.work(0.3);
        t.set_either("http.response.status_code", "http.status_code", status);
        if status >= 500 {
            t.fail("");
        }
        status
    })
}

/// One service calls another over HTTP: a client span here, a server span there. Returns the status.
pub fn call(t: &mut Drawing, to: Service, http: &Http, inside: impl FnOnce(&mut Drawing) -> i64) -> i64 {
    client(t, to.name(), 8080, http, |t| {
        t.work(0.5);
        let status = serve(t, to, http, inside);
        t.work(0.4);
        status
    })
}

/// A client span for an HTTP request to `host`; `inside` returns the status, 0 if no answer came.
pub fn client(t: &mut Drawing, host: &str, port: i64, http: &Http, inside: impl FnOnce(&mut Drawing) -> i64) -> i64 {
    let service = t.here();
    let name = match service.profile().conventions {
        Conventions::New => http.method.to_owned(),
        Conventions::Old => format!("HTTP {}", http.method),
    };
    t.span(service, client_scope(service), SpanKind::Client, name, |t| {
        let scheme = if port == 443 { "https" } else { "http" };
        let authority = if port == 443 { host.to_owned() } else { format!("{host}:{port}") };
        let mark = if http.query.is_empty() { "" } else { "?" };
        t.set_either("http.request.method", "http.method", http.method);
        t.set_either("url.full", "http.url", format!("{scheme}://{authority}{}{mark}{}", http.path, http.query));
        t.set_either("server.address", "net.peer.name", host);
        t.set_either("server.port", "net.peer.port", port);
        let status = inside(t);
        if status > 0 {
            t.set_either("http.response.status_code", "http.status_code", status);
        }
        if status >= 400 {
            t.set("error.type", status.to_string());
        }
        if status == 0 || status >= 400 {
            t.fail(if status == 0 { "no response" } else { "" });
        }
        status
    })
}

/// One service calls another over gRPC; `inside` returns the gRPC status code (0 is OK).
pub fn grpc(
    t: &mut Drawing,
    to: Service,
    rpc_service: &'static str,
    method: &'static str,
    inside: impl FnOnce(&mut Drawing) -> i64,
) -> i64 {
    let name = format!("{rpc_service}/{method}");
    let describe = |t: &mut Drawing, code: i64| {
        t.set("rpc.system", "grpc");
        t.set("rpc.service", rpc_service);
        t.set("rpc.method", method);
        t.set("rpc.grpc.status_code", code);
        if code != 0 {
            t.fail(if code == 4 { "context deadline exceeded" } else { "rpc failed" });
        }
    };
    let from = t.here();
    t.span(from, grpc_scope(from), SpanKind::Client, name.clone(), |t| {
        t.set("server.address", to.name());
        t.set("server.port", 9090);
        t.work(0.3);
        let code = t.span(to, grpc_scope(to), SpanKind::Server, name, |t| {
            t.work(0.2);
            let code = inside(t);
            t.work(0.1);
            describe(t, code);
            code
        });
        t.work(0.3);
        describe(t, code);
        code
    })
}

/// A statement sent to PostgreSQL by the current service.
pub fn postgres(
    t: &mut Drawing,
    database: &'static str,
    operation: &'static str,
    table: &'static str,
    statement: &str,
    rows: i64,
    median_ms: f64,
) {
    let service = t.here();
    let scope = match service.profile().language {
        Language::Node => "@opentelemetry/instrumentation-pg",
        Language::Go => "github.com/exaring/otelpgx",
        Language::Java => "io.opentelemetry.jdbc",
        Language::Python => "opentelemetry.instrumentation.psycopg",
    };
    let name = match service.profile().conventions {
        Conventions::New => format!("{operation} {table}"),
        Conventions::Old => format!("{operation} {database}.{table}"),
    };
    t.span(service, scope, SpanKind::Client, name, |t| {
        t.set_either("db.system.name", "db.system", "postgresql");
        t.set_either("db.namespace", "db.name", database);
        t.set_either("db.query.text", "db.statement", statement);
        t.set_either("db.operation.name", "db.operation", operation);
        t.set_either("db.collection.name", "db.sql.table", table);
        t.set_either("server.address", "net.peer.name", format!("pg-{database}.shop.internal"));
        t.set_either("server.port", "net.peer.port", 5432);
        if operation == "SELECT" {
            t.set("db.response.returned_rows", rows);
        }
        t.work(median_ms);
    });
}

/// A command sent to Redis by the current service.
pub fn redis(t: &mut Drawing, command: &'static str, key: &str) {
    let service = t.here();
    let scope = match service.profile().language {
        Language::Node => "@opentelemetry/instrumentation-redis",
        Language::Go => "github.com/redis/go-redis/extra/redisotel",
        Language::Java => "io.opentelemetry.jedis-4.0",
        Language::Python => "opentelemetry.instrumentation.redis",
    };
    t.span(service, scope, SpanKind::Client, command, |t| {
        t.set_either("db.system.name", "db.system", "redis");
        t.set_either("db.query.text", "db.statement", format!("{command} {key}"));
        t.set_either("db.operation.name", "db.operation", command);
        t.set_either("server.address", "net.peer.name", "redis.shop.internal");
        t.set_either("server.port", "net.peer.port", 6379);
        t.work(0.35);
    });
}

/// A piece of work inside the current service, drawn by hand in its code.
pub fn internal<T>(t: &mut Drawing, name: &str, inside: impl FnOnce(&mut Drawing) -> T) -> T {
    let service = t.here();
    t.span(service, service.name(), SpanKind::Internal, name, inside)
}

/// Puts a message on a queue; returns the address that its consumers link to. `delivered` draws what happens to the
/// message later, below the publishing span, while the sender already goes on.
pub fn publish(t: &mut Drawing, queue: &'static str, bytes: i64, delivered: impl FnOnce(&mut Drawing)) -> Address {
    let service = t.here();
    t.span(service, queue_scope(service), SpanKind::Producer, format!("{queue} publish"), |t| {
        let id = t.random.next();
        t.set("messaging.system", "rabbitmq");
        t.set("messaging.destination.name", queue);
        t.set_either("messaging.operation.type", "messaging.operation", "publish");
        t.set("messaging.message.id", format!("{id:016x}"));
        t.set("messaging.message.body.size", bytes);
        t.work(0.9);
        let sent = t.clock;
        delivered(t);
        t.clock = sent;
        t.address()
    })
}

/// A worker takes messages off a queue. In the trace of the sender, or in one of its own with links to the senders.
pub fn consume<T>(t: &mut Drawing, service: Service, queue: &'static str, from: &[Address], inside: impl FnOnce(&mut Drawing) -> T) -> T {
    t.span(service, queue_scope(service), SpanKind::Consumer, format!("{queue} process"), |t| {
        t.set("messaging.system", "rabbitmq");
        t.set("messaging.destination.name", queue);
        t.set_either("messaging.operation.type", "messaging.operation", "process");
        if from.len() > 1 {
            t.set("messaging.batch.message_count", from.len() as i64);
        }
        for sender in from {
            t.link(*sender, vec![attribute("messaging.destination.name", queue)]);
        }
        t.work(0.6);
        let result = inside(t);
        t.work(0.3);
        result
    })
}

fn server_scope(service: Service) -> &'static str {
    match service.profile().language {
        Language::Node => "@opentelemetry/instrumentation-http",
        Language::Go => "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
        Language::Java => "io.opentelemetry.spring-webmvc-6.0",
        Language::Python => "opentelemetry.instrumentation.flask",
    }
}

fn client_scope(service: Service) -> &'static str {
    match service.profile().language {
        Language::Node => "@opentelemetry/instrumentation-undici",
        Language::Go => "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
        Language::Java => "io.opentelemetry.java-http-client",
        Language::Python => "opentelemetry.instrumentation.requests",
    }
}

fn grpc_scope(service: Service) -> &'static str {
    match service.profile().language {
        Language::Node => "@opentelemetry/instrumentation-grpc",
        Language::Go => "go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc",
        Language::Java => "io.opentelemetry.grpc-1.6",
        Language::Python => "opentelemetry.instrumentation.grpc",
    }
}

fn queue_scope(service: Service) -> &'static str {
    match service.profile().language {
        Language::Node => "@opentelemetry/instrumentation-amqplib",
        Language::Go => "shop/amqp",
        Language::Java => "io.opentelemetry.spring-rabbit-1.0",
        Language::Python => "opentelemetry.instrumentation.pika",
    }
}
