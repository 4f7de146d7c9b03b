use super::*;
use model::port::{Order, OrderBy};
use model::span::Family;
use model::time::{DAY, HOUR, MINUTE, SECOND};

const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Every URL of the product. A change here changes links that people have already sent to each other.
#[test]
fn every_url() {
    let id = ID.parse().unwrap();
    let day = Range::Between { start: 1_700_000_000 * SECOND, end: 1_700_003_600 * SECOND };
    let search = Traces {
        query: r#"service:"check out" duration:>500ms -status:ok"#.into(),
        range: Range::Last(15 * MINUTE),
        order: Order { by: OrderBy::Duration, descending: false },
        cursor: format!("-5.{ID}.77").parse().ok(),
        wait: false,
    };
    let urls: Vec<String> = vec![
        Overview::default().to_string(),
        Overview { range: Range::Last(7 * DAY) }.to_string(),
        Overview { range: day }.to_string(),
        Traces::default().to_string(),
        search.to_string(),
        Traces { wait: true, ..Traces::of("status:error", Range::Last(HOUR)) }.to_string(),
        Trace::of(id).to_string(),
        Trace::at(id, "00f067aa0ba902b7".parse().ok(), "a & b").to_string(),
        Sources.to_string(),
        Find { text: ID.into() }.to_string(),
        ApiDocs.to_string(),
        ApiTraces(search.clone()).to_string(),
        ApiCount { query: "a".into(), range: day, buckets: 60 }.to_string(),
        ApiFacets { query: "".into(), range: Range::default(), keys: vec!["service".into(), "http.route".into()] }.to_string(),
        ApiTrace { id, otlp: false }.to_string(),
        ApiTrace { id, otlp: true }.to_string(),
        ApiColumns { id, request: false, system: None }.to_string(),
        ApiColumns { id, request: true, system: Some(Family::Xray) }.to_string(),
        ApiKeys { prefix: "http.".into(), range: Range::default() }.to_string(),
        ApiValues { key: "http.route".into(), prefix: "/a".into(), range: Range::Last(DAY) }.to_string(),
        DEMO_START.into(),
        DEMO_REMOVE.into(),
    ];
    let expected = "\
/
/?last=7d
/?start=2023-11-14T22:13:20Z&end=2023-11-14T23:13:20Z
/traces
/traces?q=service:%22check+out%22+duration:%3E500ms+-status:ok&last=15m&order=duration-asc&cursor=-5.4bf92f3577b34da6a3ce929d0e0e4736.77
/traces?q=status:error&wait=1
/t/4bf92f3577b34da6a3ce929d0e0e4736
/t/4bf92f3577b34da6a3ce929d0e0e4736?span=00f067aa0ba902b7&q=a+%26+b
/sources
/find?id=4bf92f3577b34da6a3ce929d0e0e4736
/api
/api/traces?q=service:%22check+out%22+duration:%3E500ms+-status:ok&last=15m&order=duration-asc&cursor=-5.4bf92f3577b34da6a3ce929d0e0e4736.77
/api/traces/count?q=a&start=2023-11-14T22:13:20Z&end=2023-11-14T23:13:20Z&buckets=60
/api/traces/facets?key=service&key=http.route
/api/traces/4bf92f3577b34da6a3ce929d0e0e4736
/api/traces/4bf92f3577b34da6a3ce929d0e0e4736?format=otlp
/api/traces/4bf92f3577b34da6a3ce929d0e0e4736/columns
/api/requests/4bf92f3577b34da6a3ce929d0e0e4736/columns?system=xray
/api/keys?prefix=http.
/api/values?key=http.route&prefix=/a&last=1d
/demo/start
/demo/remove";
    assert_eq!(urls.join("\n"), expected);
}

