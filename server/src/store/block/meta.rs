//! What a search reads of a block before it reads any column: bounds, and the directory of attribute columns.

use super::bytes::{self, Reader};
use super::{Corrupt, number};
use model::query::ast::Scope;
use model::time::Nanos;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock};

/// Version of the codec; readers keep this one and the one before.
const VERSION: u64 = 1;

/// Bounds and directory of a block. All bounds are inclusive and cover dead rows too.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// Spans.
    pub spans: u32,
    pub start: Bounds,
    /// Nanoseconds.
    pub duration: Bounds,
    pub seq: Bounds,
    /// Whether a span has status error.
    pub errors: bool,
    /// Whether a span's target is Clew itself.
    pub to_self: bool,
    /// Whether a span has a weight other than 1.
    pub weighted: bool,
    /// Whether a span has events or links.
    pub events: bool,
    pub links: bool,
    /// Services of the block's spans, by name.
    pub services: Vec<Arc<str>>,
    /// Trace summaries.
    pub summaries: u32,
    pub summary_start: Bounds,
    pub summary_duration: Bounds,
    pub summary_spans: Bounds,
    pub summary_errors: Bounds,
    /// Attribute columns by (key, kind); then the keys that only resources, scopes or events have.
    pub directory: Vec<Column>,
    /// Whether there is a spill column.
    pub spill: bool,
}

/// Smallest and largest value; `min > max` when there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub min: i64,
    pub max: i64,
}

impl Bounds {
    pub const NONE: Bounds = Bounds { min: i64::MAX, max: i64::MIN };

    pub fn include(&mut self, value: i64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    pub fn of(values: impl IntoIterator<Item = i64>) -> Bounds {
        let mut bounds = Bounds::NONE;
        values.into_iter().for_each(|value| bounds.include(value));
        bounds
    }
}

/// One entry of the directory.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Column number; 0 for keys that have no column of their own (`scope` is not `Span`).
    pub number: u16,
    /// `Span`, `Resource`, `Scope` or `Event`.
    pub scope: Scope,
    pub kind: Kind,
    /// Interned: blocks of one store share the text.
    pub key: Arc<str>,
    /// Smallest and largest number (floor and ceiling), of number columns.
    pub bounds: Bounds,
}

/// What an attribute column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Text,
    Int,
    Float,
    Bool,
    /// Bytes, lists, maps, empty.
    Other,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Text, Kind::Int, Kind::Float, Kind::Bool, Kind::Other];
}

const SCOPES: [Scope; 4] = [Scope::Span, Scope::Resource, Scope::Scope, Scope::Event];

