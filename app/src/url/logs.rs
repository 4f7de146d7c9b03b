//! `/logs`: the search over log lines, one line, and what is around it.

use super::pairs::{Pairs, Writer};
use super::range::{Range, RangeError};
use model::port::{LogCursor, LogOrder};
use std::fmt;

/// `/logs?q=level:error&last=1h&view=table&column=user.id&cursor=...`
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Logs {
    /// As typed; it may not parse, then the page says where.
    pub query: String,
    /// Log groups to look in; empty = all.
    pub groups: Vec<String>,
    pub range: Range,
    pub order: LogOrder,
    pub view: LogView,
    /// Fields shown besides time and level; empty = the view's own choice.
    pub columns: Vec<String>,
    /// Fields whose values are counted at the side, besides those always offered.
    pub facets: Vec<String>,
    /// `wrap=1`: long lines are broken, not cut.
    pub wrap: bool,
    /// `ansi=0`: terminal colours are left out.
    pub plain: bool,
    /// `live=1`: lines appear as they arrive.
    pub live: bool,
    /// The line that is open.
    pub open: Option<LogCursor>,
    /// The page begins after this line, in the order.
    pub cursor: Option<LogCursor>,
    /// The page ends before this line, in the order.
    pub until: Option<LogCursor>,
    /// `wait=1`: rather wait for exact figures than see the page at once.
    pub wait: bool,
}

/// How lines are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogView {
    #[default]
    Lines,
    Table,
    /// As sent, whole.
    Raw,
    Patterns,
}

impl LogView {
    pub const ALL: [LogView; 4] = [LogView::Lines, LogView::Table, LogView::Raw, LogView::Patterns];

    pub fn as_str(self) -> &'static str {
        match self {
            LogView::Lines => "lines",
            LogView::Table => "table",
            LogView::Raw => "raw",
            LogView::Patterns => "patterns",
        }
    }
}

impl Logs {
    /// A search over a range, newest first.
    pub fn of(query: impl Into<String>, range: Range) -> Logs {
        Logs { query: query.into(), range, ..Logs::default() }
    }

    /// Reads a query string. What is not ours is left out.
    pub fn parse(search: &str) -> Result<Logs, RangeError> {
        let pairs = Pairs::parse(search);
        let all = |name| pairs.all(name).map(str::to_owned).collect();
        let line = |name| pairs.get(name).and_then(|text| text.parse().ok());
        Ok(Logs {
            query: pairs.get("q").unwrap_or_default().to_owned(),
            groups: all("group"),
            range: Range::read(&pairs)?,
            order: pairs.get("order").and_then(parse_log_order).unwrap_or_default(),
            view: pairs.get("view").and_then(|text| LogView::ALL.into_iter().find(|view| view.as_str() == text)).unwrap_or_default(),
            columns: all("column"),
            facets: all("facet"),
            wrap: pairs.get("wrap").is_some(),
            plain: pairs.get("ansi") == Some("0"),
            live: pairs.get("live").is_some(),
            open: line("open"),
            cursor: line("cursor"),
            until: line("until"),
            wait: pairs.get("wait").is_some(),
        })
    }

    /// The same search changed, on its first page.
    pub fn with(&self, change: impl FnOnce(&mut Logs)) -> Logs {
        let mut url = Logs { open: None, cursor: None, until: None, wait: false, ..self.clone() };
        change(&mut url);
        url
    }

    pub fn with_query(&self, query: impl Into<String>) -> Logs {
        self.with(|url| url.query = query.into())
    }

    pub fn with_range(&self, range: Range) -> Logs {
        self.with(|url| url.range = range)
    }

    /// As [`fmt::Display`] on another path that takes the same parameters, with more of its own.
    fn write(&self, path: &str, more: &[(&str, &str)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut to = Writer::new(f, path)?;
        to.pair("q", &self.query)?;
        self.groups.iter().try_for_each(|group| to.pair("group", group))?;
        self.range.write(&mut to)?;
        if self.order != LogOrder::Newest {
            to.pair("order", "oldest")?;
        }
        if self.view != LogView::Lines {
            to.pair("view", self.view.as_str())?;
        }
        self.columns.iter().try_for_each(|column| to.pair("column", column))?;
        self.facets.iter().try_for_each(|facet| to.pair("facet", facet))?;
        let flags = [("wrap", self.wrap, "1"), ("ansi", self.plain, "0"), ("live", self.live, "1")];
        flags.into_iter().filter(|(_, set, _)| *set).try_for_each(|(name, _, value)| to.pair(name, value))?;
        let lines = [("open", self.open), ("cursor", self.cursor), ("until", self.until)];
        lines.into_iter().try_for_each(|(name, line)| line.map_or(Ok(()), |line| to.pair(name, line)))?;
        if self.wait {
            to.pair("wait", 1)?;
        }
        more.iter().try_for_each(|(name, value)| to.pair(name, value))
    }
}

impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write("/logs", &[], f)
    }
}

