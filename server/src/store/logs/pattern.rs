//! Message patterns, found online: lines that say the same become one template with `<*>` where they differ. After Drain (He, Zhu,
//! Zheng, Lyu: "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017): a line is masked and cut into tokens, a
//! tree of fixed depth (count of tokens, then the head of the line) leads to a few clusters, and the most similar takes it.

mod mask;
mod tokens;

use mask::{MASK, Sink};
use model::log::Level;
use rustc_hash::FxHashMap;
use tokens::{Role, Tokens};

/// Clusters of one miner; what fits none of them then is one pattern.
const MOST: usize = 1_000;
/// First words that are told apart among lines of the same length and kind; beyond, they are words like others.
const BRANCHES: u32 = 50;
/// Tokens in which a head ends.
const HEAD: usize = 12;
/// Lines seen before, by their tokens.
const SEEN: usize = 8_192;
/// In hashes; bytes are 1 to 256.
const MASKED: u64 = 257;
/// Of a token that is nothing but a mask, and of those that are a mask in a head.
const ANY: u64 = mix(0, MASKED);
const ANY_IN_HEAD: [u64; 3] = [mix(ANY, b':' as u64 + 1), mix(ANY, b']' as u64 + 1), mix(ANY, b'|' as u64 + 1)];

/// Finds the patterns of one source of lines, a log group say. The same lines in the same order give the same patterns.
#[derive(Debug, Default)]
pub struct Miner {
    clusters: Vec<Cluster>,
    /// Clusters by kind of line and first word.
    leaves: FxHashMap<u64, Vec<u32>>,
    /// First words by kind of line.
    branches: FxHashMap<u64, u32>,
    seen: FxHashMap<u64, u32>,
    line: Line,
}

#[derive(Debug)]
struct Cluster {
    template: String,
    tokens: Box<[u64]>,
}

impl Miner {
    pub fn new() -> Miner {
        Miner::default()
    }

    /// The pattern of a message, by its place in this miner: 0, 1, 2, ...
    pub fn assign(&mut self, message: &str) -> u32 {
        let mut line = std::mem::take(&mut self.line);
        line.read(message);
        let id = match self.seen.get(&line.hash) {
            Some(id) => *id,
            None => {
                let leaf = self.leaf(&mut line, message);
                let id = self.find(leaf, &line).unwrap_or_else(|| self.create(leaf, &line, template_of(message)));
                self.remember(line.hash, id);
                id
            }
        };
        self.line = line;
        id
    }

    /// The template of a pattern; it may get more `<*>` as more lines come.
    ///
    /// # Panics
    /// When the pattern is none of this miner's.
    pub fn template(&self, id: u32) -> &str {
        &self.clusters[id as usize].template
    }

    /// Takes a template in that is known from before.
    pub fn add(&mut self, template: &str) -> u32 {
        let mut line = Line::default();
        line.read(template);
        if let Some(id) = self.seen.get(&line.hash) {
            return *id;
        }
        let leaf = self.leaf(&mut line, template);
        let known = self.leaves.get(&leaf).and_then(|ids| ids.iter().find(|id| self.clusters[**id as usize].template == template));
        let id = known.copied().unwrap_or_else(|| self.create(leaf, &line, template.to_owned()));
        self.remember(line.hash, id);
        id
    }

