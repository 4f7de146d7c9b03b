//! One binary for all tests that need the whole: it links once.

mod agreement;
mod browser;
mod cruddur;
mod durability;
mod errors;
mod harness;
mod links;
mod logs;
mod otlp_logs;
mod pages;
mod recorder;
mod reference;
mod tidy;
mod wire_logs;
mod wire_otlp;
mod wire_rollbar;
mod wire_xray;
mod xray;
