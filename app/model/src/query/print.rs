//! Query to text: the one way Clew writes it. `parse(print(query)) == query` for whatever the parser makes.

use super::ast::{Cmp, Command, Expr, Field, Function, Key, Query, Stats, Test, Word};
use super::key::{Vocabulary, is_plain_key, key_text};
use super::lex::{Lexer, quote};
use super::pipeline::{is_call, is_command};
use crate::time::Nanos;
use std::fmt::{self, Display, Formatter, Write};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut first = true;
        if let Some(filter) = &self.filter {
            let text = filter.to_string();
            // A filter that begins with the word `limit` is not a pipeline.
            if is_command(Lexer::new(&text).run()) {
                write!(f, "({text})")?
            } else {
                f.write_str(&text)?
            }
            first = false;
        }
        for command in &self.pipeline {
            f.write_str(if first { "" } else { " | " })?;
            first = false;
            match command {
                Command::Stats(stats) => write_stats(stats, f)?,
                Command::Sort { column, descending } => {
                    f.write_str("sort ")?;
                    if is_call(column) {
                        f.write_str(column)?
                    } else {
                        f.write_str(&name_text(column))?
                    }
                    f.write_str(if *descending { " desc" } else { "" })?;
                }
                Command::Limit(rows) => write!(f, "limit {rows}")?,
            }
        }
        Ok(())
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_expr(self, Vocabulary::Spans, f)
    }
}

/// A filter, with the keys of this vocabulary.
pub(super) fn write_expr(expr: &Expr, vocabulary: Vocabulary, f: &mut Formatter<'_>) -> fmt::Result {
    match expr {
        Expr::And(parts) => write_joined(parts, " ", vocabulary, f),
        Expr::Or(parts) => write_joined(parts, " OR ", vocabulary, f),
        Expr::Not(inner) => {
            f.write_char('-')?;
            write_part(inner, matches!(**inner, Expr::And(_) | Expr::Or(_) | Expr::Not(_)), vocabulary, f)
        }
        Expr::Word(word) => word.fmt(f),
        Expr::Field(field) => write_field(field, vocabulary, f),
    }
}

fn write_joined(parts: &[Expr], between: &str, vocabulary: Vocabulary, f: &mut Formatter<'_>) -> fmt::Result {
    for (n, part) in parts.iter().enumerate() {
        f.write_str(if n > 0 { between } else { "" })?;
        write_part(part, matches!(part, Expr::And(_) | Expr::Or(_)), vocabulary, f)?;
    }
    Ok(())
}

fn write_part(part: &Expr, in_parentheses: bool, vocabulary: Vocabulary, f: &mut Formatter<'_>) -> fmt::Result {
    if !in_parentheses {
        return write_expr(part, vocabulary, f);
    }
    f.write_char('(')?;
    write_expr(part, vocabulary, f)?;
    f.write_char(')')
}

impl Display for Word {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.open_start { "*" } else { "" })?;
        if self.quoted {
            f.write_str(&quote(&self.text))?
        } else {
            f.write_str(&self.text)?
        }
        f.write_str(if self.open_end { "*" } else { "" })
    }
}

fn write_field(field: &Field, vocabulary: Vocabulary, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str(&vocabulary.key_text(&field.key))?;
    f.write_char(':')?;
    match &field.test {
        Test::Exists => f.write_char('*'),
        Test::Equals(literal) => f.write_str(&value_text(&literal.text)),
        Test::Wildcard(parts) => {
            for (n, part) in parts.iter().enumerate() {
                f.write_str(if n > 0 { "*" } else { "" })?;
                if part.is_empty() || is_bare_value(part) && !part.starts_with('/') {
                    f.write_str(part)?;
                } else {
                    f.write_str(&quote(part))?;
                }
            }
            Ok(())
        }
        Test::Compare(cmp, literal) => {
            f.write_str(match cmp {
                Cmp::Less => "<",
                Cmp::LessOrEqual => "<=",
                Cmp::Greater => ">",
                Cmp::GreaterOrEqual => ">=",
            })?;
            f.write_str(&value_text(&literal.text))
        }
        Test::Regex { pattern, ignore_case } => {
            write_pattern(pattern, char::is_whitespace, f)?;
            f.write_str(if *ignore_case { "i" } else { "" })
        }
    }
}

/// `/pattern/`, with a backslash before slashes and before what else ends it.
pub(super) fn write_pattern(pattern: &str, ends: fn(char) -> bool, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char('/')?;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                f.write_char(c)?;
                chars.next().map_or(Ok(()), |next| f.write_char(next))?;
            }
            c if c == '/' || ends(c) => write!(f, "\\{c}")?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('/')
}

/// A value as it is written after `key:`, in quotes where it must be.
pub fn value_text(value: &str) -> String {
    if is_bare_value(value) { value.into() } else { quote(value) }
}

fn is_bare_value(value: &str) -> bool {
    value.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '/' | '-' | '.' | '@' | '+'))
        && value.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@' | '/' | '+' | '%' | ',' | ';' | '?' | '&' | '=' | '#' | '{' | '}' | '[' | ']' | '$'))
        && !value.contains("..")
        // Not `/a/`, which would be a regex.
        && Lexer::new(value).regex().is_none()
}

fn write_stats(stats: &Stats, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str("stats ")?;
    for (n, measure) in stats.measures.iter().enumerate() {
        let call = call_text(&measure.function);
        f.write_str(if n > 0 { ", " } else { "" })?;
        f.write_str(&call)?;
        if measure.name != call {
            write!(f, " as {}", name_text(&measure.name))?;
        }
    }
    let groups: Vec<String> = stats.by.iter().map(key_text).chain(stats.bin.map(bin_text)).collect();
    if groups.is_empty() { Ok(()) } else { write!(f, " by {}", groups.join(", ")) }
}

/// The call as the printer writes it: `p95(duration)`.
pub(super) fn call_text(function: &Function) -> String {
    let call = |name: &str, key: &Key| format!("{name}({})", key_text(key));
    match function {
        Function::Count => "count(*)".into(),
        Function::CountKey(key) => call("count", key),
        Function::Errors => "errors()".into(),
        Function::CountDistinct(key) => call("count_distinct", key),
        Function::Sum(key) => call("sum", key),
        Function::Avg(key) => call("avg", key),
        Function::Min(key) => call("min", key),
        Function::Max(key) => call("max", key),
        Function::Percentile(key, percent) => call(&format!("p{percent}"), key),
    }
}

/// `bin(5m)`
pub(super) fn bin_text(step: Nanos) -> String {
    let units = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
    ];
    let (unit, name) = units.into_iter().find(|(unit, _)| step % unit == 0).unwrap_or((1, "ns"));
    format!("bin({}{name})", step / unit)
}

fn name_text(name: &str) -> String {
    if is_plain_key(name) { name.into() } else { quote(name) }
}
