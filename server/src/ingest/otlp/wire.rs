//! OTLP's protobuf, read straight into spans and lines: no intermediate messages, ids without allocations, and a broken record
//! costs no other. Field numbers: opentelemetry-proto 1.9, `trace/v1/trace.proto`, `logs/v1/logs.proto`, `common/v1/common.proto`.
//!
//! Broken framing down to the scope means the request is unreadable ([`Malformed`]); a record whose inside is broken is
//! rejected alone. Unknown fields are skipped; text that is not UTF-8 is read with replacement characters.

mod logs;

pub use logs::logs;

use super::translate::{Draft, RawId, Room, Translator};
use crate::ingest::Signal;
use crate::ingest::attrs::Attrs;
use model::attr::Value;
use model::span::{Event, Kind, Status};

/// The body is not the message it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// Values nested deeper than this are refused with their span (protobuf's own readers stop at 100 messages).
const MAX_DEPTH: u32 = 48;

/// `ExportTraceServiceRequest` into the translator.
pub fn traces(body: &[u8], to: &mut Translator<'_>) -> Result<(), Malformed> {
    records::<Draft<'_>>(body, to)
}

/// A record of a signal.
trait FromWire<'a>: Sized {
    /// Fails for what is wrong with this one record.
    fn read(bytes: &'a [u8], to: &mut Translator<'_>) -> Result<Self, Malformed>;

    /// Fails when nothing more fits into the request.
    fn give(self, to: &mut Translator<'_>) -> Result<(), Malformed>;
}

impl<'a> FromWire<'a> for Draft<'a> {
    fn read(bytes: &'a [u8], to: &mut Translator<'_>) -> Result<Self, Malformed> {
        span(bytes, to)
    }

    fn give(self, to: &mut Translator<'_>) -> Result<(), Malformed> {
        to.span(self)
    }
}

/// The requests of all signals are alike down to the record: resources with scopes with records.
fn records<'a, R: FromWire<'a>>(body: &'a [u8], to: &mut Translator<'_>) -> Result<(), Malformed> {
    for field in Fields(body) {
        if let (1, Field::Bytes(of_resource)) = field? {
            self::of_resource::<R>(of_resource, to)?;
        }
    }
    Ok(())
}

fn of_resource<'a, R: FromWire<'a>>(bytes: &'a [u8], to: &mut Translator<'_>) -> Result<(), Malformed> {
    // Protobuf allows any order: the resource first, then what it holds for.
    let mut resource = Attrs::default();
    for field in Fields(bytes) {
        if let (1, Field::Bytes(message)) = field? {
            for field in Fields(message) {
                if let (1, Field::Bytes(pair)) = field? {
                    attribute(pair, &mut resource, 0, &mut to.room)?;
                }
            }
        }
    }
    to.resource(resource);
    for field in Fields(bytes) {
        if let (2, Field::Bytes(message)) = field? {
            of_scope::<R>(message, to)?;
        }
    }
    Ok(())
}

fn of_scope<'a, R: FromWire<'a>>(bytes: &'a [u8], to: &mut Translator<'_>) -> Result<(), Malformed> {
    let (mut name, mut version, mut attributes) = (String::new(), String::new(), Attrs::default());
    for field in Fields(bytes) {
        if let (1, Field::Bytes(message)) = field? {
            for field in Fields(message) {
                match field? {
                    (1, Field::Bytes(text)) => name = owned(text),
                    (2, Field::Bytes(text)) => version = owned(text),
                    (3, Field::Bytes(pair)) => attribute(pair, &mut attributes, 0, &mut to.room)?,
                    _ => {}
                }
            }
        }
    }
    to.scope(name, version, attributes);
    for field in Fields(bytes) {
        if let (2, Field::Bytes(message)) = field? {
            match R::read(message, to) {
                Ok(record) => record.give(to)?,
                Err(Malformed(why)) => to.unreadable(why, message.len())?,
            }
        }
    }
    Ok(())
}

