//! All traces of one request: the closure over the ids that spans name ([`model::request`]), [`HOPS`] hops, [`IDS`] ids, an hour before
//! and after. Never over span links, which join requests.

use model::address::{SpanAddress, System};
use model::error::ErrorPin;
use model::id::TraceId;
use model::log::Line;
use model::port::{Ask, ErrorReader, LineLinks, LogOrder, LogReader, LogSearch, Order, Problem, Reader, TraceSearch};
use model::query::parse_logs;
use model::request::{named, naming};
use model::span::Span;
use model::time::{HOUR, Range};
use model::trace::Trace;
use model::waterfall::View;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How far ids are followed from the one that was asked for.
const HOPS: usize = 2;
/// Traces of one request.
const IDS: usize = 8;

/// One trace, its services by the names they are shown by.
///
/// # Errors
/// As [`Reader::trace`].
async fn alone(reader: &dyn Reader, ask: &Ask, id: TraceId) -> Result<Trace, Problem> {
    let mut trace = reader.trace(ask, id).await?;
    reader.aliases().rename_spans(&mut trace.spans);
    Ok(trace)
}

/// All that is stored of the request that this trace is a part of: the spans of every trace of it by (start, span id), under the id asked for.
///
/// # Errors
/// As [`Reader::trace`]; what another id of the request leads to is left out if it is not there.
pub async fn request(reader: &dyn Reader, ask: &Ask, id: TraceId) -> Result<Trace, Problem> {
    let mut whole = alone(reader, ask, id).await?;
    let mut known = BTreeSet::from([id]);
    let mut newest = vec![id];
    for _ in 0..HOPS {
        let mut near: BTreeSet<TraceId> = whole.spans.iter().flat_map(named).collect();
        for id in newest.drain(..) {
            near.extend(traces_naming(reader, ask, id, &whole).await?);
        }
        for id in near {
            if known.len() < IDS && known.insert(id) {
                match alone(reader, ask, id).await {
                    Ok(other) => {
                        newest.push(id);
                        add(&mut whole, other);
                    }
                    Err(Problem::NotFound(_)) => {}
                    Err(problem) => return Err(problem),
                }
            }
        }
        if newest.is_empty() {
            break;
        }
    }
    whole.spans.sort_by_key(|span| (span.start, span.span_id));
    Ok(whole)
}

/// What a page shows of a request.
pub struct Recorded {
    /// Its spans, of one system only if the view says so.
    pub trace: Trace,
    /// Everybody who recorded something of it, shown or not: those of the id asked for first, then by their first span.
    pub systems: Vec<System>,
}

impl Recorded {
    /// The span that an address means.
    pub fn span(&self, address: SpanAddress) -> Option<&Span> {
        self.trace.spans.iter().find(|span| address.fits(span.span_id, System::of(span)))
    }
}

/// A request as a view shows it: all of it, or one trace (`alone`), or what one system recorded.
///
/// # Errors
/// As [`request`].
pub async fn recorded(reader: &dyn Reader, ask: &Ask, id: TraceId, view: &View) -> Result<Recorded, Problem> {
    let mut trace = match view.alone {
        true => alone(reader, ask, id).await?,
        false => request(reader, ask, id).await?,
    };
    let mut systems: Vec<System> = Vec::new();
    for system in trace.spans.iter().map(System::of) {
        if !systems.contains(&system) {
            systems.push(system);
        }
    }
    systems.sort_by_key(|system| system.trace_id != id);
    if let Some(family) = view.system.filter(|family| systems.iter().any(|system| system.family == *family)) {
        trace.spans.retain(|span| span.family() == family);
    }
    Ok(Recorded { trace, systems })
}

/// Log lines of a request that its page shows.
pub const LINES: u32 = 1000;

/// How long they may take: the trace is what the page is about.
const LINES_WITHIN: Duration = Duration::from_secs(2);

/// The log lines of a request, in the order they happened: those that name it, and those that are tied to it without. None if they
/// cannot be read.
pub async fn lines(logs: &dyn LogReader, links: &dyn LineLinks, ask: &Ask, id: TraceId, recorded: &Recorded) -> Vec<Line> {
    let ids: BTreeSet<TraceId> = recorded.systems.iter().map(|system| system.trace_id).chain([id]).collect();
    let query: Vec<String> = ids.iter().map(|id| format!("trace_id:{id}")).collect();
    let spans = &recorded.trace.spans;
    let start = spans.iter().map(|span| span.start).min().unwrap_or_default();
    let end = spans.iter().map(|span| span.end()).max().unwrap_or_default();
    let range = Range { start: start.saturating_sub(HOUR), end: end.saturating_add(HOUR) };
    let Ok(query) = parse_logs(&query.join(" OR ")) else { return Vec::new() };
    let search = LogSearch { query, groups: vec![], range, order: LogOrder::Oldest, limit: LINES, cursor: None };
    let ask = ask.clone().until(Instant::now() + LINES_WITHIN);
    let mut lines = logs.logs(&ask, &search).await.map(|page| page.lines).unwrap_or_default();
    lines.extend(links.near(&ask, spans, &lines).await);
    lines.sort_by_key(|line| (line.time, line.seq));
    lines
}

/// The errors of a request, in the order they happened; none if they cannot be read.
pub async fn pins(errors: &dyn ErrorReader, ask: &Ask, recorded: &Recorded) -> Vec<ErrorPin> {
    let ids: Vec<TraceId> = recorded.systems.iter().map(|system| system.trace_id).collect();
    let ask = ask.clone().until(Instant::now() + LINES_WITHIN);
    errors.errors_of_traces(&ask, &ids).await.unwrap_or_default()
}

/// Traces of which a span names this one.
async fn traces_naming(reader: &dyn Reader, ask: &Ask, id: TraceId, near: &Trace) -> Result<Vec<TraceId>, Problem> {
    let start = near.spans.iter().map(|span| span.start).min().unwrap_or_default();
    let end = near.spans.iter().map(|span| span.end()).max().unwrap_or_default();
    let range = Range { start: start.saturating_sub(HOUR), end: end.saturating_add(HOUR) };
    let search = TraceSearch { query: naming(id), range, order: Order::NEWEST, limit: IDS as u32, cursor: None, once: false };
    let found = reader.traces(ask, &search).await?;
    Ok(found.rows.into_iter().map(|row| row.summary.trace_id).collect())
}

fn add(whole: &mut Trace, other: Trace) {
    whole.spans.extend(other.spans);
    whole.duplicates += other.duplicates;
    whole.conflicts += other.conflicts;
    whole.last_received = whole.last_received.max(other.last_received);
}
