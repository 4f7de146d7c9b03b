//! The digest: the one task that makes occurrences and groups of witnesses. A batch goes to the files of its days and, in one transaction with
//! the cursor, to the catalog, whose commit comes last. What is in a file above the cursor is of a batch that was cut off; it is taken out at
//! the start and digested again.

use super::assign::{APART, Throws};
use super::bodies::write_days;
use super::catalog::Changes;
use super::day::hash;
use super::place::Work;
use super::prepare::{self, Exploded, Prepared};
use super::{lock, meet, rank, requests};
use crate::store::sqlite::view::unavailable;
use crate::store::sqlite::{Core, alerts};
use model::error::{Witness, WitnessFamily};
use model::id::TraceId;
use model::port::Problem;
use model::time::{DAY, Nanos, day_of};
use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::Connection;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// Witnesses of a batch, and bytes of their data.
const BATCH: usize = 2048;
const BATCH_BYTES: usize = 4 << 20;
/// From one digest to the next: of many errors more go together.
const PACE: Duration = Duration::from_millis(250);
/// What several systems say of one throw mostly arrives within this time.
const GATHER: Duration = Duration::from_millis(100);
const CHECKPOINT_AFTER: Duration = Duration::from_secs(2);
const REST_AFTER: Duration = Duration::from_secs(300);
/// How long requests are looked at before the next digest.
const LOOK: Duration = Duration::from_millis(300);
/// Groups that are ranked again at a time.
const RANKS: i64 = 500;

/// What the digest is asked to do besides.
pub enum Order {
    /// Digest everything, look at due requests, and say so.
    Settle(oneshot::Sender<()>),
    Close,
}

/// Runs until [`Order::Close`].
pub async fn run(core: Arc<Core>, mut orders: mpsc::Receiver<Order>) {
    let mut last: Option<Instant> = None;
    // By a clock of its own: a timeout would never come while errors do.
    let mut clock = tokio::time::interval(Duration::from_secs(1));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Settle(done)) => {
                    digest_all(&core).await;
                    tick(&core).await;
                    let _ = done.send(());
                }
                Some(Order::Close) | None => break,
            },
            () = core.errors.digest_now.notified() => {
                let rest = last.map_or(Duration::ZERO, |last| PACE.saturating_sub(last.elapsed()));
                tokio::time::sleep(rest.max(GATHER)).await;
                last = Some(Instant::now());
                digest(&core).await;
            }
            _ = clock.tick() => tick(&core).await,
        }
    }
    digest_all(&core).await;
    for day in core.errors.days().values() {
        day.db.close().await;
    }
    core.errors.catalog.close().await;
}

/// What goes by the clock: snoozes end, ranks change, requests are looked at, quiet files are closed.
async fn tick(core: &Arc<Core>) {
    // Something may have failed.
    digest(core).await;
    let now = core.now();
    let done = async {
        let until = Instant::now() + LOOK;
        while requests::look(core, now).await? && Instant::now() < until {}
        let mut writer = core.errors.catalog.writer().await.map_err(unavailable)?;
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        let changed = alerts::forget_minutes(&mut tx, now).await.map_err(unavailable)? as usize
            + meet::wake_due(&mut tx, now).await.map_err(unavailable)?
            + rank::rank_stale(&mut tx, now, RANKS).await.map_err(unavailable)?;
        if changed > 0 { tx.commit().await } else { tx.rollback().await }.map_err(unavailable)
    };
    if let Err(problem) = done.await {
        tracing::error!("errors could not be looked after: {problem}");
    }
    for day in core.errors.days().values() {
        let done = match day.db.idle() {
            Some(idle) if idle > REST_AFTER => day.db.rest().await,
            Some(idle) if idle > CHECKPOINT_AFTER => day.db.checkpoint().await,
            _ => continue,
        };
        if let Err(error) = done {
            tracing::warn!(file = %day.db.path.display(), "checkpointing: {error}");
        }
    }
}

/// Witnesses that are digested together.
struct Batch {
    witnesses: Vec<Arc<Witness>>,
    /// The last `seq`.
    upto: u64,
    now: Nanos,
    /// What was found in them, and crash sites that turned out to be exploded.
    prepared: JoinHandle<(Vec<Prepared>, Vec<String>)>,
}

