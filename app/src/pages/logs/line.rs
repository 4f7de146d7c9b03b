//! One line in a list: in one row that opens, in a row of a table, or as it was sent.

use super::panel;
use super::tools::columns;
use super::tree::Fields;
use crate::ui::chart::level_class;
use crate::ui::message::{Marks, SHOWN, cut, first_line, text};
use crate::ui::moment::{Form, Moment};
use crate::ui::{bytes, plural};
use crate::url::{self, LogView};
use leptos::prelude::*;
use model::colour::Colours;
use model::id::TraceId;
use model::log::{Level, Line, told};
use model::port::{LogCursor, Possible};
use model::query::{LogQuery, parse_logs};
use model::time::HOUR;

/// Bytes of a line that is shown in one row.
const ONE_ROW: usize = 600;

/// Lines of a message in the raw view before it is folded.
const UNFOLDED: usize = 6;

/// What all rows of a list share.
pub(super) struct Look<'a> {
    pub(super) url: &'a url::Logs,
    pub(super) marks: Marks,
    /// Fields shown besides.
    pub(super) columns: Vec<String>,
    /// Traces of lines that fit several.
    pub(super) possible: &'a Possible,
    /// The line the list is about, if it is about one.
    pub(super) here: Option<LogCursor>,
}

impl<'a> Look<'a> {
    pub(super) fn of(url: &'a url::Logs, query: &LogQuery, possible: &'a Possible) -> Look<'a> {
        Look { url, marks: Marks::of(query), columns: columns(url), possible, here: None }
    }
}

/// The place of a line, in any world.
pub(super) fn place(line: &Line) -> LogCursor {
    LogCursor { time: line.time, seq: line.seq, as_of: 0 }
}

/// Lines as this page draws them, for what loads more of them.
pub fn rows(url: &url::Logs, lines: &[Line], possible: &Possible) -> String {
    let query = parse_logs(&url.query).unwrap_or_default();
    let owner = Owner::new();
    owner.with(|| all(&Look::of(url, &query, possible), lines).to_html())
}

/// The lines in the view the URL asks for, without what is around them.
pub(super) fn all(look: &Look<'_>, lines: &[Line]) -> AnyView {
    lines.iter().map(|line| one(look, line)).collect_view().into_any()
}

fn one(look: &Look<'_>, line: &Line) -> AnyView {
    match look.url.view {
        LogView::Table => in_table(look, line),
        LogView::Raw => as_sent(look, line),
        LogView::Lines | LogView::Patterns => in_row(look, line),
    }
}

/// `ERROR`, and what the sender called it if that is something else.
pub(super) fn level(line: &Line) -> AnyView {
    let (level, sent) = (line.severity.level(), line.severity_sent.level());
    let title = match (level == sent, sent) {
        (true, _) => None,
        (false, Level::None) => Some("Worked out from the text: the sender gave no level".to_owned()),
        (false, sent) => Some(format!("The text says so; it was sent as {}", sent.as_str())),
    };
    let class = format!("level {}{}", level_class(level), if title.is_some() { " repaired" } else { "" });
    let name = if level == Level::None { "" } else { level.as_str() };
    view! { <span class=class title=title>{name}</span> }.into_any()
}

/// The way to the trace of a line, with how that is known; or to those it may be of.
pub(super) fn trace(line: &Line, possible: &[TraceId]) -> Option<AnyView> {
    let Some(link) = line.trace else {
        let (href, text) = several(line, possible)?;
        return Some(view! { <a class="trace-link inferred" href=href title=FITS>{text}</a> }.into_any());
    };
    let href = url::Trace::at(link.trace_id, link.span_id, "").to_string();
    let title = format!("Trace {}, linked by {}", link.trace_id, link.how.title());
    let class = if link.how.is_inferred() { "trace-link inferred" } else { "trace-link" };
    Some(view! { <a class=class href=href title=title.clone() aria-label=title>"trace"</a> }.into_any())
}

/// Why a line has several traces.
pub(super) const FITS: &str = "Several requests fit this line by time, method, path and status, or by request id";

/// The list of the traces a line may be of, and what a link to it says; none if there are none.
pub(super) fn several(line: &Line, possible: &[TraceId]) -> Option<(String, String)> {
    let query: Vec<String> = possible.iter().map(|id| format!("trace_id:{id}")).collect();
    let range = url::Range::Between { start: line.time.saturating_sub(HOUR), end: line.time.saturating_add(HOUR) };
    let more = if possible.len() == Possible::MOST { "+" } else { "" };
    let text = format!("possible traces ({}{more})", possible.len());
    (!possible.is_empty()).then(|| (url::Traces::of(query.join(" OR "), range).to_string(), text))
}

/// What a line is from, in one word: its service, else its logger, else its stream.
fn writer(line: &Line) -> &str {
    let origin = &line.origin;
    [&origin.service, &origin.logger, &origin.stream].into_iter().find(|name| !name.is_empty()).map_or("", |name| name)
}

/// Everything a line can be opened with: its id in the page and its panel.
fn opened(look: &Look<'_>, line: &Line) -> bool {
    look.url.open.is_some_and(|open| (open.time, open.seq) == (line.time, line.seq))
}

fn is_here(look: &Look<'_>, line: &Line) -> bool {
    look.here.is_some_and(|here| (here.time, here.seq) == (line.time, line.seq))
}

