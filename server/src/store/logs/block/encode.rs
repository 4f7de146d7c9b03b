//! Lines to columns.

use super::bloom::{Token, Tokens, trace_token};
use super::meta::{Meta, OriginCount, PatternCount};
use super::{PIECES, number};
use crate::ingest::lines::trace_of;
use crate::store::block::bytes::{self, frame};
use crate::store::block::meta::{Bounds, intern};
use crate::store::block::{Columns, Corrupt};
use crate::store::insights::json::any_value;
use model::log::{How, Line, Origin};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Lines of a block whose fields are looked at.
const SAMPLED: usize = 128;
/// Fields that a block's list has at most.
const FIELDS: usize = 200;
/// How deep in a message fields are listed.
const DEPTH: usize = 4;

/// A block before it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    pub meta: Meta,
    pub columns: Columns,
}

/// Encodes lines of one group, sorted by (time, seq), at most [`super::MAX_LINES`], with the pattern of each.
pub fn encode(lines: &[&Line], patterns: &[u32]) -> Encoded {
    debug_assert!(lines.len() <= super::MAX_LINES && lines.len() == patterns.len());
    let (mut columns, origins) = columns_of(lines);
    let mut put = |number: u16, body: Vec<u8>, dense: bool| columns.insert(number, frame(&body, dense));
    put(number::PATTERN, varints(patterns.iter().map(|pattern| u64::from(*pattern))), false);

    let mut tokens = Tokens::default();
    for origin in &origins {
        for text in [&origin.service, &origin.environment, &origin.host, &origin.logger, &origin.stream, &origin.group, &origin.resource] {
            tokens.add_text(text);
        }
    }
    let mut levels = [0u32; 7];
    let mut by_pattern: FxHashMap<u32, [u32; 7]> = FxHashMap::default();
    for (line, pattern) in lines.iter().zip(patterns) {
        tokens.add_text(&line.message);
        if !line.attributes.is_empty() {
            tokens.add_text(&line.attributes);
            // As JSON writes them, and as a search finds them: `\n` is no part of a word.
            if line.attributes.contains('\\') {
                any_value(&line.attributes, |value| {
                    tokens.add_text(value);
                    false
                });
            }
        }
        if let Some(link) = line.trace {
            tokens.add(trace_token(link.trace_id));
            if let Some(span) = link.span_id {
                tokens.add(Token::of(&span.to_string()));
            }
        }
        let level = line.severity.level() as usize;
        levels[level] += 1;
        by_pattern.entry(*pattern).or_default()[level] += 1;
    }
    for (at, piece) in tokens.pieces().into_iter().enumerate().take(PIECES) {
        put(number::BLOOM + at as u16, piece, true);
    }
    let mut of_origin = vec![0u32; origins.len()];
    let places: FxHashMap<&Origin, usize> = origins.iter().enumerate().map(|(place, origin)| (&**origin, place)).collect();
    lines.iter().for_each(|line| of_origin[places[&*line.origin]] += 1);
    let mut patterns: Vec<PatternCount> = by_pattern.into_iter().map(|(pattern, levels)| PatternCount { pattern, levels }).collect();
    patterns.sort_unstable_by_key(|count| count.pattern);
    let (fields, sampled) = fields_of(lines);
    let meta = Meta {
        group: lines.first().map(|line| intern(&line.origin.group)).unwrap_or_default(),
        lines: lines.len() as u32,
        bytes: lines.iter().map(|line| line.message.len() as u64).sum(),
        time: Bounds::of(lines.iter().map(|line| line.time)),
        seq: Bounds::of(lines.iter().map(|line| line.seq.cast_signed())),
        levels,
        origins: origins.iter().zip(of_origin).map(|(origin, lines)| OriginCount::of(origin, lines)).collect(),
        patterns,
        fields,
        sampled,
        has_attributes: lines.iter().any(|line| !line.attributes.is_empty()),
        has_traces: lines.iter().any(|line| line.trace.is_some()),
    };
    Encoded { meta, columns }
}

/// Lines as one byte string, in their order: a row of the intake.
pub fn put_lines(lines: &[&Line]) -> Vec<u8> {
    let (columns, _) = columns_of(lines);
    let mut blob = Vec::with_capacity(columns.size() + 64);
    bytes::put(&mut blob, lines.len() as u64);
    bytes::put(&mut blob, columns.iter().count() as u64);
    for (number, framed) in columns.iter() {
        bytes::put(&mut blob, u64::from(number));
        bytes::put_slice(&mut blob, framed);
    }
    // The columns are checked each; this checks that they are the right ones.
    frame(&blob, true)
}

/// The inverse of [`put_lines`].
///
/// # Errors
/// If the bytes are not what was written.
pub fn get_lines(blob: &[u8]) -> Result<Vec<Line>, Corrupt> {
    let body = bytes::unframe(blob)?;
    let mut from = bytes::Reader::new(&body);
    let lines = from.count(0)?;
    let mut columns = Columns::default();
    for _ in 0..from.count(2)? {
        let number = u16::try_from(from.get()?).map_err(|_| Corrupt("column number"))?;
        columns.insert(number, from.slice()?.to_vec());
    }
    super::Opened::of(lines, &columns)?.all()
}

