//! Charts, drawn by the server as SVG that stretches to its box. Every bar is a link that zooms into it; the brush island
//! adds dragging.

use super::moment::{Form, Moment};
use super::plural;
use leptos::prelude::*;
use model::port::Bucket;
use model::time::{DAY, HOUR, MINUTE, Nanos, Range, Rfc3339, SECOND};

/// Height of a chart's drawing, in its own units.
const HEIGHT: f64 = 100.0;

/// Bars of traces over time, those with errors at the foot. `link` is where a bar leads.
pub fn histogram(range: Range, buckets: &[Bucket], what: (&'static str, &'static str), link: &dyn Fn(Range) -> String) -> AnyView {
    let peak = buckets.iter().map(|bucket| bucket.traces).max().unwrap_or_default();
    let most = peak.max(1);
    let step = step_of(range, buckets.len());
    let bars = buckets.iter().enumerate().map(|(n, bucket)| {
        let span = Range { start: bucket.start, end: bucket.start.saturating_add(step).min(range.end) };
        let height = |count: u64| if count == 0 { 0.0 } else { (HEIGHT * count as f64 / most as f64).max(3.0) };
        let (all, bad) = (height(bucket.traces), height(bucket.errors).min(height(bucket.traces)));
        let label = label(span, bucket, what);
        let x = n as f64;
        // A bar's whole column can be clicked, not just what little of it is filled.
        view! {
            <a href=link(span) tabindex="-1" aria-hidden="true">
                <title>{label}</title>
                <rect class="column" x=x y="0" width="1" height=HEIGHT/>
                <rect class="all" x=x + 0.08 y=HEIGHT - all width="0.84" height=all - bad/>
                <rect class="bad" x=x + 0.08 y=HEIGHT - bad width="0.84" height=bad/>
            </a>
        }
    });
    let bars = bars.collect_view();
    let width = buckets.len().max(1);
    let peak = super::count(peak);
    let summary =
        format!("{} over time, most in one bar: {peak}", plural(buckets.iter().map(|bucket| bucket.traces).sum(), what.0, what.1));
    view! {
        <div class="plot">
            <span class="peak" aria-hidden="true">{peak}</span>
            <svg class="bars" viewBox=format!("0 0 {width} {HEIGHT}") preserveAspectRatio="none" role="img" aria-label=summary>{bars}</svg>
        </div>
        {axis(range)}
    }
    .into_any()
}

fn label(span: Range, bucket: &Bucket, what: (&str, &str)) -> String {
    let clock = |at: Nanos| Rfc3339(at / SECOND * SECOND).to_string().replace('T', " ").replace('Z', " UTC");
    let count = plural(bucket.traces, what.0, what.1);
    let errors = match bucket.errors {
        0 => String::new(),
        n => format!(", {} with errors", super::count(n)),
    };
    format!("{count}{errors}\n{} – {}", clock(span.start), clock(span.end))
}

/// The moments below a chart.
pub fn axis(range: Range) -> AnyView {
    const TICKS: i64 = 4;
    let form = match range.length() {
        l if l <= 20 * MINUTE => Form::Clock,
        l if l <= DAY => Form::Minute,
        _ => Form::Day,
    };
    let ticks = (0..=TICKS).map(|n| range.start.saturating_add(range.length() / TICKS * n));
    view! { <div class="axis" aria-hidden="true">{ticks.map(|at| view! { <Moment at form/> }).collect_view()}</div> }.into_any()
}

/// Length of each of `count` buckets of a range.
pub fn step_of(range: Range, count: usize) -> Nanos {
    let count = count.max(1) as i64;
    (range.length() / count).max(1)
}

/// A round length of time that cuts a range in at most `most` steps.
pub fn round_step(range: Range, most: i64) -> Nanos {
    const STEPS: [Nanos; 15] = [
        SECOND,
        5 * SECOND,
        10 * SECOND,
        30 * SECOND,
        MINUTE,
        2 * MINUTE,
        5 * MINUTE,
        10 * MINUTE,
        30 * MINUTE,
        HOUR,
        2 * HOUR,
        6 * HOUR,
        12 * HOUR,
        DAY,
        7 * DAY,
    ];
    let least = range.length() / most.max(1);
    STEPS.into_iter().find(|step| *step >= least).unwrap_or_else(|| least.max(1))
}

/// A line of values with equal steps, filled below; `None` breaks the line. For one row of a table.
pub fn sparkline(values: &[Option<f64>], label: String) -> AnyView {
    let most = values.iter().flatten().copied().fold(0.0, f64::max);
    let mut path = String::new();
    let mut area = String::new();
    let mut open = None;
    let y = |value: f64| if most > 0.0 { 27.0 - 25.0 * value / most } else { 27.0 };
    for (x, value) in values.iter().enumerate() {
        match (value, open) {
            (Some(value), None) => {
                path += &format!("M{x} {:.1}", y(*value));
                area += &format!("M{x} 28L{x} {:.1}", y(*value));
                open = Some(x);
                // A lone value is a dot: a line of no length with round ends.
                if values.get(x + 1).copied().flatten().is_none() {
                    path += "h0.01";
                }
            }
            (Some(value), Some(_)) => {
                path += &format!("L{x} {:.1}", y(*value));
                area += &format!("L{x} {:.1}", y(*value));
            }
            (None, Some(_)) => {
                area += &format!("L{} 28Z", x - 1);
                open = None;
            }
            (None, None) => (),
        }
    }
    if open.is_some() {
        area += &format!("L{} 28Z", values.len() - 1);
    }
    let width = values.len().saturating_sub(1).max(1);
    view! {
        <svg class="spark" viewBox=format!("0 0 {width} 28") preserveAspectRatio="none" role="img" aria-label=label>
            <path class="area" d=area/>
            <path class="line" d=path/>
        </svg>
    }
    .into_any()
}

/// Bars with equal steps and a part of each marked bad. For one row of a table.
pub fn spark_bars(values: &[(f64, f64)], label: String) -> AnyView {
    let most = values.iter().map(|(all, _)| *all).fold(0.0, f64::max);
    let height = |value: f64| if most > 0.0 && value > 0.0 { (28.0 * value / most).max(1.5) } else { 0.0 };
    let (mut all, mut bad) = (String::new(), String::new());
    for (x, (total, errors)) in values.iter().enumerate() {
        let (tall, low) = (height(*total), height(*errors).min(height(*total)));
        if tall > 0.0 {
            all += &format!("M{:.2} 28v-{tall:.1}h.8v{tall:.1}z", x as f64 + 0.1);
        }
        if low > 0.0 {
            bad += &format!("M{:.2} 28v-{low:.1}h.8v{low:.1}z", x as f64 + 0.1);
        }
    }
    view! {
        <svg class="spark" viewBox=format!("0 0 {} 28", values.len().max(1)) preserveAspectRatio="none" role="img" aria-label=label>
            <path class="all" d=all/>
            <path class="bad" d=bad/>
        </svg>
    }
    .into_any()
}
