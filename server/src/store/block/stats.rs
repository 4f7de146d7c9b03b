//! Aggregates over selected rows.

use super::{Bitmap, Columns, Corrupt, Meta};
use model::port::Table;
use model::query::ast::Stats;

/// Accumulates a `stats` command over blocks; merges with the same of another thread.
pub struct StatsGroups {}

impl StatsGroups {
    pub fn new(stats: &Stats) -> StatsGroups {
        let _ = stats;
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

    pub fn merge(&mut self, other: StatsGroups) {
        let _ = other;
        panic!("being written")
    }

    pub fn finish(self, exact: bool) -> Table {
        let _ = exact;
        panic!("being written")
    }
}
