//! Looks paths up in JSON texts without parsing what is beside them. A text that is not quite JSON yields what was found before that
//! shows; no text panics.

use super::value::{Value, parse_number};
use memchr::{memchr, memchr2};
use std::borrow::Cow;

/// How deep paths go.
const DEPTH: u32 = 64;
/// How many `{` of a text are tried as the beginning of an object.
const TRIES: usize = 8;

/// Paths such as `user.name` and `items.0.id`, all looked up in one walk. A dot may also be part of a key.
#[derive(Clone, Debug, Default)]
pub struct Paths(Vec<String>);

impl Paths {
    pub fn push(&mut self, path: &str) {
        self.0.push(path.into());
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// For each path the text of its value in the object that `json` begins with.
    pub fn find<'a>(&self, json: &'a str) -> Vec<Option<&'a str>> {
        let mut search = Search { json, found: vec![None; self.0.len()], left: self.0.len() };
        let paths: Vec<(usize, &str)> = self.0.iter().map(String::as_str).enumerate().collect();
        search.object(0, &paths, 0);
        search.found
    }
}

/// The text of one path.
pub fn find<'a>(json: &'a str, path: &str) -> Option<&'a str> {
    let mut search = Search { json, found: vec![None], left: 1 };
    let start = skip_space(json.as_bytes(), 0);
    match json.as_bytes().get(start)? {
        b'{' => search.object(start, &[(0, path)], 0),
        b'[' => search.array(start, &[(0, path)], 0),
        _ => None,
    };
    search.found[0]
}

/// The first object in a message: the whole, or what follows a prefix.
pub fn object(message: &str) -> Option<&str> {
    let bytes = message.as_bytes();
    let mut at = 0;
    for _ in 0..TRIES {
        at += memchr(b'{', &bytes[at..])?;
        if matches!(bytes.get(skip_space(bytes, at + 1)), Some(b'"' | b'}')) {
            return Some(&message[at..]);
        }
        at += 1;
    }
    None
}

/// The value of a JSON text that is one.
pub fn value(json: &str) -> Value<'_> {
    match json.as_bytes().first() {
        Some(b'"') => Value::Text(unescaped(json.get(1..json.len() - 1).unwrap_or_default())),
        Some(b'{' | b'[') => Value::Json(Cow::Borrowed(json)),
        _ => match json {
            "true" => Value::Truth(true),
            "false" => Value::Truth(false),
            "null" | "" => Value::Null,
            // Whole numbers beyond what a float holds keep their digits.
            number if number.len() > 15 && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => Value::text(number),
            number => parse_number(number).map_or_else(|| Value::text(number), Value::Number),
        },
    }
}

/// Shows every text, number and truth that is a value in a JSON text, until one is what is looked for.
pub fn any_value(json: &str, mut test: impl FnMut(&str) -> bool) -> bool {
    let bytes = json.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let Some(end) = string_end(bytes, at) else { return false };
                let is_key = bytes.get(skip_space(bytes, end)) == Some(&b':');
                if !is_key && test(&unescaped(&json[at + 1..end - 1])) {
                    return true;
                }
                at = end;
            }
            b'{' | b'}' | b'[' | b']' | b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            _ => {
                let end = scalar_end(bytes, at);
                if &json[at..end] != "null" && test(&json[at..end]) {
                    return true;
                }
                at = end;
            }
        }
    }
    false
}

struct Search<'a> {
    json: &'a str,
    found: Vec<Option<&'a str>>,
    left: usize,
}

impl<'a> Search<'a> {
    /// Looks in the object at `at` and returns where it ends; `None`: it does not, or all is found.
    fn object(&mut self, mut at: usize, paths: &[(usize, &str)], depth: u32) -> Option<usize> {
        let bytes = self.json.as_bytes();
        at = skip_space(bytes, at + 1);
        if bytes.get(at)? == &b'}' {
            return Some(at + 1);
        }
        loop {
            if bytes.get(at)? != &b'"' {
                return None;
            }
            let end = string_end(bytes, at)?;
            let key = unescaped(&self.json[at + 1..end - 1]);
            at = skip_space(bytes, end);
            if bytes.get(at)? != &b':' {
                return None;
            }
            at = skip_space(bytes, at + 1);
            at = self.member(at, paths, depth, |path| path.strip_prefix(&*key))?;
            match bytes.get(at)? {
                b',' => at = skip_space(bytes, at + 1),
                b'}' => return Some(at + 1),
                _ => return None,
            }
        }
    }

