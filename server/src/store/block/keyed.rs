//! The values of one key over the rows of a block, for facets and stats: as places in a list of values, or as numbers.

use super::column::{Numbers, Texts};
use super::decode;
use super::meta::Kind;
use super::scan::{attribute_columns, entries, field_columns, look_up};
use super::{Columns, Corrupt, Meta, number};
use model::alias::{Aliases, is_service};
use model::attr::Value;
use model::query::ast::{Key, Scope, SpanField};
use model::semconv;
use model::span::{self, Status};
use rustc_hash::FxHashMap;

/// The row has no such value.
pub(super) const ABSENT: u32 = u32::MAX;

/// For each row the place of its value in `values`, or [`ABSENT`]. A value may be at several places.
pub(super) struct Keyed {
    pub place: Vec<u32>,
    pub values: Vec<Value>,
}

/// The columns [`keyed`] and [`numbers`] need.
pub(super) fn key_columns(key: &Key, meta: &Meta, to: &mut Vec<u16>) {
    match key {
        Key::Span(field) => field_columns(*field, to),
        Key::Trace(_) => {}
        Key::Attribute { scope: Scope::Event, .. } => to.push(number::EVENTS),
        Key::Attribute { scope, name } => attribute_columns(*scope, &names(name), meta, to),
    }
}

fn names(name: &str) -> Vec<String> {
    semconv::names(name).into_iter().map(str::to_owned).collect()
}

/// The key's value in each row, as `model::query::ast` says it is found.
pub(super) fn keyed(meta: &Meta, columns: &Columns, key: &Key) -> Result<Keyed, Corrupt> {
    let mut found = Keyed { place: vec![ABSENT; meta.spans as usize], values: Vec::new() };
    match key {
        Key::Span(field) => found.field(meta, columns, *field)?,
        Key::Trace(_) => {}
        Key::Attribute { scope: Scope::Event, name } => {
            let names = names(name);
            for (row, events) in decode::events(meta, columns)?.iter().flatten().enumerate() {
                let value = events.iter().find_map(|event| match name.as_str() {
                    "name" => Some(Value::Str(event.name.clone())),
                    _ => look_up(&event.attributes, &names).cloned(),
                });
                if let Some(value) = value {
                    found.set(row, value);
                }
            }
        }
        Key::Attribute { scope, name } => found.attribute(meta, columns, *scope, &names(name))?,
    }
    Ok(found)
}

/// The key's number in each row; NaN where there is none.
pub(super) fn numbers(meta: &Meta, columns: &Columns, key: &Key) -> Result<Vec<f64>, Corrupt> {
    let to_floats = |ints: Vec<i64>| ints.into_iter().map(|int| int as f64).collect();
    if *key == Key::Span(SpanField::Duration) {
        return Ok(to_floats(decode::durations(meta, columns)?));
    }
    if *key == Key::Span(SpanField::Start) {
        return Ok(to_floats(decode::deltas(meta, columns, number::START)?));
    }
    let keyed = keyed(meta, columns, key)?;
    let values: Vec<f64> = keyed.values.iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect();
    Ok(keyed.place.iter().map(|place| values.get(*place as usize).copied().unwrap_or(f64::NAN)).collect())
}

impl Keyed {
    /// Names services as they are shown, if it is services that the key names.
    pub fn with_aliases(mut self, key: &Key, aliases: &Aliases) -> Keyed {
        if is_service(key) {
            for value in &mut self.values {
                if let Value::Str(name) = value {
                    *name = aliases.name_of(name).to_owned();
                }
            }
        }
        self
    }

    fn set(&mut self, row: usize, value: Value) {
        self.place[row] = self.values.len() as u32;
        self.values.push(value);
    }

    /// Fills rows that have no value yet.
    fn texts(&mut self, texts: &Texts) {
        let base = self.values.len() as u32;
        self.values.extend((0..texts.distinct()).map(|place| Value::Str(texts.text(place).to_owned())));
        texts.present.each(|row, n| {
            if self.place[row] == ABSENT {
                self.place[row] = base + u32::from(texts.index[n]);
            }
        });
    }

    /// Fills rows that have no value yet, one place for equal values.
    fn each<T: Copy>(&mut self, numbers: &Numbers<T>, bits: impl Fn(T) -> u64, value: impl Fn(T) -> Value) {
        let mut places: FxHashMap<u64, u32> = FxHashMap::default();
        numbers.present.each(|row, n| {
            if self.place[row] == ABSENT {
                let number = numbers.values[n];
                self.place[row] = *places.entry(bits(number)).or_insert_with(|| {
                    self.values.push(value(number));
                    self.values.len() as u32 - 1
                });
            }
        });
    }

    fn ints(&mut self, len: usize, int: impl Fn(usize) -> i64) {
        let all = Numbers { present: super::column::Present::All(len), values: (0..len).map(int).collect() };
        self.each(&all, i64::cast_unsigned, Value::Int);
    }

    fn truths(&mut self, len: usize, truth: impl Fn(usize) -> bool) {
        self.values = vec![Value::Bool(false), Value::Bool(true)];
        self.place = (0..len).map(|row| u32::from(truth(row))).collect();
    }

