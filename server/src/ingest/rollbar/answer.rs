//! Answers and errors as Rollbar has them: `{"err":0,"result":…}` and `{"err":1,"message":…}`.

use crate::ingest::body::Trouble;
use crate::store::Refused;
use axum::body::Body;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Response, StatusCode};
use model::port::Problem;
use serde_json::{Value, json};

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    status: StatusCode,
    reason: &'static str,
    pub message: String,
}

impl Failure {
    fn new(status: StatusCode, reason: &'static str, message: impl Into<String>) -> Failure {
        Failure { status, reason, message: message.into() }
    }

    /// It cannot be read.
    pub fn bad(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, "malformed request", message)
    }

    /// It can be read and means nothing.
    pub fn unprocessable(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "not an item", message)
    }

    pub fn no_token() -> Failure {
        Failure::new(
            StatusCode::UNAUTHORIZED,
            "unknown key",
            "An access token is needed: in the header X-Rollbar-Access-Token, or access_token in the body or the query.",
        )
    }

    pub fn wrong_token() -> Failure {
        Failure::new(StatusCode::FORBIDDEN, "unknown key", "The access token is not known here.")
    }

    pub fn forbidden(why: &str) -> Failure {
        Failure::new(StatusCode::FORBIDDEN, "forbidden", why)
    }

    pub fn too_large() -> Failure {
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too large", "An item may have 4 MiB.")
    }

    pub fn unknown(method: &Method, path: &str) -> Failure {
        Failure::new(
            StatusCode::NOT_FOUND,
            "unknown call",
            format!("{method} {path} is not served here; items are posted to /api/1/item/."),
        )
    }

    pub fn wrong_method(method: &Method, path: &str) -> Failure {
        Failure::new(StatusCode::METHOD_NOT_ALLOWED, "unknown call", format!("{path} does not take {method}."))
    }

    pub fn closed() -> Failure {
        // SDKs take 5xx as 4xx: they do not send again.
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "closed", "The server is shutting down.")
    }

    /// The store would not take it.
    pub fn not_stored(reason: &'static str) -> Failure {
        Failure::new(StatusCode::UNPROCESSABLE_ENTITY, reason, format!("It was not stored: {reason}."))
    }

    /// For counting.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// Whether nothing is to be noted about it: it is counted already, or nobody can do anything about it.
    pub fn is_noted(&self) -> bool {
        matches!(self.reason, "busy" | "closed" | "unknown call") || self.message.starts_with("It was not stored")
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        match trouble {
            Trouble::TooLarge => Failure::too_large(),
            Trouble::Busy => Failure::from(Refused::Busy { retry_after: std::time::Duration::from_secs(1) }),
            Trouble::Broken(why) => Failure::bad(format!("The body cannot be read: {why}.")),
            Trouble::Slow | Trouble::Gone => Failure::new(StatusCode::REQUEST_TIMEOUT, "timed out", "The body did not arrive in time."),
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        match refused {
            Refused::Busy { .. } => Failure::new(StatusCode::TOO_MANY_REQUESTS, "busy", "Too much is in flight, send it again."),
            Refused::Closed => Failure::closed(),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        match problem {
            Problem::NotFound(what) => Failure::new(StatusCode::NOT_FOUND, "not found", format!("There is no such {what}.")),
            Problem::Bad { message, .. } => Failure::unprocessable(message),
            problem => Failure::new(StatusCode::SERVICE_UNAVAILABLE, "closed", problem.to_string()),
        }
    }
}

/// An item was taken.
pub fn taken(uuid: &str) -> Response<Body> {
    answer(StatusCode::OK, &json!({"err": 0, "result": {"id": null, "uuid": uuid}}))
}

/// Of a file so many lines were taken. `too_old`: what the store did not take.
pub fn many(taken: u64, not_stored: u64, rejected: &[Value]) -> Response<Body> {
    answer(StatusCode::OK, &json!({"err": 0, "result": {"items": taken, "not_stored": not_stored, "rejected": rejected}}))
}

/// Any other success.
pub fn result(result: &Value) -> Response<Body> {
    answer(StatusCode::OK, &json!({"err": 0, "result": result, "data": result}))
}

pub fn pong() -> Response<Body> {
    let mut response = Response::new(Body::from("pong"));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

pub fn error(failure: &Failure) -> Response<Body> {
    answer(failure.status, &json!({"err": 1, "message": failure.message}))
}

fn answer(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Browsers read it from any page.
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}
