//! Columns to spans.

use super::bytes::{self, Reader};
use super::column::{Numbers, Present, Texts};
use super::meta::{Kind, intern};
use super::{Bitmap, Columns, Corrupt, Meta, number, summary, value};
use model::attr::{Attributes, Value};
use model::id::{SpanId, TraceId};
use model::query::ast::Scope;
use model::span::{self, Dropped, Envelope, Event, Link, Origin, Span, Status};
use model::trace::Summary;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Spans of the block in row order; only `rows` if given. Needs [`Meta::span_columns`].
pub fn spans(meta: &Meta, columns: &Columns, rows: Option<&Bitmap>) -> Result<Vec<Span>, Corrupt> {
    let len = meta.spans as usize;
    let wanted = |row: usize| rows.is_none_or(|rows| rows.has(row));
    let runs = runs(meta, columns)?;
    let start = deltas(meta, columns, number::START)?;
    let duration = durations(meta, columns)?;
    let kind_status = body(columns, number::KIND_STATUS)?;
    let ids = span_ids(meta, columns)?;
    let parents = parents(meta, columns, &runs, &ids)?;
    let flags = varints(meta, columns, number::FLAGS)?;
    let seq = deltas(meta, columns, number::SEQ)?;
    let received = deltas(meta, columns, number::RECEIVED)?;
    let origins = origins(columns)?;
    let origin_of = origin_places(meta, columns, origins.len())?;
    let [name, status_message, trace_state, source, key, dataset] =
        [number::NAME, number::STATUS_MESSAGE, number::TRACE_STATE, number::SOURCE, number::KEY, number::DATASET]
            .map(|number| texts(meta, columns, number));
    let (name, status_message, trace_state) = (name?, status_message?, trace_state?);
    let [source, key, dataset] = [source?, key?, dataset?].map(Shared::new);
    let weight = weights(meta, columns)?;
    let to_self = to_self(meta, columns)?;
    let dropped = dropped(meta, columns)?;
    let mut events = lists(meta.events, meta, columns, number::EVENTS, value::get_event)?;
    let mut links = lists(meta.links, meta, columns, number::LINKS, value::get_link)?;
    let mut attributes = attributes(meta, columns, &wanted)?;

    let mut spans = Vec::with_capacity(rows.map_or(len, Bitmap::count));
    for (run, row) in runs.iter().flat_map(|(id, rows)| rows.clone().map(move |row| (*id, row))) {
        if !wanted(row) {
            continue;
        }
        let both = *kind_status.get(row).ok_or(Corrupt("short"))?;
        let text = |texts: &Texts| texts.of_row(row).unwrap_or_default().to_owned();
        spans.push(Span {
            trace_id: run,
            span_id: ids[row],
            parent_id: parents[row],
            trace_state: text(&trace_state),
            flags: flags[row] as u32,
            name: text(&name),
            kind: span::Kind::from_number(i32::from(both / 3)),
            start: start[row],
            duration_ns: duration[row],
            status: Status::from_number(i32::from(both % 3)),
            status_message: text(&status_message),
            attributes: std::mem::take(&mut attributes[row]),
            events: events.as_mut().map(|events| std::mem::take(&mut events[row])).unwrap_or_default(),
            links: links.as_mut().map(|links| std::mem::take(&mut links[row])).unwrap_or_default(),
            dropped: dropped.as_ref().map(|dropped| dropped[row]).unwrap_or_default(),
            origin: origins[origin_of[row] as usize].clone(),
            envelope: Envelope {
                seq: seq[row].cast_unsigned(),
                received_at: received[row],
                source: source.of_row(row),
                key: key.of_row(row),
                dataset: dataset.of_row(row),
                weight: weight.as_ref().map_or(1.0, |weight| weight[row]),
                to_self: to_self.as_ref().is_some_and(|rows| rows.has(row)),
            },
        });
    }
    Ok(spans)
}

