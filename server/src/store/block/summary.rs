//! The table of trace summaries of a block, field by field in one column.

use super::bytes::{self, Reader};
use super::{Corrupt, meta::Bounds};
use model::id::{SpanId, TraceId};
use model::span::Status;
use model::trace::{Root, Summary};
use rustc_hash::FxHashMap;

/// Bounds of the summaries: start, duration, spans, errors.
pub fn bounds(summaries: &[Summary]) -> [Bounds; 4] {
    [
        Bounds::of(summaries.iter().map(|summary| summary.start)),
        Bounds::of(summaries.iter().map(|summary| summary.duration_ns)),
        Bounds::of(summaries.iter().map(|summary| i64::from(summary.spans))),
        Bounds::of(summaries.iter().map(|summary| i64::from(summary.errors))),
    ]
}

/// `traces` are the traces of the block's spans: ids found there cost a byte or two instead of 16.
pub fn put(summaries: &[Summary], traces: &[TraceId]) -> Vec<u8> {
    let places: FxHashMap<TraceId, u64> = traces.iter().zip(1..).map(|(id, place)| (*id, place)).collect();
    let mut texts = Dictionary::default();
    let mut rows = Vec::with_capacity(summaries.len() * 24);
    let mut last = (0i64, 0i64, 0i64);
    for summary in summaries {
        let place = places.get(&summary.trace_id).copied().unwrap_or(0);
        bytes::put(&mut rows, place);
        if place == 0 {
            rows.extend_from_slice(&summary.trace_id.0);
        }
        bytes::put_signed(&mut rows, summary.start.wrapping_sub(last.0));
        bytes::put_signed(&mut rows, summary.first_seq.cast_signed().wrapping_sub(last.1));
        bytes::put_signed(&mut rows, summary.last_received.wrapping_sub(last.2));
        last = (summary.start, summary.first_seq.cast_signed(), summary.last_received);
    }
    for summary in summaries {
        bytes::put_signed(&mut rows, summary.duration_ns);
        bytes::put(&mut rows, u64::from(summary.spans));
        bytes::put(&mut rows, u64::from(summary.errors));
        rows.push((summary.root.status as u8) << 1 | u8::from(summary.has_root));
        bytes::put_signed(&mut rows, summary.root.start.wrapping_sub(summary.start));
        rows.extend_from_slice(&summary.root.span_id.0);
    }
    for summary in summaries {
        bytes::put(&mut rows, texts.place(&summary.root.service));
        bytes::put(&mut rows, texts.place(&summary.root.name));
        bytes::put(&mut rows, summary.services.len() as u64);
        for (service, count) in &summary.services {
            bytes::put(&mut rows, texts.place(service));
            bytes::put(&mut rows, u64::from(*count));
        }
        bytes::put(&mut rows, summary.sources.len() as u64);
        summary.sources.iter().for_each(|source| bytes::put(&mut rows, texts.place(source)));
    }
    let mut to = Vec::with_capacity(rows.len() + 1024);
    bytes::put(&mut to, texts.texts.len() as u64);
    texts.texts.iter().for_each(|text| bytes::put_slice(&mut to, text.as_bytes()));
    to.extend_from_slice(&rows);
    to
}

/// The inverse of [`put`] for the summaries that `keep` says yes to, with their row. `keep` sees every summary in order, without its
/// texts: those are made for the kept ones alone.
pub fn get(
    body: &[u8],
    count: usize,
    traces: &[TraceId],
    mut keep: impl FnMut(&Summary) -> bool,
) -> Result<Vec<(usize, Summary)>, Corrupt> {
    let mut from = Reader::new(body);
    let texts = (0..from.count(1)?).map(|_| from.text()).collect::<Result<Vec<_>, _>>()?;
    let text = |from: &mut Reader| -> Result<&str, Corrupt> {
        let place = usize::try_from(from.get()?).map_err(|_| Corrupt("text place"))?;
        texts.get(place).copied().ok_or(Corrupt("text place"))
    };
    let number = |from: &mut Reader| -> Result<u32, Corrupt> { u32::try_from(from.get()?).map_err(|_| Corrupt("count")) };
    let mut heads = Vec::new();
    let mut last = (0i64, 0i64, 0i64);
    for _ in 0..count {
        let trace_id = match from.get()? {
            0 => TraceId(from.array()?),
            place => *usize::try_from(place - 1).ok().and_then(|place| traces.get(place)).ok_or(Corrupt("trace place"))?,
        };
        last.0 = last.0.wrapping_add(from.signed()?);
        last.1 = last.1.wrapping_add(from.signed()?);
        last.2 = last.2.wrapping_add(from.signed()?);
        heads.push((trace_id, last));
    }
    let mut kept = Vec::new();
    for (row, (trace_id, (start, first_seq, last_received))) in heads.into_iter().enumerate() {
        let duration_ns = from.signed()?;
        let (spans, errors) = (number(&mut from)?, number(&mut from)?);
        let flags = from.byte()?;
        let status = Status::from_number(i32::from(flags >> 1));
        let root_start = start.wrapping_add(from.signed()?);
        let span_id = SpanId(from.array()?);
        let summary = Summary {
            trace_id,
            root: Root { span_id, start: root_start, service: String::new(), name: String::new(), status },
            has_root: flags & 1 == 1,
            start,
            duration_ns,
            spans,
            errors,
            services: Vec::new(),
            sources: Vec::new(),
            first_seq: first_seq.cast_unsigned(),
            last_received,
        };
        if keep(&summary) {
            kept.push((row, summary));
        }
    }
    let mut row = 0;
    for (kept, summary) in &mut kept {
        while row < *kept {
            skip_texts(&mut from)?;
            row += 1;
        }
        row += 1;
        summary.root.service = text(&mut from)?.to_owned();
        summary.root.name = text(&mut from)?.to_owned();
        let services = (0..from.count(2)?).map(|_| Ok((text(&mut from)?.to_owned(), number(&mut from)?)));
        summary.services = services.collect::<Result<_, Corrupt>>()?;
        summary.sources = (0..from.count(1)?).map(|_| text(&mut from).map(str::to_owned)).collect::<Result<_, _>>()?;
    }
    Ok(kept)
}

fn skip_texts(from: &mut Reader) -> Result<(), Corrupt> {
    from.get()?;
    from.get()?;
    for _ in 0..2 * from.count(2)? {
        from.get()?;
    }
    for _ in 0..from.count(1)? {
        from.get()?;
    }
    Ok(())
}

#[derive(Default)]
struct Dictionary<'a> {
    places: FxHashMap<&'a str, u64>,
    texts: Vec<&'a str>,
}

impl<'a> Dictionary<'a> {
    fn place(&mut self, text: &'a str) -> u64 {
        *self.places.entry(text).or_insert_with(|| {
            self.texts.push(text);
            self.texts.len() as u64 - 1
        })
    }
}
