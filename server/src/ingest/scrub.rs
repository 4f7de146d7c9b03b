//! Secrets are scrubbed before anything is stored. Key names decide (`authorization`, `password`, `api_key`, ...); values
//! are looked into only where the key says they are a URL or a connection string (user info, query parameters).
//! Log messages are looked through for names beside values.
//! The replacement is OpenTelemetry's own: semantic conventions, `url.full`, "SHOULD be redacted ... `REDACTED`".

mod text;

pub use text::clean_message;

use model::attr::Value;
use regex::Regex;
use std::sync::{LazyLock, OnceLock};

/// What stands where a secret stood.
pub const REDACTED: &str = "REDACTED";

/// Names that mean secrets here besides those that do everywhere, in lower case.
static ALSO: OnceLock<Vec<String>> = OnceLock::new();

/// Names that mean secrets in this team's data, from its configuration; once, before anything arrives. Case and what stands between words do not
/// matter.
pub fn also(names: &[String]) {
    let _ = ALSO.set(names.iter().map(|name| plain(name)).filter(|name| !name.is_empty()).collect());
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn is_also_secret(key: &str) -> bool {
    ALSO.get().is_some_and(|names| !names.is_empty() && names.contains(&plain(key)))
}

/// What the name of an attribute or query parameter says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Plain,
    Secret,
    Url,
    /// A bare query or `key=value;` list.
    Parameters,
    /// What a program says of an error: free text, which every system that saw the error must scrub alike, or they seem to differ.
    Message,
}

/// Replaces the value of `key` where the key names a secret, and secrets inside values that are URLs.
/// Numbers and truth values are left: `llm.token: 17` is a count.
pub fn clean(key: &str, value: &mut Value) {
    match class(key) {
        Class::Plain => {}
        Class::Secret => {
            if !matches!(value, Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Empty) {
                *value = Value::Str(REDACTED.to_owned());
            }
        }
        class => clean_texts(value, class),
    }
}

/// Whether the key names a secret, whatever its value is.
pub fn is_secret(key: &str) -> bool {
    class(key) == Class::Secret
}

/// A span's name, should it hold a URL with a secret in it.
pub fn clean_name(name: &mut String) {
    if name.contains("://") {
        clean_text(name, Class::Url);
    }
}

/// A text whose name says that it is a URL or a list of parameters.
pub fn clean_where(key: &str, text: &mut String) {
    match class(key) {
        Class::Plain | Class::Secret | Class::Message => {}
        class => clean_text(text, class),
    }
}

/// What is a secret by its looks alone, whatever it is called: tokens of well-known makers, JSON web tokens, private keys.
static SECRET_VALUE: LazyLock<Regex> = LazyLock::new(|| {
    let makers = [
        r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
        r"\bA(?:KIA|SIA)[0-9A-Z]{16}\b",
        r"\b(?:sk|rk|pk|tok)_(?:live|test)_[A-Za-z0-9]{10,}",
        r"\bgh[pousr]_[A-Za-z0-9]{36,}",
        r"\bgithub_pat_[A-Za-z0-9_]{22,}",
        r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s]*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
    ];
    Regex::new(&makers.join("|")).expect("a regular expression")
});

/// Replaces what looks like a secret in any text.
pub fn clean_values(text: &mut String) {
    if let std::borrow::Cow::Owned(clean) = SECRET_VALUE.replace_all(text, REDACTED) {
        *text = clean;
    }
}

fn clean_texts(value: &mut Value, class: Class) {
    match value {
        Value::Str(text) if class == Class::Message => {
            clean_message(text);
            clean_values(text);
        }
        Value::Str(text) => clean_text(text, class),
        // Captured headers are lists of texts: `http.request.header.referer`.
        Value::List(items) => items.iter_mut().for_each(|item| clean_texts(item, class)),
        _ => {}
    }
}

