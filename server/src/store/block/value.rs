//! Row-wise encoding of what is not worth columns: attribute values of mixed kind, origins, events, links.

use super::Corrupt;
use super::bytes::{self, Reader};
use model::attr::{Attributes, Value};
use model::id::{SpanId, TraceId};
use model::span::{Event, Link, Origin};

/// Deepest nesting of lists and maps that is read back; the OTLP decoder is stricter.
const MAX_DEPTH: u32 = 128;

pub fn put(to: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Str(text) => {
            to.push(0);
            bytes::put_slice(to, text.as_bytes());
        }
        Value::Int(int) => {
            to.push(1);
            bytes::put_signed(to, *int);
        }
        Value::Float(float) => {
            to.push(2);
            to.extend_from_slice(&float.to_bits().to_le_bytes());
        }
        Value::Bool(false) => to.push(3),
        Value::Bool(true) => to.push(4),
        Value::Bytes(raw) => {
            to.push(5);
            bytes::put_slice(to, raw);
        }
        Value::List(items) => {
            to.push(6);
            bytes::put(to, items.len() as u64);
            items.iter().for_each(|item| put(to, item));
        }
        Value::Map(entries) => {
            to.push(7);
            put_attributes(to, entries);
        }
        Value::Empty => to.push(8),
    }
}

pub fn get(from: &mut Reader) -> Result<Value, Corrupt> {
    get_nested(from, MAX_DEPTH)
}

fn get_nested(from: &mut Reader, depth: u32) -> Result<Value, Corrupt> {
    let deeper = depth.checked_sub(1).ok_or(Corrupt("nesting"))?;
    Ok(match from.byte()? {
        0 => Value::Str(from.text()?.to_owned()),
        1 => Value::Int(from.signed()?),
        2 => Value::Float(f64::from_bits(u64::from_le_bytes(from.array()?))),
        3 => Value::Bool(false),
        4 => Value::Bool(true),
        5 => Value::Bytes(from.slice()?.to_vec()),
        6 => Value::List((0..from.count(1)?).map(|_| get_nested(from, deeper)).collect::<Result<_, _>>()?),
        7 => Value::Map(get_attributes_nested(from, deeper)?),
        8 => Value::Empty,
        _ => return Err(Corrupt("value")),
    })
}

pub fn put_attributes(to: &mut Vec<u8>, attributes: &[(String, Value)]) {
    bytes::put(to, attributes.len() as u64);
    for (key, value) in attributes {
        bytes::put_slice(to, key.as_bytes());
        put(to, value);
    }
}

pub fn get_attributes(from: &mut Reader) -> Result<Attributes, Corrupt> {
    get_attributes_nested(from, MAX_DEPTH)
}

fn get_attributes_nested(from: &mut Reader, depth: u32) -> Result<Attributes, Corrupt> {
    (0..from.count(2)?).map(|_| Ok((from.text()?.to_owned(), get_nested(from, depth)?))).collect()
}

/// All of an origin but its service, which stands apart: most reads want no more than that.
pub fn put_origin(to: &mut Vec<u8>, origin: &Origin) {
    for text in [&origin.scope_name, &origin.scope_version] {
        bytes::put_slice(to, text.as_bytes());
    }
    put_attributes(to, &origin.resource);
    put_attributes(to, &origin.scope_attributes);
}

pub fn get_origin(from: &mut Reader, service: &str) -> Result<Origin, Corrupt> {
    let (scope_name, scope_version) = (from.text()?.to_owned(), from.text()?.to_owned());
    let resource = get_attributes(from)?;
    let scope_attributes = get_attributes(from)?;
    Ok(Origin { service: service.to_owned(), resource, scope_name, scope_version, scope_attributes })
}

pub fn put_event(to: &mut Vec<u8>, event: &Event) {
    bytes::put_signed(to, event.time);
    bytes::put_slice(to, event.name.as_bytes());
    put_attributes(to, &event.attributes);
    bytes::put(to, u64::from(event.dropped_attributes));
}

pub fn get_event(from: &mut Reader) -> Result<Event, Corrupt> {
    Ok(Event {
        time: from.signed()?,
        name: from.text()?.to_owned(),
        attributes: get_attributes(from)?,
        dropped_attributes: from.get()? as u32,
    })
}

pub fn put_link(to: &mut Vec<u8>, link: &Link) {
    to.extend_from_slice(&link.trace_id.0);
    to.extend_from_slice(&link.span_id.0);
    bytes::put_slice(to, link.trace_state.as_bytes());
    put_attributes(to, &link.attributes);
    bytes::put(to, u64::from(link.dropped_attributes));
    bytes::put(to, u64::from(link.flags));
}

pub fn get_link(from: &mut Reader) -> Result<Link, Corrupt> {
    Ok(Link {
        trace_id: TraceId(from.array()?),
        span_id: SpanId(from.array()?),
        trace_state: from.text()?.to_owned(),
        attributes: get_attributes(from)?,
        dropped_attributes: from.get()? as u32,
        flags: from.get()? as u32,
    })
}

/// Calls `each` with every text in a value, nested ones too.
pub fn each_text<'a>(value: &'a Value, each: &mut impl FnMut(&'a str)) {
    match value {
        Value::Str(text) => each(text),
        Value::List(items) => items.iter().for_each(|item| each_text(item, each)),
        Value::Map(entries) => entries.iter().for_each(|(_, value)| each_text(value, each)),
        _ => {}
    }
}
