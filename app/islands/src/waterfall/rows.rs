//! The rows: a pool of elements, each of which shows row n, n + pool, n + 2 pool, ... as the reader scrolls, so that a
//! scrolled row costs one row's worth of changes. The classes are those the server's rows have.

use super::dom::{add, by_id, count, make, now, on, percent, plural, set, show, style, unset};
use super::page::{Page, Stale, axis_head, replace, with};
use model::time::Human;
use model::waterfall::{NONE, Node, Row, Skew, Window, ticks};
use web_sys::HtmlElement;

/// Height of a row in CSS pixels; `--row` in `trace.css`.
pub(super) const HEIGHT: i32 = 24;

/// Rows kept beyond what is in sight, so that a small scroll needs none.
const SPARE: usize = 12;

/// Deeper rows are indented no further.
const DEEPEST: u32 = 24;

/// The pool and the box it is in.
#[derive(Default)]
pub(super) struct List {
    scroll: Option<HtmlElement>,
    body: Option<HtmlElement>,
    pool: Vec<Slot>,
}

/// One element of the pool.
struct Slot {
    row: HtmlElement,
    fold: HtmlElement,
    link: HtmlElement,
    service: HtmlElement,
    name: HtmlElement,
    badges: HtmlElement,
    time: HtmlElement,
    bar: HtmlElement,
    duration: HtmlElement,
    /// How many elements `badges` and the critical pieces have: mostly none, so that clearing them is seldom needed.
    extras: bool,
    pieces: bool,
    /// The row it shows; `usize::MAX` at first.
    shows: usize,
}

/// Replaces the server's rows.
pub(super) fn mount(page: &mut Page) {
    let scroll = make("div", "w-scroll");
    scroll.set_id("rows");
    for (name, value) in [("role", "tree"), ("aria-label", "Spans"), ("tabindex", "0")] {
        set(&scroll, name, value);
    }
    let body = make("div", "w-rows pooled");
    add(&scroll, &body);
    let before = page.list.scroll.as_ref().map_or(0, |scroll| scroll.scroll_top());
    replace(&page.parts.view, &[&axis_head("w-head", Some("Service and operation")), &scroll]);
    on(&scroll, "scroll", |_| {
        with(|page| page.touch(Stale::default()));
    });
    scroll.set_scroll_top(before);
    page.list = List { scroll: Some(scroll), body: Some(body), pool: Vec::new() };
}

impl List {
    fn set_total(&self, total: usize) {
        if let Some(body) = &self.body {
            style(body, "height", &[&(total as i32 * HEIGHT).to_string(), "px"].concat());
        }
    }

    fn top_row(&self) -> usize {
        self.scroll.as_ref().map_or(0, |scroll| (scroll.scroll_top().max(0) / HEIGHT) as usize)
    }

    fn rows_in_sight(&self) -> usize {
        self.scroll.as_ref().map_or(0, |scroll| (scroll.client_height().max(HEIGHT) / HEIGHT) as usize + 1)
    }

    /// As few pixels as it takes, in a list of `total` rows, which may be more than were drawn last.
    pub fn scroll_into_sight(&self, row: usize, total: usize) {
        self.set_total(total);
        let Some(scroll) = &self.scroll else { return };
        let (top, height) = (scroll.scroll_top(), scroll.client_height());
        let at = row as i32 * HEIGHT;
        // From afar in the middle, so that one sees what is around it.
        if at < top - height || at > top + 2 * height {
            scroll.set_scroll_top(at - height / 2);
        } else if at < top + HEIGHT {
            scroll.set_scroll_top(at - HEIGHT);
        } else if at + 2 * HEIGHT > top + height {
            scroll.set_scroll_top(at + 2 * HEIGHT - height);
        }
    }

    pub fn scroll_to_top(&self, row: usize) {
        if let Some(scroll) = &self.scroll {
            scroll.set_scroll_top(row as i32 * HEIGHT);
        }
    }

    pub fn focus(&self) {
        if let Some(scroll) = &self.scroll {
            let _ = scroll.focus();
        }
    }
}

