//! A team's own rules for grouping, in Rollbar's JSON ("Custom grouping"), so that theirs can be pasted: an ordered list of
//! `{"condition": …, "fingerprint": …, "title": …}`, of which the first whose condition holds counts. It goes before the fingerprint
//! that a payload brings.

use super::grouping::{self, Keys};
use regex::Regex;
use serde_json::Value;
use std::borrow::Cow;

/// Nested conditions that are read.
const DEPTH: usize = 16;

/// Rules that were read without an error.
#[derive(Debug, Default)]
pub struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    condition: Condition,
    /// At least one of the two is there.
    fingerprint: Option<String>,
    title: Option<String>,
}

#[derive(Debug)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    None(Vec<Condition>),
    Test { path: String, test: Test },
}

#[derive(Debug)]
enum Test {
    Is { values: Vec<Value>, negated: bool },
    Contains { part: Value, negated: bool },
    Compare { op: Op, than: f64 },
    Matches(Regex),
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Gt,
    Gte,
    Lt,
    Lte,
}

impl Rules {
    /// Reads rules; a text of blanks is none.
    ///
    /// # Errors
    /// A sentence that says which rule (the first is 1) and what is wrong with it.
    pub fn parse(json: &str) -> Result<Rules, String> {
        if json.trim().is_empty() {
            return Ok(Rules::default());
        }
        let value: Value = serde_json::from_str(json).map_err(|why| format!("The rules are not JSON: {why}."))?;
        let rules = value.as_array().ok_or("The rules are a list: [{\"condition\": …, \"fingerprint\": …, \"title\": …}].")?;
        let read = |(n, rule): (usize, &Value)| Rule::read(rule).map_err(|why| format!("Rule {}: {why}.", n + 1));
        rules.iter().enumerate().map(read).collect::<Result<_, _>>().map(Rules)
    }

    /// Changes the keys of an item's `data` by the first rule that applies to it; whether there is one.
    pub fn apply(&self, data: &Value, keys: &mut Keys) -> bool {
        let Some(rule) = self.0.iter().find(|rule| rule.condition.holds(data)) else { return false };
        let (fingerprint, title) = (keys.group.clone(), keys.title.clone());
        let filled = |template: &str| fill(template, data, &fingerprint, &title);
        // An empty one would put all errors whose field is missing into one group.
        if let Some(chosen) = rule.fingerprint.as_deref().map(filled).filter(|chosen| !chosen.trim().is_empty()) {
            (keys.kind, keys.group) = ("rule", grouping::fingerprint(&chosen));
        }
        if let Some(chosen) = rule.title.as_deref().map(filled).filter(|chosen| !chosen.trim().is_empty()) {
            keys.title = grouping::cut(&chosen, grouping::TITLE);
        }
        true
    }
}

impl Rule {
    fn read(value: &Value) -> Result<Rule, String> {
        let rule = value.as_object().ok_or("it is not an object")?;
        if let Some(key) = rule.keys().find(|key| !["condition", "fingerprint", "title"].contains(&key.as_str())) {
            return Err(format!("it has \"{key}\", but a rule has \"condition\", \"fingerprint\" and \"title\""));
        }
        let text = |key: &str| match rule.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => check(text).map(|()| Some(text.clone())).map_err(|why| format!("in \"{key}\", {why}")),
            Some(_) => Err(format!("\"{key}\" is not a text")),
        };
        let (fingerprint, title) = (text("fingerprint")?, text("title")?);
        if fingerprint.is_none() && title.is_none() {
            return Err("it needs a \"fingerprint\" or a \"title\"".into());
        }
        let condition = rule.get("condition").ok_or("it has no \"condition\"")?;
        Ok(Rule { condition: Condition::read(condition, DEPTH)?, fingerprint, title })
    }
}

impl Condition {
    fn read(value: &Value, depth: usize) -> Result<Condition, String> {
        if depth == 0 {
            return Err(format!("conditions are nested more than {DEPTH} deep"));
        }
        let fields = value.as_object().ok_or("a condition is not an object")?;
        let path = match fields.get("path") {
            None => return Condition::read_list(value, depth),
            Some(path) => path.as_str().filter(|path| !path.is_empty()).ok_or("a \"path\" is not a text")?,
        };
        let mut tests = fields.iter().filter(|(key, _)| *key != "path");
        let (op, operand) = tests.next().ok_or_else(|| format!("the condition for \"{path}\" has nothing to compare with"))?;
        if let Some((other, _)) = tests.next() {
            return Err(format!("the condition for \"{path}\" has both \"{op}\" and \"{other}\""));
        }
        let test = Test::read(op, operand).map_err(|why| format!("the condition for \"{path}\": {why}"))?;
        Ok(Condition::Test { path: path.to_owned(), test })
    }

