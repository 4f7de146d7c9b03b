//! Columnar blocks of up to 4096 lines of one log group and one day. Pure code: bytes in, lines out.
//!
//! A block is its [`Meta`] (bounds and counts, in memory for every search) and its columns. Lines are sorted by (time, seq). The messages
//! stand one after the other in one column, so that a search runs over all of them at once. Fields of JSON messages have no columns: they
//! are read out of the message, which is 60 % of the bytes of both. A trace id that stands in the message is not stored again either,
//! only where it was found.

mod bloom;
mod decode;
mod encode;
mod meta;

pub use bloom::{PIECES, Token, may_have, piece_of, trace_token};
pub use decode::Opened;
pub use encode::{Encoded, encode, fields_of, get_lines, put_lines};
pub use meta::{Meta, OriginCount, PatternCount};

/// Most lines of one block.
pub const MAX_LINES: usize = 4096;
/// Bytes of messages at which a block is full whatever its lines.
pub const MAX_BYTES: usize = 4 << 20;

/// Numbers of the columns. Few and large: each is a row to read, which costs more than its bytes.
pub mod number {
    /// Times and lengths of the messages: what a search over the messages needs besides them.
    pub const INDEX: u16 = 1;
    pub const MESSAGES: u16 = 2;
    /// `seq`, arrival, severities, origins and traces.
    pub const DETAILS: u16 = 3;
    /// Lengths and texts of the attributes; none if no line has any.
    pub const ATTRIBUTES: u16 = 4;
    /// Pattern of each line.
    pub const PATTERN: u16 = 5;
    /// First of [`super::PIECES`] pieces of the bloom filter.
    pub const BLOOM: u16 = 64;

    /// What a line is made of besides `INDEX` and `MESSAGES`.
    pub const REST: [u16; 3] = [DETAILS, ATTRIBUTES, PATTERN];
}

#[cfg(test)]
mod tests;
