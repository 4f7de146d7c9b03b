//! Pieces that pages are made of, each with its style partial of the same name.

pub mod chart;
pub mod empty;
pub mod error;
pub mod facets;
pub mod frame;
pub mod icon;
pub mod json;
pub mod keys;
pub mod message;
pub mod moment;
pub mod picker;
pub mod setup;
pub mod stack;

use model::attr::Value;
use model::time::{Human, Nanos};

/// A count with thin groups of three: `12 345`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `1 trace`, `2 traces`.
pub fn plural(n: u64, one: &str, many: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{} {many}", count(n)),
    }
}

/// A duration given as a number of nanoseconds.
pub fn duration(nanos: f64) -> String {
    Human(nanos as Nanos).to_string()
}

/// Bytes for people: `1.5 MB`, decimal units.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{n} B"),
        _ if value < 9.95 => format!("{value:.1} {}", UNITS[unit]),
        _ => format!("{value:.0} {}", UNITS[unit]),
    }
}

/// A rate of so many in so long, in the unit that reads best: `12/s`, `3.4/min`.
pub fn rate(n: f64, over: Nanos) -> String {
    let seconds = (over as f64 / 1e9).max(1e-9);
    let short = |value: f64| match value {
        0.0 => "0".to_owned(),
        v if v >= 9.95 => count(v.round() as u64),
        v if v >= 0.095 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    };
    match n / seconds {
        0.0 => "0".to_owned(),
        r if r >= 1.0 => format!("{}/s", short(r)),
        r if r * 60.0 >= 0.095 => format!("{}/min", short(r * 60.0)),
        r => format!("{}/h", short(r * 3600.0)),
    }
}

/// A share for people: `0 %`, `0.02 %`, `12 %`.
pub fn percent(part: f64, whole: f64) -> String {
    let share = if whole > 0.0 { 100.0 * part / whole } else { 0.0 };
    match share {
        0.0 => "0 %".to_owned(),
        s if s < 0.01 => "< 0.01 %".to_owned(),
        s if s < 0.995 => format!("{s:.2} %"),
        s if s < 9.95 => format!("{s:.1} %"),
        s => format!("{s:.0} %"),
    }
}

/// A cell of a stats result as a number; nothing else is one.
pub fn number(cell: &model::port::Cell) -> f64 {
    match cell {
        model::port::Cell::Number(value) => *value,
        _ => 0.0,
    }
}

/// A cell of a stats result as text.
pub fn text(cell: &model::port::Cell) -> String {
    match cell {
        model::port::Cell::Null => String::new(),
        model::port::Cell::Number(value) => Value::Float(*value).to_string(),
        model::port::Cell::Text(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::time::{HOUR, SECOND};

    #[test]
    fn figures_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1234567), "1\u{202f}234\u{202f}567");
        assert_eq!(plural(1, "trace", "traces"), "1 trace");
        assert_eq!(plural(0, "trace", "traces"), "0 traces");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_500_000), "1.5 MB");
        assert_eq!(bytes(999_600), "1.0 MB");
        assert_eq!(rate(0.0, HOUR), "0");
        assert_eq!(rate(7200.0, HOUR), "2.0/s");
        assert_eq!(rate(60.0, HOUR), "1.0/min");
        assert_eq!(rate(1.0, HOUR), "1.0/h");
        assert_eq!(rate(50.0, SECOND), "50/s");
        assert_eq!(percent(0.0, 0.0), "0 %");
        assert_eq!(percent(1.0, 3.0), "33 %");
        assert_eq!(percent(1.0, 200.0), "0.50 %");
    }
}
