//! Clew's vocabulary, in reading order: ids and times, what is stored, the query language that finds it,
//! the waterfall that shows it, and the port ([`port::Reader`]) through which pages reach the store.
//!
//! No IO and few dependencies: this crate is compiled to wasm as well as into the server.

pub mod id;
pub mod time;

pub mod address;
pub mod alert;
pub mod attr;
pub mod call;
pub mod error;
pub mod json;
pub mod log;
pub mod segments;
pub mod span;
pub mod trace;

pub mod columns;
pub mod waterfall;

pub mod alias;
pub mod query;
pub mod request;
pub mod sampling;
pub mod semconv;
pub mod views;

pub mod colour;

pub mod port;
