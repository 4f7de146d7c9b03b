//! What the log store is made of that does no IO: how a line is tested, its pattern, and its blocks.

pub mod pattern;
pub mod test;
