//! Changes of the catalog of groups and streams.

use crate::store::sqlite::Sqlite;
use crate::store::{LogProblem, LogStore};
use async_trait::async_trait;

#[async_trait]
impl LogStore for Sqlite {
    async fn create_log_group(&self, name: &str, tags: &[(String, String)]) -> Result<(), LogProblem> {
        self.core.logs.catalog.create_group(name, tags, self.core.now()).await
    }

    async fn delete_log_group(&self, name: &str) -> Result<(), LogProblem> {
        self.core.logs.catalog.delete_group(name, self.core.logs.picture().seq).await
    }

    async fn set_log_retention(&self, group: &str, days: Option<u32>) -> Result<(), LogProblem> {
        self.core.logs.catalog.set_retention(group, days).await
    }

    async fn tag_log_group(&self, group: &str, set: &[(String, String)], remove: &[String]) -> Result<(), LogProblem> {
        self.core.logs.catalog.tag(group, set, remove).await
    }

    async fn create_log_stream(&self, group: &str, stream: &str) -> Result<(), LogProblem> {
        self.core.logs.catalog.create_stream(group, stream, self.core.now()).await
    }

    async fn delete_log_stream(&self, group: &str, stream: &str) -> Result<(), LogProblem> {
        self.core.logs.catalog.delete_stream(group, stream, self.core.logs.picture().seq).await
    }

    async fn log_stream_retention(&self, group: &str, stream: &str) -> Result<Option<u32>, LogProblem> {
        self.core.logs.catalog.retention(group, stream)
    }

    fn log_seq(&self) -> tokio::sync::watch::Receiver<u64> {
        self.core.logs.seq.subscribe()
    }
}
