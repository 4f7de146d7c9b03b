//! Charts, drawn by the server as SVG that stretches to its box. Every bar is a link that zooms into it; the brush island
//! adds dragging.

use super::moment::{Form, Moment};
use super::plural;
use leptos::prelude::*;
use model::log::Level;
use model::port::{Bucket, LogBucket};
use model::time::{DAY, HOUR, MINUTE, Nanos, Range, Rfc3339, SECOND};

/// Height of a chart's drawing, in its own units.
const HEIGHT: f64 = 100.0;

/// A bar: what it counts, from the foot up.
struct Bar {
    range: Range,
    /// Class of its rectangle, and how many.
    parts: Vec<(&'static str, u64)>,
    /// What it counts, in words.
    label: String,
}

/// Bars of traces over time, those with errors at the foot. `link` is where a bar leads.
pub fn histogram(range: Range, buckets: &[Bucket], what: (&'static str, &'static str), link: &dyn Fn(Range) -> String) -> AnyView {
    let step = step_of(range, buckets.len());
    let bars = buckets.iter().map(|bucket| {
        let errors = bucket.errors.min(bucket.traces);
        let and = if errors > 0 { format!(", {} with errors", super::count(errors)) } else { String::new() };
        Bar {
            range: Range { start: bucket.start, end: bucket.start.saturating_add(step).min(range.end) },
            parts: vec![("bad", errors), ("all", bucket.traces - errors)],
            label: format!("{}{and}", plural(bucket.traces, what.0, what.1)),
        }
    });
    bars_over(range, &bars.collect::<Vec<_>>(), what, link)
}

/// Levels as bars stack them, the worst at the foot.
const STACKED: [Level; 7] = [Level::Fatal, Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace, Level::None];

/// Classes of parts that are seen however small they are.
const BAD: [&str; 3] = ["bad", "level-error", "level-fatal"];

/// Bars of log lines over time, by level.
pub fn levels(range: Range, buckets: &[LogBucket], link: &dyn Fn(Range) -> String) -> AnyView {
    let step = step_of(range, buckets.len());
    let bars = buckets.iter().map(|bucket| {
        let parts = STACKED.map(|level| (level_class(level), bucket.of(level)));
        let some = STACKED.iter().filter(|level| bucket.of(**level) > 0);
        let each: Vec<String> = some.map(|level| format!("{} {}", super::count(bucket.of(*level)), level.as_str())).collect();
        Bar {
            range: Range { start: bucket.start, end: bucket.start.saturating_add(step).min(range.end) },
            parts: parts.into(),
            label: if each.is_empty() { "0 lines".to_owned() } else { each.join(", ") },
        }
    });
    bars_over(range, &bars.collect::<Vec<_>>(), ("line", "lines"), link)
}

/// The class that gives a level its colour.
pub fn level_class(level: Level) -> &'static str {
    match level {
        Level::None => "level-none",
        Level::Trace => "level-trace",
        Level::Debug => "level-debug",
        Level::Info => "level-info",
        Level::Warn => "level-warn",
        Level::Error => "level-error",
        Level::Fatal => "level-fatal",
    }
}

/// The shares of levels as one bar, the worst first.
pub fn level_mix(levels: &[u64; 7]) -> AnyView {
    let all: u64 = levels.iter().sum();
    let some = STACKED.into_iter().map(|level| (level, levels[level as usize])).filter(|(_, n)| *n > 0);
    let label: Vec<String> = some.clone().map(|(level, n)| format!("{} {}", super::count(n), level.as_str())).collect();
    let label = label.join(", ");
    let part = |(level, n): (Level, u64)| {
        view! { <span class=level_class(level) style=format!("width:{:.1}%", 100.0 * n as f64 / all as f64)></span> }
    };
    view! { <span class="mix" role="img" title=label.clone() aria-label=label>{some.map(part).collect_view()}</span> }.into_any()
}

fn bars_over(range: Range, bars: &[Bar], what: (&'static str, &'static str), link: &dyn Fn(Range) -> String) -> AnyView {
    let total = |bar: &Bar| bar.parts.iter().map(|(_, n)| n).sum::<u64>();
    let peak = bars.iter().map(total).max().unwrap_or_default();
    let clock = |at: Nanos| Rfc3339(at / SECOND * SECOND).to_string().replace('T', " ").replace('Z', " UTC");
    let drawn = bars.iter().enumerate().map(|(n, bar)| {
        let (x, all) = (n as f64, total(bar));
        // What is there can be seen, and what is bad of it too, however little it is.
        let tall = if all == 0 { 0.0 } else { (HEIGHT * all as f64 / peak as f64).max(3.0) };
        let mut foot = HEIGHT;
        let parts = bar.parts.iter().filter(|(_, n)| *n > 0).map(|(class, n)| {
            let height = (tall * *n as f64 / all as f64).max(if BAD.contains(class) { 3.0 } else { 0.0 });
            foot -= height;
            view! { <rect class=*class x=x + 0.08 y=foot width="0.84" height=height/> }
        });
        let parts = parts.collect_view();
        let label = format!("{}\n{} – {}", bar.label, clock(bar.range.start), clock(bar.range.end));
        // A bar's whole column can be clicked, not just what little of it is filled.
        view! {
            <a href=link(bar.range) tabindex="-1" aria-hidden="true">
                <title>{label}</title>
                <rect class="column" x=x y="0" width="1" height=HEIGHT/>
                {parts}
            </a>
        }
    });
    let drawn = drawn.collect_view();
    let width = bars.len().max(1);
    let peak = super::count(peak);
    let summary = format!("{} over time, most in one bar: {peak}", plural(bars.iter().map(total).sum(), what.0, what.1));
    view! {
        <div class="plot">
            <span class="peak" aria-hidden="true">{peak}</span>
            <svg class="bars" viewBox=format!("0 0 {width} {HEIGHT}") preserveAspectRatio="none" role="img" aria-label=summary>{drawn}</svg>
        </div>
        {axis(range)}
    }
    .into_any()
}

