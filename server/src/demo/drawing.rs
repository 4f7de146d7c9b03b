//! The pen that draws one trace: a clock, a stack of open spans, and what has been drawn.

use super::random::Random;
use super::shop::{Conventions, Language, Process, Service};
use super::value::{Attribute, Datum, attribute};
use model::time::Nanos;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, status::StatusCode};

/// A finished span and who made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    pub process: Process,
    /// Name of the instrumentation scope.
    pub scope: &'static str,
    pub span: Span,
}

/// An exception as an SDK records it.
#[derive(Clone, Debug)]
pub struct Thrown {
    pub kind: &'static str,
    pub message: String,
    /// Innermost frame first: (function or method, file, line).
    pub frames: &'static [(&'static str, &'static str, u32)],
}

/// Draws one trace. Spans open and close like brackets; time moves only by [`Drawing::work`].
pub struct Drawing<'a> {
    pub random: &'a mut Random,
    pub trace_id: [u8; 16],
    /// The right time; skewed clocks only show in what a span says.
    pub clock: Nanos,
    /// Now of the whole day: decides which release ran.
    today: Nanos,
    /// Indices of the open spans, innermost last.
    open: Vec<usize>,
    made: Vec<Made>,
    /// `tracestate` and `SampleRate` of every span, if the trace was sampled.
    sample_rate: Option<i64>,
    /// The id of a caller that sends its headers but not its spans.
    unseen_parent: Option<[u8; 8]>,
}

/// Where a span's id can be linked to from another trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
}

