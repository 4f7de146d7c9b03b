//! What readers leave out: lines of what was deleted, and lines older than their group keeps them.

use model::time::{DAY, Nanos};
use std::collections::HashMap;

/// Deleted groups and streams by the `seq` up to which their lines are hidden, and how long groups keep theirs.
#[derive(Clone, Debug, Default)]
pub struct Hidden {
    /// By group, then by stream; the stream "" is the whole group.
    upto: HashMap<String, HashMap<String, u64>>,
    days: HashMap<String, u32>,
}

impl Hidden {
    /// Whether the line of this `seq` is of a group or stream that was deleted after it arrived.
    pub fn hides(&self, group: &str, stream: &str, seq: u64) -> bool {
        let Some(upto) = self.upto.get(group) else { return false };
        [stream, ""].iter().any(|name| upto.get(*name).is_some_and(|upto| seq <= *upto))
    }

    /// Lines of the group before this time are hidden.
    pub fn floor(&self, group: &str, now: Nanos) -> Nanos {
        self.days.get(group).map_or(Nanos::MIN, |days| now.saturating_sub(Nanos::from(*days).saturating_mul(DAY)))
    }

    /// Nothing is hidden: no line needs to be looked at.
    pub fn is_empty(&self) -> bool {
        self.upto.is_empty() && self.days.is_empty()
    }

    pub(super) fn hide(&mut self, group: &str, stream: &str, seq: u64) {
        let upto = self.upto.entry(group.to_owned()).or_default().entry(stream.to_owned()).or_default();
        *upto = seq.max(*upto);
    }

    pub(super) fn keep(&mut self, group: &str, days: Option<u32>) {
        match days {
            Some(days) => self.days.insert(group.to_owned(), days),
            None => self.days.remove(group),
        };
    }

    pub(super) fn forget(&mut self, before: u64) {
        self.upto.retain(|_, streams| {
            streams.retain(|_, upto| *upto >= before);
            !streams.is_empty()
        });
    }
}
