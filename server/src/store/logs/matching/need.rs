//! What a block must have for one of its lines to match.

use super::pieces::{self, As, Piece, Required, of_regex, of_text, of_whole};
use super::{ids, levels as tested_levels};
use crate::store::block::word::WordMatcher;
use crate::store::insights::expression::levels;
use crate::store::insights::fields::{ACCOUNT, Field, Fields};
use crate::store::insights::lambda::LambdaField;
use crate::store::insights::value::parse_number;
use crate::store::logs::test::{Need, OriginField};
use model::id::{SpanId, TraceId};
use model::query::ast::{Expr, Key, Test};
use model::query::insights::{Expression, Operator, Regex};

pub fn all(needs: impl IntoIterator<Item = Need>) -> Need {
    let mut parts: Vec<Need> = Vec::new();
    for need in needs {
        match need {
            Need::Nothing => (),
            Need::Never => return Need::Never,
            Need::All(inner) => parts.extend(inner),
            other => parts.push(other),
        }
    }
    join(parts, Need::Nothing, Need::All)
}

/// Twice the same asks for nothing more.
fn join(parts: Vec<Need>, none: Need, several: fn(Vec<Need>) -> Need) -> Need {
    let mut once: Vec<Need> = Vec::with_capacity(parts.len());
    parts.into_iter().for_each(|part| {
        if !once.contains(&part) {
            once.push(part);
        }
    });
    match once.len() {
        0 => none,
        1 => once.remove(0),
        _ => several(once),
    }
}

pub fn any(needs: impl IntoIterator<Item = Need>) -> Need {
    let mut parts = Vec::new();
    for need in needs {
        match need {
            Need::Nothing => return Need::Nothing,
            Need::Never => (),
            Need::Any(inner) => parts.extend(inner),
            other => parts.push(other),
        }
    }
    join(parts, Need::Never, Need::Any)
}

pub fn groups(groups: &[String]) -> Need {
    any(groups.iter().map(|group| match group.ends_with('*') {
        true => Need::Nothing,
        false => Need::Origin(OriginField::Group, group.clone()),
    }))
}

fn of_levels(mask: u8) -> Need {
    match mask & 0x7f {
        0 => Need::Never,
        0x7f => Need::Nothing,
        mask => Need::Levels(mask),
    }
}

pub fn expr(filter: &Expr, fields: &mut Fields) -> Need {
    match filter {
        Expr::And(parts) => all(parts.iter().map(|part| expr(part, fields)).collect::<Vec<_>>()),
        Expr::Or(parts) => any(parts.iter().map(|part| expr(part, fields)).collect::<Vec<_>>()),
        Expr::Not(_) => Need::Nothing,
        Expr::Word(word) => {
            let tokens = all(WordMatcher::new(word).whole_tokens().map(|token| Need::Token(token.into())));
            let (trace, span) = ids(word);
            let ids = trace.map(of_trace).into_iter().chain(span.map(of_span));
            any([tokens].into_iter().chain(ids))
        }
        Expr::Field(found) => match &found.key {
            Key::Attribute { name, .. } => {
                let field = fields.field(name);
                if let Ok(Some(mask)) = tested_levels(&field, &found.test) {
                    return of_levels(mask);
                }
                match &found.test {
                    Test::Exists | Test::Compare(..) => present(name, &field),
                    Test::Equals(literal) => equal(name, &field, &literal.text),
                    Test::Wildcard(parts) => {
                        let pieces: Vec<Piece> = pieces_of(parts);
                        contains(name, &field, |stands| pieces::tokens(&pieces, stands))
                    }
                    Test::Regex { pattern, ignore_case } => {
                        matches(name, &field, &Regex { pattern: pattern.clone(), ignore_case: *ignore_case })
                    }
                }
            }
            Key::Span(_) | Key::Trace(_) => Need::Never,
        },
    }
}

fn pieces_of(parts: &[String]) -> Vec<Piece> {
    let mut pieces = vec![Piece::Edge];
    for (n, part) in parts.iter().enumerate() {
        pieces.extend((n > 0).then_some(Piece::Gap));
        pieces.extend(of_text(part));
    }
    pieces.push(Piece::Edge);
    pieces
}

