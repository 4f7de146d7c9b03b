//! The figures of the overview. All count entry spans: where a request enters a service.

use crate::ui::frame::Here;
use crate::ui::{chart, number, text};
use futures::future::join4;
use model::port::{Ask, Bucket, Cell, Order, Problem, SpanSearch, Table, TraceRow, TraceSearch};
use model::query::ast::{Command, Query, Stats};
use model::query::value_text;
use model::span::Family;
use model::time::{Nanos, Range};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long the page waits for its figures.
const PATIENCE: Duration = Duration::from_secs(2);

/// Steps of the small charts, at most.
const STEPS: i64 = 60;

const ROUTES: usize = 10;
const FAILURES: u32 = 10;

/// See the module.
pub(super) struct Figures {
    /// Most errors first, then most requests.
    pub(super) services: Vec<Service>,
    /// Slowest first.
    pub(super) routes: Vec<Route>,
    /// Newest first.
    pub(super) failures: Vec<TraceRow>,
    /// `false`: the deadline came first.
    pub(super) exact: bool,
    range: Range,
    now: Nanos,
    /// Length of a step of the charts, nanoseconds.
    step: Nanos,
}

/// One service.
pub(super) struct Service {
    pub(super) name: String,
    pub(super) count: f64,
    pub(super) errors: f64,
    /// Nanoseconds.
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    /// By step of the charts: requests, errors, p95.
    pub(super) steps: Vec<Step>,
}

/// One step of a service's charts.
#[derive(Clone, Copy, Default)]
pub(super) struct Step {
    pub(super) count: f64,
    pub(super) errors: f64,
    /// `None` if there were no requests.
    pub(super) p95: Option<f64>,
}

/// One operation of a service.
pub(super) struct Route {
    pub(super) service: String,
    pub(super) name: String,
    pub(super) count: f64,
    pub(super) errors: f64,
    pub(super) p50: f64,
    pub(super) p95: f64,
}

impl Figures {
    pub(super) async fn read(here: &Here, range: Range) -> Result<Figures, Problem> {
        let ask = here.ask.clone().until(Instant::now() + PATIENCE);
        let step = chart::round_step(range, STEPS);
        let once = once(here, &ask, range).await?;
        let of = |filter: &str, command: &str| format!("{filter}{once}{command}");
        let failing = TraceSearch {
            query: parse(&of("status:error", ""))?.0,
            range,
            order: Order::NEWEST,
            limit: FAILURES,
            cursor: None,
            once: true,
        };
        let figures = "| stats count() as n, errors() as e, p50(duration), p95(duration)";
        let (services, steps, routes) = (
            of("entry:true", &format!("{figures}, p99(duration) by service")),
            of("entry:true", "| stats count() as n, errors() as e, p95(duration) by service"),
            of("entry:true", &format!("{figures} by service, name")),
        );
        let (services, steps, routes, failures) = join4(
            stats(here, &ask, range, &services, None),
            stats(here, &ask, range, &steps, Some(step)),
            stats(here, &ask, range, &routes, None),
            here.reader.traces(&ask, &failing),
        )
        .await;
        let (services, steps, routes, failures) = (services?, steps?, routes?, failures?);
        let mut figures = Figures {
            services: services.rows.iter().filter_map(|row| Service::of(row)).collect(),
            routes: routes.rows.iter().filter_map(|row| Route::of(row)).collect(),
            failures: failures.rows,
            exact: services.exact && steps.exact && routes.exact,
            range,
            now: here.now,
            step,
        };
        figures.take_steps(&steps);
        figures.services.sort_by(|a, b| b.errors.total_cmp(&a.errors).then(b.count.total_cmp(&a.count)));
        figures.routes.sort_by(|a, b| b.p95.total_cmp(&a.p95));
        figures.routes.truncate(ROUTES);
        Ok(figures)
    }

    /// Sorts the rows `(bin, service, n, e, p95)` into the services' charts.
    fn take_steps(&mut self, steps: &Table) {
        let (first, last) = (self.slot(self.range.start), self.slot(self.charted_end() - 1));
        let count = usize::try_from(last - first + 1).unwrap_or_default();
        for service in &mut self.services {
            service.steps = vec![Step::default(); count];
        }
        for row in &steps.rows {
            let [Cell::Number(bin), service, n, e, p95] = row.as_slice() else { continue };
            let at = usize::try_from(self.slot(*bin as Nanos) - first).unwrap_or(usize::MAX);
            let service = text(service);
            let slot = self.services.iter_mut().find(|known| known.name == service).and_then(|known| known.steps.get_mut(at));
            if let Some(slot) = slot {
                *slot = Step { count: number(n), errors: number(e), p95: matches!(p95, Cell::Number(_)).then(|| number(p95)) };
            }
        }
    }

