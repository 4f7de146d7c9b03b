//! `tests/queries.md` is executed here (texts and errors); what the queries find is executed by `tests/reference.rs`.

use super::ast::*;
use super::{key_text, parse, parse_key, with, without};
use proptest::prelude::*;

const EXAMPLES: &str = include_str!("../../../../tests/queries.md");

/// An example: the query, and its canonical text or the position and reason of its error.
type Example = (&'static str, Result<&'static str, (usize, &'static str)>);

fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    for line in EXAMPLES.lines().filter_map(|line| line.strip_prefix("    ")) {
        match line.split_at_checked(2) {
            Some(("> ", query)) => examples.push((query, Ok(query))),
            Some(("= ", canonical)) => examples.last_mut().unwrap().1 = Ok(canonical),
            Some(("! ", error)) => {
                let (position, message) = error.split_once(' ').unwrap();
                examples.last_mut().unwrap().1 = Err((position.parse().unwrap(), message));
            }
            _ => (),
        }
    }
    examples
}

#[test]
fn the_examples_hold() {
    let examples = examples();
    assert!(examples.len() > 80, "{}", examples.len());
    let mut wrong = Vec::new();
    for (text, expected) in examples {
        let found = parse(text).map(|query| query.to_string());
        let found = found.as_deref().map_err(|error| (error.position, error.message.as_str()));
        if found != expected {
            wrong.push(format!("{text}\n  found    {found:?}\n  expected {expected:?}"));
        }
        if let Ok(canonical) = found {
            assert_eq!(parse(canonical), parse(text), "{text}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nesting_has_an_end() {
    for open in ["(", "-(", "NOT ", "-", "a (b OR "] {
        let text = open.repeat(100_000);
        let error = parse(&text).unwrap_err();
        assert!(error.message.contains("64 levels"), "{open}: {error:?}");
    }
    let fine = format!("{}a{}", "(".repeat(64), ")".repeat(64));
    assert_eq!(parse(&fine).unwrap().to_string(), "a");
}

#[test]
fn numbers_know_their_key() {
    let number = |text: &str| match parse(text).unwrap().filter {
        Some(Expr::Field(Field { test: Test::Equals(literal) | Test::Compare(_, literal), .. })) => literal.number,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(number("duration:>500ms"), Some(5e8));
    assert_eq!(number("duration:>1.5"), Some(1.5e6));
    assert_eq!(number("trace.duration:2m"), Some(1.2e11));
    assert_eq!(number("start:1970-01-01T00:00:01Z"), Some(1e9));
    assert_eq!(number("http.status:>=500"), Some(500.0));
    assert_eq!(number("a:-1.5e3"), Some(-1500.0));
    for text in ["a:inf", "a:NaN", "a:x", "a:5ms", "a:1e999", "a:-"] {
        assert_eq!(number(text), None, "{text}");
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}",
        "[a-zA-Z0-9äß_./-]{1,10}",
        "[ -~]{1,12}",
        "\\PC{0,8}",
        "(a|/|\\.\\.|:|\\*|\"|\\\\|>| |AND|OR|NOT|stats|limit|1|-|\\(|\\)|\\||\t|\n|=|i){0,6}",
    ]
}

fn word() -> impl Strategy<Value = Expr> {
    (text(), any::<bool>(), any::<bool>())
        .prop_filter("words have tokens", |(text, ..)| tokens(text).next().is_some())
        .prop_map(|(text, open_start, open_end)| Expr::Word(Word { text, open_start, open_end, quoted: true }))
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        prop_oneof![Just("service"), Just("name"), Just("status_message"), Just("source"), Just("trace.root")].prop_map(parse_key),
        text()
            .prop_map(|name| super::key::named(&name))
            .prop_filter("keys of texts", |key| matches!(super::key::kind(key), super::key::Kind::Text)),
    ]
}

fn literal(text: String) -> Literal {
    super::key::Kind::Text.literal(&text).unwrap()
}

fn test() -> impl Strategy<Value = Test> {
    let cmp = prop_oneof![Just(Cmp::Less), Just(Cmp::LessOrEqual), Just(Cmp::Greater), Just(Cmp::GreaterOrEqual)];
    // Parts between stars: no two stars touch, and a star stands somewhere beside a text.
    let parts = prop::collection::vec(text(), 2..4).prop_filter_map("wildcards", |mut parts| {
        let last = parts.len() - 1;
        parts[1..last].iter_mut().filter(|part| part.is_empty()).for_each(|part| part.push('x'));
        parts.iter().any(|part| !part.is_empty()).then_some(Test::Wildcard(parts))
    });
    let pattern = text().prop_map(|pattern| pattern.replace('\\', "\\\\")).prop_filter("patterns", |pattern| !pattern.is_empty());
    prop_oneof![
        Just(Test::Exists),
        text().prop_map(|text| Test::Equals(literal(text))),
        (cmp, -1e6f64..1e6).prop_map(|(cmp, number)| Test::Compare(cmp, literal(number.to_string()))),
        parts,
        (pattern, any::<bool>()).prop_map(|(pattern, ignore_case)| Test::Regex { pattern, ignore_case }),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![word(), (key(), test()).prop_map(|(key, test)| Expr::Field(Field { key, test }))];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let parts = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            parts.clone().prop_map(|parts| Expr::And(flat(parts, true))),
            parts.prop_map(|parts| Expr::Or(flat(parts, false))),
            inner.prop_map(|inner| Expr::Not(Box::new(inner))),
        ]
    })
}

/// The parser never leaves an `And` directly in an `And`.
fn flat(parts: Vec<Expr>, and: bool) -> Vec<Expr> {
    let open = |part: Expr| match part {
        Expr::And(inner) if and => inner,
        Expr::Or(inner) if !and => inner,
        other => vec![other],
    };
    parts.into_iter().flat_map(open).collect()
}

fn command() -> impl Strategy<Value = Command> {
    let function = (key(), 0..8, 0.0..100.0).prop_map(|(key, which, percent)| {
        let key = if matches!(key, Key::Trace(_)) { Key::Span(SpanField::Duration) } else { key };
        match which {
            0 => Function::Count,
            1 => Function::CountKey(key),
            2 => Function::Errors,
            3 => Function::CountDistinct(key),
            4 => Function::Sum(key),
            5 => Function::Percentile(key, f64::round(percent)),
            6 => Function::Percentile(key, percent),
            _ => Function::Max(key),
        }
    });
    let measure = (function, prop::option::of(text()))
        .prop_map(|(function, name)| Measure { name: name.unwrap_or_else(|| super::print::call_text(&function)), function });
    let keys = prop::collection::vec(key().prop_filter("of spans", |key| !matches!(key, Key::Trace(_))), 0..3);
    let stats = (prop::collection::vec(measure, 1..3), keys, prop::option::of(1i64..10_000_000_000_000))
        .prop_map(|(measures, by, bin)| Command::Stats(Stats { measures, by, bin }));
    prop_oneof![
        stats,
        (text(), any::<bool>()).prop_map(|(column, descending)| Command::Sort { column, descending }),
        (1u32..).prop_map(Command::Limit),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_printed_is_read_back(filter in prop::option::of(expr()), command in prop::option::of(command())) {
        let query = Query { filter, pipeline: command.into_iter().collect() };
        let text = query.to_string();
        prop_assert_eq!(parse(&text), Ok(query), "{}", text);
    }

    #[test]
    fn any_text_gets_an_answer(text in "\\PC{0,40}") {
        check(&text)?;
    }

    #[test]
    fn any_text_of_our_signs_gets_an_answer(
        text in "(a|b:|service:|duration:|status:|>|1\\.\\.2|5ms|\\*|\"|\\\\|/|i| |-|\\(|\\)|\\||OR|AND|NOT|é|=|!|stats |count\\(|p95\\(| by |bin\\(5m\\)|sort |limit |filter |,|::){0,14}",
    ) {
        check(&text)?;
    }

    #[test]
    fn broken_examples_get_an_answer(which in 0usize..1000, cut in 0usize..60, insert in "[ -~é]{0,2}", length in 0usize..4) {
        let examples = examples();
        let (text, _) = examples[which % examples.len()];
        let chars: Vec<char> = text.chars().collect();
        let cut = cut.min(chars.len());
        let broken: String = chars[..cut].iter().copied().chain(insert.chars()).chain(chars[(cut + length).min(chars.len())..].iter().copied()).collect();
        check(&broken)?;
    }

    #[test]
    fn keys_are_read_back(key in key()) {
        prop_assert_eq!(parse_key(&key_text(&key)), key);
    }

    #[test]
    fn a_choice_is_taken_back(filter in prop::option::of(expr()), key in key(), value in text()) {
        let query = Query { filter, pipeline: Vec::new() };
        let (text, key) = (query.to_string(), key_text(&key));
        let chosen = with(&text, &key, &value);
        prop_assert_eq!(super::choice(&chosen, &key, &value), super::Choice::Included, "{}", chosen);
        if super::choice(&text, &key, &value) == super::Choice::Open {
            prop_assert_eq!(parse(&without(&chosen, &key, &value)), Ok(query), "{}", chosen);
        }
    }
}

/// A text is a query whose printed form is the same query, or an error at a place in the text.
fn check(text: &str) -> Result<(), TestCaseError> {
    match parse(text) {
        Ok(query) => {
            let printed = query.to_string();
            prop_assert_eq!(parse(&printed), Ok(query), "{} as {}", text, printed);
        }
        Err(error) => prop_assert!(text.is_char_boundary(error.position) && !error.message.is_empty(), "{}: {:?}", text, error),
    }
    Ok(())
}
