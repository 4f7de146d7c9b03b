//! Aggregates over selected rows.

use super::keyed::{ABSENT, key_columns, keyed, numbers};
use super::{Bitmap, Columns, Corrupt, Meta, decode, number};
use model::alias::Aliases;
use model::attr::Value;
use model::port::{Cell, Table};
use model::query::ast::{Function, Key, Stats};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// Accumulates a `stats` command over blocks; merges with the same of another thread.
pub struct StatsGroups {
    stats: Stats,
    aliases: Arc<Aliases>,
    /// Keys of which percentiles are wanted, once each.
    sampled: Vec<Key>,
    places: FxHashMap<Vec<GroupCell>, usize>,
    groups: Vec<Group>,
}

/// A group column's cell in the order of groups: nulls, numbers, texts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum GroupCell {
    Null,
    /// Bits that order as the number does.
    Number(u64),
    Text(String),
}

/// What is known of one group.
struct Group {
    totals: Vec<Total>,
    samples: Vec<Samples>,
}

/// What one measure has seen. Percentiles look at `samples` instead.
enum Total {
    Weight(f64),
    Texts(FxHashSet<String>),
    Sum { sum: f64, weight: f64 },
    Extreme(Option<f64>),
    Sampled,
}

/// Values with their weights; without weights while all are 1.
#[derive(Default)]
struct Samples {
    values: Vec<f64>,
    weights: Option<Vec<f64>>,
}

impl StatsGroups {
    pub fn new(stats: &Stats, aliases: Arc<Aliases>) -> StatsGroups {
        let mut sampled: Vec<Key> = Vec::new();
        for measure in &stats.measures {
            if let Function::Percentile(key, _) = &measure.function
                && !sampled.contains(key)
            {
                sampled.push(key.clone());
            }
        }
        let mut groups = StatsGroups { stats: stats.clone(), aliases, sampled, places: FxHashMap::default(), groups: Vec::new() };
        if stats.by.is_empty() && stats.bin.is_none() {
            groups.place(Vec::new());
        }
        groups
    }

    pub fn columns(&self, meta: &Meta) -> Vec<u16> {
        let mut to = vec![number::WEIGHT];
        if self.stats.bin.is_some() {
            to.push(number::START);
        }
        self.stats.by.iter().for_each(|key| key_columns(key, meta, &mut to));
        for measure in &self.stats.measures {
            match &measure.function {
                Function::Count => {}
                Function::Errors => to.push(number::KIND_STATUS),
                Function::CountKey(key)
                | Function::CountDistinct(key)
                | Function::Sum(key)
                | Function::Avg(key)
                | Function::Min(key)
                | Function::Max(key)
                | Function::Percentile(key, _) => key_columns(key, meta, &mut to),
            }
        }
        to.sort_unstable();
        to.dedup();
        to
    }

