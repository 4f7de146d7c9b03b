//! The vectors in `tests/fixtures/grouping` were made by an implementation of the same algorithm in Python, with regular expressions.

use super::*;
use serde::Deserialize;
use serde_json::json;

#[test]
fn templates_are_those_of_the_reference() {
    let vectors: Vec<(String, String)> = serde_json::from_str(include_str!("../../../../tests/fixtures/grouping/templates.json")).unwrap();
    assert!(vectors.len() > 600);
    for (message, expected) in vectors {
        assert_eq!(template(&message), expected, "{message:?}");
    }
}

#[test]
fn keys_are_those_of_the_reference() {
    #[derive(Deserialize)]
    struct Vector {
        data: Value,
        exploded: bool,
        keys: Expected,
    }
    #[derive(Deserialize, Debug, PartialEq)]
    struct Expected {
        kind: String,
        classes: Vec<String>,
        site: String,
        path: String,
        template: String,
        group: String,
        title: String,
    }
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../../../../tests/fixtures/grouping/items.json")).unwrap();
    assert!(vectors.len() >= 200);
    for vector in vectors {
        let keys = keys(&vector.data, &|_| vector.exploded);
        let kind = if keys.kind != "explicit" { keys.kind.to_owned() } else { vector.keys.kind.clone() };
        let Keys { group, site, path, template, classes, title, .. } = keys;
        assert_eq!(Expected { kind, classes, site, path, template, group, title }, vector.keys, "{}", vector.data);
    }
}

#[test]
fn twins_are_those_of_the_reference() {
    let vectors: Vec<(String, String, String)> =
        serde_json::from_str(include_str!("../../../../tests/fixtures/grouping/twins.json")).unwrap();
    for (class, message, expected) in vectors {
        let hex: String = twin(&class, &message).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected, "{class} {message:?}");
    }
}

fn thrown(class: &str, message: &str, root: Option<&str>, frames: &[(&str, &str)]) -> Value {
    let frames: Vec<Value> = frames.iter().map(|(file, method)| json!({"filename": file, "method": method, "lineno": 1})).collect();
    json!({"body": {"trace": {"exception": {"class": class, "message": message}, "frames": frames}}, "server": {"root": root}})
}

fn group(data: &Value) -> String {
    keys(data, &|_| false).group
}

const FLASK: (&str, &str) = ("/app/.venv/lib/python3.12/site-packages/flask/app.py", "dispatch_request");
const VIEW: (&str, &str) = ("/app/orders/views.py", "checkout");
const STOCK: (&str, &str) = ("/app/orders/stock.py", "reserve");

#[test]
fn what_changes_without_a_cause_does_not_split() {
    let first = thrown("KeyError", "'sku-1'", Some("/app"), &[FLASK, VIEW, STOCK]);
    let change = |pairs: &[(&str, &str)]| {
        let text = pairs.iter().fold(first.to_string(), |text, (old, new)| text.replace(old, new));
        serde_json::from_str::<Value>(&text).unwrap()
    };
    for (what, pairs) in [
        ("lines", &[("\"lineno\":1", "\"lineno\":99")][..]),
        ("data in the message", &[("'sku-1'", "'sku-9'")]),
        ("another Python", &[("python3.12", "python3.13")]),
        ("another release", &[("/app/", "/srv/releases/20260901120000/"), ("\"/app\"", "\"/srv/releases/20260901120000\"")]),
    ] {
        let other = change(pairs);
        assert_ne!(other, first, "{what}");
        assert_eq!(group(&other), group(&first), "{what}");
    }
    let mut chain = first.clone();
    chain["body"] = json!({"trace_chain": [first["body"]["trace"]]});
    assert_eq!(group(&chain), group(&first), "a chain of one");
    let bundle =
        |hash: &str| thrown("TypeError", "x is undefined", None, &[(&format!("https://cdn.example.com/assets/index-{hash}.js"), "render")]);
    assert_eq!(group(&bundle("B7x9kQ2a")), group(&bundle("DkP01zzq")));
}

