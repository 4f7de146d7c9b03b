use super::*;

fn flag(flag: Flag) -> Expr {
    Expr::Flag(flag)
}

fn not(inner: Expr) -> Expr {
    Expr::Not(Box::new(inner))
}

fn named(name: &str) -> Selector {
    Selector { name: Some(name.into()), ..Selector::default() }
}

fn url(op: TextOp, value: &str) -> Expr {
    Expr::Text(Text::HttpUrl, op, value.into())
}

/// The developer guide's examples, and what its rules allow besides.
#[test]
fn what_is_an_expression() {
    let number = Expr::Number;
    let annotation = |key: &str, test: Option<Test>| Expr::Annotation(key.into(), test);
    let typed = |name: Option<&str>| Selector { name: name.map(str::to_owned), kind: Some("service::type".into()), account: None };
    for (text, expr) in [
        ("responsetime > 5", number(Number::ResponseTime, Cmp::Greater, 5.0)),
        (
            "duration >= 5 AND duration <= 8",
            Expr::And(vec![number(Number::Duration, Cmp::GreaterOrEqual, 5.0), number(Number::Duration, Cmp::LessOrEqual, 8.0)]),
        ),
        (
            r#"service("api.example.com") { fault = true OR responsetime > 2.5 } AND annotation.account = "12345""#,
            Expr::And(vec![
                Expr::Service(
                    named("api.example.com"),
                    Some(Box::new(Expr::Or(vec![flag(Flag::Fault), number(Number::ResponseTime, Cmp::Greater, 2.5)]))),
                ),
                annotation("account", Some(Test::Text(TextOp::Equal, "12345".into()))),
            ]),
        ),
        (r#"edge("a", "b") { fault }"#, Expr::Edge(named("a"), named("b"), Some(Box::new(flag(Flag::Fault))))),
        (
            r#"http.url BEGINSWITH "http://a/" AND http.url CONTAINS "/v2/" AND !service("a")"#,
            Expr::And(vec![url(TextOp::BeginsWith, "http://a/"), url(TextOp::Contains, "/v2/"), not(Expr::Service(named("a"), None))]),
        ),
        ("ok !partial duration <3", Expr::And(vec![flag(Flag::Ok), not(flag(Flag::Partial)), number(Number::Duration, Cmp::Less, 3.0)])),
        ("!ok", not(flag(Flag::Ok))),
        ("!!ok", flag(Flag::Ok)),
        ("ok = false", not(flag(Flag::Ok))),
        ("ok!=\"false\"", flag(Flag::Ok)),
        ("http.status != 200", number(Number::HttpStatus, Cmp::NotEqual, 200.0)),
        (r#"user CONTAINS """#, Expr::Text(Text::User, TextOp::Contains, String::new())),
        ("annotation.age > 29", annotation("age", Some(Test::Number(Cmp::Greater, 29.0)))),
        ("annotation.age", annotation("age", None)),
        ("annotation.on != true", annotation("on", Some(Test::Truth(false)))),
        (r#"annotation.on = "true""#, annotation("on", Some(Test::Text(TextOp::Equal, "true".into())))),
        (r#"annotation["a b"] ENDSWITH "x""#, annotation("a b", Some(Test::Text(TextOp::EndsWith, "x".into())))),
        ("annotation[user.id]", annotation("user.id", None)),
        (r#"service(id(name: "n", type:"service::type")) "#, Expr::Service(typed(Some("n")), None)),
        (r#"service(id(type: "service::type")) { error }"#, Expr::Service(typed(None), Some(Box::new(flag(Flag::Error))))),
        ("service() { fault }", Expr::Service(Selector::default(), Some(Box::new(flag(Flag::Fault))))),
        (r#"service(){name="x"}"#, Expr::Service(Selector::default(), Some(Box::new(Expr::Text(Text::Name, TextOp::Equal, "x".into()))))),
        (r#"group.name = "Default""#, Expr::Everything),
        ("rootcause.fault.exception", Expr::RootCause(Why::Fault, Part::Exception, None)),
        (
            r#"RootCause.ResponseTime.entity { coverage > 0.5 AND !remote } ok"#,
            Expr::And(vec![
                Expr::RootCause(
                    Why::ResponseTime,
                    Part::Entity,
                    Some(Box::new(Expr::And(vec![number(Number::Coverage, Cmp::Greater, 0.5), not(flag(Flag::Remote))]))),
                ),
                flag(Flag::Ok),
            ]),
        ),
        (r#"ERROR or http.URL contains "a\"b""#, Expr::Or(vec![flag(Flag::Error), url(TextOp::Contains, "a\"b")])),
        // AND binds more tightly, and need not be written.
        ("ok or fault error", Expr::Or(vec![flag(Flag::Ok), Expr::And(vec![flag(Flag::Fault), flag(Flag::Error)])])),
        ("(ok OR fault) error", Expr::And(vec![Expr::Or(vec![flag(Flag::Ok), flag(Flag::Fault)]), flag(Flag::Error)])),
    ] {
        assert_eq!(parse(text), Ok(Some(expr)), "{text}");
    }
    assert_eq!(parse(""), Ok(None));
    assert_eq!(parse("  "), Ok(None));
}

/// Whatever is not understood is refused where it stands: a term that is passed over would find what nobody asked for.
#[test]
fn what_is_none() {
    for (text, position, message) in [
        ("banana", 0, "banana is not a keyword"),
        ("ok AND banana = 3", 7, "banana is not a keyword"),
        ("ok AND", 6, "expected a keyword, found the end"),
        ("(ok", 3, "expected )"),
        ("ok)", 2, "expected AND, OR or the end"),
        ("ok > 3", 5, "expected = or !="),
        ("ok = 3", 5, "expected true or false"),
        ("duration", 8, "expected =, !=, <, <=, > or >="),
        ("duration > \"3\"", 11, "expected a number"),
        ("duration > 3s", 11, "expected a number"),
        ("http.url = /x", 11, "expected a text in quotes"),
        ("http.url > \"x\"", 9, "expected =, !=, CONTAINS, BEGINSWITH or ENDSWITH"),
        ("http.url = \"x", 11, "this quote does not end"),
        ("annotation. = 3", 12, "expected the key of an annotation"),
        ("annotation.a > \"x\"", 15, "expected a number"),
        ("annotation.a = x", 15, "expected a text in quotes, a number, true or false"),
        ("service(x)", 8, "expected the name of a service in quotes, or id(...)"),
        ("service(id(color: \"x\"))", 11, "expected name, type or account.id"),
        ("edge(\"a\")", 8, "expected ,"),
        ("service() { edge(\"a\", \"b\") }", 16, "edge() does not stand in the braces of another"),
        ("service() { fault", 17, "expected }"),
        ("name = \"x\"", 0, "name stands in the braces of service() and edge()"),
        ("root", 0, "root stands in the braces of service() and edge()"),
        ("rootcause.json = \"x\"", 0, "rootcause.json is not a keyword: rootcause.fault.service is one"),
        ("rootcause.fault.service { http.status = 5 }", 26, "http.status does not stand in the braces of rootcause"),
        ("rootcause.fault.service { rootcause.error.entity }", 26, "rootcause.error.entity does not stand in the braces of rootcause"),
        ("service() { rootcause.error.entity }", 12, "rootcause does not stand in the braces of service() and edge()"),
        ("ok coverage > 0.5", 3, "coverage stands in the braces of rootcause"),
        ("group.name = \"mine\"", 13, "there is no group mine, only Default"),
        ("é", 0, "é is not a keyword"),
        ("ok AND ü", 7, "ü is not a keyword"),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!((error.position, error.message.as_str()), (position, message), "{text}");
    }
    let error = parse(&"(".repeat(10_000)).unwrap_err();
    assert_eq!(error.message, "nested too deeply");
    assert_eq!(error.to_string(), "Invalid filter expression at position 50: nested too deeply.");
}

/// Reading never panics, wherever a text ends and whatever stands in it.
#[test]
fn any_text_is_read_or_refused() {
    let whole = r#"service(id(name:"é\"", type:"t")) { fault = true } OR !annotation["k"] >= -1.5 edge("a","b") {http.url CONTAINS 'x'}"#;
    assert!(parse(whole).is_ok());
    for (at, c) in whole.char_indices() {
        let _ = parse(&whole[..at]);
        let _ = parse(&whole[at..]);
        let _ = parse(&format!("{}{}", &whole[..at], &whole[at + c.len_utf8()..]));
    }
}
