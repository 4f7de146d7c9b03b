//! Who calls whom, how often, and how it went: `GetServiceGraph` of a range, `GetTraceGraph` of single traces, and
//! `GetTimeSeriesServiceStatistics`. The numbers of a node are what its segments say, those of an edge what its callers say.

use super::filter::{self, Expr};
use super::record::{ServiceId, without_nulls};
use super::statistics::Statistics;
use super::view::{Node, View, What, seconds};
use super::{Between, Failure, check_group, check_single_page, matching, traces};
use crate::ingest::xray::api::read;
use crate::store::Store;
use model::port::{Ask, Order, Problem, TraceSearch};
use model::query::ast::Query;
use model::span::Span;
use model::time::{Nanos, Range, SECOND};
use model::trace::Trace;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a graph may take to read; SDKs wait a minute.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameters {
    #[serde(flatten)]
    between: Between,
    #[serde(default)]
    group_name: Option<String>,
    #[serde(default, rename = "GroupARN")]
    group_arn: Option<String>,
    #[serde(default)]
    next_token: Option<String>,
    /// Of `GetTimeSeriesServiceStatistics`; seconds.
    #[serde(default)]
    period: Option<i64>,
    #[serde(default)]
    entity_selector_expression: Option<String>,
    #[serde(default)]
    forecast_statistics: Option<bool>,
}

impl Parameters {
    fn read(body: &[u8]) -> Result<(Parameters, Range), Failure> {
        let parameters: Parameters = read(body)?;
        check_group(parameters.group_name.as_deref(), parameters.group_arn.as_deref())?;
        check_single_page(parameters.next_token.as_deref())?;
        let range = parameters.between.range()?;
        Ok((parameters, range))
    }
}

/// `GetServiceGraph`: of the traces that began in a range.
pub async fn of_range(store: &dyn Store, ask: &Ask, body: &[u8]) -> Result<Value, Failure> {
    let (parameters, range) = Parameters::read(body)?;
    let mut graph = Graph::default();
    each_trace(store, ask, range, |trace| graph.add(trace)).await?;
    Ok(json!({
        "StartTime": parameters.between.start_time,
        "EndTime": parameters.between.end_time,
        "Services": graph.services(),
        "ContainsOldGroupVersions": false,
        "NextToken": null,
    }))
}

/// `GetTraceGraph`
pub async fn of_traces(store: &dyn Store, ask: &Ask, body: &[u8]) -> Result<Value, Failure> {
    let asked = traces::asked(body)?;
    if let Some(wrong) = asked.wrong.first() {
        return Err(Failure::invalid(format!("{wrong} is not a trace id.")));
    }
    let mut graph = Graph::default();
    for id in asked.ids {
        match store.trace(ask, id).await {
            Ok(trace) => graph.add(&trace),
            Err(Problem::NotFound(_)) => {}
            Err(problem) => return Err(problem.into()),
        }
    }
    Ok(json!({"Services": graph.services(), "NextToken": null}))
}

/// `GetTimeSeriesServiceStatistics`: of the nodes or edges that a selector names, by when they began; of all edges if it
/// names none.
pub async fn over_time(store: &dyn Store, ask: &Ask, body: &[u8]) -> Result<Value, Failure> {
    let (parameters, range) = Parameters::read(body)?;
    let text = parameters.entity_selector_expression.unwrap_or_default();
    let selector = filter::parse(&text).map_err(|error| Failure::invalid(error.to_string()))?;
    let of_edges = match &selector {
        None | Some(Expr::Edge(..)) => true,
        Some(Expr::Service(..)) => false,
        Some(_) => return Err(Failure::invalid("EntitySelectorExpression must be one service() or edge().")),
    };
    if parameters.forecast_statistics == Some(true) {
        return Err(Failure::invalid("ForecastStatistics are not supported."));
    }
    let period = parameters.period.unwrap_or(60);
    if period < 1 {
        return Err(Failure::invalid("Period must be at least one second."));
    }
    let step = period.saturating_mul(SECOND);
    let mut windows: BTreeMap<Nanos, Statistics> = BTreeMap::new();
    each_trace(store, ask, range, |trace| {
        let view = View::of(trace);
        for node in &view.nodes {
            let (selected, span) = match &selector {
                Some(Expr::Service(which, inner)) => (matching::is_node(which, inner.as_deref(), &view, node), Some(node.span)),
                Some(Expr::Edge(from, to, inner)) => {
                    (matching::is_edge((from, to), inner.as_deref(), &view, node), edge(&view, node).map(|edge| edge.1))
                }
                _ => (true, edge(&view, node).map(|edge| edge.1)),
            };
            if let Some(span) = span.filter(|_| selected) {
                windows.entry(span.start.div_euclid(step) * step).or_default().add(span);
            }
        }
    })
    .await?;
    let summary = if of_edges { "EdgeSummaryStatistics" } else { "ServiceSummaryStatistics" };
    let series: Vec<Value> = windows
        .iter()
        .map(|(at, statistics)| {
            json!({"Timestamp": seconds(*at), summary: statistics.summary(), "ResponseTimeHistogram": statistics.histogram()})
        })
        .collect();
    Ok(json!({"TimeSeriesServiceStatistics": series, "ContainsOldGroupVersions": false, "NextToken": null}))
}

