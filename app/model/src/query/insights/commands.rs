//! Text to query: the commands, and what is before them.

use super::ast::groups;
use super::expression::Place;
use super::{Column, Command, Direction, Expression, LOG_COMMANDS, LogQuery, ParsePattern, Regex};
use crate::query::ast::ParseError;
use crate::query::key::Vocabulary;
use crate::query::lex::{Lexer, error};
use crate::query::parse::{Parser, and};

const EXPECTED: &str = "expected a command: fields, filter, stats, sort, limit, parse, display, dedup or pattern";

/// Reads a query into [`Commands::query`].
#[derive(Clone)]
pub(super) struct Commands<'a> {
    pub(super) lexer: Lexer<'a>,
    pub(super) query: LogQuery,
    pub(super) depth: u32,
    pub(super) place: Place,
    /// Names in measures that are not within an aggregate, and where.
    pub(super) bare: Vec<(usize, String)>,
}

/// Whether this word is a command.
pub(super) fn is_command(word: &str) -> bool {
    LOG_COMMANDS.iter().any(|(command, _)| command.eq_ignore_ascii_case(word)) || word.eq_ignore_ascii_case("filterIndex")
}

/// Whether what is next may be a command.
pub(super) fn begins_command(lexer: &Lexer) -> bool {
    let (word, at) = lexer.next_word();
    // `limit:5` is a key, `limit.a` a word.
    let follows = lexer.text[at + word.len()..].chars().next();
    is_command(word) && follows.is_none_or(|c| c.is_whitespace() || matches!(c, '|' | '(' | '"' | '\'' | '`' | '/' | '#' | '-'))
}

