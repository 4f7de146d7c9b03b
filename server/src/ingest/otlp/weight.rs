//! How many spans a sampled span stands for.

use model::attr::{self, Value};

/// The `SampleRate` attribute (Honeycomb: keep 1 in N; a number or text), else the probability in `tracestate`
/// (`ot=th:hex`), else 1. Never below 1.
pub fn weight(attributes: &[(String, Value)], trace_state: &str) -> f64 {
    let rate = match attr::get(attributes, "SampleRate") {
        Some(Value::Str(text)) => text.trim().parse().ok(),
        Some(value) => value.as_f64(),
        None => None,
    };
    rate.filter(|rate: &f64| rate.is_finite() && *rate >= 1.0).or_else(|| threshold(trace_state)).unwrap_or(1.0)
}

/// OpenTelemetry's probability sampling: `th` is up to 14 hex digits of a 56-bit rejection threshold, trailing zeros left
/// out; the weight is 2^56 / (2^56 - threshold).
fn threshold(trace_state: &str) -> Option<f64> {
    let member = trace_state.split(',').find_map(|member| member.trim().strip_prefix("ot="))?;
    let digits = member.split(';').find_map(|field| field.strip_prefix("th:"))?;
    if digits.is_empty() || digits.len() > 14 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let threshold = u64::from_str_radix(digits, 16).ok()? << (4 * (14 - digits.len()));
    let all = 1u64 << 56;
    Some(all as f64 / (all - threshold) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_thresholds() {
        let rate = |value| vec![("SampleRate".to_owned(), value)];
        assert_eq!(weight(&rate(Value::Int(20)), ""), 20.0);
        assert_eq!(weight(&rate(Value::Str("4".into())), ""), 4.0);
        assert_eq!(weight(&rate(Value::Float(0.5)), ""), 1.0);
        assert_eq!(weight(&rate(Value::Str("NaN".into())), ""), 1.0);
        assert_eq!(weight(&rate(Value::Bool(true)), "ot=th:8"), 2.0);
        assert_eq!(weight(&[], "vendor=x, ot=rv:1;th:c"), 4.0);
        assert_eq!(weight(&[], "ot=th:0"), 1.0);
        assert_eq!(weight(&[], "ot=th:ffffffffffffff"), (1u64 << 56) as f64);
        for bad in ["ot=th:", "ot=th:+8", "ot=th:123456789abcdef", "th:8", "ot=th:é"] {
            assert_eq!(weight(&[], bad), 1.0, "{bad}");
        }
    }
}
