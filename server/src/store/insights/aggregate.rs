//! The aggregates of `stats`, one row after the other.

use super::value::Value;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cmp::Ordering;
use xxhash_rust::xxh3::xxh3_64;

/// Most numbers that percentiles keep, and values that `count_distinct` does, over all groups of a query.
const KEPT: usize = 8_000_000;
/// Steps of the approximation beyond that, by which neighbours differ: half of it is the error.
const STEP: f64 = 1.01;

/// An aggregate as a query asks for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Count,
    Distinct,
    Sum,
    Average,
    Min,
    Max,
    Percentile(f64),
    Deviation,
    Earliest,
    Latest,
    First,
    Last,
}

impl Kind {
    /// By the lower-case name; `percent` is the second argument of `pct`.
    pub fn named(name: &str, percent: Option<f64>) -> Option<Kind> {
        Some(match name {
            "count" => Kind::Count,
            "count_distinct" => Kind::Distinct,
            "sum" => Kind::Sum,
            "avg" => Kind::Average,
            "min" => Kind::Min,
            "max" => Kind::Max,
            "pct" => Kind::Percentile(percent?),
            "median" => Kind::Percentile(50.0),
            "stddev" => Kind::Deviation,
            "earliest" => Kind::Earliest,
            "latest" => Kind::Latest,
            "sortsfirst" => Kind::First,
            "sortslast" => Kind::Last,
            _ => return None,
        })
    }
}

/// What an aggregate has seen of its group.
#[derive(Debug)]
pub enum Total {
    Count(u64),
    Distinct(FxHashSet<u64>),
    Sum {
        sum: f64,
        count: u64,
    },
    /// The extreme number; while there is none, the extreme text.
    Extreme {
        number: Option<Value<'static>>,
        text: Option<Value<'static>>,
    },
    Samples(Samples),
    /// Welford's running mean and sum of squares.
    Deviation {
        count: f64,
        mean: f64,
        squares: f64,
    },
    /// The value at the extreme place in time.
    Ended {
        at: (i64, u64),
        value: Value<'static>,
    },
    Sorted(Value<'static>),
}

/// Numbers for percentiles: all of them, or counts by their magnitude.
#[derive(Debug)]
pub enum Samples {
    All(Vec<f64>),
    Steps(FxHashMap<i32, u64>),
}

/// What all groups of a query share.
#[derive(Debug, Default)]
pub struct Budget {
    kept: usize,
    /// Whether a count is too low because too much would have to be kept.
    pub exceeded: bool,
}

impl Total {
    pub fn new(kind: Kind) -> Total {
        match kind {
            Kind::Count => Total::Count(0),
            Kind::Distinct => Total::Distinct(FxHashSet::default()),
            Kind::Sum | Kind::Average => Total::Sum { sum: 0.0, count: 0 },
            Kind::Min | Kind::Max => Total::Extreme { number: None, text: None },
            Kind::Percentile(_) => Total::Samples(Samples::All(Vec::new())),
            Kind::Deviation => Total::Deviation { count: 0.0, mean: 0.0, squares: 0.0 },
            Kind::Earliest | Kind::Latest => Total::Ended { at: (0, 0), value: Value::Null },
            Kind::First | Kind::Last => Total::Sorted(Value::Null),
        }
    }

    /// Adds a row whose value is not null; `at` is its place in time. Only of counts it may be so many `rows` at once.
    pub fn add(&mut self, kind: Kind, value: &Value, at: (i64, u64), rows: u64, budget: &mut Budget) {
        debug_assert!(rows == 1 || kind == Kind::Count);
        match self {
            Total::Count(count) => *count += rows,
            Total::Distinct(seen) => {
                let hash = value.display().map_or(0, |text| xxh3_64(text.as_bytes()));
                if seen.contains(&hash) {
                } else if budget.kept < KEPT {
                    budget.kept += 1;
                    seen.insert(hash);
                } else {
                    budget.exceeded = true;
                }
            }
            Total::Sum { sum, count } => {
                if let Some(number) = value.number() {
                    *sum += number;
                    *count += 1;
                }
            }
            Total::Extreme { number, text } => {
                let best = if value.number().is_some() { number } else { text };
                let wanted = if kind == Kind::Min { Ordering::Less } else { Ordering::Greater };
                if best.as_ref().is_none_or(|best| value.order(best) == wanted) {
                    *best = Some(value.clone().into_owned());
                }
            }
            Total::Samples(samples) => {
                if let Some(number) = value.number() {
                    samples.add(number, budget);
                }
            }
            Total::Deviation { count, mean, squares } => {
                if let Some(number) = value.number() {
                    *count += 1.0;
                    let off = number - *mean;
                    *mean += off / *count;
                    *squares += off * (number - *mean);
                }
            }
            Total::Ended { at: best, value: found } => {
                if found.is_null() || (kind == Kind::Earliest) == (at < *best) && at != *best {
                    *best = at;
                    *found = value.clone().into_owned();
                }
            }
            Total::Sorted(found) => {
                let wanted = if kind == Kind::First { Ordering::Less } else { Ordering::Greater };
                if found.is_null() || value.order(found) == wanted {
                    *found = value.clone().into_owned();
                }
            }
        }
    }

