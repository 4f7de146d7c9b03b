//! Keys that lead to groups: chosen ones, and those of another version of the algorithm.

use super::*;
use crate::errors::grouping;

/// A newer version of the algorithm makes other keys of the same errors.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_algorithm_finds_the_groups_of_the_one_before_for_30_days() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = timed(dir.path()).await;
    let at = |n: u32, class: &str, time: Nanos| Witness {
        data: data(class, "m", "order", serde_json::json!({"uuid": format!("uuid-{n}")})),
        ..item(n, time)
    };
    let of = |n: u32, class: &str| at(n, class, NOON);
    send(&store, vec![of(1, "First"), of(2, "Second")]).await;
    store.settle_errors().await;
    store.close().await;
    drop(store);
    // As if the version before had made them.
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("catalog.db"));
    let mut connection = sqlx::ConnectOptions::connect(&file).await.unwrap();
    for class in ["First", "Second"] {
        let item: serde_json::Value = serde_json::from_str(&of(0, class).data).unwrap();
        let (new, before) = (grouping::keys(&item, &|_| false).group, grouping::keys_before(&item, &|_| false).unwrap().group);
        assert_ne!(new, before);
        let moved = sqlx::query("UPDATE error_alias SET fingerprint = ?2 WHERE fingerprint = ?1").bind(new).bind(before);
        assert_eq!(moved.execute(&mut connection).await.unwrap().rows_affected(), 1);
    }
    let earlier = sqlx::query("UPDATE error_algorithm SET version = ?1").bind(grouping::BEFORE);
    assert_eq!(earlier.execute(&mut connection).await.unwrap().rows_affected(), 1);
    sqlx::Connection::close(connection).await.unwrap();

    let (store, clock) = timed(dir.path()).await;
    clock.store(NOON + 29 * DAY, Ordering::Relaxed);
    send(&store, vec![at(3, "First", NOON + 29 * DAY)]).await;
    store.settle_errors().await;
    clock.store(NOON + 31 * DAY, Ordering::Relaxed);
    // The first was found in time and has its new key since, the second was not.
    send(&store, vec![at(4, "First", NOON + 31 * DAY), at(5, "Second", NOON + 31 * DAY)]).await;
    store.settle_errors().await;
    let mut counts: Vec<(String, u64)> = groups(&store, "").await.into_iter().map(|group| (group.class, group.count)).collect();
    counts.sort();
    assert_eq!(counts, [("First".to_owned(), 3), ("Second".to_owned(), 1), ("Second".to_owned(), 1)]);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_fingerprint_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for (n, fingerprint) in ["a\0b", "a\0b", "\"q\" \\ é\u{1f600}", "\"q\" \\ é\u{1f600}"].into_iter().enumerate() {
        let more = serde_json::json!({"uuid": format!("uuid-{n}"), "fingerprint": fingerprint});
        let error = Witness { data: data("E", "m", "order", more), ..item(n as u32, NOON) };
        send(&store, vec![error]).await;
        store.settle_errors().await;
    }
    let counts: Vec<u64> = groups(&store, "").await.into_iter().map(|group| group.count).collect();
    assert_eq!(counts, [2, 2]);
    store.close().await;
}
