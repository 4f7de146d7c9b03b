//! `/logs/line/{at}`: one line, whole.

use super::line;
use super::panel::{address, panel, title};
use crate::ui::frame::{Shown, Tab, page};
use crate::ui::message::{Marks, first_line};
use crate::ui::moment::{Form, Moment};
use crate::url::{self, ApiLogLine};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use model::port::Problem;
use model::time::{HOUR, MINUTE};

#[component]
pub fn LogLinePage() -> impl IntoView {
    let at = use_params_map().with_untracked(|params| params.get("at").unwrap_or_default());
    page(move |here| async move {
        let at = address(&at).ok_or(Problem::NotFound("log line"))?;
        let mut found = here.logs.log_line(&here.ask, at).await?;
        let possible = here.links.link(&here.ask, std::slice::from_mut(&mut found)).await;
        let range = url::Range::Between { start: found.time.saturating_sub(30 * MINUTE), end: found.time.saturating_add(HOUR / 2) };
        // Filters clicked here lead to the hour around the line.
        let search = url::Logs::of("", range);
        let title = title(&found);
        let heading = title.clone();
        let several = first_line(&found.message).1 > 0;
        let body = view! {
            <section class="list log-page" aria-labelledby="line">
                <header>
                    <h1 id="line" class="mono">{line::level(&found)}" "{heading}</h1>
                    <p class="row muted">
                        <Moment at=found.time form=Form::Full/>
                        {several.then_some("first line of several")}
                        <a href=ApiLogLine { at, raw: false }.to_string()>"JSON"</a>
                        <a href=ApiLogLine { at, raw: true }.to_string()>"As sent"</a>
                    </p>
                </header>
                <div class="inside">{panel(&found, &search, &Marks::default(), possible.of(&found))}</div>
            </section>
        };
        Ok(Shown { title, tab: Tab::Logs, range, status: 200, body: body.into_any() })
    })
}