/// Draws the rows in sight: all of them if `all`, else those that were not shown before.
pub(super) fn draw(page: &mut Page, all: bool) {
    let (Some(scroll), Some(body)) = (page.list.scroll.clone(), page.list.body.clone()) else { return };
    let total = page.rows.len();
    let wanted = (page.list.rows_in_sight() + SPARE).min(total.max(1));
    if page.list.pool.len() < wanted {
        // The pool only grows, and all rows move to other elements when it does.
        page.list.pool.iter_mut().for_each(|slot| slot.shows = usize::MAX);
        while page.list.pool.len() < wanted {
            let slot = Slot::new();
            add(&body, &slot.row);
            page.list.pool.push(slot);
        }
    }
    if all {
        page.list.set_total(total);
    }
    let pool = page.list.pool.len();
    let first = page.list.top_row().saturating_sub(SPARE / 2).min(total.saturating_sub(pool));
    let mut list = std::mem::take(&mut page.list);
    for at in first..first + pool {
        let slot = &mut list.pool[at % pool];
        if at >= total {
            show(&slot.row, false);
            slot.shows = usize::MAX;
        } else if all || slot.shows != at {
            slot.show(page, at, pool);
        }
    }
    page.list = list;
    let active = page.rows.row_of(&page.data.tree, page.cursor).filter(|at| (first..first + pool).contains(at));
    match active {
        Some(at) => set(&scroll, "aria-activedescendant", &row_id(at % pool)),
        None => unset(&scroll, "aria-activedescendant"),
    }
}

fn row_id(slot: usize) -> String {
    ["row-", &slot.to_string()].concat()
}

/// The row number of an element of the pool.
pub(super) fn row_at(element: &web_sys::Element) -> Option<usize> {
    element.get_attribute("data-row-at")?.parse().ok()
}

impl Slot {
    fn new() -> Slot {
        let [row, cell, time] = ["w-row", "w-name", "w-time"].map(|class| make("div", class));
        let (fold, link) = (make("a", "w-fold"), make("a", "w-link"));
        let (service, name, badges) = (make("span", "w-service"), make("span", "w-op"), make("span", "w-badges"));
        let (bar, duration) = (make("i", "w-bar"), make("span", "w-duration"));
        add(&link, &service);
        add(&link, &name);
        [&fold, &link, &badges].into_iter().for_each(|part| add(&cell, part));
        [&bar, &duration].into_iter().for_each(|part| add(&time, part));
        add(&row, &cell);
        add(&row, &time);
        set(&row, "role", "treeitem");
        set(&fold, "aria-hidden", "true");
        set(&link, "tabindex", "-1");
        Slot { row, fold, link, service, name, badges, time, bar, duration, extras: false, pieces: false, shows: usize::MAX }
    }

    fn show(&mut self, page: &Page, at: usize, pool: usize) {
        let data = &page.data;
        let row = page.rows.rows[at];
        if self.shows == usize::MAX {
            show(&self.row, true);
        }
        if self.shows != at {
            style(&self.row, "transform", &["translateY(", &(at as i32 * HEIGHT).to_string(), "px)"].concat());
            set(&self.row, "data-row-at", &at.to_string());
        }
        self.shows = at;
        if self.extras {
            self.badges.set_text_content(None);
            self.extras = false;
        }
        style(&self.row, "--d", &row.depth.min(DEEPEST).to_string());
        set(&self.row, "aria-level", &(row.depth + 1).to_string());
        self.row.set_id(&row_id(at % pool));
        let foldable = row.is_node() && data.tree.size[row.node as usize] > 1;
        let folded = foldable && page.rows.is_folded(row.node);
        self.fold.set_text_content(Some(match (foldable, folded) {
            (false, _) => "",
            (_, true) => "▸",
            _ => "▾",
        }));
        match foldable {
            true => set(&self.row, "aria-expanded", if folded { "false" } else { "true" }),
            false => unset(&self.row, "aria-expanded"),
        }
        let class = self.texts(page, row, folded);
        self.row.set_class_name(&class);
        self.place(page, row);
    }

