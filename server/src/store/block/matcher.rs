//! One test of a query, ready to be asked of many values: see `model::query::ast`, "How a span is tested".

use model::attr::Value;
use model::port::Problem;
use model::query::ast::{Cmp, Literal, Test};
use regex::{Regex, RegexBuilder};
use std::fmt::Write;

/// Most bytes a compiled regex may take: `a{9999}{9999}` is refused, not compiled.
pub const REGEX_BYTES: usize = 1 << 20;

/// A [`Test`] with its regex compiled.
pub enum Matcher {
    Exists,
    Equals(Literal),
    Wildcard(Vec<String>),
    Compare(Cmp, f64),
    Regex(Regex),
    /// A comparison with what is not a number.
    Never,
}

impl Matcher {
    /// `Problem::Bad` if a regex does not compile.
    pub fn new(test: &Test) -> Result<Matcher, Problem> {
        Ok(match test {
            Test::Exists => Matcher::Exists,
            Test::Equals(literal) => Matcher::Equals(literal.clone()),
            Test::Wildcard(parts) => Matcher::Wildcard(parts.clone()),
            Test::Compare(cmp, literal) => literal.number.map_or(Matcher::Never, |number| Matcher::Compare(*cmp, number)),
            Test::Regex { pattern, ignore_case } => {
                let regex = RegexBuilder::new(pattern).case_insensitive(*ignore_case).size_limit(REGEX_BYTES).build();
                Matcher::Regex(regex.map_err(|error| Problem::Bad { message: error.to_string(), position: None })?)
            }
        })
    }

    pub fn text(&self, text: &str) -> bool {
        match self {
            Matcher::Exists => true,
            Matcher::Equals(literal) => literal.text == text,
            Matcher::Wildcard(parts) => wildcard(parts, text),
            Matcher::Regex(regex) => regex.is_match(text),
            Matcher::Compare(..) | Matcher::Never => false,
        }
    }

    /// `display` writes the number as `Value` does; it is asked for where the number's text matters.
    pub fn number(&self, number: f64, display: impl Fn(&mut String)) -> bool {
        match self {
            Matcher::Exists => true,
            Matcher::Equals(Literal { number: Some(wanted), .. }) => number == *wanted,
            Matcher::Compare(cmp, bound) => match cmp {
                Cmp::Less => number < *bound,
                Cmp::LessOrEqual => number <= *bound,
                Cmp::Greater => number > *bound,
                Cmp::GreaterOrEqual => number >= *bound,
            },
            Matcher::Never => false,
            Matcher::Equals(_) | Matcher::Wildcard(_) | Matcher::Regex(_) => {
                let mut text = String::new();
                display(&mut text);
                self.text(&text)
            }
        }
    }

    pub fn int(&self, int: i64) -> bool {
        self.number(int as f64, |to| _ = write!(to, "{int}"))
    }

    pub fn float(&self, float: f64) -> bool {
        self.number(float, |to| _ = write!(to, "{float}"))
    }

    pub fn truth(&self, truth: bool) -> bool {
        self.text(if truth { "true" } else { "false" })
    }

    pub fn value(&self, value: &Value) -> bool {
        match value {
            Value::Str(text) => self.text(text),
            Value::Int(int) => self.int(*int),
            Value::Float(float) => self.float(*float),
            Value::Bool(truth) => self.truth(*truth),
            Value::List(items) => items.iter().any(|item| self.value(item)) || self.text(&value.to_string()),
            Value::Bytes(_) | Value::Map(_) | Value::Empty => self.text(&value.to_string()),
        }
    }

    /// Whether a number between these bounds may pass: `false` rules a column out.
    pub fn may_pass(&self, min: i64, max: i64) -> bool {
        let (min, max) = (min as f64, max as f64);
        match self {
            Matcher::Equals(Literal { number: Some(wanted), .. }) => min <= *wanted && *wanted <= max,
            Matcher::Compare(Cmp::Less, bound) => min < *bound,
            Matcher::Compare(Cmp::LessOrEqual, bound) => min <= *bound,
            Matcher::Compare(Cmp::Greater, bound) => max > *bound,
            Matcher::Compare(Cmp::GreaterOrEqual, bound) => max >= *bound,
            Matcher::Never => false,
            _ => true,
        }
    }
}

/// Whether `text` is the parts in order, with anything between them.
pub fn wildcard(parts: &[String], text: &str) -> bool {
    let (Some((first, rest)), true) = (parts.split_first(), parts.len() > 1) else { return false };
    let Some((last, middle)) = rest.split_last() else { return false };
    let Some(mut text) = text.strip_prefix(first.as_str()) else { return false };
    for part in middle {
        match text.find(part.as_str()) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        let parts = |text: &str| text.split('*').map(str::to_owned).collect::<Vec<_>>();
        for (pattern, text, fits) in [
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("ab*bc", "abc", false),
            ("*b*", "abc", true),
            ("a*b*a", "aba", true),
            ("*", "", true),
        ] {
            assert_eq!(wildcard(&parts(pattern), text), fits, "{pattern} {text}");
        }
    }
}
