//! Counts of the values of a key over selected rows.

use super::keyed::{ABSENT, key_columns, keyed};
use super::{Bitmap, Columns, Corrupt, Meta, decode, number};
use model::alias::Aliases;
use model::port::{Facet, FacetValue};
use model::query::ast::Key;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Accumulates one facet over blocks; merges with the same facet of another thread.
pub struct FacetCounts {
    label: String,
    key: Key,
    aliases: Arc<Aliases>,
    weights: FxHashMap<String, f64>,
}

impl FacetCounts {
    /// `label` is the key as asked for.
    pub fn new(label: String, key: Key, aliases: Arc<Aliases>) -> FacetCounts {
        FacetCounts { label, key, aliases, weights: FxHashMap::default() }
    }

    pub fn columns(&self, meta: &Meta) -> Vec<u16> {
        let mut numbers = vec![number::WEIGHT];
        key_columns(&self.key, meta, &mut numbers);
        numbers
    }

    pub fn add(&mut self, meta: &Meta, columns: &Columns, rows: &Bitmap) -> Result<(), Corrupt> {
        let found = keyed(meta, columns, &self.key)?.with_aliases(&self.key, &self.aliases);
        let weights = decode::weights(meta, columns)?;
        let mut sums = vec![None; found.values.len()];
        for row in rows.iter() {
            if found.place[row] != ABSENT {
                *sums[found.place[row] as usize].get_or_insert(0.0) += weights.as_ref().map_or(1.0, |weights| weights[row]);
            }
        }
        for (value, sum) in found.values.iter().zip(sums) {
            if let Some(sum) = sum {
                *self.weights.entry(value.to_string()).or_default() += sum;
            }
        }
        Ok(())
    }

    pub fn merge(&mut self, other: FacetCounts) {
        for (value, weight) in other.weights {
            *self.weights.entry(value).or_default() += weight;
        }
    }

    pub fn finish(self, limit: u32, exact: bool) -> Facet {
        let distinct = self.weights.len() as u64;
        let mut values: Vec<FacetValue> = self.weights.into_iter().map(|(value, spans)| FacetValue { value, spans }).collect();
        values.sort_by(|a, b| b.spans.total_cmp(&a.spans).then_with(|| a.value.cmp(&b.value)));
        values.truncate(limit as usize);
        Facet { key: self.label, values, distinct, exact }
    }
}
