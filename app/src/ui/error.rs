//! What lists and pages of errors share: level, mark, state, who saw it, and the forms that change them.

use super::moment::{Form, Moment};
use super::plural;
use crate::url::TRIAGE;
use leptos::prelude::*;
use model::error::{ErrorGroup, ErrorLevel, ErrorStatus, Mark, WitnessFamily};

/// `critical`
pub fn level(level: ErrorLevel) -> AnyView {
    view! { <span class=format!("level {}", level_class(level))>{level.as_str()}</span> }.into_any()
}

/// The class that gives a level its colour.
pub fn level_class(level: ErrorLevel) -> &'static str {
    match level {
        ErrorLevel::Debug => "level-debug",
        ErrorLevel::Info => "level-info",
        ErrorLevel::Warning => "level-warn",
        ErrorLevel::Error => "level-error",
        ErrorLevel::Critical => "level-fatal",
    }
}

/// Why it wants to be looked at first.
pub fn mark(mark: Option<Mark>) -> Option<AnyView> {
    let mark = mark?;
    let (class, why) = match mark {
        Mark::Regressed => ("badge error", "It was resolved and came back"),
        Mark::New => ("badge new", "First seen within 24 hours, and nobody dealt with it"),
        Mark::Escalating => ("badge warn", "Much more in the last hour than in an average hour of the day before"),
    };
    Some(view! { <span class=class title=why>{mark.as_str()}</span> }.into_any())
}

/// What was decided, with what it depends on; nothing of what is active.
pub fn status(group: &ErrorGroup) -> Option<AnyView> {
    let view = match &group.status {
        ErrorStatus::Active => return None,
        ErrorStatus::Resolved { version: Some(version), .. } => {
            view! { <span class="badge ok">"resolved in "{version.clone()}</span> }.into_any()
        }
        ErrorStatus::Resolved { next_deploy: true, .. } => view! { <span class="badge ok">"resolved in the next deploy"</span> }.into_any(),
        ErrorStatus::Resolved { .. } => view! { <span class="badge ok">"resolved"</span> }.into_any(),
        ErrorStatus::Muted => view! { <span class="badge">"muted"</span> }.into_any(),
        ErrorStatus::Snoozed { until, count } => {
            let until = until.map(|at| view! { " until "<Moment at=at form=Form::Day/> });
            let more = count.map(|count| format!(" for {} more", plural(count.saturating_sub(group.count), "occurrence", "occurrences")));
            view! { <span class="badge">"snoozed"{until}{more}</span> }.into_any()
        }
    };
    Some(view)
}

/// The systems that saw it, each in one badge.
pub fn families(families: &[WitnessFamily]) -> AnyView {
    families.iter().map(|family| view! { <span class="badge system">{family.title()}</span> }).collect_view().into_any()
}

/// A group without a title is called by its number.
pub fn title(group: &ErrorGroup) -> String {
    if group.title.is_empty() { format!("Error #{}", group.number) } else { group.title.clone() }
}

/// A form that does something to groups and leads back. `hidden` are fields besides.
pub fn form(class: &'static str, numbers: &[u64], back: String, body: AnyView) -> AnyView {
    let numbers = numbers.iter().map(|number| view! { <input type="hidden" name="number" value=number.to_string()/> }).collect_view();
    view! {
        <form method="post" action=TRIAGE class=class>
            <input type="hidden" name="back" value=back/>
            {numbers}
            {body}
        </form>
    }
    .into_any()
}

/// A button that sends its form to have this done.
pub fn act(action: &'static str, text: &'static str, title: &'static str, class: &'static str) -> AnyView {
    view! { <button class=class name="action" value=action title=title>{text}</button> }.into_any()
}

/// What the reader is called: a name in the history until there are accounts.
pub fn your_name(name: &str, back: String) -> AnyView {
    let title = "Stands in the history beside what you do. Kept in a cookie of this browser.";
    view! {
        <form method="post" action=crate::url::TRIAGE_NAME class="your-name" title=title>
            <input type="hidden" name="back" value=back/>
            <label><span class="muted">"Your name"</span>" "<input class="input" name="name" id="your-name" value=name.to_owned() maxlength="80" autocomplete="nickname" placeholder="somebody"/></label>
            <button class="button quiet">"Keep"</button>
        </form>
    }
    .into_any()
}

/// How long things are snoozed: what a form sends, and for people.
pub const SNOOZES: [(&str, &str); 6] =
    [("1h", "1 hour"), ("1d", "1 day"), ("7d", "1 week"), ("10 more", "10 more"), ("100 more", "100 more"), ("1000 more", "1000 more")];