pub fn expression(filter: &Expression, fields: &mut Fields) -> Need {
    match filter {
        Expression::Binary(Operator::And, left, right) => all([expression(left, fields), expression(right, fields)]),
        Expression::Binary(Operator::Or, left, right) => any([expression(left, fields), expression(right, fields)]),
        Expression::Binary(operator, left, right) => {
            if let (Expression::Field(name), right) = (&**left, &**right) {
                let field = fields.field(name);
                if matches!(field, Field::Level | Field::Severity)
                    && let Some(mask) = levels(&field, *operator, right)
                {
                    return of_levels(mask);
                }
                match (operator, right) {
                    (Operator::Equal, right) if let Some(text) = constant(right) => return equal(name, &field, &text),
                    (Operator::Like, Expression::Text(text)) => {
                        let pieces: Vec<Piece> = of_text(text).collect();
                        return contains(name, &field, |stands| pieces::tokens(&pieces, stands));
                    }
                    (Operator::Like, Expression::Regex(regex)) => return matches(name, &field, regex),
                    _ => (),
                }
            }
            all([computed(left, fields), computed(right, fields)])
        }
        Expression::In(left, list) => match &**left {
            Expression::Field(name) => {
                let field = fields.field(name);
                any(list.iter().map(|item| match (&field, constant(item)) {
                    (Field::Level | Field::Severity, _) => levels(&field, Operator::Equal, item).map_or(Need::Nothing, of_levels),
                    (field, Some(text)) => equal(name, field, &text),
                    _ => Need::Nothing,
                }))
            }
            _ => Need::Nothing,
        },
        Expression::Field(_) => computed(filter, fields),
        Expression::Call(function, arguments) => match (function.as_str(), arguments.as_slice()) {
            ("ispresent", [field @ Expression::Field(_)]) => computed(field, fields),
            ("strcontains", [Expression::Field(name), Expression::Text(text)]) => {
                let pieces: Vec<Piece> = of_text(text).collect();
                let field = fields.field(name);
                contains(name, &field, |stands| pieces::tokens(&pieces, stands))
            }
            _ => Need::Nothing,
        },
        _ => Need::Nothing,
    }
}

