//! Spans to columns.

use super::column;
use super::meta::{Bounds, Column, Kind, Meta, intern};
use super::value;
use super::{Bitmap, Columns, Encoded, bloom, bytes, number, summary};
use model::attr::Value;
use model::id::{SpanId, TraceId};
use model::query::ast::{Scope, tokens};
use model::span::{Origin, Span};
use model::time::Nanos;
use model::trace::Summary;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// Longer attribute values go to the spill column, so that reading their key's column stays cheap.
const LONG: usize = 8 * 1024;

/// Encodes up to [`super::MAX_SPANS`] spans, in any order, and any number of summaries. Attributes of a span come back
/// sorted by key.
pub fn encode(spans: &[Span], summaries: &[Summary]) -> Encoded {
    columns_of(spans, summaries, Tokens { hashes: Some(Vec::new()) })
}

/// [`encode`] for a block that is soon encoded again: without a bloom filter, which takes a fifth of the time.
pub fn encode_tail(spans: &[Span]) -> Encoded {
    columns_of(spans, &[], Tokens::default())
}

fn columns_of(spans: &[Span], summaries: &[Summary], mut seen: Tokens) -> Encoded {
    debug_assert!(spans.len() <= super::MAX_SPANS);
    let (rows, traces) = sort(spans);
    let len = rows.len();
    let every: Vec<u16> = (0..len as u16).collect();
    let mut columns = Columns::default();
    let mut put = |number: u16, body: Vec<u8>| columns.insert(number, bytes::frame(&body, number == number::SPAN_ID));

    let ids: Vec<TraceId> = traces.iter().map(|run| run.id).collect();
    put(number::TRACES, put_traces(&traces));
    put(number::START, delta(rows.iter().map(|span| span.start)));
    put(number::DURATION, signed(rows.iter().map(|span| span.duration_ns)));
    put(number::KIND_STATUS, rows.iter().map(|span| span.kind as u8 * 3 + span.status as u8).collect());
    put(number::SPAN_ID, rows.iter().flat_map(|span| span.span_id.0).collect());
    put(number::PARENT, put_parents(&rows, &traces));
    put(number::FLAGS, rows.iter().flat_map(|span| varint(u64::from(span.flags))).collect());
    put(number::SEQ, delta(rows.iter().map(|span| span.envelope.seq.cast_signed())));
    put(number::RECEIVED, delta(rows.iter().map(|span| span.envelope.received_at)));

    let (origins, origin_of) = distinct_origins(&rows);
    put(number::ORIGIN, origin_of.iter().flat_map(|place| varint(*place)).collect());
    let mut table = Vec::new();
    bytes::put(&mut table, origins.len() as u64);
    for origin in &origins {
        bytes::put_slice(&mut table, origin.service.as_bytes());
    }
    for origin in &origins {
        value::put_origin(&mut table, origin);
        seen.add(&origin.service);
        origin.resource.iter().chain(&origin.scope_attributes).for_each(|(_, value)| seen.add_value(value));
    }
    put(number::ORIGINS, table);

    let mut texts = |number: u16, seen: &mut Tokens, of: fn(&Span) -> &str| {
        let some: Vec<u16> = every.iter().copied().filter(|row| !of(rows[usize::from(*row)]).is_empty()).collect();
        if !some.is_empty() {
            let texts = some.iter().map(|row| of(rows[usize::from(*row)]));
            put(number, column::put_texts(&some, len, texts, |text| seen.add(text)));
        }
    };
    texts(number::NAME, &mut seen, |span| &span.name);
    texts(number::STATUS_MESSAGE, &mut seen, |span| &span.status_message);
    texts(number::TRACE_STATE, &mut Tokens::default(), |span| &span.trace_state);
    texts(number::SOURCE, &mut seen, |span| &span.envelope.source);
    texts(number::KEY, &mut seen, |span| &span.envelope.key);
    texts(number::DATASET, &mut seen, |span| &span.envelope.dataset);

    let weighted = rows.iter().any(|span| span.envelope.weight != 1.0);
    if weighted {
        let weights: Vec<f64> = rows.iter().map(|span| span.envelope.weight).collect();
        put(number::WEIGHT, column::put_floats(&every, len, &weights));
    }
    let to_self = rows.iter().any(|span| span.envelope.to_self);
    if to_self {
        put(number::TO_SELF, Bitmap::from_fn(len, |row| rows[row].envelope.to_self).to_bytes());
    }
    if rows.iter().any(|span| span.dropped != model::span::Dropped::default()) {
        let counts = |span: &&Span| [span.dropped.attributes, span.dropped.events, span.dropped.links];
        put(number::DROPPED, rows.iter().flat_map(counts).flat_map(|count| varint(u64::from(count))).collect());
    }
    let events = rows.iter().any(|span| !span.events.is_empty());
    if events {
        put(number::EVENTS, put_lists(&rows, |span| &span.events, value::put_event));
        for event in rows.iter().flat_map(|span| &span.events) {
            seen.add(&event.name);
            event.attributes.iter().for_each(|(_, value)| seen.add_value(value));
        }
    }
    let links = rows.iter().any(|span| !span.links.is_empty());
    if links {
        put(number::LINKS, put_lists(&rows, |span| &span.links, value::put_link));
    }

    let (mut directory, spill) = put_attributes(&rows, &mut seen, &mut put);
    directory.extend(other_keys(&rows, &origins));
    let spilled = spill.is_some();
    if let Some(spill) = spill {
        put(number::SPILL, spill);
    }
    if !summaries.is_empty() {
        put(number::SUMMARIES, summary::put(summaries, &ids));
    }
    if let Some(mut hashes) = seen.hashes {
        columns.insert(number::BLOOM, bytes::frame(&bloom::build(&mut hashes), true));
    }

    let mut services: Vec<Arc<str>> = origins.iter().map(|origin| intern(&origin.service)).collect();
    services.sort();
    services.dedup();
    let [summary_start, summary_duration, summary_spans, summary_errors] = summary::bounds(summaries);
    let meta = Meta {
        spans: len as u32,
        start: Bounds::of(rows.iter().map(|span| span.start)),
        duration: Bounds::of(rows.iter().map(|span| span.duration_ns)),
        seq: Bounds::of(rows.iter().map(|span| span.envelope.seq.cast_signed())),
        errors: rows.iter().any(|span| span.is_error()),
        to_self,
        weighted,
        events,
        links,
        services,
        summaries: summaries.len() as u32,
        summary_start,
        summary_duration,
        summary_spans,
        summary_errors,
        directory,
        spill: spilled,
    };
    Encoded { meta, columns }
}

