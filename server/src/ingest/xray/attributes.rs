//! X-Ray's blocks as attributes, under OpenTelemetry's names where it has one.
//!
//! Sources: X-Ray developer guide, "Segment documents"; opentelemetry-collector-contrib `awsxrayreceiver/internal/translator`;
//! OpenTelemetry semantic conventions for HTTP and databases.

use super::json::Json;
use crate::ingest::attrs::Attrs;
use model::attr::Value;

/// Fields of the `http` block.
const HTTP: [(&str, &str); 8] = [
    ("request.method", "http.request.method"),
    ("request.url", "url.full"),
    ("request.user_agent", "user_agent.original"),
    ("request.client_ip", "client.address"),
    ("request.x_forwarded_for", "aws.xray.x_forwarded_for"),
    ("request.traced", "aws.xray.traced"),
    ("response.status", "http.response.status_code"),
    ("response.content_length", "http.response.body.size"),
];

/// Fields of the `sql` block.
const SQL: [(&str, &str); 5] = [
    ("url", "db.connection_string"),
    ("connection_string", "db.connection_string"),
    ("sanitized_query", "db.query.text"),
    ("database_type", "db.system.name"),
    ("user", "db.user"),
];

/// Fields of the record itself.
const OWN: [(&str, &str); 8] = [
    ("error", "aws.xray.error"),
    ("fault", "aws.xray.fault"),
    ("throttle", "aws.xray.throttle"),
    ("namespace", "aws.xray.namespace"),
    ("origin", "aws.xray.origin"),
    ("traced", "aws.xray.traced"),
    ("inferred", "aws.xray.inferred"),
    ("precursor_ids", "aws.xray.precursor_ids"),
];

/// Parts of a segment's `aws` block that describe its service, not the request: they are in the resource.
pub const OF_THE_SERVICE: [&str; 7] = ["account_id", "cloudwatch_logs", "ec2", "ecs", "eks", "elastic_beanstalk", "xray"];

/// Everything a record says besides its ids, times and exceptions. Annotations come first, and nobody's annotation stands
/// for what X-Ray itself says.
pub fn of(json: &Json<'_>, is_subsegment: bool, in_progress: bool) -> Attrs {
    let mut to = Attrs::default();
    let annotations = json.get("annotations").map(Json::fields).unwrap_or_default();
    annotations.iter().for_each(|(key, value)| to.push(key.clone().into_owned(), value.value()));
    if let Some(user) = json.get("user") {
        to.push("enduser.id".to_owned(), user.value());
    }
    http(json.get("http"), &mut to);
    sql(json.get("sql"), &mut to);
    aws(json, is_subsegment, &mut to);

    to.push("aws.xray.type".to_owned(), Value::Str(if is_subsegment { "subsegment" } else { "segment" }.to_owned()));
    if in_progress {
        to.push("aws.xray.in_progress".to_owned(), Value::Bool(true));
    }
    for (field, name) in OWN {
        if let Some(value) = json.get(field) {
            to.push(name.to_owned(), value.value());
        }
    }
    if !annotations.is_empty() {
        let keys = annotations.iter().map(|(key, _)| Value::Str(key.clone().into_owned())).collect();
        to.push("aws.xray.annotations".to_owned(), Value::List(keys));
    }
    match json.get("metadata") {
        Some(metadata @ Json::Map(namespaces)) if !namespaces.is_empty() => {
            for (namespace, values) in metadata.fields() {
                to.push(format!("aws.xray.metadata.{namespace}"), Value::Str(values.to_string()));
            }
        }
        Some(Json::Map(_)) | None => {}
        Some(other) => to.push("aws.xray.metadata".to_owned(), Value::Str(other.to_string())),
    }
    to
}

