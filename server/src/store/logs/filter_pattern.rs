//! Whether a line fits a filter pattern of CloudWatch Logs.

use super::test::{LineRef, LineTest, Need, Reads};
use crate::store::block::wildcard;
use memchr::memmem::Finder;
use model::query::ast::{fold, tokens};
use model::query::filter_pattern::{Columns, Comparison, Condition, FilterPattern, Operand, Step, Term, Terms, ValueTest};
use regex::Regex;
use serde_json::Value;
use std::borrow::Cow;

/// A compiled filter pattern.
pub struct PatternTest {
    matcher: Matcher,
    need: Need,
}

impl PatternTest {
    /// # Errors
    /// The regular expression that is none, and why.
    pub fn new(pattern: &FilterPattern) -> Result<PatternTest, String> {
        let matcher = match pattern {
            FilterPattern::All => Matcher::All,
            FilterPattern::Terms(terms) => Matcher::Terms(TermsMatcher::new(terms)?),
            FilterPattern::Json(condition) => Matcher::Json(Tested::new(condition)?),
            FilterPattern::Columns(columns) => Matcher::Columns(
                columns.columns.iter().map(|column| column.as_ref().map(Tested::new).transpose()).collect::<Result<_, _>>()?,
                columns.gap,
            ),
        };
        Ok(PatternTest { matcher, need: need(pattern) })
    }

    /// Whether a line with this message fits.
    pub fn fits(&self, message: &str) -> bool {
        match &self.matcher {
            Matcher::All => true,
            Matcher::Terms(terms) => terms.fit(message),
            Matcher::Json(condition) => {
                let looks_so = message.trim_ascii_start().starts_with(['{', '[']);
                looks_so && serde_json::from_str::<Value>(message).is_ok_and(|value| condition.holds(Some(&value)))
            }
            Matcher::Columns(tests, gap) => fit_columns(tests, *gap, message),
        }
    }
}

impl LineTest for PatternTest {
    fn test(&self, line: &LineRef) -> bool {
        self.fits(line.message)
    }

    fn need(&self) -> &Need {
        &self.need
    }

    fn reads(&self) -> Reads {
        Reads { message: true, ..Reads::NONE }
    }
}

enum Matcher {
    All,
    Terms(TermsMatcher),
    Json(Tested),
    /// With the place of the gap.
    Columns(Vec<Option<Tested>>, Option<usize>),
}

struct TermsMatcher {
    all: Vec<TermMatcher>,
    any: Vec<TermMatcher>,
    none: Vec<TermMatcher>,
}

impl TermsMatcher {
    fn new(terms: &Terms) -> Result<TermsMatcher, String> {
        let compile = |terms: &[Term]| terms.iter().map(TermMatcher::new).collect::<Result<Vec<_>, _>>();
        let any = if terms.all.is_empty() && terms.none.is_empty() { compile(&terms.any)? } else { Vec::new() };
        Ok(TermsMatcher { all: compile(&terms.all)?, any, none: compile(&terms.none)? })
    }

    fn fit(&self, message: &str) -> bool {
        self.all.iter().all(|term| term.is_in(message))
            && (self.any.is_empty() || self.any.iter().any(|term| term.is_in(message)))
            && !self.none.iter().any(|term| term.is_in(message))
    }
}

enum TermMatcher {
    Text(Box<Finder<'static>>),
    Regex(Regex),
}

impl TermMatcher {
    fn new(term: &Term) -> Result<TermMatcher, String> {
        Ok(match term {
            Term::Text(text) => TermMatcher::Text(Box::new(Finder::new(text).into_owned())),
            Term::Regex(pattern) => TermMatcher::Regex(compile(pattern)?),
        })
    }

