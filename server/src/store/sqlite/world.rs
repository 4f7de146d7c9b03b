//! What readers see: one immutable picture of all sealed blocks and the unsealed tail, replaced as a whole by each commit, seal,
//! fold and removal. A read keeps the picture it began with, so it meets every span exactly once.

use super::day::DayFile;
use super::lookup::Run;
use crate::store::block::{Bitmap, Columns, Meta};
use model::id::TraceId;
use model::trace::Summary;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use tokio::sync::OnceCell;

/// One picture.
#[derive(Clone, Default)]
pub struct World {
    /// Every span up to this `seq` is in it.
    pub seq: u64,
    pub days: BTreeMap<i64, Day>,
    /// Committed to the intake, not sealed yet; oldest first.
    pub tail: Vec<Arc<Block>>,
    newest: OnceLock<FxHashMap<TraceId, (Arc<Summary>, u64)>>,
}

/// A day's file and its blocks, which are read from it when first asked for.
#[derive(Clone)]
pub struct Day {
    pub file: Arc<DayFile>,
    /// Filled before anything is written to the day, so that it is never out of date.
    pub loaded: Arc<OnceCell<Loaded>>,
}

/// The blocks of a day.
#[derive(Clone, Default)]
pub struct Loaded {
    /// By id.
    pub blocks: Vec<Arc<Block>>,
    pub runs: Vec<Arc<Run>>,
}

/// A block, sealed or in the tail.
#[derive(Clone)]
pub struct Block {
    pub place: Place,
    pub meta: Arc<Meta>,
    /// Rows that are gone: removed on request.
    pub dead: Option<Arc<Bitmap>>,
    /// Summaries that are superseded or removed.
    pub summary_dead: Option<Arc<Bitmap>>,
    /// Largest `seq` that any of its summaries took in.
    pub summary_seq: u64,
    /// Distinct datasets of its spans, none if all are empty.
    pub datasets: Vec<Arc<str>>,
    /// Sorted look-up hashes while no run has them.
    pub hashes: Option<Arc<[u64]>>,
}

/// Where a block is.
#[derive(Clone)]
pub enum Place {
    Sealed { file: Arc<DayFile>, id: i64 },
    Tail { columns: Columns, summaries: Vec<Arc<Summary>> },
}

impl Block {
    pub fn id(&self) -> Option<i64> {
        match &self.place {
            Place::Sealed { id, .. } => Some(*id),
            Place::Tail { .. } => None,
        }
    }

    pub fn is_tail(&self) -> bool {
        matches!(self.place, Place::Tail { .. })
    }

    /// Spans that are not dead.
    pub fn live(&self) -> usize {
        self.meta.spans as usize - self.dead.as_ref().map_or(0, |dead| dead.count())
    }

    /// Summaries that are not dead.
    pub fn live_summaries(&self) -> usize {
        self.summary_count() - self.summary_dead.as_ref().map_or(0, |dead| dead.count())
    }

    pub fn summary_count(&self) -> usize {
        match &self.place {
            Place::Sealed { .. } => self.meta.summaries as usize,
            Place::Tail { summaries, .. } => summaries.len(),
        }
    }

    pub fn summary_lives(&self, row: usize) -> bool {
        self.summary_dead.as_ref().is_none_or(|dead| !dead.has(row))
    }
}

impl Loaded {
    pub fn block(&self, id: i64) -> Option<&Arc<Block>> {
        self.blocks.binary_search_by_key(&Some(id), |block| block.id()).ok().map(|at| &self.blocks[at])
    }
}

impl Day {
    pub fn new(file: Arc<DayFile>) -> Day {
        Day { file, loaded: Arc::default() }
    }

    /// The day's blocks; reads them from the file the first time.
    pub async fn load(&self) -> Result<&Loaded, sqlx::Error> {
        self.loaded.get_or_try_init(|| self.file.load()).await
    }
}

impl World {
    /// The newest summary of every trace that has spans in the tail, with the `seq` it is as of; it replaces a sealed one.
    pub fn newest(&self) -> &FxHashMap<TraceId, (Arc<Summary>, u64)> {
        self.newest.get_or_init(|| {
            let mut newest = FxHashMap::default();
            for block in &self.tail {
                if let Place::Tail { summaries, .. } = &block.place {
                    newest.extend(summaries.iter().map(|summary| (summary.trace_id, (summary.clone(), block.summary_seq))));
                }
            }
            newest
        })
    }

    /// The picture before anything is read, of a store whose last `seq` was this.
    pub fn new(seq: u64) -> World {
        World { seq, ..World::default() }
    }

    /// The same with another tail or other days.
    pub fn changed(&self) -> World {
        World { seq: self.seq, days: self.days.clone(), tail: self.tail.clone(), newest: OnceLock::new() }
    }

    /// Puts a day's new list of blocks in.
    pub fn set_day(&mut self, day: i64, file: &Arc<DayFile>, loaded: Loaded) {
        self.days.insert(day, Day { file: file.clone(), loaded: Arc::new(OnceCell::new_with(Some(loaded))) });
    }
}
