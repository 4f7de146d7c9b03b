//! The table of operations.

use super::dom::{add, count, make, percent, set, style};
use super::page::{Page, replace};
use model::time::Human;
use model::waterfall::{Operation, SortBy, operations, sort_operations};
use web_sys::HtmlElement;

/// More operations than this, the least of the chosen order, are left out, and counted.
const MOST: usize = 2000;

pub(super) fn mount(page: &mut Page) {
    let data = &page.data;
    let mut rows = operations(&data.columns, &data.tree, &data.self_times, &data.critical, page.focus());
    let chosen = &page.view.services;
    if !chosen.is_empty() {
        rows.retain(|row| chosen.contains(&data.columns.services[row.service as usize]));
    }
    sort_operations(&data.columns, &mut rows, page.view.sort);
    let whole = data.self_times.iter().fold(0i64, |sum, &ns| sum.saturating_add(ns));
    let path: i64 = data.critical.sections().iter().map(|piece| piece.end - piece.start).sum();
    let (scroll, table) = (make("div", "o-scroll"), make("table", "o-table"));
    scroll.set_id("operations");
    add(&table, &head(page.view.sort));
    let body = make("tbody", "");
    for row in rows.iter().take(MOST) {
        add(&body, &line(page, row, whole, path));
    }
    add(&table, &body);
    add(&scroll, &table);
    if rows.len() > MOST {
        let note = make("p", "muted f-note");
        note.set_text_content(Some(&[&count((rows.len() - MOST) as u64), " more operations are not shown"].concat()));
        add(&scroll, &note);
    }
    replace(&page.parts.view, &[&scroll]);
}

fn head(sort: SortBy) -> HtmlElement {
    let (head, row) = (make("thead", ""), make("tr", ""));
    for by in SortBy::ALL {
        let (text, title) = match by {
            SortBy::Name => ("Operation", "Service and name"),
            SortBy::Count => ("Count", "Spans"),
            SortBy::Errors => ("Errors", "Spans with status error"),
            SortBy::Total => ("Total", "Sum of durations; what runs at once counts as often as it runs"),
            SortBy::SelfTime => ("Self", "Time not spent in children"),
            SortBy::P50 => ("p50", "Median duration"),
            SortBy::Max => ("Max", "Longest duration"),
            SortBy::Critical => ("Critical", "Time on the critical path"),
        };
        let cell = make("th", if by == SortBy::Name { "" } else { "num" });
        let link = make("a", "");
        set(&link, "href", "#");
        set(&link, "data-sort", by.as_str());
        link.set_title(title);
        let arrow = match (by == sort, by) {
            (false, _) => "",
            (_, SortBy::Name) => " ↑",
            _ => " ↓",
        };
        if by == sort {
            set(&cell, "aria-sort", if by == SortBy::Name { "ascending" } else { "descending" });
        }
        link.set_text_content(Some(&[text, arrow].concat()));
        add(&cell, &link);
        add(&row, &cell);
    }
    add(&head, &row);
    head
}

fn line(page: &Page, row: &Operation, whole: i64, path: i64) -> HtmlElement {
    let data = &page.data;
    let line = make("tr", &["svc-", &data.colours[row.service as usize].to_string()].concat());
    let name = make("th", "");
    set(&name, "scope", "row");
    let (service, link) = (make("span", "svc"), make("a", ""));
    service.set_text_content(Some(data.service(row.longest)));
    link.set_text_content(Some(data.name(row.longest)));
    link.set_title("Open the longest of them");
    let id = data.columns.address(row.longest as usize).to_string();
    set(&link, "href", &["?span=", &id].concat());
    set(&link, "data-span", &id);
    add(&name, &service);
    let _ = name.append_with_str_1(" ");
    add(&name, &link);
    add(&line, &name);
    let cell = |text: &str, class: &str| {
        let cell = make("td", class);
        cell.set_text_content(Some(text));
        add(&line, &cell);
        cell
    };
    cell(&count(row.count.into()), "num");
    cell(&count(row.errors.into()), if row.errors > 0 { "num error" } else { "num muted" });
    let share = |ns: i64, of: i64| {
        let cell = cell(&Human(ns).to_string(), "num o-share");
        let share = if of > 0 { (ns as f64 / of as f64).clamp(0.0, 1.0) } else { 0.0 };
        style(&cell, "--share", &percent(share * 100.0));
    };
    cell(&Human(row.total).to_string(), "num");
    share(row.self_time, whole);
    cell(&Human(row.p50).to_string(), "num");
    cell(&Human(row.max).to_string(), "num");
    share(row.critical, path);
    line
}
