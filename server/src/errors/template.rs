//! A message without its data: `user 42 has no cart` and `user 7 has no cart` are one message, `user <num> has no cart`.

use regex::Regex;
use std::sync::LazyLock;

/// Lines and characters of a message that count.
const LINES: usize = 2;
const CHARS: usize = 1024;

/// Numbers that tell one error from another: statuses and codes stay.
static KEEP: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?i)(?:\bstatus(?:[ _]code)?|\bHTTP(?:/\d(?:\.\d)?)?|\bcode|\bErrno|\bSQLSTATE)[ :=\]\[]*-?\d{1,5}\b";
    Regex::new(pattern).expect("a regular expression")
});

/// Stands for a part that is kept while the rest is looked through.
const KEPT: char = '\0';

/// The message with a placeholder for everything in it that varies: `<email> <url> <jwt> <uuid> <xray> <date> <time> <ip> <addr>
/// <hash> <dur> <num> <qs>`. Of it the first two lines count that are not blank, at most 1,024 characters.
pub fn template(message: &str) -> String {
    let lines: Vec<&str> = message.split(is_line_break).filter(|line| !line.trim().is_empty()).take(LINES).collect();
    let text: String = lines.join("\n").chars().filter(|c| *c != KEPT).take(CHARS).collect();
    let mut kept = KEEP.find_iter(&text).map(|found| found.as_str());
    let chars: Vec<char> = KEEP.replace_all(&text, "\0").chars().collect();
    let text = Text { chars: &chars, has_at_sign: chars.contains(&'@') };
    let mut to = String::with_capacity(chars.len());
    let mut at = 0;
    while let Some(c) = text.at(at) {
        if let Some((name, end)) = text.parameter(at) {
            to.push('<');
            to.push_str(name);
            to.push('>');
            // What it swallowed is not to come up later.
            for _ in chars[at..end].iter().filter(|c| **c == KEPT) {
                kept.next();
            }
            at = end;
            continue;
        }
        match c {
            KEPT => to.push_str(kept.next().unwrap_or_default()),
            c => to.push(c),
        }
        at += 1;
    }
    to
}

/// What ends a line in Python's `splitlines`.
pub(super) fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_lower_hex(c: char) -> bool {
    c.is_ascii_digit() || ('a'..='f').contains(&c)
}

fn is_local_part(c: char) -> bool {
    is_word(c) || ".!#$%&'*+/=?^`{|}~-".contains(c)
}

fn is_label(c: char) -> bool {
    is_word(c) || c == '-'
}

/// A text by the position of its characters. A method that finds something at a position returns where it ends.
struct Text<'a> {
    chars: &'a [char],
    /// Most texts have none, and need not be looked through for addresses at every character.
    has_at_sign: bool,
}

