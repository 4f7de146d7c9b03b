//! The trace as a flame graph and as a table of operations.

use super::drawing::Drawing;
use crate::ui::{count, percent};
use leptos::prelude::*;
use model::time::Human;
use model::waterfall::{Flame, Operation, SortBy, operations, self_times, sort_operations};

/// Spans of the flame graph drawn without JavaScript: the longest of what is in the window.
const FLAME: usize = 600;

pub(super) fn flame(drawing: &Drawing) -> impl IntoView + use<> {
    let focus = drawing.url.view.focus.and_then(|address| drawing.columns.find(address));
    let flame = Flame::of(&drawing.tree, &drawing.times, focus);
    let length = |n: u32| drawing.times.end[n as usize].saturating_sub(drawing.times.start[n as usize]);
    let mut spans: Vec<(usize, u32)> =
        flame.lanes.iter().enumerate().flat_map(|(lane, spans)| spans.iter().map(move |&n| (lane, n))).collect();
    spans.sort_by_key(|&(lane, n)| (std::cmp::Reverse(length(n)), lane));
    let left_out = spans.len().saturating_sub(FLAME);
    spans.truncate(FLAME);
    let lanes = spans.iter().map(|&(lane, _)| lane + 1).max().unwrap_or(1);
    let one = |(lane, n): (usize, u32)| {
        let (left, width) = drawing.window.bar(drawing.times.start[n as usize], drawing.times.end[n as usize])?;
        let failed = if drawing.columns.flags[n as usize].is_error() { " failed" } else { "" };
        let name = drawing.name(n).to_owned();
        let title = format!("{} {name}, {}", drawing.service(n), Human(length(n)));
        Some(view! {
            <a class=format!("f-span {}{failed}", drawing.class(n)) href=drawing.with_span(n) title=title
                style=format!("--lane:{lane};left:{left:.3}%;width:{width:.3}%")>{name}</a>
        })
    };
    let note = (left_out > 0).then(|| view! { <p class="muted f-note">{format!("The {} longest spans; {} shorter ones need JavaScript.", count(FLAME as u64), count(left_out as u64))}</p> });
    view! {
        <div class="w-head f-head"><div class="w-time" id="axis" aria-hidden="true">{super::rows::axis(drawing)}</div></div>
        <div class="f-scroll" id="flame" tabindex="0" role="group" aria-label="Flame graph">
            <div class="f-plot" style=format!("--lanes:{lanes}")>{spans.into_iter().filter_map(one).collect_view()}</div>
            {note}
        </div>
    }
}

pub(super) fn table(drawing: &Drawing) -> impl IntoView + use<> {
    let columns = &drawing.columns;
    let own = self_times(columns, &drawing.tree, &drawing.times);
    let focus = drawing.url.view.focus.and_then(|address| columns.find(address));
    let mut table = operations(columns, &drawing.tree, &own, &drawing.critical, focus);
    let chosen = &drawing.url.view.services;
    if !chosen.is_empty() {
        table.retain(|row| chosen.contains(&columns.services[row.service as usize]));
    }
    sort_operations(columns, &mut table, drawing.url.view.sort);
    let whole: i64 = own.iter().fold(0, |sum, &ns| sum.saturating_add(ns));
    let path: i64 = drawing.critical.sections().iter().map(|piece| piece.end - piece.start).sum();
    let row = |row: &Operation| {
        let longest = row.longest;
        let time = |ns: i64| view! { <td class="num">{Human(ns).to_string()}</td> };
        let share = |ns: i64, of: i64| {
            let width = if of > 0 { (100.0 * ns as f64 / of as f64).clamp(0.0, 100.0) } else { 0.0 };
            view! { <td class="num o-share" style=format!("--share:{width:.1}%") title=percent(ns as f64, of as f64)>{Human(ns).to_string()}</td> }
        };
        let name = match columns.names[row.name as usize].as_str() {
            "" => "(no name)".to_owned(),
            name => name.to_owned(),
        };
        view! {
            <tr class=drawing.service_class(row.service as usize)>
                <th scope="row"><span class="svc">{columns.services[row.service as usize].clone()}</span>" "<a href=drawing.with_span(longest) data-span=drawing.address(longest).to_string() title="Open the longest of them">{name}</a></th>
                <td class="num">{count(row.count.into())}</td>
                <td class="num">{if row.errors > 0 { view! { <span class="badge error">{count(row.errors.into())}</span> }.into_any() } else { view! { <span class="muted">"0"</span> }.into_any() }}</td>
                {time(row.total)}{share(row.self_time, whole)}{time(row.p50)}{time(row.max)}{share(row.critical, path)}
            </tr>
        }
    };
    let heading = |sort: SortBy| {
        let (text, title) = match sort {
            SortBy::Name => ("Operation", "Service and name"),
            SortBy::Count => ("Count", "Spans"),
            SortBy::Errors => ("Errors", "Spans with status error"),
            SortBy::Total => ("Total", "Sum of durations; what runs at once counts as often as it runs"),
            SortBy::SelfTime => ("Self", "Time not spent in children"),
            SortBy::P50 => ("p50", "Median duration"),
            SortBy::Max => ("Max", "Longest duration"),
            SortBy::Critical => ("Critical", "Time on the critical path"),
        };
        let chosen = drawing.url.view.sort == sort;
        let class = if sort == SortBy::Name { "" } else { "num" };
        view! {
            <th class=class aria-sort=chosen.then_some(if sort == SortBy::Name { "ascending" } else { "descending" })>
                <a href=drawing.with(|view| view.sort = sort) data-sort=sort.as_str() title=title>{text}{chosen.then_some(if sort == SortBy::Name { " ↑" } else { " ↓" })}</a>
            </th>
        }
    };
    view! {
        <div class="o-scroll" id="operations">
            <table class="o-table">
                <thead><tr>{SortBy::ALL.map(heading).into_iter().collect_view()}</tr></thead>
                <tbody>{table.iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}
