//! By which version of the grouping algorithm each project is grouped. A newer version makes other keys of the same errors: for 30 days after
//! a project came to it, an error without a group by its new key is looked up by its key of the version before, and stays where it was.

use crate::errors::grouping::{BEFORE, VERSION};
use crate::store::sqlite::file::DbFile;
use model::time::{DAY, Nanos};
use rustc_hash::FxHashMap;

pub const UPGRADE: &str = "UPDATE error_algorithm SET before = version, version = ?1, since = ?2 WHERE version <> ?1";
pub const ALL: &str = "SELECT project, before, since FROM error_algorithm";
pub const PUT: &str = "INSERT OR IGNORE INTO error_algorithm (project, version, since) VALUES (?1, ?2, ?3)";

/// How long keys of the version before are looked up.
const BOTH: Nanos = 30 * DAY;

/// What is known of projects: the version before, if there was one, and since when it is the one before.
pub struct Algorithms(FxHashMap<String, (Option<String>, Nanos)>);

impl Algorithms {
    /// Of the catalog. Projects of an earlier version come to this one.
    pub async fn open(catalog: &DbFile, now: Nanos) -> Result<Algorithms, sqlx::Error> {
        let mut writer = catalog.writer().await?;
        sqlx::query(UPGRADE).bind(VERSION).bind(now).execute(&mut *writer).await?;
        let all: Vec<(String, Option<String>, Nanos)> = sqlx::query_as(ALL).fetch_all(&mut *writer).await?;
        Ok(Algorithms(all.into_iter().map(|(project, before, since)| (project, (before, since))).collect()))
    }

    pub fn knows(&self, project: &str) -> bool {
        self.0.contains_key(project)
    }

    /// Notes a new project.
    pub fn add(&mut self, project: String, now: Nanos) {
        self.0.insert(project, (None, now));
    }

    /// Whether the project's errors are also looked up as the version before grouped them.
    pub fn looks_up_both(&self, project: &str, now: Nanos) -> bool {
        let known = self.0.get(project);
        BEFORE.is_some() && known.is_some_and(|(before, since)| before.as_deref() == BEFORE && now < since + BOTH)
    }
}
