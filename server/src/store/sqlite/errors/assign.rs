//! One throw, one occurrence: which witnesses are of the same throw. They are if they are of one request, look alike (class and template),
//! are at most five seconds apart, and are of different systems. An exception that passes spans of one service is recorded by each: these
//! are one throw, too. Two items of Rollbar never are.

use super::day::{Seen, Stored};
use super::prepare::Prepared;
use crate::errors::LOGGED;
use model::error::{Witness, WitnessFamily};
use model::id::{SpanId, TraceId};
use model::time::{Nanos, SECOND};
use rustc_hash::FxHashMap;

/// How far apart the witnesses of one throw may be.
pub const APART: Nanos = 5 * SECOND;
/// Spans between two that record one exception.
const DEPTH: usize = 200;

/// An occurrence, as the digest has it in hand.
#[derive(Clone, Debug)]
pub struct Occ {
    /// Of its file.
    pub day: i64,
    pub seq: u64,
    pub number: u64,
    pub time: Nanos,
    pub twin: i64,
    pub uuid: String,
    pub stored: Stored,
    pub changed: bool,
    /// The occurrence that it is the same throw as, and the witness that showed it.
    pub into: Option<(u64, u64)>,
}

/// Parents of spans, by trace.
pub type Parents = FxHashMap<TraceId, FxHashMap<SpanId, SpanId>>;

/// The occurrences that witnesses may be of.
#[derive(Default)]
pub struct Throws {
    pub occs: Vec<Occ>,
    by_trace: FxHashMap<TraceId, Vec<usize>>,
    pub parents: Parents,
}

impl Throws {
    pub fn add(&mut self, occ: Occ) -> usize {
        let at = self.occs.len();
        if occ.twin != 0 {
            for trace in &occ.stored.traces {
                self.by_trace.entry(*trace).or_default().push(at);
            }
        }
        self.occs.push(occ);
        at
    }

    /// Occurrences that this is a witness of, best first.
    pub fn matching(&self, prepared: &Prepared, service: &str) -> Vec<usize> {
        let witness = &prepared.witness;
        if prepared.twin == 0 {
            return Vec::new();
        }
        let mut found: Vec<usize> = witness.traces.iter().filter_map(|trace| self.by_trace.get(trace)).flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        let seen = seen(witness, service);
        found.retain(|at| {
            let occ = &self.occs[*at];
            occ.into.is_none()
                && occ.twin == prepared.twin
                && (occ.time - witness.time).abs() <= APART
                && self.compatible(std::slice::from_ref(&seen), &occ.stored.seen)
        });
        found.sort_by_key(|at| {
            let occ = &self.occs[*at];
            let same = !service.is_empty() && occ.stored.seen.iter().any(|seen| seen.service == service);
            (!same, (occ.time - witness.time).abs(), occ.seq)
        });
        found
    }

    /// Whether these may be of one throw: of each system there is one, or they are on a way up through one service.
    pub fn compatible(&self, some: &[Seen], others: &[Seen]) -> bool {
        some.iter().all(|one| {
            let same: Vec<&Seen> = others.iter().filter(|other| other.family == one.family).collect();
            same.is_empty() || same.iter().any(|other| self.on_one_way(one, other)) || is_other_signal(one, &same)
        })
    }

    fn on_one_way(&self, one: &Seen, other: &Seen) -> bool {
        let (Some(trace), Some(a), Some(b)) = (one.trace, one.span, other.span) else { return false };
        one.family != WitnessFamily::Rollbar
            && one.service == other.service
            && other.trace == Some(trace)
            && a != b
            && self.parents.get(&trace).is_some_and(|parents| is_above(parents, a, b) || is_above(parents, b, a))
    }

    /// Notes a witness with an occurrence.
    pub fn join(&mut self, at: usize, prepared: &Prepared, service: &str) {
        let witness = &prepared.witness;
        for trace in &witness.traces {
            if !self.occs[at].stored.traces.contains(trace) {
                self.by_trace.entry(*trace).or_default().push(at);
            }
        }
        let occ = &mut self.occs[at];
        occ.changed = true;
        let better = occ.stored.seen.iter().all(|seen| witness.family() < seen.family);
        add_witness(&mut occ.stored, witness, service, better);
        if better {
            occ.stored.title = prepared.keys.title.clone();
        }
        if occ.uuid.is_empty() {
            occ.uuid = prepared.uuid.clone();
        }
    }