    fn field(&mut self, meta: &Meta, columns: &Columns, field: SpanField) -> Result<(), Corrupt> {
        let len = meta.spans as usize;
        match field {
            SpanField::Name | SpanField::Source | SpanField::StatusMessage | SpanField::Dataset | SpanField::IngestKey => {
                let (number, never_absent) = match field {
                    SpanField::Name => (number::NAME, true),
                    SpanField::Source => (number::SOURCE, true),
                    SpanField::StatusMessage => (number::STATUS_MESSAGE, false),
                    SpanField::Dataset => (number::DATASET, false),
                    _ => (number::KEY, false),
                };
                self.texts(&decode::texts(meta, columns, number)?);
                if never_absent {
                    let empty = self.values.len() as u32;
                    self.values.push(Value::Str(String::new()));
                    self.place.iter_mut().filter(|place| **place == ABSENT).for_each(|place| *place = empty);
                }
            }
            SpanField::Service => {
                let services = decode::origin_services(columns)?;
                self.place = decode::origin_places(meta, columns, services.len())?;
                self.values = services.into_iter().map(Value::Str).collect();
            }
            SpanField::Kind | SpanField::Status => {
                let both = decode::body(columns, number::KIND_STATUS)?;
                let both: Vec<u8> = both.iter().copied().chain(std::iter::repeat(0)).take(len).collect();
                if field == SpanField::Kind {
                    self.values = span::Kind::ALL.iter().map(|kind| Value::Str(kind.as_str().to_owned())).collect();
                    self.place = both.iter().map(|both| u32::from(both / 3).min(5)).collect();
                } else {
                    self.values = Status::ALL.iter().map(|status| Value::Str(status.as_str().to_owned())).collect();
                    self.place = both.iter().map(|both| u32::from(both % 3)).collect();
                }
            }
            SpanField::Duration => {
                let durations = decode::durations(meta, columns)?;
                self.ints(len, |row| durations[row]);
            }
            SpanField::Start => {
                let starts = decode::deltas(meta, columns, number::START)?;
                self.ints(len, |row| starts[row]);
            }
            SpanField::Weight => {
                let weights = decode::weights(meta, columns)?.unwrap_or_else(|| vec![1.0; len]);
                let all = Numbers { present: super::column::Present::All(len), values: weights };
                self.each(&all, f64::to_bits, Value::Float);
            }
            SpanField::Entry => {
                let entries = entries(meta, columns)?;
                self.truths(len, |row| entries.has(row));
            }
            SpanField::ToSelf => {
                let to_self = decode::to_self(meta, columns)?;
                self.truths(len, |row| to_self.as_ref().is_some_and(|rows| rows.has(row)));
            }
            SpanField::Events => {
                let events = decode::events(meta, columns)?;
                self.ints(len, |row| events.as_ref().map_or(0, |events| events[row].len() as i64));
            }
            SpanField::Links => {
                let links = decode::links(meta, columns)?;
                self.ints(len, |row| links.as_ref().map_or(0, |links| links[row].len() as i64));
            }
            SpanField::TraceId => {
                for (id, run) in decode::runs(meta, columns)? {
                    let place = self.values.len() as u32;
                    self.values.push(Value::Str(id.to_string()));
                    self.place[run].fill(place);
                }
            }
            SpanField::SpanId => {
                for (row, id) in decode::span_ids(meta, columns)?.into_iter().enumerate() {
                    self.set(row, Value::Str(id.to_string()));
                }
            }
            SpanField::ParentId => {
                let ids = decode::span_ids(meta, columns)?;
                let parents = decode::parents(meta, columns, &decode::runs(meta, columns)?, &ids)?;
                for (row, parent) in parents.into_iter().enumerate() {
                    if let Some(id) = parent {
                        self.set(row, Value::Str(id.to_string()));
                    }
                }
            }
        }
        Ok(())
    }

    fn attribute(&mut self, meta: &Meta, columns: &Columns, scope: Scope, names: &[String]) -> Result<(), Corrupt> {
        let len = meta.spans as usize;
        if matches!(scope, Scope::Any | Scope::Span) {
            let spilled = decode::spilled(meta, columns)?;
            for name in names {
                for column in meta.columns_of(name) {
                    let framed = columns.get(column.number).ok_or(Corrupt("missing column"))?;
                    match column.kind {
                        Kind::Text => self.texts(&Texts::get(framed, len)?),
                        Kind::Int => self.each(&Numbers::<i64>::get(framed, len)?, i64::cast_unsigned, Value::Int),
                        Kind::Float => self.each(&Numbers::<f64>::get(framed, len)?, f64::to_bits, Value::Float),
                        Kind::Bool => self.each(&Numbers::<bool>::get(framed, len)?, u64::from, Value::Bool),
                        Kind::Other => {
                            let values = Numbers::<Value>::get(framed, len)?;
                            values.present.each(|row, n| {
                                if self.place[row] == ABSENT {
                                    self.set(row, values.values[n].clone());
                                }
                            });
                        }
                    }
                }
                for (row, _, value) in spilled.iter().filter(|(_, key, _)| key == name) {
                    if self.place[*row] == ABSENT {
                        self.set(*row, value.clone());
                    }
                }
            }
        }
        if scope == Scope::Span || !meta.origins_may_have(names) || !self.place.contains(&ABSENT) {
            return Ok(());
        }
        let origins = decode::origins(columns)?;
        let found = |origin: &model::span::Origin| {
            let resource = look_up(&origin.resource, names).filter(|_| scope != Scope::Scope);
            resource.or_else(|| look_up(&origin.scope_attributes, names).filter(|_| scope != Scope::Resource)).cloned()
        };
        let places: Vec<u32> = origins
            .iter()
            .map(|origin| match found(origin) {
                None => ABSENT,
                Some(value) => {
                    self.values.push(value);
                    self.values.len() as u32 - 1
                }
            })
            .collect();
        if places.iter().any(|place| *place != ABSENT) {
            let of_row = decode::origin_places(meta, columns, origins.len())?;
            for (place, origin) in self.place.iter_mut().zip(of_row) {
                if *place == ABSENT {
                    *place = places[origin as usize];
                }
            }
        }
        Ok(())
    }
}