impl Meta {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(64 + self.directory.len() * 24);
        bytes::put(&mut to, VERSION);
        bytes::put(&mut to, u64::from(self.spans));
        bytes::put(&mut to, u64::from(self.summaries));
        for bounds in
            [self.start, self.duration, self.seq, self.summary_start, self.summary_duration, self.summary_spans, self.summary_errors]
        {
            put_bounds(&mut to, bounds);
        }
        let flags = [self.errors, self.to_self, self.weighted, self.events, self.links, self.spill];
        to.push(flags.iter().enumerate().fold(0, |byte, (bit, flag)| byte | u8::from(*flag) << bit));
        bytes::put(&mut to, self.services.len() as u64);
        self.services.iter().for_each(|service| bytes::put_slice(&mut to, service.as_bytes()));
        bytes::put(&mut to, self.directory.len() as u64);
        for column in &self.directory {
            bytes::put(&mut to, u64::from(column.number));
            let scope = SCOPES.iter().position(|scope| *scope == column.scope).unwrap_or(0);
            to.push((scope * Kind::ALL.len() + column.kind as usize) as u8);
            bytes::put_slice(&mut to, column.key.as_bytes());
            if matches!(column.kind, Kind::Int | Kind::Float) && column.number != 0 {
                put_bounds(&mut to, column.bounds);
            }
        }
        bytes::frame(&to, false)
    }

    pub fn from_bytes(framed: &[u8]) -> Result<Meta, Corrupt> {
        let body = bytes::unframe(framed)?;
        let mut from = Reader::new(&body);
        if from.get()? != VERSION {
            return Err(Corrupt("version"));
        }
        let count = |value: u64| u32::try_from(value).map_err(|_| Corrupt("count"));
        let (spans, summaries) = (count(from.get()?)?, count(from.get()?)?);
        if spans as usize > super::MAX_SPANS {
            return Err(Corrupt("count"));
        }
        let mut bounds = [Bounds::NONE; 7];
        for slot in &mut bounds {
            *slot = get_bounds(&mut from)?;
        }
        let [start, duration, seq, summary_start, summary_duration, summary_spans, summary_errors] = bounds;
        let flags = from.byte()?;
        let flag = |bit: u8| flags >> bit & 1 == 1;
        let services = (0..from.count(1)?).map(|_| Ok(intern(from.text()?))).collect::<Result<_, Corrupt>>()?;
        let mut directory = Vec::new();
        for _ in 0..from.count(3)? {
            let number = u16::try_from(from.get()?).map_err(|_| Corrupt("column number"))?;
            let both = usize::from(from.byte()?);
            let scope = *SCOPES.get(both / Kind::ALL.len()).ok_or(Corrupt("scope"))?;
            let kind = Kind::ALL[both % Kind::ALL.len()];
            let key = intern(from.text()?);
            let numbers = matches!(kind, Kind::Int | Kind::Float) && number != 0;
            let bounds = if numbers { get_bounds(&mut from)? } else { Bounds::NONE };
            directory.push(Column { number, scope, kind, key, bounds });
        }
        Ok(Meta {
            spans,
            start,
            duration,
            seq,
            errors: flag(0),
            to_self: flag(1),
            weighted: flag(2),
            events: flag(3),
            links: flag(4),
            spill: flag(5),
            services,
            summaries,
            summary_start,
            summary_duration,
            summary_spans,
            summary_errors,
            directory,
        })
    }

    /// Span attribute columns of this key, whatever their kind.
    pub fn columns_of<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Column> {
        self.directory.iter().filter(move |column| column.scope == Scope::Span && *column.key == *key)
    }

    /// Whether a resource, scope or event has this key.
    pub fn has(&self, scope: Scope, key: &str) -> bool {
        self.directory.iter().any(|column| column.scope == scope && *column.key == *key)
    }

    /// Whether a resource or scope may have one of these keys: most keys are of spans alone, and need no look at the origins.
    pub fn origins_may_have(&self, names: &[String]) -> bool {
        let mut others = self.directory.iter().filter(|column| column.number == 0);
        // A full list was cut off.
        let complete = others.clone().count() < number::MAX_ATTRIBUTES;
        !complete || others.any(|column| column.scope != Scope::Event && names.iter().any(|name| **name == *column.key))
    }

    /// Numbers of all columns a whole span needs.
    pub fn span_columns(&self) -> Vec<u16> {
        let mut numbers: Vec<u16> = (number::TRACES..=number::SPILL).collect();
        numbers.extend(self.directory.iter().map(|column| column.number).filter(|number| *number != 0));
        numbers
    }

    /// Whether a span of this block may start in `[start, end)`.
    pub fn touches(&self, start: Nanos, end: Nanos) -> bool {
        self.spans > 0 && self.start.min < end && start <= self.start.max
    }
}

fn put_bounds(to: &mut Vec<u8>, bounds: Bounds) {
    bytes::put_signed(to, bounds.min);
    bytes::put_signed(to, bounds.max.wrapping_sub(bounds.min));
}

fn get_bounds(from: &mut Reader) -> Result<Bounds, Corrupt> {
    let min = from.signed()?;
    Ok(Bounds { min, max: min.wrapping_add(from.signed()?) })
}

/// One shared copy of a key or a service name. Senders that make up keys without end stop being shared at 100,000.
pub fn intern(text: &str) -> Arc<str> {
    static TEXTS: OnceLock<Mutex<HashSet<Arc<str>>>> = OnceLock::new();
    let mut texts = TEXTS.get_or_init(Mutex::default).lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(shared) = texts.get(text) {
        return shared.clone();
    }
    let shared: Arc<str> = text.into();
    if texts.len() < 100_000 {
        texts.insert(shared.clone());
    }
    shared
}
