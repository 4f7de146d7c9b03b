//! `/api/logs/export`: everything a search finds, as NDJSON or CSV, streamed page by page.

use super::json::Row;
use super::{State, search};
use crate::api::answer::Failure;
use crate::api::ask::Parameters;
use axum::body::{Body, Bytes};
use axum::extract::RawQuery;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::stream;
use model::log::Line;
use model::port::{Ask, CancelOnDrop, LogSearch, LogTable, Possible};
use serde_json::Value;
use std::io;

/// Lines read at a time.
const LINES: u32 = 2_000;

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Ndjson,
    Csv,
}

/// `GET /api/logs/export`
pub(super) async fn export(at: State, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let parameters = Parameters::of(raw);
    let format = match parameters.text("format") {
        "" | "ndjson" => Format::Ndjson,
        "csv" => Format::Csv,
        _ => return Err(Failure::bad("format must be ndjson or csv")),
    };
    let search = LogSearch { limit: LINES, ..search(&parameters, &*at.store, LINES, LINES)? };
    let ask = parameters.ask()?;
    let left = ask.cancel_on_drop();
    let body = if search.query.is_pipeline() {
        Body::from(of_table(&at.logs.log_table(&ask, &search).await?, format))
    } else {
        // The first page is read before the answer begins: what is wrong with a query has a status.
        let mut first = at.logs.logs(&ask, &search).await?;
        at.links.verify(&ask, &mut first.lines).await;
        let mut text = String::new();
        if format == Format::Csv {
            text.push_str(HEAD);
        }
        first.lines.iter().for_each(|line| of_line(line, format, &mut text));
        let rest = first.next.map(|cursor| Reading { at, search: LogSearch { cursor: Some(cursor), ..search }, ask, _left: left, format });
        let pages = stream::unfold((Some(text), rest), async |(text, rest)| match text {
            Some(text) => Some((Ok(Bytes::from(text)), (None, rest))),
            None => rest?.next().await,
        });
        Body::from_stream(pages)
    };
    let (kind, name) = match format {
        Format::Ndjson => ("application/x-ndjson", "attachment; filename=\"logs.ndjson\""),
        Format::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"logs.csv\""),
    };
    let headers = [(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name), (CACHE_CONTROL, "no-store")];
    Ok((headers.map(|(header, value)| (header, HeaderValue::from_static(value))), body).into_response())
}

/// An export that is not at its end.
struct Reading {
    at: State,
    search: LogSearch,
    ask: Ask,
    /// Whoever leaves stops the read.
    _left: CancelOnDrop,
    format: Format,
}

type Step = (io::Result<Bytes>, (Option<String>, Option<Reading>));

impl Reading {
    async fn next(mut self) -> Option<Step> {
        let mut page = match self.at.logs.logs(&self.ask, &self.search).await {
            Ok(page) => page,
            // The connection breaks: nobody takes half an export for a whole one.
            Err(problem) => return Some((Err(io::Error::other(problem.to_string())), (None, None))),
        };
        self.at.links.verify(&self.ask, &mut page.lines).await;
        let mut text = String::new();
        page.lines.iter().for_each(|line| of_line(line, self.format, &mut text));
        self.search.cursor = page.next;
        let rest = page.next.is_some().then_some(self);
        Some((Ok(Bytes::from(text)), (None, rest)))
    }
}

const HEAD: &str = "time,level,group,stream,service,environment,host,logger,trace_id,span_id,message,attributes\r\n";

fn of_line(line: &Line, format: Format, to: &mut String) {
    match format {
        Format::Ndjson => {
            to.push_str(&serde_json::to_string(&Row::of(line, &Possible::default())).unwrap_or_default());
            to.push('\n');
        }
        Format::Csv => {
            let origin = &line.origin;
            let (trace, span) = match line.trace {
                Some(link) => (link.trace_id.to_string(), link.span_id.map(|id| id.to_string()).unwrap_or_default()),
                None => Default::default(),
            };
            let time = model::time::Rfc3339(line.time).to_string();
            let level = line.severity.level().as_str();
            row(
                [
                    time.as_str(),
                    level,
                    &origin.group,
                    &origin.stream,
                    &origin.service,
                    &origin.environment,
                    &origin.host,
                    &origin.logger,
                    &trace,
                    &span,
                    &line.message,
                    &line.attributes,
                ],
                to,
            );
        }
    }
}

/// RFC 4180.
fn row<'a>(cells: impl IntoIterator<Item = &'a str>, to: &mut String) {
    for (n, cell) in cells.into_iter().enumerate() {
        if n > 0 {
            to.push(',');
        }
        if cell.contains(['"', ',', '\n', '\r']) {
            to.push('"');
            to.push_str(&cell.replace('"', "\"\""));
            to.push('"');
        } else {
            to.push_str(cell);
        }
    }
    to.push_str("\r\n");
}

fn of_table(found: &LogTable, format: Format) -> String {
    let mut text = String::new();
    let columns = &found.table.columns;
    if format == Format::Csv {
        row(columns.iter().map(String::as_str), &mut text);
    }
    for cells in &found.table.rows {
        match format {
            Format::Csv => {
                let cells: Vec<String> = cells.iter().map(app::ui::text).collect();
                row(cells.iter().map(String::as_str), &mut text);
            }
            Format::Ndjson => {
                let cells = cells.iter().map(|cell| serde_json::to_value(cell).unwrap_or_default());
                let object: serde_json::Map<String, Value> = columns.iter().cloned().zip(cells).collect();
                text.push_str(&Value::Object(object).to_string());
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_need_quotes_have_them() {
        let mut text = String::new();
        row(["a", "b,c", "say \"x\"\n", ""], &mut text);
        assert_eq!(text, "a,\"b,c\",\"say \"\"x\"\"\n\",\r\n");
    }
}
