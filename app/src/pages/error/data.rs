//! What a witness says, out of the shape of Rollbar's `data`. Whatever is not as it should be is left out here; the raw data has it.

use crate::ui::stack::is_library;
use model::error::{Witness, WitnessFamily};
use model::time::{Nanos, SECOND};
use serde_json::{Map, Value};

/// One witness of the occurrence.
pub(super) struct Said {
    pub family: WitnessFamily,
    pub source: String,
    pub data: Value,
    /// As it is stored.
    pub raw: String,
}

/// An exception: of a chain the outermost first, then what caused it.
pub(super) struct Thrown {
    pub class: String,
    pub message: String,
    /// Oldest first, as they are stored.
    pub frames: Vec<Frame>,
    /// The stack trace as text, if that is all there is.
    pub stack: String,
}

#[derive(Clone, PartialEq)]
pub(super) struct Frame {
    pub file: String,
    pub line: Option<u64>,
    pub method: String,
    pub code: String,
    pub before: Vec<String>,
    pub after: Vec<String>,
    pub locals: Vec<(String, String)>,
    pub library: bool,
}

/// Something that happened before the error.
pub(super) struct Step {
    pub at: Option<Nanos>,
    pub kind: String,
    pub level: String,
    pub text: String,
}

impl Said {
    pub fn by(witness: &Witness) -> Said {
        Said {
            family: witness.family(),
            source: witness.source.to_string(),
            data: serde_json::from_str(&witness.data).unwrap_or(Value::Null),
            raw: witness.data.clone(),
        }
    }

    fn body(&self) -> &Value {
        &self.data["body"]
    }

    pub fn thrown(&self) -> Vec<Thrown> {
        let body = self.body();
        match (&body["trace_chain"], &body["trace"]) {
            (Value::Array(chain), _) => chain.iter().map(thrown).collect(),
            (_, trace @ Value::Object(_)) => vec![thrown(trace)],
            _ => Vec::new(),
        }
    }

    /// A message's text.
    pub fn message(&self) -> Option<&str> {
        self.body()["message"]["body"].as_str()
    }

    /// What else a message came with.
    pub fn message_extra(&self) -> Vec<(String, String)> {
        let fields = self.body()["message"].as_object();
        fields.into_iter().flatten().filter(|(key, _)| *key != "body").map(|(key, value)| (key.clone(), text(value))).collect()
    }

    /// A crash report as it was sent.
    pub fn crash(&self) -> Option<&str> {
        self.body()["crash_report"]["raw"].as_str()
    }

    /// The table of an object in `data`, e.g. of `request`.
    pub fn table(&self, key: &str) -> Option<&Map<String, Value>> {
        self.data[key].as_object().filter(|table| !table.is_empty())
    }

    /// In the order they happened. Telemetry is a list, or of some SDKs an object with a list.
    pub fn telemetry(&self) -> Vec<Step> {
        let list = &self.body()["telemetry"];
        let items = list.as_array().or_else(|| list.as_object()?.values().find_map(Value::as_array));
        items.into_iter().flatten().map(step).collect()
    }
}

fn thrown(trace: &Value) -> Thrown {
    let exception = &trace["exception"];
    let message =
        [&exception["message"], &exception["description"]].into_iter().find_map(|text| text.as_str().filter(|text| !text.is_empty()));
    Thrown {
        class: exception["class"].as_str().unwrap_or_default().to_owned(),
        message: message.unwrap_or_default().to_owned(),
        frames: trace["frames"].as_array().into_iter().flatten().map(frame).collect(),
        stack: trace["extra"]["stacktrace"].as_str().unwrap_or_default().to_owned(),
    }
}

fn frame(frame: &Value) -> Frame {
    let word = |key: &str| frame[key].as_str().unwrap_or_default().to_owned();
    let lines = |key: &str| frame["context"][key].as_array().into_iter().flatten().map(text).collect();
    let class = word("class_name");
    let method = word("method");
    let file = word("filename");
    Frame {
        library: is_library(&file),
        line: frame["lineno"].as_u64().or_else(|| frame["lineno"].as_str()?.parse().ok()),
        method: if class.is_empty() || method.is_empty() || method.contains(&class) { method } else { format!("{class}.{method}") },
        code: word("code"),
        before: lines("pre"),
        after: lines("post"),
        locals: frame["locals"].as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect(),
        file,
    }
}

fn step(item: &Value) -> Step {
    let body = &item["body"];
    let said = body.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let said: Vec<String> = match body["message"].as_str() {
        Some(message) => vec![message.to_owned()],
        None => said.map(|(key, value)| format!("{key}={}", text(value))).collect(),
    };
    Step {
        at: item["timestamp_ms"].as_i64().map(|ms| ms.saturating_mul(SECOND / 1000)),
        kind: item["type"].as_str().unwrap_or_default().to_owned(),
        level: item["level"].as_str().unwrap_or_default().to_owned(),
        text: said.join(" "),
    }
}

/// A value for reading: texts without their quotes, all else as JSON.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(data: Value) -> Said {
        Said { family: WitnessFamily::Rollbar, source: "rollbar".into(), raw: data.to_string(), data }
    }

    #[test]
    fn both_spellings_of_a_trace() {
        let frame = json!({"filename": "/srv/app.py", "lineno": "12", "method": "run", "code": "x()", "locals": {"n": 1, "s": "a"},
            "context": {"pre": ["a", "b"], "post": []}});
        let trace = json!({"exception": {"class": "KeyError", "description": "'x'"}, "frames": [frame]});
        for body in [json!({"trace": trace}), json!({"trace_chain": [trace]})] {
            let thrown = said(json!({"body": body})).thrown();
            let frame = &thrown[0].frames[0];
            assert_eq!(
                (thrown[0].class.as_str(), thrown[0].message.as_str(), frame.line, frame.library),
                ("KeyError", "'x'", Some(12), false)
            );
            assert_eq!(frame.locals, [("n".to_owned(), "1".to_owned()), ("s".to_owned(), "a".to_owned())]);
            assert_eq!(frame.before, ["a", "b"]);
        }
    }

    #[test]
    fn whatever_is_sent_is_no_reason_to_fail() {
        for body in [
            json!(null),
            json!([]),
            json!({"trace_chain": [1, {"frames": [null, {"lineno": {}}]}]}),
            json!({"telemetry": "x", "message": []}),
        ] {
            let said = said(json!({"body": body, "request": []}));
            let _ = (said.thrown().len(), said.telemetry().len(), said.message_extra().len(), said.crash(), said.table("request"));
        }
        let telemetry = json!([{"type": "log", "level": "warning", "timestamp_ms": 5, "body": {"message": "careful"}}, {"type": "network", "body": {"method": "GET", "url": "/a"}}]);
        let steps = said(json!({"body": {"telemetry": telemetry}})).telemetry();
        assert_eq!(steps.iter().map(|step| step.text.as_str()).collect::<Vec<_>>(), ["careful", "method=GET url=/a"]);
    }
}
