//! From text to filter pattern.

use super::{Columns, Comparison, Condition, FilterPattern, Operand, Step, Term, Terms, ValueTest};
use crate::query::ast::ParseError;

/// Regular expressions in one pattern.
const REGEXES: usize = 2;
/// Brackets within brackets.
const DEEPEST: usize = 32;

/// Reads a pattern.
///
/// # Errors
/// Where it is wrong and what was expected.
pub fn parse(text: &str) -> Result<FilterPattern, ParseError> {
    let mut parser = Parser { text, at: 0, regexes: 0, depth: 0 };
    parser.space();
    let pattern = match parser.peek() {
        None => return Ok(FilterPattern::All),
        Some('{') => {
            parser.at += 1;
            let condition = parser.or(Parser::selector)?;
            parser.expect("}")?;
            FilterPattern::Json(condition)
        }
        Some('[') => FilterPattern::Columns(parser.columns()?),
        Some(_) => return parser.terms(),
    };
    parser.space();
    if parser.peek().is_some() { parser.fail("expected the end of the pattern") } else { Ok(pattern) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    regexes: usize,
    depth: usize,
}

type Parsed<T> = Result<T, ParseError>;

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn fail<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(ParseError { position: self.at, message: message.into() })
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes this text, if it is what comes after white space.
    fn take(&mut self, wanted: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    fn expect(&mut self, wanted: &str) -> Parsed<()> {
        if self.take(wanted) { Ok(()) } else { self.fail(format!("expected {wanted}")) }
    }

    /// Takes this word in any case, if nothing is written on to it.
    fn word(&mut self, wanted: &str) -> bool {
        self.space();
        let Some(found) = self.rest().get(..wanted.len()).filter(|found| found.eq_ignore_ascii_case(wanted)) else { return false };
        let ends = !self.rest()[found.len()..].starts_with(|c: char| c.is_alphanumeric());
        if ends {
            self.at += found.len();
        }
        ends
    }

    /// Takes characters up to the first that is one of these.
    fn until(&mut self, stop: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(stop).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn terms(mut self) -> Parsed<FilterPattern> {
        let mut terms = Terms::default();
        loop {
            self.space();
            let kind = match self.peek() {
                None => break,
                Some(sign @ ('?' | '-')) => {
                    self.at += 1;
                    sign
                }
                Some(_) => '+',
            };
            let term = match self.peek() {
                Some('"') => Term::Text(self.quoted()?),
                Some('%') => Term::Regex(self.regex()?),
                _ => Term::Text(self.until(char::is_whitespace).to_owned()),
            };
            match (&term, kind) {
                (Term::Text(text), '+') if text.trim().is_empty() => (),
                (Term::Text(text), _) if text.is_empty() => return self.fail("expected a term"),
                (_, '?') => terms.any.push(term),
                (_, '-') => terms.none.push(term),
                _ => terms.all.push(term),
            }
        }
        Ok(if terms == Terms::default() { FilterPattern::All } else { FilterPattern::Terms(terms) })
    }

    /// `"..."`; `\"` and `\\` stand for themselves.
    fn quoted(&mut self) -> Parsed<String> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            text.push_str(self.until(|c| c == '"' || c == '\\'));
            let Some(found) = self.peek() else {
                self.at = start;
                return self.fail("this quotation mark is never closed");
            };
            self.at += 1;
            match (found, self.peek()) {
                ('"', _) => return Ok(text),
                (_, Some(escaped @ ('"' | '\\'))) => {
                    text.push(escaped);
                    self.at += 1;
                }
                _ => text.push('\\'),
            }
        }
    }

    /// `%...%` of the characters that AWS allows in one.
    fn regex(&mut self) -> Parsed<String> {
        let start = self.at;
        self.at += 1;
        let allowed = |c: char| c.is_alphanumeric() || c == ' ' || ":_#=@/;,-^$?[]{}|\\*+.".contains(c);
        let pattern = self.until(|c| c == '%' || !allowed(c)).to_owned();
        self.regexes += 1;
        match self.peek() {
            _ if self.regexes > REGEXES => self.fail("at most 2 regular expressions are allowed in a pattern"),
            Some('%') if !pattern.is_empty() => {
                self.at += 1;
                Ok(pattern)
            }
            Some('%') => self.fail("the regular expression is empty"),
            Some(other) => self.fail(format!("{other} is not allowed in a regular expression of a filter pattern")),
            None => {
                self.at = start;
                self.fail("this % is never closed: expected %regular expression%")
            }
        }
    }

    fn or(&mut self, subject: fn(&mut Self) -> Parsed<Vec<Step>>) -> Parsed<Condition> {
        let mut parts = vec![self.and(subject)?];
        while self.take("||") {
            parts.push(self.and(subject)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::Or(parts) })
    }

    fn and(&mut self, subject: fn(&mut Self) -> Parsed<Vec<Step>>) -> Parsed<Condition> {
        let mut parts = vec![self.one(subject)?];
        while self.take("&&") {
            parts.push(self.one(subject)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::And(parts) })
    }

    fn one(&mut self, subject: fn(&mut Self) -> Parsed<Vec<Step>>) -> Parsed<Condition> {
        if self.take("(") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return self.fail("too many brackets within brackets");
            }
            let inner = self.or(subject)?;
            self.expect(")")?;
            self.depth -= 1;
            return Ok(inner);
        }
        let path = subject(self)?;
        Ok(Condition::Value(path, self.test()?))
    }

    /// `$.a.b[0]`, `$['a b']`
    fn selector(&mut self) -> Parsed<Vec<Step>> {
        self.space();
        if !self.take("$") {
            return self.fail("expected a property, as $.name");
        }
        let mut path = Vec::new();
        loop {
            if self.rest().starts_with('.') {
                self.at += 1;
                if self.rest().starts_with('[') {
                    continue;
                }
                let name = self.until(|c| c.is_whitespace() || ".[]=!<>&|(){}\"'".contains(c));
                if name.is_empty() {
                    return self.fail("expected the name of a property");
                }
                path.push(Step::Key(name.to_owned()));
            } else if self.rest().starts_with('[') {
                self.at += 1;
                if let Some(quote @ ('"' | '\'')) = self.peek() {
                    self.at += 1;
                    path.push(Step::Key(self.until(|c| c == quote).to_owned()));
                    if self.peek().is_some() {
                        self.at += 1;
                    }
                } else {
                    match self.until(|c| c == ']').trim().parse() {
                        Ok(index) => path.push(Step::Index(index)),
                        Err(_) => return self.fail("expected a number in [ ]"),
                    }
                }
                self.expect("]")?;
            } else {
                return if path.is_empty() { self.fail("expected .name or [number] after $") } else { Ok(path) };
            }
        }
    }

    /// A column is named for its reader only.
    fn column_name(&mut self) -> Parsed<Vec<Step>> {
        self.space();
        let name = self.until(|c| c.is_whitespace() || ",]=!<>&|()".contains(c));
        if name.is_empty() { self.fail("expected the name of a column") } else { Ok(Vec::new()) }
    }

    fn test(&mut self) -> Parsed<ValueTest> {
        if self.word("IS") {
            for (word, test) in [("NULL", ValueTest::IsNull), ("TRUE", ValueTest::IsTrue), ("FALSE", ValueTest::IsFalse)] {
                if self.word(word) {
                    return Ok(test);
                }
            }
            return self.fail("expected NULL, TRUE or FALSE");
        }
        if self.word("NOT") {
            return if self.word("EXISTS") { Ok(ValueTest::Missing) } else { self.fail("expected EXISTS") };
        }
        let operators = [
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("=", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        for (sign, comparison) in operators {
            if self.take(sign) {
                return Ok(ValueTest::Compare(comparison, self.operand(comparison)?));
            }
        }
        self.fail("expected =, !=, <, <=, >, >=, IS or NOT EXISTS")
    }

    fn operand(&mut self, comparison: Comparison) -> Parsed<Operand> {
        self.space();
        let by_text = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        let stars = |text: &str| text.split('*').map(str::to_owned).collect();
        match self.peek() {
            Some('"') => Ok(Operand::Value { parts: stars(&self.quoted()?), number: None }),
            Some('%') if by_text => Ok(Operand::Regex(self.regex()?)),
            _ => {
                let start = self.at;
                let mut text = self.until(|c| c.is_whitespace() || ",]})(".contains(c));
                // `a=1&&b=2`
                if let Some(end) = text.find("&&").into_iter().chain(text.find("||")).min() {
                    text = &text[..end];
                    self.at = start + end;
                }
                let number = text.parse().ok().filter(|number: &f64| number.is_finite());
                if text.is_empty() || !by_text && number.is_none() {
                    self.at = start;
                    return self.fail(if by_text { "expected a value" } else { "expected a number" });
                }
                Ok(Operand::Value { parts: stars(text), number })
            }
        }
    }

    fn columns(&mut self) -> Parsed<Columns> {
        self.at += 1;
        let mut found = Columns { columns: Vec::new(), gap: None };
        loop {
            if self.take("...") {
                if found.gap.is_some() {
                    return self.fail("only one ... is allowed");
                }
                found.gap = Some(found.columns.len());
            } else {
                let start = self.at;
                self.space();
                let named = self.peek() != Some('(') && self.column_name().is_ok();
                self.space();
                if named && matches!(self.peek(), Some(',' | ']')) {
                    found.columns.push(None);
                } else {
                    self.at = start;
                    let condition = self.or(Parser::column_name)?;
                    found.columns.push(Some(condition));
                }
            }
            if self.take("]") {
                return Ok(found);
            }
            if !self.take(",") {
                return self.fail("expected , or ]");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_and_where() {
        for (text, position, message) in [
            ("\"open", 0, "never closed"),
            ("a -", 3, "a term"),
            ("%open", 0, "never closed"),
            ("%a(b)%", 2, "( is not allowed"),
            ("%a% %b% %c%", 10, "at most 2"),
            ("{ $.a = }", 8, "a value"),
            ("{ $.a > x }", 8, "a number"),
            ("{ a = 1 }", 2, "a property"),
            ("{ $ = 1 }", 3, ".name or [number]"),
            ("{ $.a[x] = 1 }", 7, "a number in [ ]"),
            ("{ $.a IS 7 }", 9, "NULL, TRUE or FALSE"),
            ("{ $.a = 1 } x", 12, "the end"),
            ("{ ($.a = 1 }", 11, "expected )"),
            ("[a, b", 5, "expected =, !=, <"),
            ("[..., a, ...]", 12, "only one"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.message.contains(message), "{text}: {}", error.message);
            assert_eq!(error.position, position, "{text}: {}", error.message);
        }
        let deep = format!("{{ {}$.a = 1{} }}", "(".repeat(500), ")".repeat(500));
        assert!(parse(&deep).is_err());
    }

    #[test]
    fn precedence() {
        let Ok(FilterPattern::Json(Condition::Or(parts))) = parse("{ $.a=1 || $.b = 2 && $.c[0].d IS NULL }") else { panic!("an or") };
        assert!(matches!(&parts[..], [Condition::Value(..), Condition::And(inner)] if inner.len() == 2));
        let Ok(FilterPattern::Json(Condition::And(parts))) = parse("{ ($.a=1||$.b=2)&&$.c NOT EXISTS }") else { panic!("an and") };
        assert!(matches!(&parts[..], [Condition::Or(_), Condition::Value(_, ValueTest::Missing)]));
        assert_eq!(parse("\" \""), Ok(FilterPattern::All));
    }
}
