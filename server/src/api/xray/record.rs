//! What one span says, in X-Ray's words.
//!
//! Sources: X-Ray developer guide, "Segment documents"; opentelemetry-collector-contrib `awsxrayexporter/internal/translator`
//! for spans of OpenTelemetry.

use model::attr::{Value, get, get_str};
use model::semconv;
use model::span::{Kind, Span, Status};
use serde_json::{Map, Value as Json, json};

/// Databases that X-Ray does not call SQL.
const NOT_SQL: [&str; 10] =
    ["redis", "mongodb", "memcached", "elasticsearch", "opensearch", "cassandra", "dynamodb", "couchdb", "neo4j", "hbase"];

/// What the collector's exporter of a client span takes as the name of what was called, the first that is there.
pub const CALLED: [&str; 8] = [
    "aws.remote.service",
    "peer.service",
    "server.address",
    "network.peer.address",
    "messaging.destination.name",
    "rpc.service",
    "messaging.system",
    "db.system.name",
];

/// Services of AWS whose nodes are the things in them: service, type, the attributes that name the thing (X-Ray's, then
/// OpenTelemetry's).
pub const THINGS: [(&str, &str, &[&str]); 5] = [
    ("dynamodb", "AWS::DynamoDB::Table", &["aws.table_name", "aws.dynamodb.table_names"]),
    ("sqs", "AWS::SQS::Queue", &["aws.queue_url", "aws.sqs.queue.url"]),
    ("sns", "AWS::SNS::Topic", &["aws.topic_arn", "aws.sns.topic.arn"]),
    ("s3", "AWS::S3::Bucket", &["aws.bucket_name", "aws.s3.bucket"]),
    ("lambda", "AWS::Lambda", &["aws.function_name", "faas.invoked_name"]),
];

/// A node's identity in the service graph.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId {
    pub name: String,
    /// `AWS::EC2::Instance`, `remote`, `client`, ...; none if the segment does not say where it ran.
    pub kind: Option<String>,
    pub account: Option<String>,
}

impl ServiceId {
    pub fn json(&self) -> Json {
        without_nulls(json!({"Name": self.name, "Names": [self.name], "AccountId": self.account, "Type": self.kind}))
    }
}

/// A copy of an object without fields that are null: AWS leaves them out.
pub fn without_nulls(object: Json) -> Json {
    match object {
        Json::Object(fields) => Json::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        other => other,
    }
}

/// How X-Ray says that something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Flags {
    /// 4xx
    pub error: bool,
    /// 429
    pub throttle: bool,
    /// 5xx
    pub fault: bool,
}

impl Flags {
    pub fn ok(self) -> bool {
        self == Flags::default()
    }
}

/// What a request and its answer were.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Http {
    pub url: Option<String>,
    pub method: Option<String>,
    pub user_agent: Option<String>,
    pub client_ip: Option<String>,
    pub status: Option<i64>,
    pub content_length: Option<i64>,
}

/// An attribute of the span itself, under its current or any older name.
pub fn attribute<'a>(span: &'a Span, name: &str) -> Option<&'a Value> {
    semconv::names(name).into_iter().find_map(|name| get(&span.attributes, name))
}

/// The same as text; of a list the first item. Empty texts are none.
pub fn text(span: &Span, name: &str) -> Option<String> {
    let value = match attribute(span, name)? {
        Value::List(items) => items.first()?,
        value => value,
    };
    Some(value.to_string()).filter(|text| !text.is_empty())
}

fn integer(span: &Span, name: &str) -> Option<i64> {
    match attribute(span, name)? {
        Value::Int(int) => Some(*int),
        value => value.to_string().parse().ok(),
    }
}