    fn is_in(&self, message: &str) -> bool {
        match self {
            TermMatcher::Regex(regex) => regex.is_match(message),
            TermMatcher::Text(finder) => {
                let term = std::str::from_utf8(finder.needle()).unwrap_or_default();
                let (first, last) = (term.chars().next(), term.chars().next_back());
                finder.find_iter(message.as_bytes()).any(|at| {
                    let before = message[..at].chars().next_back();
                    let after = message[at + term.len()..].chars().next();
                    !(runs_on(before, first) || runs_on(last, after))
                })
            }
        }
    }
}

/// Whether two neighbours are of one word.
fn runs_on(one: Option<char>, next: Option<char>) -> bool {
    let of_word = |c: Option<char>| c.is_some_and(|c| c == '_' || c.is_alphanumeric());
    of_word(one) && of_word(next)
}

fn compile(pattern: &str) -> Result<Regex, String> {
    // The pattern comes from outside: what it may cost is bounded.
    regex::RegexBuilder::new(pattern).size_limit(1 << 20).build().map_err(|error| error.to_string())
}

/// A condition with its regular expressions compiled.
enum Tested {
    And(Vec<Tested>),
    Or(Vec<Tested>),
    Value(Vec<Step>, ValueTest),
    /// `true`: it must match; else there must be a text that it does not match.
    Regex(Vec<Step>, Regex, bool),
}

impl Tested {
    fn new(condition: &Condition) -> Result<Tested, String> {
        let all = |parts: &[Condition]| parts.iter().map(Tested::new).collect::<Result<Vec<_>, _>>();
        Ok(match condition {
            Condition::And(parts) => Tested::And(all(parts)?),
            Condition::Or(parts) => Tested::Or(all(parts)?),
            Condition::Value(path, ValueTest::Compare(comparison, Operand::Regex(pattern))) => {
                Tested::Regex(path.clone(), compile(pattern)?, *comparison == Comparison::Equal)
            }
            Condition::Value(path, test) => Tested::Value(path.clone(), test.clone()),
        })
    }

    fn holds(&self, value: Option<&Value>) -> bool {
        match self {
            Tested::And(parts) => parts.iter().all(|part| part.holds(value)),
            Tested::Or(parts) => parts.iter().any(|part| part.holds(value)),
            Tested::Value(path, test) => passes(at(value, path), test),
            Tested::Regex(path, regex, wanted) => at(value, path).and_then(text_of).is_some_and(|text| regex.is_match(&text) == *wanted),
        }
    }
}

fn at<'a>(value: Option<&'a Value>, path: &[Step]) -> Option<&'a Value> {
    path.iter().try_fold(value?, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(index),
    })
}

/// The text of a value that is compared as one.
fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn passes(value: Option<&Value>, test: &ValueTest) -> bool {
    match (value, test) {
        (None, test) => *test == ValueTest::Missing,
        (Some(value), ValueTest::IsNull) => value.is_null(),
        (Some(value), ValueTest::IsTrue) => *value == Value::Bool(true),
        (Some(value), ValueTest::IsFalse) => *value == Value::Bool(false),
        (Some(_), ValueTest::Missing | ValueTest::Compare(_, Operand::Regex(_))) => false,
        (Some(value), ValueTest::Compare(comparison, Operand::Value { parts, number })) => {
            let as_number = || match value {
                Value::Number(number) => number.as_f64(),
                Value::String(text) => text.trim().parse().ok(),
                _ => None,
            };
            if let Some((is, wanted)) = number.and_then(|wanted| Some((as_number()?, wanted))) {
                return match comparison {
                    Comparison::Equal => is == wanted,
                    Comparison::NotEqual => is != wanted,
                    Comparison::Less => is < wanted,
                    Comparison::LessOrEqual => is <= wanted,
                    Comparison::Greater => is > wanted,
                    Comparison::GreaterOrEqual => is >= wanted,
                };
            }
            let Some(text) = text_of(value) else { return false };
            let fits = if let [whole] = &parts[..] { *whole == text } else { wildcard(parts, &text) };
            match comparison {
                Comparison::Equal => fits,
                Comparison::NotEqual => !fits,
                _ => false,
            }
        }
    }
}

fn fit_columns(tests: &[Option<Tested>], gap: Option<usize>, message: &str) -> bool {
    let columns = split(message);
    let before = match gap {
        None if columns.len() != tests.len() => return false,
        Some(_) if columns.len() < tests.len() => return false,
        gap => gap.unwrap_or(tests.len()),
    };
    let fits = |column: &str, test: &Option<Tested>| test.as_ref().is_none_or(|test| test.holds(Some(&Value::String(column.to_owned()))));
    let after = columns.len() - (tests.len() - before);
    columns.iter().zip(&tests[..before]).all(|(column, test)| fits(column, test))
        && columns[after..].iter().zip(&tests[before..]).all(|(column, test)| fits(column, test))
}

