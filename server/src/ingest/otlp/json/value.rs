//! OTLP/JSON's attribute values.

use super::super::base64;
use super::Pair;
use super::scalar::{self, List, Scalar};
use crate::ingest::attrs::Attrs;
use model::attr::Value;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// `AnyValue`: an object with one field that names the type. A bare JSON value, which some home-made senders write, is
/// taken as what it is.
pub struct AnyValue(pub Value);

impl Default for AnyValue {
    fn default() -> Self {
        AnyValue(Value::Empty)
    }
}

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyValueVisitor)
    }
}

struct AnyValueVisitor;

impl<'de> Visitor<'de> for AnyValueVisitor {
    type Value = AnyValue;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an AnyValue")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<AnyValue, A::Error> {
        let mut value = Value::Empty;
        while let Some(field) = fields.next_key::<std::borrow::Cow<'de, str>>()? {
            value = match &*field {
                "stringValue" | "string_value" => match fields.next_value()? {
                    Scalar::Missing => continue,
                    text => Value::Str(text.text()),
                },
                "intValue" | "int_value" => match fields.next_value::<Scalar>()? {
                    Scalar::Missing => continue,
                    // An integer that is none stays readable as what was sent.
                    number => number.integer().map(Value::Int).unwrap_or_else(|| Value::Str(number.text())),
                },
                "doubleValue" | "double_value" => match fields.next_value::<Scalar>()? {
                    Scalar::Missing => continue,
                    number => number.float().map(Value::Float).unwrap_or_else(|| Value::Str(number.text())),
                },
                "boolValue" | "bool_value" => match fields.next_value()? {
                    Scalar::Missing => continue,
                    Scalar::Bool(truth) => Value::Bool(truth),
                    other => match other.text() {
                        text if text.eq_ignore_ascii_case("true") => Value::Bool(true),
                        text if text.eq_ignore_ascii_case("false") => Value::Bool(false),
                        text => Value::Str(text),
                    },
                },
                "bytesValue" | "bytes_value" => match fields.next_value()? {
                    Scalar::Missing => continue,
                    text => {
                        let text = text.text();
                        base64::decode(&text).map(Value::Bytes).unwrap_or(Value::Str(text))
                    }
                },
                "arrayValue" | "array_value" => {
                    Value::List(fields.next_value::<Values>()?.values.items.into_iter().map(|item| item.0).collect())
                }
                "kvlistValue" | "kvlist_value" => Value::Map(map(fields.next_value::<Pairs>()?.values.items)),
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
        }
        Ok(AnyValue(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<AnyValue, A::Error> {
        let mut list = Vec::new();
        while let Some(AnyValue(item)) = items.next_element()? {
            scalar::take_room(size_of::<AnyValue>())?;
            list.push(item);
        }
        Ok(AnyValue(Value::List(list)))
    }

    fn visit_str<E>(self, text: &str) -> Result<AnyValue, E> {
        Ok(AnyValue(Value::Str(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<AnyValue, E> {
        Ok(AnyValue(Value::Int(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<AnyValue, E> {
        Ok(AnyValue(i64::try_from(number).map_or(Value::Float(number as f64), Value::Int)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<AnyValue, E> {
        Ok(AnyValue(Value::Float(number)))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<AnyValue, E> {
        Ok(AnyValue(Value::Bool(truth)))
    }

    fn visit_unit<E>(self) -> Result<AnyValue, E> {
        Ok(AnyValue::default())
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Values {
    values: scalar::Items<AnyValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pairs {
    values: List<Pair>,
}

fn map(pairs: Vec<Pair>) -> model::attr::Attributes {
    let mut entries = Attrs::default();
    for pair in pairs {
        entries.push(pair.key.text(), pair.value.0);
    }
    entries.finish()
}
