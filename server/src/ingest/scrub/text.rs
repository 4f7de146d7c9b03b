//! Secrets in free text: log messages. A name beside a value is needed, as with attributes: `password=…`, `"password": "…"`,
//! `Authorization: Bearer …`, `https://user:password@host`. Prose about tokens and passwords stays as it is.

use super::{REDACTED, is_secret, is_secret_parameter};
use memchr::{memchr2_iter, memmem};
use regex::bytes::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// What a text without secrets has none of, mostly: found in a fraction of the time it takes to look closer.
static SUSPECT: LazyLock<Regex> = LazyLock::new(|| {
    let words = "passw|passphrase|pwd|jwt|secret|token|authorization|bearer |api.?key|access.?key|private.?key|(?:signing|encryption|license).?key|cookie|credential|honeycomb.team|signature|://[^/]*@";
    Regex::new(&format!("(?i-u){words}")).expect("a regular expression")
});

/// Replaces secrets in a message.
pub fn clean_message(message: &mut String) {
    if !SUSPECT.is_match(message.as_bytes()) {
        return;
    }
    let secrets = secrets(message);
    if secrets.is_empty() {
        return;
    }
    let mut clean = String::with_capacity(message.len());
    let mut from = 0;
    for secret in secrets {
        clean.push_str(&message[from..secret.start]);
        clean.push_str(REDACTED);
        from = secret.end;
    }
    clean.push_str(&message[from..]);
    *message = clean;
}

/// Where secrets are, in order and apart.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for at in memchr2_iter(b'=', b':', text.as_bytes()) {
        if found.last().is_some_and(|last| at < last.end) {
            continue;
        }
        if text[at..].starts_with("://") {
            user_info(text, at + 3, &mut found);
        } else if let Some(value) = value(text, at) {
            found.push(value);
        }
    }
    for start in memmem::find_iter(text.as_bytes(), b"earer ").map(|at| at + 6) {
        let end = end_of_word(text, start);
        // `Bearer eyJhbGci…`, not `bearer of news`.
        if end - start >= 16 {
            found.push(start..end);
        }
    }
    found.sort_by_key(|secret| secret.start);
    let mut end = 0;
    found.retain(|secret| {
        let apart = secret.start >= end;
        end = end.max(secret.end);
        apart
    });
    found
}

/// `user:password@`, by its parts.
fn user_info(text: &str, start: usize, to: &mut Vec<Range<usize>>) {
    let rest = &text[start..];
    let end =
        rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>' | '\\' | ',')).unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else { return };
    match rest[..at].find(':') {
        Some(colon) => to.extend([start..start + colon, start + colon + 1..start + at]),
        None => to.push(start..start + at),
    }
}

/// The value after a `=` or `:` at `at`, if it is a secret.
fn value(text: &str, at: usize) -> Option<Range<usize>> {
    let before = text[..at].trim_end_matches(' ');
    let quoted = before.ends_with(['"', '\'']);
    let before = before.trim_end_matches(['"', '\'', '\\']);
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let name = before.rfind(|c| !is_name(c)).map_or(before, |at| &before[at + before[at..].chars().next().map_or(1, char::len_utf8)..]);
    let start = at + 1 + text[at + 1..].bytes().take_while(|byte| *byte == b' ').count();
    let opening = text[start..].trim_start_matches('\\').starts_with(['"', '\'']);
    let parameter = before[..before.len() - name.len()].ends_with(['?', '&']);
    let secret = name.len() <= 64 && if parameter { is_secret_parameter(name) } else { is_secret(name) };
    if !secret {
        return None;
    }
    if text.as_bytes()[at] == b':' && !(quoted || is_header(name)) {
        // `token: expired` is a sentence.
        return None;
    }
    let range = if opening {
        let escaped = text[start..].starts_with('\\');
        let start = start + if escaped { 2 } else { 1 };
        let quote = text.as_bytes()[start - 1];
        start..start + end_of_quoted(&text[start..], quote, escaped)
    } else if is_header(name) {
        start..start + text[start..].find(['\n', '"', '\'', ',', '\\']).unwrap_or(text.len() - start)
    } else {
        start..end_of_word(text, start)
    };
    let value = text[range.clone()].trim_end();
    // Counts and truths are no secrets, here as in attributes.
    let plain = value.is_empty()
        || value == REDACTED
        || value.parse::<f64>().is_ok()
        || matches!(value, "true" | "false" | "null" | "None" | "{" | "[");
    (!plain).then(|| range.start..range.start + value.len())
}

