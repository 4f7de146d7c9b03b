//! The port's reads, and the small ones in full: one trace, links to it, keys, services, ledger, instance.

use super::day::lock;
use super::view::unavailable;
use super::{Sqlite, journal, lookup};
use crate::store::block::meta::Kind;
use async_trait::async_trait;
use model::alias::Aliases;
use model::id::TraceId;
use model::port::*;
use model::query::ast::{Key, Scope, Stats};
use model::query::{key_text, parse_key};
use model::span::Span;
use model::time::{Nanos, Range};
use model::trace::{Summary, Trace};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[async_trait]
impl Reader for Sqlite {
    async fn traces(&self, ask: &Ask, search: &TraceSearch) -> Result<Page<TraceRow>, Problem> {
        let as_of = ask.as_of.or(search.cursor.map(|cursor| cursor.as_of));
        let aliases = self.core.aliases();
        let mut page = self.core.view(as_of).page(ask, &with_aliases(&aliases, search)).await?;
        page.rows.iter_mut().flat_map(|row| std::iter::once(&mut row.summary).chain(&mut row.others)).for_each(|one| aliases.rename(one));
        Ok(page)
    }

    async fn count(&self, ask: &Ask, search: &TraceSearch, buckets: u32) -> Result<Count, Problem> {
        self.core.view(ask.as_of).count(ask, &with_aliases(&self.core.aliases(), search), buckets).await
    }

    async fn facets(&self, ask: &Ask, search: &SpanSearch, keys: &[(String, Key)], limit: u32) -> Result<Vec<Facet>, Problem> {
        let aliases = self.core.aliases();
        let search = SpanSearch { query: aliases.expand(&search.query).into_owned(), ..*search };
        self.core.view(ask.as_of).facets(ask, &search, keys, limit, &aliases).await
    }

    async fn stats(&self, ask: &Ask, search: &SpanSearch, stats: &Stats) -> Result<Table, Problem> {
        let aliases = self.core.aliases();
        let search = SpanSearch { query: aliases.expand(&search.query).into_owned(), ..*search };
        self.core.view(ask.as_of).stats(ask, &search, stats, &aliases).await
    }

    async fn spans(&self, ask: &Ask, search: &SpanSearch, limit: usize) -> Result<Option<Vec<Span>>, Problem> {
        let aliases = self.core.aliases();
        let search = SpanSearch { query: aliases.expand(&search.query).into_owned(), ..*search };
        let mut spans = self.core.view(ask.as_of).spans(ask, &search, limit).await?;
        spans.iter_mut().for_each(|spans| aliases.rename_spans(spans));
        Ok(spans)
    }

    async fn stored(&self, ask: &Ask, ids: &[TraceId]) -> Result<Vec<Summary>, Problem> {
        let view = self.core.view(ask.as_of);
        let aliases = self.core.aliases();
        let mut found: Vec<Summary> = view.summaries_of(ids).await?.into_values().map(|summary| (*summary).clone()).collect();
        found.retain(|summary| summary.first_seq <= view.as_of);
        found.sort_unstable_by_key(|summary| summary.trace_id);
        found.iter_mut().for_each(|summary| aliases.rename(summary));
        Ok(found)
    }

    async fn trace(&self, ask: &Ask, id: TraceId) -> Result<Trace, Problem> {
        let view = self.core.view(ask.as_of);
        let mut spans: Vec<Span> = view.spans_of(&[id], |_| true).await?.remove(&id).unwrap_or_default();
        let Some(last_received) = spans.iter().map(|span| span.envelope.received_at).max() else {
            return Err(Problem::NotFound("trace"));
        };
        spans.sort_unstable_by_key(|span| (span.start, span.span_id, span.family()));
        model::trace::adopt(&mut spans);
        let (duplicates, conflicts) = journal::again(&self.core.again, id).await.map_err(unavailable)?;
        Ok(Trace { trace_id: id, spans, duplicates, conflicts, last_received })
    }

