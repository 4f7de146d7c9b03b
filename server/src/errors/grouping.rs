//! Which group an occurrence is of. What stays the same makes the key: the chain of classes and the place of the throw in the team's own
//! code, never a line number; the message only where these say too little. Four keys are kept, so that a group can be split by path or by
//! message without reading its occurrences again.

use super::frames::Roots;
use super::template::is_line_break;
pub use super::template::template;
use serde_json::Value;
use sha1::{Digest as _, Sha1};

/// Version of the algorithm: it is part of every key. Whoever changes what keys are made of gives it a new name, and the one before to
/// [`BEFORE`], which [`keys_before`] then has to make as they were.
pub const VERSION: &str = "tl1";
/// The version whose groups are still found; there is none before the first. Tests have one that differs by its name alone.
pub const BEFORE: Option<&str> = if cfg!(test) { Some("tl0") } else { None };
/// Classes that say nothing of what went wrong.
const GENERIC: [&str; 13] = [
    "Error",
    "Exception",
    "BaseException",
    "RuntimeError",
    "StandardError",
    "RuntimeException",
    "HttpException",
    "HTTPError",
    "AssertionError",
    "Object",
    "(unknown)",
    "<unknown>",
    "",
];
/// Exceptions of a chain whose classes count.
const CHAIN: usize = 6;
/// Characters of a title, and of a fingerprint that is taken as it is: Rollbar's limits.
pub const TITLE: usize = 255;
const FINGERPRINT: usize = 40;

/// What an occurrence is grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// `exception`, `message`, `explicit` (the sender's fingerprint) or `rule`.
    pub kind: &'static str,
    /// The fingerprint: 40 hex digits, unless somebody chose it.
    pub group: String,
    /// Where it was thrown: the innermost two of the team's own frames, and that of the root cause. Empty for messages.
    pub site: String,
    /// Hash of the whole way through the team's own code. Empty for messages.
    pub path: String,
    /// Of the message.
    pub template: String,
    /// Of the exception raised, then of its causes.
    pub classes: Vec<String>,
    pub title: String,
    /// Whether the template is part of the group.
    pub generic: bool,
    /// The innermost file of the team's own; empty if there are no frames.
    pub file: String,
}

/// The keys of an item's `data`. `exploded` says of the [hash](site_hash) of a site that it makes too many templates for these to tell
/// errors apart.
pub fn keys(data: &Value, exploded: &dyn Fn(&str) -> bool) -> Keys {
    keys_by(VERSION, data, exploded)
}

/// The keys by the version [`BEFORE`].
pub fn keys_before(data: &Value, exploded: &dyn Fn(&str) -> bool) -> Option<Keys> {
    BEFORE.map(|version| keys_by(version, data, exploded))
}

fn keys_by(version: &str, data: &Value, exploded: &dyn Fn(&str) -> bool) -> Keys {
    let chain = chain(&data["body"]);
    let mut keys = if chain.is_empty() { of_message(version, &data["body"]) } else { of_exceptions(version, data, &chain, exploded) };
    if let Some(fingerprint) = said(&data["fingerprint"]) {
        (keys.kind, keys.group) = ("explicit", self::fingerprint(&fingerprint));
    }
    if let Some(title) = said(&data["title"]) {
        keys.title = cut(&title, TITLE);
    }
    keys
}

/// The exceptions of an item's body, that which was raised first.
pub fn chain(body: &Value) -> Vec<&Value> {
    match body["trace_chain"].as_array() {
        Some(chain) if !chain.is_empty() => chain.iter().collect(),
        _ if says_something(&body["trace"]) => vec![&body["trace"]],
        _ => Vec::new(),
    }
}

fn of_message(version: &str, body: &Value) -> Keys {
    let message = said(&body["message"]["body"]).or_else(|| said(&body["crash_report"]["raw"])).unwrap_or_default();
    let template = template(&message);
    Keys {
        kind: "message",
        group: hash(&[version, "m", &template]),
        site: String::new(),
        path: String::new(),
        template,
        classes: Vec::new(),
        title: cut(message.split('\n').next().unwrap_or_default(), TITLE),
        generic: true,
        file: String::new(),
    }
}

