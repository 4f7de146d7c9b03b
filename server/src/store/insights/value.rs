//! The values that expressions compute with.

use model::port::Cell;
use model::time::{DAY, HOUR, MINUTE, Nanos, SECOND, civil, day_of, parse_moment};
use std::borrow::Cow;
use std::cmp::Ordering;

/// A value of a field or an expression; see `model::query::insights`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    Number(f64),
    Text(Cow<'a, str>),
    /// A JSON object or array.
    Json(Cow<'a, str>),
    Truth(bool),
    Moment(Nanos),
}

impl<'a> Value<'a> {
    pub fn text(text: &'a str) -> Value<'a> {
        Value::Text(Cow::Borrowed(text))
    }

    pub fn owned(text: String) -> Value<'a> {
        Value::Text(Cow::Owned(text))
    }

    /// What the sender did not give is null.
    pub fn given(text: &'a str) -> Value<'a> {
        if text.is_empty() { Value::Null } else { Value::text(text) }
    }

    /// What a comparison yields.
    pub fn flag(flag: bool) -> Value<'a> {
        Value::Number(f64::from(u8::from(flag)))
    }

    /// A result that is no number is null.
    pub fn finite(number: f64) -> Value<'a> {
        if number.is_finite() { Value::Number(number) } else { Value::Null }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Numbers, texts that read as numbers, truths as 1 or 0, moments as milliseconds.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Text(text) => parse_number(text),
            Value::Truth(truth) => Some(f64::from(u8::from(*truth))),
            Value::Moment(at) => Some(*at as f64 / 1e6),
            Value::Null | Value::Json(_) => None,
        }
    }

    /// The value as it is shown; `None` of null.
    pub fn display(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Null => None,
            Value::Text(text) | Value::Json(text) => Some(Cow::Borrowed(text)),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            Value::Truth(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
            Value::Moment(at) => Some(Cow::Owned(moment_text(*at))),
        }
    }

    pub fn is_true(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Truth(truth) => *truth,
            Value::Number(number) => *number != 0.0,
            Value::Text(text) => !matches!(&**text, "" | "0" | "false"),
            Value::Json(_) | Value::Moment(_) => true,
        }
    }

    /// How two values compare; `None` if one is null.
    pub fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Null, _) | (_, Value::Null) => None,
            (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
            (Value::Moment(a), Value::Moment(b)) => Some(a.cmp(b)),
            (Value::Moment(at), other) => compare_moment(*at, other),
            (this, Value::Moment(at)) => compare_moment(*at, this).map(Ordering::reverse),
            (this, other) => match (this.number(), other.number()) {
                (Some(a), Some(b)) => a.partial_cmp(&b),
                _ => Some(this.display()?.cmp(&other.display()?)),
            },
        }
    }

    /// The order of `sort`: nulls, numbers, texts; digits within texts by the number they make, as AWS's natural order has them.
    pub fn order(&self, other: &Value) -> Ordering {
        if let (Value::Moment(a), Value::Moment(b)) = (self, other) {
            return a.cmp(b);
        }
        let rank = |value: &Value, number: Option<f64>| if value.is_null() { 0 } else { 2 - u8::from(number.is_some()) };
        let (a, b) = (self.number(), other.number());
        match (rank(self, a), rank(other, b)) {
            (1, 1) => a.unwrap_or_default().total_cmp(&b.unwrap_or_default()),
            (2, 2) => natural(&self.display().unwrap_or_default(), &other.display().unwrap_or_default()),
            (a, b) => a.cmp(&b),
        }
    }

    pub fn cell(&self) -> Cell {
        match self {
            Value::Number(number) if number.is_finite() => Cell::Number(*number),
            Value::Number(_) => Cell::Null,
            other => other.display().map_or(Cell::Null, |text| Cell::Text(text.into_owned())),
        }
    }

    /// The same value, borrowing its text.
    pub fn view(&self) -> Value<'_> {
        match self {
            Value::Text(text) => Value::text(text),
            Value::Json(text) => Value::Json(Cow::Borrowed(text)),
            Value::Null => Value::Null,
            Value::Number(number) => Value::Number(*number),
            Value::Truth(truth) => Value::Truth(*truth),
            Value::Moment(at) => Value::Moment(*at),
        }
    }

    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Number(number) => Value::Number(number),
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Json(text) => Value::Json(Cow::Owned(text.into_owned())),
            Value::Truth(truth) => Value::Truth(truth),
            Value::Moment(at) => Value::Moment(at),
        }
    }

    /// Appends what tells the value from all others.
    pub fn key(&self, to: &mut Vec<u8>) {
        match self {
            Value::Null => to.push(0),
            // Adding zero makes the negative zero a zero.
            Value::Number(number) => {
                to.push(1);
                to.extend((number + 0.0).to_bits().to_le_bytes());
            }
            Value::Text(text) | Value::Json(text) => {
                to.push(2);
                to.extend((text.len() as u64).to_le_bytes());
                to.extend(text.as_bytes());
            }
            Value::Truth(truth) => to.push(3 + u8::from(*truth)),
            Value::Moment(at) => {
                to.push(5);
                to.extend(at.to_le_bytes());
            }
        }
    }
}