/// Reads `newest` or `oldest`.
pub fn parse_log_order(text: &str) -> Option<LogOrder> {
    match text {
        "newest" => Some(LogOrder::Newest),
        "oldest" => Some(LogOrder::Oldest),
        _ => None,
    }
}

/// `/logs/line/{at}`: one line, for as long as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub at: LogCursor,
}

impl LogLine {
    /// The address of the line at this time and `seq`, in whatever world.
    pub fn of(time: model::time::Nanos, seq: u64) -> LogLine {
        LogLine { at: LogCursor { time, seq, as_of: 0 } }
    }
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/logs/line/{}", self.at)
    }
}

/// `/logs/context/{at}?by=service&lines=100`: the lines before and after one.
#[derive(Clone, Debug, PartialEq)]
pub struct LogContext {
    pub at: LogCursor,
    pub by: Around,
    /// On each side.
    pub lines: u32,
    /// What is highlighted; nothing is left out.
    pub query: String,
}

/// Whose lines are around a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Around {
    #[default]
    Stream,
    Service,
    Trace,
    All,
}

impl Around {
    pub const ALL: [Around; 4] = [Around::Stream, Around::Service, Around::Trace, Around::All];

    pub fn as_str(self) -> &'static str {
        match self {
            Around::Stream => "stream",
            Around::Service => "service",
            Around::Trace => "trace",
            Around::All => "all",
        }
    }
}

impl LogContext {
    /// Lines on each side at first.
    pub const LINES: u32 = 30;
    /// And at most.
    pub const MOST: u32 = 1000;

    pub fn of(at: LogCursor, by: Around) -> LogContext {
        LogContext { at: LogCursor { as_of: 0, ..at }, by, lines: LogContext::LINES, query: String::new() }
    }

    /// Reads a query string.
    pub fn parse(at: LogCursor, search: &str) -> LogContext {
        let pairs = Pairs::parse(search);
        LogContext {
            at,
            by: pairs.get("by").and_then(|text| Around::ALL.into_iter().find(|by| by.as_str() == text)).unwrap_or_default(),
            lines: pairs.get("lines").and_then(|text| text.parse().ok()).map_or(LogContext::LINES, |n: u32| n.clamp(1, LogContext::MOST)),
            query: pairs.get("q").unwrap_or_default().to_owned(),
        }
    }
}

impl fmt::Display for LogContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut to = Writer::new(f, &format!("/logs/context/{}", self.at))?;
        if self.by != Around::default() {
            to.pair("by", self.by.as_str())?;
        }
        if self.lines != LogContext::LINES {
            to.pair("lines", self.lines)?;
        }
        to.pair("q", &self.query)
    }
}

/// `POST /logs/views/save`: keeps the page's search under a name.
pub const VIEW_SAVE: &str = "/logs/views/save";

/// `POST /logs/views/remove`: forgets it.
pub const VIEW_REMOVE: &str = "/logs/views/remove";

/// `/api/logs` and the calls below it that take a search.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiLogs {
    pub call: LogCall,
    pub search: Logs,
}

/// What of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogCall {
    /// The lines as JSON.
    Lines,
    /// The rows of a page as the page draws them.
    Rows,
    /// Lines as they arrive, drawn.
    Tail,
    Table,
    ExportNdjson,
    ExportCsv,
}

impl fmt::Display for ApiLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, more): (_, &[_]) = match self.call {
            LogCall::Lines => ("/api/logs", &[]),
            LogCall::Rows => ("/api/logs/rows", &[]),
            LogCall::Tail => ("/api/logs/tail", &[("as", "rows")]),
            LogCall::Table => ("/api/logs/table", &[]),
            LogCall::ExportNdjson => ("/api/logs/export", &[("format", "ndjson")]),
            LogCall::ExportCsv => ("/api/logs/export", &[("format", "csv")]),
        };
        match self.call {
            LogCall::Rows | LogCall::Tail => self.search.write(path, more, f),
            // What only changes how the page looks means nothing to scripts.
            _ => {
                let Logs { query, groups, range, order, columns, cursor, .. } = self.search.clone();
                Logs { query, groups, range, order, columns, cursor, ..Logs::default() }.write(path, more, f)
            }
        }
    }
}

/// `/api/logs/line/{at}`: one line as JSON; or its message alone, as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiLogLine {
    pub at: LogCursor,
    pub raw: bool,
}

impl fmt::Display for ApiLogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/api/logs/line/{}{}", self.at, if self.raw { "?format=raw" } else { "" })
    }
}

/// `/api/logs/line/{at}/panel`: what opens below a line of this page.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiLogPanel {
    pub at: LogCursor,
    pub page: Logs,
}

impl fmt::Display for ApiLogPanel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.page.write(&format!("/api/logs/line/{}/panel", self.at), &[], f)
    }
}
