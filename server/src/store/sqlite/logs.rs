//! The log store over SQLite.

use super::Sqlite;
use crate::store::{LogProblem, LogStore};
use async_trait::async_trait;
use model::log::{Group, Line, Stream};
use model::port::*;
use model::time::Range;

fn missing<T>() -> Result<T, Problem> {
    Err(Problem::Unavailable("logs are not built yet".into()))
}

#[async_trait]
impl LogReader for Sqlite {
    async fn logs(&self, _: &Ask, _: &LogSearch) -> Result<LogPage, Problem> {
        missing()
    }
    async fn log_count(&self, _: &Ask, _: &LogSearch, _: u32) -> Result<LogCount, Problem> {
        missing()
    }
    async fn log_facets(&self, _: &Ask, _: &LogSearch, _: &[String], _: u32) -> Result<Vec<LogFacet>, Problem> {
        missing()
    }
    async fn log_table(&self, _: &Ask, _: &LogSearch) -> Result<LogTable, Problem> {
        missing()
    }
    async fn log_patterns(&self, _: &Ask, _: &LogSearch, _: u32, _: u32) -> Result<Vec<Pattern>, Problem> {
        missing()
    }
    async fn log_fields(&self, _: &Ask, _: &[String], _: Range, _: u32) -> Result<Vec<LogField>, Problem> {
        missing()
    }
    async fn log_line(&self, _: &Ask, _: LogCursor) -> Result<Line, Problem> {
        missing()
    }
    async fn log_arrivals(&self, _: &Ask, _: &LogSearch, _: u64) -> Result<Arrivals, Problem> {
        missing()
    }
    async fn log_groups(&self) -> Result<Vec<Group>, Problem> {
        missing()
    }
    async fn log_streams(&self, _: &str) -> Result<Vec<Stream>, Problem> {
        missing()
    }
}

#[async_trait]
impl LogStore for Sqlite {
    async fn create_log_group(&self, _: &str, _: &[(String, String)]) -> Result<(), LogProblem> {
        Err(LogProblem::NoGroup)
    }
    async fn delete_log_group(&self, _: &str) -> Result<(), LogProblem> {
        Err(LogProblem::NoGroup)
    }
    async fn set_log_retention(&self, _: &str, _: Option<u32>) -> Result<(), LogProblem> {
        Err(LogProblem::NoGroup)
    }
    async fn tag_log_group(&self, _: &str, _: &[(String, String)], _: &[String]) -> Result<(), LogProblem> {
        Err(LogProblem::NoGroup)
    }
    async fn create_log_stream(&self, _: &str, _: &str) -> Result<(), LogProblem> {
        Err(LogProblem::NoGroup)
    }
    async fn delete_log_stream(&self, _: &str, _: &str) -> Result<(), LogProblem> {
        Err(LogProblem::NoGroup)
    }
    fn log_seq(&self) -> tokio::sync::watch::Receiver<u64> {
        tokio::sync::watch::channel(0).1
    }
}
