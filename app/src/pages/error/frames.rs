//! Exceptions with their frames, the most recent call first: one's own code in sight, runs of library frames folded.

use super::data::{Frame, Thrown};
use crate::ui::plural;
use crate::ui::stack::stack;
use leptos::prelude::*;

/// Frames of one exception that are drawn; of more the raw data tells.
const DRAWN: usize = 150;

/// Frames of one's own code that are open at first.
const OPEN: usize = 4;

/// The chain: what was thrown, then what caused it.
pub(super) fn chain(chain: &[Thrown]) -> AnyView {
    chain.iter().enumerate().map(|(n, thrown)| exception(n, thrown)).collect_view().into_any()
}

fn exception(n: usize, thrown: &Thrown) -> AnyView {
    let body = match (thrown.frames.is_empty(), thrown.stack.is_empty()) {
        (false, _) => frames(&thrown.frames),
        (true, false) => stack(&thrown.stack).into_any(),
        (true, true) => view! { <p class="muted">"It came without a stack trace."</p> }.into_any(),
    };
    view! {
        <section class="e-exception">
            <h3>{(n > 0).then(|| view! { <span class="d-cause">"Caused by "</span> })}{thrown.class.clone()}</h3>
            {(!thrown.message.is_empty()).then(|| view! { <p class="e-message">{thrown.message.clone()}</p> })}
            {body}
        </section>
    }
    .into_any()
}

/// Equal frames in a row, as of a recursion, are one.
struct Run<'a> {
    frame: &'a Frame,
    times: usize,
}

fn runs(frames: &[Frame]) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for frame in frames.iter().rev() {
        match runs.last_mut() {
            Some(run) if (&run.frame.file, &run.frame.method, run.frame.line) == (&frame.file, &frame.method, frame.line) => run.times += 1,
            _ => runs.push(Run { frame, times: 1 }),
        }
    }
    runs
}

fn frames(all: &[Frame]) -> AnyView {
    let runs = runs(all);
    let own = runs.iter().any(|run| !run.frame.library);
    let left_out = runs.len().saturating_sub(DRAWN);
    let mut views: Vec<AnyView> = Vec::new();
    let mut opened = 0;
    let mut at = 0;
    while at < runs.len().min(DRAWN) {
        let folded = runs[at..].iter().take_while(|run| own && run.frame.library).count();
        if folded > 0 {
            let n = runs[at..at + folded].iter().map(|run| run.times as u64).sum();
            let inside = runs[at..at + folded].iter().map(|run| one(run, false)).collect_view();
            views.push(
                view! { <details class="e-library"><summary>{plural(n, "library frame", "library frames")}</summary>{inside}</details> }
                    .into_any(),
            );
            at += folded;
        } else {
            views.push(one(&runs[at], opened < OPEN));
            opened += 1;
            at += 1;
        }
    }
    let more =
        (left_out > 0).then(|| view! { <p class="muted">{plural(left_out as u64, "older frame", "older frames")}" in the raw data"</p> });
    view! {
        <p class="muted hint">"Most recent call first"</p>
        <div class="e-frames">{views.into_iter().collect_view()}</div>
        {more}
    }
    .into_any()
}

fn one(run: &Run<'_>, open: bool) -> AnyView {
    let Run { frame, times } = run;
    let line = frame.line.map(|line| format!(":{line}")).unwrap_or_default();
    let times =
        (*times > 1).then(|| view! { <span class="badge" title="The same call so many times in a row">{format!("×{times}")}</span> });
    let head = view! {
        <code class="e-method">{if frame.method.is_empty() { "<module>".to_owned() } else { frame.method.clone() }}</code>
        <span class="e-place">{format!("{}{line}", frame.file)}</span>
        {times}
    };
    if frame.code.is_empty() && frame.locals.is_empty() {
        return view! { <div class="e-frame bare" class:library=frame.library>{head}</div> }.into_any();
    }
    view! {
        <details class="e-frame" class:library=frame.library open=open && !frame.library>
            <summary>{head}</summary>
            {code(frame)}
            {locals(frame)}
        </details>
    }
    .into_any()
}

/// The line that ran, among its neighbours.
fn code(frame: &Frame) -> Option<AnyView> {
    if frame.code.is_empty() {
        return None;
    }
    let first = frame.line.map(|line| line.saturating_sub(frame.before.len() as u64));
    let lines =
        frame.before.iter().map(|line| (line, false)).chain([(&frame.code, true)]).chain(frame.after.iter().map(|line| (line, false)));
    let lines = lines.enumerate().map(|(n, (text, here))| {
        let number = first.map(|first| (first + n as u64).to_string()).unwrap_or_default();
        view! { <span class="e-line" class:here=here><i>{number}</i>{text.clone()}"\n"</span> }
    });
    Some(view! { <pre class="e-code">{lines.collect_view()}</pre> }.into_any())
}

fn locals(frame: &Frame) -> Option<AnyView> {
    let rows = frame
        .locals
        .iter()
        .map(|(name, value)| view! { <tr><th scope="row">{name.clone()}</th><td><code class="d-value">{value.clone()}</code></td></tr> });
    let rows = rows.collect_view();
    (!frame.locals.is_empty()).then(|| {
        view! {
            <details class="e-locals" open>
                <summary>{plural(frame.locals.len() as u64, "local variable", "local variables")}</summary>
                <table class="d-table"><tbody>{rows}</tbody></table>
            </details>
        }
        .into_any()
    })
}