fn clean_text(text: &mut String, class: Class) {
    if memchr::memchr2(b'@', b'=', text.as_bytes()).is_none() {
        return;
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.as_str();
    if let Some(authority) = rest.find("://").map(|at| at + 3) {
        let end = rest[authority..].find(['/', '?', '#', ' ', ';']).map_or(rest.len(), |at| authority + at);
        if let Some(at) = rest[authority..end].rfind('@').map(|at| authority + at) {
            clean.push_str(&rest[..authority]);
            clean.push_str(REDACTED);
            if rest[authority..at].contains(':') {
                clean.push(':');
                clean.push_str(REDACTED);
            }
            rest = &rest[at..];
        }
    }
    if class == Class::Url
        && let Some(question) = rest.find(['?', '#', ';'])
    {
        clean.push_str(&rest[..=question]);
        rest = &rest[question + 1..];
    }
    // Parameters; their separators are kept as they are.
    while !rest.is_empty() {
        let end = rest.find(['&', ';', '#', '?', ' ']).unwrap_or(rest.len());
        let (pair, tail) = rest.split_at(end);
        match pair.split_once('=') {
            Some((name, value)) if !value.is_empty() && is_secret_parameter(name) => {
                clean.push_str(name);
                clean.push('=');
                clean.push_str(REDACTED);
            }
            _ => clean.push_str(pair),
        }
        let separator = tail.chars().next().map_or(0, char::len_utf8);
        clean.push_str(&tail[..separator]);
        rest = &tail[separator..];
    }
    *text = clean;
}

fn is_secret_parameter(name: &str) -> bool {
    class(name) == Class::Secret
        || name.eq_ignore_ascii_case("key")
        || segments(name).any(|part| ["sig", "signature", "credential"].iter().any(|word| part.eq_ignore_ascii_case(word)))
}

fn class(key: &str) -> Class {
    if is_also_secret(key) {
        return Class::Secret;
    }
    let mut found = Class::Plain;
    let (mut before, mut last) = ("", "");
    for part in segments(key) {
        (before, last) = (last, part);
        if found == Class::Plain && is_secret_word(before, last) {
            found = Class::Secret;
        }
    }
    if found == Class::Secret {
        // `gen_ai.token.type`, `aws.secretsmanager.secret.arn`, `cookie.name`: about a secret, not one.
        let about = ["name", "type", "count", "length", "size", "arn", "expires", "expiry", "status", "version"];
        return if about.iter().any(|word| last.eq_ignore_ascii_case(word)) { Class::Plain } else { Class::Secret };
    }
    let is = |part: &str, word: &str| part.eq_ignore_ascii_case(word);
    match last.len() {
        3 if is(last, "url") || is(last, "uri") || is(last, "dsn") => Class::Url,
        4 if is(last, "full") && is(before, "url") || is(last, "href") => Class::Url,
        5 if is(last, "query") && is(before, "url") => Class::Parameters,
        7 | 10 if is(before, "exception") && (is(last, "message") || is(last, "stacktrace")) => Class::Message,
        6 if is(last, "target") || is(last, "string") && is(before, "connection") => Class::Url,
        7 if is(last, "referer") => Class::Url,
        8 if is(last, "referrer") || is(last, "location") || is(last, "endpoint") || is(last, "original") && is(before, "url") => {
            Class::Url
        }
        _ => Class::Plain,
    }
}

fn is_secret_word(before: &str, word: &str) -> bool {
    let any = |words: &[&str]| words.iter().any(|secret| word.eq_ignore_ascii_case(secret));
    match word.len() {
        3 => any(&["pwd", "jwt"]) || word.eq_ignore_ascii_case("key") && is_kind_of_key(before),
        4 => word.eq_ignore_ascii_case("team") && before.eq_ignore_ascii_case("honeycomb"),
        5 => any(&["token"]),
        6 => any(&["secret", "cookie", "passwd", "apikey"]),
        7 => any(&["secrets", "cookies"]),
        8 => any(&["password"]),
        9 => any(&["passwords", "accesskey", "secretkey"]),
        10 => any(&["passphrase", "credential", "privatekey"]),
        11 => any(&["credentials", "accesstoken"]),
        13 => any(&["authorization"]),
        _ => false,
    }
}

fn is_kind_of_key(before: &str) -> bool {
    ["api", "access", "private", "secret", "signing", "encryption", "license"].iter().any(|kind| before.eq_ignore_ascii_case(kind))
}

/// The words of a name: `x-api_key` and `xApiKey` are x, api, key.
fn segments(name: &str) -> impl Iterator<Item = &str> {
    let bytes = name.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() && !is_word(bytes[at]) {
            at += 1;
        }
        let start = at;
        while at < bytes.len()
            && is_word(bytes[at])
            && !(at > start && bytes[at].is_ascii_uppercase() && bytes[at - 1].is_ascii_lowercase())
        {
            at += 1;
        }
        (at > start).then(|| &name[start..at])
    })
}

