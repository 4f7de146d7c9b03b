//! The browser bundle, the style sheet and `public/`, embedded by build.rs: served compressed as the client likes, for
//! ever where the name follows the content, revalidated by ETag elsewhere.

use axum::Router;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// One embedded file.
struct Asset {
    url: &'static str,
    content_type: &'static str,
    /// ETag, with its quotes.
    tag: &'static str,
    /// Whether the URL changes with the content.
    immutable: bool,
    identity: &'static [u8],
    /// `None` where compression saves nothing.
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// `GET` (and `HEAD`) for every embedded file, by its exact path.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ASSETS
        .iter()
        .fold(Router::new(), |router, asset| router.route(asset.url, get(move |headers: HeaderMap| async move { serve(asset, &headers) })))
}

/// Size of the browser module as browsers load it, in bytes.
pub fn wasm_brotli_bytes() -> usize {
    ASSETS.iter().filter(|asset| asset.url.ends_with(".wasm")).filter_map(|asset| asset.brotli).map(<[u8]>::len).sum()
}

fn serve(asset: &'static Asset, request: &HeaderMap) -> Response {
    let cache = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(ETAG, HeaderValue::from_static(asset.tag));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if request.get(IF_NONE_MATCH).is_some_and(|known| names(known, asset.tag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    let (encoding, body) = match (asset.brotli, asset.gzip) {
        (Some(brotli), _) if accepts(request, "br") => (Some("br"), brotli),
        (_, Some(gzip)) if accepts(request, "gzip") => (Some("gzip"), gzip),
        _ => (None, asset.identity),
    };
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    (headers, body).into_response()
}

/// Whether `If-None-Match` names the tag. A weak validator (a proxy may weaken ours) counts: RFC 9110, 13.1.2.
fn names(known: &HeaderValue, tag: &str) -> bool {
    let known = known.to_str().unwrap_or_default();
    known.trim() == "*" || known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
}

/// Whether `Accept-Encoding` names the coding with a weight above zero: RFC 9110, 12.5.3.
fn accepts(request: &HeaderMap, coding: &str) -> bool {
    let mut offers = request.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    offers.any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
        named && weight > 0.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(encodings: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(encodings))])
    }

    fn module() -> &'static Asset {
        ASSETS.iter().find(|asset| asset.url.ends_with(".wasm")).expect("the bundle has a module")
    }

    fn encoding(response: &Response) -> &str {
        response.headers().get(CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn the_client_chooses_the_encoding() {
        for (asked, given) in
            [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip;q=0.5", "gzip"), ("br;q=0", ""), ("identity", ""), ("", "")]
        {
            assert_eq!(encoding(&serve(module(), &asking(asked))), given, "Accept-Encoding: {asked}");
        }
    }

    #[test]
    fn a_known_tag_is_not_sent_again() {
        let tag = module().tag;
        for known in [tag.to_owned(), format!("\"other\", W/{tag}"), "*".to_owned()] {
            let request = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_str(&known).unwrap())]);
            assert_eq!(serve(module(), &request).status(), StatusCode::NOT_MODIFIED, "If-None-Match: {known}");
        }
        let request = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("\"other\""))]);
        assert_eq!(serve(module(), &request).status(), StatusCode::OK);
    }

    #[test]
    fn the_bundle_is_complete_and_named_by_content() {
        for name in [format!("/pkg/{BUNDLE}.js"), format!("/pkg/{BUNDLE}_bg.wasm"), format!("/pkg/{BUNDLE}.css")] {
            let asset = ASSETS.iter().find(|asset| asset.url == name).unwrap_or_else(|| panic!("{name} is not embedded"));
            assert!(asset.immutable, "{name}");
        }
        assert!(module().identity.starts_with(b"\0asm"));
    }
}
