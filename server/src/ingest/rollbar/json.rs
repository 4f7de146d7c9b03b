//! Bodies. SDKs write what their language calls JSON: Python's has `NaN` and halves of surrogate pairs, and a form may be around it.

use app::url::Pairs;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The JSON of a body; else what is wrong with it.
pub fn parse(body: &[u8]) -> Result<Value, String> {
    if body.trim_ascii().is_empty() {
        return Err("The body is empty.".into());
    }
    serde_json::from_slice(body).or_else(|error| {
        let mended = mend(&String::from_utf8_lossy(body));
        serde_json::from_str(&mended).map_err(|_| format!("The body is not JSON: {error}."))
    })
}

/// The item of a body: JSON, or the field `payload` of a form.
pub fn item(content_type: Option<&str>, body: &[u8]) -> Result<Value, String> {
    let value = match form(content_type, body) {
        Some(Value::Object(mut form)) => match form.remove("payload") {
            Some(Value::String(payload)) => parse(payload.as_bytes())?,
            _ => return Err("The form has no field payload.".into()),
        },
        _ => parse(body)?,
    };
    if value.is_object() { Ok(value) } else { Err("The body must be a JSON object.".into()) }
}

/// The fields of a form; `None` if the body is none.
pub fn form(content_type: Option<&str>, body: &[u8]) -> Option<Value> {
    let is_form = content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    // curl says so of whatever it posts.
    if !is_form || body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let pairs = Pairs::parse(&String::from_utf8_lossy(body));
    let fields: Map<String, Value> = pairs.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    Some(Value::Object(fields))
}

/// The lines of a file, each without its end.
pub fn lines(body: &Bytes) -> Vec<Bytes> {
    let mut lines = Vec::new();
    let mut from = 0;
    for at in memchr::memchr_iter(b'\n', body).chain([body.len()]) {
        lines.push(body.slice(from..at));
        from = at + 1;
    }
    lines
}

/// Whether it is what an SDK sends when it could not send an item, whose own failure would make it send the next.
pub fn is_failsafe(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Item {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        #[serde(default)]
        failsafe: bool,
    }
    serde_json::from_slice::<Item>(body).is_ok_and(|item| item.data.failsafe)
}

/// Makes JSON of what is nearly JSON: a half of a surrogate pair becomes U+FFFD, `NaN` and `Infinity` become null.
fn mend(text: &str) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut rest = text;
    let mut inside = false;
    while let Some(c) = rest.chars().next() {
        if inside && c == '\\' {
            let taken = escape(rest, &mut mended);
            rest = &rest[taken..];
            continue;
        }
        if c == '"' {
            inside = !inside;
        } else if !inside && let Some(word) = ["-Infinity", "Infinity", "NaN"].into_iter().find(|word| rest.starts_with(word)) {
            mended.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        mended.push(c);
        rest = &rest[c.len_utf8()..];
    }
    mended
}

/// Copies an escape, whole pairs as they are; returns its length.
fn escape(rest: &str, to: &mut String) -> usize {
    let unit =
        |at: usize| rest.get(at..at + 6).filter(|unit| unit.starts_with("\\u")).and_then(|unit| u16::from_str_radix(&unit[2..], 16).ok());
    match (unit(0), unit(6)) {
        (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => {
            to.push_str(&rest[..12]);
            12
        }
        (Some(0xd800..=0xdfff), _) => {
            to.push_str("\\ufffd");
            6
        }
        _ => {
            let taken = rest.chars().take(2).map(char::len_utf8).sum();
            to.push_str(&rest[..taken]);
            taken
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_nearly_json_is_read() {
        for (body, value) in [
            (r#"{"a":NaN,"b":[-Infinity,1],"c":"NaN \" Infinity"}"#.as_bytes(), json!({"a": null, "b": [null, 1], "c": "NaN \" Infinity"})),
            (br#"{"a":"x\ud800y\udc00","b":"\ud83d\ude00"}"#, json!({"a": "x\u{fffd}y\u{fffd}", "b": "😀"})),
            (b"{\"a\":\"\xff\"}", json!({"a": "\u{fffd}"})),
            (br#"{"a":1}"#, json!({"a": 1})),
        ] {
            assert_eq!(parse(body), Ok(value), "{}", String::from_utf8_lossy(body));
        }
        for body in ["", " ", "{", "{\"a\":NotANumber}", "\\ud800"] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn items_in_forms() {
        let kind = Some("application/x-www-form-urlencoded");
        assert_eq!(item(kind, b"payload=%7B%22data%22%3A1%7D"), Ok(json!({"data": 1})));
        assert_eq!(item(kind, br#"{"data":2}"#), Ok(json!({"data": 2})));
        assert!(item(kind, b"data=1").is_err());
        assert!(item(None, b"[1]").is_err());
    }

    #[test]
    fn failsafe_items() {
        assert!(is_failsafe(br#"{"data":{"failsafe":true,"body":{}}}"#));
        for body in [r#"{"data":{"failsafe":false}}"#, r#"{"data":{}}"#, "{}", "[]", ""] {
            assert!(!is_failsafe(body.as_bytes()), "{body}");
        }
    }
}
