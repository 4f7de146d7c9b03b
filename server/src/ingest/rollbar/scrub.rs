//! Secrets of an item: SDKs scrub what they know by name, a local called `secret_token` comes in clear.

use crate::ingest::scrub::{REDACTED, clean_message, clean_values, clean_where, is_secret};
use serde_json::Value;

/// Of a frame, the team's source: it is read as code, and what it names is no value.
const CODE: [&str; 4] = ["code", "pre", "post", "argspec"];

/// Replaces secrets: values under names that mean secrets, and what looks like one in any text.
pub fn scrub(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                if CODE.contains(&key.as_str()) {
                    continue;
                }
                if is_secret(key) && holds_text(value) {
                    *value = Value::from(REDACTED);
                } else if let Value::String(text) = value {
                    clean_where(key, text);
                    clean_text(text);
                } else {
                    scrub(value);
                }
            }
        }
        // Headers and parameters as pairs: `["Authorization", "Bearer …"]`, `{"name": "cookie", "value": "…"}` is as any object.
        Value::Array(items) => {
            if let [Value::String(name), value @ Value::String(_)] = items.as_mut_slice()
                && is_secret(name)
            {
                *value = Value::from(REDACTED);
            }
            items.iter_mut().for_each(scrub);
        }
        Value::String(text) => clean_text(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text, or anything that may hold one; what the SDK scrubbed itself stays.
fn holds_text(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty() && !text.bytes().all(|byte| byte == b'*'),
        Value::Array(items) => !items.is_empty(),
        Value::Object(object) => !object.is_empty(),
        _ => false,
    }
}

fn clean_text(text: &mut String) {
    clean_message(text);
    clean_values(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scrubbed(mut value: Value) -> Value {
        scrub(&mut value);
        value
    }

    #[test]
    fn by_name() {
        let locals = json!({"secret_token": "tok_live_123", "password": "*****", "attempt": 3, "user": {"api_key": ["k"], "id": 7}});
        let clean = json!({"secret_token": REDACTED, "password": "*****", "attempt": 3, "user": {"api_key": REDACTED, "id": 7}});
        assert_eq!(scrubbed(json!({"frames": [{"locals": locals}]})), json!({"frames": [{"locals": clean}]}));
        let headers = json!({"headers": {"Cookie": "a=b", "Authorization": "Bearer x", "Host": "h"}, "list": [["Cookie", "a=b"]]});
        let clean = json!({"headers": {"Cookie": REDACTED, "Authorization": REDACTED, "Host": "h"}, "list": [["Cookie", REDACTED]]});
        assert_eq!(scrubbed(headers), clean);
    }

    #[test]
    fn by_what_it_looks_like() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlc2ln";
        for (dirty, clean) in [
            (format!("got {jwt}!"), format!("got {REDACTED}!")),
            ("key AKIDEXAMPLE and AKIAIOSFODNN7EXAMPLE".to_owned(), format!("key AKIDEXAMPLE and {REDACTED}")),
            ("login failed: password=hunter2 for bob".to_owned(), format!("login failed: password={REDACTED} for bob")),
            ("sk_live_4eC39HqLyjWDarjtT1zdp7dc".to_owned(), REDACTED.to_owned()),
        ] {
            assert_eq!(scrubbed(json!({"message": dirty})), json!({"message": clean}));
        }
        let url = json!({"url": "https://bob:pw@host/a?token=xyz&b=1"});
        assert_eq!(scrubbed(url), json!({"url": "https://REDACTED:REDACTED@host/a?token=REDACTED&b=1"}));
    }

    #[test]
    fn code_stays() {
        let frame = json!({"code": "token = login(password='x')", "context": {"pre": ["password = read()"], "post": []}, "argspec": ["token", "password"]});
        assert_eq!(scrubbed(frame.clone()), frame);
    }
}
