//! How bad a line is: what it calls itself in its first words, and what its text shows.

use super::access;
use memchr::memmem;
use model::log::{Level, Severity};

/// Where a text calls itself something: before this many bytes and words.
const HEAD: usize = 240;
const WORDS: usize = 14;
/// Words of a sentence after which nothing is a level any more.
const SENTENCE: u32 = 3;

/// What a text calls itself: `ERROR …`, `[error]`, `level=warn`, `E0101 12:00:00`, `<3>`, `WARNING:root:`, a level after the time.
pub fn in_text(text: &str) -> Severity {
    let head = &text[..text.floor_char_boundary(HEAD)];
    syslog(head).or_else(|| google(head)).or_else(|| in_words(head)).map_or(Severity::NONE, Level::severity)
}

/// `<34>`: the priority of syslog (RFC 5424, 6.2.1) and of systemd's journal.
fn syslog(head: &str) -> Option<Level> {
    let (priority, _) = head.strip_prefix('<')?.split_once('>')?;
    priority.parse().ok().filter(|priority: &u16| *priority < 192).map(|priority| of_syslog(priority % 8))
}

fn of_syslog(severity: u16) -> Level {
    match severity {
        0..=2 => Level::Fatal,
        3 => Level::Error,
        4 => Level::Warn,
        5 | 6 => Level::Info,
        _ => Level::Debug,
    }
}

/// `E0101 12:00:00.000000` (glog, klog) and `E, [2024-01-01T00:00:00` (Ruby).
fn google(head: &str) -> Option<Level> {
    let bytes = head.as_bytes();
    let level = of_letter(*bytes.first()?)?;
    let digits = bytes.len() > 8 && bytes[1..5].iter().all(u8::is_ascii_digit) && bytes[5] == b' ' && bytes[8] == b':';
    (digits || bytes[1..].starts_with(b", [")).then_some(level)
}

fn of_letter(letter: u8) -> Option<Level> {
    Some(match letter {
        b'V' | b'T' => Level::Trace,
        b'D' => Level::Debug,
        b'I' => Level::Info,
        b'W' => Level::Warn,
        b'E' => Level::Error,
        b'F' => Level::Fatal,
        _ => return None,
    })
}

fn in_words(head: &str) -> Option<Level> {
    let (mut sentence, mut after_time, mut after_bar, mut only_numbers) = (0, false, false, true);
    for (nth, (token, bar)) in (Tokens { text: head, at: 0 }).take(WORDS).enumerate() {
        let punctuation = |c: char| c.is_ascii_punctuation();
        let start = token.len() - token.trim_start_matches(punctuation).len();
        let core = token[start..].trim_end_matches(punctuation);
        let letters = core.bytes().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(core.len());
        let (word, rest) = core.split_at(letters);
        let next = token.as_bytes().get(start + letters);
        if core.contains('=') {
            if let Some(level) = assigned(core) {
                return Some(level);
            }
        } else if let Some(level) =
            level(word).filter(|_| matches!(next, None | Some(b':' | b',' | b']' | b'/' | b'>' | b')' | b'!' | b';' | b'.' | b'*')))
        {
            let upper = word.bytes().all(|byte| byte.is_ascii_uppercase());
            // Words that are levels, but not only levels.
            let common = matches!(word, "LOG" | "FAIL" | "FINE" | "CONFIG" | "ALERT" | "PANIC" | "TRACE");
            let labelled = nth == 0 && next == Some(&b':');
            let framed = token.starts_with(['[', '<']);
            let placed = (sentence == 0 && after_time || sentence <= 1 && (after_bar || bar)) && !matches!(next, Some(b'.' | b'/'));
            if upper && (!common || sentence == 0) || framed || labelled || placed {
                return Some(level);
            }
        } else if access::METHODS.contains(&word) {
            // `GET / 500 INTERNAL SERVER ERROR`
            break;
        } else if only_numbers && after_time && core.len() == 1 && token.len() == 1 {
            // Android, MongoDB
            if let Some(level) = of_letter(core.as_bytes()[0]) {
                return Some(level);
            }
        } else if let Some((_, level)) = core.rsplit_once('.').filter(|_| token.ends_with(':')) {
            // `production.ERROR:` (Monolog)
            if let Some(level) = self::level(level).filter(|_| level.bytes().all(|byte| byte.is_ascii_uppercase())) {
                return Some(level);
            }
        }
        let numeric = core.as_bytes().first().is_some_and(u8::is_ascii_digit);
        after_time = numeric && (core.contains(':') || after_time && only_numbers);
        after_bar = core.is_empty() && matches!(token, "-" | "--" | "*");
        only_numbers &= numeric;
        if rest.is_empty() && word.bytes().any(|byte| byte.is_ascii_lowercase()) {
            sentence += 1;
            if sentence > SENTENCE {
                break;
            }
        }
    }
    None
}