/// The columns of a message: what stands in `[]` or `""` is one, without them.
fn split(message: &str) -> Vec<&str> {
    let mut columns = Vec::new();
    let mut rest = message.trim_start();
    while !rest.is_empty() {
        let close = match rest.as_bytes()[0] {
            b'[' => Some(']'),
            b'"' => Some('"'),
            _ => None,
        };
        let enclosed = close.and_then(|close| rest[1..].split_once(close));
        let (column, more) = enclosed.unwrap_or_else(|| rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())));
        columns.push(column);
        rest = more.trim_start();
    }
    columns
}

/// What a block must have for one of its lines to fit.
fn need(pattern: &FilterPattern) -> Need {
    match pattern {
        FilterPattern::Terms(terms) if terms.all.is_empty() && terms.none.is_empty() => {
            Need::Any(terms.any.iter().map(need_of_term).collect())
        }
        FilterPattern::Terms(terms) => Need::All(terms.all.iter().map(need_of_term).collect()),
        FilterPattern::Json(condition) => need_of(condition),
        FilterPattern::All | FilterPattern::Columns(Columns { .. }) => Need::Nothing,
    }
}

/// A term begins and ends where words do, so its tokens are whole tokens of the text.
fn need_of_term(term: &Term) -> Need {
    match term {
        Term::Text(text) => Need::All(tokens(text).map(|token| Need::Token(fold(token))).collect()),
        Term::Regex(_) => Need::Nothing,
    }
}

