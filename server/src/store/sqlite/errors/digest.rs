//! The digest: the one task that makes occurrences and groups of witnesses. A batch goes to the files of its days first, then, in one
//! transaction with the cursor, to the catalog. What is in a file above the cursor is of a batch that was cut off; it is taken out at the
//! start and digested again.

use super::assign::{self, APART, Occ, Throws};
use super::bodies::write_days;
use super::catalog::{self, Better, Changes, NewGroup, hour_of};
use super::day::hash;
use super::prepare::{self, Exploded, Prepared, person_hash};
use super::{lock, rank, requests};
use crate::store::sqlite::view::unavailable;
use crate::store::sqlite::{Core, alerts};
use model::error::{ErrorLevel, Witness, WitnessFamily};
use model::id::TraceId;
use model::port::Problem;
use model::time::{DAY, day_of};
use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::{Connection, SqliteConnection};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Witnesses of a batch, and bytes of their data.
const BATCH: usize = 512;
const BATCH_BYTES: usize = 8 << 20;
const CHECKPOINT_AFTER: Duration = Duration::from_secs(2);
const REST_AFTER: Duration = Duration::from_secs(300);
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
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Settle(done)) => {
                    digest(&core).await;
                    tick(&core).await;
                    let _ = done.send(());
                }
                Some(Order::Close) | None => break,
            },
            () = core.errors.digest_now.notified() => digest(&core).await,
            () = tokio::time::sleep(Duration::from_secs(1)) => tick(&core).await,
        }
    }
    digest(&core).await;
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
        requests::look(core, now).await?;
        let mut writer = core.errors.catalog.writer().await.map_err(unavailable)?;
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        let changed = alerts::forget_minutes(&mut tx, now).await.map_err(unavailable)? as usize
            + catalog::wake_due(&mut tx, now).await.map_err(unavailable)?
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

/// Digests all that is pending. What fails is tried again.
async fn digest(core: &Arc<Core>) {
    loop {
        let batch = take(core);
        if batch.is_empty() {
            return;
        }
        let identities: Vec<[u8; 16]> = batch.iter().map(prepare::identity).collect();
        let bytes: usize = batch.iter().map(|witness| witness.data.len()).sum();
        let upto = batch.last().map_or(0, |witness| witness.seq);
        match digest_batch(core, batch.clone(), upto).await {
            Ok(()) => {
                core.errors.pending_bytes.fetch_sub(bytes, Ordering::Relaxed);
                let mut undigested = lock(&core.errors.undigested);
                for identity in &identities {
                    undigested.remove(identity);
                }
                core.errors.digested.store(upto, Ordering::Release);
                core.errors.digested_some.notify_waiters();
            }
            Err(problem) => {
                tracing::error!("digesting errors failed, it is tried again: {problem}");
                let mut pending = lock(&core.errors.pending);
                batch.into_iter().rev().for_each(|witness| pending.push_front(witness));
                return;
            }
        }
    }
}

fn take(core: &Core) -> Vec<Witness> {
    let mut pending = lock(&core.errors.pending);
    let mut bytes = 0;
    let mut batch = Vec::new();
    while batch.len() < BATCH
        && bytes < BATCH_BYTES
        && let Some(witness) = pending.pop_front()
    {
        bytes += witness.data.len();
        batch.push(witness);
    }
    batch
}

