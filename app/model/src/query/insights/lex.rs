//! What is small in a pipeline: blanks with comments, names, texts, numbers and regexes.

use super::{Period, Regex, Unit};
use crate::query::ast::ParseError;
use crate::query::lex::{Lexer, error};

/// Words that mean something between expressions: as a field's name they stand in backticks.
const RESERVED: [&str; 12] = ["and", "or", "not", "like", "in", "as", "by", "asc", "desc", "true", "false", "null"];

pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word))
}

/// Whether a name may begin with this.
pub(super) fn begins_name(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '@' | '$')
}

fn in_name(c: char) -> bool {
    begins_name(c) || c.is_alphanumeric()
}

/// Whether a field's name is written without backticks.
pub(super) fn is_plain_name(name: &str) -> bool {
    let mut parts = name.split('.');
    parts.next().is_some_and(|first| first.starts_with(begins_name) && first.chars().all(in_name))
        && parts.all(|part| !part.is_empty() && part.chars().all(in_name))
        && !is_reserved(name)
}

impl<'a> Lexer<'a> {
    /// Skips white space and comments.
    pub(super) fn skip_blank(&mut self) {
        loop {
            self.skip_space();
            if !self.rest().starts_with('#') {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    /// Skips white space and lines that are comments. `#42` alone is a word to search for.
    pub(super) fn skip_leading_comments(&mut self) {
        self.skip_space();
        while self.rest().starts_with('#')
            && let Some(end) = self.rest().find('\n')
        {
            self.at += end;
            self.skip_space();
        }
    }

    /// Whether this is next, after blanks; steps over it then and else stays.
    pub(super) fn eat_sign(&mut self, sign: &str) -> bool {
        let mut ahead = self.clone();
        ahead.skip_blank();
        let found = ahead.eat(sign);
        if found {
            self.at = ahead.at;
        }
        found
    }

    /// The word that is next after blanks, perhaps empty, and where it begins.
    pub(super) fn next_word(&self) -> (&'a str, usize) {
        let mut ahead = self.clone();
        ahead.skip_blank();
        let rest = ahead.rest();
        (&rest[..rest.find(|c| !in_name(c)).unwrap_or(rest.len())], ahead.at)
    }

    /// As [`Lexer::eat_sign`], of a whole word in any case.
    pub(super) fn eat_keyword(&mut self, keyword: &str) -> bool {
        let (word, at) = self.next_word();
        let found = word.eq_ignore_ascii_case(keyword);
        if found {
            self.at = at + word.len();
        }
        found
    }

    /// A name with dots, brackets and backticks, if one is next after blanks: `a.b`, `items[0].id`, `` `a-b`.c ``.
    pub(super) fn field(&mut self) -> Result<Option<String>, ParseError> {
        let mut ahead = self.clone();
        ahead.skip_blank();
        if !ahead.peek().is_some_and(|c| begins_name(c) || c == '`') {
            return Ok(None);
        }
        let mut name = String::new();
        loop {
            if ahead.peek() == Some('`') {
                let start = ahead.at;
                let inner = &ahead.rest()[1..];
                match inner.find('`') {
                    Some(end) => {
                        name.push_str(&inner[..end]);
                        ahead.at += end + 2;
                    }
                    None => return error(start, "expected a closing backtick"),
                }
            } else {
                let rest = ahead.rest();
                let part = &rest[..rest.find(|c| !in_name(c)).unwrap_or(rest.len())];
                name.push_str(part);
                ahead.at += part.len();
            }
            while let Some(index) = ahead.rest().strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(index, _)| index)
                && !index.is_empty()
                && index.bytes().all(|b| b.is_ascii_digit())
            {
                name.push('.');
                name.push_str(index);
                ahead.at += index.len() + 2;
            }
            let follows = ahead.rest().strip_prefix('.').is_some_and(|rest| rest.starts_with(|c| in_name(c) || c == '`'));
            if !follows {
                break;
            }
            name.push('.');
            ahead.at += 1;
        }
        self.at = ahead.at;
        Ok(Some(name))
    }

    /// A text in either quotes, if one is next after blanks.
    pub(super) fn text(&mut self) -> Result<Option<String>, ParseError> {
        let mut ahead = self.clone();
        ahead.skip_blank();
        if !matches!(ahead.peek(), Some('"' | '\'')) {
            return Ok(None);
        }
        let text = ahead.quoted()?;
        self.at = ahead.at;
        Ok(Some(text))
    }

    /// A number, if one is next after blanks: `12`, `0.5`, `1e3`.
    pub(super) fn number(&mut self) -> Result<Option<f64>, ParseError> {
        let mut ahead = self.clone();
        ahead.skip_blank();
        let rest = ahead.rest();
        let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
        let mut end = digits(0);
        if rest[end..].starts_with('.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
        }
        if end == 0 {
            return Ok(None);
        }
        if rest[end..].starts_with(['e', 'E']) {
            let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
            let exponent = digits(end + 1 + sign);
            end += if exponent > 0 { 1 + sign + exponent } else { 0 };
        }
        let number = rest[..end].parse().ok().filter(|number: &f64| number.is_finite());
        match number {
            Some(number) if !rest[end..].starts_with(in_name) => {
                self.at = ahead.at + end;
                Ok(Some(number))
            }
            Some(_) => error(ahead.at, "expected a number; a name that begins with a digit stands in backticks"),
            None => error(ahead.at, "expected a number that is not as large"),
        }
    }

    /// `5m`, if a number is next after blanks.
    pub(super) fn period(&mut self) -> Result<Option<Period>, ParseError> {
        let mut ahead = self.clone();
        ahead.skip_blank();
        let rest = ahead.rest();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Ok(None);
        }
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        match (rest[..digits].parse(), Unit::from_name(&rest[digits..digits + letters])) {
            (Ok(count @ 1..), Some(unit)) => {
                self.at = ahead.at + digits + letters;
                Ok(Some(Period { count, unit }))
            }
            _ => error(ahead.at, "expected a period such as 30s, 5m or 1h"),
        }
    }

    /// `/pattern/` with `i` perhaps, if a slash is next after blanks. A slash within the pattern has a backslash or stands in brackets.
    pub(super) fn pattern(&mut self) -> Result<Option<Regex>, ParseError> {
        let mut ahead = self.clone();
        ahead.skip_blank();
        let Some(rest) = ahead.rest().strip_prefix('/') else { return Ok(None) };
        let Some((pattern, end)) = until_slash(rest, true).or_else(|| until_slash(rest, false)) else {
            return error(ahead.at, "expected a closing `/`");
        };
        if pattern.is_empty() {
            return error(ahead.at, "expected a regular expression between the slashes");
        }
        self.at = ahead.at + 1 + end;
        let ignore_case = self.rest().starts_with('i') && !self.rest()[1..].starts_with(in_name);
        self.at += usize::from(ignore_case);
        Ok(Some(Regex { pattern, ignore_case }))
    }

    /// What is left of the command that is being read.
    pub(super) fn segment(&self) -> &'a str {
        let mut quote = None;
        let mut escaped = false;
        for (at, c) in self.rest().char_indices() {
            match (c, quote) {
                _ if escaped => escaped = false,
                ('\\', _) => escaped = true,
                (c, Some(open)) if c == open => quote = None,
                ('"' | '\'', None) => quote = Some(c),
                ('|', None) => return &self.rest()[..at],
                _ => (),
            }
        }
        self.rest()
    }
}

/// The text before the slash that ends a regex, `\/` without its backslash, and where the regex ends.
fn until_slash(text: &str, brackets: bool) -> Option<(String, usize)> {
    let mut pattern = String::new();
    let mut in_brackets = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '/' if !in_brackets => return Some((pattern, at + 1)),
            '\\' => match chars.next()?.1 {
                '/' => pattern.push('/'),
                next => pattern.extend(['\\', next]),
            },
            c => {
                in_brackets = brackets && (c == '[' || in_brackets && c != ']');
                pattern.push(c);
            }
        }
    }
    None
}
