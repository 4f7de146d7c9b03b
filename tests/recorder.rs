//! A store that keeps nothing but what it was given, for tests of the way in.

use crate::errors::memory::ErrorMemory;
use async_trait::async_trait;
use model::alias::Aliases;
use model::error::Witness;
use model::id::TraceId;
use model::log::{Group, Line, Stream};
use model::port::*;
use model::query::ast::{Key, Stats};
use model::span::Span;
use model::time::{Nanos, Range};
use model::trace::{Summary, Trace};
use server::config::Config;
use server::ingest::{Batch, Rejected, Signal};
use server::store::{Accepted, ErrorStore, LogProblem, LogStore, Refused, Store};
use server::{Running, serve_with};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Default)]
pub struct Recorder {
    pub spans: Mutex<Vec<Span>>,
    pub lines: Arc<Mutex<Vec<Line>>>,
    pub errors: Mutex<Vec<Witness>>,
    /// Of the last request with lines.
    pub identity: Mutex<Option<u128>>,
    pub rejected: Mutex<Vec<Rejected>>,
    pub dropped: Mutex<Vec<(Signal, &'static str, u64)>>,
    /// What the next calls are refused with.
    pub refuse: Mutex<Option<Refused>>,
    /// How long a commit takes.
    pub delay: Mutex<Duration>,
    pub closed: AtomicBool,
}

impl Recorder {
    pub fn new() -> Arc<Recorder> {
        Arc::default()
    }

    /// The spans so far, which are forgotten.
    pub fn take(&self) -> Vec<Span> {
        std::mem::take(&mut self.spans.lock().unwrap())
    }

    /// The lines so far, which are forgotten.
    pub fn take_lines(&self) -> Vec<Line> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }

    /// The errors so far, which are forgotten.
    pub fn take_errors(&self) -> Vec<Witness> {
        std::mem::take(&mut self.errors.lock().unwrap())
    }

    /// The rejected records so far, which are forgotten.
    pub fn take_rejected(&self) -> Vec<Rejected> {
        std::mem::take(&mut self.rejected.lock().unwrap())
    }
}

#[async_trait]
impl Store for Recorder {
    async fn accept(&self, _: &'static str, batch: Batch, _: Duration) -> Result<Accepted, Refused> {
        let delay = *self.delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        if let Some(refused) = *self.refuse.lock().unwrap() {
            return Err(refused);
        }
        let (stored, lines, errors) = (batch.spans.len() as u64, batch.logs.len() as u64, batch.errors.len() as u64);
        if !batch.logs.is_empty() {
            *self.identity.lock().unwrap() = batch.identity;
        }
        self.lines.lock().unwrap().extend(batch.logs);
        self.spans.lock().unwrap().extend(batch.spans);
        self.errors.lock().unwrap().extend(batch.errors);
        self.rejected.lock().unwrap().extend(batch.rejected);
        self.dropped.lock().unwrap().extend(batch.dropped);
        Ok(Accepted { stored, lines, errors, rejected: Vec::new() })
    }

    async fn remove_dataset(&self, _: &str) -> Result<u64, Problem> {
        Ok(0)
    }

    async fn set_aliases(&self, _: Aliases) -> Result<(), Problem> {
        Ok(())
    }

