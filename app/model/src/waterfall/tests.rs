use super::*;
use crate::columns::tests::{any_trace, span, trace};
use crate::columns::{Columns, decode, encode};
use crate::span::{Kind, Span, Status};
use proptest::prelude::*;
use std::collections::HashSet;

fn columns(spans: Vec<Span>) -> Columns {
    Columns::of(&trace(spans))
}

/// The rows as text: indentation, service and name, or what else the row is.
fn drawn(columns: &Columns, view: &View) -> String {
    let tree = Tree::of(columns);
    let rows = Rows::of(columns, &tree, view);
    let line = |row: &Row| {
        let text = match (row.pruned, tree.node(row.node)) {
            _ if row.line != NONE => format!("\"{}\"", columns.lines[row.line as usize].text),
            (at, _) if at != NONE => {
                let Pruned { spans, errors } = rows.pruned[at as usize];
                format!("[{spans} pruned, {errors} errors]")
            }
            (_, Node::Span(n)) => {
                let n = n as usize;
                format!("{} {}", columns.services[columns.service[n] as usize], columns.names[columns.name[n] as usize])
            }
            (_, Node::Missing(at)) => format!("missing {}", columns.missing[at as usize]),
            (_, Node::Group(at)) => {
                let Group { spans, sum, p50, max, errors } = &tree.groups[at as usize];
                format!("x{} sum {sum} p50 {p50} max {max} errors {errors}", spans.len())
            }
        };
        format!("{}{text}\n", "  ".repeat(row.depth as usize))
    };
    rows.rows.iter().map(line).collect()
}

fn open() -> View {
    View { folds: FoldBase::Open.into(), ..View::default() }
}

#[test]
fn orphans_hang_under_their_missing_parent_and_circles_are_cut() {
    let columns = columns(vec![
        span(1, None, "web", "root", 0, 100),
        span(2, Some(1), "web", "late", 50, 10),
        span(3, Some(1), "web", "early", 10, 10),
        span(4, Some(99), "db", "orphan", 5, 10),
        span(5, Some(6), "db", "circle a", 20, 1),
        span(6, Some(5), "db", "circle b", 21, 1),
        span(7, Some(7), "db", "its own parent", 30, 1),
    ]);
    assert_eq!(Tree::of(&columns).cut.len(), 2);
    let expected = "\
web root
  web early
  web late
db circle a
  db circle b
db its own parent
missing 0000000000000063
  db orphan
";
    assert_eq!(drawn(&columns, &View::default()), expected);
}

fn n_plus_one() -> Columns {
    let mut spans = vec![span(1, None, "web", "list", 0, 1000), span(2, Some(1), "web", "render", 900, 50)];
    for n in 0..6u64 {
        let mut query = span(10 + n, Some(1), "db", "SELECT", 10 + 100 * n as i64, 10 + n as i64);
        query.status = if n == 3 { Status::Error } else { Status::Unset };
        spans.push(query);
        spans.push(span(20 + n, Some(10 + n), "db", "connect", 11 + 100 * n as i64, 1));
    }
    columns(spans)
}

#[test]
fn like_siblings_are_one_row_until_opened() {
    let columns = n_plus_one();
    assert_eq!(drawn(&columns, &View::default()), "web list\n  x6 sum 75 p50 12 max 15 errors 1\n  web render\n");
    let tree = Tree::of(&columns);
    let mut view = View::default();
    let hidden = columns.find(crate::id::SpanId(23u64.to_be_bytes()).into()).unwrap();
    assert_eq!(Rows::of(&columns, &tree, &view).row_over(&tree, hidden), Some(1));
    view.reveal(&columns, &tree, hidden);
    let rows = Rows::of(&columns, &tree, &view);
    assert_eq!(rows.len(), 15);
    assert_eq!(rows.rows[rows.row_of(&tree, hidden).unwrap()].depth, 3);
}

#[test]
fn the_service_filter_keeps_the_way_and_counts_the_rest() {
    let mut columns = n_plus_one();
    let view = View { services: vec!["web".into()], ..open() };
    assert_eq!(drawn(&columns, &view), "web list\n  [12 pruned, 1 errors]\n  web render\n");
    let view = View { services: vec!["db".into()], ..View::default() };
    assert_eq!(drawn(&columns, &view), "web list\n  x6 sum 75 p50 12 max 15 errors 1\n  [1 pruned, 0 errors]\n");
    let view = View { services: vec!["nobody".into()], ..View::default() };
    assert_eq!(drawn(&columns, &view).lines().count(), 3);
    columns.services[1] = "web".into();
}