/// A trace's rows: they follow each other.
struct Run {
    id: TraceId,
    rows: std::ops::Range<usize>,
}

fn sort(spans: &[Span]) -> (Vec<&Span>, Vec<Run>) {
    let mut first: FxHashMap<TraceId, Nanos> = FxHashMap::default();
    for span in spans {
        first.entry(span.trace_id).and_modify(|at| *at = span.start.min(*at)).or_insert(span.start);
    }
    let mut order: Vec<(Nanos, TraceId, Nanos, SpanId, u16)> =
        spans.iter().enumerate().map(|(at, span)| (first[&span.trace_id], span.trace_id, span.start, span.span_id, at as u16)).collect();
    order.sort_unstable();
    let rows: Vec<&Span> = order.iter().map(|key| &spans[usize::from(key.4)]).collect();
    let mut runs: Vec<Run> = Vec::with_capacity(first.len());
    for (row, span) in rows.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if run.id == span.trace_id => run.rows.end = row + 1,
            _ => runs.push(Run { id: span.trace_id, rows: row..row + 1 }),
        }
    }
    (rows, runs)
}

fn put_traces(traces: &[Run]) -> Vec<u8> {
    let mut to = Vec::with_capacity(traces.len() * 18 + 4);
    bytes::put(&mut to, traces.len() as u64);
    traces.iter().for_each(|run| to.extend_from_slice(&run.id.0));
    traces.iter().for_each(|run| bytes::put(&mut to, run.rows.len() as u64));
    to
}

/// 0: no parent; 1 and 8 bytes: a parent that is not in the block; n + 2: the n-th span of the trace's run.
fn put_parents(rows: &[&Span], traces: &[Run]) -> Vec<u8> {
    let mut to = Vec::with_capacity(rows.len() * 2);
    let mut places: FxHashMap<SpanId, usize> = FxHashMap::default();
    for run in traces {
        places.clear();
        let large = run.rows.len() > 24;
        if large {
            places.extend(run.rows.clone().map(|row| (rows[row].span_id, row - run.rows.start)));
        }
        for row in run.rows.clone() {
            let Some(parent) = rows[row].parent_id else {
                bytes::put(&mut to, 0);
                continue;
            };
            let place = match large {
                true => places.get(&parent).copied(),
                false => rows[run.rows.clone()].iter().position(|span| span.span_id == parent),
            };
            match place {
                Some(place) => bytes::put(&mut to, place as u64 + 2),
                None => {
                    bytes::put(&mut to, 1);
                    to.extend_from_slice(&parent.0);
                }
            }
        }
    }
    to
}