impl<'a> Commands<'a> {
    pub(super) fn new(text: &'a str) -> Commands<'a> {
        Commands { lexer: Lexer::new(text), query: LogQuery::default(), depth: 0, place: Place::Row, bare: Vec::new() }
    }

    /// The whole text.
    pub(super) fn read(mut self) -> Result<LogQuery, ParseError> {
        self.lexer.skip_leading_comments();
        self.source()?;
        let start = self.clone();
        match self.first() {
            Ok(true) => {}
            Ok(false) => self.filter()?,
            Err(error) => {
                // `limit exceeded` are two words to search for; what has the signs of a command was meant as one, and so was `stats`.
                let segment = start.lexer.segment();
                let meant = start.lexer.clone().eat_keyword("stats")
                    || segment.contains(['(', '=', '@', ',', '<', '>', '/', '"', '\'', '`', '+', '*', '[']) && !segment.contains(':');
                self = start;
                match self.filter() {
                    Ok(()) if !meant => {}
                    Err(other) if !meant && other.position > error.position => return Err(other),
                    _ => return Err(error),
                }
            }
        }
        while self.lexer.eat_sign("|") {
            self.command()?;
        }
        Ok(self.query)
    }

    /// Whether the first segment is a command, which then is read.
    fn first(&mut self) -> Result<bool, ParseError> {
        if begins_command(&self.lexer) { self.command().map(|()| true) } else { Ok(false) }
    }

    /// What is before the first `|`, as in every search box.
    fn filter(&mut self) -> Result<(), ParseError> {
        let mut parser = Parser::new(self.lexer.clone(), Vocabulary::Logs);
        parser.lexer.skip_space();
        self.query.filter = parser.filter()?;
        self.lexer = parser.lexer;
        Ok(())
    }

    /// One command, up to the next `|` or the end.
    fn command(&mut self) -> Result<(), ParseError> {
        let (word, start) = self.lexer.next_word();
        self.lexer.eat_keyword(word);
        let command = match word.to_ascii_lowercase().as_str() {
            "fields" => Command::Fields(self.columns()?),
            "display" => Command::Display(self.columns()?),
            "filter" | "filterindex" => return self.filter_command(),
            "stats" => self.stats()?,
            "sort" => self.sort()?,
            "limit" | "head" => Command::Limit(self.rows()?),
            "tail" => Command::Tail(self.rows()?),
            "parse" => self.parse()?,
            "dedup" => Command::Dedup(self.list(Self::expression)?),
            "pattern" => Command::Pattern(self.expression()?),
            _ => return error(start, EXPECTED),
        };
        self.end()?;
        self.query.commands.push(command);
        Ok(())
    }

    fn end(&self) -> Result<(), ParseError> {
        let mut ahead = self.lexer.clone();
        ahead.skip_blank();
        if matches!(ahead.peek(), None | Some('|')) { Ok(()) } else { error(ahead.at, "expected `|` or the end") }
    }

    /// Whether a command before makes a column of this aggregate, which later ones then name by it.
    pub(super) fn is_column(&self, aggregate: &Expression) -> bool {
        self.query.commands.iter().any(|command| match command {
            Command::Stats { measures, .. } => measures.iter().any(|column| column.expression == *aggregate),
            _ => false,
        })
    }

    /// An expression or, before any other command, terms of the search box.
    fn filter_command(&mut self) -> Result<(), ParseError> {
        let start = self.lexer.clone();
        let read = self.expression().and_then(|expression| self.end().map(|()| expression));
        let error = match read {
            Ok(expression) => {
                self.query.commands.push(Command::Filter(expression));
                return Ok(());
            }
            Err(error) => error,
        };
        let is_first = !self.query.is_pipeline();
        if is_first && start.segment().contains(':') {
            let mut parser = Parser::new(start, Vocabulary::Logs);
            parser.lexer.skip_space();
            if let Ok(expr) = parser.filter_command()
                && matches!(parser.lexer.peek(), None | Some('|'))
            {
                self.depth = 0;
                self.lexer = parser.lexer;
                self.query.filter = Some(and(self.query.filter.take(), expr));
                return Ok(());
            }
        }
        Err(error)
    }

    /// Items with commas between them.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T, ParseError>) -> Result<Vec<T>, ParseError> {
        let mut items = vec![item(self)?];
        while self.lexer.eat_sign(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn columns(&mut self) -> Result<Vec<Column>, ParseError> {
        self.list(Self::column)
    }

    fn column(&mut self) -> Result<Column, ParseError> {
        let (_, start) = self.lexer.next_word();
        let expression = self.expression()?;
        let written = &self.lexer.text[start..self.lexer.at];
        let name = if self.lexer.eat_keyword("as") { self.name()? } else { expression.name(written) };
        Ok(Column { expression, name })
    }

    /// A name after `as`.
    fn name(&mut self) -> Result<String, ParseError> {
        match self.lexer.field()? {
            Some(name) => Ok(name),
            None => match self.lexer.text()? {
                Some(name) => Ok(name),
                None => self.expected("expected a name after `as`"),
            },
        }
    }

    fn stats(&mut self) -> Result<Command, ParseError> {
        self.place = Place::Measure;
        self.bare.clear();
        let measures = self.columns();
        self.place = Place::Row;
        let measures = measures?;
        let bare = std::mem::take(&mut self.bare);
        let by = if self.lexer.eat_keyword("by") { self.columns()? } else { Vec::new() };
        let is_known = |name: &String| {
            measures.iter().any(|column| column.name == *name && !column.expression.is_field(name))
                || by.iter().any(|column| column.name == *name || column.expression.is_field(name))
        };
        match bare.iter().find(|(_, name)| !is_known(name)) {
            Some((at, _)) => error(*at, "expected an aggregate such as count(*) or max(field)"),
            None => Ok(Command::Stats { measures, by }),
        }
    }

    fn sort(&mut self) -> Result<Command, ParseError> {
        self.lexer.eat_keyword("by");
        let by = self.list(|this| {
            let expression = this.expression()?;
            let descending = this.lexer.eat_keyword("desc");
            if !descending {
                this.lexer.eat_keyword("asc");
            }
            Ok((expression, if descending { Direction::Descending } else { Direction::Ascending }))
        });
        by.map(Command::Sort)
    }

    fn rows(&mut self) -> Result<u32, ParseError> {
        let (word, start) = self.lexer.next_word();
        match word.parse() {
            Ok(rows @ 1..) => {
                self.lexer.eat_keyword(word);
                Ok(rows)
            }
            _ => error(start, "expected a number of rows"),
        }
    }

    fn parse(&mut self) -> Result<Command, ParseError> {
        let mut ahead = self.lexer.clone();
        ahead.skip_blank();
        let message = matches!(ahead.peek(), Some('"' | '\'' | '/'));
        let source = if message { Expression::Field("@message".into()) } else { self.primary()? };
        let (_, start) = self.lexer.next_word();
        if let Some(regex) = self.lexer.pattern()? {
            let names = if self.lexer.eat_keyword("as") { self.list(Self::name)? } else { Vec::new() };
            return Ok(Command::Parse { source, pattern: ParsePattern::Regex(named(regex, &names, start)?) });
        }
        let Some(glob) = self.lexer.text()? else {
            return self.expected("expected a text with `*` for each value, or /a regular expression/");
        };
        let literals = literals(&glob);
        let stars = literals.len() - 1;
        if stars == 0 {
            return error(start, "expected a `*` for each value in the text");
        }
        if !self.lexer.eat_keyword("as") {
            return self.expected("expected `as` and a name for each `*`");
        }
        let (_, at) = self.lexer.next_word();
        let mut names = self.list(Self::name)?;
        if names.len() > stars {
            return error(at, format!("expected {stars} names, one for each `*`, not {}", names.len()));
        }
        names.resize(stars, String::new());
        Ok(Command::Parse { source, pattern: ParsePattern::Glob { literals, names } })
    }

    /// The groups of `SOURCE "a", "b" START=0 END=1 |` and `SOURCE logGroups(namePrefix: ["a"]) |`. What is neither is no `SOURCE`.
    fn source(&mut self) -> Result<(), ParseError> {
        let mut ahead = self.clone();
        if !ahead.lexer.eat_keyword("source") {
            return Ok(());
        }
        let found = if ahead.lexer.eat_keyword("loggroups") { ahead.log_groups()? } else { ahead.list(|this| this.lexer.text())? };
        let groups: Vec<String> = found.into_iter().flatten().collect();
        let rest = ahead.lexer.segment();
        let ends = rest.len() < ahead.lexer.rest().len();
        if groups.is_empty() || !ends || !rest.split_whitespace().all(|word| word.contains('=')) {
            return Ok(());
        }
        ahead.lexer.at += rest.len() + 1;
        ahead.lexer.skip_leading_comments();
        ahead.query.groups = groups;
        *self = ahead;
        Ok(())
    }

    /// `(namePrefix: ["a", "b"], class: ["STANDARD"])`
    fn log_groups(&mut self) -> Result<Vec<Option<String>>, ParseError> {
        let mut prefixes = Vec::new();
        if !self.lexer.eat_sign("(") {
            return self.expected("expected `(` after `logGroups`");
        }
        loop {
            let (word, _) = self.lexer.next_word();
            self.lexer.eat_keyword(word);
            if word.is_empty() || !(self.lexer.eat_sign(":") || self.lexer.eat_sign("=")) || !self.lexer.eat_sign("[") {
                return self.expected("expected a list such as namePrefix: [\"a\"]");
            }
            let values = self.list(|this| this.lexer.text())?;
            if word.eq_ignore_ascii_case("namePrefix") {
                prefixes.extend(values.into_iter().flatten().map(|prefix| Some(format!("{prefix}*"))));
            }
            if !self.lexer.eat_sign("]") {
                return self.expected("expected `]`");
            }
            if self.lexer.eat_sign(")") {
                return Ok(prefixes);
            }
            if !self.lexer.eat_sign(",") {
                return self.expected("expected `,` or `)`");
            }
        }
    }
}

/// The texts around the stars; `\*` is a star itself.
fn literals(glob: &str) -> Vec<String> {
    let mut literals = vec![String::new()];
    let mut chars = glob.chars().peekable();
    while let Some(c) = chars.next() {
        let last = literals.len() - 1;
        match c {
            '\\' if chars.peek() == Some(&'*') => literals[last].extend(chars.next()),
            '*' => literals.push(String::new()),
            c => literals[last].push(c),
        }
    }
    literals
}

/// The regex with these names for its groups that have none.
fn named(mut regex: Regex, names: &[String], at: usize) -> Result<Regex, ParseError> {
    let groups = groups(&regex.pattern);
    let bare: Vec<usize> = groups.iter().filter(|group| group.name.is_none()).map(|group| group.start).collect();
    if names.is_empty() && bare.len() == groups.len() {
        return error(at, "expected a group with a name such as (?<user>\\w+)");
    }
    if names.len() > bare.len() {
        return error(at, format!("expected {} groups without a name, one for each name after `as`", names.len()));
    }
    for (start, name) in bare.iter().zip(names).rev() {
        regex.pattern.insert_str(*start, &format!("?<{name}>"));
    }
    Ok(regex)
}

impl Expression {
    /// The name of a column that is written so: the text itself, if that is what makes this expression.
    pub(super) fn name(&self, written: &str) -> String {
        if let Expression::Field(name) = self {
            return name.clone();
        }
        let squeezed = written.split_whitespace().collect::<Vec<_>>().join(" ");
        if self.is_written(&squeezed) { squeezed } else { self.to_string() }
    }

    /// Whether this text is this expression.
    pub(super) fn is_written(&self, text: &str) -> bool {
        let mut commands = Commands::new(text);
        commands.place = Place::Measure;
        let read = commands.expression();
        read.as_ref() == Ok(self) && commands.lexer.rest().is_empty() && !text.starts_with(char::is_whitespace)
    }

    pub fn is_field(&self, name: &str) -> bool {
        matches!(self, Expression::Field(field) if field == name)
    }
}
