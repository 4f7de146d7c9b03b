//! Trace ids in free text. Every notation holds a run of at least ten hex digits, so the text is searched for such runs, one byte in
//! ten, and only what stands around a run says what it is.

use model::id::{SpanId, TraceId};
use model::log::{How, TraceLink};

/// Digits of the shortest run that can be an id: Datadog's decimals.
const SHORTEST: usize = 10;

/// The surest link in a text ([`How`] is in that order), the first of equals.
pub fn in_text(text: &str) -> Option<TraceLink> {
    let bytes = text.as_bytes();
    let mut best: Option<TraceLink> = None;
    let (mut span, mut segment) = (None, None);
    for (start, end) in Runs::of(bytes) {
        match end - start {
            16 => {
                span = span.or_else(|| named_span(text, start, end));
                segment = segment.or_else(|| xray_segment(text, start, end));
            }
            24 | 32 => {}
            _ if is_decimal(bytes, start, end) => {}
            _ => continue,
        }
        if let Some(link) = link(text, start, end)
            && best.is_none_or(|best| link.how < best.how)
        {
            best = Some(link);
        }
    }
    let mut best = best?;
    // Of these the span is said elsewhere in the text.
    match best.how {
        How::Xray => best.span_id = best.span_id.or(segment),
        How::KeyValue => best.span_id = span,
        _ => {}
    }
    Some(best)
}

/// 32 hex digits, or 16, which are the low half.
pub fn trace_id(hex: &str) -> Option<TraceId> {
    match hex.len() {
        32 => hex.parse().ok(),
        16 => low_half(u64::from_str_radix(hex, 16).ok()?),
        _ => None,
    }
}

/// Datadog's id: a decimal number of 64 bits (128 in its newest libraries).
pub fn decimal_id(digits: &str) -> Option<TraceId> {
    TraceId(digits.parse::<u128>().ok()?.to_be_bytes()).valid()
}

fn low_half(low: u64) -> Option<TraceId> {
    TraceId(u128::from(low).to_be_bytes()).valid()
}

/// What a run of hex digits is, by what stands around it.
fn link(text: &str, start: usize, end: usize) -> Option<TraceLink> {
    let bytes = text.as_bytes();
    let run = &text[start..end];
    let found = |trace_id, span_id, how| Some(TraceLink { trace_id, span_id, how });
    if run.len() == 24 {
        let (id, span) = xray(text, start, end)?;
        return found(id, span, How::Xray);
    }
    if let Some(name) = name_before(&bytes[..start]).and_then(trace_name) {
        return match name {
            Name::Datadog if is_decimal(bytes, start, end) => found(decimal_id(run)?, None, How::Datadog),
            _ => found(trace_id(run)?, None, How::KeyValue),
        };
    }
    if !matches!(run.len(), 16 | 32) || run.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    if run.len() == 32
        && let Some(span) = traceparent(text, start, end)
    {
        return found(trace_id(run)?, Some(span), How::Traceparent);
    }
    if let Some(span) = in_brackets(text, start, end) {
        return found(trace_id(run)?, Some(span), How::Bracket);
    }
    if run.len() == 16 {
        return None;
    }
    if google(&text[..start]) {
        return found(trace_id(run)?, None, How::Bracket);
    }
    let alone = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    if alone(before(bytes, start)) && alone(bytes.get(end)) { found(trace_id(run)?, None, How::Bare) } else { None }
}

/// `1-5759e988-bd862e3fe1be46a994272793`, of which the run is the end, perhaps with `@` and the segment's id.
fn xray(text: &str, start: usize, end: usize) -> Option<(TraceId, Option<SpanId>)> {
    let bytes = text.as_bytes();
    let from = start.checked_sub(11)?;
    let whole = text.get(from..end)?;
    if !whole.starts_with("1-") || is_word(before(bytes, from)) || is_word(bytes.get(end)) {
        return None;
    }
    let span = text[end..].strip_prefix('@').and_then(|rest| rest.get(..16)).filter(|_| !is_word(bytes.get(end + 17)));
    Some((whole.parse().ok()?, span.and_then(|span| span.parse().ok())))
}

/// `Parent=53995c3f42cd8ad8`, `SegmentId: 53995c3f42cd8ad8`, and what people call it themselves.
fn xray_segment(text: &str, start: usize, end: usize) -> Option<SpanId> {
    let before = &text.as_bytes()[..start];
    let lambda = strip(before, b"segmentid: ").or_else(|| strip(before, b"parent="));
    let own = name_before(before).and_then(|name| strip(name, b"segment"));
    let alone = !is_word(lambda.or(own)?.last()) || own.is_some();
    if alone { text[start..end].parse().ok() } else { None }
}

/// The span of `00-{run}-53995c3f42cd8ad8-01`.
fn traceparent(text: &str, start: usize, end: usize) -> Option<SpanId> {
    let bytes = text.as_bytes();
    let from = start.checked_sub(3)?;
    let to = end + 20;
    let ends = bytes.get(end + 17..to)?;
    let hex = |pair: &[u8]| pair.iter().all(u8::is_ascii_hexdigit);
    let whole = hex(&bytes[from..from + 2])
        && bytes[from + 2] == b'-'
        && bytes[end] == b'-'
        && ends[0] == b'-'
        && hex(&ends[1..])
        && !is_word(before(bytes, from))
        && !is_word(bytes.get(to));
    if whole { text.get(end + 1..end + 17)?.parse().ok() } else { None }
}

