//! The parameters that calls share.

use super::answer::Failure;
use app::url::{Pairs, Range, parse_order};
use model::port::{Ask, Cursor, Order, Problem, Reader};
use model::query::ast::Query;
use model::time;
use std::time::{Duration, Instant};

/// How long counts, facets and stats may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The query string of a call.
pub(crate) struct Parameters(Pairs);

impl Parameters {
    pub(crate) fn of(raw: Option<String>) -> Parameters {
        Parameters(Pairs::parse(raw.as_deref().unwrap_or_default()))
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_default()
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.all(name)
    }

    /// `q`
    pub(crate) fn query(&self) -> Result<Query, Failure> {
        model::query::parse(self.text("q"))
            .map_err(|error| Failure(Problem::Bad { message: error.message, position: Some(error.position) }))
    }

    /// `last`, or `start` and `end`.
    pub(crate) fn range(&self, reader: &dyn Reader) -> Result<time::Range, Failure> {
        Ok(Range::read(&self.0).map_err(|error| Failure::bad(error.to_string()))?.resolve(reader.now()))
    }

    /// A number between `least` and `most`.
    pub(crate) fn number(&self, name: &str, default: u32, least: u32, most: u32) -> Result<u32, Failure> {
        match self.0.get(name) {
            None => Ok(default),
            Some(text) => match text.parse() {
                Ok(n) if (least..=most).contains(&n) => Ok(n),
                _ => Err(Failure::bad(format!("{name} must be a number from {least} to {most}"))),
            },
        }
    }

    pub(crate) fn order(&self) -> Result<Order, Failure> {
        match self.0.get("order") {
            None => Ok(Order::NEWEST),
            Some(text) => {
                parse_order(text).ok_or_else(|| Failure::bad("order must be time, duration, spans or errors, perhaps with -asc after it"))
            }
        }
    }

    pub(crate) fn cursor(&self) -> Result<Option<Cursor>, Failure> {
        Ok(self.0.get("cursor").map(str::parse).transpose()?)
    }

    /// A read of the world of `as_of`, or of now.
    pub(crate) fn ask(&self) -> Result<Ask, Failure> {
        let as_of = self.0.get("as_of").map(|text| text.parse().map_err(|_| Failure::bad("as_of must be a number of an earlier answer")));
        Ok(Ask::now().as_of(as_of.transpose()?))
    }

    /// The same, which rather has a partial answer after two seconds.
    pub(crate) fn brief_ask(&self) -> Result<Ask, Failure> {
        Ok(self.ask()?.until(Instant::now() + PATIENCE))
    }
}
