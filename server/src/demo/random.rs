//! A small seeded generator of random numbers: the same seed gives the same numbers on every machine and in every version.

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
/// The `rand` crate's generators may change between its versions; recorded figures must not.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A generator of its own for a part of the whole: what one part draws does not move the others.
    pub fn fork(&mut self, part: u64) -> Random {
        Random(self.next() ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    /// 64 random bits.
    #[expect(clippy::should_implement_trait, reason = "an endless generator is no iterator anybody should collect")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// `0 <= x < 1`.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `0 <= x < end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// `low <= x <= high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of the items, all equally likely. There must be at least one.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// The index of one of the weights, each as likely as its share. There must be at least one above 0.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut at = self.unit() * weights.iter().sum::<f64>();
        for (n, weight) in weights.iter().enumerate() {
            at -= weight;
            if at < 0.0 {
                return n;
            }
        }
        weights.len() - 1
    }

    /// Log-normal around `median`: durations have a long tail; `sigma` 0.3 is calm, 1.0 is wild.
    pub fn around(&mut self, median: f64, sigma: f64) -> f64 {
        // Box-Muller; 1 - unit() is never 0.
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        median * (sigma * radius * (std::f64::consts::TAU * self.unit()).cos()).exp()
    }

    /// Exponentially distributed with this mean: the time until the next of independent events.
    pub fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Random bytes, never all zero: an id.
    pub fn id<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            let word = (self.next() | 1).to_be_bytes();
            chunk.copy_from_slice(&word[8 - chunk.len()..]);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_never_change() {
        // First outputs of SplitMix64 for seed 1234567 (Vigna's reference implementation).
        let mut random = Random::new(1_234_567);
        assert_eq!([random.next(), random.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn distributions_are_what_they_say() {
        let mut random = Random::new(7);
        let mut draws: Vec<f64> = (0..10_001).map(|_| random.around(20.0, 0.5)).collect();
        draws.sort_by(f64::total_cmp);
        assert!((19.0..21.0).contains(&draws[5_000]), "median {}", draws[5_000]);
        let mean = (0..10_000).map(|_| random.wait(3.0)).sum::<f64>() / 10_000.0;
        assert!((2.9..3.1).contains(&mean), "mean {mean}");
        let first = (0..10_000).filter(|_| random.weighted(&[3.0, 1.0]) == 0).count();
        assert!((7_300..7_700).contains(&first), "{first}");
        assert!((0..1_000).all(|_| (5..=9).contains(&random.between(5, 9))));
    }
}