    /// The texts of a row; its class.
    fn texts(&mut self, page: &Page, row: Row, folded: bool) -> String {
        let data = &page.data;
        if row.pruned != NONE {
            let pruned = page.rows.pruned[row.pruned as usize];
            self.label("", &[&plural(pruned.spans.into(), "span", "spans"), " of other services"].concat());
            self.errors(pruned.errors);
            return "w-row w-pruned".into();
        }
        if row.line != NONE {
            let line = &data.columns.lines[row.line as usize];
            self.label("", &line.text);
            if let Some(address) = data.address(row.node) {
                set(&self.link, "href", &["?span=", &address.to_string()].concat());
            }
            return ["w-row w-line ", if line.inferred { "inferred " } else { "" }, "level-", line.level.as_str()].concat();
        }
        let face = data.face(row.node);
        let mut class = String::from("w-row");
        if let Some(face) = face {
            class.push_str(" svc-");
            class.push_str(&data.colour(face).to_string());
        }
        if let Some(family) = data.tree.begins(&data.columns, row.node) {
            self.badge("badge system", family.title(), "Recorded by this system");
        }
        let service = face.filter(|_| data.tree.enters(&data.columns, row.node)).map_or("", |face| data.service(face));
        match data.tree.node(row.node) {
            Node::Span(n) => {
                self.label(service, data.name(n));
                self.span(page, n, folded, &mut class);
            }
            Node::Missing(at) => {
                self.label("", &["missing parent ", &data.columns.missing[at as usize].to_string()].concat());
                class.push_str(" w-missing");
            }
            Node::Group(at) => {
                let group = &data.tree.groups[at as usize];
                let name = ["×", &count(group.spans.len() as u64), " ", face.map_or("", |face| data.name(face))].concat();
                self.label(service, &name);
                self.inferred(page, group.spans[0]);
                self.errors(group.errors);
                let [p50, max, sum] = [group.p50, group.max, group.sum].map(|ns| Human(ns).to_string());
                self.badge("w-figures", &["p50 ", &p50, "  max ", &max, "  sum ", &sum].concat(), "");
                class.push_str(" w-group");
                if group.spans.iter().any(|&n| page.found[n as usize]) {
                    class.push_str(" hit");
                }
            }
        }
        if row.node == page.cursor {
            class.push_str(" cursor");
        }
        class
    }

    fn span(&mut self, page: &Page, n: u32, folded: bool, class: &mut String) {
        let data = &page.data;
        let at = n as usize;
        let flags = data.columns.flags[at];
        let open = page.view.span.is_some_and(|span| span.id == data.columns.id[at]) && page.selected() == Some(n);
        set(&self.row, "aria-selected", if open { "true" } else { "false" });
        set(&self.link, "href", &["?span=", &data.columns.address(at).to_string()].concat());
        let critical = page.view.critical && !data.critical.of_node(n).is_empty();
        for (on, name) in [(flags.is_error(), " failed"), (page.found[at], " hit"), (open, " open"), (critical, " critical")] {
            if on {
                class.push_str(name);
            }
        }
        self.inferred(page, n);
        let lines = page.rows.lines_at(n) as u64;
        if lines > 0 {
            self.badge("w-lines", &["≡", &count(lines)].concat(), &plural(lines, "log line", "log lines"));
        }
        if let status @ 400.. = data.columns.http_status[at] {
            self.badge("badge error", &status.to_string(), "");
        }
        if flags.has_exception() {
            self.badge("badge error", "!", "Has an exception");
        }
        if flags.in_progress() {
            let never = data.columns.never_completed(at, (now() * 1e6) as i64);
            self.badge("badge warn", if never { "never completed" } else { "in progress" }, "X-Ray has not sent its end");
        }
        match data.skews[at] {
            Skew::None => {}
            Skew::StartsBefore => self.skew("begins before its caller: another clock", data.times.offset(&data.columns, n)),
            Skew::EndsAfter => self.skew("ends after its call was answered: another clock", data.times.offset(&data.columns, n)),
        }
        if folded {
            self.errors(data.tree.errors[at] - u32::from(flags.is_error()));
            let spans = u64::from(data.tree.spans_under(n)) - 1;
            self.badge("badge", &["+", &count(spans)].concat(), "Spans folded away under this row");
        }
    }

    fn inferred(&mut self, page: &Page, n: u32) {
        if let Some(target) = page.data.columns.target_of(n as usize) {
            self.badge("badge inferred", target, "Inferred from this call: what it went to sent nothing itself");
        }
    }

    fn skew(&mut self, why: &str, moved: i64) {
        let shifted = match moved {
            0 => String::new(),
            moved => ["; shown shifted by ", &Human(moved).to_string()].concat(),
        };
        self.badge("badge warn", "skew", &[why, &shifted].concat());
    }