    /// Makes one occurrence of two that turned out to be one.
    pub fn fold(&mut self, gone: usize, into: usize, by: u64) {
        let old = self.occs[gone].stored.clone();
        for trace in &old.traces {
            if !self.occs[into].stored.traces.contains(trace) {
                self.occs[into].stored.traces.push(*trace);
                self.by_trace.entry(*trace).or_default().push(into);
            }
        }
        self.occs[into].stored.seen.extend(old.seen);
        self.occs[into].changed = true;
        self.occs[gone].into = Some((self.occs[into].seq, by));
        self.occs[gone].changed = true;
    }
}

/// Whether it is the log record of an exception that is known of its span's events, or the other way round: SDKs may send both.
fn is_other_signal(one: &Seen, same: &[&Seen]) -> bool {
    let of_span = |other: &&&Seen| one.span.is_some() && other.span == one.span && other.trace == one.trace;
    let (as_it, as_other): (Vec<&&Seen>, Vec<&&Seen>) = same.iter().filter(of_span).partition(|other| other.logged == one.logged);
    as_it.is_empty() && !as_other.is_empty()
}

fn is_above(parents: &FxHashMap<SpanId, SpanId>, above: SpanId, below: SpanId) -> bool {
    let mut at = below;
    for _ in 0..DEPTH {
        match parents.get(&at) {
            Some(parent) if *parent == above => return true,
            Some(parent) => at = *parent,
            None => return false,
        }
    }
    false
}

pub fn seen(witness: &Witness, service: &str) -> Seen {
    Seen {
        family: witness.family(),
        service: service.to_owned(),
        trace: witness.traces.first().copied(),
        span: witness.span,
        logged: witness.identity.starts_with(LOGGED),
    }
}

/// An occurrence of one witness.
pub fn occurrence(prepared: &Prepared, number: u64, service: &str) -> Occ {
    let witness = &prepared.witness;
    let stored = Stored {
        title: prepared.keys.title.clone(),
        level: witness.level,
        project: witness.project.to_string(),
        service: service.to_owned(),
        environment: witness.environment.clone(),
        version: witness.version.clone(),
        host: witness.host.clone(),
        context: witness.context.clone(),
        person: witness.person.clone(),
        traces: witness.traces.clone(),
        span: witness.span,
        how: witness.how,
        seen: vec![seen(witness, service)],
        values: prepared.values.clone(),
    };
    Occ {
        day: model::time::day_of(witness.time),
        seq: witness.seq,
        number,
        time: witness.time,
        twin: prepared.twin,
        uuid: prepared.uuid.clone(),
        stored,
        changed: true,
        into: None,
    }
}

/// `better`: what it says goes before what is there.
fn add_witness(stored: &mut Stored, witness: &Witness, service: &str, better: bool) {
    let texts = [
        (&mut stored.environment, &witness.environment),
        (&mut stored.version, &witness.version),
        (&mut stored.host, &witness.host),
        (&mut stored.context, &witness.context),
    ];
    for (here, said) in texts {
        if !said.is_empty() && (better || here.is_empty()) {
            here.clone_from(said);
        }
    }
    if better {
        stored.level = witness.level;
    }
    // Rollbar's is learned from its token at best.
    let is_guess = stored.seen.iter().all(|seen| seen.family == WitnessFamily::Rollbar);
    if !service.is_empty() && (stored.service.is_empty() || is_guess) {
        stored.service = service.to_owned();
    }
    if let Some(person) = &witness.person
        && (better || stored.person.is_none())
    {
        stored.person = Some(person.clone());
    }
    // The best link stays first, with its span; of equal ones that of the best source, so that the order of arrival does not matter.
    if witness.how.is_some_and(|how| stored.how.is_none_or(|known| how < known || how == known && better)) {
        (stored.how, stored.span) = (witness.how, witness.span);
        stored.traces.splice(0..0, witness.traces.first().copied());
    }
    stored.traces.extend(&witness.traces);
    let mut known = Vec::new();
    stored.traces.retain(|trace| {
        !known.contains(trace) && {
            known.push(*trace);
            true
        }
    });
    stored.seen.push(seen(witness, service));
}
