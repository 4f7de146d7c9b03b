//! A log store in memory, as far as CloudWatch's API needs one: its lines are those that a recorder was given.

use crate::recorder::Recorder;
use async_trait::async_trait;
use model::log::{Group, Line, Stream};
use model::port::*;
use model::query::ast::{Expr, Test};
use model::time::{Nanos, Range};
use server::store::logs::filter_pattern::PatternTest;
use server::store::{LogProblem, LogStore};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

#[derive(Default)]
struct Entry {
    retention_days: Option<u32>,
    tags: BTreeMap<String, String>,
    streams: BTreeMap<String, ()>,
}

pub struct Memory {
    recorder: Arc<Recorder>,
    groups: Mutex<BTreeMap<String, Entry>>,
}

impl Memory {
    pub fn over(recorder: Arc<Recorder>) -> Memory {
        Memory { recorder, groups: Mutex::default() }
    }

    /// All lines with their `seq`, those of deleted groups and streams left out.
    fn lines(&self) -> Vec<Line> {
        let groups = self.groups.lock().unwrap();
        let there = |line: &Line| groups.get(&*line.origin.group).is_some_and(|group| group.streams.contains_key(&*line.origin.stream));
        let lines = self.recorder.lines.lock().unwrap();
        let numbered = lines.iter().zip(1..).map(|(line, seq)| Line { seq, ..line.clone() });
        numbered.filter(there).collect()
    }

    fn change<T>(&self, group: &str, change: impl FnOnce(&mut Entry) -> Result<T, LogProblem>) -> Result<T, LogProblem> {
        change(self.groups.lock().unwrap().get_mut(group).ok_or(LogProblem::NoGroup)?)
    }
}

/// Of the filter only what the API makes: tests on the stream.
fn fits(filter: &Expr, line: &Line) -> bool {
    let stream = &*line.origin.stream;
    match filter {
        Expr::Or(parts) => parts.iter().any(|part| fits(part, line)),
        Expr::Field(field) => match &field.test {
            Test::Equals(literal) => *literal.text == *stream,
            Test::Wildcard(parts) => stream.starts_with(&parts[0]),
            other => panic!("the API has no test like {other:?}"),
        },
        other => panic!("the API has no filter like {other:?}"),
    }
}

fn nothing<T>() -> Result<T, Problem> {
    Err(Problem::Unavailable("not in memory".into()))
}