#[test]
fn another_way_is_another_path_and_another_caller_another_group() {
    let first = keys(&thrown("KeyError", "'x'", Some("/app"), &[FLASK, VIEW, STOCK]), &|_| false);
    let longer = keys(&thrown("KeyError", "'x'", Some("/app"), &[FLASK, ("/app/admin/views.py", "bulk"), VIEW, STOCK]), &|_| false);
    assert_eq!(first.group, longer.group);
    assert_ne!(first.path, longer.path);
    assert_eq!((first.site.as_str(), first.file.as_str()), ("orders/views.py:checkout|orders/stock.py:reserve|>", "orders/stock.py"));
    let other = thrown("KeyError", "'x'", Some("/app"), &[FLASK, ("/app/cart/views.py", "add"), STOCK]);
    assert_ne!(first.group, group(&other));
}

#[test]
fn a_class_that_says_nothing_takes_the_message_unless_that_explodes() {
    let run = |message: &str| thrown("Error", message, Some("/app"), &[("/app/util/exec.js", "run")]);
    let (spawn, full) = (run("spawn ffmpeg ENOENT"), run("disk full on /data"));
    assert_ne!(group(&spawn), group(&full));
    assert_eq!(group(&run("user 12 has no cart")), group(&run("user 99812 has no cart")));
    let site = site_hash(&keys(&spawn, &|_| false).site);
    let guarded = |data| keys(data, &|asked| asked == site);
    assert_eq!(guarded(&spawn).group, guarded(&full).group);
    assert!(!guarded(&spawn).generic && keys(&spawn, &|_| false).generic);
}

#[test]
fn messages_are_grouped_by_their_template() {
    let message = |text: &str| json!({"body": {"message": {"body": text}}});
    assert_eq!(group(&message("slow request 1532 ms for user 42")), group(&message("slow request 9 ms for user 7")));
    assert_ne!(group(&message("upstream returned HTTP 502 for 10.0.0.7")), group(&message("upstream returned HTTP 404 for 10.0.0.9")));
    assert_eq!(
        template("[Errno 111] Connection refused to 10.1.2.3:5432 after 30 s"),
        "[Errno 111] Connection refused to <ip> after <dur>"
    );
}

#[test]
fn a_kept_number_in_a_url_does_not_come_up_elsewhere() {
    assert_eq!(template("GET https://h/?code=5 gave status 503"), "GET <url> gave status 503");
    assert_eq!(template("a\0b status 5\0"), "ab status 5");
}

#[test]
fn a_fingerprint_that_was_sent_is_taken() {
    let mut data = thrown("KeyError", "'x'", None, &[STOCK]);
    data["fingerprint"] = json!("mine");
    assert_eq!((keys(&data, &|_| false).kind, group(&data).as_str()), ("explicit", "mine"));
    data["fingerprint"] = json!("long ".repeat(10));
    assert_eq!(group(&data), "01f29abe99bba21f655bdc15e334f56577d65825");
    data["fingerprint"] = json!(17);
    assert_eq!(group(&data), "17");
}

#[test]
fn twins_differ_in_package_and_data_only() {
    assert_eq!(twin("app.errors.ValueError", "checkout failed for 5"), twin("ValueError", "checkout failed for 123"));
    assert_ne!(twin("ValueError", "checkout failed"), twin("KeyError", "checkout failed"));
}

#[test]
fn nothing_that_is_sent_panics() {
    for data in [
        json!(null),
        json!([]),
        json!({"body": []}),
        json!({"body": {"trace": 7, "trace_chain": {"a": 1}}}),
        json!({"body": {"trace_chain": [null, 1, "x", {"frames": {}}, {"frames": [null, 1, {"filename": 3, "method": [], "code": {}}]}]}}),
        json!({"body": {"trace": {"exception": "x", "frames": "y"}}, "server": 5, "project_package_paths": "z", "title": {}, "fingerprint": []}),
    ] {
        assert!(!group(&data).is_empty(), "{data}");
    }
    let text =
        "é 12:34:56.7x 2026-11-29T06:43:12Z a@b.co ='é' https://é 1-5759e988-bd862e3fe1be46a994272793 status=5\0 eyJaaaaaaaa.bbbbbbbb.c";
    for (from, _) in text.char_indices() {
        for (to, _) in text[from..].char_indices() {
            template(&text[from..from + to]);
        }
    }
}
