//! X-Ray's moments: decimal epoch seconds, as text, so that no digit is lost on the way to nanoseconds.

use model::time::Nanos;

/// `1478293361.271`, `1.478293361271E9`, `1478293361` in nanoseconds; digits past the ninth are dropped. `None` for what is
/// negative, out of range or no number.
pub fn nanos(seconds: &str) -> Option<Nanos> {
    let (mantissa, exponent) = match seconds.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (seconds, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // The digits before the decimal point that nanoseconds have; where the number has no more digits they are zeros.
    let count = whole.len() as i64 + i64::from(exponent) + 9;
    let mut digits = whole.bytes().chain(fraction.bytes());
    let mut nanos: Nanos = 0;
    for _ in 0..count {
        match digits.next() {
            Some(digit) => nanos = nanos.checked_mul(10)?.checked_add(Nanos::from(digit - b'0'))?,
            None if nanos == 0 => break,
            None => nanos = nanos.checked_mul(10)?,
        }
    }
    Some(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_in_every_form() {
        for (text, expected) in [
            ("1795352670.68262", Some(1_795_352_670_682_620_000)),
            ("1795349921.5517151", Some(1_795_349_921_551_715_100)),
            ("1.478293361271E9", Some(1_478_293_361_271_000_000)),
            ("1.478E9", Some(1_478_000_000_000_000_000)),
            ("1478293361", Some(1_478_293_361_000_000_000)),
            ("14782933610e-1", Some(1_478_293_361_000_000_000)),
            ("1478293361.1234567899", Some(1_478_293_361_123_456_789)),
            ("0.000000001", Some(1)),
            ("1e-10", Some(0)),
            ("0e2147483647", Some(0)),
            ("1e2147483647", None),
            ("1e-2147483648", Some(0)),
            ("1e99999999999", None),
            ("9223372036.854775807", Some(i64::MAX)),
            ("9223372036.854775808", None),
            ("-1", None),
            ("NaN", None),
            ("Infinity", None),
            ("", None),
            (".", None),
            ("1.5.", None),
        ] {
            assert_eq!(nanos(text), expected, "{text}");
        }
    }
}
