//! A message as tokens: words of a text; of a JSON object its structure with the keys, and the words of its values. The template of a
//! message has the same tokens as the message, so that templates can be read back.

use super::mask::{self, MASK, Sink};

/// Tokens of a message; what follows is one mask.
const MOST: usize = 64;
/// Bytes from which a word or a value in JSON is one mask, and after which the structure of JSON is read no further.
const LONG: usize = 256;
/// Bytes from which a key is a mask.
const LONG_KEY: usize = 64;
/// What the first line of a Python stack trace says nothing but this; the last line has the exception.
const TRACEBACK: &str = "Traceback (most recent call last)";

/// What part a token has in telling messages apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A word of a text, or of the message proper of a JSON object.
    Word,
    /// Messages that differ here are not alike: structure of JSON, a level.
    Frame,
    /// A value of JSON that is not the message.
    Value,
}

/// Takes tokens: `token`, then what it is made of.
pub trait Tokens: Sink {
    /// `spaced`: there is white space before it.
    fn token(&mut self, role: Role, spaced: bool);
}

/// Reads a message.
pub fn read(message: &str, to: &mut impl Tokens) {
    let text = message.trim();
    let mut room = Room { to, left: MOST, last: Role::Word };
    let is_object = || text[1..].trim_start().starts_with(['"', '}']);
    if text.starts_with('{') && text.ends_with('}') && is_object() {
        if json(text.as_bytes(), &mut room).is_none() {
            let in_text = room.last != Role::Frame;
            to.token(Role::Word, in_text);
            to.mask();
            to.token(Role::Frame, false);
            to.byte(b'}');
        }
        return;
    }
    let first = text.lines().next().unwrap_or_default();
    let whole = words(text.as_bytes(), 0, first.len(), Role::Word, false, &mut room);
    if whole.is_some() && first.len() == text.len() {
        return;
    }
    // The rest: lines of a stack trace, mostly.
    room.to.token(Role::Word, true);
    room.to.mask();
    if whole.is_some() && first.starts_with(TRACEBACK) {
        let last = text.lines().next_back().map_or(text.len(), |last| text.len() - last.len());
        words(text.as_bytes(), last, text.len(), Role::Word, true, &mut room);
    }
}

struct Room<'a, T> {
    to: &'a mut T,
    left: usize,
    /// Of the last token.
    last: Role,
}

impl<T: Tokens> Room<'_, T> {
    fn token(&mut self, role: Role, spaced: bool) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        self.last = role;
        self.to.token(role, spaced);
        Some(())
    }

    fn word(&mut self, text: &[u8], start: usize, end: usize, role: Role, spaced: bool) -> Option<()> {
        self.token(role, spaced)?;
        // In a template masks have made it longer.
        let most = if end - start > LONG && mask::has_mask(&text[start..end]) { 3 * LONG } else { LONG };
        if end - start > most {
            self.to.mask();
        } else {
            mask::mask(text, start, end, self.to);
        }
        Some(())
    }
}

/// The words of `text[start..end]`; `None` when there is no more room.
fn words(text: &[u8], start: usize, end: usize, role: Role, mut spaced: bool, room: &mut Room<'_, impl Tokens>) -> Option<()> {
    let mut at = start;
    loop {
        while at < end && text[at].is_ascii_whitespace() {
            at += 1;
        }
        if at == end {
            return Some(());
        }
        let from = at;
        while at < end && !text[at].is_ascii_whitespace() {
            // White space in a quoted text that will be masked does not separate.
            at = match text[at] {
                b'"' | b'\'' => mask::quoted(text, at).filter(|close| *close < end).unwrap_or(at) + 1,
                _ => at + 1,
            };
        }
        room.word(text, from, at, role, spaced)?;
        spaced = true;
    }
}

/// An object: `{"level":"`, `INFO`, `","message":"`, `user`, `logged`, `in`, `"}`. White space around the structure is left out.
fn json(text: &[u8], room: &mut Room<'_, impl Tokens>) -> Option<()> {
    let mut at = 0;
    let mut key: &[u8] = &[];
    let (mut in_frame, mut frame) = (false, 0);
    let in_room = |bytes: usize| (bytes <= LONG).then_some(bytes);
    while at < text.len() {
        let byte = text[at];
        if byte.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let structure = matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"');
        if structure && !in_frame {
            room.token(Role::Frame, false)?;
            (in_frame, frame) = (true, 0);
        }
        if byte == b'"' {
            let close = end_of_string(text, at + 1);
            let inner = &text[at + 1..close];
            let is_key = text[(close + 1).min(text.len())..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
            frame = in_room(frame + 2 + if is_key { inner.len().min(LONG_KEY) } else { 0 })?;
            room.to.byte(b'"');
            if is_key {
                key = inner;
                match inner.len() {
                    ..=LONG_KEY if inner != MASK.as_bytes() => inner.iter().for_each(|byte| room.to.byte(*byte)),
                    _ => room.to.mask(),
                }
            } else if inner.len() > LONG && !mask::has_mask(inner) {
                room.token(role(key), false)?;
                room.to.mask();
                room.token(Role::Frame, false)?;
                frame = 1;
            } else if inner.iter().any(|byte| !byte.is_ascii_whitespace()) {
                words(text, at + 1, close, role(key), false, room)?;
                room.token(Role::Frame, false)?;
                frame = 1;
            }
            if close < text.len() {
                room.to.byte(b'"');
            }
            at = close + 1;
        } else if structure {
            frame = in_room(frame + 1)?;
            room.to.byte(byte);
            at += 1;
        } else {
            let length = text[at..]
                .iter()
                .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b'}' | b']'))
                .unwrap_or(text.len() - at);
            // Two of them in a row are no JSON, but need not become one.
            room.word(text, at, at + length, role(key), !in_frame)?;
            at += length;
            in_frame = false;
        }
    }
    Some(())
}

fn end_of_string(text: &[u8], mut at: usize) -> usize {
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at.min(text.len())
}

/// What the value of a key is.
fn role(key: &[u8]) -> Role {
    match key {
        b"message" | b"msg" | b"event" | b"log" | b"body" | b"text" | b"@mt" | b"@m" | b"short_message" | b"textPayload" => Role::Word,
        b"level" | b"levelname" | b"severity" | b"lvl" | b"log.level" | b"@l" => Role::Frame,
        _ => Role::Value,
    }
}
