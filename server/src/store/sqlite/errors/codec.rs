//! Witnesses as bytes: in the intake a commit's, in a day's file a chunk's. Each is its fields as JSON and its `data` as it is; together
//! they are compressed.

use model::error::Witness;

/// The fields, then the data, each after its length.
pub fn put(witness: &Witness, to: &mut Vec<u8>) {
    // Without its data, which may be long and is not escaped into a text.
    let fields = serde_json::to_vec(&without_data(witness)).unwrap_or_default();
    for part in [fields.as_slice(), witness.data.as_bytes()] {
        to.extend_from_slice(&(part.len() as u32).to_le_bytes());
        to.extend_from_slice(part);
    }
}

fn without_data(witness: &Witness) -> Witness {
    Witness {
        seq: witness.seq,
        time: witness.time,
        received_at: witness.received_at,
        source: witness.source.clone(),
        key: witness.key.clone(),
        identity: witness.identity.clone(),
        project: witness.project.clone(),
        service: witness.service.clone(),
        environment: witness.environment.clone(),
        version: witness.version.clone(),
        host: witness.host.clone(),
        context: witness.context.clone(),
        level: witness.level,
        traces: witness.traces.clone(),
        span: witness.span,
        how: witness.how,
        handled: witness.handled,
        person: witness.person.clone(),
        data: String::new(),
    }
}

/// All witnesses of what [`put`] wrote; `None` if it is damaged.
pub fn all(mut bytes: &[u8]) -> Option<Vec<Witness>> {
    let mut witnesses = Vec::new();
    while !bytes.is_empty() {
        witnesses.push(take(&mut bytes)?);
    }
    Some(witnesses)
}

/// The witness at this offset.
pub fn at(bytes: &[u8], offset: usize) -> Option<Witness> {
    take(&mut bytes.get(offset..)?)
}

fn take(bytes: &mut &[u8]) -> Option<Witness> {
    let mut witness: Witness = serde_json::from_slice(part(bytes)?).ok()?;
    witness.data = String::from_utf8(part(bytes)?.to_vec()).ok()?;
    Some(witness)
}

fn part<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *bytes = rest;
    Some(part)
}

/// Compresses; `level` as zstd's.
pub fn pack(bytes: &[u8], level: i32) -> std::io::Result<Vec<u8>> {
    zstd::bulk::compress(bytes, level)
}

/// What [`pack`] made; `None` if it is damaged.
pub fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    zstd::stream::decode_all(bytes).ok()
}
