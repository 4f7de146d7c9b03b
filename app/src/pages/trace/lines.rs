//! The log lines of the trace: rows of the waterfall at their moment, a count on each span, a list in the panel, and a tab of their own.

use super::drawing::Drawing;
use super::pins;
use crate::pages::logs;
use crate::ui::chart::level_class;
use crate::ui::message::{Marks, plain};
use crate::ui::{count, plural};
use crate::url;
use leptos::prelude::*;
use model::columns::LineMark;
use model::log::Line;
use model::query::parse_logs;
use model::time::{Human, MINUTE};
use model::waterfall::{NONE, Row};

/// Lines listed in the panel of a span.
const IN_PANEL: usize = 50;

/// The row of a line.
pub(super) fn row(drawing: &Drawing, row: &Row) -> impl IntoView + use<> {
    let line = &drawing.columns.lines[row.line as usize];
    // A line of no span that is here leads to itself.
    let href = if line.span == NONE { address(drawing, line) } else { drawing.with_span(line.span) };
    let text = plain(&line.text);
    let title = if line.inferred { format!("Inferred: {text}") } else { text.clone() };
    let class = format!("w-row w-line {}{}", dashed(line), level_class(line.level));
    let at = drawing.window.bar(moment(drawing, row), moment(drawing, row));
    let dot = at.map(|(left, _)| view! { <i class="w-bar" style=format!("left:{left:.3}%;width:0")></i> });
    view! {
        <div class=class role="treeitem" attr:aria-level=(row.depth + 1).to_string() style=super::rows::indent(row)>
            <div class="w-name"><span class="w-fold"></span><a class="w-link" href=href title=title><span class="w-op">{text.clone()}</span></a></div>
            <div class="w-time">{dot}</div>
        </div>
    }
}

/// A class of lines that do not say themselves whose they are.
fn dashed(line: &LineMark) -> &'static str {
    if line.inferred { "inferred " } else { "" }
}

/// When a line happened, on the axis: it moves with its span if clocks are put right.
fn moment(drawing: &Drawing, row: &Row) -> i64 {
    let line = &drawing.columns.lines[row.line as usize];
    match line.span {
        NONE => line.time,
        span => line.time.saturating_add(drawing.times.start[span as usize].saturating_sub(drawing.columns.start[span as usize])),
    }
}

/// How many lines a span has.
pub(super) fn badge(drawing: &Drawing, n: u32) -> Option<impl IntoView + use<>> {
    let lines = drawing.rows.lines_at(n) as u64;
    (lines > 0).then(|| view! { <span class="w-lines" title=plural(lines, "log line", "log lines")>{format!("≡{}", count(lines))}</span> })
}

fn address(drawing: &Drawing, line: &LineMark) -> String {
    url::LogLine::of(drawing.columns.base.saturating_add(line.time), line.seq).to_string()
}

/// The lines of a span, in its panel.
pub(super) fn of_span(drawing: &Drawing, n: u32) -> Option<impl IntoView + use<>> {
    let lines: Vec<&LineMark> = drawing.columns.lines.iter().filter(|line| line.span == n).collect();
    let start = drawing.columns.start[n as usize];
    let one = |line: &&LineMark| {
        let after = line.time.saturating_sub(start);
        let after = if after < 0 { Human(after).to_string() } else { format!("+{}", Human(after)) };
        view! {
            <li class=format!("d-line {}{}", dashed(line), level_class(line.level))>
                <a href=address(drawing, line) title=if line.inferred { "The line, whose link is inferred" } else { "The line" }><span class="d-at">{after}</span>" "<code>{plain(&line.text)}</code></a>{pins::of_line(drawing, n, &line.text)}
            </li>
        }
    };
    let inferred = lines.iter().filter(|line| line.inferred).count();
    let title = told((lines.len() - inferred) as u64, inferred as u64, "log line", "log lines");
    let more = lines.len().saturating_sub(IN_PANEL);
    let more = (more > 0).then(|| view! { <li class="muted">{format!("and {more} more")}</li> });
    (!lines.is_empty()).then(|| {
        view! {
            <section class="d-section" aria-label="Log lines">
                <h3>{title}</h3>
                <ul class="d-lines">{lines.iter().take(IN_PANEL).map(one).collect_view()}{more}</ul>
            </section>
        }
    })
}

/// How many lines there are, and how many more belong here as far as others say.
fn told(exact: u64, inferred: u64, one: &str, many: &str) -> String {
    match (exact, inferred) {
        (exact, 0) => plural(exact, one, many),
        (0, inferred) => format!("{} inferred", plural(inferred, one, many)),
        (exact, inferred) => format!("{} and {} inferred", plural(exact, one, many), count(inferred)),
    }
}

/// The tab: all lines of the trace in the order they happened, or those that have what is searched for.
pub(super) fn tab(drawing: &Drawing) -> impl IntoView + use<> {
    let (first, last) = drawing.times.extent();
    let base = drawing.columns.base;
    let range = url::Range::Between {
        start: base.saturating_add(first).saturating_sub(5 * MINUTE),
        end: base.saturating_add(last).saturating_add(5 * MINUTE),
    };
    let query = parse_logs(&drawing.url.view.query).unwrap_or_default();
    let marks = Marks::of(&query);
    let all = drawing.lines.len();
    let lines: Vec<Line> = drawing.lines.iter().filter(|line| marks.is_in(&line.message)).cloned().collect();
    let of_trace =
        url::Logs { wrap: true, order: model::port::LogOrder::Oldest, ..url::Logs::of(format!("trace_id:{}", drawing.url.id), range) };
    let inferred = drawing.columns.lines.iter().filter(|line| line.inferred).count();
    let of_all = told((all - inferred) as u64, inferred as u64, "line", "lines");
    let shown = match lines.len() {
        n if n == all => of_all,
        n => format!("{} of {of_all}", count(n as u64)),
    };
    let most =
        (all - inferred == crate::request::LINES as usize).then(|| view! { <span class="muted">" (the first; there are more)"</span> });
    let body = match lines.is_empty() {
        true => {
            view! { <p class="pages muted">{if all == 0 { "No log line is of this trace." } else { "No line has that." }}</p> }.into_any()
        }
        false => logs::listed(&of_trace, &query, &lines),
    };
    view! {
        <div class="t-lines logs" id="lines-tab">
            <p class="pages"><strong>{shown}</strong>{most}<a class="button quiet" href=of_trace.to_string()>"Open in Logs"</a></p>
            {body}
        </div>
    }
}
