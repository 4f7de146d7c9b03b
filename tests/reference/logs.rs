//! Log lines in a `Vec`, every question answered by looking at all of them: slow, and meant to be obviously right.

use super::line_matching::Matcher;
use async_trait::async_trait;
use model::log::{Group, Line, Stream};
use model::port::*;
use model::time::{DAY, Nanos, Range};
use server::store::insights::Pipeline;
use server::store::logs::test::line_ref;
use server::store::{LogProblem, LogStore};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// All lines, in the order they came: `seq` is their place in it, from 1.
pub struct LogMemory {
    lines: Arc<Mutex<Vec<Line>>>,
    catalog: Mutex<Catalog>,
    /// The moment it is, if it is always the same.
    now: Option<Nanos>,
    seq: watch::Sender<u64>,
}

/// What people made, and what they deleted.
#[derive(Default)]
struct Catalog {
    groups: BTreeMap<String, Entry>,
    /// (group, stream, `seq`): lines up to there are gone; no stream: of the whole group.
    deleted: Vec<(String, Option<String>, u64)>,
}

#[derive(Default)]
struct Entry {
    retention_days: Option<u32>,
    tags: BTreeMap<String, String>,
    streams: BTreeSet<String>,
}

impl Catalog {
    fn shows(&self, line: &Line, now: Nanos) -> bool {
        let (group, stream) = (&*line.origin.group, &*line.origin.stream);
        let deleted = |(name, of, upto): &(String, Option<String>, u64)| {
            name == group && of.as_deref().is_none_or(|of| of == stream) && line.seq <= *upto
        };
        let kept = self.groups.get(group).and_then(|entry| entry.retention_days).map(|days| now - i64::from(days) * DAY);
        !self.deleted.iter().any(deleted) && kept.is_none_or(|floor| line.time >= floor)
    }
}

impl LogMemory {
    pub fn new() -> LogMemory {
        LogMemory::over(Arc::default())
    }

    /// Of lines that another keeps.
    pub fn over(lines: Arc<Mutex<Vec<Line>>>) -> LogMemory {
        LogMemory { lines, catalog: Mutex::default(), now: None, seq: watch::channel(0).0 }
    }

    /// Nothing yet, at this moment.
    pub fn at(now: Nanos) -> LogMemory {
        LogMemory { now: Some(now), ..LogMemory::new() }
    }

    /// Takes lines in; whoever waits for new ones hears of it.
    pub fn push(&self, lines: impl IntoIterator<Item = Line>) {
        let (mut catalog, mut kept) = (self.catalog.lock().unwrap(), self.lines.lock().unwrap());
        for line in lines {
            let origin = &line.origin;
            catalog.groups.entry(origin.group.to_string()).or_default().streams.insert(origin.stream.to_string());
            kept.push(line);
        }
        self.seq.send_replace(kept.len() as u64);
    }

    fn now(&self) -> Nanos {
        self.now.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as Nanos)
    }

    fn last_seq(&self) -> u64 {
        self.lines.lock().unwrap().len() as u64
    }

    /// All lines that can be seen, in the order they came.
    pub fn lines(&self) -> Vec<Line> {
        let (catalog, now) = (self.catalog.lock().unwrap(), self.now());
        let numbered = self.lines.lock().unwrap().iter().zip(1..).map(|(line, seq)| Line { seq, ..line.clone() }).collect::<Vec<_>>();
        numbered.into_iter().filter(|line| catalog.shows(line, now)).collect()
    }

    /// The lines that exist at `as_of`, are in the groups and the range and match, oldest first.
    fn found(&self, search: &LogSearch, as_of: Option<u64>) -> Result<Vec<Line>, Problem> {
        let matcher = Matcher::new(&search.query, self.now())?;
        let mut found = self.lines();
        found.retain(|line| {
            as_of.is_none_or(|as_of| line.seq <= as_of)
                && is_of(&search.groups, line)
                && search.range.contains(line.time)
                && matcher.matches(line)
        });
        found.sort_by_key(|line| (line.time, line.seq));
        Ok(found)
    }

    fn change<T>(&self, group: &str, change: impl FnOnce(&mut Entry) -> Result<T, LogProblem>) -> Result<T, LogProblem> {
        change(self.catalog.lock().unwrap().groups.get_mut(group).ok_or(LogProblem::NoGroup)?)
    }
}

fn is_of(groups: &[String], line: &Line) -> bool {
    groups.is_empty() || groups.iter().any(|group| **group == *line.origin.group)
}

fn cursor_of(line: &Line, as_of: u64) -> LogCursor {
    LogCursor { time: line.time, seq: line.seq, as_of }
}

