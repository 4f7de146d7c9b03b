//! Queries over lines changed by a click on a value, as [`crate::query::with`] and its like do for those over spans.

use super::{LogQuery, parse_logs};
use crate::query::ast::Expr;
use crate::query::edit::{self, Choice, Filtered};
use crate::query::key::Vocabulary;

impl Filtered for LogQuery {
    const VOCABULARY: Vocabulary = Vocabulary::Logs;

    fn read(text: &str) -> Option<LogQuery> {
        parse_logs(text).ok()
    }

    fn filter(&mut self) -> &mut Option<Expr> {
        &mut self.filter
    }
}

/// What the query says of `key:value`.
pub fn choice(text: &str, key: &str, value: &str) -> Choice {
    edit::of::<LogQuery>(text, key, value)
}

/// The query that also finds `key:value`.
pub fn with(text: &str, key: &str, value: &str) -> String {
    edit::including::<LogQuery>(text, key, value)
}

/// The query that says nothing of `key:value`.
pub fn without(text: &str, key: &str, value: &str) -> String {
    edit::edit::<LogQuery>(text, key, value, |_, _| ())
}

/// The query that finds nothing with `key:value`.
pub fn exclude(text: &str, key: &str, value: &str) -> String {
    edit::excluding_too::<LogQuery>(text, key, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clicks_on_values() {
        let text = "timeout | stats count(*) by level";
        let one = with(text, "level", "WARNING");
        assert_eq!(one, "timeout level:warn | stats count(*) by level");
        assert_eq!(with(&one, "service.name", "web shop"), "timeout level:warn service.name:\"web shop\" | stats count(*) by level");
        assert_eq!(choice(&one, "level", "warn"), Choice::Included);
        assert_eq!(without(&one, "level", "warn"), text);
        assert_eq!(exclude("", "name", "a"), "-name:a");
        assert_eq!(with("", "`", "a"), "\"`\":a");
    }
}