    fn read_list(value: &Value, depth: usize) -> Result<Condition, String> {
        const WANTED: &str = "a condition has \"path\", or \"all\", \"any\" or \"none\" alone";
        let fields = value.as_object().filter(|fields| fields.len() == 1).ok_or(WANTED)?;
        let (key, list) = fields.iter().next().ok_or(WANTED)?;
        let make = match key.as_str() {
            "all" => Condition::All,
            "any" => Condition::Any,
            "none" => Condition::None,
            _ => return Err(format!("\"{key}\" is not known: {WANTED}")),
        };
        let list = list.as_array().ok_or_else(|| format!("\"{key}\" is not a list of conditions"))?;
        list.iter().map(|condition| Condition::read(condition, depth - 1)).collect::<Result<_, _>>().map(make)
    }

    fn holds(&self, data: &Value) -> bool {
        match self {
            Condition::All(list) => list.iter().all(|condition| condition.holds(data)),
            Condition::Any(list) => list.iter().any(|condition| condition.holds(data)),
            Condition::None(list) => !list.iter().any(|condition| condition.holds(data)),
            Condition::Test { path, test } => test.holds(&values(data, path)),
        }
    }
}

impl Test {
    fn read(op: &str, operand: &Value) -> Result<Test, String> {
        let number = |op| match operand.as_f64().or_else(|| operand.as_str()?.trim().parse().ok()) {
            Some(than) => Ok(Test::Compare { op, than }),
            None => Err("it is compared with what is not a number".to_owned()),
        };
        let list = || operand.as_array().cloned().ok_or_else(|| format!("\"{op}\" needs a list"));
        match op {
            "eq" | "neq" => Ok(Test::Is { values: vec![operand.clone()], negated: op == "neq" }),
            "in" | "nin" => Ok(Test::Is { values: list()?, negated: op == "nin" }),
            "contains" | "ncontains" => Ok(Test::Contains { part: operand.clone(), negated: op == "ncontains" }),
            "gt" => number(Op::Gt),
            "gte" => number(Op::Gte),
            "lt" => number(Op::Lt),
            "lte" => number(Op::Lte),
            "regex_match" => {
                let pattern = operand.as_str().ok_or("\"regex_match\" needs a text")?;
                let regex = regex::RegexBuilder::new(pattern).size_limit(1 << 20).build();
                regex.map(Test::Matches).map_err(|why| format!("\"{pattern}\" is not a regular expression that can be used here: {why}"))
            }
            _ => Err(format!("\"{op}\" is not known; there are eq, neq, in, nin, contains, ncontains, gt, gte, lt, lte and regex_match")),
        }
    }

    /// For one of the values. What negates holds if its opposite does not, and so where there is no value.
    fn holds(&self, values: &[&Value]) -> bool {
        match self {
            Test::Is { values: wanted, negated } => values.iter().any(|value| wanted.iter().any(|wanted| same(value, wanted))) != *negated,
            Test::Contains { part, negated } => values.iter().any(|value| contains(value, part)) != *negated,
            Test::Compare { op, than } => {
                values.iter().filter_map(|value| value.as_f64().or_else(|| value.as_str()?.parse().ok())).any(|value: f64| match op {
                    Op::Gt => value > *than,
                    Op::Gte => value >= *than,
                    Op::Lt => value < *than,
                    Op::Lte => value <= *than,
                })
            }
            Test::Matches(regex) => values.iter().any(|value| regex.is_match(&text(value))),
        }
    }
}

/// Equal; a number and the text of it are.
fn same(value: &Value, wanted: &Value) -> bool {
    value == wanted || !value.is_null() && !wanted.is_null() && text(value) == text(wanted)
}

fn contains(value: &Value, part: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| same(item, part)),
        Value::Object(fields) => part.as_str().is_some_and(|key| fields.contains_key(key)),
        value => text(value).contains(&*text(part)),
    }
}

fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => text.as_str().into(),
        other => other.to_string().into(),
    }
}

/// What a dotted path leads to: `*` is every key or place, `-1` the last place. Whether an SDK sends an exception as `trace` or as a
/// `trace_chain` of one does not matter.
fn values<'a>(data: &'a Value, path: &str) -> Vec<&'a Value> {
    let found = walk(data, path);
    if !found.is_empty() {
        return found;
    }
    if let Some(rest) = path.strip_prefix("body.trace.") {
        return walk(data, &format!("body.trace_chain.0.{rest}"));
    }
    let single = ["body.trace_chain.0.", "body.trace_chain.-1.", "body.trace_chain.*."].iter().find_map(|start| path.strip_prefix(start));
    single.map_or(found, |rest| walk(data, &format!("body.trace.{rest}")))
}

