//! What a pipeline makes of the lines: a table, and a chart where there is something to draw.

use super::Asked;
use crate::ui::chart::{self, Series};
use crate::ui::message::cut;
use crate::ui::moment::{Form, Moment};
use crate::ui::{bytes, count, plural, text};
use crate::url;
use leptos::prelude::*;
use model::colour::colours;
use model::log::Level;
use model::port::{Cell, LogCursor, LogTable, Scanned, Table};
use model::query::LogQuery;
use model::query::insights::{Command, Expression, with};
use model::time::{Nanos, Range, parse_moment};

/// Rows that are drawn; an export has all.
const ROWS: usize = 1000;

/// Lines of a chart.
const SERIES: usize = 10;

/// Bytes of a cell.
const CELL: usize = 2 << 10;

pub(super) fn table(asked: &Asked, query: &LogQuery, found: &LogTable) -> AnyView {
    let Table { columns, rows, exact } = &found.table;
    let by = grouped_by(query);
    let numeric: Vec<bool> = (0..columns.len()).map(|at| rows.iter().any(|row| matches!(row.get(at), Some(Cell::Number(_))))).collect();
    // The first figure of an aggregate is also a bar.
    let figure = (!by.is_empty()).then(|| (0..columns.len()).find(|at| numeric[*at] && !by.contains(&columns[*at]))).flatten();
    let most = figure.map(|at| rows.iter().map(|row| crate::ui::number(&row[at])).fold(0.0, f64::max)).unwrap_or_default();
    let heads = columns.iter().zip(&numeric).map(|(name, numeric)| view! { <th scope="col" class:num=*numeric>{name.clone()}</th> });
    let heads = heads.collect_view();
    let body = rows.iter().take(ROWS).enumerate().map(|(n, row)| {
        let line = found.lines.get(n).copied();
        let cells = row.iter().enumerate().map(|(at, value)| {
            let name = &columns[at];
            let group = by.contains(name) && !name.starts_with("bin(");
            let share = figure.filter(|figure| *figure == at && most > 0.0).map(|_| 100.0 * crate::ui::number(value) / most);
            cell(asked, query, name, value, numeric[at], group, share, line.filter(|_| at == 0))
        });
        view! { <tr>{cells.collect_view()}</tr> }
    });
    let body = body.collect_view();
    let hidden = rows.len().saturating_sub(ROWS);
    let hidden = (hidden > 0)
        .then(|| view! { <p class="pages muted">{format!("and {} more: export has all", plural(hidden as u64, "row", "rows"))}</p> });
    let partial = (!exact).then(|| view! { <p class="notice warn">{partial(&found.scanned)}</p> });
    let looked = format!(
        "{} from {} found in {} ({})",
        plural(rows.len() as u64, "row", "rows"),
        plural(found.scanned.matched, "line", "lines"),
        count(found.scanned.lines),
        bytes(found.scanned.bytes)
    );
    view! {
        {partial}
        {chart_of(query, &found.table)}
        <p class="pages muted">{looked}</p>
        <div class="scroll">
            <table class="figures results">
                <thead><tr>{heads}</tr></thead>
                <tbody>{body}</tbody>
            </table>
        </div>
        {hidden}
    }
    .into_any()
}

fn partial(scanned: &Scanned) -> String {
    let done = (100 * scanned.blocks_done).checked_div(scanned.blocks).unwrap_or(0);
    format!("So far {done} % of what may match was looked at: figures are of those lines.")
}

#[allow(clippy::too_many_arguments)]
fn cell(
    asked: &Asked,
    query: &LogQuery,
    name: &str,
    value: &Cell,
    numeric: bool,
    group: bool,
    share: Option<f64>,
    line: Option<LogCursor>,
) -> AnyView {
    let moment = is_moment(name).then(|| moment_of(value)).flatten();
    let shown = match (value, moment) {
        (_, Some(at)) => view! { <Moment at=at form=Form::Full/> }.into_any(),
        (Cell::Null, _) => view! { <span class="muted">"–"</span> }.into_any(),
        (Cell::Number(n), _) if n.fract() == 0.0 && *n >= 0.0 && *n < 1e15 => count(*n as u64).into_any(),
        (value, _) => cut(&text(value), CELL).to_owned().into_any(),
    };
    let shown = match (line, group) {
        (Some(at), _) => view! { <a href=url::LogLine { at: LogCursor { as_of: 0, ..at } }.to_string() data-row="">{shown}</a> }.into_any(),
        // A group leads to its lines.
        (None, true) if moment.is_none() && *value != Cell::Null => {
            let filter =
                LogQuery { commands: query.leading_filters().cloned().map(Command::Filter).collect(), ..query.clone() }.to_string();
            let lines = with(&filter, name, &text(value));
            view! { <a href=asked.url.with_query(lines).to_string() data-row="" title="The lines behind it">{shown}</a> }.into_any()
        }
        _ => shown,
    };
    let bar = share.map(|share| view! { <span class="track"><span style=format!("width:{share:.1}%")></span></span> });
    view! { <td class:num=numeric class:figure=share.is_some()>{shown}{bar}</td> }.into_any()
}