fn span<'a>(bytes: &'a [u8], to: &mut Translator<'_>) -> Result<Draft<'a>, Malformed> {
    let mut span = Draft { attributes: to.attrs(), ..Draft::default() };
    let room = &mut to.room;
    for field in Fields(bytes) {
        match field? {
            (1, Field::Bytes(id)) => span.trace_id = RawId::Bytes(id),
            (2, Field::Bytes(id)) => span.span_id = RawId::Bytes(id),
            (3, Field::Bytes(text)) => span.trace_state = owned(text),
            (4, Field::Bytes(id)) => span.parent_id = RawId::Bytes(id),
            (5, Field::Bytes(text)) => span.name = owned(text),
            (6, Field::Varint(number)) => span.kind = Kind::from_number(number as i32),
            (7, Field::Fixed64(nanos)) => span.start = nanos,
            (8, Field::Fixed64(nanos)) => span.end = nanos,
            (9, Field::Bytes(pair)) => attribute(pair, &mut span.attributes, 0, room)?,
            (10, Field::Varint(count)) => span.dropped.attributes = count as u32,
            (11, Field::Bytes(message)) => span.events.push(event(message, room)?),
            (12, Field::Varint(count)) => span.dropped.events = count as u32,
            (13, Field::Bytes(message)) => link(message, &mut span, room)?,
            (14, Field::Varint(count)) => span.dropped.links = count as u32,
            (15, Field::Bytes(message)) => {
                for field in Fields(message) {
                    match field? {
                        (2, Field::Bytes(text)) => span.status_message = owned(text),
                        (3, Field::Varint(code)) => span.status = Status::from_number(code as i32),
                        _ => {}
                    }
                }
            }
            (16, Field::Fixed32(flags)) => span.flags = flags,
            _ => {}
        }
    }
    Ok(span)
}

fn event(bytes: &[u8], room: &mut Room) -> Result<Event, Malformed> {
    room.take()?;
    let (mut nanos, mut name, mut attributes, mut dropped_attributes) = (0, String::new(), Attrs::default(), 0);
    for field in Fields(bytes) {
        match field? {
            (1, Field::Fixed64(time)) => nanos = time,
            (2, Field::Bytes(text)) => name = owned(text),
            (3, Field::Bytes(pair)) => attribute(pair, &mut attributes, 0, room)?,
            (4, Field::Varint(count)) => dropped_attributes = count as u32,
            _ => {}
        }
    }
    Ok(Event { time: i64::try_from(nanos).unwrap_or(i64::MAX), name, attributes: attributes.finish(), dropped_attributes })
}

fn link(bytes: &[u8], span: &mut Draft<'_>, room: &mut Room) -> Result<(), Malformed> {
    room.take()?;
    let (mut trace_id, mut span_id) = (RawId::Missing, RawId::Missing);
    let (mut trace_state, mut attributes, mut dropped_attributes, mut flags) = (String::new(), Attrs::default(), 0, 0);
    for field in Fields(bytes) {
        match field? {
            (1, Field::Bytes(id)) => trace_id = RawId::Bytes(id),
            (2, Field::Bytes(id)) => span_id = RawId::Bytes(id),
            (3, Field::Bytes(text)) => trace_state = owned(text),
            (4, Field::Bytes(pair)) => attribute(pair, &mut attributes, 0, room)?,
            (5, Field::Varint(count)) => dropped_attributes = count as u32,
            (6, Field::Fixed32(number)) => flags = number,
            _ => {}
        }
    }
    span.link(&trace_id, &span_id, trace_state, attributes, dropped_attributes, flags);
    Ok(())
}

fn attribute(bytes: &[u8], to: &mut Attrs, depth: u32, room: &mut Room) -> Result<(), Malformed> {
    room.take()?;
    let (mut key, mut value) = (&[][..], Value::Empty);
    for field in Fields(bytes) {
        match field? {
            (1, Field::Bytes(text)) => key = text,
            (2, Field::Bytes(message)) => value = any_value(message, depth, room)?,
            _ => {}
        }
    }
    to.push(owned(key), value);
    Ok(())
}

