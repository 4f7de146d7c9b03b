//! The brush over a histogram: drag to zoom. The bars are the server's, and each is a link; this adds what a link cannot.

use crate::percent::percent;
use leptos::ev::PointerEvent;
use leptos::html::Div;
use leptos::prelude::*;
use model::time::Rfc3339;

/// Pixels the pointer must move before it draws a range and is no click.
const SLACK: f64 = 4.0;

/// Goes around the bars of the range `[start, end)`, nanoseconds since the epoch. A finished drag opens this page with the
/// range's `start` and `end`, from the first page.
#[island]
pub fn Brush(start: i64, end: i64, children: Children) -> impl IntoView {
    let around = NodeRef::<Div>::new();
    // Where the pointer went down and where it is, as shares of the width; nothing while it is up.
    let drag = RwSignal::new(None::<(f64, f64)>);
    let drawing = RwSignal::new(false);

    let place = move |event: &PointerEvent| {
        let (left, width) = around.get_untracked().map_or((0.0, 1.0), |element| {
            let bounds = element.get_bounding_client_rect();
            (bounds.left(), bounds.width().max(1.0))
        });
        (((f64::from(event.client_x()) - left) / width).clamp(0.0, 1.0), width)
    };
    let down = move |event: PointerEvent| {
        if event.button() == 0 {
            let (at, _) = place(&event);
            drag.set(Some((at, at)));
        }
    };
    let moved = move |event: PointerEvent| {
        let Some((from, _)) = drag.get_untracked() else { return };
        let (to, width) = place(&event);
        if !drawing.get_untracked() {
            if (to - from).abs() * width < SLACK {
                return;
            }
            drawing.set(true);
            // From here on the pointer is ours: its release is no click on a bar. Fails only for a pointer that is gone.
            if let Some(element) = around.get_untracked() {
                let _ = element.set_pointer_capture(event.pointer_id());
            }
        }
        drag.set(Some((from, to)));
    };
    let up = move |_: PointerEvent| {
        let drawn = drag.get_untracked().filter(|_| drawing.get_untracked());
        drag.set(None);
        drawing.set(false);
        if let Some((from, to)) = drawn {
            let length = end.saturating_sub(start) as f64;
            let at = |share: f64| start.saturating_add((share * length) as i64);
            open(at(from.min(to)), at(from.max(to)));
        }
    };
    let cancel = move |_: PointerEvent| {
        drag.set(None);
        drawing.set(false);
    };
    let style = move || match drag.get().filter(|_| drawing.get()) {
        Some((from, to)) => ["left:", &percent(from.min(to) * 100.0), ";width:", &percent((from - to).abs() * 100.0)].concat(),
        None => "display:none".to_owned(),
    };
    view! {
        <div class="brush" node_ref=around on:pointerdown=down on:pointermove=moved on:pointerup=up on:pointercancel=cancel
            on:dragstart=move |event| event.prevent_default()>
            {children()}
            <div class="drawn" style=style></div>
        </div>
    }
}

/// This page over another range.
fn open(start: i64, end: i64) {
    let location = window().location();
    let Ok(url) = location.href().and_then(|href| web_sys::Url::new(&href)) else { return };
    let search = url.search_params();
    for name in ["last", "cursor", "wait"] {
        search.delete(name);
    }
    search.set("start", &Rfc3339(start).to_string());
    // At least a microsecond: a range must not be empty.
    search.set("end", &Rfc3339(end.max(start.saturating_add(1_000))).to_string());
    let _ = location.assign(&url.href());
}