fn http(http: Option<&Json<'_>>, to: &mut Attrs) {
    let Some(http) = http else { return };
    block(http, "aws.xray.http", &HTTP, to);
    if let Some(method) = http.get("request").and_then(|request| request.get("method")?.text()) {
        // Python's `requests` says `get`; OpenTelemetry's methods are RFC 9110's, which are upper case.
        to.push("http.request.method".to_owned(), Value::Str(method.to_ascii_uppercase()));
    }
    if let Some(path) = http.get("request").and_then(|request| request.get("url")?.text().map(|url| path(&url).to_owned())) {
        to.push("url.path".to_owned(), Value::Str(path));
    }
    for (field, name) in [("status", "http.response.status_code"), ("content_length", "http.response.body.size")] {
        if let Some(number) = http.get("response").and_then(|response| response.get(field)?.text()?.parse().ok()) {
            to.push(name.to_owned(), Value::Int(number));
        }
    }
}

/// The path of a URL, or of a target that is a path already.
fn path(url: &str) -> &str {
    let after = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => url,
    };
    after.split(['?', '#']).next().unwrap_or(after)
}

fn sql(sql: Option<&Json<'_>>, to: &mut Attrs) {
    let Some(sql) = sql else { return };
    block(sql, "aws.xray.sql", &SQL, to);
    if let Some(kind) = sql.get("database_type").and_then(Json::text) {
        // OpenTelemetry's well-known values are lower case; SDKs write what the driver calls itself.
        let kind = match kind.to_ascii_lowercase() {
            kind if kind == "sqlite3" => "sqlite".to_owned(),
            kind if kind == "postgres" => "postgresql".to_owned(),
            kind => kind,
        };
        to.push("db.system.name".to_owned(), Value::Str(kind));
    }
    // `postgresql://user@host:5432/name?...`
    let name = sql.get("url").and_then(Json::text).and_then(|url| {
        let (_, rest) = url.split_once("://")?;
        let (_, path) = rest.split_once('/')?;
        path.split(['?', '#', ';', '/']).next().filter(|name| !name.is_empty()).map(str::to_owned)
    });
    if let Some(name) = name {
        to.push("db.namespace".to_owned(), Value::Str(name));
    }
}

/// The `aws` block: all of a subsegment's, and of a segment's what is not about its service.
fn aws(json: &Json<'_>, is_subsegment: bool, to: &mut Attrs) {
    if json.get("namespace").and_then(Json::text).is_some_and(|namespace| namespace == "aws")
        && let Some(service) = json.get("name").and_then(Json::text)
    {
        to.push("aws.service".to_owned(), Value::Str(service.into_owned()));
        to.push("rpc.system.name".to_owned(), Value::Str("aws-api".to_owned()));
    }
    let Some(aws) = json.get("aws") else { return };
    for (key, value) in aws.fields() {
        if is_subsegment || !OF_THE_SERVICE.contains(&&**key) {
            leaves(value, &format!("aws.{key}"), "", &[], to);
        }
    }
    // Python's name for it, and Node's: which rule let this request through.
    let rule = aws.get("xray").and_then(|xray| xray.get("sampling_rule_name").or_else(|| xray.get("rule_name")));
    if let Some(rule) = rule.filter(|_| !is_subsegment) {
        to.push("aws.xray.sampling_rule".to_owned(), rule.value());
    }
}

/// Every field of a block: under its OpenTelemetry name if `names` has one for its dotted path, else under `prefix`.
pub fn block(json: &Json<'_>, prefix: &str, names: &[(&str, &str)], to: &mut Attrs) {
    for (key, value) in json.fields() {
        leaves(value, prefix, key, names, to);
    }
}

fn leaves(json: &Json<'_>, prefix: &str, path: &str, names: &[(&str, &str)], to: &mut Attrs) {
    match json {
        Json::Null => {}
        Json::Map(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone().into_owned() } else { format!("{path}.{key}") };
                leaves(value, prefix, &path, names, to);
            }
        }
        leaf => {
            let name = match names.iter().find(|(field, _)| *field == path) {
                Some((_, name)) => (*name).to_owned(),
                None if path.is_empty() => prefix.to_owned(),
                None => format!("{prefix}.{path}"),
            };
            to.push(name, leaf.value());
        }
    }
}
