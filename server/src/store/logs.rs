//! What the log store is made of that does no IO: how a line is tested, its patterns, and its blocks.

pub mod block;
pub mod filter_pattern;
pub mod matching;
pub mod pattern;
pub mod test;
