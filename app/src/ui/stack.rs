//! Stack traces for reading: the frames of one's own code in sight, runs of library frames folded.

use leptos::prelude::*;

/// A run of lines of a stack trace.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// Messages, headings, and frames of the application.
    Shown(Vec<String>),
    /// So many frames of libraries and the runtime.
    Library(usize, Vec<String>),
}

/// Where code that is not the application's lives, in Python, JavaScript, Ruby, Go, Rust, Java, .NET and PHP.
const LIBRARIES: [&str; 26] = [
    "site-packages/",
    "dist-packages/",
    "/lib/python",
    "\\lib\\python",
    "<frozen ",
    "node_modules/",
    "node:internal",
    "(internal/",
    "/gems/",
    "/ruby/",
    "/go/pkg/mod/",
    "/usr/local/go/",
    "/.cargo/registry/",
    "/rustc/",
    "java.base/",
    "at java.",
    "at javax.",
    "at jdk.",
    "at sun.",
    "at org.springframework.",
    "at org.apache.",
    "at io.netty.",
    "at System.",
    "at Microsoft.",
    "/vendor/",
    "deps/",
];

/// Whether a file is a library's or the runtime's, by its path.
pub fn is_library(file: &str) -> bool {
    LIBRARIES.iter().any(|path| !path.contains(' ') && file.contains(path)) || file.starts_with("<frozen ")
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    // What the last frame was: lines under it (Python's source line, Go's file) go with it.
    let mut library = false;
    for line in text.lines() {
        let trimmed = line.trim_start();
        let is_frame = trimmed.starts_with("File \"") || trimmed.starts_with("at ") || trimmed.starts_with("from ") || is_ruby(trimmed);
        let goes_with_frame = !is_frame && (line.starts_with("    ") || line.starts_with('\t'));
        if is_frame {
            library = LIBRARIES.iter().any(|path| line.contains(path));
        } else if !goes_with_frame {
            library = false;
        }
        match (parts.last_mut(), library) {
            (Some(Part::Library(frames, lines)), true) => {
                *frames += usize::from(is_frame);
                lines.push(line.to_owned());
            }
            (_, true) => parts.push(Part::Library(1, vec![line.to_owned()])),
            (Some(Part::Shown(lines)), false) => lines.push(line.to_owned()),
            (_, false) => parts.push(Part::Shown(vec![line.to_owned()])),
        }
    }
    parts
}

/// `/app/models/user.rb:12:in 'find'`
fn is_ruby(line: &str) -> bool {
    line.split_once(":in ").is_some_and(|(place, _)| place.rsplit_once(':').is_some_and(|(_, n)| n.bytes().all(|b| b.is_ascii_digit())))
}

/// The stack trace, library frames folded.
pub fn stack(text: &str) -> impl IntoView + use<> {
    let part = |part: Part| match part {
        Part::Shown(lines) => view! { <pre>{lines.join("\n")}</pre> }.into_any(),
        Part::Library(frames, lines) => {
            let what = if frames == 1 { "1 library frame".to_owned() } else { format!("{frames} library frames") };
            view! { <details class="d-library"><summary>{what}</summary><pre>{lines.join("\n")}</pre></details> }.into_any()
        }
    };
    view! { <div class="d-stack">{parts(text).into_iter().map(part).collect_view()}</div> }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Vec<String> {
        let shape = |part: &Part| match part {
            Part::Shown(lines) => format!("{} lines", lines.len()),
            Part::Library(frames, lines) => format!("{frames} frames in {} lines", lines.len()),
        };
        parts(text).iter().map(shape).collect()
    }

    #[test]
    fn library_frames_are_folded_with_their_source_lines() {
        let python = "Traceback (most recent call last):
  File \"/usr/lib/python3/dist-packages/flask/app.py\", line 1484, in full_dispatch_request
    rv = self.dispatch_request()
  File \"/usr/lib/python3/dist-packages/flask/app.py\", line 1469, in dispatch_request
    return view(**args)
  File \"/srv/backend/app.py\", line 70, in data_home
    raise ValueError('no')
ValueError: no";
        assert_eq!(shape(python), ["1 lines", "2 frames in 4 lines", "3 lines"]);
        let node = "Error: no\n    at handler (/srv/app.js:10:9)\n    at Layer.handle (/srv/node_modules/express/lib/router/layer.js:95:5)\n    at node:internal/process:1:1";
        assert_eq!(shape(node), ["2 lines", "2 frames in 2 lines"]);
        let java = "java.lang.IllegalStateException: no\n\tat com.shop.Cart.add(Cart.java:12)\n\tat java.base/java.lang.Thread.run(Thread.java:829)\nCaused by: x\n\tat com.shop.Db.get(Db.java:3)";
        assert_eq!(shape(java), ["2 lines", "1 frames in 1 lines", "2 lines"]);
        assert_eq!(shape(""), Vec::<String>::new());
    }
}
