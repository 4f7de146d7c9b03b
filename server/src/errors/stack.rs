//! Stack traces that arrive as text, as Python, JavaScript engines, Java and X-Ray write them, become frames as Rollbar has them: oldest
//! call first, the place of the throw last.

use serde_json::{Map, Value, json};

/// Frames of one exception that are kept: of a recursion without end, those nearest to the throw.
const FRAMES: usize = 300;
/// Exceptions of a chain that are kept.
const CHAIN: usize = 20;

/// Python's words between an exception and the one it led to, which follows.
const PYTHON_LINKS: [&str; 2] = [
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
];
/// What stands before a cause in the other languages.
const CAUSES: [&str; 2] = ["Caused by: ", "[cause]: "];

/// An exception that was read from a text.
#[derive(Debug, Default, PartialEq)]
struct Thrown {
    class: String,
    message: String,
    frames: Vec<Value>,
}

/// `body.trace_chain` of an exception: itself, then its causes. The text is kept under `extra.stacktrace` of the first.
pub fn trace_chain(class: &str, message: &str, text: &str) -> Value {
    let mut chain = if text.contains("Traceback (most recent call last)") { python(text) } else { others(text) };
    chain.truncate(CHAIN);
    if chain.is_empty() {
        chain.push(Thrown::default());
    }
    // The text may say it shorter or longer.
    if !class.is_empty() {
        class.clone_into(&mut chain[0].class);
    }
    if !message.is_empty() {
        message.clone_into(&mut chain[0].message);
    }
    let mut chain: Vec<Value> = chain.into_iter().map(Thrown::trace).collect();
    if !text.is_empty() {
        chain[0]["extra"] = json!({"stacktrace": text});
    }
    Value::Array(chain)
}

impl Thrown {
    /// Of `Class: message`.
    fn named(text: &str) -> Thrown {
        let (class, message) = text.split_once(": ").unwrap_or((text.trim_end_matches(':'), ""));
        Thrown { class: class.trim().to_owned(), message: message.to_owned(), frames: Vec::new() }
    }

    fn trace(mut self) -> Value {
        self.frames.drain(..self.frames.len().saturating_sub(FRAMES));
        json!({"exception": {"class": self.class, "message": self.message}, "frames": self.frames})
    }
}

/// Tracebacks, of which the last is that of the exception raised.
fn python(text: &str) -> Vec<Thrown> {
    let mut chain: Vec<Thrown> = Vec::new();
    // Within its frames, or in what follows them: its class and message.
    let mut in_frames = false;
    for line in text.lines() {
        if line.trim_start().starts_with("Traceback (most recent call last)") {
            chain.push(Thrown::default());
            in_frames = true;
            continue;
        }
        let Some(thrown) = chain.last_mut() else { continue };
        if let Some(frame) = python_frame(line) {
            thrown.frames.push(frame);
        } else if PYTHON_LINKS.contains(&line.trim()) {
            continue;
        } else if in_frames && line.starts_with(' ') {
            python_code(line, thrown);
        } else if in_frames && !line.is_empty() {
            let Thrown { class, message, .. } = Thrown::named(line);
            (thrown.class, thrown.message) = (class, message);
            in_frames = false;
        } else if !in_frames {
            thrown.message.push('\n');
            thrown.message.push_str(line);
        }
    }
    for thrown in &mut chain {
        thrown.message.truncate(thrown.message.trim_end().len());
    }
    chain.reverse();
    chain
}

/// `  File "app.py", line 3, in handler`
fn python_frame(line: &str) -> Option<Value> {
    let (file, rest) = line.trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
    let (number, method) = rest.split_once(", in ").unwrap_or((rest, ""));
    Some(json!({"filename": file, "lineno": number.trim().parse::<u64>().ok()?, "method": method}))
}

/// The line of code under a frame. Marks under parts of it are not code, nor is what counts repetitions.
fn python_code(line: &str, thrown: &mut Thrown) {
    let code = line.trim();
    let is_marks = code.bytes().all(|byte| matches!(byte, b'^' | b'~' | b' '));
    if let Some(frame) = thrown.frames.last_mut()
        && frame.get("code").is_none()
        && !is_marks
        && !code.starts_with("[Previous line repeated")
    {
        frame["code"] = code.into();
    }
}

