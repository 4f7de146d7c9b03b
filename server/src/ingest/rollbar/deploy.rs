//! Deploys: `POST /api/1/deploy/` when one begins or is done, `PATCH /api/1/deploy/{id}` when it ended (Rollbar's docs, `api/deploys.md`).

use super::answer::{self, Failure};
use crate::ingest::now;
use crate::store::ErrorStore;
use axum::body::Body;
use axum::http::Response;
use model::error::Deploy;
use model::time::{Nanos, SECOND};
use serde_json::{Value, json};
use std::sync::Arc;

/// Rollbar's limit of a comment, in characters; of other texts.
const COMMENT: usize = 64 << 10;
const TEXT: usize = 255;
const STATUSES: [&str; 4] = ["started", "succeeded", "failed", "timed_out"];

/// Keeps a deploy; without a status it is one that succeeded.
pub async fn add(errors: &dyn ErrorStore, project: Arc<str>, body: &Value) -> Result<Response<Body>, Failure> {
    let text = |name: &str, most: usize| body[name].as_str().map(str::trim).unwrap_or_default().chars().take(most).collect::<String>();
    let first = |names: [&str; 2]| names.into_iter().map(|name| text(name, TEXT)).find(|text| !text.is_empty()).unwrap_or_default();
    let (environment, revision) = (text("environment", TEXT), first(["revision", "head_long"]));
    if environment.is_empty() || revision.is_empty() {
        return Err(Failure::unprocessable("A deploy has an environment and a revision."));
    }
    let status = status(body)?.unwrap_or("succeeded");
    let at = now();
    let deploy = Deploy {
        id: 0,
        project: project.to_string(),
        environment,
        revision,
        user: first(["rollbar_username", "local_username"]),
        comment: text("comment", COMMENT),
        status: status.to_owned(),
        started: at,
        finished: (status != "started").then_some(at),
    };
    let id = errors.add_deploy(deploy).await?;
    Ok(answer::result(&json!({"id": id, "deploy_id": id})))
}

/// Says how a deploy ended.
pub async fn end(errors: &dyn ErrorStore, id: u64, body: &Value) -> Result<Response<Body>, Failure> {
    let status = status(body)?.ok_or_else(|| Failure::unprocessable("Say the status: started, succeeded, failed or timed_out."))?;
    let deploy = errors.end_deploy(id, status, now()).await?;
    let seconds = |at: Nanos| at.div_euclid(SECOND);
    Ok(answer::result(&json!({
        "id": deploy.id,
        "deploy_id": deploy.id,
        "environment": deploy.environment,
        "revision": deploy.revision,
        "local_username": deploy.user,
        "comment": deploy.comment,
        "start_time": seconds(deploy.started),
        "finish_time": deploy.finished.map(seconds),
        "status": deploy.status,
    })))
}

fn status(body: &Value) -> Result<Option<&'static str>, Failure> {
    let Some(said) = body["status"].as_str().filter(|status| !status.is_empty()) else { return Ok(None) };
    let known = STATUSES.into_iter().find(|status| *status == said);
    known.map(Some).ok_or_else(|| Failure::unprocessable("The status of a deploy is started, succeeded, failed or timed_out."))
}
