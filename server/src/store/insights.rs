//! The pipeline of a query over log lines: `fields`, `stats`, `sort` and the other commands of CloudWatch Logs Insights, carried out over
//! the lines that a store finds. Pure code: lines in, a table out.

pub mod expression;
pub mod fields;
mod functions;
pub mod json;
pub mod lambda;
pub mod value;
