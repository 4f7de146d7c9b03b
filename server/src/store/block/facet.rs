//! Counts of the values of a key over selected rows.

use super::{Bitmap, Columns, Corrupt, Meta};
use model::port::Facet;
use model::query::ast::Key;

/// Accumulates one facet over blocks; merges with the same facet of another thread.
pub struct FacetCounts {}

impl FacetCounts {
    /// `label` is the key as asked for.
    pub fn new(label: String, key: Key) -> FacetCounts {
        let _ = (label, key);
        panic!("being written")
    }

    pub fn columns(&self, meta: &Meta) -> Vec<u16> {
        let _ = meta;
        panic!("being written")
    }

    pub fn add(&mut self, meta: &Meta, columns: &Columns, rows: &Bitmap) -> Result<(), Corrupt> {
        let _ = (meta, columns, rows);
        panic!("being written")
    }

    pub fn merge(&mut self, other: FacetCounts) {
        let _ = other;
        panic!("being written")
    }

    pub fn finish(self, limit: u32, exact: bool) -> Facet {
        let _ = (limit, exact);
        panic!("being written")
    }
}
