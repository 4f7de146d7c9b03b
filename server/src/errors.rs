//! What errors have in common, whoever sends them: in which group an occurrence is, and what spans and log records say of errors. Pure;
//! [`crate::store`] keeps them.

mod frames;
pub mod grouping;
mod line;
pub mod rules;
mod span;
mod stack;
mod template;

pub use line::{LOGGED, from_line};
pub use span::from_span;
