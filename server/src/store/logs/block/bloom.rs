//! Which blocks may have a token: a bloom filter for each block, cut into pieces by the token's hash and stored piece by piece, so that
//! a search reads one small piece of each block and not the whole filter.

use crate::store::block::Corrupt;
use model::id::TraceId;
use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Pieces of a filter.
pub const PIECES: usize = 16;
/// Bytes that one token's bits lie in: one cache line.
const LINE: usize = 64;
const BITS_PER_TOKEN: usize = 10;
const PROBES: u32 = 6;

/// Hash of a token, case aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub u64);

impl Token {
    pub fn of(token: &str) -> Token {
        Token(crate::store::block::bloom::hash(token))
    }
}

/// What the filter knows a trace by, whatever form its id has in a line.
pub fn trace_token(id: TraceId) -> Token {
    Token(xxh3_64_with_seed(&id.0, 1))
}

/// The piece that has a token's bits.
pub fn piece_of(token: Token) -> usize {
    (token.0 >> 60) as usize
}

/// Collects the tokens of a block.
#[derive(Default)]
pub struct Tokens {
    hashes: FxHashSet<u64>,
    /// For folding the case of a token.
    folded: Vec<u8>,
}

impl Tokens {
    pub fn add(&mut self, token: Token) {
        self.hashes.insert(token.0);
    }

    /// Adds the tokens of a text, as [`model::query::ast::tokens`] cuts them.
    pub fn add_text(&mut self, text: &str) {
        if !text.is_ascii() {
            model::query::ast::tokens(text).for_each(|token| self.add(Token::of(token)));
            return;
        }
        let bytes = text.as_bytes();
        let mut start = 0;
        while start < bytes.len() {
            if !IN_TOKEN[usize::from(bytes[start])] {
                start += 1;
                continue;
            }
            let mut end = start + 1;
            while end < bytes.len() && IN_TOKEN[usize::from(bytes[end])] {
                end += 1;
            }
            let token = &bytes[start..end];
            let hash = if token.iter().any(u8::is_ascii_uppercase) {
                self.folded.clear();
                self.folded.extend(token.iter().map(u8::to_ascii_lowercase));
                xxh3_64(&self.folded)
            } else {
                xxh3_64(token)
            };
            self.hashes.insert(hash);
            start = end + 1;
        }
    }

    /// The pieces of the filter, in order.
    pub fn pieces(&self) -> Vec<Vec<u8>> {
        let lines = (self.hashes.len() * BITS_PER_TOKEN).div_ceil(LINE * 8 * PIECES).max(1);
        let mut pieces = vec![vec![0u8; lines * LINE]; PIECES];
        for hash in &self.hashes {
            let piece = &mut pieces[(hash >> 60) as usize];
            let at = line(*hash, lines);
            for bit in probes(*hash) {
                piece[at + bit / 8] |= 1 << (bit % 8);
            }
        }
        pieces
    }
}

const IN_TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    table
};

/// Whether this piece may have the token, which must be of this piece.
pub fn may_have(piece: &[u8], token: Token) -> Result<bool, Corrupt> {
    if piece.is_empty() || !piece.len().is_multiple_of(LINE) {
        return Err(Corrupt("bloom"));
    }
    let at = line(token.0, piece.len() / LINE);
    Ok(probes(token.0).all(|bit| piece[at + bit / 8] >> (bit % 8) & 1 == 1))
}

fn line(hash: u64, lines: usize) -> usize {
    // The top four bits chose the piece.
    ((((hash << 4) >> 32) * lines as u64) >> 32) as usize * LINE
}

/// Bits of a line; from other bits of the hash than the line's number.
fn probes(hash: u64) -> impl Iterator<Item = usize> {
    let mixed = (hash ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let (low, step) = (mixed as u32, (mixed >> 32) as u32 | 1);
    (0..PROBES).map(move |n| (low.wrapping_add(n.wrapping_mul(step)) >> 23) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_all_and_little_else() {
        let mut tokens = Tokens::default();
        (0..20_000).for_each(|n| tokens.add_text(&format!("GET /Thing{n} größe{n}")));
        let pieces = tokens.pieces();
        let may = |text: &str| may_have(&pieces[piece_of(Token::of(text))], Token::of(text)).unwrap();
        assert!((0..20_000).all(|n| may(&format!("thing{n}")) && may(&format!("GRÖSSE{n}").replace("SS", "ß"))));
        let wrong = (20_000..40_000).filter(|n| may(&format!("thing{n}"))).count();
        assert!(wrong < 700, "{wrong} of 20000");
    }
}