fn of_exceptions(version: &str, data: &Value, chain: &[&Value], exploded: &dyn Fn(&str) -> bool) -> Keys {
    let roots = Roots::of(data);
    let mut classes: Vec<String> = chain.iter().take(CHAIN).map(|one| said(&one["exception"]["class"]).unwrap_or_default()).collect();
    classes.dedup();
    let message = said(&chain[0]["exception"]["message"]).unwrap_or_default();
    let template = template(&message);
    let outer = Way::of(chain[0], &roots);
    let inner = if chain.len() > 1 { Way::of(chain[chain.len() - 1], &roots) } else { Way::default() };
    let ends = |keys: &[String], most: usize| keys[keys.len().saturating_sub(most)..].to_vec();
    let site = [ends(&outer.keys, 2), vec![">".to_owned()], ends(&inner.keys, 1)].concat().join("|");
    let generic = (!outer.own || GENERIC.contains(&&*classes[0])) && !exploded(&site_hash(&site));
    let class_chain = classes.join(">");
    let mut parts = vec![version, "e", &class_chain, &site];
    if generic {
        parts.push(&template);
    }
    let way = [version, "p", &class_chain].into_iter().chain(outer.keys.iter().map(String::as_str)).chain([">"]);
    let way: Vec<&str> = way.chain(inner.keys.iter().map(String::as_str)).collect();
    let title = format!("{}: {}", classes[0], message.split(is_line_break).next().unwrap_or_default());
    Keys {
        kind: "exception",
        group: hash(&parts),
        path: hash(&way),
        title: cut(&title, TITLE),
        file: outer.file,
        site,
        template,
        classes,
        generic,
    }
}

/// The way of an exception: its own frames, or all if none is.
#[derive(Default)]
struct Way {
    /// Recursion is one step.
    keys: Vec<String>,
    own: bool,
    /// The innermost.
    file: String,
}

impl Way {
    fn of(thrown: &Value, roots: &Roots<'_>) -> Way {
        let frames: Vec<&Value> = thrown["frames"].as_array().into_iter().flatten().collect();
        let mut way: Vec<&Value> = frames.iter().copied().filter(|frame| roots.own(frame)).collect();
        let own = !way.is_empty();
        if !own {
            way = frames;
        }
        let mut keys: Vec<String> = way.iter().map(|frame| roots.key(frame)).collect();
        keys.dedup();
        let file = way.last().map(|frame| roots.file(frame["filename"].as_str().unwrap_or_default()));
        Way { keys, own, file: file.unwrap_or_default() }
    }
}

/// What the same throw has in common, whichever system saw it: the class without its package, and the template of the message.
pub fn twin(class: &str, message: &str) -> [u8; 16] {
    let class = class.rsplit('.').next().unwrap_or_default();
    let digest = digest(&["twin", class, &template(message)]);
    std::array::from_fn(|n| digest[n])
}

/// What `exploded` of [`keys`] is asked for.
pub fn site_hash(site: &str) -> String {
    hash(&[site])
}

/// A fingerprint that somebody chose, as Rollbar takes it: up to 40 characters as it is, else its SHA-1. Without NUL, which no look-up gets past.
pub fn fingerprint(chosen: &str) -> String {
    let chosen = chosen.replace('\0', "");
    if chosen.chars().count() <= FINGERPRINT { chosen } else { hash(&[&chosen]) }
}

/// At most so many characters of a text.
pub fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// A value as text; `None` if it [says nothing](says_something).
pub fn said(value: &Value) -> Option<String> {
    says_something(value).then(|| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// Nothing, 0 and their like say nothing.
fn says_something(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

fn digest(parts: &[&str]) -> [u8; 20] {
    let mut sha = Sha1::new();
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            sha.update([0x1f]);
        }
        sha.update(part);
    }
    sha.finalize().into()
}

fn hash(parts: &[&str]) -> String {
    digest(parts).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
