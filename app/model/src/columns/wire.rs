//! LEB128 numbers, texts and raw bytes, written and read without trust.

use super::Malformed;

pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn with_capacity(bytes: usize) -> Writer {
        Writer(Vec::with_capacity(bytes))
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(super) fn signed(&mut self, value: i64) {
        self.number(zigzag(value));
    }

    pub(super) fn texts(&mut self, texts: &[String]) {
        self.number(texts.len() as u64);
        texts.iter().for_each(|text| self.text(text));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    /// Of values that are mostly 0: how many are not, then the distance from the one before and the value of each.
    pub(super) fn sparse(&mut self, values: impl Iterator<Item = u32> + Clone) {
        self.number(values.clone().filter(|&value| value != 0).count() as u64);
        let mut next = 0;
        for (n, value) in values.enumerate().filter(|&(_, value)| value != 0) {
            self.number((n - next) as u64);
            self.number(value.into());
            next = n + 1;
        }
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }
}

pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            if shift == 63 && byte > 1 {
                return Err(Malformed);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    pub(super) fn signed(&mut self) -> Result<i64, Malformed> {
        Ok(unzigzag(self.number()?))
    }

    /// A length of things that take at least `size` bytes each: one that cannot be true is refused before it is allocated.
    pub(super) fn count(&mut self, size: usize) -> Result<usize, Malformed> {
        let count = self.number()?;
        if count <= (self.0.len() / size) as u64 { Ok(count as usize) } else { Err(Malformed) }
    }

    pub(super) fn texts(&mut self) -> Result<Vec<String>, Malformed> {
        let count = self.count(1)?;
        self.many(count, Reader::text)
    }

    pub(super) fn text(&mut self) -> Result<String, Malformed> {
        let len = self.count(1)?;
        let text = std::str::from_utf8(self.take(len)?).map_err(|_| Malformed)?;
        Ok(text.to_owned())
    }

    /// `len` values written by [`Writer::sparse`].
    pub(super) fn sparse(&mut self, len: usize) -> Result<Vec<u32>, Malformed> {
        let mut values = vec![0; len];
        let mut next = 0;
        for _ in 0..self.count(2)? {
            let at = usize::try_from(self.number()?).ok().and_then(|gap| gap.checked_add(next)).ok_or(Malformed)?;
            *values.get_mut(at).ok_or(Malformed)? = u32::try_from(self.number()?).map_err(|_| Malformed)?;
            next = at + 1;
        }
        Ok(values)
    }

    pub(super) fn many<T>(&mut self, count: usize, mut one: impl FnMut(&mut Self) -> Result<T, Malformed>) -> Result<Vec<T>, Malformed> {
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            all.push(one(self)?);
        }
        Ok(all)
    }
}
