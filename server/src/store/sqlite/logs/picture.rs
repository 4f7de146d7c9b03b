//! What readers see of the lines: one immutable picture of all sealed blocks and the tail, replaced as a whole by each commit and seal. A
//! read keeps the picture it began with, so it meets every line exactly once, and never half a batch.

use super::day::LogFile;
use crate::store::logs::block::Meta;
use model::log::Line;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use tokio::sync::OnceCell;

/// One picture.
#[derive(Clone, Default)]
pub struct Picture {
    /// Every line up to this `seq` is in it.
    pub seq: u64,
    pub days: BTreeMap<i64, Day>,
    /// Committed to the intake, not sealed yet; oldest first.
    pub tail: Vec<Arc<Chunk>>,
}

/// The lines of one commit.
pub struct Chunk {
    /// By `seq`.
    pub lines: Vec<Line>,
    /// The commit's last `seq`.
    pub upto: u64,
    pub at: std::time::Instant,
    /// The pattern of each line, once a reader asked for it: the sealer gives them otherwise.
    pub patterns: OnceLock<Vec<u32>>,
}

impl Chunk {
    pub fn new(lines: Vec<Line>, upto: u64) -> Chunk {
        Chunk { lines, upto, at: std::time::Instant::now(), patterns: OnceLock::new() }
    }
}

/// A day's file and its blocks, which are read from it when first asked for.
#[derive(Clone)]
pub struct Day {
    pub file: Arc<LogFile>,
    pub loaded: Arc<OnceCell<Loaded>>,
}

/// The blocks of a day, by id.
#[derive(Clone, Default)]
pub struct Loaded {
    pub blocks: Vec<Arc<Block>>,
}

/// A sealed block.
pub struct Block {
    pub file: Arc<LogFile>,
    pub id: i64,
    pub meta: Meta,
}

impl Day {
    pub fn new(file: LogFile) -> Day {
        Day { file: Arc::new(file), loaded: Arc::default() }
    }

    pub async fn load(&self) -> Result<&Loaded, sqlx::Error> {
        self.loaded.get_or_try_init(|| self.file.load()).await
    }
}

impl Picture {
    /// Brings a day up to what was written.
    pub fn set(&mut self, day: i64, blocks: Vec<Arc<Block>>) {
        if let Some(day) = self.days.get_mut(&day) {
            day.loaded = Arc::new(OnceCell::new_with(Some(Loaded { blocks })));
        }
    }
}
