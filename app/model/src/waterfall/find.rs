//! Search inside the trace, as far as the columns go: the browser answers at once from what it has, and the server adds
//! what only it can see (attributes, events, exact comparisons).

use crate::columns::Columns;
use crate::span::Status;

/// By span, whether every word of `text` is in its service or name, or is its id, its HTTP status, or `error`. Case does
/// not matter.
pub fn find_in_columns(columns: &Columns, text: &str) -> Vec<bool> {
    let mut found = vec![!text.trim().is_empty(); columns.len()];
    for word in text.split_whitespace() {
        let word = word.trim_matches('"').to_lowercase();
        let in_text = |texts: &[String]| -> Vec<bool> { texts.iter().map(|text| text.to_lowercase().contains(&word)).collect() };
        let (services, names) = (in_text(&columns.services), in_text(&columns.names));
        let status: Option<u16> = word.parse().ok();
        let id: Option<crate::id::SpanId> = word.parse().ok();
        for (n, found) in found.iter_mut().enumerate().filter(|(_, found)| **found) {
            *found = services[columns.service[n] as usize]
                || names[columns.name[n] as usize]
                || (word == "error" && columns.flags[n].status() == Status::Error)
                || (status.is_some_and(|code| code != 0 && code == columns.http_status[n]))
                || (id.is_some_and(|id| id == columns.id[n]));
        }
    }
    found
}
