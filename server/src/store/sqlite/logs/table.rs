//! Pipelines over lines: the store finds the lines, the pipeline makes a table of them.

use super::scan::{Found, Scan};
use crate::store::insights::Pipeline;
use crate::store::logs::test::{LineRef, line_ref};
use crate::store::sqlite::Sqlite;
use model::port::{Ask, LogOrder, LogSearch, LogTable, Problem, Scanned};
use model::query::insights::{Command, Direction, Expression};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

/// Lines that go through a pipeline at once where their order matters.
const PAGE: u32 = 2_000;

/// Carries out the whole pipeline of a search.
pub async fn table(store: &Sqlite, ask: &Ask, search: &LogSearch) -> Result<LogTable, Problem> {
    let search = &LogSearch { query: search.query.clone().filters_first(), ..search.clone() };
    let pipeline = Pipeline::compile(&search.query, store.core.now(), search.range)?;
    let (pipeline, matched, complete) = if order_matters(&search.query.commands) {
        in_order(store, ask, search, pipeline).await?
    } else {
        in_any_order(store, ask, search, pipeline).await?
    };
    let (mut table, lines) = pipeline.finish();
    table.exact &= complete;
    Ok(LogTable { table, lines, scanned: Scanned { matched, ..ask.scanned() } })
}

/// Whether the first command that does more than to compute fields takes rows as they come. Newest first is how they come, so the
/// pipeline does not sort by it.
fn order_matters(commands: &[Command]) -> bool {
    let newest_first = |keys: &[(Expression, Direction)]| match keys {
        [(Expression::Field(name), Direction::Descending)] => matches!(name.as_str(), "@timestamp" | "time"),
        _ => false,
    };
    let first = commands.iter().find(|command| match command {
        Command::Fields(_) | Command::Display(_) | Command::Filter(_) | Command::Parse { .. } => false,
        Command::Sort(keys) => !newest_first(keys),
        _ => true,
    });
    !matches!(first, Some(Command::Stats { .. } | Command::Sort(_) | Command::Pattern(_)))
}

/// Page by page, newest first, until the pipeline has enough.
async fn in_order(store: &Sqlite, ask: &Ask, search: &LogSearch, mut pipeline: Pipeline) -> Result<(Pipeline, u64, bool), Problem> {
    let mut search = LogSearch { order: LogOrder::Newest, limit: PAGE.min(search.limit.max(1)), ..search.clone() };
    let mut matched = 0;
    loop {
        let page = store.log_page(ask, &search).await?;
        matched += page.lines.len() as u64;
        for (line, pattern) in &page.lines {
            if !pipeline.wants_more() {
                return Ok((pipeline, matched, true));
            }
            pipeline.push(&LineRef { pattern: *pattern, ..line_ref(line, &|| line.trace) });
        }
        search.limit = PAGE;
        search.cursor = page.next;
        if search.cursor.is_none() || !page.complete || !pipeline.wants_more() {
            return Ok((pipeline, matched, page.complete));
        }
    }
}

/// Block by block.
async fn in_any_order(store: &Sqlite, ask: &Ask, search: &LogSearch, mut pipeline: Pipeline) -> Result<(Pipeline, u64, bool), Problem> {
    // Sums of fractions depend on their order.
    let scan = Scan { in_turn: true, ..store.log_scan(ask, search).await? };
    let (alike, reads) = (pipeline.alike().map(Arc::new), pipeline.reads());
    for (line, pattern) in scan.tail(ask) {
        pipeline.push(&LineRef { pattern, ..line_ref(line, &|| line.trace) });
    }
    // Blocks of which only some columns are needed, and the others.
    let (mut counted, mut read) = (Vec::new(), Vec::new());
    for block in scan.blocks(LogOrder::Newest).await? {
        match alike.as_ref().filter(|alike| alike.fits(&block)) {
            Some(alike) if scan.takes_whole(&block) && alike.push_block(&block, &mut pipeline) => {
                let (lines, bytes) = (u64::from(block.meta.lines), block.meta.bytes);
                ask.progress(|scanned| {
                    scanned.blocks += 1;
                    scanned.blocks_done += 1;
                    scanned.lines += lines;
                    scanned.bytes += bytes;
                    scanned.matched += lines;
                });
            }
            Some(_) => counted.push(block),
            None => read.push(block),
        }
    }
    let shared = Arc::new(Mutex::new(Some(pipeline)));
    let mut complete = true;
    if let Some(alike) = alike {
        let (pushing, reads) = (shared.clone(), alike.reads());
        let look = move |found: &Found| match pushing.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(pipeline) => alike.push_rows(found, pipeline),
            None => Ok(()),
        };
        complete = scan.run(ask, counted, reads, look, |(), _| ControlFlow::Continue(()), |_| false).await?;
    }
    let pushing = shared.clone();
    let look = move |found: &Found| {
        if let Some(pipeline) = pushing.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            for row in found.rows.iter().rev() {
                found.opened.see(*row as usize, reads, |line| pipeline.push(line))?;
            }
        }
        Ok(())
    };
    complete = complete && scan.run(ask, read, reads, look, |(), _| ControlFlow::Continue(()), |_| false).await?;
    let pipeline = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
    pipeline
        .map(|pipeline| (pipeline, ask.scanned().matched, complete))
        .ok_or_else(|| Problem::Unavailable("the pipeline went away".into()))
}
