//! What one span says, in X-Ray's words.
//!
//! Sources: X-Ray developer guide, "Segment documents"; opentelemetry-collector-contrib `awsxrayexporter/internal/translator`
//! for spans of OpenTelemetry.

use model::attr::{Value, get, get_str};
pub use model::call::{CALLED, THINGS, attribute, is_call, is_segment, is_sql, namespace, text};
use model::span::{Span, Status};
use serde_json::{Map, Value as Json, json};

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

fn integer(span: &Span, name: &str) -> Option<i64> {
    match attribute(span, name)? {
        Value::Int(int) => Some(*int),
        value => value.to_string().parse().ok(),
    }
}

fn resource_text(span: &Span, name: &str) -> Option<String> {
    get_str(&span.origin.resource, name).filter(|text| !text.is_empty()).map(str::to_owned)
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

/// What a call went to, as far as the caller knows.
pub fn called(span: &Span) -> ServiceId {
    let called = model::call::called(span);
    ServiceId { name: called.name, kind: Some(called.kind), account: None }
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
