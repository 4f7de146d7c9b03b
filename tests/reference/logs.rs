//! Log lines in a `Vec`, every question answered by looking at all of them: slow, and meant to be obviously right.

use super::line_matching::Matcher;
use async_trait::async_trait;
use model::log::{Group, Line, Stream};
use model::port::*;
use model::time::{Nanos, Range};
use server::store::{LogProblem, LogStore};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::RwLock;
use tokio::sync::watch;

/// All lines, in the order they came: `seq` is their place in it, from 1.
pub struct LogMemory {
    lines: RwLock<Vec<Line>>,
    seq: watch::Sender<u64>,
}

impl LogMemory {
    pub fn new() -> LogMemory {
        LogMemory { lines: RwLock::default(), seq: watch::channel(0).0 }
    }

    /// Takes lines in; whoever waits for new ones hears of it.
    pub fn push(&self, lines: impl IntoIterator<Item = Line>) {
        let mut kept = self.lines.write().unwrap();
        for line in lines {
            let seq = kept.len() as u64 + 1;
            kept.push(Line { seq, ..line });
        }
        self.seq.send_replace(kept.len() as u64);
    }

    /// The lines that exist at `as_of`, are in the groups and the range and match, oldest first.
    fn found(&self, search: &LogSearch, as_of: Option<u64>) -> Result<Vec<Line>, Problem> {
        let matcher = Matcher::new(&search.query)?;
        let lines = self.lines.read().unwrap();
        let mut found: Vec<Line> = lines
            .iter()
            .filter(|line| as_of.is_none_or(|as_of| line.seq <= as_of))
            .filter(|line| search.groups.is_empty() || search.groups.iter().any(|group| **group == *line.origin.group))
            .filter(|line| search.range.contains(line.time))
            .filter(|line| matcher.matches(line))
            .cloned()
            .collect();
        found.sort_by_key(|line| (line.time, line.seq));
        Ok(found)
    }
}

fn cursor_of(line: &Line, as_of: u64) -> LogCursor {
    LogCursor { time: line.time, seq: line.seq, as_of }
}

#[async_trait]
impl LogReader for LogMemory {
    async fn logs(&self, ask: &Ask, search: &LogSearch) -> Result<LogPage, Problem> {
        let latest = self.lines.read().unwrap().len() as u64;
        let as_of = ask.as_of.or(search.cursor.map(|cursor| cursor.as_of).filter(|as_of| *as_of > 0)).unwrap_or(latest);
        let mut lines = self.found(search, Some(as_of))?;
        if search.order == LogOrder::Newest {
            lines.reverse();
        }
        if let Some(cursor) = search.cursor {
            let at = (cursor.time, cursor.seq);
            lines.retain(|line| match search.order {
                LogOrder::Newest => (line.time, line.seq) < at,
                LogOrder::Oldest => (line.time, line.seq) > at,
            });
        }
        let more = lines.len() > search.limit as usize;
        lines.truncate(search.limit as usize);
        let next = lines.last().filter(|_| more).map(|line| cursor_of(line, as_of));
        Ok(LogPage { lines, next, as_of, complete: true })
    }

    async fn log_count(&self, ask: &Ask, search: &LogSearch, buckets: u32) -> Result<LogCount, Problem> {
        let lines = self.found(search, ask.as_of)?;
        let length = i128::from(search.range.end) - i128::from(search.range.start);
        let step = (length + i128::from(buckets) - 1).checked_div(i128::from(buckets)).unwrap_or(1).max(1);
        let place = |at: Nanos| ((i128::from(at) - i128::from(search.range.start)) / step) as usize;
        let start = |n: u32| (i128::from(search.range.start) + i128::from(n) * step) as Nanos;
        let mut histogram: Vec<LogBucket> = (0..buckets).map(|n| LogBucket { start: start(n), levels: [0; 7] }).collect();
        let mut levels = [0; 7];
        for line in &lines {
            let level = line.severity.level() as usize;
            levels[level] += 1;
            if let Some(bucket) = histogram.get_mut(place(line.time)) {
                bucket.levels[level] += 1;
            }
        }
        Ok(LogCount { lines: lines.len() as u64, levels, exact: true, histogram })
    }

