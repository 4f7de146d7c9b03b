//! JSON values that are read as what they mean, whatever form the sender gave them.

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

thread_local! {
    /// Bytes that lists of the request being read may still take. Serde hands no state down to the elements.
    static ROOM: Cell<usize> = const { Cell::new(0) };
}

/// Reads a request whose lists may take a few times the bytes of its text: real ones take less, and a body of `{},{},{}`
/// would take hundreds of times.
pub fn from_slice<'de, T: Deserialize<'de>>(body: &'de [u8]) -> serde_json::Result<T> {
    ROOM.set(body.len() * 6 + 64 * 1024);
    serde_json::from_slice(body)
}

/// Takes room for one more element of a list.
pub fn take_room<E: Error>(bytes: usize) -> Result<(), E> {
    ROOM.set(ROOM.get().checked_sub(bytes).ok_or_else(|| E::custom("too many values"))?);
    Ok(())
}

/// A number, text or truth value.
#[derive(Debug, Default, PartialEq)]
pub enum Scalar {
    #[default]
    Missing,
    Text(String),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
}

impl Scalar {
    pub fn text(self) -> String {
        match self {
            Scalar::Missing => String::new(),
            Scalar::Text(text) => text,
            Scalar::Unsigned(number) => number.to_string(),
            Scalar::Signed(number) => number.to_string(),
            Scalar::Float(number) => number.to_string(),
            Scalar::Bool(truth) => truth.to_string(),
        }
    }

    /// A signed integer, if it is one (`42`, `"42"`, `42.0`).
    pub fn integer(&self) -> Option<i64> {
        match self {
            Scalar::Unsigned(number) => i64::try_from(*number).ok(),
            Scalar::Signed(number) => Some(*number),
            Scalar::Float(number) if number.fract() == 0.0 && number.abs() < 9.2e18 => Some(*number as i64),
            Scalar::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A double; also protobuf JSON's `"NaN"`, `"Infinity"` and `"-Infinity"`.
    pub fn float(&self) -> Option<f64> {
        match self {
            Scalar::Unsigned(number) => Some(*number as f64),
            Scalar::Signed(number) => Some(*number as f64),
            Scalar::Float(number) => Some(*number),
            Scalar::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// An unsigned integer; 0 if it is none or does not fit.
    pub fn number<N: TryFrom<u64> + Default>(&self) -> N {
        let number = match self {
            Scalar::Unsigned(number) => *number,
            Scalar::Signed(number) => u64::try_from(*number).unwrap_or_default(),
            Scalar::Float(number) if *number >= 0.0 => *number as u64,
            Scalar::Text(text) => text.trim().parse().unwrap_or_default(),
            _ => 0,
        };
        N::try_from(number).unwrap_or_default()
    }

    /// An enum's number, given as number or as name.
    pub fn enumeration(&self, names: &[&str]) -> i32 {
        match self {
            Scalar::Text(text) => match names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
                Some(at) => at as i32,
                None => self.number::<i32>(),
            },
            _ => self.number::<i32>(),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }
    fn visit_string<E>(self, text: String) -> Result<Scalar, E> {
        Ok(Scalar::Text(text))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar::Unsigned(number))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar::Signed(number))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
        Ok(Scalar::Float(number))
    }
    fn visit_bool<E>(self, truth: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(truth))
    }
    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Missing)
    }
    // A list or an object where a plain value belongs says nothing we could keep.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Missing)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Scalar, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Missing)
    }
}

/// A list of objects. Null is an empty list; anything else that is not a list, or an element that is not an object, is
/// noted in `wrong` and costs only itself.
pub struct List<T> {
    pub items: Vec<T>,
    pub wrong: bool,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        List { items: Vec::new(), wrong: false }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Items { items, wrong } = Items::<Object<T>>::deserialize(from)?;
        let wrong = wrong || items.iter().any(|item| item.0.is_none());
        Ok(List { items: items.into_iter().filter_map(|item| item.0).collect(), wrong })
    }
}

/// A list of anything.
pub struct Items<T> {
    pub items: Vec<T>,
    pub wrong: bool,
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Items { items: Vec::new(), wrong: false }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ItemsVisitor(PhantomData))
    }
}

struct ItemsVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ItemsVisitor<T> {
    type Value = Items<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Items<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element()? {
            take_room(size_of::<T>())?;
            items.push(item);
        }
        Ok(Items { items, wrong: false })
    }
    fn visit_unit<E>(self) -> Result<Items<T>, E> {
        Ok(Items::default())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Items<T>, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Items { items: Vec::new(), wrong: true })
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<Items<T>, E> {
        Ok(Items { items: Vec::new(), wrong: true })
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<Items<T>, E> {
        Ok(Items { items: Vec::new(), wrong: true })
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<Items<T>, E> {
        Ok(Items { items: Vec::new(), wrong: true })
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<Items<T>, E> {
        Ok(Items { items: Vec::new(), wrong: true })
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Items<T>, E> {
        Ok(Items { items: Vec::new(), wrong: true })
    }
}

/// An object, or nothing where something else stands.
struct Object<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(entries)).map(|object| Object(Some(object)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Object<T>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Object(None))
    }
    fn visit_str<E>(self, _: &str) -> Result<Object<T>, E> {
        Ok(Object(None))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Object<T>, E> {
        Ok(Object(None))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Object<T>, E> {
        Ok(Object(None))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Object<T>, E> {
        Ok(Object(None))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Object<T>, E> {
        Ok(Object(None))
    }
    fn visit_unit<E>(self) -> Result<Object<T>, E> {
        Ok(Object(None))
    }
}

/// `#[serde(deserialize_with = "or_default")]`: an object, or the default where null or something else stands.
pub fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Object::deserialize(from).map(|object| object.0.unwrap_or_default())
}
