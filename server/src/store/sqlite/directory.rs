//! The data directory: whose it is, and that only one process has it.

use crate::store::OpenError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

const LOCK: &str = "clew.lock";
/// Raised when an older Clew must not touch the files any more.
const FORMAT: u32 = 1;
const HEAD: &str = "clew data, format ";

/// Holds the lock of a data directory until it is dropped.
#[derive(Debug)]
pub struct Directory {
    pub path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Makes the directory if need be, and locks it.
    pub fn open(path: &Path) -> Result<Directory, OpenError> {
        let unwritable = |error: std::io::Error| OpenError::Unwritable(path.to_owned(), error.to_string());
        let ours = match std::fs::read_to_string(path.join(LOCK)) {
            Ok(head) => match head.strip_prefix(HEAD).map(|rest| rest.trim().parse::<u32>()) {
                Some(Ok(format)) if format > FORMAT => return Err(OpenError::Newer(path.to_owned())),
                Some(Ok(_)) => true,
                // A crash between making the file and writing it leaves it empty.
                _ if head.is_empty() => true,
                _ => return Err(OpenError::Foreign(path.to_owned())),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(unwritable(error)),
        };
        if !ours {
            match std::fs::read_dir(path) {
                Ok(entries) => {
                    for entry in entries {
                        // The root of a mounted volume is not foreign.
                        if entry.map_err(unwritable)?.file_name() != "lost+found" {
                            return Err(OpenError::Foreign(path.to_owned()));
                        }
                    }
                }
                Err(error) if error.kind() == ErrorKind::NotFound => std::fs::create_dir_all(path).map_err(unwritable)?,
                Err(error) => return Err(unwritable(error)),
            }
        }
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path.join(LOCK));
        let mut lock = open.map_err(unwritable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        let mut head = String::new();
        lock.read_to_string(&mut head).map_err(unwritable)?;
        if head.is_empty() {
            lock.rewind().and_then(|()| writeln!(lock, "{HEAD}{FORMAT}")).and_then(|()| lock.sync_all()).map_err(unwritable)?;
        }
        Ok(Directory { path: path.to_owned(), _lock: lock })
    }

    /// Days that have a file of spans, ascending, in days since the epoch.
    pub fn days(&self) -> std::io::Result<Vec<i64>> {
        self.days_of(SPANS)
    }

    /// Days that have a file of log lines.
    pub fn log_days(&self) -> std::io::Result<Vec<i64>> {
        self.days_of(LOGS)
    }

    /// Days that have a file of errors.
    pub fn error_days(&self) -> std::io::Result<Vec<i64>> {
        self.days_of(ERRORS)
    }

    fn days_of(&self, what: &str) -> std::io::Result<Vec<i64>> {
        let mut days = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            days.extend(entry?.file_name().to_str().and_then(|name| day_of_file(what, name)));
        }
        days.sort_unstable();
        Ok(days)
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        let Ok(entries) = std::fs::read_dir(&self.path) else { return 0 };
        entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|metadata| metadata.len()).sum()
    }
}

const SPANS: &str = "spans";
const LOGS: &str = "logs";
const ERRORS: &str = "errors";

/// `spans-20261122.db`
pub fn day_file(day: i64) -> String {
    file_of(SPANS, day)
}

/// `logs-20261122.db`
pub fn log_file(day: i64) -> String {
    file_of(LOGS, day)
}

/// `errors-20261122.db`
pub fn error_file(day: i64) -> String {
    file_of(ERRORS, day)
}

fn file_of(what: &str, day: i64) -> String {
    let (year, month, date) = model::time::civil(day);
    format!("{what}-{year:04}{month:02}{date:02}.db")
}

fn day_of_file(what: &str, name: &str) -> Option<i64> {
    let digits = name.strip_prefix(what)?.strip_prefix('-')?.strip_suffix(".db")?;
    let at = digits.len().checked_sub(4)?;
    let (year, rest) = (digits.get(..at)?, digits.get(at..)?);
    let day = model::time::days_from_civil(year.parse().ok()?, rest.get(..2)?.parse().ok()?, rest.get(2..)?.parse().ok()?);
    (file_of(what, day) == name).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_and_only_our_own_directory() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a/b");
        let first = Directory::open(&path).unwrap();
        assert_eq!(Directory::open(&path).unwrap_err(), OpenError::Locked(path.clone()));
        drop(first);
        drop(Directory::open(&path).unwrap());

        let newer = temp.path().join("newer");
        std::fs::create_dir(&newer).unwrap();
        std::fs::write(newer.join(LOCK), "clew data, format 2\n").unwrap();
        assert_eq!(Directory::open(&newer).unwrap_err(), OpenError::Newer(newer.clone()));

        let foreign = temp.path().join("foreign");
        std::fs::create_dir(&foreign).unwrap();
        std::fs::write(foreign.join("thesis.tex"), "x").unwrap();
        assert_eq!(Directory::open(&foreign).unwrap_err(), OpenError::Foreign(foreign.clone()));
        assert_eq!(std::fs::read_dir(&foreign).unwrap().count(), 1);

        let file = temp.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(matches!(Directory::open(&file.join("sub")).unwrap_err(), OpenError::Unwritable(..)));
    }

    #[test]
    fn day_files_have_the_name_of_their_day() {
        for day in [0, 20_779, -1] {
            assert_eq!(day_of_file(SPANS, &day_file(day)), Some(day));
            assert_eq!(day_of_file(LOGS, &log_file(day)), Some(day));
        }
        assert_eq!(day_file(0), "spans-19700101.db");
        for name in ["spans-19700101.db-wal", "spans-1970.db", "spans-19701301.db", "spans-é0101.db"] {
            assert_eq!(day_of_file(SPANS, name), None);
        }
    }
}
