//! `GetCallerIdentity` of AWS's Security Token Service, which WatchTower asks, at the same endpoint, for the account in a group's ARN.
//!
//! Source: botocore `data/sts/2011-06-15`, protocol query: a form, answered with XML.

use super::envelope::{ACCOUNT, access_key_id, body_of, is_signed_for};
use crate::ingest::xray::api::request_id;
use crate::ingest::{Ingest, PATIENCE};
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

/// Whether a request is for this service: signed for it, or a form posted to the root.
pub fn is_for(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    let is_form = || {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        content_type.starts_with("application/x-www-form-urlencoded")
    };
    *method == Method::POST && (is_signed_for(headers, "sts") || path.trim_matches('/').is_empty() && is_form())
}

/// Answers a request.
pub async fn call(ingest: &Ingest, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let asks = match body_of(ingest, &parts.headers, body, &mut PATIENCE.clone()).await {
        Ok(held) => held.bytes.split(|byte| *byte == b'&').any(|pair| pair == b"Action=GetCallerIdentity"),
        Err(_) => false,
    };
    let id = request_id();
    let id_text = id.to_str().unwrap_or_default();
    let (status, text) = if asks {
        // Of the key's id only what cannot be anything but an id is repeated.
        let user = access_key_id(&parts.headers).filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric())).unwrap_or("anonymous");
        let text = format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::{ACCOUNT}:user/clew</Arn><UserId>{user}</UserId><Account>{ACCOUNT}</Account>\
             </GetCallerIdentityResult><ResponseMetadata><RequestId>{id_text}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
        );
        (StatusCode::OK, text)
    } else {
        let text = format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>InvalidAction</Code>\
             <Message>Only GetCallerIdentity is served here.</Message></Error><RequestId>{id_text}</RequestId></ErrorResponse>"
        );
        (StatusCode::BAD_REQUEST, text)
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response.headers_mut().insert("x-amzn-requestid", id);
    response
}