fn columns_of(lines: &[&Line]) -> (Columns, Vec<Arc<Origin>>) {
    let mut columns = Columns::default();
    let mut put = |number: u16, body: Vec<u8>| columns.insert(number, frame(&body, false));
    let mut index = deltas(lines.iter().map(|line| line.time));
    index.extend(varints(lines.iter().map(|line| line.message.len() as u64)));
    put(number::INDEX, index);
    let mut messages = Vec::with_capacity(lines.iter().map(|line| line.message.len()).sum());
    lines.iter().for_each(|line| messages.extend_from_slice(line.message.as_bytes()));
    put(number::MESSAGES, messages);
    if lines.iter().any(|line| !line.attributes.is_empty()) {
        let mut body = varints(lines.iter().map(|line| line.attributes.len() as u64));
        lines.iter().for_each(|line| body.extend_from_slice(line.attributes.as_bytes()));
        put(number::ATTRIBUTES, body);
    }
    let mut places: FxHashMap<&Origin, u64> = FxHashMap::default();
    let mut origins: Vec<Arc<Origin>> = Vec::new();
    let mut last: Option<(*const Origin, u64)> = None;
    let mut of_line = Vec::with_capacity(lines.len());
    for line in lines {
        // Lines of one request share their origin.
        let same = last.filter(|(origin, _)| std::ptr::eq(*origin, Arc::as_ptr(&line.origin))).map(|(_, place)| place);
        let place = same.unwrap_or_else(|| {
            *places.entry(&line.origin).or_insert_with(|| {
                origins.push(line.origin.clone());
                origins.len() as u64 - 1
            })
        });
        last = Some((Arc::as_ptr(&line.origin), place));
        bytes::put(&mut of_line, place);
    }
    let mut table = Vec::new();
    bytes::put(&mut table, origins.len() as u64);
    for origin in &origins {
        let Origin { group, stream, service, environment, host, logger, resource, source, key } = &**origin;
        for text in [group, stream, service, environment, host, logger, resource, source, key] {
            bytes::put_slice(&mut table, text.as_bytes());
        }
    }
    let severities = lines.iter().map(|line| line.severity.0).chain(lines.iter().map(|line| line.severity_sent.0)).collect();
    let traces = if lines.iter().any(|line| line.trace.is_some()) { traces(lines) } else { Vec::new() };
    let mut details = Vec::new();
    let seqs = deltas(lines.iter().map(|line| line.seq.cast_signed()));
    let received = deltas(lines.iter().map(|line| line.received_at));
    for part in [seqs, received, severities, of_line, table, traces] {
        bytes::put_slice(&mut details, &part);
    }
    put(number::DETAILS, details);
    (columns, origins)
}

/// A byte for each line: 0 for none, else one more than the place in [`How::ALL`], plus [`super::decode::APART`] if the ids are not those
/// that its message says; then those ids.
fn traces(lines: &[&Line]) -> Vec<u8> {
    let mut body = Vec::with_capacity(lines.len());
    let mut apart = Vec::new();
    for line in lines {
        let Some(link) = line.trace else {
            body.push(0);
            continue;
        };
        let how = link.how as u8 + 1;
        let found = link.how != How::Protocol && trace_of(&line.message) == Some(link);
        body.push(if found { how } else { how | super::decode::APART });
        if !found {
            apart.extend_from_slice(&link.trace_id.0);
            apart.extend_from_slice(&link.span_id.unwrap_or_default().0);
        }
    }
    body.extend(apart);
    body
}

fn deltas(values: impl Iterator<Item = i64>) -> Vec<u8> {
    let mut body = Vec::new();
    let mut last = 0i64;
    for value in values {
        bytes::put_signed(&mut body, value.wrapping_sub(last));
        last = value;
    }
    body
}

fn varints(values: impl Iterator<Item = u64>) -> Vec<u8> {
    let mut body = Vec::new();
    values.for_each(|value| bytes::put(&mut body, value));
    body
}

/// Fields of some of the lines, most common first, and how many lines that were.
pub fn fields_of(lines: &[&Line]) -> (Vec<(Arc<str>, u32)>, u32) {
    let step = lines.len().div_ceil(SAMPLED).max(1);
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    let mut sampled = 0;
    for line in lines.iter().step_by(step) {
        sampled += 1;
        let mut names = BTreeSet::new();
        for text in [&line.message, &line.attributes] {
            if text.len() <= super::MAX_LINES * 16
                && text.starts_with('{')
                && let Ok(serde_json::Value::Object(object)) = serde_json::from_str(text)
            {
                let mut path = String::new();
                list(&object, &mut path, DEPTH, &mut names);
            }
        }
        names.into_iter().for_each(|name| *counts.entry(name).or_default() += 1);
    }
    let mut fields: Vec<(Arc<str>, u32)> = counts.into_iter().map(|(name, lines)| (intern(&name), lines)).collect();
    fields.sort_by_key(|(_, lines)| std::cmp::Reverse(*lines));
    fields.truncate(FIELDS);
    (fields, sampled)
}

fn list(object: &serde_json::Map<String, serde_json::Value>, path: &mut String, depth: usize, names: &mut BTreeSet<String>) {
    for (key, value) in object {
        let before = path.len();
        if before > 0 {
            path.push('.');
        }
        path.push_str(key);
        match value {
            serde_json::Value::Object(inner) if depth > 1 => list(inner, path, depth - 1, names),
            _ if path.len() <= 256 => drop(names.insert(path.clone())),
            _ => {}
        }
        path.truncate(before);
    }
}
