//! One binary for all tests that need the whole: it links once.

mod agreement;
mod browser;
mod cruddur;
mod harness;
mod recorder;
mod reference;
mod pages;
mod tidy;
mod wire_otlp;
