//! The pipeline of a query over log lines: `fields`, `stats`, `sort` and the other commands of CloudWatch Logs Insights, carried out over
//! the lines that a store finds. Pure code: lines in, a table out.

mod aggregate;
mod alike;
pub mod expression;
pub mod fields;
mod functions;
pub mod json;
pub mod lambda;
mod parse;
mod pipeline;
mod plan;
mod rows;
mod stats;
pub mod value;

pub use alike::Alike;
pub use pipeline::Pipeline;
pub use rows::Patterns;
pub use stats::GROUPS;

#[cfg(test)]
mod tests;
