//! Placeholder until the query language lands.
use super::filter_pattern::PatternTest;
use super::test::{LineRef, LineTest, OriginField};
use model::port::Problem;
use model::query::LogQuery;
use model::time::Nanos;
use std::borrow::Cow;
use std::sync::Arc;

pub fn compile(query: &LogQuery, _now: Nanos) -> Result<Option<Arc<dyn LineTest>>, Problem> {
    match &query.filter_pattern {
        Some(pattern) => Ok(Some(Arc::new(PatternTest::new(pattern).map_err(|message| Problem::Bad { message, position: None })?))),
        None => Ok(None),
    }
}

pub fn origin_field(name: &str) -> Option<OriginField> {
    Some(match name {
        "group" => OriginField::Group,
        "stream" => OriginField::Stream,
        "service" => OriginField::Service,
        "environment" => OriginField::Environment,
        "host" => OriginField::Host,
        "logger" => OriginField::Logger,
        "source" => OriginField::Source,
        _ => return None,
    })
}

pub struct Field;
impl Field {
    pub fn of(_: &str) -> Field {
        Field
    }
    pub fn text<'a>(&self, _: &LineRef<'a>) -> Option<Cow<'a, str>> {
        None
    }
}