#[test]
fn focus_and_folding_by_depth() {
    let columns = n_plus_one();
    let focus = Some(crate::id::SpanId(12u64.to_be_bytes()).into());
    assert_eq!(drawn(&columns, &View { focus, ..View::default() }), "db SELECT\n  db connect\n");
    let folds = FoldBase::Depth(0).into();
    assert_eq!(drawn(&columns, &View { folds, ..View::default() }), "web list\n");
}

#[test]
fn own_time_and_the_critical_path() {
    // root    |----------|  0..100
    // a        |---|        10..40, with b 20..60 beside it and c (20..30) under a
    let columns = columns(vec![
        span(1, None, "web", "root", 0, 100),
        span(2, Some(1), "web", "a", 10, 30),
        span(3, Some(1), "web", "b", 20, 40),
        span(4, Some(2), "web", "c", 20, 10),
        span(5, Some(1), "web", "d runs on", 90, 50),
    ]);
    let tree = Tree::of(&columns);
    let times = Times::raw(&columns, &tree);
    assert_eq!(self_times(&columns, &tree, &times), [40, 20, 40, 10, 50]);
    let critical = Critical::of(&columns, &tree, &times, 0);
    let path: Vec<(u32, i64, i64)> = critical.sections().iter().map(|s| (s.node, s.start, s.end)).collect();
    // Back from 100: d (cut to 90..100), root 60..90, b 20..60; a ended inside b, so root 0..20.
    assert_eq!(path, [(0, 0, 20), (0, 60, 90), (2, 20, 60), (4, 90, 100)]);
    let mut table = operations(&columns, &tree, &self_times(&columns, &tree, &times), &critical, None);
    sort_operations(&columns, &mut table, SortBy::Critical);
    assert_eq!(table.iter().map(|row| row.critical).collect::<Vec<_>>(), [50, 40, 10, 0, 0]);
}

#[test]
fn nobody_waits_for_a_consumer() {
    let mut producer = span(1, None, "web", "send", 0, 100);
    producer.kind = Kind::Producer;
    let mut consumer = span(2, Some(1), "worker", "receive", 50, 40);
    consumer.kind = Kind::Consumer;
    let columns = columns(vec![producer, consumer]);
    let tree = Tree::of(&columns);
    let critical = Critical::of(&columns, &tree, &Times::raw(&columns, &tree), 0);
    assert_eq!(critical.sections(), [Section { node: 0, start: 0, end: 100 }]);
}

#[test]
fn wrong_clocks_are_marked_and_moved_only_when_asked() {
    let mut client = span(1, None, "web", "call", 1000, 100);
    client.kind = Kind::Client;
    let mut server = span(2, Some(1), "api", "serve", 400, 60);
    server.kind = Kind::Server;
    let columns = columns(vec![client, server, span(3, Some(2), "api", "inside", 410, 10), span(4, Some(1), "web", "early", 900, 10)]);
    let tree = Tree::of(&columns);
    let at = |id: u64| columns.find(crate::id::SpanId(id.to_be_bytes()).into()).unwrap();
    let skews = skews(&columns, &tree);
    assert_eq!(skews[at(2) as usize], Skew::StartsBefore);
    assert_eq!(skews.iter().filter(|&&skew| skew != Skew::None).count(), 1, "one clock cannot contradict itself");
    assert_eq!(Times::raw(&columns, &tree).offset(&columns, at(2)), 0);
    let shifted = Times::shifted(&columns, &tree);
    assert_eq!(shifted.offset(&columns, at(2)), 620, "20 of network either way");
    assert_eq!(shifted.offset(&columns, at(3)), 620);
    assert_eq!(shifted.offset(&columns, at(4)), 0);
}

#[test]
fn bars_and_ticks() {
    let window = Window::of(Some((100, 200)), (0, 1000));
    assert_eq!(window.bar(150, 160), Some((50.0, 10.0)));
    assert_eq!(window.bar(0, 1000), Some((0.0, 100.0)));
    assert_eq!(window.bar(201, 300), None);
    assert_eq!(ticks(window, 5), [100, 120, 140, 160, 180, 200]);
    assert_eq!(ticks(Window { from: 7, to: 33_000_000 }, 4), [10_000_000, 20_000_000, 30_000_000]);
    assert!(ticks(Window { from: i64::MIN, to: i64::MAX }, 0).len() <= 1);
}

