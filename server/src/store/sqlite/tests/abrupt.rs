//! The program ends at the worst moments: the directory is copied while the store writes, as a power cut would leave it, and opened.

use super::*;
use std::path::Path;

/// What a crash leaves: the files as they are at this moment, the intake before the days, which follow it.
pub(super) fn snapshot(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).unwrap();
    let mut files: Vec<_> = std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort_by_key(|file| (!file.to_string_lossy().contains("intake.db"), file.clone()));
    for file in files {
        std::fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_intake_is_taken_up_after_an_abrupt_end() {
    let dir = tempfile::tempdir().unwrap();
    let crashed = dir.path().join("crashed");
    let store = open(&dir.path().join("live")).await;
    let midnight = NOON - 12 * HOUR;
    put(&store, vec![span(1, 1, midnight - SECOND), span(2, 0, NOON)]).await;
    store.settle().await;
    put(&store, vec![span(1, 0, midnight + SECOND), span(1, 2, midnight - 2 * SECOND), span(3, 0, NOON), span(3, 1, NOON)]).await;
    snapshot(&dir.path().join("live"), &crashed);
    {
        let store = open(&crashed).await;
        assert_eq!(census(&store).await, (3, 6, 6));
        assert_eq!(put(&store, vec![span(3, 0, NOON), span(1, 2, midnight - 2 * SECOND)]).await.stored, 0);
        store.settle().await;
        assert_eq!(census(&store).await, (3, 6, 6));
        store.close().await;
    }
    // Half a seal: one day has it, the other not.
    store.settle().await;
    let sealed = dir.path().join("sealed");
    snapshot(&dir.path().join("live"), &sealed);
    for half in [day_of(midnight - SECOND), day_of(midnight + SECOND)] {
        snapshot(&dir.path().join("live"), &crashed);
        store.core.world();
        let again = dir.path().join("again");
        let _ = std::fs::remove_dir_all(&again);
        half_sealed(&again, half).await;
        let store = open(&again).await;
        assert_eq!(census(&store).await, (3, 6, 6), "day {half} only");
        // What the sealed half has was forgotten, and stored again.
        assert_eq!(put(&store, vec![span(3, 0, NOON), span(1, 2, midnight - 2 * SECOND)]).await.stored, 0, "day {half} only");
        assert_eq!(census(&store).await, (3, 6, 6), "day {half} only");
        store.settle().await;
        assert_eq!(census(&store).await, (3, 6, 6), "day {half} only, sealed");
        store.close().await;
    }
    store.close().await;
}

/// A directory whose last seal reached the file of `day` only: the other file is of before it, the intake still has everything.
async fn half_sealed(to: &Path, day: i64) {
    let dir = tempfile::tempdir().unwrap();
    let midnight = NOON - 12 * HOUR;
    let live = dir.path().join("live");
    let before = dir.path().join("before");
    let after = dir.path().join("after");
    let store = open(&live).await;
    put(&store, vec![span(1, 1, midnight - SECOND), span(2, 0, NOON)]).await;
    store.settle().await;
    put(&store, vec![span(1, 0, midnight + SECOND), span(1, 2, midnight - 2 * SECOND), span(3, 0, NOON), span(3, 1, NOON)]).await;
    snapshot(&live, &before);
    store.settle().await;
    snapshot(&live, &after);
    store.close().await;
    snapshot(&before, to);
    let file = directory::day_file(day);
    for suffix in ["", "-wal", "-shm"] {
        let name = format!("{file}{suffix}");
        let _ = std::fs::remove_file(to.join(&name));
        if after.join(&name).exists() {
            std::fs::copy(after.join(&name), to.join(&name)).unwrap();
        }
    }
}
