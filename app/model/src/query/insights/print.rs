//! Query to text: the one way Clew writes it. `parse_logs(print(query)) == query` for whatever the parser makes.

use super::commands::begins_command;
use super::lex::is_plain_name;
use super::{Column, Command, Direction, Expression, LogQuery, Operator, ParsePattern, Regex, function};
use crate::query::key::Vocabulary;
use crate::query::lex::{Lexer, quote};
use crate::query::print::{write_expr, write_pattern};
use std::fmt::{self, Display, Formatter};

/// A filter as the search box has it.
struct Filter<'a>(&'a crate::query::ast::Expr);

impl Display for Filter<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_expr(self.0, Vocabulary::Logs, f)
    }
}

impl Display for LogQuery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.groups.is_empty() {
            f.write_str("SOURCE ")?;
            write_list(self.groups.iter().map(|group| quote(group)), f)?;
            f.write_str(" | ")?;
        }
        let mut first = true;
        if let Some(filter) = &self.filter {
            let text = Filter(filter).to_string();
            match is_read_otherwise(&text) {
                true => write!(f, "({text})")?,
                false => f.write_str(&text)?,
            }
            first = false;
        }
        for command in &self.commands {
            f.write_str(if first { "" } else { " | " })?;
            first = false;
            command.fmt(f)?;
        }
        Ok(())
    }
}

/// Whether the text of a filter would begin a pipeline, a `SOURCE` or a comment.
fn is_read_otherwise(text: &str) -> bool {
    let mut lexer = Lexer::new(text);
    begins_command(&lexer) || lexer.eat_keyword("source") && lexer.peek() != Some(':') || text.starts_with('#') && text.contains('\n')
}

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Command::Fields(columns) => {
                f.write_str("fields ")?;
                write_list(columns, f)
            }
            Command::Display(columns) => {
                f.write_str("display ")?;
                write_list(columns, f)
            }
            Command::Filter(expression) => write!(f, "filter {expression}"),
            Command::Stats { measures, by } => {
                f.write_str("stats ")?;
                write_list(measures, f)?;
                f.write_str(if by.is_empty() { "" } else { " by " })?;
                write_list(by, f)
            }
            Command::Sort(by) => {
                let by = by.iter().map(|(expression, direction)| match direction {
                    Direction::Ascending => expression.to_string(),
                    Direction::Descending => format!("{expression} desc"),
                });
                f.write_str("sort ")?;
                write_list(by, f)
            }
            Command::Limit(rows) => write!(f, "limit {rows}"),
            Command::Tail(rows) => write!(f, "tail {rows}"),
            Command::Parse { source, pattern } => {
                f.write_str("parse ")?;
                write_operand(source, PRIMARY, f)?;
                match pattern {
                    ParsePattern::Regex(regex) => write!(f, " {regex}"),
                    ParsePattern::Glob { literals, names } => {
                        let literals: Vec<String> = literals.iter().map(|literal| literal.replace('*', "\\*")).collect();
                        write!(f, " {} as ", quote(&literals.join("*")))?;
                        let kept = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
                        write_list(names[..kept].iter().map(|name| name_text(name)), f)
                    }
                }
            }
            Command::Dedup(by) => {
                f.write_str("dedup ")?;
                write_list(by, f)
            }
            Command::Pattern(source) => write!(f, "pattern {source}"),
        }
    }
}

fn write_list<T: Display>(items: impl IntoIterator<Item = T>, f: &mut Formatter<'_>) -> fmt::Result {
    for (n, item) in items.into_iter().enumerate() {
        f.write_str(if n > 0 { ", " } else { "" })?;
        item.fmt(f)?;
    }
    Ok(())
}

impl Display for Column {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.expression {
            Expression::Field(field) if *field == self.name => f.write_str(&name_text(field)),
            Expression::Field(_) => write!(f, "{} as {}", self.expression, name_text(&self.name)),
            expression if expression.is_written(&self.name) => f.write_str(&self.name),
            expression => write!(f, "{expression} as {}", name_text(&self.name)),
        }
    }
}

impl Display for Regex {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_pattern(&self.pattern, |_| false, f)?;
        f.write_str(if self.ignore_case { "i" } else { "" })
    }
}

/// A field's name, in backticks where it must be. In quotes if it has a backtick: only a name after `as` can.
fn name_text(name: &str) -> String {
    match name {
        name if is_plain_name(name) => name.into(),
        name if name.contains('`') => quote(name),
        name => format!("`{name}`"),
    }
}

const PRIMARY: u8 = 9;

/// How tightly an expression holds together.
fn strength(expression: &Expression) -> u8 {
    match expression {
        Expression::Binary(operator, ..) => match operator {
            Operator::Or => 1,
            Operator::And => 2,
            Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual
            | Operator::Like
            | Operator::NotLike => 4,
            Operator::Add | Operator::Subtract => 5,
            Operator::Multiply | Operator::Divide | Operator::Remainder => 6,
            Operator::Power => 7,
        },
        Expression::Not(_) => 3,
        Expression::In(..) => 4,
        Expression::Negative(_) => 8,
        _ => PRIMARY,
    }
}

fn write_operand(expression: &Expression, least: u8, f: &mut Formatter<'_>) -> fmt::Result {
    if strength(expression) < least { write!(f, "({expression})") } else { expression.fmt(f) }
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::And => "and",
        Operator::Or => "or",
        Operator::Equal => "=",
        Operator::NotEqual => "!=",
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
        Operator::Like => "like",
        Operator::NotLike => "not like",
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::Remainder => "%",
        Operator::Power => "^",
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expression::Field(name) => f.write_str(&name_text(name)),
            Expression::Number(number) => write!(f, "{number}"),
            Expression::Text(text) => f.write_str(&quote(text)),
            Expression::Truth(truth) => write!(f, "{truth}"),
            Expression::Null => f.write_str("null"),
            Expression::Period(period) => write!(f, "{}{}", period.count, period.unit.name()),
            Expression::Regex(regex) => regex.fmt(f),
            Expression::Not(inner) => {
                f.write_str("not ")?;
                write_operand(inner, 3, f)
            }
            Expression::Negative(inner) => {
                f.write_str("-")?;
                write_operand(inner, 8, f)
            }
            Expression::Binary(operator, left, right) => {
                let own = strength(self);
                // `and` and `or` are the same however they are grouped; powers group to the right, all else to the left.
                let (least_left, least_right) = match operator {
                    Operator::And | Operator::Or => (own, own),
                    Operator::Power => (own + 1, own),
                    _ => (own, own + 1),
                };
                write_operand(left, least_left, f)?;
                write!(f, " {} ", sign(*operator))?;
                write_operand(right, least_right, f)
            }
            Expression::In(left, list) => {
                write_operand(left, 4, f)?;
                f.write_str(" in [")?;
                for (n, item) in list.iter().enumerate() {
                    f.write_str(if n > 0 { ", " } else { "" })?;
                    write_operand(item, 5, f)?;
                }
                f.write_str("]")
            }
            Expression::Call(name, arguments) => match (name.as_str(), arguments.as_slice()) {
                ("count", []) => f.write_str("count(*)"),
                (name, arguments) => {
                    write!(f, "{}(", function(name).map_or(name, |(function, _)| function.name))?;
                    write_list(arguments, f)?;
                    f.write_str(")")
                }
            },
        }
    }
}
