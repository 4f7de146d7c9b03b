//! One column of values, both ways. Which rows have a value is a bitmap in front, left out when all do.

use super::bytes::{self, Reader};
use super::{Bitmap, Corrupt};
use model::attr::Value;
use rustc_hash::FxHashMap;
use std::ops::Range;

/// Texts of some rows: a dictionary, and for each row that has a text its place there.
#[derive(Debug, Clone)]
pub struct Texts {
    pub present: Present,
    bytes: Vec<u8>,
    dictionary: Vec<Range<u32>>,
    /// For each present row, in order.
    pub index: Vec<u16>,
}

/// Numbers, one per present row, in order.
#[derive(Debug, Clone)]
pub struct Numbers<T> {
    pub present: Present,
    pub values: Vec<T>,
}

/// Which rows have a value.
#[derive(Debug, Clone)]
pub enum Present {
    All(usize),
    Some(Bitmap),
}

impl Present {
    pub fn count(&self) -> usize {
        match self {
            Present::All(len) => *len,
            Present::Some(rows) => rows.count(),
        }
    }

    /// Calls `each(row, n)` for the n-th present row.
    pub fn each(&self, mut each: impl FnMut(usize, usize)) {
        match self {
            Present::All(len) => (0..*len).for_each(|row| each(row, row)),
            Present::Some(rows) => rows.iter().enumerate().for_each(|(n, row)| each(row, n)),
        }
    }

    /// Place of `row` among the present rows.
    pub fn place(&self, row: usize) -> Option<usize> {
        match self {
            Present::All(len) => (row < *len).then_some(row),
            Present::Some(rows) => rows.has(row).then(|| rows.rank(row)),
        }
    }

    pub fn bitmap(&self) -> Bitmap {
        match self {
            Present::All(len) => Bitmap::all(*len),
            Present::Some(rows) => rows.clone(),
        }
    }

    fn put(to: &mut Vec<u8>, rows: &[u16], len: usize) {
        if rows.len() == len {
            to.push(0);
            return;
        }
        to.push(1);
        let mut bitmap = Bitmap::none(len);
        rows.iter().for_each(|row| bitmap.set(usize::from(*row)));
        to.extend_from_slice(&bitmap.to_bytes());
    }

    fn get(from: &mut Reader, len: usize) -> Result<Present, Corrupt> {
        match from.byte()? {
            0 => Ok(Present::All(len)),
            1 => Ok(Present::Some(Bitmap::from_bytes(from.take(len.div_ceil(8))?, len))),
            _ => Err(Corrupt("presence")),
        }
    }
}

/// Encodes the texts of `rows` (ascending, of a block of `len`). `seen` is called once per distinct text.
pub fn put_texts<'a>(rows: &[u16], len: usize, texts: impl Iterator<Item = &'a str>, mut seen: impl FnMut(&'a str)) -> Vec<u8> {
    let mut places: FxHashMap<&str, u16> = FxHashMap::default();
    let mut dictionary: Vec<&str> = Vec::new();
    let mut index: Vec<u16> = Vec::with_capacity(rows.len());
    let mut last: Option<(&str, u16)> = None;
    for text in texts {
        let place = match last {
            Some((same, place)) if same == text => place,
            _ => *places.entry(text).or_insert_with(|| {
                dictionary.push(text);
                seen(text);
                (dictionary.len() - 1) as u16
            }),
        };
        last = Some((text, place));
        index.push(place);
    }
    let mut to = Vec::with_capacity(index.len() * 2 + dictionary.len() * 16 + 16);
    Present::put(&mut to, rows, len);
    bytes::put(&mut to, dictionary.len() as u64);
    dictionary.iter().for_each(|text| bytes::put(&mut to, text.len() as u64));
    dictionary.iter().for_each(|text| to.extend_from_slice(text.as_bytes()));
    match dictionary.len() {
        0 | 1 => {}
        2..=256 => to.extend(index.iter().map(|place| *place as u8)),
        _ => {
            // Low bytes, then high bytes: the high ones compress to nearly nothing.
            to.extend(index.iter().map(|place| *place as u8));
            to.extend(index.iter().map(|place| (place >> 8) as u8));
        }
    }
    to
}

impl Texts {
    /// The inverse of [`put_texts`], for a block of `len` rows.
    pub fn get(framed: &[u8], len: usize) -> Result<Texts, Corrupt> {
        let body = bytes::unframe(framed)?.into_owned();
        let mut from = Reader::new(&body);
        let present = Present::get(&mut from, len)?;
        let rows = present.count();
        let count = from.count(1)?;
        let lengths = (0..count).map(|_| from.get()).collect::<Result<Vec<u64>, _>>()?;
        let total = lengths.iter().try_fold(0u64, |sum, length| sum.checked_add(*length)).ok_or(Corrupt("length"))?;
        let text = from.take(usize::try_from(total).map_err(|_| Corrupt("length"))?)?;
        let index: Vec<u16> = match count {
            0 if rows == 0 => Vec::new(),
            0 => return Err(Corrupt("dictionary")),
            1 => vec![0; rows],
            2..=256 => from.take(rows)?.iter().map(|place| u16::from(*place)).collect(),
            _ => {
                let (low, high) = (from.take(rows)?, from.take(rows)?);
                low.iter().zip(high).map(|(low, high)| u16::from(*low) | u16::from(*high) << 8).collect()
            }
        };
        if index.iter().any(|place| usize::from(*place) >= count) {
            return Err(Corrupt("dictionary place"));
        }
        let text = std::str::from_utf8(text).map_err(|_| Corrupt("text"))?;
        let mut dictionary = Vec::with_capacity(count);
        let mut at = 0u32;
        for length in lengths {
            let end = at + length as u32;
            if !text.is_char_boundary(end as usize) {
                return Err(Corrupt("text"));
            }
            dictionary.push(at..end);
            at = end;
        }
        let bytes = text.as_bytes().to_vec();
        Ok(Texts { present, bytes, dictionary, index })
    }

