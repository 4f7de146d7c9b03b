//! CloudWatch Logs, as far as it reads: what the AWS CLI, boto3 and Grafana ask, answered from whatever is stored, whichever source it
//! came from. Writing is [`crate::ingest::cloudwatch`]'s.
//!
//! Source: botocore `data/logs/2014-03-28`, protocol AWS JSON 1.1. Times are milliseconds since the epoch unless said otherwise.

mod describe;
mod events;
mod insights;
mod queries;
mod record;

use crate::ingest::cloudwatch::envelope::{Failure, answer, body_of, error, region};
use crate::ingest::cloudwatch::translate::NANOS_PER_MS;
use crate::ingest::{Ingest, PATIENCE};
use crate::store::LogStore;
use axum::body::Body;
use axum::http::{Request, Response};
use model::port::Ask;
use model::time::{Nanos, Range};
pub use queries::Queries;
use std::sync::Arc;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    DescribeLogGroups,
    ListLogGroups,
    DescribeLogStreams,
    ListTagsForResource,
    ListTagsLogGroup,
    GetLogEvents,
    FilterLogEvents,
    TestMetricFilter,
    StartQuery,
    GetQueryResults,
    StopQuery,
    DescribeQueries,
    GetLogRecord,
    GetLogGroupFields,
}

/// By name.
pub const ACTIONS: [(&str, Action); 14] = [
    ("DescribeLogGroups", Action::DescribeLogGroups),
    ("ListLogGroups", Action::ListLogGroups),
    ("DescribeLogStreams", Action::DescribeLogStreams),
    ("ListTagsForResource", Action::ListTagsForResource),
    ("ListTagsLogGroup", Action::ListTagsLogGroup),
    ("GetLogEvents", Action::GetLogEvents),
    ("FilterLogEvents", Action::FilterLogEvents),
    ("TestMetricFilter", Action::TestMetricFilter),
    ("StartQuery", Action::StartQuery),
    ("GetQueryResults", Action::GetQueryResults),
    ("StopQuery", Action::StopQuery),
    ("DescribeQueries", Action::DescribeQueries),
    ("GetLogRecord", Action::GetLogRecord),
    ("GetLogGroupFields", Action::GetLogGroupFields),
];

impl Action {
    /// Whether it reads names only, no lines: senders ask so before they write.
    pub fn reads_names_only(self) -> bool {
        use Action::{DescribeLogGroups, DescribeLogStreams, ListLogGroups, ListTagsForResource, ListTagsLogGroup};
        matches!(self, DescribeLogGroups | ListLogGroups | DescribeLogStreams | ListTagsForResource | ListTagsLogGroup)
    }
}

/// Answers a request.
pub async fn call(ingest: &Ingest, logs: &Arc<dyn LogStore>, queries: &Queries, action: Action, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut patience = PATIENCE;
    let ask = Ask::now();
    let _left = ask.cancel_on_drop();
    let answered = async {
        let held = body_of(ingest, &parts.headers, body, &mut patience).await?;
        let (body, store, region) = (&held.bytes[..], &**logs, region(&parts.headers));
        match action {
            Action::DescribeLogGroups => describe::groups(store, region, body).await,
            Action::ListLogGroups => describe::list_groups(store, region, body).await,
            Action::DescribeLogStreams => describe::streams(store, region, body).await,
            Action::ListTagsForResource | Action::ListTagsLogGroup => describe::tags(store, body).await,
            Action::GetLogEvents => events::get(store, &ask, body).await,
            Action::FilterLogEvents => events::filter(store, &ask, body).await,
            Action::TestMetricFilter => events::test_pattern(body),
            Action::StartQuery => insights::start(logs, queries, ingest.store.now(), body).await,
            Action::GetQueryResults => insights::results(queries, body),
            Action::StopQuery => insights::stop(queries, body),
            Action::DescribeQueries => insights::describe(queries, body),
            Action::GetLogRecord => record::get(store, &ask, body).await,
            Action::GetLogGroupFields => record::fields(store, &ask, ingest.store.now(), body).await,
        }
    };
    match answered.await {
        Ok(value) => answer(&value),
        Err(failure) => {
            tracing::debug!("{action:?}: {}", failure.message);
            error(&failure)
        }
    }
}

/// The group of this name must be there.
async fn check_group(logs: &dyn LogStore, group: &str) -> Result<(), Failure> {
    Ok(logs.log_streams(group).await.map(drop)?)
}

/// Milliseconds of a moment.
fn millis(at: Nanos) -> i64 {
    at.div_euclid(NANOS_PER_MS)
}

/// From one moment to the other, in milliseconds, without the second.
fn range(start: Option<i64>, end: Option<i64>) -> Range {
    let nanos = |millis: i64| millis.saturating_mul(NANOS_PER_MS);
    Range { start: start.map_or(Range::ALL.start, nanos), end: end.map_or(Range::ALL.end, nanos) }
}

/// A limit between 1 and `most`.
fn limit(given: Option<i64>, default: u32, most: u32) -> Result<u32, Failure> {
    let Some(given) = given else { return Ok(default) };
    match u32::try_from(given) {
        Ok(limit) if limit > most => {
            Err(Failure::constraint(format!("'{given}'"), "limit", &format!("have value less than or equal to {most}")))
        }
        Ok(limit) if limit > 0 => Ok(limit),
        _ => Err(Failure::constraint(format!("'{given}'"), "limit", "have value greater than or equal to 1")),
    }
}

fn bad_token() -> Failure {
    Failure::invalid("The specified nextToken is invalid.")
}