/// Rows of one trace's spans (a run), empty if it is not in the block. Needs `TRACES`.
pub fn spans_of_trace(meta: &Meta, columns: &Columns, id: TraceId) -> Result<Range<usize>, Corrupt> {
    Ok(runs(meta, columns)?.into_iter().find(|(run, _)| *run == id).map_or(0..0, |(_, rows)| rows))
}

/// Trace ids of the block's spans in row order with their number of rows. Needs `TRACES`.
pub fn traces(meta: &Meta, columns: &Columns) -> Result<Vec<(TraceId, u32)>, Corrupt> {
    Ok(runs(meta, columns)?.into_iter().map(|(id, rows)| (id, rows.len() as u32)).collect())
}

/// Span ids in row order. Needs `SPAN_ID`.
pub fn span_ids(meta: &Meta, columns: &Columns) -> Result<Vec<SpanId>, Corrupt> {
    let ids: Vec<SpanId> = body(columns, number::SPAN_ID)?.chunks_exact(8).filter_map(|id| id.try_into().ok().map(SpanId)).collect();
    sized(ids, meta)
}

/// The trace summaries that `keep` says yes to, with their row, in the order they were given to `encode`. `keep` sees each of them, without
/// its texts. Needs `SUMMARIES` and `TRACES`.
pub fn summaries(meta: &Meta, columns: &Columns, keep: impl FnMut(&Summary) -> bool) -> Result<Vec<(usize, Summary)>, Corrupt> {
    if meta.summaries == 0 {
        return Ok(Vec::new());
    }
    let ids: Vec<TraceId> = runs(meta, columns)?.into_iter().map(|(id, _)| id).collect();
    summary::get(&body(columns, number::SUMMARIES)?, meta.summaries as usize, &ids, keep)
}

/// Each trace with its rows, in row order.
pub(super) fn runs(meta: &Meta, columns: &Columns) -> Result<Vec<(TraceId, Range<usize>)>, Corrupt> {
    let body = body(columns, number::TRACES)?;
    let mut from = Reader::new(&body);
    let count = from.count(17)?;
    let ids = from.take(count * 16)?;
    let mut runs = Vec::with_capacity(count);
    let mut at = 0usize;
    for id in ids.chunks_exact(16) {
        let end = at.saturating_add(usize::try_from(from.get()?).map_err(|_| Corrupt("count"))?);
        runs.push((TraceId(id.try_into().map_err(|_| Corrupt("id"))?), at..end));
        at = end;
    }
    if at == meta.spans as usize { Ok(runs) } else { Err(Corrupt("traces")) }
}

pub(super) fn body(columns: &Columns, number: u16) -> Result<Cow<'_, [u8]>, Corrupt> {
    bytes::unframe(columns.get(number).ok_or(Corrupt("missing column"))?)
}

/// A number for each row, as `next` reads it.
fn each_row<T>(
    meta: &Meta,
    columns: &Columns,
    number: u16,
    mut next: impl FnMut(&mut Reader) -> Result<T, Corrupt>,
) -> Result<Vec<T>, Corrupt> {
    let body = body(columns, number)?;
    let mut from = Reader::new(&body);
    // Collecting results would grow the list step by step.
    let mut values = Vec::with_capacity(meta.spans as usize);
    for _ in 0..meta.spans {
        values.push(next(&mut from)?);
    }
    Ok(values)
}

pub(super) fn deltas(meta: &Meta, columns: &Columns, number: u16) -> Result<Vec<i64>, Corrupt> {
    let mut last = 0i64;
    each_row(meta, columns, number, |from| {
        last = last.wrapping_add(from.signed()?);
        Ok(last)
    })
}

pub(super) fn durations(meta: &Meta, columns: &Columns) -> Result<Vec<i64>, Corrupt> {
    each_row(meta, columns, number::DURATION, |from| from.signed())
}

pub(super) fn varints(meta: &Meta, columns: &Columns, number: u16) -> Result<Vec<u64>, Corrupt> {
    each_row(meta, columns, number, |from| from.get())
}