    pub fn add(&mut self, meta: &Meta, columns: &Columns, rows: &Bitmap) -> Result<(), Corrupt> {
        if rows.is_empty() {
            return Ok(());
        }
        let rows: Vec<usize> = rows.iter().collect();
        let of_row = self.groups_of(meta, columns, &rows)?;
        let weights = decode::weights(meta, columns)?;
        let weight = |row: usize| weights.as_ref().map_or(1.0, |weights| weights[row]);
        for at in 0..self.stats.measures.len() {
            // Cloned: the groups are changed while it is looked at.
            let function = self.stats.measures[at].function.clone();
            let mut each = |each: &mut dyn FnMut(&mut Total, usize)| {
                rows.iter().zip(&of_row).for_each(|(row, group)| each(&mut self.groups[*group].totals[at], *row));
            };
            match &function {
                Function::Count => each(&mut |total, row| total.add_weight(weight(row))),
                Function::Errors => {
                    let both = decode::body(columns, number::KIND_STATUS)?;
                    each(&mut |total, row| {
                        if both.get(row).is_some_and(|both| both % 3 == 2) {
                            total.add_weight(weight(row));
                        }
                    });
                }
                Function::CountKey(key) => {
                    let found = keyed(meta, columns, key)?;
                    each(&mut |total, row| {
                        if found.place[row] != ABSENT {
                            total.add_weight(weight(row));
                        }
                    });
                }
                Function::CountDistinct(key) => {
                    let found = keyed(meta, columns, key)?.with_aliases(key, &self.aliases);
                    let texts: Vec<String> = found.values.iter().map(Value::to_string).collect();
                    each(&mut |total, row| {
                        if let (Total::Texts(seen), Some(text)) = (total, texts.get(found.place[row] as usize))
                            && !seen.contains(text)
                        {
                            seen.insert(text.clone());
                        }
                    });
                }
                Function::Sum(key) | Function::Avg(key) | Function::Min(key) | Function::Max(key) => {
                    let numbers = numbers(meta, columns, key)?;
                    let least = matches!(function, Function::Min(_));
                    each(&mut |total, row| {
                        if !numbers[row].is_nan() {
                            total.add_number(numbers[row], weight(row), least);
                        }
                    });
                }
                Function::Percentile(..) => {}
            }
        }
        for (at, key) in self.sampled.iter().enumerate() {
            let numbers = numbers(meta, columns, key)?;
            let mut samples: Vec<&mut Samples> = self.groups.iter_mut().map(|group| &mut group.samples[at]).collect();
            for (row, group) in rows.iter().zip(&of_row) {
                if !numbers[*row].is_nan() {
                    samples[*group].add(numbers[*row], weight(*row));
                }
            }
        }
        Ok(())
    }

    /// For each of `rows` the place of its group, made if need be.
    fn groups_of(&mut self, meta: &Meta, columns: &Columns, rows: &[usize]) -> Result<Vec<usize>, Corrupt> {
        // Groups of this block by number; refined key by key.
        let mut local: Vec<u32> = vec![0; rows.len()];
        let mut cells: Vec<Vec<GroupCell>> = vec![Vec::new()];
        if let Some(step) = self.stats.bin {
            let start = decode::deltas(meta, columns, number::START)?;
            let bin = |row: usize| start[row].div_euclid(step.max(1)).wrapping_mul(step.max(1));
            refine(&mut local, &mut cells, rows, |row| bin(row).cast_unsigned(), |bits| GroupCell::number(bits.cast_signed() as f64));
        }
        for key in &self.stats.by {
            let found = keyed(meta, columns, key)?.with_aliases(key, &self.aliases);
            // Equal values at several places (a resource's and a span's) are one group.
            let of_place: Vec<GroupCell> = found.values.iter().map(GroupCell::of).collect();
            let mut first: FxHashMap<&GroupCell, u32> = FxHashMap::default();
            let same: Vec<u32> = of_place.iter().zip(0..).map(|(cell, place)| *first.entry(cell).or_insert(place)).collect();
            let place = |row: usize| same.get(found.place[row] as usize).copied().unwrap_or(ABSENT);
            refine(
                &mut local,
                &mut cells,
                rows,
                |row| u64::from(place(row)),
                |place| of_place.get(place as usize).cloned().unwrap_or(GroupCell::Null),
            );
        }
        let places: Vec<usize> = cells.into_iter().map(|cells| self.place(cells)).collect();
        Ok(local.into_iter().map(|group| places[group as usize]).collect())
    }

    fn place(&mut self, cells: Vec<GroupCell>) -> usize {
        *self.places.entry(cells).or_insert_with(|| {
            let totals = self.stats.measures.iter().map(|measure| Total::new(&measure.function)).collect();
            let samples = self.sampled.iter().map(|_| Samples::default()).collect();
            self.groups.push(Group { totals, samples });
            self.groups.len() - 1
        })
    }

