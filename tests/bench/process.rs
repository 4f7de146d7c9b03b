//! What the kernel knows of the server: CPU, memory, bytes written; and its data directory's size.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Figures of a process, from `/proc/PID`.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

impl Process {
    /// User and system CPU so far, all threads, in seconds (to 1/100 s).
    pub fn cpu(self) -> f64 {
        let stat = self.read("stat");
        // After the command's name in brackets, which may hold anything, fields count from 3; utime is 14, stime 15 (proc(5)).
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        // USER_HZ is 100 on every Linux that Rust's tier 1 knows.
        ticks as f64 / 100.0
    }

    /// Resident memory now, in MB (10^6 bytes).
    pub fn resident(self) -> f64 {
        self.status("VmRSS:")
    }

    /// The most resident memory there ever was, in MB.
    pub fn peak(self) -> f64 {
        self.status("VmHWM:")
    }

    /// Bytes handed to the disk so far.
    pub fn written(self) -> u64 {
        field(&self.read("io"), "write_bytes:")
    }

    fn status(self, name: &str) -> f64 {
        field(&self.read("status"), name) as f64 * 1024.0 / 1e6
    }

    fn read(self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.0)).unwrap_or_else(|error| panic!("the server is gone: {error}"))
    }

    /// Waits until the process has done next to nothing for two seconds, at most a minute. Returns how long it took.
    pub fn settle(self) -> Duration {
        let begun = Instant::now();
        let mut cpu = self.cpu();
        loop {
            std::thread::sleep(Duration::from_secs(2));
            let now = self.cpu();
            if now - cpu < 0.05 || begun.elapsed() > Duration::from_secs(60) {
                return begun.elapsed();
            }
            cpu = now;
        }
    }
}

fn field(text: &str, name: &str) -> u64 {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// Bytes of all files in a directory, by name of the file up to the first digit or dot, and in all.
pub fn disk(directory: &Path) -> (u64, Vec<(String, u64)>) {
    let mut files = Vec::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => folders.push(entry.path()),
                Ok(meta) => files.push((entry.file_name().to_string_lossy().into_owned(), meta.len())),
                Err(_) => (),
            }
        }
    }
    files.sort();
    (files.iter().map(|(_, length)| length).sum(), files)
}