impl<'a> Drawing<'a> {
    /// A trace that begins at `start` (nanoseconds since the epoch) of the day that ends at `today`.
    pub fn new(random: &'a mut Random, start: Nanos, today: Nanos) -> Drawing<'a> {
        let trace_id = random.id();
        Drawing { random, trace_id, clock: start, today, open: Vec::new(), made: Vec::new(), sample_rate: None, unseen_parent: None }
    }

    /// All spans of the trace, in the order they began. Every span must be closed.
    pub fn finish(self) -> Vec<Made> {
        debug_assert!(self.open.is_empty(), "a span was left open");
        self.made
    }

    /// Every span from now on says that it stands for `rate` of its kind (Honeycomb's `SampleRate`).
    pub fn sampled(&mut self, rate: i64) {
        self.sample_rate = Some(rate);
    }

    /// The trace's outermost spans have a parent that nobody will ever send.
    pub fn called_by_somebody_unseen(&mut self) {
        self.unseen_parent = Some(self.random.id());
    }

    /// The process a service's span of this trace runs in.
    pub fn process(&self, service: Service) -> Process {
        Process::of(service, &self.trace_id, self.clock, self.today)
    }

    /// The service of the innermost open span.
    pub fn here(&self) -> Service {
        self.current().process.service
    }

    /// The conventions of the innermost open span's service.
    pub fn conventions(&self) -> Conventions {
        self.here().profile().conventions
    }

    /// Draws a span around what `inside` draws.
    pub fn span<T>(
        &mut self,
        service: Service,
        scope: &'static str,
        kind: SpanKind,
        name: impl Into<String>,
        inside: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let parent = self.open.last().map(|&n| &self.made[n]);
        let remote = parent.is_some_and(|parent| parent.process.service != service) || parent.is_none() && self.unseen_parent.is_some();
        let parent_span_id =
            parent.map_or_else(|| self.unseen_parent.map_or_else(Vec::new, |id| id.to_vec()), |parent| parent.span.span_id.clone());
        let process = self.process(service);
        let attributes = self.sample_rate.map(|rate| attribute("SampleRate", rate)).into_iter().collect();
        let span = Span {
            trace_id: self.trace_id.to_vec(),
            span_id: self.random.id::<8>().to_vec(),
            parent_span_id,
            // OTLP SpanFlags: W3C's sampled bit, "parent remoteness is known", "parent is remote".
            flags: 0x101 | if remote { 0x200 } else { 0 },
            name: name.into(),
            kind: kind as i32,
            start_time_unix_nano: self.clock.saturating_add(process.skew()).cast_unsigned(),
            attributes,
            ..Span::default()
        };
        let index = self.made.len();
        self.made.push(Made { process, scope, span });
        self.open.push(index);
        let result = inside(self);
        self.open.pop();
        self.made[index].span.end_time_unix_nano = self.clock.saturating_add(process.skew()).cast_unsigned();
        result
    }

    /// Time passes: log-normal around so many milliseconds.
    pub fn work(&mut self, median_ms: f64) {
        let spread = self.random.around(median_ms, 0.35);
        self.wait_ms(spread);
    }

    /// Exactly so many milliseconds pass.
    pub fn wait_ms(&mut self, ms: f64) {
        self.clock += (ms * 1e6) as Nanos;
    }

    /// Draws so many branches that run side by side: all begin now, and time goes on when the last one ends.
    /// `branch` is told which one it draws, from 0.
    pub fn together(&mut self, branches: usize, mut branch: impl FnMut(&mut Self, usize)) {
        let (from, mut end) = (self.clock, self.clock);
        for n in 0..branches {
            self.clock = from + self.random.between(10_000, 250_000).cast_signed();
            branch(self, n);
            end = end.max(self.clock);
        }
        self.clock = end;
    }

    /// Sets an attribute of the innermost open span.
    pub fn set(&mut self, key: &str, value: impl Into<Datum>) {
        self.current_mut().span.attributes.push(attribute(key, value));
    }

    /// Sets the attribute under the name that the current service's conventions have for it.
    pub fn set_either(&mut self, new: &str, old: &str, value: impl Into<Datum>) {
        match self.conventions() {
            Conventions::New => self.set(new, value),
            Conventions::Old => self.set(old, value),
        }
    }

    /// Records an event of the innermost open span.
    pub fn event(&mut self, name: &str, attributes: Vec<Attribute>) {
        let time = self.clock.saturating_add(self.current().process.skew()).cast_unsigned();
        self.current_mut().span.events.push(Event { time_unix_nano: time, name: name.to_owned(), attributes, dropped_attributes_count: 0 });
    }

    /// Records the exception; the span did not necessarily fail (it may be handled).
    pub fn exception(&mut self, thrown: &Thrown) {
        let stack = thrown.stacktrace(self.here().profile().language);
        self.event(
            "exception",
            vec![
                attribute("exception.type", thrown.kind),
                attribute("exception.message", thrown.message.clone()),
                attribute("exception.stacktrace", stack),
            ],
        );
    }

    /// The innermost open span failed.
    pub fn fail(&mut self, message: &str) {
        self.current_mut().span.status = Some(Status { message: message.to_owned(), code: StatusCode::Error as i32 });
    }

    /// The exception, and the failure it is.
    pub fn throw(&mut self, thrown: &Thrown) {
        self.exception(thrown);
        self.set("error.type", thrown.kind);
        self.fail(&format!("{}: {}", thrown.kind, thrown.message));
    }

    /// Links the innermost open span to a span elsewhere.
    pub fn link(&mut self, to: Address, attributes: Vec<Attribute>) {
        let link = Link { trace_id: to.trace_id.to_vec(), span_id: to.span_id.to_vec(), attributes, flags: 0x301, ..Link::default() };
        self.current_mut().span.links.push(link);
    }

    /// The address of the innermost open span.
    pub fn address(&self) -> Address {
        let mut span_id = [0; 8];
        span_id.copy_from_slice(&self.current().span.span_id);
        Address { trace_id: self.trace_id, span_id }
    }

    fn current(&self) -> &Made {
        &self.made[*self.open.last().expect("inside a span")]
    }

    fn current_mut(&mut self) -> &mut Made {
        &mut self.made[*self.open.last().expect("inside a span")]
    }
}

impl Thrown {
    /// The stack trace as the language prints it.
    pub fn stacktrace(&self, language: Language) -> String {
        let Thrown { kind, message, frames } = self;
        match language {
            Language::Python => {
                let frames: String = frames
                    .iter()
                    .rev()
                    .map(|(function, file, line)| format!("  File \"/app/{file}\", line {line}, in {function}\n"))
                    .collect();
                format!("Traceback (most recent call last):\n{frames}{kind}: {message}\n")
            }
            Language::Java => {
                let frames: String = frames.iter().map(|(function, file, line)| format!("\tat {function}({file}:{line})\n")).collect();
                format!("{kind}: {message}\n{frames}")
            }
            Language::Node => {
                let frames: String =
                    frames.iter().map(|(function, file, line)| format!("\n    at {function} (/app/{file}:{line}:17)")).collect();
                format!("{kind}: {message}{frames}")
            }
            Language::Go => {
                let frames: String =
                    frames.iter().map(|(function, file, line)| format!("{function}(...)\n\t/src/{file}:{line}\n")).collect();
                format!("goroutine 41 [running]:\n{frames}")
            }
        }
    }
}
