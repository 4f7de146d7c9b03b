//! The tokens of filter expressions. Each takes the space after it, too.

use super::{Cmp, FilterError, TextOp};

/// A place in a text.
pub struct Parser<'a> {
    pub text: &'a str,
    pub at: usize,
    pub depth: usize,
    /// Within the braces of `service` or `edge`.
    pub in_braces: bool,
    /// Within those of `rootcause`.
    pub in_cause: bool,
}

pub type Parsed<T> = Result<T, FilterError>;

impl<'a> Parser<'a> {
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// The word that stands here, which is not taken; empty if none does.
    pub fn word(&self) -> &'a str {
        let rest = self.rest();
        &rest[..rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))).unwrap_or(rest.len())]
    }

    pub fn keyword(&mut self, keyword: &str) -> bool {
        let is = self.word().eq_ignore_ascii_case(keyword);
        if is {
            self.at += keyword.len();
            self.space();
        }
        is
    }

    pub fn take(&mut self, sign: &str) -> bool {
        let is = self.rest().starts_with(sign);
        if is {
            self.at += sign.len();
            self.space();
        }
        is
    }

    pub fn expect(&mut self, sign: &str) -> Parsed<()> {
        if self.take(sign) { Ok(()) } else { Err(self.error(&format!("expected {sign}"))) }
    }

    pub fn cmp(&mut self) -> Option<Cmp> {
        // Two characters before one.
        let signs = [
            ("!=", Cmp::NotEqual),
            ("<=", Cmp::LessOrEqual),
            (">=", Cmp::GreaterOrEqual),
            ("=", Cmp::Equal),
            ("<", Cmp::Less),
            (">", Cmp::Greater),
        ];
        signs.into_iter().find(|(sign, _)| self.take(sign)).map(|(_, cmp)| cmp)
    }

    pub fn text_op(&mut self) -> Option<TextOp> {
        let words = [("CONTAINS", TextOp::Contains), ("BEGINSWITH", TextOp::BeginsWith), ("ENDSWITH", TextOp::EndsWith)];
        let signs = [("!=", TextOp::NotEqual), ("=", TextOp::Equal)];
        let word = words.into_iter().find(|(word, _)| self.keyword(word));
        word.or_else(|| signs.into_iter().find(|(sign, _)| self.take(sign))).map(|(_, op)| op)
    }

    pub fn number(&mut self) -> Parsed<Option<f64>> {
        let rest = self.rest();
        let digits = rest.strip_prefix('-').unwrap_or(rest);
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(None);
        }
        let end = digits.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(digits.len());
        let length = rest.len() - digits.len() + end;
        let number = rest[..length].parse().map_err(|_| self.error("expected a number"))?;
        self.at += length;
        self.space();
        Ok(Some(number))
    }

    pub fn truth(&mut self) -> Parsed<Option<bool>> {
        let quote = if self.rest().starts_with('"') { self.quoted()? } else { None };
        let word = quote.as_deref().unwrap_or_else(|| self.word()).to_ascii_lowercase();
        let truth = match &*word {
            "true" => true,
            "false" => false,
            _ => return Ok(None),
        };
        if quote.is_none() {
            self.at += word.len();
            self.space();
        }
        Ok(Some(truth))
    }

    /// A text in quotes; a backslash before a quote or a backslash is none.
    pub fn quoted(&mut self) -> Parsed<Option<String>> {
        let Some(quote) = self.rest().chars().next().filter(|c| matches!(c, '"' | '\'')) else { return Ok(None) };
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.at += at + 1;
                    self.space();
                    return Ok(Some(text));
                }
                '\\' => match chars.next() {
                    Some((_, escaped @ ('"' | '\'' | '\\'))) => text.push(escaped),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                c => text.push(c),
            }
        }
        Err(self.error("this quote does not end"))
    }

    pub fn error(&self, message: &str) -> FilterError {
        FilterError { position: self.at, message: message.to_owned() }
    }
}
