//! Sends what is in the queue of alerts: [`payload`] says what, this file when and how often.

pub mod forms;
pub mod payload;

use crate::store::ErrorStore;
use futures::StreamExt as _;
use model::alert::{Alert, AlertTarget};
use model::port::{Ask, Problem};
use model::time::{Nanos, SECOND};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// How often the queue is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// What a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Alerts on their way at once.
const AT_ONCE: usize = 8;
/// Attempts, 1, 4, 16, ... seconds apart as Rollbar's are: the last one about an hour and a half after the first.
const ATTEMPTS: u32 = 8;

/// What sending needs.
pub struct Alerts {
    pub errors: Arc<dyn ErrorStore>,
    /// Where people open the pages, without a slash at the end: links in alerts begin with it.
    pub base: String,
}

impl Alerts {
    /// Runs until the server stops.
    pub async fn run(self, mut stopped: watch::Receiver<bool>) {
        // Redirects would turn a POST into a GET.
        let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).user_agent("clew").build();
        let client = match client {
            Ok(client) => client,
            Err(error) => return tracing::error!("alerts cannot be sent: {error}"),
        };
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            if let Err(problem) = self.round(&client).await {
                tracing::error!("alerts wait: {problem}");
            }
        }
    }

    /// Sends what is due.
    async fn round(&self, client: &reqwest::Client) -> Result<(), Problem> {
        let due = self.errors.due_alerts(100).await?;
        let mut sent = futures::stream::iter(due).map(|(alert, target)| self.attempt(client, alert, target)).buffer_unordered(AT_ONCE);
        while let Some(noted) = sent.next().await {
            noted?;
        }
        Ok(())
    }

    async fn attempt(&self, client: &reqwest::Client, alert: Alert, target: AlertTarget) -> Result<(), Problem> {
        let (answer, delivered) = match self.body(&alert, &target).await {
            Ok(body) => match client.post(&target.url).json(&body).send().await {
                Ok(answer) => (answer.status().to_string(), answer.status().is_success()),
                // The address may hold a secret, which is not for the log.
                Err(error) => (chain(&error.without_url()), false),
            },
            Err(Problem::NotFound(what)) => {
                return self.errors.note_attempt(alert.id, &format!("no such {what} any more"), false, None).await;
            }
            Err(problem) => (problem.to_string(), false),
        };
        let next = next_attempt(alert.attempts + 1, now()).filter(|_| !delivered);
        if !delivered {
            tracing::warn!(target = target.name, attempt = alert.attempts + 1, "an alert was not delivered: {answer}");
        }
        self.errors.note_attempt(alert.id, &answer, delivered, next).await
    }

    async fn body(&self, alert: &Alert, target: &AlertTarget) -> Result<serde_json::Value, Problem> {
        if alert.number == 0 {
            return Ok(payload::test(target.kind, &self.base));
        }
        let ask = Ask::now();
        let group = self.errors.error(&ask, alert.number).await?.group;
        let last = match self.errors.occurrence(&ask, alert.number, None).await {
            Ok(occurrence) => occurrence.witnesses.into_iter().next(),
            Err(Problem::NotFound(_)) => None,
            Err(problem) => return Err(problem),
        };
        Ok(payload::of(alert, target, &group, last.as_ref(), &self.base))
    }
}

/// An error with what caused it: reqwest's own text says only that something failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn now() -> Nanos {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as Nanos)
}

/// When to try again after so many attempts.
fn next_attempt(attempts: u32, now: Nanos) -> Option<Nanos> {
    (attempts < ATTEMPTS).then(|| now.saturating_add(4i64.pow(attempts - 1) * SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_further_and_further_apart_and_end() {
        let waits: Vec<_> = (1..=ATTEMPTS).map(|attempts| next_attempt(attempts, 0).map(|at| at / SECOND)).collect();
        assert_eq!(waits, [Some(1), Some(4), Some(16), Some(64), Some(256), Some(1024), Some(4096), None]);
    }
}
