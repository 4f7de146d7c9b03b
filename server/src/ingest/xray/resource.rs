//! Who sent a segment: its service, its SDK and where it runs, as an OpenTelemetry resource.
//!
//! Source: opentelemetry-collector-contrib `awsxrayreceiver/internal/translator`; OpenTelemetry semantic conventions, resources.

use super::attributes::{OF_THE_SERVICE, block};
use super::json::Json;
use crate::ingest::attrs::Attrs;
use model::attr::Value;
use model::span::{Origin, UNKNOWN_SERVICE};

/// Fields of a segment's `aws` block.
const AWS: [(&str, &str); 19] = [
    ("account_id", "cloud.account.id"),
    ("ec2.instance_id", "host.id"),
    ("ec2.instance_size", "host.type"),
    ("ec2.ami_id", "host.image.id"),
    ("ec2.availability_zone", "cloud.availability_zone"),
    ("ecs.availability_zone", "cloud.availability_zone"),
    ("ecs.container", "container.name"),
    ("ecs.container_id", "container.id"),
    ("ecs.container_arn", "aws.ecs.container.arn"),
    ("ecs.task_arn", "aws.ecs.task.arn"),
    ("ecs.task_family", "aws.ecs.task.family"),
    ("ecs.cluster_arn", "aws.ecs.cluster.arn"),
    ("ecs.launch_type", "aws.ecs.launchtype"),
    ("eks.pod", "k8s.pod.name"),
    ("eks.cluster_name", "k8s.cluster.name"),
    ("eks.container_id", "container.id"),
    ("elastic_beanstalk.environment_name", "service.namespace"),
    ("elastic_beanstalk.version_label", "service.version"),
    ("elastic_beanstalk.deployment_id", "service.instance.id"),
];

/// Fields of `aws.xray`. The sampling rule is the request's, not the service's.
const SDK: [(&str, &str); 2] = [("sdk", "telemetry.sdk.name"), ("sdk_version", "telemetry.sdk.version")];
const RULE: [&str; 2] = ["sampling_rule_name", "rule_name"];

/// Fields of the `service` block.
const SERVICE: [(&str, &str); 3] =
    [("version", "service.version"), ("runtime", "process.runtime.name"), ("runtime_version", "process.runtime.version")];

/// `origin`, and OpenTelemetry's `cloud.platform`; more specific ones first.
const PLATFORMS: [(&str, &str); 6] = [
    ("AWS::ECS::", "aws_ecs"),
    ("AWS::EKS::", "aws_eks"),
    ("AWS::EC2::", "aws_ec2"),
    ("AWS::ElasticBeanstalk::", "aws_elastic_beanstalk"),
    ("AWS::AppRunner::", "aws_app_runner"),
    ("AWS::Lambda", "aws_lambda"),
];

/// How the SDKs end their name (`X-Ray for Node.js`), and OpenTelemetry's `telemetry.sdk.language`.
const LANGUAGES: [(&str, &str); 6] =
    [("Python", "python"), ("Node.js", "nodejs"), ("Java", "java"), (".NET", "dotnet"), ("Go", "go"), ("Ruby", "ruby")];

/// Of a subsegment that was sent on its own.
pub fn unknown() -> Origin {
    Origin { service: UNKNOWN_SERVICE.to_owned(), ..Origin::default() }
}

/// Of a segment: its name is the service, however it came by it (Python can be told to take the `Host` header).
pub fn of_segment(json: &Json<'_>) -> Origin {
    let name = json.get("name").and_then(Json::text).unwrap_or_default().into_owned();
    let mut to = Attrs::default();
    to.push("service.name".to_owned(), Value::Str(name.clone()));
    if let Some(aws) = json.get("aws") {
        for (key, value) in aws.fields().iter().filter(|(key, _)| OF_THE_SERVICE.contains(&&**key)) {
            match &**key {
                "xray" => sdk(value, &mut to),
                "cloudwatch_logs" => log_groups(value, &mut to),
                _ => block(&Json::Map(vec![(key.clone(), value.clone())]), "aws", &AWS, &mut to),
            }
        }
    }
    if let Some(Json::Map(fields)) = json.get("service") {
        // Node writes "unknown" for what package.json does not say.
        let known = fields.iter().filter(|(_, value)| value.text().is_none_or(|text| text != "unknown")).cloned().collect();
        block(&Json::Map(known), "aws.xray.service", &SERVICE, &mut to);
    }
    if let Some(arn) = json.get("resource_arn") {
        to.push("cloud.resource_id".to_owned(), arn.value());
    }
    let origin = json.get("origin").and_then(Json::text).unwrap_or_default();
    if let Some((_, platform)) = PLATFORMS.iter().find(|(prefix, _)| origin.starts_with(prefix)) {
        to.push("cloud.provider".to_owned(), Value::Str("aws".to_owned()));
        to.push("cloud.platform".to_owned(), Value::Str((*platform).to_owned()));
    }
    Origin { service: if name.is_empty() { unknown().service } else { name }, resource: to.finish(), ..Origin::default() }
}

fn sdk(xray: &Json<'_>, to: &mut Attrs) {
    let Json::Map(fields) = xray else { return };
    let of_the_service = fields.iter().filter(|(key, _)| !RULE.contains(&&**key)).cloned().collect();
    block(&Json::Map(of_the_service), "aws.xray", &SDK, to);
    let name = xray.get("sdk").and_then(Json::text).unwrap_or_default();
    if let Some((_, language)) = LANGUAGES.iter().find(|(end, _)| name.ends_with(&format!("for {end}"))) {
        to.push("telemetry.sdk.language".to_owned(), Value::Str((*language).to_owned()));
    }
}

/// The log groups of the service: how its log lines are found.
fn log_groups(groups: &Json<'_>, to: &mut Attrs) {
    for (field, name) in [("log_group", "aws.log.group.names"), ("arn", "aws.log.group.arns")] {
        let values: Vec<Value> = groups.items().iter().filter_map(|group| group.get(field)).map(Json::value).collect();
        if !values.is_empty() {
            to.push(name.to_owned(), Value::List(values));
        }
    }
}
