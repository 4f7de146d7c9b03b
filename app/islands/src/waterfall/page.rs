//! The page's state, and when what is drawn again.

use super::dom::{by_id, bytes, make, request_frame, show};
use super::{address, events, flame, map, panel, rows, search, table};
use leptos::prelude::window;
use leptos::task::spawn_local;
use model::address::SpanAddress;
use model::columns::{Columns, decode};
use model::waterfall::{Critical, NONE, Node, Rows, Skew, Tab, Times, Tree, View, Window, self_times, skews};
use std::cell::RefCell;
use web_sys::HtmlElement;

/// What the trace is: changes only when more of it arrives.
pub(super) struct Data {
    pub columns: Columns,
    pub tree: Tree,
    pub times: Times,
    pub shifted: bool,
    pub self_times: Vec<i64>,
    pub skews: Vec<Skew>,
    pub critical: Critical,
    /// By service: its colour, 0 to 11.
    pub colours: Vec<u8>,
}

/// The living page.
pub(super) struct Page {
    /// `/api/traces/{id}`
    pub api: String,
    /// Where the columns are, with what the view leaves out of them.
    pub columns_url: String,
    pub data: Data,
    pub view: View,
    pub rows: Rows,
    pub window: Window,
    /// By span: whether the search finds it.
    pub found: Vec<bool>,
    /// The spans the search finds, top to bottom.
    pub hits: Vec<u32>,
    /// The node the keys are at.
    pub cursor: u32,
    pub parts: Parts,
    pub list: rows::List,
    pub map: map::Map,
    pub flame: flame::Graph,
    pub search: search::State,
    pub panel: panel::State,
    stale: Stale,
    framed: bool,
    /// When to look for late spans no more, milliseconds.
    pub look_until: f64,
}

/// The elements that are always there.
pub(super) struct Parts {
    pub root: HtmlElement,
    pub view: HtmlElement,
    pub detail: HtmlElement,
}

/// What must be drawn before the next paint.
#[derive(Clone, Copy, Default)]
pub(super) struct Stale {
    /// Every row, not only those that come into sight.
    pub rows: bool,
    pub map: bool,
    /// The axis and all bars.
    pub zoom: bool,
}

thread_local! {
    static PAGE: RefCell<Option<Page>> = const { RefCell::new(None) };
}

/// Does something with the page, unless it is not alive yet or is busy with an event that this one is part of.
pub(super) fn with<T>(work: impl FnOnce(&mut Page) -> T) -> Option<T> {
    PAGE.with(|page| page.try_borrow_mut().ok()?.as_mut().map(work))
}

/// Fetches the columns and takes the page over.
pub(super) fn start() {
    let Some(root) = by_id("trace") else { return };
    let Some(url) = root.get_attribute("data-columns") else { return };
    spawn_local(async move {
        let Some(columns) = bytes(&url).await.and_then(|bytes| decode(&bytes).ok()) else { return };
        let (Some(view), Some(detail)) = (by_id("view"), by_id("detail")) else { return };
        let api = url.split_once("/columns").map_or(url.as_str(), |(api, _)| api).to_owned();
        let settled = root.get_attribute("data-settled").is_some_and(|settled| settled == "true");
        let mut page = Page::new(api, url, columns, Parts { root, view, detail });
        if !settled {
            page.look_until = super::dom::now() + 120_000.0;
        }
        page.begin();
        PAGE.with(|slot| *slot.borrow_mut() = Some(page));
        events::listen();
        with(Page::after_start);
        search::run_first();
        events::look_again_later();
    });
}

/// Draws what is stale.
pub(super) fn frame() {
    with(|page| {
        page.framed = false;
        let stale = std::mem::take(&mut page.stale);
        page.draw(stale);
    });
}

impl Data {
    fn of(columns: Columns, shifted: bool) -> Data {
        let tree = Tree::of(&columns);
        let times = if shifted { Times::shifted(&columns, &tree) } else { Times::raw(&columns, &tree) };
        let given = model::colour::colours(columns.services.iter().map(String::as_str));
        let mut data = Data {
            skews: skews(&columns, &tree),
            colours: columns.services.iter().map(|name| given.of(name)).collect(),
            self_times: Vec::new(),
            critical: Critical::default(),
            columns,
            tree,
            times,
            shifted,
        };
        data.measure();
        data
    }

