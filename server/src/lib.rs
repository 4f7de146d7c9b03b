//! All of Clew's IO, in the order the data flows: ingest, store, then the ways to look at it.

pub mod api;
pub mod assets;
pub mod demo;
pub mod ingest;
pub mod pages;
pub mod store;
