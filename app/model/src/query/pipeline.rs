//! Text to query: the commands after `|`.

use super::ast::{Command, Function, Key, Measure, ParseError, Query, Stats};
use super::key;
use super::lex::{Lexer, error};
use super::parse::{Parser, and};
use super::print;
use crate::time::{self, Nanos};

const EXPECTED: &str = "expected a command: stats, sort, limit or filter";
const FUNCTIONS: &str = "expected a function: count, errors, count_distinct, sum, avg, min, max, p95 or pct";

/// Whether a text that begins with this word may be a pipeline.
pub(super) fn is_command(word: &str) -> bool {
    ["stats", "sort", "limit", "filter"].iter().any(|command| command.eq_ignore_ascii_case(word))
}

/// The columns of a stats result: `bin(...)` if there is one, the group keys, the measures.
pub fn columns(stats: &Stats) -> Vec<String> {
    let bin = stats.bin.map(print::bin_text);
    let keys = stats.by.iter().map(key::key_text);
    bin.into_iter().chain(keys).chain(stats.measures.iter().map(|measure| measure.name.clone())).collect()
}

impl Parser<'_> {
    /// Reads one command and the white space after it.
    pub(super) fn command(&mut self, query: &mut Query) -> Result<(), ParseError> {
        let start = self.lexer.at;
        let word = self.lexer.item();
        self.lexer.at += word.len();
        self.lexer.skip_space();
        let had_stats = query.pipeline.iter().any(|command| matches!(command, Command::Stats(_)));
        let command = match word.to_ascii_lowercase().as_str() {
            "stats" if had_stats => return error(start, "expected only one `stats`"),
            "stats" => Command::Stats(self.lexer.stats()?),
            "sort" => self.lexer.sort(&query.pipeline)?,
            "limit" => Command::Limit(self.lexer.limit()?),
            "filter" if !query.pipeline.is_empty() => return error(start, "expected `filter` before the other commands"),
            "filter" => {
                let expr = self.filter_command()?;
                query.filter = Some(and(query.filter.take(), expr));
                return Ok(());
            }
            _ => return error(start, EXPECTED),
        };
        query.pipeline.push(command);
        self.lexer.skip_space();
        Ok(())
    }
}

