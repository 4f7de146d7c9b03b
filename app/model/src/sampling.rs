//! Which requests X-Ray's SDKs record: the rules they ask their daemon for, and what they say came of them.

use crate::time::Nanos;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The rule that applies where no other does.
pub const DEFAULT: &str = "Default";

/// A sampling rule. Names and meaning are AWS's (botocore `xray/2016-04-12`, `SamplingRule`); texts are patterns with `*` for
/// any characters and `?` for one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Rule {
    /// At most 32 characters.
    pub rule_name: String,
    #[serde(rename = "RuleARN")]
    pub rule_arn: String,
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// 1 to 9999; the lowest that matches decides.
    pub priority: u32,
    /// Share of the requests beyond the reservoir, 0 to 1.
    pub fixed_rate: f64,
    /// Requests a second that are recorded whatever the rate.
    pub reservoir_size: u32,
    pub service_name: String,
    pub service_type: String,
    pub host: String,
    #[serde(rename = "HTTPMethod")]
    pub http_method: String,
    #[serde(rename = "URLPath")]
    pub url_path: String,
    pub version: u32,
    /// SDKs written in Python skip a rule that has any, and those in JavaScript one that has no such field.
    pub attributes: BTreeMap<String, String>,
}

impl Default for Rule {
    /// Records every request.
    fn default() -> Rule {
        let any = || "*".to_owned();
        Rule {
            rule_name: DEFAULT.to_owned(),
            rule_arn: String::new(),
            resource_arn: any(),
            priority: 10_000,
            fixed_rate: 1.0,
            reservoir_size: 1,
            service_name: any(),
            service_type: any(),
            host: any(),
            http_method: any(),
            url_path: any(),
            version: 1,
            attributes: BTreeMap::new(),
        }
    }
}

/// What SDKs reported of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that matched, recorded or not: the true number.
    pub requests: u64,
    /// Recorded by quota or rate.
    pub sampled: u64,
    /// Recorded before an SDK had its share of the reservoir. SDKs do not count these as sampled.
    pub borrowed: u64,
}

impl Counts {
    /// Requests of which a trace was sent.
    pub fn kept(&self) -> u64 {
        self.sampled + self.borrowed
    }

    pub fn add(&mut self, more: Counts) {
        self.requests += more.requests;
        self.sampled += more.sampled;
        self.borrowed += more.borrowed;
    }
}

/// A rule and its use.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleInUse {
    pub rule: Rule,
    /// Of the last [`WINDOW`] minutes.
    pub counts: Counts,
    /// SDKs that reported within the last minute.
    pub clients: usize,
}

/// Minutes over which the use of rules is counted.
pub const WINDOW: i64 = 60;

/// Everything about sampling, for its page.
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    /// By priority; [`DEFAULT`] is the last.
    pub rules: Vec<RuleInUse>,
    /// Where the rules are kept; `None` if they cannot be.
    pub file: Option<String>,
    /// Why the file was not taken; the rules are the last good ones.
    pub problem: Option<String>,
    /// How long counts have been kept, at most [`WINDOW`] minutes.
    pub counted_ns: Nanos,
}

/// The port through which the page sees the rules.
pub trait SamplingRules: Send + Sync {
    fn board(&self) -> Board;
}
