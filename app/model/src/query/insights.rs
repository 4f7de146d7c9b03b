//! The query language over log lines: a filter as in every search box, then the commands of CloudWatch Logs Insights.
//!
//! ```text
//! query      = ( "SOURCE" sources "|" )? ( filter? ( "|" command )* | command ( "|" command )* )
//! command    = "fields" columns | "display" columns | "filter" expression | "stats" columns ( "by" columns )?
//!            | "sort" expression ( "asc" | "desc" )? , ... | ( "limit" | "head" | "tail" ) number | "dedup" expression , ...
//!            | "parse" expression? ( "glob * text" "as" name , ... | "/" regex "/" ( "as" name , ... )? ) | "pattern" expression
//! columns    = expression ( "as" name )? , ...
//! expression = or > and > not > = != < <= > >= like =~ in > + - > * / % > ^ > -x > call(), literal, field, ( expression )
//! field      = @name | name.inner.0 | `any text`
//! period     = number ( ms s m h d w mo q y )
//! ```
//!
//! Keywords and functions are written in any case, `#` begins a comment up to the end of the line. A text is a pipeline without a
//! leading `|` if its first segment reads as a command; a word that is to be searched for stands in quotes then. What a filter's key
//! may be: any name; `level`, `severity`, `trace_id`, `span_id` and the moments know their values. The command `filter` also takes the
//! search box's `key:value`. `tests/insights.md` defines the language by example; tests execute it.

mod ast;
mod commands;
mod complete;
mod edit;
mod expression;
mod functions;
mod lex;
mod print;

pub use ast::{
    Column, Command, DEFAULT_COLUMNS, DEFAULT_LIMIT, Direction, Expression, LogQuery, MAX_LIMIT, Operator, PATTERN_COLUMNS, ParsePattern,
    Period, Regex, Unit,
};
pub use complete::{LogCompleting, LogCompletion, log_completion};
pub use edit::{choice, exclude, with, without};
pub use functions::{AGGREGATES, FUNCTIONS, Function, LOG_COMMANDS, function};

use super::ast::ParseError;

/// Reads a query over log lines. An empty text matches everything.
///
/// Errors carry the byte position where the text went wrong and what was expected there.
pub fn parse_logs(text: &str) -> Result<LogQuery, ParseError> {
    commands::Commands::new(text).read()
}

#[cfg(test)]
mod tests;