    async fn links_to(&self, ask: &Ask, id: TraceId) -> Result<Vec<BackLink>, Problem> {
        let links = self.core.view(ask.as_of).links_to(id).await?;
        Ok(links.into_iter().map(|(trace_id, span_id, to)| BackLink { trace_id, span_id, to }).collect())
    }

    async fn keys(&self, ask: &Ask, range: Range, prefix: &str, limit: u32) -> Result<Vec<KeyHint>, Problem> {
        let blocks = self.core.view(ask.as_of).blocks_in(range).await?;
        let mut kinds: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
        for column in blocks.iter().flat_map(|block| &block.meta.directory) {
            let kind = match column.kind {
                Kind::Text | Kind::Other => "text",
                Kind::Int | Kind::Float => "number",
                Kind::Bool => "boolean",
            };
            let scope = if column.scope == Scope::Event { Scope::Event } else { Scope::Any };
            let key = Key::Attribute { scope, name: column.key.to_string() };
            let written = key_text(&key);
            // A resource attribute that is a field, such as `service.name`, is offered as the field.
            let hidden = scope == Scope::Any && parse_key(&written) != key;
            if written.starts_with(prefix) && !hidden {
                kinds.entry(written).or_default().insert(kind);
            }
        }
        let hint = |(key, kinds): (String, BTreeSet<&str>)| KeyHint { key, kind: kinds.into_iter().collect::<Vec<_>>().join("|") };
        Ok(kinds.into_iter().take(limit as usize).map(hint).collect())
    }

    async fn services(&self, ask: &Ask, range: Range) -> Result<Vec<String>, Problem> {
        let blocks = self.core.view(ask.as_of).blocks_in(range).await?;
        let aliases = self.core.aliases();
        let services = blocks.iter().flat_map(|block| block.meta.services.iter().map(|service| aliases.name_of(service)));
        let services: BTreeSet<&str> = services.collect();
        Ok(services.into_iter().map(str::to_owned).collect())
    }

    async fn ledger(&self) -> Result<Vec<LedgerRow>, Problem> {
        Ok(lock(&self.core.ledger).rows())
    }

    async fn instance(&self) -> Result<Instance, Problem> {
        let blocks = self.core.view(None).blocks(|_| true).await?;
        let mut warnings = lock(&self.core.warnings).clone();
        warnings.extend(self.core.shared.broken());
        Ok(Instance {
            listeners: lock(&self.core.listeners).clone(),
            warnings,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            retention_days: self.core.config.retention_days,
            disk_bytes: self.core.disk_bytes(),
            spans: blocks.iter().map(|block| block.live() as u64).sum(),
            has_demo: blocks.iter().any(|block| block.live() > 0 && block.datasets.iter().any(|name| &**name == crate::demo::DATASET)),
        })
    }

    fn aliases(&self) -> Arc<Aliases> {
        self.core.aliases()
    }

    fn now(&self) -> Nanos {
        self.core.now()
    }
}

fn with_aliases(aliases: &Aliases, search: &TraceSearch) -> TraceSearch {
    TraceSearch { query: aliases.expand(&search.query).into_owned(), ..*search }
}

impl super::view::View {
    /// (trace, span, linked span) of every link to a span of this trace, sorted.
    async fn links_to(&self, id: TraceId) -> Result<BTreeSet<(TraceId, model::id::SpanId, model::id::SpanId)>, Problem> {
        let candidates = self.candidates(&[id], lookup::link_hash, |_| true).await?;
        let mut links = BTreeSet::new();
        for chunk in candidates.chunks(8) {
            let blocks: Vec<_> = chunk.iter().map(|(block, _)| block.clone()).collect();
            for span in self.whole(&blocks).await? {
                let to_it = span.links.iter().filter(|link| link.trace_id == id);
                links.extend(to_it.map(|link| (span.trace_id, span.span_id, link.span_id)));
            }
        }
        Ok(links)
    }
}
