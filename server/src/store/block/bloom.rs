//! A bloom filter over the tokens of a block's texts and numbers: "not in this block" without reading a column.

use super::Corrupt;

const BITS_PER_TOKEN: usize = 10;
const PROBES: usize = 6;

/// Hash of a token, case aside.
pub fn hash(token: &str) -> u64 {
    if token.is_ascii() {
        return hash_ascii(token.as_bytes());
    }
    xxhash_rust::xxh3::xxh3_64(model::query::ast::fold(token).as_bytes())
}

/// [`hash`] of a token that is known to be ASCII.
pub fn hash_ascii(token: &[u8]) -> u64 {
    match token.iter().any(u8::is_ascii_uppercase) {
        false => xxhash_rust::xxh3::xxh3_64(token),
        true => xxhash_rust::xxh3::xxh3_64(&token.to_ascii_lowercase()),
    }
}

/// A filter over these hashes, which may repeat.
pub fn build(hashes: &mut Vec<u64>) -> Vec<u8> {
    hashes.sort_unstable();
    hashes.dedup();
    let bits = (hashes.len() * BITS_PER_TOKEN).max(64).next_multiple_of(8);
    let mut filter = vec![0u8; bits / 8];
    for hash in hashes.iter() {
        for bit in probes(*hash, bits) {
            filter[bit / 8] |= 1 << (bit % 8);
        }
    }
    filter
}

/// Whether the filter may have the token with this hash.
pub fn may_have(filter: &[u8], hash: u64) -> Result<bool, Corrupt> {
    if filter.is_empty() {
        return Err(Corrupt("bloom"));
    }
    Ok(probes(hash, filter.len() * 8).all(|bit| filter[bit / 8] >> (bit % 8) & 1 == 1))
}

fn probes(hash: u64, bits: usize) -> impl Iterator<Item = usize> {
    let step = hash >> 32 | 1;
    (0..PROBES as u64).map(move |n| {
        let mixed = hash.wrapping_add(n.wrapping_mul(step)) as u32;
        ((u64::from(mixed) * bits as u64) >> 32) as usize
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_all_and_little_else() {
        let name = |n: u32| format!("Token{n}");
        let filter = build(&mut (0..5000).map(|n| hash(&name(n))).collect());
        assert!((0..5000).all(|n| may_have(&filter, hash(&name(n).to_uppercase())).unwrap()));
        let wrong = (5000..15_000).filter(|n| may_have(&filter, hash(&name(*n))).unwrap()).count();
        assert!(wrong < 200, "{wrong} of 10000");
    }
}
