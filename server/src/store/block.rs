//! Columnar blocks of up to 4096 spans, with the trace summaries that live beside them. Pure code: bytes in, rows out.
//!
//! A block is its [`Meta`] (bounds and a directory, read for every search) and its columns (read when needed). Spans are
//! sorted by (first start of their trace in the block, trace id, start, span id), so a trace is one run of rows. Why
//! columns and not rows: see the code map in the README.

pub mod bitmap;
pub mod bloom;
pub mod bytes;
mod column;
pub mod decode;
pub mod encode;
pub mod facet;
pub mod joins;
mod keyed;
pub mod matcher;
pub mod meta;
pub mod plan;
mod scan;
pub mod stats;
mod summary;
mod value;
pub mod word;

pub use bitmap::Bitmap;
pub use decode::{span_ids, spans, spans_of_trace, summaries, traces};
pub use encode::{encode, encode_tail};
pub use matcher::wildcard;
pub use meta::Meta;
pub use plan::Plan;

/// Most spans of one block. 4096 is the measured knee between bytes per span and time per look-up.
pub const MAX_SPANS: usize = 4096;

/// A block before it is written: `meta` to one row, each column to its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    pub meta: Meta,
    /// (column number, framed bytes), by number.
    pub columns: Columns,
}

/// Framed columns by number: those of a whole block, or those a read asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns(Vec<(u16, Vec<u8>)>);

impl Columns {
    pub fn insert(&mut self, number: u16, framed: Vec<u8>) {
        match self.0.binary_search_by_key(&number, |column| column.0) {
            Ok(at) => self.0[at].1 = framed,
            Err(at) => self.0.insert(at, (number, framed)),
        }
    }

    pub fn get(&self, number: u16) -> Option<&[u8]> {
        self.0.binary_search_by_key(&number, |column| column.0).ok().map(|at| self.0[at].1.as_slice())
    }

    pub fn iter(&self) -> impl Iterator<Item = (u16, &[u8])> {
        self.0.iter().map(|(number, framed)| (*number, framed.as_slice()))
    }

    /// Bytes of all columns.
    pub fn size(&self) -> usize {
        self.0.iter().map(|column| column.1.len()).sum()
    }
}

impl Encoded {
    /// The whole block as one byte string (an intake row).
    pub fn to_blob(&self) -> Vec<u8> {
        let meta = self.meta.to_bytes();
        let mut blob = Vec::with_capacity(meta.len() + self.columns.size() + 8 * self.columns.0.len() + 16);
        bytes::put_slice(&mut blob, &meta);
        bytes::put(&mut blob, self.columns.0.len() as u64);
        for (number, framed) in self.columns.iter() {
            bytes::put(&mut blob, u64::from(number));
            bytes::put_slice(&mut blob, framed);
        }
        blob
    }

    /// The inverse of [`Encoded::to_blob`].
    pub fn from_blob(blob: &[u8]) -> Result<Encoded, Corrupt> {
        let mut from = bytes::Reader::new(blob);
        let meta = Meta::from_bytes(from.slice()?)?;
        let mut columns = Columns::default();
        for _ in 0..from.get()? {
            let number = u16::try_from(from.get()?).map_err(|_| Corrupt("column number"))?;
            columns.insert(number, from.slice()?.to_vec());
        }
        Ok(Encoded { meta, columns })
    }
}

/// Stored bytes that are not what was written; says which part. Reported, skipped, never a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt(pub &'static str);

impl std::fmt::Display for Corrupt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "corrupt block: {}", self.0)
    }
}

impl std::error::Error for Corrupt {}

/// Numbers of the columns that are not attributes. Attribute columns begin at [`FIRST_ATTRIBUTE`].
pub mod number {
    pub const BLOOM: u16 = 0;
    pub const TRACES: u16 = 1;
    pub const START: u16 = 2;
    pub const DURATION: u16 = 3;
    pub const ORIGIN: u16 = 4;
    pub const NAME: u16 = 5;
    pub const KIND_STATUS: u16 = 6;
    pub const SPAN_ID: u16 = 7;
    pub const PARENT: u16 = 8;
    pub const FLAGS: u16 = 9;
    pub const TRACE_STATE: u16 = 10;
    pub const STATUS_MESSAGE: u16 = 11;
    pub const SEQ: u16 = 12;
    pub const RECEIVED: u16 = 13;
    pub const SOURCE: u16 = 14;
    pub const KEY: u16 = 15;
    pub const DATASET: u16 = 16;
    pub const WEIGHT: u16 = 17;
    pub const TO_SELF: u16 = 18;
    pub const DROPPED: u16 = 19;
    pub const EVENTS: u16 = 20;
    pub const LINKS: u16 = 21;
    /// The table of distinct resource + scope pairs that `ORIGIN` points into.
    pub const ORIGINS: u16 = 22;
    /// Attribute values that have no column: over 8 KiB, or past the 512th column.
    pub const SPILL: u16 = 23;
    /// Trace summaries, one table in one column.
    pub const SUMMARIES: u16 = 24;
    pub const FIRST_ATTRIBUTE: u16 = 64;
    pub const MAX_ATTRIBUTES: usize = 512;
}

#[cfg(test)]
mod tests;
