//! The one query language of every search box: what its texts mean (`ast`), and both ways between text and meaning.
//!
//! `tests/queries.md` defines the language by example; a test executes it.

pub mod ast;