/// The distinct origins by content (each request has its own `Arc`), and each row's place among them.
fn distinct_origins<'a>(rows: &[&'a Span]) -> (Vec<&'a Origin>, Vec<u64>) {
    let mut by_address: FxHashMap<*const Origin, u64> = FxHashMap::default();
    let mut by_content: FxHashMap<Vec<u8>, u64> = FxHashMap::default();
    let mut origins: Vec<&Origin> = Vec::new();
    let places = rows.iter().map(|span| {
        *by_address.entry(Arc::as_ptr(&span.origin)).or_insert_with(|| {
            let mut content = Vec::new();
            bytes::put_slice(&mut content, span.origin.service.as_bytes());
            value::put_origin(&mut content, &span.origin);
            *by_content.entry(content).or_insert_with(|| {
                origins.push(&span.origin);
                origins.len() as u64 - 1
            })
        })
    });
    let places = places.collect();
    (origins, places)
}

/// One attribute column while it grows.
struct Growing<'a> {
    key: &'a str,
    kind: Kind,
    rows: Vec<u16>,
    values: Vec<&'a Value>,
}

type Spill = Option<Vec<u8>>;

fn put_attributes(rows: &[&Span], seen: &mut Tokens, put: &mut impl FnMut(u16, Vec<u8>)) -> (Vec<Column>, Spill) {
    let mut growing: Vec<Growing> = Vec::new();
    let mut places: FxHashMap<(&str, Kind), usize> = FxHashMap::default();
    let mut spilled: Vec<(usize, &str, &Value)> = Vec::new();
    // The column the same attribute of the span before went to: spans of one instrumentation have the same keys in the same order.
    let mut guesses: Vec<usize> = Vec::new();
    for (row, span) in rows.iter().enumerate() {
        for (nth, (key, value)) in span.attributes.iter().enumerate() {
            let kind = kind_of(value);
            let guess = guesses.get(nth).copied().filter(|at| growing[*at].kind == kind && growing[*at].key == key);
            let at = match guess.or_else(|| places.get(&(key.as_str(), kind)).copied()) {
                _ if is_long(value) => None,
                Some(at) => Some(at),
                None if growing.len() == number::MAX_ATTRIBUTES => None,
                None => {
                    growing.push(Growing { key, kind, rows: Vec::new(), values: Vec::new() });
                    places.insert((key, kind), growing.len() - 1);
                    Some(growing.len() - 1)
                }
            };
            let Some(at) = at else {
                spilled.push((row, key, value));
                continue;
            };
            growing[at].rows.push(row as u16);
            growing[at].values.push(value);
            match guesses.get_mut(nth) {
                Some(guess) => *guess = at,
                None => guesses.push(at),
            }
        }
    }
    growing.sort_unstable_by(|a, b| (a.key, a.kind).cmp(&(b.key, b.kind)));
    let mut directory = Vec::with_capacity(growing.len());
    for (at, column) in growing.iter().enumerate() {
        let number = number::FIRST_ATTRIBUTE + at as u16;
        let bounds = Bounds::of(column.values.iter().filter_map(|value| value.as_f64()).flat_map(|n| [n.floor() as i64, n.ceil() as i64]));
        put(number, put_column(column, rows.len(), seen));
        directory.push(Column { number, scope: Scope::Span, kind: column.kind, key: intern(column.key), bounds });
    }
    let spill = (!spilled.is_empty()).then(|| {
        let mut to = Vec::new();
        bytes::put(&mut to, spilled.len() as u64);
        for (row, key, value) in spilled {
            seen.add_value(value);
            bytes::put(&mut to, row as u64);
            bytes::put_slice(&mut to, key.as_bytes());
            value::put(&mut to, value);
        }
        to
    });
    (directory, spill)
}

fn put_column(column: &Growing, len: usize, seen: &mut Tokens) -> Vec<u8> {
    let (rows, values) = (&column.rows, &column.values);
    match column.kind {
        Kind::Text => {
            let texts = values.iter().map(|value| value.as_str().unwrap_or_default());
            column::put_texts(rows, len, texts, |text| seen.add(text))
        }
        Kind::Int => {
            let ints = values.iter().map(|value| if let Value::Int(int) = value { *int } else { 0 });
            column::put_ints(rows, len, ints.inspect(|int| seen.add_int(*int)))
        }
        Kind::Float => {
            let floats: Vec<f64> = values.iter().map(|value| if let Value::Float(float) = value { *float } else { 0.0 }).collect();
            floats.iter().for_each(|float| seen.add_float(*float));
            column::put_floats(rows, len, &floats)
        }
        Kind::Bool => column::put_bools(rows, len, values.iter().map(|value| matches!(value, Value::Bool(true)))),
        Kind::Other => {
            values.iter().for_each(|value| seen.add_value(value));
            column::put_values(rows, len, values.iter().copied())
        }
    }
}

fn kind_of(value: &Value) -> Kind {
    match value {
        Value::Str(_) => Kind::Text,
        Value::Int(_) => Kind::Int,
        Value::Float(_) => Kind::Float,
        Value::Bool(_) => Kind::Bool,
        Value::Bytes(_) | Value::List(_) | Value::Map(_) | Value::Empty => Kind::Other,
    }
}

