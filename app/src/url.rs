//! Every URL of the product, as a struct and as text, both ways. No other file builds or takes apart a URL.
//!
//! Reading is forgiving (an unknown or broken parameter is left out, but a broken range is a [`Problem`] the page shows);
//! writing is canonical: parameters in a fixed order, defaults left out.

mod api;
mod errors;
mod find;
mod logs;
mod overview;
mod pairs;
mod range;
mod trace;
mod traces;

pub use api::{ApiColumns, ApiCount, ApiDocs, ApiFacets, ApiKeys, ApiTrace, ApiTraces, ApiValues};
pub use errors::{
    ErrorByUuid, ErrorPage, Errors, RULES, RULES_SAVE, Rules, TRIAGE, TRIAGE_NAME, Tab as ErrorTab, back, parse_sort, sort_text,
};
pub use find::{Find, Found, find};
pub use logs::{
    ApiLogLine, ApiLogPanel, ApiLogs, Around, LogCall, LogContext, LogLine, LogView, Logs, VIEW_REMOVE, VIEW_SAVE, parse_log_order,
};
pub use overview::Overview;
pub use pairs::{Pairs, Writer, encoded};
pub use range::{Length, Range, RangeError};
pub use trace::Trace;
pub use traces::{Traces, order_text, parse_order};

use std::fmt;

/// `/sources`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sources;

impl fmt::Display for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/sources")
    }
}

/// `/sampling`: which requests X-Ray's SDKs record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sampling;

impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/sampling")
    }
}

/// `POST /sampling/save`: adds a sampling rule, or changes the one with its name.
pub const SAMPLING_SAVE: &str = "/sampling/save";

/// `POST /sampling/remove`: removes a sampling rule.
pub const SAMPLING_REMOVE: &str = "/sampling/remove";

/// `/aliases`: services that go by several names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Aliases;

impl fmt::Display for Aliases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/aliases")
    }
}

/// `POST /aliases/save`: adds an alias of a service, or changes it.
pub const ALIASES_SAVE: &str = "/aliases/save";

/// `POST /aliases/remove`: removes an alias.
pub const ALIASES_REMOVE: &str = "/aliases/remove";

/// `/errors/alerts`: whom to tell of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Alerts;

impl fmt::Display for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/errors/alerts")
    }
}

/// `POST /errors/alerts/save`: adds a target, or changes the one with its id.
pub const ALERT_SAVE: &str = "/errors/alerts/save";

/// `POST /errors/alerts/remove`: removes a target.
pub const ALERT_REMOVE: &str = "/errors/alerts/remove";

/// `POST /errors/alerts/test`: sends a test to a target.
pub const ALERT_TEST: &str = "/errors/alerts/test";

/// `POST /demo/start`: sends the demo's traffic to this instance.
pub const DEMO_START: &str = "/demo/start";

/// `POST /demo/remove`: removes it again.
pub const DEMO_REMOVE: &str = "/demo/remove";

#[cfg(test)]
mod tests;
