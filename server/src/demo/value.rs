//! OTLP attributes, written shortly.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};

/// An attribute as OTLP sends it.
pub type Attribute = KeyValue;

/// `key: value` as OTLP.
pub fn attribute(key: &str, value: impl Into<Datum>) -> Attribute {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value.into().0) }), ..KeyValue::default() }
}

/// A value that becomes an OTLP `AnyValue`.
pub struct Datum(any_value::Value);

impl From<&str> for Datum {
    fn from(text: &str) -> Datum {
        Datum(any_value::Value::StringValue(text.to_owned()))
    }
}

impl From<String> for Datum {
    fn from(text: String) -> Datum {
        Datum(any_value::Value::StringValue(text))
    }
}

impl From<i64> for Datum {
    fn from(int: i64) -> Datum {
        Datum(any_value::Value::IntValue(int))
    }
}

impl From<f64> for Datum {
    fn from(float: f64) -> Datum {
        Datum(any_value::Value::DoubleValue(float))
    }
}

impl From<bool> for Datum {
    fn from(truth: bool) -> Datum {
        Datum(any_value::Value::BoolValue(truth))
    }
}

impl From<Vec<String>> for Datum {
    fn from(texts: Vec<String>) -> Datum {
        let values = texts.into_iter().map(|text| AnyValue { value: Some(any_value::Value::StringValue(text)) }).collect();
        Datum(any_value::Value::ArrayValue(ArrayValue { values }))
    }
}
