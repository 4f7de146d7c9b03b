//! What the text before the cursor is the beginning of, for the query bar's suggestions.

use super::lex::ends_bare;
use std::ops::Range;

/// What may be completed, and where the suggestion goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    pub completing: Completing,
    /// Bytes of the text that a suggestion replaces. A key is replaced without its `:`.
    pub replace: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completing {
    /// A key, or a bare word that may become one.
    Key {
        prefix: String,
    },
    /// A value of `key` (see [`super::parse_key`]); write it with [`super::value_text`].
    Value {
        key: String,
        prefix: String,
    },
    Nothing,
}

/// What is being written at the cursor, a byte offset. Any text and any offset will do.
pub fn completion(text: &str, cursor: usize) -> Completion {
    let mut cursor = cursor.min(text.len());
    while !text.is_char_boundary(cursor) {
        cursor -= 1;
    }
    let nothing = Completion { completing: Completing::Nothing, replace: cursor..cursor };
    let mut term = Term::new(0);
    let mut piped = false;
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if at >= cursor && (quoted && at == text.len() || !quoted && ends_bare_at(c, piped) && c != '"') {
            return if piped { term.argument(text, cursor, at) } else { term.field(text, cursor, at) }.unwrap_or(nothing);
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => (),
            '|' => {
                piped = true;
                term = Term::new(at + 1);
            }
            c if ends_bare_at(c, piped) => term = Term { start: at + c.len_utf8(), ..Term::new(0) },
            '-' if at == term.start => term.start += 1,
            ':' if term.colon.is_none() => term.colon = Some(at),
            _ => (),
        }
    }
    nothing
}

fn ends_bare_at(c: char, piped: bool) -> bool {
    ends_bare(c) && c != '"' || piped && c == ','
}

/// The term the cursor is in.
struct Term {
    start: usize,
    /// The first colon outside quotes.
    colon: Option<usize>,
}

impl Term {
    fn new(start: usize) -> Term {
        Term { start, colon: None }
    }

    /// In a filter: `end` is where the term ends.
    fn field(&self, text: &str, cursor: usize, end: usize) -> Option<Completion> {
        match self.colon.filter(|colon| *colon < cursor) {
            Some(colon) => {
                let prefix = &text[colon + 1..cursor];
                // Numbers, patterns and regexes are nobody's to guess.
                if prefix.starts_with(['>', '<']) || prefix.contains('*') {
                    return None;
                }
                let prefix = prefix.strip_prefix('"').unwrap_or(prefix).replace("\\\"", "\"").replace("\\\\", "\\");
                let key = text.get(self.start..colon)?.to_owned();
                (!key.is_empty()).then_some(Completion { completing: Completing::Value { key, prefix }, replace: colon + 1..end })
            }
            None => {
                let prefix = text.get(self.start..cursor)?;
                let replace = self.start..self.colon.unwrap_or(end);
                (!prefix.contains(['"', '*', '=', '>', '<']))
                    .then(|| Completion { completing: Completing::Key { prefix: prefix.into() }, replace })
            }
        }
    }

    /// In a command: keys stand after `(`, `,` and `by`.
    fn argument(&self, text: &str, cursor: usize, end: usize) -> Option<Completion> {
        let prefix = text.get(self.start..cursor)?;
        let before = text[..self.start].trim_end();
        let is_key = before.ends_with(['(', ',']) || before.ends_with(" by");
        (is_key && !prefix.contains('"'))
            .then(|| Completion { completing: Completing::Key { prefix: prefix.into() }, replace: self.start..end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `^` is the cursor.
    fn at(marked: &str) -> Completion {
        completion(&marked.replace('^', ""), marked.find('^').unwrap())
    }

    fn key(prefix: &str, replace: Range<usize>) -> Completion {
        Completion { completing: Completing::Key { prefix: prefix.into() }, replace }
    }

    fn value(key: &str, prefix: &str, replace: Range<usize>) -> Completion {
        Completion { completing: Completing::Value { key: key.into(), prefix: prefix.into() }, replace }
    }

    #[test]
    fn what_is_being_written() {
        assert_eq!(at("^"), key("", 0..0));
        assert_eq!(at("ser^"), key("ser", 0..3));
        assert_eq!(at("GET -(ser^vice:a"), key("ser", 6..13));
        assert_eq!(at("GET service:^"), value("service", "", 12..12));
        assert_eq!(at("GET -service:a^b c"), value("service", "a", 13..15));
        assert_eq!(at(r#"name:"GET /a^pi" x"#), value("name", "GET /a", 5..15));
        assert_eq!(at(r#"name:"GET /a^"#), value("name", "GET /a", 5..12));
        assert_eq!(at("duration:>5^").completing, Completing::Nothing);
        assert_eq!(at("\"a phrase^").completing, Completing::Nothing);
        assert_eq!(at("a | stats p95(dur^) by x"), key("dur", 14..17));
        assert_eq!(at("a | stats count() by service, ro^"), key("ro", 30..32));
        assert_eq!(at("a | sta^").completing, Completing::Nothing);
    }

    proptest! {
        #[test]
        fn any_text_any_cursor(text in "[ -~é|:\"\\\\()]{0,40}", cursor in 0usize..60) {
            let completion = completion(&text, cursor);
            prop_assert!(text.get(completion.replace).is_some());
        }
    }
}
