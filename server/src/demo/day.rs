//! The last 24 hours of the shop, trace by trace in the order they began.

use super::drawing::{Address, Drawing, Made};
use super::random::Random;
use super::{import, order, requests, shop};
use model::time::{DAY, HOUR, MINUTE, Nanos, SECOND};

/// What the day is made from: the same three give the same spans, ids and times included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    /// Where the day ends, nanoseconds since the epoch.
    pub now: Nanos,
    /// Requests of visitors over the day; each is a trace of some 16 spans.
    pub visits: u32,
}

/// Nothing begins in the last half minute, so that every span has ended by now.
const MARGIN: Nanos = 30 * SECOND;

/// How long before now the price list is imported.
const IMPORT: Nanos = 5 * HOUR;

/// How often a process lost a span of a trace before it could be exported.
const LOST: f64 = 0.006;

/// Draws one visit.
type Draw = fn(&mut Drawing);

/// The kinds of visits and how often each happens.
const KINDS: [(f64, Draw); 9] = [
    (20.0, requests::home),
    (26.0, requests::product),
    (16.0, requests::search),
    (10.0, requests::add_to_cart),
    (6.0, requests::login),
    (3.0, requests::wish_list),
    (5.0, requests::mobile_feed),
    (4.0, requests::probe),
    (0.7, requests::report),
];

/// How often a visit is an order, on the scale of [`KINDS`].
const ORDERS: f64 = 8.0;

/// Draws the day lazily: a trace is in memory only while it is looked at.
pub struct Day {
    plan: Plan,
    random: Random,
    /// What happens, latest first.
    schedule: Vec<(Nanos, Happening)>,
    /// Orders that the warehouse has not picked yet.
    waiting: Vec<Address>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Visit,
    Import,
    /// The warehouse worker looks at its queue.
    Pick,
}

impl Day {
    pub fn new(plan: Plan) -> Day {
        // Another moment, other ids: a second day is another day and not a conflict with the first.
        let mut random = Random::new(plan.seed).fork(plan.now.cast_unsigned());
        let mut schedule = visits(plan, &mut random);
        schedule.push((plan.now - IMPORT, Happening::Import));
        schedule.extend((1..DAY / (10 * MINUTE)).map(|n| (plan.now - n * 10 * MINUTE, Happening::Pick)));
        schedule.sort_unstable_by(|a, b| b.cmp(a));
        Day { plan, random, schedule, waiting: Vec::new() }
    }

    fn visit(&mut self, at: Nanos) -> Vec<Made> {
        let weights = KINDS.map(|(weight, _)| weight);
        let buys = self.random.chance(ORDERS / (ORDERS + weights.iter().sum::<f64>()));
        let kind = KINDS[self.random.weighted(&weights)].1;
        let mut t = Drawing::new(&mut self.random, at, self.plan.now);
        if buys {
            self.waiting.extend(order::place(&mut t));
        } else {
            kind(&mut t);
        }
        t.finish()
    }
}

impl Iterator for Day {
    type Item = Vec<Made>;

    fn next(&mut self) -> Option<Vec<Made>> {
        loop {
            let (at, happening) = self.schedule.pop()?;
            let mut made = match happening {
                Happening::Visit => self.visit(at),
                Happening::Import => return Some(import::trace(&mut self.random, at, self.plan.now)),
                Happening::Pick if self.waiting.is_empty() => continue,
                Happening::Pick => {
                    let orders: Vec<Address> = self.waiting.drain(..).collect();
                    let mut t = Drawing::new(&mut self.random, at, self.plan.now);
                    order::fulfil(&mut t, &orders);
                    t.finish()
                }
            };
            if self.random.chance(LOST) {
                lose_a_parent(&mut made, &mut self.random);
            }
            return Some(made);
        }
    }
}

/// Visits spread over the day as [`shop::busyness`] says.
fn visits(plan: Plan, random: &mut Random) -> Vec<(Nanos, Happening)> {
    let first = plan.now - DAY;
    let minutes: Vec<Nanos> = (0..DAY / MINUTE).map(|n| first + n * MINUTE).collect();
    let weights: Vec<f64> = minutes.iter().map(|&at| shop::busyness(at) * shop::rush(at, plan.now)).collect();
    let total: f64 = weights.iter().sum();
    let mut visits = Vec::with_capacity(plan.visits as usize + minutes.len());
    for (&minute, weight) in minutes.iter().zip(weights) {
        let mean = f64::from(plan.visits) * weight / total;
        // A Poisson process: independent waits until the minute is over.
        let mut at = random.wait(1.0 / mean);
        while at < 1.0 {
            let moment = minute + (at * MINUTE as f64) as Nanos;
            if moment < plan.now - MARGIN {
                visits.push((moment, Happening::Visit));
            }
            at += random.wait(1.0 / mean);
        }
    }
    visits
}

/// Drops a span that has children, as a process that dies before its exporter ran does.
fn lose_a_parent(made: &mut Vec<Made>, random: &mut Random) {
    let parents: Vec<usize> =
        (1..made.len()).filter(|&n| made.iter().any(|other| other.span.parent_span_id == made[n].span.span_id)).collect();
    if !parents.is_empty() {
        made.remove(*random.pick(&parents));
    }
}
