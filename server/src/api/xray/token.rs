//! Paging tokens of `GetTraceSummaries`: where the page before ended, and a mark of that and of what was asked, so
//! that neither another request's token nor one that was made up is taken for one of this.

use super::Failure;
use model::port::Cursor;
use xxhash_rust::xxh3::xxh3_64;

/// The token of the page after `cursor`.
pub fn write(cursor: &Cursor, asked: &str) -> String {
    format!("{cursor}.{:016x}", xxh3_64(format!("{cursor} {asked}").as_bytes()))
}

/// Where a page begins; AWS's clients send an empty token for the first.
pub fn read(token: Option<&str>, asked: &str) -> Result<Option<Cursor>, Failure> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let cursor = token.rsplit_once('.').and_then(|(cursor, _)| cursor.parse().ok());
    match cursor.filter(|cursor| write(cursor, asked) == token) {
        Some(cursor) => Ok(Some(cursor)),
        None => Err(Failure::invalid("The NextToken is not one of ours, or was given to another request.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::id::TraceId;

    #[test]
    fn a_token_belongs_to_its_request() {
        let cursor = Cursor { value: -5, trace_id: TraceId([7; 16]), as_of: 9 };
        let token = write(&cursor, "fault 1 2");
        assert_eq!(read(Some(&token), "fault 1 2").unwrap(), Some(cursor));
        assert_eq!(read(Some(""), "").unwrap(), None);
        assert_eq!(read(None, "").unwrap(), None);
        for (token, asked) in [(&*token, "error 1 2"), ("x", ""), ("1.2.3.4", ""), (&token[1..], "fault 1 2")] {
            assert!(read(Some(token), asked).is_err(), "{token}");
        }
    }
}
