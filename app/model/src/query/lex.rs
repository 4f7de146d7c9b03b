//! The smallest pieces of a query text, read from a position: white space, runs, quoted texts, regexes, words and stars.
//! The language needs no token list: what a character means depends on whether a key, a value or a word is being read.

use super::ast::ParseError;

/// A place in the text. All positions are byte offsets on character boundaries.
#[derive(Clone)]
pub(super) struct Lexer<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

/// A piece of a value or a word: pieces that touch belong together.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Quoted(String),
    Star,
}

pub(super) fn error<T>(position: usize, message: impl Into<String>) -> Result<T, ParseError> {
    Err(ParseError { position, message: message.into() })
}

/// Whether a bare text ends before this character.
pub(super) fn ends_bare(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | '|' | '"')
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Lexer<'a> {
        Lexer { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Steps over `prefix` if it is next.
    pub(super) fn eat(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.at += prefix.len();
        }
        found
    }

    /// The bare text that is next, perhaps empty, without stepping over it.
    pub(super) fn run(&self) -> &'a str {
        let rest = self.rest();
        &rest[..rest.find(ends_bare).unwrap_or(rest.len())]
    }

    /// Like [`Lexer::run`], for keys within a call or a list: commas end it too.
    pub(super) fn item(&self) -> &'a str {
        let run = self.run();
        &run[..run.find(',').unwrap_or(run.len())]
    }

    /// Whether a term may end here.
    pub(super) fn at_boundary(&self) -> bool {
        self.peek().is_none_or(|c| c.is_whitespace() || c == ')' || c == '|')
    }

    /// The quoted text that is next; the position is at its opening quote, of either sort.
    pub(super) fn quoted(&mut self) -> Result<String, ParseError> {
        let start = self.at;
        let quote = self.peek().unwrap_or('"');
        let mut inner = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((offset, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.at = start + offset + 1;
                    return Ok(inner);
                }
                '\\' => match chars.next() {
                    Some((_, c)) if c == quote || c == '\\' => inner.push(c),
                    Some((_, 'n')) => inner.push('\n'),
                    Some((_, 'r')) => inner.push('\r'),
                    Some((_, 't')) => inner.push('\t'),
                    Some((_, c)) => inner.extend(['\\', c]),
                    None => break,
                },
                c => inner.push(c),
            }
        }
        error(start, format!("expected a closing `{quote}`"))
    }

    /// `/pattern/` or `/pattern/i` if that is next and a term may end after it: a path such as `/api/x` is a plain text.
    /// Within the pattern, `/` and white space are written with a backslash.
    pub(super) fn regex(&mut self) -> Option<(String, bool)> {
        let mut pattern = String::new();
        let mut chars = self.rest().strip_prefix('/')?.char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                '/' => {
                    let mut after = Lexer { text: self.text, at: self.at + 1 + offset + 1 };
                    let ignore_case = after.eat("i");
                    if pattern.is_empty() || !after.at_boundary() {
                        return None;
                    }
                    self.at = after.at;
                    return Some((pattern, ignore_case));
                }
                '\\' => match chars.next()? {
                    (_, c) if c == '/' || c.is_whitespace() => pattern.push(c),
                    (_, c) => pattern.extend(['\\', c]),
                },
                c if c.is_whitespace() => return None,
                c => pattern.push(c),
            }
        }
        None
    }

    /// All pieces that touch, from here on.
    pub(super) fn pieces(&mut self) -> Result<Vec<Piece>, ParseError> {
        let mut pieces = Vec::new();
        loop {
            if self.eat("*") {
                pieces.push(Piece::Star);
            } else if self.peek() == Some('"') {
                pieces.push(Piece::Quoted(self.quoted()?));
            } else {
                let run = self.run();
                let run = &run[..run.find('*').unwrap_or(run.len())];
                if run.is_empty() {
                    break;
                }
                self.at += run.len();
                pieces.push(Piece::Text(run.into()));
            }
        }
        if !self.at_boundary() {
            return error(self.at, "expected a space here; a text with `(` is written in quotes");
        }
        Ok(pieces)
    }
}

/// The text in quotes.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// What is in the quotes, if the text is one quoted text and nothing else.
pub(super) fn unquote(text: &str) -> Option<String> {
    let mut lexer = Lexer::new(text);
    (lexer.peek() == Some('"')).then(|| lexer.quoted().ok()).flatten().filter(|_| lexer.rest().is_empty())
}