#[test]
fn the_view_goes_through_its_url() {
    let mut view = View {
        span: "00f067aa0ba902b7".parse().ok(),
        query: "a b".into(),
        tab: Tab::Flame,
        zoom: Some((5, 70)),
        services: vec!["web".into(), "a,b".into()],
        focus: "00f067aa0ba902b8".parse().ok(),
        critical: true,
        shift: true,
        from: 200,
        sort: SortBy::Max,
        ..View::default()
    };
    view.folds.base = FoldBase::Depth(3);
    view.folds.toggle(Folds::key(crate::id::SpanId([0xff; 8])) | 5);
    view.folds.toggle(Folds::group_key(crate::id::SpanId(*b"abcdefgh").into()));
    let pairs = view.pairs();
    assert_eq!(pairs.iter().find(|pair| pair.0 == "collapsed").unwrap().1, "3.00000005.g0404040c");
    assert_eq!(View::read(pairs.iter().map(|(name, value)| (*name, value.as_str()))), view);
    assert_eq!(View::default().pairs(), []);
    let broken = [("span", "x"), ("zoom", "9-3"), ("zoom", "-5-3"), ("view", "?"), ("collapsed", "x.y.zz"), ("from", "-1")];
    assert_eq!(View::read(broken.into_iter()), View::default());
}

#[test]
fn searching_the_columns() {
    let columns = n_plus_one();
    let count = |text| find_in_columns(&columns, text).into_iter().filter(|&found| found).count();
    assert_eq!(count("select"), 6);
    assert_eq!(count("DB error"), 1);
    assert_eq!(count("000000000000000a"), 1);
    assert_eq!(count("  "), 0);
}

#[test]
fn a_hundred_thousand_spans_in_a_chain_and_in_a_row() {
    let chain = columns((1..=100_000u64).map(|n| span(n, (n > 1).then(|| n - 1), "web", "deeper", n as i64, 200_000)).collect());
    let row = columns((1..=100_000u64).map(|n| span(n, (n > 1).then_some(1), "web", "like", n as i64, 200_000)).collect());
    for columns in [chain, row] {
        let tree = Tree::of(&columns);
        let times = Times::raw(&columns, &tree);
        assert_eq!(tree.span_rows(), 100_000);
        let rows = Rows::of(&columns, &tree, &open());
        assert_eq!(minimap(&columns, &tree, &times, &rows, 1400, 64).len(), 1400 * 64);
        Critical::of(&columns, &tree, &times, 0);
        assert_eq!(Flame::of(&tree, &times, None).lanes.len(), 100_000);
    }
}

