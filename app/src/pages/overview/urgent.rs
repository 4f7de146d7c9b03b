//! Errors that want to be looked at: regressed and new ones.

use crate::ui::count;
use crate::ui::error::{level_class, mark, title};
use crate::ui::frame::Here;
use crate::ui::moment::Ago;
use crate::url;
use leptos::prelude::*;
use model::error::ErrorGroup;
use model::port::{ErrorSearch, ErrorSort};
use model::query::parse_errors;
use model::time::Nanos;
use std::time::{Duration, Instant};

/// What is asked for.
const QUERY: &str = "is:regressed OR is:new";

/// Groups that are listed.
const ROWS: u32 = 6;

/// The first of them; nothing if that cannot be said at once.
pub(super) async fn read(here: &Here) -> Vec<ErrorGroup> {
    let Ok(query) = parse_errors(QUERY) else { return Vec::new() };
    let query = crate::pages::errors::effective(&url::Errors::of(QUERY), &query);
    let search = ErrorSearch { query, sort: ErrorSort::Priority, limit: ROWS, cursor: None };
    let ask = here.ask.clone().until(Instant::now() + Duration::from_millis(200));
    here.errors.errors(&ask, &search).await.map(|page| page.rows).unwrap_or_default()
}

pub(super) fn card(groups: &[ErrorGroup], now: Nanos) -> Option<AnyView> {
    let row = |group: &ErrorGroup| {
        view! {
            <tr class=level_class(group.level)>
                <td class="nowrap">{mark(group.mark)}</td>
                <td class="root"><a href=url::ErrorPage::of(group.number).to_string() data-row=""><span class="muted">{format!("#{}", group.number)}</span><span class="name">{title(group)}</span></a></td>
                <td class="muted">{group.service.clone()}</td>
                <td class="num">{count(group.count)}</td>
                <td class="num"><Ago at=group.last_seen now=now/></td>
            </tr>
        }
    };
    let rows = groups.iter().map(row).collect_view();
    (!groups.is_empty()).then(|| {
        view! {
            <section class="card urgent" aria-labelledby="urgent">
                <header><h2 id="urgent">"New and regressed errors"</h2><a href=url::Errors::of(QUERY).to_string()>"All of them"</a></header>
                <div class="scroll"><table class="figures"><tbody>{rows}</tbody></table></div>
            </section>
        }
        .into_any()
    })
}