#[test]
fn pages_read_what_they_write() {
    let search = Traces {
        query: "name:\"GET /ä%\" OR \"50%+\" &=#".into(),
        range: Range::Between { start: -1, end: 1_700_000_000_123_456_789 },
        order: Order { by: OrderBy::Errors, descending: true },
        cursor: format!("12.{ID}.3").parse().ok(),
        wait: true,
    };
    let text = search.to_string();
    assert_eq!(Traces::parse(text.split_once('?').unwrap().1), Ok(search));
    assert_eq!(Traces::parse(""), Ok(Traces::default()));
    let overview = Overview { range: Range::Last(90 * SECOND) };
    assert_eq!(Overview::parse(&overview.to_string()[1..]), Ok(overview));
    let find = Find { text: "a b".into() };
    assert_eq!(Find::parse(find.to_string().split_once('?').unwrap().1), find);
}

#[test]
fn what_forms_send_is_understood() {
    assert_eq!(Traces::parse("?q=a%3Ab&start=&end=&last=7d&order=").unwrap(), Traces::of("a:b", Range::Last(7 * DAY)));
    assert_eq!(Pairs::parse("a=%zz%e4&b&&c=1%2").iter().collect::<Vec<_>>(), [("a", "%zz\u{fffd}"), ("b", ""), ("c", "1%2")]);
    assert!(Traces::parse("last=soon").unwrap_err().to_string().contains("soon"));
    assert!(Traces::parse("start=1700000000&end=1600000000").is_err());
    assert!(Traces::parse("start=x").is_err());
    let open = Range::read(&Pairs::parse("start=1700000000")).unwrap();
    assert_eq!(open.resolve(1_800_000_000 * SECOND).start, 1_700_000_000 * SECOND);
}

#[test]
fn ranges_read_well() {
    for (length, short, long) in [
        (5 * MINUTE, "5m", "last 5 minutes"),
        (HOUR, "1h", "last hour"),
        (36 * HOUR, "36h", "last 36 hours"),
        (7 * DAY, "7d", "last 7 days"),
    ] {
        assert_eq!(Length(length).to_string(), short);
        assert_eq!(Range::Last(length).to_string(), long);
    }
    let now = 1_700_000_000 * SECOND;
    assert_eq!(Range::Last(HOUR).frozen(now).resolve(now + DAY), Range::Last(HOUR).resolve(now));
}

#[test]
fn the_box_takes_any_id() {
    let trace = |text: &str| match find(text) {
        Found::Trace(url) => (url.id.to_string(), url.view.span.map(|span| span.to_string())),
        other => panic!("{text} became {other}"),
    };
    for text in [
        ID,
        " 4BF92F3577B34DA6A3CE929D0E0E4736\n",
        "1-4bf92f35-77b34da6a3ce929d0e0e4736",
        "4bf92f35-77b3-4da6-a3ce-929d0e0e4736",
        "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Sampled=1",
        "https://eu-central-1.console.aws.amazon.com/xray/home#/traces/1-4bf92f35-77b34da6a3ce929d0e0e4736",
        "http://localhost:16686/trace/4bf92f3577b34da6a3ce929d0e0e4736",
        "/t/4bf92f3577b34da6a3ce929d0e0e4736?q=x",
        "INFO request done trace_id=4bf92f3577b34da6a3ce929d0e0e4736 in 5 ms",
    ] {
        assert_eq!(trace(text), (ID.to_owned(), None), "{text}");
    }
    for text in [
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "http://clew.example/t/4bf92f3577b34da6a3ce929d0e0e4736?span=00f067aa0ba902b7",
        "traceparent 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1",
    ] {
        assert_eq!(trace(text), (ID.to_owned(), Some("00f067aa0ba902b7".to_owned())), "{text}");
    }
    for (text, url) in [
        ("00f067aa0ba902b7", "/traces?q=span_id:00f067aa0ba902b7&last=30d"),
        ("timeout", "/traces?q=timeout"),
        (" #12 ", "/e/12"),
        ("#12a", "/traces?q=%2312a"),
        ("service:a parent:4bf92f3577b34da6a3ce929d0e0e4736", "/traces?q=service:a+parent:4bf92f3577b34da6a3ce929d0e0e4736"),
        ("", "/traces"),
    ] {
        assert_eq!(find(text).to_string(), url);
    }
}
