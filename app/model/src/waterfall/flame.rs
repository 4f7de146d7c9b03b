//! The flame graph: time runs to the right, callers are above callees, and spans that run at once are below one another.

use crate::waterfall::{NONE, Node, Times, Tree, order};

/// Where each span is drawn.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Flame {
    /// Spans by lane, top to bottom, and within a lane by start; those of a lane do not overlap.
    pub lanes: Vec<Vec<u32>>,
}

impl Flame {
    /// Puts every span of the subtree of `under` (of the whole trace if `None`) in the first lane below its parent that is free.
    pub fn of(tree: &Tree, times: &Times, under: Option<u32>) -> Flame {
        let nodes = match under {
            Some(n) => &tree.order[tree.place[n as usize] as usize..][..tree.size[n as usize] as usize],
            None => &tree.order[..],
        };
        let mut spans: Vec<u32> = nodes.iter().copied().filter(|&n| matches!(tree.node(n), Node::Span(_))).collect();
        // By start, but a child whose clock is early no sooner than its parent, so that it is placed below it: parents come
        // before children in `order`, and a stable sort keeps that among equal keys.
        let mut turn = times.start.clone();
        for &n in &spans {
            let up = tree.parent_of_span(n);
            if up != NONE {
                turn[n as usize] = turn[n as usize].max(turn[up as usize]);
            }
        }
        order::by_key(&mut spans, &|n| (turn[n as usize], 0));
        let mut lane_of = vec![NONE; tree.len()];
        let mut ends = Ends::with_lanes(64);
        let mut lanes: Vec<Vec<u32>> = Vec::new();
        for n in spans {
            let up = tree.parent_of_span(n);
            let above = if up == NONE { NONE } else { lane_of[up as usize] };
            let first = if above == NONE { 0 } else { above as usize + 1 };
            let lane = ends.first_free(first, times.start[n as usize]);
            // A span without length still takes its place, else a thousand of them lie on one another.
            ends.set(lane, times.end[n as usize].max(times.start[n as usize].saturating_add(1)));
            lane_of[n as usize] = lane as u32;
            if lanes.len() <= lane {
                lanes.resize_with(lane + 1, Vec::new);
            }
            lanes[lane].push(n);
        }
        Flame { lanes }
    }

    /// The span at a lane and time, or one that ends at most `slack` before it.
    pub fn at(&self, times: &Times, lane: usize, time: i64, slack: i64) -> Option<u32> {
        let lane = self.lanes.get(lane)?;
        let after = lane.partition_point(|&n| times.start[n as usize] <= time.saturating_add(slack));
        let n = *lane.get(after.checked_sub(1)?)?;
        (times.end[n as usize].saturating_add(slack) >= time).then_some(n)
    }
}

/// When each lane becomes free: a tree of minima, so that the first free lane is found in log(lanes) steps.
struct Ends {
    leaves: usize,
    min: Vec<i64>,
}

impl Ends {
    fn with_lanes(leaves: usize) -> Ends {
        Ends { leaves, min: vec![i64::MIN; 2 * leaves] }
    }

    /// The first lane from `from` on that is free at `time`; makes more lanes if there is none.
    fn first_free(&mut self, from: usize, time: i64) -> usize {
        loop {
            if from >= self.leaves {
                self.grow();
                continue;
            }
            let mut at = self.leaves + from;
            loop {
                if self.min[at] <= time {
                    break;
                }
                // Up while this is a right child, then over to the next subtree.
                while at & 1 == 1 {
                    at >>= 1;
                }
                if at == 0 {
                    break;
                }
                at += 1;
            }
            if at == 0 {
                self.grow();
                continue;
            }
            while at < self.leaves {
                at = if self.min[2 * at] <= time { 2 * at } else { 2 * at + 1 };
            }
            return at - self.leaves;
        }
    }

    fn set(&mut self, lane: usize, end: i64) {
        let mut at = self.leaves + lane;
        self.min[at] = end;
        while at > 1 {
            at >>= 1;
            self.min[at] = self.min[2 * at].min(self.min[2 * at + 1]);
        }
    }

    fn grow(&mut self) {
        let mut more = Ends::with_lanes(self.leaves * 2);
        for lane in 0..self.leaves {
            more.min[more.leaves + lane] = self.min[self.leaves + lane];
        }
        for at in (1..more.leaves).rev() {
            more.min[at] = more.min[2 * at].min(more.min[2 * at + 1]);
        }
        *self = more;
    }
}
