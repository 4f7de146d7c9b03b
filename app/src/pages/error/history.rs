//! Who did what to the group, and a form for a comment.

use super::Drawing;
use crate::ui::error::{act, form};
use crate::ui::moment::{Form, Moment};
use leptos::prelude::*;
use model::error::HistoryRow;

pub(super) fn history(drawing: &Drawing) -> AnyView {
    let comment = view! {
        <textarea class="input" name="comment" rows="2" maxlength="20000" placeholder="Say something to your colleagues" aria-label="Comment" required=true></textarea>
        {act("comment", "Comment", "It stands in the history", "button")}
    };
    let row = |row: &HistoryRow| {
        let who = if row.actor.is_empty() {
            view! { <span class="muted">"Clew"</span> }.into_any()
        } else {
            view! { <b>{row.actor.clone()}</b> }.into_any()
        };
        let comment = row.comment.clone().map(|text| view! { <p class="e-comment">{text}</p> });
        view! { <li><p>{who}" "{row.what.clone()}" "<span class="muted"><Moment at=row.at form=Form::Day/></span></p>{comment}</li> }
    };
    let rows = drawing.detail.history.iter().map(row).collect_view();
    view! {
        <section class="card" aria-labelledby="history">
            <header><h2 id="history">"History"</h2></header>
            <div class="body stack">
                {form("wide", &[drawing.url.number], drawing.url.to_string(), comment.into_any())}
                <ol class="e-history">{rows}</ol>
            </div>
        </section>
    }
    .into_any()
}
