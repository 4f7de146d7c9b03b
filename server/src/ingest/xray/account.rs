//! What X-Ray keeps for an account besides traces: groups, insights, encryption, indexing. Clew has one group and none of the
//! rest, so these answers are always the same; the AWS CLI and Grafana's X-Ray data source ask for them before anything else.
//!
//! Source: botocore `data/xray/2016-04-12`.

use super::api::{Failure, read};
use serde::Deserialize;
use serde_json::{Value, json};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    GetEncryptionConfig,
    GetGroups,
    GetGroup,
    /// `CreateGroup`, `UpdateGroup` and `DeleteGroup`.
    ChangeGroup,
    GetInsightSummaries,
    /// `GetInsight`, `GetInsightEvents` and `GetInsightImpactGraph`.
    GetInsight,
    GetIndexingRules,
    GetTraceSegmentDestination,
    ListResourcePolicies,
    ListTagsForResource,
}

/// The one group that every account has.
pub const DEFAULT_GROUP: &str = "Default";
pub const DEFAULT_GROUP_ARN: &str = "arn:aws:xray:us-east-1:000000000000:group/Default";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Group {
    group_name: Option<String>,
    #[serde(rename = "GroupARN")]
    group_arn: Option<String>,
}

/// Refuses every group but the one that is there.
pub fn check_group(name: Option<&str>, arn: Option<&str>) -> Result<(), Failure> {
    let given = name.filter(|name| *name != DEFAULT_GROUP).or(arn.filter(|arn| *arn != DEFAULT_GROUP_ARN));
    given.map_or(Ok(()), |group| Err(Failure::invalid(format!("There is no group {group}, only {DEFAULT_GROUP}."))))
}

/// The answer.
pub fn answer(operation: Operation, body: &[u8]) -> Result<Value, Failure> {
    let group = json!({
        "GroupName": DEFAULT_GROUP,
        "GroupARN": DEFAULT_GROUP_ARN,
        "InsightsConfiguration": {"InsightsEnabled": false, "NotificationsEnabled": false},
    });
    Ok(match operation {
        Operation::GetEncryptionConfig => json!({"EncryptionConfig": {"Status": "ACTIVE", "Type": "NONE"}}),
        Operation::GetGroups => json!({"Groups": [group]}),
        Operation::GetGroup => {
            let asked: Group = read(body)?;
            check_group(asked.group_name.as_deref(), asked.group_arn.as_deref())?;
            json!({"Group": group})
        }
        Operation::ChangeGroup => {
            let message = format!("Groups are not kept here: there is {DEFAULT_GROUP} alone. Send its filter expression with each query.");
            return Err(Failure::invalid(message));
        }
        Operation::GetInsightSummaries => json!({"InsightSummaries": []}),
        Operation::GetInsight => return Err(Failure::invalid("There are no insights here.")),
        // Everything that is stored can be found.
        Operation::GetIndexingRules => json!({"IndexingRules": [{
            "Name": "Default",
            "Rule": {"Probabilistic": {"DesiredSamplingPercentage": 100.0, "ActualSamplingPercentage": 100.0}},
        }]}),
        Operation::GetTraceSegmentDestination => json!({"Destination": "XRay", "Status": "ACTIVE"}),
        Operation::ListResourcePolicies => json!({"ResourcePolicies": []}),
        Operation::ListTagsForResource => json!({"Tags": []}),
    })
}