    fn metrics(&self, to: &mut String) {
        to.push_str("# HELP clew_recorder_up 1.\n# TYPE clew_recorder_up gauge\nclew_recorder_up 1\n");
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

fn nothing<T>() -> Result<T, Problem> {
    Err(Problem::Unavailable("this store only records".into()))
}

#[async_trait]
impl Reader for Recorder {
    async fn traces(&self, _: &Ask, _: &TraceSearch) -> Result<Page<TraceRow>, Problem> {
        nothing()
    }
    async fn count(&self, _: &Ask, _: &TraceSearch, _: u32) -> Result<Count, Problem> {
        nothing()
    }
    async fn facets(&self, _: &Ask, _: &SpanSearch, _: &[(String, Key)], _: u32) -> Result<Vec<Facet>, Problem> {
        nothing()
    }
    async fn stats(&self, _: &Ask, _: &SpanSearch, _: &Stats) -> Result<Table, Problem> {
        nothing()
    }
    async fn spans(&self, _: &Ask, _: &SpanSearch, _: usize) -> Result<Option<Vec<Span>>, Problem> {
        nothing()
    }
    async fn stored(&self, _: &Ask, _: &[TraceId]) -> Result<Vec<Summary>, Problem> {
        nothing()
    }
    async fn trace(&self, _: &Ask, _: TraceId) -> Result<Trace, Problem> {
        nothing()
    }
    async fn links_to(&self, _: &Ask, _: TraceId) -> Result<Vec<BackLink>, Problem> {
        nothing()
    }
    async fn keys(&self, _: &Ask, _: Range, _: &str, _: u32) -> Result<Vec<KeyHint>, Problem> {
        nothing()
    }
    async fn services(&self, _: &Ask, _: Range) -> Result<Vec<String>, Problem> {
        Ok(Vec::new())
    }
    async fn ledger(&self) -> Result<Vec<LedgerRow>, Problem> {
        Ok(Vec::new())
    }
    /// Every page's frame asks for it.
    async fn instance(&self) -> Result<Instance, Problem> {
        Ok(Instance {
            listeners: Vec::new(),
            warnings: Vec::new(),
            version: "0".into(),
            retention_days: 30,
            disk_bytes: 0,
            spans: 0,
            has_demo: false,
        })
    }
    fn aliases(&self) -> Arc<Aliases> {
        Arc::default()
    }
    fn now(&self) -> Nanos {
        0
    }
}

#[async_trait]
impl LogReader for Recorder {
    async fn logs(&self, _: &Ask, _: &LogSearch) -> Result<LogPage, Problem> {
        nothing()
    }
    async fn log_count(&self, _: &Ask, _: &LogSearch, _: u32) -> Result<LogCount, Problem> {
        nothing()
    }
    async fn log_facets(&self, _: &Ask, _: &LogSearch, _: &[String], _: u32) -> Result<Vec<LogFacet>, Problem> {
        nothing()
    }
    async fn log_table(&self, _: &Ask, _: &LogSearch) -> Result<LogTable, Problem> {
        nothing()
    }
    async fn log_patterns(&self, _: &Ask, _: &LogSearch, _: u32, _: u32) -> Result<Vec<Pattern>, Problem> {
        nothing()
    }
    async fn log_fields(&self, _: &Ask, _: &[String], _: Range, _: u32) -> Result<Vec<LogField>, Problem> {
        nothing()
    }
    async fn log_line(&self, _: &Ask, _: LogCursor) -> Result<Line, Problem> {
        nothing()
    }
    async fn log_arrivals(&self, _: &Ask, _: &LogSearch, _: u64) -> Result<Arrivals, Problem> {
        nothing()
    }
    async fn log_groups(&self) -> Result<Vec<Group>, Problem> {
        nothing()
    }
    async fn log_streams(&self, _: &str) -> Result<Vec<Stream>, Problem> {
        nothing()
    }
}

fn no_catalog() -> Result<(), LogProblem> {
    Err(LogProblem::Unavailable("this store only records".into()))
}

#[async_trait]
impl LogStore for Recorder {
    async fn create_log_group(&self, _: &str, _: &[(String, String)]) -> Result<(), LogProblem> {
        no_catalog()
    }
    async fn delete_log_group(&self, _: &str) -> Result<(), LogProblem> {
        no_catalog()
    }
    async fn set_log_retention(&self, _: &str, _: Option<u32>) -> Result<(), LogProblem> {
        no_catalog()
    }
    async fn tag_log_group(&self, _: &str, _: &[(String, String)], _: &[String]) -> Result<(), LogProblem> {
        no_catalog()
    }
    async fn create_log_stream(&self, _: &str, _: &str) -> Result<(), LogProblem> {
        no_catalog()
    }
    async fn delete_log_stream(&self, _: &str, _: &str) -> Result<(), LogProblem> {
        no_catalog()
    }
    async fn log_stream_retention(&self, _: &str, _: &str) -> Result<Option<u32>, LogProblem> {
        no_catalog().map(|()| None)
    }
    fn log_seq(&self) -> tokio::sync::watch::Receiver<u64> {
        tokio::sync::watch::channel(0).1
    }
}

/// The server on real sockets over a store that records.
pub async fn start(change: impl FnOnce(&mut Config)) -> (Result<Running, String>, Arc<Recorder>) {
    let store = Recorder::new();
    let mut config = Config::ephemeral("/nonexistent");
    change(&mut config);
    let given = store.clone();
    (
        serve_with(config, async move |_, _, _| {
            Ok((given.clone() as Arc<dyn Store>, given as Arc<dyn LogStore>, Arc::new(ErrorMemory::default()) as Arc<dyn ErrorStore>))
        })
        .await,
        store,
    )
}