impl Text<'_> {
    fn at(&self, at: usize) -> Option<char> {
        self.chars.get(at).copied()
    }

    fn is(&self, at: usize, test: impl Fn(char) -> bool) -> bool {
        self.at(at).is_some_and(test)
    }

    fn before(&self, at: usize) -> Option<char> {
        at.checked_sub(1).and_then(|before| self.at(before))
    }

    /// Whether a word begins or ends here.
    fn is_edge(&self, at: usize) -> bool {
        self.before(at).is_some_and(is_word) != self.is(at, is_word)
    }

    /// The end of the characters that pass.
    fn run(&self, at: usize, test: impl Fn(char) -> bool) -> usize {
        at + self.chars[at.min(self.chars.len())..].iter().take_while(|c| test(**c)).count()
    }

    /// The end of characters that pass, if there are that many at least.
    fn some(&self, at: usize, least: usize, test: impl Fn(char) -> bool) -> Option<usize> {
        let end = self.run(at, test);
        (end >= at + least).then_some(end)
    }

    fn digits(&self, at: usize) -> Option<usize> {
        self.some(at, 1, |c| c.is_ascii_digit())
    }

    fn char(&self, at: usize, c: char) -> Option<usize> {
        self.is(at, |found| found == c).then_some(at + 1)
    }

    fn word(&self, at: usize, word: &str) -> Option<usize> {
        word.chars().try_fold(at, |at, c| self.char(at, c))
    }

    /// By a pattern of the same length: `h` is a hex digit, `x` one in lower case, `d` a digit, `0`..`9` a digit up to that one.
    fn shape(&self, at: usize, shape: &str) -> Option<usize> {
        shape.chars().try_fold(at, |at, sign| {
            let passes = |c: char| match sign {
                'h' => c.is_ascii_hexdigit(),
                'x' => is_lower_hex(c),
                'd' => c.is_ascii_digit(),
                most @ '1'..='9' => ('0'..=most).contains(&c),
                sign => c == sign,
            };
            self.is(at, passes).then_some(at + 1)
        })
    }

    /// The first of the ends, if there, where a word ends or begins.
    fn first_edge<const N: usize>(&self, ends: [Option<usize>; N]) -> Option<usize> {
        ends.into_iter().flatten().find(|end| self.is_edge(*end))
    }

    /// What varies and begins here, most specific kind first.
    fn parameter(&self, at: usize) -> Option<(&'static str, usize)> {
        if let Some(end) = self.email(at) {
            return Some(("email", end));
        }
        let c = self.at(at)?;
        if is_word(c) && self.is_edge(at) {
            let kinds: [(&'static str, fn(&Self, usize) -> Option<usize>); 10] = [
                ("url", Self::url),
                ("jwt", Self::jwt),
                ("uuid", Self::uuid),
                ("xray", Self::xray),
                ("date", Self::date),
                ("time", Self::time),
                ("ip", Self::ip),
                ("addr", Self::address),
                ("hash", Self::hash),
                ("dur", Self::duration),
            ];
            if let Some(found) = kinds.into_iter().find_map(|(name, find)| Some((name, find(self, at)?))) {
                return Some(found);
            }
        }
        if let Some(end) = self.number(at) {
            return Some(("num", end));
        }
        let quote = matches!(c, '\'' | '"') && self.before(at) == Some('=');
        let end = if quote { self.some(at + 1, 1, |inner| inner != c).and_then(|end| self.char(end, c)) } else { None };
        end.map(|end| ("qs", end))
    }

    fn email(&self, at: usize) -> Option<usize> {
        if !self.has_at_sign {
            return None;
        }
        let local = self.some(at, 1, is_local_part)?;
        let mut end = self.char(local, '@').and_then(|at| self.some(at, 1, is_label))?;
        let mut labels = 1;
        while let Some(next) = self.char(end, '.').and_then(|at| self.some(at, 1, is_label)) {
            (end, labels) = (next, labels + 1);
        }
        (labels > 1).then_some(end)
    }

    fn url(&self, at: usize) -> Option<usize> {
        let scheme = ["https", "http", "wss", "ws", "ftp"].into_iter().find_map(|scheme| {
            let end = self.word(at, scheme)?;
            self.word(end, "://")
        })?;
        self.some(scheme, 1, |c| !c.is_whitespace())
    }

    fn jwt(&self, at: usize) -> Option<usize> {
        let header = self.word(at, "eyJ").and_then(|at| self.some(at, 8, is_label))?;
        let payload = self.char(header, '.').and_then(|at| self.some(at, 8, is_label))?;
        Some(self.run(self.char(payload, '.')?, is_label))
    }

    fn uuid(&self, at: usize) -> Option<usize> {
        self.first_edge([self.shape(at, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh")])
    }

    fn xray(&self, at: usize) -> Option<usize> {
        let epoch = self.word(at, "1-")?;
        self.first_edge([self.shape(epoch, "xxxxxxxx-xxxxxxxxxxxxxxxxxxxxxxxx")])
    }

    fn date(&self, at: usize) -> Option<usize> {
        let day = self.shape(at, "dddd-1d-3d")?;
        let time = |at: usize| {
            let minutes = self.shape(at, "2d:5d")?;
            let seconds = self.shape(minutes, ":5d");
            let fraction = seconds.and_then(|at| self.digits(self.char(at, '.').or_else(|| self.char(at, ','))?));
            let end = fraction.or(seconds).unwrap_or(minutes);
            let offset = self.char(end, 'Z').or_else(|| {
                let hours = self.shape(end, "+dd").or_else(|| self.shape(end, "-dd"))?;
                self.shape(hours, ":dd").or_else(|| self.shape(hours, "dd"))
            });
            Some(offset.unwrap_or(end))
        };
        let separator = self.is(day, |c| c == 'T' || c == ' ');
        Some(if separator { time(day + 1) } else { None }.unwrap_or(day))
    }

    fn time(&self, at: usize) -> Option<usize> {
        let minutes = self.shape(at, "2d:5d").or_else(|| self.shape(at, "d:5d"))?;
        let seconds = self.shape(minutes, ":5d");
        let fraction = seconds.and_then(|at| self.digits(self.char(at, '.')?));
        self.first_edge([fraction, seconds, Some(minutes)])
    }

    fn ip(&self, at: usize) -> Option<usize> {
        let few = |at: usize, most: usize| {
            let end = self.digits(at)?;
            (end - at <= most).then_some(end)
        };
        let dotted = |at: usize| self.char(few(at, 3)?, '.');
        let last = dotted(at).and_then(dotted).and_then(dotted).and_then(|at| few(at, 3))?;
        let port = self.char(last, ':').and_then(|at| few(at, 5));
        self.first_edge([port, Some(last)])
    }

    fn address(&self, at: usize) -> Option<usize> {
        let digits = self.word(at, "0x").or_else(|| self.word(at, "0X"))?;
        self.first_edge([self.some(digits, 1, |c| c.is_ascii_hexdigit())])
    }

    /// Seven hex digits or more, of which one is a letter and one is not; or as many as MD5 and SHA-1 have.
    fn hash(&self, at: usize) -> Option<usize> {
        let lower = self.first_edge([self.some(at, 7, is_lower_hex)]).filter(|end| {
            let run = &self.chars[at..*end];
            run.len() <= 64 && run.iter().any(char::is_ascii_digit) && run.iter().any(char::is_ascii_lowercase)
        });
        let any = || self.first_edge([self.some(at, 32, |c| c.is_ascii_hexdigit())]).filter(|end| matches!(end - at, 32 | 40));
        lower.or_else(any)
    }

    fn duration(&self, at: usize) -> Option<usize> {
        let whole = self.digits(at)?;
        let number = self.char(whole, '.').and_then(|at| self.digits(at)).unwrap_or(whole);
        let unit = if self.is(number, char::is_whitespace) { number + 1 } else { number };
        let end = self.run(unit, is_word);
        let units = ["ns", "us", "µs", "ms", "s", "sec", "secs", "seconds", "min", "mins", "minutes"];
        units.into_iter().any(|name| self.word(unit, name) == Some(end)).then_some(end)
    }

    fn number(&self, at: usize) -> Option<usize> {
        let before = self.before(at);
        let is_free = |end: &usize| !self.is(*end, is_word);
        if !before.is_some_and(|c| is_word(c) || c == '.') {
            let whole = self.digits(self.char(at, '-').unwrap_or(at));
            let fraction = whole.and_then(|at| self.digits(self.char(at, '.')?));
            let exponent = |at: usize| {
                let sign = self.char(at, 'e').or_else(|| self.char(at, 'E'))?;
                self.digits(self.char(sign, '+').or_else(|| self.char(sign, '-')).unwrap_or(sign))
            };
            let ends = [fraction.and_then(exponent), fraction, whole.and_then(exponent), whole];
            if let Some(end) = ends.into_iter().flatten().find(is_free) {
                return Some(end);
            }
        }
        let part = before.is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == '-');
        if part { self.some(at, 2, |c| c.is_ascii_digit()).filter(is_free) } else { None }
    }
}
