//! Which traces the spans of a block say to be of one request: see [`model::request`].

use super::keyed::{ABSENT, key_columns, keyed};
use super::{Bitmap, Columns, Corrupt, Meta, decode, number};
use model::attr::Value;
use model::query::ast::{Key, Scope, SpanField};
use model::request::{NAMES, Name, Naming};
use model::span::Family;

fn key(name: &Name) -> Key {
    Key::Attribute { scope: Scope::Span, name: name.key.to_owned() }
}

/// The names that a span of this block may have.
fn names(meta: &Meta) -> impl Iterator<Item = &'static Name> + use<'_> {
    NAMES.iter().filter(|name| meta.spill || meta.columns_of(name.key).next().is_some())
}

/// Whether a span of this block may name another trace. Asked of every block, so the directory is gone through once.
pub fn may_join(meta: &Meta) -> bool {
    let names = |key: &str| NAMES.iter().any(|name| name.key == key);
    meta.spill || meta.directory.iter().any(|column| column.scope == Scope::Span && names(&column.key))
}

/// The columns that [`namings`] needs.
pub fn naming_columns(meta: &Meta) -> Vec<u16> {
    let mut numbers = vec![number::TRACES, number::SOURCE];
    names(meta).for_each(|name| key_columns(&key(name), meta, &mut numbers));
    numbers
}

/// What these rows say.
pub fn namings(meta: &Meta, columns: &Columns, rows: &Bitmap) -> Result<Vec<Naming>, Corrupt> {
    let mut namings = Vec::new();
    let (runs, sources) = (decode::runs(meta, columns)?, keyed(meta, columns, &Key::Span(SpanField::Source))?);
    let family = |row: usize| match sources.values.get(sources.place[row] as usize) {
        Some(Value::Str(source)) => Family::of(source),
        _ => Family::Otel,
    };
    for name in names(meta) {
        let found = keyed(meta, columns, &key(name))?;
        let ids: Vec<_> = found.values.iter().map(|value| name.ids(value)).collect();
        let mut rows = rows.iter().filter(|row| found.place[*row] != ABSENT).peekable();
        for (by, run) in &runs {
            while let Some(row) = rows.next_if(|row| *row < run.end) {
                namings.extend(ids[found.place[row] as usize].iter().map(|id| Naming { by: *by, family: family(row), name, id: *id }));
            }
        }
    }
    Ok(namings)
}
