//! What opens below a line: the whole message, its fields, and the ways from it to others.

use super::line::{FITS, place, several};
use super::tree::{Fields, actions, tree};
use crate::ui::message::{Marks, SHOWN, cut, text};
use crate::ui::{bytes, plural};
use crate::url::{self, ApiLogLine, Around, LogContext};
use leptos::prelude::*;
use model::attr::Value;
use model::id::TraceId;
use model::log::Line;
use model::port::LogCursor;
use model::query::parse_logs;
use model::time::{MINUTE, Rfc3339, SECOND};

/// Lines of a message before the rest of it is folded.
const UNFOLDED: usize = 14;

/// The panel of a line on this page, for what opens it there.
pub fn panel_html(url: &url::Logs, line: &Line, possible: &[TraceId]) -> String {
    let marks = Marks::of(&parse_logs(&url.query).unwrap_or_default());
    let owner = Owner::new();
    owner.with(|| panel(line, url, &marks, possible).to_html())
}

pub(super) fn panel(line: &Line, url: &url::Logs, marks: &Marks, possible: &[TraceId]) -> AnyView {
    let fields = Fields::of(line);
    let trees = fields.trees().map(|(title, value)| {
        view! { <section class="l-tree" aria-label=title><h4>{title}</h4>{tree(value, url, marks)}</section> }
    });
    view! {
        {ways(line, url, possible)}
        {message(line, marks, url.plain)}
        {facts(line, url)}
        {trees.collect_view()}
    }
    .into_any()
}

/// The whole message: a long one to be scrolled, one of many lines folded, an enormous one cut.
pub(super) fn message(line: &Line, marks: &Marks, plain: bool) -> AnyView {
    let shown = cut(line.message.trim_end(), SHOWN);
    let end = shown.match_indices('\n').nth(UNFOLDED - 1).map(|(at, _)| at).filter(|end| shown[end + 1..].lines().count() > 2);
    let body = match end {
        None => text(shown, marks, plain),
        Some(end) => {
            let rest = &shown[end + 1..];
            let lines = plural(rest.lines().count() as u64, "more line", "more lines");
            view! { {text(&shown[..end], marks, plain)}<details class="rest"><summary>{lines}</summary>{text(rest, marks, plain)}</details> }.into_any()
        }
    };
    view! { <pre class="message" tabindex="0">{body}{cut_off(line)}</pre> }.into_any()
}

/// Where the rest of a message is that is too long to show.
pub(super) fn cut_off(line: &Line) -> Option<AnyView> {
    let href = ApiLogLine { at: place(line), raw: true }.to_string();
    let all = format!("show all ({})", bytes(line.message.len() as u64));
    (line.message.len() > SHOWN).then(|| view! { <span class="muted">" … "<a href=href>{all}</a></span> }.into_any())
}

/// From the line to its trace, to what is around it, and to itself.
fn ways(line: &Line, url: &url::Logs, possible: &[TraceId]) -> AnyView {
    let at = place(line);
    let around = |by: Around| LogContext { query: url.query.clone(), ..LogContext::of(at, by) }.to_string();
    let trace = line.trace.map(|link| {
        let href = url::Trace::at(link.trace_id, link.span_id, "").to_string();
        let class = if link.how.is_inferred() { "button trace-link inferred" } else { "button trace-link" };
        let same = url.with_query(format!("trace_id:{}", link.trace_id)).to_string();
        view! {
            <a class=class href=href title=format!("Linked by {}", link.how.title())>{if link.span_id.is_some() { "Open its span" } else { "Open its trace" }}</a>
            <span class="muted how">"linked by "{link.how.title()}</span>
            <a class="button quiet" href=same>"Lines of the trace"</a>
        }
    });
    let several = line.trace.is_none().then(|| several(line, possible)).flatten();
    let several = several.map(|(href, text)| view! { <a class="button trace-link inferred" href=href title=FITS>{text}</a> });
    let service =
        (!line.origin.service.is_empty()).then(|| view! { <a class="button quiet" href=around(Around::Service)>"in the service"</a> });
    let in_trace = line.trace.map(|_| view! { <a class="button quiet" href=around(Around::Trace)>"in the trace"</a> });
    let near = url::Range::Between { start: line.time.saturating_sub(5 * MINUTE), end: line.time.saturating_add(5 * MINUTE) };
    let near = url::Logs { range: near, ..url.with_query("") }.to_string();
    let permanent = url::LogLine { at }.to_string();
    view! {
        <div class="ways">
            {trace}
            {several}
            <a class="button quiet" href=around(Around::Stream)>"Context in the stream"</a>
            {service}
            {in_trace}
            <a class="button quiet" href=near>"±5 min"</a>
            <a class="button quiet" href=permanent.clone()>"This line"</a>
            <button type="button" class="button quiet needs-js" data-copy-link=permanent>"Copy link"</button>
            <button type="button" class="button quiet needs-js" data-copy=cut(&line.message, 256 << 10).to_owned()>"Copy text"</button>
        </div>
    }
    .into_any()
}

/// What is known of the line besides what it says.
fn facts(line: &Line, url: &url::Logs) -> AnyView {
    let origin = &line.origin;
    let mut all: Vec<(&'static str, String)> =
        vec![("time", Rfc3339(line.time).to_string()), ("level", line.severity.level().as_str().to_owned())];
    let named = [
        ("group", &origin.group),
        ("stream", &origin.stream),
        ("service", &origin.service),
        ("environment", &origin.environment),
        ("host", &origin.host),
        ("logger", &origin.logger),
        ("source", &origin.source),
    ];
    all.extend(named.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.to_string())));
    if let Some(link) = line.trace {
        all.push(("trace_id", link.trace_id.to_string()));
        all.extend(link.span_id.map(|span| ("span_id", span.to_string())));
    }
    let fact = |(name, value): (&'static str, String)| {
        let acts = (name != "time").then(|| actions(name, &Value::Str(value.clone()), url));
        let value = match (name, line.severity != line.severity_sent) {
            ("level", true) => format!("{value} (sent as {})", line.severity_sent.level().as_str()),
            _ => value,
        };
        view! { <li class="leaf"><span class="j-key">{name}</span><span class="j-text">{value}</span>{acts}</li> }
    };
    let late = line.received_at.saturating_sub(line.time);
    let late = (late > 60 * SECOND).then(|| {
        view! { <li class="leaf"><span class="j-key">"received"</span><span class="j-text">{Rfc3339(line.received_at).to_string()}" ("{model::time::Human(late).to_string()}" later)"</span></li> }
    });
    view! { <section class="l-tree" aria-label="Line"><ul class="tree">{all.into_iter().map(fact).collect_view()}{late}</ul></section> }
        .into_any()
}

/// The title of a line's own pages.
pub(super) fn title(line: &Line) -> String {
    let message = crate::ui::message::plain(cut(crate::ui::message::first_line(&line.message).0, 200));
    let short: String = message.chars().take(80).collect();
    if short.is_empty() { "Log line".to_owned() } else { short }
}

/// Where a line is, if that is an address.
pub(super) fn address(text: &str) -> Option<LogCursor> {
    text.parse().ok().map(|at: LogCursor| LogCursor { as_of: 0, ..at })
}