    async fn log_facets(&self, ask: &Ask, search: &LogSearch, keys: &[String], limit: u32) -> Result<Vec<LogFacet>, Problem> {
        let lines = self.found(search, ask.as_of)?;
        let facet = |key: &String| {
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for value in lines.iter().filter_map(|line| Matcher::field(line, key)) {
                *counts.entry(value).or_default() += 1;
            }
            let distinct = counts.len() as u64;
            let mut values: Vec<ValueCount> = counts.into_iter().map(|(value, lines)| ValueCount { value, lines }).collect();
            values.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.value.cmp(&b.value)));
            values.truncate(limit as usize);
            LogFacet { key: key.clone(), values, distinct, exact: true }
        };
        Ok(keys.iter().map(facet).collect())
    }

    async fn log_table(&self, _: &Ask, _: &LogSearch) -> Result<LogTable, Problem> {
        Err(Problem::Unavailable("the reference carries out no pipelines".into()))
    }

    async fn log_patterns(&self, ask: &Ask, search: &LogSearch, steps: u32, limit: u32) -> Result<Vec<Pattern>, Problem> {
        let all = self.lines.read().unwrap().clone();
        let first_seen = |template: &str| all.iter().filter(|line| template_of(&line.message) == template).map(|line| line.time).min();
        let mut patterns: BTreeMap<String, Pattern> = BTreeMap::new();
        let range = search.range;
        for line in self.found(search, ask.as_of)? {
            let template = template_of(&line.message);
            let id = template.bytes().fold(0, |hash: u32, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
            let pattern = patterns.entry(template.clone()).or_insert_with(|| Pattern {
                id,
                first_seen: first_seen(&template).unwrap_or_default(),
                template,
                lines: 0,
                levels: [0; 7],
                last: Nanos::MIN,
                trend: vec![0; steps as usize],
            });
            pattern.lines += 1;
            pattern.levels[line.severity.level() as usize] += 1;
            pattern.last = pattern.last.max(line.time);
            let step = i128::from(steps) * (i128::from(line.time) - i128::from(range.start)) / i128::from(range.length().max(1));
            if let Some(n) = pattern.trend.get_mut(step as usize) {
                *n += 1;
            }
        }
        let mut patterns: Vec<Pattern> = patterns.into_values().collect();
        patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.lines));
        patterns.truncate(limit as usize);
        Ok(patterns)
    }

    async fn log_fields(&self, _: &Ask, groups: &[String], range: Range, limit: u32) -> Result<Vec<LogField>, Problem> {
        let lines = self.lines.read().unwrap();
        let wanted =
            |line: &&Line| range.contains(line.time) && (groups.is_empty() || groups.iter().any(|group| **group == *line.origin.group));
        let all: Vec<&Line> = lines.iter().filter(wanted).collect();
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for line in &all {
            for name in Matcher::paths(line) {
                *counts.entry(name).or_default() += 1;
            }
        }
        let percent = |n: u32| 100 * n / all.len() as u32;
        let mut fields: Vec<LogField> = counts.into_iter().map(|(name, n)| LogField { name, percent: percent(n) }).collect();
        fields.sort_by(|a, b| b.percent.cmp(&a.percent).then_with(|| a.name.cmp(&b.name)));
        fields.truncate(limit as usize);
        Ok(fields)
    }

    async fn log_line(&self, _: &Ask, at: LogCursor) -> Result<Line, Problem> {
        let lines = self.lines.read().unwrap();
        lines.iter().find(|line| (line.time, line.seq) == (at.time, at.seq)).cloned().ok_or(Problem::NotFound("log line"))
    }

    async fn log_arrivals(&self, ask: &Ask, search: &LogSearch, after: u64) -> Result<Arrivals, Problem> {
        let upto = ask.as_of.unwrap_or_else(|| self.lines.read().unwrap().len() as u64);
        let mut lines = self.found(search, Some(upto))?;
        lines.retain(|line| line.seq > after);
        lines.sort_by_key(|line| line.seq);
        let skipped = lines.len().saturating_sub(search.limit as usize);
        Ok(Arrivals { lines: lines.split_off(skipped), upto, skipped: skipped as u64 })
    }

    async fn log_groups(&self) -> Result<Vec<Group>, Problem> {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for line in self.lines.read().unwrap().iter() {
            let name = line.origin.group.to_string();
            let new = Group { name: name.clone(), created: line.received_at, retention_days: None, tags: vec![], bytes: 0, lines: 0 };
            let group = groups.entry(name).or_insert(new);
            group.lines += 1;
            group.bytes += line.message.len() as u64;
        }
        Ok(groups.into_values().collect())
    }

    async fn log_streams(&self, group: &str) -> Result<Vec<Stream>, Problem> {
        let lines = self.lines.read().unwrap();
        let of_group: Vec<&Line> = lines.iter().filter(|line| *line.origin.group == *group).collect();
        if of_group.is_empty() {
            return Err(Problem::NotFound("log group"));
        }
        let names: BTreeSet<&str> = of_group.iter().map(|line| &*line.origin.stream).collect();
        let stream = |name: &str| {
            let lines = || of_group.iter().filter(|line| *line.origin.stream == *name);
            let received = || lines().map(|line| line.received_at);
            Stream {
                name: name.to_owned(),
                created: received().min().unwrap_or_default(),
                first: lines().map(|line| line.time).min(),
                last: lines().map(|line| line.time).max(),
                last_received: received().max(),
            }
        };
        Ok(names.into_iter().map(stream).collect())
    }
}

/// Words with a digit in them are what differs.
fn template_of(message: &str) -> String {
    let word = |word: &str| if word.contains(|c: char| c.is_ascii_digit()) { "<*>".to_owned() } else { word.to_owned() };
    message.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A catalog of whatever lines there are.
#[async_trait]
impl LogStore for LogMemory {
    async fn create_log_group(&self, _: &str, _: &[(String, String)]) -> Result<(), LogProblem> {
        Err(LogProblem::Unavailable("the reference has no catalog".into()))
    }
    async fn delete_log_group(&self, _: &str) -> Result<(), LogProblem> {
        Err(LogProblem::NoGroup)
    }
    async fn set_log_retention(&self, _: &str, _: Option<u32>) -> Result<(), LogProblem> {
        Err(LogProblem::NoGroup)
    }
    async fn tag_log_group(&self, _: &str, _: &[(String, String)], _: &[String]) -> Result<(), LogProblem> {
        Err(LogProblem::NoGroup)
    }
    async fn create_log_stream(&self, _: &str, _: &str) -> Result<(), LogProblem> {
        Err(LogProblem::NoGroup)
    }
    async fn log_stream_retention(&self, _: &str, _: &str) -> Result<Option<u32>, LogProblem> {
        Err(LogProblem::NoStream)
    }
    async fn delete_log_stream(&self, _: &str, _: &str) -> Result<(), LogProblem> {
        Err(LogProblem::NoGroup)
    }
    fn log_seq(&self) -> watch::Receiver<u64> {
        self.seq.subscribe()
    }
}