/// Non-ASCII bytes count as letters, so that words end at character boundaries.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(key: &str, text: &str) -> String {
        let mut value = Value::Str(text.to_owned());
        clean(key, &mut value);
        value.to_string()
    }

    #[test]
    fn keys_that_name_secrets() {
        for key in [
            "password",
            "http.request.header.authorization",
            "HTTP.REQUEST.HEADER.COOKIE",
            "http.response.header.set-cookie",
            "http.request.header.x_api_key",
            "apiKey",
            "secret_token",
            "user.passwd",
            "aws.secretAccessKey",
            "http.request.header.x-honeycomb-team",
            "nested.accessToken",
        ] {
            assert_eq!(cleaned(key, "hunter2"), REDACTED, "{key}");
        }
        for key in
            ["gen_ai.token.type", "aws.secretsmanager.secret.arn", "db.query.text", "monkey", "cache.key", "tokens", "é", "", "secretary"]
        {
            assert_eq!(cleaned(key, "hunter2"), "hunter2", "{key}");
        }
        let mut count = Value::Int(17);
        clean("llm.token", &mut count);
        assert_eq!(count, Value::Int(17));
        let mut header = Value::List(vec![Value::Str("Bearer x".into())]);
        clean("http.request.header.authorization", &mut header);
        assert_eq!(header, Value::Str(REDACTED.into()));
    }

    #[test]
    fn urls() {
        for (key, dirty, clean) in [
            ("url.full", "https://bob:pw@host/a?b=1&token=xyz#f", "https://REDACTED:REDACTED@host/a?b=1&token=REDACTED#f"),
            ("http.url", "http://bob@host:80/", "http://REDACTED@host:80/"),
            ("http.url", "http://host/a@b?x=y", "http://host/a@b?x=y"),
            ("http.target", "/a?X-Amz-Signature=abc&sig=1&q=é", "/a?X-Amz-Signature=REDACTED&sig=REDACTED&q=é"),
            ("url.query", "api_key=1&page=2", "api_key=REDACTED&page=2"),
            ("url.full", "https://h/cb#access_token=abc&state=1", "https://h/cb#access_token=REDACTED&state=1"),
            ("db.connection_string", "Server=a;User=b;Password=c;", "Server=a;User=b;Password=REDACTED;"),
            ("db.connection_string", "postgres://u:p@db:5432/x?sslmode=on", "postgres://REDACTED:REDACTED@db:5432/x?sslmode=on"),
            ("url.full", "http://host/plain", "http://host/plain"),
            ("url.full", "@=?&;#", "@=?&;#"),
        ] {
            assert_eq!(cleaned(key, dirty), clean);
        }
        let mut name = "GET http://u:p@h/".to_owned();
        clean_name(&mut name);
        assert_eq!(name, "GET http://REDACTED:REDACTED@h/");
    }
}
