//! The pages' way to the browser: `app`'s routes as an axum router, with the store, the reader's preferences and the
//! response status in context, and a content security policy on every page.

use crate::assets;
use crate::store::ErrorStore;
use crate::triage;
use app::{App, Host, Preferences, SetStatus, Theme, Visitor};
use axum::Router;
use axum::http::header::{CONTENT_SECURITY_POLICY, COOKIE, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use leptos::config::LeptosOptions;
use leptos::nonce::use_nonce;
use leptos::prelude::{provide_context, use_context};
use leptos_axum::{LeptosRoutes as _, ResponseOptions, generate_route_list, render_app_async_with_context};
use model::alert::AlertReader;
use model::port::{ErrorReader, LineLinks, LogReader, Reader};
use model::sampling::SamplingRules;
use model::views::SavedViews;
use std::sync::Arc;

/// Every page, the embedded files, and as fallback the "no such page" page with status 404: merge this router last.
pub fn routes(
    reader: Arc<dyn Reader>,
    logs: Arc<dyn LogReader>,
    links: Arc<dyn LineLinks>,
    errors: Arc<dyn ErrorStore>,
    sampling: Arc<dyn SamplingRules>,
    views: Arc<dyn SavedViews>,
) -> Router {
    let options = LeptosOptions::builder().output_name(assets::BUNDLE).site_pkg_dir("pkg").build();
    let context = move || {
        provide_context(reader.clone());
        provide_context(logs.clone());
        provide_context(links.clone());
        provide_context(errors.clone() as Arc<dyn ErrorReader>);
        provide_context(errors.clone() as Arc<dyn AlertReader>);
        provide_context(sampling.clone());
        provide_context(views.clone());
        provide_request();
    };
    let page = {
        let options = options.clone();
        move || app::shell(options.clone())
    };
    Router::new()
        .leptos_routes_with_context(&options, generate_route_list(App), context.clone(), page.clone())
        .fallback(render_app_async_with_context(context, page))
        .merge(assets::routes())
        .with_state(options)
}

/// What a page may know of its request and may say of its answer.
fn provide_request() {
    if let Some(parts) = use_context::<Parts>() {
        provide_context(preferences(&parts.headers));
        provide_context(Visitor(triage::actor(&parts.headers)));
        if let Some(host) = parts.headers.get(HOST).and_then(|host| host.to_str().ok()) {
            provide_context(Host(host.to_owned()));
        }
    }
    if let Some(response) = use_context::<ResponseOptions>() {
        if let Some(nonce) = use_nonce() {
            response.insert_header(CONTENT_SECURITY_POLICY, policy(&nonce.to_string()));
        }
        response.insert_header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response.insert_header(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        provide_context(SetStatus::new(move |status| {
            if let Ok(status) = StatusCode::from_u16(status) {
                response.set_status(status);
            }
        }));
    }
}

/// Scripts run only with this answer's nonce. Style attributes are allowed: bars are placed with them.
fn policy(nonce: &str) -> HeaderValue {
    let policy = format!(
        "default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; \
         style-src-attr 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("a nonce is URL-safe base64")
}

/// Preferences are cookies so that the first paint is right without a script.
fn preferences(headers: &HeaderMap) -> Preferences {
    let theme = match cookie(headers, "theme") {
        Some("dark") => Theme::Dark,
        Some("light") => Theme::Light,
        _ => Theme::System,
    };
    Preferences { theme }
}

pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    cookies.filter_map(|cookie| cookie.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_theme_is_a_cookie() {
        for (sent, theme) in
            [("theme=dark", Theme::Dark), ("a=b; theme=light", Theme::Light), ("theme=pink", Theme::System), ("", Theme::System)]
        {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(sent))]);
            assert_eq!(preferences(&headers).theme, theme, "Cookie: {sent}");
        }
    }
}
