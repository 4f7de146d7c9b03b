use super::*;
use crate::store::insights::json::any_value;
use crate::store::logs::block::encode;
use crate::store::logs::test::line_ref;
use model::log::{How, Line, Origin, TraceLink};
use model::query::ast::{fold, tokens};
use model::query::parse_logs;
use proptest::prelude::*;

fn compiled(text: &str) -> Box<dyn LineTest> {
    compile(&parse_logs(text).unwrap(), 0).unwrap()
}

/// The need in a short form: `token`, `trace=...`, `service=...`, `levels=error`, `(a & b)`, `(a | b)`.
fn shown(need: &Need) -> String {
    let joined = |parts: &[Need], between| format!("({})", parts.iter().map(shown).collect::<Vec<_>>().join(between));
    match need {
        Need::Nothing => "-".into(),
        Need::Never => "never".into(),
        Need::Token(token) => token.clone(),
        Need::Trace(id) => format!("trace={id}"),
        Need::Origin(field, value) => format!("{field:?}={value}"),
        Need::Levels(mask) => {
            let names: Vec<&str> = Level::ALL.into_iter().filter(|level| mask >> *level as u8 & 1 == 1).map(Level::as_str).collect();
            names.join("+")
        }
        Need::All(parts) => joined(parts, " & "),
        Need::Any(parts) => joined(parts, " | "),
    }
}

