//! A word of a query, ready to be looked for in many texts.

use memchr::{memchr_iter, memchr2_iter};
use model::query::ast::{Word, fold, tokens};

/// A word with its tokens folded once.
pub struct WordMatcher {
    word: Word,
    tokens: Vec<String>,
    anchor: Option<Anchor>,
}

/// Where a search begins: a byte of the word that few texts have.
struct Anchor {
    token: usize,
    /// Place of the byte in the token.
    offset: usize,
    /// Whether it also finds the word in texts with other than ASCII letters: İ and the Kelvin sign fold to ASCII ones.
    any_text: bool,
}

/// ASCII letters and digits by how common they are in logs, most common first.
const COMMON: &[u8] = b"etaoirns0sl12d3c4u5m6p7h8g9fb_wyvkxjqz";

impl WordMatcher {
    pub fn new(word: &Word) -> WordMatcher {
        let tokens: Vec<String> = tokens(&word.text).map(fold).collect();
        let places = tokens.iter().enumerate().flat_map(|(token, text)| (0..text.len()).map(move |offset| (token, offset)));
        let rarest = places.max_by_key(|(token, offset)| {
            COMMON.iter().position(|byte| *byte == tokens[*token].as_bytes()[*offset]).unwrap_or(COMMON.len())
        });
        let is_ascii = tokens.iter().all(|token| token.is_ascii());
        let anchor = rarest.filter(|_| is_ascii).map(|(token, offset)| Anchor {
            token,
            offset,
            any_text: !tokens.iter().any(|token| token.contains(['i', 'k'])),
        });
        WordMatcher { word: word.clone(), tokens, anchor }
    }

    /// As [`Word::found_in`], without allocating.
    pub fn found_in(&self, text: &str) -> bool {
        match &self.anchor {
            Some(anchor) if anchor.any_text || text.is_ascii() => self.by_anchor(anchor, text),
            _ => self.token_by_token(text),
        }
    }

    fn by_anchor(&self, anchor: &Anchor, text: &str) -> bool {
        let byte = self.tokens[anchor.token].as_bytes()[anchor.offset];
        let fits = |at: usize| at.checked_sub(anchor.offset).is_some_and(|start| self.fits_at(anchor.token, start, text));
        match byte.to_ascii_uppercase() {
            upper if upper != byte => memchr2_iter(byte, upper, text.as_bytes()).any(fits),
            _ => memchr_iter(byte, text.as_bytes()).any(fits),
        }
    }

    /// Whether the word is in the text with its `nth` token at `start`. Word and text are such that bytes compare as characters.
    fn fits_at(&self, nth: usize, start: usize, text: &str) -> bool {
        let here = |token: &str, at: usize| {
            text.as_bytes().get(at..at + token.len()).is_some_and(|found| found.eq_ignore_ascii_case(token.as_bytes()))
        };
        if !here(&self.tokens[nth], start) {
            return false;
        }
        let mut end = start + self.tokens[nth].len();
        for token in &self.tokens[nth + 1..] {
            let between = &text[end..];
            let Some(gap) = between.find(in_token).filter(|gap| *gap > 0 && here(token, end + gap)) else { return false };
            end += gap + token.len();
        }
        if !self.word.open_end && text[end..].starts_with(in_token) {
            return false;
        }
        let mut start = start;
        for token in self.tokens[..nth].iter().rev() {
            let before = text[..start].trim_end_matches(|c| !in_token(c)).len();
            match before.checked_sub(token.len()).filter(|at| before < start && here(token, *at)) {
                Some(at) => start = at,
                None => return false,
            }
        }
        self.word.open_start || !text[..start].ends_with(in_token)
    }

    fn token_by_token(&self, text: &str) -> bool {
        let Some(last) = self.tokens.len().checked_sub(1) else { return false };
        let fits = |token: &str, n: usize| {
            let wanted = &self.tokens[n];
            let folded = || token.chars().flat_map(char::to_lowercase);
            match (self.word.open_start && n == 0, self.word.open_end && n == last) {
                (false, false) => folded().eq(wanted.chars()),
                (false, true) => {
                    let mut there = folded();
                    wanted.chars().all(|c| there.next() == Some(c))
                }
                (true, false) => {
                    let mut there = token.chars().rev().flat_map(|c| c.to_lowercase().rev());
                    wanted.chars().rev().all(|c| there.next() == Some(c))
                }
                (true, true) => fold(token).contains(wanted.as_str()),
            }
        };
        let mut there = tokens(text);
        loop {
            let mut ahead = there.clone();
            if (0..=last).all(|n| ahead.next().is_some_and(|token| fits(token, n))) {
                return true;
            }
            if there.next().is_none() {
                return false;
            }
        }
    }

    /// Tokens that a text must have whole for the word to be in it.
    pub fn whole_tokens(&self) -> impl Iterator<Item = &str> {
        let last = self.tokens.len().saturating_sub(1);
        self.tokens.iter().enumerate().filter_map(move |(n, token)| {
            let open = self.word.open_start && n == 0 || self.word.open_end && n == last;
            (!open).then_some(token.as_str())
        })
    }
}

fn in_token(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn words_are_found_as_the_language_says(
            text in "[aAbKkKiİſs_é -]{0,10}",
            word in "[aAbkKisİé -]{0,5}",
            open_start: bool,
            open_end: bool,
        ) {
            let word = Word { text: word, open_start, open_end, quoted: false };
            prop_assert_eq!(WordMatcher::new(&word).found_in(&text), word.found_in(&text));
        }
    }

    #[test]
    fn words_in_lines() {
        let word = |text: &str| WordMatcher::new(&Word { text: text.into(), open_start: false, open_end: false, quoted: false });
        assert!(word("timeout").found_in("→ Gateway TIMEOUT, größe 5"));
        assert!(!word("time").found_in("gateway timeout"));
        assert!(word("GET /api").found_in("\"get\" → /API/x"));
    }
}