pub(super) fn origins(columns: &Columns) -> Result<Vec<Arc<Origin>>, Corrupt> {
    let body = body(columns, number::ORIGINS)?;
    let mut from = Reader::new(&body);
    let services = services(&mut from)?;
    services.into_iter().map(|service| Ok(Arc::new(value::get_origin(&mut from, service)?))).collect()
}

/// The services of [`origins`].
pub(super) fn origin_services(columns: &Columns) -> Result<Vec<String>, Corrupt> {
    let services = services(&mut Reader::new(&body(columns, number::ORIGINS)?))?.into_iter().map(str::to_owned).collect();
    Ok(services)
}

fn services<'a>(from: &mut Reader<'a>) -> Result<Vec<&'a str>, Corrupt> {
    (0..from.count(5)?).map(|_| from.text()).collect()
}

/// For each row its place in [`origins`].
pub(super) fn origin_places(meta: &Meta, columns: &Columns, origins: usize) -> Result<Vec<u32>, Corrupt> {
    each_row(meta, columns, number::ORIGIN, |from| {
        let place = from.get()?;
        if place < origins as u64 { Ok(place as u32) } else { Err(Corrupt("origin")) }
    })
}

/// A text column that may be absent: then no row has a text.
pub(super) fn texts(meta: &Meta, columns: &Columns, number: u16) -> Result<Texts, Corrupt> {
    let len = meta.spans as usize;
    columns.get(number).map_or_else(|| Ok(Texts::none(len)), |framed| Texts::get(framed, len))
}

/// `None`: every weight is 1.
pub(super) fn weights(meta: &Meta, columns: &Columns) -> Result<Option<Vec<f64>>, Corrupt> {
    if !meta.weighted {
        return Ok(None);
    }
    let framed = columns.get(number::WEIGHT).ok_or(Corrupt("missing column"))?;
    sized(Numbers::<f64>::get(framed, meta.spans as usize)?.values, meta).map(Some)
}

/// `None`: no row's target is Clew itself.
pub(super) fn to_self(meta: &Meta, columns: &Columns) -> Result<Option<Bitmap>, Corrupt> {
    meta.to_self.then(|| Ok(Bitmap::from_bytes(&body(columns, number::TO_SELF)?, meta.spans as usize))).transpose()
}

/// Parent ids by row.
pub(super) fn parents(
    meta: &Meta,
    columns: &Columns,
    runs: &[(TraceId, Range<usize>)],
    ids: &[SpanId],
) -> Result<Vec<Option<SpanId>>, Corrupt> {
    let body = body(columns, number::PARENT)?;
    let mut from = Reader::new(&body);
    let mut parents = Vec::with_capacity(meta.spans as usize);
    for (_, rows) in runs {
        for _ in rows.clone() {
            parents.push(match from.get()? {
                0 => None,
                1 => Some(SpanId(from.array()?)),
                place => {
                    let row = usize::try_from(place - 2).ok().and_then(|place| rows.start.checked_add(place));
                    Some(*row.filter(|row| rows.contains(row)).and_then(|row| ids.get(row)).ok_or(Corrupt("parent"))?)
                }
            });
        }
    }
    Ok(parents)
}

pub(super) fn events(meta: &Meta, columns: &Columns) -> Result<Option<Vec<Vec<Event>>>, Corrupt> {
    lists(meta.events, meta, columns, number::EVENTS, value::get_event)
}

pub(super) fn links(meta: &Meta, columns: &Columns) -> Result<Option<Vec<Vec<Link>>>, Corrupt> {
    lists(meta.links, meta, columns, number::LINKS, value::get_link)
}

fn lists<T>(
    has: bool,
    meta: &Meta,
    columns: &Columns,
    number: u16,
    get: fn(&mut Reader) -> Result<T, Corrupt>,
) -> Result<Option<Vec<Vec<T>>>, Corrupt> {
    if !has {
        return Ok(None);
    }
    let body = body(columns, number)?;
    let mut from = Reader::new(&body);
    let rows = (0..meta.spans).map(|_| (0..from.count(1)?).map(|_| get(&mut from)).collect());
    rows.collect::<Result<_, _>>().map(Some)
}