    fn array(&mut self, mut at: usize, paths: &[(usize, &str)], depth: u32) -> Option<usize> {
        let bytes = self.json.as_bytes();
        at = skip_space(bytes, at + 1);
        if bytes.get(at)? == &b']' {
            return Some(at + 1);
        }
        for index in 0usize.. {
            at = self.member(at, paths, depth, |path| {
                let digits = path.bytes().take_while(u8::is_ascii_digit).count();
                (path[..digits].parse() == Ok(index)).then(|| &path[digits..])
            })?;
            match bytes.get(at)? {
                b',' => at = skip_space(bytes, at + 1),
                b']' => return Some(at + 1),
                _ => return None,
            }
        }
        None
    }

    /// The value at `at`; `rest` is what is left of a path after its key. Returns where the next sign is.
    fn member(&mut self, at: usize, paths: &[(usize, &str)], depth: u32, rest: impl Fn(&str) -> Option<&str>) -> Option<usize> {
        let bytes = self.json.as_bytes();
        let mut wanted = None;
        let mut inner: Vec<(usize, &str)> = Vec::new();
        for (number, path) in paths {
            match rest(path) {
                Some("") => wanted = Some(*number),
                Some(rest) => inner.extend(rest.strip_prefix('.').map(|rest| (*number, rest))),
                None => (),
            }
        }
        let inner_end = match bytes.get(at)? {
            _ if inner.is_empty() || depth == DEPTH => None,
            b'{' => Some(self.object(at, &inner, depth + 1)?),
            b'[' => Some(self.array(at, &inner, depth + 1)?),
            _ => None,
        };
        let end = match inner_end {
            Some(end) => end,
            None => value_end(bytes, at)?,
        };
        if let Some(number) = wanted
            && self.found[number].is_none()
        {
            self.found[number] = Some(&self.json[at..end]);
            self.left -= 1;
            if self.left == 0 {
                return None;
            }
        }
        Some(skip_space(bytes, end))
    }
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\t' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Where the text ends that begins at `start`, after its quote.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn scalar_end(bytes: &[u8], start: usize) -> usize {
    let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b':' | b'"' | b'{' | b'[' | b' ' | b'\n' | b'\t' | b'\r');
    bytes[start..].iter().position(ends).map_or(bytes.len(), |length| start + length)
}