fn walk<'a>(data: &'a Value, path: &str) -> Vec<&'a Value> {
    let path = path.strip_prefix("data.").filter(|_| data.get("data").is_none()).unwrap_or(path);
    path.split('.').fold(vec![data], |at, step| {
        let next = |value: &'a Value| -> Vec<&'a Value> {
            match (value, step) {
                (Value::Array(items), "*") => items.iter().collect(),
                (Value::Object(fields), "*") => fields.values().collect(),
                (Value::Array(items), step) => {
                    let place = step.parse::<i64>().ok();
                    let place = place.and_then(|n| usize::try_from(if n < 0 { items.len() as i64 + n } else { n }).ok());
                    place.and_then(|n| items.get(n)).into_iter().collect()
                }
                (value, step) => value.get(step).into_iter().collect(),
            }
        };
        at.into_iter().flat_map(next).collect()
    })
}

/// Whether every `{{` of a template is closed.
fn check(template: &str) -> Result<(), String> {
    let mut rest = template;
    while let Some((_, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or("a \"{{\" is not closed")?;
        if name.trim().is_empty() {
            return Err("\"{{ }}\" names nothing".into());
        }
        rest = after;
    }
    Ok(())
}

/// Puts values in the place of `{{ default_fingerprint }}`, `{{ default_title }}` and `{{ any.path }}`.
fn fill(template: &str, data: &Value, fingerprint: &str, title: &str) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, (name, after))) = rest.split_once("{{").and_then(|(before, rest)| Some((before, rest.split_once("}}")?))) {
        filled.push_str(before);
        match name.trim() {
            "default_fingerprint" => filled.push_str(fingerprint),
            "default_title" => filled.push_str(title),
            path => filled.push_str(&values(data, path).first().map(|value| text(value)).unwrap_or_default()),
        }
        rest = after;
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn data() -> Value {
        json!({
            "level": "error",
            "environment": "production",
            "context": "/orders/<id>",
            "body": {"trace": {
                "exception": {"class": "Timeout", "message": "no answer in 30 s"},
                "frames": [{"filename": "app.py", "lineno": 3}, {"filename": "db.py", "lineno": 40}],
            }},
            "request": {"headers": {"Host": "a", "X-Team": "b"}},
            "custom": {"tags": ["slow", "db"], "attempt": 3, "nothing": null},
        })
    }

    fn holds(condition: Value) -> bool {
        let rules = json!([{"condition": condition, "fingerprint": "x"}]).to_string();
        Rules::parse(&rules).unwrap().apply(&data(), &mut grouping::keys(&data(), &|_| false))
    }

    #[test]
    fn operators() {
        for (condition, expected) in [
            (json!({"path": "body.trace.exception.class", "eq": "Timeout"}), true),
            (json!({"path": "body.trace.exception.class", "neq": "Timeout"}), false),
            (json!({"path": "no.such.path", "neq": "Timeout"}), true),
            (json!({"path": "no.such.path", "eq": null}), false),
            (json!({"path": "custom.attempt", "eq": 3}), true),
            (json!({"path": "custom.attempt", "eq": "3"}), true),
            (json!({"path": "level", "in": ["error", "critical"]}), true),
            (json!({"path": "level", "nin": ["error", "critical"]}), false),
            (json!({"path": "body.trace.exception.message", "contains": "answer"}), true),
            (json!({"path": "body.trace.exception.message", "ncontains": "answer"}), false),
            (json!({"path": "custom.tags", "contains": "db"}), true),
            (json!({"path": "custom.attempt", "gt": 2}), true),
            (json!({"path": "custom.attempt", "gte": 3}), true),
            (json!({"path": "custom.attempt", "lt": 3}), false),
            (json!({"path": "custom.attempt", "lte": 3}), true),
            (json!({"path": "custom.tags", "lte": 3}), false),
            (json!({"path": "context", "regex_match": "^/orders/"}), true),
            (json!({"path": "body.trace.frames.-1.filename", "eq": "db.py"}), true),
            (json!({"path": "body.trace.frames.0.filename", "eq": "db.py"}), false),
            (json!({"path": "body.trace.frames.*.filename", "eq": "db.py"}), true),
            (json!({"path": "body.trace.frames.*.lineno", "gt": 39}), true),
            (json!({"path": "request.headers.*", "eq": "b"}), true),
            (json!({"path": "body.trace_chain.0.exception.class", "eq": "Timeout"}), true),
            (json!({"path": "data.level", "eq": "error"}), true),
            (json!({"all": [{"path": "level", "eq": "error"}, {"path": "context", "eq": "x"}]}), false),
            (json!({"any": [{"path": "level", "eq": "error"}, {"path": "context", "eq": "x"}]}), true),
            (json!({"none": [{"path": "level", "eq": "info"}, {"any": [{"path": "context", "eq": "x"}]}]}), true),
        ] {
            assert_eq!(holds(condition.clone()), expected, "{condition}");
        }
    }

    #[test]
    fn the_first_rule_that_applies_goes_before_what_was_sent() {
        let rules = json!([
            {"condition": {"path": "level", "eq": "info"}, "fingerprint": "no"},
            {
                "condition": {"path": "level", "eq": "error"},
                "fingerprint": "{{ context }}-{{body.trace.frames.-1.filename}}",
                "title": "{{ default_title }} in {{ context }}{{ missing }}",
            },
            {"condition": {"path": "level", "eq": "error"}, "fingerprint": "later"},
        ]);
        let mut data = data();
        data["fingerprint"] = json!("sent");
        let mut keys = grouping::keys(&data, &|_| false);
        assert!(Rules::parse(&rules.to_string()).unwrap().apply(&data, &mut keys));
        assert_eq!((keys.kind, keys.group.as_str()), ("rule", "/orders/<id>-db.py"));
        assert_eq!(keys.title, "Timeout: no answer in 30 s in /orders/<id>");
    }

    #[test]
    fn what_a_rule_leaves_out_stays() {
        let apply = |rule: Value| {
            let mut keys = grouping::keys(&data(), &|_| false);
            assert!(Rules::parse(&json!([rule]).to_string()).unwrap().apply(&data(), &mut keys));
            keys
        };
        let default = grouping::keys(&data(), &|_| false);
        let condition = json!({"path": "level", "eq": "error"});
        let titled = apply(json!({"condition": condition, "title": "t"}));
        assert_eq!((titled.kind, &titled.group, titled.title.as_str()), ("exception", &default.group, "t"));
        let longer = apply(json!({"condition": condition, "fingerprint": "{{ default_fingerprint }}-{{ environment }}"}));
        assert_eq!((longer.kind, longer.group.len()), ("rule", 40));
        assert_ne!(longer.group, default.group);
        assert_eq!(apply(json!({"condition": condition, "fingerprint": "{{ missing }}"})).group, default.group);
    }

    #[test]
    fn errors_say_which_rule_and_what_is_wrong() {
        let rule = |condition: Value| json!([{"condition": {"path": "a", "eq": 1}, "fingerprint": "a"}, {"condition": condition, "fingerprint": "b"}]);
        for (rules, expected) in [
            ("{".to_owned(), "The rules are not JSON"),
            ("{}".to_owned(), "The rules are a list"),
            ("[1]".to_owned(), "Rule 1: it is not an object"),
            (json!([{"condition": {"path": "a", "eq": 1}}]).to_string(), "Rule 1: it needs a \"fingerprint\" or a \"title\""),
            (json!([{"fingerprint": "a"}]).to_string(), "Rule 1: it has no \"condition\""),
            (json!([{"fingerprint": "{{ a", "condition": {}}]).to_string(), "Rule 1: in \"fingerprint\", a \"{{\" is not closed"),
            (json!([{"fingerprints": "a"}]).to_string(), "Rule 1: it has \"fingerprints\""),
            (rule(json!({"path": "b", "equals": 1})).to_string(), "Rule 2: the condition for \"b\": \"equals\" is not known"),
            (rule(json!({"path": "b", "eq": 1, "gt": 1})).to_string(), "Rule 2: the condition for \"b\" has both"),
            (rule(json!({"path": "b"})).to_string(), "Rule 2: the condition for \"b\" has nothing"),
            (rule(json!({"path": "b", "in": 1})).to_string(), "Rule 2: the condition for \"b\": \"in\" needs a list"),
            (rule(json!({"path": "b", "gt": "x"})).to_string(), "Rule 2: the condition for \"b\": it is compared"),
            (rule(json!({"path": "b", "regex_match": "("})).to_string(), "Rule 2: the condition for \"b\": \"(\" is not"),
            (rule(json!({"some": []})).to_string(), "Rule 2: \"some\" is not known"),
            (rule(json!({"any": [{"path": 1}]})).to_string(), "Rule 2: a \"path\" is not a text"),
        ] {
            let why = Rules::parse(&rules).unwrap_err();
            assert!(why.starts_with(expected) && why.ends_with('.'), "{rules}: {why}");
        }
        assert!(Rules::parse(" \n").unwrap().0.is_empty());
    }
}
