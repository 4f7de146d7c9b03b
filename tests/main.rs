//! One binary for all tests that need the whole: it links once.

mod agreement;
mod browser;
mod harness;
mod reference;
mod tidy;
