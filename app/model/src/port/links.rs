//! Which trace a line belongs to where the line alone does not say.

use super::Ask;
use crate::error::Occurrence;
use crate::id::TraceId;
use crate::log::Line;
use crate::span::Span;
use async_trait::async_trait;
use std::collections::HashMap;

/// Decides, when lines are read, to which traces they are tied. Nothing of it is stored or counted. What cannot be found out in time
/// is left open: a line then has no link.
#[async_trait]
pub trait LineLinks: Send + Sync {
    /// Takes links away that are none: [`How::Bare`](crate::log::How::Bare) of a trace that is not stored.
    async fn verify(&self, ask: &Ask, lines: &mut [Line]);

    /// The same, and gives lines without a trace the one that another line or span of their request id has
    /// ([`How::Request`](crate::log::How::Request)), or whose server span they fit ([`How::Inferred`](crate::log::How::Inferred)). Returns the
    /// traces of lines that fit several.
    async fn link(&self, ask: &Ask, lines: &mut [Line]) -> Possible;

    /// Lines that [`LineLinks::link`] gives to the traces of these spans, of one request. `known` are lines that name one of the traces.
    async fn near(&self, ask: &Ask, spans: &[Span], known: &[Line]) -> Vec<Line>;

    /// Gives an error that names no trace the one of its request id ([`LinkHow::Request`](crate::error::LinkHow::Request)).
    async fn link_error(&self, ask: &Ask, occurrence: &mut Occurrence);
}

/// Traces of lines that fit several, by the lines' `seq`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Possible(HashMap<u64, Vec<TraceId>>);

impl Possible {
    /// Traces of one line that are named at most.
    pub const MOST: usize = 20;

    /// Notes that a line fits several traces.
    pub fn add(&mut self, line: &Line, mut traces: Vec<TraceId>) {
        traces.truncate(Possible::MOST);
        self.0.insert(line.seq, traces);
    }

    /// The traces that a line may belong to; none if that is known, or if there are none.
    pub fn of(&self, line: &Line) -> &[TraceId] {
        self.0.get(&line.seq).map_or(&[], Vec::as_slice)
    }
}
