//! From a trace id to the blocks that have it, without a b-tree entry per trace (that triples the bytes written).
//!
//! Blocks that are full stop being *open* 64 at a time: their sorted 8-byte trace hashes become a *run*, cut into 256 buckets by
//! the top byte (one row each), and a filter that stays in memory. Open blocks keep their hashes in memory. A hash may be
//! wrong (collision, folded block), so whoever asks verifies the id in the block.

use crate::store::block::Corrupt;
use model::id::TraceId;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Blocks of one run.
pub const RUN: usize = 64;

/// What the look-up knows a trace by.
pub fn hash(id: TraceId) -> u64 {
    xxh3_64(&id.0)
}

/// What the look-up knows "a span here links to a span of this trace" by.
pub fn link_hash(id: TraceId) -> u64 {
    xxh3_64_with_seed(&id.0, 1)
}

/// Sixty-four closed blocks.
#[derive(Debug)]
pub struct Run {
    pub id: i64,
    /// Smallest `seq` of any span in it.
    pub min_seq: u64,
    /// Block ids, in the order that bucket entries number them.
    pub blocks: Vec<i64>,
    pub filter: Filter,
}

/// A bloom filter over 64-bit hashes in 512-bit lines: one cache miss a test, about 1 in 5,000 wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter(Vec<u8>);

const LINE: usize = 64;
const PROBES: u32 = 8;

impl Filter {
    pub fn build(hashes: &[u64]) -> Filter {
        let lines = (hashes.len() * 20).div_ceil(LINE * 8).max(1);
        let mut filter = Filter(vec![0; lines * LINE]);
        for hash in hashes {
            let at = filter.line(*hash);
            for bit in probes(*hash) {
                filter.0[at + bit / 8] |= 1 << (bit % 8);
            }
        }
        filter
    }

    pub fn from_bytes(bytes: Vec<u8>) -> Result<Filter, Corrupt> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(LINE) { Err(Corrupt("look-up filter")) } else { Ok(Filter(bytes)) }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn may_have(&self, hash: u64) -> bool {
        let at = self.line(hash);
        probes(hash).all(|bit| self.0[at + bit / 8] >> (bit % 8) & 1 == 1)
    }

    fn line(&self, hash: u64) -> usize {
        let lines = (self.0.len() / LINE) as u64;
        (((hash >> 32) * lines) >> 32) as usize * LINE
    }
}

/// Bits of a line; from other bits of the hash than the line's number.
fn probes(hash: u64) -> impl Iterator<Item = usize> {
    let mixed = (hash ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let (low, step) = (mixed as u32, (mixed >> 32) as u32 | 1);
    (0..PROBES).map(move |n| (low.wrapping_add(n.wrapping_mul(step)) >> 23) as usize)
}

/// The 256 buckets of a run, from the sorted hashes of each of its blocks. An entry is 8 bytes of hash, then one byte of block
/// number: all hashes first, so that they can be searched.
pub fn buckets(blocks: &[&[u64]]) -> Vec<(u8, Vec<u8>)> {
    let mut entries: Vec<(u64, u8)> = Vec::with_capacity(blocks.iter().map(|hashes| hashes.len()).sum());
    for (number, hashes) in blocks.iter().enumerate().take(256) {
        entries.extend(hashes.iter().map(|hash| (*hash, number as u8)));
    }
    entries.sort_unstable();
    let mut buckets = Vec::with_capacity(256);
    for entries in entries.chunk_by(|a, b| a.0 >> 56 == b.0 >> 56) {
        let mut data = Vec::with_capacity(entries.len() * 9);
        entries.iter().for_each(|(hash, _)| data.extend_from_slice(&hash.to_le_bytes()));
        entries.iter().for_each(|(_, number)| data.push(*number));
        buckets.push(((entries[0].0 >> 56) as u8, data));
    }
    buckets
}

/// Numbers of the blocks in a bucket that have the hash.
pub fn find(bucket: &[u8], hash: u64) -> Result<Vec<usize>, Corrupt> {
    if !bucket.len().is_multiple_of(9) {
        return Err(Corrupt("look-up bucket"));
    }
    let (hashes, numbers) = bucket.split_at(bucket.len() / 9 * 8);
    let at = |n: usize| hashes[n * 8..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let (mut low, mut high) = (0, numbers.len());
    while low < high {
        let middle = (low + high) / 2;
        if at(middle) < hash { low = middle + 1 } else { high = middle }
    }
    Ok((low..numbers.len()).take_while(|n| at(*n) == hash).map(|n| usize::from(numbers[n])).collect())
}

pub fn hashes_to_bytes(hashes: &[u64]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect()
}

pub fn hashes_from_bytes(bytes: &[u8]) -> Vec<u64> {
    bytes.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(from: u64, to: u64) -> Vec<u64> {
        let mut hashes: Vec<u64> = (from..to).map(|n| xxh3_64(&n.to_le_bytes())).collect();
        hashes.sort_unstable();
        hashes
    }

    #[test]
    fn a_run_finds_every_block_of_a_trace() {
        let (first, second) = (hashes(0, 400), hashes(300, 700));
        let buckets = buckets(&[&first, &second]);
        let blocks = |hash: u64| match buckets.iter().find(|(bucket, _)| u64::from(*bucket) == hash >> 56) {
            Some((_, data)) => find(data, hash).unwrap(),
            None => Vec::new(),
        };
        for n in 0..800u64 {
            let expected: Vec<usize> =
                [(0..400).contains(&n), (300..700).contains(&n)].iter().enumerate().filter(|b| *b.1).map(|b| b.0).collect();
            assert_eq!(blocks(xxh3_64(&n.to_le_bytes())), expected);
        }
        assert!(find(&[1, 2, 3], 0).is_err());
    }

    #[test]
    fn the_filter_is_never_wrong_about_what_it_has_and_seldom_otherwise() {
        let filter = Filter::build(&hashes(0, 20_000));
        assert!(hashes(0, 20_000).iter().all(|hash| filter.may_have(*hash)));
        let wrong = hashes(20_000, 120_000).iter().filter(|hash| filter.may_have(**hash)).count();
        assert!(wrong < 200, "{wrong} of 100000");
        assert_eq!(Filter::from_bytes(filter.as_bytes().to_vec()).unwrap(), filter);
    }
}
