//! The pages. Each is a component that awaits the [`Reader`](model::port::Reader) from context and renders on the server; none holds
//! state, none writes, and none reaches the browser's wasm.

pub mod url;

use leptos::config::LeptosOptions;
use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{SsrMode, StaticSegment};
use model::port::Reader;
use std::sync::Arc;

/// How the reader likes pages; the server takes it from cookies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    pub theme: Theme,
}

/// Dark, light, or whatever the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    Dark,
    Light,
    #[default]
    System,
}

impl Theme {
    /// The value of `<html data-theme>`, which the style sheet's tokens follow; none for [`Theme::System`].
    fn attribute(self) -> Option<&'static str> {
        match self {
            Theme::Dark => Some("dark"),
            Theme::Light => Some("light"),
            Theme::System => None,
        }
    }
}

/// Lets a page choose the status of its answer; the server provides it.
#[derive(Clone)]
pub struct SetStatus(Arc<dyn Fn(u16) + Send + Sync>);

impl SetStatus {
    pub fn new(set: impl Fn(u16) + Send + Sync + 'static) -> SetStatus {
        SetStatus(Arc::new(set))
    }

    /// `status` is an HTTP status code; the default is 200.
    pub fn set(&self, status: u16) {
        (self.0)(status);
    }
}

/// The document around every page. `options` name the browser bundle.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let theme = use_context::<Preferences>().unwrap_or_default().theme.attribute();
    let css = options.css_path();
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="dark light"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="stylesheet" href=css/>
                <HydrationScripts options islands=true islands_router=true/>
                <MetaTags/>
            </head>
            <body>
                <App/>
                <islands::Awake/>
            </body>
        </html>
    }
}

/// The route table.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Router>
            <Routes fallback=NoSuchPage>
                <Route path=StaticSegment("") view=Overview ssr=SsrMode::Async/>
            </Routes>
        </Router>
    }
}

#[component]
fn Overview() -> impl IntoView {
    let reader = expect_context::<Arc<dyn Reader>>();
    let size = Resource::new_blocking(
        || (),
        move |()| {
            let reader = reader.clone();
            async move { reader.instance().await.map(|instance| instance.spans).map_err(|problem| problem.to_string()) }
        },
    );
    view! {
        <Title text="Clew"/>
        <main>
            <h1>"Clew"</h1>
            <Suspense>{move || Suspend::new(async move {
                match size.await {
                    Ok(spans) => format!("{spans} spans"),
                    Err(problem) => problem,
                }
            })}</Suspense>
        </main>
    }
}

#[component]
fn NoSuchPage() -> impl IntoView {
    if let Some(status) = use_context::<SetStatus>() {
        status.set(404);
    }
    view! {
        <Title text="No such page"/>
        <main>
            <h1>"No such page"</h1>
            <p><a href="/">"To the overview"</a></p>
        </main>
    }
}
