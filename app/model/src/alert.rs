//! Alerts: whom to tell of errors, of what, and what came of it.

use crate::error::ErrorLevel;
use crate::port::Problem;
use crate::time::Nanos;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Where alerts go, and which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertTarget {
    /// 0: not kept yet.
    pub id: u64,
    pub name: String,
    pub kind: TargetKind,
    /// `http://` or `https://`
    pub url: String,
    pub triggers: Vec<Trigger>,
    /// What is less bad is not told.
    pub min_level: ErrorLevel,
    /// Empty: all.
    pub environment: String,
    /// For [`Trigger::Rate`]: so many occurrences of a group within so many minutes, at most 60.
    pub rate_count: u32,
    pub rate_minutes: u32,
}

/// What an alert looks like on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// Rollbar's webhook JSON.
    Webhook,
    /// `{"text": ...}`, as Slack's incoming webhooks and what imitates them take it.
    Slack,
}

/// What an alert is told for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// A group's first occurrence.
    New,
    /// It was resolved and came back.
    Regressed,
    /// Its 10th, 100th, 1,000th, ... occurrence.
    Repeated,
    /// Many within a short time; at most once per that time.
    Rate,
    /// A person pressed the button.
    Test,
}

impl Trigger {
    /// Those that a target may choose.
    pub const CHOICES: [Trigger; 4] = [Trigger::New, Trigger::Regressed, Trigger::Repeated, Trigger::Rate];

    /// As forms and the catalog write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Trigger::New => "new",
            Trigger::Regressed => "regressed",
            Trigger::Repeated => "repeated",
            Trigger::Rate => "rate",
            Trigger::Test => "test",
        }
    }

    /// Reads what [`Trigger::as_str`] wrote.
    pub fn named(text: &str) -> Option<Trigger> {
        Trigger::CHOICES.into_iter().chain([Trigger::Test]).find(|trigger| trigger.as_str() == text)
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Trigger::New => "a new error",
            Trigger::Regressed => "an error that came back",
            Trigger::Repeated => "every 10th, 100th, 1,000th … occurrence",
            Trigger::Rate => "many occurrences in a short time",
            Trigger::Test => "a test",
        }
    }
}

/// One alert to one target: a row of the delivery log, and what is still to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    pub id: u64,
    /// When it was raised.
    pub at: Nanos,
    /// When it is sent, or sent again; `None`: no more.
    pub due: Option<Nanos>,
    pub target: u64,
    /// The target's name at that time.
    pub name: String,
    pub trigger: Trigger,
    /// Number of the group; 0 for a test.
    pub number: u64,
    /// Its count when it was raised.
    pub count: u64,
    pub attempts: u32,
    /// What came of the last attempt: `200 OK`, or why it failed. Empty before the first.
    pub answer: String,
    pub delivered: bool,
}

/// What the settings page reads.
#[async_trait]
pub trait AlertReader: Send + Sync {
    /// By name.
    async fn alert_targets(&self) -> Result<Vec<AlertTarget>, Problem>;

    /// The delivery log, newest first.
    async fn alerts(&self, limit: u32) -> Result<Vec<Alert>, Problem>;
}
