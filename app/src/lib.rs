//! The pages. Each is a component that awaits the [`Reader`](model::port::Reader) from context and renders on the server; none holds
//! state, none writes, and none reaches the browser's wasm.

// A page is one nested type; the compiler counts its depth when it lays out what renders it.
#![recursion_limit = "256"]

pub mod pages;
pub mod request;
pub mod ui;
pub mod url;

use leptos::config::LeptosOptions;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::{MetaTags, provide_meta_context};
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{ParamSegment, SsrMode, StaticSegment};
use pages::alerts::AlertsPage;
use pages::aliases::AliasesPage;
use pages::api_docs::ApiDocsPage;
use pages::error::{ErrorByUuidPage, ErrorPage};
use pages::error_rules::ErrorRulesPage;
use pages::errors::ErrorsPage;
use pages::logs::{LogContextPage, LogLinePage, LogsPage};
use pages::not_found::NotFoundPage;
use pages::overview::OverviewPage;
use pages::sampling::SamplingPage;
use pages::sources::SourcesPage;
use pages::trace::TracePage;
use pages::traces::TracesPage;
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

/// The `Host` of the request: how the viewer reaches this instance. The server provides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host(pub String);

impl Host {
    /// Without the port.
    pub fn name(&self) -> &str {
        match self.0.rsplit_once(':') {
            // The colons of a bare IPv6 address are no port.
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => &self.0,
        }
    }
}

/// What the reader calls themselves, for the history of what they do; empty if they never said. The server takes it from a cookie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visitor(pub String);

/// The document around every page. `options` name the browser bundle.
///
/// Links load whole pages: the router of islands mode (`islands_router`) compares documents by position, and leaves islands
/// as they were when the page around them changes.
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
                <script src="/page.js" nonce=use_nonce()></script>
                <script src="/errors.js" nonce=use_nonce()></script>
                <HydrationScripts options islands=true/>
                <MetaTags/>
            </head>
            <body>
                <App/>
                <islands::Awake/>
            </body>
        </html>
    }
}

/// The route table. Every page is awaited whole, so that its title and its status are right and no script is needed.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Router>
            <Routes fallback=NotFoundPage>
                <Route path=StaticSegment("") view=OverviewPage ssr=SsrMode::Async/>
                <Route path=StaticSegment("traces") view=TracesPage ssr=SsrMode::Async/>
                <Route path=(StaticSegment("t"), ParamSegment("id")) view=TracePage ssr=SsrMode::Async/>
                <Route path=StaticSegment("logs") view=LogsPage ssr=SsrMode::Async/>
                <Route path=(StaticSegment("logs"), StaticSegment("line"), ParamSegment("at")) view=LogLinePage ssr=SsrMode::Async/>
                <Route path=(StaticSegment("logs"), StaticSegment("context"), ParamSegment("at")) view=LogContextPage ssr=SsrMode::Async/>
                <Route path=StaticSegment("errors") view=ErrorsPage ssr=SsrMode::Async/>
                <Route path=(StaticSegment("errors"), StaticSegment("alerts")) view=AlertsPage ssr=SsrMode::Async/>
                <Route path=(StaticSegment("errors"), StaticSegment("rules")) view=ErrorRulesPage ssr=SsrMode::Async/>
                <Route path=(StaticSegment("e"), StaticSegment("uuid"), ParamSegment("uuid")) view=ErrorByUuidPage ssr=SsrMode::Async/>
                <Route path=(StaticSegment("e"), ParamSegment("number")) view=ErrorPage ssr=SsrMode::Async/>
                <Route path=StaticSegment("sources") view=SourcesPage ssr=SsrMode::Async/>
                <Route path=StaticSegment("sampling") view=SamplingPage ssr=SsrMode::Async/>
                <Route path=StaticSegment("aliases") view=AliasesPage ssr=SsrMode::Async/>
                <Route path=StaticSegment("api") view=ApiDocsPage ssr=SsrMode::Async/>
            </Routes>
        </Router>
    }
}
