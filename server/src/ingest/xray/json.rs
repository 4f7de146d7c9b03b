//! JSON as X-Ray's SDKs write it: RFC 8259, and the bare `NaN`, `Infinity` and `-Infinity` of Python's `json`. Numbers stay
//! text, so that a time in seconds loses nothing to a double. Secrets are scrubbed before anybody sees the tree.

use crate::ingest::scrub;
use model::attr::Value;
use std::borrow::Cow;
use std::fmt;

/// Levels of nesting. A subsegment is two; X-Ray's own limit of 64 kB a document leaves room for a few hundred.
const DEPTH: usize = 512;
/// Values in one document: bounds what a document of empty lists can make us allocate.
const VALUES: usize = 1_000_000;

/// A JSON value that borrows from its text where it can.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    /// As written; also `NaN`, `Infinity` and `-Infinity`.
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Map(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// The byte at which a text stops being JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson(pub usize);

impl<'a> Json<'a> {
    /// Reads a whole text and scrubs it.
    pub fn parse(text: &'a str) -> Result<Json<'a>, NotJson> {
        let mut reader = Reader { text, at: 0, values: 0 };
        let mut json = reader.value(0)?;
        reader.space();
        if reader.at < text.len() {
            return Err(NotJson(reader.at));
        }
        json.scrub("");
        Ok(json)
    }

    /// A field of an object; the last one if it was written twice, and none if it is `null`.
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        let Json::Map(fields) = self else { return None };
        let (_, value) = fields.iter().rev().find(|(name, _)| name == key)?;
        (*value != Json::Null).then_some(value)
    }

    /// The fields of an object; none of anything else.
    pub fn fields(&self) -> &[(Cow<'a, str>, Json<'a>)] {
        if let Json::Map(fields) = self { fields } else { &[] }
    }

    /// The items of a list; none of anything else.
    pub fn items(&self) -> &[Json<'a>] {
        if let Json::List(items) = self { items } else { &[] }
    }

    /// A scalar as text.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Json::Text(text) => Some(Cow::Borrowed(text)),
            Json::Number(number) => Some(Cow::Borrowed(number)),
            Json::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
            Json::Null | Json::List(_) | Json::Map(_) => None,
        }
    }

    /// A truth, also as text or number.
    pub fn truth(&self) -> Option<bool> {
        match &*self.text()? {
            "true" | "True" | "1" => Some(true),
            "false" | "False" | "0" => Some(false),
            _ => None,
        }
    }

    /// The value as an attribute has it.
    pub fn value(&self) -> Value {
        match self {
            Json::Null => Value::Empty,
            Json::Bool(truth) => Value::Bool(*truth),
            Json::Number(number) => number.parse().map(Value::Int).unwrap_or_else(|_| Value::Float(number.parse().unwrap_or(f64::NAN))),
            Json::Text(text) => Value::Str(text.clone().into_owned()),
            Json::List(items) => Value::List(items.iter().map(Json::value).collect()),
            Json::Map(fields) => {
                let mut map = crate::ingest::attrs::Attrs::default();
                fields.iter().for_each(|(key, value)| map.push(key.clone().into_owned(), value.value()));
                Value::Map(map.finish())
            }
        }
    }

    fn scrub(&mut self, key: &str) {
        match self {
            Json::Map(_) | Json::List(_) if !key.is_empty() && scrub::is_secret(key) => *self = Json::Text(scrub::REDACTED.into()),
            Json::Map(fields) => fields.iter_mut().for_each(|(key, value)| value.scrub(key)),
            // The items of a list are what its key says: `"headers": {"cookie": ["a=b"]}`.
            Json::List(items) => items.iter_mut().for_each(|item| item.scrub(key)),
            Json::Text(text) => {
                let mut value = Value::Str(std::mem::take(text).into_owned());
                scrub::clean(key, &mut value);
                *text = value.to_string().into();
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
}

/// As JSON on one line. What JSON has no number for is a text.
impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(truth) => write!(f, "{truth}"),
            Json::Number(number) if number.ends_with(|last: char| last.is_ascii_digit()) => f.write_str(number),
            Json::Number(word) => write!(f, "\"{word}\""),
            Json::Text(text) => write_text(text, f),
            Json::List(items) => {
                f.write_str("[")?;
                for (n, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if n > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Json::Map(fields) => {
                f.write_str("{")?;
                for (n, (key, value)) in fields.iter().enumerate() {
                    f.write_str(if n > 0 { "," } else { "" })?;
                    write_text(key, f)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_text(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    values: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Json<'a>, NotJson> {
        self.space();
        self.values += 1;
        if depth > DEPTH || self.values > VALUES {
            return self.fail();
        }
        match self.peek() {
            Some(b'{') => self.map(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') if !self.rest().starts_with("-I") => self.number(),
            _ => self.word(),
        }
    }

    fn map(&mut self, depth: usize) -> Result<Json<'a>, NotJson> {
        self.at += 1;
        let mut fields = Vec::new();
        self.space();
        if self.take(b'}') {
            return Ok(Json::Map(fields));
        }
        loop {
            self.space();
            let key = self.string()?;
            self.space();
            self.expect(b':')?;
            fields.push((key, self.value(depth + 1)?));
            self.space();
            if self.take(b'}') {
                return Ok(Json::Map(fields));
            }
            self.expect(b',')?;
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json<'a>, NotJson> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.take(b']') {
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take(b']') {
                return Ok(Json::List(items));
            }
            self.expect(b',')?;
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, NotJson> {
        self.expect(b'"')?;
        let mut owned: Option<String> = None;
        loop {
            let rest = self.rest();
            let Some(end) = memchr::memchr2(b'"', b'\\', rest.as_bytes()) else { return self.fail() };
            let piece = &rest[..end];
            self.at += end + 1;
            if rest.as_bytes()[end] == b'"' {
                return Ok(match owned {
                    None => Cow::Borrowed(piece),
                    Some(text) => Cow::Owned(text + piece),
                });
            }
            let text = owned.get_or_insert_default();
            text.push_str(piece);
            text.push(self.escape()?);
        }
    }

    /// What stands after a backslash.
    fn escape(&mut self) -> Result<char, NotJson> {
        let escape = self.peek();
        self.at += 1;
        Ok(match escape {
            Some(plain @ (b'"' | b'\\' | b'/')) => plain as char,
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.unit()?;
                // UTF-16: a pair of surrogates is one character, and a lone one (Python writes them for bytes that are no
                // text) is none.
                if (0xd800..0xdc00).contains(&first) && self.rest().starts_with("\\u") {
                    let back = self.at;
                    self.at += 2;
                    let second = self.unit()?;
                    if (0xdc00..0xe000).contains(&second) {
                        return Ok(
                            char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).unwrap_or(char::REPLACEMENT_CHARACTER)
                        );
                    }
                    self.at = back;
                }
                char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => {
                self.at -= 1;
                return self.fail();
            }
        })
    }

    fn unit(&mut self) -> Result<u32, NotJson> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let Some(unit) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else { return self.fail() };
        self.at += 4;
        Ok(unit)
    }

    fn number(&mut self) -> Result<Json<'a>, NotJson> {
        let start = self.at;
        self.take(b'-');
        let whole = self.digits()?;
        if whole > 1 && self.text.as_bytes()[self.at - whole] == b'0' {
            return self.fail();
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'-') || self.take(b'+');
            self.digits()?;
        }
        Ok(Json::Number(&self.text[start..self.at]))
    }

    /// At least one digit; how many.
    fn digits(&mut self) -> Result<usize, NotJson> {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        self.at += count;
        if count == 0 { self.fail() } else { Ok(count) }
    }

    fn word(&mut self) -> Result<Json<'a>, NotJson> {
        let words = [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
            ("NaN", Json::Number("NaN")),
            ("Infinity", Json::Number("Infinity")),
            ("-Infinity", Json::Number("-Infinity")),
        ];
        match words.into_iter().find(|(word, _)| self.rest().starts_with(word)) {
            Some((word, json)) => {
                self.at += word.len();
                Ok(json)
            }
            None => self.fail(),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        self.at += self.rest().bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
    }

    fn take(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.take(byte) { Ok(()) } else { self.fail() }
    }

    fn fail<T>(&self) -> Result<T, NotJson> {
        Err(NotJson(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sdks_write() {
        let text = r#"{"a": [1, -2.50, 1.478E9, NaN, -Infinity, true, null], "b": {"c\n": "\ud83d\ude00 \udc80 \u00e9\/"}, "a": "last"}"#;
        let json = Json::parse(text).unwrap();
        assert_eq!(json.get("a"), Some(&Json::Text("last".into())));
        assert_eq!(json.get("b").unwrap().get("c\n"), Some(&Json::Text("😀 \u{fffd} é/".into())));
        let whole = r#"{"a":[1,-2.50,1.478E9,"NaN","-Infinity",true,null],"b":{"c\n":"😀 � é/"},"a":"last"}"#;
        assert_eq!(json.to_string(), whole);
        assert_eq!(serde_json::from_str::<serde_json::Value>(whole).unwrap()["b"]["c\n"], "😀 \u{fffd} é/");
    }

    #[test]
    fn values_keep_their_types() {
        let value = Json::parse(r#"[1, 1.0, 99999999999999999999, "x", false, null, {"k": 1, "k": 2}]"#).unwrap().value();
        assert_eq!(value.to_string(), r#"[1,1,100000000000000000000,"x",false,null,{"k":2}]"#);
        let Value::List(items) = value else { panic!("a list") };
        assert_eq!(items[..2], [Value::Int(1), Value::Float(1.0)]);
        assert!(matches!(Json::Number("NaN").value(), Value::Float(float) if float.is_nan()));
        assert_eq!(Json::Number("-Infinity").value(), Value::Float(f64::NEG_INFINITY));
    }

    #[test]
    fn what_is_not_json() {
        for (text, at) in [
            ("", 0),
            ("{", 1),
            ("[1,]", 3),
            ("{\"a\"}", 4),
            ("01", 2),
            ("1.", 2),
            ("-", 1),
            ("\"x", 1),
            ("\"\\q\"", 2),
            ("[] x", 3),
            ("nul", 0),
            ("\"\\u00é\"", 3),
        ] {
            assert_eq!(Json::parse(text), Err(NotJson(at)), "{text}");
        }
        assert!(Json::parse(&"[".repeat(100_000)).is_err());
        let deep = "[".repeat(DEPTH) + &"]".repeat(DEPTH);
        assert_eq!(Json::parse(&deep).unwrap().to_string(), deep);
    }

    #[test]
    fn secrets_go_at_any_depth() {
        let json = Json::parse(
            r#"{"url": "http://u:p@h/?token=1", "headers": {"Cookie": ["a=b"], "x": "y"}, "credentials": {"id": "k"}, "token": 7}"#,
        );
        assert_eq!(
            json.unwrap().to_string(),
            r#"{"url":"http://REDACTED:REDACTED@h/?token=REDACTED","headers":{"Cookie":"REDACTED","x":"y"},"credentials":"REDACTED","token":7}"#
        );
    }
}
