//! `/api/logs/complete`: what the query box of logs suggests at the caret, and what is wrong with the text so far. The language of logs is
//! larger than the browser's bundle should be, so the browser asks.

use super::State;
use crate::api::answer::{Failure, json};
use crate::api::ask::Parameters;
use app::pages::logs::OFFERED;
use axum::extract::RawQuery;
use axum::response::Response;
use model::port::LogSearch;
use model::query::insights::{AGGREGATES, FUNCTIONS, LOG_COMMANDS, LogCompleting, log_completion};
use model::query::{Completing, LogQuery, parse_logs, value_text};
use serde::Serialize;

/// Suggestions.
const MOST: usize = 20;

/// Values and fields looked at for those that hold what was typed.
const LOOKED_AT: u32 = 500;

#[derive(Serialize)]
struct Complete {
    /// Bytes of the text that a suggestion replaces.
    from: usize,
    to: usize,
    hints: Vec<Hint>,
    error: Option<Wrong>,
}

#[derive(Serialize)]
struct Hint {
    label: String,
    /// What goes into the text.
    text: String,
    note: String,
}

#[derive(Serialize)]
struct Wrong {
    position: usize,
    message: String,
}

/// `GET /api/logs/complete`
pub(super) async fn complete(at: State, RawQuery(raw): RawQuery) -> Result<Response, Failure> {
    let parameters = Parameters::of(raw);
    let text = parameters.text("q").to_owned();
    let caret = parameters.number("at", text.len() as u32, 0, u32::MAX)? as usize;
    let done = log_completion(&text, caret);
    let error = parse_logs(&text).err().map(|error| Wrong { position: error.position, message: error.message });
    let hints = match &done.completing {
        LogCompleting::Filter(Completing::Key { prefix }) => {
            let mut hints = fields(&at, &parameters, prefix, ":").await?;
            if done.replace.start == 0 {
                hints.extend(commands(prefix));
            }
            hints
        }
        LogCompleting::Filter(Completing::Value { key, prefix }) => values(&at, &parameters, key, prefix).await?,
        LogCompleting::Command { prefix } => commands(prefix).collect(),
        LogCompleting::Expression { prefix, aggregates, names } => {
            let begins = |name: &str| name.to_lowercase().starts_with(&prefix.to_lowercase());
            let defined = names.iter().filter(|name| begins(name)).map(|name| plain(name, "defined before"));
            let calls = AGGREGATES.iter().filter(|_| *aggregates).chain(FUNCTIONS).filter(|function| begins(function.name));
            let calls = calls.map(|function| Hint {
                label: format!("{}()", function.name),
                text: format!("{}(", function.name),
                note: function.arguments.to_owned(),
            });
            let fields = fields(&at, &parameters, prefix, "").await?;
            let mut hints: Vec<Hint> = defined.collect();
            match aggregates {
                true => hints.extend(calls.chain(fields)),
                false => hints.extend(fields.into_iter().chain(calls)),
            }
            hints
        }
        LogCompleting::Filter(Completing::Nothing) | LogCompleting::Nothing => vec![],
    };
    Ok(json(&Complete { from: done.replace.start, to: done.replace.end, hints, error }))
}

fn plain(name: &str, note: &str) -> Hint {
    Hint { label: name.to_owned(), text: name.to_owned(), note: note.to_owned() }
}

fn commands(prefix: &str) -> impl Iterator<Item = Hint> {
    let prefix = prefix.to_lowercase();
    LOG_COMMANDS.iter().filter(move |(name, _)| name.starts_with(&prefix)).map(|(name, note)| plain(name, note))
}

async fn fields(at: &State, parameters: &Parameters, prefix: &str, after: &str) -> Result<Vec<Hint>, Failure> {
    let ask = parameters.brief_ask()?;
    let _left = ask.cancel_on_drop();
    let hint = |name: &str, note: String| Hint { label: name.to_owned(), text: format!("{name}{after}"), note };
    let prefix = prefix.to_lowercase();
    let known =
        OFFERED.iter().map(|(name, title)| (*name, *title)).chain([("message", "Text"), ("trace_id", "Trace"), ("pattern", "Pattern")]);
    let mut hints: Vec<Hint> =
        known.clone().filter(|(name, _)| name.starts_with(&prefix)).map(|(name, title)| hint(name, title.into())).collect();
    let seen = at.logs.log_fields(&ask, &[], parameters.range(&*at.store)?, LOOKED_AT).await?;
    let mut seen: Vec<_> = seen.into_iter().filter(|field| field.name.to_lowercase().contains(&prefix)).collect();
    seen.retain(|field| known.clone().all(|(name, _)| name != field.name));
    // Those that begin so come first, as common as they are.
    seen.sort_by_key(|field| !field.name.to_lowercase().starts_with(&prefix));
    hints.extend(seen.into_iter().map(|field| hint(&field.name, format!("{} %", field.percent))));
    hints.truncate(MOST);
    Ok(hints)
}

async fn values(at: &State, parameters: &Parameters, key: &str, prefix: &str) -> Result<Vec<Hint>, Failure> {
    let ask = parameters.brief_ask()?;
    let _left = ask.cancel_on_drop();
    let range = parameters.range(&*at.store)?;
    let search = LogSearch { query: LogQuery::default(), groups: vec![], range, order: Default::default(), limit: 1, cursor: None };
    let found = at.logs.log_facets(&ask, &search, &[key.to_owned()], LOOKED_AT).await?.pop();
    let prefix = prefix.to_lowercase();
    let mut values: Vec<_> = found.map(|facet| facet.values).unwrap_or_default();
    values.retain(|value| value.value.to_lowercase().contains(&prefix));
    values.sort_by_key(|value| !value.value.to_lowercase().starts_with(&prefix));
    values.truncate(MOST);
    Ok(values.into_iter().map(|value| Hint { text: value_text(&value.value), label: value.value, note: value.lines.to_string() }).collect())
}