/// Bars of occurrences over time, with marks at moments such as deploys.
pub fn occurrences(range: Range, points: &[(Nanos, u64)], marks: &[(Nanos, String)]) -> AnyView {
    let peak = points.iter().map(|(_, n)| *n).max().unwrap_or_default();
    let clock = |at: Nanos| Rfc3339(at / SECOND * SECOND).to_string().replace('T', " ").replace('Z', " UTC");
    let drawn = points.iter().enumerate().map(|(x, (at, n))| {
        let tall = if *n == 0 { 0.0 } else { (HEIGHT * *n as f64 / peak as f64).max(3.0) };
        let label = format!("{}\n{}", plural(*n, "occurrence", "occurrences"), clock(*at));
        view! {
            <g>
                <title>{label}</title>
                <rect class="column" x=x y="0" width="1" height=HEIGHT/>
                <rect class="bad" x=x as f64 + 0.08 y=HEIGHT - tall width="0.84" height=tall/>
            </g>
        }
    });
    let drawn = drawn.collect_view();
    let share = |at: Nanos| 100.0 * at.saturating_sub(range.start) as f64 / range.length().max(1) as f64;
    let marks = marks.iter().map(|(at, text)| {
        view! { <i class="deploy" style=format!("left:{:.2}%", share(*at)) title=format!("{text}\n{}", clock(*at)) role="img" aria-label=text.clone()></i> }
    });
    let marks = marks.collect_view();
    let total = points.iter().map(|(_, n)| n).sum();
    let summary = format!("{} over time, most in one bar: {}", plural(total, "occurrence", "occurrences"), super::count(peak));
    view! {
        <div class="plot">
            <span class="peak" aria-hidden="true">{super::count(peak)}</span>
            <svg class="bars" viewBox=format!("0 0 {} {HEIGHT}", points.len().max(1)) preserveAspectRatio="none" role="img" aria-label=summary>{drawn}</svg>
            {marks}
        </div>
        {axis(range)}
    }
    .into_any()
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

/// Figures over time.
pub struct Series {
    /// Gives it its colour.
    pub class: String,
    pub name: String,
    /// By time.
    pub points: Vec<(Nanos, f64)>,
}

/// Lines over time on one scale, with their names. Points further apart than two steps are not joined.
pub fn series(range: Range, step: Nanos, series: &[Series]) -> AnyView {
    const WIDTH: f64 = 1000.0;
    let most = series.iter().flat_map(|series| series.points.iter().map(|(_, value)| *value)).fold(0.0, f64::max);
    let x = |at: Nanos| WIDTH * at.saturating_sub(range.start) as f64 / range.length().max(1) as f64;
    let y = |value: f64| if most > 0.0 { HEIGHT - 96.0 * value.max(0.0) / most } else { HEIGHT };
    let paths = series.iter().map(|series| {
        let mut path = String::new();
        let mut before: Option<Nanos> = None;
        for (n, &(at, value)) in series.points.iter().enumerate() {
            let joined = before.is_some_and(|before| at.saturating_sub(before) <= step.saturating_mul(2).max(1));
            path += &format!("{}{:.1} {:.1}", if joined { "L" } else { "M" }, x(at.saturating_add(step / 2)), y(value));
            // A lone point is a line of no length with round ends.
            let next = series.points.get(n + 1);
            if !joined && next.is_none_or(|(next, _)| next.saturating_sub(at) > step.saturating_mul(2)) {
                path += "h0.01";
            }
            before = Some(at);
        }
        view! { <path class=format!("line {}", series.class) d=path><title>{series.name.clone()}</title></path> }
    });
    let names = series.iter().map(|series| view! { <li class=format!("svc {}", series.class)>{series.name.clone()}</li> });
    let label = format!("{} over time, at most {}", plural(series.len() as u64, "figure", "figures"), figure(most));
    view! {
        <div class="plot">
            <span class="peak" aria-hidden="true">{figure(most)}</span>
            <svg class="bars series" viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" role="img" aria-label=label>{paths.collect_view()}</svg>
        </div>
        {axis(range)}
        <ul class="legend">{names.collect_view()}</ul>
    }
    .into_any()
}

/// A figure that is whole without a fraction, else with three digits of it.
fn figure(value: f64) -> String {
    if value.fract() == 0.0 && value < 1e15 { super::count(value as u64) } else { format!("{value:.3}") }
}
