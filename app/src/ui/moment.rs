//! A moment: UTC as the server writes it; `public/page.js` turns it into the viewer's zone and puts UTC on hover.

use leptos::prelude::*;
use model::time::{Human, Nanos, Rfc3339, SECOND, civil, day_of};

/// How much of a moment is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `15:40`
    Minute,
    /// `15:40:14`
    Clock,
    /// `Nov 22 15:40`
    Day,
    /// `Nov 22 15:40:14`
    Second,
    /// `Nov 22 15:40:14.123`
    Full,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Form::Minute => "minute",
            Form::Clock => "clock",
            Form::Day => "day",
            Form::Second => "second",
            Form::Full => "full",
        }
    }

    fn text(self, at: Nanos) -> String {
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (_, month, day) = civil(day_of(at));
        let date = format!("{} {day:02}", MONTHS[month as usize - 1]);
        let clock = Rfc3339(at.div_euclid(SECOND) * SECOND).to_string();
        let clock = &clock[clock.len() - 9..clock.len() - 1];
        match self {
            Form::Minute => clock[..5].to_owned(),
            Form::Clock => clock.to_owned(),
            Form::Day => format!("{date} {}", &clock[..5]),
            Form::Second => format!("{date} {clock}"),
            Form::Full => format!("{date} {clock}.{:03}", at.rem_euclid(SECOND) / 1_000_000),
        }
    }
}

/// The moment as `<time>`.
#[component]
pub fn Moment(at: Nanos, form: Form) -> impl IntoView {
    let exact = Rfc3339(at).to_string();
    let title = exact.replace('T', " ").replace('Z', " UTC");
    view! { <time datetime=exact title=title data-form=form.name()>{form.text(at)}</time> }
}

/// How long ago a moment is, with the moment itself on hover.
#[component]
pub fn Ago(at: Nanos, now: Nanos) -> impl IntoView {
    let exact = Rfc3339(at).to_string();
    let title = exact.replace('T', " ").replace('Z', " UTC");
    view! { <time datetime=exact title=title>{ago(now.saturating_sub(at))}</time> }
}

/// `just now`, `45 s ago`, `3h 20m ago`.
pub fn ago(passed: Nanos) -> String {
    match passed {
        p if p < 2 * SECOND => "just now".to_owned(),
        p => format!("{} ago", Human(p / SECOND * SECOND)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let at = 1_700_000_000 * SECOND + 123_456_789;
        let texts: Vec<String> = [Form::Minute, Form::Clock, Form::Day, Form::Second, Form::Full].map(|form| form.text(at)).into();
        assert_eq!(texts, ["22:13", "22:13:20", "Nov 14 22:13", "Nov 14 22:13:20", "Nov 14 22:13:20.123"]);
        assert_eq!(Form::Full.text(-1), "Dec 31 23:59:59.999");
        assert_eq!(ago(SECOND), "just now");
        assert_eq!(ago(125 * SECOND), "2m 05s ago");
    }
}
