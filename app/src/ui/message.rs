//! The text of a log line: terminal colours rendered or left out, what was searched for marked, cut where it is too long to show.

use leptos::prelude::*;
use model::query::LogQuery;
use model::query::ast::{Expr, Field, Key, Test, Word, tokens};
use model::query::insights::{Expression, Operator};
use regex::{Regex, RegexBuilder};

/// Bytes of a message that a list shows at most.
pub const SHOWN: usize = 4 << 10;

/// What of a message is marked: the words and patterns a query asks for.
#[derive(Clone, Debug, Default)]
pub struct Marks(Option<Regex>);

impl Marks {
    /// Of the terms that a line must or may match; what it must not match cannot be marked.
    pub fn of(query: &LogQuery) -> Marks {
        let mut patterns = Vec::new();
        if let Some(filter) = &query.filter {
            of_filter(filter, &mut patterns);
        }
        query.leading_filters().for_each(|expression| of_expression(expression, &mut patterns));
        // One that does not compile marks nothing: the store says what is wrong with it.
        patterns.retain(|pattern| Regex::new(pattern).is_ok_and(|regex| !regex.is_match("")));
        Marks(if patterns.is_empty() { None } else { RegexBuilder::new(&patterns.join("|")).size_limit(1 << 20).build().ok() })
    }

    /// Whether a text has any of it; everything has nothing.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.as_ref().is_none_or(|regex| regex.is_match(text))
    }

    /// Byte ranges, in order.
    fn found(&self, text: &str) -> Vec<(usize, usize)> {
        self.0.as_ref().map(|regex| regex.find_iter(text).map(|found| (found.start(), found.end())).collect()).unwrap_or_default()
    }
}

fn of_filter(filter: &Expr, to: &mut Vec<String>) {
    match filter {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| of_filter(part, to)),
        Expr::Not(_) => (),
        Expr::Word(word) => to.extend(of_word(word)),
        Expr::Field(Field { key: Key::Attribute { name, .. }, test }) if matches!(name.as_str(), "message" | "@message") => match test {
            Test::Equals(literal) => to.push(regex::escape(&literal.text)),
            Test::Wildcard(parts) => to.extend(parts.iter().filter(|part| !part.is_empty()).map(|part| regex::escape(part))),
            Test::Regex { pattern, ignore_case } => to.push(with_case(pattern, *ignore_case)),
            Test::Exists | Test::Compare(..) => (),
        },
        Expr::Field(_) => (),
    }
}

/// The tokens of a word in a row, whole where it has no star.
fn of_word(word: &Word) -> Option<String> {
    let tokens: Vec<String> = tokens(&word.text).map(regex::escape).collect();
    let row = tokens.join(r"[^\w]+");
    let edge = |open: bool| if open { "" } else { r"\b" };
    (!tokens.is_empty()).then(|| format!("(?i:{}{row}{})", edge(word.open_start), edge(word.open_end)))
}

fn of_expression(expression: &Expression, to: &mut Vec<String>) {
    let Expression::Binary(operator, left, right) = expression else { return };
    match (operator, &**left, &**right) {
        (Operator::And | Operator::Or, left, right) => {
            of_expression(left, to);
            of_expression(right, to);
        }
        (Operator::Like, Expression::Field(name), what) if matches!(name.as_str(), "message" | "@message") => match what {
            Expression::Text(text) => to.push(regex::escape(text)),
            Expression::Regex(regex) => to.push(with_case(&regex.pattern, regex.ignore_case)),
            _ => (),
        },
        _ => (),
    }
}

fn with_case(pattern: &str, ignore_case: bool) -> String {
    format!("(?{}:{pattern})", if ignore_case { "i" } else { "-i" })
}

/// How text is drawn, by terminal escapes (ECMA-48 SGR).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Style {
    /// 1 to 16: the eight colours and their bright forms.
    colour: u8,
    bold: bool,
    faint: bool,
    underlined: bool,
}

impl Style {
    fn class(self) -> String {
        let mut classes = Vec::new();
        if self.colour > 0 {
            classes.push(format!("a-{}", self.colour - 1));
        }
        for (set, class) in [(self.bold, "a-bold"), (self.faint, "a-faint"), (self.underlined, "a-under")] {
            if set {
                classes.push(class.to_owned());
            }
        }
        classes.join(" ")
    }

    /// Carries out the parameters of one escape.
    fn change(&mut self, parameters: &str) {
        let mut codes = parameters.split([';', ':']).map(|code| code.parse().unwrap_or(0_u16));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Style::default(),
                1 => self.bold = true,
                2 => self.faint = true,
                4 => self.underlined = true,
                22 => (self.bold, self.faint) = (false, false),
                24 => self.underlined = false,
                30..=37 => self.colour = (code - 29) as u8,
                90..=97 => self.colour = (code - 81) as u8,
                39 => self.colour = 0,
                // Of 256 colours the first sixteen are these; other colours are as good as none on a page with two themes.
                38 | 48 => match (codes.next(), codes.next()) {
                    (Some(5), Some(n @ 0..=15)) if code == 38 => self.colour = n as u8 + 1,
                    (Some(2), _) => drop(codes.by_ref().take(2).count()),
                    _ => (),
                },
                _ => (),
            }
        }
    }
}

