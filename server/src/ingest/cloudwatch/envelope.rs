//! What surrounds every action of CloudWatch Logs: AWS JSON 1.1, its errors and its headers.

use crate::auth::Unsigned;
use crate::guard::Refusal;
use crate::ingest::Ingest;
use crate::ingest::body::{self, Encoding, Framing, Trouble};
use crate::ingest::xray::api::request_id;
use crate::store::{LogProblem, Refused};
use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use model::port::Problem;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// The account that everything here is of.
pub const ACCOUNT: &str = "000000000000";

/// The action that a request names in its header, whether or not it is one of ours: `Logs_20140328.PutLogEvents`.
pub fn target(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-amz-target")?.to_str().ok()?.strip_prefix("Logs_20140328.")
}

/// Of `actions` the one of this name.
pub fn action_of<A: Copy>(actions: &[(&str, A)], name: &str) -> Option<A> {
    actions.iter().find(|(known, _)| *known == name).map(|(_, action)| *action)
}

/// The parts of the scope that a request is signed with (AWS Signature Version 4, `Credential=id/day/region/service/aws4_request`), id first.
fn scope(headers: &HeaderMap) -> Option<Vec<&str>> {
    let signature = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("AWS4-HMAC-SHA256")?;
    let scope = signature.split([',', ' ']).find_map(|part| part.strip_prefix("Credential="))?;
    let parts: Vec<&str> = scope.rsplitn(5, '/').collect();
    (parts.len() == 5).then(|| parts.into_iter().rev().collect())
}

/// Whether a request is signed for this service, whatever it asks for.
pub fn is_signed_for(headers: &HeaderMap, service: &str) -> bool {
    scope(headers).is_some_and(|scope| scope[3] == service)
}

/// The id of the key that a request is signed with.
pub fn access_key_id(headers: &HeaderMap) -> Option<&str> {
    Some(scope(headers)?[0])
}

/// The region that a client believes to talk to.
pub fn region(headers: &HeaderMap) -> &str {
    scope(headers).map_or("us-east-1", |scope| scope[2])
}

/// Why a request failed, as AWS has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    status: StatusCode,
    /// AWS's name for it, which SDKs turn into an exception.
    pub kind: &'static str,
    pub message: String,
    retry_after: Option<Duration>,
    /// Further members of the error.
    more: Option<(&'static str, Value)>,
}

impl Failure {
    /// Nearly every error of this protocol is a 400.
    pub fn new(kind: &'static str, message: impl Into<String>) -> Failure {
        Failure { status: StatusCode::BAD_REQUEST, kind, message: message.into(), retry_after: None, more: None }
    }

    pub fn invalid(message: impl Into<String>) -> Failure {
        Failure::new("InvalidParameterException", message)
    }

    /// As AWS's validation says it of a member of the request.
    pub fn constraint(value: impl std::fmt::Display, member: &str, constraint: &str) -> Failure {
        Failure::invalid(format!(
            "1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: Member must {constraint}"
        ))
    }

    pub fn not_found(message: impl Into<String>) -> Failure {
        Failure::new("ResourceNotFoundException", message)
    }

    /// `position` is a byte offset in the query.
    pub fn malformed_query(message: &str, position: usize) -> Failure {
        let location = json!({"startCharOffset": position, "endCharOffset": position});
        let failure = Failure::new("MalformedQueryException", format!("unexpected symbol found at position {position}: {message}"));
        Failure { more: Some(("queryCompileError", json!({"location": location, "message": message}))), ..failure }
    }

    pub fn unsigned(why: Unsigned) -> Failure {
        Failure::new(why.kind(), why.message())
    }

    pub fn unknown_action(name: &str) -> Failure {
        Failure::new("UnknownOperationException", format!("{name} is not an action of CloudWatch Logs that is served here."))
    }

    /// Never a 5xx: WatchTower spends all its attempts on those within a second, and drops the lines. At this it waits.
    fn busy(retry_after: Duration) -> Failure {
        let failure = Failure::new("ThrottlingException", "Rate exceeded");
        Failure { retry_after: Some(retry_after.max(Duration::from_secs(2))), ..failure }
    }

