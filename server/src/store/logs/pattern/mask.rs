//! What differs between lines that say the same: numbers, hex, UUIDs, addresses, dates and long quoted texts. They become one mask,
//! which a template shows as `<*>`.

/// How a mask is written.
pub const MASK: &str = "<*>";
/// Bytes between quotes from which a text is masked.
const LONG: usize = 24;
/// Bytes in which a quote must be closed to be one.
const QUOTED: usize = 512;

/// Takes a text byte by byte, a mask for each part that varies.
pub trait Sink {
    fn byte(&mut self, byte: u8);
    fn mask(&mut self);
}

/// Gives `text[start..end]`, which is one token, to the sink.
pub fn mask(text: &[u8], start: usize, end: usize, to: &mut impl Sink) {
    let mut at = start;
    while at < end {
        let byte = text[at];
        match CLASSES[usize::from(byte)] {
            Class::Letter => {
                let length = variable(text, start, at, end);
                if length > 0 {
                    at = joined(text, start, at + length, end);
                    to.mask();
                    continue;
                }
                while at < end && CLASSES[usize::from(text[at])] == Class::Letter {
                    to.byte(text[at]);
                    at += 1;
                }
            }
            Class::Digit => {
                at = joined(text, start, at + variable(text, start, at, end), end);
                to.mask();
            }
            // Of a number, not between words.
            Class::Sign if text.get(at + 1).is_some_and(u8::is_ascii_digit) && at + 1 < end && !follows_word(text, start, at) => at += 1,
            Class::Quote if let Some(close) = quoted(text, at).filter(|close| *close < end) => {
                to.byte(byte);
                to.mask();
                to.byte(byte);
                at = close + 1;
            }
            Class::Less if text[at..end].starts_with(MASK.as_bytes()) => {
                to.mask();
                at += MASK.len();
            }
            _ => {
                to.byte(byte);
                at += 1;
            }
        }
    }
}

/// Where a quote at `at` closes, if it holds a long text that is not a request line.
pub fn quoted(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[at + 1..text.len().min(at + QUOTED)];
    let length = memchr::memchr(text[at], rest)?;
    let inner = &rest[..length];
    let request = inner.iter().position(|byte| *byte == b' ').is_some_and(|word| inner[..word].iter().all(u8::is_ascii_uppercase));
    let before = at.checked_sub(1).map(|before| text[before]);
    // An apostrophe is no quote.
    let opens = before.is_none_or(|before| !before.is_ascii_alphanumeric())
        && text.get(at + length + 2).is_none_or(|after| !after.is_ascii_alphanumeric());
    (length >= LONG && !request && opens && !has_mask(inner)).then_some(at + 1 + length)
}

/// A text with masks in it is of a template, where it stayed though it was this long.
pub fn has_mask(text: &[u8]) -> bool {
    memchr::memmem::find(text, MASK.as_bytes()).is_some()
}

/// Bytes of the variable part that begins at `at`.
fn variable(text: &[u8], start: usize, at: usize, end: usize) -> usize {
    let digits = || text[at..end].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if at > start && text[at - 1].is_ascii_alphanumeric() {
        return digits();
    }
    let (mut length, mut numbers, mut hex) = (0, 0, true);
    for byte in &text[at..end] {
        match CLASSES[usize::from(*byte)] {
            Class::Digit => numbers += 1,
            Class::Letter => hex &= byte.is_ascii_hexdigit(),
            _ => break,
        }
        length += 1;
    }
    let run = &text[at..at + length];
    match length {
        _ if numbers == length => length,
        3 if numbers == 0 => {
            if is_date(text, at) {
                3
            } else {
                0
            }
        }
        _ if numbers == 0 => 0,
        8 if hex && is_uuid(&text[at..end]) => 36,
        _ if hex && length >= 4 => length,
        _ if length > 2 && run.starts_with(b"0x") => length,
        // Ids of all kinds.
        _ if length >= 12 && numbers >= 3 => length,
        _ => digits(),
    }
}

/// Where the variable part ends that goes on to `at`: numbers joined by punctuation are one.
fn joined(text: &[u8], start: usize, mut at: usize, end: usize) -> usize {
    loop {
        let Some(byte) = text[..end].get(at) else { return at };
        let next = text[..end].get(at + 1);
        match byte {
            b'T' if next.is_some_and(u8::is_ascii_digit) => at += 1,
            b'Z' if next.is_none_or(|next| !next.is_ascii_alphanumeric()) => return at + 1,
            b'.' | b':' | b'-' | b'/' | b',' | b'+' | b'_' if next.is_some_and(u8::is_ascii_alphanumeric) => {
                let length = variable(text, start, at + 1, end);
                if length == 0 {
                    return at;
                }
                at += 1 + length;
                continue;
            }
            _ => return at,
        }
        at += text[at..end].iter().take_while(|byte| byte.is_ascii_digit()).count();
    }
}

fn is_uuid(text: &[u8]) -> bool {
    let is = |(at, byte): (usize, &u8)| if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() };
    text.len() >= 36 && text[..36].iter().enumerate().all(is) && text.get(36).is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

/// A month beside a number, or a day of the week before one or a month: `Jun 14`, `10/Oct/2000`, `Sun Dec 04`, `Mon, 1 Jan`.
fn is_date(text: &[u8], at: usize) -> bool {
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    const DAYS: &[u8] = b"MonTueWedThuFriSatSun";
    let one_of = |names: &[u8], at: usize| text.get(at..at + 3).is_some_and(|name| names.chunks_exact(3).any(|other| other == name));
    let after = (at + 3..at + 6).find(|at| !matches!(text.get(*at), Some(b' ' | b',' | b'/' | b'-')));
    let number_after = || after.is_some_and(|after| after > at + 3 && text.get(after).is_some_and(u8::is_ascii_digit));
    let number_before = || at >= 2 && matches!(text[at - 1], b' ' | b'/' | b'-') && text[at - 2].is_ascii_digit();
    one_of(MONTHS, at) && (number_after() || number_before())
        || one_of(DAYS, at) && (number_after() || after.is_some_and(|after| after > at + 3 && one_of(MONTHS, after)))
}

fn follows_word(text: &[u8], start: usize, at: usize) -> bool {
    at > start && text[at - 1].is_ascii_alphanumeric()
}

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Letter,
    Digit,
    Sign,
    Quote,
    Less,
    Other,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b'+' | b'-' => Class::Sign,
            b'"' | b'\'' => Class::Quote,
            b'<' => Class::Less,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
};
