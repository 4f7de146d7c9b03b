//! `/`: the overview.

use super::pairs::{Pairs, Writer};
use super::range::{Range, RangeError};
use std::fmt;

/// `/?last=1h`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Overview {
    pub range: Range,
}

impl Overview {
    /// Reads a query string.
    pub fn parse(search: &str) -> Result<Overview, RangeError> {
        Ok(Overview { range: Range::read(&Pairs::parse(search))? })
    }
}

impl fmt::Display for Overview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.range.write(&mut Writer::new(f, "/")?)
    }
}
