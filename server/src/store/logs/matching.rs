//! What a line must match, compiled: the filter of a query and its leading `filter` commands, as a [`LineTest`].
//!
//! - A **word** is looked for in the message, the values of the attributes, service, logger and stream: whole tokens in a row, case aside.
//!   One that is an id is also the trace's or span's of the line.
//! - `key:value` tests the field of that name ([`crate::store::insights::fields`]); a line without it does not match. Texts that read as
//!   numbers compare as numbers, a list passes if an element does. Levels compare by name, `none` is the least.

mod need;
mod pieces;

use super::block::Meta;
use super::test::{LineRef, LineTest, Need, Reads};
use crate::store::block::matcher::Matcher;
use crate::store::block::word::WordMatcher;
use crate::store::insights::expression::{Compiled, Compiler, Scope, written};
use crate::store::insights::fields::{Field, Fields, Row};
use crate::store::insights::json;
use crate::store::insights::value::{Value, parse_number};
use model::id::{SpanId, TraceId};
use model::log::{Level, Severity};
use model::port::Problem;
use model::query::ast::{Cmp, Expr, Key, Literal, Test, Word};
use model::query::insights::LogQuery;
use model::time::Nanos;
use regex::bytes::Regex;

/// What a line must match for this query. `now` is what the function `now()` says. `Problem::Bad` if a regex does not compile.
pub fn compile(query: &LogQuery, now: Nanos) -> Result<Box<dyn LineTest>, Problem> {
    let mut compiler = Compiler::of_lines(now);
    let mut nodes = Vec::new();
    let mut needs = Vec::new();
    let mut literals = Vec::new();
    if !query.groups.is_empty() {
        nodes.push(Node::Groups(query.groups.clone()));
        needs.push(need::groups(&query.groups));
    }
    if let Some(filter) = &query.filter {
        nodes.push(node(filter, &mut compiler)?);
        needs.push(need::expr(filter, &mut compiler.fields));
        need::literals_of_expr(filter, &mut compiler.fields, &mut literals);
    }
    for filter in query.leading_filters() {
        nodes.push(Node::Expression(compiler.compile(filter)?));
        needs.push(need::expression(filter, &mut compiler.fields));
        need::literals_of_expression(filter, &mut compiler.fields, &mut literals);
    }
    let node = all(nodes);
    Ok(Box::new(Matching {
        need: need::all(needs),
        reads: node.reads().and(compiler.fields.reads()),
        literals: pieces::compiled(literals),
        node,
        fields: compiler.fields,
    }))
}

struct Matching {
    node: Node,
    need: Need,
    reads: Reads,
    /// The longest first.
    literals: Vec<pieces::Literal>,
    fields: Fields,
}

impl LineTest for Matching {
    fn test(&self, line: &LineRef) -> bool {
        self.node.test(&Row::new(line, &self.fields))
    }

    fn need(&self) -> &Need {
        &self.need
    }

    fn reads(&self) -> Reads {
        self.reads
    }

    fn must_contain(&self, block: &Meta) -> Option<&Regex> {
        self.literals.iter().find(|literal| literal.is_in_messages_of(block)).map(|literal| &literal.regex)
    }
}

enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    /// Log groups; those that end in `*` are prefixes.
    Groups(Vec<String>),
    /// Levels as bits.
    Level(u8),
    Trace(TraceId),
    Span(SpanId),
    Word {
        word: WordMatcher,
        trace: Option<TraceId>,
        span: Option<SpanId>,
    },
    Field(Field, Matcher),
    Expression(Compiled),
}

fn all(mut nodes: Vec<Node>) -> Node {
    // The cheap ones first: most lines fail one of them.
    nodes.sort_by_key(Node::cost);
    if nodes.len() == 1 { nodes.remove(0) } else { Node::All(nodes) }
}

fn node(expr: &Expr, compiler: &mut Compiler) -> Result<Node, Problem> {
    let mut parts = |parts: &[Expr]| parts.iter().map(|part| node(part, compiler)).collect::<Result<Vec<_>, _>>();
    Ok(match expr {
        Expr::And(inner) => all(parts(inner)?),
        Expr::Or(inner) => {
            let mut nodes = parts(inner)?;
            nodes.sort_by_key(Node::cost);
            Node::Any(nodes)
        }
        Expr::Not(inner) => Node::Not(Box::new(node(inner, compiler)?)),
        Expr::Word(word) => {
            let (trace, span) = ids(word);
            Node::Word { word: WordMatcher::new(word), trace, span }
        }
        Expr::Field(found) => match &found.key {
            Key::Attribute { name, .. } => field(compiler.fields.field(name), &found.test)?,
            // No query over lines has these.
            Key::Span(_) | Key::Trace(_) => Node::Level(0),
        },
    })
}

/// The ids that a word is.
fn ids(word: &Word) -> (Option<TraceId>, Option<SpanId>) {
    match word.open_start || word.open_end {
        true => (None, None),
        false => (word.text.parse().ok(), word.text.parse().ok()),
    }
}

