//! How a link names a span. A span id is enough in nearly every trace; where two spans share one (two instrumentations of a request, or
//! two traces of it on one page) the link says whose it means.

use crate::id::{NotAnId, SpanId, TraceId};
use crate::span::{Family, Span};
use std::fmt;
use std::str::FromStr;

/// Whose record of a request a span is a part of: one trace of one family. A page draws a tree for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct System {
    pub trace_id: TraceId,
    pub family: Family,
}

impl System {
    pub fn of(span: &Span) -> System {
        System { trace_id: span.trace_id, family: span.family() }
    }
}

/// `00f067aa0ba902b7`, `00f067aa0ba902b7.xray` or `00f067aa0ba902b7.xray.4bf92f3577b34da6a3ce929d0e0e4736`: what is left out may be any,
/// and the first span that fits is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanAddress {
    pub id: SpanId,
    pub family: Option<Family>,
    pub trace_id: Option<TraceId>,
}

impl SpanAddress {
    /// Whether it means a span of this id and system.
    pub fn fits(&self, id: SpanId, system: System) -> bool {
        self.id == id
            && self.family.is_none_or(|family| family == system.family)
            && self.trace_id.is_none_or(|trace_id| trace_id == system.trace_id)
    }
}

impl From<SpanId> for SpanAddress {
    fn from(id: SpanId) -> SpanAddress {
        SpanAddress { id, family: None, trace_id: None }
    }
}

impl fmt::Display for SpanAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)?;
        if let Some(family) = self.family {
            f.write_str(".")?;
            f.write_str(family.as_str())?;
        }
        match self.trace_id {
            Some(trace_id) => {
                f.write_str(".")?;
                trace_id.fmt(f)
            }
            None => Ok(()),
        }
    }
}

impl FromStr for SpanAddress {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<SpanAddress, NotAnId> {
        let mut parts = text.split('.');
        let mut address = SpanAddress::from(parts.next().unwrap_or_default().parse::<SpanId>()?);
        for part in parts {
            match Family::named(part) {
                Some(family) => address.family = Some(family),
                None => address.trace_id = Some(part.parse()?),
            }
        }
        Ok(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_back() {
        let plain = "00f067aa0ba902b7";
        for text in [plain, "00f067aa0ba902b7.xray", "00f067aa0ba902b7.otel.4bf92f3577b34da6a3ce929d0e0e4736"] {
            assert_eq!(text.parse::<SpanAddress>().map(|address| address.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(plain.parse(), Ok(SpanAddress::from(plain.parse::<SpanId>().unwrap())));
        for text in ["", ".xray", "00f067aa0ba902b7.", "00f067aa0ba902b7.both"] {
            assert!(text.parse::<SpanAddress>().is_err(), "{text}");
        }
    }
}