/// Headers whose value may have several words.
fn is_header(name: &str) -> bool {
    ["authorization", "cookie", "api-key"].iter().any(|header| {
        name.len() >= header.len()
            && name.is_char_boundary(name.len() - header.len())
            && name[name.len() - header.len()..].eq_ignore_ascii_case(header)
    })
}

fn end_of_word(text: &str, start: usize) -> usize {
    let ends = |c: char| c.is_whitespace() || matches!(c, '&' | ';' | ',' | '"' | '\'' | ')' | ']' | '}' | '<' | '>' | '\\' | '|');
    start + text[start..].find(ends).unwrap_or(text.len() - start)
}

/// Bytes until the quote that closes; with `escaped` quotes that is one with a backslash.
fn end_of_quoted(text: &str, quote: u8, escaped: bool) -> usize {
    let mut backslash = false;
    for (at, byte) in text.bytes().enumerate() {
        if byte == quote && backslash == escaped {
            return at - usize::from(escaped);
        }
        backslash = byte == b'\\' && !backslash;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_with_a_name_go() {
        for (dirty, clean) in [
            ("login password=hunter2 user=bob", "login password=REDACTED user=bob"),
            ("DB_PASSWORD='hun ter2', x", "DB_PASSWORD='REDACTED', x"),
            (r#"{"password": "hun\"ter2", "page": 2}"#, r#"{"password": "REDACTED", "page": 2}"#),
            (r#"{"body":"{\"password\":\"hunter2\",\"a\":1}"}"#, r#"{"body":"{\"password\":\"REDACTED\",\"a\":1}"}"#),
            ("{'api_key': 'hunter2'}", "{'api_key': 'REDACTED'}"),
            ("Authorization: Bearer hunter2", "Authorization: REDACTED"),
            (r#"{"authorization":"Bearer hunter2"}"#, r#"{"authorization":"REDACTED"}"#),
            ("headers: Cookie: a=hunter2; b=hunter2\nHost: x", "headers: Cookie: REDACTED\nHost: x"),
            ("sent Bearer hunter2hunter2hunter2.", "sent Bearer REDACTED"),
            ("GET https://h/cb?access_token=hunter2&state=1 200", "GET https://h/cb?access_token=REDACTED&state=1 200"),
            ("GET /a?X-Amz-Signature=hunter2 200", "GET /a?X-Amz-Signature=REDACTED 200"),
            (
                "connect postgres://u:hunter2@db:5432/x and redis://hunter2@r",
                "connect postgres://REDACTED:REDACTED@db:5432/x and redis://REDACTED@r",
            ),
            ("é password=hunter2é", "é password=REDACTED"),
            ("password=\"hunter2", "password=\"REDACTED"),
        ] {
            let mut message = dirty.to_owned();
            clean_message(&mut message);
            assert_eq!(message, clean);
            clean_message(&mut message);
            assert_eq!(message, clean, "cleaned twice");
        }
    }

    #[test]
    fn prose_and_counts_stay() {
        for text in [
            "",
            "Invalid token: expected a comma",
            "password: required field",
            "tokens=150 token=17 secret=null",
            r#"{"llm.token": 17, "secret": true, "password": ""}"#,
            "bearer of bad news",
            "the cookie jar: empty",
            "http://host/a@b?token",
            "password=",
            "=:=:\"'\\",
            "user@host: hi",
            "token_type=x secret.arn=y",
        ] {
            let mut message = text.to_owned();
            clean_message(&mut message);
            assert_eq!(message, text);
        }
    }

    #[test]
    fn cuts_never_panic() {
        let text = "é {\"password\": \"hu\\\"n\\u00e9\", 'token':'x'} Cookie: é=ü Bearer 0123456789abcdefé x://ü:é@h/?sig=é password=é\\";
        for (from, _) in text.char_indices() {
            for (to, _) in text[from..].char_indices() {
                clean_message(&mut text[from..from + to].to_owned());
            }
        }
        clean_message(&mut "token=\"a\\".repeat(100_000));
    }
}
