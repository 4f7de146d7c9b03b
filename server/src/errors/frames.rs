//! Which frames are the team's own, and what of a frame stays the same from one release and machine to the next.

use super::template::template;
use regex::{Captures, Regex};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::LazyLock;

/// A part of the path says that it is somebody else's code.
static VENDOR: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?:^|/)(?:site-packages|dist-packages|node_modules|bower_components|vendor/bundle|gems)/",
        r"|(?:^|/)lib/python\d(?:\.\d+)?/|^node:|^internal/|^<frozen |^/usr/lib/|^/opt/python/"
    ))
});
static SCHEME_AND_HOST: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)^[a-z][a-z0-9+.-]*://[^/]*"));
static PACKAGES: LazyLock<Regex> = LazyLock::new(|| regex(r"^.*/(site-packages|dist-packages|node_modules|gems)/"));
static RELEASE: LazyLock<Regex> = LazyLock::new(|| regex(r"/(?:releases|deploys?)/[^/]+/"));
/// A bundler's name of a file: what stands before the extensions is a hash if it has a digit.
static BUNDLE: LazyLock<Regex> = LazyLock::new(|| regex(r"([._-])([A-Za-z0-9_-]{8,})(\.(?:min\.|chunk\.|bundle\.)*[mc]?js)$"));
/// A directory that is a version, a commit or a date.
static VERSION: LazyLock<Regex> = LazyLock::new(|| regex(r"^(?:v?\d+(?:\.\d+)+|[0-9a-f]{7,40}|\d{4}-?\d\d-?\d\d[\d-]*)$"));
static WORD_BEFORE: LazyLock<Regex> = LazyLock::new(|| regex(r"^(?:async |new |bound |global\.)"));
static BLOCK: LazyLock<Regex> = LazyLock::new(|| regex(r"^block (?:\(\d+ levels\) )?in "));
static DIGITS: LazyLock<Regex> = LazyLock::new(|| regex(r"\d{2,}"));

const ANONYMOUS: [&str; 10] =
    ["", "?", "<anonymous>", "[anonymous]", "(anonymous)", "<unknown>", "<module>", "<lambda>", "anonymous", "eval"];
/// Characters of a line of code that can stand for a function without a name.
const CODE: usize = 120;

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a regular expression")
}

/// The directories of a project.
pub struct Roots<'a> {
    /// `server.root`
    root: &'a str,
    /// `project_package_paths`
    more: Vec<&'a str>,
}

impl<'a> Roots<'a> {
    /// Of an item's `data`.
    pub fn of(data: &'a Value) -> Roots<'a> {
        let more = data["project_package_paths"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        Roots { root: data["server"]["root"].as_str().unwrap_or_default(), more }
    }

    /// Whether a frame is the team's own code: it says so, else it is not in a directory of packages and, if its path is absolute and
    /// the project's directories are known, in one of these.
    pub fn own(&self, frame: &Value) -> bool {
        match &frame["in_app"] {
            Value::Null => {}
            said => return said.as_bool().unwrap_or(true),
        }
        let file = slashes(frame["filename"].as_str().unwrap_or_default());
        // It is in the root as well: a virtual environment lies there.
        if VENDOR.is_match(&file) {
            return false;
        }
        let mut roots = self.more.iter().copied().chain([self.root]).filter(|root| !root.is_empty() && *root != "/").peekable();
        roots.peek().is_none() || !file.starts_with('/') || roots.any(|root| within(&file, root).is_some())
    }

    /// `file:function` of a frame, as it stays.
    pub fn key(&self, frame: &Value) -> String {
        let text = |key: &str| frame[key].as_str().filter(|text| !text.is_empty());
        let mut function = function(text("method").or_else(|| text("function")).unwrap_or_default());
        if ANONYMOUS.contains(&&*function) {
            let code = text("code").unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
            let identifies = (1..=CODE).contains(&code.chars().count());
            function = if identifies { format!("`{}`", template(&code)) } else { "?".to_owned() };
        }
        format!("{}:{function}", self.file(text("filename").unwrap_or_default()))
    }

    /// A path without what changes from release to release and from machine to machine.
    pub fn file(&self, path: &str) -> String {
        let path = slashes(path);
        let path = SCHEME_AND_HOST.replace(&path, "");
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let path = within(path, self.root).unwrap_or(path);
        let path = PACKAGES.replace(path, "$1/");
        let path = RELEASE.replace_all(&path, "/releases/*/");
        let path = BUNDLE.replace(&path, |found: &Captures<'_>| match found[2].bytes().any(|byte| byte.is_ascii_digit()) {
            true => format!("{}*{}", &found[1], &found[3]),
            false => found[0].to_owned(),
        });
        let parts: Vec<&str> = path.split('/').collect();
        let last = parts.len() - 1;
        let stays =
            |(n, part): (usize, &&str)| if n > 0 && n < last && VERSION.is_match(part) { "*".to_owned() } else { (*part).to_owned() };
        let path = parts.iter().enumerate().map(stays).collect::<Vec<_>>().join("/");
        match path.strip_suffix(".pyc") {
            Some(source) => format!("{source}.py"),
            None => path,
        }
    }
}

fn slashes(path: &str) -> Cow<'_, str> {
    if path.contains('\\') { path.replace('\\', "/").into() } else { path.into() }
}

/// The path relative to a directory around it.
fn within<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    let directory = directory.trim_end_matches('/');
    path.strip_prefix(directory)?.strip_prefix('/').filter(|_| !directory.is_empty())
}

/// A function's name without what compilers, interpreters and engines add.
fn function(name: &str) -> String {
    let name = WORD_BEFORE.replace(name, "");
    let name = name.replace("<locals>.", "").replace("Object.", "").replace("Module.", "");
    let name = BLOCK.replace(&name, "");
    DIGITS.replace_all(&name, "").into_owned()
}
