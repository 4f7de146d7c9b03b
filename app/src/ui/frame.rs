//! What every page has around it: skip link, bar with the box that takes any id, notices, main, key sheet; and the way a
//! page becomes an answer ([`page`]).

use super::icon;
use super::keys::{Keys, sheet};
use crate::SetStatus;
use crate::url::{self, Range};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;
use model::port::{Ask, ErrorReader, Instance, LineLinks, LogReader, Problem, Reader};
use model::time::Nanos;
use std::future::Future;
use std::sync::Arc;

/// What a page is given.
pub struct Here {
    pub reader: Arc<dyn Reader>,
    pub logs: Arc<dyn LogReader>,
    pub links: Arc<dyn LineLinks>,
    pub errors: Arc<dyn ErrorReader>,
    /// The query string, for a `parse` of [`crate::url`].
    pub search: String,
    /// No deadline; cancelled when the answer is no longer awaited.
    pub ask: Ask,
    pub now: Nanos,
    pub instance: Instance,
}

/// What a page shows.
pub struct Shown {
    /// Of the document; ` · Clew` is added.
    pub title: String,
    pub tab: Tab,
    /// Carried to the other pages by the bar's links.
    pub range: Range,
    /// HTTP status of the answer.
    pub status: u16,
    pub body: AnyView,
}

/// Which part of the product a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Overview,
    Traces,
    Logs,
    Errors,
    Sources,
    None,
}

/// Renders a page: `load` reads what it needs and says what it shows; a [`Problem`] becomes a page with its status.
pub fn page<F>(load: impl FnOnce(Here) -> F + Send + 'static) -> impl IntoView
where
    F: Future<Output = Result<Shown, Problem>> + Send + 'static,
{
    let reader = expect_context::<Arc<dyn Reader>>();
    let logs = expect_context::<Arc<dyn LogReader>>();
    let links = expect_context::<Arc<dyn LineLinks>>();
    let errors = expect_context::<Arc<dyn ErrorReader>>();
    let search = use_location().search.get_untracked();
    Suspend::new(async move {
        let ask = Ask::now();
        // Held across the awaits below: whoever leaves stops the scan.
        let _left = ask.cancel_on_drop();
        let instance = match reader.instance().await {
            Ok(instance) => instance,
            Err(problem) => return framed(None, problem_page(&problem)).into_any(),
        };
        let here = Here { now: reader.now(), reader, logs, links, errors, search, ask: ask.clone(), instance: instance.clone() };
        let shown = load(here).await.unwrap_or_else(|problem| problem_page(&problem));
        framed(Some(instance), shown).into_any()
    })
}

/// The frame around a page.
fn framed(instance: Option<Instance>, shown: Shown) -> AnyView {
    let Shown { title, tab, range, status, body } = shown;
    if let Some(set) = use_context::<SetStatus>().filter(|_| status != 200) {
        set.set(status);
    }
    let title = format!("{title} · Clew");
    view! {
        <Title text=title/>
        <a class="skip" href="#main">"Skip to content"</a>
        <Bar tab range/>
        {instance.as_ref().map(notices)}
        <main id="main" tabindex="-1">{body}</main>
        {instance.as_ref().map(foot)}
        {keys()}
        <div id="say" role="status" aria-live="polite"></div>
    }
    .into_any()
}

#[component]
fn Bar(tab: Tab, range: Range) -> impl IntoView {
    let link = |this: Tab, key: &'static str, href: String, text: &'static str| {
        view! { <a href=href aria-current=(tab == this).then_some("page") data-key=key>{text}</a> }
    };
    view! {
        <header class="bar">
            <a class="brand" href=url::Overview { range }.to_string()><icon::Mark/>"Clew"</a>
            <nav class="tabs" aria-label="Main">
                {link(Tab::Overview, "o", url::Overview { range }.to_string(), "Overview")}
                {link(Tab::Traces, "t", url::Traces::of("", range).to_string(), "Traces")}
                {link(Tab::Logs, "l", url::Logs::of("", range).to_string(), "Logs")}
                {link(Tab::Errors, "e", url::Errors::default().to_string(), "Errors")}
                {link(Tab::Sources, "s", url::Sources.to_string(), "Sources")}
            </nav>
            <form class="find" method="get" action="/find" role="search" aria-label="Go to a trace">
                <input class="input" id="find" name="id" type="search" autocomplete="off" spellcheck="false"
                    placeholder="Trace id, traceparent, #error, link or search" aria-label="Trace id, X-Ray id, traceparent, Rollbar uuid, #number of an error, pasted link, or search text"/>
            </form>
            <div class="tools">
                <button type="button" class="button quiet icon needs-js" data-theme="" aria-label="Dark or light" title="Dark or light (t)"><icon::Theme/></button>
                <button type="button" class="button quiet icon needs-js" data-keys="" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)">"?"</button>
            </div>
        </header>
    }
}