    fn slot(&self, at: Nanos) -> i64 {
        at.div_euclid(self.step)
    }

    /// Requests and errors of all services.
    pub(super) fn totals(&self) -> (f64, f64) {
        (self.services.iter().map(|service| service.count).sum(), self.services.iter().map(|service| service.errors).sum())
    }

    /// How much of the range has passed, for rates.
    pub(super) fn counted(&self) -> Nanos {
        (self.range.end.min(self.now) - self.range.start).max(1)
    }

    /// The charts end now, even if the range reaches a little further.
    fn charted_end(&self) -> Nanos {
        self.range.end.min(self.now).max(self.range.start + 1)
    }

    /// What [`Figures::bars`] cover: whole steps.
    pub(super) fn bars_range(&self) -> Range {
        Range { start: self.slot(self.range.start) * self.step, end: (self.slot(self.charted_end() - 1) + 1) * self.step }
    }

    /// Requests and errors of all services over time.
    pub(super) fn bars(&self) -> Vec<Bucket> {
        let steps = self.services.first().map_or(0, |service| service.steps.len());
        let start = self.bars_range().start;
        let bar = |at: usize| {
            let sum = |field: fn(&Step) -> f64| {
                self.services.iter().filter_map(|service| service.steps.get(at)).map(field).sum::<f64>().round() as u64
            };
            Bucket { start: start + at as i64 * self.step, traces: sum(|step| step.count), errors: sum(|step| step.errors) }
        };
        (0..steps).map(bar).collect()
    }
}

impl Service {
    fn of(row: &[Cell]) -> Option<Service> {
        let [name, n, e, p50, p95, p99] = row else { return None };
        let steps = Vec::new();
        Some(Service { name: text(name), count: number(n), errors: number(e), p50: number(p50), p95: number(p95), p99: number(p99), steps })
    }
}

impl Route {
    fn of(row: &[Cell]) -> Option<Route> {
        let [service, name, n, e, p50, p95] = row else { return None };
        Some(Route { service: text(service), name: text(name), count: number(n), errors: number(e), p50: number(p50), p95: number(p95) })
    }
}

/// A backend that OpenTelemetry and X-Ray both instrument sends each request twice. Where a service has both, only OpenTelemetry's side
/// counts: this is the rest of a filter that leaves the other out.
async fn once(here: &Here, ask: &Ask, range: Range) -> Result<String, Problem> {
    let xray = |source: &str| Family::of(source) == Family::Xray;
    // Most never see an X-Ray segment; they need not wait for the answer.
    if !here.reader.ledger().await?.iter().any(|row| xray(&row.source) && row.stored > 0) {
        return Ok(" ".to_owned());
    }
    let found = stats(here, ask, range, "entry:true | stats count() by service, source", None).await?;
    let mut sides: BTreeMap<String, [bool; 2]> = BTreeMap::new();
    for row in &found.rows {
        let [service, source, _] = row.as_slice() else { continue };
        sides.entry(text(service)).or_default()[usize::from(xray(&text(source)))] = true;
    }
    let twice = sides.into_iter().filter(|(_, sides)| *sides == [true, true]);
    let left_out = twice.map(|(service, _)| format!(" -(service:{} source:/^xray/)", value_text(&service)));
    Ok(left_out.chain([" ".to_owned()]).collect())
}

async fn stats(here: &Here, ask: &Ask, range: Range, text: &str, bin: Option<Nanos>) -> Result<Table, Problem> {
    let (query, stats) = parse(text)?;
    here.reader.stats(ask, &SpanSearch { query, range }, &Stats { bin, ..stats }).await
}

/// One of our own queries.
fn parse(text: &str) -> Result<(Query, Stats), Problem> {
    let mut query = model::query::parse(text).map_err(|error| Problem::Bad { message: error.message, position: Some(error.position) })?;
    let stats = match query.pipeline.pop() {
        Some(Command::Stats(stats)) => stats,
        _ => Stats::default(),
    };
    Ok((query, stats))
}