    fn measure(&mut self) {
        self.self_times = self_times(&self.columns, &self.tree, &self.times);
        self.critical = self.tree.main().map(|root| Critical::of(&self.columns, &self.tree, &self.times, root)).unwrap_or_default();
    }

    /// As sent, or with clocks put right.
    pub fn shift(&mut self, shifted: bool) {
        if self.shifted != shifted {
            self.shifted = shifted;
            self.times = if shifted { Times::shifted(&self.columns, &self.tree) } else { Times::raw(&self.columns, &self.tree) };
            self.measure();
        }
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

    pub fn colour(&self, span: u32) -> u8 {
        self.colours[self.columns.service[span as usize] as usize]
    }

    /// The span, or the first under the node: what lends a row its service.
    pub fn face(&self, node: u32) -> Option<u32> {
        match self.tree.node(node) {
            Node::Span(n) => Some(n),
            _ => self.tree.children(node).first().copied(),
        }
    }

    /// What a link calls a node, if it is a span.
    pub fn address(&self, node: u32) -> Option<SpanAddress> {
        ((node as usize) < self.columns.len()).then(|| self.columns.address(node as usize))
    }
}

impl Page {
    fn new(api: String, columns_url: String, columns: Columns, parts: Parts) -> Page {
        let mut view = address::read();
        let data = Data::of(columns, view.shift);
        if let Some(n) = view.span.and_then(|address| data.columns.find(address)) {
            view.reveal(&data.columns, &data.tree, n);
        }
        let rows = Rows::of(&data.columns, &data.tree, &view);
        Page {
            api,
            columns_url,
            window: Window::of(None, (0, 1)),
            found: vec![false; data.columns.len()],
            hits: Vec::new(),
            cursor: NONE,
            list: rows::List::default(),
            map: map::Map::default(),
            flame: flame::Graph::default(),
            search: search::State::default(),
            panel: panel::State::default(),
            stale: Stale::default(),
            framed: false,
            look_until: 0.0,
            data,
            view,
            rows,
            parts,
        }
    }

    /// The first drawing, before events are listened to.
    fn begin(&mut self) {
        self.window = self.whole_window();
        self.mount();
        map::mount(self);
        self.cursor = self.selected().or_else(|| self.rows.rows.first().map(|row| row.node)).unwrap_or(NONE);
        self.draw(Stale { rows: true, map: true, zoom: true });
        super::dom::set(&self.parts.root, "data-alive", "");
    }

    fn after_start(&mut self) {
        if let Some(n) = self.selected() {
            self.scroll_to(n);
        } else if let Some(row) = by_id("rows").and_then(|rows| rows.get_attribute("data-from")).and_then(|from| from.parse::<usize>().ok())
        {
            // The address asks for a later window of rows: `from` means the same here.
            self.list.scroll_to_top(row);
        }
    }

    /// The open span.
    pub fn selected(&self) -> Option<u32> {
        self.view.span.and_then(|address| self.data.columns.find(address))
    }

    /// The subtree that is in focus.
    pub fn focus(&self) -> Option<u32> {
        self.view.focus.and_then(|address| self.data.columns.find(address))
    }

    fn whole_window(&self) -> Window {
        let extent = match self.focus() {
            Some(n) => (self.data.times.start[n as usize], self.data.times.end[n as usize]),
            None => self.data.times.extent(),
        };
        Window::of(self.view.zoom, extent)
    }

    /// Builds what the tab shows.
    fn mount(&mut self) {
        match self.view.tab {
            Tab::Waterfall => rows::mount(self),
            Tab::Flame => flame::mount(self),
            Tab::Table => table::mount(self),
            // The server draws them.
            Tab::Logs if by_id("lines-tab").is_some() => {}
            Tab::Logs => drop(window().location().reload()),
        }
    }

    /// Draws again before the next paint.
    pub fn touch(&mut self, stale: Stale) {
        self.stale.rows |= stale.rows;
        self.stale.map |= stale.map;
        self.stale.zoom |= stale.zoom;
        if !self.framed {
            self.framed = true;
            request_frame();
        }
    }