/// Digests all that is pending, or until something fails.
async fn digest_all(core: &Arc<Core>) {
    while digest(core).await && !lock(&core.errors.pending).is_empty() {}
}

/// Digests what is pending; what is left and no whole batch waits for the next time. `false`: it failed, and is tried again.
async fn digest(core: &Arc<Core>) -> bool {
    let mut next = take(core);
    while let Some(batch) = next {
        // It is prepared while this one is written.
        next = if is_whole(core) { take(core) } else { None };
        let Batch { witnesses, upto, now, prepared } = batch;
        match write(core, prepared, upto, now).await {
            Ok(()) => {
                let bytes: usize = witnesses.iter().map(|witness| witness.data.len()).sum();
                core.errors.pending_bytes.fetch_sub(bytes, Ordering::Relaxed);
                let mut undigested = lock(&core.errors.undigested);
                for witness in &witnesses {
                    undigested.remove(&prepare::identity(witness));
                }
                core.errors.digested.store(upto, Ordering::Release);
                core.errors.digested_some.notify_waiters();
            }
            Err(problem) => {
                tracing::error!("digesting errors failed, it is tried again: {problem}");
                core.errors.cut_off.store(true, Ordering::Relaxed);
                let mut pending = lock(&core.errors.pending);
                let again = witnesses.into_iter().chain(next.into_iter().flat_map(|next| next.witnesses));
                again.rev().for_each(|witness| pending.push_front(witness));
                return false;
            }
        }
        if next.is_none() && is_whole(core) {
            next = take(core);
        }
    }
    if !lock(&core.errors.pending).is_empty() {
        core.errors.digest_now.notify_one();
    }
    true
}

/// Whether a whole batch is pending.
fn is_whole(core: &Core) -> bool {
    let pending = lock(&core.errors.pending);
    let large = || pending.iter().map(|witness| witness.data.len()).sum::<usize>() >= BATCH_BYTES;
    pending.len() >= BATCH || large()
}

/// The next that is pending, being prepared.
fn take(core: &Arc<Core>) -> Option<Batch> {
    let mut witnesses: Vec<Arc<Witness>> = Vec::new();
    {
        let mut pending = lock(&core.errors.pending);
        let mut bytes = 0;
        while witnesses.len() < BATCH
            && bytes < BATCH_BYTES
            && let Some(witness) = pending.pop_front()
        {
            bytes += witness.data.len();
            witnesses.push(witness);
        }
    }
    let upto = witnesses.last()?.seq;
    let (now, floor, rules) = (core.now(), core.floor_day() * DAY, core.errors.rules());
    let (keeper, kept) = (core.clone(), witnesses.clone());
    let prepared = tokio::task::spawn_blocking(move || {
        let mut exploded: std::sync::MutexGuard<'_, Exploded> = lock(&keeper.errors.exploded);
        let kept = kept.into_iter().filter(|witness| witness.time >= floor);
        let prepared = kept.map(|witness| {
            let both = lock(&keeper.errors.algorithms).looks_up_both(&witness.project, now);
            prepare::prepare(witness, rules.as_deref(), &mut exploded, both, now)
        });
        let prepared = prepared.collect();
        (prepared, std::mem::take(&mut exploded.found))
    });
    Some(Batch { witnesses, upto, now, prepared })
}

