//! `application/x-www-form-urlencoded`, as browsers read and write it (WHATWG URL, section 5), with fewer escapes when
//! writing so that a query stays readable in the address bar.

use std::fmt;

/// The parameters of a query string, in order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Takes a query string apart, with or without the leading `?`.
    pub fn parse(search: &str) -> Pairs {
        let search = search.strip_prefix('?').unwrap_or(search);
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(name), decode(value))
        };
        Pairs(search.split('&').filter(|part| !part.is_empty()).map(pair).collect())
    }

    /// The first value of a parameter, unless it is empty: an empty form field is a field left out.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, value)| n == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Every value of a parameter that is not empty.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, value)| n == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Writes a path and then parameters.
pub struct Writer<'a, 'b> {
    to: &'a mut fmt::Formatter<'b>,
    first: bool,
}

impl<'a, 'b> Writer<'a, 'b> {
    pub fn new(to: &'a mut fmt::Formatter<'b>, path: &str) -> Result<Writer<'a, 'b>, fmt::Error> {
        to.write_str(path)?;
        Ok(Writer { to, first: true })
    }

    /// Adds a parameter, unless its value is empty.
    pub fn pair(&mut self, name: &str, value: impl fmt::Display) -> fmt::Result {
        let value = value.to_string();
        if value.is_empty() {
            return Ok(());
        }
        self.to.write_str(if self.first { "?" } else { "&" })?;
        self.first = false;
        self.to.write_str(name)?;
        self.to.write_str("=")?;
        encode(&value, self.to)
    }
}

/// A value as a parameter has it.
pub fn encoded(text: &str) -> String {
    let mut to = String::with_capacity(text.len());
    // Writing to a text cannot fail.
    let _ = encode(text, &mut to);
    to
}

/// Escapes what a query string cannot hold, and what programs that recognise links in plain text stumble over.
pub(super) fn encode(text: &str, to: &mut dyn fmt::Write) -> fmt::Result {
    for &byte in text.as_bytes() {
        match byte {
            b' ' => to.write_char('+')?,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' | b'/' | b'@' => to.write_char(byte as char)?,
            _ => write!(to, "%{byte:02X}")?,
        }
    }
    Ok(())
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match after {
                [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    rest = &after[2..];
                    digit(*high) << 4 | digit(*low)
                }
                _ => b'%',
            },
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned())
}

fn digit(hex: u8) -> u8 {
    (hex as char).to_digit(16).unwrap_or_default() as u8
}
