//! A set of row numbers of one block.

/// Rows `0..len`, one bit each. Bits past `len` are always 0.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Bitmap {
    words: Vec<u64>,
    len: usize,
}

impl Bitmap {
    pub fn none(len: usize) -> Bitmap {
        Bitmap { words: vec![0; len.div_ceil(64)], len }
    }

    pub fn all(len: usize) -> Bitmap {
        let mut all = Bitmap { words: vec![u64::MAX; len.div_ceil(64)], len };
        all.trim();
        all
    }

    /// The rows for which `test` holds.
    pub fn from_fn(len: usize, mut test: impl FnMut(usize) -> bool) -> Bitmap {
        let mut words = vec![0u64; len.div_ceil(64)];
        for (row, word) in (0..len).step_by(64).zip(&mut words) {
            for bit in 0..64.min(len - row) {
                *word |= u64::from(test(row + bit)) << bit;
            }
        }
        Bitmap { words, len }
    }

    fn trim(&mut self) {
        if let Some(last) = self.words.last_mut()
            && !self.len.is_multiple_of(64)
        {
            *last &= (1 << (self.len % 64)) - 1;
        }
    }

    /// Number of rows, set or not.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn has(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// Rows past the end are ignored.
    pub fn set(&mut self, row: usize) {
        if row < self.len {
            self.words[row / 64] |= 1 << (row % 64);
        }
    }

    /// How many set rows are before `row`.
    pub fn rank(&self, row: usize) -> usize {
        let whole: usize = self.words[..row / 64].iter().map(|word| word.count_ones() as usize).sum();
        match self.words.get(row / 64) {
            Some(word) if !row.is_multiple_of(64) => whole + (word & ((1 << (row % 64)) - 1)).count_ones() as usize,
            _ => whole,
        }
    }

    pub fn and(&mut self, other: &Bitmap) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    pub fn or(&mut self, other: &Bitmap) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    pub fn and_not(&mut self, other: &Bitmap) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
    }

    pub fn not(&mut self) {
        self.words.iter_mut().for_each(|word| *word = !*word);
        self.trim();
    }

    /// Set rows, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    at * 64 + bit
                })
            })
        })
    }

    /// Eight rows a byte, lowest bit first.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.truncate(self.len.div_ceil(8));
        bytes
    }

    /// The inverse of [`Bitmap::to_bytes`]; missing bytes are 0, surplus ones are ignored.
    pub fn from_bytes(bytes: &[u8], len: usize) -> Bitmap {
        let mut map = Bitmap::none(len);
        for (word, chunk) in map.words.iter_mut().zip(bytes.chunks(8)) {
            let mut eight = [0; 8];
            eight[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_le_bytes(eight);
        }
        map.trim();
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_algebra() {
        let odd = Bitmap::from_fn(130, |row| row % 2 == 1);
        let mut even = odd.clone();
        even.not();
        assert_eq!((odd.count(), even.count()), (65, 65));
        assert_eq!(odd.rank(129), 64);
        assert_eq!(odd.iter().next(), Some(1));
        let mut none = odd.clone();
        none.and(&even);
        assert!(none.is_empty());
        even.or(&odd);
        assert_eq!(even, Bitmap::all(130));
        even.and_not(&odd);
        assert!(!even.has(129) && even.has(128) && !even.has(500));
        assert_eq!(Bitmap::from_bytes(&odd.to_bytes(), 130), odd);
    }
}
