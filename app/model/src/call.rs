//! Calls, and what they went to as far as the caller knows: how X-Ray's service graph and the trace page name what was called but sent
//! nothing itself.
//!
//! Sources: X-Ray developer guide, "Segment documents"; opentelemetry-collector-contrib `awsxrayexporter/internal/translator` for spans
//! of OpenTelemetry.

use crate::attr::{Value, get, get_str};
use crate::semconv;
use crate::span::{Kind, Span};

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

/// What a call went to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    pub name: String,
    /// As X-Ray types its nodes: `AWS::DynamoDB::Table`, `Database::SQL`, `remote`.
    pub kind: String,
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

/// Whether the span came as X-Ray's, and if so, whether as a segment.
pub fn is_segment(span: &Span) -> Option<bool> {
    get_str(&span.attributes, "aws.xray.type").map(|kind| kind == "segment")
}

/// `aws`, `remote`, or none of work inside of the service.
pub fn namespace(span: &Span) -> Option<&'static str> {
    let is_aws = || ["rpc.system.name", "rpc.system"].iter().any(|name| get_str(&span.attributes, name) == Some("aws-api"));
    match get_str(&span.attributes, "aws.xray.namespace") {
        Some("aws") => Some("aws"),
        Some("remote") => Some("remote"),
        Some(_) => None,
        None if is_segment(span).is_some() => None,
        None if is_aws() => Some("aws"),
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
pub fn called(span: &Span) -> Called {
    let is_xray = is_segment(span).is_some();
    let node = |name: String, kind: &str| Called { name, kind: kind.to_owned() };
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

impl Called {
    /// What a row says that already shows `name`: what was called, or, if that is the name, what kind of thing it is.
    pub fn beside(&self, name: &str) -> &str {
        if self.name == name { &self.kind } else { &self.name }
    }
}
