//! What errors have in common, whoever sends them: in which group an occurrence is, and what spans and log records say of errors. Pure;
//! [`crate::store`] keeps them.

mod frames;
pub mod grouping;
pub mod rules;
mod template;
