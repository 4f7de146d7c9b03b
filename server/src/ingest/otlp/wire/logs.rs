//! Log records in protobuf.

use super::{Field, Fields, FromWire, Malformed, any_value, attribute, owned, records};
use crate::ingest::otlp::translate::{RawId, Record, Translator};

/// `ExportLogsServiceRequest` into the translator.
pub fn logs(body: &[u8], to: &mut Translator<'_>) -> Result<(), Malformed> {
    records::<Record<'_>>(body, to)
}

impl<'a> FromWire<'a> for Record<'a> {
    fn read(bytes: &'a [u8], to: &mut Translator<'_>) -> Result<Self, Malformed> {
        let mut record = Record { attributes: to.attrs(), ..Record::default() };
        let room = &mut to.room;
        for field in Fields(bytes) {
            match field? {
                (1, Field::Fixed64(nanos)) => record.time = nanos,
                (2, Field::Varint(number)) => record.severity_number = number as i32,
                (3, Field::Bytes(text)) => record.severity_text = owned(text),
                (5, Field::Bytes(message)) => record.body = any_value(message, 0, room)?,
                (6, Field::Bytes(pair)) => attribute(pair, &mut record.attributes, 0, room)?,
                (7, Field::Varint(count)) => record.dropped_attributes = count as u32,
                (9, Field::Bytes(id)) => record.trace_id = RawId::Bytes(id),
                (10, Field::Bytes(id)) => record.span_id = RawId::Bytes(id),
                (11, Field::Fixed64(nanos)) => record.observed = nanos,
                (12, Field::Bytes(text)) => record.event_name = owned(text),
                _ => {}
            }
        }
        Ok(record)
    }

    fn give(self, to: &mut Translator<'_>) -> Result<(), Malformed> {
        to.record(self)
    }
}
