//! One binary for all tests that need the whole: it links once.

mod browser;
mod harness;
mod recorder;
mod tidy;
mod wire_otlp;
