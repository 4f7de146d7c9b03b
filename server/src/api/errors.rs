//! `/api/errors`: groups, their occurrences, and `PATCH` for triage, which does what the pages' forms do.

use super::answer::{Failure, json};
use super::ask::Parameters;
use crate::store::ErrorStore;
use crate::triage::actor;
use app::pages::errors::effective;
use app::url::{Errors, sort_text};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use model::error::{ErrorLevel, Occurrence, TriageAction};
use model::port::{Ask, ErrorSearch, LineLinks, Problem};
use model::query::ast::Query;
use model::query::errors::parse_errors;
use model::time::{Nanos, Rfc3339};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json as object};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a read may take.
const PATIENCE: Duration = Duration::from_secs(10);

type Errs = State<Arc<dyn ErrorStore>>;

/// Every route under `/api/errors`.
pub fn routes(errors: Arc<dyn ErrorStore>, links: Arc<dyn LineLinks>) -> Router {
    let occurrence = move |State(errors): Errs, Path((number, seq)): Path<(u64, String)>| async move {
        occurrence(&*errors, &*links, number, &seq).await
    };
    Router::new()
        .route("/api/errors", get(list))
        .route("/api/errors/{number}", get(one).patch(change))
        .route("/api/errors/{number}/occurrences", get(occurrences))
        .route("/api/errors/{number}/occurrences/{seq}", get(occurrence))
        .with_state(errors)
}

fn ask() -> Ask {
    Ask::now().until(Instant::now() + PATIENCE)
}

/// The query of a search and its tab.
fn query_of(search: &Errors) -> Result<Query, Failure> {
    let query =
        parse_errors(&search.query).map_err(|error| Failure(Problem::Bad { message: error.message, position: Some(error.position) }))?;
    Ok(effective(search, &query))
}

/// `GET /api/errors?q=&status=&sort=&limit=&cursor=`
async fn list(State(errors): Errs, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let raw = raw.unwrap_or_default();
    let search = Errors::parse(&raw);
    let limit = Parameters::of(Some(raw)).number("limit", 50, 1, 1000)?;
    let ask = ask();
    let _left = ask.cancel_on_drop();
    let found = ErrorSearch { query: query_of(&search)?, sort: search.sort, limit, cursor: search.cursor };
    let (page, counts) = (errors.errors(&ask, &found).await?, errors.error_counts(&ask, &found.query).await?);
    let cursor = page.next.map(|cursor| format!("{}.{}", cursor.value, cursor.number));
    Ok(json(&object!({
        "errors": page.rows.iter().map(told).collect::<Vec<_>>(),
        "counts": counts,
        "sort": sort_text(search.sort),
        "cursor": cursor,
    })))
}

/// `GET /api/errors/{number}`
async fn one(State(errors): Errs, Path(number): Path<u64>) -> Result<Response, Failure> {
    detail(&*errors, number).await
}

async fn detail(errors: &dyn ErrorStore, number: u64) -> Result<Response, Failure> {
    let ask = ask();
    let _left = ask.cancel_on_drop();
    let detail = errors.error(&ask, number).await?;
    let mut answer = told(&detail.group);
    answer["grouping"] = object!(detail.grouping);
    answer["history"] = detail.history.iter().map(told).collect();
    answer["breakdowns"] = object!(detail.breakdowns);
    Ok(json(&answer))
}

/// `GET /api/errors/{number}/occurrences?before=&limit=`
async fn occurrences(State(errors): Errs, Path(number): Path<u64>, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let parameters = Parameters::of(raw);
    let limit = parameters.number("limit", 50, 1, 1000)?;
    let before = match parameters.text("before") {
        "" => None,
        seq => Some(seq.parse().map_err(|_| Failure::bad("before must be the seq of an occurrence"))?),
    };
    let ask = ask();
    let _left = ask.cancel_on_drop();
    let rows = errors.occurrences(&ask, number, before, limit).await?;
    let next = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.seq);
    Ok(json(&object!({"occurrences": rows.iter().map(told).collect::<Vec<_>>(), "before": next})))
}

/// `GET /api/errors/{number}/occurrences/{seq}`; `latest` is the newest.
async fn occurrence(errors: &dyn ErrorStore, links: &dyn LineLinks, number: u64, seq: &str) -> Result<Response, Failure> {
    let seq = match seq {
        "latest" => None,
        seq => Some(seq.parse().map_err(|_| Failure::bad("an occurrence is named by its seq, or latest"))?),
    };
    let ask = ask();
    let _left = ask.cancel_on_drop();
    let mut occurrence = errors.occurrence(&ask, number, seq).await?;
    links.link_error(&ask, &mut occurrence).await;
    Ok(json(&whole(&occurrence)))
}

fn whole(occurrence: &Occurrence) -> Value {
    let mut answer = told(&occurrence.row);
    let witness = |witness: &model::error::Witness| {
        let mut told = told(witness);
        told["data"] = serde_json::from_str(&witness.data).unwrap_or(Value::Null);
        told
    };
    answer["witnesses"] = occurrence.witnesses.iter().map(witness).collect();
    answer["older"] = object!(occurrence.older);
    answer["newer"] = object!(occurrence.newer);
    answer
}

