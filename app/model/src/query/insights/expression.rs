//! Text to query: expressions.

use super::commands::Commands;
use super::functions::takes_period;
use super::lex::is_reserved;
use super::{Expression, Function, Operator, function};
use crate::query::ast::ParseError;
use crate::query::lex::error;

/// How deep parentheses, calls and signs may nest.
const DEPTH: u32 = 64;
/// How high the tree of an expression may be: what walks it must not run out of stack.
const HEIGHT: u32 = 128;

/// What may stand in an expression.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Fields, and aggregates that are columns.
    Row,
    /// Aggregates, and names of other columns.
    Measure,
    /// Fields, within an aggregate.
    Aggregate,
}

const COMPARISONS: &[(&str, Operator)] = &[
    ("=~", Operator::Like),
    ("==", Operator::Equal),
    ("=", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<>", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];
const SUMS: &[(&str, Operator)] = &[("+", Operator::Add), ("-", Operator::Subtract)];
const PRODUCTS: &[(&str, Operator)] = &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)];

impl Commands<'_> {
    pub(super) fn expression(&mut self) -> Result<Expression, ParseError> {
        self.logic(Operator::Or, "or", |this| this.logic(Operator::And, "and", Self::negation))
    }

    /// Operands with `and` or `or` between them.
    fn logic(
        &mut self,
        operator: Operator,
        keyword: &str,
        operand: impl Fn(&mut Self) -> Result<Expression, ParseError>,
    ) -> Result<Expression, ParseError> {
        let start = self.lexer.at;
        let mut operands = Vec::new();
        loop {
            open(operand(self)?, operator, &mut operands);
            if !self.lexer.eat_keyword(keyword) {
                return low(balanced(operator, operands), start);
            }
        }
    }

    fn negation(&mut self) -> Result<Expression, ParseError> {
        let (_, start) = self.lexer.next_word();
        if !self.lexer.eat_keyword("not") {
            return self.comparison();
        }
        let inner = self.nested(start, Self::negation)?;
        low(Expression::Not(Box::new(inner)), start)
    }

    fn comparison(&mut self) -> Result<Expression, ParseError> {
        let start = self.lexer.at;
        let mut left = self.sum()?;
        loop {
            let before = self.lexer.at;
            let not = self.lexer.eat_keyword("not");
            let negated = |inner: Expression| if not { Expression::Not(Box::new(inner)) } else { inner };
            left = if self.lexer.eat_keyword("like") {
                let right = self.pattern_or_sum()?;
                binary(if not { Operator::NotLike } else { Operator::Like }, left, right)
            } else if self.lexer.eat_keyword("in") {
                negated(Expression::In(Box::new(left), self.alternatives()?))
            } else if not {
                self.lexer.at = before;
                let (_, at) = self.lexer.next_word();
                return error(at, "expected `like` or `in` after `not`");
            } else {
                match COMPARISONS.iter().find(|(sign, _)| self.lexer.eat_sign(sign)) {
                    Some((_, Operator::Like)) => binary(Operator::Like, left, self.pattern_or_sum()?),
                    Some((_, operator)) => binary(*operator, left, self.sum()?),
                    None => return Ok(left),
                }
            };
            left = low(left, start)?;
        }
    }

    /// What stands after `like`.
    fn pattern_or_sum(&mut self) -> Result<Expression, ParseError> {
        match self.lexer.pattern()? {
            Some(regex) => Ok(Expression::Regex(regex)),
            None => self.sum(),
        }
    }

    /// `[1, 2]`, or the same in parentheses.
    fn alternatives(&mut self) -> Result<Vec<Expression>, ParseError> {
        let end = match () {
            () if self.lexer.eat_sign("[") => "]",
            () if self.lexer.eat_sign("(") => ")",
            () => return self.expected("expected a list such as [\"a\", \"b\"]"),
        };
        let mut items = Vec::new();
        loop {
            items.push(self.sum()?);
            if self.lexer.eat_sign(end) {
                return Ok(items);
            }
            if !self.lexer.eat_sign(",") {
                return self.expected(format!("expected `,` or `{end}`"));
            }
        }
    }

    fn sum(&mut self) -> Result<Expression, ParseError> {
        self.chain(SUMS, |this| this.chain(PRODUCTS, Self::power))
    }

    fn chain(
        &mut self,
        operators: &[(&str, Operator)],
        operand: impl Fn(&mut Self) -> Result<Expression, ParseError>,
    ) -> Result<Expression, ParseError> {
        let start = self.lexer.at;
        let mut left = operand(self)?;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.lexer.eat_sign(sign)) {
            left = low(binary(*operator, left, operand(self)?), start)?;
        }
        Ok(left)
    }

    fn power(&mut self) -> Result<Expression, ParseError> {
        let start = self.lexer.at;
        let base = self.unary()?;
        if !self.lexer.eat_sign("^") {
            return Ok(base);
        }
        let exponent = self.nested(start, Self::power)?;
        low(binary(Operator::Power, base, exponent), start)
    }

    fn unary(&mut self) -> Result<Expression, ParseError> {
        let start = self.lexer.at;
        if !self.lexer.eat_sign("-") {
            return self.primary();
        }
        let inner = self.nested(start, Self::unary)?;
        low(Expression::Negative(Box::new(inner)), start)
    }

    /// A literal, a field, a call, or an expression in parentheses.
    pub(super) fn primary(&mut self) -> Result<Expression, ParseError> {
        let (word, start) = self.lexer.next_word();
        if self.lexer.eat_sign("(") {
            let inner = self.nested(start, Self::expression)?;
            return if self.lexer.eat_sign(")") { Ok(inner) } else { self.expected("expected `)`") };
        }
        if let Some(text) = self.lexer.text()? {
            return Ok(Expression::Text(text));
        }
        if let Some(number) = self.lexer.number()? {
            return Ok(Expression::Number(number));
        }
        let before = self.lexer.clone();
        let Some(name) = self.lexer.field()? else {
            return self.expected("expected a field, a value or a function");
        };
        // `in.a` is a field.
        if name == word && is_reserved(word) {
            self.lexer = before;
            let literal = match word.to_ascii_lowercase().as_str() {
                "true" => Expression::Truth(true),
                "false" => Expression::Truth(false),
                "null" => Expression::Null,
                _ => return self.expected("expected a field, a value or a function"),
            };
            self.lexer.eat_keyword(word);
            return Ok(literal);
        }
        let written = &self.lexer.text[start..self.lexer.at];
        if !written.contains(['`', '[']) && self.lexer.eat_sign("(") {
            return self.nested(start, |this| this.call(&name, start));
        }
        if self.place == Place::Measure {
            self.bare.push((start, name.clone()));
        }
        Ok(Expression::Field(name))
    }

    /// What follows `name(`.
    fn call(&mut self, name: &str, start: usize) -> Result<Expression, ParseError> {
        let lower = name.to_ascii_lowercase();
        let percent = lower.strip_prefix('p').and_then(percentile).filter(|_| function(name).is_none());
        let Some((called, is_aggregate)) = function(if percent.is_some() { "pct" } else { name }) else {
            return error(start, format!("expected a function: there is no `{name}`"));
        };
        let place = self.place;
        if is_aggregate && place == Place::Aggregate {
            return error(start, "expected no aggregate within an aggregate");
        }
        if is_aggregate {
            self.place = Place::Aggregate;
        }
        let read = self.arguments(called);
        self.place = place;
        let mut arguments = read?;
        if let Some(percent) = percent {
            arguments.push(Expression::Number(percent));
        }
        if let Err(message) = check(called, percent.is_some(), &arguments) {
            return error(start, message);
        }
        let call = low(Expression::Call(called.name.to_ascii_lowercase(), arguments), start)?;
        if is_aggregate && place == Place::Row && !self.is_column(&call) {
            return error(start, format!("expected no `{}` here: aggregates are for `stats`", called.name));
        }
        Ok(call)
    }

    fn arguments(&mut self, called: &Function) -> Result<Vec<Expression>, ParseError> {
        let mut arguments = Vec::new();
        if called.name == "count" {
            self.lexer.eat_sign("*");
        }
        if self.lexer.eat_sign(")") {
            return Ok(arguments);
        }
        loop {
            let nth = arguments.len();
            let period = if takes_period(called, nth) { self.lexer.period()? } else { None };
            let regex = if called.name == "replace" && nth == 1 { self.lexer.pattern()? } else { None };
            arguments.push(match (period, regex) {
                (Some(period), _) => Expression::Period(period),
                (_, Some(regex)) => Expression::Regex(regex),
                _ => self.expression()?,
            });
            if self.lexer.eat_sign(")") {
                return Ok(arguments);
            }
            if !self.lexer.eat_sign(",") {
                return self.expected("expected `,` or `)`");
            }
        }
    }

    fn nested(&mut self, start: usize, read: impl FnOnce(&mut Self) -> Result<Expression, ParseError>) -> Result<Expression, ParseError> {
        if self.depth == DEPTH {
            return error(start, "expected at most 64 levels of parentheses, calls and signs");
        }
        self.depth += 1;
        let inner = read(self);
        self.depth -= 1;
        inner
    }

    /// An error at what comes next.
    pub(super) fn expected<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        let (_, at) = self.lexer.next_word();
        error(at, message)
    }
}