    pub fn merge(&mut self, other: StatsGroups) {
        let mut theirs: Vec<Option<Group>> = other.groups.into_iter().map(Some).collect();
        for (cells, place) in other.places {
            let Some(theirs) = theirs[place].take() else { continue };
            let ours = self.place(cells);
            let ours = &mut self.groups[ours];
            for ((ours, theirs), measure) in ours.totals.iter_mut().zip(theirs.totals).zip(&self.stats.measures) {
                ours.merge(theirs, matches!(measure.function, Function::Min(_)));
            }
            for (ours, theirs) in ours.samples.iter_mut().zip(theirs.samples) {
                ours.merge(theirs);
            }
        }
    }

    /// The table, ordered by its group columns.
    pub fn finish(mut self, exact: bool) -> Table {
        let mut order: Vec<(Vec<GroupCell>, usize)> = std::mem::take(&mut self.places).into_iter().collect();
        order.sort_unstable();
        let mut rows = Vec::with_capacity(order.len());
        for (cells, place) in order {
            let group = &mut self.groups[place];
            let mut row: Vec<Cell> = cells.into_iter().map(GroupCell::cell).collect();
            for (total, measure) in group.totals.iter().zip(&self.stats.measures) {
                row.push(match &measure.function {
                    Function::Percentile(key, percent) => {
                        let at = self.sampled.iter().position(|sampled| sampled == key);
                        number_or_null(at.and_then(|at| group.samples[at].percentile(*percent)))
                    }
                    function => total.cell(function),
                });
            }
            rows.push(row);
        }
        Table { columns: model::query::columns(&self.stats), rows, exact }
    }
}

/// Groups and numbers up to here are looked up in a table of their product.
const SMALL: usize = 64;

/// Splits the groups of rows by one more key, given as a number per row that has the same meaning all over the block.
fn refine(
    local: &mut [u32],
    cells: &mut Vec<Vec<GroupCell>>,
    rows: &[usize],
    number: impl Fn(usize) -> u64,
    cell: impl Fn(u64) -> GroupCell,
) {
    // Few groups and small numbers, the usual case, are told apart by a table.
    let mut table: Vec<u32> = vec![ABSENT; if cells.len() <= SMALL { cells.len() * SMALL } else { 0 }];
    let mut finer: FxHashMap<(u32, u64), u32> = FxHashMap::default();
    let mut finer_cells: Vec<Vec<GroupCell>> = Vec::new();
    let mut make = |(group, number): (u32, u64)| {
        let mut cells = cells[group as usize].clone();
        cells.push(cell(number));
        finer_cells.push(cells);
        finer_cells.len() as u32 - 1
    };
    for (group, row) in local.iter_mut().zip(rows) {
        let key = (*group, number(*row));
        let place = usize::try_from(key.1).ok().filter(|number| *number < SMALL).map(|number| key.0 as usize * SMALL + number);
        *group = match place.and_then(|place| table.get_mut(place)) {
            Some(place) => {
                if *place == ABSENT {
                    *place = make(key);
                }
                *place
            }
            None => *finer.entry(key).or_insert_with(|| make(key)),
        };
    }
    *cells = finer_cells;
}

impl GroupCell {
    fn of(value: &Value) -> GroupCell {
        match value.as_f64() {
            Some(number) => GroupCell::number(number),
            None => GroupCell::Text(value.to_string()),
        }
    }

    /// Adding zero makes the negative zero a zero; flipping the bits makes them order as `f64::total_cmp` does.
    fn number(number: f64) -> GroupCell {
        let bits = (number + 0.0).to_bits();
        GroupCell::Number(if bits >> 63 == 1 { !bits } else { bits | 1 << 63 })
    }

    fn cell(self) -> Cell {
        match self {
            GroupCell::Null => Cell::Null,
            GroupCell::Number(bits) => Cell::Number(f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })),
            GroupCell::Text(text) => Cell::Text(text),
        }
    }
}