impl Lexer<'_> {
    fn stats(&mut self) -> Result<Stats, ParseError> {
        let mut stats = Stats::default();
        loop {
            let function = self.call()?;
            let name = if self.eat_word("as") { self.name("expected a name after `as`")? } else { print::call_text(&function) };
            stats.measures.push(Measure { function, name });
            self.skip_space();
            if !self.eat(",") {
                break;
            }
        }
        if !self.eat_word("by") {
            return Ok(stats);
        }
        loop {
            self.skip_space();
            match self.bin()? {
                Some(_) if stats.bin.is_some() => return error(self.at, "expected only one `bin`"),
                Some(step) => stats.bin = Some(step),
                None => stats.by.push(self.argument()?),
            }
            self.skip_space();
            if !self.eat(",") {
                return Ok(stats);
            }
        }
    }

    /// `bin(5m)`, in nanoseconds, if that is next.
    fn bin(&mut self) -> Result<Option<Nanos>, ParseError> {
        let mut ahead = self.clone();
        if !(ahead.eat_word("bin") && ahead.eat("(")) {
            return Ok(None);
        }
        *self = ahead;
        self.skip_space();
        let start = self.at;
        let step = time::parse_duration(self.take_item()).filter(|step| *step > 0);
        self.expect_close()?;
        match step {
            Some(step) => Ok(Some(step)),
            None => error(start, "expected a duration such as 30s, 5m or 1h"),
        }
    }

    /// `p95(duration)`
    fn call(&mut self) -> Result<Function, ParseError> {
        self.skip_space();
        let start = self.at;
        let name = self.take_item().to_ascii_lowercase();
        self.skip_space();
        if !self.eat("(") {
            return error(start, FUNCTIONS);
        }
        let function = match name.as_str() {
            "count" => {
                self.skip_space();
                if self.eat("*") || self.peek() == Some(')') { Function::Count } else { Function::CountKey(self.argument()?) }
            }
            "errors" => Function::Errors,
            "count_distinct" => Function::CountDistinct(self.argument()?),
            "sum" => Function::Sum(self.argument()?),
            "avg" => Function::Avg(self.argument()?),
            "min" => Function::Min(self.argument()?),
            "max" => Function::Max(self.argument()?),
            "pct" => {
                let key = self.argument()?;
                self.skip_space();
                if !self.eat(",") {
                    return error(self.at, "expected `,` and a percentile from 0 to 100");
                }
                self.skip_space();
                let at = self.at;
                match percentile(self.take_item()) {
                    Some(percent) => Function::Percentile(key, percent),
                    None => return error(at, "expected a percentile from 0 to 100"),
                }
            }
            other => match other.strip_prefix('p').and_then(percentile) {
                Some(percent) => Function::Percentile(self.argument()?, percent),
                None => return error(start, FUNCTIONS),
            },
        };
        self.expect_close()?;
        Ok(function)
    }

    /// A key of a function or a group.
    fn argument(&mut self) -> Result<Key, ParseError> {
        self.skip_space();
        let start = self.at;
        let key = key::named(&self.name("expected a key")?);
        match key {
            Key::Trace(_) => error(start, "expected a key of spans: `trace.` fields can only be filtered by"),
            key => Ok(key),
        }
    }

    fn sort(&mut self, before: &[Command]) -> Result<Command, ParseError> {
        let start = self.at;
        let name = match self.clone().call_or_bin() {
            Some((text, after)) => {
                *self = after;
                text
            }
            None => self.name("expected a column to sort by")?,
        };
        let columns = before.iter().find_map(|command| match command {
            Command::Stats(stats) => Some(columns(stats)),
            _ => None,
        });
        let column = match columns {
            None => name,
            Some(columns) => {
                let by_key = key::key_text(&key::named(&name));
                let bin = |column: &&String| name == "bin" && column.starts_with("bin(");
                match columns.iter().find(|column| **column == name).or_else(|| columns.iter().find(|c| **c == by_key || bin(c))) {
                    Some(column) => column.clone(),
                    None => return error(start, format!("expected one of the columns {}", columns.join(", "))),
                }
            }
        };
        let descending = self.eat_word("desc");
        if !descending {
            self.eat_word("asc");
        }
        Ok(Command::Sort { column, descending })
    }

    /// A call as the printer writes it, and what comes after it.
    fn call_or_bin(mut self) -> Option<(String, Self)> {
        let text = match self.bin() {
            Ok(Some(step)) => print::bin_text(step),
            _ => print::call_text(&self.call().ok()?),
        };
        Some((text, self))
    }

    fn limit(&mut self) -> Result<u32, ParseError> {
        let start = self.at;
        match self.take_item().parse() {
            Ok(limit) if limit > 0 => Ok(limit),
            _ => error(start, "expected a number of rows"),
        }
    }

    fn expect_close(&mut self) -> Result<(), ParseError> {
        self.skip_space();
        if self.eat(")") { Ok(()) } else { error(self.at, "expected `)`") }
    }

    /// A name, bare or in quotes.
    fn name(&mut self, expected: &str) -> Result<String, ParseError> {
        self.skip_space();
        if self.peek() == Some('"') {
            return self.quoted();
        }
        match self.take_item() {
            "" => error(self.at, expected),
            name => Ok(name.into()),
        }
    }

    /// Steps over this word, in either case, if it is next after white space.
    fn eat_word(&mut self, word: &str) -> bool {
        let mut ahead = self.clone();
        ahead.skip_space();
        let found = ahead.item().eq_ignore_ascii_case(word);
        if found {
            self.at = ahead.at + word.len();
        }
        found
    }
}

impl<'a> Lexer<'a> {
    fn take_item(&mut self) -> &'a str {
        let item = self.item();
        self.at += item.len();
        item
    }
}

fn percentile(text: &str) -> Option<f64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|percent| digits && (0.0..=100.0).contains(percent))
}

/// Whether a column's name can be written as the call it is.
pub(super) fn is_call(column: &str) -> bool {
    Lexer::new(column).call_or_bin().is_some_and(|(text, after)| text == column && after.rest().is_empty())
}
