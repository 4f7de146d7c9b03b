//! An error store that keeps nothing: pages say that no error has arrived.

use super::ErrorStore;
use async_trait::async_trait;
use model::error::{Deploy, ErrorPin, Occurrence, OccurrenceRow, TriageAction};
use model::id::TraceId;
use model::port::{Ask, ErrorCounts, ErrorDetail, ErrorNeighbour, ErrorPage, ErrorReader, ErrorSearch, Problem};
use model::query::ast::Query;
use model::time::{Nanos, Range};

/// See the module.
pub struct NoErrors;

const NONE: Problem = Problem::NotFound("error");

#[async_trait]
impl ErrorReader for NoErrors {
    async fn errors(&self, _: &Ask, _: &ErrorSearch) -> Result<ErrorPage, Problem> {
        Ok(ErrorPage { rows: Vec::new(), next: None })
    }
    async fn error_counts(&self, _: &Ask, _: &Query) -> Result<ErrorCounts, Problem> {
        Ok(ErrorCounts::default())
    }
    async fn error(&self, _: &Ask, _: u64) -> Result<ErrorDetail, Problem> {
        Err(NONE)
    }
    async fn error_trend(&self, _: &Ask, _: u64, _: Range, _: u32) -> Result<Vec<(Nanos, u64)>, Problem> {
        Err(NONE)
    }
    async fn occurrences(&self, _: &Ask, _: u64, _: Option<u64>, _: u32) -> Result<Vec<OccurrenceRow>, Problem> {
        Err(NONE)
    }
    async fn occurrence(&self, _: &Ask, _: u64, _: Option<u64>) -> Result<Occurrence, Problem> {
        Err(NONE)
    }
    async fn occurrence_by_uuid(&self, _: &Ask, _: &str) -> Result<(u64, u64), Problem> {
        Err(NONE)
    }
    async fn errors_of_traces(&self, _: &Ask, _: &[TraceId]) -> Result<Vec<ErrorPin>, Problem> {
        Ok(Vec::new())
    }
    async fn error_neighbours(&self, _: &Ask, _: u64) -> Result<Vec<ErrorNeighbour>, Problem> {
        Ok(Vec::new())
    }
    async fn deploys(&self, _: &Ask, _: Range) -> Result<Vec<Deploy>, Problem> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl ErrorStore for NoErrors {
    async fn triage(&self, _: &str, _: &[u64], _: &TriageAction) -> Result<u64, Problem> {
        Ok(0)
    }
    async fn merge_errors(&self, _: &str, _: u64, _: &[u64]) -> Result<(), Problem> {
        Err(NONE)
    }
    async fn unmerge_error(&self, _: &str, _: u64) -> Result<(), Problem> {
        Err(NONE)
    }
    async fn add_deploy(&self, _: Deploy) -> Result<u64, Problem> {
        Err(NONE)
    }
    async fn end_deploy(&self, _: u64, _: &str, _: Nanos) -> Result<Deploy, Problem> {
        Err(NONE)
    }
    async fn grouping_rules(&self) -> Result<String, Problem> {
        Ok(String::new())
    }
    async fn set_grouping_rules(&self, _: &str, _: &str) -> Result<(), Problem> {
        Err(NONE)
    }
}