/// Whether a function can be called so.
fn check(called: &Function, is_short: bool, arguments: &[Expression]) -> Result<(), String> {
    let Function { name, least, most, .. } = *called;
    let given = arguments.len() - usize::from(is_short);
    if !(least..=most).contains(&arguments.len()) {
        let (least, most) = (least - usize::from(is_short), most - usize::from(is_short));
        let wanted = match (least, most) {
            (0, 0) => "no arguments".into(),
            (1, 1) => "1 argument".into(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, most) => format!("{least} to {most} arguments"),
        };
        return Err(format!("expected {wanted} of `{name}`, not {given}"));
    }
    let is_period = matches!(arguments.last(), Some(Expression::Period(_)));
    match name {
        "bin" | "datefloor" | "dateceil" if !is_period => Err(format!("expected a period such as 5m in `{name}`")),
        "bin" if arguments.len() == 2 && matches!(arguments[0], Expression::Period(_)) => Err("expected one period in `bin`".into()),
        "pct" if !matches!(arguments[1], Expression::Number(percent) if (0.0..=100.0).contains(&percent)) => {
            Err("expected a percentile from 0 to 100 in `pct`".into())
        }
        _ => Ok(()),
    }
}

fn percentile(text: &str) -> Option<f64> {
    let digits = text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|percent| digits && (0.0..=100.0).contains(percent))
}

