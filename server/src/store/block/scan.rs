//! One pass of a compiled filter over one block: leaves to sets of rows.

use super::column::{Numbers, Present, Texts};
use super::decode;
use super::matcher::Matcher;
use super::meta::Kind;
use super::plan::{Leaf, Node};
use super::{Bitmap, Columns, Corrupt, Meta, number, value};
use model::attr::{Attributes, Value, get};
use model::id::TraceId;
use model::query::ast::{Scope, SpanField, TraceField};
use model::span::{self, Origin, Status};
use model::trace::Summary;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::sync::Arc;

/// The columns a term needs in this block.
pub(super) fn leaf_columns(leaf: &Leaf, meta: &Meta, to: &mut Vec<u16>) {
    match leaf {
        Leaf::Span(field, _) => field_columns(*field, to),
        Leaf::Trace(..) => to.push(number::TRACES),
        Leaf::Attribute { scope: Scope::Event, .. } => to.push(number::EVENTS),
        Leaf::Attribute { scope, names, .. } => attribute_columns(*scope, names, meta, to),
        Leaf::Word { trace, span, .. } => {
            to.extend([number::NAME, number::STATUS_MESSAGE, number::ORIGIN, number::ORIGINS, number::EVENTS, number::SPILL]);
            let texts = meta.directory.iter().filter(|column| column.number != 0 && matches!(column.kind, Kind::Text | Kind::Other));
            to.extend(texts.map(|column| column.number));
            if trace.is_some() {
                to.push(number::TRACES);
            }
            if span.is_some() {
                to.extend([number::TRACES, number::SPAN_ID, number::PARENT]);
            }
        }
    }
}

/// The columns a field of every span is read from.
pub(super) fn field_columns(field: SpanField, to: &mut Vec<u16>) {
    match field {
        SpanField::TraceId => to.push(number::TRACES),
        SpanField::SpanId => to.push(number::SPAN_ID),
        SpanField::ParentId => to.extend([number::TRACES, number::SPAN_ID, number::PARENT]),
        SpanField::Name => to.push(number::NAME),
        SpanField::Service => to.extend([number::ORIGIN, number::ORIGINS]),
        SpanField::Kind | SpanField::Status => to.push(number::KIND_STATUS),
        SpanField::StatusMessage => to.push(number::STATUS_MESSAGE),
        SpanField::Duration => to.push(number::DURATION),
        SpanField::Start => to.push(number::START),
        SpanField::Source => to.push(number::SOURCE),
        SpanField::Dataset => to.push(number::DATASET),
        SpanField::IngestKey => to.push(number::KEY),
        SpanField::Weight => to.push(number::WEIGHT),
        SpanField::Entry => to.extend([number::KIND_STATUS, number::TRACES, number::SPAN_ID, number::PARENT, number::FLAGS]),
        SpanField::ToSelf => to.push(number::TO_SELF),
        SpanField::Events => to.push(number::EVENTS),
        SpanField::Links => to.push(number::LINKS),
    }
}

/// The columns an attribute is read from, events aside.
pub(super) fn attribute_columns(scope: Scope, names: &[String], meta: &Meta, to: &mut Vec<u16>) {
    if matches!(scope, Scope::Any | Scope::Span) {
        to.extend(names.iter().flat_map(|name| meta.columns_of(name)).map(|column| column.number));
        if meta.spill {
            to.push(number::SPILL);
        }
    }
    if scope != Scope::Span && meta.origins_may_have(names) {
        to.extend([number::ORIGIN, number::ORIGINS]);
    }
}

/// A pass over one block. Decoded columns that several terms may want are kept.
pub(super) struct Scan<'a> {
    meta: &'a Meta,
    columns: &'a Columns,
    summaries: Option<&'a HashMap<TraceId, Summary>>,
    origins: Option<Origins>,
}

struct Origins {
    table: Vec<Arc<Origin>>,
    of_row: Vec<u32>,
}