/// Where the value ends that begins at `start`.
fn value_end(bytes: &[u8], start: usize) -> Option<usize> {
    match bytes.get(start)? {
        b'"' => string_end(bytes, start),
        b'{' | b'[' => {
            let mut open = 0usize;
            let mut at = start;
            loop {
                match bytes.get(at)? {
                    b'"' => {
                        at = string_end(bytes, at)?;
                        continue;
                    }
                    b'{' | b'[' => open += 1,
                    b'}' | b']' => {
                        open -= 1;
                        if open == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => (),
                }
                at += 1;
            }
        }
        _ => Some(scalar_end(bytes, start)).filter(|end| *end > start),
    }
}

/// The text that a JSON text stands for, without its quotes.
pub fn unescaped(text: &str) -> Cow<'_, str> {
    if memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let mut chars = rest[at + 1..].chars();
        let escaped = chars.next().unwrap_or('\\');
        rest = chars.as_str();
        match escaped {
            'n' => plain.push('\n'),
            't' => plain.push('\t'),
            'r' => plain.push('\r'),
            'b' => plain.push('\u{8}'),
            'f' => plain.push('\u{c}'),
            'u' => {
                let (c, after) = unicode(rest);
                plain.push(c);
                rest = after;
            }
            other => plain.push(other),
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The character of the digits after `\u`, with its second half if it has one, and what follows.
fn unicode(text: &str) -> (char, &str) {
    let unit = |text: &str| text.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let Some(first) = unit(text) else { return (char::REPLACEMENT_CHARACTER, text) };
    let rest = &text[4..];
    if (0xd800..0xdc00).contains(&first)
        && let Some(after) = rest.strip_prefix("\\u")
        && let Some(second @ 0xdc00..0xe000) = unit(after)
    {
        let both = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER), &after[4..]);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_lead_to_values() {
        let json = r#" {"a":{"b":[1,{"c":"x\"y"}],"d.e":2,"":{"z":0}},"a.b":3, "f" : null,"g":"é😀","h":1e3,"i":12345678901234567890} "#;
        let find = |path: &str| find(json, path).map(value);
        assert_eq!(find("a.b.0"), Some(Value::Number(1.0)));
        assert_eq!(find("a.b.1.c"), Some(Value::text("x\"y")));
        assert_eq!(find("a.b"), Some(Value::Json("[1,{\"c\":\"x\\\"y\"}]".into())), "the first in the text");
        assert_eq!(find("a.d.e"), Some(Value::Number(2.0)));
        assert_eq!(find("a..z"), Some(Value::Number(0.0)));
        assert_eq!(find("f"), Some(Value::Null));
        assert_eq!(find("g"), Some(Value::text("é😀")));
        assert_eq!(find("h"), Some(Value::Number(1000.0)));
        assert_eq!(find("i"), Some(Value::text("12345678901234567890")));
        for path in ["a.c", "b", "a.b.2", "a.b.1.c.d", "", "x.y"] {
            assert_eq!(find(path), None, "{path}");
        }
        assert_eq!(object("INFO {x} {\"a\":1}").map(|json| super::find(json, "a")), Some(Some("1")));
        assert_eq!(object("no object {here}"), None);
        assert_eq!(super::find("[{\"a\":[]}]", "0.a"), Some("[]"));
    }

    #[test]
    fn every_value_is_shown() {
        let mut seen = Vec::new();
        any_value(r#"{"key":"a\nb","n":[1,true,null,{"k2":"v"}]}"#, |text| {
            seen.push(text.to_owned());
            false
        });
        assert_eq!(seen, ["a\nb", "1", "true", "v"]);
    }

    #[test]
    fn deep_texts_are_no_danger() {
        let deep = "{\"a\":".repeat(200_000);
        assert_eq!(find(&deep, &vec!["a"; 1000].join(".")), None);
        assert_eq!(find(&format!("{{\"x\":{},\"y\":1}}", "[".repeat(200_000)), "y"), None);
        assert_eq!(find(&format!("{{\"x\":{}{},\"y\":1}}", "[".repeat(200_000), "]".repeat(200_000)), "y"), Some("1"));
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i32>().prop_map(serde_json::Value::from),
            "[a-c\"\\\\\n\té😀{}\\[\\],:]{0,4}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::vec(("[a-c\"é]{0,2}", inner), 0..4).prop_map(|entries| entries.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_serde_finds_is_found(json in prop::collection::vec(("[a-c\"é]{1,2}", json()), 0..4), path in "[a-c\"é0-2]{1,2}(\\.[a-c0-2]{1,2}){0,3}") {
            let json: serde_json::Value = json.into_iter().collect();
            let mut wanted = Some(&json);
            for part in path.split('.') {
                wanted = wanted.and_then(|value| match value {
                    serde_json::Value::Array(items) => part.parse().ok().and_then(|index: usize| items.get(index)),
                    other => other.get(part),
                });
            }
            let text = json.to_string();
            let mut paths = Paths::default();
            paths.push("b.0");
            paths.push(&path);
            prop_assert_eq!(paths.find(&text)[1].map(|found| serde_json::from_str::<serde_json::Value>(found).unwrap()), wanted.cloned());
            if let Some(serde_json::Value::String(wanted)) = wanted {
                prop_assert_eq!(find(&text, &path).map(value), Some(Value::text(wanted)));
            }
        }

        #[test]
        fn no_text_panics(text in "[{}\\[\\]\",:\\\\a0u\u{fe0f}é. -]{0,24}", path in "[a0.]{0,4}") {
            find(&text, &path).map(value);
            Paths(vec![path, "a".into()]).find(&text);
            object(&text);
            any_value(&text, |_| false);
        }
    }
}