fn any_value(bytes: &[u8], depth: u32, room: &mut Room) -> Result<Value, Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed("values nested too deep"));
    }
    let mut value = Value::Empty;
    for field in Fields(bytes) {
        match field? {
            (1, Field::Bytes(text)) => value = Value::Str(owned(text)),
            (2, Field::Varint(number)) => value = Value::Bool(number != 0),
            (3, Field::Varint(number)) => value = Value::Int(number as i64),
            (4, Field::Fixed64(bits)) => value = Value::Float(f64::from_bits(bits)),
            (5, Field::Bytes(array)) => {
                let mut items = Vec::new();
                for field in Fields(array) {
                    if let (1, Field::Bytes(item)) = field? {
                        room.take()?;
                        items.push(any_value(item, depth + 1, room)?);
                    }
                }
                value = Value::List(items);
            }
            (6, Field::Bytes(list)) => {
                let mut entries = Attrs::default();
                for field in Fields(list) {
                    if let (1, Field::Bytes(pair)) = field? {
                        attribute(pair, &mut entries, depth + 1, room)?;
                    }
                }
                value = Value::Map(entries.finish());
            }
            (7, Field::Bytes(bytes)) => value = Value::Bytes(bytes.to_vec()),
            _ => {}
        }
    }
    Ok(value)
}

/// How many data points a request of metrics holds, as the SDKs count.
pub fn count_points(body: &[u8]) -> Result<u64, Malformed> {
    let mut points = 0;
    for resource in Fields(body) {
        let (1, Field::Bytes(resource)) = resource? else { continue };
        for scope in Fields(resource) {
            let (2, Field::Bytes(scope)) = scope? else { continue };
            for metric in Fields(scope) {
                let (2, Field::Bytes(metric)) = metric? else { continue };
                points += data_points(metric)?;
            }
        }
    }
    Ok(points)
}

/// `Metric`: gauge 5, sum 7, histogram 9, exponential histogram 10, summary 11; each has its points in field 1.
fn data_points(metric: &[u8]) -> Result<u64, Malformed> {
    let mut points = 0;
    for field in Fields(metric) {
        if let (5 | 7 | 9 | 10 | 11, Field::Bytes(data)) = field? {
            for field in Fields(data) {
                points += u64::from(matches!(field?, (1, Field::Bytes(_))));
            }
        }
    }
    Ok(points)
}

/// Which signal a body is, for senders that post to `/`: the three requests differ only in the record. A span begins with
/// its 16-byte id, a log record with a fixed64 time (or none), a metric with its name. Spans if there is no record.
pub fn signal_of(body: &[u8]) -> Signal {
    first_record(body).map_or(Signal::Traces, |record| {
        let mut signal = Signal::Metrics;
        for field in Fields(record) {
            match field {
                Ok((1, Field::Bytes(id))) if id.len() == 16 => signal = Signal::Traces,
                Ok((1 | 11, Field::Fixed64(_))) => return Signal::Logs,
                Ok((7 | 8, Field::Fixed64(_))) => return Signal::Traces,
                Ok(_) => {}
                Err(_) => return Signal::Traces,
            }
        }
        signal
    })
}

fn first_record(body: &[u8]) -> Option<&[u8]> {
    let message = |bytes, wanted| {
        Fields(bytes).find_map(|field| match field {
            Ok((number, Field::Bytes(message))) if number == wanted => Some(message),
            _ => None,
        })
    };
    message(message(message(body, 1)?, 2)?, 2)
}

fn owned(text: &[u8]) -> String {
    // Checked in one go first: looking for the end of a valid part byte by byte is slow.
    std::str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text).into_owned(), str::to_owned)
}

/// One field of a protobuf message by wire type.
enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// The fields of a message, as (number, value), to its end or the first error.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Field<'a>), Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    #[inline]
    fn field(&mut self) -> Result<(u32, Field<'a>), Malformed> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0).ok_or(Malformed("field number out of range"))?;
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length =
                    usize::try_from(self.varint()?).ok().filter(|length| *length <= self.0.len()).ok_or(Malformed("truncated field"))?;
                let (bytes, rest) = self.0.split_at(length);
                self.0 = rest;
                Field::Bytes(bytes)
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(Malformed("unknown wire type")),
        };
        Ok((number, field))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for (n, byte) in self.0.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * n);
            if byte & 0x80 == 0 {
                self.0 = &self.0[n + 1..];
                return Ok(value);
            }
        }
        Err(Malformed("truncated or overlong number"))
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed("truncated field"))?;
        self.0 = rest;
        Ok(*bytes)
    }
}
