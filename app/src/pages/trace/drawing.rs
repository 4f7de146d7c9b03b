//! Everything the page is drawn from: the trace, the model's figures of it, and the view that the URL asks for.

use crate::request::Recorded;
use crate::url;
use model::address::{SpanAddress, System};
use model::colour::colours;
use model::columns::Columns;
use model::error::ErrorPin;
use model::log::Line;
use model::port::BackLink;
use model::span::Span;
use model::time::Nanos;
use model::trace::{SETTLED_AFTER, Trace};
use model::waterfall::{Critical, Node, Rows, Skew, Times, Tree, View, Window, skews};

/// A trace and how it is shown.
pub(super) struct Drawing {
    pub url: url::Trace,
    pub trace: Trace,
    /// Everybody who recorded something of the request, shown or not.
    pub systems: Vec<System>,
    /// Its log lines, in the order they happened.
    pub lines: Vec<Line>,
    /// Its errors, in the order they happened.
    pub pins: Vec<ErrorPin>,
    /// Spans elsewhere that link here.
    pub links: Vec<BackLink>,
    pub now: Nanos,
    pub columns: Columns,
    pub tree: Tree,
    pub times: Times,
    pub window: Window,
    pub rows: Rows,
    pub skews: Vec<Skew>,
    pub critical: Critical,
    /// By span: whether the search inside the trace finds it.
    pub found: Vec<bool>,
    /// By service of the columns.
    colours: Vec<u8>,
}

impl Drawing {
    pub fn of(url: url::Trace, recorded: Recorded, lines: Vec<Line>, pins: Vec<ErrorPin>, links: Vec<BackLink>, now: Nanos) -> Drawing {
        let (mut url, Recorded { trace, systems }) = (url, recorded);
        let columns = Columns::of(&trace).with_lines(&lines);
        let tree = Tree::of(&columns);
        // A link to a span opens what hides it, whatever else the link says.
        if let Some(n) = url.view.span.and_then(|address| columns.find(address)) {
            url.view.reveal(&columns, &tree, n);
        }
        let times = if url.view.shift { Times::shifted(&columns, &tree) } else { Times::raw(&columns, &tree) };
        let rows = Rows::of(&columns, &tree, &url.view);
        let extent = match url.view.focus.and_then(|address| columns.find(address)) {
            Some(n) => (times.start[n as usize], times.end[n as usize]),
            None => times.extent(),
        };
        let critical = tree.main().map(|root| Critical::of(&columns, &tree, &times, root)).unwrap_or_default();
        let given = colours(columns.services.iter().map(String::as_str));
        Drawing {
            window: Window::of(url.view.zoom, extent),
            found: super::search::found(&trace, &columns, &url.view.query),
            skews: skews(&columns, &tree),
            colours: columns.services.iter().map(|name| given.of(name)).collect(),
            url,
            systems,
            trace,
            lines,
            pins,
            links,
            now,
            columns,
            tree,
            times,
            rows,
            critical,
        }
    }

    /// What the trace is called: its root span's service and name.
    pub fn title(&self) -> String {
        match self.main_span() {
            Some(span) => format!("{} {}", span.service(), span.name),
            None => self.url.id.to_string(),
        }
    }

    /// The root span, else the earliest.
    pub fn main_span(&self) -> Option<&Span> {
        match self.tree.main().map(|n| self.tree.node(n)) {
            Some(Node::Span(n)) => self.trace.spans.get(n as usize),
            _ => self.trace.spans.first(),
        }
    }

    /// Whether nothing arrived for a while.
    pub fn settled(&self) -> bool {
        self.now.saturating_sub(self.trace.last_received) >= SETTLED_AFTER
    }

    /// Whether a span that is in progress has been for so long that its end is not expected any more.
    pub fn never_completed(&self, span: u32) -> bool {
        self.columns.never_completed(span as usize, self.now)
    }

    /// The open span.
    pub fn selected(&self) -> Option<u32> {
        self.url.view.span.and_then(|address| self.columns.find(address))
    }

    /// `svc-3`: the class that gives an element the colour of a span's service.
    pub fn class(&self, span: u32) -> String {
        format!("svc-{}", self.colours[self.columns.service[span as usize] as usize])
    }

    pub fn service_class(&self, service: usize) -> String {
        format!("svc-{}", self.colours[service])
    }

    pub fn service(&self, span: u32) -> &str {
        &self.columns.services[self.columns.service[span as usize] as usize]
    }

    pub fn name(&self, span: u32) -> &str {
        match self.columns.names[self.columns.name[span as usize] as usize].as_str() {
            "" => "(no name)",
            name => name,
        }
    }

    /// The span, or the first span of the group or under the missing parent: what lends a row its service.
    pub fn face(&self, node: u32) -> Option<u32> {
        match self.tree.node(node) {
            Node::Span(n) => Some(n),
            _ => self.tree.children(node).first().copied(),
        }
    }

    /// The address of this page with something changed; from the first row on.
    pub fn with(&self, change: impl FnOnce(&mut View)) -> String {
        let mut url = self.url.clone();
        url.view.from = 0;
        change(&mut url.view);
        url.to_string()
    }

    /// What a link calls a span.
    pub fn address(&self, span: u32) -> SpanAddress {
        self.columns.address(span as usize)
    }

    /// The address of this page with a span open.
    pub fn with_span(&self, span: u32) -> String {
        let mut url = self.url.clone();
        url.view.span = Some(self.address(span));
        url.to_string()
    }
}