#[async_trait]
impl LogReader for LogMemory {
    async fn logs(&self, ask: &Ask, search: &LogSearch) -> Result<LogPage, Problem> {
        let latest = self.last_seq();
        let as_of = ask.as_of.or(search.cursor.map(|cursor| cursor.as_of).filter(|as_of| *as_of > 0)).unwrap_or(latest).min(latest);
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

    /// All lines at once, newest first, through the pipeline that `insights.md` defines.
    async fn log_table(&self, ask: &Ask, search: &LogSearch) -> Result<LogTable, Problem> {
        let query = search.query.clone().filters_first();
        let mut pipeline = Pipeline::compile(&query, self.now(), search.range)?;
        let lines = self.found(search, ask.as_of)?;
        for line in lines.iter().rev() {
            pipeline.push(&line_ref(line, &|| line.trace));
        }
        let (table, at) = pipeline.finish();
        let found = lines.len() as u64;
        Ok(LogTable { table, lines: at, scanned: Scanned { lines: found, matched: found, ..Scanned::default() } })
    }

    async fn log_patterns(&self, ask: &Ask, search: &LogSearch, steps: u32, limit: u32) -> Result<Vec<Pattern>, Problem> {
        let all = self.lines();
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
        let mut all = self.lines();
        all.retain(|line| range.contains(line.time) && is_of(groups, line));
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for name in all.iter().flat_map(Matcher::paths) {
            *counts.entry(name).or_default() += 1;
        }
        let percent = |n: usize| (100 * n).div_ceil(all.len()) as u32;
        let mut fields: Vec<LogField> = counts.into_iter().map(|(name, n)| LogField { name, percent: percent(n) }).collect();
        fields.sort_by(|a, b| b.percent.cmp(&a.percent).then_with(|| a.name.cmp(&b.name)));
        fields.truncate(limit as usize);
        Ok(fields)
    }

    async fn log_line(&self, _: &Ask, at: LogCursor) -> Result<Line, Problem> {
        self.lines().into_iter().find(|line| (line.time, line.seq) == (at.time, at.seq)).ok_or(Problem::NotFound("log line"))
    }

    async fn log_arrivals(&self, ask: &Ask, search: &LogSearch, after: u64) -> Result<Arrivals, Problem> {
        let upto = ask.as_of.unwrap_or_else(|| self.last_seq());
        let mut lines = self.found(search, Some(upto))?;
        lines.retain(|line| line.seq > after);
        lines.sort_by_key(|line| line.seq);
        let skipped = lines.len().saturating_sub(search.limit as usize);
        Ok(Arrivals { lines: lines.split_off(skipped), upto, skipped: skipped as u64 })
    }

    async fn log_groups(&self) -> Result<Vec<Group>, Problem> {
        let lines = self.lines();
        let group = |(name, entry): (&String, &Entry)| {
            let of = || lines.iter().filter(|line| *line.origin.group == **name);
            Group {
                name: name.clone(),
                created: of().map(|line| line.received_at).min().unwrap_or_default(),
                retention_days: entry.retention_days,
                tags: entry.tags.clone().into_iter().collect(),
                bytes: of().map(|line| line.message.len() as u64).sum(),
                lines: of().count() as u64,
            }
        };
        Ok(self.catalog.lock().unwrap().groups.iter().map(group).collect())
    }

    async fn log_streams(&self, group: &str) -> Result<Vec<Stream>, Problem> {
        let lines = self.lines();
        let catalog = self.catalog.lock().unwrap();
        let entry = catalog.groups.get(group).ok_or(Problem::NotFound("log group"))?;
        let stream = |name: &String| {
            let of = || lines.iter().filter(|line| *line.origin.group == *group && *line.origin.stream == **name);
            let received = || of().map(|line| line.received_at);
            Stream {
                name: name.to_owned(),
                created: received().min().unwrap_or_default(),
                first: of().map(|line| line.time).min(),
                last: of().map(|line| line.time).max(),
                last_received: received().max(),
            }
        };
        Ok(entry.streams.iter().map(stream).collect())
    }
}

/// Words with a digit in them are what differs.
fn template_of(message: &str) -> String {
    let word = |word: &str| if word.contains(|c: char| c.is_ascii_digit()) { "<*>".to_owned() } else { word.to_owned() };
    message.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[async_trait]
impl LogStore for LogMemory {
    async fn create_log_group(&self, name: &str, tags: &[(String, String)]) -> Result<(), LogProblem> {
        let mut catalog = self.catalog.lock().unwrap();
        if catalog.groups.contains_key(name) {
            return Err(LogProblem::Exists);
        }
        catalog.groups.insert(name.to_owned(), Entry { tags: tags.iter().cloned().collect(), ..Entry::default() });
        Ok(())
    }
    async fn delete_log_group(&self, name: &str) -> Result<(), LogProblem> {
        let mut catalog = self.catalog.lock().unwrap();
        catalog.groups.remove(name).ok_or(LogProblem::NoGroup)?;
        catalog.deleted.push((name.to_owned(), None, self.last_seq()));
        Ok(())
    }
    async fn set_log_retention(&self, group: &str, days: Option<u32>) -> Result<(), LogProblem> {
        self.change(group, |entry| {
            entry.retention_days = days;
            Ok(())
        })
    }
    async fn tag_log_group(&self, group: &str, set: &[(String, String)], remove: &[String]) -> Result<(), LogProblem> {
        self.change(group, |entry| {
            entry.tags.extend(set.iter().cloned());
            entry.tags.retain(|key, _| !remove.contains(key));
            Ok(())
        })
    }
    async fn create_log_stream(&self, group: &str, stream: &str) -> Result<(), LogProblem> {
        self.change(group, |entry| if entry.streams.insert(stream.to_owned()) { Ok(()) } else { Err(LogProblem::Exists) })
    }
    async fn delete_log_stream(&self, group: &str, stream: &str) -> Result<(), LogProblem> {
        self.change(group, |entry| if entry.streams.remove(stream) { Ok(()) } else { Err(LogProblem::NoStream) })?;
        let upto = self.last_seq();
        self.catalog.lock().unwrap().deleted.push((group.to_owned(), Some(stream.to_owned()), upto));
        Ok(())
    }
    async fn log_stream_retention(&self, group: &str, stream: &str) -> Result<Option<u32>, LogProblem> {
        self.change(group, |entry| if entry.streams.contains(stream) { Ok(entry.retention_days) } else { Err(LogProblem::NoStream) })
    }
    fn log_seq(&self) -> watch::Receiver<u64> {
        self.seq.subscribe()
    }
}
