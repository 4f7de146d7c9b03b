//! The time range of a page: relative to now (`last=1h`) or absolute (`start=...&end=...`).

use super::pairs::{Pairs, Writer};
use model::time::{self, DAY, HOUR, MINUTE, Nanos, Rfc3339, SECOND, parse_duration, parse_moment};
use std::fmt;

/// What a URL says about time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// `last=1h`: so many nanoseconds, up to now.
    Last(Nanos),
    /// `start=&end=`: half-open. Both moments are written as RFC 3339 and read in any form of [`parse_moment`].
    Between { start: Nanos, end: Nanos },
}

/// Why the range of a URL cannot be used; the page says so and shows the default range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeError(pub String);

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Range {
    fn default() -> Range {
        Range::Last(HOUR)
    }
}

impl Range {
    /// The relative ranges the picker offers.
    pub const OFFERED: [Nanos; 8] = [5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 12 * HOUR, DAY, 7 * DAY, 30 * DAY];

    /// Reads the range of a URL; the default if it names none.
    pub fn read(pairs: &Pairs) -> Result<Range, RangeError> {
        let moment = |name: &str| match pairs.get(name) {
            None => Ok(None),
            Some(text) => match parse_moment(text) {
                Some(at) => Ok(Some(at)),
                None => Err(RangeError(format!("“{text}” is not a moment: write {name} as 2026-11-22T15:40:00Z or as epoch seconds"))),
            },
        };
        match (moment("start")?, moment("end")?, pairs.get("last")) {
            (Some(start), Some(end), _) if start < end => Ok(Range::Between { start, end }),
            (Some(_), Some(_), _) => Err(RangeError("the range ends before it starts".into())),
            // An open end means up to now; a day is a guess at what a lone end wants to look back to.
            (Some(start), None, _) => Ok(Range::Between { start, end: i64::MAX }),
            (None, Some(end), _) => Ok(Range::Between { start: end.saturating_sub(DAY), end }),
            (None, None, Some(text)) => match parse_duration(text) {
                Some(length) if length > 0 => Ok(Range::Last(length)),
                _ => Err(RangeError(format!("“{text}” is not a length of time: write last=15m, 6h or 7d"))),
            },
            (None, None, None) => Ok(Range::default()),
        }
    }

    /// Adds the range to a URL; the default range is left out.
    pub fn write(self, to: &mut Writer<'_, '_>) -> fmt::Result {
        match self {
            range if range == Range::default() => Ok(()),
            Range::Last(length) => to.pair("last", Length(length)),
            Range::Between { start, end: i64::MAX } => to.pair("start", Rfc3339(start)),
            Range::Between { start, end } => {
                to.pair("start", Rfc3339(start))?;
                to.pair("end", Rfc3339(end))
            }
        }
    }

    /// The moments meant. A relative range reaches a little past now: clocks of senders run ahead.
    pub fn resolve(self, now: Nanos) -> time::Range {
        match self {
            Range::Last(length) => time::Range { start: now.saturating_sub(length), end: now.saturating_add(AHEAD) },
            Range::Between { start, end: i64::MAX } => {
                time::Range { start, end: now.saturating_add(AHEAD).max(start.saturating_add(SECOND)) }
            }
            Range::Between { start, end } => time::Range { start, end },
        }
    }

    /// The same range in absolute moments, for links that must keep meaning the same.
    pub fn frozen(self, now: Nanos) -> Range {
        let time::Range { start, end } = self.resolve(now);
        Range::Between { start, end }
    }
}

/// How far ahead of now a relative range looks.
const AHEAD: Nanos = 5 * SECOND;

/// `last 15 minutes`, `last hour`; absolute ranges as two moments in UTC.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Range::Last(length) => {
                let (count, unit) = split(length);
                let unit = match unit {
                    "ns" => "nanosecond",
                    "s" => "second",
                    "m" => "minute",
                    "h" => "hour",
                    _ => "day",
                };
                match count {
                    1 => write!(f, "last {unit}"),
                    n => write!(f, "last {n} {unit}s"),
                }
            }
            Range::Between { start, end: i64::MAX } => write!(f, "since {}", Rfc3339(start)),
            Range::Between { start, end } => write!(f, "{} to {}", Rfc3339(start), Rfc3339(end)),
        }
    }
}

/// A length of time as a URL has it: `15m`, `1h`, `7d`.
pub struct Length(pub Nanos);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = split(self.0);
        write!(f, "{count}{unit}")
    }
}

/// The largest unit that divides a length, and how often.
fn split(length: Nanos) -> (i64, &'static str) {
    match length {
        n if n % DAY == 0 => (n / DAY, "d"),
        n if n % HOUR == 0 => (n / HOUR, "h"),
        n if n % MINUTE == 0 => (n / MINUTE, "m"),
        n if n % SECOND == 0 => (n / SECOND, "s"),
        n => (n, "ns"),
    }
}
