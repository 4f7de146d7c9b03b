//! A message as hashes of its tokens, and how alike two messages are.

use super::mask::{MASK, Sink};
use super::tokens::{self, Role, Tokens};
use model::log::Level;

/// Tokens in which a head ends.
const HEAD: usize = 12;
/// In hashes; bytes are 1 to 256.
const MASKED: u64 = 257;
/// Of a token that is nothing but a mask, and of those that are a mask in a head.
pub const ANY: u64 = mix(0, MASKED);
pub const ANY_IN_HEAD: [u64; 3] = [mix(ANY, b':' as u64 + 1), mix(ANY, b']' as u64 + 1), mix(ANY, b'|' as u64 + 1)];

/// A message as hashes.
#[derive(Debug, Default)]
pub struct Line {
    pub tokens: Vec<Token>,
    /// Of all tokens.
    pub hash: u64,
}

#[derive(Debug, Clone, Copy)]
pub struct Token {
    pub hash: u64,
    pub role: Role,
    /// Letters only.
    plain: bool,
}

impl Line {
    pub fn read(&mut self, message: &str) {
        self.tokens.clear();
        let mut hashes = Hashes { tokens: &mut self.tokens, hash: 0, plain: true };
        tokens::read(message, &mut hashes);
        hashes.finish();
        self.hash = self.tokens.iter().fold(self.tokens.len() as u64, |hash, token| mix(hash, token.hash));
    }

    /// Tells the head of a text from what it says: words at the start that end with `:`, `]`, `|`, are a dash or a level. Returns the
    /// length of the head, and the first word after it.
    pub fn part(&mut self, message: &str) -> (usize, Option<u64>) {
        if self.tokens.first().is_none_or(|token| token.role != Role::Word) {
            return (0, None);
        }
        let alphabetic = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphabetic());
        let first_line = message.trim_start().lines().next().unwrap_or_default();
        let words = || first_line.split_ascii_whitespace();
        let (mut head, mut prose) = (0, 0);
        for (nth, (word, token)) in words().zip(&mut self.tokens).take(HEAD).enumerate() {
            let is_word = token.hash != ANY && alphabetic(word);
            let upper = word.bytes().all(|byte| byte.is_ascii_uppercase());
            if is_word && (upper || nth > 0 && prose == 0) && Level::from_name(word).is_some() {
                (head, token.role) = (nth + 1, Role::Frame);
            } else if matches!(word.as_bytes().last(), Some(b':' | b']' | b'|')) || matches!(word, "-" | "--") {
                head = nth + 1;
            } else if is_word && !upper {
                prose += 1;
                if prose > 1 {
                    break;
                }
            }
        }
        for token in self.tokens[..head].iter_mut().filter(|token| token.role == Role::Word) {
            token.role = Role::Value;
        }
        // Words with a mask in them may be all mask but for a comma: none of them is first, here or in the template.
        let varies = |word: &str| word.contains(MASK) || word.bytes().any(|byte| byte.is_ascii_digit());
        let bare = |(word, token)| (str::trim_matches(word, |c: char| c.is_ascii_punctuation()), token);
        let mut rest = words().zip(&self.tokens).skip(head).filter(|(word, _)| !varies(word)).map(bare);
        let first = rest.find(|(word, _)| !word.is_empty()).filter(|(word, _)| alphabetic(word));
        (head, first.map(|(_, token)| token.hash))
    }

    /// How much is the same, and of how much, if that is enough to be alike. Masks on both sides say nothing, and that paths, names
    /// or addresses differ says less than that words do.
    pub fn similarity(&self, other: &[u64]) -> Option<(u32, u32)> {
        let (mut words, mut values) = ((0, 0), (0, 0));
        for (token, other) in self.tokens.iter().zip(other) {
            let same = token.hash == *other;
            let counted = match token.role {
                _ if same && token.hash == ANY => continue,
                Role::Word => &mut words,
                Role::Value => &mut values,
                // The leaf has seen to it.
                Role::Frame => continue,
            };
            let weight = if same || token.plain { 2 } else { 1 };
            *counted = (counted.0 + if same { weight } else { 0 }, counted.1 + weight);
        }
        let (same, all) = if words.1 > 0 { words } else { values };
        // Of a few words more than half must agree: `cache cleared` is not `cache filled`.
        let enough = if all < 8 { 2 * same > all || all == 0 } else { 2 * same >= all };
        enough.then_some((same + 1, all + 1))
    }
}

/// Tokens as hashes.
struct Hashes<'a> {
    tokens: &'a mut Vec<Token>,
    /// Of the last of them, so far.
    hash: u64,
    plain: bool,
}

impl Hashes<'_> {
    fn finish(&mut self) {
        if let Some(last) = self.tokens.last_mut() {
            (last.hash, last.plain) = (self.hash, self.plain);
        }
    }
}

impl Sink for Hashes<'_> {
    #[inline]
    fn byte(&mut self, byte: u8) {
        self.hash = mix(self.hash, u64::from(byte) + 1);
        self.plain &= byte.is_ascii_alphabetic();
    }

    #[inline]
    fn mask(&mut self) {
        self.hash = mix(self.hash, MASKED);
        self.plain = false;
    }
}

impl Tokens for Hashes<'_> {
    fn token(&mut self, role: Role, _: bool) {
        self.finish();
        self.tokens.push(Token { hash: 0, role, plain: true });
        (self.hash, self.plain) = (0, true);
    }
}

pub const fn mix(hash: u64, value: u64) -> u64 {
    (hash.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95)
}
