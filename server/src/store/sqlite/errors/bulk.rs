//! Statements over many rows at once: the rows are a JSON array that `json_each` takes apart, so that what a row costs is what SQLite does with
//! it, not the way to its thread and back. A text with a NUL ends there: what is looked up by such a text is bound on its own.

use serde::Serialize;
use sqlx::SqliteConnection;

/// A JSON array of plain values, for `IN (SELECT value FROM json_each(?))`.
pub fn list<T: std::fmt::Display>(values: impl IntoIterator<Item = T>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    format!("[{}]", values.join(","))
}

/// Rows as a JSON array of arrays.
pub fn rows<R: Serialize>(rows: &[R]) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Runs a statement whose only parameter is its rows; not at all if there are none.
pub async fn each<R: Serialize>(to: &mut SqliteConnection, sql: &'static str, of: &[R]) -> Result<(), sqlx::Error> {
    if of.is_empty() {
        return Ok(());
    }
    sqlx::query(sql).bind(rows(of)?).execute(to).await.map(drop)
}