impl<'a> Scan<'a> {
    pub fn new(meta: &'a Meta, columns: &'a Columns, summaries: Option<&'a HashMap<TraceId, Summary>>) -> Scan<'a> {
        Scan { meta, columns, summaries, origins: None }
    }

    fn len(&self) -> usize {
        self.meta.spans as usize
    }

    pub fn rows(&mut self, node: &Node) -> Result<Bitmap, Corrupt> {
        match node {
            Node::All => Ok(Bitmap::all(self.len())),
            Node::And(parts) => {
                let mut rows = Bitmap::all(self.len());
                for part in parts {
                    rows.and(&self.rows(part)?);
                    if rows.is_empty() {
                        break;
                    }
                }
                Ok(rows)
            }
            Node::Or(parts) => {
                let mut rows = Bitmap::none(self.len());
                for part in parts {
                    rows.or(&self.rows(part)?);
                }
                Ok(rows)
            }
            // Not known yet: a candidate either way.
            Node::Leaf { leaf: Leaf::Trace(..), .. } if self.summaries.is_none() => Ok(Bitmap::all(self.len())),
            Node::Leaf { leaf, negated } => {
                let mut rows = self.leaf(leaf)?;
                if *negated {
                    rows.not();
                }
                Ok(rows)
            }
        }
    }

    fn leaf(&mut self, leaf: &Leaf) -> Result<Bitmap, Corrupt> {
        match leaf {
            Leaf::Span(field, matcher) => self.field(*field, matcher),
            Leaf::Trace(field, matcher) => self.trace(*field, matcher),
            Leaf::Attribute { scope: Scope::Event, names, matcher } => {
                let Some(events) = decode::events(self.meta, self.columns)? else { return Ok(Bitmap::none(self.len())) };
                Ok(Bitmap::from_fn(self.len(), |row| {
                    events[row].iter().any(|event| match names.first().map(String::as_str) {
                        Some("name") => matcher.text(&event.name),
                        _ => look_up(&event.attributes, names).is_some_and(|value| matcher.value(value)),
                    })
                }))
            }
            Leaf::Attribute { scope, names, matcher } => self.attribute(*scope, names, matcher),
            Leaf::Word { word, trace, span } => {
                let mut rows = self.texts(&|text| word.found_in(text))?;
                if let Some(id) = trace {
                    rows.or(&self.rows_of_trace(*id)?);
                }
                if let Some(id) = span {
                    let ids = decode::span_ids(self.meta, self.columns)?;
                    let runs = decode::runs(self.meta, self.columns)?;
                    let parents = decode::parents(self.meta, self.columns, &runs, &ids)?;
                    rows.or(&Bitmap::from_fn(self.len(), |row| ids[row] == *id || parents[row] == Some(*id)));
                }
                Ok(rows)
            }
        }
    }

    fn field(&mut self, field: SpanField, matcher: &Matcher) -> Result<Bitmap, Corrupt> {
        let (meta, columns, len) = (self.meta, self.columns, self.len());
        let texts = |number: u16| Ok(decode::texts(meta, columns, number)?.rows_where(|text| matcher.text(text), len));
        match field {
            // The two that are never absent: a row without a stored text has the empty one.
            SpanField::Name | SpanField::Source => {
                let number = if field == SpanField::Name { number::NAME } else { number::SOURCE };
                let stored = decode::texts(meta, columns, number)?;
                let mut rows = stored.rows_where(|text| matcher.text(text), len);
                if matcher.text("") {
                    let mut empty = stored.present.bitmap();
                    empty.not();
                    rows.or(&empty);
                }
                Ok(rows)
            }
            SpanField::StatusMessage => texts(number::STATUS_MESSAGE),
            SpanField::Dataset => texts(number::DATASET),
            SpanField::IngestKey => texts(number::KEY),
            SpanField::Service => {
                let services = decode::origin_services(columns)?;
                let passes: Vec<bool> = services.iter().map(|service| matcher.text(service)).collect();
                rows_of(len, &passes, || decode::origin_places(meta, columns, services.len()))
            }
            SpanField::Kind | SpanField::Status => {
                let both = decode::body(columns, number::KIND_STATUS)?;
                let passes: Vec<bool> = (0u8..18)
                    .map(|both| match field {
                        SpanField::Kind => matcher.text(span::Kind::from_number(i32::from(both / 3)).as_str()),
                        _ => matcher.text(Status::from_number(i32::from(both % 3)).as_str()),
                    })
                    .collect();
                Ok(Bitmap::from_fn(len, |row| both.get(row).and_then(|both| passes.get(usize::from(*both))) == Some(&true)))
            }
            SpanField::Duration => {
                let durations = decode::durations(meta, columns)?;
                Ok(Bitmap::from_fn(len, |row| matcher.int(durations[row])))
            }
            SpanField::Start => {
                let starts = decode::deltas(meta, columns, number::START)?;
                Ok(Bitmap::from_fn(len, |row| matcher.int(starts[row])))
            }
            SpanField::Weight => Ok(match decode::weights(meta, columns)? {
                Some(weights) => Bitmap::from_fn(len, |row| matcher.float(weights[row])),
                None => uniform(len, matcher.float(1.0)),
            }),
            SpanField::Entry => {
                let entries = entries(meta, columns)?;
                Ok(choose(&entries, matcher))
            }
            SpanField::ToSelf => Ok(match decode::to_self(meta, columns)? {
                Some(rows) => choose(&rows, matcher),
                None => uniform(len, matcher.truth(false)),
            }),
            SpanField::Events => Ok(match decode::events(meta, columns)? {
                Some(events) => Bitmap::from_fn(len, |row| matcher.int(events[row].len() as i64)),
                None => uniform(len, matcher.int(0)),
            }),
            SpanField::Links => Ok(match decode::links(meta, columns)? {
                Some(links) => Bitmap::from_fn(len, |row| matcher.int(links[row].len() as i64)),
                None => uniform(len, matcher.int(0)),
            }),
            SpanField::TraceId => {
                let mut rows = Bitmap::none(len);
                for (id, run) in decode::runs(meta, columns)? {
                    if matcher.text(&id.to_string()) {
                        run.for_each(|row| rows.set(row));
                    }
                }
                Ok(rows)
            }
            SpanField::SpanId => {
                let ids = decode::span_ids(meta, columns)?;
                Ok(Bitmap::from_fn(len, |row| matcher.text(&ids[row].to_string())))
            }
            SpanField::ParentId => {
                let ids = decode::span_ids(meta, columns)?;
                let parents = decode::parents(meta, columns, &decode::runs(meta, columns)?, &ids)?;
                Ok(Bitmap::from_fn(len, |row| parents[row].is_some_and(|id| matcher.text(&id.to_string()))))
            }
        }
    }

    fn trace(&mut self, field: TraceField, matcher: &Matcher) -> Result<Bitmap, Corrupt> {
        let passes = |summary: &Summary| match field {
            TraceField::Duration => matcher.int(summary.duration_ns),
            TraceField::Spans => matcher.int(summary.spans.into()),
            TraceField::Errors => matcher.int(summary.errors.into()),
            TraceField::Service => summary.services.iter().any(|(service, _)| matcher.text(service)),
            TraceField::Root => matcher.text(&summary.root.name),
            TraceField::RootService => matcher.text(&summary.root.service),
            TraceField::Source => summary.sources.iter().any(|source| matcher.text(source)),
        };
        let mut rows = Bitmap::none(self.len());
        for (id, run) in decode::runs(self.meta, self.columns)? {
            if self.summaries.and_then(|summaries| summaries.get(&id)).is_some_and(passes) {
                run.for_each(|row| rows.set(row));
            }
        }
        Ok(rows)
    }

    fn rows_of_trace(&self, id: TraceId) -> Result<Bitmap, Corrupt> {
        let mut rows = Bitmap::none(self.len());
        decode::spans_of_trace(self.meta, self.columns, id)?.for_each(|row| rows.set(row));
        Ok(rows)
    }

    fn origins(&mut self) -> Result<&Origins, Corrupt> {
        if self.origins.is_none() {
            let table = decode::origins(self.columns)?;
            let of_row = decode::origin_places(self.meta, self.columns, table.len())?;
            self.origins = Some(Origins { table, of_row });
        }
        self.origins.as_ref().ok_or(Corrupt("origins"))
    }

    fn rows_of_origins(&mut self, test: impl Fn(&Origin) -> bool) -> Result<Bitmap, Corrupt> {
        let len = self.len();
        let origins = self.origins()?;
        let passes: Vec<bool> = origins.table.iter().map(|origin| test(origin)).collect();
        rows_of(len, &passes, || Ok(&origins.of_row))
    }

    /// Rows of which the first value found, scope by scope and name by name, passes.
    fn attribute(&mut self, scope: Scope, names: &[String], matcher: &Matcher) -> Result<Bitmap, Corrupt> {
        let len = self.len();
        let mut passed = Bitmap::none(len);
        let mut decided = Bitmap::none(len);
        if matches!(scope, Scope::Any | Scope::Span) {
            for name in names {
                let (has, mut passes) = self.own(name, matcher)?;
                passes.and_not(&decided);
                passed.or(&passes);
                decided.or(&has);
            }
        }
        let places: &[fn(&Origin) -> &Attributes] = match scope {
            Scope::Any => &[|origin| &origin.resource, |origin| &origin.scope_attributes],
            Scope::Resource => &[|origin| &origin.resource],
            Scope::Scope => &[|origin| &origin.scope_attributes],
            Scope::Span | Scope::Event => &[],
        };
        if !places.is_empty() && self.meta.origins_may_have(names) {
            let find =
                |origin: &Origin| places.iter().find_map(|place| look_up(place(origin), names)).is_some_and(|value| matcher.value(value));
            let mut rest = self.rows_of_origins(find)?;
            rest.and_not(&decided);
            passed.or(&rest);
        }
        Ok(passed)
    }

    /// Rows that have the span attribute of exactly this name, and those of them that pass.
    fn own(&self, name: &str, matcher: &Matcher) -> Result<(Bitmap, Bitmap), Corrupt> {
        let len = self.len();
        let (mut has, mut passes) = (Bitmap::none(len), Bitmap::none(len));
        for column in self.meta.columns_of(name) {
            let framed = self.columns.get(column.number).ok_or(Corrupt("missing column"))?;
            match column.kind {
                Kind::Text => {
                    let texts = Texts::get(framed, len)?;
                    has.or(&texts.present.bitmap());
                    passes.or(&texts.rows_where(|text| matcher.text(text), len));
                }
                Kind::Int => add(Numbers::<i64>::get(framed, len)?, |int| matcher.int(*int), &mut has, &mut passes),
                Kind::Float => add(Numbers::<f64>::get(framed, len)?, |float| matcher.float(*float), &mut has, &mut passes),
                Kind::Bool => add(Numbers::<bool>::get(framed, len)?, |truth| matcher.truth(*truth), &mut has, &mut passes),
                Kind::Other => add(Numbers::<Value>::get(framed, len)?, |value| matcher.value(value), &mut has, &mut passes),
            }
        }
        for (row, _, value) in decode::spilled(self.meta, self.columns)?.iter().filter(|(_, key, _)| key == name) {
            has.set(*row);
            if matcher.value(value) {
                passes.set(*row);
            }
        }
        Ok((has, passes))
    }

    /// Rows with a text that passes: name, service, status message, attributes of span and resource, events.
    fn texts(&mut self, test: &dyn Fn(&str) -> bool) -> Result<Bitmap, Corrupt> {
        let len = self.len();
        let in_value = |value: &Value| {
            let mut found = false;
            value::each_text(value, &mut |text| found = found || test(text));
            found
        };
        let mut rows = self.rows_of_origins(|origin| test(&origin.service) || origin.resource.iter().any(|(_, value)| in_value(value)))?;
        for number in [number::NAME, number::STATUS_MESSAGE] {
            rows.or(&decode::texts(self.meta, self.columns, number)?.rows_where(test, len));
        }
        for column in self.meta.directory.iter().filter(|column| column.number != 0) {
            if !matches!(column.kind, Kind::Text | Kind::Other) {
                continue;
            }
            let framed = self.columns.get(column.number).ok_or(Corrupt("missing column"))?;
            if column.kind == Kind::Text {
                rows.or(&Texts::get(framed, len)?.rows_where(test, len));
            } else {
                let mut has = Bitmap::none(len);
                add(Numbers::<Value>::get(framed, len)?, in_value, &mut has, &mut rows);
            }
        }
        for (row, _, value) in decode::spilled(self.meta, self.columns)? {
            if in_value(&value) {
                rows.set(row);
            }
        }
        for (row, events) in decode::events(self.meta, self.columns)?.iter().flatten().enumerate() {
            if events.iter().any(|event| test(&event.name) || event.attributes.iter().any(|(_, value)| in_value(value))) {
                rows.set(row);
            }
        }
        Ok(rows)
    }
}

/// Which rows are entry spans. Needs the columns of [`SpanField::Entry`].
pub(super) fn entries(meta: &Meta, columns: &Columns) -> Result<Bitmap, Corrupt> {
    let ids = decode::span_ids(meta, columns)?;
    let parents = decode::parents(meta, columns, &decode::runs(meta, columns)?, &ids)?;
    let flags = decode::varints(meta, columns, number::FLAGS)?;
    let both = decode::body(columns, number::KIND_STATUS)?;
    let kind = |row: usize| span::Kind::from_number(both.get(row).map_or(0, |both| i32::from(both / 3)));
    Ok(Bitmap::from_fn(ids.len(), |row| {
        parents[row].is_none() || flags[row] & 0x300 == 0x300 || matches!(kind(row), span::Kind::Server | span::Kind::Consumer)
    }))
}

/// The value under the first of these names that is there.
pub(super) fn look_up<'a>(attributes: &'a Attributes, names: &[String]) -> Option<&'a Value> {
    names.iter().find_map(|name| get(attributes, name))
}