fn need_of(condition: &Condition) -> Need {
    match condition {
        Condition::And(parts) => Need::All(parts.iter().map(need_of).collect()),
        Condition::Or(parts) => Need::Any(parts.iter().map(need_of).collect()),
        // A word stands in JSON as it is, since nobody escapes what needs no escape. A number may be written in several ways.
        Condition::Value(_, ValueTest::Compare(Comparison::Equal, Operand::Value { parts, number: None })) => match &parts[..] {
            [word] if word.chars().all(|c| c.is_ascii_alphanumeric()) && !word.is_empty() => Need::Token(fold(word)),
            _ => Need::Nothing,
        },
        Condition::Value(..) => Need::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::query::filter_pattern::parse;
    use proptest::prelude::*;

    fn fits(pattern: &str, message: &str) -> bool {
        PatternTest::new(&parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error:?}"))).expect(pattern).fits(message)
    }

    #[test]
    fn terms() {
        for (pattern, message, expected) in [
            ("", "anything", true),
            ("ERROR", "an ERROR here", true),
            ("ERROR", "an error here", false),
            ("ERROR", "ERRORS", false),
            ("ERROR", "[ERROR]", true),
            ("AUTHORIZED", "UNAUTHORIZED", false),
            ("%AUTHORIZED%", "UNAUTHORIZED", true),
            ("ERROR ARGUMENTS", "ARGUMENTS ERROR", true),
            ("ERROR ARGUMENTS", "ERROR", false),
            ("?ERROR ?WARN", "a WARN", true),
            ("?ERROR ?WARN", "an INFO", false),
            ("ERROR ?WARN", "ERROR only", true),
            ("ERROR ?WARN", "WARN only", false),
            ("ERROR -EXITING", "ERROR EXITING", false),
            ("ERROR -EXITING", "ERROR 401", true),
            ("-EXITING", "fine", true),
            ("\"INTERNAL SERVER ERROR\"", "an INTERNAL SERVER ERROR", true),
            ("\"INTERNAL SERVER ERROR\"", "INTERNAL ERROR", false),
            ("\"[x] \\\"y\\\"\"", "a [x] \"y\" b", true),
            ("%4[0-9]{2}%", "status 404", true),
            ("é", "café é", true),
            ("é", "café", false),
        ] {
            assert_eq!(fits(pattern, message), expected, "{pattern} on {message}");
        }
    }

    #[test]
    fn json() {
        let message = r#"{"level":"INFO","n":404,"big":1000,"t":true,"z":null,"a":[{"k":"v1"},2],"o":{},"s":"5","b c":"x"}"#;
        for (pattern, expected) in [
            ("{ $.level = \"INFO\" }", true),
            ("{ $.level = INFO }", true),
            ("{ $.level = \"info\" }", false),
            ("{ $.level = \"IN*\" }", true),
            ("{ $.level != \"IN*\" }", false),
            ("{ $.level = %^IN% }", true),
            ("{ $.level != %^IN% }", false),
            ("{ $.nothing = 1 }", false),
            ("{ $.nothing != 1 }", false),
            ("{ $.nothing NOT EXISTS }", true),
            ("{ $.z NOT EXISTS }", false),
            ("{ $.z IS NULL }", true),
            ("{ $.t IS TRUE }", true),
            ("{ $.t IS FALSE }", false),
            ("{ $.n = 404 && $.big >= 1e3 }", true),
            ("{ $.n = 4* }", true),
            ("{ $.n > 404 || $.s < 6 }", true),
            ("{ ($.n > 404 || $.s < 6) && $.t IS FALSE }", false),
            ("{ $.a[0].k = \"v1\" }", true),
            ("{ $.a[1] = 2 }", true),
            ("{ $.a[7] = 2 }", false),
            ("{ $.a = 2 }", false),
            ("{ $.a != 2 }", false),
            ("{ $.o = \"*\" }", false),
            ("{ $['b c'] = x }", true),
        ] {
            assert_eq!(fits(pattern, message), expected, "{pattern}");
        }
        assert!(!fits("{ $.level NOT EXISTS }", "not JSON"));
    }

    #[test]
    fn columns() {
        let line = "127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] \"GET /index.html HTTP/1.0\" 404 1534";
        for (pattern, expected) in [
            ("[ip, user, username, timestamp, request, status_code, bytes]", true),
            ("[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]", true),
            ("[ip, user, username, timestamp, request, status_code = 5*, bytes]", false),
            ("[..., status_code = 4* || status_code = 500, bytes > 1000]", true),
            ("[..., status_code = 4*, bytes > 2000]", false),
            ("[ip = 127.*, ..., bytes]", true),
            ("[ip, user]", false),
            ("[w1, w2, w3, w4, w5, w6, w7, w8, ...]", false),
            ("[ip=%127\\.0\\.0\\.[1-9]%, ...]", true),
            ("[ip, user != Prod && user != Test, ...]", false),
            ("[ip, user, (name = frank || name = bob), ...]", true),
            ("[ip, user, username, timestamp = \"10/Oct*\", ...]", true),
        ] {
            assert_eq!(fits(pattern, line), expected, "{pattern}");
        }
    }

    #[test]
    fn a_block_without_the_words_is_skipped() {
        let need = |pattern: &str| need(&parse(pattern).expect(pattern));
        let token = |word: &str| Need::Token(word.to_owned());
        assert_eq!(need("ERROR \"a-b\" -c"), Need::All(vec![Need::All(vec![token("error")]), Need::All(vec![token("a"), token("b")])]));
        assert_eq!(need("?A ?%b%"), Need::Any(vec![Need::All(vec![token("a")]), Need::Nothing]));
        assert_eq!(need("{ $.level = \"ERROR\" && $.n = 4 }"), Need::All(vec![token("error"), Need::Nothing]));
        assert_eq!(need("{ $.level != \"ERROR\" }"), Need::Nothing);
    }

    proptest! {
        #[test]
        fn nothing_panics(pattern in "[{\\[]?[-?%\"$.\\[\\]{}()=<>!&|*, aA1é\\\\]{0,40}", message in "[-\"{}\\[\\]:, aA1é]{0,30}") {
            if let Ok(pattern) = parse(&pattern)
                && let Ok(test) = PatternTest::new(&pattern)
            {
                test.fits(&message);
            }
        }

        /// Every term that is found in a text has its tokens there: what a block is skipped by.
        #[test]
        fn terms_are_tokens(term in "[aA_1é -]{1,6}", message in "[aA_1é -]{0,20}") {
            let pattern = FilterPattern::Terms(Terms { all: vec![Term::Text(term.clone())], ..Terms::default() });
            if PatternTest::new(&pattern).unwrap().fits(&message) {
                for token in tokens(&term) {
                    prop_assert!(tokens(&message).any(|there| there == token), "{} of {} in {}", token, term, message);
                }
            }
        }
    }
}
