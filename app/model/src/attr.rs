//! Attribute values, as OpenTelemetry's `AnyValue` has them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One attribute value (OpenTelemetry `AnyValue`). Serialised as the plain JSON value; bytes as `{"bytes":"<hex>"}`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// UTF-8 text.
    Str(String),
    /// A signed 64-bit integer.
    Int(i64),
    /// A double; may be NaN or infinite.
    Float(f64),
    Bool(bool),
    /// Raw bytes (OTLP `bytesValue`).
    Bytes(Vec<u8>),
    List(Vec<Value>),
    /// Keys keep the sender's order.
    Map(Attributes),
    /// An `AnyValue` with nothing in it.
    Empty,
}

/// Attributes in the sender's order. A key occurs at most once: the last one sent wins.
pub type Attributes = Vec<(String, Value)>;

/// The value of `key`, if it is there.
pub fn get<'a>(attributes: &'a [(String, Value)], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// The text of `key`, if it is there and is a text.
pub fn get_str<'a>(attributes: &'a [(String, Value)], key: &str) -> Option<&'a str> {
    match get(attributes, key)? {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

impl Value {
    /// The text, if it is a text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one. Texts are not parsed.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(int) => Some(*int as f64),
            Value::Float(float) => Some(*float),
            _ => None,
        }
    }
}

/// How a value reads on a page and compares in a query: texts bare, lists and maps as JSON, bytes as hex.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Str(text) => f.write_str(text),
            Value::Bytes(bytes) => write_hex(bytes, f),
            Value::Float(float) => write!(f, "{float}"),
            other => other.write_json(f),
        }
    }
}

impl Value {
    fn write_json(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Str(text) => write_json_text(text, f),
            Value::Int(int) => write!(f, "{int}"),
            Value::Float(float) if float.is_finite() => write!(f, "{float}"),
            // As protobuf's JSON has them.
            Value::Float(float) => write!(f, "\"{float}\""),
            Value::Bool(truth) => write!(f, "{truth}"),
            Value::Bytes(bytes) => {
                f.write_str("\"")?;
                write_hex(bytes, f)?;
                f.write_str("\"")
            }
            Value::List(items) => {
                f.write_str("[")?;
                for (n, item) in items.iter().enumerate() {
                    if n > 0 {
                        f.write_str(",")?;
                    }
                    item.write_json(f)?;
                }
                f.write_str("]")
            }
            Value::Map(entries) => write!(f, "{}", Json(entries)),
            Value::Empty => f.write_str("null"),
        }
    }
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn write_json_text(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| *byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        f.write_str(&text[from..at])?;
        match byte {
            b'"' => f.write_str("\\\"")?,
            b'\\' => f.write_str("\\\\")?,
            b'\n' => f.write_str("\\n")?,
            b'\r' => f.write_str("\\r")?,
            b'\t' => f.write_str("\\t")?,
            _ => write!(f, "\\u{byte:04x}")?,
        }
        from = at + 1;
    }
    f.write_str(&text[from..])?;
    f.write_str("\"")
}

/// Attributes as a JSON object.
pub struct Json<'a>(pub &'a [(String, Value)]);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (n, (key, value)) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(",")?;
            }
            write_json_text(key, f)?;
            f.write_str(":")?;
            value.write_json(f)?;
        }
        f.write_str("}")
    }
}

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        match self {
            Value::Str(text) => to.serialize_str(text),
            Value::Int(int) => to.serialize_i64(*int),
            Value::Float(float) => to.serialize_f64(*float),
            Value::Bool(truth) => to.serialize_bool(*truth),
            Value::Bytes(_) => {
                let mut map = to.serialize_map(Some(1))?;
                map.serialize_entry("bytes", &self.to_string())?;
                map.end()
            }
            Value::List(items) => items.serialize(to),
            Value::Map(entries) => as_map::serialize(entries, to),
            Value::Empty => to.serialize_unit(),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> serde::de::Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Str(text.to_owned()))
            }
            fn visit_i64<E>(self, int: i64) -> Result<Value, E> {
                Ok(Value::Int(int))
            }
            fn visit_u64<E>(self, int: u64) -> Result<Value, E> {
                Ok(i64::try_from(int).map_or(Value::Float(int as f64), Value::Int))
            }
            fn visit_f64<E>(self, float: f64) -> Result<Value, E> {
                Ok(Value::Float(float))
            }
            fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
                Ok(Value::Bool(truth))
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Empty)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Value::List(list))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    map.push(entry);
                }
                Ok(Value::Map(map))
            }
        }
        from.deserialize_any(Any)
    }
}

/// `#[serde(with = "attr::as_map")]`: attributes as a JSON object.
pub mod as_map {
    use super::{Attributes, Value};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(attributes: &[(String, Value)], to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(attributes.iter().map(|(key, value)| (key, value)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Attributes, D::Error> {
        match Value::deserialize(from)? {
            Value::Map(entries) => Ok(entries),
            _ => Err(serde::de::Error::custom("expected an object of attributes")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_goes_both_ways() {
        let text = r#"{"a":"é\u0001x\n\"\\","b":[1,2.5,true,null],"c":{"d":-7}}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
        assert_eq!(value.to_string(), text);
        assert_eq!(Value::Str("bare".into()).to_string(), "bare");
        assert_eq!(Value::Bytes(vec![0, 255]).to_string(), "00ff");
        assert_eq!(Value::Float(f64::NAN).to_string(), "NaN");
        // Within a list or map everything is JSON.
        let odd = Value::List(vec![Value::Bytes(vec![0, 255]), Value::Float(f64::NAN), Value::Float(f64::NEG_INFINITY), Value::Float(1.0)]);
        assert_eq!(odd.to_string(), r#"["00ff","NaN","-inf",1]"#);
    }
}
