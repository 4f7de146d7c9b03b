//! Pipelines that only count: lines that are alike to them may go through as one, with how many there are.

use super::expression::Compiled;
use super::fields::Field;
use crate::store::logs::test::OriginField;
use model::query::insights::Period;

/// What lines share that are alike to a pipeline, besides their group.
#[derive(Debug, Default, PartialEq)]
pub struct Alike {
    /// Their times are in the same one of each of these periods.
    pub bins: Vec<Period>,
    pub level: bool,
    pub severity: bool,
    pub pattern: bool,
    /// Fields of their origin.
    pub origin: Vec<OriginField>,
    /// Those of them that a line may say itself where its origin does not: then only the line tells.
    pub given: Vec<OriginField>,
}

impl Alike {
    /// Whether lines that are alike have the same value of this, and what they must share for it.
    pub(super) fn takes(&mut self, value: &Compiled) -> bool {
        match value {
            Compiled::Constant(_) | Compiled::Field(Field::Log | Field::Origin(OriginField::Group, _)) => (),
            Compiled::Field(Field::Level) => self.level = true,
            Compiled::Field(Field::Severity) => self.severity = true,
            Compiled::Field(Field::Pattern) => self.pattern = true,
            Compiled::Field(Field::Origin(field, path)) => {
                self.origin.push(*field);
                self.given.extend(path.is_some().then_some(*field));
            }
            Compiled::Floor(moment, period) if matches!(**moment, Compiled::Field(Field::Timestamp)) => self.bins.push(*period),
            _ => return false,
        }
        true
    }
}
