//! The time range picker: links for the usual ranges, a form for any two moments. Works without a script.

use super::icon;
use super::moment::{Form, Moment};
use crate::url::Range;
use leptos::prelude::*;
use model::time::{Nanos, Rfc3339, SECOND};

/// The picker. `link` is the page with another range; the form goes to `action` with `fields` besides the two moments.
pub fn picker(
    range: Range,
    now: Nanos,
    link: &dyn Fn(Range) -> String,
    action: &'static str,
    fields: Vec<(&'static str, String)>,
) -> AnyView {
    let shown = match range {
        Range::Last(_) => sentence(range).into_any(),
        Range::Between { start, end: i64::MAX } => view! { "Since " <Moment at=start form=Form::Second/> }.into_any(),
        Range::Between { start, end } => view! { <Moment at=start form=Form::Second/> " – " <Moment at=end form=Form::Second/> }.into_any(),
    };
    let offered = Range::OFFERED.map(|length| {
        let this = Range::Last(length);
        view! { <li><a href=link(this) aria-current=(this == range).then_some("true")>{sentence(this)}</a></li> }
    });
    let resolved = range.resolve(now);
    // Whole seconds are enough to type; the end is rounded up so that nothing shown is lost.
    let start = Rfc3339(resolved.start.div_euclid(SECOND) * SECOND).to_string();
    let end = Rfc3339((resolved.end.saturating_add(SECOND - 1)).div_euclid(SECOND) * SECOND).to_string();
    let hidden = fields.into_iter().filter(|(_, value)| !value.is_empty());
    let hidden = hidden.map(|(name, value)| view! { <input type="hidden" name=name value=value/> }).collect_view();
    view! {
        <details class="menu picker">
            <summary class="button" aria-label="Time range"><icon::Calendar/><span>{shown}</span></summary>
            <div class="panel">
                <ul>{offered.collect_view()}</ul>
                <form method="get" action=action>
                    {hidden}
                    <label>"From"<input class="input mono" name="start" value=start data-moment="" autocomplete="off" spellcheck="false"/></label>
                    <label>"To"<input class="input mono" name="end" value=end data-moment="" autocomplete="off" spellcheck="false"/></label>
                    <p class="muted">"RFC 3339 (no zone means UTC), a date, or epoch seconds."</p>
                    <button class="button primary">"Show this range"</button>
                </form>
            </div>
        </details>
    }
    .into_any()
}

/// Hidden form fields that keep a range.
pub fn range_fields(range: Range) -> AnyView {
    let fields = match range {
        range if range == Range::default() => vec![],
        Range::Last(length) => vec![("last", crate::url::Length(length).to_string())],
        Range::Between { start, end: i64::MAX } => vec![("start", Rfc3339(start).to_string())],
        Range::Between { start, end } => vec![("start", Rfc3339(start).to_string()), ("end", Rfc3339(end).to_string())],
    };
    fields.into_iter().map(|(name, value)| view! { <input type="hidden" name=name value=value/> }).collect_view().into_any()
}

/// `Last hour`
fn sentence(range: Range) -> String {
    let text = range.to_string();
    format!("{}{}", text[..1].to_uppercase(), &text[1..])
}