/// The text of a constant.
fn constant(expression: &Expression) -> Option<String> {
    match expression {
        Expression::Text(text) => Some(text.clone()),
        Expression::Number(number) => Some(number.to_string()),
        Expression::Negative(inner) => match &**inner {
            Expression::Number(number) => Some((-number).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// What must hold for an expression not to be null.
fn computed(expression: &Expression, fields: &mut Fields) -> Need {
    match expression {
        Expression::Field(name) => {
            let field = fields.field(name);
            present(name, &field)
        }
        Expression::Negative(inner) => computed(inner, fields),
        Expression::Binary(
            Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder | Operator::Power,
            left,
            right,
        ) => all([computed(left, fields), computed(right, fields)]),
        _ => Need::Nothing,
    }
}

/// What a line must have for the field to be there.
fn present(name: &str, field: &Field) -> Need {
    match field {
        Field::Path(_) => {
            let name = name.strip_prefix("$.").or_else(|| name.strip_prefix('@').filter(|_| name.starts_with("@@"))).unwrap_or(name);
            any(model::semconv::names(name).into_iter().map(|name| {
                // Numbers are places in lists.
                let keys = name.split('.').filter(|key| !key.bytes().all(|byte| byte.is_ascii_digit()));
                all(keys.map(|key| pieces::tokens(&of_whole(key), As::Json)))
            }))
        }
        Field::Lambda(LambdaField::RequestId | LambdaField::Type) => Need::Nothing,
        Field::Lambda(_) => Need::Token("report".into()),
        _ => Need::Nothing,
    }
}

/// What a line must have for the field to be this text, or the number that it reads as.
fn equal(name: &str, field: &Field, text: &str) -> Need {
    let tokens = |stands| pieces::tokens(&of_whole(text), stands);
    let value = || match parse_number(text) {
        None => tokens(As::Json),
        // Truths are also 1 and 0; larger numbers have exponents in some senders' JSON.
        Some(number) if number.fract() == 0.0 && (2.0..1e6).contains(&number.abs()) => {
            any([tokens(As::Json), Need::Token(number.abs().to_string())])
        }
        Some(_) => Need::Nothing,
    };
    match field {
        // Two texts may be one number.
        Field::Message | Field::Origin(..) if parse_number(text).is_some() => Need::Nothing,
        Field::Message => tokens(As::Plain),
        Field::TraceId => text.parse::<TraceId>().map_or(Need::Nothing, of_trace),
        Field::SpanId => text.parse::<SpanId>().map_or(Need::Nothing, of_span),
        Field::Log => match text.split_once(':') {
            Some((ACCOUNT, group)) => Need::Origin(OriginField::Group, group.into()),
            _ => Need::Never,
        },
        Field::Origin(origin, None) => Need::Origin(*origin, text.into()),
        Field::Origin(origin, Some(_)) => any([Need::Origin(*origin, text.into()), value()]),
        Field::Path(_) | Field::Lambda(_) => all([present(name, field), value()]),
        _ => Need::Nothing,
    }
}

/// What a line must have for a text to be in the field.
fn contains(name: &str, field: &Field, tokens: impl Fn(As) -> Need) -> Need {
    match field {
        Field::Message => tokens(As::Plain),
        Field::Path(_) => all([present(name, field), tokens(As::Json)]),
        Field::Lambda(_) => present(name, field),
        _ => Need::Nothing,
    }
}

fn matches(name: &str, field: &Field, regex: &Regex) -> Need {
    contains(name, field, |stands| {
        let (pieces, alternatives) = of_regex(regex, stands);
        all([pieces::tokens(&pieces, stands), alternatives])
    })
}

fn of_trace(id: TraceId) -> Need {
    Need::Trace(id.to_string())
}

fn of_span(id: SpanId) -> Need {
    Need::Token(id.to_string())
}

/// Literals that the message of every matching line has.
pub fn literals_of_expr(filter: &Expr, fields: &mut Fields, to: &mut Vec<Required>) {
    match filter {
        Expr::And(parts) => parts.iter().for_each(|part| literals_of_expr(part, fields, to)),
        Expr::Word(word) if ids(word) == (None, None) => to.extend(pieces::literal_of_word(word)),
        Expr::Field(found) if matches!(&found.key, Key::Attribute { name, .. } if fields.field(name) == Field::Message) => {
            to.extend(match &found.test {
                Test::Equals(literal) if literal.number.is_none() => pieces::literal(&of_whole(&literal.text)),
                Test::Wildcard(parts) => pieces::literal(&pieces_of(parts)),
                Test::Regex { pattern, ignore_case } => {
                    pieces::literal(&of_regex(&Regex { pattern: pattern.clone(), ignore_case: *ignore_case }, As::Plain).0)
                }
                _ => None,
            });
        }
        _ => (),
    }
}

/// The same of an expression.
pub fn literals_of_expression(filter: &Expression, fields: &mut Fields, to: &mut Vec<Required>) {
    let mut is_message = |expression: &Expression| matches!(expression, Expression::Field(name) if fields.field(name) == Field::Message);
    match filter {
        Expression::Binary(Operator::And, left, right) => {
            literals_of_expression(left, fields, to);
            literals_of_expression(right, fields, to);
        }
        Expression::Binary(operator, left, right) if is_message(left) => to.extend(match (operator, &**right) {
            (Operator::Equal, Expression::Text(text)) if parse_number(text).is_none() => pieces::literal(&of_whole(text)),
            (Operator::Like, Expression::Text(text)) => pieces::literal(&of_text(text).collect::<Vec<_>>()),
            (Operator::Like, Expression::Regex(regex)) => pieces::literal(&of_regex(regex, As::Plain).0),
            _ => None,
        }),
        Expression::Call(name, arguments) => {
            if let ("strcontains", [source, Expression::Text(text)]) = (name.as_str(), arguments.as_slice())
                && is_message(source)
            {
                to.extend(pieces::literal(&of_text(text).collect::<Vec<_>>()));
            }
        }
        _ => (),
    }
}