proptest! {
    #[test]
    fn every_span_has_exactly_one_row(trace in any_trace()) {
        let columns = Columns::of(&trace);
        let tree = Tree::of(&columns);
        let rows = Rows::of(&columns, &tree, &open());
        let spans: Vec<u32> = rows.rows.iter().filter(|row| matches!(tree.node(row.node), Node::Span(_))).map(|row| row.node).collect();
        prop_assert_eq!(spans.len(), columns.len());
        prop_assert_eq!(spans.iter().collect::<HashSet<_>>().len(), columns.len());
        prop_assert_eq!(rows.len(), columns.len() + columns.missing.len() + tree.groups.len());
        for (n, row) in rows.rows.iter().enumerate() {
            prop_assert_eq!(rows.row_of(&tree, row.node), Some(n));
            prop_assert_eq!(tree.path(row.node).len() as u32, row.depth + 1);
        }
    }

    #[test]
    fn nothing_is_lost_by_folding_and_filtering(trace in any_trace(), depth in 0u32..4, services in 0usize..4) {
        let columns = Columns::of(&trace);
        let tree = Tree::of(&columns);
        let view = View {
            folds: FoldBase::Depth(depth).into(),
            services: ["web", "api", "db"][..services].iter().map(|&name| name.to_owned()).collect(),
            ..View::default()
        };
        let rows = Rows::of(&columns, &tree, &view);
        let counted: u32 = rows.rows.iter().map(|row| match row.pruned {
            NONE if rows.is_folded(row.node) => tree.spans_under(row.node),
            NONE => u32::from(matches!(tree.node(row.node), Node::Span(_))),
            at => rows.pruned[at as usize].spans,
        }).sum();
        // Folded rows may hide pruned ones: they are counted with the fold.
        prop_assert_eq!(counted as usize, columns.len());
    }

    #[test]
    fn figures_add_up(trace in any_trace()) {
        let columns = Columns::of(&trace);
        let tree = Tree::of(&columns);
        for times in [Times::raw(&columns, &tree), Times::shifted(&columns, &tree)] {
            let own = self_times(&columns, &tree, &times);
            for (n, &ns) in own.iter().enumerate() {
                prop_assert!(ns >= 0 && ns <= columns.duration[n], "{} of {}", ns, columns.duration[n]);
            }
            if let Some(root) = tree.main() {
                let critical = Critical::of(&columns, &tree, &times, root);
                let total: i64 = critical.sections().iter().map(|s| s.end - s.start).sum();
                prop_assert_eq!(total, times.end[root as usize] - times.start[root as usize], "the path covers the root without gap or overlap");
                let table = operations(&columns, &tree, &own, &critical, None);
                prop_assert_eq!(table.iter().map(|row| row.count as usize).sum::<usize>(), columns.len());
            }
            let rows = Rows::of(&columns, &tree, &View::default());
            let cells = minimap(&columns, &tree, &times, &rows, 40, 12);
            prop_assert_eq!(cells.contains(&Cell::Error), columns.flags.iter().any(|flags| flags.is_error()));
            let flame = Flame::of(&tree, &times, None);
            prop_assert_eq!(flame.lanes.iter().map(Vec::len).sum::<usize>(), columns.len());
            for lane in &flame.lanes {
                for pair in lane.windows(2) {
                    prop_assert!(times.end[pair[0] as usize] <= times.start[pair[1] as usize]);
                }
            }
            skews(&columns, &tree);
        }
    }

    #[test]
    fn whatever_is_hidden_can_be_revealed(trace in any_trace(), which in any::<prop::sample::Index>()) {
        let columns = Columns::of(&trace);
        prop_assume!(!columns.is_empty());
        let tree = Tree::of(&columns);
        let n = which.index(columns.len()) as u32;
        let mut view = View { services: vec!["web".into()], folds: FoldBase::Depth(0).into(), focus: columns.id.first().copied().map(Into::into), ..View::default() };
        view.reveal(&columns, &tree, n);
        prop_assert!(Rows::of(&columns, &tree, &view).row_of(&tree, n).is_some());
    }
}

fn line(span: Option<u64>, time: i64, text: &str) -> crate::log::Line {
    use crate::log::{How, Line, Severity, TraceLink};
    let span_id = span.map(|id| crate::id::SpanId(id.to_be_bytes()));
    Line {
        seq: 1,
        time,
        received_at: time,
        origin: Default::default(),
        severity: Severity::INFO,
        severity_sent: Severity::INFO,
        message: text.into(),
        attributes: String::new(),
        trace: Some(TraceLink { trace_id: crate::id::TraceId([7; 16]), span_id, how: How::Protocol }),
    }
}

#[test]
fn log_lines_stand_under_their_span_at_their_moment() {
    let spans = vec![
        span(1, None, "web", "root", 0, 100),
        span(2, Some(1), "web", "first", 10, 20),
        span(3, Some(2), "db", "query", 12, 5),
        span(4, Some(1), "web", "second", 60, 10),
    ];
    let lines = [
        line(Some(1), 5, "begins"),
        line(Some(1), 40, "between"),
        line(Some(1), 90, "ends"),
        line(Some(2), 11, "asks"),
        line(Some(2), 25, "has it"),
        line(None, 70, "of no span\nand more"),
        line(Some(99), 71, "of another"),
    ];
    let columns = columns(spans).with_lines(&lines);
    let expected = "\
web root
  \"begins\"
  web first
    \"asks\"
    db query
    \"has it\"
  \"between\"
  web second
  \"of no span\"
  \"of another\"
  \"ends\"
";
    assert_eq!(drawn(&columns, &open()), expected);
    let tree = Tree::of(&columns);
    let rows = Rows::of(&columns, &tree, &open());
    for n in 0..4 {
        let at = rows.row_of(&tree, n).unwrap();
        assert!(rows.rows[at].is_node() && rows.rows[at].node == n);
    }
    assert_eq!(rows.lines_at(0), 5);
    let without = View { without_lines: true, ..open() };
    assert_eq!(drawn(&columns, &without), "web root\n  web first\n    db query\n  web second\n");
    let mut folded = open();
    folded.folds.toggle(tree.fold_key(&columns, 1));
    assert!(!drawn(&columns, &folded).contains("asks"), "what is folded away takes its lines along");
    assert_eq!(decode(&encode(&columns)), Ok(columns));
}
