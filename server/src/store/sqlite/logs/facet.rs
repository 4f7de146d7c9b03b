//! Fields of which values are counted.

use super::picture::Block;
use crate::store::insights::fields::{Field, Fields, Row};
use crate::store::logs::test::{LineRef, OriginField, Reads};
use model::log::Level;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A field of which values are counted.
pub enum FacetField {
    Origin(OriginField),
    Level,
    /// Looked up in each line.
    Other(Fields, Field),
}

impl FacetField {
    pub fn of(name: &str) -> FacetField {
        let mut fields = Fields::default();
        match fields.field(name) {
            Field::Origin(field, _) => FacetField::Origin(field),
            Field::Level => FacetField::Level,
            other => FacetField::Other(fields, other),
        }
    }

    /// Whether blocks know how often each value occurs.
    pub fn is_counted(&self) -> bool {
        !matches!(self, FacetField::Other(..))
    }

    /// What of a line it is in.
    pub fn reads(&self) -> Reads {
        match self {
            FacetField::Other(fields, _) => fields.reads(),
            FacetField::Origin(_) | FacetField::Level => Reads::NONE,
        }
    }

    pub fn of_block(&self, block: &Block, mut each: impl FnMut(&str, u64)) {
        match self {
            FacetField::Level => {
                for level in Level::ALL {
                    let lines = block.meta.levels[level as usize];
                    if lines > 0 {
                        each(level.as_str(), u64::from(lines));
                    }
                }
            }
            FacetField::Origin(OriginField::Group) => each(&block.meta.group, u64::from(block.meta.lines)),
            FacetField::Origin(field) => {
                for origin in &block.meta.origins {
                    if let Some(text) = origin.text(*field).filter(|text| !text.is_empty()) {
                        each(text, u64::from(origin.lines));
                    }
                }
            }
            FacetField::Other(..) => {}
        }
    }

    pub fn of_line(&self, line: &LineRef, mut each: impl FnMut(&str)) {
        match self {
            FacetField::Level => each(line.severity.level().as_str()),
            FacetField::Origin(field) => {
                let text = field.of(line.origin);
                if !text.is_empty() {
                    each(text);
                }
            }
            FacetField::Other(fields, field) => {
                if let Some(text) = Row::new(line, fields).get(field).display() {
                    each(&text);
                }
            }
        }
    }
}

pub fn add(counts: &mut FxHashMap<Arc<str>, u64>, value: &str, lines: u64) {
    match counts.get_mut(value) {
        Some(count) => *count += lines,
        None => drop(counts.insert(value.into(), lines)),
    }
}
