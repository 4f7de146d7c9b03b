//! Which trace a line belongs to where the line alone does not say: [`LineLinks`], answered with a few look-ups for all the lines of a
//! page. In the order of how sure they are: ids that stand alone and are stored, the request id that another line or a span has, too, and
//! the one server span that an access line fits.

mod inferred;
mod request_id;
mod told;

use async_trait::async_trait;
use model::error::{LinkHow, Occurrence};
use model::id::TraceId;
use model::log::{How, Line, TraceLink};
use model::port::{Ask, LineLinks, LogOrder, LogReader, LogSearch, Possible, Reader};
use model::query::LogQuery;
use model::query::ast::{Expr, Field, Literal, Test, Word};
use model::query::parse_key;
use model::request::{Joins, namings};
use model::span::Span;
use model::time::{HOUR, Nanos, Range, SECOND};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use told::Told;

/// What lines are tied by may take so long: they are shown without it, rather than late.
const WITHIN: Duration = Duration::from_millis(500);

/// Lines that are looked at for those near a request.
const NEAR_LINES: u32 = 2000;

/// Requests to servers, and request ids, of which lines near are looked for.
const NEAR_REQUESTS: usize = 32;

/// Reads what is stored of both sides.
pub struct Links {
    reader: Arc<dyn Reader>,
    logs: Arc<dyn LogReader>,
}

impl Links {
    pub fn new(reader: Arc<dyn Reader>, logs: Arc<dyn LogReader>) -> Links {
        Links { reader, logs }
    }

    /// Ids of traces of which one is shown for each request, as lists show them: of those that spans say are of one.
    fn requests(&self, spans: &[&Span], ids: BTreeSet<TraceId>) -> Vec<TraceId> {
        let mut joins = Joins::default();
        spans.iter().flat_map(|span| namings(span)).for_each(|naming| joins.add(naming));
        ids.iter().copied().filter(|id| joins.stands(*id, |other| ids.contains(&other))).collect()
    }

    /// Ties a line to the one trace of `traces`, or notes that it fits several.
    fn tie(line: &mut Line, traces: Vec<TraceId>, link: impl FnOnce(TraceId) -> TraceLink, possible: &mut Possible) {
        match traces[..] {
            [] => {}
            [one] => line.trace = Some(link(one)),
            _ => possible.add(line, traces),
        }
    }
}

/// The same read, with a deadline of its own and of now.
fn briefly(ask: &Ask) -> Ask {
    let latest = Instant::now() + WITHIN;
    let mut brief = Ask::now().until(ask.deadline.map_or(latest, |deadline| deadline.min(latest)));
    brief.cancelled = ask.cancelled.clone();
    brief
}

fn around(first: Nanos, last: Nanos, by: Nanos) -> Range {
    Range { start: first.saturating_sub(by), end: last.saturating_add(by).saturating_add(1) }
}

/// Any of these, of which there must be one.
fn any(mut parts: Vec<Expr>) -> Expr {
    if parts.len() == 1 { parts.remove(0) } else { Expr::Or(parts) }
}

/// The text as a phrase.
fn phrase(text: &str) -> Expr {
    Expr::Word(Word { text: text.to_owned(), open_start: false, open_end: false, quoted: true })
}

fn equals(key: &str, text: &str) -> Expr {
    Expr::Field(Field { key: parse_key(key), test: Test::Equals(Literal { text: text.to_owned(), number: None }) })
}

#[async_trait]
impl LineLinks for Links {
    async fn verify(&self, ask: &Ask, lines: &mut [Line]) {
        let bare = |line: &Line| line.trace.filter(|link| link.how == How::Bare);
        let ids: BTreeSet<TraceId> = lines.iter().filter_map(bare).map(|link| link.trace_id).collect();
        if ids.is_empty() {
            return;
        }
        let stored = self.reader.stored(ask, &ids.into_iter().collect::<Vec<_>>()).await.unwrap_or_default();
        let stored: BTreeMap<TraceId, Range> = stored.iter().map(|one| (one.trace_id, around(one.start, one.end(), HOUR))).collect();
        for line in lines {
            if bare(line).is_some_and(|link| !stored.get(&link.trace_id).is_some_and(|near| near.contains(line.time))) {
                line.trace = None;
            }
        }
    }

    async fn link(&self, ask: &Ask, lines: &mut [Line]) -> Possible {
        self.verify(ask, lines).await;
        let ask = briefly(ask);
        let mut possible = Possible::default();
        self.by_request_id(&ask, lines, &mut possible).await;
        self.by_access(&ask, lines, &mut possible).await;
        possible
    }

    async fn near(&self, ask: &Ask, spans: &[Span], known: &[Line]) -> Vec<Line> {
        let served: Vec<Told> = spans.iter().filter_map(Told::of_span).take(NEAR_REQUESTS).collect();
        let ids = known.iter().filter_map(request_id::of_line).chain(spans.iter().flat_map(request_id::of_span));
        let ids: BTreeSet<String> = ids.take(NEAR_REQUESTS).collect();
        let words: BTreeSet<&str> = served.iter().map(Told::word).chain(ids.iter().map(String::as_str)).collect();
        let (Some(first), Some(last)) = (spans.iter().map(|span| span.start).min(), spans.iter().map(|span| span.end()).max()) else {
            return Vec::new();
        };
        if words.is_empty() {
            return Vec::new();
        }
        let query = LogQuery { filter: Some(any(words.into_iter().map(phrase).collect())), ..LogQuery::default() };
        let range = around(first, last, SECOND);
        let search = LogSearch { query, groups: vec![], range, order: LogOrder::Oldest, limit: NEAR_LINES, cursor: None };
        let Ok(page) = self.logs.logs(&briefly(ask), &search).await else { return Vec::new() };
        let mut lines = page.lines;
        lines.retain(|line| {
            let open = line.trace.is_none_or(|link| link.how == How::Bare);
            let fits = || Told::of_line(line).is_some_and(|told| served.iter().any(|served| told.fits(line.time, served)));
            open && (request_id::of_line(line).is_some_and(|id| ids.contains(&id)) || fits())
        });
        self.link(ask, &mut lines).await;
        let traces: BTreeSet<TraceId> = spans.iter().map(|span| span.trace_id).collect();
        lines.retain(|line| line.trace.is_some_and(|link| link.how.is_inferred() && traces.contains(&link.trace_id)));
        lines
    }

    async fn link_error(&self, ask: &Ask, occurrence: &mut Occurrence) {
        let row = &mut occurrence.row;
        // An id of the request says more than likeness.
        if row.traces.is_empty() || row.how == Some(LinkHow::Inferred) {
            let ids = occurrence.witnesses.iter().filter_map(request_id::of_error).collect();
            if let Some(link) = self.of_request(&briefly(ask), ids, row.time).await {
                (row.traces, row.span, row.how) = (vec![link.trace_id], link.span_id, Some(LinkHow::Request));
            }
        }
    }
}
