//! The one query language of every search box: what its texts mean ([`ast`]), and both ways between text and meaning.
//!
//! ```text
//! query    = filter? ( "|" command )*          the first command needs no "|" when there is no filter
//! filter   = all ( "OR" all )*
//! all      = term ( "AND"? term )*
//! term     = ( "-" | "NOT" ) term | "(" filter ")" | word | key ":" test
//! word     = bare | "quoted" , each with a "*" before or after
//! test     = "*" | value | wild*card | ( ">" | ">=" | "<" | "<=" ) number | number ".." number | "/" regex "/" "i"?
//! command  = "stats" measure ( "," measure )* ( "by" group ( "," group )* )? | "sort" column ( "asc" | "desc" )?
//!          | "limit" number | "filter" filter
//! ```
//!
//! Bare texts end at white space, `(`, `)`, `|` and `"`. In quotes, `\"` and `\\` stand for themselves and `\n`, `\r`, `\t` are
//! control characters. `tests/queries.md` defines the language by example; a test executes it.

pub mod ast;
mod complete;
mod edit;
pub mod errors;
pub mod filter_pattern;
pub mod insights;
mod key;
mod lex;
mod parse;
mod pipeline;
mod print;

pub use complete::{Completing, Completion, completion};
pub use edit::{Choice, choice, exclude, with, without};
pub use errors::parse_errors;
pub use insights::{LogQuery, parse_logs};
pub use key::{FIELDS, key_text, parse_key};
pub use parse::parse;
pub use pipeline::columns;
pub use print::value_text;

#[cfg(test)]
mod tests;