fn add<T>(numbers: Numbers<T>, test: impl Fn(&T) -> bool, has: &mut Bitmap, passes: &mut Bitmap) {
    let Numbers { present, values } = numbers;
    present.each(|row, n| {
        if test(&values[n]) {
            passes.set(row);
        }
    });
    match present {
        Present::All(len) => *has = Bitmap::all(len),
        Present::Some(rows) => has.or(&rows),
    }
}

/// Rows whose origin, of those that `passes` is about, passes; `of_row` is asked only if they differ.
fn rows_of<P: Borrow<Vec<u32>>>(len: usize, passes: &[bool], of_row: impl FnOnce() -> Result<P, Corrupt>) -> Result<Bitmap, Corrupt> {
    if passes.iter().all(|pass| *pass == passes[0]) {
        return Ok(uniform(len, passes.first() == Some(&true)));
    }
    let of_row = of_row()?;
    let of_row: &Vec<u32> = of_row.borrow();
    Ok(Bitmap::from_fn(len, |row| passes[of_row[row] as usize]))
}

fn uniform(len: usize, holds: bool) -> Bitmap {
    if holds { Bitmap::all(len) } else { Bitmap::none(len) }
}

/// Rows whose truth, being in `rows` or not, passes.
fn choose(rows: &Bitmap, matcher: &Matcher) -> Bitmap {
    let mut passed = Bitmap::none(rows.len());
    if matcher.truth(true) {
        passed.or(rows);
    }
    if matcher.truth(false) {
        let mut not = rows.clone();
        not.not();
        passed.or(&not);
    }
    passed
}
