//! What the text before the cursor is the beginning of, in queries over lines.

use super::commands::is_command;
use super::{Command, parse_logs};
use crate::query::complete::{Completing, completion};
use std::ops::Range;

/// What may be completed, and where the suggestion goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogCompletion {
    pub completing: LogCompleting,
    /// Bytes of the text that a suggestion replaces.
    pub replace: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogCompleting {
    /// In the filter, or a value within the command `filter`. At the beginning of a text a key may also be a command.
    Filter(Completing),
    /// One of [`super::LOG_COMMANDS`].
    Command {
        prefix: String,
    },
    /// A field's name, or one of [`super::FUNCTIONS`]; with `aggregates` also of [`super::AGGREGATES`].
    Expression {
        prefix: String,
        aggregates: bool,
        /// Names that the commands before define.
        names: Vec<String>,
    },
    Nothing,
}

/// What is being written at the cursor, a byte offset. Any text and any offset will do.
pub fn log_completion(text: &str, cursor: usize) -> LogCompletion {
    let mut cursor = cursor.min(text.len());
    while !text.is_char_boundary(cursor) {
        cursor -= 1;
    }
    let (start, quote) = segment(&text[..cursor]);
    let before = &text[start..cursor];
    let command = before.trim_start();
    let word = &command[..command.find(|c: char| !in_name(c)).unwrap_or(command.len())];
    if start == 0 && (word.len() == command.len() || !is_command(word)) {
        let found = completion(text, cursor);
        return LogCompletion { completing: LogCompleting::Filter(found.completing), replace: found.replace };
    }
    let is_end = |c: char| !in_name(c);
    let end = cursor + text[cursor..].find(is_end).unwrap_or(text.len() - cursor);
    if word.len() == command.len() {
        let replace = cursor - word.len()..end;
        return LogCompletion { completing: LogCompleting::Command { prefix: word.into() }, replace };
    }
    let nothing = LogCompletion { completing: LogCompleting::Nothing, replace: cursor..cursor };
    let word = word.to_ascii_lowercase();
    if let Some(at) = quote {
        let value = (word == "filter").then(|| value(text, start, at, cursor)).flatten();
        return value.unwrap_or(nothing);
    }
    let from = before.rfind(is_end).map_or(start, |at| start + at + before[at..].chars().next().map_or(1, char::len_utf8));
    let prefix = &text[from..cursor];
    let last = text[start..from].trim_end().rsplit(|c: char| c.is_whitespace()).next().unwrap_or_default();
    if prefix.starts_with(|c: char| c.is_ascii_digit())
        || ["limit", "head", "tail"].contains(&word.as_str())
        || last.eq_ignore_ascii_case("as")
        || text[start..from].ends_with('`')
    {
        return nothing;
    }
    let by = text[start..from].split_whitespace().any(|word| word.eq_ignore_ascii_case("by"));
    let completing = LogCompleting::Expression { prefix: prefix.into(), aggregates: word == "stats" && !by, names: names(&text[..start]) };
    LogCompletion { completing, replace: from..end }
}

fn in_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '$' | '.')
}

/// Where the command begins that is being written at the end of the text, and the quote that is open there.
fn segment(text: &str) -> (usize, Option<usize>) {
    let mut start = 0;
    let mut open: Option<(usize, char)> = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (c, open) {
            _ if escaped => escaped = false,
            ('\\', _) => escaped = true,
            (c, Some((_, quote))) => open = open.filter(|_| c != quote),
            // An apostrophe in a search is no quote.
            ('\'', None) if start == 0 && !is_command(text.split_whitespace().next().unwrap_or_default()) => (),
            ('"' | '\'', None) => open = Some((at, c)),
            ('|', None) => start = at + 1,
            _ => (),
        }
    }
    (start, open.map(|(at, _)| at))
}

