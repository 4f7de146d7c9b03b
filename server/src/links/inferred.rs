//! Access lines that name no trace, and the server spans they fit.

use super::told::{APART, Told};
use super::{Links, any, equals};
use model::id::TraceId;
use model::log::{How, Line, TraceLink};
use model::port::{Ask, Possible, SpanSearch};
use model::query::ast::{Cmp, Expr, Field, Key, Literal, Query, SpanField, Test};
use model::query::parse_key;
use model::span::Span;
use model::time::{MINUTE, Nanos, Range, SECOND};
use std::collections::{BTreeSet, HashMap};

/// Lines so near to each other are looked up together.
const TOGETHER: Nanos = 10 * SECOND;

/// Paths of one look-up.
const PATHS: usize = 64;

/// Longer requests are looked for only among those that take at least as long.
const SHORT: Nanos = SECOND;

/// Requests that take longer are not found.
const LONGEST: Nanos = MINUTE;

/// If so many spans may fit, nothing is said.
const SPANS: usize = 5000;

impl Links {
    /// See [`How::Inferred`].
    pub(super) async fn by_access(&self, ask: &Ask, lines: &mut [Line], possible: &mut Possible) {
        let open = lines.iter().enumerate().filter(|(_, line)| line.trace.is_none() && possible.of(line).is_empty());
        let mut told: Vec<(usize, Nanos, Told)> = open.filter_map(|(at, line)| Some((at, line.time, Told::of_line(line)?))).collect();
        told.sort_by_key(|(_, time, _)| *time);
        let mut rest = told.as_slice();
        while let Some((_, first, _)) = rest.first() {
            let (mut last, mut paths, mut length) = (*first, BTreeSet::new(), 0);
            for (_, time, told) in rest {
                let path = told.path.as_str();
                if time - last > TOGETHER || paths.len() == PATHS && !paths.contains(path) {
                    break;
                }
                paths.insert(path);
                (last, length) = (*time, length + 1);
            }
            let (together, later) = rest.split_at(length);
            rest = later;
            // Whoever asked waits: what is not known by now stays open.
            let Some(spans) = self.served(ask, &paths, *first, last).await else { continue };
            self.fit(&spans, together, lines, possible);
        }
    }

    /// The server spans of these paths that ended about then; `None` if there are too many, or no time.
    async fn served(&self, ask: &Ask, paths: &BTreeSet<&str>, first: Nanos, last: Nanos) -> Option<Vec<Span>> {
        let path = |path: &&str| {
            // Old names have the query with the path, and some the whole URL.
            let wild = |key: &str, parts: &[&str]| {
                let test = Test::Wildcard(parts.iter().map(|part| (*part).to_owned()).collect());
                Expr::Field(Field { key: parse_key(key), test })
            };
            [equals("url.path", path), wild("url.path", &[&format!("{path}?"), ""]), wild("url.full", &["", path, ""])]
        };
        let server = equals("kind", "server");
        let of_paths = any(paths.iter().flat_map(path).collect());
        let since = first.saturating_sub(APART + SHORT);
        let long = Expr::Field(Field {
            key: Key::Span(SpanField::Duration),
            test: Test::Compare(Cmp::GreaterOrEqual, Literal { text: "1s".into(), number: Some(SHORT as f64) }),
        });
        let search = |parts: Vec<Expr>, start, end| SpanSearch {
            query: Query { filter: Some(Expr::And(parts)), pipeline: vec![] },
            range: Range { start, end },
        };
        let short = search(vec![server.clone(), of_paths.clone()], since, last.saturating_add(APART + 1));
        let long = search(vec![server, of_paths, long], since.saturating_sub(LONGEST), since);
        let mut spans = self.reader.spans(ask, &short, SPANS).await.ok().flatten()?;
        spans.extend(self.reader.spans(ask, &long, SPANS).await.ok().flatten()?);
        Some(spans)
    }

    fn fit(&self, spans: &[Span], together: &[(usize, Nanos, Told)], lines: &mut [Line], possible: &mut Possible) {
        let mut by_path: HashMap<String, Vec<(&Span, Told)>> = HashMap::new();
        for (span, told) in spans.iter().filter_map(|span| Some((span, Told::of_span(span)?))) {
            by_path.entry(told.path.clone()).or_default().push((span, told));
        }
        for (at, time, told) in together {
            let Some(served) = by_path.get(&told.path) else { continue };
            let mut fitting: Vec<&(&Span, Told)> = served.iter().filter(|(_, served)| told.fits(*time, served)).collect();
            // Names of hosts differ between systems, so they only tell better from worse.
            if fitting.iter().any(|(_, served)| !told.host.is_empty() && served.host == told.host) {
                fitting.retain(|(_, served)| served.host == told.host);
            }
            let spans: Vec<&Span> = fitting.iter().map(|(span, _)| *span).collect();
            let traces = self.requests(&spans, spans.iter().map(|span| span.trace_id).collect());
            let link = |trace_id: TraceId| {
                let of_trace = spans.iter().filter(|span| span.trace_id == trace_id);
                let nearest = of_trace.min_by_key(|span| (time.abs_diff(span.end()), span.start));
                TraceLink { trace_id, span_id: nearest.map(|span| span.span_id), how: How::Inferred }
            };
            Links::tie(&mut lines[*at], traces, link, possible);
        }
    }
}
