//! Message patterns, found online: lines that say the same become one template with `<*>` where they differ. After Drain (He, Zhu,
//! Zheng, Lyu: "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017): a line is masked and cut into tokens, a
//! tree of fixed depth (count of tokens, then the head of the line) leads to a few clusters, and the most similar takes it.

mod line;
mod mask;
mod tokens;

use line::{ANY, ANY_IN_HEAD, Line, Token, mix};
use mask::{MASK, Sink};
use rustc_hash::FxHashMap;
use tokens::{Role, Tokens};

/// Clusters of one miner; what fits none of them then is one pattern.
const MOST: usize = 1_000;
/// First words that are told apart among lines of the same length and kind; beyond, they are words like others.
const BRANCHES: u32 = 50;
/// Lines seen before, by their tokens.
const SEEN: usize = 8_192;
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

#[cfg(test)]
mod tests;