fn resource_text(span: &Span, name: &str) -> Option<String> {
    get_str(&span.origin.resource, name).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Whether the span came as X-Ray's, and if so, whether as a segment.
pub fn is_segment(span: &Span) -> Option<bool> {
    get_str(&span.attributes, "aws.xray.type").map(|kind| kind == "segment")
}

fn truth(span: &Span, name: &str) -> bool {
    get(&span.attributes, name).is_some_and(|value| matches!(&*value.to_string(), "true" | "1"))
}

pub fn in_progress(span: &Span) -> bool {
    truth(span, "aws.xray.in_progress")
}

pub fn flags(span: &Span) -> Flags {
    if is_segment(span).is_some() {
        return Flags {
            error: truth(span, "aws.xray.error"),
            throttle: truth(span, "aws.xray.throttle"),
            fault: truth(span, "aws.xray.fault"),
        };
    }
    match integer(span, "http.response.status_code") {
        Some(429) => Flags { error: true, throttle: true, fault: false },
        Some(400..=499) => Flags { error: true, ..Flags::default() },
        Some(500..=599) => Flags { fault: true, ..Flags::default() },
        _ => Flags { fault: span.status == Status::Error, ..Flags::default() },
    }
}

pub fn http(span: &Span) -> Option<Http> {
    let http = Http {
        url: url(span),
        method: text(span, "http.request.method"),
        user_agent: text(span, "user_agent.original"),
        client_ip: text(span, "client.address"),
        status: integer(span, "http.response.status_code"),
        content_length: integer(span, "http.response.body.size"),
    };
    // An address alone makes no request: databases have peers, too.
    (http.url.is_some() || http.method.is_some() || http.status.is_some()).then_some(http)
}

/// As it was sent, or put together as servers send it: in parts.
fn url(span: &Span) -> Option<String> {
    if let Some(url) = text(span, "url.full") {
        return Some(url);
    }
    let path = text(span, "url.path")?;
    let query = text(span, "url.query").filter(|_| !path.contains('?')).map(|query| format!("?{query}")).unwrap_or_default();
    let host = get_str(&span.attributes, "http.host").map(str::to_owned).or_else(|| {
        let port = text(span, "server.port").map(|port| format!(":{port}")).unwrap_or_default();
        text(span, "server.address").map(|host| host + &port)
    });
    let Some(host) = host else { return Some(path + &query) };
    Some(format!("{}://{host}{path}{query}", text(span, "url.scheme").unwrap_or_else(|| "http".to_owned())))
}

pub fn user(span: &Span) -> Option<String> {
    text(span, "enduser.id").or_else(|| text(span, "user.id"))
}

/// What one can filter and group by: X-Ray's annotations, or all plain attributes of a span of OpenTelemetry.
pub fn annotations(span: &Span) -> Vec<(&str, &Value)> {
    let listed = match (is_segment(span), get(&span.attributes, "aws.xray.annotations")) {
        (None, _) => None,
        (Some(_), Some(Value::List(keys))) => Some(keys.as_slice()),
        (Some(_), _) => Some(&[][..]),
    };
    let attributes = span.attributes.iter().map(|(key, value)| (key.as_str(), value));
    attributes
        .filter(|(key, value)| match listed {
            Some(keys) => keys.iter().any(|listed| listed.as_str() == Some(key)),
            None => matches!(value, Value::Str(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_)),
        })
        .collect()
}

/// Who sent the span.
pub fn service(span: &Span) -> ServiceId {
    ServiceId { name: span.service().to_owned(), kind: origin(span), account: resource_text(span, "cloud.account.id") }
}

/// X-Ray's `origin`: where a segment ran.
pub fn origin(span: &Span) -> Option<String> {
    if let Some(origin) = get_str(&span.attributes, "aws.xray.origin") {
        return Some(origin.to_owned());
    }
    let origin = match get_str(&span.origin.resource, "cloud.platform")? {
        "aws_ecs" => match get_str(&span.origin.resource, "aws.ecs.launchtype").map(str::to_ascii_lowercase).as_deref() {
            Some("fargate") => "AWS::ECS::Fargate",
            Some("ec2") => "AWS::ECS::EC2",
            _ => "AWS::ECS::Container",
        },
        "aws_eks" => "AWS::EKS::Container",
        "aws_ec2" => "AWS::EC2::Instance",
        "aws_elastic_beanstalk" => "AWS::ElasticBeanstalk::Environment",
        "aws_app_runner" => "AWS::AppRunner::Service",
        "aws_lambda" => "AWS::Lambda::Function",
        _ => return None,
    };
    Some(origin.to_owned())
}

/// `aws`, `remote`, or none of work inside of the service.
pub fn namespace(span: &Span) -> Option<&'static str> {
    let is_aws = text(span, "rpc.system.name").is_some_and(|system| system == "aws-api");
    match get_str(&span.attributes, "aws.xray.namespace") {
        Some("aws") => Some("aws"),
        Some("remote") => Some("remote"),
        Some(_) => None,
        None if is_segment(span).is_some() => None,
        None if is_aws => Some("aws"),
        None => matches!(span.kind, Kind::Client | Kind::Producer).then_some("remote"),
    }
}

fn is_database(span: &Span) -> bool {
    ["db.system.name", "db.connection_string"].iter().any(|name| attribute(span, name).is_some())
}

pub fn is_sql(span: &Span) -> bool {
    let system = text(span, "db.system.name").unwrap_or_default();
    is_database(span) && !NOT_SQL.iter().any(|name| system.contains(name))
}

/// Whether the span is a call to something else.
pub fn is_call(span: &Span) -> bool {
    is_segment(span) != Some(true) && (namespace(span).is_some() || is_segment(span).is_some() && is_database(span))
}

/// What a call went to, as far as the caller knows.
pub fn called(span: &Span) -> ServiceId {
    let is_xray = is_segment(span).is_some();
    let node = |name: String, kind: &str| ServiceId { name, kind: Some(kind.to_owned()), account: None };
    if namespace(span) == Some("aws") {
        let service = text(span, "aws.service").or_else(|| text(span, "rpc.service")).unwrap_or_else(|| span.name.clone());
        let thing = THINGS.iter().find(|(name, _, _)| service.to_ascii_lowercase().ends_with(name));
        let named = thing.and_then(|(_, kind, names)| names.iter().find_map(|name| text(span, name)).map(|name| node(name, kind)));
        return named.unwrap_or_else(|| {
            let kind = format!("AWS::{service}");
            node(service, &kind)
        });
    }
    let kind = if is_sql(span) { "Database::SQL" } else { "remote" };
    if is_xray {
        return node(span.name.clone(), kind);
    }
    if is_database(span)
        && let Some(database) = text(span, "db.namespace")
    {
        let host = text(span, "server.address").map(|host| format!("@{host}")).unwrap_or_default();
        return node(database + &host, kind);
    }
    let host = || text(span, "url.full").and_then(|url| url.split_once("://")?.1.split(['/', '?', ':']).next().map(str::to_owned));
    node(CALLED.iter().find_map(|name| text(span, name)).or_else(host).unwrap_or_else(|| span.name.clone()), kind)
}

/// The `http` block of a document.
pub fn http_block(http: &Http) -> Json {
    let request =
        without_nulls(json!({"url": http.url, "method": http.method, "user_agent": http.user_agent, "client_ip": http.client_ip}));
    let response = without_nulls(json!({"status": http.status, "content_length": http.content_length}));
    let parts = [("request", request), ("response", response)];
    Json::Object(
        parts
            .into_iter()
            .filter(|(_, part)| part.as_object().is_some_and(|part| !part.is_empty()))
            .map(|(key, part)| (key.to_owned(), part))
            .collect::<Map<_, _>>(),
    )
}
