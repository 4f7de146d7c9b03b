//! Trace and span ids. Every dialect is parsed once, at the border; inside there are only these types.

use std::fmt;
use std::str::FromStr;

/// A 16-byte trace id (W3C Trace Context; X-Ray's `1-5759e988-bd862e3fe1be46a994272793` is the same 16 bytes).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TraceId(pub [u8; 16]);

/// An 8-byte span id (W3C Trace Context; X-Ray's segment id).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SpanId(pub [u8; 8]);

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected 32 hex digits, an X-Ray id (1-8hex-24hex), a traceparent or a UUID")
    }
}

impl std::error::Error for NotAnId {}

impl TraceId {
    /// The id, unless it is all zeros, which W3C Trace Context calls invalid.
    pub fn valid(self) -> Option<Self> {
        (self.0 != [0; 16]).then_some(self)
    }

    /// Exactly 16 bytes, not all zeros (OTLP: anything else is invalid).
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self(bytes.try_into().ok()?).valid()
    }

    /// How AWS X-Ray writes it: `1-{8 hex}-{24 hex}`.
    pub fn xray(self) -> String {
        let hex = self.to_string();
        format!("1-{}-{}", &hex[..8], &hex[8..])
    }
}

impl SpanId {
    /// The id, unless it is all zeros.
    pub fn valid(self) -> Option<Self> {
        (self.0 != [0; 8]).then_some(self)
    }

    /// Exactly 8 bytes, not all zeros.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self(bytes.try_into().ok()?).valid()
    }
}

impl FromStr for TraceId {
    type Err = NotAnId;

    /// Accepts 32 hex digits in either case, X-Ray's `1-x-y` (also with a leading `Root=`), a whole `traceparent`, and the 16
    /// bytes written as a UUID.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let text = text.trim();
        let text = text.strip_prefix("Root=").unwrap_or(text);
        let parts: Vec<&str> = text.split('-').collect();
        let id = match parts.as_slice() {
            [hex] => parse_hex(hex)?,
            ["1", epoch, rest] if epoch.len() == 8 => parse_hex(&format!("{epoch}{rest}"))?,
            [version, hex, span, flags] if version.len() == 2 && span.len() == 16 && flags.len() == 2 => parse_hex(hex)?,
            [a, b, c, d, e] if [a, b, c, d, e].map(|part| part.len()) == [8, 4, 4, 4, 12] => parse_hex(&parts.concat())?,
            _ => return Err(NotAnId),
        };
        Self(id).valid().ok_or(NotAnId)
    }
}

impl FromStr for SpanId {
    type Err = NotAnId;

    /// 16 hex digits in either case.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Self(parse_hex(text)?).valid().ok_or(NotAnId)
    }
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], NotAnId> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return Err(NotAnId);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Ok(bytes)
}

fn hex_digit(digit: u8) -> Result<u8, NotAnId> {
    (digit as char).to_digit(16).map(|value| value as u8).ok_or(NotAnId)
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

macro_rules! hex_id {
    ($id:ty, $what:literal) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        impl serde::Serialize for $id {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $id {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                text.parse().map_err(|_| serde::de::Error::custom(concat!("not a ", $what)))
            }
        }
    };
}

hex_id!(TraceId, "trace id");
hex_id!(SpanId, "span id");

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "5759e988bd862e3fe1be46a994272793";

    #[test]
    fn every_dialect_is_the_same_trace() {
        let id: TraceId = HEX.parse().unwrap();
        assert_eq!(id.to_string(), HEX);
        assert_eq!(id.xray(), "1-5759e988-bd862e3fe1be46a994272793");
        for text in [
            HEX.to_uppercase().as_str(),
            "1-5759e988-bd862e3fe1be46a994272793",
            "Root=1-5759e988-bd862e3fe1be46a994272793",
            "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
            "5759e988-bd86-2e3f-e1be-46a994272793",
        ] {
            assert_eq!(text.parse::<TraceId>(), Ok(id), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_id() {
        for text in ["", "x", "1-2-3", &"0".repeat(32), "5759e988bd862e3fe1be46a99427279", "5759e988bd862e3fe1be46a994272é93"] {
            assert_eq!(text.parse::<TraceId>(), Err(NotAnId), "{text}");
        }
        assert_eq!("0000000000000000".parse::<SpanId>(), Err(NotAnId));
        assert_eq!("53995C3F42cd8ad8".parse::<SpanId>().unwrap().to_string(), "53995c3f42cd8ad8");
    }
}