/// As JSON, moments as RFC 3339.
fn told(value: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(value).unwrap_or(Value::Null);
    for name in ["first_seen", "last_seen", "at", "time", "received_at", "until"] {
        if let Some(at) = value.get(name).and_then(Value::as_i64) {
            value[name] = object!(Rfc3339(at as Nanos).to_string());
        }
    }
    value
}

/// The body of `PATCH`: what is absent stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    status: Option<String>,
    resolved_in_version: Option<String>,
    /// `null`: nobody.
    #[serde(default, deserialize_with = "present")]
    assignee: Option<Option<String>>,
    level: Option<String>,
    title: Option<String>,
    /// Of `"status": "snoozed"`: seconds from now.
    snooze_expiration_in_seconds: Option<u32>,
    /// Of `"status": "snoozed"`: so many more occurrences.
    snooze_occurrences: Option<u64>,
    comment: Option<String>,
}

/// Tells `null` from what is absent.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl Change {
    /// What it asks for, in the order it is done; or a sentence.
    fn actions(self, now: Nanos) -> Result<Vec<TriageAction>, String> {
        let mut actions = Vec::new();
        let status = self.status.as_deref().or(self.resolved_in_version.is_some().then_some("resolved"));
        if (self.snooze_expiration_in_seconds.is_some() || self.snooze_occurrences.is_some()) && status != Some("snoozed") {
            return Err("snooze_… goes with \"status\": \"snoozed\"".into());
        }
        match status {
            None => {}
            Some("active") => actions.push(TriageAction::Reopen),
            Some("resolved") => actions.push(TriageAction::Resolve { version: self.resolved_in_version, next_deploy: false }),
            Some("muted") => actions.push(TriageAction::Mute),
            Some("snoozed") => {
                let until = self.snooze_expiration_in_seconds.map(|seconds| now.saturating_add(Nanos::from(seconds) * model::time::SECOND));
                if until.is_none() && self.snooze_occurrences.is_none() {
                    return Err("say how long: snooze_expiration_in_seconds or snooze_occurrences".into());
                }
                actions.push(TriageAction::Snooze { until, more: self.snooze_occurrences });
            }
            Some(other) => return Err(format!("status must be active, resolved, muted or snoozed, not {other:?}")),
        }
        actions.extend(self.assignee.map(|who| TriageAction::Assign(who.filter(|who| !who.trim().is_empty()))));
        if let Some(level) = self.level {
            let level = ErrorLevel::named(&level).ok_or("level must be debug, info, warning, error or critical")?;
            actions.push(TriageAction::Level(level));
        }
        match self.title.as_deref().map(str::trim) {
            Some("") => return Err("a title has at least one character".into()),
            title => actions.extend(title.map(|title| TriageAction::Title(title.chars().take(300).collect()))),
        }
        actions.extend(self.comment.filter(|comment| !comment.trim().is_empty()).map(TriageAction::Comment));
        Ok(actions)
    }
}

/// `PATCH /api/errors/{number}`: answers with what it is then.
async fn change(State(errors): Errs, Path(number): Path<u64>, headers: HeaderMap, body: Bytes) -> Result<Response, Failure> {
    let change: Change = serde_json::from_slice(&body).map_err(|error| Failure::bad(error.to_string()))?;
    let actions = change.actions(now()).map_err(Failure::bad)?;
    // Before anything is written.
    errors.error(&ask(), number).await?;
    let who = Some(actor(&headers)).filter(|name| !name.is_empty()).unwrap_or_else(|| "API".to_owned());
    for action in &actions {
        errors.triage(&who, &[number], action).await?;
    }
    detail(&*errors, number).await
}

fn now() -> Nanos {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.as_nanos() as Nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(body: &str) -> Result<Vec<TriageAction>, String> {
        serde_json::from_str::<Change>(body).map_err(|error| error.to_string())?.actions(0)
    }

    #[test]
    fn a_patch_says_what_to_do() {
        let resolved = TriageAction::Resolve { version: Some("1.2".into()), next_deploy: false };
        assert_eq!(actions(r#"{"resolved_in_version":"1.2"}"#), Ok(vec![resolved.clone()]));
        assert_eq!(
            actions(r#"{"status":"resolved","resolved_in_version":"1.2","assignee":null}"#),
            Ok(vec![resolved, TriageAction::Assign(None)])
        );
        assert_eq!(
            actions(r#"{"assignee":"ann","level":"critical"}"#),
            Ok(vec![TriageAction::Assign(Some("ann".into())), TriageAction::Level(ErrorLevel::Critical)])
        );
        let snoozed = TriageAction::Snooze { until: None, more: Some(5) };
        assert_eq!(actions(r#"{"status":"snoozed","snooze_occurrences":5}"#), Ok(vec![snoozed]));
        assert_eq!(actions("{}"), Ok(vec![]));
        for wrong in
            [r#"{"status":"open"}"#, r#"{"status":"snoozed"}"#, r#"{"levels":"error"}"#, r#"{"title":" "}"#, r#"{"snooze_occurrences":5}"#]
        {
            assert!(actions(wrong).is_err(), "{wrong}");
        }
    }
}