fn binary(operator: Operator, left: Expression, right: Expression) -> Expression {
    Expression::Binary(operator, Box::new(left), Box::new(right))
}

/// The operands of this operator in an expression.
fn open(expression: Expression, operator: Operator, to: &mut Vec<Expression>) {
    match expression {
        Expression::Binary(found, left, right) if found == operator => {
            open(*left, operator, to);
            open(*right, operator, to);
        }
        other => to.push(other),
    }
}

/// The operands under a tree as low as can be: hundreds of alternatives are nothing unusual.
fn balanced(operator: Operator, mut operands: Vec<Expression>) -> Expression {
    match operands.len() {
        0 => Expression::Null,
        1 => operands.remove(0),
        many => {
            let right = operands.split_off(many / 2);
            binary(operator, balanced(operator, operands), balanced(operator, right))
        }
    }
}

/// The expression, unless it is too high.
fn low(expression: Expression, start: usize) -> Result<Expression, ParseError> {
    fn height(expression: &Expression) -> u32 {
        1 + match expression {
            Expression::Not(inner) | Expression::Negative(inner) => height(inner),
            Expression::Binary(_, left, right) => height(left).max(height(right)),
            Expression::In(left, list) => list.iter().map(height).max().unwrap_or(0).max(height(left)),
            Expression::Call(_, arguments) => arguments.iter().map(height).max().unwrap_or(0),
            _ => 0,
        }
    }
    if height(&expression) > HEIGHT { error(start, "expected a shorter expression") } else { Ok(expression) }
}
