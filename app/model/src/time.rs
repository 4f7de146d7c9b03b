//! Moments, durations and ranges, without a clock and without a date library (both would reach the wasm).

use serde::{Deserialize, Serialize};
use std::fmt;

/// Nanoseconds since 1970-01-01T00:00:00Z.
pub type Nanos = i64;

pub const SECOND: Nanos = 1_000_000_000;
pub const MINUTE: Nanos = 60 * SECOND;
pub const HOUR: Nanos = 60 * MINUTE;
pub const DAY: Nanos = 24 * HOUR;

/// A half-open range of time `[start, end)`, in nanoseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Range {
    pub start: Nanos,
    pub end: Nanos,
}

impl Range {
    /// Everything that can be stored.
    pub const ALL: Range = Range { start: i64::MIN, end: i64::MAX };

    pub fn contains(&self, at: Nanos) -> bool {
        self.start <= at && at < self.end
    }

    /// Whether `[min, max]`, both inclusive, has a moment in this range.
    pub fn touches(&self, min: Nanos, max: Nanos) -> bool {
        min < self.end && self.start <= max
    }

    /// Whether `[min, max]`, both inclusive, lies wholly in this range.
    pub fn covers(&self, min: Nanos, max: Nanos) -> bool {
        self.start <= min && max < self.end
    }

    /// Nanoseconds from start to end, saturating.
    pub fn length(&self) -> Nanos {
        self.end.saturating_sub(self.start)
    }
}

/// The UTC day of a moment, in days since 1970-01-01.
pub fn day_of(at: Nanos) -> i64 {
    at.div_euclid(DAY)
}

/// Year, month (1..=12) and day of month of a count of days since 1970-01-01 (proleptic Gregorian calendar).
pub fn civil(days: i64) -> (i64, u32, u32) {
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
    let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

/// Days since 1970-01-01 of a civil date, the inverse of [`civil`].
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = (i64::from(month) + 9) % 12;
    let doy = (153 * mp + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// A moment as RFC 3339 in UTC, with as many fraction digits (0, 3, 6 or 9) as it needs.
pub struct Rfc3339(pub Nanos);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(day_of(self.0));
        let in_day = self.0.rem_euclid(DAY);
        let (seconds, nanos) = (in_day / SECOND, in_day % SECOND);
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        match nanos {
            0 => Ok(()),
            n if n % 1_000_000 == 0 => write!(f, ".{:03}", n / 1_000_000),
            n if n % 1_000 == 0 => write!(f, ".{:06}", n / 1_000),
            n => write!(f, ".{n:09}"),
        }?;
        f.write_str("Z")
    }
}

/// Reads a moment: RFC 3339 (`2026-11-22T15:40:14.5Z`, `+02:00`, a space for the `T`, a bare date), or epoch seconds,
/// milliseconds, microseconds or nanoseconds told apart by their size, with or without a fraction.
pub fn parse_moment(text: &str) -> Option<Nanos> {
    let text = text.trim();
    if let Some(at) = parse_epoch(text) {
        return Some(at);
    }
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = digits(parts.next()?, 2)? as u32;
    let day = digits(parts.next()?, 2)? as u32;
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days_from_civil(year, month, day);
    if civil(days) != (year, month, day) {
        return None;
    }
    let clock = if rest.is_empty() { 0 } else { parse_clock(rest.strip_prefix(['T', 't', ' '])?)? };
    days.checked_mul(DAY)?.checked_add(clock)
}

fn parse_epoch(text: &str) -> Option<Nanos> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let magnitude = whole.strip_prefix('-').unwrap_or(whole).len();
    let value: i64 = whole.parse().ok()?;
    let unit = match magnitude {
        0..=11 => SECOND,
        12..=14 => 1_000_000,
        15..=17 => 1_000,
        _ => 1,
    };
    value.checked_mul(unit)?.checked_add(parse_fraction(fraction)? / (SECOND / unit))
}

/// Nanoseconds since midnight UTC of `HH:MM[:SS[.fraction]][Z|+HH:MM]`; without a zone it is UTC.
fn parse_clock(text: &str) -> Option<Nanos> {
    let (clock, offset) = match text.find(['Z', 'z', '+', '-']) {
        None => (text, 0),
        Some(at) => (&text[..at], parse_offset(&text[at..])?),
    };
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let (second, fraction) = match parts.next() {
        None => (0, 0),
        Some(text) => {
            let (second, fraction) = text.split_once('.').unwrap_or((text, ""));
            (digits(second, 2)?, parse_fraction(fraction)?)
        }
    };
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(hour * HOUR + minute * MINUTE + second * SECOND + fraction - offset)
}