/// This page with the line open.
fn open_link(look: &Look<'_>, line: &Line) -> String {
    let at = place(line);
    format!("{}#l{at}", url::Logs { open: Some(at), ..look.url.clone() })
}

fn in_row(look: &Look<'_>, line: &Line) -> AnyView {
    let at = place(line).to_string();
    let told = told(&line.message);
    let (first, more) = first_line(&told);
    let (shown, more) = if look.url.wrap { (cut(&line.message, SHOWN), 0) } else { (cut(first, ONE_ROW), more) };
    let folded =
        (more > 0).then(|| view! { <span class="badge" title=plural(more as u64, "more line", "more lines")>{format!("+{more}")}</span> });
    let long = (line.message.len() > SHOWN).then(|| view! { <span class="badge">{bytes(line.message.len() as u64)}</span> });
    let fields = Fields::of(line);
    let shown_columns = look.columns.iter().filter_map(|name| {
        let value = fields.get(name)?;
        Some(view! { <span class="field"><span class="muted">{name.clone()}"="</span>{cut(&value, 120).to_owned()}</span>" " })
    });
    let open = opened(look, line);
    let inside = match open {
        true => panel::panel(line, look.url, &look.marks, look.possible.of(line)),
        false => {
            let rest = (more > 0 || shown.len() < line.message.trim_end().len()).then(|| panel::message(line, &look.marks, look.url.plain));
            view! { {rest}<p class="needs-no-js"><a href=open_link(look, line)>"Fields, trace and context"</a></p> }.into_any()
        }
    };
    let who = writer(line).to_owned();
    let id = format!("l{at}");
    let class = format!("log {}{}", level_class(line.severity.level()), if is_here(look, line) { " here" } else { "" });
    view! {
        <li class=class id=id data-seq=line.seq>
            <details data-at=at open=open data-full=open.then_some("")>
                <summary data-row="">
                    <Moment at=line.time form=Form::Full/>
                    {level(line)}
                    <span class=format!("who svc svc-{}", Colours::default().of(&who)) title=who.clone()><span class="truncate">{who.clone()}</span></span>
                    <span class="text">{shown_columns.collect_view()}{text(shown, &look.marks, look.url.plain)}</span>
                    {folded}{long}{trace(line, look.possible.of(line))}
                </summary>
                <div class="inside">{inside}</div>
            </details>
        </li>
    }
    .into_any()
}

/// The class of a column, which has its width.
pub(super) fn column_class(name: &str) -> &'static str {
    if matches!(name, "message" | "@message") { "text" } else { "value" }
}

fn in_table(look: &Look<'_>, line: &Line) -> AnyView {
    let at = place(line).to_string();
    let fields = Fields::of(line);
    let open = opened(look, line);
    let cell = |name: &String| match name.as_str() {
        "message" | "@message" => {
            let shown = if look.url.wrap { cut(&line.message, SHOWN) } else { cut(first_line(&line.message).0, ONE_ROW) };
            view! { <td class="text">{text(shown, &look.marks, look.url.plain)}</td> }.into_any()
        }
        "service" if !line.origin.service.is_empty() => {
            let service = line.origin.service.to_string();
            view! { <td class="value"><span class=format!("svc svc-{}", Colours::default().of(&service))>{service.clone()}</span></td> }
                .into_any()
        }
        name => {
            let value = fields.get(name).unwrap_or_default();
            view! { <td class="value" title=cut(&value, SHOWN).to_owned()>{cut(&value, ONE_ROW).to_owned()}</td> }.into_any()
        }
    };
    let cells = look.columns.iter().map(cell).collect_view();
    let href = if open { url::Logs { open: None, ..look.url.clone() }.to_string() } else { open_link(look, line) };
    let inside = open.then(|| {
        let span = look.columns.len() + 3;
        view! { <tr class="inside"><td colspan=span>{panel::panel(line, look.url, &look.marks, look.possible.of(line))}</td></tr> }
    });
    view! {
        <tr class=format!("log {}", level_class(line.severity.level())) id=format!("l{at}") data-seq=line.seq>
            <td class="start"><a href=href data-row="" aria-expanded=open.to_string()><Moment at=line.time form=Form::Full/></a></td>
            <td class="of-level">{level(line)}</td>
            {cells}
            <td class="to-trace">{trace(line, look.possible.of(line))}</td>
        </tr>
        {inside}
    }
    .into_any()
}

/// The message whole; a stack trace behind its first lines.
fn as_sent(look: &Look<'_>, line: &Line) -> AnyView {
    let at = place(line);
    let message = cut(line.message.trim_end(), SHOWN);
    let end = message.match_indices('\n').nth(UNFOLDED - 1).map(|(at, _)| at).filter(|end| message[end + 1..].contains('\n'));
    let draw = |part: &str| text(part, &look.marks, look.url.plain);
    let body = match end {
        None => draw(message),
        Some(end) => {
            let rest = &message[end + 1..];
            let lines = plural(rest.lines().count() as u64, "more line", "more lines");
            view! { {draw(&message[..end])}<details class="rest"><summary>{lines}</summary>{draw(rest)}</details> }.into_any()
        }
    };
    view! {
        <li class=format!("log {}", level_class(line.severity.level())) id=format!("l{at}") data-seq=line.seq>
            <a class="mark" href=url::LogLine { at }.to_string() data-row="" aria-label="This line">{level(line)}</a>
            <pre>{body}{panel::cut_off(line)}</pre>
        </li>
    }
    .into_any()
}
