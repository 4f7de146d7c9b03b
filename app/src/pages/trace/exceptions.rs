//! The exceptions of the open span. X-Ray's cause may be no more than the id of an exception that another document of the trace has, and
//! an exception names its own cause the same way: both are looked up here, over all that is on the page.

use super::drawing::Drawing;
use crate::ui::plural;
use crate::ui::stack::stack;
use leptos::prelude::*;
use model::attr::{get, get_str};
use model::span::{Event, Exception, exception};

/// An exception and who has it.
#[derive(Clone, Copy)]
struct Thrown<'a> {
    span: u32,
    event: &'a Event,
    what: Exception<'a>,
}

impl<'a> Thrown<'a> {
    fn all(drawing: &'a Drawing) -> impl Iterator<Item = Thrown<'a>> {
        let of = |n: usize| drawing.trace.spans[n].events.iter().map(move |event| (n as u32, event));
        let events = (0..drawing.trace.spans.len()).flat_map(of);
        events.filter_map(|(span, event)| Some(Thrown { span, event, what: exception(event)? }))
    }

    /// X-Ray's id of it.
    fn id(&self) -> Option<&'a str> {
        get_str(&self.event.attributes, "aws.xray.exception.id")
    }

    /// X-Ray's id of what caused it.
    fn cause(&self) -> Option<&'a str> {
        get_str(&self.event.attributes, "aws.xray.exception.cause")
    }

    /// The exception of this id: the span's own, else that of any other.
    fn find(drawing: &'a Drawing, id: &str, near: u32) -> Option<Thrown<'a>> {
        let mut named: Vec<Thrown<'a>> = Thrown::all(drawing).filter(|thrown| thrown.id() == Some(id)).collect();
        named.sort_by_key(|thrown| thrown.span != near);
        named.first().copied()
    }
}

/// All exceptions of a span, each followed by what caused it.
pub(super) fn exceptions(drawing: &Drawing, n: u32) -> impl IntoView + use<> {
    let own: Vec<Thrown<'_>> = Thrown::all(drawing).filter(|thrown| thrown.span == n).collect();
    let mut shown: Vec<&str> = Vec::new();
    let mut views: Vec<AnyView> = Vec::new();
    if let Some(id) = get_str(&drawing.trace.spans[n as usize].attributes, "aws.xray.cause") {
        match Thrown::find(drawing, id, n) {
            Some(thrown) => chain(drawing, n, thrown, &mut shown, &mut views),
            None => views.push(unresolved("Its cause", id)),
        }
    }
    // What another one names as its cause comes after that one.
    let is_cause =
        |thrown: &Thrown<'_>| thrown.id().is_some_and(|id| own.iter().any(|other| other.cause() == Some(id) && other.id() != Some(id)));
    let (causes, tops): (Vec<Thrown<'_>>, Vec<Thrown<'_>>) = own.iter().partition(|thrown| is_cause(thrown));
    for thrown in tops.into_iter().chain(causes) {
        chain(drawing, n, thrown, &mut shown, &mut views);
    }
    views.into_iter().collect_view()
}

/// An exception, then its cause, and so on; none is shown twice.
fn chain<'a>(drawing: &'a Drawing, n: u32, first: Thrown<'a>, shown: &mut Vec<&'a str>, views: &mut Vec<AnyView>) {
    let mut next = Some(first);
    let mut is_cause = false;
    while let Some(thrown) = next.filter(|thrown| thrown.id().is_none_or(|id| !shown.contains(&id))) {
        shown.extend(thrown.id());
        views.push(one(drawing, n, thrown, is_cause).into_any());
        next = thrown.cause().and_then(|id| {
            let found = Thrown::find(drawing, id, thrown.span);
            if found.is_none() {
                views.push(unresolved("Its cause", id));
            }
            found
        });
        is_cause = true;
    }
}

fn one(drawing: &Drawing, n: u32, thrown: Thrown<'_>, is_cause: bool) -> impl IntoView + use<> {
    let Thrown { span, event, what } = thrown;
    let trace = (!what.stacktrace.is_empty()).then(|| {
        let text = what.stacktrace.to_owned();
        view! {
            {stack(what.stacktrace)}
            <button type="button" class="button needs-js" data-copy=text>"Copy the stack trace"</button>
        }
    });
    let elsewhere = (span != n).then(|| {
        view! {
            <p class="d-elsewhere">"Recorded by "<a href=drawing.with_span(span) data-span=drawing.address(span).to_string()>{drawing.name(span).to_owned()}</a>", where it was first seen"</p>
        }
    });
    let number = |key: &str| get(&event.attributes, key).and_then(|value| value.to_string().parse::<u64>().ok()).filter(|&n| n > 0);
    let truncated =
        number("aws.xray.exception.truncated").map(|n| view! { <p class="muted">{plural(n, "frame", "frames")}" left out by the SDK"</p> });
    let skipped = number("aws.xray.exception.skipped")
        .map(|n| view! { <p class="muted">{plural(n, "exception", "exceptions")}" between this and the next left out by the SDK"</p> });
    let remote = get(&event.attributes, "aws.xray.exception.remote").is_some_and(|value| value.to_string() == "true");
    view! {
        <section class="d-exception">
            <h3>{is_cause.then(|| view! { <span class="d-cause">"Caused by "</span> })}{what.kind.to_owned()}{remote.then(|| view! { " "<span class="badge" title="It was thrown by what was called">"remote"</span> })}</h3>
            <p>{what.message.to_owned()}</p>
            {elsewhere}{trace}{truncated}{skipped}
        </section>
    }
}

fn unresolved(what: &'static str, id: &str) -> AnyView {
    view! { <section class="d-exception"><p>{what}" is the exception "<code>{id.to_owned()}</code>" of another document, which is not here: it may not have arrived."</p></section> }
        .into_any()
}