/// The value of a comparison `field = "...` whose quote is at `quote`.
fn value(text: &str, start: usize, quote: usize, cursor: usize) -> Option<LogCompletion> {
    let before = text[start..quote].trim_end();
    let before = before.strip_suffix('=')?;
    let before = before.strip_suffix(['!', '=']).unwrap_or(before).trim_end();
    let key = &before[before.rfind(|c| !in_name(c)).map_or(0, |at| at + 1)..];
    let sign = &text[quote..quote + 1];
    let end = text[cursor..].find(sign).map_or(cursor, |at| cursor + at + 1);
    let completing = Completing::Value { key: key.into(), prefix: text[quote + 1..cursor].into() };
    (!key.is_empty()).then_some(LogCompletion { completing: LogCompleting::Filter(completing), replace: quote..end })
}

/// Names that complete commands define.
fn names(before: &str) -> Vec<String> {
    let Some(query) = before.strip_suffix('|').and_then(|text| parse_logs(text).ok()) else { return Vec::new() };
    let mut names = Vec::new();
    for command in &query.commands {
        match command {
            Command::Fields(columns) | Command::Display(columns) => {
                names.extend(columns.iter().filter(|column| !column.expression.is_field(&column.name)).map(|column| column.name.clone()));
            }
            Command::Stats { measures, by } => names = by.iter().chain(measures).map(|column| column.name.clone()).collect(),
            Command::Parse { pattern, .. } => names.extend(pattern.names()),
            Command::Pattern(_) => names = super::PATTERN_COLUMNS.map(str::to_owned).into(),
            _ => (),
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `^` is the cursor.
    fn at(marked: &str) -> LogCompletion {
        log_completion(&marked.replace('^', ""), marked.find('^').unwrap())
    }

    fn expression(prefix: &str, aggregates: bool, names: &[&str], replace: Range<usize>) -> LogCompletion {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        LogCompletion { completing: LogCompleting::Expression { prefix: prefix.into(), aggregates, names }, replace }
    }

    #[test]
    fn what_is_being_written() {
        let key = |prefix: &str| LogCompleting::Filter(Completing::Key { prefix: prefix.into() });
        let command = |prefix: &str| LogCompleting::Command { prefix: prefix.into() };
        assert_eq!(at("^").completing, key(""));
        assert_eq!(at("fie^").completing, key("fie"));
        let value = |key: &str, prefix: &str| LogCompleting::Filter(Completing::Value { key: key.into(), prefix: prefix.into() });
        assert_eq!(at("don't level:e^").completing, value("level", "e"));
        assert_eq!(at("a | ^").completing, command(""));
        assert_eq!(at("a | st^ats x"), LogCompletion { completing: command("st"), replace: 4..9 });
        assert_eq!(at("fields @ti^me, b"), expression("@ti", false, &[], 7..12));
        assert_eq!(at("| stats ^"), expression("", true, &[], 8..8));
        assert_eq!(at("a | stats count(*) by le^"), expression("le", false, &[], 22..24));
        assert_eq!(at("stats count(*) as n by bin(1h) as t | sort ^"), expression("", false, &["t", "n"], 43..43));
        assert_eq!(at("parse '* *' as a, b | filter a^"), expression("a", false, &["a", "b"], 29..30));
        assert_eq!(at("a | fields x as ^").completing, LogCompleting::Nothing);
        assert_eq!(at("a | limit 1^").completing, LogCompleting::Nothing);
        assert_eq!(at("a | filter x like \"sta|^\"").completing, LogCompleting::Nothing);
        assert_eq!(at("a | filter level = \"er^r\""), LogCompletion { completing: value("level", "er"), replace: 19..24 });
    }

    proptest! {
        #[test]
        fn any_text_any_cursor(text in "(a|é|\\||\"|'|`| |fields |stats |filter |by |as |=|\\(|\\\\|,|1|@){0,14}", cursor in 0usize..60) {
            let completion = log_completion(&text, cursor);
            prop_assert!(text.get(completion.replace).is_some());
        }
    }
}