fn is_long(value: &Value) -> bool {
    match value {
        Value::Str(text) => text.len() > LONG,
        Value::Bytes(raw) => raw.len() > LONG,
        Value::List(items) => items.len() > LONG / 64 || items.iter().any(is_long),
        Value::Map(entries) => entries.len() > LONG / 64 || entries.iter().any(|(_, value)| is_long(value)),
        _ => false,
    }
}

/// Keys that only resources, scopes and events have, for completion and for ruling blocks out.
fn other_keys(rows: &[&Span], origins: &[&Origin]) -> Vec<Column> {
    let mut keys: FxHashSet<(Scope, &str, Kind)> = FxHashSet::default();
    for origin in origins {
        keys.extend(origin.resource.iter().map(|(key, value)| (Scope::Resource, key.as_str(), kind_of(value))));
        keys.extend(origin.scope_attributes.iter().map(|(key, value)| (Scope::Scope, key.as_str(), kind_of(value))));
    }
    for event in rows.iter().flat_map(|span| &span.events) {
        keys.extend(event.attributes.iter().map(|(key, value)| (Scope::Event, key.as_str(), kind_of(value))));
    }
    let mut keys: Vec<_> = keys.into_iter().collect();
    keys.sort_unstable_by_key(|(scope, key, kind)| (*scope, *key, *kind));
    // Events with made-up keys must not blow the directory up; what is not listed is still found by a scan of the events.
    keys.truncate(number::MAX_ATTRIBUTES);
    keys.into_iter().map(|(scope, key, kind)| Column { number: 0, scope, kind, key: intern(key), bounds: Bounds::NONE }).collect()
}

/// Hashes of every token that a word or an equality may ask for; `None` where nobody wants them.
#[derive(Default)]
struct Tokens {
    hashes: Option<Vec<u64>>,
}

impl Tokens {
    fn add(&mut self, text: &str) {
        let Some(hashes) = &mut self.hashes else { return };
        if text.is_ascii() {
            let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            let words = text.as_bytes().split(|byte| !word(byte)).filter(|token| !token.is_empty());
            hashes.extend(words.map(bloom::hash_ascii));
        } else {
            hashes.extend(tokens(text).map(bloom::hash));
        }
        // Long columns of long texts repeat most of their tokens.
        if hashes.len() > 1 << 17 {
            hashes.sort_unstable();
            hashes.dedup();
        }
    }

    fn add_int(&mut self, int: i64) {
        let Some(hashes) = &mut self.hashes else { return };
        let hash = bloom::hash(&int.unsigned_abs().to_string());
        if hashes.last() != Some(&hash) {
            hashes.push(hash);
        }
    }

    /// Whole numbers can be asked for as if they were integers.
    fn add_float(&mut self, float: f64) {
        if float.fract() == 0.0 && float.abs() < 9e15 {
            self.add_int(float as i64);
        }
    }

    fn add_value(&mut self, value: &Value) {
        if self.hashes.is_none() {
            return;
        }
        match value {
            Value::Str(text) => self.add(text),
            Value::Int(int) => self.add_int(*int),
            Value::Float(float) => self.add_float(*float),
            Value::Bool(_) | Value::Empty => {}
            Value::Bytes(_) | Value::List(_) | Value::Map(_) => {
                // As a whole (its JSON) and in its parts: a query may mean either.
                self.add(&value.to_string());
                self.add_parts(value);
            }
        }
    }

    fn add_parts(&mut self, value: &Value) {
        match value {
            Value::List(items) => items.iter().for_each(|item| self.add_value(item)),
            Value::Map(entries) => entries.iter().for_each(|(_, value)| self.add_value(value)),
            _ => {}
        }
    }
}

fn put_lists<T>(rows: &[&Span], of: fn(&Span) -> &Vec<T>, put: fn(&mut Vec<u8>, &T)) -> Vec<u8> {
    let mut to = Vec::new();
    for span in rows {
        bytes::put(&mut to, of(span).len() as u64);
        of(span).iter().for_each(|item| put(&mut to, item));
    }
    to
}

fn delta(values: impl Iterator<Item = i64>) -> Vec<u8> {
    let mut last = 0i64;
    signed(values.map(|value| value.wrapping_sub(std::mem::replace(&mut last, value))))
}

fn signed(values: impl Iterator<Item = i64>) -> Vec<u8> {
    let mut to = Vec::with_capacity(values.size_hint().0 * 4);
    values.for_each(|value| bytes::put_signed(&mut to, value));
    to
}

fn varint(value: u64) -> impl Iterator<Item = u8> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let now = rest?;
        rest = (now >= 0x80).then_some(now >> 7);
        Some(now as u8 & 0x7f | if rest.is_some() { 0x80 } else { 0 })
    })
}