/// The text without its escapes, and from which byte on it is drawn how.
fn unescaped(text: &str) -> (String, Vec<(usize, Style)>) {
    let mut plain = String::with_capacity(text.len());
    let mut styles = Vec::new();
    let mut style = Style::default();
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(sequence) = rest.strip_prefix('[') else { continue };
        let Some(end) = sequence.find(|c: char| ('@'..='~').contains(&c)) else { continue };
        if sequence[end..].starts_with('m') {
            style.change(&sequence[..end]);
            styles.push((plain.len(), style));
        }
        rest = &sequence[end + 1..];
    }
    plain.push_str(rest);
    (plain, styles)
}

/// A message without terminal escapes.
pub fn plain(text: &str) -> String {
    unescaped(text).0
}

/// A message, or a part of one, as it is shown.
pub fn text(text: &str, marks: &Marks, without_colours: bool) -> AnyView {
    let (plain, mut styles) = unescaped(text);
    if without_colours {
        styles.clear();
    }
    let found = marks.found(&plain);
    if styles.is_empty() && found.is_empty() {
        return plain.into_any();
    }
    let mut cuts: Vec<usize> = styles.iter().map(|(at, _)| *at).chain(found.iter().flat_map(|(from, to)| [*from, *to])).collect();
    cuts.push(0);
    cuts.sort_unstable();
    cuts.dedup();
    let ends = cuts.iter().skip(1).copied().chain([plain.len()]);
    let pieces = cuts.iter().zip(ends).filter(|(from, to)| *from < to).map(|(&from, to)| {
        let style = styles.iter().rev().find(|(at, _)| *at <= from).map(|(_, style)| *style).unwrap_or_default();
        let part = plain[from..to].to_owned();
        let marked = found.iter().any(|(start, end)| *start <= from && to <= *end);
        match (marked, style == Style::default()) {
            (true, _) => view! { <mark class=style.class()>{part}</mark> }.into_any(),
            (false, true) => part.into_any(),
            (false, false) => view! { <span class=style.class()>{part}</span> }.into_any(),
        }
    });
    pieces.collect_view().into_any()
}

/// The beginning of a text, at most so many bytes.
pub fn cut(text: &str, most: usize) -> &str {
    let mut at = most.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    &text[..at]
}

/// The first line that says something, and how many lines follow it.
pub fn first_line(message: &str) -> (&str, usize) {
    let message = message.trim_end();
    let text = message.trim_start_matches(['\n', '\r']);
    match text.split_once('\n') {
        Some((first, rest)) => (first.trim_end(), rest.lines().count()),
        None => (text, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::query::parse_logs;

    fn html(message: &str, query: &str, without_colours: bool) -> String {
        let owner = Owner::new();
        owner.with(|| {
            let html = text(message, &Marks::of(&parse_logs(query).unwrap()), without_colours).to_html();
            html.replace("<!>", "").replace(" class=\"\"", "")
        })
    }

    #[test]
    fn what_was_asked_for_is_marked() {
        assert_eq!(html("GET /api/Messages 200", "messages -get", false), "GET /api/<mark>Messages</mark> 200");
        assert_eq!(html("a timeout, b", "time* OR \"a timeout\"", true), "<mark>a timeout</mark>, b");
        assert_eq!(html("timer", "time", false), "timer");
        assert_eq!(html("x=<1>", "service:x", false), "x=&lt;1&gt;");
        assert_eq!(html("Timeout", r#"filter @message like "Time" and level = "x""#, false), "<mark>Time</mark>out");
        assert_eq!(html("TIMEOUT", "filter @message like /(?i)time/", false), "<mark>TIME</mark>OUT");
    }

    #[test]
    fn terminal_colours() {
        let coloured = "\u{1b}[31mred\u{1b}[0m and \u{1b}[1;92mbright\u{1b}[22m\u{1b}[2K";
        assert_eq!(html(coloured, "", true), "red and bright");
        assert_eq!(html(coloured, "", false), "<span class=\"a-1\">red</span> and <span class=\"a-10 a-bold\">bright</span>");
        assert_eq!(plain("\u{1b}[38;2;1;2;3mx\u{1b}[38;5;1my\u{1b}[\u{1b}"), "xy[");
        assert_eq!(html("\u{1b}[31mredder", "redder", false), "<mark class=\"a-1\">redder</mark>");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("äöü", 100), "äöü");
        for most in 4..9 {
            let part = cut("äöüß", most);
            assert!(part.len() <= most && "äöüß".starts_with(part), "{most}: {part}");
        }
        assert_eq!(first_line("\na\r\n  b\n  c\n"), ("a", 2));
        assert_eq!(first_line("a\n"), ("a", 0));
    }
}
