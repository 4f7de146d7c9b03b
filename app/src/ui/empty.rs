//! What a page says when it has nothing to show, and how to get something.

use super::setup::{Block, Code, Endpoints, environment, errors, first_span, logs};
use crate::url;
use leptos::prelude::*;

fn choices<const N: usize>(blocks: [Block; N]) -> AnyView {
    let blocks = blocks.map(|block| {
        view! {
            <section class="card">
                <header><h2>{block.title}</h2><a href=url::Sources.to_string()>"More ways"</a></header>
                <div class="body stack"><p class="muted">{block.about}</p><Code id=block.id text=block.text label=block.title/></div>
            </section>
        }
    });
    view! { <div class="choices">{blocks.into_iter().collect_view()}</div> }.into_any()
}

/// The Logs page before the first line.
pub fn no_logs_yet(to: &Endpoints) -> AnyView {
    view! {
        <section class="empty">
            <h1>"No log line has arrived yet"</h1>
            <p class="lead">"Clew takes lines in place of CloudWatch Logs, and from OpenTelemetry’s log exporters. Each is tied to its trace by the ids it names."</p>
            {choices(logs(to))}
        </section>
    }
    .into_any()
}

/// The inbox before the first error.
pub fn no_errors_yet(to: &Endpoints) -> AnyView {
    view! {
        <section class="empty">
            <h1>"No error has arrived yet"</h1>
            <p class="lead">"Clew takes errors in Rollbar’s place, and out of the traces and logs it has anyway. One throw that several systems saw is one occurrence, with its trace and its log lines."</p>
            {choices(errors(to))}
        </section>
    }
    .into_any()
}

/// The portal before its first span.
pub fn no_spans_yet(to: &Endpoints) -> AnyView {
    let (env, curl) = (environment(to), first_span(to));
    view! {
        <section class="empty">
            <h1>"Nothing has arrived yet"</h1>
            <p class="lead">
                "Clew is listening for OpenTelemetry at " <code>{to.otlp_http.clone()}</code>
                ". Point a service at it, send one span by hand, or look around with made-up traffic first."
            </p>
            <div class="choices">
                <section class="card">
                    <header><h2>"Point a service at it"</h2><a href=url::Sources.to_string()>"More ways"</a></header>
                    <div class="body stack"><p class="muted">{env.about}</p><Code id=env.id text=env.text label=env.title/></div>
                </section>
                <section class="card">
                    <header><h2>"Send one span"</h2></header>
                    <div class="body stack"><p class="muted">{curl.about}</p><Code id=curl.id text=curl.text label=curl.title/></div>
                </section>
                <section class="card">
                    <header><h2>"Try the demo"</h2></header>
                    <div class="body stack">
                        <p class="muted">"A believable day of several services: slow, failing and deeply nested requests, and one with 20 000 spans. It is marked as demo and goes away with one click."</p>
                        <form method="post" action=url::DEMO_START><button class="button primary">"Fill Clew with the demo"</button></form>
                    </div>
                </section>
            </div>
        </section>
    }
    .into_any()
}