/// `level=warn`, `lvl="info"`
fn assigned(token: &str) -> Option<Level> {
    let (key, value) = token.split_once('=')?;
    let key = key.rsplit(['.', '_']).next()?;
    let is_level = ["level", "lvl", "severity", "loglevel"].iter().any(|name| key.eq_ignore_ascii_case(name));
    if is_level { level(value.trim_matches('"')) } else { None }
}

/// Of a word that is a level and says something.
fn level(word: &str) -> Option<Level> {
    let may_be =
        matches!(word.len(), 3..=13) && matches!(word.as_bytes()[0] | 0x20, b'a' | b'c'..=b'f' | b'i' | b'l' | b'n' | b'p' | b's'..=b'w');
    if may_be { Level::from_name(word).filter(|level| *level != Level::None) } else { None }
}

/// The texts between white space and bars, and whether a bar was before; colours of terminals are white space.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (&'a str, bool);

    fn next(&mut self) -> Option<(&'a str, bool)> {
        let bytes = self.text.as_bytes();
        let mut bar = false;
        loop {
            match bytes.get(self.at)? {
                b'|' => bar = true,
                0x1b => {
                    let colour = bytes[self.at..].iter().skip(2).position(u8::is_ascii_alphabetic)?;
                    self.at += colour + 2;
                }
                byte if byte.is_ascii_whitespace() => {}
                _ => break,
            }
            self.at += 1;
        }
        let start = self.at;
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'|' | 0x1b);
        self.at += bytes[start..].iter().position(is_end).unwrap_or(bytes.len() - start);
        Some((&self.text[start..self.at], bar))
    }
}

/// What the numbers of a field mean.
#[derive(Clone, Copy)]
pub enum Numbers {
    None,
    /// Of pino and bunyan 10 to 60; below that syslog's (GELF).
    Pino,
    /// `logging`'s `levelno`
    Python,
    OpenTelemetry,
}

/// Of a field that is a number.
pub fn of_number(text: &str, numbers: Numbers) -> Option<Severity> {
    let number: u16 = text.parse().ok()?;
    let level = match (numbers, number) {
        (Numbers::Pino, 0..=7) => of_syslog(number),
        (Numbers::Pino, 10..=100) => {
            [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Fatal][usize::from(number / 10 - 1).min(5)]
        }
        (Numbers::Python, 10..=100) => {
            [Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Fatal][usize::from(number / 10 - 1).min(4)]
        }
        (Numbers::OpenTelemetry, _) => return Some(Severity::from_number(i32::from(number))),
        _ => return None,
    };
    Some(level.severity())
}

/// Of an access line that was sent as `sent`.
pub fn of_status(status: u16, sent: Severity) -> Severity {
    let level = match status {
        500.. => Level::Error,
        400.. => Level::Warn,
        _ => Level::Info,
    };
    let was_meant = match sent.level() {
        Level::Trace | Level::Debug => true,
        Level::Fatal => level == Level::Error,
        sent => sent == level,
    };
    if was_meant { sent } else { level.severity() }
}

/// Of a stack trace that was sent as `sent`. Who warns of an exception has handled it.
pub fn of_stack(sent: Severity) -> Severity {
    if matches!(sent.level(), Level::None | Level::Info) { Severity::ERROR } else { sent }
}

/// Whether a text is, or has, the stack trace of an exception or panic.
pub fn is_stack(text: &str) -> bool {
    const PYTHON: &str = "Traceback (most recent call last)";
    let bytes = text.as_bytes();
    text.starts_with(PYTHON)
        || text.starts_with("panic: ")
        || is_exception(text)
        // In JSON a line's end is written `\n`, a tab `\t`.
        || memchr::memchr2(b'\n', b'\\', bytes).is_some_and(|at| {
            let frames = ["\n\tat ", "\\n\\tat ", "\n    at ", "\\n    at ", "\n   at ", "\\n   at ", PYTHON, "\ngoroutine ", "\\ngoroutine "];
            frames.iter().any(|frame| memmem::find(&bytes[at..], frame.as_bytes()).is_some())
        })
}

/// `ValueError: …`, `java.io.IOException: …`, `Uncaught TypeError: …`
fn is_exception(text: &str) -> bool {
    let text = text.strip_prefix("Uncaught ").unwrap_or(text);
    let end = text.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$'))).unwrap_or(0);
    let name = &text[..end];
    text.as_bytes().get(end) == Some(&b':')
        && name.len() > 5
        && (name.ends_with("Error") || name.ends_with("Exception"))
        && name.rsplit('.').next().is_some_and(|class| class.as_bytes().first().is_some_and(u8::is_ascii_uppercase))
}