impl Total {
    fn new(function: &Function) -> Total {
        match function {
            Function::Count | Function::CountKey(_) | Function::Errors => Total::Weight(0.0),
            Function::CountDistinct(_) => Total::Texts(FxHashSet::default()),
            Function::Sum(_) | Function::Avg(_) => Total::Sum { sum: 0.0, weight: 0.0 },
            Function::Min(_) | Function::Max(_) => Total::Extreme(None),
            Function::Percentile(..) => Total::Sampled,
        }
    }

    fn add_weight(&mut self, more: f64) {
        if let Total::Weight(weight) = self {
            *weight += more;
        }
    }

    fn add_number(&mut self, number: f64, more: f64, least: bool) {
        match self {
            Total::Sum { sum, weight } => {
                *sum += number * more;
                *weight += more;
            }
            Total::Extreme(extreme) => *extreme = Some(extreme.map_or(number, |so_far| extremer(so_far, number, least))),
            Total::Weight(_) | Total::Texts(_) | Total::Sampled => {}
        }
    }

    fn merge(&mut self, other: Total, least: bool) {
        match (self, other) {
            (Total::Weight(ours), Total::Weight(theirs)) => *ours += theirs,
            (Total::Texts(ours), Total::Texts(theirs)) => ours.extend(theirs),
            (Total::Sum { sum, weight }, Total::Sum { sum: their_sum, weight: their_weight }) => {
                *sum += their_sum;
                *weight += their_weight;
            }
            (Total::Extreme(ours), Total::Extreme(Some(theirs))) => {
                *ours = Some(ours.map_or(theirs, |ours| extremer(ours, theirs, least)));
            }
            _ => {}
        }
    }

    fn cell(&self, function: &Function) -> Cell {
        match self {
            Total::Weight(weight) => Cell::Number(*weight),
            Total::Texts(texts) => Cell::Number(texts.len() as f64),
            Total::Sum { weight: 0.0, .. } | Total::Sampled => Cell::Null,
            Total::Sum { sum, weight } => Cell::Number(if matches!(function, Function::Avg(_)) { sum / weight } else { *sum }),
            Total::Extreme(extreme) => number_or_null(*extreme),
        }
    }
}

fn extremer(a: f64, b: f64, least: bool) -> f64 {
    if (a.total_cmp(&b) == std::cmp::Ordering::Less) == least { a } else { b }
}

fn number_or_null(number: Option<f64>) -> Cell {
    number.map_or(Cell::Null, Cell::Number)
}

impl Samples {
    fn add(&mut self, value: f64, weight: f64) {
        match &mut self.weights {
            None if weight == 1.0 => {}
            None => {
                let mut weights = vec![1.0; self.values.len()];
                weights.push(weight);
                self.weights = Some(weights);
            }
            Some(weights) => weights.push(weight),
        }
        self.values.push(value);
    }

    fn merge(&mut self, other: Samples) {
        if self.weights.is_some() || other.weights.is_some() {
            let mut weights = self.weights.take().unwrap_or_else(|| vec![1.0; self.values.len()]);
            weights.extend(other.weights.unwrap_or_else(|| vec![1.0; other.values.len()]));
            self.weights = Some(weights);
        }
        self.values.extend(other.values);
    }

    /// The smallest value with at least `percent` of the weight at or below it. Reorders the values.
    fn percentile(&mut self, percent: f64) -> Option<f64> {
        let last = self.values.len().checked_sub(1)?;
        let Some(weights) = &mut self.weights else {
            let wanted = percent / 100.0 * self.values.len() as f64;
            let nth = (wanted.ceil().max(1.0) as usize - 1).min(last);
            return Some(*self.values.select_nth_unstable_by(nth, f64::total_cmp).1);
        };
        let mut pairs: Vec<(f64, f64)> = self.values.iter().copied().zip(weights.iter().copied()).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let wanted = percent / 100.0 * pairs.iter().map(|(_, weight)| weight).sum::<f64>();
        let mut below = 0.0;
        let reached = pairs.iter().find(|(_, weight)| {
            below += weight;
            below >= wanted
        });
        reached.or(pairs.last()).map(|(value, _)| *value)
    }
}
