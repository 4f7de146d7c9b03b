//! `tests/insights.md` is executed here (texts and errors); what the queries find is executed beside the evaluation.

use super::*;
use crate::query::ast::ParseError;
use proptest::prelude::*;

const EXAMPLES: &str = include_str!("../../../../../tests/insights.md");

/// An example: the query, and its canonical text or the position and reason of its error.
type Example = (String, Result<String, (usize, &'static str)>);

/// `> ` begins a query, `| ` after it is its next line.
fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut lines = EXAMPLES.lines().filter_map(|line| line.strip_prefix("    ")).peekable();
    while let Some(line) = lines.next() {
        match line.split_at_checked(2) {
            Some(("> ", query)) => {
                let mut query = query.to_owned();
                while let Some(more) = lines.next_if(|line| line.starts_with(". ")) {
                    query = format!("{query}\n{}", &more[2..]);
                }
                examples.push((query.clone(), Ok(query)));
            }
            Some(("= ", canonical)) => examples.last_mut().unwrap().1 = Ok(canonical.into()),
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
    assert!(examples.len() >= 150, "{}", examples.len());
    let mut wrong = Vec::new();
    for (text, expected) in examples {
        let found = parse_logs(&text).map(|query| query.to_string());
        let found = found.map_err(|ParseError { position, message }| (position, message));
        let expected = expected.map_err(|(position, message)| (position, message.to_owned()));
        if found != expected {
            wrong.push(format!("{text}\n  found    {found:?}\n  expected {expected:?}"));
        }
        if let Ok(canonical) = found {
            assert_eq!(parse_logs(&canonical), parse_logs(&text), "{text}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nesting_has_an_end() {
    for open in ["(", "-", "not ", "abs(", "1 ^ ", "(1 = "] {
        let error = parse_logs(&format!("fields @message | filter {}", open.repeat(100_000))).unwrap_err();
        assert!(error.message.contains("64 levels"), "{open}: {error:?}");
    }
    for more in [" + 1", " = 1", " like 'a'", " in [1]"] {
        let error = parse_logs(&format!("filter a{}", more.repeat(10_000))).unwrap_err();
        assert!(error.message.contains("shorter"), "{more}: {error:?}");
    }
    let many = vec!["a = 1"; 5_000].join(" or ");
    assert_eq!(parse_logs(&format!("filter {many}")).unwrap().to_string(), format!("filter {many}"));
}

#[test]
fn the_first_of_the_groups_of_a_source() {
    let groups = |text: &str| parse_logs(text).unwrap().groups;
    assert_eq!(groups("SOURCE \"a\", 'b' START=-3600s END=0 | fields @message"), ["a", "b"]);
    assert_eq!(groups("source logGroups(namePrefix: ['/aws/', \"x\"], class: ['STANDARD']) | timeout"), ["/aws/*", "x*"]);
    assert_eq!(groups("source \"a\" timeout"), [""; 0]);
    assert_eq!(parse_logs("source \"a\" | b").map(|query| query.to_string()), parse_logs("SOURCE 'a'|b").map(|query| query.to_string()));
}

#[test]
fn steps_of_the_calendar() {
    use crate::time::{Rfc3339, parse_moment};
    let at = parse_moment("2026-11-22T15:47:31.5Z").unwrap();
    for (count, name, floor, ceil) in [
        (5, "minutes", "2026-11-22T15:45:00Z", "2026-11-22T15:50:00Z"),
        (500, "ms", "2026-11-22T15:47:31.500Z", "2026-11-22T15:47:31.500Z"),
        (1, "d", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"),
        (1, "week", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"),
        (1, "mo", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        (1, "q", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        (1, "years", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    ] {
        let period = Period { count, unit: Unit::from_name(name).unwrap() };
        assert_eq!(Rfc3339(period.floor(at)).to_string(), floor, "{name}");
        assert_eq!(Rfc3339(period.ceil(at)).to_string(), ceil, "{name}");
    }
    let month = Period { count: u32::MAX, unit: Unit::Year };
    assert!(month.floor(i64::MIN) < 0 && month.ceil(i64::MAX) > 0 && month.floor(i64::MAX) >= 0);
    assert_eq!(Unit::from_name("parsecs"), None);
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,2}",
        "@[a-z]{1,4}",
        "[a-c](\\.[a-c0-9]{1,2}){1,2}",
        "[a-z -]{1,6}",
        Just("by".to_owned()),
        Just("limit".to_owned()),
        "é{1,2}"
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z ]{0,5}", "(a|\"|'|\\\\|/|\\||#|\n|\t|é|\\*|n){0,5}"]
}

fn regex() -> impl Strategy<Value = Regex> {
    ("(a|/|\\(b\\)|[.]|\\[/\\]| |\\|){1,5}", any::<bool>()).prop_map(|(pattern, ignore_case)| Regex { pattern, ignore_case })
}

fn expression() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        name().prop_map(Expression::Field),
        prop_oneof![0f64..1e6, (0u32..100).prop_map(f64::from), Just(1e21)].prop_map(Expression::Number),
        text().prop_map(Expression::Text),
        any::<bool>().prop_map(Expression::Truth),
        Just(Expression::Null),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let operator = prop::sample::select(vec![
            Operator::Equal,
            Operator::NotEqual,
            Operator::Less,
            Operator::GreaterOrEqual,
            Operator::Like,
            Operator::NotLike,
            Operator::Add,
            Operator::Subtract,
            Operator::Multiply,
            Operator::Divide,
            Operator::Remainder,
            Operator::Power,
        ]);
        let period = (1u32..90, prop::sample::select(vec![Unit::Millisecond, Unit::Minute, Unit::Month]));
        prop_oneof![
            (operator, inner.clone(), inner.clone()).prop_map(|(operator, a, b)| Expression::Binary(operator, a.into(), b.into())),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Expression::Binary(Operator::And, leaf_of(a).into(), leaf_of(b).into())),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Expression::Binary(Operator::Or, leaf_of(a).into(), leaf_of(b).into())),
            (inner.clone(), regex()).prop_map(|(a, regex)| Expression::Binary(Operator::Like, a.into(), Expression::Regex(regex).into())),
            inner.clone().prop_map(|inner| Expression::Not(inner.into())),
            inner.clone().prop_map(|inner| Expression::Negative(inner.into())),
            (inner.clone(), prop::collection::vec(inner.clone(), 1..3)).prop_map(|(a, list)| Expression::In(a.into(), list)),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Expression::Call("strcontains".into(), vec![a, b])),
            (inner, period).prop_map(|(a, (count, unit))| {
                Expression::Call("datefloor".into(), vec![a, Expression::Period(Period { count, unit })])
            }),
        ]
    })
}

/// No `and` and `or` directly within another: the parser balances those.
fn leaf_of(expression: Expression) -> Expression {
    match expression {
        Expression::Binary(Operator::And | Operator::Or, ..) => Expression::Not(expression.into()),
        other => other,
    }
}

fn column() -> impl Strategy<Value = Column> {
    (expression(), prop::option::of(name()))
        .prop_map(|(expression, name)| Column { name: name.unwrap_or_else(|| expression.name(&expression.to_string())), expression })
}

fn columns() -> impl Strategy<Value = Vec<Column>> {
    prop::collection::vec(column(), 1..3)
}

fn command() -> impl Strategy<Value = Command> {
    let direction = prop_oneof![Just(Direction::Ascending), Just(Direction::Descending)];
    let glob = prop::collection::vec(text(), 2..4).prop_flat_map(|literals| {
        let names = prop::collection::vec(name(), literals.len() - 1);
        // A backslash at the end of a literal would take the star after it.
        let literals: Vec<String> = literals.into_iter().map(|literal| literal.replace('\\', "")).collect();
        (Just(literals), names).prop_map(|(literals, names)| ParsePattern::Glob { literals, names })
    });
    let named = Just(ParsePattern::Regex(Regex { pattern: "(?<a>[^/]+)/(b)".into(), ignore_case: false }));
    prop_oneof![
        columns().prop_map(Command::Fields),
        columns().prop_map(Command::Display),
        expression().prop_map(Command::Filter),
        (columns(), prop::collection::vec(column(), 0..2)).prop_map(|(by, more)| {
            let count = Expression::Call("count".into(), Vec::new());
            Command::Stats { measures: vec![Column { name: "n".into(), expression: count }], by: by.into_iter().chain(more).collect() }
        }),
        prop::collection::vec((expression(), direction), 1..3).prop_map(Command::Sort),
        (1u32..).prop_map(Command::Limit),
        (1u32..).prop_map(Command::Tail),
        (name(), prop_oneof![glob, named]).prop_map(|(name, pattern)| Command::Parse { source: Expression::Field(name), pattern }),
        prop::collection::vec(expression(), 1..3).prop_map(Command::Dedup),
        expression().prop_map(Command::Pattern),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_printed_is_read_back(
        filter in prop::option::of("[a-z:]{1,3}( (timeout|-x|a:b|limit|level:error|\"fields a\"))?"),
        commands in prop::collection::vec(command(), 0..3),
        groups in prop::collection::vec("[a-z/\"]{1,4}", 0..2),
    ) {
        let filter = filter.and_then(|text| parse_logs(&text).ok()).and_then(|query| query.filter);
        let query = LogQuery { groups, filter, filter_pattern: None, commands };
        let text = query.to_string();
        prop_assert_eq!(parse_logs(&text), Ok(query), "{}", text);
    }

    #[test]
    fn any_text_gets_an_answer(text in "\\PC{0,40}") {
        check(&text)?;
    }

    #[test]
    fn any_text_of_our_signs_gets_an_answer(
        text in "(a|@b|c:|level:|>|1|5m|\\*|\"|'|`|\\\\|/|i| |-|\\(|\\)|\\[|\\]|\\||or |not |like |in |é|=|!|stats |count\\(|pct\\(| by |bin\\(5m\\)|sort |limit |filter |fields |parse |as |SOURCE |dedup |,|#|\n|\\.|\\^){0,16}",
    ) {
        check(&text)?;
    }

    #[test]
    fn broken_examples_get_an_answer(which in 0usize..1000, cut in 0usize..120, insert in "[ -~é]{0,2}", length in 0usize..4) {
        let examples = examples();
        let (text, _) = &examples[which % examples.len()];
        let chars: Vec<char> = text.chars().collect();
        let cut = cut.min(chars.len());
        let broken: String = chars[..cut].iter().copied().chain(insert.chars()).chain(chars[(cut + length).min(chars.len())..].iter().copied()).collect();
        check(&broken)?;
    }
}

/// A text is a query whose printed form is the same query, or an error at a place in the text.
fn check(text: &str) -> Result<(), TestCaseError> {
    match parse_logs(text) {
        Ok(query) => {
            let printed = query.to_string();
            prop_assert_eq!(parse_logs(&printed), Ok(query), "{} as {}", text, printed);
        }
        Err(error) => prop_assert!(text.is_char_boundary(error.position) && !error.message.is_empty(), "{}: {:?}", text, error),
    }
    Ok(())
}

#[test]
fn filters_go_first_where_that_changes_nothing() {
    for (text, first) in [
        ("fields @timestamp, @message | filter a = 1 | sort b | filter c = 2 | limit 3", 2),
        ("fields a / 2 as half | filter half = 1 | filter c = 2", 1),
        ("fields a / 2 as half | filter half.x = 1", 0),
        ("limit 3 | filter a = 1", 0),
        ("stats count(*) by a | filter a = 1", 0),
    ] {
        let query = parse_logs(text).unwrap();
        let moved = query.clone().filters_first();
        assert_eq!(moved.leading_filters().count(), first, "{text}");
        assert_eq!(moved.commands.len(), query.commands.len(), "{text}");
    }
}
