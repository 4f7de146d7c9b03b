//! Text to query: the filter. Commands are in [`super::pipeline`].

use super::ast::{Cmp, Expr, Field, Key, ParseError, Query, Test, Word, tokens};
use super::key::{self, Kind, Vocabulary};
use super::lex::{Lexer, Piece, error};
use crate::id::TraceId;

/// How deep parentheses and negations may nest: deep enough for any person, shallow enough for any stack.
const DEPTH: u32 = 64;

/// Reads a query. An empty text matches everything.
///
/// Errors carry the byte position where the text went wrong and what was expected there.
pub fn parse(text: &str) -> Result<Query, ParseError> {
    let mut parser = Parser::new(Lexer::new(text), Vocabulary::Spans);
    let mut query = Query::default();
    parser.lexer.skip_space();
    let not_a_command = match parser.first_command(&mut query) {
        Ok(true) => return Ok(query),
        Ok(false) => None,
        Err(error) => Some(error),
    };
    match parser.whole(&mut query) {
        Ok(()) => Ok(query),
        // Neither: few mean the word `stats`, many get a call wrong.
        Err(error) => {
            Err(not_a_command.filter(|other| text.trim_start().starts_with("stats") || other.position > error.position).unwrap_or(error))
        }
    }
}

pub(super) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    vocabulary: Vocabulary,
    depth: u32,
    /// Within the command `filter`, as in CloudWatch Logs Insights, `and`, `or` and `not` are operators too.
    any_case: bool,
}