fn dropped(meta: &Meta, columns: &Columns) -> Result<Option<Vec<Dropped>>, Corrupt> {
    if columns.get(number::DROPPED).is_none() {
        return Ok(None);
    }
    let body = body(columns, number::DROPPED)?;
    let mut from = Reader::new(&body);
    let mut count = || from.get().map(|count| count as u32);
    let rows = (0..meta.spans).map(|_| Ok(Dropped { attributes: count()?, events: count()?, links: count()? }));
    rows.collect::<Result<_, _>>().map(Some)
}

/// Spilled attributes: (row, key, value).
pub(super) fn spilled(meta: &Meta, columns: &Columns) -> Result<Vec<(usize, String, Value)>, Corrupt> {
    if !meta.spill {
        return Ok(Vec::new());
    }
    let body = body(columns, number::SPILL)?;
    let mut from = Reader::new(&body);
    (0..from.count(3)?)
        .map(|_| {
            let row = usize::try_from(from.get()?).ok().filter(|row| *row < meta.spans as usize).ok_or(Corrupt("row"))?;
            Ok((row, from.text()?.to_owned(), value::get(&mut from)?))
        })
        .collect()
}

fn attributes(meta: &Meta, columns: &Columns, wanted: &impl Fn(usize) -> bool) -> Result<Vec<Attributes>, Corrupt> {
    let len = meta.spans as usize;
    let mut rows: Vec<Attributes> = vec![Vec::new(); len];
    for column in meta.directory.iter().filter(|column| column.scope == Scope::Span) {
        let framed = columns.get(column.number).ok_or(Corrupt("missing column"))?;
        let mut put = |present: &Present, value: &mut dyn FnMut(usize) -> Value| {
            present.each(|row, n| {
                if wanted(row) {
                    rows[row].push((column.key.to_string(), value(n)));
                }
            });
        };
        match column.kind {
            Kind::Text => {
                let texts = Texts::get(framed, len)?;
                put(&texts.present, &mut |n| Value::Str(texts.text(usize::from(texts.index[n])).to_owned()));
            }
            Kind::Int => {
                let ints = Numbers::<i64>::get(framed, len)?;
                put(&ints.present, &mut |n| Value::Int(ints.values[n]));
            }
            Kind::Float => {
                let floats = Numbers::<f64>::get(framed, len)?;
                put(&floats.present, &mut |n| Value::Float(floats.values[n]));
            }
            Kind::Bool => {
                let truths = Numbers::<bool>::get(framed, len)?;
                put(&truths.present, &mut |n| Value::Bool(truths.values[n]));
            }
            Kind::Other => {
                let mut values = Numbers::<Value>::get(framed, len)?;
                let taken = &mut values.values;
                put(&values.present, &mut |n| std::mem::replace(&mut taken[n], Value::Empty));
            }
        }
    }
    let spilled = spilled(meta, columns)?;
    let touched: Vec<usize> = spilled.iter().map(|(row, _, _)| *row).collect();
    for (row, key, value) in spilled {
        rows[row].push((key, value));
    }
    touched.into_iter().for_each(|row| rows[row].sort_by(|a, b| a.0.cmp(&b.0)));
    Ok(rows)
}

/// A text column whose texts are shared between the spans that have them.
struct Shared {
    texts: Texts,
    shared: Vec<Arc<str>>,
    empty: Arc<str>,
}

impl Shared {
    fn new(texts: Texts) -> Shared {
        let shared = (0..texts.distinct()).map(|place| intern(texts.text(place))).collect();
        Shared { texts, shared, empty: intern("") }
    }

    fn of_row(&self, row: usize) -> Arc<str> {
        let place = self.texts.present.place(row).map(|n| usize::from(self.texts.index[n]));
        place.map_or_else(|| self.empty.clone(), |place| self.shared[place].clone())
    }
}

fn sized<T>(values: Vec<T>, meta: &Meta) -> Result<Vec<T>, Corrupt> {
    if values.len() == meta.spans as usize { Ok(values) } else { Err(Corrupt("short")) }
}