async fn write(core: &Arc<Core>, prepared: JoinHandle<(Vec<Prepared>, Vec<String>)>, upto: u64, now: Nanos) -> Result<(), Problem> {
    let (mut prepared, exploded) = prepared.await.map_err(unavailable)?;
    // Rollbar's key says best which error it is: an X-Ray cause alone may be taken for another one that looks like it.
    prepared.sort_by_key(|one| (one.witness.family(), one.witness.seq));
    let mut writer = core.errors.catalog.writer().await.map_err(unavailable)?;
    if core.errors.cut_off.load(Ordering::Relaxed) {
        for day in core.errors.days().values() {
            day.cut(core.errors.digested.load(Ordering::Relaxed)).await.map_err(unavailable)?;
        }
        core.errors.cut_off.store(false, Ordering::Relaxed);
    }
    let prepared = without_known(core, prepared).await?;
    let mut throws = near(core, &prepared).await?;
    let mut work = Work::of(Changes { cursor: upto, exploded, ..Changes::default() });
    work.changes.projects = {
        let algorithms = lock(&core.errors.algorithms);
        let new = prepared.iter().map(|one| &*one.witness.project).filter(|project| !algorithms.knows(project));
        new.map(str::to_owned).collect()
    };
    work.look_up(&mut writer, &prepared).await.map_err(unavailable)?;
    let mut placed = Vec::with_capacity(prepared.len());
    for one in &prepared {
        placed.push(work.place(&mut writer, &mut throws, one).await.map_err(unavailable)?);
    }
    // At the same time, but the catalog's commit, which has the cursor, comes after the days'.
    let counted = async {
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        work.changes.write(&mut tx, now).await.map_err(unavailable)?;
        Ok(tx)
    };
    let (written, counted) = futures::join!(write_days(core, prepared, &placed, &throws.occs, upto), counted);
    written?;
    counted?.commit().await.map_err(unavailable)?;
    let mut algorithms = lock(&core.errors.algorithms);
    work.changes.projects.into_iter().for_each(|project| algorithms.add(project, now));
    Ok(())
}

/// Leaves out what was here before.
async fn without_known(core: &Core, prepared: Vec<Prepared>) -> Result<Vec<Prepared>, Problem> {
    let mut known: FxHashSet<[u8; 16]> = FxHashSet::default();
    for (day, file) in core.errors.days().iter() {
        let near = prepared.iter().filter(|one| (day_of(one.witness.time) - day).abs() <= 1);
        let identities: Vec<[u8; 16]> = near.map(|one| one.identity).collect();
        known.extend(file.known(&identities).await.map_err(unavailable)?);
    }
    Ok(prepared.into_iter().filter(|one| known.insert(one.identity)).collect())
}

/// The stored occurrences that witnesses may be of, and what is needed to tell.
async fn near(core: &Core, prepared: &[Prepared]) -> Result<Throws, Problem> {
    let mut days: BTreeMap<i64, Vec<&Prepared>> = BTreeMap::new();
    for one in prepared.iter().filter(|one| one.twin != 0 && !one.witness.traces.is_empty()) {
        let time = one.witness.time;
        for day in day_of(time - APART)..=day_of(time + APART) {
            days.entry(day).or_default().push(one);
        }
    }
    let mut throws = Throws::default();
    for (day, ones) in days {
        let Some(file) = core.errors.day(day) else { continue };
        let traces: Vec<i64> = ones.iter().flat_map(|one| &one.witness.traces).map(|trace| hash(*trace)).collect();
        let twins: Vec<i64> = ones.iter().map(|one| one.twin).collect();
        let from = ones.iter().map(|one| one.witness.time).min().unwrap_or(0) - APART;
        let to = ones.iter().map(|one| one.witness.time).max().unwrap_or(0) + APART;
        for occ in file.near(&traces, &twins, from, to).await.map_err(unavailable)? {
            throws.add(occ);
        }
    }
    // Of one system and look in one trace several alike: it depends on their spans.
    let mut alike: FxHashMap<(TraceId, i64, WitnessFamily), usize> = FxHashMap::default();
    for occ in &throws.occs {
        for seen in &occ.stored.seen {
            if let Some(trace) = seen.trace {
                *alike.entry((trace, occ.twin, seen.family)).or_default() += 1;
            }
        }
    }
    for one in prepared.iter().filter(|one| one.twin != 0) {
        if let Some(trace) = one.witness.traces.first() {
            *alike.entry((*trace, one.twin, one.witness.family())).or_default() += 1;
        }
    }
    let wanted = alike.into_iter().filter(|((_, _, family), count)| *count > 1 && *family != WitnessFamily::Rollbar);
    let mut traces: Vec<TraceId> = wanted.map(|((trace, _, _), _)| trace).collect();
    traces.sort_unstable();
    traces.dedup();
    if !traces.is_empty() {
        for (trace, spans) in core.view(None).spans_of(&traces, |_| true).await? {
            let parents = spans.iter().filter_map(|span| Some((span.span_id, span.parent_id?))).collect();
            throws.parents.insert(trace, parents);
        }
    }
    Ok(throws)
}