impl<'a> Parser<'a> {
    pub(super) fn new(lexer: Lexer<'a>, vocabulary: Vocabulary) -> Parser<'a> {
        Parser { lexer, vocabulary, depth: 0, any_case: false }
    }

    /// Reads the text as commands if its first segment is one; `Err`: it begins like a command, but is none.
    fn first_command(&mut self, query: &mut Query) -> Result<bool, ParseError> {
        if !super::pipeline::is_command(self.lexer.run()) {
            return Ok(false);
        }
        let start = self.lexer.clone();
        let mut first = Query::default();
        let read = self.command(&mut first).and_then(|()| match self.lexer.peek() {
            None | Some('|') => Ok(()),
            Some(_) => error(self.lexer.at, "expected `|` or the end"),
        });
        if let Err(error) = read {
            self.lexer = start;
            self.any_case = false;
            self.depth = 0;
            return Err(error);
        }
        *query = first;
        self.commands(query)?;
        Ok(true)
    }

    fn whole(&mut self, query: &mut Query) -> Result<(), ParseError> {
        query.filter = self.filter()?;
        self.commands(query)
    }

    /// Everything before the first `|`; white space before it is consumed already.
    pub(super) fn filter(&mut self) -> Result<Option<Expr>, ParseError> {
        let mut filter = None;
        if self.is_star_alone() {
            self.lexer.eat("*");
            self.lexer.skip_space();
        } else if !matches!(self.lexer.peek(), None | Some('|')) {
            filter = Some(self.any()?);
        }
        match self.lexer.peek() {
            Some(')') => error(self.lexer.at, "expected no `)`: none is open"),
            _ => Ok(filter),
        }
    }

    /// `*` as the whole filter: everything, as elsewhere in the field.
    fn is_star_alone(&self) -> bool {
        let mut ahead = self.lexer.clone();
        ahead.eat("*") && {
            ahead.skip_space();
            matches!(ahead.peek(), None | Some('|'))
        }
    }

    /// The commands after `|`, up to the end of the text.
    fn commands(&mut self, query: &mut Query) -> Result<(), ParseError> {
        while self.lexer.eat("|") {
            self.lexer.skip_space();
            self.command(query)?;
            if !matches!(self.lexer.peek(), None | Some('|')) {
                return error(self.lexer.at, "expected `|` or the end");
            }
        }
        Ok(())
    }

    /// The expression of the command `filter`.
    pub(super) fn filter_command(&mut self) -> Result<Expr, ParseError> {
        self.any_case = true;
        let expr = self.any();
        self.any_case = false;
        expr
    }

    /// `a OR b`; white space after it is consumed.
    fn any(&mut self) -> Result<Expr, ParseError> {
        let mut parts = vec![self.all()?];
        while self.eat_keyword("OR") {
            parts.push(self.all()?);
        }
        Ok(joined(parts, Expr::Or, |part| match part {
            Expr::Or(parts) => Ok(parts),
            other => Err(other),
        }))
    }

    /// `a b`, `a AND b`
    fn all(&mut self) -> Result<Expr, ParseError> {
        let mut parts = Vec::new();
        loop {
            self.lexer.skip_space();
            let wanted = parts.is_empty() || self.eat_keyword("AND");
            self.lexer.skip_space();
            let ended = matches!(self.lexer.peek(), None | Some(')' | '|')) || self.is_keyword("OR") || self.is_keyword("AND");
            match (ended, wanted) {
                (false, _) => parts.push(self.term()?),
                (true, true) => return error(self.lexer.at, "expected a word, a `key:value` or `(`"),
                (true, false) => break,
            }
        }
        Ok(joined(parts, Expr::And, |part| match part {
            Expr::And(parts) => Ok(parts),
            other => Err(other),
        }))
    }

    fn term(&mut self) -> Result<Expr, ParseError> {
        let start = self.lexer.at;
        if self.lexer.eat("(") {
            let inner = self.nested(start, Self::any)?;
            if !self.lexer.eat(")") {
                return error(self.lexer.at, "expected `)`");
            }
            return Ok(inner);
        }
        if self.eat_keyword("NOT") {
            self.lexer.skip_space();
            if matches!(self.lexer.peek(), None | Some(')' | '|')) {
                return error(self.lexer.at, "expected a term after `NOT`");
            }
            return Ok(Expr::Not(Box::new(self.nested(start, Self::term)?)));
        }
        if self.lexer.rest().starts_with('-') && !self.lexer.rest()[1..].starts_with(|c: char| c.is_whitespace() || c == ')' || c == '|') {
            self.lexer.eat("-");
            if self.lexer.peek().is_some() {
                return Ok(Expr::Not(Box::new(self.nested(start, Self::term)?)));
            }
            self.lexer.at = start;
        }
        match self.key()? {
            Some((key, Operator::Is)) => self.test(key, self.lexer.at),
            Some((key, Operator::IsNot)) => Ok(Expr::Not(Box::new(self.test(key, self.lexer.at)?))),
            Some((key, Operator::Cmp(cmp))) => self.compare(key, cmp),
            Some((key, Operator::Like)) => self.like(key),
            None => self.word(),
        }
    }

    fn nested(&mut self, start: usize, read: fn(&mut Self) -> Result<Expr, ParseError>) -> Result<Expr, ParseError> {
        if self.depth == DEPTH {
            return error(start, "expected at most 64 levels of parentheses and negations");
        }
        self.depth += 1;
        let inner = read(self);
        self.depth -= 1;
        inner
    }

    /// Steps over a key and its operator, if that is what comes.
    fn key(&mut self) -> Result<Option<(Key, Operator)>, ParseError> {
        let start = self.lexer.at;
        if self.lexer.peek() == Some('"') {
            let name = self.lexer.quoted()?;
            if self.lexer.eat(":") {
                return Ok(Some((self.vocabulary.named(&name), Operator::Is)));
            }
            self.lexer.at = start;
            return Ok(None);
        }
        let run = self.lexer.run();
        if is_whole_word(run) {
            return Ok(None);
        }
        if let Some(at) = run.find(':') {
            let name = &run[..at];
            // Before the colon there may be an operator of the loose forms: `url="a:b"` ends its run at the quote, `t>12:30` not.
            if !name.contains(['=', '<', '>']) {
                if name.is_empty() {
                    return error(start, "expected a key before `:`; a text with `:` is written in quotes");
                }
                if let Some(star) = name.find('*') {
                    return error(start + star, "expected a key without `*`");
                }
                self.lexer.at += at + 1;
                return Ok(Some((self.vocabulary.named(name), Operator::Is)));
            }
        }
        Ok(self.loose(run))
    }

    /// `key=value`, `key!=value`, `key>5`, also with white space around the operator; `key like value` in the command `filter`.
    fn loose(&mut self, run: &str) -> Option<(Key, Operator)> {
        let end = run.find(['=', '!', '<', '>']).unwrap_or(run.len());
        let name = &run[..end];
        if !key::is_plain_key(name) || name.ends_with('-') {
            return None;
        }
        let mut ahead = self.lexer.clone();
        ahead.at += end;
        let spaced = end == run.len();
        if spaced {
            ahead.skip_space();
        }
        let operator = if self.any_case && spaced && (ahead.run().eq_ignore_ascii_case("like") || ahead.run() == "=~") {
            ahead.at += ahead.run().len();
            Operator::Like
        } else {
            let (_, operator) = OPERATORS.iter().find(|(text, _)| ahead.eat(text))?;
            *operator
        };
        if spaced {
            if !ahead.peek().is_some_and(char::is_whitespace) {
                return None;
            }
            ahead.skip_space();
        }
        let value = ahead.run();
        let key = self.vocabulary.named(name);
        let is_field = match operator {
            // `a->b` and `Vec<T>` are words, `a>5` is not.
            Operator::Cmp(_) => self.vocabulary.kind(&key).number(value).is_some(),
            // So is `c2Vydmljcw==`.
            _ => !value.is_empty() || ahead.peek() == Some('"'),
        };
        is_field.then(|| {
            self.lexer = ahead;
            (key, operator)
        })
    }

    /// What follows `key:`, which begins at `start`.
    fn test(&mut self, key: Key, start: usize) -> Result<Expr, ParseError> {
        let kind = self.vocabulary.kind(&key);
        for (text, operator) in OPERATORS {
            if let Operator::Cmp(cmp) = *operator
                && self.lexer.eat(text)
            {
                return self.compare(key, cmp);
            }
        }
        let only_values = kind.is_number() || matches!(kind, Kind::OneOf(_));
        if let Some((pattern, ignore_case)) = self.lexer.regex() {
            return match only_values {
                true => error(start, kind.literal("").err().unwrap_or_default()),
                false => Ok(field(key, Test::Regex { pattern, ignore_case })),
            };
        }
        let mut pieces = self.lexer.pieces()?;
        pieces.dedup_by(|a, b| *a == Piece::Star && *b == Piece::Star);
        match pieces.as_slice() {
            [] => error(self.lexer.at, format!("expected a value after `{}:`", self.vocabulary.key_text(&key))),
            [Piece::Star] => Ok(field(key, Test::Exists)),
            [Piece::Text(text)] if text.contains("..") => self.range(key, text, start),
            pieces if pieces.contains(&Piece::Star) => match only_values {
                true => error(start, kind.literal("").err().unwrap_or_default()),
                false => Ok(field(key, Test::Wildcard(wildcard(pieces)))),
            },
            pieces => match kind.literal(&text_of(pieces)) {
                Ok(literal) => Ok(field(key, Test::Equals(literal))),
                Err(expected) => error(start, expected),
            },
        }
    }

    /// `1..5`, or a text with two dots in it.
    fn range(&mut self, key: Key, text: &str, start: usize) -> Result<Expr, ParseError> {
        let kind = self.vocabulary.kind(&key);
        let bound = |text: &str| kind.number(text).and_then(|_| kind.literal(text).ok());
        let (low, high) = text.split_once("..").unwrap_or((text, ""));
        match (bound(low), bound(high)) {
            (Some(low), Some(high)) => Ok(Expr::And(vec![
                field(key.clone(), Test::Compare(Cmp::GreaterOrEqual, low)),
                field(key, Test::Compare(Cmp::LessOrEqual, high)),
            ])),
            _ => match kind.literal(text) {
                Ok(literal) => Ok(field(key, Test::Equals(literal))),
                Err(expected) => error(start, expected),
            },
        }
    }

    /// The number after `key:>`.
    fn compare(&mut self, key: Key, cmp: Cmp) -> Result<Expr, ParseError> {
        let start = self.lexer.at;
        let kind = self.vocabulary.kind(&key);
        if !kind.is_ordered() {
            return error(start, format!("expected no comparison: `{}` has no order", self.vocabulary.key_text(&key)));
        }
        let text = text_of(&self.lexer.pieces()?);
        match kind.literal(&text) {
            Ok(literal) if literal.number.is_some() => Ok(field(key, Test::Compare(cmp, literal))),
            _ => error(start, kind.expected()),
        }
    }

    /// What follows `key like`: a regex, or a text that occurs anywhere, case and all.
    fn like(&mut self, key: Key) -> Result<Expr, ParseError> {
        let start = self.lexer.at;
        if self.lexer.rest().starts_with('/') {
            return self.test(key, start);
        }
        let text = text_of(&self.lexer.pieces()?);
        match matches!(self.vocabulary.kind(&key), Kind::Text) {
            true => Ok(field(key, Test::Wildcard(vec![String::new(), text, String::new()]))),
            false => error(start, format!("expected no `like`: `{}` is no text", self.vocabulary.key_text(&key))),
        }
    }

    fn word(&mut self) -> Result<Expr, ParseError> {
        let start = self.lexer.at;
        let pieces = self.lexer.pieces()?;
        let stars = |piece: Option<&Piece>| piece == Some(&Piece::Star);
        let open_start = stars(pieces.first());
        let open_end = pieces.len() > 1 && stars(pieces.last());
        let inner = &pieces[usize::from(open_start)..pieces.len() - usize::from(open_end)];
        let text = text_of(inner);
        if inner.contains(&Piece::Star) {
            return error(start, "expected `*` only at the start or the end of a word");
        }
        if tokens(&text).next().is_none() {
            return error(start, "expected a word with a letter or a digit: there is nothing to search for");
        }
        let quoted = inner.iter().any(|piece| matches!(piece, Piece::Quoted(_)));
        Ok(Expr::Word(Word { text, open_start, open_end, quoted }))
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        let run = self.lexer.run();
        run == keyword || self.any_case && run.eq_ignore_ascii_case(keyword)
    }

    fn eat_keyword(&mut self, keyword: &str) -> bool {
        let found = self.is_keyword(keyword);
        if found {
            self.lexer.at += keyword.len();
        }
        found
    }
}

/// What stands between a key and its value.
#[derive(Clone, Copy)]
enum Operator {
    Is,
    IsNot,
    Cmp(Cmp),
    Like,
}

/// Longest first.
const OPERATORS: &[(&str, Operator)] = &[
    ("!=", Operator::IsNot),
    (">=", Operator::Cmp(Cmp::GreaterOrEqual)),
    ("<=", Operator::Cmp(Cmp::LessOrEqual)),
    ("==", Operator::Is),
    ("=", Operator::Is),
    (">", Operator::Cmp(Cmp::Greater)),
    ("<", Operator::Cmp(Cmp::Less)),
];

/// Bare texts that are one word although they look like `key:value` or `key=value`: ids, web addresses, `std::io`.
fn is_whole_word(run: &str) -> bool {
    let colon = run.find(':');
    run.starts_with("http://")
        || run.starts_with("https://")
        || colon.is_some_and(|at| at > 0 && run[at + 1..].starts_with(':'))
        || run.parse::<TraceId>().is_ok()
}

fn field(key: Key, test: Test) -> Expr {
    Expr::Field(Field { key, test })
}

fn text_of(pieces: &[Piece]) -> String {
    let texts = pieces.iter().map(|piece| match piece {
        Piece::Text(text) | Piece::Quoted(text) => text.as_str(),
        Piece::Star => "*",
    });
    texts.collect()
}

/// The texts between the stars.
fn wildcard(pieces: &[Piece]) -> Vec<String> {
    pieces.split(|piece| *piece == Piece::Star).map(text_of).collect()
}

/// One part as it is; several joined, those of the same sort taken apart first: `(a b) c` is `a b c`.
fn joined(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr, open: fn(Expr) -> Result<Vec<Expr>, Expr>) -> Expr {
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match open(part) {
            Ok(inner) => flat.extend(inner),
            Err(other) => flat.push(other),
        }
    }
    join(flat)
}

/// Both must hold; either may be missing.
pub(super) fn and(a: Option<Expr>, b: Expr) -> Expr {
    joined(a.into_iter().chain([b]).collect(), Expr::And, |part| match part {
        Expr::And(parts) => Ok(parts),
        other => Err(other),
    })
}