/// What concerns the whole instance: warnings, and that demo data is shown.
fn notices(instance: &Instance) -> AnyView {
    let warnings = instance.warnings.clone();
    let demo = instance.has_demo;
    view! {
        <div class="notices">
            {warnings.into_iter().map(|text| view! { <p class="notice warn" role="note">{text}</p> }).collect_view()}
            {demo.then(|| view! {
                <div class="notice demo">
                    <span><span class="badge">"demo"</span>" Some of what you see is made-up demo traffic."</span>
                    <form method="post" action=url::DEMO_REMOVE><button class="button">"Remove the demo data"</button></form>
                </div>
            })}
        </div>
    }
    .into_any()
}

fn foot(instance: &Instance) -> AnyView {
    let version = format!("Clew {}", instance.version);
    let held = format!(
        "{} in {}, kept {} days",
        super::plural(instance.spans, "span", "spans"),
        super::bytes(instance.disk_bytes),
        instance.retention_days
    );
    view! {
        <footer class="foot">
            <span>{version}</span>
            <span>{held}</span>
            <a href=url::ApiDocs.to_string()>"JSON API"</a>
        </footer>
    }
    .into_any()
}

/// Those that work on every page.
const KEYS: Keys = &[
    (&["/"], "Search"),
    (&["g", "o"], "Overview"),
    (&["g", "t"], "Traces"),
    (&["g", "l"], "Logs"),
    (&["g", "e"], "Errors"),
    (&["g", "s"], "Sources"),
    (&["j", "k"], "Next, previous row"),
    (&["[", "]"], "Previous, next page"),
    (&["t"], "Dark or light"),
    (&["?"], "This sheet"),
];

/// The sheet of keys that work on every page. `?` opens it.
fn keys() -> AnyView {
    sheet("keys", "Keyboard", KEYS)
}

/// A problem as a page, with the HTTP status that says the same.
pub fn problem_page(problem: &Problem) -> Shown {
    let (status, title, hint) = match problem {
        Problem::NotFound(what) => (
            404,
            format!("No such {what}"),
            "It may not have arrived yet, may be older than what this instance keeps, or the link may be cut short.",
        ),
        Problem::Bad { message, .. } => (400, sentence(message), "Correct the address, or start again from one of the pages above."),
        Problem::Unavailable(_) => {
            (503, "The store could not be read".to_owned(), "The cause is in Clew’s log. Reload the page to try again.")
        }
    };
    let heading = title.clone();
    let body = view! {
        <section class="problem">
            <p class="status">{status}</p>
            <h1>{heading}</h1>
            <p class="muted">{hint}</p>
            <p><a class="button" href=url::Traces::default().to_string()>"Search traces"</a></p>
        </section>
    };
    Shown { title, tab: Tab::None, range: Range::default(), status, body: body.into_any() }
}

/// With a capital letter, as a heading.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
