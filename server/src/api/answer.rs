//! What every call answers with: JSON, or `{"error":{"code","message","position"?}}` with the status that says the same.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use model::port::Problem;
use serde::Serialize;

/// A [`Problem`] as an answer.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Problem);

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        Failure(problem)
    }
}

impl Failure {
    /// A parameter that is wrong.
    pub(crate) fn bad(message: impl Into<String>) -> Failure {
        Failure(Problem::Bad { message: message.into(), position: None })
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, code, position) = match &self.0 {
            Problem::NotFound(_) => (StatusCode::NOT_FOUND, "not_found", None),
            Problem::Bad { position, .. } => (StatusCode::BAD_REQUEST, "bad_request", *position),
            Problem::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", None),
        };
        let mut response = json(&Envelope { error: Error { code, message: &self.0.to_string(), position } });
        *response.status_mut() = status;
        response
    }
}

/// A value as the answer. What is stored changes every moment, so nothing is cached.
pub(crate) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => of_bytes(bytes),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn of_bytes(bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Writes a large value off the threads that serve others.
pub(crate) async fn large_json<T: Serialize + Send + 'static>(value: T) -> Response {
    match tokio::task::spawn_blocking(move || json(&value)).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "writing an answer as JSON failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

pub(super) async fn no_such_call() -> Failure {
    Failure(Problem::NotFound("call: /api documents those there are"))
}

/// `#[serde(serialize_with)]`: a moment as RFC 3339.
pub(crate) fn moment<S: serde::Serializer>(at: &model::time::Nanos, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&model::time::Rfc3339(*at))
}

/// As [`moment`], of what may not have happened.
pub(crate) fn maybe_moment<S: serde::Serializer>(at: &Option<model::time::Nanos>, to: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => moment(at, to),
        None => to.serialize_none(),
    }
}
