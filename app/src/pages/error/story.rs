//! The request in which the error occurred: its trace in small, and its log lines.

use crate::pages::{logs, trace};
use crate::request::{self, recorded};
use crate::ui::frame::Here;
use crate::ui::plural;
use crate::url;
use leptos::prelude::*;
use model::error::{LinkHow, Occurrence};
use model::id::TraceId;
use model::port::{LogOrder, Problem};
use model::query::parse_logs;
use model::time::MINUTE;
use model::waterfall::View;

/// Log lines that are shown.
const LINES: usize = 40;

/// A trace of the occurrence as the page shows it.
pub(super) struct Story {
    id: TraceId,
    how: LinkHow,
    /// `None`: it is named, but not here.
    shown: Option<Found>,
}

struct Found {
    trace: AnyView,
    lines: AnyView,
    count: usize,
    url: url::Trace,
    logs: url::Logs,
}

impl Story {
    /// Of the first trace it names that is here; `None` if it names none.
    pub async fn of(here: &Here, occurrence: &Occurrence) -> Result<Option<Story>, Problem> {
        let row = &occurrence.row;
        let how = row.how.unwrap_or(LinkHow::Trace);
        for id in &row.traces {
            let found = match recorded(&*here.reader, &here.ask, *id, &View::default()).await {
                Ok(found) => found,
                Err(Problem::NotFound(_)) => continue,
                Err(problem) => return Err(problem),
            };
            let lines = request::lines(&*here.logs, &*here.links, &here.ask, *id, &found).await;
            let span = row.span.filter(|span| found.trace.spans.iter().any(|one| one.span_id == *span));
            let url = url::Trace::at(*id, span, "");
            let start = found.trace.spans.iter().map(|span| span.start).min().unwrap_or(row.time);
            let end = found.trace.spans.iter().map(|span| span.end()).max().unwrap_or(row.time);
            let range = url::Range::Between { start: start.saturating_sub(5 * MINUTE), end: end.saturating_add(5 * MINUTE) };
            let query = parse_logs(&format!("trace_id:{id}")).unwrap_or_default();
            let logs = url::Logs { order: LogOrder::Oldest, ..url::Logs::of(format!("trace_id:{id}"), range) };
            let count = lines.len();
            let near = around(&lines, row.time);
            let shown = match near.is_empty() {
                true => view! { <p class="muted">"No log line names this trace."</p> }.into_any(),
                false => logs::listed(&logs, &query, near),
            };
            let trace = trace::mini(found, lines.clone(), url.clone(), here.now);
            return Ok(Some(Story { id: *id, how, shown: Some(Found { trace, lines: shown, count, url, logs }) }));
        }
        Ok(row.traces.first().map(|id| Story { id: *id, how, shown: None }))
    }

    pub fn view(self) -> AnyView {
        let how = view! { <span class="muted">"linked by "{self.how.title()}</span> };
        match self.shown {
            None => view! {
                <section class="card" aria-labelledby="trace-of">
                    <header><h2 id="trace-of">"Trace"</h2>{how}</header>
                    <p class="body">"It names the trace "<code>{self.id.to_string()}</code>", which is not here: it was not sampled, was not sent to Clew, or is older than what is kept."</p>
                </section>
            }
            .into_any(),
            Some(found) => {
                let more = found.count.saturating_sub(LINES);
                let more = (more > 0).then(|| view! { <p class="pages muted">{plural(more as u64, "more line", "more lines")}" of this trace in Logs"</p> });
                view! {
                    <section class="card" aria-labelledby="trace-of">
                        <header><h2 id="trace-of">"Trace"</h2>{how}<a href=found.url.to_string()>"The whole trace"</a></header>
                        {found.trace}
                    </section>
                    <section class="card logs" aria-labelledby="lines-of">
                        <header><h2 id="lines-of">"Log lines of this request"</h2><a href=found.logs.to_string()>{format!("{} in Logs", plural(found.count as u64, "line", "lines"))}</a></header>
                        <div class="e-logs">{found.lines}{more}</div>
                    </section>
                }
                .into_any()
            }
        }
    }
}

/// The lines nearest to the error, in their order.
fn around(lines: &[model::log::Line], at: model::time::Nanos) -> &[model::log::Line] {
    let after = lines.partition_point(|line| line.time <= at);
    let from = after.saturating_sub(LINES * 3 / 4).min(lines.len().saturating_sub(LINES));
    &lines[from..(from + LINES).min(lines.len())]
}
