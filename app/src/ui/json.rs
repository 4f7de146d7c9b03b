//! JSON for reading: indented and coloured, but every number and text as it was sent. Works on the text, so that what is no JSON is
//! shown as well as it can be.

use leptos::prelude::*;

/// Texts above this size are shown without colours: each piece is an element.
const COLOURED: usize = 128 << 10;

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// A bracket, a brace, a comma or a colon.
    Sign(char),
    /// With its quotes.
    Text(&'a str),
    /// A number, `true`, `null`, or whatever else stands there.
    Bare(&'a str),
}

/// The tokens of a text, and where each begins.
fn tokens(text: &str) -> impl Iterator<Item = (usize, Token<'_>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += text[at..].len() - text[at..].trim_start().len();
        let rest = &text[at..];
        let first = rest.chars().next()?;
        let token = match first {
            '{' | '}' | '[' | ']' | ',' | ':' => Token::Sign(first),
            '"' => {
                let mut escaped = false;
                let end = rest[1..].find(|c| {
                    let ends = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                });
                Token::Text(&rest[..end.map_or(rest.len(), |end| end + 2)])
            }
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || "{}[],:\"".contains(c));
                Token::Bare(&rest[..end.unwrap_or(rest.len())])
            }
        };
        let start = at;
        at += match token {
            Token::Sign(_) => 1,
            Token::Text(part) | Token::Bare(part) => part.len(),
        };
        Some((start, token))
    })
}

/// Pieces of the indented text, each with its class; signs, spaces and line feeds have none.
fn pieces(text: &str) -> Vec<(&'static str, String)> {
    let tokens: Vec<Token<'_>> = tokens(text).map(|(_, token)| token).collect();
    let mut pieces: Vec<(&'static str, String)> = vec![("", String::new())];
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        let next = tokens.get(at + 1);
        let mut plain = String::new();
        let line = |depth: usize| format!("\n{}", "  ".repeat(depth));
        let class = match token {
            Token::Sign(sign @ ('{' | '[')) => {
                plain.push(*sign);
                depth += 1;
                if !matches!(next, Some(Token::Sign('}' | ']'))) {
                    plain.push_str(&line(depth));
                }
                ""
            }
            Token::Sign(sign @ ('}' | ']')) => {
                depth = depth.saturating_sub(1);
                if at > 0 && !matches!(tokens[at - 1], Token::Sign('{' | '[')) {
                    plain.push_str(&line(depth));
                }
                plain.push(*sign);
                ""
            }
            Token::Sign(',') => {
                plain.push(',');
                plain.push_str(&line(depth));
                ""
            }
            Token::Sign(sign) => {
                plain.push(*sign);
                plain.push(' ');
                ""
            }
            Token::Text(_) if next == Some(&Token::Sign(':')) => "j-key",
            Token::Text(_) => "j-text",
            Token::Bare(_) => "j-bare",
        };
        match (token, pieces.last_mut()) {
            (Token::Text(part) | Token::Bare(part), _) => pieces.push((class, (*part).to_owned())),
            (_, Some(("", text))) => text.push_str(&plain),
            _ => pieces.push(("", plain)),
        }
    }
    pieces
}

/// The text, indented.
pub fn indented(text: &str) -> String {
    pieces(text).into_iter().map(|(_, part)| part).collect()
}

/// The text, indented and coloured.
pub fn json(text: &str) -> impl IntoView + use<> {
    if text.len() > COLOURED {
        return view! { <pre class="json">{indented(text)}</pre> }.into_any();
    }
    let piece = |(class, part): (&'static str, String)| match class {
        "" => part.into_any(),
        class => view! { <span class=class>{part}</span> }.into_any(),
    };
    view! { <pre class="json">{pieces(text).into_iter().map(piece).collect_view()}</pre> }.into_any()
}

/// The part of a text that is the object with this `id` and a `start_time`: of an X-Ray document, the segment or subsegment.
pub fn record<'a>(text: &'a str, id: &str) -> Option<&'a str> {
    let quoted = format!("\"{id}\"");
    // Of each open object: where it begins, and whether the id and the time were seen.
    let mut open: Vec<(usize, bool, bool)> = Vec::new();
    let mut before = [Token::Bare(""); 2];
    for (at, token) in tokens(text) {
        match (token, open.last_mut()) {
            (Token::Sign('{' | '['), _) => open.push((at, false, false)),
            (Token::Sign('}' | ']'), Some(&mut (start, true, true))) => return Some(&text[start..=at]),
            (Token::Sign('}' | ']'), _) => drop(open.pop()),
            (Token::Text(value), Some((_, found, _))) if before == [Token::Text("\"id\""), Token::Sign(':')] => *found |= value == quoted,
            (Token::Text("\"start_time\""), Some((_, _, timed))) => *timed = true,
            _ => {}
        }
        before = [before[1], token];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indented_and_otherwise_as_sent() {
        let sent = r#"{"a":1.4780E9,"b":[],"c":[{"d":"x\"}, y"},NaN],"e":{}}"#;
        let shown =
            "{\n  \"a\": 1.4780E9,\n  \"b\": [],\n  \"c\": [\n    {\n      \"d\": \"x\\\"}, y\"\n    },\n    NaN\n  ],\n  \"e\": {}\n}";
        assert_eq!(indented(sent), shown);
        assert_eq!(indented(shown), shown);
        let classes: Vec<_> = pieces(r#"{"a":"b"}"#).into_iter().map(|(class, _)| class).collect();
        assert_eq!(classes, ["", "j-key", "", "j-text", ""]);
        for broken in ["", "\"", "{{", "}", "nonsense {", "\"\\"] {
            let _ = indented(broken);
        }
    }

    #[test]
    fn a_record_of_a_document() {
        let document =
            r#"{"id":"aa","start_time":1,"cause":{"exceptions":[{"id":"bb"}]},"subsegments":[{"name":"id","id":"bb","start_time":2}]}"#;
        assert_eq!(record(document, "bb"), Some(r#"{"name":"id","id":"bb","start_time":2}"#));
        assert_eq!(record(document, "aa"), Some(document));
        assert_eq!(record(document, "cc"), None);
    }
}
