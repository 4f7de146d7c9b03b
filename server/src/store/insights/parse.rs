//! The command `parse`: fields out of a text.

use super::expression::regex;
use super::value::Value;
use model::port::Problem;
use model::query::insights::ParsePattern;
use std::borrow::Cow;

/// A compiled pattern.
#[derive(Debug)]
pub enum Extract {
    /// Texts around stars; the first that is not empty may begin anywhere. Which stars are kept.
    Glob { literals: Vec<String>, kept: Vec<bool> },
    /// The groups that are kept.
    Regex { regex: regex::Regex, groups: Vec<usize> },
}

impl Extract {
    pub fn compile(pattern: &ParsePattern) -> Result<Extract, Problem> {
        Ok(match pattern {
            ParsePattern::Glob { literals, names } => {
                Extract::Glob { literals: literals.clone(), kept: names.iter().map(|name| !name.is_empty()).collect() }
            }
            ParsePattern::Regex(pattern) => {
                let regex = regex(pattern)?;
                let place = |name: String| regex.capture_names().position(|found| found == Some(&name));
                let groups = (0..pattern.names().len()).filter_map(|n| place(format!("g{n}"))).collect();
                Extract::Regex { regex, groups }
            }
        })
    }

    /// Appends a value for each name of [`ParsePattern::names`]: all null where the pattern does not fit.
    pub fn extract<'a>(&self, source: Value<'a>, to: &mut Vec<Value<'a>>) {
        let start = to.len();
        match source {
            Value::Text(Cow::Borrowed(text)) | Value::Json(Cow::Borrowed(text)) => {
                self.of_text(text, |part| to.push(part.map_or(Value::Null, Value::text)))
            }
            Value::Null => (),
            other => {
                let text = other.display().unwrap_or_default();
                self.of_text(&text, |part| to.push(part.map_or(Value::Null, |part| Value::owned(part.to_owned()))));
            }
        }
        to.resize(start + self.names(), Value::Null);
    }

    fn names(&self) -> usize {
        match self {
            Extract::Glob { kept, .. } => kept.iter().filter(|kept| **kept).count(),
            Extract::Regex { groups, .. } => groups.len(),
        }
    }

    /// Shows each part of a text that fits.
    fn of_text<'t>(&self, text: &'t str, mut show: impl FnMut(Option<&'t str>)) {
        match self {
            Extract::Glob { literals, kept } => {
                if let Some(parts) = glob(literals, text) {
                    parts.into_iter().zip(kept).filter(|(_, kept)| **kept).for_each(|(part, _)| show(Some(part)));
                }
            }
            Extract::Regex { regex, groups } => {
                if let Some(found) = regex.captures(text) {
                    groups.iter().for_each(|group| show(found.get(*group).map(|part| part.as_str())));
                }
            }
        }
    }
}

/// What the stars stand for: each as little as can be, the last one up to the end if nothing follows it.
fn glob<'t>(literals: &[String], text: &'t str) -> Option<Vec<&'t str>> {
    let (first, rest) = literals.split_first()?;
    let mut left = &text[text.find(first.as_str())? + first.len()..];
    let mut parts = Vec::with_capacity(rest.len());
    for (n, literal) in rest.iter().enumerate() {
        let end = if literal.is_empty() && n + 1 == rest.len() { left.len() } else { left.find(literal.as_str())? };
        parts.push(&left[..end]);
        left = &left[end + literal.len()..];
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::query::insights::Regex;

    fn parts(pattern: &ParsePattern, text: &str) -> Vec<Value<'static>> {
        let mut found = Vec::new();
        Extract::compile(pattern).unwrap().extract(Value::text(text), &mut found);
        found.into_iter().map(Value::into_owned).collect()
    }

    #[test]
    fn globs_and_regexes() {
        let glob = |literals: &[&str]| ParsePattern::Glob {
            literals: literals.iter().map(|literal| (*literal).to_owned()).collect(),
            names: (1..literals.len()).map(|n| format!("n{n}")).collect(),
        };
        let text = Value::text;
        assert_eq!(parts(&glob(&["user=", ", took ", " ms"]), "GET user=ada, took 5 ms."), [text("ada"), text("5")]);
        assert_eq!(parts(&glob(&["", " ", ""]), "a b c"), [text("a"), text("b c")]);
        assert_eq!(parts(&glob(&["x", ""]), "axb"), [text("b")]);
        assert_eq!(parts(&glob(&["x=", ";"]), "x=1"), [Value::Null]);
        let regex = |pattern: &str| ParsePattern::Regex(Regex { pattern: pattern.into(), ignore_case: false });
        assert_eq!(parts(&regex("(?<@user>\\w+)=(?<b-c>\\d+)?(x)"), "ada=x"), [text("ada"), Value::Null]);
        assert_eq!(parts(&regex("(?<a>x)(?<a>y)"), "xy"), [text("x"), text("y")]);
        assert_eq!(parts(&regex("(?<a>x)"), "é"), [Value::Null]);
        assert!(Extract::compile(&regex("(?<a>")).is_err());
    }
}