    fn label(&self, service: &str, name: &str) {
        self.service.set_text_content(Some(service));
        self.name.set_text_content(Some(name));
        self.link.set_title(&[service, if service.is_empty() { "" } else { " " }, name].concat());
    }

    fn errors(&mut self, errors: u32) {
        if errors > 0 {
            self.badge("badge error", &plural(errors.into(), "error", "errors"), "");
        }
    }

    fn badge(&mut self, class: &str, text: &str, title: &str) {
        let badge = make("span", class);
        badge.set_text_content(Some(text));
        if !title.is_empty() {
            badge.set_title(title);
        }
        add(&self.badges, &badge);
        self.extras = true;
    }

    /// Bar, critical pieces and duration.
    fn place(&mut self, page: &Page, row: Row) {
        if self.pieces {
            while let Some(piece) = self.time.first_element_child().filter(|first| first.class_name() == "w-crit") {
                piece.remove();
            }
            self.pieces = false;
        }
        if row.pruned != NONE {
            show(&self.bar, false);
            self.duration.set_text_content(None);
            return;
        }
        let n = row.node as usize;
        let window = page.window;
        if row.line != NONE {
            let line = &page.data.columns.lines[row.line as usize];
            // It moves with its span if clocks are put right.
            let moved = page.data.columns.start.get(line.span as usize).map_or(0, |start| page.data.times.start[n].saturating_sub(*start));
            let at = line.time.saturating_add(moved);
            self.duration.set_text_content(None);
            let place = window.bar(at, at);
            show(&self.bar, place.is_some());
            if let Some((left, _)) = place {
                style(&self.bar, "left", &percent(left));
                style(&self.bar, "width", "0");
            }
            return;
        }
        let (start, end) = (page.data.times.start[n], page.data.times.end[n]);
        let Some((left, width)) = window.bar(start, end) else {
            show(&self.bar, false);
            let before = end < window.from;
            self.duration.set_text_content(Some(if before { "‹" } else { "›" }));
            self.beside(if before { Some(0.0) } else { None }, 0.0, "w-duration");
            return;
        };
        show(&self.bar, true);
        style(&self.bar, "left", &percent(left));
        style(&self.bar, "width", &percent(width));
        if page.view.critical {
            for piece in page.data.critical.of_node(row.node) {
                if let Some((left, width)) = window.bar(piece.start, piece.end) {
                    let mark = make("i", "w-crit");
                    style(&mark, "left", &percent(left));
                    style(&mark, "width", &percent(width));
                    let _ = self.time.insert_before(&mark, self.time.first_child().as_ref());
                    self.pieces = true;
                }
            }
        }
        let in_progress = page.data.columns.flags.get(n).is_some_and(|flags| flags.in_progress());
        let duration = (!in_progress).then(|| Human(end.saturating_sub(start)).to_string());
        self.duration.set_text_content(duration.as_deref());
        let right = left + width;
        if right < 82.0 {
            self.beside(Some(right), 0.0, "w-duration");
        } else if left > 18.0 {
            self.beside(None, 100.0 - left, "w-duration");
        } else {
            self.beside(None, 100.0 - right, "w-duration inside");
        }
    }

    /// The duration, so far from the left, or else from the right.
    fn beside(&self, left: Option<f64>, right: f64, class: &str) {
        self.duration.set_class_name(class);
        style(&self.duration, "left", &left.map_or_else(|| "auto".to_owned(), percent));
        style(&self.duration, "right", &if left.is_some() { "auto".to_owned() } else { percent(right) });
    }
}

/// The ticks over the bars.
pub(super) fn draw_axis(page: &Page) {
    let Some(axis) = by_id("axis") else { return };
    axis.set_text_content(None);
    let window: Window = page.window;
    let (from, _) = page.data.times.extent();
    let most = (axis.client_width() / 110).clamp(2, 10) as u32;
    for at in ticks(window, most) {
        let share = window.share(at);
        if share < 0.96 {
            let tick = make("span", "");
            style(&tick, "left", &percent(share * 100.0));
            tick.set_text_content(Some(&Human(at.saturating_sub(from.min(0))).to_string()));
            add(&axis, &tick);
        }
    }
}
