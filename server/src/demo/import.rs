//! The nightly import of a supplier's price list: one trace of exactly [`SPANS`] spans.

use super::calls::{grpc, internal, postgres};
use super::drawing::{Drawing, Made, Thrown};
use super::random::Random;
use super::shop::Service;
use model::time::Nanos;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

/// Spans of the import's trace.
pub const SPANS: usize = 20_000;

/// Sheets of the price list. Each has a span of its own, a gRPC call (2) and a statement around its rows.
const SHEETS: usize = 200;
const ROWS: usize = 47;
/// Of a row: itself and its statement.
const SPANS_OF_ROW: usize = 2;
const SPANS_OF_SHEET: usize = 4 + ROWS * SPANS_OF_ROW;

/// The import that began at `start`. Sheets are worked on four at a time.
pub fn trace(random: &mut Random, start: Nanos, today: Nanos) -> Vec<Made> {
    let mut t = Drawing::new(random, start, today);
    t.span(Service::Importer, "catalog-importer", SpanKind::Internal, "import supplier price list", |t| {
        t.set("import.file", "woolworks-2026-11-22.xlsx");
        t.set("import.sheets", SHEETS as i64);
        t.set("import.rows", (SHEETS * ROWS) as i64);
        internal(t, "download", |t| t.work(4_200.0));
        for group in 0..SHEETS / 4 {
            t.together(4, |t, n| sheet(t, group * 4 + n));
        }
        // What the sheets leave over up to the round number: the search index is refreshed in as many steps.
        let left = SPANS - 2 - SHEETS * SPANS_OF_SHEET;
        for step in 0..left {
            t.span(Service::Search, "shop.search", SpanKind::Internal, "refresh index segment", |t| {
                t.set("segment", step as i64);
                t.work(30.0);
            });
        }
        t.set("import.changed", 2_718);
    });
    t.finish()
}

fn sheet(t: &mut Drawing, number: usize) {
    internal(t, "import sheet", |t| {
        t.set("sheet.number", number as i64);
        grpc(t, Service::Catalog, "shop.Catalog", "LockCategory", |t| {
            t.work(2.0);
            0
        });
        postgres(
            t,
            "catalog",
            "SELECT",
            "product",
            "SELECT sku, price FROM product WHERE supplier = $1 AND category = $2",
            ROWS as i64,
            6.0,
        );
        for row in 0..ROWS {
            t.span(Service::Importer, "catalog-importer", SpanKind::Internal, "import row", |t| {
                t.set("row.number", row as i64);
                t.set("product.sku", format!("WW-{:05}", number * ROWS + row));
                t.work(0.5);
                postgres(t, "catalog", "UPDATE", "product", "UPDATE product SET price = $2, updated_at = now() WHERE sku = $1", 0, 2.2);
                if t.random.chance(0.004) {
                    t.throw(&Thrown {
                        kind: "*strconv.NumError",
                        message: "strconv.ParseFloat: parsing \"n/a\": invalid syntax".into(),
                        frames: &[
                            ("importer/price.Parse", "price/parse.go", 31),
                            ("importer.(*Sheet).row", "sheet.go", 94),
                            ("main.main", "main.go", 52),
                        ],
                    });
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_has_as_many_spans_as_promised() {
        let now = 1_790_000_000_000_000_000;
        let made = super::trace(&mut super::Random::new(1), now - 3_600_000_000_000, now);
        assert_eq!(made.len(), super::SPANS);
        assert!(made.iter().all(|made| made.span.end_time_unix_nano >= made.span.start_time_unix_nano));
    }
}
