//! AWS Signature Version 4, as far as it verifies what AWS SDKs put into the `Authorization` header.
//!
//! Source: AWS IAM user guide, "Signature Version 4 for API requests". How old a request is does not matter: boto3 does not
//! correct its clock, so that refusing on skew would lose what it sends for good.

use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};

/// What the header begins with.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A body as it was sent, compressed if it is: its hash is part of what is signed.
#[derive(Clone, Debug)]
pub struct Payload(Option<Sha256>);

impl Payload {
    /// Nothing yet. `needed`: whether signatures are verified at all, or else the hash is nobody's.
    pub fn new(needed: bool) -> Payload {
        Payload(needed.then(Sha256::new))
    }

    /// Of a body that is here as a whole.
    pub fn of(body: &[u8]) -> Payload {
        Payload(Some(Sha256::new_with_prefix(body)))
    }

    /// The same body, hashed as it is read.
    pub fn watch<B>(&mut self, body: B) -> impl http_body::Body<Data = Bytes, Error = B::Error>
    where
        B: http_body::Body<Data = Bytes>,
    {
        body.map_frame(|frame| {
            if let (Some(hash), Some(data)) = (&mut self.0, frame.data_ref()) {
                hash.update(data);
            }
            frame
        })
    }
}

/// Whether a request says that it is signed this way.
pub fn is_signed(headers: &HeaderMap) -> bool {
    text_of(headers, &AUTHORIZATION).starts_with(ALGORITHM)
}

/// The parts of an `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// Access key id.
    pub id: &'a str,
    /// `20261122/us-east-1/xray/aws4_request`
    scope: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Signature<'a> {
    /// From the headers of a request; `None` if a part is missing.
    pub fn read(headers: &'a HeaderMap) -> Option<Signature<'a>> {
        let parts = text_of(headers, &AUTHORIZATION).strip_prefix(ALGORITHM)?;
        let part = |name: &str| parts.split([',', ' ']).find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        let (id, scope) = part("Credential")?.split_once('/')?;
        Some(Signature { id, scope, signed_headers: part("SignedHeaders")?, signature: part("Signature")? })
    }

    /// The service that it is signed for, e.g. `xray` or `logs`.
    pub fn service(&self) -> &'a str {
        self.scope.split('/').nth(2).unwrap_or_default()
    }

    /// Whether the secret is the one that this request was signed with. Compared in constant time.
    pub fn is_made_with(&self, secret: &[u8], request: &Parts, payload: Payload) -> bool {
        let Some(signature) = unhex(self.signature) else { return false };
        let canonical = hex(&Sha256::digest(canonical(request, self.signed_headers, payload)));
        let moment = text_of(&request.headers, &HeaderName::from_static("x-amz-date"));
        let signed = [ALGORITHM, moment, self.scope, &canonical].join("\n");
        let key =
            self.scope.split('/').fold([b"AWS4", secret].concat(), |key, part| mac(&key, part.as_bytes()).finalize().into_bytes().to_vec());
        mac(&key, signed.as_bytes()).verify_slice(&signature).is_ok()
    }
}

/// The request in the form that both sides hash.
fn canonical(request: &Parts, signed_headers: &str, payload: Payload) -> String {
    let Parts { method, uri, headers, .. } = request;
    let names = signed_headers.split(';');
    // HTTP/2 has the host in the URI.
    let authority = |name: &str| if name == HOST.as_str() { uri.authority().map(|host| host.to_string()) } else { None };
    let header = |name: &str| {
        let values: Vec<String> = headers.get_all(name).iter().map(|value| squeezed(&String::from_utf8_lossy(value.as_bytes()))).collect();
        let value = if values.is_empty() { authority(name).unwrap_or_default() } else { values.join(",") };
        format!("{name}:{value}\n")
    };
    let hash = match text_of(headers, &HeaderName::from_static("x-amz-content-sha256")) {
        unsigned @ "UNSIGNED-PAYLOAD" => unsigned.to_owned(),
        _ => payload.0.map(|hash| hex(&hash.finalize())).unwrap_or_default(),
    };
    let (path, query) = (path(uri.path()), query(uri.query().unwrap_or_default()));
    [method.as_str(), &path, &query, &names.map(header).collect::<String>(), signed_headers, &hash].join("\n")
}

/// Without dot segments and doubled slashes, and encoded once more than on the wire (every service but S3 has it so).
fn path(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(encoded(part.as_bytes())),
        }
    }
    let end = if !parts.is_empty() && (path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..")) { "/" } else { "" };
    format!("/{}{end}", parts.join("/"))
}

/// Sorted by name and value, each encoded in one way.
fn query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut pairs: Vec<(String, String)> = pairs.map(|(name, value)| (encoded(&decoded(name)), encoded(&decoded(value)))).collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// All but RFC 3986's unreserved characters as `%XX`.
fn encoded(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(*byte as char);
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

/// With `%XX` read; a `%` that is none of these stays.
fn decoded(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| unhex(std::str::from_utf8(tail.get(..2)?).ok()?)?.pop()).flatten();
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    bytes
}

/// Spaces at the ends go, several in a row are one.
fn squeezed(text: &str) -> String {
    text.split([' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn text_of<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length").chain_update(message)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|digit| Some(digit.to_digit(16)? as u8)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests;
