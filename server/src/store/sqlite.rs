//! The store over SQLite. In the order the data flows: `intake` commits what arrives, once `digest` compared it with what is here, to
//! `intake.db` (`journal`), `seal` turns it into
//! the blocks of day files (`day`), `fold` keeps those few and full, `read` and its parts answer questions from a `world`, a
//! picture of all of it.

mod alerts;
mod chunk;
mod count;
mod day;
mod digest;
mod directory;
mod errors;
mod file;
mod fold;
mod intake;
mod joins;
mod journal;
mod known;
mod ledger;
pub mod log_catalog;
mod logs;
mod lookup;
mod page;
mod read;
mod remove;
mod replay;
mod retain;
mod seal;
mod search;
mod settings;
mod supersede;
#[cfg(test)]
mod tests;
mod view;
mod world;

use super::{Accepted, OpenError, Refused, Store};
use crate::ingest::{Batch, Rejected, Signal};
use async_trait::async_trait;
use day::{DayFile, lock};
use directory::Directory;
use known::Known;
use ledger::Ledger;
use model::alias::Aliases;
use model::port::{Listener, Problem};
use model::span::Span;
use model::time::{DAY, Nanos, day_of};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use view::{Shared, View, unavailable};
use world::{Day, World};

/// Spans that may be decoded and not yet committed, over all requests.
const IN_FLIGHT: u32 = 48 * 1024;
/// How far ahead of the clock a span may start.
const AHEAD: Nanos = DAY;

pub const BEFORE_FLOOR: &str = "before the retention floor";
pub const TOO_FAR_AHEAD: &str = "more than 24 h ahead";

/// Tells the time, in nanoseconds since the epoch.
pub type Clock = Arc<dyn Fn() -> Nanos + Send + Sync>;

/// How to open a store.
#[derive(Clone)]
pub struct StoreConfig {
    /// Made if it does not exist.
    pub dir: PathBuf,
    /// Days kept besides today, at least 1.
    pub retention_days: u32,
    /// Bytes the directory may take; the oldest days go first, never today.
    pub max_disk: Option<u64>,
    pub clock: Clock,
}

impl StoreConfig {
    /// Thirty days, the system's clock.
    pub fn new(dir: impl Into<PathBuf>) -> StoreConfig {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as Nanos);
        StoreConfig { dir: dir.into(), retention_days: 30, max_disk: None, clock: Arc::new(clock) }
    }
}

/// The store. Dropping it without [`Store::close`] loses nothing that was acknowledged.
pub struct Sqlite {
    core: Arc<Core>,
    requests: Mutex<Option<mpsc::Sender<intake::Request>>>,
    orders: mpsc::Sender<seal::Order>,
    log_orders: mpsc::Sender<logs::seal::Order>,
    error_orders: mpsc::Sender<errors::digest::Order>,
    tasks: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
    in_flight: Arc<Semaphore>,
}

/// What the tasks and the readers share.
struct Core {
    directory: Directory,
    config: StoreConfig,
    shared: Arc<Shared>,
    world: RwLock<Arc<World>>,
    known: Mutex<Known>,
    ledger: Mutex<Ledger>,
    /// Spans of the tail, for the sealer, with the `seq` they go up to.
    unsealed: Mutex<Vec<(u64, Vec<Span>)>>,
    tail_spans: AtomicUsize,
    /// The last `seq` given out.
    next_seq: AtomicU64,
    /// Every span up to this `seq` is sealed.
    sealed: AtomicU64,
    /// Held by a commit, and by a removal, which must not meet one.
    gate: tokio::sync::Mutex<()>,
    /// Held by the sealer while it moves rows, and by a commit while it marks some as superseded. Taken after `gate`.
    still: Arc<tokio::sync::Mutex<()>>,
    /// (day, block) with dead rows that are not marked in the day's file yet.
    unmarked: Mutex<BTreeSet<(i64, i64)>>,
    seal_now: Notify,
    sealed_some: Notify,
    logs: logs::LogCore,
    errors: errors::ErrorCore,
    /// Days before this one are dropped and stay so.
    floor: AtomicI64,
    again_floor: AtomicI64,
    /// A seal failed half way: nothing is sealed until the next start, which puts it right.
    halted: AtomicBool,
    settings: settings::Settings,
    aliases: RwLock<Arc<Aliases>>,
    again: sqlx::SqlitePool,
    figures: Figures,
    listeners: Mutex<Vec<Listener>>,
    warnings: Mutex<Vec<String>>,
    disk: Mutex<Option<(Instant, u64)>>,
}

