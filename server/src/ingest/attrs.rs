//! Attributes on their way in, for every source.

use super::scrub;
use model::attr::{Attributes, Value};

/// Attributes being read: scrubbed as they come, a key at most once (the last one sent wins).
#[derive(Debug, Default)]
pub struct Attrs {
    entries: Attributes,
    /// Positions by key, once there are too many to compare them all.
    index: Option<std::collections::HashMap<String, usize>>,
}

impl Attrs {
    pub fn with_capacity(attributes: usize) -> Attrs {
        Attrs { entries: Attributes::with_capacity(attributes), index: None }
    }

    pub fn push(&mut self, key: String, mut value: Value) {
        scrub::clean(&key, &mut value);
        match self.position(&key) {
            Some(at) => self.entries[at].1 = value,
            None => {
                if let Some(index) = &mut self.index {
                    index.insert(key.clone(), self.entries.len());
                } else if self.entries.len() == 64 {
                    self.index =
                        Some(self.entries.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).chain([(key.clone(), 64)]).collect());
                }
                self.entries.push((key, value));
            }
        }
    }

    fn position(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.entries.iter().position(|(name, _)| name == key),
        }
    }

    pub fn finish(self) -> Attributes {
        self.entries
    }
}