    /// What the aggregate is; null where there was nothing to compute it of.
    pub fn finish(self, kind: Kind) -> Value<'static> {
        match self {
            Total::Count(count) => Value::Number(count as f64),
            Total::Distinct(seen) => Value::Number(seen.len() as f64),
            Total::Sum { count: 0, .. } => Value::Null,
            Total::Sum { sum, count } => Value::finite(if kind == Kind::Average { sum / count as f64 } else { sum }),
            Total::Extreme { number, text } => number.or(text).unwrap_or(Value::Null),
            Total::Samples(samples) => match kind {
                Kind::Percentile(percent) => samples.percentile(percent).map_or(Value::Null, Value::finite),
                _ => Value::Null,
            },
            // Of a sample, as in SQL; of one number it is 0.
            Total::Deviation { count, squares, .. } if count > 0.0 => Value::finite((squares / (count - 1.0).max(1.0)).sqrt()),
            Total::Deviation { .. } => Value::Null,
            Total::Ended { value, .. } | Total::Sorted(value) => value,
        }
    }
}

impl Samples {
    fn add(&mut self, number: f64, budget: &mut Budget) {
        match self {
            Samples::All(numbers) if budget.kept < KEPT => {
                budget.kept += 1;
                numbers.push(number);
            }
            Samples::All(numbers) => {
                let mut steps = FxHashMap::default();
                numbers.drain(..).chain([number]).for_each(|number| *steps.entry(step(number)).or_insert(0) += 1);
                *self = Samples::Steps(steps);
            }
            Samples::Steps(steps) => *steps.entry(step(number)).or_insert(0) += 1,
        }
    }

    /// The smallest number with at least `percent` of all at or below it; beyond [`KEPT`] within half of [`STEP`].
    fn percentile(self, percent: f64) -> Option<f64> {
        match self {
            Samples::All(mut numbers) => {
                let last = numbers.len().checked_sub(1)?;
                let wanted = percent / 100.0 * numbers.len() as f64;
                let nth = (wanted.ceil().max(1.0) as usize - 1).min(last);
                Some(*numbers.select_nth_unstable_by(nth, f64::total_cmp).1)
            }
            Samples::Steps(steps) => {
                let mut steps: Vec<(i32, u64)> = steps.into_iter().collect();
                steps.sort_unstable();
                let wanted = percent / 100.0 * steps.iter().map(|(_, count)| *count as f64).sum::<f64>();
                let mut below = 0.0;
                let reached = steps.iter().find(|(_, count)| {
                    below += *count as f64;
                    below >= wanted
                });
                reached.or(steps.last()).map(|(step, _)| middle(*step))
            }
        }
    }
}

/// Below this, numbers are zero to the steps; those beside it are the steps 1 and -1.
const LEAST: f64 = 1e-9;

fn step(number: f64) -> i32 {
    if number.abs() < LEAST {
        return 0;
    }
    let magnitude = ((number.abs() / LEAST).ln() / STEP.ln()).floor() as i32 + 1;
    if number < 0.0 { -magnitude } else { magnitude }
}

fn middle(step: i32) -> f64 {
    match step {
        0 => 0.0,
        step => f64::from(step.signum()) * LEAST * STEP.powf(f64::from(step.abs()) - 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, values: &[Value]) -> Value<'static> {
        let mut total = Total::new(kind);
        let mut budget = Budget::default();
        values.iter().enumerate().for_each(|(n, value)| total.add(kind, value, (n as i64, 0), 1, &mut budget));
        total.finish(kind)
    }

    #[test]
    fn aggregates() {
        let text = Value::text;
        let values = [Value::Number(3.0), text("10"), text("-"), Value::Number(2.0), text("a")];
        for (kind, expected) in [
            (Kind::Count, Value::Number(5.0)),
            (Kind::Distinct, Value::Number(5.0)),
            (Kind::Sum, Value::Number(15.0)),
            (Kind::Average, Value::Number(5.0)),
            (Kind::Min, Value::Number(2.0)),
            (Kind::Max, text("10")),
            (Kind::Percentile(50.0), Value::Number(3.0)),
            (Kind::Percentile(100.0), Value::Number(10.0)),
            (Kind::Deviation, Value::Number(19f64.sqrt())),
            (Kind::Earliest, Value::Number(3.0)),
            (Kind::Latest, text("a")),
            (Kind::First, Value::Number(2.0)),
            (Kind::Last, text("a")),
        ] {
            assert_eq!(of(kind, &values), expected, "{kind:?}");
        }
        for kind in [Kind::Sum, Kind::Average, Kind::Min, Kind::Percentile(9.0), Kind::Deviation, Kind::Latest, Kind::Last] {
            assert_eq!(of(kind, &[]), Value::Null, "{kind:?}");
        }
        assert_eq!(of(Kind::Max, &[text("b"), text("a")]), text("b"));
        assert_eq!(of(Kind::Deviation, &[text("7")]), Value::Number(0.0));
    }

    #[test]
    fn percentiles_of_very_many_numbers_are_close() {
        let mut samples = Samples::All(Vec::new());
        let mut budget = Budget { kept: KEPT, ..Budget::default() };
        (1..=10_000).for_each(|n| samples.add(f64::from(n), &mut budget));
        let found = samples.percentile(95.0).unwrap();
        assert!((found / 9500.0 - 1.0).abs() < 0.01, "{found}");
        for number in [0.0, 1e-12, 0.5, -3.0, 1e18] {
            assert!((middle(step(number)) - number).abs() <= number.abs() * 0.01 + LEAST, "{number}");
        }
    }
}
