//! What went wrong, as `exception` events.
//!
//! Sources: X-Ray developer guide, "Segment documents", errors and exceptions; opentelemetry-collector-contrib
//! `awsxrayreceiver/internal/translator/cause.go` for names and the stack's text.

use super::attributes::block;
use super::json::Json;
use crate::ingest::attrs::Attrs;
use model::attr::Value;
use model::span::Event;
use model::time::Nanos;
use std::collections::HashMap;
use std::fmt::Write as _;

/// The exceptions of a document by id: a cause may be no more than the id of an exception that another record of the trace
/// has. Python writes one on every record that the exception passed on its way up.
pub struct Exceptions<'a>(HashMap<String, &'a Json<'a>>);

impl<'a> Exceptions<'a> {
    /// All in a document, embedded ones too.
    pub fn of(document: &'a Json<'a>) -> Exceptions<'a> {
        let mut found = HashMap::new();
        let mut records = vec![document];
        while let Some(record) = records.pop() {
            for exception in record.get("cause").and_then(|cause| cause.get("exceptions")).map(Json::items).unwrap_or_default() {
                if let Some(id) = exception.get("id").and_then(Json::text) {
                    found.insert(id.into_owned(), exception);
                }
            }
            records.extend(record.get("subsegments").map(Json::items).unwrap_or_default());
        }
        Exceptions(found)
    }

    /// The events of a record's cause. What the cause says besides goes to the attributes; so does an id that is not in this
    /// document, as `aws.xray.cause`: the exception is on another record of the trace.
    pub fn events(&self, record: &Json<'_>, at: Nanos, attributes: &mut Attrs) -> Vec<Event> {
        let Some(cause) = record.get("cause") else { return Vec::new() };
        let Some(id) = cause.text() else {
            for (field, name) in [("working_directory", "aws.xray.cause.working_directory"), ("paths", "aws.xray.cause.paths")] {
                if let Some(value) = cause.get(field) {
                    attributes.push(name.to_owned(), value.value());
                }
            }
            return cause.get("exceptions").map(Json::items).unwrap_or_default().iter().map(|thrown| event(thrown, at)).collect();
        };
        match self.0.get(&*id) {
            Some(exception) => vec![event(exception, at)],
            None => {
                attributes.push("aws.xray.cause".to_owned(), Value::Str(id.into_owned()));
                Vec::new()
            }
        }
    }
}

fn event(exception: &Json<'_>, at: Nanos) -> Event {
    let text = |key: &str| exception.get(key).and_then(Json::text).unwrap_or_default().into_owned();
    let (class, message) = (text("type"), text("message"));
    let stack = stack(&class, &message, exception.get("stack"));
    let mut attributes = Attrs::default();
    for (name, value) in [("exception.type", class), ("exception.message", message), ("exception.stacktrace", stack)] {
        if !value.is_empty() {
            attributes.push(name.to_owned(), Value::Str(value));
        }
    }
    if let Json::Map(fields) = exception {
        let rest = fields.iter().filter(|(key, _)| !["type", "message", "stack"].contains(&&**key)).cloned().collect();
        block(&Json::Map(rest), "aws.xray.exception", &[], &mut attributes);
    }
    Event { time: at, name: "exception".to_owned(), attributes: attributes.finish(), dropped_attributes: 0 }
}

/// `Type: message`, then `\tat label(path: line)` a frame, as the collector writes it.
fn stack(class: &str, message: &str, frames: Option<&Json<'_>>) -> String {
    let Some(frames) = frames.map(Json::items).filter(|frames| !frames.is_empty()) else { return String::new() };
    let mut stack = format!("{class}: {message}\n");
    for frame in frames {
        let text = |key: &str| frame.get(key).and_then(Json::text).unwrap_or_default();
        let _ = writeln!(stack, "\tat {}({}: {})", text("label"), text("path"), text("line"));
    }
    stack
}
