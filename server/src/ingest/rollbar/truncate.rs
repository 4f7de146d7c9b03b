//! Items that are too large to keep whole: what says least goes first, as Rollbar's own SDKs do it (rollbar.js `truncation.js`), and the item says
//! that it was cut.

use serde_json::{Value, json};

/// Bytes of an item's `data` that are kept: what Rollbar's SDKs send at most.
pub const KEPT: usize = 512 << 10;
/// Frames kept at each end of a stack.
const FRAMES: usize = 30;
/// Telemetry events kept, the last.
const TELEMETRY: usize = 20;

/// The `data` as text, cut down until it fits.
pub fn text(data: &mut Value) -> String {
    let whole = data.to_string();
    if whole.len() <= KEPT {
        return whole;
    }
    data["truncated"] = json!(true);
    let steps: [fn(&mut Value); 7] = [
        frames,
        |data| telemetry(&mut data["body"]["telemetry"]),
        |data| strings(data, 4096),
        |data| strings(data, 1024),
        locals,
        |data| strings(data, 256),
        only_the_body,
    ];
    for step in steps {
        step(data);
        let text = data.to_string();
        if text.len() <= KEPT {
            return text;
        }
    }
    // Thousands of causes, or keys without end in the exception itself.
    *data = json!({"truncated": true, "uuid": data["uuid"], "level": data["level"], "environment": data["environment"],
        "body": {"message": {"body": "An item that was too large to be kept"}}});
    strings(data, 256);
    data.to_string()
}

fn traces(data: &mut Value) -> Vec<&mut Value> {
    match &mut data["body"] {
        Value::Object(body) => body
            .iter_mut()
            .filter_map(|(key, value)| match key.as_str() {
                "trace" => Some(vec![value]),
                "trace_chain" => value.as_array_mut().map(|chain| chain.iter_mut().collect()),
                _ => None,
            })
            .flatten()
            .collect(),
        _ => Vec::new(),
    }
}

/// The innermost and the outermost frames stay.
fn frames(data: &mut Value) {
    for trace in traces(data) {
        if let Some(frames) = trace.get_mut("frames").and_then(Value::as_array_mut)
            && frames.len() > 2 * FRAMES
        {
            frames.drain(FRAMES..frames.len() - FRAMES);
        }
    }
}

fn telemetry(events: &mut Value) {
    if let Some(events) = events.as_array_mut()
        && events.len() > TELEMETRY
    {
        events.drain(..events.len() - TELEMETRY);
    }
}

fn locals(data: &mut Value) {
    for trace in traces(data) {
        for frame in trace.get_mut("frames").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
            for key in ["locals", "args", "kwargs", "argspec", "varargspec", "keywordspec", "context"] {
                frame.remove(key);
            }
        }
    }
}

/// Cuts texts to so many bytes.
fn strings(value: &mut Value, most: usize) {
    match value {
        Value::String(text) if text.len() > most => {
            let end = (0..=most - 3).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
            text.push('…');
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strings(item, most)),
        Value::Object(object) => object.values_mut().for_each(|value| strings(value, most)),
        _ => {}
    }
}

/// What groups and pages need most.
fn only_the_body(data: &mut Value) {
    const KEPT: [&str; 14] = [
        "uuid",
        "level",
        "environment",
        "timestamp",
        "code_version",
        "context",
        "language",
        "framework",
        "platform",
        "notifier",
        "fingerprint",
        "title",
        "truncated",
        "body",
    ];
    if let Some(object) = data.as_object_mut() {
        object.retain(|key, _| KEPT.contains(&key.as_str()));
        if let Some(body) = object.get_mut("body").and_then(Value::as_object_mut) {
            body.retain(|key, _| ["trace", "trace_chain", "message", "crash_report"].contains(&key.as_str()));
        }
        if let Some(notifier) = object.get_mut("notifier").and_then(Value::as_object_mut) {
            notifier.retain(|key, _| ["name", "version"].contains(&key.as_str()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(frames: usize, local: usize) -> Value {
        let frame = |n: usize| json!({"filename": format!("/srv/a{n}.py"), "method": "f", "lineno": n, "locals": {"x": "y".repeat(local)}});
        let frames: Vec<Value> = (0..frames).map(frame).collect();
        json!({"uuid": "u", "body": {"trace": {"frames": frames, "exception": {"class": "E", "message": "m"}}}, "custom": {"a": 1}})
    }

    #[test]
    fn small_items_stay_whole() {
        let mut data = item(100, 100);
        let whole = data.to_string();
        assert_eq!(text(&mut data), whole);
    }

    #[test]
    fn large_items_lose_what_says_least() {
        for (frames, local) in [(10_000, 100), (50, 40_000), (200, 1_000_000 / 200), (3, 3 << 20)] {
            let mut data = item(frames, local);
            let text = text(&mut data);
            assert!(text.len() <= KEPT, "{frames} {local}");
            let cut: Value = serde_json::from_str(&text).unwrap();
            assert_eq!((&cut["truncated"], &cut["custom"]["a"]), (&json!(true), &json!(1)), "{frames} {local}");
            let kept = cut["body"]["trace"]["frames"].as_array().unwrap();
            assert_eq!(kept.first().unwrap()["filename"], "/srv/a0.py");
            assert_eq!(kept.last().unwrap()["filename"], format!("/srv/a{}.py", frames - 1));
            assert_eq!(cut["body"]["trace"]["exception"]["class"], "E");
        }
    }

    #[test]
    fn even_what_nothing_helps_against_is_kept_as_an_item() {
        let chain: Vec<Value> = (0..40_000).map(|n| json!({"exception": {"class": format!("E{n}"), "message": "m"}})).collect();
        let mut data = json!({"uuid": "u", "level": "error", "body": {"trace_chain": chain}});
        let cut: Value = serde_json::from_str(&text(&mut data)).unwrap();
        assert_eq!((&cut["uuid"], &cut["level"]), (&json!("u"), &json!("error")));
        assert!(cut["body"]["message"]["body"].is_string());
        let mut deep = json!("x".repeat(KEPT));
        for _ in 0..100 {
            deep = json!({"é": deep});
        }
        let mut data = json!({"uuid": "u", "custom": deep, "body": {"message": {"body": "m"}}});
        assert!(text(&mut data).len() <= KEPT);
    }
}