#[test]
fn blocks_without_these_are_left_out() {
    let id = "5759e988bd862e3fe1be46a994272793";
    let mut wrong = Vec::new();
    for (query, need) in [
        ("", "-"),
        ("Timeout", "timeout"),
        ("\"gateway timeout\"", "gateway & timeout"),
        ("*gate time*", "-"),
        ("a OR b", "a | b"),
        ("a -b", "a"),
        ("a OR -b", "-"),
        ("level:>=warn", "warn+error+fatal"),
        ("-level:error", "-"),
        ("group:/app/web", "Group=/app/web"),
        ("service:shop", "Service=shop | shop"),
        ("status:500", "status & 500"),
        ("status:>=500", "status"),
        ("user.name:\"Ada Löwe\"", "user & name & ada"),
        ("items.0.id:x1", "items & id & x1"),
        ("http.status_code:*", "(http & response & status_code) | (http & status_code)"),
        ("note:\"a\\nb <c>\"", "note & a"),
        ("retry:1", "retry"),
        ("message:\"*a b c*\"", "a & b & c"),
        ("message:*\"a b c\"*", "b"),
        ("message:/^GET\\ \\/api\\/(v1|v2\\ x)/", "get & api"),
        ("filter @message like \"took 5 ms\"", "5"),
        ("filter @message like /(?i)status=500 took/", "500"),
        ("filter @message like /took \\d+ ms/", "-"),
        ("filter @message like / a\\s+b (c|d e f)$/", "a & b"),
        ("filter @message like / (c | d ) /", "-"),
        ("filter level = \"ERROR\" or level in ['warning']", "error | warn"),
        ("filter msg = \"charge failed: timeout\"", "msg & charge & failed & timeout"),
        ("filter status in [200, 404]", "(status & 200) | (status & 404)"),
        ("filter duration / 1000 > retry", "duration & retry"),
        ("filter ispresent(user.id) and strcontains(msg, \" x y z \")", "user & id & msg & x & y & z"),
        ("filter @type = \"REPORT\" and @duration > 5", "report"),
        ("filter not a = 1", "-"),
        ("filter @logStream = 's' | filter @log = '000000000000:g'", "Stream=s & Group=g"),
        ("SOURCE \"a\", \"b\" | x", "(Group=a | Group=b) & x"),
        ("severity:>=17", "-"),
        ("severity:error", "error"),
        ("stats count(*) by a", "-"),
    ] {
        let shown = shown(compiled(query).need());
        let shown = shown.strip_prefix('(').and_then(|shown| shown.strip_suffix(')')).unwrap_or(&shown);
        if shown != need {
            wrong.push(format!("{query}: {shown}, not {need}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(shown(compiled(id).need()), format!("({id} | trace={id})"));
    assert_eq!(shown(compiled(&format!("trace_id:1-{}-{}", &id[..8], &id[8..])).need()), format!("trace={id}"));
}

#[test]
fn literals_for_a_search_over_all_messages() {
    let plain = line_of("", "", "web");
    let blocks = [
        ("in messages alone", encode(&[&plain], &[0]).meta),
        ("in an origin", encode(&[&plain, &line_of("", "", "Timeout-x")], &[0, 0]).meta),
        ("with attributes", encode(&[&plain, &line_of("", "{\"a\":1}", "web")], &[0, 0]).meta),
    ];
    for (query, literals) in [
        ("Timeout", [Some("timeout"), None, None]),
        ("\"gateway TIMEOUT of\"", [Some("timeout"), Some("timeout"), None]),
        ("gate timeouts", [Some("timeouts"), Some("timeouts"), None]),
        ("*meo*", [Some("meo"), None, None]),
        ("*taxi*", [Some("tax"), Some("tax"), None]),
        ("größe", [None; 3]),
        ("größe ab", [Some("ab"), Some("ab"), None]),
        ("timeout OR gate", [None; 3]),
        ("-timeout", [None; 3]),
        ("5759e988bd862e3fe1be46a994272793", [None; 3]),
        ("timeouts @message:*\"5 ms\"*", [Some("timeouts"), Some("timeouts"), Some("5 ms")]),
    ] {
        let test = compiled(query);
        for ((block, meta), literal) in blocks.iter().zip(literals) {
            assert_eq!(test.must_contain(meta).map(Regex::as_str), literal, "{query} {block}");
        }
    }
    let meta = &blocks[0].1;
    for (query, literal) in [
        ("filter @message like \"a.b\"", Some("a\\.b")),
        ("filter @message like /GET \\/(a|b)\\/users/", Some("/users")),
        ("filter @message like /(?i)timeout/ and status = 1", Some("timeout")),
        ("filter @message like \"a\" or @message like \"b\"", None),
        ("filter msg like \"a\"", None),
        ("@message:*\"took 5\"* level:error", Some("took 5")),
        ("-@message:*x*", None),
    ] {
        let test = compiled(query);
        assert_eq!(test.must_contain(meta).map(Regex::as_str), literal, "{query}");
    }
}

fn line_of(message: &str, attributes: &str, stream: &str) -> Line {
    Line {
        seq: 1,
        time: 5_000_000_000,
        received_at: 6_000_000_000,
        origin: std::sync::Arc::new(Origin { group: "a".into(), stream: stream.into(), ..Origin::default() }),
        severity: Severity::NONE,
        severity_sent: Severity::NONE,
        message: message.into(),
        attributes: attributes.into(),
        trace: None,
    }
}

/// Whether a block of this one line has what is needed.
fn has(line: &Line, need: &Need) -> bool {
    match need {
        Need::Nothing => true,
        Need::Never => false,
        Need::Token(token) => {
            let origin = &line.origin;
            let mut texts: Vec<String> =
                [&origin.service, &origin.environment, &origin.host, &origin.logger, &origin.stream, &origin.resource]
                    .iter()
                    .map(|text| text.to_string())
                    .collect();
            texts.extend([line.message.clone(), line.attributes.clone()]);
            texts.extend(line.trace.and_then(|link| link.span_id).map(|span| span.to_string()));
            any_value(&line.attributes, |text| {
                texts.push(text.to_owned());
                false
            });
            texts.iter().any(|text| tokens(text).any(|found| fold(found) == *token))
        }
        Need::Trace(id) => line.trace.is_some_and(|link| link.trace_id.to_string() == *id),
        Need::Origin(field, value) => field.of(&line.origin) == value,
        Need::Levels(mask) => mask >> line.severity.level() as u8 & 1 == 1,
        Need::All(parts) => parts.iter().all(|part| has(line, part)),
        Need::Any(parts) => parts.iter().any(|part| has(line, part)),
    }
}

fn text() -> impl Strategy<Value = String> + Clone {
    prop_oneof!["(a|b|aa|ab)( |_|-|<|\n|é|\\.)(a|b|A)", "[ab]{1,2}", "(5|50|007|1|0|true)", "(a|b| |é|\"|/|é|\t){0,4}"]
}

fn line() -> impl Strategy<Value = Line> {
    let json = prop::collection::vec(("(a|b|@a|a\\.b)", text(), 0..4), 0..3).prop_map(|entries| {
        let members = entries.into_iter().map(|(key, text, kind)| {
            let value = match kind {
                0 => serde_json::json!({ "a": text }),
                1 => serde_json::json!([text, 5]),
                2 => text.parse::<u32>().map_or(serde_json::Value::Bool(true), serde_json::Value::from),
                _ => serde_json::Value::from(text),
            };
            (key, value)
        });
        serde_json::Value::Object(members.collect()).to_string()
    });
    let message = prop_oneof![text(), (text(), text()).prop_map(|(a, b)| format!("{a} {b}")), json.clone(), json.clone().prop_map(escaped)];
    (message, prop::option::of(json), text(), 0u8..25, prop::option::of(any::<bool>())).prop_map(
        |(message, attributes, name, severity, linked)| Line {
            seq: 1,
            time: 5_000_000_000,
            received_at: 6_000_000_000,
            origin: std::sync::Arc::new(Origin {
                group: "a".into(),
                stream: name.as_str().into(),
                service: if severity > 12 { name.as_str().into() } else { "".into() },
                resource: if severity > 6 { "{\"b\":\"a b\"}".into() } else { "".into() },
                ..Origin::default()
            }),
            severity: Severity(severity),
            severity_sent: Severity(severity),
            message,
            attributes: attributes.unwrap_or_default(),
            trace: linked.map(|span| TraceLink {
                trace_id: TraceId([0xab; 16]),
                span_id: span.then_some(SpanId([0xcd; 8])),
                how: How::Protocol,
            }),
        },
    )
}

/// As some senders write JSON.
fn escaped(json: String) -> String {
    json.replace('<', "\\u003c").replace('é', "\\u00e9")
}

fn query() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "a",
        "b",
        "a.a",
        "a.b",
        "b.0",
        "@@a",
        "message",
        "service",
        "stream",
        "level",
        "group",
        "severity",
        "@message",
        "b.1",
        "@timestamp",
        "logger",
    ]);
    // The sign makes it stand in quotes.
    let quoted = text().prop_map(|text| model::query::value_text(&format!("{text}!")).replace("!\"", "\""));
    let regex = prop::sample::select(vec![
        "^a",
        "b$",
        "a b",
        "(?i)A\\s+b",
        "a|b",
        " (a|b) ",
        "[ab]_[ab]",
        "a.*b",
        "(?m)^a",
        "\\ba\\b",
        "a+ b?",
        "5.?",
    ]);
    let term = prop_oneof![
        quoted.clone().prop_filter("words", |text| tokens(text).any(|token| !token.starts_with('u'))),
        (quoted.clone(), any::<bool>()).prop_map(|(text, end)| if end { format!("{text}*") } else { format!("*{text}") }),
        (key.clone(), quoted.clone()).prop_map(|(key, text)| format!("{key}:{text}")),
        (key.clone(), quoted.clone(), quoted.clone()).prop_map(|(key, a, b)| format!("{key}:{a}*{b}")),
        (key.clone(), 0..60).prop_map(|(key, number)| format!("{key}:>{number}")),
        key.clone().prop_map(|key| format!("{key}:*")),
        (key.clone(), regex.clone()).prop_map(|(key, regex)| format!("{key}:/{}/", regex.replace(' ', "\\ "))),
        Just("level:>=warn".into()),
        Just("abababababababababababababababab".into()),
        Just("span_id:cdcdcdcdcdcdcdcd OR cdcdcdcdcdcdcdcd".into()),
    ];
    let expression = prop_oneof![
        (key.clone(), quoted.clone(), prop::sample::select(vec!["=", "!=", "<", "like", "not like"]))
            .prop_map(|(key, text, sign)| format!("{key} {sign} {text}")),
        (key.clone(), regex).prop_map(|(key, regex)| format!("{key} like /{regex}/")),
        (key.clone(), quoted.clone(), 0..60).prop_map(|(key, text, number)| format!("{key} in [{text}, {number}]")),
        (key.clone(), 0..60).prop_map(|(key, number)| format!("{key} = {number}")),
        (key.clone(), key.clone()).prop_map(|(a, b)| format!("{a} + 1 > {b}")),
        (key.clone(), quoted).prop_map(|(key, text)| format!("strcontains({key}, {text})")),
        key.prop_map(|key| format!("ispresent({key})")),
    ];
    let terms = (term.clone(), term, 0..5).prop_map(|(a, b, join)| match join {
        0 => format!("{a} {b}"),
        1 => format!("{a} OR {b}"),
        2 => format!("{a} -({b})"),
        _ => a,
    });
    let expressions = (expression.clone(), expression, 0..5).prop_map(|(a, b, join)| match join {
        0 => format!("filter {a} and {b}"),
        1 => format!("filter {a} or not {b}"),
        _ => format!("filter {a}"),
    });
    prop_oneof![terms, expressions]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_line_that_passes_has_what_is_needed(line in line(), text in query()) {
        let Ok(query) = parse_logs(&text) else { return Ok(()) };
        let test = compile(&query, 0).unwrap();
        let link = || line.trace;
        if test.test(&line_ref(&line, &link)) {
            prop_assert!(has(&line, test.need()), "{}: {}", text, shown(test.need()));
            let meta = encode(&[&line], &[0]).meta;
            prop_assert!(test.must_contain(&meta).is_none_or(|regex| regex.is_match(line.message.as_bytes())), "{}", text);
        }
    }

    #[test]
    fn a_message_with_a_word_has_its_literal(text in "[aAiIıİkKſsé _.-]{0,8}", word in "[aiksſİé -]{1,4}", open_start: bool, open_end: bool) {
        prop_assume!(tokens(&word).next().is_some());
        let word = Word { text: word, open_start, open_end, quoted: true };
        let query = LogQuery { filter: Some(Expr::Word(word.clone())), ..LogQuery::default() };
        let (test, line) = (compile(&query, 0).unwrap(), line_of(&text, "", "web"));
        let block = encode(&[&line], &[0]).meta;
        if word.found_in(&text) {
            prop_assert!(test.must_contain(&block).is_none_or(|regex| regex.is_match(text.as_bytes())), "{:?}", word);
        }
        prop_assert!(word.found_in("web") || !word.text.is_ascii() || word.text.trim_matches(['i', ' ', '-']).is_empty() || test.must_contain(&block).is_some());
    }

    #[test]
    fn words_are_found_as_the_language_says(line in line(), word in text(), open_start: bool, open_end: bool) {
        prop_assume!(tokens(&word).next().is_some());
        let word = Word { text: word, open_start, open_end, quoted: true };
        let query = LogQuery { filter: Some(Expr::Word(word.clone())), ..LogQuery::default() };
        let mut texts = vec![line.message.clone(), line.origin.service.to_string(), line.origin.logger.to_string(), line.origin.stream.to_string()];
        fn values(json: &serde_json::Value, to: &mut Vec<String>) {
            match json {
                serde_json::Value::Object(members) => members.values().for_each(|value| values(value, to)),
                serde_json::Value::Array(items) => items.iter().for_each(|value| values(value, to)),
                serde_json::Value::String(text) => to.push(text.clone()),
                other => to.push(other.to_string()),
            }
        }
        if !line.attributes.is_empty() {
            values(&serde_json::from_str(&line.attributes).unwrap(), &mut texts);
        }
        let link = || line.trace;
        prop_assert_eq!(compile(&query, 0).unwrap().test(&line_ref(&line, &link)), texts.iter().any(|text| word.found_in(text)));
    }
}
