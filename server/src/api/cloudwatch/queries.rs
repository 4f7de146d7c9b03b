//! Queries of Logs Insights that run, or ran lately: a client starts one and comes back for its results.

use crate::store::LogStore;
use model::port::{Ask, LogSearch, LogTable, Problem, Scanned};
use model::time::Nanos;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How many are kept, and for how long.
const MOST: usize = 100;
const KEPT: Duration = Duration::from_secs(3600);

/// The queries of this process, oldest first.
#[derive(Default)]
pub struct Queries(Mutex<VecDeque<Arc<Running>>>);

/// What a client asked for.
pub struct Asked {
    /// As AWS shows it in a list: `SOURCE "group" START=... END=... | fields @message`.
    pub text: String,
    pub groups: Vec<String>,
    pub created: Nanos,
}

/// A query, and what became of it.
pub struct Running {
    pub id: String,
    pub asked: Asked,
    since: Instant,
    ask: Ask,
    result: OnceLock<(Result<LogTable, Problem>, Duration)>,
}

impl Running {
    /// As AWS calls it.
    pub fn status(&self) -> &'static str {
        let cancelled = self.ask.cancelled.load(Ordering::Relaxed);
        match self.result.get() {
            _ if cancelled => "Cancelled",
            None => "Running",
            Some((Ok(table), _)) if !table.table.exact => "Timeout",
            Some((Ok(_), _)) => "Complete",
            Some((Err(_), _)) => "Failed",
        }
    }

    /// Its rows, once there are any.
    pub fn table(&self) -> Option<&LogTable> {
        self.result.get().and_then(|(result, _)| result.as_ref().ok())
    }

    pub fn scanned(&self) -> Scanned {
        self.table().map_or_else(|| self.ask.scanned(), |table| table.scanned)
    }

    pub fn took(&self) -> Duration {
        self.result.get().map_or_else(|| self.since.elapsed(), |(_, took)| *took)
    }

    /// Stops it; `false` if it had ended.
    pub fn stop(&self) -> bool {
        self.result.get().is_none() && !self.ask.cancelled.swap(true, Ordering::Relaxed)
    }
}

impl Queries {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Running>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a query; returns its id, or `None` if too many run.
    pub fn start(&self, logs: Arc<dyn LogStore>, search: LogSearch, asked: Asked, id: String) -> Option<String> {
        let ask = Ask::now().until(Instant::now() + KEPT);
        let running = Arc::new(Running { id: id.clone(), asked, since: Instant::now(), ask, result: OnceLock::new() });
        {
            let mut all = self.lock();
            all.retain(|query| query.since.elapsed() < KEPT);
            if all.len() >= MOST {
                let ended = all.iter().position(|query| query.status() != "Running")?;
                all.remove(ended);
            }
            all.push_back(running.clone());
        }
        tokio::spawn(async move {
            let result = logs.log_table(&running.ask, &search).await;
            if let Err(problem) = &result {
                tracing::debug!("query {}: {problem}", running.id);
            }
            // Set here and nowhere else.
            let _ = running.result.set((result, running.since.elapsed()));
        });
        Some(id)
    }

    pub fn get(&self, id: &str) -> Option<Arc<Running>> {
        self.lock().iter().find(|query| query.id == id).cloned()
    }

    /// Newest first.
    pub fn all(&self) -> Vec<Arc<Running>> {
        self.lock().iter().rev().cloned().collect()
    }
}