/// A moment beside a number of milliseconds (or of seconds: before 1973 is no log) or a text that is a moment.
fn compare_moment(at: Nanos, other: &Value) -> Option<Ordering> {
    match other.number() {
        Some(number) => {
            let millis = if number.abs() < 1e11 { number * 1e3 } else { number };
            (at as f64 / 1e6).partial_cmp(&millis)
        }
        None => match other {
            Value::Text(text) => Some(match parse_moment(text) {
                Some(other) => at.cmp(&other),
                None => moment_text(at).as_str().cmp(text),
            }),
            _ => None,
        },
    }
}

/// A text that is a number as JSON writes them: `007` is a text.
pub fn parse_number(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    match digits {
        [b'0'] => (),
        [b'0', b'.', ..] | [b'1'..=b'9', ..] => (),
        _ => return None,
    }
    if bytes.len() <= 15 && digits.iter().all(u8::is_ascii_digit) {
        let number = digits.iter().fold(0i64, |number, digit| number * 10 + i64::from(digit - b'0'));
        return Some(if bytes[0] == b'-' { -number } else { number } as f64);
    }
    if !bytes.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E')) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// As CloudWatch writes moments: `2026-11-22 15:40:14.123`, UTC.
pub fn moment_text(at: Nanos) -> String {
    let (year, month, day) = civil(day_of(at));
    let in_day = at.rem_euclid(DAY);
    let (hour, minute, second) = (in_day / HOUR, in_day / MINUTE % 60, in_day / SECOND % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{:03}", in_day / 1_000_000 % 1_000)
}

/// Runs of digits by their length, then their digits; all else by its characters.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    while let (Some(x), Some(y)) = (left.first(), right.first()) {
        let run = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (x_run, y_run) = (run(left), run(right));
        let order = if x_run > 0 && y_run > 0 { x_run.cmp(&y_run).then_with(|| left[..x_run].cmp(&right[..y_run])) } else { x.cmp(y) };
        if order != Ordering::Equal {
            return order;
        }
        left = &left[x_run.max(1)..];
        right = &right[y_run.max(1)..];
    }
    left.len().cmp(&right.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_texts() {
        for (text, number) in [
            ("12", Some(12.0)),
            ("-0.5", Some(-0.5)),
            ("1e3", Some(1000.0)),
            ("0", Some(0.0)),
            ("1234567890123456789", Some(1234567890123456789.0)),
        ] {
            assert_eq!(parse_number(text), number, "{text}");
        }
        for text in ["", "-", "007", "+1", ".5", "inf", "1e999", "1 ", "10.1.2.3", "0x1", "1-2"] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }

    #[test]
    fn the_order_of_sort() {
        let text = Value::text;
        let ordered = [
            Value::Null,
            Value::Number(-1.0),
            text("2"),
            Value::Number(10.0),
            text("#"),
            text("0#"),
            text("5A"),
            text("111A"),
            text("A"),
            text("item2"),
            text("item10"),
        ];
        for pair in ordered.windows(2) {
            assert_eq!(pair[0].order(&pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(pair[1].order(&pair[0]), Ordering::Greater, "{pair:?}");
        }
    }

    #[test]
    fn moments_beside_numbers_and_texts() {
        let at = Value::Moment(parse_moment("2026-11-22T15:40:14.5Z").unwrap());
        assert_eq!(at.display().unwrap(), "2026-11-22 15:40:14.500");
        for other in
            [Value::Number(1795362014500.0), Value::Number(1795362014.5), text("2026-11-22T15:40:14.5Z"), text("2026-11-22 15:40:14.500")]
        {
            assert_eq!(at.compare(&other), Some(Ordering::Equal), "{other:?}");
            assert_eq!(other.compare(&at), Some(Ordering::Equal), "{other:?}");
        }
        fn text(text: &str) -> Value<'_> {
            Value::text(text)
        }
    }
}
