//! What a search knows of a block before it reads a column.

use crate::store::block::Corrupt;
use crate::store::block::bytes::{self, Reader};
use crate::store::block::meta::{Bounds, intern};
use crate::store::logs::test::{Need, OriginField};
use model::log::{Level, Origin};
use model::time::Range;
use std::sync::Arc;

/// Version of the codec; readers keep this one and the one before.
const VERSION: u64 = 1;

/// Bounds and counts of a block. Bounds are inclusive. The counts are what histograms and facets of whole blocks are made of: they are
/// written in the transaction that writes the block, and there is nothing else to keep in step.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    pub group: Arc<str>,
    pub lines: u32,
    /// Bytes of the messages.
    pub bytes: u64,
    pub time: Bounds,
    pub seq: Bounds,
    /// Lines by [`Level::ALL`].
    pub levels: [u32; 7],
    /// Distinct origins, without their resource, in the order of the `ORIGINS` column.
    pub origins: Vec<OriginCount>,
    pub patterns: Vec<PatternCount>,
    /// Fields of JSON messages and attributes, of the lines that were looked at: (name, lines).
    pub fields: Vec<(Arc<str>, u32)>,
    /// Lines looked at for `fields`.
    pub sampled: u32,
    pub has_attributes: bool,
    pub has_traces: bool,
}

/// An origin and how many lines of the block it has.
#[derive(Clone, Debug, PartialEq)]
pub struct OriginCount {
    pub stream: Arc<str>,
    pub service: Arc<str>,
    pub environment: Arc<str>,
    pub host: Arc<str>,
    pub logger: Arc<str>,
    pub source: Arc<str>,
    pub lines: u32,
}

/// Lines of a pattern by [`Level::ALL`].
#[derive(Clone, Debug, PartialEq)]
pub struct PatternCount {
    pub pattern: u32,
    pub levels: [u32; 7],
}

impl OriginCount {
    pub fn of(origin: &Origin, lines: u32) -> OriginCount {
        OriginCount {
            stream: intern(&origin.stream),
            service: intern(&origin.service),
            environment: intern(&origin.environment),
            host: intern(&origin.host),
            logger: intern(&origin.logger),
            source: intern(&origin.source),
            lines,
        }
    }

    fn texts(&self) -> [&Arc<str>; 6] {
        [&self.stream, &self.service, &self.environment, &self.host, &self.logger, &self.source]
    }

    /// The field's text; none of the group, which is the block's.
    pub fn text(&self, field: OriginField) -> Option<&Arc<str>> {
        Some(match field {
            OriginField::Group => return None,
            OriginField::Stream => &self.stream,
            OriginField::Service => &self.service,
            OriginField::Environment => &self.environment,
            OriginField::Host => &self.host,
            OriginField::Logger => &self.logger,
            OriginField::Source => &self.source,
        })
    }
}

impl Meta {
    /// Whether a line of the block may be in the range.
    pub fn touches(&self, range: Range) -> bool {
        self.lines > 0 && range.touches(self.time.min, self.time.max)
    }

    /// Whether all lines of the block are in the range.
    pub fn within(&self, range: Range) -> bool {
        range.covers(self.time.min, self.time.max)
    }

    /// Whether the block may have a line that passes, tokens and traces aside.
    pub fn may_pass(&self, need: &Need) -> bool {
        match need {
            Need::Nothing | Need::Token(_) | Need::Trace(_) => true,
            Need::Never => false,
            Need::Origin(OriginField::Group, text) => *self.group == **text,
            Need::Origin(field, text) => self.origins.iter().any(|origin| origin.text(*field).is_some_and(|there| **there == **text)),
            Need::Levels(bits) => Level::ALL.iter().any(|level| bits >> *level as u8 & 1 == 1 && self.levels[*level as usize] > 0),
            Need::All(needs) => needs.iter().all(|need| self.may_pass(need)),
            Need::Any(needs) => needs.iter().any(|need| self.may_pass(need)),
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(256);
        bytes::put(&mut to, VERSION);
        bytes::put_slice(&mut to, self.group.as_bytes());
        bytes::put(&mut to, u64::from(self.lines));
        bytes::put(&mut to, self.bytes);
        for bounds in [self.time, self.seq] {
            bytes::put_signed(&mut to, bounds.min);
            bytes::put_signed(&mut to, bounds.max.wrapping_sub(bounds.min));
        }
        put_levels(&mut to, &self.levels);
        bytes::put(&mut to, self.origins.len() as u64);
        for origin in &self.origins {
            origin.texts().into_iter().for_each(|text| bytes::put_slice(&mut to, text.as_bytes()));
            bytes::put(&mut to, u64::from(origin.lines));
        }
        bytes::put(&mut to, self.patterns.len() as u64);
        for count in &self.patterns {
            bytes::put(&mut to, u64::from(count.pattern));
            put_levels(&mut to, &count.levels);
        }
        bytes::put(&mut to, self.fields.len() as u64);
        for (name, lines) in &self.fields {
            bytes::put_slice(&mut to, name.as_bytes());
            bytes::put(&mut to, u64::from(*lines));
        }
        bytes::put(&mut to, u64::from(self.sampled));
        to.push(u8::from(self.has_attributes) | u8::from(self.has_traces) << 1);
        bytes::frame(&to, false)
    }

    pub fn from_bytes(framed: &[u8]) -> Result<Meta, Corrupt> {
        let body = bytes::unframe(framed)?;
        let mut from = Reader::new(&body);
        if from.get()? != VERSION {
            return Err(Corrupt("version"));
        }
        let group = intern(from.text()?);
        let lines = count(&mut from)?;
        if lines as usize > super::MAX_LINES {
            return Err(Corrupt("count"));
        }
        let bytes = from.get()?;
        let mut bounds = [Bounds::NONE; 2];
        for slot in &mut bounds {
            let min = from.signed()?;
            *slot = Bounds { min, max: min.wrapping_add(from.signed()?) };
        }
        let levels = get_levels(&mut from)?;
        let mut origins = Vec::new();
        for _ in 0..from.count(7)? {
            let mut text = || Ok::<_, Corrupt>(intern(from.text()?));
            let [stream, service, environment, host, logger, source] = [text()?, text()?, text()?, text()?, text()?, text()?];
            origins.push(OriginCount { stream, service, environment, host, logger, source, lines: count(&mut from)? });
        }
        let mut patterns = Vec::new();
        for _ in 0..from.count(8)? {
            patterns.push(PatternCount { pattern: count(&mut from)?, levels: get_levels(&mut from)? });
        }
        let mut fields = Vec::new();
        for _ in 0..from.count(2)? {
            fields.push((intern(from.text()?), count(&mut from)?));
        }
        let sampled = count(&mut from)?;
        let flags = from.byte()?;
        let [time, seq] = bounds;
        let (has_attributes, has_traces) = (flags & 1 == 1, flags & 2 == 2);
        Ok(Meta { group, lines, bytes, time, seq, levels, origins, patterns, fields, sampled, has_attributes, has_traces })
    }
}

fn count(from: &mut Reader) -> Result<u32, Corrupt> {
    u32::try_from(from.get()?).map_err(|_| Corrupt("count"))
}

fn put_levels(to: &mut Vec<u8>, levels: &[u32; 7]) {
    levels.iter().for_each(|lines| bytes::put(to, u64::from(*lines)));
}

fn get_levels(from: &mut Reader) -> Result<[u32; 7], Corrupt> {
    let mut levels = [0; 7];
    for slot in &mut levels {
        *slot = count(from)?;
    }
    Ok(levels)
}