    /// Patterns so far.
    pub fn len(&self) -> usize {
        self.clusters.len()
    }

    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty()
    }

    fn remember(&mut self, hash: u64, id: u32) {
        if self.seen.len() == SEEN {
            self.seen.clear();
        }
        self.seen.insert(hash, id);
    }

    /// Where clusters are that this line may belong to: of the same length, frame and head, and with the same first word.
    fn leaf(&mut self, line: &mut Line, message: &str) -> u64 {
        let (head, first) = line.part(message);
        let frame = line.tokens.iter().filter(|token| token.role == Role::Frame).fold(head as u64, |hash, token| mix(hash, token.hash));
        let kind = mix(frame, line.tokens.len() as u64);
        let Some(first) = first else { return kind };
        let leaf = mix(kind, first);
        if !self.leaves.contains_key(&leaf) {
            let branches = self.branches.entry(kind).or_default();
            if *branches >= BRANCHES {
                return kind;
            }
            *branches += 1;
        }
        leaf
    }

    /// The most similar cluster there, which then covers this line.
    fn find(&mut self, leaf: u64, line: &Line) -> Option<u32> {
        let ids = self.leaves.get(&leaf)?;
        let mut best: Option<(u32, u32, u32)> = None;
        for id in ids {
            let Some((same, all)) = line.similarity(&self.clusters[*id as usize].tokens) else { continue };
            // same / all > best, without dividing.
            if best.is_none_or(|(_, best_same, best_all)| same * best_all > best_same * all) {
                best = Some((*id, same, all));
            }
        }
        let (id, ..) = best?;
        self.clusters[id as usize].cover(line);
        Some(id)
    }

    fn create(&mut self, leaf: u64, line: &Line, template: String) -> u32 {
        let id = self.clusters.len() as u32;
        match self.clusters.len() {
            ..MOST => {
                self.leaves.entry(leaf).or_default().push(id);
                self.clusters.push(Cluster { template, tokens: line.tokens.iter().map(|token| token.hash).collect() });
                id
            }
            MOST => {
                self.clusters.push(Cluster { template: MASK.to_owned(), tokens: Box::new([ANY]) });
                id
            }
            _ => MOST as u32,
        }
    }
}

impl Cluster {
    /// Widens the template to this line, which has as many tokens.
    fn cover(&mut self, line: &Line) {
        let differs = |own: u64, token: &Token| own != token.hash && own != ANY && !ANY_IN_HEAD.contains(&own);
        if !self.tokens.iter().zip(&line.tokens).any(|(own, token)| differs(*own, token)) {
            return;
        }
        let mut pieces = Pieces::default();
        tokens::read(&self.template, &mut pieces);
        for ((own, token), (_, piece)) in self.tokens.iter_mut().zip(&line.tokens).zip(&mut pieces.0) {
            if differs(*own, token) {
                // A head still ends where it did.
                let end = piece.last().copied().filter(|end| token.role == Role::Value && matches!(end, b':' | b']' | b'|'));
                *own = end.map_or(ANY, |end| mix(ANY, u64::from(end) + 1));
                *piece = MASK.into();
                piece.extend(end);
            }
        }
        self.template = pieces.join();
    }
}

/// A message with its masks alone, by which messages are alike that differ in nothing else.
pub fn template_of(message: &str) -> String {
    let mut pieces = Pieces::default();
    tokens::read(message, &mut pieces);
    pieces.join()
}

/// A message as hashes.
#[derive(Debug, Default)]
struct Line {
    tokens: Vec<Token>,
    /// Of all tokens.
    hash: u64,
}

#[derive(Debug, Clone, Copy)]
struct Token {
    hash: u64,
    role: Role,
    /// Letters only.
    plain: bool,
}

impl Line {
    fn read(&mut self, message: &str) {
        self.tokens.clear();
        let mut hashes = Hashes { tokens: &mut self.tokens, hash: 0, plain: true };
        tokens::read(message, &mut hashes);
        hashes.finish();
        self.hash = self.tokens.iter().fold(self.tokens.len() as u64, |hash, token| mix(hash, token.hash));
    }

    /// Tells the head of a text from what it says: words at the start that end with `:`, `]`, `|`, are a dash or a level. Returns the
    /// length of the head, and the first word after it.
    fn part(&mut self, message: &str) -> (usize, Option<u64>) {
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
    fn similarity(&self, other: &[u64]) -> Option<(u32, u32)> {
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

/// Tokens as texts, each with whether white space is before it.
#[derive(Default)]
struct Pieces(Vec<(bool, Vec<u8>)>);

impl Pieces {
    fn join(&self) -> String {
        let mut text = Vec::new();
        for (nth, (spaced, piece)) in self.0.iter().enumerate() {
            if *spaced && nth > 0 {
                text.push(b' ');
            }
            text.extend(piece);
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl Sink for Pieces {
    fn byte(&mut self, byte: u8) {
        if let Some((_, piece)) = self.0.last_mut() {
            piece.push(byte);
        }
    }

    fn mask(&mut self) {
        MASK.bytes().for_each(|byte| self.byte(byte));
    }
}

impl Tokens for Pieces {
    fn token(&mut self, _: Role, spaced: bool) {
        self.0.push((spaced, Vec::new()));
    }
}

const fn mix(hash: u64, value: u64) -> u64 {
    (hash.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95)
}

#[cfg(test)]
mod tests;
