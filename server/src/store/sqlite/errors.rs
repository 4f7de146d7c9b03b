//! Errors over SQLite: what the intake committed waits here, `digest` groups it into the catalog and the files of days (`day`), `read` answers
//! questions, `write` is what people do.

mod algorithm;
mod assign;
mod bodies;
mod bulk;
mod catalog;
mod codec;
mod day;
pub mod digest;
pub mod intake;
mod meet;
mod place;
mod prepare;
mod query;
mod rank;
mod read;
mod requests;
mod rows;
mod version;
mod write;

use super::Core;
use super::day::lock;
use super::directory::{self, Directory};
use super::file::DbFile;
use crate::errors::rules::Rules;
use algorithm::Algorithms;
use day::ErrorFile;
use model::error::Witness;
use model::time::Nanos;
use prepare::Exploded;
use rustc_hash::FxHashSet;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::Notify;

/// What the digest and the readers share.
pub struct ErrorCore {
    days: RwLock<Arc<BTreeMap<i64, Arc<ErrorFile>>>>,
    /// `catalog.db`, for readers and for one writer at a time: the digest or a person.
    pub catalog: DbFile,
    /// Committed and not yet digested.
    pending: Mutex<VecDeque<Arc<Witness>>>,
    /// Bytes of their data.
    pub pending_bytes: AtomicUsize,
    /// Identities of what is pending or being digested.
    undigested: Mutex<FxHashSet<[u8; 16]>>,
    /// Every witness up to this `seq` is digested.
    pub digested: AtomicU64,
    /// A digest failed: it may have left a part of its batch in the files of days.
    cut_off: AtomicBool,
    pub digest_now: Notify,
    pub digested_some: Notify,
    exploded: Mutex<Exploded>,
    algorithms: Mutex<Algorithms>,
    rules: RwLock<Option<Arc<Rules>>>,
}

const EXPLODED: &str = "SELECT site FROM error_exploded";
const RULES: &str = "SELECT rules FROM error_rules WHERE id = 1";

impl ErrorCore {
    /// Of what is on disk; what a digest left half done is undone.
    pub async fn open(catalog: &Path, directory: &Directory, now: Nanos) -> Result<ErrorCore, anyhow::Error> {
        let catalog = DbFile::new(catalog.to_owned(), "PRAGMA synchronous = FULL; PRAGMA cache_size = -8000;");
        let cursor: Option<i64> = sqlx::query_scalar(catalog::CURSOR).fetch_optional(catalog.readers()).await?;
        let cursor = cursor.unwrap_or(0).cast_unsigned();
        let mut days = BTreeMap::new();
        for number in directory.error_days()? {
            let file = ErrorFile::new(number, directory.path.join(directory::error_file(number)));
            file.cut(cursor).await?;
            days.insert(number, Arc::new(file));
        }
        let algorithms = Algorithms::open(&catalog, now).await?;
        let sites: Vec<String> = sqlx::query_scalar(EXPLODED).fetch_all(catalog.readers()).await?;
        let rules: Option<String> = sqlx::query_scalar(RULES).fetch_optional(catalog.readers()).await?;
        let rules = rules.filter(|rules| !rules.trim().is_empty()).and_then(|rules| match Rules::parse(&rules) {
            Ok(rules) => Some(Arc::new(rules)),
            Err(error) => {
                tracing::error!("the rules for grouping errors cannot be read: {error}");
                None
            }
        });
        Ok(ErrorCore {
            days: RwLock::new(Arc::new(days)),
            catalog,
            pending: Mutex::default(),
            pending_bytes: AtomicUsize::new(0),
            undigested: Mutex::default(),
            digested: AtomicU64::new(cursor),
            cut_off: AtomicBool::new(false),
            digest_now: Notify::new(),
            digested_some: Notify::new(),
            exploded: Mutex::new(Exploded::new(sites)),
            algorithms: Mutex::new(algorithms),
            rules: RwLock::new(rules),
        })
    }

    fn days(&self) -> Arc<BTreeMap<i64, Arc<ErrorFile>>> {
        self.days.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The day's file if there is one.
    fn day(&self, number: i64) -> Option<Arc<ErrorFile>> {
        self.days().get(&number).cloned()
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<i64, Arc<ErrorFile>>) -> T) -> T {
        let mut guard = self.days.write().unwrap_or_else(PoisonError::into_inner);
        let mut days = BTreeMap::clone(&guard);
        let result = change(&mut days);
        *guard = Arc::new(days);
        result
    }

    /// The first day that has a file.
    pub fn first_day(&self) -> Option<i64> {
        self.days().keys().next().copied()
    }

    /// Removes a day's occurrences. Groups and their counters stay.
    pub async fn drop_day(&self, number: i64) -> Result<(), std::io::Error> {
        match self.change(|days| days.remove(&number)) {
            Some(day) => day.db.remove().await,
            None => Ok(()),
        }
    }

    fn rules(&self) -> Option<Arc<Rules>> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Core {
    /// The day's file of occurrences, made if it is new.
    fn error_day(&self, number: i64) -> Arc<ErrorFile> {
        if let Some(day) = self.errors.day(number) {
            return day;
        }
        let path = self.directory.path.join(directory::error_file(number));
        self.errors.change(|days| days.entry(number).or_insert_with(|| Arc::new(ErrorFile::new(number, path))).clone())
    }
}

/// Every statement of the digest on `catalog.db`, and those on a day's file.
#[cfg(test)]
pub const STATEMENTS: [&[&str]; 2] = [
    &[
        algorithm::UPGRADE,
        algorithm::ALL,
        algorithm::PUT,
        catalog::CURSOR,
        catalog::SET_CURSOR,
        catalog::LAST_NUMBER,
        catalog::ALIASES,
        catalog::PUT_ALIAS,
        catalog::PUT_GROUP,
        catalog::ADD,
        catalog::BETTER,
        catalog::ADD_HOURS,
        catalog::ADD_VALUES,
        catalog::TAKE_VALUE,
        catalog::NEW_PEOPLE,
        catalog::PUT_PEOPLE,
        catalog::PUT_REQUESTS,
        catalog::TAKE_REQUEST,
        catalog::PUT_VERSION,
        catalog::LEARN,
        catalog::NAME,
        catalog::NAME_GROUPS,
        catalog::EXPLODE,
        catalog::ABSORB,
        catalog::JOIN,
        catalog::ROOTS,
        catalog::NOTE,
        meet::STATES,
        meet::COME_BACK,
        meet::WAKE,
        meet::TO_WAKE,
        rank::SUM,
        rank::LATELY,
        rank::STATE,
        rank::SET,
        rank::STALE,
        version::DEPLOYED,
        version::DEPLOY_OF,
        version::FIRST_SEEN,
    ],
    &[
        day::KNOWN,
        day::NEAR,
        day::ALIKE,
        day::OF_TRACES,
        day::PUT,
        day::FOLD,
        day::PUT_TRACES,
        day::PUT_CHUNK,
        day::PUT_WITNESSES,
        day::LAST,
        day::NEWEST,
        day::LAST_ONES,
        day::NEWER,
        day::ONE,
        day::BY_UUID,
        day::WITNESSES,
        day::CHUNK,
    ],
];

/// Those that read a whole table: a small one, or hardly ever, or only its end.
#[cfg(test)]
pub const WHOLE: [&str; 4] = [algorithm::UPGRADE, algorithm::ALL, catalog::NAME_GROUPS, day::LAST_ONES];
