//! Making, tagging, keeping and deleting groups and streams.

use super::Action;
use super::envelope::{Failure, read, required};
use super::names::{group_name, stream_name};
use crate::store::{LogProblem, LogStore};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Of every action, those members that any has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
    resource_arn: Option<String>,
    retention_in_days: Option<u32>,
    /// An object to set, a list to remove.
    tags: Option<Value>,
    tag_keys: Option<Vec<String>>,
}

/// The days AWS allows.
const RETENTIONS: [u32; 22] = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Carries out an action that answers nothing.
pub async fn change(logs: &dyn LogStore, action: Action, body: &[u8]) -> Result<(), Failure> {
    let parameters: Parameters = read(body)?;
    let of_resource = matches!(action, Action::TagResource | Action::UntagResource);
    let (name, member) = match of_resource {
        true => (&parameters.resource_arn, "resourceArn"),
        false => (&parameters.log_group_name, "logGroupName"),
    };
    let group = group_name(name.as_deref(), member)?;
    let stream = || stream_name(parameters.log_stream_name.as_deref(), "logStreamName");
    let changed = match action {
        // Lines are put by the caller.
        Action::PutLogEvents => Ok(()),
        Action::CreateLogGroup => logs.create_log_group(group, &tags(parameters.tags)?).await,
        Action::CreateLogStream => match logs.create_log_stream(group, stream()?).await {
            Err(LogProblem::Exists) => {
                return Err(Failure::new("ResourceAlreadyExistsException", "The specified log stream already exists"));
            }
            created => created,
        },
        Action::DeleteLogGroup => logs.delete_log_group(group).await,
        Action::DeleteLogStream => logs.delete_log_stream(group, stream()?).await,
        Action::PutRetentionPolicy => {
            let days = required(parameters.retention_in_days, "retentionInDays")?;
            if !RETENTIONS.contains(&days) {
                return Err(Failure::constraint(
                    format!("'{days}'"),
                    "retentionInDays",
                    &format!("satisfy enum value set: {RETENTIONS:?}"),
                ));
            }
            logs.set_log_retention(group, Some(days)).await
        }
        Action::DeleteRetentionPolicy => logs.set_log_retention(group, None).await,
        Action::TagResource | Action::TagLogGroup => {
            let set = tags(Some(required(parameters.tags, "tags")?))?;
            logs.tag_log_group(group, &set, &[]).await
        }
        Action::UntagResource => logs.tag_log_group(group, &[], &required(parameters.tag_keys, "tagKeys")?).await,
        Action::UntagLogGroup => {
            let keys = serde_json::from_value::<Vec<String>>(required(parameters.tags, "tags")?).map_err(unreadable)?;
            logs.tag_log_group(group, &[], &keys).await
        }
    };
    Ok(changed?)
}

fn tags(object: Option<Value>) -> Result<Vec<(String, String)>, Failure> {
    let Some(object) = object else { return Ok(Vec::new()) };
    Ok(serde_json::from_value::<BTreeMap<String, String>>(object).map_err(unreadable)?.into_iter().collect())
}

fn unreadable(error: serde_json::Error) -> Failure {
    Failure::new("SerializationException", format!("The tags cannot be read: {error}."))
}
