//! What is asked of lines: a query's own filter, and CloudWatch's filter pattern.

use crate::store::logs::block::Meta;
use crate::store::logs::filter_pattern::PatternTest;
use crate::store::logs::matching;
use crate::store::logs::test::{LineRef, LineTest, Need, Reads};
use model::port::Problem;
use model::query::LogQuery;
use model::time::Nanos;
use std::sync::Arc;

/// What lines must match; `None` if nothing is asked of them.
pub fn test_of(query: &LogQuery, now: Nanos) -> Result<Option<Arc<dyn LineTest>>, Problem> {
    let query = &query.clone().filters_first();
    let mut tests: Vec<Box<dyn LineTest>> = Vec::new();
    if query.filter.is_some() || !query.groups.is_empty() || query.leading_filters().next().is_some() {
        tests.push(matching::compile(query, now)?);
    }
    if let Some(pattern) = &query.filter_pattern {
        tests.push(Box::new(PatternTest::new(pattern).map_err(|message| Problem::Bad { message, position: None })?));
    }
    let second = tests.pop();
    Ok(match (tests.pop(), second) {
        (Some(first), Some(second)) => {
            let need = Need::All(vec![first.need().clone(), second.need().clone()]);
            Some(Arc::new(Both { tests: [first, second], need }))
        }
        (_, second) => second.map(Arc::from),
    })
}

/// Two tests that a line must pass.
pub struct Both {
    tests: [Box<dyn LineTest>; 2],
    need: Need,
}

impl LineTest for Both {
    fn test(&self, line: &LineRef) -> bool {
        self.tests.iter().all(|test| test.test(line))
    }

    fn need(&self) -> &Need {
        &self.need
    }

    fn reads(&self) -> Reads {
        let [first, second] = &self.tests;
        first.reads().and(second.reads())
    }

    fn must_contain(&self, block: &Meta) -> Option<&regex::bytes::Regex> {
        self.tests.iter().find_map(|test| test.must_contain(block))
    }
}
