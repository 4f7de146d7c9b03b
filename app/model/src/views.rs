//! Saved views: searches over logs that a team keeps under a name.

use crate::time::Nanos;
use serde::{Deserialize, Serialize};

/// A search kept under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedView {
    pub name: String,
    /// The page's address: `/logs?q=...`
    pub address: String,
    pub saved_at: Nanos,
}

/// The port through which pages see them.
pub trait SavedViews: Send + Sync {
    /// By name.
    fn saved_views(&self) -> Vec<SavedView>;
}
