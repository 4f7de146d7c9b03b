//! `/traces`: the list.

use super::pairs::{Pairs, Writer};
use super::range::{Range, RangeError};
use model::port::{Cursor, Order, OrderBy};
use std::fmt;

/// `/traces?q=service:checkout&last=1h&order=duration&cursor=...`
#[derive(Clone, Debug, PartialEq)]
pub struct Traces {
    /// As typed; it may not parse, then the page says where.
    pub query: String,
    pub range: Range,
    pub order: Order,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
    /// `wait=1`: rather wait for exact counts than see the page at once.
    pub wait: bool,
}

impl Default for Traces {
    fn default() -> Traces {
        Traces { query: String::new(), range: Range::default(), order: Order::NEWEST, cursor: None, wait: false }
    }
}

impl Traces {
    /// A search over a range, newest first.
    pub fn of(query: impl Into<String>, range: Range) -> Traces {
        Traces { query: query.into(), range, ..Traces::default() }
    }

    /// Reads a query string. A cursor that is not ours means the first page.
    pub fn parse(search: &str) -> Result<Traces, RangeError> {
        let pairs = Pairs::parse(search);
        Ok(Traces {
            query: pairs.get("q").unwrap_or_default().to_owned(),
            range: Range::read(&pairs)?,
            order: pairs.get("order").and_then(parse_order).unwrap_or(Order::NEWEST),
            cursor: pairs.get("cursor").and_then(|text| text.parse().ok()),
            wait: pairs.get("wait").is_some(),
        })
    }

    /// The same search with another query, on its first page.
    pub fn with_query(&self, query: impl Into<String>) -> Traces {
        Traces { query: query.into(), cursor: None, wait: false, ..self.clone() }
    }

    /// The same search over another range, on its first page.
    pub fn with_range(&self, range: Range) -> Traces {
        Traces { range, cursor: None, wait: false, ..self.clone() }
    }

    /// The same search in another order, on its first page.
    pub fn with_order(&self, order: Order) -> Traces {
        Traces { order, cursor: None, wait: false, ..self.clone() }
    }

    /// Another page of the same search.
    pub fn with_cursor(&self, cursor: Option<Cursor>) -> Traces {
        Traces { cursor, wait: false, ..self.clone() }
    }
}

impl fmt::Display for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut to = Writer::new(f, "/traces")?;
        to.pair("q", &self.query)?;
        self.range.write(&mut to)?;
        if self.order != Order::NEWEST {
            to.pair("order", order_text(self.order))?;
        }
        if let Some(cursor) = self.cursor {
            to.pair("cursor", cursor)?;
        }
        match self.wait {
            true => to.pair("wait", 1),
            false => Ok(()),
        }
    }
}

/// Reads `duration` (largest first) or `duration-asc`.
pub fn parse_order(text: &str) -> Option<Order> {
    let (by, descending) = match text.strip_suffix("-asc") {
        Some(by) => (by, false),
        None => (text, true),
    };
    let by = match by {
        "time" => OrderBy::Time,
        "duration" => OrderBy::Duration,
        "spans" => OrderBy::Spans,
        "errors" => OrderBy::Errors,
        _ => return None,
    };
    Some(Order { by, descending })
}

/// An order as URLs have it.
pub fn order_text(order: Order) -> &'static str {
    match (order.by, order.descending) {
        (OrderBy::Time, true) => "time",
        (OrderBy::Time, false) => "time-asc",
        (OrderBy::Duration, true) => "duration",
        (OrderBy::Duration, false) => "duration-asc",
        (OrderBy::Spans, true) => "spans",
        (OrderBy::Spans, false) => "spans-asc",
        (OrderBy::Errors, true) => "errors",
        (OrderBy::Errors, false) => "errors-asc",
    }
}
