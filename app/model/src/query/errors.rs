//! Queries over groups of errors: the same language, whose keys are the operators of Rollbar's search
//! ([`crate::port::ErrorSearch`]). There are no commands.

use super::ast::{Expr, Field, Key, ParseError, Query, Test};
use super::edit::{self, Choice, Filtered};
use super::key::Vocabulary;
use super::lex::{Lexer, error};
use super::parse::Parser;
use super::print::write_expr;
use std::fmt;

/// Reads a query over errors. Every key is a [`Key::Attribute`] of any scope, by the name written.
///
/// Errors carry the byte position where the text went wrong and what was expected there.
pub fn parse_errors(text: &str) -> Result<Query, ParseError> {
    let mut parser = Parser::new(Lexer::new(text), Vocabulary::Errors);
    parser.lexer.skip_space();
    let filter = parser.filter()?;
    match parser.lexer.peek() {
        None => Ok(Query { filter, pipeline: Vec::new() }),
        Some(_) => error(parser.lexer.at, "expected the end: a search for errors has no commands"),
    }
}

/// Whether a key of this name is asked for anywhere in the query.
pub fn names(query: &Query, key: &str) -> bool {
    fn in_expr(expr: &Expr, key: &str) -> bool {
        match expr {
            Expr::And(parts) | Expr::Or(parts) => parts.iter().any(|part| in_expr(part, key)),
            Expr::Not(inner) => in_expr(inner, key),
            Expr::Word(_) => false,
            Expr::Field(field) => matches!(&field.key, Key::Attribute { name, .. } if name == key),
        }
    }
    query.filter.as_ref().is_some_and(|filter| in_expr(filter, key))
}

/// The query that also asks for `key:value`.
pub fn and(query: &Query, key: &str, value: &str) -> Query {
    let mut terms = match query.filter.clone() {
        None => Vec::new(),
        Some(Expr::And(parts)) => parts,
        Some(other) => vec![other],
    };
    let key = Vocabulary::Errors.parse_key(key);
    if let Ok(literal) = Vocabulary::Errors.kind(&key).literal(value) {
        terms.push(Expr::Field(Field { key, test: Test::Equals(literal) }));
    }
    let filter = if terms.len() > 1 { Some(Expr::And(terms)) } else { terms.pop() };
    Query { filter, pipeline: Vec::new() }
}

/// A query over errors that clicks change.
struct ErrorQuery(Query);

impl fmt::Display for ErrorQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.filter.as_ref().map_or(Ok(()), |filter| write_expr(filter, Vocabulary::Errors, f))
    }
}

impl Filtered for ErrorQuery {
    const VOCABULARY: Vocabulary = Vocabulary::Errors;

    fn read(text: &str) -> Option<ErrorQuery> {
        parse_errors(text).ok().map(ErrorQuery)
    }

    fn filter(&mut self) -> &mut Option<Expr> {
        &mut self.0.filter
    }
}

/// What the query says of `key:value`.
pub fn choice(text: &str, key: &str, value: &str) -> Choice {
    edit::of::<ErrorQuery>(text, key, value)
}

/// The query that also finds `key:value`.
pub fn with(text: &str, key: &str, value: &str) -> String {
    edit::including::<ErrorQuery>(text, key, value)
}

/// The query that says nothing of `key:value`.
pub fn without(text: &str, key: &str, value: &str) -> String {
    edit::edit::<ErrorQuery>(text, key, value, |_, _| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rollbars_operators_are_keys_of_their_own() {
        for text in ["status:resolved level:critical", "is:new -assignee:none count:>=10", "status:muted (a OR host:web-1) \"#12\"", ""] {
            let query = parse_errors(text).unwrap();
            assert_eq!(ErrorQuery(query).to_string(), text);
        }
        assert!(parse_errors("count:>many").is_err(), "a number is wanted");
        assert!(parse_errors("a | stats count()").unwrap_err().message.contains("no commands"));
        assert!(names(&parse_errors("a -(b OR status:muted)").unwrap(), "status") && !names(&parse_errors("status").unwrap(), "status"));
        let one = with("timeout", "host", "web 1");
        assert_eq!((one.as_str(), without(&one, "host", "web 1").as_str()), ("timeout host:\"web 1\"", "timeout"));
        assert_eq!(choice(&one, "host", "web 1"), Choice::Included);
        assert_eq!(ErrorQuery(and(&parse_errors("a OR b").unwrap(), "status", "active")).to_string(), "(a OR b) status:active");
    }
}
