//! Ingest keys: who may send. Without a key file everybody may, and no key is stored. With one, a sender needs a key of
//! it, and its spans carry the key's *name*.

pub mod sigv4;

use axum::http::HeaderMap;
use axum::http::request::Parts;
use sigv4::{Payload, Signature};
use std::path::Path;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// A key's name, and the key.
type NamedKey = (Arc<str>, Box<str>);

/// The keys of `--keys`.
#[derive(Clone, Default)]
pub struct Keys {
    /// `None`: no key file, anybody may send.
    known: Option<Arc<[NamedKey]>>,
    nameless: Arc<str>,
}

/// The sender has no key that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

/// Why a request to an AWS API is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// Neither signed nor with a key.
    Missing,
    /// Of the signature a part is missing.
    Incomplete,
    /// Signed with a key that is not in the file, or sent with one.
    UnknownKey,
    /// Signed with another secret, or changed on its way.
    WrongSignature,
}

impl Unsigned {
    /// AWS's name for it. Which status goes with it depends on the protocol: 403 in REST, 400 in JSON 1.1.
    pub fn kind(self) -> &'static str {
        match self {
            Unsigned::Missing => "MissingAuthenticationTokenException",
            Unsigned::Incomplete => "IncompleteSignatureException",
            Unsigned::UnknownKey => "UnrecognizedClientException",
            Unsigned::WrongSignature => "InvalidSignatureException",
        }
    }

    /// AWS's words.
    pub fn message(self) -> &'static str {
        match self {
            Unsigned::Missing => "Missing Authentication Token",
            Unsigned::Incomplete => "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.",
            Unsigned::UnknownKey => "The security token included in the request is invalid.",
            Unsigned::WrongSignature => {
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and \
                 signing method. Consult the service documentation for details."
            }
        }
    }
}

impl Keys {
    /// Reads a key file.
    ///
    /// # Errors
    /// A sentence for the person who started the program.
    pub fn read(path: &Path) -> Result<Keys, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read the key file {}: {error}", path.display()))?;
        Keys::parse(&text).map_err(|(line, why)| format!("key file {}, line {line}: {why}", path.display()))
    }

    /// One `name = key` a line; empty lines and lines that begin with `#` are skipped. Several keys may have one name (to
    /// change a key without a gap). A key with a colon can sign AWS requests, too: `name = ACCESSKEYID:SECRET`. Errors are
    /// (line, reason), and never hold a key.
    pub fn parse(text: &str) -> Result<Keys, (usize, &'static str)> {
        let mut known = Vec::new();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, key) = line.split_once('=').ok_or((n + 1, "expected `name = key`"))?;
            let (name, key) = (name.trim(), key.trim());
            if name.is_empty() || key.is_empty() {
                return Err((n + 1, "a key needs a name and a name a key"));
            }
            known.push((Arc::from(name), Box::from(key)));
        }
        if known.is_empty() {
            return Err((1, "there is no key in it, so nothing could be sent"));
        }
        Ok(Keys { known: Some(known.into()), nameless: Arc::default() })
    }

    /// Whether there is a key file.
    pub fn are_needed(&self) -> bool {
        self.known.is_some()
    }

    /// The name of the key in the request: `x-honeycomb-team`, `Authorization: Bearer` or `api-key`. Empty without a key
    /// file. Every known key is compared, each in constant time.
    pub fn check(&self, headers: &HeaderMap) -> Result<Arc<str>, Unknown> {
        if self.known.is_none() {
            return Ok(self.nameless.clone());
        }
        // All of them, so that the time says nothing.
        let mut found = None;
        for name in sent(headers).map(|sent| self.check_key(sent)) {
            found = found.or(name.ok());
        }
        found.ok_or(Unknown)
    }

    /// The name of this key. Empty without a key file.
    pub fn check_key(&self, sent: &[u8]) -> Result<Arc<str>, Unknown> {
        let Some(known) = &self.known else { return Ok(self.nameless.clone()) };
        let mut found = None;
        for (name, key) in known.iter() {
            if bool::from(key.as_bytes().ct_eq(sent)) && found.is_none() {
                found = Some(name.clone());
            }
        }
        found.ok_or(Unknown)
    }

    /// The name of the key of a request to an AWS API: of the pair that it is signed with (AWS Signature Version 4), or of a key
    /// that is sent as [`Keys::check`] has it. Empty without a key file. `payload` is the body as it was sent.
    pub fn check_signed(&self, request: &Parts, payload: &Payload) -> Result<Arc<str>, Unsigned> {
        let Some(known) = &self.known else { return Ok(self.nameless.clone()) };
        if !sigv4::is_signed(&request.headers) {
            let why = if sent(&request.headers).next().is_some() { Unsigned::UnknownKey } else { Unsigned::Missing };
            return self.check(&request.headers).map_err(|Unknown| why);
        }
        let signature = Signature::read(&request.headers).ok_or(Unsigned::Incomplete)?;
        let mut refusal = Unsigned::UnknownKey;
        for (name, key) in known.iter() {
            let Some((_, secret)) = key.split_once(':').filter(|(id, _)| *id == signature.id) else { continue };
            if signature.is_made_with(secret.as_bytes(), request, payload.clone()) {
                return Ok(name.clone());
            }
            refusal = Unsigned::WrongSignature;
        }
        Err(refusal)
    }
}

