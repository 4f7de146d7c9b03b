//! A part of a commit as it goes to the intake and into the tail, and what the look-up and the fold must know of a block's spans.

use super::lookup;
use crate::store::block::{self, Encoded, MAX_SPANS};
use model::port::Problem;
use model::span::Span;
use model::trace::Summary;
use std::sync::Arc;

/// A part of a commit: at most [`MAX_SPANS`] spans.
pub struct Chunk {
    pub spans: Vec<Span>,
    pub encoded: Encoded,
    pub blob: Vec<u8>,
    pub last_seq: u64,
    pub hashes: Vec<u64>,
    pub datasets: Vec<Arc<str>>,
}

impl Chunk {
    /// Carries summaries only.
    pub fn empty(seq: u64) -> Chunk {
        let encoded = block::encode_tail(&[]);
        Chunk { spans: Vec::new(), encoded, blob: Vec::new(), last_seq: seq, hashes: Vec::new(), datasets: Vec::new() }
    }
}

/// Encodes beside the async threads.
pub async fn encode(spans: Vec<Span>) -> Result<Vec<Chunk>, Problem> {
    if spans.is_empty() {
        return Ok(Vec::new());
    }
    let work = move || {
        let mut rest = spans;
        let mut chunks = Vec::with_capacity(rest.len().div_ceil(MAX_SPANS));
        while !rest.is_empty() {
            let later = rest.split_off(rest.len().min(MAX_SPANS));
            let spans = std::mem::replace(&mut rest, later);
            let encoded = block::encode_tail(&spans);
            chunks.push(Chunk {
                blob: encoded.to_blob(),
                encoded,
                last_seq: spans.iter().map(|span| span.envelope.seq).max().unwrap_or(0),
                hashes: hashes(&spans, &[]),
                datasets: datasets(&spans),
                spans,
            });
        }
        chunks
    };
    tokio::task::spawn_blocking(work).await.map_err(super::view::unavailable)
}

/// The look-up hashes of a block: its traces, and traces its spans link to. Sorted, each once.
pub fn hashes(spans: &[Span], summaries: &[Summary]) -> Vec<u64> {
    let mut hashes = Vec::new();
    let mut last = None;
    for span in spans {
        if last != Some(span.trace_id) {
            last = Some(span.trace_id);
            hashes.push(lookup::hash(span.trace_id));
        }
        hashes.extend(span.links.iter().map(|link| lookup::link_hash(link.trace_id)));
    }
    hashes.extend(summaries.iter().map(|summary| lookup::hash(summary.trace_id)));
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// The distinct datasets of some spans, but the empty one.
pub fn datasets(spans: &[Span]) -> Vec<Arc<str>> {
    let mut datasets: Vec<Arc<str>> = Vec::new();
    for span in spans {
        let dataset = &span.envelope.dataset;
        if !dataset.is_empty() && !datasets.contains(dataset) {
            datasets.push(dataset.clone());
        }
    }
    datasets.sort_unstable();
    datasets
}