    fn draw(&mut self, stale: Stale) {
        if stale.zoom {
            rows::draw_axis(self);
        }
        match self.view.tab {
            Tab::Waterfall => rows::draw(self, stale.rows || stale.zoom),
            Tab::Flame => flame::draw(self),
            Tab::Table | Tab::Logs => {}
        }
        if stale.map || stale.zoom {
            map::draw(self, stale.map);
        }
    }

    /// Follows a change of the view: whatever depends on it is made anew. `step`: a new entry of the history.
    pub fn change(&mut self, step: bool, change: impl FnOnce(&mut View)) {
        let before = self.view.clone();
        change(&mut self.view);
        self.view.from = 0;
        if before == self.view {
            return;
        }
        address::write(&self.view, step);
        self.follow(&before);
    }

    /// Makes what is shown fit the view, which was `before`.
    pub fn follow(&mut self, before: &View) {
        let view = &self.view;
        let shifted = before.shift != view.shift;
        let refocused = before.focus != view.focus;
        if shifted {
            self.data.shift(view.shift);
        }
        if before.folds != view.folds || refocused || before.services != view.services || before.without_lines != view.without_lines {
            self.rows = Rows::of(&self.data.columns, &self.data.tree, &self.view);
            self.search_hits();
        }
        self.window = self.whole_window();
        if before.tab != self.view.tab
            || (self.view.tab != Tab::Waterfall
                && (shifted || refocused || before.sort != self.view.sort || before.services != self.view.services))
        {
            self.mount();
        }
        super::actions::show_tools(self);
        if before.span != self.view.span || before.raw != self.view.raw {
            panel::open(self);
        }
        let rows_changed = before.folds != self.view.folds
            || shifted
            || refocused
            || before.services != self.view.services
            || before.without_lines != self.view.without_lines;
        self.touch(Stale {
            rows: true,
            map: rows_changed,
            zoom: before.zoom != self.view.zoom || shifted || refocused || before.tab != self.view.tab,
        });
    }

    /// Takes a newer version of the trace in; nothing the reader did is lost.
    pub fn renew(&mut self, columns: Columns) {
        let as_many = columns.len() == self.data.columns.len() && columns.lines.len() == self.data.columns.lines.len();
        if as_many && columns.last_received == self.data.columns.last_received {
            return;
        }
        let cursor = self.data.address(self.cursor);
        self.data = Data::of(columns, self.view.shift);
        self.rows = Rows::of(&self.data.columns, &self.data.tree, &self.view);
        self.cursor = cursor.and_then(|address| self.data.columns.find(address)).unwrap_or(NONE);
        self.window = self.whole_window();
        self.found = vec![false; self.data.columns.len()];
        self.search_hits();
        self.mount();
        if let Some(spans) = by_id("spans") {
            spans.set_text_content(Some(&super::dom::plural(self.data.columns.len() as u64, "span", "spans")));
        }
        self.touch(Stale { rows: true, map: true, zoom: true });
    }

    /// Brings a node's row into sight, opening what hides it.
    pub fn reveal(&mut self, n: u32) {
        let mut view = self.view.clone();
        view.reveal(&self.data.columns, &self.data.tree, n);
        if view != self.view {
            self.change(false, |current| *current = view);
        }
        self.scroll_to(n);
    }

    /// Scrolls a node's row into sight.
    pub fn scroll_to(&mut self, n: u32) {
        if let Some(row) = self.rows.row_over(&self.data.tree, n) {
            self.list.scroll_into_sight(row, self.rows.len());
            self.touch(Stale { rows: true, ..Stale::default() });
        }
    }
}

/// An empty box in place of what the server drew.
pub(super) fn replace(view: &HtmlElement, parts: &[&HtmlElement]) {
    view.set_text_content(None);
    for part in parts {
        super::dom::add(view, part);
    }
}

/// The head over a view that has a time axis.
pub(super) fn axis_head(class: &str, name: Option<&str>) -> HtmlElement {
    let head = make("div", class);
    if let Some(text) = name {
        let name = make("div", "w-name");
        name.set_text_content(Some(text));
        super::dom::add(&head, &name);
    }
    let axis = make("div", "w-time");
    axis.set_id("axis");
    super::dom::set(&axis, "aria-hidden", "true");
    super::dom::add(&head, &axis);
    show(&head, true);
    head
}
