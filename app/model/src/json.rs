//! Reading JSON into [`Value`]s with the sender's order of keys. For pages: a log line is a tree there.

use crate::attr::Value;

/// Deeper texts are not JSON for us.
const DEPTH: u32 = 128;

/// The value of a whole text; `None` if it is not JSON.
pub fn parse(text: &str) -> Option<Value> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(DEPTH)?;
    reader.space();
    (reader.at == text.len()).then_some(value)
}

/// The object of a text that is one.
pub fn object(text: &str) -> Option<Value> {
    text.trim_start().starts_with('{').then(|| parse(text))?
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    /// Takes this text if it is what follows the space.
    fn take(&mut self, wanted: &str) -> bool {
        self.space();
        let there = self.rest().starts_with(wanted);
        if there {
            self.at += wanted.len();
        }
        there
    }

    fn value(&mut self, depth: u32) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        self.space();
        match self.rest().as_bytes().first()? {
            b'{' => {
                self.at += 1;
                let mut entries = Vec::new();
                if self.take("}") {
                    return Some(Value::Map(entries));
                }
                loop {
                    self.space();
                    let key = self.string()?;
                    if !self.take(":") {
                        return None;
                    }
                    entries.push((key, self.value(depth)?));
                    if !self.take(",") {
                        return self.take("}").then_some(Value::Map(entries));
                    }
                }
            }
            b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                if self.take("]") {
                    return Some(Value::List(items));
                }
                loop {
                    items.push(self.value(depth)?);
                    if !self.take(",") {
                        return self.take("]").then_some(Value::List(items));
                    }
                }
            }
            b'"' => self.string().map(Value::Str),
            _ => self.bare(),
        }
    }

    fn bare(&mut self) -> Option<Value> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))).unwrap_or(rest.len());
        self.at += end;
        Some(match &rest[..end] {
            "null" => Value::Empty,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            // Rust's floats have names that JSON has not.
            number if number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => match number.parse() {
                Ok(int) => Value::Int(int),
                Err(_) => Value::Float(number.parse().ok().filter(|float: &f64| float.is_finite())?),
            },
            _ => return None,
        })
    }

    fn string(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut rest = self.rest().strip_prefix('"')?;
        loop {
            let stop = rest.find(['"', '\\'])?;
            text.push_str(&rest[..stop]);
            let escape = rest.as_bytes()[stop] == b'\\';
            rest = &rest[stop + 1..];
            if !escape {
                self.at = self.text.len() - rest.len();
                return Some(text);
            }
            let kind = rest.chars().next()?;
            rest = &rest[kind.len_utf8()..];
            text.push(match kind {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                '"' | '\\' | '/' => kind,
                'u' => {
                    let first = unit(&mut rest)?;
                    let second = match first {
                        0xd800..=0xdbff => rest.strip_prefix("\\u").and_then(|mut after| unit(&mut after).map(|unit| (unit, after))),
                        _ => None,
                    };
                    match second {
                        Some((low @ 0xdc00..=0xdfff, after)) => {
                            rest = after;
                            char::from_u32(0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00))?
                        }
                        // Half a character: some senders cut texts in the middle of one.
                        _ => char::from_u32(first).unwrap_or('\u{fffd}'),
                    }
                }
                _ => return None,
            });
        }
    }
}

/// Four hex digits.
fn unit(rest: &mut &str) -> Option<u32> {
    let (digits, after) = rest.split_at_checked(4)?;
    *rest = after;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_serde_reads_it() {
        for text in [
            r#"{"b":1,"a":[true,false,null,-2.5e3,""],"c":{"d":"x\n\u00e9\ud83d\ude00\"\\\/"}}"#,
            " [ ] ",
            "{}",
            "12345678901234567890",
            r#""ä""#,
            "0",
        ] {
            assert_eq!(parse(text), serde_json::from_str(text).ok(), "{text}");
            assert!(parse(text).is_some());
        }
        for text in ["", "{", "{\"a\"}", "[1,]", "nul", "1 2", "\"", "\"\\x\"", "inf", "NaN", "{\"a\":1,}", "--1"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"[".repeat(100_000)), None);
        assert_eq!(parse(r#""\ud800x""#), Some(Value::Str("\u{fffd}x".into())));
        assert_eq!(object("[1]"), None);
    }

    proptest! {
        #[test]
        fn any_text(text in "[\\[\\]{}\",:0-9a-z\\\\ .-]{0,60}") {
            let ours = parse(&text);
            // Stricter readers refuse more, but what they take is the same.
            if let Ok(theirs) = serde_json::from_str::<Value>(&text) {
                prop_assert_eq!(ours, Some(theirs));
            }
        }
    }
}