fn parse_offset(text: &str) -> Option<Nanos> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text[1..].split_once(':').unwrap_or((&text[1..], "00"));
    Some(sign * (digits(hours, 2)? * HOUR + digits(minutes, 2)? * MINUTE))
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Nanoseconds of the digits after a decimal point; digits past the ninth are dropped.
fn parse_fraction(text: &str) -> Option<Nanos> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let padded: String = text.chars().chain("000000000".chars()).take(9).collect();
    padded.parse().ok()
}

/// Reads a duration such as `500ms`, `1.5s`, `2h`, `30us`, `10ns`, `7d`, `1w`, in nanoseconds. A unit is required.
pub fn parse_duration(text: &str) -> Option<Nanos> {
    let at = text.find(|c: char| c.is_ascii_alphabetic() || c == 'µ' || c == 'μ')?;
    let (number, unit) = text.split_at(at);
    let unit = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" | "sec" => SECOND,
        "m" | "min" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    let nanos = number * unit as f64;
    (nanos.is_finite() && nanos.abs() < i64::MAX as f64).then_some(nanos.round() as Nanos)
}

/// A duration for people: three significant digits and a unit, `1.23 ms`, `45 s`, `2m 05s`, `3h 20m`.
pub struct Human(pub Nanos);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        // In whole numbers: formatting floats is fifteen kilobytes in the browser.
        let three = |f: &mut fmt::Formatter<'_>, nanos: u64, unit: u64, name: &str| {
            let digits: usize = if nanos * 1000 >= unit * 99_950 { 0 } else { 1 + usize::from(nanos * 1000 < unit * 9_995) };
            let parts = 10u64.pow(digits as u32);
            let rounded = (nanos * parts + unit / 2) / unit;
            let (whole, rest) = (rounded / parts, rounded % parts);
            match (rest, rest % 10) {
                (0, _) => write!(f, "{whole} {name}"),
                (_, 0) => write!(f, "{whole}.{} {name}", rest / 10),
                _ => write!(f, "{whole}.{rest:0digits$} {name}"),
            }
        };
        match nanos {
            n if n < 1_000 => write!(f, "{n} ns"),
            n if n < 999_500 => three(f, n, 1_000, "µs"),
            n if n < 999_500_000 => three(f, n, 1_000_000, "ms"),
            n if n < 59_950_000_000 => three(f, n, SECOND as u64, "s"),
            n => {
                let seconds = (n + 500_000_000) / SECOND as u64;
                match seconds {
                    s if s < 3600 => write!(f, "{}m {:02}s", s / 60, s % 60),
                    s if s < 86_400 => write!(f, "{}h {:02}m", s / 3600, s / 60 % 60),
                    s => write!(f, "{}d {:02}h", s / 86_400, s / 3600 % 24),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_go_both_ways() {
        for text in ["2026-11-22T15:40:14Z", "1969-12-31T23:59:59.999Z", "2024-02-29T00:00:00.000001Z", "2000-01-01T12:00:00.123456789Z"] {
            assert_eq!(Rfc3339(parse_moment(text).unwrap()).to_string(), text);
        }
        assert_eq!(parse_moment("2026-11-22T17:40:14+02:00"), parse_moment("2026-11-22 15:40:14"));
        assert_eq!(parse_moment("1970-01-02"), Some(DAY));
        assert_eq!(parse_moment("1700000000"), Some(1_700_000_000 * SECOND));
        assert_eq!(parse_moment("1700000000.25"), Some(1_700_000_000 * SECOND + SECOND / 4));
        assert_eq!(parse_moment("1700000000123"), Some(1_700_000_000_123 * 1_000_000));
        assert_eq!(parse_moment("1700000000123456789"), Some(1_700_000_000_123_456_789));
        for text in ["", "x", "2026-13-01", "2026-02-30", "2026-11-22T25:00:00Z", "2026-11-22T15:40:14Q", "2026-11-2é"] {
            assert_eq!(parse_moment(text), None, "{text}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("500ms"), Some(500_000_000));
        assert_eq!(parse_duration("1.5s"), Some(1_500_000_000));
        assert_eq!(parse_duration("5"), None);
        assert_eq!(parse_duration("5 parsecs"), None);
        for (nanos, text) in [(999, "999 ns"), (1_500, "1.5 µs"), (12_340_000, "12.3 ms"), (45 * SECOND, "45 s"), (125 * SECOND, "2m 05s")]
        {
            assert_eq!(Human(nanos).to_string(), text);
        }
    }
}