/// A header, then a line for each frame, the place of the throw first; a cause follows what it caused.
fn others(text: &str) -> Vec<Thrown> {
    let mut chain: Vec<Thrown> = Vec::new();
    let mut suppressed = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(cause) = CAUSES.iter().find_map(|start| trimmed.strip_prefix(start)) {
            // A cause of what was suppressed is indented as that is.
            suppressed = suppressed && line.starts_with(char::is_whitespace);
            if !suppressed {
                chain.push(Thrown::named(cause.trim_end_matches(" {")));
            }
        } else if trimmed.starts_with("Suppressed: ") {
            suppressed = true;
        } else if let Some(frame) = frame(trimmed) {
            if chain.is_empty() {
                chain.push(Thrown::default());
            }
            if !suppressed && let Some(thrown) = chain.last_mut() {
                thrown.frames.push(frame);
            }
        } else if chain.is_empty() && !trimmed.is_empty() {
            chain.push(Thrown::named(trimmed));
        }
    }
    for thrown in &mut chain {
        // X-Ray's SDK for Python writes the place of the throw last, as Python does.
        let is_python = |frame: &Value| frame["filename"].as_str().is_some_and(|file| file.ends_with(".py"));
        if !thrown.frames.iter().any(is_python) {
            thrown.frames.reverse();
        }
    }
    chain
}

fn frame(line: &str) -> Option<Value> {
    let Some(call) = line.strip_prefix("at ") else {
        // Firefox and Safari: `render@https://example.com/app.js:10:5`.
        let (method, place) = line.split_once('@')?;
        let (file, numbers) = place_of(place);
        return (numbers.len() == 2).then(|| made(method, file, &numbers));
    };
    let call = call.strip_prefix("async ").unwrap_or(call);
    let Some((method, place)) = call.split_once('(') else {
        let (file, numbers) = place_of(call);
        return Some(made("", file, &numbers));
    };
    let method = method.trim_end();
    let place = place.strip_suffix(')').unwrap_or(place);
    // `eval at load (app.js:17:3), <anonymous>:4:78`: the place that is a file.
    let place = match place.strip_prefix("eval at ").and_then(|rest| rest.rsplit_once('(')) {
        Some((_, rest)) => rest.split(')').next().unwrap_or(rest),
        None => place,
    };
    let (file, numbers) = place_of(place);
    Some(java(method, file, &numbers).unwrap_or_else(|| made(method, file, &numbers)))
}

/// Java names the class whole, and of the file the name alone: packages are its folders.
fn java(method: &str, file: &str, numbers: &[u64]) -> Option<Value> {
    let is_source = [".java", ".kt", ".scala", ".groovy"].iter().any(|end| file.ends_with(end));
    if file.contains('/') || !is_source && !["Native Method", "Unknown Source"].contains(&file) {
        return None;
    }
    // `java.base/java.util.List.get`
    let method = method.rsplit_once('/').map_or(method, |(_, method)| method);
    let (class, name) = method.rsplit_once('.')?;
    let folder = class.rsplit_once('.').map(|(package, _)| package.replace('.', "/") + "/").unwrap_or_default();
    let file = if is_source { format!("{folder}{file}") } else { class.replace('.', "/") };
    let mut frame = made(name, &file, numbers);
    frame["class_name"] = class.into();
    Some(frame)
}

fn made(method: &str, file: &str, numbers: &[u64]) -> Value {
    let mut frame = Map::new();
    frame.insert("filename".into(), file.into());
    frame.insert("method".into(), method.into());
    for (key, number) in ["lineno", "colno"].into_iter().zip(numbers) {
        frame.insert(key.into(), (*number).into());
    }
    Value::Object(frame)
}