fn field(field: Field, test: &Test) -> Result<Node, Problem> {
    if let Some(mask) = levels(&field, test)? {
        return Ok(Node::Level(mask));
    }
    Ok(match (&field, test) {
        (Field::TraceId, Test::Equals(literal)) if let Ok(id) = literal.text.parse() => Node::Trace(id),
        (Field::SpanId, Test::Equals(literal)) if let Ok(id) = literal.text.parse() => Node::Span(id),
        _ => Node::Field(field, Matcher::new(test)?),
    })
}

/// The levels that pass a test, as bits, if that is what it tests.
fn levels(field: &Field, test: &Test) -> Result<Option<u8>, Problem> {
    let is_level = *field == Field::Level;
    let named = |literal: &Literal| Level::from_name(&literal.text).filter(|_| is_level || *field == Field::Severity);
    let of = |test: &dyn Fn(Level) -> bool| {
        Some(Level::ALL.into_iter().filter(|level| test(*level)).fold(0, |mask, level| mask | 1 << level as u8))
    };
    Ok(match test {
        Test::Equals(literal) => named(literal).and_then(|named| of(&|level| level == named)),
        Test::Compare(cmp, literal) => named(literal).and_then(|named| {
            of(&|level| match cmp {
                Cmp::Less => level < named,
                Cmp::LessOrEqual => level <= named,
                Cmp::Greater => level > named,
                Cmp::GreaterOrEqual => level >= named,
            })
        }),
        Test::Exists if is_level => of(&|_| true),
        Test::Wildcard(_) | Test::Regex { .. } if is_level => {
            let matcher = Matcher::new(test)?;
            of(&|level| written(level).iter().any(|name| matcher.text(name)))
        }
        _ => None,
    })
}

impl Node {
    fn cost(&self) -> u8 {
        match self {
            Node::Level(_) | Node::Groups(_) => 0,
            Node::Field(Field::Origin(_, None) | Field::Timestamp | Field::IngestionTime | Field::Severity | Field::Pattern, _) => 0,
            Node::Trace(_) | Node::Span(_) => 1,
            Node::Field(Field::Message | Field::Lambda(_), _) => 2,
            Node::Word { .. } => 3,
            Node::Field(..) => 4,
            Node::Expression(_) => 5,
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().map(Node::cost).max().unwrap_or(0),
            Node::Not(inner) => inner.cost(),
        }
    }

    /// What is looked at besides the fields that the compiler knows of.
    fn reads(&self) -> Reads {
        match self {
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().fold(Reads::NONE, |reads, node| reads.and(node.reads())),
            Node::Not(inner) => inner.reads(),
            Node::Word { trace, span, .. } => {
                Reads { message: true, attributes: true, trace: trace.is_some() || span.is_some(), pattern: false }
            }
            Node::Trace(_) | Node::Span(_) => Reads { trace: true, ..Reads::NONE },
            Node::Groups(_) | Node::Level(_) | Node::Field(..) | Node::Expression(_) => Reads::NONE,
        }
    }

    fn test<'a>(&'a self, row: &Row<'a>) -> bool {
        let line = row.line;
        match self {
            Node::All(nodes) => nodes.iter().all(|node| node.test(row)),
            Node::Any(nodes) => nodes.iter().any(|node| node.test(row)),
            Node::Not(inner) => !inner.test(row),
            Node::Groups(groups) => groups.iter().any(|group| match group.strip_suffix('*') {
                Some(prefix) => line.origin.group.starts_with(prefix),
                None => *line.origin.group == **group,
            }),
            Node::Level(mask) => mask >> line.severity.level() as u8 & 1 == 1,
            Node::Trace(id) => row.link().is_some_and(|link| link.trace_id == *id),
            Node::Span(id) => row.link().is_some_and(|link| link.span_id == Some(*id)),
            Node::Word { word, trace, span } => {
                let origin = line.origin;
                word.found_in(line.message)
                    || [&origin.service, &origin.logger, &origin.stream].into_iter().any(|text| word.found_in(text))
                    || !line.attributes.is_empty() && json::any_value(line.attributes, |text| word.found_in(text))
                    || (trace.is_some() || span.is_some())
                        && row.link().is_some_and(|link| *trace == Some(link.trace_id) || span.is_some() && *span == link.span_id)
            }
            Node::Field(Field::Severity, matcher) => line.severity != Severity::NONE && matcher.int(i64::from(line.severity.0)),
            Node::Field(Field::Timestamp, matcher) => matcher.int(line.time),
            Node::Field(Field::IngestionTime, matcher) => matcher.int(line.received_at),
            Node::Field(field, matcher) => passes(&row.get(field), matcher),
            Node::Expression(compiled) => compiled.test(&Scope { row: Some(row), slots: &[] }),
        }
    }
}

/// Whether a value passes a test of the search box.
fn passes(value: &Value, matcher: &Matcher) -> bool {
    let text = |text: &str| {
        matcher.text(text)
            || matches!(matcher, Matcher::Compare(..) | Matcher::Equals(Literal { number: Some(_), .. }))
                && parse_number(text).is_some_and(|number| matcher.float(number))
    };
    match value {
        Value::Null => false,
        Value::Text(found) => text(found),
        Value::Number(number) => matcher.float(*number),
        Value::Truth(truth) => matcher.truth(*truth),
        Value::Moment(at) => matcher.int(*at),
        Value::Json(found) => matcher.text(found) || found.starts_with('[') && json::any_value(found, text),
    }
}

#[cfg(test)]
mod tests;
