//! The rows of the inbox, one form with what can be done to those that are ticked.

use super::search::{nothing, only};
use super::{Asked, ROWS, bulk};
use crate::ui::error::{families, level_class, mark, status, title};
use crate::ui::moment::Ago;
use crate::ui::{chart, count, plural};
use crate::url::{self, TRIAGE};
use leptos::prelude::*;
use model::error::ErrorGroup;
use model::port::ErrorPage;

pub(super) fn list(asked: &Asked, found: &ErrorPage) -> AnyView {
    if found.rows.is_empty() {
        return nothing(asked);
    }
    let rows = found.rows.iter().map(|group| row(asked, group)).collect_view();
    view! {
        <form method="post" action=TRIAGE id="triage">
            <input type="hidden" name="back" value=asked.url.to_string()/>
            {bulk::bar(asked)}
            <div class="scroll">
                <table class="figures e-list">
                    <thead>
                        <tr>
                            <th scope="col" class="tick"><span class="sr">"Ticked"</span></th>
                            <th scope="col">"Error"</th>
                            <th scope="col" class="chart">"24 hours"</th>
                            <th scope="col" class="num" title="Throws; one that several systems saw counts once">"Count"</th>
                            <th scope="col" class="num" title="People affected">"People"</th>
                            <th scope="col" class="num" title="Requests that failed in which it occurred">"Failed"</th>
                            <th scope="col" class="num">"Last seen"</th>
                            <th scope="col">"Assignee"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </form>
        {pages(asked, found)}
    }
    .into_any()
}

fn row(asked: &Asked, group: &ErrorGroup) -> AnyView {
    let number = group.number;
    let href = url::ErrorPage::of(number).to_string();
    let name = title(group);
    let bars: Vec<(f64, f64)> = group.hours.iter().map(|n| (f64::from(*n), 0.0)).collect();
    let day: u64 = group.hours.iter().map(|n| u64::from(*n)).sum();
    let spark_title = format!("{} in the last 24 hours", plural(day, "occurrence", "occurrences"));
    let spark_label = spark_title.clone();
    let class = (!group.class.is_empty() && !name.starts_with(&group.class)).then(|| view! { <b>{group.class.clone()}</b>" " });
    let place = |key: &'static str, value: &str| {
        (!value.is_empty()).then(|| view! { <a href=only(asked, key, value) title=format!("Only {key}: {value}")>{value.to_owned()}</a> })
    };
    let routes = group.routes.iter().filter(|(route, _)| !route.is_empty()).map(|(route, n)| {
        let title = format!("Only on {route}: {}", plural(*n, "occurrence", "occurrences"));
        view! { <a class="route" href=only(asked, "context", route) title=title>{route.clone()}</a> }
    });
    let comments = (group.comments > 0).then(|| {
        let title = plural(group.comments.into(), "comment", "comments");
        view! { <a class="muted" href=format!("{href}#history") title=title>{format!("✎ {}", group.comments)}</a> }
    });
    let assignee = match &group.assignee {
        Some(who) => view! { <a href=only(asked, "assignee", who)>{who.clone()}</a> }.into_any(),
        None => view! { <span class="muted" aria-label="nobody">"–"</span> }.into_any(),
    };
    let some = |n: u64| if n > 0 { count(n) } else { "–".to_owned() };
    view! {
        <tr class=level_class(group.level) data-number=number.to_string()>
            <td class="tick"><input type="checkbox" name="number" value=number.to_string() aria-label=format!("Tick #{number}") tabindex="-1"/></td>
            <td class="what">
                <div class="e-title">
                    {mark(group.mark)}{status(group)}
                    <a href=href data-row="" title=name.clone()>{class}{name.clone()}</a>
                </div>
                <div class="e-facts">
                    <span class="muted">{format!("#{number}")}</span>
                    <span class=format!("level {}", level_class(group.level))>{group.level.as_str()}</span>
                    {place("service", &group.service)}{place("environment", &group.environment)}{place("version", &group.last_version)}
                    {routes.collect_view()}
                    {families(&group.families)}
                    {comments}
                </div>
            </td>
            <td class="chart" title=spark_title.clone()>{chart::spark_bars(&bars, spark_label)}</td>
            <td class="num" data-label="count">{count(group.count)}</td>
            <td class="num" data-label="people">{some(group.people)}</td>
            <td class="num" data-label="failed" class:error=(group.failed_requests > 0)>{some(group.failed_requests)}</td>
            <td class="num seen"><Ago at=group.last_seen now=asked.now/></td>
            <td class="who">{assignee}</td>
        </tr>
    }
    .into_any()
}

fn pages(asked: &Asked, found: &ErrorPage) -> AnyView {
    let first = asked.url.cursor.map(|_| view! { <a class="button" rel="prev" href=asked.url.with(|_| ()).to_string()>"First page"</a> });
    let next = found.next.map(|cursor| {
        let url = url::Errors { cursor: Some(cursor), ..asked.url.clone() };
        view! { <a class="button" rel="next" href=url.to_string()>{format!("Next {ROWS}")}</a> }
    });
    let end = (found.next.is_none() && asked.url.cursor.is_some()).then(|| view! { <span class="muted">"The end of the list"</span> });
    view! { <nav class="pages" aria-label="Pages">{first}{next}{end}</nav> }.into_any()
}
