//! What a text must have to contain a literal or to match a regex: whole tokens, and a literal.

use super::need::{all, any};
use crate::store::block::word::WordMatcher;
use crate::store::logs::block::Meta;
use crate::store::logs::test::Need;
use model::query::ast::{Word, fold, tokens as tokens_of};
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
    /// The word that it is of: messages have it only where the word is nowhere else.
    pub word: Option<WordMatcher>,
}

/// A [`Required`] that is ready to be looked for.
pub struct Literal {
    pub regex: bytes::Regex,
    word: Option<WordMatcher>,
}

impl Literal {
    /// Whether the messages of lines that pass must have it, not their attributes or origins.
    pub fn is_in_messages_of(&self, block: &Meta) -> bool {
        self.word.as_ref().is_none_or(|word| {
            let named = || block.origins.iter().flat_map(|origin| [&origin.service, &origin.logger, &origin.stream]);
            !block.has_attributes && !named().any(|text| word.found_in(text))
        })
    }
}

/// The longest first: most lines do not have it.
pub fn compiled(mut required: Vec<Required>) -> Vec<Literal> {
    required.sort_by_key(|required| std::cmp::Reverse(required.text.len()));
    let literal = |Required { text, any_case, word }| {
        let regex = bytes::RegexBuilder::new(&regex::escape(&text)).case_insensitive(any_case).build().ok()?;
        Some(Literal { regex, word })
    };
    required.into_iter().filter_map(literal).collect()
}

/// The longest part of a word that stands in every text with the word, case aside.
pub fn literal_of_word(word: &Word) -> Option<Required> {
    let folded: Vec<String> = tokens_of(&word.text).map(fold).collect();
    let last = folded.len().checked_sub(1)?;
    let parts = folded.iter().enumerate().map(|(n, token)| match token.strip_suffix('i') {
        // A text may go on with the dot that is the rest of İ, which no regex takes for an i.
        Some(without) if word.open_end && n == last => without,
        _ => token,
    });
    // Of other letters a fold is not always what a regex takes for the same letter.
    let longest = parts.filter(|part| part.is_ascii() && !part.is_empty()).max_by_key(|part| part.len())?;
    Some(Required { text: longest.to_owned(), any_case: true, word: Some(WordMatcher::new(word)) })
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
        Required { word: None, text, any_case: run.iter().any(|piece| matches!(piece, Piece::Char { any_case: true, .. })) }
    });
    runs.filter(|run| !run.text.is_empty()).max_by_key(|run| run.text.len())
}