/// The span of Sleuth's `[app,{run},53995c3f42cd8ad8]` and Micrometer's `[{run}-53995c3f42cd8ad8]`.
fn in_brackets(text: &str, start: usize, end: usize) -> Option<SpanId> {
    let bytes = text.as_bytes();
    let (separator, close) = (bytes.get(end)?, bytes.get(end + 17)?);
    if !matches!(separator, b',' | b'-') || !matches!(close, b']' | b',') {
        return None;
    }
    let opened = if bytes[..start].ends_with(b"[") {
        end - start == 32 && *separator == b'-' && *close == b']'
    } else {
        // The application's name is not long.
        let name = bytes[start.saturating_sub(128)..start].trim_ascii_end().strip_suffix(b",")?;
        name.iter().rev().find(|byte| matches!(byte, b'[' | b']' | b',')) == Some(&b'[')
    };
    if opened { text.get(end + 1..end + 17)?.parse().ok() } else { None }
}

/// Google's `projects/my-project/traces/`.
fn google(before: &str) -> bool {
    let project = before.strip_suffix("/traces/").and_then(|before| before.rsplit_once('/'));
    project.is_some_and(|(before, name)| before.ends_with("projects") && !name.is_empty() && !name.contains(['"', ' ']))
}

/// `span_id=`
fn named_span(text: &str, start: usize, end: usize) -> Option<SpanId> {
    let name = strip(name_before(&text.as_bytes()[..start])?, b"span")?;
    let name = strip(name, b"otel").or_else(|| strip(name, b"dd.")).or_else(|| strip(name, b"dd_")).unwrap_or(name);
    if is_letter_or_digit(name.last()) { None } else { text[start..end].parse().ok() }
}

enum Name {
    Datadog,
    Other,
}

/// Whose trace id is named so, given what stands before the `id`: `trace`, `otelTrace`, `dd.trace`, `x_trace`.
fn trace_name(name: &[u8]) -> Option<Name> {
    let name = strip(name, b"trace")?;
    let datadog = strip(name, b"dd.").or_else(|| strip(name, b"dd_"));
    let rest = datadog.or_else(|| strip(name, b"otel")).or_else(|| strip(name, b"trace.")).unwrap_or(name);
    match is_letter_or_digit(rest.last()) {
        true => None,
        false if datadog.is_some() => Some(Name::Datadog),
        false => Some(Name::Other),
    }
}

/// What stands before `…_id=`, `…Id": "`, `….id: 0x` and the like, which must end here.
fn name_before(before: &[u8]) -> Option<&[u8]> {
    let one_of = |text: &'static [u8]| move |byte: &u8| text.contains(byte);
    let without = |bytes, test: &dyn Fn(&u8) -> bool| strip_if(bytes, test).unwrap_or(bytes);
    // A message that was put into JSON has a backslash before each quote.
    let unquoted = |bytes| {
        let inner = without(bytes, &one_of(b"\"'[("));
        if inner.len() < bytes.len() { without(inner, &one_of(b"\\")) } else { inner }
    };
    let before = unquoted(strip(before, b"0x").unwrap_or(before));
    let before = strip_if(trim_few(before), &one_of(b"=:"))?;
    let before = strip(unquoted(trim_few(before)), b"id")?;
    Some(without(before, &one_of(b"_.- ")))
}

/// Without the last byte, if it passes.
fn strip_if<'a>(bytes: &'a [u8], test: &dyn Fn(&u8) -> bool) -> Option<&'a [u8]> {
    bytes.split_last().filter(|(last, _)| test(last)).map(|(_, rest)| rest)
}

/// Without white space at the end, of which there is not much.
fn trim_few(bytes: &[u8]) -> &[u8] {
    let (rest, end) = bytes.split_at(bytes.len().saturating_sub(8));
    &bytes[..rest.len() + end.trim_ascii_end().len()]
}

/// Without `end`, which is in lower case, in any case.
fn strip<'a>(bytes: &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
    let (rest, last) = bytes.split_at_checked(bytes.len().checked_sub(end.len())?)?;
    last.eq_ignore_ascii_case(end).then_some(rest)
}

fn before(bytes: &[u8], at: usize) -> Option<&u8> {
    bytes[..at].last()
}

fn is_letter_or_digit(byte: Option<&u8>) -> bool {
    byte.is_some_and(u8::is_ascii_alphanumeric)
}

/// What a regular expression's `\b` separates.
fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80)
}

fn is_decimal(bytes: &[u8], start: usize, end: usize) -> bool {
    (SHORTEST..=20).contains(&(end - start)) && bytes[start..end].iter().all(u8::is_ascii_digit)
}

/// The longest runs of at least [`SHORTEST`] hex digits, in order.
struct Runs<'a> {
    bytes: &'a [u8],
    /// Where to look next: a run from here on would cover it.
    probe: usize,
    /// Where the run before ended.
    end: usize,
}

impl<'a> Runs<'a> {
    fn of(bytes: &'a [u8]) -> Runs<'a> {
        Runs { bytes, probe: SHORTEST - 1, end: 0 }
    }
}

impl Iterator for Runs<'_> {
    type Item = (usize, usize);

    #[inline]
    fn next(&mut self) -> Option<(usize, usize)> {
        while let Some(byte) = self.bytes.get(self.probe) {
            if !byte.is_ascii_hexdigit() {
                self.probe += SHORTEST;
                continue;
            }
            let hex = |byte: &u8| byte.is_ascii_hexdigit();
            let start = self.probe - self.bytes[self.end..self.probe].iter().rev().take_while(|byte| hex(byte)).count();
            self.end = self.probe + self.bytes[self.probe..].iter().take_while(|byte| hex(byte)).count();
            self.probe = self.end + SHORTEST;
            if self.end - start >= SHORTEST {
                return Some((start, self.end));
            }
        }
        None
    }
}
