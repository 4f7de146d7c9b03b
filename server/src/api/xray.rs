//! X-Ray's REST API, as far as it reads: what the AWS CLI, boto3 and Grafana's X-Ray data source ask, answered from whatever
//! is stored, whichever source it came from. Sending is [`crate::ingest::xray::api`]'s.
//!
//! Source: botocore `data/xray/2016-04-12`, protocol rest-json. Times are seconds since the epoch, both ways.

mod causes;
mod coarse;
mod document;
mod filter;
mod graph;
mod matching;
mod record;
mod statistics;
mod summaries;
mod summary;
mod token;
mod traces;
mod view;

use crate::guard::Refusal;
use crate::ingest::xray::account::check_group;
use crate::ingest::xray::api::{Failure, answer, body_of, error, posted_to};
use crate::ingest::{Ingest, PATIENCE};
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use model::port::{Ask, Problem};
use model::time::{Nanos, Range};
use serde::Deserialize;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    GetTraceSummaries,
    BatchGetTraces,
    GetServiceGraph,
    GetTraceGraph,
    GetTimeSeriesServiceStatistics,
}

/// Where each is posted.
const PATHS: [(&str, Operation); 5] = [
    ("TraceSummaries", Operation::GetTraceSummaries),
    ("Traces", Operation::BatchGetTraces),
    ("ServiceGraph", Operation::GetServiceGraph),
    ("TraceGraph", Operation::GetTraceGraph),
    ("TimeSeriesServiceStatistics", Operation::GetTimeSeriesServiceStatistics),
];

/// The operation a request asks for, by the last part of its path, letter by letter: `/traces` is a page.
pub fn operation_of(method: &Method, path: &str) -> Option<Operation> {
    posted_to(&PATHS, method, path)
}

/// Answers a request.
pub async fn call(ingest: &Ingest, operation: Operation, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut patience = PATIENCE;
    let ask = Ask::now();
    let _left = ask.cancel_on_drop();
    let answered = async {
        let held = body_of(ingest, &parts.headers, body, &mut patience).await?;
        let store = &*ingest.store;
        match operation {
            Operation::GetTraceSummaries => summaries::get(store, &ask, &held.bytes).await,
            Operation::BatchGetTraces => traces::get(store, &ask, &held.bytes).await,
            Operation::GetServiceGraph => graph::of_range(store, &ask, &held.bytes).await,
            Operation::GetTraceGraph => graph::of_traces(store, &ask, &held.bytes).await,
            Operation::GetTimeSeriesServiceStatistics => graph::over_time(store, &ask, &held.bytes).await,
        }
    };
    match answered.await {
        Ok(value) => answer(StatusCode::OK, &value),
        Err(failure) => {
            tracing::debug!("{operation:?}: {}", failure.message);
            error(&failure)
        }
    }
}

/// For who may not read.
pub fn refused(refusal: Refusal) -> Response<Body> {
    error(&Failure::new(StatusCode::FORBIDDEN, "AccessDeniedException", refusal.message().trim_end()))
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        match problem {
            Problem::Unavailable(_) => Failure::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException", problem.to_string()),
            Problem::NotFound(_) | Problem::Bad { .. } => Failure::invalid(problem.to_string()),
        }
    }
}

/// From when to when, both inclusive, in seconds since the epoch.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Between {
    start_time: f64,
    end_time: f64,
}

impl Between {
    fn range(self) -> Result<Range, Failure> {
        let nanos = |seconds: f64| (seconds * 1e9).round() as Nanos;
        if self.start_time > self.end_time || self.start_time.is_nan() || self.end_time.is_nan() {
            return Err(Failure::invalid("StartTime must not be after EndTime."));
        }
        // Seconds in a double are no more exact than that, and the end takes part.
        Ok(Range { start: nanos(self.start_time), end: nanos(self.end_time).saturating_add(1_000) })
    }
}

/// Of an operation that answers with one page.
fn check_single_page(token: Option<&str>) -> Result<(), Failure> {
    if token.unwrap_or_default().is_empty() { Ok(()) } else { Err(Failure::invalid("The NextToken is not one of ours.")) }
}

#[cfg(test)]
mod tests;
