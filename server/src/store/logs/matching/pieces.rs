//! What a text must have to contain a literal or to match a regex: whole tokens, and a literal.

use super::need::{all, any};
use crate::store::logs::test::Need;
use model::query::ast::fold;
use model::query::insights;
use regex::bytes;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Look};

/// Characters of a class that are looked at one by one.
const FEW: u32 = 64;

/// What a text has, one after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Piece {
    Char {
        c: char,
        any_case: bool,
    },
    /// Some character that belongs to no token.
    Separator,
    /// The beginning or the end of the text, or of a line of it.
    Edge,
    /// Anything or nothing.
    Gap,
}

/// How the text stands in what is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// As it is.
    Plain,
    /// Perhaps within JSON, where senders write some characters as escapes that touch the token after them: `\nfoo`, `\u003cfoo`.
    Json,
}

/// A literal that a message must have.
pub struct Required {
    pub text: String,
    pub any_case: bool,
}

impl Required {
    pub fn regex(&self) -> Option<bytes::Regex> {
        bytes::RegexBuilder::new(&regex::escape(&self.text)).case_insensitive(self.any_case).build().ok()
    }
}

pub fn of_text(text: &str) -> impl Iterator<Item = Piece> {
    text.chars().map(|c| Piece::Char { c, any_case: false })
}

/// The whole of a value.
pub fn of_whole(text: &str) -> Vec<Piece> {
    [Piece::Edge].into_iter().chain(of_text(text)).chain([Piece::Edge]).collect()
}

/// The pieces of a regex, and what its alternatives need.
pub fn of_regex(regex: &insights::Regex, stands: As) -> (Vec<Piece>, Need) {
    let parsed = ParserBuilder::new().case_insensitive(regex.ignore_case).build().parse(&regex.numbered());
    let mut needs = Vec::new();
    let mut pieces = Vec::new();
    if let Ok(hir) = parsed {
        walk(&hir, stands, &mut pieces, &mut needs);
    }
    (pieces, all(needs))
}

fn walk(hir: &Hir, stands: As, to: &mut Vec<Piece>, needs: &mut Vec<Need>) {
    match hir.kind() {
        HirKind::Empty => (),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => to.extend(of_text(text)),
            Err(_) => to.push(Piece::Gap),
        },
        HirKind::Class(Class::Unicode(class)) => to.push(of_class(class)),
        HirKind::Class(Class::Bytes(_)) => to.push(Piece::Gap),
        // Within JSON the line before ends in an escape.
        HirKind::Look(Look::StartLF | Look::StartCRLF) if stands == As::Json => to.push(Piece::Gap),
        HirKind::Look(Look::Start | Look::End | Look::StartLF | Look::EndLF | Look::StartCRLF | Look::EndCRLF) => to.push(Piece::Edge),
        HirKind::Look(_) => (),
        HirKind::Repetition(repetition) => {
            let start = to.len();
            if repetition.min > 0 {
                walk(&repetition.sub, stands, to, needs);
            }
            // Several separators are one.
            if to[start..] != [Piece::Separator] {
                to.push(Piece::Gap);
            }
        }
        HirKind::Capture(capture) => walk(&capture.sub, stands, to, needs),
        HirKind::Concat(parts) => parts.iter().for_each(|part| walk(part, stands, to, needs)),
        HirKind::Alternation(branches) => {
            needs.push(any(branches.iter().map(|branch| {
                let (mut pieces, mut needs) = (Vec::new(), Vec::new());
                walk(branch, stands, &mut pieces, &mut needs);
                needs.push(tokens(&pieces, stands));
                all(needs)
            })));
            to.push(Piece::Gap);
        }
    }
}

fn of_class(class: &ClassUnicode) -> Piece {
    let count: u32 = class.iter().map(|range| u32::from(range.end()) - u32::from(range.start()) + 1).sum();
    if count > FEW {
        return Piece::Gap;
    }
    let chars = || class.iter().flat_map(|range| range.start()..=range.end());
    if chars().all(|c| !in_token(c)) {
        return Piece::Separator;
    }
    // `s` in any case is also the long s of Fraktur, which a fold tells from `s`; no log is taken to have it.
    let mut cases = chars().filter(|c| *c != 'ſ').map(|c| fold(c.encode_utf8(&mut [0; 4])));
    let first = cases.next();
    match first.as_deref().and_then(|first| first.chars().next()) {
        Some(c) if cases.all(|case| Some(case) == first) => Piece::Char { c, any_case: true },
        _ => Piece::Gap,
    }
}

fn in_token(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// The tokens that stand whole among the pieces.
pub fn tokens(pieces: &[Piece], stands: As) -> Need {
    let mut found = Vec::new();
    let mut token = String::new();
    // Whether the token that is being read begins where it seems to.
    let mut begins = false;
    for piece in pieces {
        match *piece {
            Piece::Char { c, .. } if in_token(c) => {
                token.push(c);
                continue;
            }
            Piece::Gap => begins = false,
            separator => {
                if begins && !token.is_empty() && (stands == As::Plain || token.is_ascii()) {
                    found.push(Need::Token(fold(&token)));
                }
                begins = match separator {
                    _ if stands == As::Plain => true,
                    Piece::Char { c, .. } => {
                        (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '&' | '\'' | '<' | '>' | '+' | '=' | '`')
                    }
                    separator => separator == Piece::Edge,
                };
            }
        }
        token.clear();
    }
    all(found)
}

/// The longest literal among the pieces.
pub fn literal(pieces: &[Piece]) -> Option<Required> {
    let runs = pieces.split(|piece| !matches!(piece, Piece::Char { .. })).map(|run| {
        let text = run.iter().filter_map(|piece| if let Piece::Char { c, .. } = piece { Some(*c) } else { None }).collect();
        Required { text, any_case: run.iter().any(|piece| matches!(piece, Piece::Char { any_case: true, .. })) }
    });
    runs.filter(|run| !run.text.is_empty()).max_by_key(|run| run.text.len())
}
