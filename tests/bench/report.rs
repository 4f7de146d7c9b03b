//! The figures: gathered, printed as a table, written as JSON.

use serde_json::{Value, json};

/// All figures of a run.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
    /// What else belongs into the JSON.
    pub notes: Vec<(String, Value)>,
}

struct Row {
    metric: String,
    unit: &'static str,
    median: f64,
    p95: Option<f64>,
    runs: usize,
    target: Option<Target>,
    peer: &'static str,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// The 95th percentile, not the median.
    P95AtMost(f64),
}

impl Report {
    /// A figure measured once.
    pub fn once(&mut self, metric: &str, unit: &'static str, value: f64, target: Option<Target>, peer: &'static str) {
        self.push(Row { metric: metric.into(), unit, median: value, p95: None, runs: 1, target, peer });
    }

    /// A figure measured often.
    pub fn many(&mut self, metric: &str, unit: &'static str, mut values: Vec<f64>, target: Option<Target>, peer: &'static str) {
        values.sort_by(f64::total_cmp);
        let row =
            Row { metric: metric.into(), unit, median: at(&values, 0.5), p95: Some(at(&values, 0.95)), runs: values.len(), target, peer };
        self.push(row);
    }

    /// A figure that could not be had, and why.
    pub fn missing(&mut self, metric: &str, why: &str) {
        println!("  {metric:<52} not measured: {why}");
        self.notes.push((metric.into(), json!({ "not measured": why })));
    }

    fn push(&mut self, row: Row) {
        println!("  {}", row.line());
        self.rows.push(row);
    }

    /// The whole table.
    pub fn print(&self) {
        println!("\n  {:<52} {:>11} {:>11} {:>5}  {:>12}  {:<6} peer", "metric", "median", "p95", "runs", "target", "");
        for row in &self.rows {
            println!("  {}", row.line());
        }
        let missed = self.rows.iter().filter(|row| row.met() == Some(false)).count();
        let with_target = self.rows.iter().filter(|row| row.target.is_some()).count();
        println!("\n  {} of {with_target} targets met", with_target - missed);
    }

    /// Everything, for machines.
    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "metric": row.metric, "unit": row.unit, "median": row.median, "p95": row.p95, "runs": row.runs,
                "target": row.target.map(|target| target.to_string()), "met": row.met(), "peer": row.peer,
            })
        });
        let mut all = json!({ "figures": rows.collect::<Vec<_>>() });
        for (name, value) in &self.notes {
            all[name] = value.clone();
        }
        all
    }
}

impl Row {
    fn met(&self) -> Option<bool> {
        Some(match self.target? {
            Target::AtMost(most) => self.median <= most,
            Target::AtLeast(least) => self.median >= least,
            Target::P95AtMost(most) => self.p95.unwrap_or(self.median) <= most,
        })
    }

    fn line(&self) -> String {
        let met = match self.met() {
            None => "",
            Some(true) => "met",
            Some(false) => "MISSED",
        };
        let target = self.target.map(|target| target.to_string()).unwrap_or_default();
        let p95 = self.p95.map(digits).unwrap_or_default();
        let metric = format!("{} [{}]", self.metric, self.unit);
        format!("{metric:<52} {:>11} {p95:>11} {:>5}  {target:>12}  {met:<6} {}", digits(self.median), self.runs, self.peer)
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::AtMost(most) => write!(f, "<= {}", digits(*most)),
            Target::AtLeast(least) => write!(f, ">= {}", digits(*least)),
            Target::P95AtMost(most) => write!(f, "p95 <= {}", digits(*most)),
        }
    }
}

/// Three digits that matter.
fn digits(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The smallest value with at least this share at or below it; the values are sorted.
fn at(values: &[f64], share: f64) -> f64 {
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
