//! What of the values of occurrences is counted.

use super::*;

/// Of values that are different every time a hundred or so are counted, and these truly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_without_end_do_not_fill_the_catalog() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for batch in 0..3 {
        let of = |n: u32| Witness { host: format!("lambda-{}", n * (batch + 1)), ..item(batch * 1000 + n, NOON) };
        send(&store, (0..300).map(of).chain([Witness { host: "lambda-0".into(), ..item(batch * 1000 + 999, NOON) }]).collect()).await;
        store.settle_errors().await;
    }
    let detail = store.error(&Ask::now(), 1).await.unwrap();
    let breakdown = |kind: &str| detail.breakdowns.iter().find(|breakdown| breakdown.kind == kind).unwrap();
    assert_eq!(breakdown("context").values, [("/orders/<id>".to_owned(), 903)]);
    assert_eq!(breakdown("host").values[0], ("lambda-0".to_owned(), 6));
    store.close().await;
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("catalog.db"));
    let mut connection = sqlx::ConnectOptions::connect(&file).await.unwrap();
    let hosts = "SELECT count(*) FROM error_value WHERE number = 1 AND kind = 2";
    let hosts: i64 = sqlx::query_scalar(hosts).fetch_one(&mut connection).await.unwrap();
    assert!((100..200).contains(&hosts), "{hosts}");
}