/// The columns that rows are grouped by: of the last `stats`.
fn grouped_by(query: &LogQuery) -> Vec<String> {
    let stats = query.commands.iter().rev().find_map(|command| match command {
        Command::Stats { by, .. } => Some(by),
        _ => None,
    });
    stats.map(|by| by.iter().map(|column| column.name.clone()).collect()).unwrap_or_default()
}

/// Whether a column is of moments, by its name.
fn is_moment(name: &str) -> bool {
    matches!(name, "@timestamp" | "@ingestionTime" | "time" | "timestamp" | "bin" | "t") || name.starts_with("bin(")
}

fn moment_of(cell: &Cell) -> Option<Nanos> {
    match cell {
        Cell::Text(text) => parse_moment(text),
        Cell::Number(n) => parse_moment(&format!("{n:.0}")),
        Cell::Null => None,
    }
}

/// Figures over time as lines: of `stats ... by bin(5m)`, a line for each other group.
fn chart_of(query: &LogQuery, table: &Table) -> Option<AnyView> {
    let Command::Stats { measures, by } = query.commands.iter().rev().find(|command| matches!(command, Command::Stats { .. }))? else {
        return None;
    };
    let bin = by.iter().find(|column| matches!(&column.expression, Expression::Call(name, _) if name == "bin"))?;
    let place = |name: &str| table.columns.iter().position(|column| column == name);
    let time = place(&bin.name)?;
    let groups: Vec<usize> = by.iter().filter(|column| column.name != bin.name).filter_map(|column| place(&column.name)).collect();
    let measures: Vec<usize> = measures.iter().filter_map(|column| place(&column.name)).collect();
    let mut series: Vec<Series> = Vec::new();
    for row in &table.rows {
        let Some(at) = moment_of(&row[time]) else { continue };
        let group: Vec<String> = groups.iter().map(|at| text(&row[*at])).collect();
        for measure in &measures {
            let Cell::Number(value) = row[*measure] else { continue };
            let mut name = group.join(" ");
            if measures.len() > 1 || name.is_empty() {
                name = format!("{name} {}", table.columns[*measure]).trim().to_owned();
            }
            match series.iter_mut().find(|series| series.name == name) {
                Some(series) => series.points.push((at, value)),
                None => series.push(Series { class: String::new(), name, points: vec![(at, value)] }),
            }
        }
    }
    let total = |series: &Series| series.points.iter().map(|(_, value)| value.abs()).sum::<f64>();
    series.sort_by(|a, b| total(b).total_cmp(&total(a)));
    let left_out = series.len().saturating_sub(SERIES);
    series.truncate(SERIES);
    let names = colours(series.iter().map(|series| series.name.as_str()));
    for one in &mut series {
        one.class = match Level::from_name(&one.name).filter(|level| level.as_str() == one.name) {
            Some(level) => chart::level_class(level).to_owned(),
            None => format!("svc-{}", names.of(&one.name)),
        };
        one.points.sort_by_key(|(at, _)| *at);
    }
    let times = || series.iter().flat_map(|series| series.points.iter().map(|(at, _)| *at));
    let (first, last) = (times().min()?, times().max()?);
    if first == last {
        return None;
    }
    let step = match &bin.expression {
        Expression::Call(_, arguments) => match arguments.first() {
            Some(Expression::Period(period)) => period.nanos(),
            _ => None,
        },
        _ => None,
    };
    let step = step.unwrap_or((last - first) / 100);
    let range = Range { start: first, end: last.saturating_add(step.max(1)) };
    let more = (left_out > 0).then(|| view! { <p class="muted">{format!("and {left_out} more")}</p> });
    Some(view! { <div class="body results-chart">{chart::series(range, step, &series)}{more}</div> }.into_any())
}