fn sent(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let bearer = |value: &'_ [u8]| value.split_first_chunk::<7>().is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
    let plain = ["x-honeycomb-team", "api-key"].into_iter().filter_map(|name| headers.get(name)).map(|value| value.as_bytes());
    let bearers =
        headers.get("authorization").map(|value| value.as_bytes()).filter(move |value| bearer(value)).map(|value| value[7..].trim_ascii());
    plain.chain(bearers)
}

/// Keys never reach a log.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.known.as_ref().map_or(0, |known| known.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(header: &'static str, value: &'static str) -> HeaderMap {
        [(header.parse().unwrap(), value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn without_a_file_all_may_send_and_no_key_is_kept() {
        assert_eq!(&*Keys::default().check(&with("x-honeycomb-team", "hcaik_secret")).unwrap(), "");
    }

    #[test]
    fn a_known_key_in_any_of_its_headers() {
        let keys = Keys::parse("# staging\n\nbackend = k-1\nbackend=k-2=\n").unwrap();
        for (header, value) in
            [("x-honeycomb-team", "k-1"), ("api-key", "k-2="), ("authorization", "Bearer k-1"), ("authorization", "bearer  k-1 ")]
        {
            assert_eq!(&*keys.check(&with(header, value)).unwrap(), "backend", "{header}: {value}");
        }
        for (header, value) in
            [("x-honeycomb-team", "k-"), ("x-honeycomb-team", ""), ("authorization", "k-1"), ("authorization", "Basic k-1"), ("x", "k-1")]
        {
            assert_eq!(keys.check(&with(header, value)), Err(Unknown), "{header}: {value}");
        }
        assert_eq!(format!("{keys:?}"), "Keys(2)");
    }

    #[test]
    fn a_request_that_is_not_signed_needs_a_key() {
        let keys = Keys::parse("old = k-1\napp = AKID:s\n").unwrap();
        let check = |header, value| {
            let (mut parts, ()) = axum::http::Request::post("/").body(()).unwrap().into_parts();
            parts.headers = with(header, value);
            keys.check_signed(&parts, &Payload::of(b"")).map(|name| name.to_string())
        };
        assert_eq!(check("api-key", "k-1"), Ok("old".into()));
        assert_eq!(check("api-key", "AKID:s"), Ok("app".into()), "as before there were pairs");
        assert_eq!(check("api-key", "k-2"), Err(Unsigned::UnknownKey));
        assert_eq!(check("x", "k-1"), Err(Unsigned::Missing));
        assert_eq!(check("authorization", "AWS4-HMAC-SHA256 Credential=AKID/a/b/c/aws4_request"), Err(Unsigned::Incomplete));
    }

    #[test]
    fn a_wrong_file_says_where() {
        assert_eq!(Keys::parse("a = b\nc").unwrap_err().0, 2);
        assert_eq!(Keys::parse("= b").unwrap_err().0, 1);
        assert!(Keys::parse("\n#a = b\n").is_err());
    }
}
