//! Rows that a newer row of the same X-Ray record replaces. They die in the same change of the picture in which the new one
//! appears, so every read sees one of the two. A dead row of the tail is never sealed; that one of a sealed block is dead is written
//! to its day's file with the next seal, together with the new row. If an abrupt end comes first, the intake still has the new
//! row, and the rule by which it is taken up is the same: of the rows of one record the one with the greatest `seq` lives.

use super::Core;
use super::day::lock;
use super::digest::{Identity, identity};
use super::view::View;
use super::world::{self, Block, Loaded, World};
use crate::store::block::Bitmap;
use model::span::{Family, Span};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A row that dies.
pub struct Superseded {
    pub identity: Identity,
    pub seq: u64,
    pub place: Place,
}

/// Where a row is, as long as [`Core::still`] is held.
#[derive(Clone, Copy)]
pub enum Place {
    /// (block of the tail, row)
    Tail(usize, usize),
    /// (day, block, row)
    Sealed(i64, i64, usize),
}

impl Place {
    /// Of a row of this picture.
    pub fn of(view: &View, block: &Arc<Block>, row: usize) -> Place {
        match &block.place {
            world::Place::Sealed { file, id } => Place::Sealed(file.day, *id, row),
            world::Place::Tail { .. } => {
                let at = view.world.tail.iter().position(|other| Arc::ptr_eq(other, block));
                Place::Tail(at.unwrap_or(usize::MAX), row)
            }
        }
    }
}

fn without(block: &Block, row: usize) -> Arc<Block> {
    let mut dead = block.dead.as_deref().cloned().unwrap_or_else(|| Bitmap::none(block.meta.spans as usize));
    dead.set(row);
    Arc::new(Block { dead: Some(Arc::new(dead)), ..block.clone() })
}

/// Marks rows dead in the picture, takes those of the tail from the sealer, and leaves it a note of the others. To be called while the
/// picture is changed, before anything is added to it.
pub fn bury(core: &Core, world: &mut World, superseded: &[Superseded]) {
    let mut of_tail: FxHashSet<(Identity, u64)> = FxHashSet::default();
    let mut days: FxHashMap<i64, Loaded> = FxHashMap::default();
    for Superseded { identity, seq, place } in superseded {
        match *place {
            Place::Tail(at, row) => {
                if let Some(block) = world.tail.get_mut(at) {
                    *block = without(block, row);
                    of_tail.insert((*identity, *seq));
                }
            }
            Place::Sealed(day, id, row) => {
                // Retention may have taken the day meanwhile.
                let Some(loaded) = world.days.get(&day).and_then(|day| day.loaded.get()) else { continue };
                let loaded = days.entry(day).or_insert_with(|| loaded.clone());
                if let Ok(at) = loaded.blocks.binary_search_by_key(&Some(id), |block| block.id()) {
                    loaded.blocks[at] = without(&loaded.blocks[at], row);
                    lock(&core.unmarked).insert((day, id));
                }
            }
        }
    }
    for (number, loaded) in days {
        if let Some(file) = world.days.get(&number).map(|day| day.file.clone()) {
            world.set_day(number, &file, loaded);
        }
    }
    if !of_tail.is_empty() {
        let mut taken = 0;
        for (_, spans) in lock(&core.unsealed).iter_mut() {
            let before = spans.len();
            spans.retain(|span| !of_tail.contains(&(identity(span), span.envelope.seq)));
            taken += before - spans.len();
        }
        core.tail_spans.fetch_sub(taken, Ordering::Relaxed);
    }
}

/// Blocks of a day that have dead rows of which its file does not know yet.
pub fn unmarked(core: &Core, day: i64) -> Vec<i64> {
    lock(&core.unmarked).range((day, i64::MIN)..=(day, i64::MAX)).map(|(_, block)| *block).collect()
}

/// Days with such blocks.
pub fn unmarked_days(core: &Core) -> BTreeSet<i64> {
    lock(&core.unmarked).iter().map(|(day, _)| *day).collect()
}

/// Of rows that are both stored and in the intake, those that an abrupt end kept from dying: takes them out of `spans`, which the
/// intake has, and returns those of `stored`.
pub fn resume(view: &View, stored: &[(Arc<Block>, usize, Span)], spans: &mut Vec<Span>) -> Vec<Superseded> {
    let mut newest: FxHashMap<Identity, u64> = FxHashMap::default();
    for span in stored.iter().map(|(_, _, span)| span).chain(spans.iter()).filter(|span| span.family() == Family::Xray) {
        let seq = newest.entry(identity(span)).or_default();
        *seq = span.envelope.seq.max(*seq);
    }
    let lives = |span: &Span| newest.get(&identity(span)).is_none_or(|seq| *seq == span.envelope.seq);
    spans.retain(lives);
    let dead = stored.iter().filter(|(_, _, span)| !lives(span));
    dead.map(|(block, row, span)| Superseded { identity: identity(span), seq: span.envelope.seq, place: Place::of(view, block, *row) })
        .collect()
}