/// A file, and the line and column that follow it.
fn place_of(place: &str) -> (&str, Vec<u64>) {
    let (mut file, mut numbers) = (place, Vec::new());
    while numbers.len() < 2
        && let Some((rest, number)) = file.rsplit_once(':')
        && let Ok(number) = number.trim().parse()
    {
        numbers.insert(0, number);
        file = rest;
    }
    (file, numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Class, message and frames (method, file, line, code) of each exception.
    fn read(text: &str) -> Vec<String> {
        let chain = trace_chain("", "", text);
        let frame = |frame: &Value| {
            let code = frame["code"].as_str().map(|code| format!(" `{code}`")).unwrap_or_default();
            format!("\n{} {}:{}{code}", frame["method"].as_str().unwrap(), frame["filename"].as_str().unwrap(), frame["lineno"])
        };
        let one = |thrown: &Value| {
            let said = |key: &str| thrown["exception"][key].as_str().unwrap().to_owned();
            format!("{}|{}{}", said("class"), said("message"), thrown["frames"].as_array().unwrap().iter().map(frame).collect::<String>())
        };
        chain.as_array().unwrap().iter().map(one).collect()
    }

    #[test]
    fn python_with_a_cause() {
        let text = r#"Traceback (most recent call last):
  File "/app/stock.py", line 4, in reserve
    return stock[sku]
           ~~~~~^^^^^
  File "/app/stock.py", line 9, in again
    again()
  [Previous line repeated 3 more times]
KeyError: 'sku-1'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/views.py", line 10, in checkout
    reserve(sku)
app.errors.OutOfStock: none left:
of sku-1
"#;
        assert_eq!(
            read(text),
            [
                "app.errors.OutOfStock|none left:\nof sku-1\ncheckout /app/views.py:10 `reserve(sku)`",
                "KeyError|'sku-1'\nreserve /app/stock.py:4 `return stock[sku]`\nagain /app/stock.py:9 `again()`",
            ]
        );
        let during = text.replace(PYTHON_LINKS[0], PYTHON_LINKS[1]);
        assert_eq!(read(&during), read(text));
    }

    #[test]
    fn javascript() {
        let text = "TypeError: x is undefined
    at render (file:///app/page.js:10:5)
    at async Foo.bar [as baz] (/app/node_modules/x/y.js:1:2)
    at /app/c.js:3:4
    at HTMLButtonElement.eval (eval at <anonymous> (/app/load.js:17:3), <anonymous>:4:78)
    at <anonymous>
  [cause]: RangeError: too far {
      at deep (node:internal/z:7:8)";
        assert_eq!(
            read(text),
            [
                "TypeError|x is undefined\n <anonymous>:null\nHTMLButtonElement.eval /app/load.js:17\n /app/c.js:3\n\
                 Foo.bar [as baz] /app/node_modules/x/y.js:1\nrender file:///app/page.js:10",
                "RangeError|too far\ndeep node:internal/z:7",
            ]
        );
        let firefox = "render@https://example.com/app.js:10:5\n@https://example.com/app.js:3:1";
        assert_eq!(read(firefox), ["|\n https://example.com/app.js:3\nrender https://example.com/app.js:10"]);
    }

    #[test]
    fn java() {
        let text = "java.lang.IllegalStateException: boom
\tat com.shop.Cart.add(Cart.java:10)
\tat java.base/java.util.ArrayList.forEach(ArrayList.java:1511)
\tat com.shop.Main.main(Native Method)
\tSuppressed: java.io.IOException: closed
\t\tat com.shop.Cart.close(Cart.java:99)
\t\tCaused by: java.io.IOException: inner
Caused by: java.sql.SQLException: no such table: users
\tat com.shop.Db.query(Db.kt:7)
\t... 2 more";
        assert_eq!(
            read(text),
            [
                "java.lang.IllegalStateException|boom\nmain com/shop/Main:null\nforEach java/util/ArrayList.java:1511\nadd com/shop/Cart.java:10",
                "java.sql.SQLException|no such table: users\nquery com/shop/Db.kt:7",
            ]
        );
    }

    #[test]
    fn xray() {
        let python = "KeyError: 'x'\n\tat handler(app.py: 3)\n\tat reserve(stock.py: 4)\n";
        assert_eq!(read(python), ["KeyError|'x'\nhandler app.py:3\nreserve stock.py:4"]);
        let node = "Error: x\n\tat reserve(/app/stock.js: 4)\n\tat handler(/app/index.js: 3)\n";
        assert_eq!(read(node), ["Error|x\nhandler /app/index.js:3\nreserve /app/stock.js:4"]);
    }

    #[test]
    fn what_is_said_goes_before_what_is_read_and_the_text_is_kept() {
        let chain = trace_chain("app.Timeout", "no answer", "Timeout: no\n    at f (a.js:1:2)");
        assert_eq!(chain[0]["exception"], json!({"class": "app.Timeout", "message": "no answer"}));
        assert_eq!(chain[0]["extra"]["stacktrace"], "Timeout: no\n    at f (a.js:1:2)");
        assert_eq!(trace_chain("A", "b", "")[0], json!({"exception": {"class": "A", "message": "b"}, "frames": []}));
        let deep = "Traceback (most recent call last):\n".to_owned() + &"  File \"a.py\", line 1, in f\n".repeat(1000) + "E: x";
        assert_eq!(trace_chain("", "", &deep)[0]["frames"].as_array().unwrap().len(), FRAMES);
    }

    #[test]
    fn cuts_never_panic() {
        let texts = [
            "Traceback (most recent call last):\n  File \"é.py\", line 1, in é\n    é\nÉ: é\n\nThe above exception was",
            "É: é\n    at é (eval at é (é.js:1:2), é:3:4)\n\tat a.b/c.d.E.f(E.java:1)\né@é:1:2\nCaused by: é\n[cause]: ",
        ];
        for text in texts {
            for (from, _) in text.char_indices() {
                for (to, _) in text[from..].char_indices() {
                    trace_chain("", "", &text[from..from + to]);
                }
            }
        }
    }
}