/// Reads every trace that began in a range, or fails: figures of a part would pass for figures of the whole.
async fn each_trace(store: &dyn Store, ask: &Ask, range: Range, mut visit: impl FnMut(&Trace)) -> Result<(), Failure> {
    let ends = Instant::now() + PATIENCE;
    let mut search = TraceSearch { query: Query::default(), range, order: Order::NEWEST, limit: 1_000, cursor: None, once: false };
    loop {
        let page = store.traces(ask, &search).await?;
        for row in &page.rows {
            if Instant::now() > ends {
                let message = "There are more traces in this range than can be read in half a minute; ask for a shorter one.";
                return Err(Failure::invalid(message));
            }
            match store.trace(ask, row.summary.trace_id).await {
                Ok(trace) => visit(&trace),
                // Its day went in between.
                Err(Problem::NotFound(_)) => {}
                Err(problem) => return Err(problem.into()),
            }
        }
        search.cursor = page.next;
        if search.cursor.is_none() {
            return Ok(());
        }
    }
}

/// The edge that led to a node: from where, and the call.
fn edge<'a>(view: &View<'a>, node: &Node<'a>) -> Option<(ServiceId, &'a Span)> {
    match node.caller {
        Some((caller, call)) => Some((view.nodes[caller].id.clone(), call)),
        None => view.client_of(node).map(|client| (client, node.span)),
    }
}

#[derive(Default)]
struct Graph {
    services: BTreeMap<ServiceId, Service>,
    edges: BTreeMap<(ServiceId, ServiceId), Part>,
}

/// Something with a first start, a last end and statistics.
#[derive(Default)]
struct Part {
    statistics: Statistics,
    span: Option<(Nanos, Nanos)>,
}

#[derive(Default)]
struct Service {
    part: Part,
    is_root: bool,
    /// It sent segments itself.
    is_active: bool,
}

impl Part {
    fn add(&mut self, span: &Span) {
        self.statistics.add(span);
        let (start, end) = self.span.unwrap_or((span.start, span.end()));
        self.span = Some((start.min(span.start), end.max(span.end())));
    }

    fn times(&self) -> (Option<f64>, Option<f64>) {
        (self.span.map(|(start, _)| seconds(start)), self.span.map(|(_, end)| seconds(end)))
    }
}

impl Graph {
    fn add(&mut self, trace: &Trace) {
        let view = View::of(trace);
        for (at, node) in view.nodes.iter().enumerate() {
            let service = self.services.entry(node.id.clone()).or_default();
            service.part.add(node.span);
            service.is_root |= view.root == Some(at);
            service.is_active |= node.what != What::Inferred;
            if let Some((from, call)) = edge(&view, node) {
                if node.caller.is_none() {
                    // The client says nothing itself: its requests are the entry's.
                    self.services.entry(from.clone()).or_default().part.add(call);
                }
                self.edges.entry((from, node.id.clone())).or_default().add(call);
            }
        }
    }

    /// `Services`; every reference is an index into it.
    fn services(&self) -> Value {
        let index: BTreeMap<&ServiceId, usize> = self.services.keys().enumerate().map(|(at, id)| (id, at)).collect();
        let one = |(id, service): (&ServiceId, &Service)| {
            let edges: Vec<Value> = self
                .edges
                .iter()
                .filter(|((from, _), _)| from == id)
                .map(|((_, to), part)| {
                    let (start, end) = part.times();
                    json!({
                        "ReferenceId": index[to],
                        "StartTime": start,
                        "EndTime": end,
                        "SummaryStatistics": part.statistics.summary(),
                        "ResponseTimeHistogram": part.statistics.histogram(),
                        "Aliases": [],
                    })
                })
                .collect();
            let (start, end) = service.part.times();
            without_nulls(json!({
                "ReferenceId": index[id],
                "Name": id.name,
                "Names": [id.name],
                "Root": service.is_root.then_some(true),
                "AccountId": id.account,
                "Type": id.kind,
                "State": if service.is_active { "active" } else { "unknown" },
                "StartTime": start,
                "EndTime": end,
                "Edges": edges,
                "SummaryStatistics": service.part.statistics.summary(),
                "DurationHistogram": service.part.statistics.histogram(),
                "ResponseTimeHistogram": service.part.statistics.histogram(),
            }))
        };
        self.services.iter().map(one).collect()
    }
}
