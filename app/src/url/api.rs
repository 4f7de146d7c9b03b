//! `/api/...`: the JSON API, as pages and islands link to it. The server's handlers read the same parameters.

use super::pairs::Writer;
use super::range::Range;
use super::traces::{Traces, order_text};
use model::id::TraceId;
use model::port::Order;
use model::span::Family;
use std::fmt;

/// `/api`: the documentation of the JSON API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ApiDocs;

impl fmt::Display for ApiDocs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/api")
    }
}

/// `/api/traces`: the page's list as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiTraces(pub Traces);

impl fmt::Display for ApiTraces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut to = Writer::new(f, "/api/traces")?;
        to.pair("q", &self.0.query)?;
        self.0.range.write(&mut to)?;
        if self.0.order != Order::NEWEST {
            to.pair("order", order_text(self.0.order))?;
        }
        match self.0.cursor {
            Some(cursor) => to.pair("cursor", cursor),
            None => Ok(()),
        }
    }
}

/// `/api/traces/count`: total and histogram of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiCount {
    pub query: String,
    pub range: Range,
    pub buckets: u32,
}

impl fmt::Display for ApiCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut to = Writer::new(f, "/api/traces/count")?;
        to.pair("q", &self.query)?;
        self.range.write(&mut to)?;
        to.pair("buckets", self.buckets)
    }
}

/// `/api/traces/facets`: the values of keys among the matching spans.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiFacets {
    pub query: String,
    pub range: Range,
    /// In any form a query has them.
    pub keys: Vec<String>,
}

impl fmt::Display for ApiFacets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut to = Writer::new(f, "/api/traces/facets")?;
        to.pair("q", &self.query)?;
        self.range.write(&mut to)?;
        self.keys.iter().try_for_each(|key| to.pair("key", key))
    }
}

/// `/api/traces/{id}`: every span; `?format=otlp` as OTLP JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiTrace {
    pub id: TraceId,
    pub otlp: bool,
}

impl fmt::Display for ApiTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut to = Writer::new(f, &format!("/api/traces/{}", self.id))?;
        to.pair("format", if self.otlp { "otlp" } else { "" })
    }
}

/// `/api/traces/{id}/columns`: what the trace page draws, in the form of [`model::columns`]; `/api/requests/{id}/columns` with the
/// traces that other systems have of the same request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiColumns {
    pub id: TraceId,
    pub request: bool,
    /// See [`model::waterfall::View::system`].
    pub system: Option<Family>,
}

impl fmt::Display for ApiColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut to = Writer::new(f, &format!("/api/{}/{}/columns", if self.request { "requests" } else { "traces" }, self.id))?;
        to.pair("system", self.system.map(Family::as_str).unwrap_or_default())
    }
}

/// `/api/keys`: keys for completion.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKeys {
    pub prefix: String,
    pub range: Range,
}

impl fmt::Display for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut to = Writer::new(f, "/api/keys")?;
        to.pair("prefix", &self.prefix)?;
        self.range.write(&mut to)
    }
}

/// `/api/values`: values of a key for completion.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiValues {
    pub key: String,
    pub prefix: String,
    pub range: Range,
}

impl fmt::Display for ApiValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut to = Writer::new(f, "/api/values")?;
        to.pair("key", &self.key)?;
        to.pair("prefix", &self.prefix)?;
        self.range.write(&mut to)
    }
}
