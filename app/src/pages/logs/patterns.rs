//! Patterns: lines that look alike as one row, with how many there are, since when, and of which levels.

use super::{Asked, Main};
use crate::ui::frame::Here;
use crate::ui::message::{SHOWN, cut, plain};
use crate::ui::moment::{Ago, Form, Moment};
use crate::ui::{chart, count, percent, plural};
use crate::url::{self, LogView};
use leptos::prelude::*;
use model::port::{Ask, LogSearch, Pattern, Problem};
use model::query::insights::{exclude, with};
use model::time::Nanos;

/// Rows.
const MOST: u32 = 100;

/// Steps of a trend.
const STEPS: u32 = 40;

pub(super) async fn read(here: &Here, ask: &Ask, asked: &Asked, search: &LogSearch) -> Result<Main, Problem> {
    let patterns = here.logs.log_patterns(ask, search, STEPS, MOST).await?;
    Ok(Main { view: table(asked, &patterns), exact: !ask.stop(), later: true })
}

fn table(asked: &Asked, patterns: &[Pattern]) -> AnyView {
    if patterns.is_empty() {
        return view! { <div class="nothing"><h2>"No line matches in this range"</h2><p class="muted">"Patterns are found as lines are stored; a wider range may have some."</p></div> }.into_any();
    }
    let all: u64 = patterns.iter().map(|pattern| pattern.lines).sum();
    let rows = patterns.iter().map(|pattern| row(asked, pattern, all)).collect_view();
    let heading = format!("{} of {}", plural(patterns.len() as u64, "pattern", "patterns"), plural(all, "line", "lines"));
    view! {
        <p class="pages muted">{heading}</p>
        <div class="scroll">
            <table class="figures patterns">
                <thead><tr>
                    <th scope="col" class="num">"Lines"</th><th scope="col">"Trend"</th><th scope="col">"Levels"</th>
                    <th scope="col">"Pattern"</th><th scope="col">"First seen"</th><th scope="col">"Last"</th>
                </tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn row(asked: &Asked, pattern: &Pattern, all: u64) -> AnyView {
    let id = pattern.id.to_string();
    let lines = |query: String| url::Logs { view: LogView::Lines, ..asked.url.with_query(query) }.to_string();
    let only = lines(with(&asked.url.query, "pattern", &id));
    let without = asked.url.with_query(exclude(&asked.url.query, "pattern", &id)).to_string();
    let trend: Vec<(f64, f64)> = pattern.trend.iter().map(|n| (*n as f64, 0.0)).collect();
    let new = is_new(asked, pattern.first_seen)
        .then(|| view! { <span class="badge ok" title="The first line that looks so is in this range">"new"</span>" " });
    view! {
        <tr>
            <td class="num"><b>{count(pattern.lines)}</b>" "<span class="muted">{percent(pattern.lines as f64, all as f64)}</span></td>
            <td class="chart">{chart::spark_bars(&trend, format!("{} over time", plural(pattern.lines, "line", "lines")))}</td>
            <td class="levels">{chart::level_mix(&pattern.levels)}</td>
            <td class="template"><a href=only data-row="">{template(&pattern.template)}</a><a class="exclude" href=without title="Without these lines" aria-label="Without these lines">"−"</a></td>
            <td class="nowrap">{new}<Ago at=pattern.first_seen now=asked.now/></td>
            <td class="nowrap"><Moment at=pattern.last form=Form::Second/></td>
        </tr>
    }
    .into_any()
}

/// Whether the pattern appeared within the range, and the range is not simply everything there is.
fn is_new(asked: &Asked, first_seen: Nanos) -> bool {
    asked.range.contains(first_seen)
}

/// The template with its gaps set apart.
fn template(text: &str) -> AnyView {
    // Terminal colours, whose number is a gap; then those that are not.
    let text = plain(&cut(text, SHOWN).replace("\u{1b}[<*>m", ""));
    let parts: Vec<&str> = text.split("<*>").collect();
    let last = parts.len() - 1;
    let part = |(n, part): (usize, &str)| {
        let gap = (n < last).then(|| view! { <i class="gap">"*"</i> });
        view! { {part.to_owned()}{gap} }
    };
    view! { <code>{parts.into_iter().enumerate().map(part).collect_view()}</code> }.into_any()
}