/// Figures for `/metrics`.
#[derive(Default)]
struct Figures {
    commits: AtomicU64,
    commit_nanos: AtomicU64,
    group_nanos: AtomicU64,
    seals: AtomicU64,
    seal_nanos: AtomicU64,
    folds: AtomicU64,
}

impl Figures {
    fn commit(&self, disk: Duration, whole: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commit_nanos.fetch_add(disk.as_nanos() as u64, Ordering::Relaxed);
        self.group_nanos.fetch_add(whole.as_nanos() as u64, Ordering::Relaxed);
    }
}

impl Core {
    fn now(&self) -> Nanos {
        (self.config.clock)()
    }

    fn world(&self) -> Arc<World> {
        self.world.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    fn aliases(&self) -> Arc<Aliases> {
        self.aliases.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    fn view(&self, as_of: Option<u64>) -> View {
        View::new(self.world(), as_of, self.shared.clone())
    }

    /// Replaces the picture; `change` runs under the lock, so it must be quick.
    fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut guard = self.world.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut world = guard.changed();
        let result = change(&mut world);
        *guard = Arc::new(world);
        result
    }

    /// What the sealer has to do: the unsealed spans, and the picture in which exactly they are the tail.
    fn take_unsealed(&self) -> (Vec<(u64, Vec<Span>)>, Arc<World>) {
        let guard = self.world.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        (std::mem::take(&mut *lock(&self.unsealed)), guard.clone())
    }

    /// The first day that is kept.
    fn floor_day(&self) -> i64 {
        let kept = day_of(self.now()) - i64::from(self.config.retention_days.max(1));
        kept.max(self.floor.load(Ordering::Relaxed))
    }

    /// The day's entry in the picture, made if it is new.
    fn day(&self, number: i64) -> Day {
        if let Some(day) = self.world().days.get(&number) {
            return day.clone();
        }
        let path = self.directory.path.join(directory::day_file(number));
        self.change(|world| world.days.entry(number).or_insert_with(|| Day::new(Arc::new(DayFile::new(number, path)))).clone())
    }

    fn disk_bytes(&self) -> u64 {
        let mut disk = lock(&self.disk);
        match *disk {
            Some((at, bytes)) if at.elapsed() < Duration::from_secs(5) => bytes,
            _ => {
                let bytes = self.directory.size();
                *disk = Some((Instant::now(), bytes));
                bytes
            }
        }
    }
}

impl Sqlite {
    /// Opens the data directory, makes it if need be, takes up what an abrupt end left in the intake, and starts the tasks.
    /// Must be called on a tokio runtime.
    pub async fn open(config: StoreConfig) -> Result<Arc<Sqlite>, OpenError> {
        let directory = Directory::open(&config.dir)?;
        let broken = |file: &str, error: &dyn std::fmt::Display| OpenError::Broken(directory.path.join(file), error.to_string());
        let intake = directory.path.join("intake.db");
        let (journal, past) = journal::Journal::open(&intake).await.map_err(|error| broken("intake.db", &error))?;
        let settings = settings::Settings::open(&directory.path.join("catalog.db")).await.map_err(|error| broken("catalog.db", &error))?;
        let floor = settings.floor().await.map_err(|error| broken("catalog.db", &error))?;
        let aliases = settings.aliases().await.map_err(|error| broken("catalog.db", &error))?;
        let days = directory.days().map_err(|error| OpenError::Unwritable(directory.path.clone(), error.to_string()))?;
        let mut world = World::new(past.seq);
        for day in days {
            world.days.insert(day, Day::new(Arc::new(DayFile::new(day, directory.path.join(directory::day_file(day))))));
        }
        let logs = logs::LogCore::open(settings.pool(), &directory, past.seq, past.requests).await;
        let logs = logs.map_err(|error| broken("catalog.db", &error))?;
        let errors = errors::ErrorCore::open(&directory.path.join("catalog.db"), &directory, (config.clock)()).await;
        let errors = errors.map_err(|error| broken("catalog.db", &error))?;
        let core = Arc::new(Core {
            errors,
            logs,
            shared: Arc::default(),
            world: RwLock::new(Arc::new(world)),
            known: Mutex::new(Known::new(past.seq + 1)),
            ledger: Mutex::new(past.ledger),
            unsealed: Mutex::default(),
            tail_spans: AtomicUsize::new(0),
            next_seq: AtomicU64::new(past.seq),
            sealed: AtomicU64::new(past.rows.first().map_or(past.seq, |(_, _)| 0)),
            gate: tokio::sync::Mutex::default(),
            still: Arc::default(),
            unmarked: Mutex::default(),
            seal_now: Notify::new(),
            sealed_some: Notify::new(),
            floor: AtomicI64::new(floor),
            again_floor: AtomicI64::new(i64::MIN),
            halted: AtomicBool::new(false),
            settings,
            aliases: RwLock::new(Arc::new(aliases)),
            again: journal::readers(&intake),
            figures: Figures::default(),
            listeners: Mutex::default(),
            warnings: Mutex::default(),
            disk: Mutex::default(),
            directory,
            config,
        });
        let unread = |problem: Problem| OpenError::Broken(intake.clone(), problem.to_string());
        replay::replay(&core, past.rows).await.map_err(unread)?;
        logs::seal::replay(&core, past.lines).await.map_err(unread)?;
        core.errors.replay(past.errors, core.floor_day());
        let (requests, receiver) = mpsc::channel(1024);
        let (orders, ordered) = mpsc::channel(16);
        let (log_orders, logs_ordered) = mpsc::channel(16);
        let (error_orders, errors_ordered) = mpsc::channel(16);
        let tasks = vec![
            tokio::spawn(intake::run(core.clone(), journal, receiver)),
            tokio::spawn(seal::run(core.clone(), ordered)),
            tokio::spawn(logs::seal::run(core.clone(), logs_ordered)),
            tokio::spawn(errors::digest::run(core.clone(), errors_ordered)),
        ];
        let store = Sqlite {
            core,
            requests: Mutex::new(Some(requests)),
            orders,
            log_orders,
            error_orders,
            tasks: tokio::sync::Mutex::new(tasks),
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT as usize)),
        };
        Ok(Arc::new(store))
    }

    /// Tells the pages what listens where.
    pub fn set_listeners(&self, listeners: Vec<Listener>) {
        *lock(&self.core.listeners) = listeners;
    }

    /// Shows a warning on every page.
    pub fn warn(&self, warning: impl Into<String>) {
        let warning = warning.into();
        let mut warnings = lock(&self.core.warnings);
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// Waits until everything accepted so far is in its day's file.
    pub async fn settle(&self) {
        let (done, wait) = oneshot::channel();
        if self.orders.send(seal::Order::Settle(done)).await.is_ok() {
            let _ = wait.await;
        }
        self.settle_logs().await;
        self.settle_errors().await;
    }

    /// Waits until every error accepted so far is in its group.
    pub async fn settle_errors(&self) {
        let (done, wait) = oneshot::channel();
        if self.error_orders.send(errors::digest::Order::Settle(done)).await.is_ok() {
            let _ = wait.await;
        }
    }

    async fn settle_logs(&self) {
        let (done, wait) = oneshot::channel();
        if self.log_orders.send(logs::seal::Order::Settle(done)).await.is_ok() {
            let _ = wait.await;
        }
    }

    /// Drops the days that are past their time or past the space, now rather than within the hour.
    pub async fn retain(&self) {
        let (done, wait) = oneshot::channel();
        if self.orders.send(seal::Order::Retain(done)).await.is_ok() {
            let _ = wait.await;
        }
    }

    /// Takes out what the store would have to drop at once or could never drop in time.
    fn sift(&self, batch: &mut Batch) -> Vec<(&'static str, u64)> {
        let floor = self.core.floor_day().saturating_mul(DAY);
        let ceiling = self.core.now().saturating_add(AHEAD);
        let reason = |at: Nanos| match at {
            at if at < floor => Some(BEFORE_FLOOR),
            at if at > ceiling => Some(TOO_FAR_AHEAD),
            _ => None,
        };
        let mut refused: Vec<(&'static str, u64)> = Vec::new();
        let mut refuse = |signal: Signal, reason: &'static str, sample: String| {
            match refused.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, count)) => *count += 1,
                None => refused.push((reason, 1)),
            }
            batch.rejected.push(Rejected { signal, reason, sample });
        };
        batch.spans.retain(|span| match reason(span.start) {
            None => true,
            Some(reason) => {
                let start = model::time::Rfc3339(span.start);
                refuse(
                    Signal::Traces,
                    reason,
                    format!("{} {} {} {} start {start}", span.trace_id, span.span_id, span.service(), span.name),
                );
                false
            }
        });
        batch.logs.retain(|line| match reason(line.time) {
            None => true,
            Some(reason) => {
                refuse(Signal::Logs, reason, format!("{} {}", model::time::Rfc3339(line.time), line.message));
                false
            }
        });
        batch.errors.retain(|witness| match reason(witness.time) {
            None => true,
            Some(reason) => {
                let data: String = witness.data.chars().take(500).collect();
                refuse(Signal::Errors, reason, format!("{} {data}", model::time::Rfc3339(witness.time)));
                false
            }
        });
        refused
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn accept(&self, source: &'static str, mut batch: Batch, patience: Duration) -> Result<Accepted, Refused> {
        let refused = self.sift(&mut batch);
        // A line weighs about a quarter of a span, an error as much as several.
        let size =
            u32::try_from(batch.spans.len() + batch.logs.len() / 4 + 4 * batch.errors.len()).unwrap_or(IN_FLIGHT).clamp(1, IN_FLIGHT);
        let permit = match tokio::time::timeout(patience, self.in_flight.clone().acquire_many_owned(size)).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_closed)) => return Err(Refused::Closed),
            Err(_elapsed) => return Err(Refused::Busy { retry_after: Duration::from_secs(1) }),
        };
        let Some(requests) = lock(&self.requests).clone() else { return Err(Refused::Closed) };
        let (answer, wait) = oneshot::channel();
        let request = intake::Request { source, batch, refused, answer, permit };
        if requests.send(request).await.is_err() {
            return Err(Refused::Closed);
        }
        wait.await.unwrap_or(Err(Refused::Closed))
    }

    async fn remove_dataset(&self, dataset: &str) -> Result<u64, Problem> {
        let (done, wait) = oneshot::channel();
        let closed = || Problem::Unavailable("the store is closing".to_owned());
        self.orders.send(seal::Order::Remove(dataset.to_owned(), done)).await.map_err(|_| closed())?;
        wait.await.map_err(|_| closed())?
    }

    async fn set_aliases(&self, aliases: Aliases) -> Result<(), Problem> {
        // One at a time, so that what is in memory is what is on disk.
        let _gate = self.core.gate.lock().await;
        self.core.settings.set_aliases(&aliases).await.map_err(unavailable)?;
        *self.core.aliases.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Arc::new(aliases);
        Ok(())
    }

    fn metrics(&self, to: &mut String) {
        let core = &self.core;
        let mut line = |name: &str, kind: &str, help: &str, value: f64| {
            let _ = write!(to, "# HELP clew_{name} {help}\n# TYPE clew_{name} {kind}\nclew_{name} {value}\n");
        };
        let seconds = |nanos: &AtomicU64| nanos.load(Ordering::Relaxed) as f64 / 1e9;
        let figures = &core.figures;
        line("intake_commits_total", "counter", "Group commits to the intake.", figures.commits.load(Ordering::Relaxed) as f64);
        line("intake_commit_seconds_total", "counter", "Time spent in intake commits, disk included.", seconds(&figures.commit_nanos));
        line("intake_group_seconds_total", "counter", "Time from the start of a group to its commit.", seconds(&figures.group_nanos));
        let in_flight = f64::from(IN_FLIGHT) - self.in_flight.available_permits() as f64;
        line("intake_queue_spans", "gauge", "Spans received and not yet committed.", in_flight);
        line("tail_spans", "gauge", "Spans committed and not yet sealed.", core.tail_spans.load(Ordering::Relaxed) as f64);
        line("seals_total", "counter", "Times the tail was sealed into blocks.", figures.seals.load(Ordering::Relaxed) as f64);
        line("seal_seconds_total", "counter", "Time spent sealing.", seconds(&figures.seal_nanos));
        line("folds_total", "counter", "Times small blocks were folded into one.", figures.folds.load(Ordering::Relaxed) as f64);
        line("disk_bytes", "gauge", "Bytes of the data directory.", core.disk_bytes() as f64);
        to.push_str("# HELP clew_records_total Records by source, signal, fate and reason.\n# TYPE clew_records_total counter\n");
        for (source, signal, fate, reason, count) in lock(&core.ledger).counts() {
            let fate = fate.as_str();
            let _ =
                writeln!(to, "clew_records_total{{source=\"{source}\",signal=\"{signal}\",fate=\"{fate}\",reason=\"{reason}\"}} {count}");
        }
    }

    async fn close(&self) {
        self.in_flight.close();
        drop(lock(&self.requests).take());
        let mut tasks = self.tasks.lock().await;
        if tasks.is_empty() {
            return;
        }
        let (digest, log_sealer, sealer, intake) = (tasks.pop(), tasks.pop(), tasks.pop(), tasks.pop());
        // The intake first: what it still commits is sealed by the closing sealer, and its rows go at the next start.
        let (done, wait) = oneshot::channel();
        if self.orders.send(seal::Order::Settle(done)).await.is_ok() {
            let _ = wait.await;
        }
        if let Some(intake) = intake {
            let _ = intake.await;
        }
        let _ = self.orders.send(seal::Order::Close).await;
        let _ = self.log_orders.send(logs::seal::Order::Close).await;
        let _ = self.error_orders.send(errors::digest::Order::Close).await;
        for sealer in [sealer, log_sealer, digest].into_iter().flatten() {
            let _ = sealer.await;
        }
        self.core.again.close().await;
        self.core.settings.close().await;
    }
}
