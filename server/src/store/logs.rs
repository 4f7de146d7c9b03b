//! What the log store is made of that does no IO: how a line is tested, and its blocks.

pub mod matching;
pub mod test;