    /// A column in which no row has a text.
    pub fn none(len: usize) -> Texts {
        Texts { present: Present::Some(Bitmap::none(len)), bytes: Vec::new(), dictionary: Vec::new(), index: Vec::new() }
    }

    /// Number of distinct texts.
    pub fn distinct(&self) -> usize {
        self.dictionary.len()
    }

    /// The text at a place of the dictionary.
    pub fn text(&self, place: usize) -> &str {
        let range = &self.dictionary[place];
        // Checked at the dictionary's making: every range is UTF-8 on its own.
        std::str::from_utf8(&self.bytes[range.start as usize..range.end as usize]).unwrap_or_default()
    }

    /// The text of a row.
    pub fn of_row(&self, row: usize) -> Option<&str> {
        self.present.place(row).map(|n| self.text(usize::from(self.index[n])))
    }

    /// Rows whose text passes; the test is called once per distinct text.
    pub fn rows_where(&self, test: impl Fn(&str) -> bool, len: usize) -> Bitmap {
        let passes: Vec<bool> = (0..self.distinct()).map(|place| test(self.text(place))).collect();
        let mut rows = Bitmap::none(len);
        if passes.contains(&true) {
            self.present.each(|row, n| {
                if passes[usize::from(self.index[n])] {
                    rows.set(row);
                }
            });
        }
        rows
    }
}

/// Encodes whole numbers as zigzag varints.
pub fn put_ints(rows: &[u16], len: usize, values: impl Iterator<Item = i64>) -> Vec<u8> {
    let mut to = Vec::with_capacity(rows.len() * 3);
    Present::put(&mut to, rows, len);
    values.for_each(|value| bytes::put_signed(&mut to, value));
    to
}

impl Numbers<i64> {
    /// The inverse of [`put_ints`].
    pub fn get(framed: &[u8], len: usize) -> Result<Numbers<i64>, Corrupt> {
        let body = bytes::unframe(framed)?;
        let mut from = Reader::new(&body);
        let present = Present::get(&mut from, len)?;
        let mut values = Vec::with_capacity(present.count());
        for _ in 0..present.count() {
            values.push(from.signed()?);
        }
        Ok(Numbers { present, values })
    }
}

/// Encodes doubles, byte by byte across the column: equal exponents then lie together.
pub fn put_floats(rows: &[u16], len: usize, values: &[f64]) -> Vec<u8> {
    let mut to = Vec::with_capacity(rows.len() * 8 + 8);
    Present::put(&mut to, rows, len);
    for byte in (0..8).rev() {
        to.extend(values.iter().map(|value| value.to_bits().to_le_bytes()[byte]));
    }
    to
}

impl Numbers<f64> {
    /// The inverse of [`put_floats`].
    pub fn get(framed: &[u8], len: usize) -> Result<Numbers<f64>, Corrupt> {
        let body = bytes::unframe(framed)?;
        let mut from = Reader::new(&body);
        let present = Present::get(&mut from, len)?;
        let count = present.count();
        let mut bits = vec![0u64; count];
        for _ in 0..8 {
            for (bits, byte) in bits.iter_mut().zip(from.take(count)?) {
                *bits = *bits << 8 | u64::from(*byte);
            }
        }
        Ok(Numbers { present, values: bits.into_iter().map(f64::from_bits).collect() })
    }
}

/// Encodes truths as a second bitmap over the present rows.
pub fn put_bools(rows: &[u16], len: usize, values: impl Iterator<Item = bool>) -> Vec<u8> {
    let mut to = Vec::new();
    Present::put(&mut to, rows, len);
    let values: Vec<bool> = values.collect();
    to.extend_from_slice(&Bitmap::from_fn(values.len(), |n| values[n]).to_bytes());
    to
}

impl Numbers<bool> {
    /// The inverse of [`put_bools`].
    pub fn get(framed: &[u8], len: usize) -> Result<Numbers<bool>, Corrupt> {
        let body = bytes::unframe(framed)?;
        let mut from = Reader::new(&body);
        let present = Present::get(&mut from, len)?;
        let count = present.count();
        let truths = Bitmap::from_bytes(from.take(count.div_ceil(8))?, count);
        Ok(Numbers { present, values: (0..count).map(|n| truths.has(n)).collect() })
    }
}

/// Encodes values of any kind, one after the other.
pub fn put_values<'a>(rows: &[u16], len: usize, values: impl Iterator<Item = &'a Value>) -> Vec<u8> {
    let mut to = Vec::new();
    Present::put(&mut to, rows, len);
    values.for_each(|value| super::value::put(&mut to, value));
    to
}

impl Numbers<Value> {
    /// The inverse of [`put_values`].
    pub fn get(framed: &[u8], len: usize) -> Result<Numbers<Value>, Corrupt> {
        let body = bytes::unframe(framed)?;
        let mut from = Reader::new(&body);
        let present = Present::get(&mut from, len)?;
        let values = (0..present.count()).map(|_| super::value::get(&mut from)).collect::<Result<_, _>>()?;
        Ok(Numbers { present, values })
    }
}