#[async_trait]
impl LogReader for Memory {
    async fn logs(&self, ask: &Ask, search: &LogSearch) -> Result<LogPage, Problem> {
        let test = search.query.filter_pattern.as_ref().map(|pattern| PatternTest::new(pattern).unwrap());
        let mut lines = self.lines();
        let as_of = ask.as_of.unwrap_or(self.recorder.lines.lock().unwrap().len() as u64);
        lines.retain(|line| {
            line.seq <= as_of
                && search.groups.iter().any(|group| **group == *line.origin.group)
                && search.range.contains(line.time)
                && search.query.filter.as_ref().is_none_or(|filter| fits(filter, line))
                && test.as_ref().is_none_or(|test| test.fits(&line.message))
                && search.cursor.is_none_or(|at| match search.order {
                    LogOrder::Oldest => (line.time, line.seq) > (at.time, at.seq),
                    LogOrder::Newest => (line.time, line.seq) < (at.time, at.seq),
                })
        });
        lines.sort_by_key(|line| (line.time, line.seq));
        if search.order == LogOrder::Newest {
            lines.reverse();
        }
        let more = lines.len() > search.limit as usize;
        lines.truncate(search.limit as usize);
        let next = lines.last().filter(|_| more).map(|line| LogCursor { time: line.time, seq: line.seq, as_of });
        Ok(LogPage { lines, next, as_of, complete: true })
    }
    async fn log_count(&self, _: &Ask, _: &LogSearch, _: u32) -> Result<LogCount, Problem> {
        nothing()
    }
    async fn log_facets(&self, _: &Ask, _: &LogSearch, _: &[String], _: u32) -> Result<Vec<LogFacet>, Problem> {
        nothing()
    }
    async fn log_table(&self, ask: &Ask, search: &LogSearch) -> Result<LogTable, Problem> {
        let lines = self.logs(ask, search).await?.lines;
        let rows = lines.iter().map(|line| vec![Cell::Number(line.seq as f64), Cell::Text(line.message.clone()), Cell::Null]).collect();
        let columns = ["n", "@message", "nothing"].map(str::to_owned).to_vec();
        let at = |line: &Line| LogCursor { time: line.time, seq: line.seq, as_of: 0 };
        let scanned = Scanned { lines: lines.len() as u64, matched: lines.len() as u64, ..Scanned::default() };
        Ok(LogTable { table: Table { columns, rows, exact: true }, lines: lines.iter().map(at).collect(), scanned })
    }
    async fn log_patterns(&self, _: &Ask, _: &LogSearch, _: u32, _: u32) -> Result<Vec<Pattern>, Problem> {
        nothing()
    }
    async fn log_fields(&self, _: &Ask, _: &[String], _: Range, _: u32) -> Result<Vec<LogField>, Problem> {
        Ok(vec![LogField { name: "@message".into(), percent: 100 }])
    }
    async fn log_line(&self, _: &Ask, at: LogCursor) -> Result<Line, Problem> {
        self.lines().into_iter().find(|line| (line.time, line.seq) == (at.time, at.seq)).ok_or(Problem::NotFound("log line"))
    }
    async fn log_arrivals(&self, _: &Ask, _: &LogSearch, _: u64) -> Result<Arrivals, Problem> {
        nothing()
    }
    async fn log_groups(&self) -> Result<Vec<Group>, Problem> {
        let lines = self.lines();
        let group = |(name, entry): (&String, &Entry)| Group {
            name: name.clone(),
            created: 0,
            retention_days: entry.retention_days,
            tags: entry.tags.clone().into_iter().collect(),
            bytes: lines.iter().filter(|line| *line.origin.group == **name).map(|line| line.message.len() as u64).sum(),
            lines: lines.iter().filter(|line| *line.origin.group == **name).count() as u64,
        };
        Ok(self.groups.lock().unwrap().iter().map(group).collect())
    }
    async fn log_streams(&self, group: &str) -> Result<Vec<Stream>, Problem> {
        let lines = self.lines();
        let groups = self.groups.lock().unwrap();
        let entry = groups.get(group).ok_or(Problem::NotFound("log group"))?;
        let stream = |name: &String| {
            let of = || lines.iter().filter(|line| *line.origin.group == *group && *line.origin.stream == **name);
            let times = |time: fn(&Line) -> Nanos| of().map(time).collect::<Vec<_>>();
            Stream {
                name: name.clone(),
                created: 0,
                first: times(|line| line.time).into_iter().min(),
                last: times(|line| line.time).into_iter().max(),
                last_received: times(|line| line.received_at).into_iter().max(),
            }
        };
        Ok(entry.streams.keys().map(stream).collect())
    }
}

#[async_trait]
impl LogStore for Memory {
    async fn create_log_group(&self, name: &str, tags: &[(String, String)]) -> Result<(), LogProblem> {
        let mut groups = self.groups.lock().unwrap();
        if groups.contains_key(name) {
            return Err(LogProblem::Exists);
        }
        groups.insert(name.to_owned(), Entry { tags: tags.iter().cloned().collect(), ..Entry::default() });
        Ok(())
    }
    async fn delete_log_group(&self, name: &str) -> Result<(), LogProblem> {
        self.groups.lock().unwrap().remove(name).map(drop).ok_or(LogProblem::NoGroup)
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
        self.change(group, |entry| entry.streams.insert(stream.to_owned(), ()).map_or(Ok(()), |()| Err(LogProblem::Exists)))
    }
    async fn delete_log_stream(&self, group: &str, stream: &str) -> Result<(), LogProblem> {
        self.change(group, |entry| entry.streams.remove(stream).ok_or(LogProblem::NoStream))
    }
    async fn log_stream_retention(&self, group: &str, stream: &str) -> Result<Option<u32>, LogProblem> {
        let groups = self.groups.lock().unwrap();
        let entry = groups.get(group).ok_or(LogProblem::NoGroup)?;
        if entry.streams.contains_key(stream) { Ok(entry.retention_days) } else { Err(LogProblem::NoStream) }
    }
    fn log_seq(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }
}