    /// Whether the same request may succeed later.
    pub fn is_temporary(&self) -> bool {
        self.retry_after.is_some() || self.status.is_server_error()
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        let with = |status, kind, message: &str| Failure { status, ..Failure::new(kind, message) };
        match trouble {
            Trouble::TooLarge => {
                with(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", "The request is larger than 64 MiB.")
            }
            Trouble::Busy => Failure::busy(Duration::from_secs(2)),
            Trouble::Broken(why) => Failure::new("SerializationException", format!("The body cannot be read: {why}.")),
            Trouble::Slow | Trouble::Gone => {
                with(StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException", "The body did not arrive in time.")
            }
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        match refused {
            Refused::Busy { retry_after } => Failure::busy(retry_after),
            Refused::Closed => Failure::busy(Duration::from_secs(5)),
        }
    }
}

impl From<LogProblem> for Failure {
    fn from(problem: LogProblem) -> Failure {
        match problem {
            LogProblem::NoGroup => Failure::not_found("The specified log group does not exist."),
            LogProblem::NoStream => Failure::not_found("The specified log stream does not exist."),
            LogProblem::Exists => Failure::new("ResourceAlreadyExistsException", "The specified log group already exists"),
            LogProblem::Unavailable(why) => Problem::Unavailable(why).into(),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        match problem {
            Problem::NotFound("log group") => LogProblem::NoGroup.into(),
            Problem::NotFound(_) => Failure::not_found(problem.to_string()),
            Problem::Bad { .. } => Failure::invalid(problem.to_string()),
            Problem::Unavailable(_) => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Failure { status, ..Failure::new("ServiceUnavailableException", problem.to_string()) }
            }
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::new("AccessDeniedException", refusal.message().trim_end())
    }
}

/// The body of a request; waiting for room comes out of `patience`.
pub async fn body_of<B>(ingest: &Ingest, headers: &HeaderMap, body: B, patience: &mut Duration) -> Result<body::Held, Failure>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    let encoding = match headers.get(CONTENT_ENCODING) {
        None => Some(Encoding::Identity),
        Some(name) => name.to_str().ok().and_then(Encoding::from_name),
    };
    let encoding = encoding.ok_or_else(|| Failure::from(Trouble::Broken("its encoding is not known")))?;
    Ok(body::read(body, Framing::Bare(encoding), &ingest.budget, patience).await?)
}

/// The parameters of an action.
pub fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Failure> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Failure::new("SerializationException", format!("The body cannot be read: {error}.")))
}

/// A member that must be there.
pub fn required<T>(member: Option<T>, name: &str) -> Result<T, Failure> {
    member.ok_or_else(|| Failure::constraint("null", name, "not be null"))
}

/// An answer with a body.
pub fn answer(value: &Value) -> Response<Body> {
    with_headers(Body::from(value.to_string()))
}

/// The answer of actions that answer nothing.
pub fn nothing() -> Response<Body> {
    with_headers(Body::empty())
}

pub fn error(failure: &Failure) -> Response<Body> {
    let mut value = json!({"__type": failure.kind, "message": failure.message});
    if let Some((name, more)) = &failure.more {
        value[name] = more.clone();
    }
    let mut response = answer(&value);
    *response.status_mut() = failure.status;
    let headers = response.headers_mut();
    headers.insert("x-amzn-errortype", HeaderValue::from_static(failure.kind));
    if let Some(after) = failure.retry_after {
        // Milliseconds, which botocore's "standard" retries obey.
        headers.insert("x-amz-retry-after", HeaderValue::from(after.as_millis() as u64));
    }
    response
}

/// Fluent Bit sends a request again whose answer has no request id.
fn with_headers(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    headers.insert("x-amzn-requestid", request_id());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_of_a_signature() {
        let signature = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-west-1/logs/aws4_request, SignedHeaders=host, Signature=0";
        let headers: HeaderMap = [(AUTHORIZATION, signature.parse().unwrap())].into_iter().collect();
        assert_eq!((region(&headers), access_key_id(&headers)), ("eu-west-1", Some("AKIDEXAMPLE")));
        assert!(is_signed_for(&headers, "logs") && !is_signed_for(&headers, "xray"));
        assert_eq!(region(&HeaderMap::new()), "us-east-1");
        let headers: HeaderMap = [(AUTHORIZATION, "AWS4-HMAC-SHA256 Credential=a/b".parse().unwrap())].into_iter().collect();
        assert_eq!(access_key_id(&headers), None);
    }
}
