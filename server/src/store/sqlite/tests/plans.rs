//! No statement reads a whole table, but those that are meant to and whose tables are small.

use super::super::{day, errors, journal, logs, settings};
use super::*;
use sqlx::{ConnectOptions, Row};

async fn plan(file: &std::path::Path, sql: &str) -> String {
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = sqlx::query(explain).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(3)).collect::<Vec<_>>().join("; ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_reads_a_whole_table() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    put(&store, vec![span(1, 0, NOON)]).await;
    lines::write(&store, 1, lines::many(1, NOON)).await;
    let error = super::errors::item(1, NOON);
    store.accept("rollbar", Batch { errors: vec![error], ..Batch::default() }, Duration::from_secs(10)).await.unwrap();
    store.close().await;
    // Read once, whole, when a day or the store is opened.
    let whole = [day::BLOCKS, day::RUNS, day::GONE, journal::ROWS, journal::LEDGER, journal::SAMPLES, settings::PENDING, settings::ALIASES];
    let whole =
        [&whole[..], &[journal::LINES, journal::ERRORS, journal::REQUESTS, journal::FORGET_REQUESTS, logs::day::BLOCKS, logs::day::GONE]]
            .concat();
    let whole = [&whole[..], &errors::WHOLE].concat();
    let statements: [(&str, &[&str]); 6] = [
        ("intake.db", &journal::STATEMENTS),
        ("catalog.db", &settings::STATEMENTS),
        (&directory::day_file(day_of(NOON)), &day::STATEMENTS),
        (&directory::log_file(day_of(NOON)), &logs::day::STATEMENTS),
        ("catalog.db", errors::STATEMENTS[0]),
        (&directory::error_file(day_of(NOON)), errors::STATEMENTS[1]),
    ];
    for (file, statements) in statements {
        for sql in statements {
            let plan = plan(&dir.path().join(file), sql).await;
            // Rows of a parameter, and what was made of them, are no table.
            let of_table = |step: &&str| step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE") && !step.contains("CONSTANT");
            let scans = plan.split("; ").filter(of_table).filter(|step| *step != "SCAN of");
            assert!(whole.contains(sql) || scans.count() == 0, "{sql}: {plan}");
        }
    }
}