async fn digest_batch(core: &Arc<Core>, batch: Vec<Witness>, upto: u64) -> Result<(), Problem> {
    let now = core.now();
    let floor = core.floor_day() * DAY;
    let (rules, keeper) = (core.errors.rules(), core.clone());
    let (prepared, exploded) = tokio::task::spawn_blocking(move || {
        let mut exploded: std::sync::MutexGuard<'_, Exploded> = lock(&keeper.errors.exploded);
        let kept = batch.into_iter().filter(|witness| witness.time >= floor);
        let prepared: Vec<Prepared> = kept.map(|witness| prepare::prepare(witness, rules.as_deref(), &mut exploded, now)).collect();
        (prepared, std::mem::take(&mut exploded.found))
    })
    .await
    .map_err(unavailable)?;

    let mut writer = core.errors.catalog.writer().await.map_err(unavailable)?;
    for day in core.errors.days().values() {
        // A batch that failed between the two is in a file already.
        day.cut(core.errors.digested.load(Ordering::Relaxed)).await.map_err(unavailable)?;
    }
    let prepared = without_known(core, prepared).await?;
    let mut throws = near(core, &prepared).await?;
    let mut work = Work { changes: Changes { cursor: upto, exploded, ..Changes::default() }, ..Work::default() };
    let mut placed = Vec::with_capacity(prepared.len());
    for one in &prepared {
        placed.push(work.place(&mut writer, &mut throws, one).await.map_err(unavailable)?);
    }
    write_days(core, prepared, &placed, &throws.occs, upto).await?;
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
    work.changes.write(&mut tx, now).await.map_err(unavailable)?;
    tx.commit().await.map_err(unavailable)
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

/// What is found out while a batch is placed.
#[derive(Default)]
struct Work {
    changes: Changes,
    numbers: FxHashMap<(String, String, String), u64>,
    services: FxHashMap<String, Option<String>>,
    last_number: Option<u64>,
}

const SERVICE: &str = "SELECT service FROM error_service WHERE project = ?1";

impl Work {
    /// Finds or makes the occurrence of a witness; returns its place among them.
    async fn place(&mut self, catalog: &mut SqliteConnection, throws: &mut Throws, one: &Prepared) -> Result<usize, sqlx::Error> {
        let service = self.service(catalog, &one.witness).await?;
        let matching = throws.matching(one, &service);
        let Some((&best, others)) = matching.split_first() else {
            let number = self.number(catalog, one, &service).await?;
            let occ = assign::occurrence(one, number, &service);
            self.count(&occ);
            return Ok(throws.add(occ));
        };
        throws.join(best, one, &service);
        for other in others {
            let (a, b) = (&throws.occs[best], &throws.occs[*other]);
            // Only the witness that names both requests shows that they are one.
            if a.day == b.day && throws.compatible(&b.stored.seen, &a.stored.seen) {
                throws.fold(*other, best, one.witness.seq);
                let gone = throws.occs[*other].clone();
                self.uncount(&gone, throws.occs[best].number);
            }
        }
        let occ = &mut throws.occs[best];
        let delta = self.changes.deltas.entry(occ.number).or_default();
        delta.families |= family_bit(one.witness.family());
        for (kind, value) in &one.values {
            if *kind != prepare::PATH && !occ.stored.values.iter().any(|(known, _)| known == kind) {
                *delta.values.entry((*kind, value.clone())).or_default() += 1;
                occ.stored.values.push((*kind, value.clone()));
            }
        }
        delta.people.extend(occ.stored.person.as_ref().map(person_hash));
        let source = source_rank(one.witness.family());
        if delta.better.as_ref().is_none_or(|better| better.source < source) {
            let class = one.keys.classes.first().cloned().unwrap_or_default();
            let (title, file) = (one.keys.title.clone(), one.keys.file.clone());
            delta.better = Some(Better { source, title, level: level_number(one.witness.level), class, file });
        }
        let (number, project) = (occ.number, one.witness.project.to_string());
        let seen_in = occ.stored.seen.iter().find(|seen| seen.family != WitnessFamily::Rollbar && !seen.service.is_empty());
        let rollbar = occ.stored.seen.iter().any(|seen| seen.family == WitnessFamily::Rollbar);
        if rollbar && let Some(seen) = seen_in {
            // Of its project is known now which service it is.
            let of = if one.witness.family() == WitnessFamily::Rollbar { project.clone() } else { occ.stored.project.clone() };
            let learned = self.services.entry(of.clone()).or_default();
            if of != seen.service && learned.as_ref() != Some(&seen.service) {
                let known = learned.replace(seen.service.clone());
                if known.is_some() {
                    // The token is of several services.
                    *learned = Some(String::new());
                }
                self.changes.services.push((of, seen.service.clone()));
            }
            // What was learned of the token is less sure than what the other system says of this throw.
            self.changes.named.push((number, seen.service.clone()));
        }
        let alias = (project, one.witness.environment.clone(), one.keys.group.clone());
        match self.find(catalog, &alias).await? {
            None => {
                self.numbers.insert(alias.clone(), number);
                self.changes.aliases.push((alias.0, alias.1, alias.2, number));
            }
            Some(other) if other != number => self.changes.joined.push((other, number)),
            Some(_) => {}
        }
        Ok(best)
    }

    async fn service(&mut self, catalog: &mut SqliteConnection, witness: &Witness) -> Result<String, sqlx::Error> {
        if !witness.service.is_empty() || witness.family() != WitnessFamily::Rollbar {
            return Ok(witness.service.clone());
        }
        if let Some(known) = self.services.get(&*witness.project) {
            return Ok(known.clone().unwrap_or_default());
        }
        let learned: Option<String> = sqlx::query_scalar(SERVICE).bind(&*witness.project).fetch_optional(catalog).await?;
        self.services.insert(witness.project.to_string(), learned.clone());
        Ok(learned.unwrap_or_default())
    }

    async fn find(&mut self, catalog: &mut SqliteConnection, alias: &(String, String, String)) -> Result<Option<u64>, sqlx::Error> {
        if let Some(number) = self.numbers.get(alias) {
            return Ok(Some(*number));
        }
        let query = sqlx::query_scalar::<_, i64>(catalog::ALIAS).bind(&alias.0).bind(&alias.1).bind(&alias.2);
        let found = query.fetch_optional(catalog).await?.map(i64::cast_unsigned);
        if let Some(number) = found {
            self.numbers.insert(alias.clone(), number);
        }
        Ok(found)
    }

    /// The group of a witness that is an occurrence of its own, made if it is new.
    async fn number(&mut self, catalog: &mut SqliteConnection, one: &Prepared, service: &str) -> Result<u64, sqlx::Error> {
        let (witness, keys) = (&one.witness, &one.keys);
        let alias = (witness.project.to_string(), witness.environment.clone(), keys.group.clone());
        if let Some(number) = self.find(catalog, &alias).await? {
            return Ok(number);
        }
        let last = match self.last_number {
            Some(last) => last,
            None => sqlx::query_scalar::<_, i64>(catalog::LAST_NUMBER).fetch_one(catalog).await?.cast_unsigned(),
        };
        let number = last + 1;
        self.last_number = Some(number);
        let mut parts = vec![("classes", keys.classes.join(" < ")), ("crash site", keys.site.clone())];
        if keys.generic {
            parts.push(("message template", keys.template.clone()));
        }
        parts.retain(|(_, text)| !text.is_empty());
        self.changes.groups.push(NewGroup {
            number,
            project: alias.0.clone(),
            environment: alias.1.clone(),
            fingerprint: alias.2.clone(),
            kind: keys.kind,
            parts: serde_json::to_string(&parts).unwrap_or_default(),
            class: keys.classes.first().cloned().unwrap_or_default(),
            title: keys.title.clone(),
            file: keys.file.clone(),
            service: service.to_owned(),
            level: level_number(witness.level),
            source: source_rank(witness.family()),
            version: witness.version.clone(),
            time: witness.time,
        });
        self.numbers.insert(alias.clone(), number);
        self.changes.aliases.push((alias.0, alias.1, alias.2, number));
        Ok(number)
    }

    fn count(&mut self, occ: &Occ) {
        let stored = &occ.stored;
        if !stored.version.is_empty() {
            let version = (stored.project.clone(), stored.environment.clone(), stored.version.clone());
            self.changes.versions.entry(version).and_modify(|first| *first = (*first).min(occ.time)).or_insert(occ.time);
        }
        let delta = self.changes.deltas.entry(occ.number).or_default();
        delta.count += 1;
        delta.occurrences.push((occ.time, stored.version.clone()));
        delta.families |= stored.seen.iter().map(|seen| family_bit(seen.family)).fold(0, |all, bit| all | bit);
        *delta.hours.entry(hour_of(occ.time)).or_default() += 1;
        for value in &stored.values {
            *delta.values.entry(value.clone()).or_default() += 1;
        }
        delta.people.extend(stored.person.as_ref().map(person_hash));
        // One of its ids stands for the request, so that it counts once.
        if let Some(trace) = stored.traces.iter().min() {
            delta.requests.entry(*trace).or_insert(hour_of(occ.time));
        }
    }

    /// Takes back what an occurrence counted for: it is one with an occurrence of the group `with`.
    fn uncount(&mut self, occ: &Occ, with: u64) {
        let delta = self.changes.deltas.entry(occ.number).or_default();
        delta.count -= 1;
        if let Some(trace) = occ.stored.traces.iter().min() {
            delta.requests.remove(trace);
            delta.not_requests.push(*trace);
        }
        if let Some(at) = delta.occurrences.iter().position(|(time, _)| *time == occ.time) {
            delta.occurrences.swap_remove(at);
        }
        *delta.hours.entry(hour_of(occ.time)).or_default() -= 1;
        for value in &occ.stored.values {
            *delta.values.entry(value.clone()).or_default() -= 1;
        }
        let families = occ.stored.seen.iter().map(|seen| family_bit(seen.family)).fold(0, |all, bit| all | bit);
        self.changes.deltas.entry(with).or_default().families |= families;
        if occ.number != with {
            self.changes.emptied.push((occ.number, with));
        }
    }
}

pub fn family_bit(family: WitnessFamily) -> i64 {
    1 << family as i64
}

fn source_rank(family: WitnessFamily) -> i64 {
    2 - family as i64
}

pub fn level_number(level: ErrorLevel) -> i64 {
    level as i64
}
