//! What a digest writes to the files of days: occurrences, and what each witness says, in chunks.

use super::assign::Occ;
use super::codec;
use super::day::{Change, Chunk};
use super::prepare::Prepared;
use crate::store::sqlite::Core;
use crate::store::sqlite::view::unavailable;
use model::port::Problem;
use std::collections::BTreeMap;

/// Bytes of a chunk before they are compressed: equal frames of a group compress together, and a reader unpacks one.
const CHUNK: usize = 128 << 10;

/// Writes occurrences and witnesses to the files of their days.
pub async fn write_days(core: &Core, prepared: Vec<Prepared>, placed: &[usize], occs: &[Occ], upto: u64) -> Result<(), Problem> {
    let mut bodies: BTreeMap<i64, Vec<(u64, u64, Prepared)>> = BTreeMap::new();
    for (one, at) in prepared.into_iter().zip(placed) {
        bodies.entry(occs[*at].day).or_default().push((occs[*at].number, occs[*at].seq, one));
    }
    let packed = tokio::task::spawn_blocking(move || {
        bodies.into_iter().map(|(day, bodies)| Ok((day, pack(bodies)?))).collect::<Result<BTreeMap<i64, Vec<Chunk>>, std::io::Error>>()
    });
    let mut packed = packed.await.map_err(unavailable)?.map_err(unavailable)?;
    let mut days: Vec<i64> = occs.iter().filter(|occ| occ.changed).map(|occ| occ.day).chain(packed.keys().copied()).collect();
    days.sort_unstable();
    days.dedup();
    for day in days {
        let occurrences = occs.iter().filter(|occ| occ.changed && occ.day == day).collect();
        let change = Change { occurrences, chunks: packed.remove(&day).unwrap_or_default(), upto };
        core.error_day(day).write(&change).await.map_err(unavailable)?;
    }
    Ok(())
}

/// Bodies in chunks, those of a group together.
fn pack(mut bodies: Vec<(u64, u64, Prepared)>) -> Result<Vec<Chunk>, std::io::Error> {
    bodies.sort_by_key(|(number, _, one)| (*number, one.witness.seq));
    let mut chunks = Vec::new();
    let (mut chunk, mut bytes) = (Chunk::default(), Vec::new());
    let last = bodies.len().saturating_sub(1);
    for (at, (_, occurrence, one)) in bodies.into_iter().enumerate() {
        chunk.rows.push((one.witness.seq, occurrence, one.identity, bytes.len()));
        bytes.extend_from_slice(&one.body);
        if bytes.len() >= CHUNK || at == last {
            chunk.data = codec::pack(&bytes, 3)?;
            chunks.push(std::mem::take(&mut chunk));
            bytes.clear();
        }
    }
    Ok(chunks)
}
