//! A few rows of the waterfall, on another page: those around one span.

use super::drawing::Drawing;
use super::rows;
use crate::request::Recorded;
use crate::ui::count;
use crate::url;
use leptos::prelude::*;
use model::log::Line;
use model::time::Nanos;

/// Rows shown, and of them those above the span.
const ROWS: usize = 20;
const ABOVE: usize = 9;

/// The rows around the span that the address opens, else the first; every row leads to the trace's page.
pub fn mini(recorded: Recorded, lines: Vec<Line>, url: url::Trace, now: Nanos) -> AnyView {
    let drawing = Drawing::of(url, recorded, lines, Vec::new(), Vec::new(), now);
    let all = drawing.rows.len();
    let at = drawing.selected().and_then(|n| drawing.rows.row_of(&drawing.tree, n)).unwrap_or_default();
    let from = at.saturating_sub(ABOVE).min(all.saturating_sub(ROWS));
    let to = (from + ROWS).min(all);
    let shown = (from..to).map(|at| rows::row(&drawing, &drawing.rows.rows[at])).collect_view();
    let part = (to - from < all).then(|| view! { <p class="pages muted">{format!("rows {} to {} of {}", count(from as u64 + 1), count(to as u64), count(all as u64))}</p> });
    view! {
        <div class="mini">
            <div class="w-head"><div class="w-name">"Service and operation"</div><div class="w-time" aria-hidden="true">{rows::axis(&drawing).into_any()}</div></div>
            <div role="tree" aria-label="Spans around the error">{shown}</div>
            {part}
        </div>
    }
    .into_any()
}
